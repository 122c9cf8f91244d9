"""What may happen to an invoice's money, as entries of the ledger, and what each entry makes of the invoice.

Each function takes the invoice as the ledger has it and returns the entry, or raises with what can be done instead.
None of them writes: `services.ledger.post` gives the entry its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Final

from clinic_core.domain import billing
from clinic_core.domain.billing import (
    LARGEST_MINOR,
    OWING,
    Adjustment,
    CreditedLine,
    Invoice,
    InvoiceStatus,
    Payment,
    PaymentMethod,
)
from clinic_core.domain.journal import REVERSIBLE, Book, Entry, Event, Posting, is_balanced, reversed_postings
from clinic_core.domain.money import round_minor
from clinic_core.errors import IllegalTransition, InvalidInput, OverPayment

_SETTLED: Final = "Only {} was paid and not given back. Enter that or less."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Who does it, when, and by which key it is known if it is done again."""

    key: str
    day: date
    at: datetime
    by: str
    reason: str = ""
    reference: str = ""


def issue(invoice: Invoice, stamp: Stamp) -> Entry:
    """The charges of an issued invoice."""
    return _entry(invoice, Event.ISSUE, stamp, _charged(invoice))


def cancel(invoice: Invoice, stamp: Stamp) -> Entry:
    """Take back an issued invoice on which nothing was paid, credited or written off."""
    billing.require_cancellable(invoice)
    _require_owing(invoice)
    postings = reversed_postings(_charged(replace(invoice, payer_share_minor=invoice.payer_due_minor)))
    return replace(_entry(invoice, Event.CANCEL, stamp, postings), reverses=invoice.entry_id or None)


def payment(invoice: Invoice, stamp: Stamp, *, amount_minor: int, method: PaymentMethod, payer: bool = False) -> Entry:
    """Money received for an invoice, from the patient or from its payer.

    Raises OverPayment when that one owes less, IllegalTransition for a draft or cancelled invoice.
    """
    _require_amount(amount_minor)
    billing.require_payable(invoice, amount_minor)
    _require_side(invoice, amount_minor, payer=payer)
    postings = (
        Posting(book=Book.MONEY, amount_minor=amount_minor, method=method),
        _receivable(invoice, -amount_minor, payer=payer),
    )
    return _entry(invoice, Event.PAYMENT, stamp, postings)


def refund(invoice: Invoice, stamp: Stamp, *, amount_minor: int, method: PaymentMethod, payer: bool = False) -> Entry:
    """Give money back that was paid on an invoice; it is due again. Raises OverPayment above what was paid."""
    _require_amount(amount_minor)
    _require_owing(invoice)
    _require_reason(stamp)
    _require_paid(invoice, amount_minor, payer=payer)
    postings = (
        Posting(book=Book.MONEY, amount_minor=-amount_minor, method=method),
        _receivable(invoice, amount_minor, payer=payer),
    )
    return _entry(invoice, Event.REFUND, stamp, postings)


def write_off(invoice: Invoice, stamp: Stamp, *, amount_minor: int, payer: bool = False) -> Entry:
    """Give up what will not be paid. Raises OverPayment above what is due."""
    _require_amount(amount_minor)
    _require_reason(stamp)
    _require_owing(invoice)
    _require_side(invoice, amount_minor, payer=payer)
    postings = (
        Posting(book=Book.WRITE_OFF, amount_minor=amount_minor),
        _receivable(invoice, -amount_minor, payer=payer),
    )
    return _entry(invoice, Event.WRITE_OFF, stamp, postings)


def apply_credit(invoice: Invoice, stamp: Stamp, *, amount_minor: int, held_minor: int) -> Entry:
    """Pay an invoice from the money held for its patient. Raises OverPayment above what is held or due."""
    _require_amount(amount_minor)
    billing.require_payable(invoice, amount_minor)
    _require_side(invoice, amount_minor, payer=False)
    _require_held(invoice, amount_minor, held_minor)
    postings = (
        Posting(book=Book.CREDIT, amount_minor=amount_minor),
        _receivable(invoice, -amount_minor, payer=False),
    )
    return _entry(invoice, Event.APPLY_CREDIT, stamp, postings)


def transfer(source: Invoice, target: Invoice, stamp: Stamp, *, amount_minor: int) -> Entry:
    """Let money that was paid on `source` pay `target`, of the same patient; `source` is due again."""
    _require_amount(amount_minor)
    _require_reason(stamp)
    if source.id == target.id or source.patient_id != target.patient_id:
        raise InvalidInput("Choose another invoice of the same patient.", field="invoice")
    if source.currency != target.currency:
        raise InvalidInput(
            f"{target.label} is in {target.currency}, not in {source.currency}. Choose one in the same currency.",
            field="invoice",
        )
    _require_owing(source)
    _require_paid(source, amount_minor, payer=False)
    billing.require_payable(target, amount_minor)
    _require_side(target, amount_minor, payer=False)
    postings = (
        _receivable(source, amount_minor, payer=False),
        _receivable(target, -amount_minor, payer=False),
    )
    return _entry(source, Event.TRANSFER, replace(stamp, reference=target.label), postings)


def assign(invoice: Invoice, stamp: Stamp, *, amount_minor: int, to_payer: bool) -> Entry:
    """Let the payer owe a part of what the patient owes, or the other way round."""
    _require_amount(amount_minor)
    _require_reason(stamp)
    _require_owing(invoice)
    if invoice.payer_id is None:
        raise IllegalTransition("This invoice has no payer besides the patient.")
    _require_side(invoice, amount_minor, payer=not to_payer)
    sign = 1 if to_payer else -1
    postings = (
        _receivable(invoice, sign * amount_minor, payer=True),
        _receivable(invoice, -sign * amount_minor, payer=False),
    )
    return _entry(invoice, Event.ASSIGN, stamp, postings)


def credit_note(invoice: Invoice, stamp: Stamp, *, amounts: Mapping[int, int], document: str) -> Entry:
    """Take back a part of what was charged, per line (from 0), with the tax in it.

    It lowers what is due, the patient's part first; then what was written off is owed no more either; what the patient
    paid already is held for the patient from now on. Raises InvalidInput above what is left of a line,
    IllegalTransition when it would hold the payer's money for the patient.
    """
    _require_reason(stamp)
    _require_owing(invoice)
    parts = _credited(invoice, amounts)
    total = sum(part.net_minor + part.tax_minor for part in parts)
    if total <= 0:
        raise InvalidInput("Enter what is taken back of at least one line.", field="amount")
    patient = min(total, invoice.patient_due_minor)
    payer = min(total - patient, invoice.payer_due_minor)
    given_up = min(total - patient - payer, invoice.written_off_minor)
    held = total - patient - payer - given_up
    _require_patients_own(invoice, held)
    lines = [posting for part in parts for posting in _line_taken_back(invoice, part)]
    postings = [
        *lines,
        *([_receivable(invoice, -patient, payer=False)] if patient else []),
        *([_receivable(invoice, -payer, payer=True)] if payer else []),
        *([Posting(book=Book.WRITE_OFF, amount_minor=-given_up)] if given_up else []),
        *([Posting(book=Book.CREDIT, amount_minor=-held)] if held else []),
    ]
    made = _entry(invoice, Event.CREDIT_NOTE, stamp, postings)
    return replace(made, document=document, reverses=invoice.entry_id or None)


def reverse(invoice: Invoice, stamp: Stamp, entry: Entry) -> Entry:
    """Take back a write-off, or a use of money held, as a whole: it is due again, and held again.

    Raises InvalidInput for an entry of another kind or invoice, IllegalTransition when a part of it is gone since.
    """
    _require_reason(stamp)
    _require_owing(invoice)
    if entry.event not in REVERSIBLE or entry.invoice_id != invoice.id:
        raise InvalidInput("Choose a write-off or a use of money held of this invoice.", field="entry")
    if entry.id and entry.id in _reversed(invoice):
        raise IllegalTransition("This was taken back already.")
    own = invoice.paid_minor - invoice.payer_paid_minor
    if entry.sum_of(Book.WRITE_OFF) > invoice.written_off_minor:
        raise IllegalTransition(
            f"Only {invoice.money(invoice.written_off_minor)} is still written off; a credit note took the rest of it. "
            "It can be taken back only as a whole."
        )
    if entry.sum_of(Book.CREDIT) > own:
        raise IllegalTransition(
            f"Only {invoice.money(own)} of what the patient paid is still on this invoice. The rest was given back, "
            "moved or credited since."
        )
    return replace(_entry(invoice, Event.REVERSAL, stamp, reversed_postings(entry.postings)), reverses=entry.id)


def reversible(invoice: Invoice) -> list[Adjustment]:
    """The write-offs and uses of money held that can be taken back now."""
    own, gone = invoice.paid_minor - invoice.payer_paid_minor, _reversed(invoice)
    return [
        made
        for made in invoice.adjustments
        if made.event in REVERSIBLE
        and made.entry_id not in gone
        and made.written_off_minor <= invoice.written_off_minor
        and made.paid_minor <= own
    ]


def spread_credit(invoice: Invoice, amount_minor: int) -> dict[int, int]:
    """An amount over what is left of the lines, in proportion: line (from 0) -> amount with tax.

    Raises InvalidInput above what is left of the invoice.
    """
    left = creditable(invoice)
    total = sum(left)
    if not 0 < amount_minor <= total:
        raise InvalidInput(f"At most {invoice.money(total)} is left to take back.", field="amount")
    exact = [Fraction(part * amount_minor, total) for part in left]
    shares = billing.largest_remainders(exact, amount_minor)
    return {line: share for line, share in enumerate(shares) if share}


def creditable(invoice: Invoice) -> list[int]:
    """What is left of each line, with tax, after earlier credit notes."""
    return [net + tax for net, tax in _left(invoice)]


def deposit(patient_id: str, stamp: Stamp, *, amount_minor: int, method: PaymentMethod, currency: str) -> Entry:
    """Money received for a patient's later invoices."""
    _require_amount(amount_minor)
    postings = (
        Posting(book=Book.MONEY, amount_minor=amount_minor, method=method),
        Posting(book=Book.CREDIT, amount_minor=-amount_minor),
    )
    return _stamped(Event.DEPOSIT, stamp, postings, patient_id=patient_id, currency=currency)


def deposit_refund(
    patient_id: str, stamp: Stamp, *, amount_minor: int, method: PaymentMethod, held_minor: int, currency: str
) -> Entry:
    """Money held for a patient, given back. Raises OverPayment above what is held."""
    _require_amount(amount_minor)
    _require_reason(stamp)
    if amount_minor > held_minor:
        raise OverPayment("That is more than is held for this patient. Enter what is held or less.")
    postings = (
        Posting(book=Book.MONEY, amount_minor=-amount_minor, method=method),
        Posting(book=Book.CREDIT, amount_minor=amount_minor),
    )
    return _stamped(Event.DEPOSIT_REFUND, stamp, postings, patient_id=patient_id, currency=currency)


def applied(invoice: Invoice, entry: Entry) -> Invoice:
    """The invoice with one entry more; the next one of its account.

    It is issued on the day on which it is charged: a day that closes between its numbering and its entry is the next.
    """
    after = replace(invoice, posted=invoice.posted + 1)
    if entry.event is Event.ISSUE:
        issued_on = invoice.issued_on if invoice.source_id else entry.day  # history keeps the day of its own papers
        return replace(after, payer_due_minor=invoice.payer_share_minor, issued_on=issued_on, entry_id=entry.id)
    if entry.event is Event.CANCEL:
        return replace(
            after,
            status=InvoiceStatus.CANCELLED,
            cancelled_at=entry.at,
            cancelled_on=entry.day,
            cancel_reason=entry.reason,
            payer_due_minor=0,
        )
    if entry.event is Event.PAYMENT:
        return _settled(_with_payment(after, entry))
    return _settled(_with_adjustment(after, entry))


def _with_payment(invoice: Invoice, entry: Entry) -> Invoice:
    amount = entry.sum_of(Book.MONEY)
    by_payer = _payer_change(invoice, entry) != 0
    made = Payment(
        key=entry.key.removeprefix(f"{entry.invoice_id}:"),
        amount_minor=amount,
        method=_method(entry) or PaymentMethod.CASH,
        received_at=entry.at,
        received_on=entry.day,
        by=entry.by,
        reference=entry.reference,
        payer=by_payer,
        entry_id=entry.id,
    )
    paid = amount if by_payer else 0
    return replace(
        invoice,
        payments=(*invoice.payments, made),
        paid_minor=invoice.paid_minor + amount,
        payer_due_minor=invoice.payer_due_minor - paid,
        payer_paid_minor=invoice.payer_paid_minor + paid,
    )


def _with_adjustment(invoice: Invoice, entry: Entry) -> Invoice:
    payer_change = _payer_change(invoice, entry)
    made = _adjustment(invoice, entry, payer_change)
    by_payer = -payer_change if entry.event is Event.REFUND else 0
    paid = invoice.paid_minor + made.paid_minor
    return replace(
        invoice,
        adjustments=(*invoice.adjustments, made),
        paid_minor=paid,
        credited_minor=invoice.credited_minor + made.credited_minor,
        written_off_minor=invoice.written_off_minor + made.written_off_minor,
        payer_due_minor=invoice.payer_due_minor + payer_change,
        payer_paid_minor=invoice.payer_paid_minor + by_payer,
    )


def _adjustment(invoice: Invoice, entry: Entry, payer_change: int) -> Adjustment:
    change = entry.sum_of(Book.RECEIVABLE, invoice_id=invoice.id)
    is_note = entry.event is Event.CREDIT_NOTE
    held = -entry.sum_of(Book.CREDIT) if is_note else 0
    written_off = entry.sum_of(Book.WRITE_OFF)  # a credit note takes it back
    credited = held - change - written_off if is_note else 0
    return Adjustment(
        key=entry.key.removeprefix(f"{entry.invoice_id}:"),
        event=entry.event.value,
        entry_id=entry.id,
        at=entry.at,
        on=entry.day,
        by=entry.by,
        reason=entry.reason,
        reference=entry.reference if entry.invoice_id == invoice.id else entry.label,
        document=entry.document,
        reverses=(entry.reverses or "") if entry.event is Event.REVERSAL else "",
        method=_method(entry),
        paid_minor=-change - credited - written_off,
        credited_minor=credited,
        to_credit_minor=held,
        written_off_minor=written_off,
        payer_due_minor=payer_change,
        lines=_credited_lines(entry) if is_note else (),
    )


def _reversed(invoice: Invoice) -> set[str]:
    """The entries that were taken back, by id."""
    return {made.reverses for made in invoice.adjustments if made.reverses}


def _settled(invoice: Invoice) -> Invoice:
    """The invoice with the status that what is due asks for."""
    return replace(invoice, status=InvoiceStatus.ISSUED if invoice.due_minor else InvoiceStatus.BALANCED)


def _payer_change(invoice: Invoice, entry: Entry) -> int:
    owed = (p for p in entry.postings if p.book is Book.RECEIVABLE and p.invoice_id == invoice.id and p.payer_id)
    return sum(posting.amount_minor for posting in owed)


def _credited_lines(entry: Entry) -> tuple[CreditedLine, ...]:
    lines = sorted({posting.line for posting in entry.postings if posting.line is not None})
    net, tax = (_by_line(entry, book) for book in (Book.REVENUE, Book.TAX))
    return tuple(CreditedLine(line=line, net_minor=net.get(line, 0), tax_minor=tax.get(line, 0)) for line in lines)


def _by_line(entry: Entry, book: Book) -> dict[int, int]:
    return {p.line: p.amount_minor for p in entry.postings if p.book is book and p.line is not None}


def _method(entry: Entry) -> PaymentMethod | None:
    return next((p.method for p in entry.postings if p.book is Book.MONEY), None)


def _charged(invoice: Invoice) -> tuple[Posting, ...]:
    taxes = billing.line_taxes(invoice.lines, invoice.tax_rule)
    lines = [posting for at, tax in enumerate(taxes) for posting in _line_charged(invoice, at, tax)]
    patient = invoice.total_minor - invoice.payer_share_minor
    owed = [
        *([_receivable(invoice, patient, payer=False)] if patient else []),
        *([_receivable(invoice, invoice.payer_share_minor, payer=True)] if invoice.payer_share_minor else []),
    ]
    return (*owed, *lines)


def _line_charged(invoice: Invoice, at: int, tax_minor: int) -> list[Posting]:
    item = invoice.lines[at]
    revenue = item.gross_minor - (tax_minor if invoice.tax_rule.inclusive else 0)
    common = {"line": at, "service_id": item.service_id}
    made = [Posting(book=Book.REVENUE, amount_minor=-revenue, quantity=item.quantity, **common)]  # type: ignore[arg-type]
    if item.discount_minor:
        made.append(Posting(book=Book.DISCOUNT, amount_minor=item.discount_minor, **common))  # type: ignore[arg-type]
    if tax_minor:
        rate = item.tax_basis_points
        made.append(Posting(book=Book.TAX, amount_minor=-tax_minor, basis_points=rate, **common))  # type: ignore[arg-type]
    return made


def _line_taken_back(invoice: Invoice, part: CreditedLine) -> list[Posting]:
    item = invoice.lines[part.line]
    made = [Posting(book=Book.REVENUE, amount_minor=part.net_minor, line=part.line, service_id=item.service_id)]
    if part.tax_minor:
        made.append(
            Posting(
                book=Book.TAX,
                amount_minor=part.tax_minor,
                line=part.line,
                service_id=item.service_id,
                basis_points=item.tax_basis_points,
            )
        )
    return made


def _left(invoice: Invoice) -> list[tuple[int, int]]:
    """Net and tax of each line, less earlier credit notes."""
    taxes = billing.line_taxes(invoice.lines, invoice.tax_rule)
    inside = invoice.tax_rule.inclusive
    left = [[item.amount_minor - (tax if inside else 0), tax] for item, tax in zip(invoice.lines, taxes, strict=True)]
    for adjustment in invoice.adjustments:
        for part in adjustment.lines:
            left[part.line][0] -= part.net_minor
            left[part.line][1] -= part.tax_minor
    return [(net, tax) for net, tax in left]


def _credited(invoice: Invoice, amounts: Mapping[int, int]) -> list[CreditedLine]:
    left = _left(invoice)
    for line, amount in amounts.items():
        if line not in range(len(left)) or not 0 <= amount <= sum(left[line]):
            most = invoice.money(sum(left[line])) if line in range(len(left)) else "nothing"
            raise InvalidInput(f"Line {line + 1}: at most {most} is left to take back.", field="amount")
    return [_part_of(line, amount, left[line]) for line, amount in sorted(amounts.items()) if amount]


def _part_of(line: int, amount: int, left: tuple[int, int]) -> CreditedLine:
    net, tax = left
    share = round_minor(Fraction(amount * tax, net + tax))
    taken = max(share, amount - net)  # never more net than there is
    return CreditedLine(line=line, net_minor=amount - taken, tax_minor=taken)


def _receivable(invoice: Invoice, amount_minor: int, *, payer: bool) -> Posting:
    payer_id = invoice.payer_id if payer else None
    return Posting(book=Book.RECEIVABLE, amount_minor=amount_minor, invoice_id=invoice.id, payer_id=payer_id)


def _entry(invoice: Invoice, event: Event, stamp: Stamp, postings: Sequence[Posting]) -> Entry:
    made = _stamped(event, stamp, postings, patient_id=invoice.patient_id, currency=invoice.currency)
    return replace(
        made,
        invoice_id=invoice.id,
        label=invoice.label,
        practitioner_id=invoice.practitioner_id,
        location_id=invoice.location_id,
        tax_inclusive=invoice.tax_rule.inclusive,
    )


def _stamped(event: Event, stamp: Stamp, postings: Sequence[Posting], *, patient_id: str, currency: str) -> Entry:
    kept = tuple(postings)
    if not is_balanced(kept):
        raise ValueError("the postings of an entry must sum to zero")
    return Entry(
        key=stamp.key,
        event=event,
        day=stamp.day,
        at=stamp.at,
        by=stamp.by,
        postings=kept,
        patient_id=patient_id,
        currency=currency,
        reason=stamp.reason,
        reference=stamp.reference,
    )


def _require_amount(amount_minor: int) -> None:
    if isinstance(amount_minor, bool) or not isinstance(amount_minor, int) or not 0 < amount_minor <= LARGEST_MINOR:
        raise InvalidInput("Enter an amount above zero.", field="amount")


def _require_reason(stamp: Stamp) -> None:
    if not stamp.reason:
        raise InvalidInput("Say why: the reason stays with the entry for ever.", field="reason")


def _require_owing(invoice: Invoice) -> None:
    if invoice.status not in OWING:
        raise IllegalTransition(f"This invoice is {invoice.status}; only an issued one can be changed this way.")


def _require_side(invoice: Invoice, amount_minor: int, *, payer: bool) -> None:
    due = invoice.payer_due_minor if payer else invoice.patient_due_minor
    if amount_minor > due:
        who = "The payer" if payer else "The patient"
        raise OverPayment(f"{who} owes {invoice.money(due)} of this invoice. Enter that or less.")


def _require_paid(invoice: Invoice, amount_minor: int, *, payer: bool) -> None:
    paid = invoice.payer_paid_minor if payer else invoice.paid_minor - invoice.payer_paid_minor
    if amount_minor > paid:
        raise OverPayment(_SETTLED.format(invoice.money(paid)))


def _require_patients_own(invoice: Invoice, held_minor: int) -> None:
    own = invoice.paid_minor - invoice.payer_paid_minor
    if held_minor > own:
        raise IllegalTransition(
            f"{invoice.money(held_minor)} of this was paid already, {invoice.money(own)} of it by the patient. The "
            f"payer's money cannot be held for the patient: refund {invoice.money(held_minor - own)} to the payer "
            "first, then make the credit note."
        )


def _require_held(invoice: Invoice, amount_minor: int, held_minor: int) -> None:
    if amount_minor > held_minor:
        raise OverPayment(f"{invoice.money(held_minor)} is held for this patient. Enter that or less.")
