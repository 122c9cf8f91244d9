"""The Planning page: its parts, of which each role sees its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from ui import planning_calls, planning_quality, planning_whatif, session


class _Part(NamedTuple):
    title: str
    action: str
    show: Callable[[Clinic, Actor], None]


PARTS: Final = (
    _Part("Who to call", "planning.read", planning_calls.show),
    _Part("How good is it", "planning.model", planning_quality.show),
    _Part("What if", "report.read", planning_whatif.show),
)


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the part that is chosen, of those that the actor may see."""
    mine = {part.title: part for part in PARTS if session.may_open(actor, part.action)}
    chosen = next(iter(mine))
    if len(mine) > 1:
        chosen = st.segmented_control(
            "Part", list(mine), default=chosen, required=True, key="plan", bind="query-params",
            label_visibility="collapsed",
        )  # fmt: skip
    mine[chosen].show(clinic, actor)
