"""What the parts of the Cash page share: its sections, entries as rows, the papers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from html import escape
from itertools import zip_longest
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import access, money, tills
from clinic_core.domain.access import Actor
from clinic_core.domain.journal import Book, Entry, Event
from clinic_core.domain.statements import DayClose, TillClose, TillCount
from clinic_core.services import ledger, papers
from ui import downloads, text, widgets
from ui.rows import Row, rows

_SECTION: Final = "cash.section"
_STYLE: Final = """
dl.cash { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; max-width: 46rem }
dl.cash, dl.cash dd { margin: 0; padding: 0 }
.cash div { border: 1px solid rgba(128, 148, 145, .4); border-radius: .5rem; padding: .75rem 1rem }
.cash dt { opacity: .75; font-size: .875rem; font-weight: 400 }
.cash dd { font-size: 1.4rem; font-weight: 600; font-variant-numeric: tabular-nums }
"""
_WHAT: Final = {
    Event.PAYMENT: "Payment",
    Event.REFUND: "Refund",
    Event.DEPOSIT: "Deposit",
    Event.DEPOSIT_REFUND: "Deposit returned",
    Event.TILL_COUNT: "Count that differed",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page."""

    title: str
    action: str
    show: Callable[[Clinic, Actor], None]


def section(actor: Actor) -> Section:
    """The part that is looked at; who has only one sees no choice."""
    from ui import cash_day, cash_till  # noqa: PLC0415 - they use what is here

    sections = {
        part.title: part
        for part in (
            Section("My till", "till.use", cash_till.show),
            Section("All tills", "till.read_all", cash_till.show_all),
            Section("Close the day", "day.close", cash_day.show),
            Section("Closed days", "day.close", cash_day.show_past),
        )
        if access.allows(actor, part.action)
    }
    if len(sections) == 1:
        return next(iter(sections.values()))
    chosen = st.segmented_control(
        "Section",
        tuple(sections),
        default="My till",
        required=True,
        key=_SECTION,
        label_visibility="collapsed",
        persist_state="session",
    )
    return sections.get(chosen or "", sections["My till"])


def show_business_day(clinic: Clinic) -> None:
    """Say when money is booked on another day than today."""
    day, today = ledger.open_day(clinic), clinic.today()
    if day != today:
        st.info(
            f"{widgets.day_text(today)} is closed. What is booked from now on, corrections as well, is dated "
            f"**{widgets.day_text(day)}**.",
            icon=":material/lock:",
        )


def tiles(*figures: tuple[str, str]) -> None:
    """Draw figures: what each is called, and its value."""
    parts = [f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in figures]
    st.html(f"<style>{_STYLE}</style><dl class='cash'>{''.join(parts)}</dl>")


def entries(
    clinic: Clinic, found: Sequence[Entry], *, title: str, key: str, who: bool = False, whose: str = ""
) -> None:
    """Cash entries as a table; `whose` is the till whose side of a hand-over counts."""
    columns = ("Time", *(("Who",) if who else ()), "What", "Bill", "Amount")
    lines = [
        Row(
            id=entry.id,
            label=entry.id,
            cells=(
                widgets.time_text(clinic, entry.at),
                *((entry.by,) if who else ()),
                what(entry, whose),
                entry.label,
                signed(clinic, entry, whose),
            ),
        )
        for entry in found
    ]
    rows(title, columns, lines, key=key, on_step=lambda _row, _step: None, right=("Amount",), height=420)


def what(entry: Entry, whose: str = "") -> str:
    """What a cash entry is, in words."""
    if entry.event is not Event.TILL_MOVE:
        return _WHAT.get(entry.event, entry.event.value)
    return f"{_way(entry, whose)}: {entry.reason}"


def signed(clinic: Clinic, entry: Entry, whose: str = "") -> str:
    """The cash of an entry with its sign, as the clinic writes it; of a count what was counted."""
    if entry.event is Event.TILL_COUNT:
        return clinic.money(tills.sum_of(entry.counted))
    amount = tills.cash_minor(entry, whose)
    return f"+{clinic.money(amount)}" if amount > 0 else clinic.money(amount)


def face(clinic: Clinic, denomination_minor: int) -> str:
    """A note or coin as people say it: without decimals that are zero."""
    profile = clinic.organization()
    shown = clinic.money(denomination_minor)
    digits = money.exponent(profile.currency)
    if not digits or denomination_minor % 10**digits:
        return shown
    zeros = "0" * digits
    return next((shown.replace(f"{point}{zeros}", "") for point in ".,٫" if f"{point}{zeros}" in shown), shown)


def till_button(clinic: Clinic, entry: Entry, *, label: str = "Till slip", key: str = "") -> None:
    """The paper of a closed till."""
    downloads.button(
        label,
        clinic,
        partial(till_pdf, entry_id=entry.id),
        file_name=f"till-{entry.id.replace('#', '-')}.pdf",
        mime=downloads.PDF,
        key=f"cash.till.{key}{entry.id}",
        icon=":material/receipt:",
    )


def day_button(clinic: Clinic, day: date, *, primary: bool = False, key: str = "") -> None:
    """The paper of a closed day."""
    downloads.button(
        "Day close PDF",
        clinic,
        partial(day_pdf, day=day),
        file_name=f"day-close-{day.isoformat()}.pdf",
        mime=downloads.PDF,
        key=f"cash.day.{key}{day.isoformat()}",
        kind="primary" if primary else "secondary",
    )


def till_pdf(clinic: Clinic, actor: Actor, *, entry_id: str) -> bytes:
    """The paper of a closed till, as it was first printed."""
    return papers.of_till(clinic, actor, entry_id, _drawn_till)


def day_pdf(clinic: Clinic, actor: Actor, *, day: date) -> bytes:
    """The paper of a closed day, as it was first printed."""
    return papers.of_day(clinic, actor, day, _drawn_day)


def _drawn_till(close: TillClose) -> bytes:
    from clinic_core.documents import closes  # noqa: PLC0415 - fpdf2 takes 0.7 s to import

    return closes.till(close)


def _drawn_day(close: DayClose) -> bytes:
    from clinic_core.documents import closes  # noqa: PLC0415 - fpdf2 takes 0.7 s to import

    return closes.day(close)


def closes(clinic: Clinic, found: Sequence[Entry], *, who: bool, key: str, counts: Sequence[TillCount] = ()) -> None:
    """Closed tills, each with its slip; `counts` are their papers, where it shall say how often they were counted."""
    for entry, count in zip_longest(found, counts):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(_closed(clinic, entry, who=who) + _tries(clinic, count), width="content")
            till_button(clinic, entry, key=key)


def difference(clinic: Clinic, variance_minor: int) -> str:
    """What a count came to, in words."""
    if not variance_minor:
        return "Nothing is missing"
    return f"{clinic.money(abs(variance_minor))} {'missing' if variance_minor < 0 else 'too much'}"


def _closed(clinic: Clinic, entry: Entry, *, who: bool) -> str:
    count = tills.count_in(entry)
    whose = f"**{text.plain(tills.owner(entry))}** · " if who else ""
    outcome = difference(clinic, count.variance_minor)
    mark = f":orange-badge[{text.plain(outcome)}]" if count.variance_minor else f":green-badge[{outcome}]"
    by = f" · counted by {text.plain(entry.by)}" if entry.by != tills.owner(entry) else ""
    reason = f"  \n:gray[{text.plain(entry.reason)}]" if entry.reason else ""
    counted = text.plain(clinic.money(count.counted_minor))
    return f"{whose}{widgets.moment(clinic, entry.at)} · {counted} {mark}{by}{reason}"


def _tries(clinic: Clinic, count: TillCount | None) -> str:
    """Counting again after the expected amount was shown is no blind count any more: who closes the day shall know."""
    if count is None or count.counts == 1:
        return ""
    first = text.plain(clinic.money(count.first_variance_minor))
    return f"  \n:orange[Counted {count.counts} times; first difference {first}]"


def _way(entry: Entry, whose: str) -> str:
    if entry.sum_of(Book.EXPENSE):
        return "Expense"
    if entry.sum_of(Book.SAFE):
        return "To the safe" if entry.sum_of(Book.SAFE) > 0 else "From the safe"
    giver, taker = tills.between(entry)
    return f"From {giver}" if taker == whose else f"To {taker}"
