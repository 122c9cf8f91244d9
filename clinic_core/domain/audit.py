"""Who did what to which record, when (FHIR AuditEvent)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One line of the audit trail. `detail` holds codes and numbers, never what was written about a patient."""

    id: str
    at: datetime
    username: str
    role: str
    action: str  # a key of access.RULES
    record_id: str = ""
    patient_id: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)
