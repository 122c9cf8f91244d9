"""Closing a business day: after it nothing can be booked on that day, by nobody and under no order of clicks.

The close is the last entry of its day. Whoever books something reads the day's next number first, then looks whether
the day is closed, and books under that number; so either it comes before the close, which then has to look again, or
the number is taken and it goes to the next day.

Days can be closed in any order, today or later, but not before they have come. A day that was left open hinders none
after it. Tills that were opened on the day or before it have to be counted first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import access, journal, tills
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import InvoiceStatus
from clinic_core.domain.journal import Balance, Entry, Event, heading_of
from clinic_core.domain.settling import Stamp
from clinic_core.domain.statements import DayClose
from clinic_core.errors import IllegalTransition, InvalidInput, NotFound
from clinic_core.services import ledger
from clinic_core.services.ledger import Books
from clinic_core.services.tills import session

LOOKED_BACK_DAYS: Final = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class DayView:
    """What a day comes to so far, or came to, and what stands in the way of closing it."""

    day: date
    figures: DayClose | None  # None: nothing was booked
    closed: Entry | None
    open_tills: tuple[str, ...] = ()  # whose, by username
    outside: tuple[Entry, ...] = ()  # cash that went through no till
    till_closes: tuple[Entry, ...] = ()
    unbilled: int = 0  # finished visits of the day whose bill is not issued


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDays:
    """The days that can be closed, latest first, and the one to close next, if one waits."""

    days: tuple[date, ...]
    next: date | None
    business_day: date  # on which money is booked now


def days(clinic: Clinic, actor: Actor) -> OpenDays:
    """The days of the last month with entries that are not closed, and today.

    Next is the first one after the last close; when none was closed so far, the latest one with entries. Those
    before the last close were left open on purpose: they can be closed, but nobody is told to.
    """
    access.require(actor, "day.close")
    today = clinic.today()
    last = [today - timedelta(days=back) for back in range(LOOKED_BACK_DAYS)]
    closed = _closed(clinic, last)
    begun = clinic.journal.begun(last)
    waiting = [day for day in last if day in begun and day not in closed]
    since = max(closed, default=None)
    due = waiting[:1] if since is None else [day for day in waiting if day > since]
    shown = [day for day in last if day in waiting or (day == today and day not in closed)]
    otherwise = None if today in closed else today
    return OpenDays(days=tuple(shown), next=min(due, default=otherwise), business_day=ledger.open_day(clinic))


def look(clinic: Clinic, actor: Actor, day: date) -> DayView:
    """A day's figures, and what is still to do before it is closed."""
    access.require(actor, "day.close")
    entries = clinic.journal.of_day(day)
    if not entries:
        return DayView(day=day, figures=None, closed=None, unbilled=_unbilled(clinic, day))
    closed = entries[-1] if entries[-1].event is Event.DAY_CLOSE else None
    ended = entries if closed else [*entries, _close_entry(clinic, actor, day)]
    closes = tuple(entry for entry in entries if entry.event is Event.TILL_CLOSE)
    return DayView(
        day=day,
        figures=tills.day_close(ended, [session(clinic, close) for close in closes]),
        closed=closed,
        open_tills=() if closed else tuple(map(_owner, _open_tills(clinic, day, entries))),
        outside=tuple(tills.outside_tills(entries)),
        till_closes=closes,
        unbilled=_unbilled(clinic, day),
    )


def close(clinic: Clinic, actor: Actor, day: date) -> Entry:
    """Close a day; closing it again gives the entry that closed it.

    Raises IllegalTransition while a till is open or before the day has come, InvalidInput when nothing was booked.
    """
    access.require(actor, "day.close")
    tills.may_close(day, clinic.today())
    ledger.settle(clinic)

    def make(books: Books) -> Entry:
        entries = clinic.journal.of_day(day)
        if not entries:
            raise InvalidInput("Nothing was booked on that day, so there is nothing to close.", field="day")
        if waiting := _open_tills(clinic, day, entries):
            names = ", ".join(map(_owner, waiting))
            raise IllegalTransition(f"Count and close the open tills first: {names}.")
        return _close_entry(clinic, actor, day)

    posted = ledger.post(clinic, f"day-close:{day.isoformat()}", [], make, closes=day)
    clinic.audit.record(actor, "day.close", posted.entry.id, once=day.isoformat(), day=day.isoformat())
    return posted.entry


def past(clinic: Clinic, actor: Actor, month: date) -> list[Entry]:
    """The closes of the month in which `month` lies, latest first."""
    access.require(actor, "day.close")
    first = month.replace(day=1)
    found = _closed(clinic, [first + timedelta(days=n) for n in range(31)])
    return [entry for day, entry in sorted(found.items(), reverse=True) if day.month == first.month]


def paper(clinic: Clinic, actor: Actor, day: date) -> DayClose:
    """What the paper of a closed day says, today and in a year the same. Raises NotFound while it is open."""
    access.require(actor, "day.close")
    entries = clinic.journal.of_day(day)
    if not entries or entries[-1].event is not Event.DAY_CLOSE:
        raise NotFound(f"{day.isoformat()} is not closed yet. Close it, then print it.")
    closes = (entry for entry in entries if entry.event is Event.TILL_CLOSE)
    return tills.day_close(entries, [session(clinic, close) for close in closes])


def _close_entry(clinic: Clinic, actor: Actor, day: date) -> Entry:
    profile = clinic.organization()
    stamp = Stamp(key="", day=day, at=clinic.now(), by=actor.username)
    return tills.day_closed(stamp, currency=profile.currency, heading=heading_of(profile))


def _closed(clinic: Clinic, wanted: Iterable[date]) -> dict[date, Entry]:
    held = clinic.journal.holding(map(journal.close_slot, wanted))
    return {entry.day: entry for entry in held.values()}


def _open_tills(clinic: Clinic, day: date, entries: Sequence[Entry]) -> list[Balance]:
    """The tills that were opened on the day or before it and not closed since, as of the ledger's last entry."""
    accounts = {balance.id for balance in clinic.balances.of_kind("till")} | tills.tills_of(entries)
    found = [ledger.current(clinic, account) for account in sorted(accounts)]
    return [balance for balance in found if balance.opened and journal.day_of(balance.opened) <= day]


def _owner(balance: Balance) -> str:
    return balance.id.partition(":")[2]


def _unbilled(clinic: Clinic, day: date) -> int:
    done = [a.id for a in clinic.appointments.on_day(day) if a.status is AppointmentStatus.FULFILLED]
    bills = clinic.invoices.statuses_of_appointments(done) if done else {}
    return sum(bills.get(visit, ("", InvoiceStatus.DRAFT))[1] is InvoiceStatus.DRAFT for visit in done)


__all__ = ["DayView", "OpenDays", "close", "days", "look", "paper", "past"]
