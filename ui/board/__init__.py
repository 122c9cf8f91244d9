"""Cards in columns, each with the steps that may come next: one message to the browser however many cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ui.rows import Mark, OnStep, Step, clicked_step, steps_data

_HERE: Final = Path(__file__).resolve().parent
_mount: Final = st.components.v2.component(
    "clinic_board",
    html='<div class="board" role="group"></div>',
    css=(_HERE / "board.css").read_text(encoding="utf-8"),
    js=(_HERE / "board.js").read_text(encoding="utf-8"),
)
OPEN: Final = "open"  # the step of a click on the card's title


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One visit on the board."""

    id: str
    time: str
    title: str
    lines: Sequence[str] = ()
    alert: str = ""
    badge: Mark | None = None
    steps: Sequence[Step] = ()
    next: bool = False  # the one to take up now


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One state of the visits, e.g. "Waiting"."""

    title: str
    tone: str
    cards: Sequence[Card]
    note: str = ""
    empty: str = ""
    first: bool = False  # stands above the others on a phone


def board(title: str, columns: Sequence[Column], *, key: str, on_step: OnStep) -> None:
    """Draw the board. A click calls `on_step(card id, step id)` before the next run; both come from the browser."""
    data = {"title": title, "columns": [_column(column) for column in columns]}
    _mount(key=key, data=data, on_step_change=lambda: _clicked(key, on_step))


def _clicked(key: str, on_step: OnStep) -> None:
    clicked = clicked_step(key)
    if clicked is not None:
        on_step(*clicked)


def _column(column: Column) -> dict[str, Any]:
    return {
        "title": column.title,
        "tone": column.tone,
        "note": column.note,
        "empty": column.empty,
        "first": column.first,
        "cards": [_card(card) for card in column.cards],
    }


def _card(card: Card) -> dict[str, Any]:
    badge = None if card.badge is None else {"text": card.badge.text, "tone": card.badge.tone}
    return {
        "id": card.id,
        "time": card.time,
        "title": card.title,
        "lines": list(card.lines),
        "alert": card.alert,
        "badge": badge,
        "steps": steps_data(card.steps),
        "next": card.next,
    }
