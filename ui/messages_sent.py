"""Sent: what went out on a day, whether it arrived, and what it cost."""

from __future__ import annotations

from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import message_help
from clinic_core.domain.access import Actor
from clinic_core.domain.messages import MessageKind
from clinic_core.services import message_desk
from clinic_core.services.message_desk import Line
from ui import messages_parts, widgets
from ui.rows import Row, rows
from ui.text import plain

_HEIGHT: Final = 560
_LOST: Final = "Not delivered"


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the day and its list."""
    day = widgets.day_picker(clinic, "messages.sent.day", stay=True)
    found = message_desk.sent(clinic, actor, day)
    if not found:
        widgets.nothing_here("Nothing went out on this day. Choose another, or look at Tomorrow and Failed.", "send")
        return
    shown = _filtered(found)
    st.caption(plain(_summary(clinic, shown)))
    rows(
        f"Messages sent on {widgets.day_text(day)}",
        ("Patient", "Time", "What", "Way", "Visit", "State", "Cost"),
        [_line(clinic, line) for line in shown],
        key="messages.sent",
        on_step=messages_parts.open_later,
        right=("Cost",),
        height=_HEIGHT,
    )
    messages_parts.show_opened()


def _filtered(found: tuple[Line, ...]) -> list[Line]:
    kinds = [kind for kind in MessageKind if any(line.message.kind is kind for line in found)]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        ways = messages_parts.channel_filter(found, "messages.sent.ways")
        chosen = st.pills(
            "What",
            kinds,
            selection_mode="multi",
            format_func=lambda kind: kind.label,
            key="messages.sent.kinds",
            label_visibility="collapsed",
            persist_state="page",
        )
        lost = st.pills("Lost", [_LOST], key="messages.sent.lost", label_visibility="collapsed", persist_state="page")
    return [
        line
        for line in found
        if (not ways or line.message.channel in ways)
        and (not chosen or line.message.kind in chosen)
        and (not lost or line.message.delivery in message_help.LOST)
    ]


def _summary(clinic: Clinic, lines: list[Line]) -> str:
    arrived = sum(line.message.delivery in message_help.ARRIVED for line in lines)
    lost = sum(line.message.delivery in message_help.LOST for line in lines)
    spent = sum(line.message.cost_micros for line in lines)
    told = (
        f"{len(lines)} messages, {arrived} arrived, {lost} not delivered, {len(lines) - arrived - lost} without report"
    )
    return f"{told}; {clinic.organization().money_of_micros(spent)}."


def _line(clinic: Clinic, line: Line) -> Row:
    message = line.message
    return Row(
        id=message.id,
        label=f"{line.patient.name}, {messages_parts.what(message)}",
        cells=(
            line.patient.name,
            widgets.time_text(clinic, message.sent_at or message.due_at),
            messages_parts.what(message),
            message.channel.label,
            messages_parts.about(clinic, message),
            messages_parts.mark(message),
            messages_parts.cost(clinic, message.cost_micros),
        ),
        steps=(messages_parts.OPEN,),
    )
