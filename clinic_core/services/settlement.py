"""What happens to an issued invoice's money besides payments, and to the money that is held for a patient.

Each verb posts one entry of the ledger. `key` is made when the form is drawn: the same key again changes nothing, and
raises Conflict when it asks for something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from clinic_core.clinic import Clinic
from clinic_core.domain import access, billing, settling
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, PaymentMethod
from clinic_core.domain.journal import (
    Entry,
    Event,
    asked_for,
    credit_account,
    heading_of,
    invoice_account,
    reversal_key,
)
from clinic_core.domain.settling import Stamp
from clinic_core.errors import InvalidInput, NotFound
from clinic_core.services import charging, ledger
from clinic_core.services.billing import require_posted
from clinic_core.services.ledger import Books, Posted


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The money that is held for a patient, and how it came to that: the latest entries first, of `count` in all."""

    patient_id: str
    held_minor: int
    entries: tuple[Entry, ...]
    count: int


def refund(
    clinic: Clinic,
    actor: Actor,
    invoice: Invoice,
    *,
    key: str,
    amount_minor: int,
    method: PaymentMethod,
    reason: str,
    payer: bool = False,
    reference: str = "",
) -> Invoice:
    """Give money back that was paid on an invoice; it is due again. Raises OverPayment above what was paid."""
    access.require(actor, "payment.refund")
    stamp = _stamp(clinic, actor, f"{invoice.id}:{key}", reason, reference)

    def make(books: Books) -> Entry:
        known, kept = books.invoices[invoice.id], replace(stamp, day=books.day)
        return settling.refund(known, kept, amount_minor=amount_minor, method=method, payer=payer)

    asked = asked_for("refund", amount_minor, method, payer)
    posted = _post(clinic, stamp, invoice, make, asked=asked, cash_of=_cash_of(actor, method))
    return _done(clinic, actor, "payment.refund", posted, amount_minor)


def write_off(
    clinic: Clinic, actor: Actor, invoice: Invoice, *, key: str, amount_minor: int, reason: str, payer: bool = False
) -> Invoice:
    """Give up what will not be paid. Raises OverPayment above what is due."""
    access.require(actor, "invoice.write_off")
    stamp = _stamp(clinic, actor, f"{invoice.id}:{key}", reason)

    def make(books: Books) -> Entry:
        known, kept = books.invoices[invoice.id], replace(stamp, day=books.day)
        return settling.write_off(known, kept, amount_minor=amount_minor, payer=payer)

    posted = _post(clinic, stamp, invoice, make, asked=asked_for("write-off", amount_minor, payer))
    return _done(clinic, actor, "invoice.write_off", posted, amount_minor)


def credit_note(
    clinic: Clinic, actor: Actor, invoice: Invoice, *, key: str, amounts: Mapping[int, int], reason: str
) -> Invoice:
    """Take back a part of what was charged: line (from 0) -> amount with tax; see `settling.spread_credit`.

    The note gets the next number of its own series. What the patient paid already is held for the
    patient. Raises IllegalTransition when it would leave fewer sessions of a package than were used.
    """
    access.require(actor, "invoice.credit")
    stamp = _stamp(clinic, actor, f"{invoice.id}:{key}", reason)
    prefix = clinic.organization().credit_note_prefix

    def series(day: date) -> str:
        return f"{prefix}-{day.year}"

    def make(books: Books) -> Entry:
        known, kept = books.invoices[invoice.id], replace(stamp, day=books.day)
        entry = settling.credit_note(known, kept, amounts=amounts, document=books.document(series(books.day)))
        charging.require_enough(clinic, books, entry)
        return entry

    asked = asked_for("credit-note", sorted(part for part in amounts.items() if part[1]))
    others = (credit_account(invoice.patient_id), *charging.accounts_of(clinic, invoice))
    posted = _post(clinic, stamp, invoice, make, *others, asked=asked, series=series)
    return _done(clinic, actor, "invoice.credit", posted, sum(amounts.values()))


def apply_credit(clinic: Clinic, actor: Actor, invoice: Invoice, *, key: str, amount_minor: int) -> Invoice:
    """Pay an invoice from the money held for its patient. Raises OverPayment above what is held or due."""
    access.require(actor, "account.apply")
    stamp = _stamp(clinic, actor, f"{invoice.id}:{key}")
    account = credit_account(invoice.patient_id)

    def make(books: Books) -> Entry:
        known, kept = books.invoices[invoice.id], replace(stamp, day=books.day)
        held = books.balances[account].amount_minor
        return settling.apply_credit(known, kept, amount_minor=amount_minor, held_minor=held)

    posted = _post(clinic, stamp, invoice, make, account, asked=asked_for("apply-credit", amount_minor))
    return _done(clinic, actor, "account.apply", posted, amount_minor)


def transfer(
    clinic: Clinic, actor: Actor, source: Invoice, target: Invoice, *, key: str, amount_minor: int, reason: str
) -> Invoice:
    """Let money that was paid on `source` pay `target` of the same patient; `source` as it is then."""
    access.require(actor, "payment.transfer")
    stamp = _stamp(clinic, actor, f"{source.id}:{key}", reason)

    def make(books: Books) -> Entry:
        kept = replace(stamp, day=books.day)
        return settling.transfer(books.invoices[source.id], books.invoices[target.id], kept, amount_minor=amount_minor)

    if source.id == target.id:
        raise InvalidInput("Choose another invoice of the same patient.", field="invoice")
    require_posted(clinic, target.id)
    asked = asked_for("transfer", amount_minor, target.id)
    posted = _post(clinic, stamp, source, make, invoice_account(target.id), asked=asked)
    return _done(clinic, actor, "payment.transfer", posted, amount_minor)


def assign(
    clinic: Clinic, actor: Actor, invoice: Invoice, *, key: str, amount_minor: int, to_payer: bool, reason: str
) -> Invoice:
    """Let the payer owe a part of what the patient owes, or the other way round."""
    access.require(actor, "invoice.assign")
    stamp = _stamp(clinic, actor, f"{invoice.id}:{key}", reason)

    def make(books: Books) -> Entry:
        known, kept = books.invoices[invoice.id], replace(stamp, day=books.day)
        return settling.assign(known, kept, amount_minor=amount_minor, to_payer=to_payer)

    posted = _post(clinic, stamp, invoice, make, asked=asked_for("assign", amount_minor, to_payer))
    return _done(clinic, actor, "invoice.assign", posted, amount_minor)


def reverse(clinic: Clinic, actor: Actor, invoice: Invoice, entry_id: str, *, reason: str) -> Invoice:
    """Take back a write-off, or a use of money held, as a whole; the same entry again changes nothing.

    Raises IllegalTransition when a part of it was given back, moved or credited since, NotFound for no entry.
    """
    access.require(actor, "invoice.reverse")
    entry = clinic.journal.get(entry_id)
    if entry is None:
        raise NotFound("There is no such entry. Reload the invoice.")
    stamp = _stamp(clinic, actor, reversal_key(entry.id), reason)
    held = [credit_account(invoice.patient_id)] if entry.event is Event.APPLY_CREDIT else []

    def make(books: Books) -> Entry:
        return settling.reverse(books.invoices[invoice.id], replace(stamp, day=books.day), entry)

    posted = _post(clinic, stamp, invoice, make, *held, asked=asked_for("reverse", invoice.id))
    amount = sum(posting.amount_minor for posting in entry.postings if posting.amount_minor > 0)
    return _done(clinic, actor, "invoice.reverse", posted, amount)


def deposit(
    clinic: Clinic,
    actor: Actor,
    patient_id: str,
    *,
    key: str,
    amount_minor: int,
    method: PaymentMethod,
    reference: str = "",
) -> Account:
    """Take money for a patient's later invoices."""
    access.require(actor, "account.deposit")
    clinic.patients.get(patient_id)
    currency = clinic.organization().currency
    stamp = _stamp(clinic, actor, f"{patient_id}:{key}", reference=reference)

    def make(books: Books) -> Entry:
        kept = replace(stamp, day=books.day)
        return settling.deposit(patient_id, kept, amount_minor=amount_minor, method=method, currency=currency)

    return _moved(
        clinic,
        actor,
        "account.deposit",
        stamp=stamp,
        patient_id=patient_id,
        make=make,
        amount_minor=amount_minor,
        method=method,
    )


def deposit_refund(
    clinic: Clinic,
    actor: Actor,
    patient_id: str,
    *,
    key: str,
    amount_minor: int,
    method: PaymentMethod,
    reason: str,
    reference: str = "",
) -> Account:
    """Give money back that is held for a patient. Raises OverPayment above what is held."""
    access.require(actor, "account.refund")
    currency, account = clinic.organization().currency, credit_account(patient_id)
    stamp = _stamp(clinic, actor, f"{patient_id}:{key}", reason, reference)

    def make(books: Books) -> Entry:
        held, kept = books.balances[account].amount_minor, replace(stamp, day=books.day)
        return settling.deposit_refund(
            patient_id, kept, amount_minor=amount_minor, method=method, held_minor=held, currency=currency
        )

    return _moved(
        clinic,
        actor,
        "account.refund",
        stamp=stamp,
        patient_id=patient_id,
        make=make,
        amount_minor=amount_minor,
        method=method,
    )


def account(clinic: Clinic, actor: Actor, patient_id: str, *, most: int = 50) -> Account:
    """The money that is held for a patient, with its latest entries."""
    access.require(actor, "account.read")
    clinic.audit.record_read(actor, "account.read", patient_id, patient_id=patient_id)
    return _account(clinic, patient_id, most)


def _account(clinic: Clinic, patient_id: str, most: int = 50) -> Account:
    name = credit_account(patient_id)
    balance = ledger.current(clinic, name)
    found = clinic.journal.of_account(name, max(1, balance.seq - most + 1), balance.seq) if balance.seq else []
    latest_first = tuple(reversed(found))
    return Account(patient_id=patient_id, held_minor=balance.amount_minor, entries=latest_first, count=balance.seq)


def _moved(
    clinic: Clinic,
    actor: Actor,
    action: str,
    *,
    stamp: Stamp,
    patient_id: str,
    make: Callable[[Books], Entry],
    amount_minor: int,
    method: PaymentMethod,
) -> Account:
    heading = heading_of(clinic.organization(), clinic.patients.get(patient_id).name)  # of its slip, as it is now
    posted = ledger.post(
        clinic,
        stamp.key,
        [credit_account(patient_id)],
        lambda books: replace(make(books), heading=heading),
        asked=asked_for(action, amount_minor, method),
        cash_of=_cash_of(actor, method),
    )
    entry, detail = posted.entry.id, {"amount_minor": str(amount_minor), "method": method.value}
    clinic.audit.record(actor, action, entry, patient_id=patient_id, once=entry, **detail)
    return _account(clinic, patient_id)


def _post(
    clinic: Clinic,
    stamp: Stamp,
    invoice: Invoice,
    make: Callable[[Books], Entry],
    *others: str,
    asked: str,
    cash_of: str = "",
    series: Callable[[date], str] | None = None,
) -> Posted:
    accounts = [invoice_account(require_posted(clinic, invoice.id).id), *others]
    return ledger.post(clinic, stamp.key, accounts, make, asked=asked, cash_of=cash_of, series=series)


def _done(clinic: Clinic, actor: Actor, action: str, posted: Posted, amount_minor: int) -> Invoice:
    after = posted.invoices[posted.entry.invoice_id or ""]
    detail = {"number": after.label, "amount_minor": str(amount_minor), "entry": posted.entry.id}
    clinic.audit.record(actor, action, after.id, patient_id=after.patient_id, once=posted.entry.id, **detail)
    return after


def _stamp(clinic: Clinic, actor: Actor, key: str, reason: str = "", reference: str = "") -> Stamp:
    if not key.rpartition(":")[2]:
        raise InvalidInput("This form is stale. Reload the page and enter it again.")
    return Stamp(
        key=key,
        day=clinic.today(),
        at=clinic.now(),
        by=actor.username,
        reason=billing.clean_text(reason, field="reason"),
        reference=billing.clean_text(reference, field="reference"),
    )


def _cash_of(actor: Actor, method: PaymentMethod) -> str:
    return actor.username if method is PaymentMethod.CASH else ""


__all__ = [
    "Account",
    "account",
    "apply_credit",
    "assign",
    "credit_note",
    "deposit",
    "deposit_refund",
    "refund",
    "reverse",
    "transfer",
    "write_off",
]
