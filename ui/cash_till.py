"""One's own till: open it, put cash in, take cash out; and for managers everybody's."""

from __future__ import annotations

from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.access import Actor
from clinic_core.domain.tills import Way
from clinic_core.services import tills
from clinic_core.services.tills import Till
from ui import cash_count, cash_parts, forms, session, text, widgets
from ui.rows import Row, Step, rows

_OPEN: Final = "cash.open"
_MOVE: Final = "cash.move"
_SLIPS: Final = "cash.slips"
_MORE: Final = "cash.slips.most"
_AT_ONCE: Final = 5
_STEP: Final = 20
_WAYS: Final = {
    Way.FROM_SAFE: "In, from the safe",
    Way.TO_SAFE: "Out, to the safe",
    Way.EXPENSE: "Out, for an expense",
    Way.EXPENSE_BACK: "In, an expense taken back",
    Way.TO_TILL: "To a colleague's till",
}
_WHY: Final = {
    Way.FROM_SAFE: "e.g. small change",
    Way.TO_SAFE: "e.g. too much cash in the till",
    Way.EXPENSE: "What was bought, and for whom the receipt is",
    Way.EXPENSE_BACK: "e.g. goods brought back, or booked by mistake",
    Way.TO_TILL: "e.g. end of the shift",
}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the actor's till and what can be done with it."""
    till = tills.mine(clinic, actor)
    if till is None:
        _closed(clinic, actor)
    else:
        _opened(clinic, actor, till)


def show_all(clinic: Clinic, actor: Actor) -> None:
    """Draw who has a till open; a manager can count the one that somebody forgot."""
    found = tills.all_open(clinic, actor)
    if not found:
        widgets.nothing_here("No till is open. Each person opens their own on this page.", "point_of_sale")
        return
    lines = [
        Row(
            id=till.username,
            label=till.username,
            cells=(
                _who(till),
                widgets.moment(clinic, till.opened_at),
                clinic.money(till.float_minor),
                str(till.count),
            ),
            steps=(Step("count", "Count and close"),),
        )
        for till in found
    ]
    columns = ("Till of", "Open since", "Float", "Entries")
    rows("Open tills", columns, lines, key="cash.tills", on_step=_count, right=("Float", "Entries"))
    st.caption("What a till should hold is shown only after it was counted.")


def _count(username: str, _step: str) -> None:
    cash_count.begin(username)


def _closed(clinic: Clinic, actor: Actor) -> None:
    left, right = st.columns([3, 2], gap="large")
    with left:
        _open(clinic, actor)
    with right:
        _past(clinic, actor)


def _past(clinic: Clinic, actor: Actor) -> None:
    """The latest closes of the actor's till with their slips, and on demand those before them."""
    most = int(st.session_state.get(_MORE, _AT_ONCE))
    found = tills.past(clinic, actor, most=most + 1)
    if found:
        st.markdown("#### My closed tills")
        cash_parts.closes(clinic, found[:most], who=False, key="mine.")
    if len(found) > most:
        st.button("Show more", icon=":material/expand_more:", type="tertiary", on_click=_more, args=(most,))


def _more(shown: int) -> None:
    st.session_state[_MORE] = shown + _STEP


def _open(clinic: Clinic, actor: Actor) -> None:
    key, currency = forms.form_id(_OPEN), clinic.organization().currency
    last = tills.last_float(clinic, actor)
    with st.form(f"{_OPEN}.{key}"):
        st.markdown("#### My till is closed")
        typed = st.text_input(
            f"Float from the safe in {currency}",
            str(money.to_decimal(last, currency)) if last else "",
            key=f"{_OPEN}.float.{key}",
            placeholder="0.00",
        )
        opening = st.form_submit_button("Open my till", type="primary", icon=":material/point_of_sale:")
    st.caption("Cash that you take while your till is closed lies in no till, and the manager is asked about it.")
    if opening:
        with session.show_errors():
            amount = money.parse_minor(typed or "0", currency, clinic.organization().locale)
            tills.open_till(clinic, actor, key=key, float_minor=amount)
            forms.renew(_OPEN)
            forms.done("Your till is open. Cash that you take goes into it.")


def _opened(clinic: Clinic, actor: Actor, till: Till) -> None:
    left, right = st.columns([5, 2], gap="medium")
    with left:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(
                f"#### My till is open  \n:gray[since {widgets.moment(clinic, till.opened_at)} · "
                f"float {text.plain(clinic.money(till.float_minor))}]",
                width="content",
            )
            st.button(
                "Count and close",
                type="primary",
                icon=":material/calculate:",
                on_click=cash_count.begin,
                args=(actor.username,),
                shortcut="K",
            )
        if till.entries:
            cash_parts.entries(
                clinic, till.entries, title="Cash since my till is open", key="cash.entries", whose=till.username
            )
            if till.count > len(till.entries):
                st.caption(f"The latest {len(till.entries)} of {till.count}.")
        else:
            widgets.nothing_here("No cash yet. Cash payments that you take on Billing appear here.", "payments")
        if st.toggle("My closed tills", key=_SLIPS):  # looked up only then: each costs two queries
            _past(clinic, actor)
    with right:
        _move(clinic, actor)


def _move(clinic: Clinic, actor: Actor) -> None:
    key, currency = forms.form_id(_MOVE), clinic.organization().currency
    others = {other.username: other for other in tills.colleagues(clinic, actor)}
    with st.container(border=True):
        st.markdown("#### Put cash in or take it out")
        way = Way(
            st.selectbox(
                "What",
                tuple(way for way in Way if others or way is not Way.TO_TILL),
                format_func=lambda one: _WAYS[one],
                key=f"{_MOVE}.way.{key}",
            )
        )
        with st.form(f"{_MOVE}.{key}", border=False):
            to = (
                st.selectbox(
                    "Colleague", list(others), format_func=lambda name: _who(others[name]), key=f"{_MOVE}.to.{key}"
                )
                if way is Way.TO_TILL
                else ""
            )
            typed = st.text_input(f"Amount in {currency}", key=f"{_MOVE}.amount.{key}", placeholder="0.00")
            reason = st.text_input("Why?", key=f"{_MOVE}.why.{key}", max_chars=200, placeholder=_WHY[way])
            moving = st.form_submit_button("Book it", icon=":material/sync_alt:")
    if moving:
        with session.show_errors():
            amount = money.parse_minor(typed or "0", currency, clinic.organization().locale)
            tills.move(clinic, actor, key=key, amount_minor=amount, way=way, reason=reason, to_username=to or "")
            forms.renew(_MOVE)
            forms.done(f"{text.plain(clinic.money(amount))} booked.")


def _who(till: Till) -> str:
    return f"{till.name} ({till.username})" if till.name else till.username
