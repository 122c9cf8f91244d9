"""What the papers about money say, frozen: each document is drawn from one of these and from nothing else.

Whoever makes one fills it once. Those that are not remade from an invoice (day close, till close, the receipt of a
deposit) are stored as they are and drawn from what was stored, so that a reprint is the same paper for ever, whatever
the clinic's profile says by then. Every amount is whole minor units of the one currency; days are clinic-local.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from clinic_core.domain.billing import Adjustment, Invoice, Party, PaymentMethod, TaxLine
from clinic_core.errors import InvalidInput, NotFound

_CREDIT_NOTE: Final = "credit-note"
_REFUND: Final = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedPart:
    """What a credit note takes back of one line of its invoice."""

    description: str
    net_minor: int
    tax_minor: int
    basis_points: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """A credit note: a numbered paper that takes back a part of an invoice, with the tax in it."""

    number: str  # of its own gapless series, e.g. CN-2026-00003
    invoice: str  # the label of the invoice that it corrects
    invoice_on: date | None
    issuer: Party
    subject: Party
    currency: str
    locale: str
    time_zone: str
    at: datetime
    on: date
    by: str  # username
    reason: str
    parts: tuple[CreditedPart, ...]
    to_credit_minor: int = 0  # of the total, what was paid already and is held for the patient now

    @property
    def net_minor(self) -> int:
        """Given back before tax."""
        return sum(part.net_minor for part in self.parts)

    @property
    def tax_minor(self) -> int:
        """The tax given back."""
        return sum(part.tax_minor for part in self.parts)

    @property
    def total_minor(self) -> int:
        """All that is given back."""
        return self.net_minor + self.tax_minor

    @property
    def taxes(self) -> tuple[TaxLine, ...]:
        """Per rate, lowest first, what is given back of it; rates without tax are left out."""
        rates = sorted({part.basis_points for part in self.parts if part.tax_minor})
        return tuple(_taxes_of(self.parts, rate) for rate in rates)


class SlipKind(StrEnum):
    """Money that moved without settling an invoice."""

    REFUND = "refund"
    DEPOSIT = "deposit"
    DEPOSIT_REFUND = "deposit-refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """The receipt of money given back, or taken for later invoices."""

    kind: SlipKind
    number: str
    issuer: Party
    party: Party  # who gave or got it
    currency: str
    locale: str
    time_zone: str
    at: datetime
    amount_minor: int  # what changed hands, above zero whichever way it went
    method: PaymentMethod | None
    by: str  # username
    reference: str = ""
    reason: str = ""
    invoice: str = ""  # the label of the invoice it was paid on, of a refund
    held_minor: int | None = None  # what is held for the patient right after it, of a deposit


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One event of a statement of account."""

    on: date
    event: str = ""  # what happened: a value of `journal.Event`, which the paper says in its own language
    method: PaymentMethod | None = None  # of the money that moved
    text: str = ""  # what else there is to say, e.g. a reference or a patient's name on a payer's statement
    label: str = ""  # the paper's number
    debit_minor: int = 0  # owed from now on
    credit_minor: int = 0  # not owed any more
    balance_minor: int = 0  # owed after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """What is owed of the invoices of one age: whole days from the day of issue to the statement's day."""

    from_days: int
    to_days: int | None  # the last day in it; None: no end
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement of account for a patient or a payer: what was owed, what came, what is owed at the end of a day."""

    party: Party
    issuer: Party
    currency: str
    locale: str
    time_zone: str
    start_on: date | None = None  # the first day of the lines; None: from the beginning
    as_of: date  # the last day of the lines
    opening_minor: int = 0  # owed before the first line
    lines: tuple[StatementLine, ...] = ()
    ageing: tuple[Age, ...] = ()  # youngest first, the buckets of the receivables report
    held_minor: int = 0  # money held for the patient, not taken off what is owed
    made_at: datetime

    @property
    def closing_minor(self) -> int:
        """Owed after the last line."""
        return self.opening_minor + sum(line.debit_minor - line.credit_minor for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodTotal:
    """The money of one method of payment."""

    method: PaymentMethod
    taken_minor: int  # payments and deposits
    refunded_minor: int = 0  # refunds and deposits returned, above zero

    @property
    def net_minor(self) -> int:
        """What stayed."""
        return self.taken_minor - self.refunded_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class TillMove:
    """Cash put into a till or taken out of it other than by payments."""

    at: datetime
    by: str  # username
    reason: str
    amount_minor: int  # in +, out -
    giver: str = ""  # usernames, of cash that went from one till to another
    taker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TillCount:
    """One cash session of one person, from the opening float to the hand-over."""

    username: str
    name: str = ""  # of the person, as it was then
    opened_at: datetime
    closed_at: datetime
    closed_by: str = ""  # when somebody else closed it
    opening_minor: int  # the float
    cash_in_minor: int = 0  # taken in cash
    cash_out_minor: int = 0  # given back in cash, above zero
    moves: tuple[TillMove, ...] = ()
    counted: tuple[tuple[int, int], ...] = ()  # denomination in minor units, pieces
    reason: str = ""  # of the variance
    handed_over_minor: int = 0  # taken to the safe
    counts: int = 1  # how many counts were sent, the last one with it
    first_variance_minor: int = 0  # of the first of several

    @property
    def moved_minor(self) -> int:
        """All movements together."""
        return sum(move.amount_minor for move in self.moves)

    @property
    def expected_minor(self) -> int:
        """What should be in the till."""
        return self.opening_minor + self.cash_in_minor - self.cash_out_minor + self.moved_minor

    @property
    def counted_minor(self) -> int:
        """What was in it."""
        return sum(denomination * pieces for denomination, pieces in self.counted)

    @property
    def variance_minor(self) -> int:
        """Counted less expected: below zero when money is missing."""
        return self.counted_minor - self.expected_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class TillClose:
    """The paper of one closed till."""

    number: str  # the id of the entry that closed it, e.g. 2026-11-22#00042
    issuer: Party
    currency: str
    locale: str
    time_zone: str
    day: date
    till: TillCount


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClose:
    """The paper of a closed day (the "Z report"): its money, its invoices and its tills."""

    issuer: Party
    currency: str
    locale: str
    time_zone: str
    day: date
    opened_at: datetime | None = None  # of the day's first entry
    closed_at: datetime
    by: str  # username
    methods: tuple[MethodTotal, ...] = ()
    invoices: int = 0  # how many were issued
    billed_minor: int = 0  # with tax
    billed_tax_minor: int = 0  # in it
    cancelled: int = 0
    cancelled_minor: int = 0  # above zero
    credit_notes: int = 0
    credited_minor: int = 0  # above zero
    written_off_minor: int = 0
    deposits_taken_minor: int = 0  # held in `methods` as well
    deposits_returned_minor: int = 0
    account_credited_minor: int = 0  # what credit notes put on patients' accounts
    credit_applied_minor: int = 0  # money held that paid invoices
    held_change_minor: int = 0  # of all money held for patients
    cash_outside_minor: int = 0  # of the cash in `methods`, what went through no till
    first_entry: str = ""  # ids of the day's first and last journal entries
    last_entry: str = ""
    tills: tuple[TillCount, ...] = ()

    @property
    def taken_minor(self) -> int:
        """Taken by all methods."""
        return sum(total.taken_minor for total in self.methods)

    @property
    def refunded_minor(self) -> int:
        """Given back by all methods."""
        return sum(total.refunded_minor for total in self.methods)

    @property
    def variance_minor(self) -> int:
        """Of all tills together."""
        return sum(till.variance_minor for till in self.tills)


def credit_note(invoice: Invoice, adjustment: Adjustment) -> CreditNote:
    """What the paper of one credit note says. Raises InvalidInput for another kind of adjustment."""
    if adjustment.event != _CREDIT_NOTE or invoice.issuer is None or invoice.subject is None:
        raise InvalidInput("This is no credit note. Reload the invoice.")
    return CreditNote(
        number=adjustment.document,
        invoice=invoice.label,
        invoice_on=invoice.issued_on,
        issuer=invoice.issuer,
        subject=invoice.subject,
        currency=invoice.currency,
        locale=invoice.locale,
        time_zone=invoice.time_zone,
        at=adjustment.at,
        on=adjustment.on,
        by=adjustment.by,
        reason=adjustment.reason,
        parts=tuple(_part(invoice, taken.line, taken.net_minor, taken.tax_minor) for taken in adjustment.lines),
        to_credit_minor=adjustment.to_credit_minor,
    )


def refund_slip(invoice: Invoice, adjustment: Adjustment) -> Slip:
    """The receipt of money given back of an invoice. Raises InvalidInput for another kind of adjustment."""
    if adjustment.event != _REFUND or invoice.issuer is None or invoice.subject is None:
        raise InvalidInput("This is no refund. Reload the invoice.")
    refunds = [a.key for a in invoice.adjustments if a.event == _REFUND]
    if adjustment.key not in refunds:
        raise NotFound("This invoice has no such refund. Reload the invoice.")
    to_payer = adjustment.payer_due_minor > 0
    return Slip(
        kind=SlipKind.REFUND,
        number=adjustment.document or f"{invoice.label}/R{refunds.index(adjustment.key) + 1}",
        issuer=invoice.issuer,
        party=invoice.payer if to_payer and invoice.payer else invoice.subject,
        currency=invoice.currency,
        locale=invoice.locale,
        time_zone=invoice.time_zone,
        at=adjustment.at,
        amount_minor=-adjustment.paid_minor,
        method=adjustment.method,
        by=adjustment.by,
        reference=adjustment.reference,
        reason=adjustment.reason,
        invoice=invoice.label,
    )


def _part(invoice: Invoice, line: int, net_minor: int, tax_minor: int) -> CreditedPart:
    item = invoice.lines[line]
    return CreditedPart(
        description=item.description, net_minor=net_minor, tax_minor=tax_minor, basis_points=item.tax_basis_points
    )


def _taxes_of(parts: tuple[CreditedPart, ...], rate: int) -> TaxLine:
    same = [part for part in parts if part.basis_points == rate]
    return TaxLine(
        basis_points=rate,
        net_minor=sum(part.net_minor for part in same),
        tax_minor=sum(part.tax_minor for part in same),
    )
