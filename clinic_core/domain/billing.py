"""Invoices and payments (FHIR Invoice, PaymentReconciliation): totals, tax and what may follow what.

Every amount is whole minor units of the invoice's one currency. Invoices are never deleted: a wrong one is
cancelled with a reason and keeps its number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from clinic_core.domain import money
from clinic_core.domain.money import format_minor, round_minor
from clinic_core.domain.organization import HealthcareService, TaxRounding, TaxRule
from clinic_core.errors import IllegalTransition, InvalidInput, OverPayment

WHOLE: Final = 10_000  # basis points in one
MOST_LINES: Final = 200
LARGEST_QUANTITY: Final = 10_000
LARGEST_MINOR: Final = 10**12  # of a price or a payment; far from the 63 bits of the database
_LONGEST_TEXT: Final = 200


class InvoiceStatus(StrEnum):
    """FHIR InvoiceStatus."""

    DRAFT = "draft"
    ISSUED = "issued"
    BALANCED = "balanced"
    CANCELLED = "cancelled"


class PaymentMethod(StrEnum):
    """How money came in."""

    CASH = "cash"
    CARD = "card"
    UPI = "upi"
    BANK_TRANSFER = "bank-transfer"

    @property
    def label(self) -> str:
        """What staff and receipts call it."""
        return {"upi": "UPI", "bank-transfer": "Bank transfer"}.get(self.value, self.value.capitalize())


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """One thing charged. The text and price are the ones of the day, not those of today's catalogue."""

    service_id: str
    description: str
    quantity: int
    unit_price_minor: int
    discount_minor: int = 0  # off the whole line
    tax_basis_points: int = 0
    session: str | None = None  # the key of the entry that took the session of a package which pays for the line

    @property
    def gross_minor(self) -> int:
        """Quantity times price, before the discount."""
        return self.quantity * self.unit_price_minor

    @property
    def amount_minor(self) -> int:
        """What the line asks for after its discount; with tax inside when the rule is inclusive."""
        return self.gross_minor - self.discount_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """`net + tax = total`; `discount` is already off."""

    gross_minor: int
    discount_minor: int
    net_minor: int
    tax_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxLine:
    """The tax of all lines of one rate."""

    basis_points: int
    net_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money received for one invoice. `key` is made when the form is drawn: a double click is one payment."""

    key: str
    amount_minor: int
    method: PaymentMethod
    received_at: datetime
    received_on: date  # clinic-local
    by: str  # username
    reference: str = ""
    payer: bool = False  # the invoice's payer paid it, not the patient
    entry_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedLine:
    """The part of an invoice's line that a credit note takes back; `line` counts from 0."""

    line: int
    net_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """What changed an issued invoice besides payments: a refund, credit note, write-off, transfer and so on."""

    key: str
    event: str  # of `journal.Event`
    entry_id: str
    at: datetime
    on: date  # the business day
    by: str  # username
    reason: str = ""
    reference: str = ""
    document: str = ""  # its own number, e.g. CN-2026-00003
    reverses: str = ""  # the id of the entry that it takes back
    method: PaymentMethod | None = None  # of the money that moved
    paid_minor: int = 0  # change of what was paid: a refund is negative, account credit used is positive
    credited_minor: int = 0  # taken back by a credit note
    to_credit_minor: int = 0  # of that, what was paid already and is held for the patient now
    written_off_minor: int = 0
    payer_due_minor: int = 0  # change of what the payer owes
    lines: tuple[CreditedLine, ...] = ()  # of a credit note


@dataclass(frozen=True, slots=True, kw_only=True)
class PayTo:
    """Where a payment code on paper sends the money, as it was on the day of issue."""

    name: str
    upi_id: str = ""
    iban: str = ""
    bic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A name and address as printed, kept as they were on the day of issue."""

    name: str
    number: str = ""
    address: str = ""
    phone: str = ""
    tax_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """What a patient owes for services; numbered once it is issued."""

    id: str
    patient_id: str
    practitioner_id: str
    practitioner_name: str = ""  # as it was on the day of issue
    appointment_id: str | None = None
    visited_on: date | None = None  # the visit's clinic-local day
    location_id: str | None = None  # the visit's room
    status: InvoiceStatus = InvoiceStatus.DRAFT
    currency: str
    locale: str = "en"
    time_zone: str = "UTC"  # of the printed times
    tax_rule: TaxRule
    lines: tuple[LineItem, ...] = ()
    total_minor: int = 0  # a copy of totals().total_minor, guarded on payment
    series: str | None = None  # e.g. "INV-2026"
    number: int | None = None  # 1, 2, 3 … within the series, no gaps
    issuer: Party | None = None
    subject: Party | None = None
    pay_to: PayTo | None = None
    payer_id: str | None = None  # who owes a part of it besides the patient
    payer: Party | None = None
    payer_basis_points: int | None = None  # of the total; None when the share is an amount
    payer_share_minor: int = 0  # of the total, as it is issued
    posted: int = 0  # how many entries of the ledger the following sums hold; see domain/journal.py
    payments: tuple[Payment, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    paid_minor: int = 0  # payments, with what adjustments changed of them
    credited_minor: int = 0
    written_off_minor: int = 0
    payer_due_minor: int = 0  # of `due_minor`, what the payer owes
    payer_paid_minor: int = 0  # of `paid_minor`, what the payer paid
    drafted_at: datetime
    drafted_on: date
    issued_at: datetime | None = None
    issued_on: date | None = None  # clinic-local; the date basis of what was billed
    issued_by: str = ""
    entry_id: str = ""  # of the entry that charged it
    cancelled_at: datetime | None = None
    cancelled_on: date | None = None
    cancel_reason: str = ""
    source_id: str | None = None  # the id in the system it was imported from, unique
    version: int = 1

    @property
    def label(self) -> str:
        """The human number, ``INV-2026-00042``; "draft" before it is issued."""
        return number_text(self.series, self.number) if self.series and self.number else "draft"

    @property
    def totals(self) -> Totals:
        """The sums by the invoice's own tax rule."""
        return totals(self.lines, self.tax_rule)

    @property
    def due_minor(self) -> int:
        """What is still to be paid: 0 for drafts and cancelled invoices."""
        if self.status not in OWING:
            return 0
        return self.total_minor - self.paid_minor - self.credited_minor - self.written_off_minor

    @property
    def patient_due_minor(self) -> int:
        """What the patient still owes."""
        return self.due_minor - self.payer_due_minor

    def money(self, amount_minor: int) -> str:
        """An amount in the invoice's currency, as it writes it."""
        return format_minor(amount_minor, self.currency, self.locale)


OWING: Final = frozenset({InvoiceStatus.ISSUED, InvoiceStatus.BALANCED})


def number_text(series: str, number: int) -> str:
    """How a number is printed."""
    return f"{series}-{number:05d}"


def line_tax(line: LineItem, rule: TaxRule) -> Fraction:
    """The exact tax of one line, not rounded."""
    return _exact_tax(line.amount_minor, line.tax_basis_points, rule)


def tax_lines(lines: Iterable[LineItem], rule: TaxRule) -> list[TaxLine]:
    """Tax per rate, lowest first. With rounding per total each rate's sum is rounded once."""
    by_rate: dict[int, list[LineItem]] = {}
    for line in lines:
        by_rate.setdefault(line.tax_basis_points, []).append(line)
    return [_tax_line(rate, same, rule) for rate, same in sorted(by_rate.items())]


def line_taxes(lines: Sequence[LineItem], rule: TaxRule) -> list[int]:
    """The tax of each line, such that the lines of one rate sum up to that rate's tax on the invoice.

    With rounding per line that is the line's own rounded tax; with rounding per total each line gets its share cut
    to whole minor units, and what is left goes to the largest remainders, the first of equal ones first.
    """
    owed = {tax.basis_points: tax.tax_minor for tax in tax_lines(lines, rule)}
    taxes = [0] * len(lines)
    for rate, tax_minor in owed.items():
        same = [i for i, line in enumerate(lines) if line.tax_basis_points == rate]
        shares = largest_remainders([line_tax(lines[i], rule) for i in same], tax_minor)
        for i, share in zip(same, shares, strict=True):
            taxes[i] = share
    return taxes


def totals(lines: Iterable[LineItem], rule: TaxRule) -> Totals:
    """Sums of an invoice by its tax rule."""
    kept = tuple(lines)
    asked = sum(line.amount_minor for line in kept)
    tax = sum(line.tax_minor for line in tax_lines(kept, rule))
    net = asked - tax if rule.inclusive else asked
    return Totals(
        gross_minor=sum(line.gross_minor for line in kept),
        discount_minor=sum(line.discount_minor for line in kept),
        net_minor=net,
        tax_minor=tax,
        total_minor=net + tax,
    )


def line_for(service: HealthcareService, quantity: int = 1) -> LineItem:
    """A line with the text, price and tax that the catalogue has now."""
    return LineItem(
        service_id=service.id,
        description=service.name,
        quantity=quantity,
        unit_price_minor=service.price_minor,
        tax_basis_points=service.tax_basis_points,
    )


def check_lines(lines: Iterable[LineItem]) -> None:
    """Raise InvalidInput for a quantity below 1, a negative price, a discount above its line or an odd rate."""
    kept = tuple(lines)
    if len(kept) > MOST_LINES:
        raise InvalidInput(f"An invoice has at most {MOST_LINES} lines. Make a second one.", field="lines")
    for number, line in enumerate(kept, start=1):
        _check_line(line, f"Line {number}")


def share_of(invoice: Invoice) -> int:
    """What the payer owes of the invoice's total."""
    if invoice.payer_id is None:
        return 0
    if invoice.payer_basis_points is None:
        return min(invoice.payer_share_minor, invoice.total_minor)
    return money.share(invoice.total_minor, invoice.payer_basis_points)


def clean_text(text: str, *, field: str) -> str:
    """A reference or reason on one line; raises InvalidInput when it is longer than 200 characters."""
    cleaned = " ".join(text.split())
    if len(cleaned) > _LONGEST_TEXT:
        raise InvalidInput(f"Write at most {_LONGEST_TEXT} characters.", field=field)
    return cleaned


def discountable(lines: Iterable[LineItem]) -> list[int]:
    """What a discount on the whole can be taken off, of each line: nothing where a session of a package pays."""
    return [0 if line.session else line.gross_minor for line in lines]


def spread_discount(lines: Iterable[LineItem], discount_minor: int) -> tuple[LineItem, ...]:
    """The lines with one discount over all of them, in proportion; the last cents go to the largest remainders.

    Lines that a session of a package pays for stay as they are.
    """
    kept = tuple(lines)
    bases = discountable(kept)
    gross = sum(bases)
    if not 0 <= discount_minor <= gross:
        raise InvalidInput("The discount must lie between 0 and the sum of the lines.", field="discount")
    if gross == 0:
        return kept
    parts = [divmod(base * discount_minor, gross) for base in bases]
    shares = [whole for whole, _ in parts]
    by_remainder = sorted(range(len(kept)), key=lambda i: (-parts[i][1], i))
    for i in by_remainder[: discount_minor - sum(shares)]:
        shares[i] += 1
    return tuple(
        line if line.session else replace(line, discount_minor=part) for line, part in zip(kept, shares, strict=True)
    )


def check_payment(payment: Payment) -> None:
    """Raise InvalidInput unless the payment has a key and a positive whole amount."""
    if not isinstance(payment.key, str) or not payment.key:
        raise InvalidInput("This payment form is stale. Reload the page and enter the payment again.")
    if not _whole(payment.amount_minor) or not 0 < payment.amount_minor <= LARGEST_MINOR:
        raise InvalidInput("Enter an amount above zero.", field="amount")


def require_payable(invoice: Invoice, amount_minor: int) -> None:
    """Raise IllegalTransition unless the invoice is issued, OverPayment when less than the amount is due."""
    if invoice.status is InvoiceStatus.DRAFT:
        raise IllegalTransition("This invoice is a draft. Issue it, then take the payment.")
    if invoice.status is InvoiceStatus.CANCELLED:
        raise IllegalTransition("This invoice is cancelled. Take no money for it; bill the visit again.")
    if invoice.due_minor == 0:
        raise OverPayment("This invoice is paid in full; nothing is due.")
    if amount_minor > invoice.due_minor:
        raise OverPayment(f"Only {invoice.money(invoice.due_minor)} is due. Enter that or less.")


def require_draft(invoice: Invoice) -> None:
    """Raise IllegalTransition unless the lines may still be changed."""
    if invoice.status is not InvoiceStatus.DRAFT:
        raise IllegalTransition(
            f"This invoice is {invoice.status}; its lines cannot change any more. Cancel it and bill again instead."
        )


def require_cancellable(invoice: Invoice) -> None:
    """Raise IllegalTransition when money was taken for the invoice."""
    if invoice.paid_minor:
        paid = invoice.money(invoice.paid_minor)
        raise IllegalTransition(f"{paid} was paid on this invoice, so it cannot be cancelled. Make a credit note.")
    if invoice.credited_minor or invoice.written_off_minor:
        raise IllegalTransition("A part of this invoice was taken back or written off; make a credit note of the rest.")


def largest_remainders(exact: Sequence[Fraction] | Sequence[Decimal], total: int) -> list[int]:
    """Whole parts of `total` near the exact ones, which sum up to it: what is left goes to the largest remainders."""
    shares = [math.floor(part) for part in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares


def _tax_line(rate: int, lines: list[LineItem], rule: TaxRule) -> TaxLine:
    asked = sum(line.amount_minor for line in lines)
    if rule.rounding is TaxRounding.LINE:
        tax = sum(round_minor(line_tax(line, rule)) for line in lines)
    else:
        tax = round_minor(_exact_tax(asked, rate, rule))
    return TaxLine(basis_points=rate, net_minor=asked - tax if rule.inclusive else asked, tax_minor=tax)


def _exact_tax(amount_minor: int, rate: int, rule: TaxRule) -> Fraction:
    return Fraction(amount_minor * rate, WHOLE + rate if rule.inclusive else WHOLE)


def _check_line(line: LineItem, name: str) -> None:
    if not line.description.strip():
        raise InvalidInput(f"{name}: say what is charged.", field="description")
    if not _whole(line.quantity) or not 1 <= line.quantity <= LARGEST_QUANTITY:
        raise InvalidInput(f"{name}: the quantity must lie between 1 and {LARGEST_QUANTITY}.", field="quantity")
    if not _whole(line.unit_price_minor) or not 0 <= line.unit_price_minor <= LARGEST_MINOR:
        raise InvalidInput(f"{name}: the price must be zero or more, and not beyond belief.", field="price")
    if not _whole(line.discount_minor) or not 0 <= line.discount_minor <= line.gross_minor:
        raise InvalidInput(f"{name}: the discount must lie between 0 and the line.", field="discount")
    if not _whole(line.tax_basis_points) or not 0 <= line.tax_basis_points <= WHOLE:
        raise InvalidInput(f"{name}: tax lies between 0 and 100 %.", field="tax")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
