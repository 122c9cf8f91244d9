"""Money events as a table that fits a phone: day, what happened, by whom, the amount and what it left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Final

import streamlit as st

_TABLE: Final = "width:100%;max-width:34rem;border-collapse:collapse;font-variant-numeric:tabular-nums"
_RULE: Final = "border-top:1px solid color-mix(in srgb, currentColor 20%, transparent)"
_CELL: Final = "padding:.4rem .25rem;vertical-align:top;text-align:left;font-weight:inherit;"
_DAY: Final = f"{_CELL}width:clamp(4rem,20%,7rem);"  # one line, or two on a phone
_NUMBER: Final = "padding:.4rem .25rem .4rem .75rem;vertical-align:top;text-align:right;white-space:nowrap;"
_SMALL: Final = "opacity:.75;font-size:.875em"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One event, its texts ready to be read."""

    day: str
    what: str
    note: str = ""
    amount: str
    after: str  # what is due or held after it


def show(title: str, lines: Iterable[Line], *, after: str) -> None:
    """Draw the events; `title` is for screen readers, `after` heads the last column."""
    heads = "".join(
        f'<th scope="col" style="{style}{_SMALL};font-weight:600">{escape(head)}</th>'
        for head, style in (("Day", _DAY), ("What", _CELL), ("Amount", _NUMBER), (after, _NUMBER))
    )
    body = "".join(_row(line) for line in lines)
    table = f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"
    st.html(f'<table aria-label="{escape(title)}" style="{_TABLE}">{table}</table>')


def _row(line: Line) -> str:
    note = f'<br><span style="{_SMALL}">{escape(line.note)}</span>' if line.note else ""
    return (
        f'<tr style="{_RULE}"><td style="{_DAY}">{escape(line.day)}</td>'
        f'<td style="{_CELL}overflow-wrap:anywhere">{escape(line.what)}{note}</td>'
        f'<td style="{_NUMBER}">{escape(line.amount)}</td><td style="{_NUMBER}">{escape(line.after)}</td></tr>'
    )
