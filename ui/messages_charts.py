"""The chart of the Messages page, made like those of the reports: graph objects, no template, for both themes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final

import plotly.graph_objects as go

from clinic_core.domain.messages import MessageKind
from ui.charts import CAMERA, SharedFigure

_GRID: Final = "rgba(128, 148, 145, 0.25)"
_FAINT: Final = "rgba(0, 0, 0, 0)"
_OTHER: Final = "#64748b"
_COLOURS: Final = {
    MessageKind.REMINDER: "#0d9488",
    MessageKind.CONFIRMATION: "#0284c7",
    MessageKind.CHANGED: "#7c3aed",
    MessageKind.CANCELLED: "#94a3b8",
    MessageKind.WAITLIST_OFFER: "#65a30d",
    MessageKind.RECALL: "#d97706",
    MessageKind.BILL_DUE: "#e11d48",
    MessageKind.REVIEW: "#db2777",
}


@lru_cache(maxsize=64)
def per_day(
    days: tuple[date, ...],
    series: tuple[tuple[MessageKind, tuple[float, ...]], ...],
    texts: tuple[tuple[str, ...], ...],
) -> SharedFigure:
    """Stacked bars, one a day; `texts` is what the mouse reads, by kind and day. Shared and read-only."""
    labels = [f"{day.day} {day:%b}" for day in days]
    bars = [
        go.Bar(
            name=kind.label,
            x=labels,
            y=values,
            marker={"color": _COLOURS.get(kind, _OTHER)},
            hovertext=said,
            hovertemplate="%{hovertext}<extra></extra>",
        )
        for (kind, values), said in zip(series, texts, strict=True)
    ]
    return SharedFigure(data=bars, layout=_layout(labels))


def _layout(labels: Sequence[str]) -> dict[str, Any]:
    names = {"showgrid": False, "fixedrange": True, "automargin": True, "type": "category", "nticks": 8}
    scale = {"gridcolor": _GRID, "zerolinecolor": _GRID, "fixedrange": True, "automargin": True, "nticks": 5}
    return {
        "template": None,
        "barmode": "stack",
        "height": 280,
        "margin": {"l": 8, "r": 8, "t": 36, "b": 8},
        "paper_bgcolor": _FAINT,
        "plot_bgcolor": _FAINT,
        "modebar": CAMERA,
        "dragmode": False,
        "clickmode": "event+select",
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemclick": False},
        "xaxis": {**names, "categoryorder": "array", "categoryarray": list(labels)},
        "yaxis": scale,
    }
