"""The patients behind the figures of the board "Patients": who was seen, when first, and who came again."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.reports.measures import SEEN, VISITS
from clinic_core.reports.periods import Grain, number_of
from clinic_core.reports.returns import Ints
from clinic_core.services.fact_columns import Fact, Narrow
from clinic_core.services.recent import Recent
from clinic_core.services.reports import Question, facts_asked
from clinic_core.services.returns import firsts_of

_COLUMNS: Final = ["patient_id", "day", "status"]
_made: Recent[pd.DataFrame] = Recent(8)


def of(
    clinic: Clinic, actor: Actor, question: Question, *, cohort: tuple[date, int] | None = None, grain: Grain
) -> pd.DataFrame:
    """Who was seen on the days that are asked for, the latest first. Shared and read-only.

    Args:
        cohort: only those whose first visit lies in the period that begins on this day and who were seen again so many
            periods later.
        grain: how long a period is: a month, a quarter or a year.

    Returns:
        One row per patient: `patient_id`, `first` (visit ever), `last` (of these days), `visits` (on these days), `new`
        (seen on these days in the period of the first visit ever), as `returns` counts them.
    """
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "patients-seen")
    (visits, narrow), today = facts_asked(clinic, question, VISITS), clinic.today()
    key = (visits, question, cohort, grain, today)
    return _made.get(key, lambda: _of(visits, narrow, today, cohort, grain))


def _of(visits: Fact, narrow: Narrow, today: date, cohort: tuple[date, int] | None, grain: Grain) -> pd.DataFrame:
    every = visits.frame(narrow, _COLUMNS)
    seen = every[every["status"].isin(SEEN) & (every["day"] <= pd.Timestamp(today))]
    who, days = seen["patient_id"].cat.codes.to_numpy(), seen["day"].to_numpy().astype("datetime64[D]")
    firsts, periods = firsts_of(visits), number_of(days, grain)
    began = number_of(firsts, grain)
    size = len(firsts)
    new = _marked(size, who[periods == began[who]])
    theirs = _marked(size, who)
    if cohort is not None:
        start = number_of(np.array([cohort[0]], "datetime64[D]"), grain)[0]
        theirs = new & (began == start) & _marked(size, who[periods == start + cohort[1]])
    last = np.zeros(size, np.int64)
    np.maximum.at(last, who, days.astype(np.int64))
    found = np.flatnonzero(theirs)
    made = pd.DataFrame(
        {
            "patient_id": seen["patient_id"].cat.categories.take(found),
            "first": firsts[found].astype("datetime64[s]"),
            "last": last[found].astype("datetime64[D]").astype("datetime64[s]"),
            "visits": np.bincount(who, minlength=size)[found],
            "new": new[found],
        }
    )
    return made.sort_values("last", ascending=False, kind="stable", ignore_index=True)


def _marked(size: int, places: Ints) -> Ints:
    """True at these places."""
    made = np.zeros(size, bool)
    made[places] = True
    return made
