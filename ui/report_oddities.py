"""The board "Oddities": what a manager should look at, each with its rows."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.reports.measures import CHARGES, PAYMENTS
from clinic_core.services import listings, oddities
from clinic_core.services.listings import Listing
from clinic_core.services.oddities import Unbilled
from clinic_core.services.reports import Question
from ui import report_filters, report_listings
from ui.text import plain

_FEW = 10  # rows that are shown at once


class _Part(NamedTuple):
    name: str  # of its file
    title: str
    icon: str
    what: str = ""  # the table of `Oddities`; "" for visits that were not billed

    def find(self, clinic: Clinic, actor: Actor, question: Question) -> pd.DataFrame:
        """The rows that there are now."""
        if not self.what:
            return _waiting(clinic, actor, question)
        found: pd.DataFrame = getattr(oddities.of(clinic, actor, question), self.what)
        return found


def draw(clinic: Clinic, actor: Actor, question: Question) -> None:
    """Draw the board."""
    st.caption("None of this is wrong by itself. Look at the rows and ask.")
    report_filters.said_not_known(question, CHARGES, PAYMENTS)
    found = oddities.of(clinic, actor, question)
    people = found.people
    for row in people[people["stands_out"].astype(bool)].itertuples() if len(people) else ():
        st.warning(plain(f"{row.by} did {row.share:.0%} of all {int(people['count'].sum()):,} that were taken back."))
    for part in _PARTS:
        rows = getattr(found, part.what) if part.what else _waiting(clinic, actor, question)
        _draw(clinic, actor, question, part, rows)


def _draw(clinic: Clinic, actor: Actor, question: Question, part: _Part, rows: pd.DataFrame) -> None:
    shown = 0 < len(rows) <= _FEW

    def make(at: Clinic, who: Actor, most: int | None) -> Listing:  # for a file, perhaps minutes later: found anew
        found = rows if most is not None else part.find(at, who, question)
        return listings.rows(at, part.name, part.title, found, most)

    with st.expander(f"{part.title}: {len(rows):,}", icon=f":material/{part.icon}:", expanded=shown):
        report_listings.show(clinic, actor, question, make, title=" ", empty="None.")


def _waiting(clinic: Clinic, actor: Actor, question: Question) -> pd.DataFrame:
    """Visits that were not billed."""
    return pd.DataFrame([_line(one) for one in oddities.unbilled(clinic, actor, question)])


def _line(one: Unbilled) -> dict[str, object]:
    return {
        "patient": one.patient,
        "practitioner_id": one.practitioner_id,
        "day": one.day,
        "total_minor": one.draft.total_minor if one.draft else 0,
    }


_PARTS = (
    _Part("oddities-unbilled", "Finished visits that nobody billed by the next day", "receipt_long"),
    _Part("oddities-discounts", "Discounts of a quarter of the price or more", "percent", "discounts"),
    _Part("oddities-payments", "Equal payments of one patient on one day", "content_copy", "payments"),
    _Part("oddities-people", "Who takes back the most", "person_search", "people"),
    _Part("oddities-taken-back", "All that was taken back, given back or given up", "undo", "voids"),
)
