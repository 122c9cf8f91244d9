"""The day's appointments and hours as what the day view draws. No input, no output: everything is handed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from clinic_core.clinic import DirectoryView
from clinic_core.domain.appointments import HOLDING, Appointment
from clinic_core.domain.clock import at_local
from clinic_core.domain.people import Practitioner
from clinic_core.domain.schedules import WEEKDAYS, Schedule, free_starts
from clinic_core.services.appointments import DayRow
from ui import widgets
from ui.day_view import DayColumn, DayView, Free, Gap, Line, Taken

Stretch = tuple[datetime, datetime]
_HALF_HOUR = 30
_HOUR = 60


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a day view is made of."""

    day: date
    now: datetime
    directory: DirectoryView
    rows: Sequence[DayRow]
    only: frozenset[str] = frozenset()  # practitioners to show; empty: all who work or have visits
    chosen: str = ""
    moving: Appointment | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's zone."""
        return self.directory.organization.zone

    @property
    def step(self) -> int:
        """Minutes between two starts."""
        return self.directory.organization.slot_minutes

    @property
    def length(self) -> int:
        """Minutes that a free time must have."""
        return self.moving.minutes if self.moving else self.step


def build(plan: Plan) -> DayView:
    """The grid of the day."""
    visits = held(plan.rows)
    shown = [p for p in plan.directory.practitioners.values() if _is_shown(plan, p, visits)]
    begin, end = _frame(
        plan, shown, [row for row in visits if row.appointment.practitioner_id in {p.id for p in shown}]
    )
    minutes = _minutes(begin, end)
    now = _minutes(begin, plan.now) if begin <= plan.now < end else None
    return DayView(
        day=plan.day.isoformat(),
        title=f"Appointments on {widgets.day_text(plan.day)}",
        origin=begin,
        minutes=minutes,
        step=plan.step,
        verb="move here" if plan.moving else "book",
        lines=[_line(plan, begin, at) for at in range(0, minutes, plan.step)],
        columns=[_column(plan, p, visits, begin, end) for p in shown],
        now=now,
        chosen=plan.moving.id if plan.moving else plan.chosen,
        moving=plan.moving is not None,
    )


def held(rows: Iterable[DayRow]) -> list[DayRow]:
    """The visits that hold time."""
    return [row for row in rows if row.appointment.status in HOLDING and not row.appointment.untimed]


def free_of(plan: Plan, practitioner_id: str, *, minutes: int) -> list[datetime]:
    """The practitioner's starts that are still to come and free for `minutes`, oldest first."""
    taken = [
        (row.appointment.start, row.appointment.end)
        for row in held(plan.rows)
        if row.appointment.practitioner_id == practitioner_id and row.appointment != plan.moving
    ]
    windows = plan.directory.schedule(practitioner_id).windows(plan.day, plan.zone)
    return free_starts(windows, taken, minutes=minutes, step=plan.step, not_before=plan.now)


def away(plan: Plan, practitioners: Mapping[str, Practitioner]) -> list[str]:
    """The names of those who do not work on the day."""
    off = [p for p in practitioners.values() if p.active and not plan.directory.schedule(p.id).openings_on(plan.day)]
    return [p.name for p in off]


def _is_shown(plan: Plan, practitioner: Practitioner, visits: Iterable[DayRow]) -> bool:
    if plan.only:
        return practitioner.id in plan.only
    works = practitioner.active and bool(plan.directory.schedule(practitioner.id).openings_on(plan.day))
    return works or any(row.appointment.practitioner_id == practitioner.id for row in visits)


def _frame(plan: Plan, shown: Iterable[Practitioner], visits: Iterable[DayRow]) -> Stretch:
    """From the first full hour that anybody needs to the last; nine to five when nobody does."""
    stretches = [w for p in shown for w in plan.directory.schedule(p.id).windows(plan.day, plan.zone)]
    stretches += [(row.appointment.start, row.appointment.end) for row in visits]
    if not stretches:
        noon = at_local(plan.day, datetime.min.time(), plan.zone)
        stretches = [(noon + timedelta(hours=9), noon + timedelta(hours=17))]
    first = min(begin for begin, _ in stretches).astimezone(plan.zone)
    begin = min(start for start, _ in stretches) - timedelta(minutes=first.minute)
    needed = _minutes(begin, max(end for _, end in stretches))
    return begin, begin + timedelta(minutes=-(-needed // plan.step) * plan.step)


def _minutes(begin: datetime, end: datetime) -> int:
    return int((end - begin).total_seconds() // 60)


def _line(plan: Plan, begin: datetime, at: int) -> Line:
    local = (begin + timedelta(minutes=at)).astimezone(plan.zone)
    full = local.minute == 0
    return Line(
        at=at, label=f"{local:%H:%M}", full=full, shown=full or local.minute == _HALF_HOUR or plan.step > _HALF_HOUR
    )


def _column(
    plan: Plan, practitioner: Practitioner, visits: Iterable[DayRow], begin: datetime, end: datetime
) -> DayColumn:
    mine = [row for row in visits if row.appointment.practitioner_id == practitioner.id]
    schedule = plan.directory.schedule(practitioner.id)
    windows = schedule.windows(plan.day, plan.zone)
    free = free_of(plan, practitioner.id, minutes=plan.length) if practitioner.active else []
    return DayColumn(
        id=practitioner.id,
        name=practitioner.name,
        note=f"{len(mine)} booked, {len(free)} free",
        open=[(_minutes(begin, start), _minutes(begin, finish)) for start, finish in windows],
        gaps=_gaps(plan, schedule, windows, begin, end),
        free=[Free(at=_minutes(begin, start), label=f"{start.astimezone(plan.zone):%H:%M}") for start in free],
        taken=[_taken(plan, row, begin) for row in mine],
    )


def _gaps(plan: Plan, schedule: Schedule, windows: Sequence[Stretch], begin: datetime, end: datetime) -> list[Gap]:
    if not windows:
        return [Gap(at=0, minutes=_minutes(begin, end), text=_why_off(plan.day, schedule))]
    breaks = [(a_end, b_start) for (_, a_end), (b_start, _) in zip(windows, windows[1:], strict=False)]
    return [
        Gap(at=_minutes(begin, start), minutes=_minutes(start, finish), text="Break")
        for start, finish in breaks
        if start < finish
    ]


def _why_off(day: date, schedule: Schedule) -> str:
    absent = next((a for a in schedule.absences if a.start_on <= day <= a.end_on), None)
    if absent:
        return f"Away until {widgets.short_day(absent.end_on)}"
    return f"No hours on {WEEKDAYS[day.weekday()]}s"


def _taken(plan: Plan, row: DayRow, begin: datetime) -> Taken:
    visit, patient = row.appointment, row.patient
    start, end = visit.start.astimezone(plan.zone), visit.end.astimezone(plan.zone)
    status = widgets.status_mark(visit)
    service = plan.directory.services.get(visit.service_id)
    what = service.name if service else "Visit"
    who = f"{patient.name}, {patient.number}{', has allergies' if patient.allergies else ''}"
    return Taken(
        id=visit.id,
        at=_minutes(begin, visit.start),
        minutes=visit.minutes,
        title=patient.name,
        detail=f"{what} · {status.text}",
        tone=status.tone,
        label=f"{start:%H:%M} to {end:%H:%M}, {who}, {what}, {status.text}",
        alert=bool(patient.allergies),
    )
