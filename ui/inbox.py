"""Reception's board of replies: who wrote what about which visit, and what to do about it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import people
from clinic_core.domain.access import Actor, allows
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.message_words import Answer
from clinic_core.domain.messages import InboundMessage
from clinic_core.services import inbox
from clinic_core.services.inbox import Reply
from clinic_core.services.replies import STOPPED
from ui import errors, session, visit_drawer, widgets
from ui.text import plain

_PLACE: Final = "inbox"
_LAST: Final = "inbox.last"
_MOST: Final = 20  # shown at once: the longest waiting come first
_PAGE: Final = Path(__file__).resolve().parent.parent / "pages" / "messages.py"
_TOLD: Final = {
    Answer.CANCEL_ASKED.value: "Wants to cancel, too late to do it by reply. Told to call.",
    Answer.NO_VISIT.value: "Answers a message, but there is no visit that it could be about.",
    Answer.RECEIVED.value: "Answers about a visit that has begun.",
    STOPPED: "Wrote CANCEL. Carriers stop all messages on that word: ask whether the visit was meant.",
}


@st.fragment(run_every=30)
def show() -> None:
    """The board, anew every half a minute."""
    clinic = session.the_clinic()
    with session.show_errors():
        actor = session.require_actor(clinic)
        errors.show_kept(_PLACE)
        found = inbox.waiting(clinic, actor)
        _undo()
        if not found:
            widgets.nothing_here("No reply waits. What patients write and nobody else can answer comes here.", "inbox")
            return
        for reply in found[:_MOST]:
            _card(clinic, actor, reply)
        if len(found) > _MOST:
            st.caption(f"{len(found) - _MOST} more wait; they come up as these are done.")


@st.fragment(run_every=30)
def badge() -> None:
    """How many replies wait, as a way to them; nothing when none does, or for who may not read them."""
    clinic = session.the_clinic()
    with session.show_errors():
        actor = session.require_actor(clinic)
        count = inbox.count(clinic, actor) if allows(actor, "message.read") else 0
        if count:
            label = "1 reply to read" if count == 1 else f"{count} replies to read"
            icon = ":material/mark_chat_unread:"
            st.button(label, key="inbox.badge", icon=icon, type="tertiary", on_click=st.switch_page, args=(_PAGE,))


def _card(clinic: Clinic, actor: Actor, reply: Reply) -> None:
    message = reply.message
    who = ", ".join(patient.name for patient in reply.patients) or "Nobody's number"
    head = (f"**{plain(who)}**", plain(_number(message)), message.channel.label)
    with st.container(border=True, gap="small"):
        st.caption(" · ".join((*head, widgets.moment(clinic, message.received_at))))
        st.markdown(plain(message.text) or "*(empty)*")
        lines = [_TOLD.get(message.outcome, ""), _visit_text(clinic, reply.visit)]
        lines += ["This number wants no messages: call instead."] if reply.stopped else []
        if told := [line for line in lines if line]:
            st.caption("  \n".join(told))
        _buttons(clinic, actor, reply)


def _number(message: InboundMessage) -> str:
    return people.show_phone(message.sender) if _is_phone(message) else message.sender


def _is_phone(message: InboundMessage) -> bool:
    """Whether it can be called: companies write under names, too."""
    return re.fullmatch(r"\+[1-9]\d{6,14}", message.sender, re.ASCII) is not None


def _visit_text(clinic: Clinic, visit: Appointment | None) -> str:
    if visit is None:
        return ""
    mark = widgets.status_mark(visit)
    name = plain(widgets.practitioner_name(clinic, visit.practitioner_id))
    return f"About {widgets.moment(clinic, visit.start)} with {name}: {mark.text.lower()}"


def _buttons(clinic: Clinic, actor: Actor, reply: Reply) -> None:
    message, may = reply.message, allows(actor, "message.answer")
    with st.container(horizontal=True):
        if may:
            _button("Done", "check", message.id, partial(_done, message))
        if reply.visit is not None:
            _button("Open visit", "event", message.id, partial(_open_visit, reply.visit.id))
        for patient in reply.patients:
            label = "Record" if len(reply.patients) == 1 else f"Record {patient.number}"
            _button(label, "folder_shared", message.id, partial(_open_record, patient.id))
        if _is_phone(message):
            st.link_button("Call", f"tel:{message.sender}", icon=":material/call:")
        if may and reply.stopped:
            _button("Allow messages", "notifications", message.id, partial(_allow, message.sender))
        elif may:
            _button("Stop messages", "notifications_off", message.id, partial(_stop, message.sender))


def _button(label: str, icon: str, message_id: str, on_click: Callable[[Clinic, Actor], None]) -> None:
    key = f"inbox.{label}.{message_id}"
    st.button(label, key=key, icon=f":material/{icon}:", on_click=_do, args=(on_click,))


def _do(what: Callable[[Clinic, Actor], None]) -> None:
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        what(clinic, session.require_actor(clinic))


def _done(message: InboundMessage, clinic: Clinic, actor: Actor) -> None:
    st.session_state[_LAST] = inbox.done(clinic, actor, message)


def _undo() -> None:
    """The way back from a slip, until another one is done."""
    last: InboundMessage | None = st.session_state.get(_LAST)
    if last is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"Done: {plain(textwrap.shorten(last.text, 60, placeholder=' …')) or '(empty)'}", width="content"
            )
            st.button("Undo", key="inbox.undo", icon=":material/undo:", on_click=_do, args=(partial(_put_back, last),))


def _put_back(last: InboundMessage, clinic: Clinic, actor: Actor) -> None:
    inbox.back(clinic, actor, last)
    st.session_state.pop(_LAST, None)


def _open_visit(appointment_id: str, _clinic: Clinic, _actor: Actor) -> None:
    visit_drawer.begin(appointment_id)
    st.rerun()


def _open_record(patient_id: str, _clinic: Clinic, _actor: Actor) -> None:
    widgets.go_to_patient(patient_id)


def _stop(sender: str, clinic: Clinic, actor: Actor) -> None:
    inbox.stop(clinic, actor, sender)


def _allow(sender: str, clinic: Clinic, actor: Actor) -> None:
    inbox.allow(clinic, actor, sender)
