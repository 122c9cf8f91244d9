"""The Reports page's parts: the question, the figures, the chart with its table, and the rows behind one figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.reports.measures import Measure, Unit
from clinic_core.reports.periods import PERIOD, Grain, Span, days_of, grain_for
from clinic_core.services import reports
from clinic_core.services.reports import SUMMARY, Answer, Figure, Question, Rows, View
from ui import charts, downloads, report_tables, widgets
from ui.report_tables import Names
from ui.text import plain

_URL: Final = "query-params"  # the question lives in the address, so that a view can be sent to a colleague
_AUTO: Final = "Auto"
_CHOSEN: Final = "reports.figure"
_PILLS, _CHART, _TABLE = _PLACES = ("reports.pills", "reports.chart", "reports.table")


def ask(clinic: Clinic) -> Question:
    """Draw the filters and say what they ask."""
    directory = clinic.directory()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        span = Span(st.selectbox("Days", [span.value for span in Span], key="report_days", bind=_URL, width=160))
        start_on, end_on = _custom(clinic) if span is Span.CUSTOM else days_of(span, clinic.today())
        steps = [_AUTO, *(grain.value.capitalize() for grain in Grain)]
        step = st.selectbox("Steps", steps, key="report_steps", bind=_URL, width=110)
        practitioners = {p.id: p.name for p in directory.practitioners.values()}
        services = {s.id: s.name for s in directory.services.values()}
        return Question(
            start_on=start_on,
            end_on=end_on,
            grain=grain_for(start_on, end_on) if step == _AUTO else Grain(step.lower()),
            practitioner_ids=_choose("Practitioners", practitioners, "report_practitioners"),
            service_ids=_choose("Services", services, "report_services"),
        )


def choose_report() -> str:
    """Draw the reports' names and return the file of the one that is chosen."""
    titles = reports.titles()
    chosen = st.segmented_control(
        "Report",
        list(titles.values()),
        default=next(iter(titles.values())),
        required=True,
        key="report",
        bind=_URL,
        label_visibility="collapsed",
    )
    return next(name for name, title in titles.items() if title == chosen)


def chosen_figure(report: str) -> Figure | None:
    """The figure whose rows are asked for, unless it belongs to a report that is not shown."""
    figure = st.session_state.get(_CHOSEN)
    return figure if isinstance(figure, Figure) and figure.report in (SUMMARY, report) else None


def summary(clinic: Clinic, answer: Answer) -> None:
    """Draw the period's figures, and the way to the rows of each."""
    st.html(report_tables.tiles(answer, clinic.organization()))
    columns = {measure.label: measure.column for measure in answer.measures}
    key = _key(_PILLS)
    st.pills("Rows behind", list(columns), key=key, on_change=lambda: _pill_selected(key, columns))
    with st.expander("What these figures count"):
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in _sentences(answer.basis)))


def report(clinic: Clinic, answer: Answer) -> None:
    """Draw a report's chart and its table; a bar or a cell that is selected opens its rows."""
    if not answer.measures:
        widgets.nothing_here(
            "Money comes in for whole invoices. Take the services out of the filter to see it.", "tune"
        )
        return
    if answer.frame.empty:
        widgets.nothing_here("Nothing was recorded on these days. Choose other days, or fewer filters.", "bar_chart")
        return
    st.caption(plain(answer.basis))
    names, organization = report_tables.names_of(clinic), clinic.organization()
    labels = report_tables.labels_of(answer, names)
    values = tuple(answer.frame[answer.key])
    _chart(answer, charts.figure(answer, labels, organization), values)
    key = _key(_TABLE, answer.name)
    st.dataframe(
        report_tables.figures(answer, names, organization.currency),
        column_config=report_tables.figure_columns(answer, organization),
        hide_index=True,
        height=min(38 + 35 * len(answer.frame), 320),
        key=key,
        selection_mode="single-cell",
        on_select=lambda: _cell_selected(key, answer, values),
    )


def rows(clinic: Clinic, question: Question, view: View) -> None:
    """Draw the rows behind the figure that was chosen, and offer all of them as CSV."""
    figure, found = st.session_state.get(_CHOSEN), view.rows
    if found is None or not isinstance(figure, Figure):
        st.caption("Select a bar or a number in the table to see the rows it is made of.")
        return
    answer = view.summary if figure.report == SUMMARY else view.answer
    names, organization = report_tables.names_of(clinic), clinic.organization()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"#### {plain(_title(answer, figure, found.measure, names))}", width="content")
        downloads.button(
            "CSV",
            clinic,
            lambda at, actor: reports.export_rows(at, actor, question, figure),
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


def _chart(answer: Answer, figure: Any, values: Sequence[Any]) -> None:
    key = _key(_CHART, answer.name)
    measures = charts.drawn(answer)
    columns = tuple(measure.column for measure in measures)
    st.plotly_chart(
        figure,
        key=key,
        on_select=lambda: _bar_selected(key, answer.name, columns, values),
        selection_mode="points",
        config=charts.CONFIG,
        alt=f"{answer.title}: {', '.join(measure.label for measure in measures)}. The table below has the numbers.",
    )


def _custom(clinic: Clinic) -> tuple[date, date]:
    """The days from the first to the last one that are picked; one day while only one is."""
    start_on, end_on = days_of(Span.THIS_MONTH, clinic.today())
    days = st.date_input(
        "From – to",
        (start_on, end_on),
        key="report_dates",
        bind=_URL,
        width=230,
        format=widgets.date_format(clinic.organization()),
    )
    picked = [day for day in days if isinstance(day, date)] if isinstance(days, tuple) else [days]
    kept = [day for day in picked if isinstance(day, date)] or [clinic.today()]
    return kept[0], kept[-1]


def _choose(label: str, names: Mapping[str, str], key: str) -> frozenset[str]:
    """Ids of what is chosen by name; none means all."""
    shown = _told_apart(names)
    chosen = st.multiselect(label, list(shown), key=key, bind=_URL, placeholder="All")
    return frozenset(shown[name] for name in chosen)


def _told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Name -> id; the second of two that share a name gets a number."""
    seen: Counter[str] = Counter()
    shown: dict[str, str] = {}
    for known, name in names.items():
        seen[name] += 1
        shown[name if seen[name] == 1 else f"{name} ({seen[name]})"] = known
    return shown


def _key(place: str, name: str = "") -> str:
    """The key of a place where a figure is selected; a new one once a figure was selected somewhere else."""
    return f"{place}.{name}.{st.session_state.get(place, 0)}"


def _show(figure: Figure | None, selected_in: str) -> None:
    """Show the rows of a figure from now on, and forget what was selected in other places."""
    st.session_state[_CHOSEN] = figure
    for place in _PLACES:
        if place != selected_in:
            st.session_state[place] = st.session_state.get(place, 0) + 1


def _pill_selected(key: str, columns: Mapping[str, str]) -> None:
    column = columns.get(st.session_state[key] or "")
    _show(None if column is None else Figure(SUMMARY, column), _PILLS)


def _bar_selected(key: str, name: str, columns: Sequence[str], values: Sequence[Any]) -> None:
    """A bar was selected, or the selection was taken back."""
    points = st.session_state[key].selection.points
    curve, place = (points[0]["curve_number"], points[0]["point_index"]) if points else (-1, -1)
    known = 0 <= curve < len(columns) and 0 <= place < len(values)  # what a browser sends is not to be trusted
    _show(Figure(name, columns[curve], values[place]) if known else None, _CHART)


def _cell_selected(key: str, answer: Answer, values: Sequence[Any]) -> None:
    """A number in the table was selected, or the selection was taken back; a name stands for its first number."""
    cells = st.session_state[key].selection.cells
    place, head = cells[0] if cells else (-1, "")
    by_label = {measure.label: measure.column for measure in answer.measures}
    column = by_label.get(head, answer.measures[0].column)
    _show(Figure(answer.name, column, values[place]) if 0 <= place < len(values) else None, _TABLE)


def _title(answer: Answer, figure: Figure, measure: Measure, names: Names) -> str:
    if figure.value is None:
        return measure.label
    if answer.key == PERIOD:
        return f"{measure.label}, {charts.period_text(figure.value, answer.grain)}"
    return f"{measure.label}, {names.of(answer.key).get(figure.value, figure.value)}"


def _sum(clinic: Clinic, found: Rows) -> str:
    """How many rows there are and what they add up to."""
    count = f"{found.count:,} row" + ("" if found.count == 1 else "s")
    shown = f", the latest {len(found.frame)} of them shown" if len(found.frame) < found.count else ""
    if not found.measure.adds:
        return f"{count}{shown}"
    total = clinic.money(found.total) if found.measure.unit is Unit.MONEY else f"{found.total:,}"
    return f"{total} in {count}{shown}"


def _sentences(text: str) -> list[str]:
    return [f"{sentence.rstrip('.')}." for sentence in text.split(". ") if sentence]
