"""Which times can be booked and, where one cannot, the reason in words with the next times that can.

Reading them settles nothing: between looking and booking somebody else may be quicker, which the store refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import clock
from clinic_core.domain.appointments import Appointment, check_time, holds, resources
from clinic_core.domain.schedules import Schedule, free_starts, show_openings
from clinic_core.errors import ClinicError, InThePast, NotFound, OutsideHours, SlotTaken

WALK_IN: Final = timedelta(minutes=5)  # the present five-minute cell has begun already, and may still be booked
HORIZON_DAYS: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What has to be free at once: a stretch of time of everything in `of` (see `resources`)."""

    practitioner_id: str
    minutes: int
    of: frozenset[str]
    except_id: str = ""  # the appointment that is to be moved: its own time is free for it


def need_of(wanted: Appointment) -> Need:
    """What this appointment needs: its practitioner, patient and room."""
    return Need(
        practitioner_id=wanted.practitioner_id,
        minutes=wanted.minutes,
        of=frozenset(resources(wanted)),
        except_id=wanted.id,
    )


def need_of_practitioner(practitioner_id: str, minutes: int) -> Need:
    """A stretch of one practitioner's time."""
    return Need(practitioner_id=practitioner_id, minutes=minutes, of=frozenset({f"practitioner:{practitioner_id}"}))


def free_on(clinic: Clinic, day: date, need: Need, booked: Iterable[Appointment], *, after: datetime) -> list[datetime]:
    """The starts of a day, from `after` on, at which the need fits between what is `booked` on that day."""
    view = clinic.directory()
    practitioner = view.practitioners.get(need.practitioner_id)
    if practitioner is None or not practitioner.active:
        return []
    return free_starts(
        view.schedule(need.practitioner_id).windows(day, view.organization.zone),
        [(a.start, a.end) for a in booked if _takes(a, need)],
        minutes=need.minutes,
        step=view.organization.slot_minutes,
        not_before=after,
    )


def next_free(
    clinic: Clinic, need: Need, *, after: datetime, most: int = 3, days: int = HORIZON_DAYS
) -> list[datetime]:
    """The first `most` starts from `after` (or now) on, looking `days` days ahead. One query per working day."""
    begin = max(after, clinic.now())
    first, found = clock.local_day(begin, clinic.zone), list[datetime]()
    for day in (first + timedelta(days=n) for n in range(days)):
        if clinic.directory().schedule(need.practitioner_id).openings_on(day):
            found += free_on(clinic, day, need, clinic.appointments.on_day(day), after=begin)
        if len(found) >= most:
            break
    return found[:most]


def require_bookable(clinic: Clinic, wanted: Appointment) -> None:
    """Raise InvalidInput, NotFound, InThePast or OutsideHours unless the time may be booked if nobody has it."""
    require_offered(clinic, wanted)
    require_not_past(clinic, wanted)
    require_open(clinic, wanted)


def require_offered(clinic: Clinic, wanted: Appointment) -> None:
    """Raise NotFound unless the practitioner sees patients and the room is there."""
    view = clinic.directory()
    practitioner = view.practitioners.get(wanted.practitioner_id)
    if practitioner is None or not practitioner.active:
        raise NotFound("This practitioner does not see patients. Choose another one.")
    if wanted.room_id is not None and wanted.room_id not in {room.id for room in view.organization.rooms}:
        raise NotFound("This room does not exist any more. Choose another one.")


def require_not_past(clinic: Clinic, wanted: Appointment) -> None:
    """Raise InThePast for a start before the present five minutes."""
    if wanted.start < clinic.now() - WALK_IN:
        start = _start(clinic.local(wanted.start), clinic.today())
        raise InThePast(f"{start} has passed; {_next(clinic, wanted)}")


def require_open(clinic: Clinic, wanted: Appointment) -> None:
    """Raise InvalidInput or OutsideHours unless the whole time lies within the practitioner's hours."""
    check_time(wanted.start, wanted.minutes)
    view = clinic.directory()
    schedule = view.schedule(wanted.practitioner_id)
    if not schedule.is_open(wanted.start, wanted.minutes, wanted.day, view.organization.zone):
        name = _name(clinic, wanted.practitioner_id)
        raise OutsideHours(f"{name} {_hours(clinic, wanted, schedule)}; {_next(clinic, wanted)}")


def collision(clinic: Clinic, wanted: Appointment) -> SlotTaken | None:
    """Who has the time that is wanted; None when nobody has."""
    cells = set(holds(wanted))
    for other in clinic.appointments.on_day(wanted.day):
        shared = cells.intersection(holds(other)) if other.id != wanted.id else set()
        if shared:
            resource = min(shared, key=_practitioner_first).partition("@")[0]
            return taken(clinic, wanted, SlotTaken("", resource=resource, holder_id=other.id))
    return None


def taken(clinic: Clinic, wanted: Appointment, error: SlotTaken) -> SlotTaken:
    """The same error in words for the desk: who has the time, by number, and what is free next."""
    holder = clinic.appointments.find(error.holder_id) if error.holder_id else None
    said = _gone(clinic, wanted) if holder is None else _held(clinic, wanted, error.resource, holder)
    return SlotTaken(f"{said}; {_next(clinic, wanted)}", resource=error.resource, holder_id=error.holder_id)


def reason_against(clinic: Clinic, wanted: Appointment) -> ClinicError | None:
    """The first rule that forbids the time, or who has it; None when it can be booked now."""
    try:
        require_bookable(clinic, wanted)
    except ClinicError as error:
        return error
    return collision(clinic, wanted)


def spoken_day(day: date) -> str:
    """A day as it is said in messages, e.g. ``Tue 3 Mar``."""
    return f"{day:%a} {day.day} {day:%b}"


def _takes(other: Appointment, need: Need) -> bool:
    return other.id != need.except_id and bool(holds(other)) and not need.of.isdisjoint(resources(other))


def _practitioner_first(cell: str) -> tuple[bool, str]:
    return not cell.startswith("practitioner:"), cell


def _held(clinic: Clinic, wanted: Appointment, resource: str, holder: Appointment) -> str:
    at = f"{clinic.local(max(holder.start, wanted.start)):%H:%M}"
    number = clinic.patients.get(holder.patient_id).number
    if resource.startswith("patient:"):
        return f"{number} has another visit at {at} with {_name(clinic, holder.practitioner_id)}"
    if resource.startswith("room:"):
        rooms = {room.id: room.name for room in clinic.organization().rooms}
        return f"{rooms.get(resource.partition(':')[2], 'The room')} is taken at {at} by {number}"
    return f"{_name(clinic, holder.practitioner_id)} is taken at {at} by {number}"


def _gone(clinic: Clinic, wanted: Appointment) -> str:
    return f"{_when(clinic, wanted)} was taken a moment ago and may be free again: try once more"


def _hours(clinic: Clinic, wanted: Appointment, schedule: Schedule) -> str:
    absence = next((a for a in schedule.absences if a.start_on <= wanted.day <= a.end_on), None)
    openings = schedule.openings_on(wanted.day)
    if absence is not None:
        return f"is away on {spoken_day(wanted.day)}"
    if not openings:
        return f"does not work on {wanted.day:%A}s"
    end = clinic.local(wanted.end)
    return f"works {show_openings(openings)} on {wanted.day:%A}s, not {_when(clinic, wanted)} to {end:%H:%M}"


def _when(clinic: Clinic, wanted: Appointment) -> str:
    return f"{clinic.local(wanted.start):%H:%M}"


def _next(clinic: Clinic, wanted: Appointment) -> str:
    starts = [clinic.local(start) for start in next_free(clinic, need_of(wanted), after=wanted.start)]
    if not starts:
        return f"nothing is free within {HORIZON_DAYS} days"
    return "next free: " + ", ".join(_start(start, wanted.day) for start in starts)


def _start(start: datetime, day: date) -> str:
    return f"{start:%H:%M}" if start.date() == day else f"{spoken_day(start.date())} {start:%H:%M}"


def _name(clinic: Clinic, practitioner_id: str) -> str:
    found = clinic.directory().practitioners.get(practitioner_id)
    return found.name if found else "The practitioner"
