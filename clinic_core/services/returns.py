"""Patients over time: new and returning ones, cohorts, and those who have not been here for long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.people import Patient
from clinic_core.reports import returns
from clinic_core.reports.measures import OPEN, SEEN, VISITS
from clinic_core.reports.periods import Grain
from clinic_core.reports.returns import Ints
from clinic_core.services.fact_columns import Fact, Narrow
from clinic_core.services.fact_parts import ordinal
from clinic_core.services.recent import Recent
from clinic_core.services.reports import Question, facts_asked

BASIS: Final = (
    "Patients who were seen, by the day of the visit. New: their first visit ever lies in the period. Cohort: of those "
    "who were new in a period, the share who came again so many periods later."
)
LAPSED_MONTHS: Final = (3, 6, 12, 24)
_MOST: Final = 200
_NEVER: Final = np.iinfo(np.int64).min
_COLUMNS: Final = ["patient_id", "day", "status"]
_made: Recent[Returns] = Recent(32)
_firsts: Recent[Ints] = Recent(3)  # by the visits that they are of
_gone: Recent[pd.DataFrame] = Recent(8)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Returns:
    """New and returning patients. Shared and read-only."""

    grain: Grain
    periods: pd.DataFrame  # period, new, returning
    cohorts: pd.DataFrame  # period, patients, then the share who came again 0, 1, 2 … periods later


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed:
    """A patient who has not been here for long and has nothing booked."""

    patient: Patient
    last_on: date
    visits: int


def of(clinic: Clinic, actor: Actor, question: Question) -> Returns:
    """New and returning patients of the days that are asked for; first visits are looked for in all days."""
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "patients")
    (visits, narrow), today = facts_asked(clinic, question, VISITS), clinic.today()
    return _made.get((visits, question, today), lambda: _of(visits, narrow, question, today))


def lapsed(clinic: Clinic, actor: Actor, *, months: int, most: int | None = _MOST) -> tuple[list[Lapsed], int]:
    """Whom to call back: the latest to lapse first, at most `most` of them, and how many there are.

    A patient has lapsed when the last visit that was seen is longer ago than `months` and none is booked.
    """
    access.require(actor, "recall.read")
    clinic.audit.record_read(actor, "recall.read", f"lapsed-{months}")
    (visits, _), today = facts_asked(clinic, Question(), VISITS), clinic.today()
    gone = _gone.get((visits, months, today), lambda: _lapsed(visits, months, today))
    chosen = gone.head(len(gone) if most is None else most)
    people = clinic.patients.for_list(chosen["patient_id"])
    lines = zip(chosen["patient_id"], chosen["last"].dt.date, chosen["visits"], strict=True)
    found = [Lapsed(patient=people[who], last_on=day, visits=int(n)) for who, day, n in lines if who in people]
    return found, len(gone)


def _of(visits: Fact, narrow: Narrow, question: Question, today: date) -> Returns:
    firsts = firsts_of(visits)
    seen = _seen(visits.frame(narrow, _COLUMNS))
    seen = seen[seen["day"] <= pd.Timestamp(today)]
    grain = question.grain if question.grain in (Grain.MONTH, Grain.QUARTER, Grain.YEAR) else Grain.MONTH
    by_period = returns.by_period(seen, firsts, grain)
    ends = (question.end_on, question.chosen_to, question.as_of, today)
    return Returns(
        grain=grain,
        periods=returns.new_and_returning(by_period, grain),
        cohorts=returns.cohorts(by_period, grain, min(end for end in ends if end is not None)),
    )


def firsts_of(visits: Fact) -> Ints:
    """`reports.returns.first_visits` of all days, for services that have asked access. Shared and read-only."""
    return _firsts.get(visits, lambda: returns.first_visits(_seen(visits.frame(columns=_COLUMNS))))


def _seen(visits: pd.DataFrame) -> pd.DataFrame:
    """The visits that were seen: `patient` (the code of the id), `day`."""
    patients = pd.Series(visits["patient_id"].cat.codes, name="patient")
    return pd.DataFrame({"patient": patients, "day": visits["day"]})[visits["status"].isin(SEEN)]


def _lapsed(visits: Fact, months: int, today: date) -> pd.DataFrame:
    """Everybody who has lapsed, the latest to lapse first: `patient_id`, `last`, `visits`."""
    every, now = visits.frame(columns=_COLUMNS), pd.Timestamp(today)
    patients = every["patient_id"].cat.codes.to_numpy()
    days = every["day"].to_numpy().astype("datetime64[D]").astype(np.int64)
    seen, size = every["status"].isin(SEEN).to_numpy(), int(patients.max(initial=-1)) + 1
    last = np.full(size, _NEVER)
    np.maximum.at(last, patients[seen], days[seen])
    ahead = np.zeros(size, bool)
    ahead[patients[(every["status"].isin(OPEN) & (every["day"] >= now)).to_numpy()]] = True
    long_ago = ordinal((now - pd.DateOffset(months=months)).date())
    found = np.flatnonzero((last > _NEVER) & (last < long_ago) & ~ahead)
    gone = pd.DataFrame(
        {
            "patient_id": every["patient_id"].cat.categories.to_numpy(dtype=object)[found],
            "last": last[found].astype("datetime64[D]").astype("datetime64[s]"),
            "visits": np.bincount(patients[seen], minlength=size)[found],
        }
    )
    return gone.sort_values("last", ascending=False, kind="stable", ignore_index=True)
