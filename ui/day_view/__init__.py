"""The day as a grid: a column per practitioner, free and taken times as buttons, now as a line.

Offsets are minutes of real time since `DayView.origin`, so a day on which the clocks change is drawn as long as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import streamlit as st

_HERE: Final = Path(__file__).resolve().parent
_mount: Final = st.components.v2.component(
    "clinic_day_view",
    html='<div class="frame" tabindex="-1"></div>',
    css=(_HERE / "day_view.css").read_text(encoding="utf-8"),
    js=(_HERE / "day_view.js").read_text(encoding="utf-8"),
)
_WHOLE_DAY: Final = 26 * 60
_ROW_PIXELS: Final = 30  # the least height of one step of the grid
_CELL: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line across the grid at `at`, with its time beside it where `shown`."""

    at: int
    label: str
    full: bool  # a full hour
    shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """A time that can be booked."""

    at: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A visit. `label` is the whole of it in words, for screen readers and on hovering."""

    id: str
    at: int
    minutes: int
    title: str
    detail: str
    tone: str
    label: str
    alert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A break between two openings, or the whole day when the practitioner is away."""

    at: int
    minutes: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayColumn:
    """One practitioner's day; `open` are [from, until) offsets."""

    id: str
    name: str
    note: str
    open: Sequence[tuple[int, int]]
    gaps: Sequence[Gap]
    free: Sequence[Free]
    taken: Sequence[Taken]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayView:
    """All that the grid shows."""

    day: str  # ISO, to keep the place on a redraw of the same day
    title: str
    origin: datetime  # aware UTC
    minutes: int  # how much time is shown
    step: int  # minutes between two free times
    verb: str  # what a click on a free time does
    lines: Sequence[Line]
    columns: Sequence[DayColumn]
    now: int | None = None
    chosen: str = ""  # the visit that is open or being moved
    moving: bool = False


def day_view(
    view: DayView, *, key: str, on_slot: Callable[[str, datetime], None], on_visit: Callable[[str], None]
) -> None:
    """Draw the grid. Clicks call `on_slot(practitioner id, aware UTC instant)` or `on_visit(appointment id)`.

    They run before the next run of the script. What they are given comes from the browser: the services check it.
    """
    _mount(
        key=key,
        data=_data(view),
        on_slot_change=lambda: _slot_clicked(key, view, on_slot),
        on_visit_change=lambda: _visit_clicked(key, on_visit),
    )


def _slot_clicked(key: str, view: DayView, on_slot: Callable[[str, datetime], None]) -> None:
    value = st.session_state[key].get("slot")
    column, at = (value.get("column"), value.get("at")) if isinstance(value, dict) else (None, None)
    if isinstance(column, str) and isinstance(at, int) and 0 <= at <= _WHOLE_DAY:
        on_slot(column, view.origin + timedelta(minutes=at // _CELL * _CELL))


def _visit_clicked(key: str, on_visit: Callable[[str], None]) -> None:
    value = st.session_state[key].get("visit")
    if isinstance(value, str):
        on_visit(value)


def _data(view: DayView) -> dict[str, Any]:
    return {
        "day": view.day,
        "title": view.title,
        "minutes": view.minutes,
        "step": view.step,
        "verb": view.verb,
        "cell": max(8, -(-_ROW_PIXELS * _CELL // view.step)),
        "lines": [{"at": x.at, "label": x.label, "full": x.full, "shown": x.shown} for x in view.lines],
        "columns": [_column(column) for column in view.columns],
        "now": view.now,
        "chosen": view.chosen,
        "moving": view.moving,
    }


def _column(column: DayColumn) -> dict[str, Any]:
    return {
        "id": column.id,
        "name": column.name,
        "note": column.note,
        "open": [list(stretch) for stretch in column.open],
        "gaps": [{"at": gap.at, "minutes": gap.minutes, "text": gap.text} for gap in column.gaps],
        "free": [{"at": free.at, "label": free.label} for free in column.free],
        "taken": [_taken(taken) for taken in column.taken],
    }


def _taken(taken: Taken) -> dict[str, Any]:
    return {
        "id": taken.id,
        "at": taken.at,
        "minutes": taken.minutes,
        "title": taken.title,
        "detail": taken.detail,
        "tone": taken.tone,
        "label": taken.label,
        "alert": taken.alert,
    }
