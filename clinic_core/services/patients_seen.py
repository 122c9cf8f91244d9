"""The patients behind the figures of the board "Patients": who was seen, when first, and who came again."""

from __future__ import annotations

from datetime import date
from typing import Final

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.reports.measures import SEEN, VISITS
from clinic_core.reports.periods import Grain, period_of
from clinic_core.services import facts
from clinic_core.services.recent import Recent
from clinic_core.services.reports import Question, facts_asked

_COLUMNS: Final = ["patient_id", "day", "status"]
_MONTHS: Final = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}
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
    key = (facts.snapshot(clinic).serial, question, cohort, grain, clinic.today())
    return _made.get(key, lambda: _of(clinic, question, cohort, grain))


def _of(clinic: Clinic, question: Question, cohort: tuple[date, int] | None, grain: Grain) -> pd.DataFrame:
    ever = _seen(clinic, Question(as_of=question.as_of))
    asked = _seen(clinic, question)
    days = asked.groupby("patient_id", observed=True)["day"]
    made = pd.DataFrame({"last": days.max(), "visits": days.size()})
    made.insert(0, "first", ever.groupby("patient_id", observed=True)["day"].min().reindex(made.index))
    began = period_of(made["first"].astype("datetime64[s]"), grain)
    seen = asked.assign(period=period_of(asked["day"], grain), began=asked["patient_id"].map(began))
    made["new"] = made.index.isin(seen.loc[seen["period"] == seen["began"], "patient_id"])
    if cohort is not None:
        start, later = cohort
        then = pd.Timestamp(start) + pd.DateOffset(months=later * _MONTHS[grain])
        again = made.index.isin(seen.loc[seen["period"] == then, "patient_id"])
        made = made[made["new"] & (began == pd.Timestamp(start)) & again]
    return made.sort_values("last", ascending=False, kind="stable").reset_index()


def _seen(clinic: Clinic, question: Question) -> pd.DataFrame:
    known, narrow = facts_asked(clinic, question, VISITS)
    visits = known.frame(narrow, _COLUMNS)
    seen: pd.DataFrame = visits[visits["status"].isin(SEEN) & (visits["day"] <= pd.Timestamp(clinic.today()))]
    return seen
