"""How practitioners' hours were used: minutes offered, used and missed, by weekday and hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Final

import pandas as pd

from clinic_core.domain.schedules import Schedule
from clinic_core.reports.measures import MISSED, OPEN, SEEN

WEEKDAYS: Final = range(7)
HOURS: Final = range(24)
_MINUTES: Final = 60


def offered(schedules: Iterable[Schedule], first: date, last: date) -> dict[tuple[str, int, int], int]:
    """Minutes that practitioners had hours: (practitioner id, weekday, hour) -> minutes, by their present hours.

    Absences are taken out. Days outside of `first` to `last` do not count.
    """
    made: dict[tuple[str, int, int], int] = {}
    for schedule in schedules:
        days = _days_there(schedule, first, last)
        for weekday in WEEKDAYS:
            for opening in schedule.weekly[weekday]:
                for hour in HOURS:
                    minutes = _overlap(opening.start, opening.end, hour) * days[weekday]
                    if minutes:
                        key = schedule.id, weekday, hour
                        made[key] = made.get(key, 0) + minutes
    return made


def table(visits: pd.DataFrame, hours: Mapping[tuple[str, int, int], int]) -> pd.DataFrame:
    """What became of the hours that were offered.

    Args:
        visits: `practitioner_id`, `weekday`, `hour` (of the start), `minutes`, `status`; one row per visit with a time.
        hours: as `offered` gives them.

    Returns:
        One row per practitioner, weekday and hour with either: those, `offered`, `used` (seen, or still to come),
        `missed` (the patient did not come), `idle` (offered and neither) and `over` (visits beyond what was offered);
        all minutes, int64.
    """
    keys = ["practitioner_id", "weekday", "hour"]
    used = _minutes(visits, keys, (*SEEN, *OPEN))
    missed = _minutes(visits, keys, MISSED)
    index = (
        pd.MultiIndex.from_tuples(list(hours), names=keys) if hours else pd.MultiIndex.from_arrays([[]] * 3, names=keys)
    )
    there = pd.Series(list(hours.values()), index=index, dtype="int64")
    made = pd.DataFrame({"offered": there}).join(pd.DataFrame({"used": used, "missed": missed}), how="outer")
    made = made.fillna(0).astype("int64")
    free = made["offered"] - made["used"] - made["missed"]
    made["idle"], made["over"] = free.clip(lower=0), (-free).clip(lower=0)
    return made.reset_index()


def by(made: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """`table` added up by some of its keys, with `share`: used of offered, NaN where nothing was offered."""
    columns = ["offered", "used", "missed", "idle", "over"]
    summed = made.groupby(list(keys), observed=True)[columns].sum()
    summed["share"] = summed["used"] / summed["offered"].where(summed["offered"] > 0)
    return summed.reset_index()


def _minutes(visits: pd.DataFrame, keys: list[str], statuses: Sequence[str]) -> pd.Series:
    kept = visits[visits["status"].isin(statuses)]
    return kept.groupby(keys, observed=True)["minutes"].sum()


def _overlap(start: time, end: time, hour: int) -> int:
    begin, finish = start.hour * _MINUTES + start.minute, end.hour * _MINUTES + end.minute
    return max(0, min(finish, (hour + 1) * _MINUTES) - max(begin, hour * _MINUTES))


def _days_there(schedule: Schedule, first: date, last: date) -> list[int]:
    """How many days of each weekday somebody was there, Monday first."""
    days = [_count(weekday, first, last) for weekday in WEEKDAYS]
    away = {
        day for absence in schedule.absences for day in _span(max(absence.start_on, first), min(absence.end_on, last))
    }
    for day in away:
        days[day.weekday()] -= 1
    return days


def _span(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def _count(weekday: int, first: date, last: date) -> int:
    """How many days of a weekday there are between two days, both included."""
    start = first + timedelta(days=(weekday - first.weekday()) % 7)
    return 0 if start > last else (last - start).days // 7 + 1
