"""The board "Practitioner": one practitioner's statement of a period, on screen and on paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.services import reports
from clinic_core.services.reports import SUMMARY, Figure, Question
from ui import report_exports, report_filters, report_rows, report_tables, widgets
from ui.text import plain

_URL: Final = "query-params"
_TABLES = ("revenue_by_service", "revenue_by_method", "revenue_by_payer")


def draw(clinic: Clinic, actor: Actor, question: Question) -> None:
    """Draw the board."""
    names = report_filters.told_apart({p.id: p.name for p in clinic.directory().practitioners.values()})
    if not names:
        widgets.nothing_here("There are no practitioners yet. Add them in Settings.", "stethoscope")
        return
    chosen = st.selectbox("Practitioner", list(names), key="report_practitioner", bind=_URL, width=260)
    if question.practitioner_ids:
        st.caption("A statement is of the practitioner who is chosen here, whoever is selected above.")
    asked = replace(question, practitioner_ids=frozenset({names[str(chosen)]}))
    answers = reports.dashboard(clinic, actor, asked, _TABLES)
    st.html(report_tables.tiles(answers[SUMMARY], clinic.organization()))
    figures = {measure.label: Figure(SUMMARY, measure.column) for measure in answers[SUMMARY].measures}
    report_rows.behind(clinic, actor, asked, figures, "statement.rows")
    if answers[SUMMARY].because:
        st.caption(plain(answers[SUMMARY].because))
    written = report_tables.names_of(clinic)
    for name in _TABLES:
        answer = answers[name]
        with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
            st.markdown(f"**{plain(answer.title)}**", width="content")
            if answer.measures and not answer.frame.empty:
                report_exports.buttons(clinic, asked, answer)
        if answer.frame.empty or not answer.measures:
            st.caption(plain(answer.because) or "Nothing was recorded on these days.")
            continue
        st.dataframe(
            report_tables.figures(answer, written, clinic.organization().currency),
            column_config=report_tables.figure_columns(answer, clinic.organization()),
            hide_index=True,
            key=f"statement.{name}",
        )
    st.caption(plain(answers[_TABLES[0]].basis))
