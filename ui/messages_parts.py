"""What the parts of the Messages page share: how a message is shown, and one message whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import message_help, message_policy
from clinic_core.domain.access import Actor, allows
from clinic_core.domain.messages import Channel, Communication, Delivery, MessageKind, MessageStatus
from clinic_core.services import message_desk
from clinic_core.services.message_desk import Line
from ui import session, widgets
from ui.rows import Mark, Step
from ui.text import plain

OPEN: Final = Step("open", "Open")
_OPENED: Final = "messages.opened"
_STATUS: Final = {
    MessageStatus.PREPARATION: Mark("Waits", "blue"),
    MessageStatus.IN_PROGRESS: Mark("Being sent", "orange"),
    MessageStatus.COMPLETED: Mark("Sent", "green"),
    MessageStatus.STOPPED: Mark("Not sent", "gray"),
    MessageStatus.NOT_DONE: Mark("Failed", "red"),
    MessageStatus.ON_HOLD: Mark("On hold", "orange"),
}
_DELIVERY: Final = {
    Delivery.DELIVERED: Mark("Arrived", "green"),
    Delivery.READ: Mark("Read", "green"),
    Delivery.UNDELIVERED: Mark("Not delivered", "red"),
    Delivery.FAILED: Mark("Not delivered", "red"),
}


def mark(message: Communication) -> Mark:
    """Where a message is, as a badge."""
    return _DELIVERY.get(message.delivery, _STATUS[message.status]) if message.delivery else _STATUS[message.status]


def what(message: Communication) -> str:
    """``"Reminder, 24 hours before"``."""
    if message.kind is MessageKind.REMINDER:
        return f"Reminder, {message_policy.lead_text(message.lead_minutes)} before"
    return message.kind.label


def about(clinic: Clinic, message: Communication) -> str:
    """The visit that it speaks of."""
    return widgets.moment(clinic, message.about_start) if message.about_start else ""


def cost(clinic: Clinic, micros: int) -> str:
    """An amount of money, with all its decimals; nothing of what costs nothing."""
    return clinic.organization().money_micros(micros) if micros else ""


def channel_filter(lines: Sequence[Line], key: str) -> frozenset[Channel]:
    """Which ways to show; nothing chosen means all."""
    found = [channel for channel in Channel if any(line.message.channel is channel for line in lines)]
    if len(found) <= 1:
        return frozenset()
    chosen = st.pills(
        "Way",
        found,
        selection_mode="multi",
        format_func=lambda one: one.label,
        key=key,
        label_visibility="collapsed",
        persist_state="page",
    )
    return frozenset(chosen)


def open_later(message_id: str, _step: str) -> None:
    """Open one message: a callback of a table's button; the run that follows draws it with `show_opened`."""
    st.session_state[_OPENED] = message_id


def show_opened() -> None:
    """Draw the message that was opened, if one was."""
    if _OPENED in st.session_state:
        st.dialog("Message", width=520, position="right", on_dismiss=_close)(_drawer)()


def _close() -> None:
    st.session_state.pop(_OPENED, None)


def _drawer() -> None:
    clinic = session.the_clinic()
    with session.show_errors():
        actor = session.require_actor(clinic)
        letter(clinic, actor, message_desk.letter(clinic, actor, st.session_state[_OPENED]))


def letter(clinic: Clinic, actor: Actor, line: Line) -> None:
    """One message: to whom, its words, what became of it, and what to do."""
    message, patient = line.message, line.patient
    st.title(plain(patient.name), anchor=False)
    st.markdown(plain(widgets.details(patient, clinic.today())))
    st.markdown(f"**{plain(what(message))}** · {message.channel.label}" + _speaks_of(clinic, message))
    if message.text:
        with st.container(border=True):
            st.markdown("  \n".join(plain(part) for part in message.text.splitlines()) or " ")
    trouble = message_help.trouble(message)
    if trouble is not None:
        st.warning(plain(f"{trouble.why}. {trouble.advice}".strip()), icon=":material/info:")
    st.markdown("  \n".join(plain(part) for part in _story(clinic, message)))
    if allows(actor, "patient.read") and st.button("Patient's record", icon=":material/person:", key="messages.record"):
        _close()
        widgets.go_to_patient(patient.id)


def _speaks_of(clinic: Clinic, message: Communication) -> str:
    return f" · visit {plain(about(clinic, message))}" if message.about_start else ""


def _story(clinic: Clinic, message: Communication) -> list[str]:
    """What happened to it, in order."""
    told = [f"Due {widgets.moment(clinic, message.due_at)}"]
    if message.sent_at:
        told.append(f"Sent {widgets.moment(clinic, message.sent_at)} to {message.recipient}")
    if message.delivery and message.delivery_at:
        told.append(f"{mark(message).text} {widgets.moment(clinic, message.delivery_at)}")
    if message.attempts > 1:
        told.append(f"{message.attempts} attempts")
    if message.cost_micros:
        segments = f", {message.segments} segments" if message.channel is Channel.SMS and message.segments > 1 else ""
        told.append(f"{cost(clinic, message.cost_micros)}{segments}")
    return [*told, f"Reference {message.reference}"]


def why(message: Communication) -> str:
    """What went wrong with it, on one line; nothing where nothing did."""
    found = message_help.trouble(message)
    return found.why if found else ""
