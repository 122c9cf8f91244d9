"""The receipt of one payment, on A5: as things stood right after it, whatever came later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic_core.documents import labels, words
from clinic_core.domain.billing import Adjustment, Invoice, Party, Payment
from clinic_core.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from clinic_core.documents.sheet import Sheet


def render(invoice: Invoice, payment_key: str) -> bytes:
    """The PDF of the payment with that key. Raises NotFound when the invoice has no such payment."""
    from clinic_core.documents.sheet import Sheet  # noqa: PLC0415 - loads fpdf2

    if invoice.issuer is None or invoice.subject is None:
        raise InvalidInput("This invoice is a draft: nothing was paid on it.")
    place = _place(invoice, payment_key)
    payment, number = invoice.payments[place], f"{invoice.label}/{place + 1}"
    said = labels.of(invoice.locale)
    sheet = Sheet(
        paper="A5",
        title=f"{said.receipt} {number}",
        author=invoice.issuer.name,
        created_at=payment.received_at,
        labels=said,
    )
    sheet.letterhead(invoice.issuer, said.receipt, number)
    giver = _giver(invoice, payment, invoice.subject)
    sheet.labelled(said.received_from, [giver.name, giver.number], width=sheet.epw)
    sheet.ln(5)
    sheet.headline(said.amount, invoice.money(payment.amount_minor))
    sheet.facts(_facts(sheet, invoice, payment), width=sheet.epw)
    sheet.ln(3)
    sheet.sums(_balance(sheet, invoice, place), width=sheet.epw)
    return sheet.finished()


def _place(invoice: Invoice, key: str) -> int:
    for place, payment in enumerate(invoice.payments):
        if payment.key == key:
            return place
    raise NotFound("This invoice has no such payment. Reload the invoice.")


def _giver(invoice: Invoice, payment: Payment, subject: Party) -> Party:
    return invoice.payer if payment.payer and invoice.payer else subject


def _facts(sheet: Sheet, invoice: Invoice, payment: Payment) -> list[tuple[str, str]]:
    said, issued = sheet.labels, invoice.issued_on
    patient = invoice.subject.name if payment.payer and invoice.subject else ""
    return [
        (said.received, words.moment(payment.received_at, invoice.time_zone, invoice.locale)),
        (said.paid_by, said.methods[payment.method]),
        (said.reference, payment.reference),
        (said.for_invoice, invoice.label),
        (said.invoice_date, words.day(issued, invoice.locale) if issued else ""),
        (said.patient, patient),
        (said.received_by, payment.by),
    ]


def _balance(sheet: Sheet, invoice: Invoice, place: int) -> list[tuple[str, str, bool]]:
    said, payment = sheet.labels, invoice.payments[place]
    earlier = [made for made in invoice.adjustments if _is_before(made, payment)]
    paid = sum(p.amount_minor for p in invoice.payments[:place]) + sum(made.paid_minor for made in earlier)
    credited = sum(made.credited_minor for made in earlier)
    written_off = sum(made.written_off_minor for made in earlier)
    taken_off = [
        (said.credited_before, credited),
        (said.written_off_before, written_off),
        (said.paid_before, paid),
        (said.this_payment, payment.amount_minor),
    ]
    left = invoice.total_minor - sum(amount for _, amount in taken_off)
    return [
        (said.invoice_total, invoice.money(invoice.total_minor), False),
        *((label, invoice.money(-amount), False) for label, amount in taken_off if amount),
        (said.still_to_pay, invoice.money(left), True),
        *_of_payer(sheet, invoice, place, earlier),
    ]


def _of_payer(sheet: Sheet, invoice: Invoice, place: int, earlier: list[Adjustment]) -> list[tuple[str, str, bool]]:
    """How much of what is left the payer owes."""
    if invoice.payer is None:
        return []
    paid = sum(p.amount_minor for p in invoice.payments[: place + 1] if p.payer)
    owed = invoice.payer_share_minor + sum(made.payer_due_minor for made in earlier) - paid
    return [(sheet.labels.of_this.format(name=invoice.payer.name), invoice.money(owed), False)] if owed else []


def _is_before(adjustment: Adjustment, payment: Payment) -> bool:
    """Whether the adjustment came first; the ids of the ledger's entries sort as they were made."""
    if adjustment.entry_id and payment.entry_id:
        return adjustment.entry_id < payment.entry_id
    return adjustment.at < payment.received_at
