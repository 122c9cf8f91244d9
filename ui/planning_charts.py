"""Charts of the Planning page, made like those of the reports: graph objects, no template, colours for both themes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go

from clinic_core.domain import noshow
from clinic_core.domain.noshow import Bin, Quality
from ui.charts import CAMERA, CONFIG
from ui.planning_parts import percent

__all__ = ["CONFIG", "changes", "reliability"]

_MORE, _LESS, _ALL = "#0d9488", "#e11d48", "#0284c7"
_GRID: Final = "rgba(128, 148, 145, 0.25)"
_LINE: Final = "rgba(128, 148, 145, 0.9)"
_FAINT: Final = "rgba(0, 0, 0, 0)"
_ROOM: Final = 1.15


def reliability(quality: Quality) -> go.Figure:
    """What was predicted for each tenth of the tested visits against what came, with the reach of chance."""
    bins = quality.bins
    reach = [noshow.interval(one) for one in bins]
    top = max(*(high for _, high in reach), *(one.predicted for one in bins)) * _ROOM
    points = go.Scatter(
        x=[one.predicted for one in bins],
        y=[one.observed for one in bins],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [high - one.observed for one, (_, high) in zip(bins, reach, strict=True)],
            "arrayminus": [one.observed - low for one, (low, _) in zip(bins, reach, strict=True)],
            "color": _LINE,
            "thickness": 1,
        },
        mode="markers",
        marker={"color": _MORE, "size": 9},
        name="A tenth of the visits",
        hovertext=[_told(one) for one in bins],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    ideal = go.Scatter(
        x=[0, top],
        y=[0, top],
        mode="lines",
        line={"color": _LINE, "dash": "dash", "width": 1},
        name="Said and came alike",
        hoverinfo="skip",
    )
    axis: dict[str, Any] = {
        "range": [0, top], "tickformat": ".0%", "gridcolor": _GRID, "zerolinecolor": _GRID, "fixedrange": True,
        "automargin": True,
    }  # fmt: skip
    layout = {
        **_LAYOUT,
        "height": 380,
        "xaxis": {**axis, "title": {"text": "Risk that was predicted"}},
        "yaxis": {**axis, "title": {"text": "Share that was missed"}},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemclick": False},
    }
    return go.Figure(data=[ideal, points], layout=layout)


def changes(labels: Sequence[str], amounts: Sequence[float], texts: Sequence[str]) -> go.Figure:
    """What each step adds to the year, in major units; the last bar is all of them."""
    colours = [_MORE if amount >= 0 else _LESS for amount in amounts[:-1]]
    low, high = min(*amounts, 0.0), max(*amounts, 0.0)
    room = (high - low or 1.0) * (_ROOM - 1) * 2.4
    bars = go.Bar(
        x=list(amounts),
        y=list(labels),
        orientation="h",
        marker={"color": [*colours, _ALL]},
        text=list(texts),
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
    )
    layout = {
        **_LAYOUT,
        "margin": {**_LAYOUT["margin"], "t": 30},
        "height": 52 + 40 * len(labels),
        "bargap": 0.35,
        "showlegend": False,
        "xaxis": {
            "range": [low - (room if low < 0 else 0), high + room],
            "showgrid": False,
            "zeroline": True,
            "zerolinecolor": _LINE,
            "showticklabels": False,
            "fixedrange": True,
        },
        "yaxis": {"autorange": "reversed", "showgrid": False, "fixedrange": True, "automargin": True},
    }
    return go.Figure(data=[bars], layout=layout)


_LAYOUT: Final[dict[str, Any]] = {
    "template": None,
    "margin": {"l": 8, "r": 8, "t": 36, "b": 8},
    "paper_bgcolor": _FAINT,
    "plot_bgcolor": _FAINT,
    "modebar": CAMERA,
    "dragmode": False,
    "hovermode": "closest",
}


def _told(one: Bin) -> str:
    low, high = noshow.interval(one)
    return (
        f"{one.visits:,} visits<br>predicted <b>{percent(one.predicted)}</b><br>missed <b>{percent(one.observed)}</b>"
        f"<br>95% range {percent(low)} to {percent(high)}"
    )
