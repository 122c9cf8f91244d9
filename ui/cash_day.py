"""Closing a day: what it comes to, what stands in the way, and the papers of the days that are closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import tills
from clinic_core.domain.access import Actor
from clinic_core.domain.journal import number_of
from clinic_core.domain.statements import DayClose
from clinic_core.services import day_close
from clinic_core.services.day_close import DayView, OpenDays
from ui import cash_count, cash_parts, forms, session, text, widgets
from ui.rows import Row, Step, rows

_DAY: Final = "cash.day"
_SURE: Final = "cash.day.sure"
_DONE: Final = "cash.day.done"
_MONTH: Final = "cash.month"


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw a day that is open, and its close."""
    _just_closed(clinic)
    waiting = day_close.days(clinic, actor)
    day = _choose(clinic, waiting)
    if day is None:
        widgets.nothing_here("Today is closed. The papers of all days are under Closed days.", "lock")
        return
    view = day_close.look(clinic, actor, day)
    if view.figures is None:
        widgets.nothing_here("Nothing was booked on this day, so there is nothing to close.", "event_available")
        return
    if view.open_tills:
        _open_tills(view)
    else:
        _figures(clinic, view.figures)
        _closed_tills(clinic, view)
        _outside(clinic, view)
        _close(clinic, actor, view)


def _just_closed(clinic: Clinic) -> None:
    """The paper of the day that was closed last in this session is the next step."""
    day = st.session_state.get(_DONE)
    if day is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True, horizontal_alignment="distribute"):
        st.markdown(f":material/lock: **{widgets.day_text(day)} is closed.**", width="content")
        cash_parts.day_button(clinic, day, primary=True, key="done.")


def show_past(clinic: Clinic, actor: Actor) -> None:
    """Draw the closed days of a month, each with its paper."""
    month: date = st.date_input(
        "Any day of the month",
        clinic.today(),
        max_value=clinic.today(),
        key=_MONTH,
        format=widgets.date_format(clinic.organization()),
        width=200,
    )
    found = day_close.past(clinic, actor, month)
    if not found:
        widgets.nothing_here(f"No day of {month:%B %Y} is closed.", "event_busy")
    for entry in found:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            count = number_of(entry.id)
            st.markdown(
                f"**{widgets.day_text(entry.day)}**  \n:gray[closed {widgets.moment(clinic, entry.at)} by "
                f"{text.plain(entry.by)} · {count} entries]",
                width="content",
            )
            cash_parts.day_button(clinic, entry.day, key="past.")


def _choose(clinic: Clinic, waiting: OpenDays) -> date | None:
    if not waiting.days:
        return None
    if st.session_state.get(_DAY) not in waiting.days:
        st.session_state[_DAY] = waiting.next
    if waiting.next is not None and waiting.next < clinic.today():
        st.warning(f"{widgets.day_text(waiting.next)} is not closed yet.", icon=":material/event_busy:")
    return st.selectbox(
        "Day",
        waiting.days,
        index=None,
        format_func=lambda day: _named(clinic, day),
        key=_DAY,
        width=320,
        placeholder="An earlier day that was left open",
    )


def _named(clinic: Clinic, day: date) -> str:
    return f"Today, {widgets.day_text(day)}" if day == clinic.today() else widgets.day_text(day)


def _figures(clinic: Clinic, figures: DayClose) -> None:
    cash_parts.tiles(
        ("Taken, less given back", clinic.money(figures.taken_minor - figures.refunded_minor)),
        (_counted("invoice", figures.invoices), clinic.money(figures.billed_minor)),
        ("Difference of the tills", clinic.money(figures.variance_minor)),
    )
    if figures.methods:
        lines = [
            (
                text.plain(total.method.label),
                *_moneys(clinic, total.taken_minor, -total.refunded_minor, total.net_minor),
            )
            for total in figures.methods
        ]
        st.markdown(text.table(("Method", "Taken", "Given back", "Stayed"), lines, right=(1, 2, 3)))
    if rest := _corrections(clinic, figures):
        st.caption(text.plain(" · ".join(rest)))


def _counted(what: str, number: int) -> str:
    return f"Billed, {number} {what}{'' if number == 1 else 's'}"


def _moneys(clinic: Clinic, *amounts: int) -> list[str]:
    return [text.plain(clinic.money(amount)) if amount else "–" for amount in amounts]


def _corrections(clinic: Clinic, figures: DayClose) -> list[str]:
    amounts: Mapping[str, int] = {
        "Cancelled": figures.cancelled_minor,
        "Credit notes": figures.credited_minor,
        "Written off": figures.written_off_minor,
        "Deposits taken": figures.deposits_taken_minor,
        "Deposits returned": figures.deposits_returned_minor,
        "Put on account by credit notes": figures.account_credited_minor,
        "Paid from money held": figures.credit_applied_minor,
        "Money held, change of the day": figures.held_change_minor,
    }
    return [f"{name} {clinic.money(amount)}" for name, amount in amounts.items() if amount]


def _open_tills(view: DayView) -> None:
    """What a till should hold follows from the day's figures, so those wait until all are counted."""
    st.warning("These tills have to be counted before the day can be closed.", icon=":material/point_of_sale:")
    lines = [
        Row(id=name, label=name, cells=(name,), steps=(Step("count", "Count and close", primary=not n),), next=not n)
        for n, name in enumerate(view.open_tills)
    ]
    rows("Open tills", ("Till of",), lines, key="cash.day.tills", on_step=_count)
    st.caption("The day's figures come after it: nobody counts a till knowing what should be in it.")


def _closed_tills(clinic: Clinic, view: DayView) -> None:
    if view.till_closes:
        st.markdown("#### Closed tills")
        counts = view.figures.tills if view.figures else ()
        cash_parts.closes(clinic, view.till_closes, who=True, key="day.", counts=counts)


def _count(username: str, _step: str) -> None:
    cash_count.begin(username)


def _outside(clinic: Clinic, view: DayView) -> None:
    if view.outside:
        st.markdown("#### Cash outside a till")
        total = text.plain(clinic.money(sum(map(tills.cash_minor, view.outside))))
        st.caption(f"{total} in all. Who took or gave it had no till open: see that it is in the safe.")
        cash_parts.entries(clinic, view.outside, title="Cash outside a till", key="cash.outside", who=True)


def _close(clinic: Clinic, actor: Actor, view: DayView) -> None:
    if view.unbilled:
        visits = "1 finished visit has" if view.unbilled == 1 else f"{view.unbilled} finished visits have"
        st.warning(
            f"{visits} no issued bill. Bill first, or close the day: what is billed then is dated the next day.",
            icon=":material/receipt_long:",
        )
    day = widgets.day_text(view.day)
    if st.session_state.get(_SURE) != view.day:
        st.button(
            "Close the day", type="primary", icon=":material/lock:", on_click=_ask, args=(view.day,), shortcut="D"
        )
        return
    with st.container(border=True):
        st.markdown(
            f"**Close {day}?** After it nothing can be booked on this day. A correction is a new entry with the "
            "date of the day on which it is made, and says what it corrects."
        )
        with st.container(horizontal=True):
            closing = st.button(f"Yes, close {day}", type="primary", icon=":material/lock:")
            st.button("Not yet", on_click=_ask, args=(None,))
    if closing:
        with session.show_errors():
            day_close.close(clinic, actor, view.day)
            _ask(None)
            st.session_state[_DONE] = view.day
            forms.done(f"{day} is closed.")


def _ask(day: date | None) -> None:
    st.session_state[_SURE] = day
