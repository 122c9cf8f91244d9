"""The demo clinic's days: who books when, who comes, how long they wait and who does not come.

A day is made whole, as it would go, and then cut at the present instant: what lies ahead has not happened yet.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final

from clinic_core.domain import clock
from clinic_core.domain.appointments import Appointment, AppointmentEvent, AppointmentStatus, CancelReason
from clinic_core.domain.demo_names import REASONS
from clinic_core.domain.demo_people import People, new_id
from clinic_core.domain.demo_setup import BUSIEST, ORGANIZATION, SERVICES, Doctor
from clinic_core.domain.organization import HealthcareService
from clinic_core.domain.people import Patient
from clinic_core.domain.schedules import Opening, Schedule

_ZONE: Final = ORGANIZATION.zone
_CELL: Final = 5
_WEEKDAYS: Final = (1.17, 1.03, 0.98, 0.97, 1.0, 0.97, 0.9)  # busy Mondays
_MONTHS: Final = (1.04, 1.0, 0.97, 0.95, 0.9, 1.0, 1.1, 1.12, 1.07, 1.0, 0.98, 1.02)  # the monsoon brings fevers
_GROWTH: Final = 0.07  # a year
_NEW_PATIENTS: Final = 0.15
_CANCELS: Final = 0.055
_MOVES: Final = 0.03
_NO_SHOW_AFTER: Final = timedelta(minutes=30)
_REASON_WEIGHTS: Final = (58, 16, 6, 11, 9)
S = AppointmentStatus


@dataclass(slots=True, kw_only=True)
class _Known:
    """Somebody who has been here, and how prone they are to miss a visit (log odds)."""

    patient: Patient
    last: datetime
    unreliable: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A stretch of a doctor's day that somebody wants."""

    start: datetime
    service: HealthcareService


@dataclass(frozen=True, slots=True, kw_only=True)
class DayVisits:
    """A day's appointments as they are now, and the patients who came to be known with them."""

    day: date
    patients: tuple[Patient, ...]
    visits: tuple[tuple[Appointment, Patient], ...]


class Visits:
    """Makes the clinic's days one after the other."""

    def __init__(self, rng: Random, now: datetime) -> None:
        self._rng, self._now = rng, now
        self._today = clock.local_day(now, _ZONE)
        self._people = People(rng)
        self._known: dict[str, list[_Known]] = {}

    def on(self, day: date, doctors: Sequence[tuple[Doctor, Schedule]]) -> DayVisits:
        """The day of all doctors."""
        seen: set[str] = set()
        fresh: list[Patient] = []
        visits: list[tuple[Appointment, Patient]] = []
        for doctor, schedule in doctors:
            planned = list(self._bookings(doctor, schedule, day, seen))
            for visit, known in self._lived(doctor, planned):
                if visit.booked_at > self._now:
                    continue
                if known.last == known.patient.created_at:
                    fresh.append(known.patient)
                known.last = max(known.last, visit.end)
                visits.append((visit, known.patient))
        return DayVisits(day=day, patients=tuple(fresh), visits=tuple(visits))

    def _bookings(
        self, doctor: Doctor, schedule: Schedule, day: date, seen: set[str]
    ) -> Iterator[tuple[Appointment, _Known]]:
        """What is booked, before anything has happened on the day."""
        for slot in slots(self._rng, doctor, schedule.openings_on(day), day, self._demand(doctor, schedule, day)):
            booked_at = self._booked_at(slot.start, day)
            known = self._somebody(doctor, booked_at, day, seen)
            seen.add(known.patient.id)
            booked_at = self._after(known.last, booked_at, slot.start)
            yield self._booking(doctor, slot, day, known.patient, booked_at), known

    def _demand(self, doctor: Doctor, schedule: Schedule, day: date) -> int:
        usual, today = _open_minutes(schedule.weekly[0]), _open_minutes(schedule.openings_on(day))
        years_ago = max((self._today - day).days / 365.25, 0.0)
        mean = doctor.per_day * today / usual * _WEEKDAYS[day.weekday()] * _MONTHS[day.month - 1]
        return round(mean * (1 - _GROWTH * years_ago) * self._rng.gauss(1, 0.09))

    def _booked_at(self, start: datetime, day: date) -> datetime:
        """Three in ten call on the day itself; the rest days or weeks ahead, in office hours."""
        rng, kind = self._rng, self._rng.random()
        if kind < 0.3:  # noqa: PLR2004 - shares
            return start - timedelta(minutes=rng.randrange(20, 200))
        days = rng.randrange(1, 8) if kind < 0.74 else rng.randrange(8, 31)  # noqa: PLR2004
        return clock.at_local(day - timedelta(days=days), time(8, 30), _ZONE) + timedelta(seconds=rng.randrange(38_000))

    def _after(self, last: datetime, booked_at: datetime, start: datetime) -> datetime:
        """Nobody books a follow-up before they were here; then they book it when leaving, or on the day."""
        if booked_at > last:
            return booked_at
        return min(last + timedelta(minutes=self._rng.randrange(3, 20)), start - timedelta(minutes=15))

    def _somebody(self, doctor: Doctor, booked_at: datetime, day: date, seen: set[str]) -> _Known:
        """A new patient, or one of the doctor's own, more likely a recent one; nobody twice a day."""
        rng, own = self._rng, self._known.setdefault(doctor.key, [])
        if own and rng.random() >= _NEW_PATIENTS:
            for _ in range(6):
                known = own[int(len(own) * (1 - rng.random() ** 2.1))]
                if known.patient.id not in seen:
                    return known
        patient = self._people.new(doctor, booked_at - timedelta(minutes=2), day)
        known = _Known(patient=patient, last=patient.created_at, unreliable=rng.gauss(0, 0.6))
        own.append(known)
        return known

    def _booking(self, doctor: Doctor, slot: Slot, day: date, patient: Patient, booked_at: datetime) -> Appointment:
        first = AppointmentEvent(at=booked_at, by="reception", kind="booked", status=S.BOOKED, start=slot.start)
        return Appointment(
            id=new_id(self._rng),
            patient_id=patient.id,
            practitioner_id=doctor.id,
            service_id=slot.service.id,
            start=slot.start,
            minutes=slot.service.minutes,
            day=day,
            room_id=doctor.room_id,
            reason=self._rng.choice(REASONS[slot.service.code]),
            booked_at=booked_at,
            events=(first,),
        )

    def _lived(
        self, doctor: Doctor, planned: Sequence[tuple[Appointment, _Known]]
    ) -> Iterator[tuple[Appointment, _Known]]:
        """The day's visits with all that happens to them up to now."""
        free_at = datetime.min.replace(tzinfo=self._now.tzinfo)
        for booked, known in planned:
            visit = self._moved(booked) if self._rng.random() < _MOVES else booked
            fate = self._rng.random()
            if fate < _CANCELS:
                visit = self._cancelled(visit)
            elif fate < _CANCELS + (1 - _CANCELS) * _no_show_odds(visit, known.unreliable):
                visit = _stepped(visit, (visit.start + _NO_SHOW_AFTER, S.NOSHOW, "reception"))
            else:
                visit, free_at = self._attended(doctor, visit, free_at)
            yield _until(visit, self._now), known

    def _moved(self, visit: Appointment) -> Appointment:
        """First booked for another time, and moved some time before."""
        before = visit.start + timedelta(days=self._rng.choice((-2, -1, 1, 3)), minutes=_CELL * self._rng.randrange(6))
        at = visit.booked_at + (min(before, visit.start) - visit.booked_at) * self._rng.uniform(0.2, 0.8)
        if not visit.booked_at + timedelta(minutes=1) < at <= self._now:
            return visit
        first = replace(visit.events[0], start=before)
        moved = AppointmentEvent(at=_whole(at), by="reception", kind="moved", status=S.BOOKED, start=visit.start)
        return replace(visit, events=(first, moved))

    def _cancelled(self, visit: Appointment) -> Appointment:
        since = visit.events[-1].at
        at = since + (visit.start - since) * self._rng.uniform(0.15, 0.97)
        reason = self._rng.choices(tuple(CancelReason), _REASON_WEIGHTS)[0]
        return replace(_stepped(visit, (_whole(at), S.CANCELLED, "reception")), cancel_reason=reason)

    def _attended(self, doctor: Doctor, visit: Appointment, free_at: datetime) -> tuple[Appointment, datetime]:
        """Comes a little early or late, waits until the doctor is free, and takes about as long as booked."""
        rng = self._rng
        came = visit.start + timedelta(seconds=round(max(-1_800.0, min(rng.gauss(-560, 460), 1_200.0))))
        came = max(came, visit.events[-1].at + timedelta(minutes=4))
        seen = max(came + timedelta(seconds=rng.randrange(60, 240)), free_at, visit.start - timedelta(minutes=5))
        length = visit.minutes * 60 * rng.lognormvariate(-0.07, 0.22)
        done = seen + timedelta(seconds=round(length))
        name = "doctor" if doctor is BUSIEST else f"dr-{doctor.key}"
        steps = ((came, S.ARRIVED, "reception"), (seen, S.CHECKED_IN, name), (done, S.FULFILLED, name))
        return _stepped(visit, *steps), done + timedelta(seconds=rng.randrange(20, 90))


def slots(rng: Random, doctor: Doctor, openings: Sequence[Opening], day: date, wanted: int) -> Iterator[Slot]:
    """`wanted` visits, or as many as fit, spread over the openings, in order and without overlap."""
    codes, weights = zip(*doctor.services, strict=True)
    total = _open_minutes(openings)
    for opening in openings:
        length = _open_minutes((opening,))
        services = [SERVICES[code] for code in rng.choices(codes, weights, k=round(wanted * length / total))]
        while sum(service.minutes for service in services) > length:
            services.pop()
        cells_free = (length - sum(service.minutes for service in services)) // _CELL
        cuts = sorted(rng.randrange(cells_free + 1) for _ in services)
        at = clock.at_local(day, opening.start, _ZONE)
        taken = 0
        for service, gap in zip(services, cuts, strict=True):
            yield Slot(start=at + timedelta(minutes=taken + gap * _CELL), service=service)
            taken += service.minutes


def _open_minutes(openings: Sequence[Opening]) -> int:
    return sum((o.end.hour - o.start.hour) * 60 + o.end.minute - o.start.minute for o in openings)


def _no_show_odds(visit: Appointment, unreliable: float) -> float:
    """The probability not to come: it grows with the lead time, in the morning and on Mondays."""
    lead = max((visit.start - visit.booked_at).total_seconds() / 86_400, 0.0)
    local = visit.start.astimezone(_ZONE)
    score = -2.95 + 0.36 * math.log1p(lead) + 0.35 * (local.hour < 11) + 0.2 * (local.weekday() == 0) + unreliable  # noqa: PLR2004
    return 1 / (1 + math.exp(-score))


def _stepped(visit: Appointment, *steps: tuple[datetime, AppointmentStatus, str]) -> Appointment:
    events = [
        AppointmentEvent(at=at, by=by, kind="status", status=status, start=visit.start) for at, status, by in steps
    ]
    return replace(visit, events=(*visit.events, *events))


def _until(visit: Appointment, now: datetime) -> Appointment:
    """The visit as it is at `now`: with the events up to then, and where they led to."""
    events = visit.events[: bisect([event.at for event in visit.events], now)] or visit.events[:1]
    status = events[-1].status
    reason = visit.cancel_reason if status is S.CANCELLED else None
    return replace(visit, events=events, status=status, cancel_reason=reason, version=len(events))


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
