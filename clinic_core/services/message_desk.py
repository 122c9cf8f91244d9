"""Messages as the front desk sees them: who is told tomorrow and who is not, what went out, what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import access, clock, message_help
from clinic_core.domain.access import Actor
from clinic_core.domain.alerts import Alert
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.ids import derived_id
from clinic_core.domain.message_help import Gap
from clinic_core.domain.messages import NEXT, Communication, InboundMessage, MessageStatus, OptOut, Reason
from clinic_core.domain.people import Patient
from clinic_core.errors import Conflict, IllegalTransition, NotFound
from clinic_core.services import free_times, messages

_AGAIN: Final = timedelta(hours=2)  # so long a message that is sent again is of use, where no visit says more
_MOST_REPLIES: Final = 20
_ALERTS: Final = "messages:"
_OFFER_ENDS: Final = timedelta(minutes=30)  # so long before its start a time is offered


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A message and whom it is for."""

    message: Communication
    patient: Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreminded:
    """A visit that nobody reminds of, and why."""

    visit: Appointment
    patient: Patient
    gap: Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPlan:
    """The messages of a day, by when they go out; and the visits of that day without a reminder, by start."""

    day: date
    lines: tuple[Line, ...]
    unreminded: tuple[Unreminded, ...]
    expected: int  # visits of the day that are still to come


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What waits for a person, latest first."""

    failed: tuple[Line, ...]
    on_hold: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """What a patient was written and wrote, latest first, and whether the number stopped messages."""

    sent: tuple[Communication, ...]
    received: tuple[InboundMessage, ...]
    opt_outs: tuple[OptOut, ...]  # oldest first

    @property
    def opted_out(self) -> bool:
        """Whether the number wants no messages now."""
        return bool(self.opt_outs) and self.opt_outs[-1].stopped


def plan(clinic: Clinic, actor: Actor, day: date) -> DayPlan:
    """Who gets what on a day, and who has a visit on it and is reminded by nobody."""
    access.require(actor, "message.read")
    clinic.audit.record_read(actor, "message.read", f"plan:{day.isoformat()}")
    found = clinic.communications.due_on(day)
    visits = [
        one
        for one in clinic.appointments.on_day(day)
        if one.status is AppointmentStatus.BOOKED and not one.untimed and one.confirmed_at is None
    ]
    patients = clinic.patients.for_list([*(m.patient_id for m in found), *(v.patient_id for v in visits)])
    about = clinic.communications.about_many(visit.id for visit in visits)
    recipients = map(message_help.recipient_of, patients.values())
    stopped = clinic.opt_outs.stopped_of(filter(None, recipients))
    policy = clinic.directory().message_policy
    gaps = []
    for visit in visits:
        patient = patients[visit.patient_id]
        opted_out = message_help.recipient_of(patient) in stopped
        gap = message_help.gap(visit, patient, about.get(visit.id, []), policy, opted_out=opted_out)
        if gap is not None:
            gaps.append(Unreminded(visit=visit, patient=patient, gap=gap))
    return DayPlan(day=day, lines=_lines(clinic, found), unreminded=tuple(gaps), expected=len(visits))


def sent(clinic: Clinic, actor: Actor, day: date) -> tuple[Line, ...]:
    """What the carriers took on a day, latest first."""
    access.require(actor, "message.read")
    clinic.audit.record_read(actor, "message.read", f"sent:{day.isoformat()}")
    found = clinic.communications.sent_on(day)
    return _lines(clinic, sorted(found, key=lambda one: (one.sent_at or one.due_at, one.id), reverse=True))


def trouble(clinic: Clinic, actor: Actor) -> Trouble:
    """What failed, and what waits after a restore."""
    access.require(actor, "message.read")
    clinic.audit.record_read(actor, "message.read", "failed")
    failed, held = clinic.communications.failed(), clinic.communications.on_hold()
    return Trouble(failed=_lines(clinic, failed[::-1]), on_hold=_lines(clinic, held[::-1]))


def waiting(clinic: Clinic, actor: Actor) -> tuple[int, int]:
    """How many replies wait for a person, and how many messages failed."""
    access.require(actor, "message.read")
    return clinic.inbound.count_open(), clinic.communications.count_failed()


def alerts(clinic: Clinic, actor: Actor) -> list[Alert]:
    """What is wrong with sending as such, such as a budget that is used up."""
    access.require(actor, "message.read")
    return [alert for alert in clinic.alerts.open() if alert.id.startswith(_ALERTS)]


def of_patient(clinic: Clinic, actor: Actor, patient: Patient) -> Letters:
    """A patient's messages both ways, as the record shows them; the reading is in the audit trail."""
    access.require(actor, "message.read")
    clinic.audit.record_read(actor, "message.read", patient.id, patient_id=patient.id)
    written = clinic.communications.of_patient(patient.id)
    received = clinic.inbound.of_sender(patient.phone, most=_MOST_REPLIES) if patient.phone else []
    return Letters(
        sent=tuple(sorted(written, key=lambda one: (one.sent_at or one.due_at, one.id), reverse=True)),
        received=tuple(one for one in received if one.patient_id in (patient.id, None)),
        opt_outs=tuple(clinic.opt_outs.history(patient.phone)) if patient.phone else (),
    )


def letter(clinic: Clinic, actor: Actor, message_id: str) -> Line:
    """One message with its words; the reading is in the audit trail. Raises NotFound."""
    access.require(actor, "message.read")
    found = _get(clinic, message_id)
    clinic.audit.record_read(actor, "message.read", found.id, patient_id=found.patient_id)
    return _lines(clinic, [found])[0]


def send_again(clinic: Clinic, actor: Actor, message_id: str) -> Communication:
    """Let a message that failed go out as soon as it may. Raises IllegalTransition where it is of no use any more."""

    def again(one: Communication) -> Communication:
        until = _until(clinic, one)
        now = clinic.now()
        return replace(
            _to(one, MessageStatus.PREPARATION, None),
            due_at=now,
            due_on=clock.local_day(now, clinic.zone),
            expires_at=until,
            attempts=0,
            error_code="",
        )

    return _changed(clinic, actor, message_id, MessageStatus.NOT_DONE, again)


def offer_time(clinic: Clinic, actor: Actor, freed: Appointment, patient: Patient) -> Communication:
    """Offer a patient the time of a visit that was cancelled; once. Their answer comes to the board of replies.

    Raises IllegalTransition when it is too late for that, or such messages are not sent, and what speaks against
    booking it, such as SlotTaken.
    """
    access.require(actor, "message.send")
    until = freed.start - _OFFER_ENDS
    if freed.status is not AppointmentStatus.CANCELLED or until <= clinic.now():
        raise IllegalTransition("This time cannot be offered by message. Call the patient, or book it.")
    key = derived_id("offer", f"{freed.id}:{patient.id}")
    wanted = replace(freed, id=key, patient_id=patient.id, status=AppointmentStatus.BOOKED)
    against = free_times.reason_against(clinic, wanted)
    if against is not None:
        raise against
    return messages.offer(clinic, actor, patient, start=freed.start, offer_id=key, until=until)


def put_aside(clinic: Clinic, actor: Actor, message_id: str) -> Communication:
    """Take a message that failed from the list: it was dealt with, and is never sent."""
    return _changed(
        clinic, actor, message_id, MessageStatus.NOT_DONE, lambda m: _to(m, MessageStatus.STOPPED, m.reason)
    )


def release(clinic: Clinic, actor: Actor, message_id: str) -> Communication:
    """Let a message that was put on hold go out at its time."""
    return _changed(clinic, actor, message_id, MessageStatus.ON_HOLD, lambda m: _to(m, MessageStatus.PREPARATION, None))


def stop(clinic: Clinic, actor: Actor, message_id: str) -> Communication:
    """Never send a message that was put on hold."""
    return _changed(
        clinic, actor, message_id, MessageStatus.ON_HOLD, lambda m: _to(m, MessageStatus.STOPPED, Reason.RESTORED)
    )


def each(clinic: Clinic, actor: Actor, ids: Iterable[str], step: Callable[[Clinic, Actor, str], object]) -> int:
    """Take a step with many messages; how many it could be taken with. Somebody else may have been quicker."""
    access.require(actor, "message.send")
    done = 0
    for message_id in ids:
        with suppress(Conflict, IllegalTransition, NotFound):
            step(clinic, actor, message_id)
            done += 1
    return done


def _changed(
    clinic: Clinic,
    actor: Actor,
    message_id: str,
    wanted: MessageStatus,
    change: Callable[[Communication], Communication],
) -> Communication:
    access.require(actor, "message.send")
    before = _get(clinic, message_id)
    if before.status is not wanted:
        raise IllegalTransition("Somebody else took care of this message. Reload the list.")
    after = clinic.communications.change(before, change(before))
    clinic.audit.record(
        actor,
        "message.send",
        after.id,
        patient_id=after.patient_id,
        once=f"{after.id}:{after.version}",
        kind=after.kind.value,
        status=after.status.value,
    )
    return after


def _to(message: Communication, status: MessageStatus, reason: Reason | None) -> Communication:
    if status not in NEXT[message.status]:
        raise IllegalTransition(f"A message that is {message.status} cannot become {status}.")
    return replace(message, status=status, reason=reason, retry_at=None)


def _until(clinic: Clinic, message: Communication) -> datetime:
    now = clinic.now()
    if message.about_start is None:
        return now + _AGAIN
    if message.about_start <= now:
        raise IllegalTransition("The visit that it speaks of has begun. Call the patient instead.")
    return message.about_start


def _get(clinic: Clinic, message_id: str) -> Communication:
    found = clinic.communications.find(message_id)
    if found is None:
        raise NotFound("This message does not exist. Reload the list.")
    return found


def _lines(clinic: Clinic, found: Sequence[Communication]) -> tuple[Line, ...]:
    patients = clinic.patients.for_list(one.patient_id for one in found)
    return tuple(Line(message=one, patient=patients[one.patient_id]) for one in found if one.patient_id in patients)
