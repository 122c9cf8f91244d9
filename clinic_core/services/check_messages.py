"""What must be true of the outbox: no message without its visit, no visit to come without its messages.

A part of `check`, which asks nobody's leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import reminding
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.invariants import Violation
from clinic_core.domain.messages import Communication, MessageStatus
from clinic_core.services import messages

_AT_ONCE: Final = 200


def faults(clinic: Clinic, days: Sequence[date], has_patient: Callable[[str], bool]) -> Iterator[Violation]:
    """Every message by itself, and the visits to come on `days`."""
    yield from _rows(clinic, has_patient)
    if clinic.message_state.planned_version() == messages.policy_of(clinic).version:  # or else they are planned anew
        for day in days:
            yield from _missing(clinic, day)


def _rows(clinic: Clinic, has_patient: Callable[[str], bool]) -> Iterator[Violation]:
    references: dict[str, str] = {}
    waiting: list[Communication] = []
    for stored in clinic.communications.every():
        one = stored.record
        if one is None:
            yield Violation(
                rule="readable", record_id=stored.id, message=f"this message cannot be read: {stored.problem}"
            )
            continue
        if references.setdefault(one.reference, one.id) != one.id:
            yield Violation(rule="message", record_id=one.id, message=f"reference {one.reference} is given out twice")
        if not has_patient(one.patient_id):
            yield Violation(rule="orphan", record_id=one.id, message="is a message to a patient who is not there")
        if one.status is MessageStatus.PREPARATION and one.kind in reminding.OF_VISIT:
            waiting.append(one)
    for first in range(0, len(waiting), _AT_ONCE):
        some = waiting[first : first + _AT_ONCE]
        visits = clinic.appointments.existing(one.about for one in some)
        for one in some:
            if one.about not in visits:
                yield Violation(rule="orphan", record_id=one.id, message="speaks of an appointment that is not there")


def _missing(clinic: Clinic, day: date) -> Iterator[Violation]:
    """Messages that visits ask for and that are not there; looked at again before they are called missing."""
    open_ones = [one for one in clinic.appointments.on_day(day) if one.status is AppointmentStatus.BOOKED]
    found = clinic.communications.about_many(one.id for one in open_ones)
    for visit in open_ones:
        if _lacks(clinic, visit, found.get(visit.id, [])):
            now = clinic.appointments.find(visit.id)
            marked = clinic.appointments.has_open_messages(visit.id)
            if now == visit and not marked and _lacks(clinic, visit, clinic.communications.about(visit.id)):
                yield Violation(rule="message", record_id=visit.id, message="has no message that it asks for")


def _lacks(clinic: Clinic, visit: Appointment, rows: list[Communication]) -> bool:
    """Whether a message is missing, over whichever channel."""
    patient = clinic.patients.get_many([visit.patient_id]).get(visit.patient_id)
    if patient is None:
        return False  # which is another fault
    there = {(one.kind, one.about_start, one.lead_minutes, one.change) for one in rows}
    asked = reminding.plan(visit, patient, messages.rules_of(clinic), rows, clinic.now()).add
    return any((one.kind, one.about_start, one.lead_minutes, one.change) not in there for one in asked)
