"""Charts of reports: plotly's graph objects without a template, in colours that read on light and dark.

A figure is made once for an answer and shared by everybody who sees that answer, so it must not be changed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
from babel.core import Locale, UnknownLocaleError
from babel.numbers import format_compact_currency, format_compact_decimal

from clinic_core.domain import money
from clinic_core.domain.organization import Organization
from clinic_core.reports.measures import Chart, Measure, Unit
from clinic_core.reports.periods import Grain
from clinic_core.services.reports import Answer

COLOURS: Final = {
    "billed_minor": "#0d9488",
    "collected_minor": "#d97706",
    "seen": "#0d9488",
    "missed": "#e11d48",
    "cancelled": "#94a3b8",
    "open": "#0284c7",
    "noshow_rate": "#e11d48",
    "half": "#0d9488",
    "nine_tenths": "#d97706",
    "net_minor": "#0d9488",
    "tax_minor": "#d97706",
    "outstanding_minor": "#0284c7",
    "late_rate": "#94a3b8",
}
_OTHER: Final = "#0284c7"
_GRID: Final = "rgba(128, 148, 145, 0.25)"
_FAINT: Final = "rgba(0, 0, 0, 0)"
_TICKS: Final = 5
_HEADROOM: Final = 0.03
_SELECTED_TEXT: Final = {  # without it plotly fails on a click into bars that have both texts and opacities
    "selected": {"textfont": {"color": "#0d9488"}},
    "unselected": {"textfont": {"color": "#94a3b8"}},
}
_ROOM_FOR_TEXT: Final = 0.12
_FAINT_OPACITY: Final = 0.3
_MANY_DIGITS: Final = re.compile(r"\d{5}")
_COMPARED: Final = "#64748b"
_MOST_TEXTS: Final = 400  # figures that are written out for the mouse in the clinic's way; above, plotly writes them
_ROW_PIXELS: Final = 40
_HEIGHT: Final = 340
_LOWEST: Final = 150
_LONGEST: Final = 24  # letters beside a bar
_LEGEND: Final = {
    "orientation": "h",
    "x": 0,
    "y": 1.02,
    "yanchor": "bottom",
    "itemclick": False,
    "traceorder": "normal",
}
CAMERA: Final = {"bgcolor": "rgba(0, 0, 0, 0)", "color": "#94a3b8", "activecolor": "#0d9488"}
# Streamlit lets no bar be clicked where the layout says that a stretch can be dragged over ("select"). plotly takes the
# template's mode in place of one that it does not know, and Streamlit does not look there.
_DRAGGABLE: Final = {"layout": {"dragmode": "select"}}
_DRAGGED: Final = "see the template"
_DAY_MARKS: Final = 7  # periods that are named under a chart; as many as a phone has room for
CONFIG: Final = {
    "displayModeBar": True,
    "displaylogo": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "png", "scale": 2, "filename": "chart"},
    "scrollZoom": False,
    "doubleClick": False,
}


class SharedFigure(go.Figure):  # type: ignore[misc]
    """A figure that nobody changes any more: what is sent to a browser is made once instead of on every run."""

    def to_dict(self) -> dict[str, Any]:
        """The figure as a dictionary."""
        if not hasattr(self, "_sent"):
            self._sent: dict[str, Any] = super().to_dict()
            if self.layout.template.layout.dragmode == "select":
                self._sent["layout"]["dragmode"] = _DRAGGED
        return self._sent


def drawn(answer: Answer) -> tuple[Measure, ...]:
    """The measures that share the chart's one axis: those of the first one's unit."""
    kind = answer.measures[0].unit if answer.measures else Unit.COUNT
    same = tuple(measure for measure in answer.measures if measure.unit is kind)
    return same[:1] if answer.chart is Chart.RANKED and not _revenue(same) else same


@dataclass(frozen=True, slots=True)
class Extras:
    """What a chart shows besides its report: which rows are selected, and what to compare with."""

    chosen: frozenset[int] = frozenset()  # places of rows; the others are drawn faintly
    before: Answer | None = None  # the same report of the days a year earlier
    target_minor: int = 0  # of each period; 0: none


@lru_cache(maxsize=256)
def figure(
    answer: Answer, labels: tuple[str, ...], organization: Organization, extras: Extras = Extras()
) -> SharedFigure:
    """The chart of a report; `labels` are the names of its rows, in order. Shared and read-only."""
    measures = drawn(answer)
    lying = answer.chart is Chart.RANKED
    places: Sequence[Any] = _short(labels) if lying else [day.to_pydatetime() for day in answer.frame[answer.key]]
    traces = [_trace(answer, measure, places, labels, organization) for measure in measures]
    for trace in traces:
        _faint(trace, len(places), extras.chosen)
    compared = _compared(answer, organization, extras, places)
    return SharedFigure(data=[*traces, *compared], layout=_layout(answer, measures, organization, extras))


def _faint(trace: go.Bar | go.Scatter, count: int, chosen: frozenset[int]) -> None:
    """Draw what is not chosen faintly, while anything is."""
    if chosen:
        trace.marker.opacity = [1.0 if place in chosen else _FAINT_OPACITY for place in range(count)]


def _compared(answer: Answer, organization: Organization, extras: Extras, places: Sequence[Any]) -> list[go.Scatter]:
    """Lines to compare a chart over time with: a year earlier, the target."""
    measure, scale = answer.measures[0], 10.0 ** money.exponent(organization.currency)
    lines = []
    if extras.before is not None and not extras.before.frame.empty:
        days = [(day + pd.DateOffset(years=1)).to_pydatetime() for day in extras.before.frame[answer.key]]
        column = extras.before.frame[measure.column]
        texts = [f"{measure.label} a year earlier <b>{amount(value, measure, organization)}</b>" for value in column]
        lines.append(_line("A year earlier", days, [float(value) / scale for value in column], texts, "dot"))
    if extras.target_minor and places:
        text = f"Target <b>{organization.money(extras.target_minor)}</b>"
        flat = [extras.target_minor / scale] * len(places)
        lines.append(_line("Target", list(places), flat, [text] * len(places), "dash"))
    return lines


def _line(name: str, places: Sequence[Any], values: list[float], texts: list[str], dash: str) -> go.Scatter:
    return go.Scatter(
        name=name,
        x=places,
        y=values,
        mode="lines",
        line={"color": _COMPARED, "width": 2, "dash": dash},
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
    )


@lru_cache(maxsize=64)
def bars(
    labels: tuple[str, ...],
    amounts: tuple[int, ...],
    organization: Organization,
    name: str,
    chosen: frozenset[int] = frozenset(),
) -> SharedFigure:
    """A few standing bars of money, in minor units; those that are not chosen are faint. Shared and read-only."""
    scale = 10.0 ** money.exponent(organization.currency)
    texts = [
        f"{_plain(label)}<br>{name} <b>{organization.money(a)}</b>" for label, a in zip(labels, amounts, strict=True)
    ]
    bar = go.Bar(
        x=labels,
        y=[amount_minor / scale for amount_minor in amounts],
        marker={"color": COLOURS["billed_minor"]},
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
    )
    _faint(bar, len(labels), chosen)
    marks = nice_marks(min(amounts, default=0) / scale, max(amounts, default=0) / scale)
    texts = [_compact(mark, organization.currency, organization) for mark in marks]
    return SharedFigure(data=[bar], layout=_simple(marks, texts))


@lru_cache(maxsize=64)
def stacked(
    labels: tuple[str, ...], series: tuple[tuple[str, tuple[int, ...]], ...], chosen: frozenset[int] = frozenset()
) -> SharedFigure:
    """Counts over time, several on top of each other; a stretch can be dragged over. Shared and read-only."""
    data = [
        go.Bar(name=name, x=labels, y=counts, marker={"color": colour})
        for (name, counts), colour in zip(series, (COLOURS["billed_minor"], COLOURS["collected_minor"]), strict=False)
    ]
    for bar in data:
        _faint(bar, len(labels), chosen)
    high = max((sum(column) for column in zip(*(counts for _, counts in series), strict=True)), default=0)
    marks = nice_marks(0, high, whole=True)
    layout = _simple(marks, [f"{mark:,.0f}" for mark in marks]) | {
        "barmode": "stack",
        "showlegend": True,
        "template": _DRAGGABLE,
        "selectdirection": "h",
    }
    return SharedFigure(data=data, layout=layout | {"margin": {"l": 8, "r": 8, "t": 36, "b": 8}, "legend": _LEGEND})


def _simple(marks: list[float], texts: list[str]) -> dict[str, Any]:
    names = {"showgrid": False, "zeroline": False, "fixedrange": True, "automargin": True, "type": "category"}
    scale = {"gridcolor": _GRID, "zerolinecolor": _GRID, "fixedrange": True, "automargin": True}
    return {
        "template": None,
        "height": _HEIGHT - 60,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "paper_bgcolor": _FAINT,
        "plot_bgcolor": _FAINT,
        "modebar": CAMERA,
        "dragmode": False,
        "clickmode": "event+select",
        "hovermode": "closest",
        "xaxis": names | {"nticks": _DAY_MARKS},
        "yaxis": scale | {"tickvals": marks, "ticktext": texts, "range": [marks[0], marks[-1]]},
    }


@lru_cache(maxsize=64)
def heat(
    values: tuple[tuple[float | None, ...], ...],
    texts: tuple[tuple[str, ...], ...],
    rows: tuple[str, ...],
    columns: tuple[str, ...],
    chosen: frozenset[tuple[int, int]] = frozenset(),
) -> SharedFigure:
    """A grid of squares, darker for more; `texts` is what the mouse reads, `chosen` are places (row, column).

    plotly lets nobody select a square of a heat map. So each has an invisible point in its middle that takes the mouse;
    point number n is square n, row by row. Shared and read-only.
    """
    squares = go.Heatmap(
        z=values,
        x=columns,
        y=rows,
        hoverinfo="skip",
        colorscale=[[0.0, "rgba(13, 148, 136, 0.06)"], [1.0, "#0d9488"]],
        showscale=False,
        xgap=2,
        ygap=2,
    )
    points = go.Scatter(
        x=columns * len(rows),
        y=[row for row in rows for _ in columns],
        mode="markers",
        marker={"symbol": "square", "size": 24, "color": _FAINT},
        hovertext=[text for row in texts for text in row],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    axis = {"showgrid": False, "zeroline": False, "fixedrange": True, "automargin": True, "type": "category"}
    layout = {
        "template": None,
        "height": 112 + 32 * len(rows),
        "margin": {"l": 8, "r": 8, "t": 30, "b": 8},
        "showlegend": False,
        "paper_bgcolor": _FAINT,
        "plot_bgcolor": _FAINT,
        "modebar": CAMERA,
        "dragmode": False,
        "hovermode": "closest",
        "hoverdistance": -1,  # a square is wider than its point: the nearest one is meant
        "clickmode": "event+select",
        "shapes": [_frame(row, column) for row, column in sorted(chosen)],
        "xaxis": axis | {"range": [-0.5, len(columns) - 0.5]},
        "yaxis": axis | {"range": [len(rows) - 0.5, -0.5]},
    }
    return SharedFigure(data=[squares, points], layout=layout)


def _frame(row: int, column: int) -> dict[str, Any]:
    """A line around a square."""
    line = {"color": COLOURS["collected_minor"], "width": 3}
    edges = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    return {"type": "rect", "xref": "x", "yref": "y", "line": line, "fillcolor": _FAINT, **edges}


def amount(value: float, measure: Measure, organization: Organization) -> str:
    """A figure as the clinic writes it; a dash when it is not known."""
    if pd.isna(value):
        return "–"
    if measure.unit is Unit.MONEY:
        return organization.money(int(value))
    if measure.unit is Unit.SHARE:
        return f"{value:.1%}"
    return f"{value:,.0f} min" if measure.unit is Unit.MINUTES else f"{value:,.0f}"


def period_text(day: pd.Timestamp, grain: Grain) -> str:
    """``"2 Mar 2026"``, ``"week of 2 Mar 2026"`` or ``"March 2026"``."""
    if grain is Grain.MONTH:
        return f"{day:%B %Y}"
    if grain is Grain.QUARTER:
        return f"Q{(day.month - 1) // 3 + 1} {day.year}"
    if grain is Grain.YEAR:
        return str(day.year)
    return f"{'week of ' if grain is Grain.WEEK else ''}{day.day} {day:%b %Y}"


def _revenue(measures: Sequence[Measure]) -> bool:
    return {measure.column for measure in measures} == {"billed_minor", "collected_minor"}


def _trace(
    answer: Answer, measure: Measure, places: Sequence[Any], labels: Sequence[str], organization: Organization
) -> go.Bar | go.Scatter:
    values = _plotted(answer.frame[measure.column], measure, organization)
    colour = COLOURS.get(measure.column, _OTHER)
    shared = {"name": measure.label, **_hover(answer, measure, labels, organization)}
    if answer.chart is Chart.LINES:
        line = {"color": colour, "width": 2}
        return go.Scatter(x=places, y=values, mode="lines+markers", line=line, marker={"size": 7}, **shared)
    if answer.chart is Chart.RANKED:
        texts = [_mark(value, measure, organization) if value is not None else "" for value in values]
        beside = {"text": texts, "textposition": "outside", "textfont": {"size": 10}, "cliponaxis": False}
        beside |= _SELECTED_TEXT
        return go.Bar(x=values, y=places, orientation="h", marker={"color": colour}, **beside, **shared)
    return go.Bar(x=places, y=values, marker={"color": colour}, **shared)


def _plotted(values: pd.Series, measure: Measure, organization: Organization) -> list[float | None]:
    """Numbers for the axis only: money in major units."""
    scale = 10.0 ** money.exponent(organization.currency) if measure.unit is Unit.MONEY else 1.0
    return [None if pd.isna(value) else float(value) / scale for value in values]


def _hover(answer: Answer, measure: Measure, labels: Sequence[str], organization: Organization) -> dict[str, Any]:
    if len(labels) > _MOST_TEXTS:
        return {"hovertemplate": f"%{{x|%d %b %Y}}<br>{measure.label} <b>%{{y:,.2f}}</b><extra></extra>"}
    values = answer.frame[measure.column]
    written = [amount(value, measure, organization) for value in values]
    texts = [f"{_plain(label)}<br>{measure.label} <b>{text}</b>" for label, text in zip(labels, written, strict=True)]
    return {"hovertext": texts, "hovertemplate": "%{hovertext}<extra></extra>"}


def _layout(answer: Answer, measures: Sequence[Measure], organization: Organization, extras: Extras) -> dict[str, Any]:
    lying = answer.chart is Chart.RANKED
    compared = extras.before is not None or bool(extras.target_minor)
    several = len(measures) > 1 or compared
    scale = _scale(answer, measures, organization, extras)
    names: dict[str, Any] = {"showgrid": False, "zeroline": False, "fixedrange": True, "automargin": True}
    names |= {"autorange": "reversed", "type": "category"} if lying else _dates(answer)
    return {
        "template": None if lying else _DRAGGABLE,
        "height": max(_LOWEST, 70 + _ROW_PIXELS * len(answer.frame)) if lying else _HEIGHT,
        "margin": {"l": 8, "r": 52 if lying else 8, "t": 36 if several else 8, "b": 8},
        "barmode": "stack" if answer.chart is Chart.STACKED else "group",
        "bargap": 0.3,
        "legend": _LEGEND,
        "showlegend": several,
        "hovermode": "closest",
        "paper_bgcolor": _FAINT,
        "plot_bgcolor": _FAINT,
        "modebar": CAMERA,
        "dragmode": False,
        "selectdirection": "h",
        "clickmode": "event+select",
        "xaxis": scale if lying else names,
        "yaxis": names if lying else scale,
    }


def _dates(answer: Answer) -> dict[str, Any]:
    """A time axis on which some of the periods are named, evenly apart, with the year where it begins."""
    days = [day.to_pydatetime() for day in answer.frame[answer.key]]
    named = days[:: max(1, math.ceil(len(days) / _DAY_MARKS))]
    years = [place == 0 or day.year != named[place - 1].year for place, day in enumerate(named)]
    texts = [_day_mark(day, answer.grain, year=year) for day, year in zip(named, years, strict=True)]
    return {"type": "date", "tickvals": named, "ticktext": texts, "tickangle": 0}


def _day_mark(day: datetime, grain: Grain, *, year: bool) -> str:
    if grain is Grain.YEAR:
        return str(day.year)
    if grain is Grain.QUARTER:
        text = f"Q{(day.month - 1) // 3 + 1}"
    else:
        text = f"{day:%b}" if grain is Grain.MONTH else f"{day.day} {day:%b}"
    return f"{text}<br>{day.year}" if year else text


def _scale(answer: Answer, measures: Sequence[Measure], organization: Organization, extras: Extras) -> dict[str, Any]:
    """The axis of amounts, its marks written as the clinic writes them."""
    columns = answer.frame[[measure.column for measure in measures]].fillna(0)
    stacked = columns.sum(axis=1) if answer.chart is Chart.STACKED else columns.max(axis=1)
    kind = measures[0] if measures else None
    scale = 10.0 ** money.exponent(organization.currency) if kind is not None and kind.unit is Unit.MONEY else 1.0
    low, high = (float(columns.min().min()), float(stacked.max())) if columns.size else (0.0, 0.0)
    if extras.before is not None and not extras.before.frame.empty:
        earlier = extras.before.frame[measures[0].column]
        low, high = min(low, float(earlier.min())), max(high, float(earlier.max()))
    high = max(high, float(extras.target_minor))
    below = _ROOM_FOR_TEXT if answer.chart is Chart.RANKED and low < 0 else 0.0
    marks = nice_marks(low / scale, high / scale, whole=kind is None or kind.unit is Unit.COUNT)
    return {
        "showgrid": True,
        "gridcolor": _GRID,
        "zerolinecolor": _GRID,
        "fixedrange": True,
        "automargin": True,
        "tickvals": marks,
        "ticktext": [_mark(mark, kind, organization) for mark in marks],
        "range": [marks[0] - below * (marks[-1] - marks[0]), marks[-1] + _HEADROOM * (marks[-1] - marks[0])],
    }


def nice_marks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Round numbers, evenly apart, from at most `low` to at least `high`; 0 is among them. `whole`: no fractions."""
    span = max(high, 0.0) - min(low, 0.0) or 1.0
    power = 10.0 ** math.floor(math.log10(span / _TICKS))
    step = next(size * power for size in (1, 2, 2.5, 5, 10, 20) if size * power * _TICKS >= span)
    if whole:
        step = max(math.ceil(step), 1)
    first, last = math.floor(min(low, 0.0) / step), math.ceil(max(high, 0.0) / step)
    return [round(number * step, 9) for number in range(first, max(last, first + 1) + 1)]


def _mark(value: float, measure: Measure | None, organization: Organization) -> str:
    if measure is None or measure.unit is Unit.COUNT:
        return _compact(value, None, organization)
    if measure.unit is Unit.SHARE:
        return f"{value:.0%}" if value * 100 == round(value * 100) else f"{value:.1%}"
    return f"{value:g} min" if measure.unit is Unit.MINUTES else _compact(value, organization.currency, organization)


def _compact(value: float, currency: str | None, organization: Organization) -> str:
    try:
        locale = Locale.parse(organization.locale)
    except (ValueError, UnknownLocaleError):
        locale = Locale.parse("en")
    if currency is None:
        return format_compact_decimal(value, locale=locale, fraction_digits=2)
    short = format_compact_currency(value, currency, locale=locale, fraction_digits=2)
    if not _MANY_DIGITS.search(short):
        return short
    pattern = locale.currency_formats["standard"]  # some languages have no short form below a million
    return str(pattern.apply(value, locale, currency=currency, currency_digits=False, force_frac=(0, 0)))


def _short(labels: Sequence[str]) -> list[str]:
    """Names that fit beside a bar, all of them different."""
    cut = [_plain(label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…") for label in labels]
    return [f"{text}{chr(0x200B) * cut[:place].count(text)}" for place, text in enumerate(cut)]


def _plain(text: str) -> str:
    """Text in which plotly finds no markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
