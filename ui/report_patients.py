"""The board "Patients": new and returning ones, cohorts, and whom to call back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

import pandas as pd
import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.reports.measures import VISITS
from clinic_core.reports.periods import Grain
from clinic_core.services import listings, patients_seen, returns
from clinic_core.services.listings import Listing
from clinic_core.services.reports import Question
from clinic_core.services.returns import Returns
from ui import charts, report_filters, report_listings, report_tables, widgets
from ui.text import plain

_URL: Final = "query-params"
_PERIODS: Final = "patients.periods"
_COHORTS: Final = "patients.cohorts"
_SEEN: Final = "Patients seen"


def draw(clinic: Clinic, actor: Actor, question: Question) -> None:
    """Draw the board."""
    every = returns.of(clinic, actor, replace(question, chosen_from=None, chosen_to=None))
    found = returns.of(clinic, actor, question)
    st.caption(plain(returns.BASIS))
    report_filters.said_not_known(question, VISITS)
    if every.periods.empty:
        widgets.nothing_here("Nobody was seen on these days. Choose other days, or fewer filters.", "group")
    else:
        cohort = report_filters.chosen_cohort()
        _periods(clinic, actor, question, every, found)
        _cohorts(clinic, actor, question, found, cohort)
        _rows(clinic, actor, question, found.grain, cohort)
    if access.allows(actor, "recall.read"):
        _lapsed(clinic, actor)


def _periods(clinic: Clinic, actor: Actor, question: Question, every: Returns, found: Returns) -> None:
    """All periods; a bar or a stretch of them that is selected narrows everything else."""
    table, shown = every.periods, found.periods
    average = shown["returning"].mean() if len(shown) else 0
    report_tables.tile_row(
        [
            ("New patients", f"{int(shown['new'].sum()):,}"),
            (f"Returning patients in a {found.grain.value}", f"{average:,.0f}"),
        ]
    )
    days = tuple(table["period"])
    labels = tuple(charts.period_text(day, every.grain) for day in days)
    key = f"{_PERIODS}.{st.session_state.get(_PERIODS, 0)}"
    st.plotly_chart(
        charts.stacked(
            labels,
            (("New", tuple(table["new"])), ("Returning", tuple(table["returning"]))),
            report_filters.chosen_periods(question, days),
        ),
        key=key,
        on_select=lambda: _period_selected(key, days, every.grain),
        selection_mode=("points", "box"),
        config=charts.CONFIG,
        alt="New and returning patients over time. The table below has the numbers.",
    )
    with st.expander("As a table"):
        report_listings.show(
            clinic, actor, question, lambda at, who, _: listings.new_and_returning(*_labelled(at, who, question))
        )


def _labelled(clinic: Clinic, actor: Actor, question: Question) -> tuple[Returns, list[str]]:
    found = returns.of(clinic, actor, question)
    return found, [charts.period_text(day, found.grain) for day in found.periods["period"]]


def _period_selected(key: str, days: Sequence[pd.Timestamp], grain: Grain) -> None:
    places = _places(key, _PERIODS, len(days))
    if places:
        report_filters.choose_days(days[places[0]], days[places[-1]], grain)


def _places(key: str, place: str, size: int) -> list[int]:
    """What was selected on a chart, in order; the chart's own marking goes."""
    points = st.session_state[key].selection.points
    st.session_state[place] = st.session_state.get(place, 0) + 1
    return sorted({int(p["point_index"]) for p in points if 0 <= int(p.get("point_index", -1)) < size})


def _cohorts(clinic: Clinic, actor: Actor, question: Question, found: Returns, cohort: tuple[date, int] | None) -> None:
    table = found.cohorts
    later = [column for column in table.columns if column not in ("period", "patients")]
    if not later:
        return
    st.markdown(f"**Who comes again** so many {found.grain.value}s after the first visit")
    starts = [charts.period_text(period, found.grain) for period in table["period"]]
    rows = tuple(f"{start} ({size:,})" for start, size in zip(starts, table["patients"], strict=True))
    values = tuple(
        tuple(None if pd.isna(value) else float(value) for value in row) for row in table[later].itertuples(index=False)
    )
    texts = tuple(
        tuple(
            "not known yet" if value is None else f"{rows[at]}<br>after {later[place]}: <b>{value:.1%}</b>"
            for place, value in enumerate(row)
        )
        for at, row in enumerate(values)
    )
    squares = [(period.date(), int(column)) for period in table["period"] for column in later]
    chosen = frozenset(divmod(place, len(later)) for place, square in enumerate(squares) if square == cohort)
    key = f"{_COHORTS}.{st.session_state.get(_COHORTS, 0)}"
    st.plotly_chart(
        charts.heat(values, texts, rows, tuple(str(column) for column in later), chosen),
        key=key,
        on_select=lambda: _cohort_selected(key, squares),
        selection_mode="points",
        config=charts.CONFIG,
        alt="Share of each cohort that came again.",
    )
    with st.expander("Who comes again as a table"):
        report_listings.show(clinic, actor, question, lambda at, who, _: _cohort_table(at, who, question))


def _cohort_table(clinic: Clinic, actor: Actor, question: Question) -> Listing:
    found = returns.of(clinic, actor, question)
    return listings.cohorts(found, [charts.period_text(day, found.grain) for day in found.cohorts["period"]])


def _cohort_selected(key: str, squares: Sequence[tuple[date, int]]) -> None:
    places = _places(key, _COHORTS, len(squares))
    if places:
        report_filters.choose_cohort(*squares[places[0]])


def _rows(clinic: Clinic, actor: Actor, question: Question, grain: Grain, cohort: tuple[date, int] | None) -> None:
    """The patients behind the figures; those of a square of the cohorts when one is selected."""
    wanted = st.pills("Rows behind", [_SEEN], key="patients.rows")
    if cohort is None and not wanted:
        return
    basis = returns.BASIS
    if cohort is not None:
        first = charts.period_text(pd.Timestamp(cohort[0]), grain)
        later = f"{cohort[1]} {grain.value}{'' if cohort[1] == 1 else 's'} later"
        basis = f"First visit in {first}, seen again {later}. {basis}"
    made = report_listings.show(
        clinic,
        actor,
        question,
        lambda at, who, most: listings.patients_seen(
            at, patients_seen.of(at, who, question, cohort=cohort, grain=grain), basis, most
        ),
        title=f"**{_SEEN}**" if cohort is None else f"**{_SEEN}**, new in {first}, {later}",
    )
    st.caption(f"{made.rows:,} patients.")


def _lapsed(clinic: Clinic, actor: Actor) -> None:
    st.markdown("**Whom to call back**: nothing booked, and not seen for")
    months = st.segmented_control(
        "Not seen for",
        returns.LAPSED_MONTHS,
        default=6,
        required=True,
        format_func=lambda number: f"{number} months",
        key="report_lapsed",
        bind=_URL,
        label_visibility="collapsed",
    )
    chosen = int(months or returns.LAPSED_MONTHS[1])
    report_listings.show(
        clinic,
        actor,
        Question(),
        lambda at, who, most: listings.lapsed(*returns.lapsed(at, who, months=chosen, most=most), chosen),
        title=" ",
        empty="Nobody: all patients were here since, or have something booked.",
    )
    st.caption("All patients, as of today: days and filters do not count here.")
