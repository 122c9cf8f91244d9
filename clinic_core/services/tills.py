"""Tills: the cash of one person from the opening float to the count that closes it.

Every step is one entry of the ledger under the till's account, and cash that its owner takes meanwhile is under it as
well. So what a till should hold when it is counted is exact: a payment that races with the close is either in it, and
the count is compared anew, or comes after it and lies in no till. `key` is made when the form is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import access, billing, tills
from clinic_core.domain.access import Actor
from clinic_core.domain.journal import Balance, Entry, Event, asked_for, heading_of, till_account
from clinic_core.domain.settling import Stamp
from clinic_core.domain.statements import TillClose
from clinic_core.domain.tills import Count, Way
from clinic_core.errors import InvalidInput, NotFound
from clinic_core.services import ledger
from clinic_core.services.ledger import Books, Posted

MOST_SHOWN: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """An open till, without what it should hold: it is counted blind. `entries` are the latest first."""

    username: str
    name: str
    opened_at: datetime
    float_minor: int
    count: int  # of the entries since it was opened
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A count that was sent: what it came to, and the entry that closed the till unless a reason is missing."""

    count: Count
    entry: Entry | None


class _Unexplained(Exception):
    """The count differs from what the till should hold, and nobody has said why."""

    def __init__(self, count: Count) -> None:
        super().__init__("")
        self.count = count


def mine(clinic: Clinic, actor: Actor) -> Till | None:
    """The actor's own till with its latest entries; None while it is closed."""
    access.require(actor, "till.use")
    balance = ledger.current(clinic, till_account(actor.username))
    return _till(clinic, balance, most=MOST_SHOWN) if balance.opened else None


def last_float(clinic: Clinic, actor: Actor) -> int:
    """With how much the actor's till was opened last time."""
    access.require(actor, "till.use")
    last = next(iter(_closes(clinic, till_account(actor.username), 1)), None)
    return 0 if last is None else tills.cash_minor(_opening(clinic, last), actor.username)


def colleagues(clinic: Clinic, actor: Actor) -> list[Till]:
    """The open tills of others, to hand cash over to."""
    access.require(actor, "till.use")
    return [till for till in _open(clinic) if till.username != actor.username]


def all_open(clinic: Clinic, actor: Actor) -> list[Till]:
    """Every open till, the longest open first."""
    access.require(actor, "till.read_all")
    return _open(clinic)


def past(clinic: Clinic, actor: Actor, *, most: int = 5) -> list[Entry]:
    """The closes of the actor's own till, latest first."""
    access.require(actor, "till.use")
    return _closes(clinic, till_account(actor.username), most)


def paper(clinic: Clinic, actor: Actor, entry_id: str) -> TillClose:
    """What the paper of a closed till says; that of a colleague is for managers. Raises NotFound."""
    return tills.till_close(session(clinic, closed(clinic, actor, entry_id)))


def closed(clinic: Clinic, actor: Actor, entry_id: str) -> Entry:
    """The entry that closed a till; that of a colleague is for managers. Raises NotFound."""
    access.require(actor, "till.use")
    entry = clinic.journal.get(entry_id)
    if entry is None or entry.event is not Event.TILL_CLOSE:
        raise NotFound("No till was closed under this number.")
    if tills.owner(entry) != actor.username:
        access.require(actor, "till.read_all")
    return entry


def open_till(clinic: Clinic, actor: Actor, *, key: str, float_minor: int) -> Entry:
    """Open the actor's own till with cash from the safe. Raises IllegalTransition when it is open already."""
    access.require(actor, "till.use")
    stamp, account = _stamp(clinic, actor, key), till_account(actor.username)
    currency, heading = clinic.organization().currency, heading_of(clinic.organization(), actor.name)

    def make(books: Books) -> Entry:
        known = books.balances[account]
        kept = replace(stamp, day=books.day)
        return tills.opened(kept, known, float_minor=float_minor, currency=currency, heading=heading)

    posted = _post(clinic, stamp, [account], make, asked_for("till-open", float_minor))
    return _done(clinic, actor, posted, float_minor)


def move(
    clinic: Clinic, actor: Actor, *, key: str, amount_minor: int, way: Way, reason: str, to_username: str = ""
) -> Entry:
    """Put cash into the actor's till, or take it out, to the safe, for an expense or to a colleague's till.

    Raises IllegalTransition when a till is closed, InvalidInput without a reason or above what there can be.
    """
    access.require(actor, "till.use")
    stamp, account = _stamp(clinic, actor, key, reason), till_account(actor.username)
    other = till_account(to_username) if way is Way.TO_TILL else ""
    currency = clinic.organization().currency

    def make(books: Books) -> Entry:
        kept, to = replace(stamp, day=books.day), books.balances.get(other)
        return tills.moved(kept, books.balances[account], amount_minor=amount_minor, way=way, currency=currency, to=to)

    accounts = list(dict.fromkeys([account, *([other] if to_username and other else [])]))
    posted = _post(clinic, stamp, accounts, make, asked_for("till-move", amount_minor, way, other))
    return _done(clinic, actor, posted, amount_minor)


def close(
    clinic: Clinic,
    actor: Actor,
    username: str,
    *,
    key: str,
    pieces: Mapping[int, int],
    other_minor: int = 0,
    reason: str = "",
    shown_minor: int | None = None,
) -> Counted:
    """Compare a count with what the till should hold, and close it when they agree or the difference has a reason.

    `shown_minor` is the difference that the person was shown and gives the reason for. When it is another one by now,
    or none was shown, nothing is closed and the answer says what it is. A colleague's till takes a manager.
    """
    access.require(actor, "till.use" if username == actor.username else "till.close_any")
    stamp, account = _stamp(clinic, actor, key, reason), till_account(username)
    counted = tills.counted(pieces, other_minor)
    currency, heading = clinic.organization().currency, heading_of(clinic.organization())

    def make(books: Books) -> Entry:
        known = books.balances[account]
        found = tills.compared(known, counted)
        if found.variance_minor not in (0, shown_minor):
            raise _Unexplained(found)
        kept = replace(stamp, day=books.day)
        return tills.closed(kept, known, count=counted, currency=currency, heading=heading)

    try:
        posted = _post(clinic, stamp, [account], make, asked_for("till-close", account, counted))
    except _Unexplained as differs:
        found = differs.count
        kept = replace(stamp, key=f"{stamp.key}:{found.counted_minor}", reason="")  # once per form and sum
        sent = _post(
            clinic,
            kept,
            [account],
            lambda books: tills.sent(
                replace(kept, day=books.day), books.balances[account], count=counted, currency=currency
            ),
            asked_for("till-count", account, found.counted_minor),
        )
        _record(clinic, actor, "till.count", sent.entry.id, counted=found.counted_minor, expected=found.expected_minor)
        return Counted(count=found, entry=None)
    found = tills.count_in(posted.entry)
    _record(clinic, actor, "till.close", posted.entry.id, counted=found.counted_minor, expected=found.expected_minor)
    return Counted(count=found, entry=posted.entry)


def session(clinic: Clinic, close: Entry) -> list[Entry]:
    """The entries of a closed till, from the one that opened it. What asks for them has asked for leave."""
    account, first = till_account(tills.owner(close)), _opening(clinic, close)
    return clinic.journal.of_account(account, first.sequence(account), close.sequence(account))


def _open(clinic: Clinic) -> list[Till]:
    found = [_till(clinic, balance) for balance in clinic.balances.of_kind("till") if balance.opened]
    return sorted(found, key=lambda till: till.opened_at)


def _till(clinic: Clinic, balance: Balance, *, most: int = 0) -> Till:
    first = clinic.journal.get(balance.opened)
    if first is None:
        raise NotFound("The entry that opened this till is not there. Ask an administrator to run the check.")
    begun = first.sequence(balance.id)
    since = max(begun + 1, balance.seq - most + 1)
    entries = clinic.journal.of_account(balance.id, since, balance.seq) if most and since <= balance.seq else []
    return Till(
        username=tills.owner(first),
        name=first.heading.name if first.heading else "",
        opened_at=first.at,
        float_minor=tills.cash_minor(first),
        count=balance.seq - begun,
        entries=tuple(reversed(entries)),
    )


def _closes(clinic: Clinic, account: str, most: int) -> list[Entry]:
    """The latest closes of a till: before each opening comes the close of the session before."""
    balance = ledger.current(clinic, account)
    at = balance.seq
    if balance.opened:
        first = clinic.journal.get(balance.opened)
        at = first.sequence(account) - 1 if first else 0
    found: list[Entry] = []
    while at > 0 and len(found) < most:
        close = clinic.journal.after(account, at - 1)
        if close is None or close.event is not Event.TILL_CLOSE:
            break
        found.append(close)
        at = _opening(clinic, close).sequence(account) - 1
    return found


def _opening(clinic: Clinic, close: Entry) -> Entry:
    first = clinic.journal.get(close.till or "")
    if first is None:
        raise NotFound("The entry that opened this till is not there. Ask an administrator to run the check.")
    return first


def _post(clinic: Clinic, stamp: Stamp, accounts: list[str], make: Callable[[Books], Entry], asked: str) -> Posted:
    return ledger.post(clinic, stamp.key, accounts, make, asked=asked)


def _done(clinic: Clinic, actor: Actor, posted: Posted, amount_minor: int) -> Entry:
    _record(clinic, actor, posted.entry.event.value.replace("-", "."), posted.entry.id, amount=amount_minor)
    return posted.entry


def _stamp(clinic: Clinic, actor: Actor, key: str, reason: str = "") -> Stamp:
    if not key:
        raise InvalidInput("This form is stale. Reload the page and enter it again.")
    return Stamp(
        key=f"till:{key}",
        day=clinic.today(),
        at=clinic.now(),
        by=actor.username,
        reason=billing.clean_text(reason, field="reason"),
    )


def _record(clinic: Clinic, actor: Actor, action: str, entry_id: str, **amounts: int) -> None:
    detail = {f"{name}_minor": str(value) for name, value in amounts.items()}
    clinic.audit.record(actor, action, entry_id, once=entry_id, **detail)


__all__ = [
    "Counted",
    "Till",
    "all_open",
    "close",
    "closed",
    "colleagues",
    "last_float",
    "mine",
    "move",
    "open_till",
    "past",
    "paper",
    "session",
]
