"""The board "Patients": new and returning ones, cohorts, and whom to call back."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.services import returns
from clinic_core.services.reports import Question
from clinic_core.services.returns import Lapsed, Returns
from ui import charts, report_tables, widgets
from ui.text import plain

_URL: Final = "query-params"


def draw(clinic: Clinic, actor: Actor, question: Question) -> None:
    """Draw the board."""
    found = returns.of(clinic, actor, question)
    st.caption(plain(returns.BASIS))
    if found.periods.empty:
        widgets.nothing_here("Nobody was seen on these days. Choose other days, or fewer filters.", "group")
    else:
        _periods(found)
        _cohorts(found)
    if access.allows(actor, "recall.read"):
        _lapsed(clinic, actor)


def _periods(found: Returns) -> None:
    table = found.periods
    report_tables.tile_row(
        [
            ("New patients", f"{int(table['new'].sum()):,}"),
            (f"Returning patients in a {found.grain.value}", f"{table['returning'].mean():,.0f}"),
        ]
    )
    labels = tuple(charts.period_text(day, found.grain) for day in table["period"])
    st.plotly_chart(
        charts.stacked(labels, (("New", tuple(table["new"])), ("Returning", tuple(table["returning"])))),
        key="patients.periods",
        config=charts.CONFIG,
        alt="New and returning patients over time. The table below has the numbers.",
    )
    shown = pd.DataFrame({"Period": labels, "New": table["new"], "Returning": table["returning"]})
    with st.expander("As a table"):
        st.dataframe(shown, hide_index=True)


def _cohorts(found: Returns) -> None:
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
    st.plotly_chart(
        charts.heat(values, texts, rows, tuple(str(column) for column in later)),
        key="patients.cohorts",
        config=charts.CONFIG,
        alt="Share of each cohort that came again.",
    )


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
    listed, count = returns.lapsed(clinic, actor, months=int(months or returns.LAPSED_MONTHS[1]))
    if not listed:
        widgets.nothing_here("Nobody: all patients were here since, or have something booked.", "celebration")
        return
    st.dataframe(
        pd.DataFrame([_line(one) for one in listed]),
        column_config={"Last seen": st.column_config.DateColumn(format="D MMM YYYY")},
        hide_index=True,
        height=min(38 + 35 * len(listed), 420),
    )
    if count > len(listed):
        st.caption(f"The latest {len(listed)} of {count:,} patients.")


def _line(one: Lapsed) -> dict[str, Any]:
    patient = one.patient
    return {
        "Patient": patient.name,
        "Number": patient.number,
        "Phone": patient.phone,
        "Last seen": one.last_on,
        "Visits": one.visits,
    }
