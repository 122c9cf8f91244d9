"""The invoice on A4, from what it kept on the day of issue.

Payments are not on it (each has its receipt), nor what came later, so that it is the same paper whenever it is
printed; the payment code asks for what was due on the day of issue. Only a cancellation shows, for a cancelled
invoice must not pass for one that is owed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clinic_core.documents import labels, qr, table, words
from clinic_core.documents.style import ALARM, INK, MUTED, Colour, Column
from clinic_core.domain import bank
from clinic_core.domain.billing import Invoice, InvoiceStatus, LineItem, tax_lines
from clinic_core.domain.organization import TaxRounding
from clinic_core.errors import InvalidInput

if TYPE_CHECKING:
    from clinic_core.documents.sheet import Sheet

_RIGHT: Final = 74.0  # mm, the column of dates
_SUMS: Final = 84.0  # mm, the column of sums
_CODE: Final = 32.0  # mm, the payment code without its quiet zone, at least
_MODULE: Final = 0.52  # mm, of one of its squares, at least: telephones read that


def render(invoice: Invoice) -> bytes:
    """The PDF of an invoice that was issued. Raises InvalidInput for a draft."""
    from clinic_core.documents.sheet import Sheet  # noqa: PLC0415 - loads fpdf2

    if invoice.issuer is None or invoice.subject is None or invoice.issued_at is None:
        raise InvalidInput("This invoice is a draft. Issue it, then print it.")
    words_of = labels.of(invoice.locale)
    sheet = Sheet(
        paper="A4",
        title=f"{words_of.invoice} {invoice.label}",
        author=invoice.issuer.name,
        created_at=invoice.issued_at,
        labels=words_of,
    )
    sheet.letterhead(invoice.issuer, words_of.invoice, invoice.label)
    _cancelled(sheet, invoice)
    _parties(sheet, invoice)
    _lines(sheet, invoice)
    _sums(sheet, invoice)
    return sheet.finished()


def _cancelled(sheet: Sheet, invoice: Invoice) -> None:
    if invoice.status is not InvoiceStatus.CANCELLED or invoice.cancelled_on is None:
        return
    sheet.pen(12, bold=True, color=ALARM)
    sheet.line_of(sheet.labels.cancelled_on.format(day=words.day(invoice.cancelled_on, invoice.locale)))
    sheet.note(invoice.cancel_reason, color=ALARM, size=9.5)
    sheet.ln(3)


def _parties(sheet: Sheet, invoice: Invoice) -> None:
    subject, top = invoice.subject, sheet.y
    if subject is None:
        return
    width = sheet.epw - _RIGHT - 6
    sheet.labelled(sheet.labels.billed_to, [subject.name, subject.number, subject.address], width=width)
    bottom = sheet.y
    sheet.set_xy(sheet.w - sheet.r_margin - _RIGHT, top)
    sheet.facts(_dates(sheet, invoice), width=_RIGHT, label=0.42)
    sheet.set_xy(sheet.l_margin, max(bottom, sheet.y) + 6)


def _dates(sheet: Sheet, invoice: Invoice) -> list[tuple[str, str]]:
    issued, visited = invoice.issued_on, invoice.visited_on
    return [
        (sheet.labels.invoice_date, words.day(issued, invoice.locale) if issued else ""),
        (sheet.labels.visit, words.day(visited, invoice.locale) if visited else ""),
        (sheet.labels.practitioner, invoice.practitioner_name),
    ]


def _lines(sheet: Sheet, invoice: Invoice) -> None:
    table.draw(sheet, _columns(sheet, invoice), [_cells(invoice, line) for line in invoice.lines])
    sheet.ln(4)


def _columns(sheet: Sheet, invoice: Invoice) -> list[Column]:
    said = sheet.labels
    discount = [Column(said.discount, 24, "RIGHT")] if _discounted(invoice) else []
    tax = [Column(said.tax, 16, "RIGHT")] if _taxed(invoice) else []
    return [
        Column(said.service, 98 - (24 if discount else 0) - (16 if tax else 0)),
        Column(said.quantity, 18, "RIGHT"),
        Column(said.unit_price, 28, "RIGHT"),
        *discount,
        *tax,
        Column(said.amount_with_tax if tax and invoice.tax_rule.inclusive else said.amount, 30, "RIGHT"),
    ]


def _cells(invoice: Invoice, line: LineItem) -> list[str]:
    discount = [invoice.money(-line.discount_minor) if line.discount_minor else ""] if _discounted(invoice) else []
    rate = words.rate(line.tax_basis_points, invoice.locale) if line.tax_basis_points else ""
    return [
        line.description,
        words.count(line.quantity, invoice.locale),
        invoice.money(line.unit_price_minor),
        *discount,
        *([rate] if _taxed(invoice) else []),
        invoice.money(line.amount_minor),
    ]


def _discounted(invoice: Invoice) -> bool:
    return any(line.discount_minor for line in invoice.lines)


def _taxed(invoice: Invoice) -> bool:
    return any(line.tax_basis_points for line in invoice.lines)


def _sums(sheet: Sheet, invoice: Invoice) -> None:
    rows, code = _sum_rows(sheet, invoice), _code(invoice)
    if sheet.will_page_break(max(sheet.sums_height(rows, width=_SUMS), _code_height(sheet, invoice, code)) + 14):
        sheet.add_page()
    top, page = sheet.y, sheet.page
    if code:
        _draw_code(sheet, invoice, code)
    bottom = sheet.y
    sheet.set_y(top)
    sheet.sums(rows, width=_SUMS)
    beside = bottom if sheet.page == page else 0  # more sums than a page holds leave the code behind
    sheet.set_xy(sheet.l_margin, max(beside, sheet.y) + 4)
    sheet.note(_basis(sheet, invoice))


def _sum_rows(sheet: Sheet, invoice: Invoice) -> list[tuple[str, str, bool]]:
    """What leads to the total: labels, amounts, and whether it is the total."""
    totals, money, said = invoice.totals, invoice.money, sheet.labels
    rows = [(said.sum_of_services, money(totals.gross_minor), False)]
    if totals.discount_minor:
        rows.append((said.discount, money(-totals.discount_minor), False))
    inside = invoice.tax_rule.inclusive
    form = said.tax_inside if inside else said.tax_on
    taxes = [
        (form.format(rate=words.rate(line.basis_points, invoice.locale), amount=money(line.net_minor)), line.tax_minor)
        for line in tax_lines(invoice.lines, invoice.tax_rule)
        if line.basis_points
    ]
    texts = [(text, money(tax), False) for text, tax in taxes]
    total = (said.total, money(invoice.total_minor), True)
    return (
        [*rows, total, *texts, *_shares(sheet, invoice)] if inside else [*rows, *texts, total, *_shares(sheet, invoice)]
    )


def _shares(sheet: Sheet, invoice: Invoice) -> list[tuple[str, str, bool]]:
    """What the payer takes over and what is left for the patient."""
    if invoice.payer is None or not invoice.payer_share_minor:
        return []
    return [
        (sheet.labels.share_of.format(name=invoice.payer.name), invoice.money(-invoice.payer_share_minor), False),
        (sheet.labels.your_share, invoice.money(_asked(invoice)), True),
    ]


def _asked(invoice: Invoice) -> int:
    """What was due from the patient on the day of issue."""
    return invoice.total_minor - (invoice.payer_share_minor if invoice.payer else 0)


def _code(invoice: Invoice) -> str:
    """The text of the payment code, "" when there is none."""
    if invoice.status is InvoiceStatus.CANCELLED:
        return ""
    return qr.of_payment(invoice.pay_to, _asked(invoice), invoice.currency, invoice.label)


def _draw_code(sheet: Sheet, invoice: Invoice, code: str) -> None:
    """The payment code at the left edge, with what it pays and to whom beside it."""
    top, left, modules = sheet.y + 1, sheet.l_margin + 1, qr.modules(code)
    size = _code_size(code)
    sheet.code(modules, x=left, y=top, size=size)
    sheet.set_xy(left + size + 4, top - 1)
    for text, points, color in _beside(sheet, invoice):
        sheet.pen(points, color=color, bold=text == sheet.labels.scan_to_pay)
        sheet.line_of(text, width=_beside_width(sheet, size))
    sheet.set_y(max(sheet.y, top + size))


def _code_height(sheet: Sheet, invoice: Invoice, code: str) -> float:
    """How much room the code and what stands beside it take, in mm."""
    if not code:
        return 0
    size, text_height = _code_size(code), 0.0
    for text, points, _ in _beside(sheet, invoice):
        sheet.pen(points)
        text_height += sheet.height_of(text, width=_beside_width(sheet, size))
    return max(size + 6, text_height)


def _code_size(code: str) -> float:
    return max(_CODE, len(qr.modules(code)) * _MODULE)


def _beside(sheet: Sheet, invoice: Invoice) -> list[tuple[str, float, Colour]]:
    said = sheet.labels
    small = [(text, 8.0, MUTED) for text in (*_payee(invoice), said.scan_unless_paid)]
    return [(said.scan_to_pay, 9.5, INK), (invoice.money(_asked(invoice)), 9.5, INK), *small]


def _beside_width(sheet: Sheet, size: float) -> float:
    return sheet.epw - _SUMS - size - 8


def _payee(invoice: Invoice) -> list[str]:
    pay_to = invoice.pay_to
    if pay_to is None:
        return []
    account = pay_to.upi_id if invoice.currency == "INR" else bank.show_iban(bank.check_iban(pay_to.iban))
    return [pay_to.name, account]


def _basis(sheet: Sheet, invoice: Invoice) -> str:
    said, rule = sheet.labels, invoice.tax_rule
    kept = [said.amounts_in.format(currency=invoice.currency)]
    if _taxed(invoice):
        kept.append(said.prices_with_tax if rule.inclusive else said.prices_before_tax)
        kept.append(said.rounded_by_line if rule.rounding is TaxRounding.LINE else said.rounded_by_rate)
    return " ".join(kept)
