"""The board "Hours": when practitioners are busy, idle or overbooked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Final, TypeAlias

import pandas as pd
import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.schedules import WEEKDAYS
from clinic_core.reports.measures import VISITS
from clinic_core.services import listings, utilisation
from clinic_core.services.reports import Figure, Question
from clinic_core.services.utilisation import Utilisation
from ui import charts, report_filters, report_listings, report_rows, report_tables, widgets
from ui.text import plain

Cells: TypeAlias = dict[tuple[int, int], Mapping[Any, Any]]

_HOUR: Final = 60
_KEY: Final = "hours.grid"
_ROWS: Final = {
    "Seen": Figure("attendance", "seen"),
    "No-show": Figure("attendance", "missed"),
    "Open": Figure("attendance", "open"),
}


def draw(clinic: Clinic, actor: Actor, question: Question) -> None:
    """Draw the board."""
    found = utilisation.of(clinic, actor, question)
    every = utilisation.of(clinic, actor, replace(question, weekdays=frozenset(), hours=frozenset()))
    st.caption(plain(found.because or utilisation.BASIS))
    report_filters.said_not_known(question, VISITS)
    if every.grid.empty:
        widgets.nothing_here("No hours and no visits on these days. Choose other days, or fewer filters.", "schedule")
        return
    _tiles(found)
    _grid(clinic, question, every)
    basis = utilisation.BASIS
    report_listings.show(
        clinic,
        actor,
        question,
        lambda at, who, _: listings.hours_by_practitioner(at, utilisation.of(at, who, question), basis),
        title="**By practitioner**",
    )
    with st.expander("All squares as a table"):
        report_listings.show(
            clinic,
            actor,
            question,
            lambda at, who, _: listings.hours_by_square(at, utilisation.of(at, who, question), basis),
        )
    report_rows.behind(clinic, actor, replace(question, end_on=found.last), _ROWS, "hours.rows")


def _tiles(found: Utilisation) -> None:
    total = found.total
    share = total.get("share", float("nan"))
    report_tables.tile_row(
        [
            ("Used of offered", "–" if pd.isna(share) else f"{share:.1%}"),
            ("Idle", _hours(total.get("idle", 0))),
            ("Missed", _hours(total.get("missed", 0))),
            ("Beyond the hours", _hours(total.get("over", 0))),
        ]
    )


def _grid(clinic: Clinic, question: Question, every: Utilisation) -> None:
    """Weekdays by hours, all of them; a square that is selected filters everything else by its weekday and hour."""
    grid: Cells = {(int(cell["weekday"]), int(cell["hour"])): cell for cell in every.grid.to_dict("records")}
    days = sorted({int(day) for day in every.grid["weekday"]})
    hours = list(range(int(every.grid["hour"].min()), int(every.grid["hour"].max()) + 1))
    values = tuple(tuple(_share(grid, day, hour) for hour in hours) for day in days)
    texts = tuple(tuple(_text(grid, day, hour) for hour in hours) for day in days)
    squares = [(day, hour) for day in days for hour in hours]
    chosen = _chosen(question)
    key = f"{_KEY}.{st.session_state.get(_KEY, 0)}"
    st.plotly_chart(
        charts.heat(
            values,
            texts,
            tuple(WEEKDAYS[day] for day in days),
            tuple(f"{hour:02d}:00" for hour in hours),
            frozenset((days.index(day), hours.index(hour)) for day, hour in chosen & set(squares)),
        ),
        key=key,
        on_select=lambda: _selected(clinic, key, squares, chosen),
        selection_mode="points",
        config=charts.CONFIG,
        alt="Share of the offered hours that was used, by weekday and hour.",
    )


def _chosen(question: Question) -> frozenset[tuple[int, int]]:
    """The squares that the selection is about; none while all count."""
    if not question.weekdays and not question.hours:
        return frozenset()
    return frozenset(product(question.weekdays or range(len(WEEKDAYS)), question.hours or range(24)))


def _selected(clinic: Clinic, key: str, squares: Sequence[tuple[int, int]], chosen: frozenset[tuple[int, int]]) -> None:
    """A square was selected: it alone counts from now on, or everything again when it did already."""
    places = [int(point.get("point_index", -1)) for point in st.session_state[key].selection.points]
    st.session_state[_KEY] = st.session_state.get(_KEY, 0) + 1
    if not places or not 0 <= places[0] < len(squares):
        return
    weekday, hour = squares[places[0]]
    again = chosen == {(weekday, hour)}
    report_filters.choose(clinic, "weekday", () if again else (weekday,))
    report_filters.choose(clinic, "hour", () if again else (hour,))


def _share(grid: Cells, day: int, hour: int) -> float | None:
    cell = grid.get((day, hour))
    return None if cell is None or pd.isna(cell["share"]) else min(float(cell["share"]), 1.0)


def _text(grid: Cells, day: int, hour: int) -> str:
    head, cell = f"{WEEKDAYS[day]} {hour:02d}:00", grid.get((day, hour))
    if cell is None:
        return f"{head}<br>no hours, no visits"
    share: str = "–" if pd.isna(cell["share"]) else f"{cell['share']:.0%}"
    parts = [f"{name} {_hours(cell[name])}" for name in ("offered", "used", "missed", "idle", "over") if cell[name] > 0]
    return f"{head}<br><b>{share}</b> used<br>{'<br>'.join(parts)}"


def _hours(minutes: Any) -> str:
    return "–" if pd.isna(minutes) else f"{float(minutes) / _HOUR:,.1f} h"
