"""How quickly the Reports page opens and follows a selection, through the websocket, as a browser drives it.

An opening is a new tab that goes to Reports over all days. A click is a bar, a square or a stretch of time that is
selected or let go, a filter, or a figure whose rows are opened, on each board in turn. Only what was never shown before
in this process is measured; clicks that change nothing at all are counted and named, for they should not be there.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from streamlit.proto.WidgetStates_pb2 import WidgetState

from clinic_core.bench.pages import percentiles, sign_in
from clinic_core.bench.wire import Run, Tab, open_tab, within
from clinic_core.errors import InvalidInput

_TIMEOUT: Final = 60.0
_PAGE: Final = "reports"
ALL: Final = "report_days=All"
_BOARD: Final = "report"
_ROWS: Final = "-reports.pills"
_FILTERS: Final = (
    "report_weekdays",
    "report_practitioners",
    "report_services",
    "report_methods",
    "report_payers",
    "report_rooms",
    "report_rates",
)
_MOST_ON: Final = 4  # selections at once; then they are let go
_MOST_TRIES: Final = 6  # clicks for each that is measured; the others show what was shown before
_STRETCH: Final = 12  # bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where, as whom, and how often."""

    url: str
    password: str
    clicks: int = 0
    seed: int = 1
    username: str = "manager"
    query: str = ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicks:
    """How long the runs took that followed a click, over all boards and on each."""

    milliseconds: dict[str, float]
    p95_by_board: dict[str, float]
    measured: int
    made: int  # with those that showed what was shown before
    without_effect: dict[str, int]  # what was clicked that changed nothing -> how often


@dataclass(slots=True)
class _Board:
    """A board that is driven, in a tab of its own."""

    name: str
    tab: Tab
    shown: str = ""  # what its last run drew
    times: list[float] = field(default_factory=list)
    tries: int = 0


async def opening(plan: Plan) -> Run:
    """A new tab that goes straight to Reports over all days."""
    cookie = sign_in(plan.url, plan.username, plan.password)
    async with open_tab(plan.url, cookie) as tab:
        tab.query = plan.query
        return _sound(await within(_TIMEOUT, tab.run(page_name=_PAGE)))


async def clicking(plan: Plan) -> Clicks:
    """Many selections one after the other, on each board in turn, and how long the runs took that followed."""
    chance = random.Random(plan.seed)  # noqa: S311 - which bar is clicked
    cookie = sign_in(plan.url, plan.username, plan.password)
    async with AsyncExitStack() as tabs:
        boards = await _boards(plan, cookie, tabs)
        known = {board.shown for board in boards}
        made, idle = 0, Counter[str]()
        while sum(len(board.times) for board in boards) < plan.clicks and made < _MOST_TRIES * plan.clicks:
            board = min(boards, key=lambda one: len(one.times) + one.tries / _MOST_TRIES)
            made += 1
            idle.update(await _click(board, chance, known))
        times = [each for board in boards for each in board.times]
        return Clicks(
            milliseconds=percentiles(times),
            p95_by_board={board.name: percentiles(board.times)["p95"] for board in boards if board.times},
            measured=len(times),
            made=made,
            without_effect=dict(idle),
        )


async def _boards(plan: Plan, cookie: str, tabs: AsyncExitStack) -> list[_Board]:
    """A tab for each board that the page offers."""
    first = await tabs.enter_async_context(open_tab(plan.url, cookie))
    first.query = plan.query
    _sound(await within(_TIMEOUT, first.run(page_name=_PAGE)))
    names = [option.content for option in _widget(first, f"-{_BOARD}")[1].options]
    boards = []
    for name in names:
        tab = await tabs.enter_async_context(open_tab(plan.url, cookie))
        tab.query = f"{plan.query}&{_BOARD}={name}"
        run = _sound(await within(_TIMEOUT, tab.run(page_name=_PAGE)))
        boards.append(_Board(name, tab, run.shown))
    return boards


async def _click(board: _Board, chance: random.Random, known: set[str]) -> list[str]:
    """Touch something; what was never shown before is measured. Gives its name when it changed nothing."""
    changed = _selection(board.tab, chance)
    board.tries += 1
    run = _sound(await within(_TIMEOUT, board.tab.run(changed=[changed])))
    idle = [f"{board.name}: {changed.id.rpartition('-')[2]}"] if run.shown == board.shown else []
    board.shown = run.shown
    if run.shown not in known:
        known.add(run.shown)
        board.times.append(run.milliseconds)
    return idle


def _selection(tab: Tab, chance: random.Random) -> WidgetState:
    """The next thing that is touched: mostly a chart, else a filter or rows."""
    ways: list[Callable[[Tab, random.Random], WidgetState | None]] = [_chart, _filter, _rows]
    (way,) = chance.choices(ways, weights=(5, 3, 1))
    found = way(tab, chance) or _filter(tab, chance)
    if found is None:
        raise InvalidInput("The Reports page has no filters that could be selected. Is it another release?")
    return found


def _chart(tab: Tab, chance: random.Random) -> WidgetState | None:
    """A bar, a square, or a stretch of time."""
    charts = [
        (known, points, "box" in _modes(element))
        for known, element in tab.drawn.items()
        if (points := _points(element))
    ]
    if not charts:
        return None
    known, points, stretches = chance.choice(charts)
    first = chance.randrange(points)
    last = min(first + chance.randrange(_STRETCH), points - 1) if stretches else first
    return WidgetState(id=known, string_value=_selected(range(first, last + 1)))


def _filter(tab: Tab, chance: random.Random) -> WidgetState | None:
    """Other values of a filter than those that are chosen."""
    filters = [known for known in tab.drawn if known.endswith(tuple(f"-{name}" for name in _FILTERS))]
    if not filters:
        return None
    known = chance.choice(sorted(filters))
    options, before = list(tab.drawn[known].options), tab.chosen[known]
    chosen = chance.sample(options, min(len(options), chance.randrange(1, _MOST_ON)))
    return _listed_state(tab, known, [] if set(chosen) == set(before) else chosen)


def _rows(tab: Tab, chance: random.Random) -> WidgetState | None:
    """A figure whose rows are opened; those of another one when some are open."""
    found = _found(tab, _ROWS)
    if found is None:
        return None
    known, element = found
    options = [option.content for option in element.options]
    others = [[one] for one in options if [one] != tab.chosen[known]]
    return _listed_state(tab, known, chance.choice(others or [[]]))  # the only one is let go


def _listed_state(tab: Tab, known: str, values: list[str]) -> WidgetState:
    tab.chosen[known] = values
    state = WidgetState(id=known)
    state.string_array_value.data.extend(values)
    return state


def _found(tab: Tab, ending: str) -> tuple[str, Any] | None:
    return next(((known, element) for known, element in tab.drawn.items() if ending in known), None)


def _widget(tab: Tab, ending: str) -> tuple[str, Any]:
    found = next(((known, element) for known, element in tab.drawn.items() if known.endswith(ending)), None)
    if found is None:
        raise InvalidInput(f"The Reports page has no {ending[1:]}. Is it another release?")
    return found


def _modes(element: Any) -> list[str]:
    """In which ways something on a chart can be selected; none when it cannot, or is no chart."""
    names = {element.SelectionMode.POINTS: "points", element.SelectionMode.BOX: "box"} if _is_chart(element) else {}
    return [names.get(mode, "") for mode in element.selection_mode] if names else []


def _is_chart(element: Any) -> bool:
    return bool(element.DESCRIPTOR.name == "PlotlyChart")


def _points(element: Any) -> int:
    """How many bars or squares a chart has that can be selected; 0 when the widget is no such chart."""
    if not _modes(element):
        return 0
    traces = json.loads(element.spec)["data"]
    return max((len(_listed(t.get("y"))) for t in traces if t["type"] != "heatmap"), default=0)


def _listed(values: Any) -> list[Any]:
    if isinstance(values, dict):  # plotly sends numbers packed: {"dtype": "i4", "bdata": …}
        size = int(str(values.get("dtype", "i4"))[-1])
        return [None] * (len(values.get("bdata", "")) * 3 // 4 // size)
    return list(values or ())


def _selected(places: range) -> str:
    points = [{"curve_number": 0, "point_number": place, "point_index": place} for place in places]
    chosen = {"points": points, "point_indices": list(places), "box": [], "lasso": []}
    return json.dumps({"selection": chosen})


def _sound(run: Run) -> Run:
    if run.fault:
        raise InvalidInput(f"The Reports page showed a fault: {run.fault}. Look into the app's log.")
    return run


def questions() -> Iterator[str]:
    """Addresses that ask for all days in another way each, so that none is answered from memory."""
    for steps in ("Month", "Quarter", "Year"):
        yield f"{ALL}&report_steps={steps}"


def heavy(today: date) -> Iterator[str]:
    """Addresses that take the most memory: every day of all years, as of a day, and what is owed."""
    for board in ("Revenue", "Attendance", "Patients"):
        yield f"{ALL}&report_steps=Day&{_BOARD}={board}"
    for board in ("Attendance", "Receivables"):
        yield f"{ALL}&{_BOARD}={board}&report_as_of={today.replace(day=1).isoformat()}"
    yield f"{ALL}&{_BOARD}=Receivables"
