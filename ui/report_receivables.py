"""The board "Receivables": what is owed, how old it is, and whom to call."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.reports.measures import BALANCES, PAYER
from clinic_core.services import listings, receivables
from clinic_core.services.receivables import BUCKETS, Receivables
from clinic_core.services.reports import Question
from ui import charts, report_filters, report_listings, report_tables, widgets
from ui.text import plain

_URL: Final = "query-params"
_CHART: Final = "receivables.ages"
_BUCKETS: Final = [name for name, _ in BUCKETS]


def draw(clinic: Clinic, actor: Actor, question: Question) -> None:
    """Draw the board."""
    every = receivables.of(clinic, actor, question)
    st.caption(plain(receivables.BASIS))
    report_filters.said_not_known(question, BALANCES)
    if every.items.empty:
        widgets.nothing_here("Nothing is owed. Choose another day, or fewer filters.", "savings")
        return
    ages = st.pills("Age", _BUCKETS, selection_mode="multi", key=report_filters.AGES, bind=_URL)
    found = receivables.of_ages(every, ages)
    _tiles(clinic, found)
    _chart(clinic, every, ages)

    def rows(at: Clinic, who: Actor, most: int | None) -> Receivables:  # for a file, perhaps minutes later: found anew
        return found if most is not None else receivables.of_ages(receivables.of(at, who, question), ages)

    basis = receivables.BASIS
    made = report_listings.show(
        clinic,
        actor,
        question,
        lambda at, who, most: listings.ageing(at, rows(at, who, most), basis),
        title="**By who owes it**",
        on_cell=lambda place, head: _cell(clinic, found, place, head),
    )
    if made.rows:
        st.caption("Select a number: the open items below are what it is made of.")
    if access.allows(actor, "recall.read"):
        report_listings.show(
            clinic,
            actor,
            question,
            lambda at, who, most: listings.calls(*receivables.calls(at, who, rows(at, who, most), most=most), basis),
            title="**Whom to call**: the most money for the longest time first",
            empty="No patient owes anything.",
        )
    with st.expander(f"All {len(found.items):,} open items: {clinic.money(found.total_minor)}", expanded=bool(ages)):
        report_listings.show(
            clinic, actor, question, lambda at, who, most: listings.open_items(at, rows(at, who, most), basis, most)
        )


def _tiles(clinic: Clinic, found: Receivables) -> None:
    old = int(found.items.loc[found.items["bucket"] == _BUCKETS[-1], "due_minor"].sum())
    report_tables.tile_row(
        [
            (f"Owed on {found.day:%d %b %Y}", clinic.money(found.total_minor)),
            (f"Of it {_BUCKETS[-1]}", clinic.money(old)),
            ("Invoices", f"{found.items['document_id'].nunique():,}"),
        ]
    )


def _chart(clinic: Clinic, every: Receivables, ages: Collection[str]) -> None:
    """All ages; a bar that is selected narrows everything else on the board."""
    sums = every.items.groupby("bucket")["due_minor"].sum()
    amounts = tuple(int(sums.get(name, 0)) for name in _BUCKETS)
    chosen = frozenset(place for place, name in enumerate(_BUCKETS) if name in ages)
    key = f"{_CHART}.{st.session_state.get(_CHART, 0)}"
    st.plotly_chart(
        charts.bars(tuple(_BUCKETS), amounts, clinic.organization(), "Owed", chosen),
        key=key,
        on_select=lambda: _selected(key),
        selection_mode="points",
        config=charts.CONFIG,
        alt="What is owed by its age. The table below has the numbers.",
    )


def _selected(key: str) -> None:
    """A bar was selected, or is let go of."""
    places = [int(point.get("point_index", -1)) for point in st.session_state[key].selection.points]
    st.session_state[_CHART] = st.session_state.get(_CHART, 0) + 1
    if places and 0 <= places[0] < len(_BUCKETS):
        name, before = _BUCKETS[places[0]], list(st.session_state.get(report_filters.AGES) or [])
        st.session_state[report_filters.AGES] = (
            [age for age in before if age != name] if name in before else [*before, name]
        )


def _cell(clinic: Clinic, found: Receivables, place: int, head: str) -> None:
    """A number of the table: who owes it, and of what age."""
    report_filters.choose(clinic, PAYER, [found.ageing[PAYER].iloc[place]])
    if head in _BUCKETS:
        st.session_state[report_filters.AGES] = [head]
