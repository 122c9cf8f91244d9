"""How far ahead visits were booked and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.reports import lead_time
from clinic_core.reports.measures import CANCELLED, LATE_HOURS, MISSED, SEEN, VISITS
from clinic_core.services.recent import Recent
from clinic_core.services.reports import Question, facts_asked

_made: Recent[pd.DataFrame] = Recent(64)


_OUTCOMES: Final[Mapping[str, tuple[str, ...]]] = {
    "Seen": SEEN,
    "No-show": MISSED,
    "Cancelled": CANCELLED,
    "Cancelled late": CANCELLED,
}
_ROWS: Final = ["patient_id", "practitioner_id", "service_id", "day", "status", "lead_days", "notice_hours"]


def behind(clinic: Clinic, actor: Actor, question: Question, ahead: str, outcome: str) -> pd.DataFrame:
    """The visits behind one number of `by_lead_time`, the latest first: those booked so far ahead that became so."""
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "lead-time-visits")
    known, narrow = facts_asked(clinic, question, VISITS)
    visits = known.frame(narrow, _ROWS)
    visits = visits[visits["status"].isin(_OUTCOMES.get(outcome, ()))]
    if outcome == "Cancelled late":
        visits = visits[visits["notice_hours"] < LATE_HOURS]
    names, edges = zip(*lead_time.AHEAD, strict=True)
    place = pd.Index(edges).searchsorted(visits["lead_days"].clip(lower=0), side="right") - 1
    found: pd.DataFrame = visits[place == (names.index(ahead) if ahead in names else -1)]
    return found.sort_values("day", ascending=False, kind="stable", ignore_index=True)


def by_lead_time(clinic: Clinic, actor: Actor, question: Question) -> pd.DataFrame:
    """`reports.lead_time.table` of the visits that are asked for. Shared and read-only."""
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "lead-time")
    columns = ["lead_days", "status", "notice_hours"]
    visits, narrow = facts_asked(clinic, question, VISITS)
    return _made.get((visits, question), lambda: lead_time.table(visits.frame(narrow, columns)))
