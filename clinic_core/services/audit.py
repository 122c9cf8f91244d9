"""Reading the audit trail. Writing it is what every other service does (`clinic.audit`)."""

from __future__ import annotations

from datetime import datetime

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.audit import AuditEvent
from clinic_core.errors import InvalidInput, NotFound


def trail(
    clinic: Clinic, actor: Actor, *, since: datetime, until: datetime, username: str = "", patient_number: str = ""
) -> list[AuditEvent]:
    """The latest lines of [since, until), newest first, of one user or about one patient where these are given.

    Raises NotFound when no patient has that number.
    """
    access.require(actor, "audit.read")
    if until <= since:
        raise InvalidInput("The end must come after the beginning.", field="until")
    patient_id = _patient_id(clinic, patient_number.strip().upper())
    found = clinic.audit.store.latest(
        since=since, until=until, username=username.strip().lower(), patient_id=patient_id
    )
    clinic.audit.record_read(actor, "audit.read", patient_id or "trail", patient_id=patient_id or None)
    return found


def _patient_id(clinic: Clinic, number: str) -> str:
    if not number:
        return ""
    patient = clinic.patients.by_number(number)
    if patient is None:
        raise NotFound(f"No patient has the number {number}. It looks like P-000123.")
    return patient.id
