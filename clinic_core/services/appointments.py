"""Booking, and what becomes of a visit: each verb is one write of one document.

Every verb is safe to repeat: the same click twice gives the same record. A change that somebody else made in
between raises Conflict instead of being overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import EllipsisType
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import access, clock
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import (
    CONFIRMED,
    MOVED,
    Appointment,
    AppointmentEvent,
    AppointmentStatus,
    CancelReason,
    S,
    confirmed_after,
    require_transition,
)
from clinic_core.domain.billing import InvoiceStatus
from clinic_core.domain.people import Patient
from clinic_core.errors import Conflict, IllegalTransition, NotFound, SlotTaken
from clinic_core.services import fees, free_times, messages

_MOVABLE: Final = frozenset({S.BOOKED, S.ARRIVED})
_NOT_TOLD: Final = frozenset({"appointment.confirm", "appointment.check_in"})  # no message comes or goes with them
_KEPT_DAYS: Final = 1  # for so long the holds of a visit that is over stay: a missed one may still come late


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """A visit of the day and what the desk or the doctor wants to know beside it."""

    appointment: Appointment
    patient: Patient
    billed: InvoiceStatus | None  # None: no invoice yet, or the reader may not see invoices
    invoice_id: str | None
    last_visit: date | None  # before this day


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBoard:
    """The visits of a clinic-local day, by start."""

    day: date
    rows: tuple[DayRow, ...]


def draft(
    clinic: Clinic,
    *,
    appointment_id: str,
    patient_id: str,
    practitioner_id: str,
    service_id: str,
    start: datetime,
    reason: str = "",
    room_id: str | None = None,
    minutes: int | None = None,
) -> Appointment:
    """An appointment to hand to `book` or `why_not`; `minutes` is how long the service takes unless given.

    `start` is an aware instant; `appointment_id` is made when the form is drawn: a double click is one booking.
    """
    service = clinic.directory().services.get(service_id)
    if service is None or not service.active:
        raise NotFound("This service is not offered any more. Choose another one.")
    return Appointment(
        id=appointment_id,
        patient_id=patient_id,
        practitioner_id=practitioner_id,
        service_id=service_id,
        start=clock.utc(start),
        minutes=service.minutes if minutes is None else minutes,
        day=clock.local_day(start, clinic.zone),
        room_id=room_id,
        reason=" ".join(reason.split()),
        booked_at=clinic.now(),
    )


def book(clinic: Clinic, actor: Actor, wanted: Appointment) -> Appointment:
    """Book a time from the present five minutes on; the same id again gives the booking that was made first.

    Raises InThePast, OutsideHours or SlotTaken, each naming the next free times, or NotFound, InvalidInput.
    """
    access.require(actor, "appointment.book", practitioner_id=wanted.practitioner_id)
    made = clinic.appointments.find(wanted.id)
    booking = _as_booked(clinic, actor, wanted)
    patient = clinic.patients.get(wanted.patient_id)
    if made is None:
        free_times.require_bookable(clinic, booking)
    try:
        saved = clinic.appointments.add(booking)
    except SlotTaken as error:
        raise free_times.taken(clinic, booking, error) from error
    _record(clinic, actor, "appointment.book", booking)
    messages.after(clinic, saved, patient=patient, is_new=made is None and saved.version == 1)
    return saved


def move(
    clinic: Clinic,
    actor: Actor,
    before: Appointment,
    *,
    start: datetime,
    practitioner_id: str | None = None,
    room_id: str | EllipsisType | None = ...,
    minutes: int | None = None,
) -> Appointment:
    """Give a booked or arrived visit another time, practitioner, room (None: no room) or length, in one write.

    Raises what `book` raises, IllegalTransition for a visit that is past moving, Conflict when it changed.
    """
    access.require(actor, "appointment.move", practitioner_id=before.practitioner_id)
    after = replace(
        before,
        start=clock.utc(start),
        day=clock.local_day(start, clinic.zone),
        practitioner_id=practitioner_id or before.practitioner_id,
        room_id=before.room_id if isinstance(room_id, EllipsisType) else room_id,
        minutes=minutes or before.minutes,
        confirmed_at=before.confirmed_at if start == before.start else None,
    )
    if after == before:
        return before
    _require_movable(before, after)
    free_times.require_offered(clinic, after)
    if after.start != before.start:
        free_times.require_not_past(clinic, after)
    if replace(after, room_id=before.room_id) != before:
        free_times.require_open(clinic, after)
    event = AppointmentEvent(
        at=clinic.now(),
        by=actor.username,
        kind=MOVED,
        status=before.status,
        start=after.start,
        left=before.claim,
    )
    saved = _change(clinic, actor, "appointment.move", before=before, after=after, event=event)
    messages.after(clinic, saved)
    return saved


def cancel(clinic: Clinic, actor: Actor, before: Appointment, reason: CancelReason, note: str = "") -> Appointment:
    """Cancel a visit that has not begun; its time is free at once. Late, by the clinic's policy, drafts its fee."""
    saved = _become(clinic, actor, "appointment.cancel", before, S.CANCELLED, cancel_reason=reason, note=note)
    messages.after(clinic, saved)
    fees.draft(clinic, actor, saved)
    return saved


def confirm(clinic: Clinic, actor: Actor, before: Appointment) -> Appointment:
    """Note that the patient comes at the time booked; until the visit begins, or is moved to another time."""
    access.require(actor, "appointment.confirm", practitioner_id=before.practitioner_id)
    if before.confirmed_at is not None:
        if before.events[-1].kind == CONFIRMED and before.events[-1].by == actor.username:
            _record(clinic, actor, "appointment.confirm", before)  # a crash may have cut its line off
        return before
    if before.status is not S.BOOKED or before.untimed or before.start <= clinic.now():
        raise IllegalTransition("Only a booked visit that is still to come can be confirmed.")
    at = clinic.now()
    event = AppointmentEvent(at=at, by=actor.username, kind=CONFIRMED, status=before.status, start=before.start)
    after = replace(before, confirmed_at=at)
    return _change(clinic, actor, "appointment.confirm", before=before, after=after, event=event)


def arrive(clinic: Clinic, actor: Actor, before: Appointment) -> Appointment:
    """Mark that the patient is here, on the visit's day or when catching up later.

    After a no-show only on the day itself, and only while the time is still free: raises SlotTaken.
    """
    access.require(actor, "appointment.arrive", practitioner_id=before.practitioner_id)
    today = clinic.today()
    late = before.status is S.NOSHOW and before.day != today
    if before.day > today or late:
        raise IllegalTransition(
            f"This visit is on {free_times.spoken_day(before.day)}, not today. "
            + ("Book a new one for today." if late else "Move it to today if the patient is here now.")
        )
    saved = _become(clinic, actor, "appointment.arrive", before, S.ARRIVED)
    if before.status is S.NOSHOW:
        fees.take_back(clinic, actor, before)
    return saved


def undo_arrival(clinic: Clinic, actor: Actor, before: Appointment) -> Appointment:
    """Take back an arrival that was marked by mistake."""
    return _become(clinic, actor, "appointment.arrive", before, S.BOOKED)


def check_in(clinic: Clinic, actor: Actor, before: Appointment) -> Appointment:
    """The patient is with the doctor now."""
    return _become(clinic, actor, "appointment.check_in", before, S.CHECKED_IN)


def mark_noshow(clinic: Clinic, actor: Actor, before: Appointment) -> Appointment:
    """The patient did not come: once the start has passed. The time is free at once, and the policy's fee drafted."""
    access.require(actor, "appointment.noshow", practitioner_id=before.practitioner_id)
    if clinic.now() < before.start:
        raise IllegalTransition(
            f"This visit starts at {clinic.local(before.start):%H:%M} on {free_times.spoken_day(before.day)}; "
            "until then nobody can have missed it. Cancel it instead."
        )
    saved = _become(clinic, actor, "appointment.noshow", before, S.NOSHOW)
    fees.draft(clinic, actor, saved)
    return saved


def fulfil(clinic: Clinic, actor: Actor, before: Appointment) -> Appointment:
    """The visit is over."""
    return _become(clinic, actor, "appointment.fulfil", before, S.FULFILLED)


def get(clinic: Clinic, actor: Actor, appointment_id: str) -> Appointment:
    """One appointment; a doctor's own only. Raises NotFound."""
    found = clinic.appointments.get(appointment_id)
    access.require(actor, "appointment.read", practitioner_id=found.practitioner_id)
    clinic.audit.record_read(actor, "appointment.read", found.id, patient_id=found.patient_id)
    return found


def day(clinic: Clinic, actor: Actor, day: date) -> DayBoard:
    """The board of a day; a doctor's holds only their own visits. Four queries whatever the number of rows."""
    access.require(actor, "appointment.read", practitioner_id=actor.practitioner_id)
    seen = [a for a in clinic.appointments.on_day(day) if _may_see(actor, a)]
    patients = clinic.patients.for_list(a.patient_id for a in seen)
    last_visits = clinic.appointments.last_visits((a.patient_id for a in seen), before=day)
    bills = _bills(clinic, actor, seen)
    clinic.audit.record_read(actor, "appointment.read", day.isoformat())
    rows = (
        DayRow(
            appointment=a,
            patient=patients[a.patient_id],
            billed=bills[a.id][1] if a.id in bills else None,
            invoice_id=bills[a.id][0] if a.id in bills else None,
            last_visit=last_visits.get(a.patient_id),
        )
        for a in seen
    )
    return DayBoard(day=day, rows=tuple(rows))


def free_slots(clinic: Clinic, actor: Actor, day: date, *, practitioner_id: str, minutes: int) -> list[datetime]:
    """Starts on a day at which a practitioner has `minutes` free, from now on."""
    access.require(actor, "appointment.read", practitioner_id=practitioner_id)
    need = free_times.need_of_practitioner(practitioner_id, minutes)
    return free_times.free_on(clinic, day, need, clinic.appointments.on_day(day), after=clinic.now())


def free_slots_of_all(clinic: Clinic, actor: Actor, day: date, *, minutes: int) -> dict[str, list[datetime]]:
    """Practitioner id -> `free_slots`, for everybody whose visits the reader may see, in one query."""
    access.require(actor, "appointment.read", practitioner_id=actor.practitioner_id)
    booked = clinic.appointments.on_day(day)
    needs = [
        free_times.need_of_practitioner(p.id, minutes)
        for p in clinic.directory().active_practitioners
        if access.allows(actor, "appointment.read", practitioner_id=p.id)
    ]
    return {n.practitioner_id: free_times.free_on(clinic, day, n, booked, after=clinic.now()) for n in needs}


def next_free(
    clinic: Clinic,
    *,
    practitioner_id: str,
    after: datetime,
    minutes: int,
    most: int = 3,
    days: int = free_times.HORIZON_DAYS,
) -> list[datetime]:
    """A practitioner's next free starts from `after` (or now) on. Names nobody, so it asks nobody's leave."""
    need = free_times.need_of_practitioner(practitioner_id, minutes)
    return free_times.next_free(clinic, need, after=after, most=most, days=days)


def why_not(clinic: Clinic, actor: Actor, wanted: Appointment) -> str | None:
    """Why a time cannot be booked, in words and with the next times that can; None when it can."""
    access.require(actor, "appointment.read", practitioner_id=wanted.practitioner_id)
    found = free_times.reason_against(clinic, wanted)
    return None if found is None else str(found)


def release_past(clinic: Clinic) -> int:
    """Forget the holds of visits that are over, so that their index stays as small as the future. For the sidecar."""
    return clinic.appointments.release(clinic.today() - timedelta(days=_KEPT_DAYS))


def _as_booked(clinic: Clinic, actor: Actor, wanted: Appointment) -> Appointment:
    now = clinic.now()
    first = AppointmentEvent(at=now, by=actor.username, kind="booked", status=S.BOOKED, start=wanted.start)
    return replace(
        wanted,
        status=S.BOOKED,
        day=clock.local_day(wanted.start, clinic.zone),
        booked_at=now,
        events=(first,),
        cancel_reason=None,
        confirmed_at=None,
        untimed=False,
        version=1,
    )


def _require_movable(before: Appointment, after: Appointment) -> None:
    if before.status not in _MOVABLE:
        raise IllegalTransition(f"This visit is {before.status}, so it cannot be moved. Book a new one.")
    if before.status is S.ARRIVED and after.day != before.day:
        raise IllegalTransition("The patient is marked as here. Take the arrival back before moving to another day.")


def _become(
    clinic: Clinic,
    actor: Actor,
    action: str,
    before: Appointment,
    to: AppointmentStatus,
    *,
    cancel_reason: CancelReason | None = None,
    note: str = "",
) -> Appointment:
    access.require(actor, action, practitioner_id=before.practitioner_id)
    after = replace(before, status=to, cancel_reason=cancel_reason)
    event = AppointmentEvent(
        at=clinic.now(), by=actor.username, kind="status", status=to, start=before.start, note=" ".join(note.split())
    )
    if after == before and _same_event(before.events[-1], event):
        _record(clinic, actor, action, before)  # a crash may have cut its line off
        return before  # drawn anew between the two clicks
    require_transition(before.status, to)
    costs_fee = fees.due(clinic, replace(after, events=(*before.events, event))) is not None
    return _change(clinic, actor, action, before=before, after=after, event=event, costs_fee=costs_fee)


def _change(
    clinic: Clinic,
    actor: Actor,
    action: str,
    *,
    before: Appointment,
    after: Appointment,
    event: AppointmentEvent,
    costs_fee: bool = False,
) -> Appointment:
    try:
        to_say = action not in _NOT_TOLD
        saved = clinic.appointments.change(before, after, event, costs_fee=costs_fee, to_say=to_say)
    except SlotTaken as error:
        raise free_times.taken(clinic, after, error) from error
    except Conflict:
        current = clinic.appointments.get(before.id)
        if not _is_repeat(before, after, event, current):
            raise
        saved = current
    _record(clinic, actor, action, saved)
    return saved


def _is_repeat(before: Appointment, after: Appointment, event: AppointmentEvent, current: Appointment) -> bool:
    """Whether `current` is what this very change made of `before` a moment ago, as by a double click."""
    if current.version != before.version + 1 or not _same_event(current.events[-1], event):
        return False
    events = (*before.events, current.events[-1])
    made = replace(after, events=events, version=current.version, confirmed_at=confirmed_after(events))
    return current == made


def _same_event(one: AppointmentEvent, other: AppointmentEvent) -> bool:
    return replace(one, at=other.at) == other


def _may_see(actor: Actor, appointment: Appointment) -> bool:
    return access.allows(actor, "appointment.read", practitioner_id=appointment.practitioner_id)


def _bills(clinic: Clinic, actor: Actor, seen: list[Appointment]) -> dict[str, tuple[str, InvoiceStatus]]:
    if not access.allows(actor, "invoice.read"):
        return {}
    done = [a.id for a in seen if a.status is S.FULFILLED]
    return clinic.invoices.statuses_of_appointments(done) if done else {}


def _record(clinic: Clinic, actor: Actor, action: str, saved: Appointment) -> None:
    """The audit line of this version: repeating the verb completes a line that a crash cut off, and doubles none."""
    clinic.audit.record(
        actor,
        action,
        saved.id,
        patient_id=saved.patient_id,
        once=f"{saved.id}:{saved.version}",
        status=saved.status.value,
        start=saved.start.isoformat(),
    )
