"""How good is it: what the no-show model is worth on visits that it has never seen."""

from __future__ import annotations

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import noshow
from clinic_core.domain.access import Actor
from clinic_core.domain.noshow import Model, Quality
from clinic_core.services import planning
from ui import planning_charts, text, widgets
from ui.planning_parts import percent, tiles
from ui.text import plain

_DASH = "\u2060–\u2060"  # which no line breaks at
_HEAD = ("#", "Visits", "Predicted", "Missed", "95% range")


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw whether there is a model, its figures, and the chart of said against came."""
    model = planning.model(clinic, actor)
    if model is None:
        widgets.nothing_here(
            "No model has been trained yet. It is made in the background, once a day and when the system starts.",
            "model_training",
        )
        return
    if model.refusal:
        st.warning(plain(model.refusal), icon=":material/block:")
    st.caption(plain(_made(clinic, model)))
    if model.quality is not None:
        _figures(model.quality)
        _reliability(model.quality)
    with st.expander("How it is made and tested"):
        st.markdown(_ABOUT)


def _made(clinic: Clinic, model: Model) -> str:
    days = f", {widgets.short_day(model.from_on)} to {widgets.short_day(model.to_on)}" if model.from_on else ""
    return (
        f"Made {widgets.moment(clinic, model.trained_at)} from {model.visits:,} visits booked at least a day ahead"
        f"{days}; {model.missed:,} of them were missed."
    )


def _figures(quality: Quality) -> None:
    better = quality.gain / quality.base_brier if quality.base_brier else 0.0
    tiles(
        [
            ("No-show rate", percent(quality.tested_missed / quality.tested), f"of {quality.tested:,} tested visits"),
            ("Riskiest fifth", percent(quality.top_fifth, 0), "of all missed visits; 20% if it knew nothing"),
            ("Right order", percent(quality.auc, 0), "of pairs (AUC); 50% if it knew nothing"),
            ("Brier score", f"{quality.brier:.4f}", f"{quality.base_brier:.4f} at one risk for all: {better:.1%} less"),
        ]
    )


def _reliability(quality: Quality) -> None:
    st.markdown("#### Does it come as it was said?")
    st.plotly_chart(
        planning_charts.reliability(quality),
        key="planning.reliability",
        config=planning_charts.CONFIG,
        alt="For each tenth of the tested visits the predicted risk and the share that was missed; numbers below.",
    )
    st.caption(
        "Each point is a tenth of the tested visits, from the least to the most risky. On the dashed line as many were "
        "missed as was said. The thin lines are the range (95%) that chance alone gives so few visits."
    )
    lines = [
        (
            str(n),
            f"{one.visits:,}",
            percent(one.predicted),
            percent(one.observed),
            _DASH.join(percent(edge, 0) for edge in noshow.interval(one)),
        )
        for n, one in enumerate(quality.bins, 1)
    ]
    st.markdown(text.table(_HEAD, lines, right=range(5)))


_ABOUT = """
- It learns from visits of the last two years that were booked at least a day ahead and then attended or missed.
  Cancelled visits do not count.
- It looks at how long ahead the visit was booked, its weekday, part of the day, service and practitioner, and at what
  the patient did before: visits seen and missed, late cancellations (less than 24 hours' notice), how long ago the last
  visit was, or that this is the first.
- It uses only what is known the day before. Age, sex, phone and anything medical are left out.
- The oldest 60% of the visits train it, the next 20% calibrate it, and the latest 20% only test it: all figures here
  are of those.
- It is refused when there are fewer than 500 such visits, 50 missed ones to train on or 15 in each later part, or when
  the test shows no gain beyond luck over assuming the same risk for everybody.
- **Brier score**: the mean of (risk − outcome)², outcome 1 for missed and 0 for attended; smaller is better.
"""
