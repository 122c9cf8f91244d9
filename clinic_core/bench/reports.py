"""How quickly the Reports page opens and follows a selection, through the websocket, as a browser drives it.

An opening is a new tab that goes to Reports over all days. A click is a bar of a chart that is selected or let go, or
a stretch of time, or a filter: each gives a question that was not asked before in this process.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from streamlit.proto.WidgetStates_pb2 import WidgetState

from clinic_core.bench.pages import percentiles, sign_in
from clinic_core.bench.wire import Run, Tab, open_tab, within
from clinic_core.errors import InvalidInput

_TIMEOUT: Final = 60.0
_PAGE: Final = "reports"
ALL: Final = "report_days=All"
_CHART: Final = "reports.chart."
_FILTERS: Final = ("report_weekdays", "report_practitioners", "report_services", "report_methods")
_MOST_ON: Final = 4  # selections at once; then they are let go


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where, as whom, and how often."""

    url: str
    password: str
    clicks: int = 0
    seed: int = 1
    username: str = "manager"
    query: str = ALL


async def opening(plan: Plan) -> Run:
    """A new tab that goes straight to Reports over all days."""
    cookie = sign_in(plan.url, plan.username, plan.password)
    async with open_tab(plan.url, cookie) as tab:
        tab.query = plan.query
        return _sound(await within(_TIMEOUT, tab.run(page_name=_PAGE)))


async def clicking(plan: Plan) -> dict[str, float]:
    """Many selections one after the other in one tab, and how long the runs took that followed."""
    chance = random.Random(plan.seed)  # noqa: S311 - which bar is clicked
    cookie = sign_in(plan.url, plan.username, plan.password)
    async with open_tab(plan.url, cookie) as tab:
        tab.query = plan.query
        _sound(await within(_TIMEOUT, tab.run(page_name=_PAGE)))
        times = []
        for number in range(plan.clicks):
            changed = _selection(tab, chance, number)
            run = _sound(await within(_TIMEOUT, tab.run(changed=[changed])))
            times.append(run.milliseconds)
        return percentiles(times)


def _selection(tab: Tab, chance: random.Random, number: int) -> WidgetState:
    """The next thing that is touched: two charts in three, else a filter."""
    charts = [(known, points) for known, element in tab.drawn.items() if (points := _points(known, element))]
    if charts and number % 3:
        known, points = chance.choice(charts)
        first = chance.randrange(points)
        last = min(first + chance.randrange(1, 12), points - 1) if f"{_CHART}revenue." in known else first
        return WidgetState(id=known, string_value=_selected(range(first, last + 1)))
    filters = {name: known for known in tab.drawn for name in _FILTERS if known.endswith(f"-{name}")}
    if not filters:
        raise InvalidInput("The Reports page has no filters that could be selected. Is it another release?")
    known = filters[chance.choice(sorted(filters))]
    options = list(tab.drawn[known].options)
    chosen = chance.sample(options, min(len(options), chance.randrange(_MOST_ON)))
    state = WidgetState(id=known)
    state.string_array_value.data.extend(chosen)
    return state


def _points(known: str, element: Any) -> int:
    """How many bars a chart has; 0 when the widget is none of the page's charts."""
    if _CHART not in known:
        return 0
    traces = json.loads(element.spec)["data"]
    return max((len(_listed(trace.get("y"))) for trace in traces), default=0)


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
