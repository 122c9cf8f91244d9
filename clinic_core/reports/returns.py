"""New patients and those who come again: pure sums over visits that were seen."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from clinic_core.reports.periods import PERIOD, Grain, number_of, start_of

Ints: TypeAlias = np.ndarray[Any, Any]
_NEVER: Final = np.iinfo(np.int32).max  # a day that does not come


def first_visits(seen: pd.DataFrame) -> Ints:
    """The day of each patient's first visit, by the patient's code.

    Args:
        seen: `patient` (a whole number from 0 on), `day`; one row per visit that was seen, of all days.

    Returns:
        datetime64[D]; a day far ahead for codes that nobody has.
    """
    patients = seen["patient"].to_numpy().astype(np.int64)
    firsts = np.full(int(patients.max(initial=-1)) + 1, _NEVER, np.int32)
    np.minimum.at(firsts, patients, _days(seen).astype(np.int32))
    return firsts.astype("datetime64[D]")


def by_period(seen: pd.DataFrame, firsts: Ints, grain: Grain) -> pd.DataFrame:
    """Who was seen in which period: each patient once in each.

    Args:
        seen: `patient`, `day`; one row per visit that was seen, of the days that are asked for.
        firsts: as `first_visits` gives them, of all visits.

    Returns:
        `period` and `first`, the period of the patient's first visit ever, as `periods.number_of` counts them, and
        `patient`.
    """
    patients, numbers = seen["patient"].to_numpy().astype(np.int64), number_of(_days(seen), grain)
    lowest, many = _lowest(numbers), int(patients.max(initial=0)) + 1
    once = pd.unique((numbers - lowest) * many + patients)
    patients = once % many
    return pd.DataFrame(
        {PERIOD: once // many + lowest, "first": number_of(firsts, grain)[patients], "patient": patients}
    )


def new_and_returning(seen: pd.DataFrame, grain: Grain) -> pd.DataFrame:
    """How many different patients were seen in each period, and how many of them for the first time ever.

    Args:
        seen: as `by_period` gives it.

    Returns:
        One row per period with a patient, oldest first: `period`, `new`, `returning`, int64.
    """
    numbers, first = seen[PERIOD].to_numpy(), seen["first"].to_numpy()
    lowest = _lowest(numbers)
    every = np.bincount(numbers - lowest)
    new = np.bincount(numbers[numbers == first] - lowest, minlength=len(every))
    there = np.flatnonzero(every)
    periods = start_of(there + lowest, grain)
    return pd.DataFrame({PERIOD: periods, "new": new[there], "returning": (every - new)[there]})


def cohorts(seen: pd.DataFrame, grain: Grain, last: date, *, most: int = 12) -> pd.DataFrame:
    """Of those who were new in a period, as `new_and_returning` counts them, the share seen so many periods later.

    Args:
        seen: as `by_period` gives it.
        last: the last day that is asked for; periods that begin later are not known yet.

    Returns:
        One row per period with new patients, the latest `most`: `period`, `patients`, and for each number of periods
        since then a column 0, 1, 2 … (0 to 1; NaN where that period has not begun).
    """
    numbers, first, patients = (seen[name].to_numpy() for name in (PERIOD, "first", "patient"))
    member = np.zeros(int(patients.max(initial=-1)) + 1, bool)
    member[patients[numbers == first]] = True
    starts = np.unique(first[member[patients]])[-most:]
    if not len(starts):
        return pd.DataFrame({PERIOD: start_of(starts, grain), "patients": starts})
    now = int(number_of(np.array([last], "datetime64[D]"), grain)[0])
    width = max(now, int(numbers.max())) - int(starts[0]) + 1
    theirs = member[patients] & (first >= starts[0])
    places = np.searchsorted(starts, first[theirs]) * width + numbers[theirs] - first[theirs]
    came = np.bincount(places, minlength=len(starts) * width).reshape(-1, width)
    begun = np.arange(width) <= now - starts[:, None]
    shares = pd.DataFrame(np.where(begun, came / came[:, :1], np.nan))
    shares.insert(0, PERIOD, start_of(starts, grain))
    shares.insert(1, "patients", came[:, 0])
    return shares


def _days(seen: pd.DataFrame) -> Ints:
    return seen["day"].to_numpy().astype("datetime64[D]")


def _lowest(numbers: Ints) -> int:
    return int(numbers.min()) if len(numbers) else 0
