"""What payers owe, and one payment of a payer for several invoices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import access, billing, payers, settling
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import LARGEST_MINOR, Invoice, PaymentMethod
from clinic_core.domain.journal import Book, Entry, asked_for, invoice_account
from clinic_core.domain.payers import Payer
from clinic_core.domain.settling import Stamp
from clinic_core.domain.statements import Age
from clinic_core.errors import InvalidInput, NotFound, OverPayment
from clinic_core.services import ledger, statements
from clinic_core.services.ledger import Books

_TRIES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """What a payer owes now. `late_minor` is what it should have paid by its own days of credit."""

    payer: Payer
    invoices: tuple[Invoice, ...]  # oldest first
    owed_minor: int
    late_minor: int
    oldest_on: date
    ageing: tuple[Age, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one payment of a payer paid of one invoice."""

    invoice_id: str
    label: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocated:
    """Which invoices a payment of a payer paid, oldest first; `left_minor` found no invoice to pay."""

    parts: tuple[Part, ...]
    left_minor: int = 0

    @property
    def amount_minor(self) -> int:
        """What was allocated."""
        return sum(part.amount_minor for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Money:
    """What is left of a payment to pay invoices with, and what the next entry is known by."""

    stamp: Stamp
    method: PaymentMethod
    most_minor: int
    asked: str


def owing(clinic: Clinic, actor: Actor) -> list[Debt]:
    """The payers who owe money, the one who owes most first; one indexed query for each payer in the list."""
    access.require(actor, "invoice.read")
    clinic.audit.record_read(actor, "invoice.read", "payers")
    debts = (_debt(clinic, payer) for payer in clinic.directory().payers.values())
    return sorted((debt for debt in debts if debt is not None), key=lambda debt: (-debt.owed_minor, debt.payer.name))


def owed_by(clinic: Clinic, actor: Actor, payer_id: str) -> Debt | None:
    """What one payer owes; None when it is nothing. Raises NotFound."""
    access.require(actor, "invoice.read")
    clinic.audit.record_read(actor, "invoice.read", payer_id)
    return _debt(clinic, _payer(clinic, payer_id))


def take(
    clinic: Clinic,
    actor: Actor,
    payer_id: str,
    *,
    key: str,
    amount_minor: int,
    method: PaymentMethod,
    reference: str = "",
) -> Allocated:
    """Take one payment of a payer and let it pay its invoices, the oldest first.

    Each invoice gets an entry of its own, whose key is made of `key` and its place. So the same key again finds what
    was posted and goes on from there: repeating it after a crash completes the rest, and twice at once is once.
    Raises OverPayment when the payer owes less, Conflict when the key took something else.
    """
    access.require(actor, "payment.take")
    payer, way = _payer(clinic, payer_id), PaymentMethod(method)
    _require(key, amount_minor)
    note = billing.clean_text(reference, field="reference")
    asked = asked_for("payer-payment", amount_minor, way)
    owed = _owed(clinic, payer.id)  # before looking at what the key took: another tab may be sending the same form
    entries: list[Entry] = []
    left = amount_minor
    while left > 0:
        at = _key(payer.id, key, len(entries) + 1)
        entry = _made_before(clinic, at, asked)
        if entry is None:
            if not entries and left > owed:
                raise OverPayment(f"This payer owes {clinic.money(owed)} in all. Enter that or less.")
            stamp = Stamp(key=at, day=clinic.today(), at=clinic.now(), by=actor.username, reference=note)
            entry = _next(clinic, actor, payer, _Money(stamp=stamp, method=way, most_minor=left, asked=asked))
        if entry is None:
            break
        _record(clinic, actor, entry, way)
        entries.append(entry)
        left -= entry.sum_of(Book.MONEY)
    return Allocated(parts=tuple(_part(entry) for entry in entries), left_minor=left)


def _require(key: str, amount_minor: int) -> None:
    if not key:
        raise InvalidInput("This form is stale. Reload the page and enter it again.")
    if isinstance(amount_minor, bool) or not isinstance(amount_minor, int) or not 0 < amount_minor <= LARGEST_MINOR:
        raise InvalidInput("Enter an amount above zero.", field="amount")


def _owed(clinic: Clinic, payer_id: str) -> int:
    return sum(invoice.payer_due_minor for invoice in clinic.invoices.of_payer(payer_id))


def _key(payer_id: str, key: str, place: int) -> str:
    return f"payer:{payer_id}:{key}:{place}"


def _made_before(clinic: Clinic, at: str, asked: str) -> Entry | None:
    """What the key posted already, its invoice up to date; raises Conflict when it was asked for something else."""
    entry = clinic.journal.by_key(at)
    if entry is not None:
        ledger.require_same(clinic, entry, asked)
        ledger.settle(clinic, [entry])
    return entry


def _next(clinic: Clinic, actor: Actor, payer: Payer, money: _Money) -> Entry | None:
    """Pay the oldest invoice, in full or as far as the money goes; None when the payer owes nothing any more.

    Should somebody else take money for that invoice meanwhile, the next look finds what is left of it; and should it
    be the same form, sent twice, that entry is the answer.
    """
    for _ in range(_TRIES):
        oldest = next(iter(_open(clinic, payer.id)), None)
        if oldest is None:
            return _made_before(clinic, money.stamp.key, money.asked)
        try:
            return _pay(clinic, actor, oldest, money)
        except OverPayment:
            ledger.current_invoice(clinic, oldest.id)
    raise OverPayment("Somebody else takes money of this payer right now. Look at what is open, then go on.")


def _pay(clinic: Clinic, actor: Actor, invoice: Invoice, money: _Money) -> Entry:
    stamp, method = money.stamp, money.method

    def make(books: Books) -> Entry:
        known, kept = books.invoices[invoice.id], replace(stamp, day=books.day)
        amount = min(money.most_minor, known.payer_due_minor)
        if amount <= 0:
            raise OverPayment("The payer owes nothing of this invoice any more.")
        return settling.payment(known, kept, amount_minor=amount, method=method, payer=True)

    cash_of = actor.username if method is PaymentMethod.CASH else ""
    return ledger.post(clinic, stamp.key, [invoice_account(invoice.id)], make, asked=money.asked, cash_of=cash_of).entry


def _record(clinic: Clinic, actor: Actor, entry: Entry, method: PaymentMethod) -> None:
    """The audit line of an entry; repeating the form completes one that a crash cut off, and doubles none."""
    detail = {"number": entry.label, "amount_minor": str(entry.sum_of(Book.MONEY)), "method": method.value}
    clinic.audit.record(
        actor, "payment.take", entry.invoice_id or "", patient_id=entry.patient_id, once=entry.id, **detail
    )


def _part(entry: Entry) -> Part:
    return Part(invoice_id=entry.invoice_id or "", label=entry.label, amount_minor=entry.sum_of(Book.MONEY))


def _open(clinic: Clinic, payer_id: str) -> list[Invoice]:
    """On which the payer owes money: oldest first, those of one day by their numbers."""
    found = clinic.invoices.of_payer(payer_id)
    return sorted(found, key=lambda invoice: (invoice.issued_on or invoice.drafted_on, invoice.label))


def _debt(clinic: Clinic, payer: Payer) -> Debt | None:
    invoices = _open(clinic, payer.id)
    if not invoices:
        return None
    today = clinic.today()
    billed = [(invoice.issued_on or invoice.drafted_on, invoice.payer_due_minor) for invoice in invoices]
    return Debt(
        payer=payer,
        invoices=tuple(invoices),
        owed_minor=sum(amount for _, amount in billed),
        late_minor=sum(amount for day, amount in billed if payers.due_on(day, payer) < today),
        oldest_on=billed[0][0],
        ageing=statements.ages(billed, today),
    )


def _payer(clinic: Clinic, payer_id: str) -> Payer:
    found = clinic.directory().payers.get(payer_id)
    if found is None:
        raise NotFound("This payer does not exist. Choose one of the list.")
    return found


__all__ = ["Allocated", "Debt", "Part", "owed_by", "owing", "take"]
