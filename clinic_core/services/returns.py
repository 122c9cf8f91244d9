"""Patients over time: new and returning ones, cohorts, and those who have not been here for long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.people import Patient
from clinic_core.reports import returns
from clinic_core.reports.measures import OPEN, SEEN
from clinic_core.reports.periods import Grain
from clinic_core.services import facts
from clinic_core.services.recent import Recent
from clinic_core.services.reports import Question, rows_asked

BASIS: Final = (
    "Patients who were seen, by the day of the visit. New: their first visit ever lies in the period. Cohort: of those "
    "who were new in a period, the share who came again so many periods later."
)
LAPSED_MONTHS: Final = (3, 6, 12, 24)
_MOST: Final = 200
_COLUMNS: Final = ["patient_id", "day", "status"]
_made: Recent[Returns] = Recent(32)


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
    snapshot = facts.snapshot(clinic)
    return _made.get((snapshot.serial, question), lambda: _of(clinic, question))


def lapsed(clinic: Clinic, actor: Actor, *, months: int, most: int = _MOST) -> tuple[list[Lapsed], int]:
    """Whom to call back: the latest to lapse first, at most `most` of them, and how many there are.

    A patient has lapsed when the last visit that was seen is longer ago than `months` and none is booked.
    """
    access.require(actor, "recall.read")
    clinic.audit.record_read(actor, "recall.read", f"lapsed-{months}")
    visits = facts.snapshot(clinic).visits.frame(columns=_COLUMNS)
    seen = visits[visits["status"].isin(SEEN)]
    last = seen.groupby("patient_id", observed=True)["day"].agg(["max", "size"])
    today = pd.Timestamp(clinic.today())
    ahead = visits.loc[visits["status"].isin(OPEN) & (visits["day"] >= today), "patient_id"]
    gone = last[(last["max"] < today - pd.DateOffset(months=months)) & ~last.index.isin(ahead)]
    gone = gone.sort_values("max", ascending=False)
    chosen = gone.head(most)
    people = clinic.patients.for_list(str(patient_id) for patient_id in chosen.index)
    found = [
        Lapsed(patient=people[str(patient_id)], last_on=row["max"].date(), visits=int(row["size"]))
        for patient_id, row in chosen.iterrows()
        if str(patient_id) in people
    ]
    return found, len(gone)


def _of(clinic: Clinic, question: Question) -> Returns:
    ever = rows_asked(clinic, Question(as_of=question.as_of), "visits", _COLUMNS)
    firsts = returns.first_visits(ever[ever["status"].isin(SEEN)])
    asked = rows_asked(clinic, question, "visits", _COLUMNS)
    seen = asked[asked["status"].isin(SEEN) & (asked["day"] <= pd.Timestamp(clinic.today()))]
    grain = question.grain if question.grain in (Grain.MONTH, Grain.QUARTER, Grain.YEAR) else Grain.MONTH
    if seen.empty:
        none = pd.DataFrame({"period": [], "new": [], "returning": []})
        return Returns(grain=grain, periods=none, cohorts=none[["period"]])
    return Returns(
        grain=grain,
        periods=returns.new_and_returning(seen, firsts, grain),
        cohorts=returns.cohorts(seen, firsts, grain),
    )
