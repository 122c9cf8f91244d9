"""The Reports page's parts: the period's figures, charts that filter each other, tables, and the rows of one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import streamlit as st

from clinic_core import reports as catalogue
from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.money import round_minor
from clinic_core.reports.measures import Chart, Measure
from clinic_core.reports.periods import PERIOD, Grain
from clinic_core.services import reports
from clinic_core.services.reports import SUMMARY, Answer, Figure, Question
from ui import charts, report_attendance, report_exports, report_filters, report_rows, report_tables, widgets
from ui.charts import Extras
from ui.report_tables import Names
from ui.text import plain

_URL: Final = "query-params"
_CHOSEN: Final = "reports.figure"
_PILLS, _TABLE = _PLACES = ("reports.pills", "reports.table")
_COMPARE: Final = ("Nothing", "A year earlier", "Target")
_MONTHS_IN: Final = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}
_DAYS_IN: Final = {Grain.DAY: 1, Grain.WEEK: 7}
_DAYS_IN_YEAR: Final = Decimal("365.25")
_REVENUE: Final = "Revenue"
_BESIDES: Final = {"Attendance": report_attendance.draw}


def choose_board(extra: Sequence[str] = ()) -> str:
    """Draw the boards' names and return the chosen one."""
    titles = [*catalogue.boards(), *extra]
    chosen = st.segmented_control(
        "Report", titles, default=titles[0], required=True, key="report", bind=_URL, label_visibility="collapsed"
    )
    return str(chosen)


def summary(clinic: Clinic, answer: Answer, before: Answer | None) -> None:
    """Draw the period's figures, and the way to the rows of each."""
    st.html(report_tables.tiles(answer, clinic.organization(), before))
    columns = {measure.label: measure.column for measure in answer.measures}
    key = _key(_PILLS)
    st.pills("Rows behind", list(columns), key=key, on_change=lambda: _pill_selected(key, columns))
    if answer.because:
        st.caption(plain(answer.because))
    with st.expander("What these figures count"):
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in _sentences(answer.basis)))


def comparisons(board_name: str) -> tuple[str, ...]:
    """What a board can be compared with."""
    return _COMPARE if board_name == _REVENUE else ()


def board(clinic: Clinic, actor: Actor, question: Question, name: str, compare: str) -> None:
    """Draw one board: the summary, a chart of each of its reports, a table, and the rows behind a figure."""
    names = catalogue.boards()[name]
    answers = reports.dashboard(clinic, actor, question, names)
    earlier = _earlier(clinic, actor, question, names[:1]) if compare == _COMPARE[1] else {}
    summary(clinic, answers[SUMMARY], earlier.get(SUMMARY))
    st.caption("Select a bar, or drag over a stretch of time: everything else follows. Select it again to let go.")
    first, *others = [answers[report] for report in names]
    target_minor = _target(clinic, question, compare, first)
    _chart(clinic, question, first, Extras(before=earlier.get(first.name), target_minor=target_minor))
    _side_by_side(clinic, question, others)
    if name in _BESIDES:
        _BESIDES[name](clinic, actor, question)
    _table(clinic, question, [answers[report] for report in names])
    _rows(clinic, actor, question, answers)


def _earlier(clinic: Clinic, actor: Actor, question: Question, names: Sequence[str]) -> Mapping[str, Answer]:
    """The same a year earlier, not further than today or the as-of day, so that like is compared with like."""
    if question.start_on is None and question.chosen_from is None:
        return {}
    until = min(clinic.today(), question.as_of or clinic.today())
    return reports.dashboard(clinic, actor, reports.shifted(question, until=until), names)


def _target(clinic: Clinic, question: Question, compare: str, answer: Answer) -> int:
    """What the target asks of each period of a chart, with a line that says how; 0 where there is none to draw."""
    organization = clinic.organization()
    monthly = organization.monthly_target_minor
    if compare != _COMPARE[2] or answer.key != PERIOD:
        return 0
    if not monthly:
        st.caption("No target is set. Set one in Settings, under Money.")
        return 0
    if any(reports.selected(question, dimension.key) for dimension in report_filters.DIMENSIONS):
        st.caption("The target is the whole clinic's: it is not drawn while something of it is selected.")
        return 0
    days = _DAYS_IN.get(answer.grain)
    if days is None:
        return monthly * _MONTHS_IN[answer.grain]
    share = round_minor(Decimal(monthly) * 12 * days / _DAYS_IN_YEAR)
    text = f"{organization.money(monthly)} a month, {organization.money(share)} a {answer.grain.value}"
    st.caption(plain(f"Target: {text} (twelve months shared out over 365.25 days)."))
    return share


def _side_by_side(clinic: Clinic, question: Question, answers: Sequence[Answer]) -> None:
    """Charts two abreast, below each other on a phone."""
    for place in range(0, len(answers), 2):
        for column, answer in zip(st.columns(2), answers[place : place + 2], strict=False):
            with column, st.container(border=True):
                _chart(clinic, question, answer, Extras())


def _chart(clinic: Clinic, question: Question, answer: Answer, extras: Extras) -> None:
    st.markdown(f"**{plain(answer.title)}**", help=plain(answer.basis))
    if not answer.measures:
        st.caption(plain(answer.because) or "This selection has no such figure.")
        return
    if answer.frame.empty or answer.chart is Chart.NONE:
        widgets.nothing_here("Nothing was recorded on these days. Choose other days, or fewer filters.", "bar_chart")
        return
    names, organization = report_tables.names_of(clinic), clinic.organization()
    labels = report_tables.labels_of(answer, names)
    values = tuple(answer.frame[answer.key])
    extras = Extras(_chosen_places(question, answer, values), extras.before, extras.target_minor)
    figure = charts.figure(answer, labels, organization, extras)
    measures = charts.drawn(answer)
    key = f"reports.chart.{answer.name}.{st.session_state.get(_turn(answer.name), 0)}"
    st.plotly_chart(
        figure,
        key=key,
        on_select=lambda: _selected(clinic, key, answer, values),
        selection_mode=("points", "box") if answer.key == PERIOD else "points",
        config=charts.CONFIG,
        alt=f"{answer.title}: {', '.join(measure.label for measure in measures)}. The table below has the numbers.",
    )


def _turn(name: str) -> str:
    return f"reports.turn.{name}"


def _chosen_places(question: Question, answer: Answer, values: Sequence[Any]) -> frozenset[int]:
    """Which rows of a report are selected; none when all count."""
    if answer.key == PERIOD:
        return report_filters.chosen_periods(question, values)
    field = next((d.field for d in report_filters.DIMENSIONS if d.key == answer.key), "")
    chosen = getattr(question, field) if field else frozenset()
    return frozenset(place for place, value in enumerate(values) if value in chosen)


def _selected(clinic: Clinic, key: str, answer: Answer, values: Sequence[Any]) -> None:
    """A bar or a stretch of time was selected: change the filter that stands for it."""
    points = st.session_state[key].selection.points
    places = sorted({int(p["point_index"]) for p in points if 0 <= int(p.get("point_index", -1)) < len(values)})
    turn = _turn(answer.name)
    st.session_state[turn] = st.session_state.get(turn, 0) + 1  # the chart's own marking goes: the filter shows it
    if not places:
        return
    if answer.key == PERIOD:
        report_filters.choose_days(values[places[0]], values[places[-1]], answer.grain)
    else:
        report_filters.toggle(clinic, answer.key, values[places[0]])


def _table(clinic: Clinic, question: Question, answers: Sequence[Answer]) -> None:
    """One report's figures as a table, with its exports; a number that is selected opens its rows."""
    titles = {answer.title: answer for answer in answers}
    if all(answer.frame.empty for answer in answers):
        return
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        title = st.selectbox("Table of", list(titles), key="report_table", width=220)
        answer = titles[str(title)]
        if answer.measures:
            report_exports.buttons(clinic, question, answer)
    if answer.frame.empty or not answer.measures:
        st.caption(plain(answer.because) or "Nothing was recorded.")
        return
    names, organization = report_tables.names_of(clinic), clinic.organization()
    values = tuple(answer.frame[answer.key])
    chosen = sorted(_chosen_places(question, answer, values)) or range(len(values))
    values = tuple(values[place] for place in chosen)
    key = _key(_TABLE, answer.name)
    st.dataframe(
        report_tables.figures(answer, names, organization.currency).take(list(chosen)),
        column_config=report_tables.figure_columns(answer, organization),
        hide_index=True,
        height=min(38 + 35 * len(values), 320),
        key=key,
        selection_mode="single-cell",
        on_select=lambda: _cell_selected(key, answer, values),
    )
    st.caption(plain(answer.basis))


def _rows(clinic: Clinic, actor: Actor, question: Question, answers: Mapping[str, Answer]) -> None:
    """Draw the rows behind the figure that was chosen, and offer all of them as files."""
    figure = st.session_state.get(_CHOSEN)
    if not isinstance(figure, Figure) or figure.report not in answers:
        st.caption("Select a number in the table, or one of *Rows behind*, to see the rows it is made of.")
        return
    answer = answers[figure.report]
    asked = question if figure.value is None else answer.question
    if figure.column not in {measure.column for measure in answer.measures}:
        return
    measure = next(measure for measure in answer.measures if measure.column == figure.column)
    report_rows.draw(clinic, actor, asked, figure, _title(answer, figure, measure, report_tables.names_of(clinic)))


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


def _sentences(text: str) -> list[str]:
    return [f"{sentence.rstrip('.')}." for sentence in text.split(". ") if sentence]
