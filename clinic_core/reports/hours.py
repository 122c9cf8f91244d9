"""How practitioners' hours were used: minutes offered, used and missed, by weekday and hour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from clinic_core.domain.schedules import Schedule
from clinic_core.reports.measures import MISSED, OPEN, SEEN
from clinic_core.reports.periods import weekday_of

WEEKDAYS: Final = range(7)
HOURS: Final = range(24)
_MINUTES: Final = 60
_WEEK: Final = len(WEEKDAYS) * len(HOURS)
_NOBODY: Final[Mapping[str, date]] = {}


def offered(schedules: Iterable[Schedule], first: date, last: date) -> dict[tuple[str, int, int], int]:
    """Minutes that practitioners had hours: (practitioner id, weekday, hour) -> minutes, by their present hours.

    Absences are taken out. Days outside of `first` to `last` do not count.
    """
    made: dict[tuple[str, int, int], int] = {}
    for schedule in schedules:
        days = _days_there(schedule, first, last)
        for slot, minutes in enumerate(_weekly(schedule)):
            weekday, hour = divmod(slot, len(HOURS))
            if minutes * days[weekday]:
                made[schedule.id, weekday, hour] = minutes * days[weekday]
    return made


def table(
    visits: pd.DataFrame, schedules: Iterable[Schedule], first: date, last: date, left: Mapping[str, date] = _NOBODY
) -> pd.DataFrame:
    """What became of the hours that were offered. What one day has too much does not fill what another has too little.

    Args:
        visits: `practitioner_id`, `day`, `hour` (of the start), `minutes`, `status`; one row per visit with a time, of
            the days from `first` to `last`.
        schedules: the hours that practitioners have now, with their absences.
        left: practitioner id -> the last day of those who work no longer.

    Returns:
        One row per practitioner, weekday and hour with either: those, `offered`, `used` (seen, or still to come),
        `missed` (the patient did not come), `idle` (offered and neither) and `over` (visits beyond what was offered on
        their day); all minutes, int64.
    """
    hours = {schedule.id: schedule for schedule in schedules}
    places, known = pd.factorize(visits["practitioner_id"])
    names = [*map(str, known), *(one for one in hours if one not in known)]
    weekly = np.array([_weekly(hours.get(one) or Schedule(id=one)) for one in names], np.int64).reshape(-1, _WEEK)
    weekdays = weekday_of(np.arange((last - first).days + 1) + np.datetime64(first, "D").astype(np.int64))
    there = np.array(
        [_there(hours.get(one), first, min(last, left.get(one, last)), len(weekdays)) for one in names], bool
    ).reshape(len(names), len(weekdays))
    days = (visits["day"].to_numpy().astype("datetime64[D]") - np.datetime64(first, "D")).astype(np.int64)
    loads = _loads(visits, (places * len(weekdays) + days) * len(HOURS) + visits["hour"].to_numpy(np.int64))
    who, day = np.divmod(loads["key"].to_numpy() // len(HOURS), len(weekdays))
    slots = weekdays[day] * len(HOURS) + loads["key"].to_numpy() % len(HOURS)
    over = (loads["used"] + loads["missed"] - weekly[who, slots] * there[who, day]).clip(lower=0)
    worked = np.stack([there[:, weekdays == weekday].sum(axis=1) for weekday in WEEKDAYS], axis=1)
    made = {"offered": weekly.ravel() * np.repeat(worked.ravel(), len(HOURS))}
    for name, minutes in (("used", loads["used"]), ("missed", loads["missed"]), ("over", over)):
        made[name] = np.bincount(who * _WEEK + slots, minutes, minlength=len(names) * _WEEK).astype(np.int64)
    cells = pd.DataFrame(made)
    cells.insert(0, "practitioner_id", np.repeat(np.array(names, object), _WEEK))
    cells.insert(1, "weekday", np.tile(np.repeat(WEEKDAYS, len(HOURS)), len(names)))
    cells.insert(2, "hour", np.tile(HOURS, len(names) * len(WEEKDAYS)))
    cells.insert(6, "idle", cells["offered"] - cells["used"] - cells["missed"] + cells["over"])
    return cells[(cells[["offered", "used", "missed"]] > 0).any(axis=1)].reset_index(drop=True)


def by(made: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """`table` added up by some of its keys, with `share`: used of offered, NaN where nothing was offered."""
    columns = ["offered", "used", "missed", "idle", "over"]
    summed = made.groupby(list(keys), observed=True)[columns].sum()
    summed["share"] = summed["used"] / summed["offered"].where(summed["offered"] > 0)
    return summed.reset_index()


def _loads(visits: pd.DataFrame, keys: np.ndarray[Any, Any]) -> pd.DataFrame:
    """The minutes used and missed per practitioner, day and hour, told by one number."""
    places, found = pd.factorize(keys)
    loads = pd.DataFrame({"key": found})
    for name, statuses in (("used", (*SEEN, *OPEN)), ("missed", MISSED)):
        minutes = np.where(visits["status"].isin(statuses), visits["minutes"], 0)
        loads[name] = np.bincount(places, minutes, minlength=len(found)).astype(np.int64)
    return loads


def _weekly(schedule: Schedule) -> list[int]:
    """The minutes of each hour of the week, from Monday midnight on."""
    return [
        sum(_overlap(opening.start, opening.end, hour) for opening in schedule.weekly[weekday])
        for weekday in WEEKDAYS
        for hour in HOURS
    ]


def _there(schedule: Schedule | None, first: date, until: date, days: int) -> np.ndarray[Any, Any]:
    """Whether somebody was there on each of some days from `first` on, without absences and not after `until`."""
    there = np.arange(days) <= (until - first).days
    for day in _away(schedule, first, until) if schedule else ():
        there[(day - first).days] = False
    return there


def _overlap(start: time, end: time, hour: int) -> int:
    begin, finish = start.hour * _MINUTES + start.minute, end.hour * _MINUTES + end.minute
    return max(0, min(finish, (hour + 1) * _MINUTES) - max(begin, hour * _MINUTES))


def _days_there(schedule: Schedule, first: date, last: date) -> list[int]:
    """How many days of each weekday somebody was there, Monday first."""
    days = [_count(weekday, first, last) for weekday in WEEKDAYS]
    for day in set(_away(schedule, first, last)):
        days[day.weekday()] -= 1
    return days


def _away(schedule: Schedule, first: date, last: date) -> Iterator[date]:
    """The days of the absences between two days."""
    for absence in schedule.absences:
        yield from _span(max(absence.start_on, first), min(absence.end_on, last))


def _span(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def _count(weekday: int, first: date, last: date) -> int:
    """How many days of a weekday there are between two days, both included."""
    start = first + timedelta(days=(weekday - first.weekday()) % 7)
    return 0 if start > last else (last - start).days // 7 + 1
