"""Reading the audit trail. Writing it is what every other service does (`clinic.audit`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.audit import AuditEvent
from clinic_core.errors import InvalidInput, NotFound
from clinic_core.reports import export

MOST_SHOWN: Final = 500
MOST_EXPORTED: Final = 20_000
_COLUMNS: Final = ("time", "user", "role", "action", "record", "patient", "detail")


def trail(
    clinic: Clinic,
    actor: Actor,
    *,
    since: datetime,
    until: datetime,
    username: str = "",
    patient_number: str = "",
    most: int = MOST_SHOWN,
) -> list[AuditEvent]:
    """The latest lines of [since, until), newest first, of one user or about one patient where these are given.

    Raises NotFound when no patient has that number.
    """
    access.require(actor, "audit.read")
    if until <= since:
        raise InvalidInput("The end must come after the beginning.", field="until")
    patient_id = _patient_id(clinic, patient_number.strip().upper())
    found = clinic.audit.store.latest(
        since=since, until=until, username=username.strip().lower(), patient_id=patient_id, most=most
    )
    clinic.audit.record_read(actor, "audit.read", patient_id or "trail", patient_id=patient_id or None)
    return found


def patient_numbers(clinic: Clinic, actor: Actor, events: Sequence[AuditEvent]) -> Mapping[str, str]:
    """Patient id -> number of everybody the lines are about, in one query."""
    access.require(actor, "audit.read")
    wanted = {event.patient_id for event in events if event.patient_id}
    return {patient.id: patient.number for patient in clinic.patients.get_many(wanted).values()} if wanted else {}


def to_csv(clinic: Clinic, actor: Actor, events: Sequence[AuditEvent]) -> bytes:
    """The lines as CSV, their time in the clinic's zone."""
    numbers = patient_numbers(clinic, actor, events)
    rows = [_cells(clinic, event, numbers) for event in events]
    return export.to_csv(pd.DataFrame(rows, columns=list(_COLUMNS), dtype="object"))


def _cells(clinic: Clinic, event: AuditEvent, numbers: Mapping[str, str]) -> tuple[str, ...]:
    return (
        clinic.local(event.at).isoformat(timespec="seconds"),
        event.username,
        event.role,
        event.action,
        event.record_id,
        numbers.get(event.patient_id or "", ""),
        "; ".join(f"{name}={value}" for name, value in event.detail.items()),
    )


def _patient_id(clinic: Clinic, number: str) -> str:
    if not number:
        return ""
    patient = clinic.patients.by_number(number)
    if patient is None:
        raise NotFound(f"No patient has the number {number}. It looks like P-000123.")
    return patient.id
