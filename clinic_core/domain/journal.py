"""The ledger: every money event is one journal entry whose postings sum to zero.

An entry is inserted once and never changed. Its number within the day is its id, and it names, for every account
that it changes, the how-manieth event of that account it is; a unique index over these names (`Entry.slots`) is what
makes two tills take turns. What an invoice is still owed, what a patient has on account and what a till should hold
are sums of entries, kept beside them for speed and compared with them by `check`.

Debits are positive, credits negative (double entry): a charge debits what is receivable and credits revenue and tax,
money received debits the money and credits what is receivable.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Final

from clinic_core.domain.billing import Party, PaymentMethod
from clinic_core.domain.organization import Organization

_NUMBER_DIGITS: Final = 5
_DIGEST_BYTES: Final = 8
_NO_ACCOUNTS: Final = ("key:", "close:")  # slots that are no account's; a key may hold any text


class Event(StrEnum):
    """What happened."""

    ISSUE = "issue"
    CANCEL = "cancel"
    CREDIT_NOTE = "credit-note"
    PAYMENT = "payment"
    REFUND = "refund"
    WRITE_OFF = "write-off"
    DEPOSIT = "deposit"
    DEPOSIT_REFUND = "deposit-refund"
    APPLY_CREDIT = "apply-credit"  # money held for a patient pays an invoice
    TRANSFER = "transfer"  # money paid on one invoice pays another one
    ASSIGN = "assign"  # what is due moves between the patient and the payer
    REVERSAL = "reversal"  # takes back a write-off, or a use of money held
    TILL_OPEN = "till-open"
    TILL_MOVE = "till-move"
    TILL_COUNT = "till-count"  # a count that was sent and differed; it moves nothing
    TILL_CLOSE = "till-close"
    DAY_CLOSE = "day-close"
    PACKAGE_USE = "package-use"
    PACKAGE_RETURN = "package-return"


class Book(StrEnum):
    """The accounts of the books."""

    RECEIVABLE = "receivable"  # what patients and payers owe
    REVENUE = "revenue"  # before discounts, without tax
    DISCOUNT = "discount"
    TAX = "tax"  # owed to the tax office
    MONEY = "money"  # in hand or at the bank, by method
    CREDIT = "credit"  # money held for patients
    WRITE_OFF = "write-off"
    SAFE = "safe"  # cash that is in no till
    VARIANCE = "variance"  # counted less than expected, or more
    EXPENSE = "expense"  # cash paid out of a till for something that the clinic bought


REVERSIBLE: Final = frozenset({Event.WRITE_OFF, Event.APPLY_CREDIT})  # by a REVERSAL; others have an opposite event


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One line of an entry. Which of the other fields there are goes by the account."""

    book: Book
    amount_minor: int  # debit +, credit -
    invoice_id: str | None = None  # receivable
    payer_id: str | None = None  # receivable; None: the patient owes it
    method: PaymentMethod | None = None  # money
    till: str | None = None  # money: in whose till, where one entry moves cash from one to another
    line: int | None = None  # revenue, discount and tax: the invoice's line, from 0
    service_id: str | None = None
    quantity: int = 0
    basis_points: int = 0  # of the line's tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What the paper of an entry says besides its money, as it was then."""

    issuer: Party
    locale: str
    time_zone: str
    name: str = ""  # of the person whose till or deposit it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event of money. `id` is the business day and the number within it, ``2026-11-22#00042``."""

    id: str = ""
    key: str  # made before the write: the same event again is this entry
    asked: str = ""  # what was asked for under the key, see `asked_for`: another thing under it was not done
    event: Event
    day: date  # the business day; entries are never dated back
    at: datetime
    by: str  # username
    postings: tuple[Posting, ...] = ()
    slots: tuple[str, ...] = ()
    invoice_id: str | None = None
    label: str = ""  # the invoice's number
    patient_id: str | None = None
    practitioner_id: str | None = None
    location_id: str | None = None
    currency: str = ""
    tax_inclusive: bool = False
    document: str = ""  # a number of its own, e.g. of a credit note: CN-2026-00003
    reason: str = ""
    reverses: str | None = None  # the entry that this one corrects
    reference: str = ""
    till: str | None = None  # the till session whose cash it moved: the id of its opening entry
    counted: tuple[tuple[int, int], ...] = ()  # denomination in minor units, pieces
    heading: Heading | None = None  # of its own paper; one about an invoice keeps it where it is not the invoice's
    version: int = 1  # always: an entry never changes

    @property
    def month(self) -> str:
        """The month of the business day, "YYYY-MM"."""
        return self.day.isoformat()[:7]

    def sum_of(self, book: Book, *, invoice_id: str | None = None) -> int:
        """Debits less credits of one account, of one invoice where it is named."""
        return sum(
            p.amount_minor
            for p in self.postings
            if p.book is book and (invoice_id is None or p.invoice_id == invoice_id)
        )

    def sequence(self, account: str) -> int:
        """The how-manieth event of an account this is, 0 when it does not touch it."""
        return self.accounts().get(account, 0)

    def accounts(self) -> dict[str, int]:
        """The accounts that it changes, and the how-manieth event of each it is."""
        places = (slot.rpartition("@") for slot in self.slots if not slot.startswith(_NO_ACCOUNTS))
        return {account: int(number) for account, _, number in places if number.isdecimal()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the first `seq` entries of an account other than an invoice add up to.

    For ``credit:<patient>`` the money held, for ``till:<username>`` the cash that should be in the open till, for
    ``package:<invoice>`` the sessions used.
    """

    id: str  # the account
    seq: int = 0
    amount_minor: int = 0
    opened: str = ""  # of a till: the id of the entry that opened it; "" while it is closed


def heading_of(profile: Organization, name: str = "") -> Heading:
    """What a paper says of the clinic, as it is now."""
    issuer = Party(name=profile.name, address=profile.address, phone=profile.phone, tax_id=profile.tax_id)
    return Heading(issuer=issuer, locale=profile.locale, time_zone=profile.time_zone, name=name)


def entry_id(day: date, number: int) -> str:
    """The id of a day's entry; ids sort by day and number."""
    return f"{day.isoformat()}#{number:0{_NUMBER_DIGITS}d}"


def number_of(entry_id: str) -> int:
    """The number within its day."""
    return int(entry_id.rpartition("#")[2])


def day_of(entry_id: str) -> date:
    """The business day."""
    return date.fromisoformat(entry_id.partition("#")[0])


def invoice_account(invoice_id: str) -> str:
    """The account of an invoice."""
    return f"invoice:{invoice_id}"


def credit_account(patient_id: str) -> str:
    """The account of the money held for a patient."""
    return f"credit:{patient_id}"


def till_account(username: str) -> str:
    """The account of somebody's till."""
    return f"till:{username}"


def reversal_key(entry_id: str) -> str:
    """The key of the entry that takes another one back: an entry is taken back once."""
    return f"reverse:{entry_id}"


def package_account(invoice_id: str) -> str:
    """The account of the sessions of a package that was sold."""
    return f"package:{invoice_id}"


def slot(account: str, sequence: int) -> str:
    """What only one entry can hold: an account's n-th event."""
    return f"{account}@{sequence}"


def asked_for(*parts: object) -> str:
    """A digest of what a form asks for: the verb, amounts, method, whose money, where to.

    It is kept with the entry because the entry alone does not say it: how a credit note falls on what is due and paid
    depends on the moment. Reasons and references are left out; a word that was corrected moves no money.
    """
    return blake2b(json.dumps(parts, default=str).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def key_slot(key: str) -> str:
    """What only one entry of a key can hold."""
    return f"key:{key}"


def close_slot(day: date) -> str:
    """What only the entry that closes a day can hold."""
    return f"close:{day.isoformat()}"


def is_balanced(postings: Iterable[Posting]) -> bool:
    """Whether debits equal credits."""
    return sum(posting.amount_minor for posting in postings) == 0


def reversed_postings(postings: Sequence[Posting]) -> tuple[Posting, ...]:
    """The postings that undo these."""
    return tuple(replace(p, amount_minor=-p.amount_minor, quantity=-p.quantity) for p in postings)


def balance_after(before: Balance, entry: Entry) -> Balance:
    """The balance with one entry more; the next one of its account."""
    kind, _, owner = before.id.partition(":")
    amount, opened = before.amount_minor, before.opened
    if kind == "credit":
        amount -= entry.sum_of(Book.CREDIT)
    elif kind == "till":
        cash = (p for p in entry.postings if p.method is PaymentMethod.CASH and p.till in (None, owner))
        amount += sum(posting.amount_minor for posting in cash)
        opened = {Event.TILL_OPEN: entry.id, Event.TILL_CLOSE: ""}.get(entry.event, opened)
    elif kind == "package":
        amount += {Event.PACKAGE_USE: 1, Event.PACKAGE_RETURN: -1}.get(entry.event, 0)
    return replace(before, seq=before.seq + 1, amount_minor=amount, opened=opened)
