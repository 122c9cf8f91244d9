"""The receipt of one payment, on A5: as things stood right after it, whatever came later."""

from __future__ import annotations

from clinic_core.documents import words
from clinic_core.documents.style import MUTED
from clinic_core.domain.billing import Invoice, Payment
from clinic_core.errors import InvalidInput, NotFound


def render(invoice: Invoice, payment_key: str) -> bytes:
    """The PDF of the payment with that key. Raises NotFound when the invoice has no such payment."""
    from clinic_core.documents.sheet import Sheet  # noqa: PLC0415 - loads fpdf2

    if invoice.issuer is None or invoice.subject is None:
        raise InvalidInput("This invoice is a draft: nothing was paid on it.")
    place = _place(invoice, payment_key)
    payment, number = invoice.payments[place], f"{invoice.label}/{place + 1}"
    sheet = Sheet(paper="A5", title=f"Receipt {number}", author=invoice.issuer.name, created_at=payment.received_at)
    sheet.letterhead(invoice.issuer, "Receipt", number)
    sheet.labelled("Received from", [invoice.subject.name, invoice.subject.number], width=sheet.epw)
    sheet.ln(5)
    sheet.pen(8, color=MUTED)
    sheet.line_of("Amount")
    sheet.pen(26, bold=True)
    sheet.line_of(invoice.money(payment.amount_minor))
    sheet.ln(4)
    for label, value in _facts(invoice, payment):
        sheet.pen(9.5, color=MUTED)
        sheet.cell(sheet.epw * 0.35, 5.5, label)
        sheet.pen(9.5)
        sheet.line_of(value, width=sheet.epw * 0.65, height=5.5)
        sheet.set_x(sheet.l_margin)
    sheet.ln(3)
    sheet.sums(_balance(invoice, place), width=sheet.epw)
    return sheet.finished()


def _place(invoice: Invoice, key: str) -> int:
    for place, payment in enumerate(invoice.payments):
        if payment.key == key:
            return place
    raise NotFound("This invoice has no such payment. Reload the invoice.")


def _facts(invoice: Invoice, payment: Payment) -> list[tuple[str, str]]:
    rows = [
        ("Received", words.moment(payment.received_at, invoice.time_zone, invoice.locale)),
        ("Paid by", payment.method.label),
        ("Reference", payment.reference),
        ("For invoice", invoice.label),
        ("Invoice date", words.day(invoice.issued_on, invoice.locale) if invoice.issued_on else ""),
        ("Received by", payment.by),
    ]
    return [(label, value) for label, value in rows if value]


def _balance(invoice: Invoice, place: int) -> list[tuple[str, str, bool]]:
    before = sum(payment.amount_minor for payment in invoice.payments[:place])
    now = invoice.payments[place].amount_minor
    money = invoice.money
    rows = [("Invoice total", money(invoice.total_minor), False)]
    if before:
        rows.append(("Paid before", money(-before), False))
    rows.append(("This payment", money(-now), False))
    return [*rows, ("Still to pay", money(invoice.total_minor - before - now), True)]
