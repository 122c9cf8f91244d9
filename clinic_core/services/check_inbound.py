"""What must be true of what patients wrote, and of the opt-out ledger. A part of `check`, which asks nobody's leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain.appointments import CONFIRMED, Appointment, AppointmentStatus
from clinic_core.domain.invariants import Violation
from clinic_core.domain.message_words import Answer
from clinic_core.domain.messages import InboundMessage
from clinic_core.domain.replies import Intent

_AT_ONCE: Final = 100
_PATIENCE: Final = timedelta(hours=1)  # by then the sidecar has finished every reply
_INTENTS: Final = frozenset(intent.value for intent in Intent)
_SOURCES: Final = frozenset({"reply", "carrier", "desk"})


def faults(clinic: Clinic) -> Iterator[Violation]:
    """Every reply with its visit, and every line of the ledger."""
    left = clinic.inbound.every()
    while batch := list(islice(left, _AT_ONCE)):
        yield from (_unreadable("reply", s.id, s.problem) for s in batch if s.record is None)
        yield from _replies(clinic, [s.record for s in batch if s.record is not None])
    for stored in clinic.opt_outs.every():
        if stored.record is None:
            yield _unreadable("line of the opt-out ledger", stored.id, stored.problem)
        elif not stored.record.recipient or stored.record.source not in _SOURCES:
            yield Violation(rule="opt-out", record_id=stored.id, message="does not say who stopped, or how it is known")


def _replies(clinic: Clinic, found: Sequence[InboundMessage]) -> Iterator[Violation]:
    visits = clinic.appointments.many(one.appointment_id for one in found if one.appointment_id)
    for one in found:
        for message in (_state_fault(clinic, one), _visit_fault(one, visits.get(one.appointment_id or ""))):
            if message:
                yield Violation(rule="reply", record_id=one.id, message=message)


def _state_fault(clinic: Clinic, one: InboundMessage) -> str:
    if not one.outcome and clinic.now() - one.received_at > _PATIENCE:
        return "was never finished"
    if one.intent not in _INTENTS:
        return "asks for something that there is not"
    if one.open and not one.outcome:
        return "is on the board before it is known what came of it"
    if bool(one.handled_by) != (one.handled_at is not None) or (one.open and one.handled_by):
        return "does not say rightly who saw to it"
    return ""


def _visit_fault(one: InboundMessage, visit: Appointment | None) -> str:
    if one.appointment_id and visit is None:
        return "is about an appointment that is not there"
    kinds = {event.kind for event in visit.events} if visit else set()
    if one.outcome == Answer.CONFIRMED and CONFIRMED not in kinds:
        return "was told that a visit is confirmed, which it never was"
    if one.outcome == Answer.CANCELLED and (visit is None or visit.status is not AppointmentStatus.CANCELLED):
        return "was told that a visit is cancelled, which it is not"
    return ""


def _unreadable(kind: str, record_id: str, problem: str) -> Violation:
    return Violation(rule="readable", record_id=record_id, message=f"this {kind} cannot be read: {problem}")
