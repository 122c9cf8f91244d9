"""The database: how large it is, how it grows, when the disk is full, and what the regular looks came to."""

from __future__ import annotations

from typing import Final

import plotly.graph_objects as go
import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.upkeep import LEAST_SAMPLES, Growth, Review, SizeSample
from clinic_core.services import upkeep
from clinic_core.services.upkeep import DatabaseSize
from ui import text, widgets
from ui.charts import CAMERA, CONFIG
from ui.planning_parts import tiles
from ui.text import plain

_MEGA, _GIGA = 1_000_000, 1_000_000_000
_COLOUR: Final = "#0d9488"
_GRID: Final = "rgba(128, 148, 145, 0.25)"
_LARGEST: Final = 8
_TITLES: Final = {"indexes": "Indexes", "versions": "Versions"}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the size with its trend, and the reviews."""
    size = upkeep.size(clinic, actor)
    if size.samples:
        _size(clinic, size)
    else:
        widgets.nothing_here(
            'The size is measured every night at 03:10. For a first figure run the job "sample database size" now.',
            "database",
        )
    _reviews(clinic, upkeep.reviews(clinic, actor))


def _size(clinic: Clinic, size: DatabaseSize) -> None:
    last = size.samples[-1]
    free = "not known" if last.free_bytes is None else amount(last.free_bytes)
    tiles(
        [
            ("On disk", amount(last.disk_bytes), f"measured {widgets.moment(clinic, last.at)}"),
            ("Documents", f"{sum(last.documents.values()):,}", f"in {len(last.documents)} collections"),
            ("Growth", *_growth(size.growth)),
            ("Free on its disk", free, _full(last, size.growth)),
        ]
    )
    if len(size.samples) > 1:
        st.plotly_chart(
            _chart(size.samples), key="operations.size", config=CONFIG, alt="What the database took on disk, by day."
        )
    with st.expander("The largest collections"):
        largest = sorted(last.documents.items(), key=lambda pair: -pair[1])[:_LARGEST]
        lines = [(plain(name), f"{count:,}") for name, count in largest]
        st.markdown(text.table(("Collection", "Documents"), lines, right=[1]))


def _growth(growth: Growth | None) -> tuple[str, str]:
    if growth is None:
        return "not known yet", f"needs {LEAST_SAMPLES} nights"
    sign = "+" if growth.bytes_per_day > 0 else "−"
    return f"{sign}{amount(abs(growth.bytes_per_day))}", "a day, over the last 90 days"


def _full(last: SizeSample, growth: Growth | None) -> str:
    if last.free_bytes is None:
        return "the server does not tell"
    if growth is None:
        return "a forecast needs some nights"
    if growth.full_on is None:
        return "enough for ten years at this pace"
    return f"full about {widgets.short_day(growth.full_on)} at this pace"


def amount(size: float) -> str:
    """Bytes as people read them."""
    if size >= _GIGA:
        return f"{size / _GIGA:,.1f} GB"
    return f"{size / _MEGA:,.1f} MB"


def _chart(samples: tuple[SizeSample, ...]) -> go.Figure:
    line = go.Scatter(
        x=[sample.id for sample in samples],
        y=[sample.disk_bytes / _MEGA for sample in samples],
        mode="lines+markers",
        line={"color": _COLOUR, "width": 2},
        marker={"size": 5},
        hovertemplate="%{x}: %{y:,.1f} MB<extra></extra>",
    )
    axis = {"gridcolor": _GRID, "zerolinecolor": _GRID, "fixedrange": True, "automargin": True}
    layout = {
        "template": None,
        "height": 260,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "modebar": CAMERA,
        "dragmode": False,
        "xaxis": {**axis, "type": "date"},
        "yaxis": {**axis, "ticksuffix": " MB", "rangemode": "tozero"},
    }
    return go.Figure(data=[line], layout=layout)


def _reviews(clinic: Clinic, reviews: list[Review]) -> None:
    st.markdown("#### Reviews")
    if not reviews:
        st.caption("Indexes are reviewed on the first of a month, versions on Mondays; neither has been yet.")
    for review in reviews:
        with st.container(border=True):
            made = f":small[{plain(widgets.moment(clinic, review.made_at))}]"
            st.markdown(f"**{_TITLES.get(review.id, review.id)}** {made}  \n{plain(review.summary)}")
            if review.lines:
                with st.expander("Which"):
                    st.markdown("\n".join(f"- {plain(line)}" for line in review.lines))
    st.caption(
        "Which packages have newer releases is not known without the internet: where it can be reached, "
        "`pip list --outdated` says so."
    )
