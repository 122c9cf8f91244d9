"""Appointments (FHIR R4 Appointment): the status machine and the cells that an appointment holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from clinic_core.errors import IllegalTransition, InvalidInput

CELL_MINUTES: Final = 5
LONGEST_MINUTES: Final = 8 * 60


class AppointmentStatus(StrEnum):
    """FHIR AppointmentStatus."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    CHECKED_IN = "checked-in"  # with the doctor
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"
    ENTERED_IN_ERROR = "entered-in-error"


S = AppointmentStatus

TRANSITIONS: Final[dict[AppointmentStatus, frozenset[AppointmentStatus]]] = {
    S.BOOKED: frozenset({S.ARRIVED, S.CANCELLED, S.NOSHOW, S.ENTERED_IN_ERROR}),
    S.ARRIVED: frozenset({S.CHECKED_IN, S.BOOKED, S.CANCELLED, S.NOSHOW}),  # booked: the mark was a slip
    S.CHECKED_IN: frozenset({S.FULFILLED, S.ARRIVED}),
    S.FULFILLED: frozenset(),
    S.CANCELLED: frozenset(),
    S.NOSHOW: frozenset({S.ARRIVED}),  # came late after all
    S.ENTERED_IN_ERROR: frozenset(),
}
HOLDING: Final = frozenset({S.BOOKED, S.ARRIVED, S.CHECKED_IN, S.FULFILLED})
FIRST_KINDS: Final = frozenset({"booked", "imported"})
MOVED: Final = "moved"
CONFIRMED: Final = "confirmed"
_SAME_STATUS: Final = frozenset({MOVED, CONFIRMED})  # kinds of events that leave the status as it is
EXPECTED: Final = frozenset({S.BOOKED, S.ARRIVED, S.CHECKED_IN})


class CancelReason(StrEnum):
    """FHIR appointment-cancellation-reason, the ones a desk uses."""

    PATIENT = "pat"
    PATIENT_FEELING_BETTER = "pat-fb"
    PATIENT_UNABLE_TO_PAY = "pat-dec"
    PROVIDER = "prov"
    OTHER = "other"

    @property
    def label(self) -> str:
        """What the desk reads."""
        return _CANCEL_LABELS[self]


_CANCEL_LABELS: Final = {
    CancelReason.PATIENT: "Patient asked",
    CancelReason.PATIENT_FEELING_BETTER: "Patient feels better",
    CancelReason.PATIENT_UNABLE_TO_PAY: "Patient declined",
    CancelReason.PROVIDER: "Practitioner not available",
    CancelReason.OTHER: "Other",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Whose time a visit takes, in which room, and how much of it."""

    practitioner_id: str
    room_id: str | None = None
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentEvent:
    """One change: what it became, when and by whom.

    `kind` is booked or imported (the first), moved, confirmed or status.
    """

    at: datetime
    by: str  # username
    kind: str
    status: AppointmentStatus
    start: datetime
    note: str = ""
    left: Claim | None = None  # moved: what it claimed before; None of a move that an earlier release wrote

    @property
    def sets_status(self) -> bool:
        """Whether the status was given by this event, and not only told again."""
        return self.kind not in _SAME_STATUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """A patient's claim on one practitioner's time."""

    id: str
    patient_id: str
    practitioner_id: str
    service_id: str
    start: datetime  # aware UTC; the local day's first instant when `untimed`
    minutes: int  # a multiple of 5
    day: date  # the clinic's local day of `start`
    status: AppointmentStatus = AppointmentStatus.BOOKED
    room_id: str | None = None
    reason: str = ""
    cancel_reason: CancelReason | None = None
    untimed: bool = False  # imported with its day only: holds no time
    source_id: str | None = None  # the id in the system it was imported from, unique
    booked_at: datetime
    confirmed_at: datetime | None = None  # the patient said that they come at this start (FHIR participant.status)
    events: tuple[AppointmentEvent, ...] = ()
    version: int = 1

    @property
    def end(self) -> datetime:
        """The first instant after the visit."""
        return self.start + timedelta(minutes=self.minutes)

    @property
    def claim(self) -> Claim:
        """What it claims now."""
        return Claim(practitioner_id=self.practitioner_id, room_id=self.room_id, minutes=self.minutes)

    def since(self, status: AppointmentStatus) -> datetime | None:
        """When the appointment last became `status`; None if never."""
        return next((e.at for e in reversed(self.events) if e.status is status and e.sets_status), None)


def holds(appointment: Appointment) -> list[str]:
    """The cells the appointment keeps others out of: ``"<resource>@<five-minute cell since 1970>"``.

    One per five minutes for the practitioner, the patient and the room; none once it is cancelled, missed
    or without a time.
    """
    if appointment.untimed or appointment.status not in HOLDING:
        return []
    first = int(appointment.start.timestamp()) // (CELL_MINUTES * 60)
    cells = range(first, first + appointment.minutes // CELL_MINUTES)
    return [f"{resource}@{cell}" for resource in resources(appointment) for cell in cells]


def resources(appointment: Appointment) -> list[str]:
    """What a visit occupies."""
    found = [f"practitioner:{appointment.practitioner_id}", f"patient:{appointment.patient_id}"]
    return [*found, f"room:{appointment.room_id}"] if appointment.room_id else found


def check_time(start: datetime, minutes: int) -> None:
    """Raise InvalidInput unless the start lies on five minutes and the length is 5 to 480 minutes on fives."""
    if start.minute % CELL_MINUTES or start.second or start.microsecond:
        raise InvalidInput("A visit starts on a multiple of five minutes, like 10:05.", field="start")
    if minutes % CELL_MINUTES or not CELL_MINUTES <= minutes <= LONGEST_MINUTES:
        raise InvalidInput(f"A visit takes 5 to {LONGEST_MINUTES} minutes, in steps of five.", field="minutes")


def require_transition(now: AppointmentStatus, to: AppointmentStatus) -> None:
    """Raise IllegalTransition unless `to` may follow `now`; the message names what may."""
    if to not in TRANSITIONS[now]:
        allowed = " or ".join(sorted(TRANSITIONS[now])) or "nothing: it is final"
        raise IllegalTransition(f"This visit is {now}; it cannot become {to}. After {now} comes {allowed}.")


def status_after(events: tuple[AppointmentEvent, ...]) -> AppointmentStatus | None:
    """The status the events lead to; None when a step among them is not allowed or there is no booking first."""
    status: AppointmentStatus | None = None
    for number, event in enumerate(events):
        if number == 0:
            status = event.status if event.kind in FIRST_KINDS else None
        elif event.kind in FIRST_KINDS:
            return None
        elif status is not None and event.kind == "status":
            status = event.status if event.status in TRANSITIONS[status] else None
        if status is None:
            return None
    return status


def confirmed_after(events: tuple[AppointmentEvent, ...]) -> datetime | None:
    """When the patient confirmed the time that the events lead to; another start takes a confirmation back."""
    confirmed: datetime | None = None
    start: datetime | None = None
    for event in events:
        if event.start != start:
            start, confirmed = event.start, None
        if event.kind == CONFIRMED:
            confirmed = event.at
    return confirmed
