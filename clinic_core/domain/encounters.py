"""What happened at a visit (FHIR Encounter): the doctor's note and the services delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class EncounterStatus(StrEnum):
    """FHIR R4 EncounterStatus, the two a visit needs."""

    IN_PROGRESS = "in-progress"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeItem:
    """A service delivered, and how many times (FHIR ChargeItem)."""

    service_id: str
    quantity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    """The note of one appointment; it carries the appointment's id, so there is at most one."""

    id: str  # the appointment's id
    patient_id: str
    practitioner_id: str
    day: date  # the visit's clinic-local day
    reason: str = ""
    findings: str = ""
    assessment: str = ""
    plan: str = ""
    follow_up_on: date | None = None
    charges: tuple[ChargeItem, ...] = ()
    status: EncounterStatus = EncounterStatus.IN_PROGRESS
    started_at: datetime
    finished_at: datetime | None = None
    version: int = 0  # 0: not saved yet
