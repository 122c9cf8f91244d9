"""The invoice on A4, from what it kept on the day of issue.

Payments are not on it (each has its receipt), so that it is the same paper whenever it is printed. Only a
cancellation shows, for a cancelled invoice must not pass for one that is owed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic_core.documents import words
from clinic_core.documents.style import ALARM, MUTED, Column
from clinic_core.domain.billing import Invoice, InvoiceStatus, LineItem, tax_lines
from clinic_core.domain.organization import TaxRounding
from clinic_core.errors import InvalidInput

if TYPE_CHECKING:
    from clinic_core.documents.sheet import Sheet

_RIGHT = 74.0  # mm, the column of dates and sums


def render(invoice: Invoice) -> bytes:
    """The PDF of an invoice that was issued. Raises InvalidInput for a draft."""
    from clinic_core.documents.sheet import Sheet  # noqa: PLC0415 - loads fpdf2

    if invoice.issuer is None or invoice.subject is None or invoice.issued_at is None:
        raise InvalidInput("This invoice is a draft. Issue it, then print it.")
    sheet = Sheet(
        paper="A4", title=f"Invoice {invoice.label}", author=invoice.issuer.name, created_at=invoice.issued_at
    )
    sheet.letterhead(invoice.issuer, "Invoice", invoice.label)
    _cancelled(sheet, invoice)
    _parties(sheet, invoice)
    _lines(sheet, invoice)
    _sums(sheet, invoice)
    return sheet.finished()


def _cancelled(sheet: Sheet, invoice: Invoice) -> None:
    if invoice.status is not InvoiceStatus.CANCELLED or invoice.cancelled_on is None:
        return
    sheet.pen(12, bold=True, color=ALARM)
    sheet.line_of(f"Cancelled on {words.day(invoice.cancelled_on, invoice.locale)}")
    sheet.pen(9.5, color=ALARM)
    sheet.line_of(invoice.cancel_reason)
    sheet.ln(3)


def _parties(sheet: Sheet, invoice: Invoice) -> None:
    subject, top = invoice.subject, sheet.y
    if subject is None:
        return
    width = sheet.epw - _RIGHT - 6
    sheet.labelled("Billed to", [subject.name, subject.number, subject.address], width=width)
    bottom = sheet.y
    sheet.set_y(top)
    for label, value in _dates(invoice):
        sheet.set_x(sheet.w - sheet.r_margin - _RIGHT)
        sheet.pen(9.5)
        sheet.cell(_RIGHT * 0.4, 5, label)
        sheet.line_of(value, width=_RIGHT * 0.6, align="R", height=5)
    sheet.set_xy(sheet.l_margin, max(bottom, sheet.y) + 6)


def _dates(invoice: Invoice) -> list[tuple[str, str]]:
    rows = []
    if invoice.issued_on is not None:
        rows.append(("Invoice date", words.day(invoice.issued_on, invoice.locale)))
    if invoice.visited_on is not None:
        rows.append(("Visit", words.day(invoice.visited_on, invoice.locale)))
    if invoice.practitioner_name:
        rows.append(("Practitioner", invoice.practitioner_name))
    return rows


def _lines(sheet: Sheet, invoice: Invoice) -> None:
    sheet.grid(_columns(invoice), [_cells(invoice, line) for line in invoice.lines])
    sheet.ln(4)


def _columns(invoice: Invoice) -> list[Column]:
    discount = [Column("Discount", 24, "RIGHT")] if _discounted(invoice) else []
    return [
        Column("Service", 56 if discount else 80),
        Column("Quantity", 18, "RIGHT"),
        Column("Unit price", 28, "RIGHT"),
        *discount,
        Column("Tax", 18, "RIGHT"),
        Column("Amount incl. tax" if invoice.tax_rule.inclusive else "Amount", 30, "RIGHT"),
    ]


def _cells(invoice: Invoice, line: LineItem) -> list[str]:
    discount = [invoice.money(-line.discount_minor) if line.discount_minor else ""] if _discounted(invoice) else []
    return [
        line.description,
        str(line.quantity),
        invoice.money(line.unit_price_minor),
        *discount,
        words.rate(line.tax_basis_points, invoice.locale) if line.tax_basis_points else "",
        invoice.money(line.amount_minor),
    ]


def _discounted(invoice: Invoice) -> bool:
    return any(line.discount_minor for line in invoice.lines)


def _sums(sheet: Sheet, invoice: Invoice) -> None:
    rows = _sum_rows(invoice)
    if sheet.will_page_break(8 * len(rows) + 10):
        sheet.add_page()
    sheet.sums(rows, width=_RIGHT + 10)
    sheet.ln(4)
    sheet.pen(8, color=MUTED)
    sheet.line_of(_basis(invoice))


def _sum_rows(invoice: Invoice) -> list[tuple[str, str, bool]]:
    """What leads to the total: labels, amounts, and whether it is the total."""
    totals, money = invoice.totals, invoice.money
    rows = [("Sum of services", money(totals.gross_minor), False)]
    if totals.discount_minor:
        rows.append(("Discount", money(-totals.discount_minor), False))
    taxes = [line for line in tax_lines(invoice.lines, invoice.tax_rule) if line.basis_points]
    texts = [
        (
            f"Tax {words.rate(line.basis_points, invoice.locale)} on {money(line.net_minor)}",
            money(line.tax_minor),
            False,
        )
        for line in taxes
    ]
    total = ("Total", money(invoice.total_minor), True)
    if invoice.tax_rule.inclusive:
        held = [(f"incl. {text[0].lower()}{text[1:]}", amount, strong) for text, amount, strong in texts]
        return [*rows, total, *held]
    return [*rows, *texts, total]


def _basis(invoice: Invoice) -> str:
    prices = "Prices include tax." if invoice.tax_rule.inclusive else "Prices are before tax."
    where = "on each line" if invoice.tax_rule.rounding is TaxRounding.LINE else "once per rate"
    taxed = any(line.tax_basis_points for line in invoice.lines)
    return f"Amounts in {invoice.currency}." + (f" {prices} Tax is rounded {where}." if taxed else "")
