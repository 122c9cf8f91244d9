"""Statements of account, made of the ledger's entries: what was owed, what came, what is owed at the end of a day.

Nothing that the clinic books is dated back, so a statement up to a day that is over says the same whenever it is made:
its sums are those of the entries up to that day, and its letterhead, language and address are those of the last paper
given out until then. What can still add to a day that is over is an import of old records, and an invoice whose issuer
died before it was posted (docs/decisions/ledger.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import access, clock, payers
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, Party, PaymentMethod
from clinic_core.domain.journal import (
    Book,
    Entry,
    Event,
    Heading,
    Posting,
    credit_account,
    heading_of,
    invoice_account,
    slot,
)
from clinic_core.domain.organization import zone_of
from clinic_core.domain.people import Patient
from clinic_core.domain.statements import Age, Slip, SlipKind, Statement, StatementLine
from clinic_core.errors import InvalidInput, NotFound
from clinic_core.services import billing, ledger

_ASKED_AT_ONCE: Final = 40
_ALL: Final = 1_000_000
_AGES: Final = ((0, 30), (31, 60), (61, 90), (91, None))  # days since the issue
_SLIPS: Final = {Event.DEPOSIT: SlipKind.DEPOSIT, Event.DEPOSIT_REFUND: SlipKind.DEPOSIT_REFUND}
_LAST_MINUTE: Final = time(23, 59)

Owed = Callable[[Posting], bool]  # whether the one the statement is for owes what a posting says


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What one entry changed of one invoice, or of the money held."""

    entry: Entry
    invoice_id: str | None
    owed_minor: int
    held_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What a statement says besides its money: the clinic as it was, in which currency, and whose account it is."""

    heading: Heading
    currency: str
    party: Party


@dataclass(slots=True)
class _Sums:
    """What is owed of each invoice, what is held, and since when each is owed."""

    owed: dict[str, int] = field(default_factory=dict)
    since: dict[str, date] = field(default_factory=dict)
    held: int = 0

    @property
    def total(self) -> int:
        return sum(self.owed.values())

    def add(self, change: _Change) -> None:
        self.held += change.held_minor
        if change.invoice_id is not None:
            self.owed[change.invoice_id] = self.owed.get(change.invoice_id, 0) + change.owed_minor
            self.since.setdefault(change.invoice_id, change.entry.day)


def of_patient(clinic: Clinic, actor: Actor, patient_id: str, start_on: date | None, end_on: date) -> Statement:
    """What a patient owes, without the shares of payers, and the money held. Raises NotFound or InvalidInput."""
    access.require(actor, "statement.read")
    patient = clinic.patients.get(patient_id)
    invoices = clinic.invoices.of_patient(patient_id, most=_ALL)
    clinic.audit.record_read(actor, "statement.read", patient_id, patient_id=patient_id)
    reached = _accounts(invoices) | {credit_account(patient_id): ledger.current(clinic, credit_account(patient_id)).seq}
    entries = _entries(clinic, reached)
    known = _now(clinic, _party(patient))
    if end_on < clinic.today():
        known = _as_billed(invoices, end_on) or _as_deposited(entries, patient.number, end_on) or known
    return _filled(_blank(clinic, start_on, end_on, known), entries, invoices, lambda posting: posting.payer_id is None)


def of_payer(clinic: Clinic, actor: Actor, payer_id: str, start_on: date | None, end_on: date) -> Statement:
    """What a payer owes of the bills of its patients. Raises NotFound or InvalidInput."""
    access.require(actor, "statement.read")
    payer = clinic.directory().payers.get(payer_id)
    if payer is None:
        raise NotFound("This payer does not exist. Choose one of the list.")
    every = clinic.invoices.with_payer(payer_id)
    clinic.audit.record_read(actor, "statement.read", payer_id)
    known = _now(clinic, payers.party_of(payer))
    if end_on < clinic.today():
        known = _as_billed(every, end_on, payer=True) or known
    blank, invoices = _blank(clinic, start_on, end_on, known), [one for one in every if _matters(one, start_on)]
    made = _filled(blank, _entries(clinic, _accounts(invoices)), invoices, lambda posting: posting.payer_id == payer_id)
    return _with_patients(made, invoices)


def slip(clinic: Clinic, actor: Actor, entry_id: str) -> Slip:
    """The receipt of a deposit, or of one given back, with what was held right after it. Raises NotFound."""
    access.require(actor, "account.read")
    entry = clinic.journal.get(entry_id)
    kind = _SLIPS.get(entry.event) if entry is not None else None
    if entry is None or kind is None or entry.patient_id is None:
        raise NotFound("There is no such deposit. Reload the patient's account.")
    clinic.audit.record_read(actor, "account.read", entry.patient_id, patient_id=entry.patient_id)
    account, patient = credit_account(entry.patient_id), clinic.patients.get(entry.patient_id)
    heading = entry.heading or heading_of(clinic.organization(), patient.name)
    until = clinic.journal.of_account(account, 1, entry.sequence(account))
    return Slip(
        kind=kind,
        number=entry.id,
        issuer=heading.issuer,
        party=Party(name=heading.name, number=patient.number),
        currency=entry.currency,
        locale=heading.locale,
        time_zone=heading.time_zone,
        at=entry.at,
        amount_minor=abs(entry.sum_of(Book.MONEY)),
        method=_method(entry),
        by=entry.by,
        reference=entry.reference,
        reason=entry.reason,
        held_minor=-sum(one.sum_of(Book.CREDIT) for one in until),
    )


def invoice_on_paper(clinic: Clinic, actor: Actor, invoice_id: str, key: str) -> Invoice:
    """An invoice as the receipt, refund slip or credit note of that key has it: with the letterhead of its own day."""
    invoice = billing.get(clinic, actor, invoice_id)
    paid = {one.key: one.entry_id for one in invoice.payments}
    place = (paid | {one.key: one.entry_id for one in invoice.adjustments}).get(key)
    entry = clinic.journal.get(place) if place else None
    if entry is None or entry.heading is None:  # the clinic said then what the invoice says
        return invoice
    heading = entry.heading
    return replace(invoice, issuer=heading.issuer, locale=heading.locale, time_zone=heading.time_zone)


def ages(owed: Iterable[tuple[date, int]], day: date) -> tuple[Age, ...]:
    """Amounts by how many days before `day` they were billed, youngest first.

    What is billed after the day's close is dated the next day: it is as young as can be.
    """
    kept = [(max((day - since).days, 0), amount) for since, amount in owed]
    return tuple(
        Age(
            from_days=first,
            to_days=last,
            amount_minor=sum(amount for days, amount in kept if first <= days and (last is None or days <= last)),
        )
        for first, last in _AGES
    )


def _matters(invoice: Invoice, start_on: date | None) -> bool:
    """Whether an invoice is on a payer's statement: owed, or something happened to it since its first day."""
    if invoice.issued_on is None:
        return False
    if start_on is None or invoice.payer_due_minor or not invoice.posted:
        return True
    days = [invoice.issued_on, *(p.received_on for p in invoice.payments), *(a.on for a in invoice.adjustments)]
    return max([*days, invoice.cancelled_on or invoice.issued_on]) >= start_on


def _blank(clinic: Clinic, start_on: date | None, end_on: date, known: _Known) -> Statement:
    if start_on is not None and start_on > end_on:
        raise InvalidInput("The statement begins after it ends. Choose an earlier first day.", field="start_on")
    heading = known.heading
    over = clock.at_local(end_on, _LAST_MINUTE, zone_of(heading.time_zone))
    return Statement(
        party=known.party,
        issuer=heading.issuer,
        currency=known.currency,
        locale=heading.locale,
        time_zone=heading.time_zone,
        start_on=start_on,
        as_of=end_on,
        made_at=over if end_on < clinic.today() else clinic.now(),
    )


def _now(clinic: Clinic, party: Party) -> _Known:
    profile = clinic.organization()
    return _Known(heading=heading_of(profile), currency=profile.currency, party=party)


def _as_billed(invoices: Iterable[Invoice], end_on: date, *, payer: bool = False) -> _Known | None:
    """As the last invoice up to a day has it, which keeps what was so then; None when there is none."""
    last = max(_issued(invoices, end_on), key=lambda one: (one.issued_at or one.drafted_at, one.id), default=None)
    party = None if last is None else last.payer if payer else last.subject
    if last is None or last.issuer is None or party is None:
        return None
    heading = Heading(issuer=last.issuer, locale=last.locale, time_zone=last.time_zone)
    return _Known(heading=heading, currency=last.currency, party=party)


def _issued(invoices: Iterable[Invoice], end_on: date) -> list[Invoice]:
    return [one for one in invoices if one.issued_at is not None and one.issued_on and one.issued_on <= end_on]


def _as_deposited(entries: Sequence[Entry], number: str, end_on: date) -> _Known | None:
    """As the slip of the last deposit up to a day has it, for a patient without a bill; None when there is none."""
    slips = (entry for entry in reversed(entries) if entry.event in _SLIPS and entry.day <= end_on)
    last = next(slips, None)
    if last is None or last.heading is None:
        return None
    party = Party(name=last.heading.name, number=number)
    return _Known(heading=last.heading, currency=last.currency, party=party)


def _accounts(invoices: Iterable[Invoice]) -> dict[str, int]:
    """Account -> how many entries of it are known."""
    return {invoice_account(one.id): one.posted for one in invoices if one.issued_at is not None}


def _entries(clinic: Clinic, accounts: Mapping[str, int]) -> list[Entry]:
    """All entries of accounts, also those that the accounts' own sums do not hold yet, in the order of the ledger."""
    found: dict[str, Entry] = {}
    asked = [slot(account, n) for account, last in accounts.items() for n in range(1, last + 2)]
    reached = {slot(account, last + 1): account for account, last in accounts.items()}
    while asked:
        taken = _holding(clinic, asked)
        found |= {entry.id: entry for entry in taken.values()}
        behind = [(account, taken[name].sequence(account)) for name, account in reached.items() if name in taken]
        reached = {slot(account, last + 1): account for account, last in behind}
        asked = list(reached)
    return [found[entry_id] for entry_id in sorted(found)]


def _holding(clinic: Clinic, slots: Sequence[str]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for first in range(0, len(slots), _ASKED_AT_ONCE):
        found |= clinic.journal.holding(slots[first : first + _ASKED_AT_ONCE])
    return found


def _filled(blank: Statement, entries: Sequence[Entry], invoices: Iterable[Invoice], owed: Owed) -> Statement:
    by_id = {invoice.id: invoice for invoice in invoices}
    until = [entry for entry in entries if entry.day <= blank.as_of]
    changes = [change for entry in until for change in _changes(entry, by_id, owed)]
    sums, opening, lines = _Sums(), 0, list[StatementLine]()
    for change in changes:
        sums.add(change)
        if blank.start_on is not None and change.entry.day < blank.start_on:
            opening = sums.total
        else:
            lines.append(_line(change, by_id, sums.total))
    still = [(_billed_on(by_id[i], sums.since[i]), amount) for i, amount in sums.owed.items()]
    return replace(
        blank, opening_minor=opening, lines=tuple(lines), ageing=ages(still, blank.as_of), held_minor=sums.held
    )


def _billed_on(invoice: Invoice, since: date) -> date:
    return invoice.issued_on or since


def _changes(entry: Entry, invoices: Mapping[str, Invoice], owed: Owed) -> list[_Change]:
    """What the entry changed of what this one owes, invoice by invoice; money held goes with the first of them."""
    amounts: dict[str, int] = {}
    for posting in entry.postings:
        invoice_id = posting.invoice_id or ""
        if posting.book is Book.RECEIVABLE and invoice_id in invoices and owed(posting):
            amounts[invoice_id] = amounts.get(invoice_id, 0) + posting.amount_minor
    changes = [_Change(entry=entry, invoice_id=i, owed_minor=amount) for i, amount in amounts.items() if amount]
    held = -entry.sum_of(Book.CREDIT) if owed(Posting(book=Book.CREDIT, amount_minor=0)) else 0
    if not held:
        return changes
    first = changes[0] if changes else _Change(entry=entry, invoice_id=entry.invoice_id, owed_minor=0)
    return [replace(first, held_minor=held), *changes[1:]]


def _line(change: _Change, invoices: Mapping[str, Invoice], balance_minor: int) -> StatementLine:
    """Money that is held for later is received and put aside on the same line: it changes nothing of what is owed."""
    entry, held = change.entry, change.held_minor
    came = change.owed_minor - held
    invoice = invoices.get(change.invoice_id or "")
    number = invoice.label if invoice is not None else ""
    return StatementLine(
        on=entry.day,
        event=entry.event.value,
        method=_method(entry),
        text=number if entry.document else entry.reference if entry.event is Event.PAYMENT else "",
        label=entry.document or number,
        debit_minor=max(came, 0) + max(held, 0),
        credit_minor=max(-came, 0) + max(-held, 0),
        balance_minor=balance_minor,
    )


def _with_patients(statement: Statement, invoices: Iterable[Invoice]) -> Statement:
    """The statement with the patient's name beside each line, as the invoice has it: a payer knows its members."""
    subjects = {one.label: one.subject.name for one in invoices if one.subject is not None}
    lines = (replace(line, text=subjects.get(line.label) or subjects.get(line.text, "")) for line in statement.lines)
    return replace(statement, lines=tuple(lines))


def _method(entry: Entry) -> PaymentMethod | None:
    return next((posting.method for posting in entry.postings if posting.book is Book.MONEY), None)


def _party(patient: Patient) -> Party:
    return Party(name=patient.name, number=patient.number, address=patient.address)


__all__ = ["ages", "invoice_on_paper", "of_patient", "of_payer", "slip"]
