"""The rows behind a figure: how many they are, what they add up to, the latest of them, and all of them as a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.services import reports
from clinic_core.services.reports import Figure, Question, Rows, Unit
from ui import downloads, report_tables
from ui.text import plain

_SHOWN: Final = 200


def behind(clinic: Clinic, actor: Actor, question: Question, figures: Mapping[str, Figure], key: str) -> None:
    """Offer the rows of some figures by their names, and draw those of the one that is chosen."""
    chosen = st.pills("Rows behind", list(figures), key=key)
    if chosen is not None and chosen in figures:
        draw(clinic, actor, question, figures[chosen], chosen)


def draw(clinic: Clinic, actor: Actor, question: Question, figure: Figure, title: str) -> None:
    """Draw the rows behind a figure, under its name."""
    found = reports.rows(clinic, actor, question, figure, most=_SHOWN)
    names, organization = report_tables.names_of(clinic), clinic.organization()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"#### {plain(title)}", width="content")
        downloads.button(
            "CSV",
            clinic,
            lambda at, who: reports.export_rows(at, who, question, figure),
            file_name=f"{figure.report}-{figure.column.removesuffix('_minor')}.csv",
            mime=downloads.CSV,
            key="reports.csv",
        )
    st.markdown(plain(_sum(clinic, found)))
    st.dataframe(
        report_tables.rows(found, names, organization.currency),
        column_config=report_tables.row_columns(found, organization),
        hide_index=True,
        height=min(38 + 35 * max(len(found.frame), 1), 420),
        key="reports.rows",
    )


def _sum(clinic: Clinic, found: Rows) -> str:
    """How many rows there are and what they add up to."""
    count = f"{found.count:,} row" + ("" if found.count == 1 else "s")
    shown = f", the latest {len(found.frame)} of them shown" if len(found.frame) < found.count else ""
    if not found.measure.adds:
        return f"{count}{shown}"
    total = clinic.money(found.total) if found.measure.unit is Unit.MONEY else f"{found.total:,}"
    return f"{total} in {count}{shown}"
