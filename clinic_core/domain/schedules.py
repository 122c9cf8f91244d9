"""When a practitioner works (FHIR Schedule) and which starts are free (FHIR Slot).

All times are the clinic's wall clock; a break is the gap between two openings of a day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from clinic_core.domain.clock import at_local
from clinic_core.errors import InvalidInput

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_OPENING: Final = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*-\s*(\d{1,2})(?::(\d{2}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A stretch of work within one day, `start` before `end`."""

    start: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Whole days away, both ends included."""

    start_on: date
    end_on: date
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One practitioner's weekly hours: for each weekday, Monday first, its openings in order."""

    id: str  # the practitioner's id
    weekly: tuple[tuple[Opening, ...], ...] = ((),) * 7
    absences: tuple[Absence, ...] = ()
    version: int = 0

    def openings_on(self, day: date) -> tuple[Opening, ...]:
        """The day's openings, none on an absence."""
        if any(absence.start_on <= day <= absence.end_on for absence in self.absences):
            return ()
        return self.weekly[day.weekday()]

    def windows(self, day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
        """The day's openings as UTC instants."""
        return [(at_local(day, o.start, zone), at_local(day, o.end, zone)) for o in self.openings_on(day)]

    def is_open(self, start: datetime, minutes: int, day: date, zone: ZoneInfo) -> bool:
        """Whether the whole stretch lies within one opening."""
        end = start + timedelta(minutes=minutes)
        return any(begin <= start and end <= finish for begin, finish in self.windows(day, zone))


def parse_openings(text: str) -> tuple[Opening, ...]:
    """Openings of ``"09:00-13:00, 14:00-17:30"``; none of a blank.

    Raises InvalidInput when a time cannot be read, an end is not after its start, or two overlap.
    """
    found = tuple(_parse_opening(part) for part in text.replace("–", "-").split(",") if part.strip())
    for earlier, later in zip(found, found[1:], strict=False):
        if later.start < earlier.end:
            raise InvalidInput("Hours overlap or are out of order; write them like 09:00-13:00, 14:00-17:30.")
    return found


def show_openings(openings: Iterable[Opening]) -> str:
    """The text that `parse_openings` reads."""
    return ", ".join(f"{o.start:%H:%M}-{o.end:%H:%M}" for o in openings)


def check_schedule(schedule: Schedule) -> Schedule:
    """The schedule as it is stored, absences by date; raises InvalidInput for hours or days that cannot be."""
    if len(schedule.weekly) != len(WEEKDAYS):
        raise InvalidInput("A week has seven days.", field="weekly")
    for openings in schedule.weekly:
        parse_openings(show_openings(openings))
    if any(absence.end_on < absence.start_on for absence in schedule.absences):
        raise InvalidInput("The last day of an absence cannot come before its first.", field="absences")
    return replace(schedule, absences=tuple(sorted(schedule.absences, key=lambda a: (a.start_on, a.end_on))))


def _parse_opening(part: str) -> Opening:
    edges = _OPENING.fullmatch(part.strip())
    try:
        if edges is None:
            raise ValueError(part)
        start, end = time(int(edges[1]), int(edges[2] or 0)), time(int(edges[3]), int(edges[4] or 0))
    except ValueError as error:
        raise InvalidInput(f"{part.strip()!r} is no stretch of hours; write it like 09:00-13:00.") from error
    if start >= end or start.minute % 5 or end.minute % 5:
        raise InvalidInput(f"{part.strip()!r}: the end must come after the start, both on five minutes.")
    return Opening(start=start, end=end)


def free_starts(
    windows: Iterable[tuple[datetime, datetime]],
    taken: Iterable[tuple[datetime, datetime]],
    *,
    minutes: int,
    step: int,
    not_before: datetime,
) -> list[datetime]:
    """Starts, oldest first, at which `minutes` fit into a window and touch nothing that is taken.

    `windows` and `taken` are [start, end) pairs of UTC instants; starts lie `step` minutes apart from each
    window's beginning.
    """
    busy, length = list(taken), timedelta(minutes=minutes)
    starts: list[datetime] = []
    for begin, finish in windows:
        start = begin
        while start + length <= finish:
            if start >= not_before and all(end <= start or start + length <= other for other, end in busy):
                starts.append(start)
            start += timedelta(minutes=step)
    return starts
