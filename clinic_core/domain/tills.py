"""Cash in hand: what may happen to a till, how it is counted, and what the papers of a till and of a day say.

The functions that make entries of the ledger write nothing: `services.ledger.post` gives the entries their place. The
papers are made of entries alone, which never change, so that a paper can be printed again for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from clinic_core.domain import money
from clinic_core.domain.billing import LARGEST_MINOR, PaymentMethod
from clinic_core.domain.journal import Balance, Book, Entry, Event, Heading, Posting, is_balanced, till_account
from clinic_core.domain.settling import Stamp
from clinic_core.domain.statements import DayClose, MethodTotal, TillClose, TillCount, TillMove
from clinic_core.errors import IllegalTransition, InvalidInput

MOST_PIECES: Final = 100_000
_TILL: Final = till_account("")
# Notes and coins that are in use, in major units, the largest first. What is not here is counted as an amount.
_FACES: Final[Mapping[str, str]] = {
    "AED": "1000 500 200 100 50 20 10 5 1 0.5 0.25",
    "AUD": "100 50 20 10 5 2 1 0.5 0.2 0.1 0.05",
    "BDT": "1000 500 200 100 50 20 10 5 2 1",
    "BHD": "20 10 5 1 0.5 0.1 0.05 0.025 0.01 0.005",
    "BRL": "200 100 50 20 10 5 2 1 0.5 0.25 0.1 0.05",
    "CAD": "100 50 20 10 5 2 1 0.25 0.1 0.05",
    "CHF": "1000 200 100 50 20 10 5 2 1 0.5 0.2 0.1 0.05",
    "CNY": "100 50 20 10 5 1 0.5 0.1",
    "CZK": "5000 2000 1000 500 200 100 50 20 10 5 2 1",
    "DKK": "500 200 100 50 20 10 5 2 1 0.5",
    "EGP": "200 100 50 20 10 5 1 0.5 0.25",
    "EUR": "500 200 100 50 20 10 5 2 1 0.5 0.2 0.1 0.05 0.02 0.01",
    "GBP": "50 20 10 5 2 1 0.5 0.2 0.1 0.05 0.02 0.01",
    "IDR": "100000 50000 20000 10000 5000 2000 1000 500 200 100",
    "INR": "500 200 100 50 20 10 5 2 1",
    "JPY": "10000 5000 2000 1000 500 100 50 10 5 1",
    "KES": "1000 500 200 100 50 20 10 5 1",
    "KWD": "20 10 5 1 0.5 0.25 0.1 0.05 0.02 0.01 0.005",
    "LKR": "5000 1000 500 100 50 20 10 5 2 1",
    "MXN": "1000 500 200 100 50 20 10 5 2 1 0.5",
    "MYR": "100 50 20 10 5 1 0.5 0.2 0.1 0.05",
    "NGN": "1000 500 200 100 50 20 10 5",
    "NOK": "1000 500 200 100 50 20 10 5 1",
    "NPR": "1000 500 100 50 20 10 5 2 1",
    "NZD": "100 50 20 10 5 2 1 0.5 0.2 0.1",
    "OMR": "50 20 10 5 1 0.5 0.1 0.05 0.025 0.01 0.005",
    "PHP": "1000 500 200 100 50 20 10 5 1 0.25 0.05 0.01",
    "PKR": "5000 1000 500 100 50 20 10 5 2 1",
    "PLN": "500 200 100 50 20 10 5 2 1 0.5 0.2 0.1 0.05 0.02 0.01",
    "QAR": "500 200 100 50 10 5 1 0.5 0.25",
    "SAR": "500 200 100 50 20 10 5 2 1 0.5 0.25 0.1 0.05",
    "SEK": "1000 500 200 100 50 20 10 5 2 1",
    "SGD": "1000 100 50 10 5 2 1 0.5 0.2 0.1 0.05",
    "THB": "1000 500 100 50 20 10 5 2 1 0.5 0.25",
    "TRY": "200 100 50 20 10 5 1 0.5 0.25 0.1 0.05",
    "USD": "100 50 20 10 5 1 0.25 0.1 0.05 0.01",
    "VND": "500000 200000 100000 50000 20000 10000 5000 2000 1000 500",
    "ZAR": "200 100 50 20 10 5 2 1 0.5 0.2 0.1",
}
_LADDER: Final = (5, 2, 1)
_HIGHEST: Final = 2  # of other currencies: 500
_HIGHEST_WHOLE: Final = 4  # of those without a minor unit, whose numbers are large: 50,000
_LOWEST: Final = -2  # 0.01


class Way(StrEnum):
    """Where cash comes from or goes to that is no payment."""

    FROM_SAFE = "from-safe"
    TO_SAFE = "to-safe"
    TO_TILL = "to-till"  # of a colleague
    EXPENSE = "expense"  # something that the clinic bought
    EXPENSE_BACK = "expense-back"  # it was brought back, or was no expense


_IN: Final = frozenset({Way.FROM_SAFE, Way.EXPENSE_BACK})
_EXPENSES: Final = frozenset({Way.EXPENSE, Way.EXPENSE_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What a till should hold, and what was counted in it."""

    expected_minor: int
    counted_minor: int

    @property
    def variance_minor(self) -> int:
        """Counted less expected: below zero when money is missing."""
        return self.counted_minor - self.expected_minor


@lru_cache(maxsize=64)
def denominations(currency: str) -> tuple[int, ...]:
    """The notes and coins of a currency in minor units, the largest first; of an unknown one the usual 5, 2, 1."""
    exponent = money.exponent(currency)
    if currency in _FACES:
        return tuple(int(Decimal(face).scaleb(exponent)) for face in _FACES[currency].split())
    top, bottom = (_HIGHEST if exponent else _HIGHEST_WHOLE), max(_LOWEST, -exponent)
    return tuple(face * 10 ** (power + exponent) for power in range(top, bottom - 1, -1) for face in _LADDER)


def counted(pieces: Mapping[int, int], other_minor: int = 0) -> tuple[tuple[int, int], ...]:
    """A count as it is kept: (denomination, pieces), the largest first.

    `other_minor` is what fits none of them: it comes last, as one piece, for nobody says of how many it is.

    Raises InvalidInput for what nobody can count.
    """
    if not 0 <= other_minor <= LARGEST_MINOR:
        raise InvalidInput("Enter what else there is as an amount of zero or more.", field="other")
    if any(face <= 0 or not 0 <= number <= MOST_PIECES for face, number in pieces.items()):
        raise InvalidInput(f"Count at most {MOST_PIECES} pieces of each, and no fewer than none.", field="count")
    kept = tuple((face, pieces[face]) for face in sorted(pieces, reverse=True) if pieces[face])
    return (*kept, (other_minor, 1)) if other_minor else kept


def sum_of(count: Iterable[tuple[int, int]]) -> int:
    """What a count adds up to."""
    return sum(face * pieces for face, pieces in count)


def opened(stamp: Stamp, till: Balance, *, float_minor: int, currency: str, heading: Heading) -> Entry:
    """A till with its float, which the safe gives. Raises IllegalTransition when it is open already."""
    if till.opened:
        raise IllegalTransition("Your till is open already. Count and close it before you open it again.")
    if not 0 <= float_minor <= LARGEST_MINOR:
        raise InvalidInput("The float is zero or more.", field="float")
    return _entry(Event.TILL_OPEN, stamp, _from(Book.SAFE, float_minor), currency=currency, heading=heading)


def moved(
    stamp: Stamp, till: Balance, *, amount_minor: int, way: Way, currency: str, to: Balance | None = None
) -> Entry:
    """Cash put into an open till or taken out of it, with the reason; `to` is the colleague's till that gets it.

    Raises IllegalTransition when a till is closed, InvalidInput without a reason or above what there can be.
    """
    _require_open(till)
    if not 0 < amount_minor <= LARGEST_MINOR:
        raise InvalidInput("Enter an amount above zero.", field="amount")
    if not stamp.reason:
        raise InvalidInput("Say what it is for.", field="reason")
    if way not in _IN and amount_minor > till.amount_minor:
        raise InvalidInput("There cannot be that much in the till. Enter less.", field="amount")
    if way is Way.TO_TILL:
        return _entry(Event.TILL_MOVE, stamp, _between(till, to, amount_minor), currency=currency)
    book = Book.EXPENSE if way in _EXPENSES else Book.SAFE
    change = amount_minor if way in _IN else -amount_minor
    return _entry(Event.TILL_MOVE, stamp, _from(book, change), currency=currency)


def sent(stamp: Stamp, till: Balance, *, count: tuple[tuple[int, int], ...], currency: str) -> Entry:
    """A count that differs from what the till should hold: it stays on the till's paper, whatever is counted next."""
    _require_open(till)
    return replace(_entry(Event.TILL_COUNT, stamp, (), currency=currency), counted=count)


def compared(till: Balance, count: Sequence[tuple[int, int]]) -> Count:
    """What an open till should hold beside what was counted. Raises IllegalTransition when it is closed."""
    _require_open(till)
    return Count(expected_minor=till.amount_minor, counted_minor=sum_of(count))


def closed(
    stamp: Stamp, till: Balance, *, count: tuple[tuple[int, int], ...], currency: str, heading: Heading
) -> Entry:
    """A counted till, all of it handed to the safe. Raises InvalidInput for a difference without a reason."""
    found = compared(till, count)
    if found.variance_minor and not stamp.reason:
        raise InvalidInput("Say how the difference came about, as far as you know.", field="reason")
    parts = (
        Posting(book=Book.MONEY, amount_minor=-found.expected_minor, method=PaymentMethod.CASH),
        Posting(book=Book.SAFE, amount_minor=found.counted_minor),
        Posting(book=Book.VARIANCE, amount_minor=-found.variance_minor),
    )
    postings = tuple(posting for posting in parts if posting.amount_minor)
    made = _entry(Event.TILL_CLOSE, stamp, postings, currency=currency, heading=heading)
    return replace(made, counted=count)


def count_in(entry: Entry) -> Count:
    """What the entry that closed a till compared."""
    found = sum_of(entry.counted)
    return Count(expected_minor=found + entry.sum_of(Book.VARIANCE), counted_minor=found)


def day_closed(stamp: Stamp, *, currency: str, heading: Heading) -> Entry:
    """The last entry of a day."""
    return _entry(Event.DAY_CLOSE, stamp, (), currency=currency, heading=heading)


def owner(entry: Entry) -> str:
    """Whose till an entry of a till is about; the first of two."""
    names = (slot.rpartition("@")[0] for slot in entry.slots if slot.startswith(_TILL))
    return next((name.removeprefix(_TILL) for name in names), "")


def tills_of(entries: Iterable[Entry]) -> set[str]:
    """The accounts of all tills that entries touch."""
    return {slot.rpartition("@")[0] for entry in entries for slot in entry.slots if slot.startswith(_TILL)}


def cash_minor(entry: Entry, username: str = "") -> int:
    """The cash that an entry moved: in +, out -; of one person's till where it is named."""
    named = (None, username) if username else (None,)
    return sum(p.amount_minor for p in entry.postings if p.method is PaymentMethod.CASH and p.till in named)


def outside_tills(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that moved cash through no till, because who took it had none open."""
    return [entry for entry in entries if entry.till is None and entry.event not in _OF_TILLS and cash_minor(entry)]


def count_of(session: Sequence[Entry]) -> TillCount:
    """What a till's session comes to, from the entry that opened it to the one that closed it."""
    first, last = session[0], session[-1]
    username = owner(first)
    paid = [cash_minor(entry, username) for entry in session if entry.event not in _OF_TILLS]
    tries = _tries(session, username)
    return TillCount(
        username=username,
        name=first.heading.name if first.heading else "",
        opened_at=first.at,
        closed_at=last.at,
        closed_by=last.by if last.by != username else "",
        opening_minor=cash_minor(first, username),
        cash_in_minor=sum(amount for amount in paid if amount > 0),
        cash_out_minor=-sum(amount for amount in paid if amount < 0),
        moves=tuple(_move(entry, username) for entry in session if entry.event is Event.TILL_MOVE),
        counted=last.counted,
        reason=last.reason,
        handed_over_minor=last.sum_of(Book.SAFE),
        counts=len(tries),
        first_variance_minor=tries[0].variance_minor if len(tries) > 1 else 0,
    )


def _tries(session: Sequence[Entry], username: str) -> list[Count]:
    """The counts that were sent, each with what the till should have held then.

    The count that closed the till is no further one when it is the last that was sent, explained.
    """
    found: list[Count] = []
    expected, before = 0, None
    for entry in session:
        is_count = entry.event in {Event.TILL_COUNT, Event.TILL_CLOSE}
        if is_count and not (entry.event is Event.TILL_CLOSE and entry.counted == before):
            found.append(Count(expected_minor=expected, counted_minor=sum_of(entry.counted)))
        before = entry.counted if is_count else before
        expected += cash_minor(entry, username)
    return found


def till_close(session: Sequence[Entry]) -> TillClose:
    """The paper of a closed till, from the entries of its session."""
    last = session[-1]
    heading = _heading(last)
    return TillClose(
        number=last.id,
        issuer=heading.issuer,
        currency=last.currency,
        locale=heading.locale,
        time_zone=heading.time_zone,
        day=last.day,
        till=count_of(session),
    )


def day_close(entries: Sequence[Entry], sessions: Iterable[Sequence[Entry]]) -> DayClose:
    """The paper of a closed day, from its entries, the close last, and the sessions of the tills closed on it."""
    last = entries[-1]
    heading = _heading(last)
    issued, taken_back, notes = (_of(entries, event) for event in (Event.ISSUE, Event.CANCEL, Event.CREDIT_NOTE))
    return DayClose(
        issuer=heading.issuer,
        currency=last.currency,
        locale=heading.locale,
        time_zone=heading.time_zone,
        day=last.day,
        opened_at=entries[0].at,
        closed_at=last.at,
        by=last.by,
        methods=methods_of(entries),
        invoices=len(issued),
        billed_minor=_sum(issued, Book.RECEIVABLE),
        billed_tax_minor=-_sum(issued, Book.TAX),
        cancelled=len(taken_back),
        cancelled_minor=-_sum(taken_back, Book.RECEIVABLE),
        credit_notes=len(notes),
        credited_minor=_sum(notes, Book.REVENUE, Book.DISCOUNT, Book.TAX),
        written_off_minor=_sum(entries, Book.WRITE_OFF),
        deposits_taken_minor=_sum(_of(entries, Event.DEPOSIT), Book.MONEY),
        deposits_returned_minor=-_sum(_of(entries, Event.DEPOSIT_REFUND), Book.MONEY),
        account_credited_minor=-_sum(notes, Book.CREDIT),
        credit_applied_minor=_sum([*_of(entries, Event.APPLY_CREDIT), *_of(entries, Event.REVERSAL)], Book.CREDIT),
        held_change_minor=-_sum(entries, Book.CREDIT),
        cash_outside_minor=sum(map(cash_minor, outside_tills(entries))),
        first_entry=entries[0].id,
        last_entry=last.id,
        tills=tuple(count_of(session) for session in sessions),
    )


def methods_of(entries: Iterable[Entry]) -> tuple[MethodTotal, ...]:
    """What patients and payers gave and got by each method that was used."""
    taken, given = dict.fromkeys(PaymentMethod, 0), dict.fromkeys(PaymentMethod, 0)
    for entry in entries:
        for posting in entry.postings if entry.event not in _OF_TILLS else ():
            if posting.book is Book.MONEY and posting.method is not None:
                side = taken if posting.amount_minor > 0 else given
                side[posting.method] += abs(posting.amount_minor)
    used = (method for method in PaymentMethod if taken[method] or given[method])
    return tuple(MethodTotal(method=m, taken_minor=taken[m], refunded_minor=given[m]) for m in used)


def may_close(day: date, today: date) -> None:
    """Raise IllegalTransition for a day that has not come yet."""
    if day > today:
        raise IllegalTransition(f"{day.isoformat()} has not come yet. Close it when it is over.")


_OF_TILLS: Final = frozenset({Event.TILL_OPEN, Event.TILL_MOVE, Event.TILL_COUNT, Event.TILL_CLOSE, Event.DAY_CLOSE})


def _require_open(till: Balance) -> None:
    if not till.opened:
        raise IllegalTransition("This till is not open. Open it first.")


def _from(book: Book, amount_minor: int) -> tuple[Posting, ...]:
    if not amount_minor:
        return ()
    return (
        Posting(book=Book.MONEY, amount_minor=amount_minor, method=PaymentMethod.CASH),
        Posting(book=book, amount_minor=-amount_minor),
    )


def _between(till: Balance, to: Balance | None, amount_minor: int) -> tuple[Posting, ...]:
    if to is None or to.id == till.id:
        raise InvalidInput("Choose the colleague who gets it.", field="to")
    if not to.opened:
        raise IllegalTransition("Your colleague's till is not open. It has to be opened first.")
    sides = ((till, -amount_minor), (to, amount_minor))
    return tuple(
        Posting(book=Book.MONEY, amount_minor=amount, method=PaymentMethod.CASH, till=side.id.removeprefix(_TILL))
        for side, amount in sides
    )


def between(entry: Entry) -> tuple[str, str]:
    """From whose till to whose an entry moved cash, by username; two empty texts when it was no hand-over."""
    sides = sorted((posting.amount_minor, posting.till) for posting in entry.postings if posting.till)
    giver, taker = (side[1] for side in sides) if len(sides) > 1 else ("", "")
    return giver, taker


def _move(entry: Entry, username: str) -> TillMove:
    giver, taker = between(entry)
    return TillMove(
        at=entry.at,
        by=entry.by,
        reason=entry.reason,
        amount_minor=cash_minor(entry, username),
        giver=giver,
        taker=taker,
    )


def _heading(entry: Entry) -> Heading:
    if entry.heading is None:
        raise InvalidInput("This entry has no paper of its own.")
    return entry.heading


def _of(entries: Iterable[Entry], event: Event) -> list[Entry]:
    return [entry for entry in entries if entry.event is event]


def _sum(entries: Iterable[Entry], *books: Book) -> int:
    return sum(entry.sum_of(book) for entry in entries for book in books)


def _entry(
    event: Event, stamp: Stamp, postings: tuple[Posting, ...], *, currency: str, heading: Heading | None = None
) -> Entry:
    if not is_balanced(postings):
        raise ValueError("the postings of an entry must sum to zero")
    return Entry(
        key=stamp.key,
        event=event,
        day=stamp.day,
        at=stamp.at,
        by=stamp.by,
        postings=postings,
        currency=currency,
        reason=stamp.reason,
        heading=heading,
    )
