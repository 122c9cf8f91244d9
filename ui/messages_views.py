"""The Messages page: its parts, of which each role sees its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.alerts import Severity
from clinic_core.services import message_desk
from ui import (
    booking,
    forms,
    inbox,
    messages_failed,
    messages_figures,
    messages_plan,
    messages_sent,
    messages_setup,
    session,
    visit_drawer,
)
from ui.text import plain


class _Part(NamedTuple):
    title: str
    action: str
    show: Callable[[Clinic, Actor], None]


PARTS: Final = (
    _Part("Replies", "message.read", lambda _clinic, _actor: inbox.show()),
    _Part("Tomorrow", "message.read", messages_plan.show),
    _Part("Sent", "message.read", messages_sent.show),
    _Part("Failed", "message.read", messages_failed.show),
    _Part("Figures", "report.read", messages_figures.show),
)


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the part that is chosen, of those that the actor may see."""
    forms.show_done()
    mine = {part.title: part for part in PARTS if session.may_open(actor, part.action)}
    chosen = st.segmented_control(
        "Part",
        list(mine),
        default=next(iter(mine)),
        required=True,
        key="messages",
        bind="query-params",
        label_visibility="collapsed",
    )
    _waiting(*message_desk.waiting(clinic, actor))
    for alert in message_desk.alerts(clinic, actor):
        place = st.error if alert.severity is Severity.CRITICAL else st.warning
        place(plain(f"{alert.summary} {alert.advice}"), icon=":material/warning:")
    messages_setup.show(clinic, brief=True)
    mine[chosen].show(clinic, actor)
    visit_drawer.show()
    booking.show()


def _waiting(replies: int, failed: int) -> None:
    """What waits for a person, whichever part is open."""
    wait = f":orange-badge[{replies} {'reply waits' if replies == 1 else 'replies wait'}]" if replies else ""
    lost = f":red-badge[{failed} failed]" if failed else ""
    if wait or lost:
        st.markdown(f"{wait} {lost}", width="content")
