"""Counting a till without knowing what should be in it: pieces of each note and coin, then the difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain import tills as rules
from clinic_core.domain.access import Actor
from clinic_core.domain.tills import MOST_PIECES, Count
from clinic_core.services import tills
from ui import cash_parts, forms, session, text
from ui.focus import focus

COUNTING: Final = "cash.counting"  # whose till is being counted
_SENT: Final = "cash.sent"
_NAME: Final = "cash.count"


@dataclass(frozen=True)
class _Sent:
    """A count that was sent and differs from what the till should hold."""

    key: str  # of its form
    count: Count
    pieces: dict[int, int]
    other_minor: int


def begin(username: str) -> None:
    """Count the till of somebody: a callback."""
    st.session_state[COUNTING] = username


@st.fragment
def show(clinic: Clinic, username: str) -> None:
    """Draw the count. A fragment: each number typed redraws only the sum."""
    with session.show_errors():
        actor = session.require_actor(clinic)
        key = forms.form_id(_form(username))
        sent = st.session_state.get(_SENT)
        whose = "your till" if username == actor.username else f"the till of {text.plain(username)}"
        if isinstance(sent, _Sent) and sent.key == key:
            _explain(clinic, actor, username, sent)
        else:
            st.subheader(f"Count {whose}")
            _count(clinic, actor, username, key)


def _count(clinic: Clinic, actor: Actor, username: str, key: str) -> None:
    profile = clinic.organization()
    st.caption("Count every note and coin, the float as well. Go on with the Tab key; empty fields are none.")
    with st.container(key="cash-count"):
        pieces = _pieces(clinic, profile.currency, key)
    typed = st.text_input(
        f"Anything else, as an amount in {profile.currency}",
        key=f"{_NAME}.other.{key}",
        placeholder="0",
        width=280,
        persist_state="session",
    )
    focus("cash-count", once=key)
    other = found = 0
    wrong = True
    with session.show_errors():
        other = money.parse_minor(typed or "0", profile.currency, profile.locale)
        found = rules.sum_of(rules.counted(pieces, other))
        wrong = False
    st.markdown(f"### {text.plain(clinic.money(found))} counted")
    with st.container(horizontal=True):
        sending = st.button(
            "Send the count", type="primary", icon=":material/send:", shortcut="Ctrl+Enter", disabled=wrong
        )
        leaving = st.button("Not yet", help="What you counted stays here until you come back.")
    if leaving:
        _stop()
        st.rerun()
    if sending:
        _send(
            clinic,
            actor,
            username,
            _Sent(key=key, count=Count(expected_minor=0, counted_minor=found), pieces=pieces, other_minor=other),
        )


def _pieces(clinic: Clinic, currency: str, key: str) -> dict[int, int]:
    fields = st.grid("auto", min_column_width=120)
    found = {
        face: fields.number_input(
            text.plain(cash_parts.face(clinic, face)),
            min_value=0,
            max_value=MOST_PIECES,
            value=None,
            step=1,
            placeholder="0",
            key=f"{_NAME}.{face}.{key}",
            persist_state="session",
        )
        for face in rules.denominations(currency)
    }
    return {face: int(number or 0) for face, number in found.items()}


def _send(
    clinic: Clinic, actor: Actor, username: str, sent: _Sent, *, reason: str = "", shown: int | None = None
) -> None:
    done = tills.close(
        clinic,
        actor,
        username,
        key=sent.key,
        pieces=sent.pieces,
        other_minor=sent.other_minor,
        reason=reason,
        shown_minor=shown,
    )
    if done.entry is None:
        st.session_state[_SENT] = _Sent(
            key=sent.key, count=done.count, pieces=sent.pieces, other_minor=sent.other_minor
        )
        st.rerun()
    forms.renew(_form(username))
    _stop()
    st.session_state.pop(_SENT, None)
    outcome = cash_parts.difference(clinic, done.count.variance_minor).lower()
    forms.done(
        text.plain(f"The till is closed, {outcome}. Bring {clinic.money(done.count.counted_minor)} to the safe.")
    )


def _explain(clinic: Clinic, actor: Actor, username: str, sent: _Sent) -> None:
    found = sent.count
    st.subheader(text.plain(cash_parts.difference(clinic, found.variance_minor)))
    cash_parts.tiles(
        ("Expected", clinic.money(found.expected_minor)),
        ("Counted", clinic.money(found.counted_minor)),
        ("Difference", clinic.money(found.variance_minor)),
    )
    with st.form(f"{_NAME}.why.{sent.key}", border=False):
        reason = st.text_input(
            "How did it come about?",
            key=f"{_NAME}.reason.{sent.key}",
            max_chars=200,
            placeholder="e.g. gave too much change; unknown, counted twice",
        )
        with st.container(horizontal=True):
            closing = st.form_submit_button("Close the till", type="primary", icon=":material/lock:")
            again = st.form_submit_button("Count again")
    st.caption(
        "How many counts were sent, and the first difference, is on the slip and on the day's paper. The difference "
        "is booked with your reason."
    )
    if again:
        st.session_state.pop(_SENT, None)
        st.rerun()
    if closing:
        _send(clinic, actor, username, sent, reason=reason, shown=found.variance_minor)


def _form(username: str) -> str:
    return f"{_NAME}.{username}"


def _stop() -> None:
    st.session_state.pop(COUNTING, None)
