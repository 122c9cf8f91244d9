"""A plain table whose rows carry buttons: one message to the browser for all rows, and it reads well on a phone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import streamlit as st

_HERE: Final = Path(__file__).resolve().parent
_mount: Final = st.components.v2.component(
    "clinic_rows",
    html='<div class="frame"></div>',
    css=(_HERE / "rows.css").read_text(encoding="utf-8"),
    js=(_HERE / "rows.js").read_text(encoding="utf-8"),
)

OnStep = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Step:
    """A button: what it is called and what it does; the most likely one is `primary`."""

    id: str
    label: str
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell shown as a badge in a colour, or as an alert."""

    text: str
    tone: str = "gray"
    alert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line. `label` names it to a screen reader."""

    id: str
    label: str
    cells: Sequence[str | Mark]
    steps: Sequence[Step] = ()
    next: bool = False  # the one to take up now


def rows(
    title: str,
    columns: Sequence[str],
    lines: Sequence[Row],
    *,
    key: str,
    on_step: OnStep,
    right: Sequence[str] = (),
    head: int = 0,
    height: int | None = None,
) -> None:
    """Draw the table. A click calls `on_step(row id, step id)` before the next run; both come from the browser.

    Args:
        title: What the table holds, for screen readers.
        columns: The headings; those in `right` are aligned right.
        lines: One per row, each with as many cells as there are columns.
        key: Of the widget.
        on_step: A callback.
        right: Headings of number columns.
        head: Which column names the row: it is bold, and stands above the others on a phone.
        height: Pixels after which the table scrolls; None shows all of it.
    """
    data = {
        "title": title,
        "columns": [{"label": name, "right": name in right} for name in columns],
        "rows": [_row(line) for line in lines],
        "head": head,
        "height": height,
    }
    _mount(key=key, data=data, on_step_change=lambda: _clicked(key, on_step))


def steps_data(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps as the browser takes them."""
    return [{"id": step.id, "label": step.label, "primary": step.primary} for step in steps]


def clicked_step(key: str) -> tuple[str, str] | None:
    """The row and the step that were clicked; None when the browser sent something else."""
    value = st.session_state[key].get("step")
    found = (value.get("id"), value.get("step")) if isinstance(value, dict) else (None, None)
    return (found[0], found[1]) if isinstance(found[0], str) and isinstance(found[1], str) else None


def _clicked(key: str, on_step: OnStep) -> None:
    clicked = clicked_step(key)
    if clicked is not None:
        on_step(*clicked)


def _row(line: Row) -> dict[str, Any]:
    cells = [c if isinstance(c, str) else {"text": c.text, "tone": c.tone, "alert": c.alert} for c in line.cells]
    return {"id": line.id, "label": line.label, "cells": cells, "steps": steps_data(line.steps), "next": line.next}
