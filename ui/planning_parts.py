"""What the parts of the Planning page share: figures in tiles and numbers as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

import streamlit as st

_STYLE: Final = """
dl.plan { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem }
dl.plan, dl.plan dd { margin: 0; padding: 0 }
.plan div { border: 1px solid rgba(128, 148, 145, .4); border-radius: .5rem; padding: .75rem 1rem }
.plan dt, .plan small { opacity: .75; font-size: .875rem; font-weight: 400 }
.plan dd { font-size: 1.2rem; font-weight: 600; font-variant-numeric: tabular-nums }
.plan small { display: block; font-size: .8125rem }
"""


def tiles(figures: Sequence[tuple[str, str, str]]) -> None:
    """Draw figures: what each is called, its value, and a few words on it."""
    parts = [
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>"
        for label, value, note in figures
    ]
    st.html(f"<style>{_STYLE}</style><dl class='plan'>{''.join(parts)}</dl>")


def percent(share: float, digits: int = 1) -> str:
    """``"12.3%"``."""
    return f"{share:.{digits}%}"


def signed(text: str, amount: float) -> str:
    """The text of an amount with a plus where it is more than nothing."""
    return f"+{text}" if amount > 0 else text
