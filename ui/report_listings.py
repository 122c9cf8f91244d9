"""A table of a board with its files: the page shows the first rows, the files have all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import pandas as pd
import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.access import Actor
from clinic_core.reports.measures import Unit
from clinic_core.services.listings import Listing
from clinic_core.services.reports import Question
from ui import report_exports
from ui.text import plain

Make: TypeAlias = Callable[[Clinic, Actor, int | None], Listing]  # at most so many rows; all of them for a file

_MOST: Final = 25
_HEIGHT: Final = 420


def show(
    clinic: Clinic,
    actor: Actor,
    question: Question,
    make: Make,
    *,
    title: str = "",
    empty: str = "Nothing was recorded on these days.",
    on_cell: Callable[[int, str], None] | None = None,
) -> Listing:
    """Draw a listing under its title, with the way to its files; `on_cell` is told which cell is selected."""
    made = make(clinic, actor, _MOST)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(title or f"**{plain(made.title)}**", width="content")
        if made.rows:
            report_exports.listing_buttons(clinic, question, made.name, lambda at, who: make(at, who, None))
    if not made.rows:
        st.caption(empty)
        return made
    places = money.exponent(clinic.organization().currency)
    key = f"listing.{made.name}.{st.session_state.get(_turn(made.name), 0)}"
    given: dict[str, Any] = {}
    if on_cell is not None:
        given = {"key": key, "selection_mode": "single-cell", "on_select": lambda: _selected(key, made, on_cell)}
    st.dataframe(
        _shown(made, places),
        column_config=_columns(made, clinic.organization().currency, places),
        hide_index=True,
        height=min(38 + 35 * len(made.frame), _HEIGHT),
        **given,
    )
    if len(made.frame) < made.rows:
        st.caption(f"The first {len(made.frame)} of {made.rows:,}. The files have all of them.")
    return made


def _turn(name: str) -> str:
    return f"listing.{name}"


def _selected(key: str, made: Listing, on_cell: Callable[[int, str], None]) -> None:
    cells = st.session_state[key].selection.cells
    st.session_state[_turn(made.name)] = st.session_state.get(_turn(made.name), 0) + 1
    place, head = cells[0] if cells else (-1, "")
    if 0 <= place < len(made.frame):
        on_cell(place, str(head))


def _shown(made: Listing, places: int) -> pd.DataFrame:
    """Amounts in major units and shares in percent, so that a browser sorts and aligns them."""
    factors = {Unit.MONEY: 10.0**-places, Unit.SHARE: 100.0}
    changed = {head: made.frame[head] * factors[unit] for head, unit in made.units.items() if head in made.frame}
    return made.frame.assign(**changed)


def _columns(made: Listing, currency: str, places: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column in made.frame.columns:
        unit, values = made.units.get(column), made.frame[column]
        if unit is Unit.MONEY:
            found[column] = st.column_config.NumberColumn(f"{column} ({currency})", format=f"%,.{places}f")
        elif unit is Unit.SHARE:
            found[column] = st.column_config.NumberColumn(column, format="%.1f%%")
        elif pd.api.types.is_datetime64_any_dtype(values):
            found[column] = st.column_config.DateColumn(column, format="D MMM YYYY")
        elif pd.api.types.is_float_dtype(values):
            found[column] = st.column_config.NumberColumn(column, format="%,.1f")
        elif pd.api.types.is_integer_dtype(values):
            found[column] = st.column_config.NumberColumn(column, format="%,d")
    return found
