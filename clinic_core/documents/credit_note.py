"""The credit note on A4: what it takes back of an invoice, line by line, with the tax in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clinic_core.documents import labels, table, words
from clinic_core.documents.style import Column
from clinic_core.domain import statements
from clinic_core.domain.billing import Adjustment, Invoice
from clinic_core.domain.money import format_minor
from clinic_core.domain.statements import CreditedPart, CreditNote

if TYPE_CHECKING:
    from clinic_core.documents.sheet import Sheet

_RIGHT: Final = 74.0  # mm, the column of dates
_SUMS: Final = 84.0  # mm, the column of sums


def render(invoice: Invoice, adjustment: Adjustment) -> bytes:
    """The PDF of one credit note of an invoice. Raises InvalidInput when the adjustment is none."""
    return drawn(statements.credit_note(invoice, adjustment))


def drawn(note: CreditNote) -> bytes:
    """The PDF of a credit note."""
    from clinic_core.documents.sheet import Sheet  # noqa: PLC0415 - loads fpdf2

    said = labels.of(note.locale)
    sheet = Sheet(
        paper="A4",
        title=f"{said.credit_note} {note.number}",
        author=note.issuer.name,
        created_at=note.at,
        labels=said,
    )
    sheet.letterhead(note.issuer, said.credit_note, note.number)
    _parties(sheet, note)
    table.draw(sheet, _columns(sheet, note), [_cells(note, part) for part in note.parts])
    sheet.ln(4)
    sums = _sums(sheet, note)
    if sheet.will_page_break(sheet.sums_height(sums, width=_SUMS) + 20):
        sheet.add_page()
    sheet.sums(sums, width=_SUMS)
    sheet.ln(4)
    sheet.pen(9.5)
    for text in _effects(sheet, note):
        sheet.line_of(text)
    sheet.ln(2)
    sheet.note(said.amounts_in.format(currency=note.currency))
    return sheet.finished()


def _parties(sheet: Sheet, note: CreditNote) -> None:
    said, subject, top = sheet.labels, note.subject, sheet.y
    sheet.labelled(said.credited_to, [subject.name, subject.number, subject.address], width=sheet.epw - _RIGHT - 6)
    bottom = sheet.y
    sheet.set_xy(sheet.w - sheet.r_margin - _RIGHT, top)
    facts = [
        (said.date, words.day(note.on, note.locale)),
        (said.corrects_invoice, note.invoice),
        (said.invoice_date, words.day(note.invoice_on, note.locale) if note.invoice_on else ""),
        (said.by, note.by),
    ]
    sheet.facts(facts, width=_RIGHT, label=0.42)
    sheet.set_xy(sheet.l_margin, max(bottom, sheet.y) + 3)
    sheet.labelled(said.reason, [note.reason], width=sheet.epw)
    sheet.ln(5)


def _columns(sheet: Sheet, note: CreditNote) -> list[Column]:
    said = sheet.labels
    tax = [Column(said.before_tax, 30, "RIGHT"), Column(said.tax, 34, "RIGHT")] if note.tax_minor else []
    return [Column(said.service, 80 if tax else 144), *tax, Column(said.amount, 30, "RIGHT")]


def _cells(note: CreditNote, part: CreditedPart) -> list[str]:
    total = _money(note, part.net_minor + part.tax_minor)
    if not note.tax_minor:
        return [part.description, total]
    rate = f"{words.rate(part.basis_points, note.locale)}  {_money(note, part.tax_minor)}"
    return [part.description, _money(note, part.net_minor), rate if part.tax_minor else "", total]


def _sums(sheet: Sheet, note: CreditNote) -> list[tuple[str, str, bool]]:
    said = sheet.labels
    total = (said.total_credited, _money(note, note.total_minor), True)
    if not note.tax_minor:
        return [total]
    taxes = [
        (
            said.tax_on.format(rate=words.rate(line.basis_points, note.locale), amount=_money(note, line.net_minor)),
            _money(note, line.tax_minor),
            False,
        )
        for line in note.taxes
    ]
    return [(said.before_tax, _money(note, note.net_minor), False), *taxes, total]


def _effects(sheet: Sheet, note: CreditNote) -> list[str]:
    """What becomes of the money."""
    said, lowered = sheet.labels, note.total_minor - note.to_credit_minor
    due = said.credit_lowers_due.format(number=note.invoice, amount=_money(note, lowered)) if lowered else ""
    held = said.credit_is_held.format(amount=_money(note, note.to_credit_minor)) if note.to_credit_minor else ""
    return [text for text in (due, held) if text]


def _money(note: CreditNote, amount_minor: int) -> str:
    return format_minor(amount_minor, note.currency, note.locale)
