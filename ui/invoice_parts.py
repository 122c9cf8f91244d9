"""What every view of an invoice shows: its lines and its sums, as one table that fits a phone."""

from __future__ import annotations

from html import escape
from typing import Final

import streamlit as st

from clinic_core.domain import billing, money
from clinic_core.domain.billing import Invoice, LineItem, tax_lines

_TABLE: Final = "width:100%;max-width:34rem;border-collapse:collapse;font-variant-numeric:tabular-nums"
_RULE: Final = "1px solid color-mix(in srgb, currentColor 20%, transparent)"
_CELL: Final = "padding:.4rem .25rem;vertical-align:top;text-align:left;font-weight:inherit"


def show_bill(invoice: Invoice) -> None:
    """The lines, the sums under them, and what was paid."""
    lines = [
        _row(line.description, invoice.money(line.amount_minor), _how(invoice, line), ruled=True)
        for line in invoice.lines
    ]
    rows = f"{''.join(lines)}{_sums(invoice)}{_settled(invoice)}"
    st.html(f'<table aria-label="Bill" style="{_TABLE}">{rows}</table>')


def show_totals(invoice: Invoice, payer: str = "") -> None:
    """The sums alone; with the name of a draft's payer, who owes which part."""
    st.html(f'<table aria-label="Totals" style="{_TABLE}">{_sums(invoice)}{_shares(invoice, payer)}</table>')


def _how(invoice: Invoice, line: LineItem) -> str:
    """``2 × ₹500.00, less ₹50.00``; nothing for one at its price."""
    parts = [f"{line.quantity} × {invoice.money(line.unit_price_minor)}"] if line.quantity > 1 else []
    if line.discount_minor:
        parts += [invoice.money(line.unit_price_minor)] if not parts else []
        parts.append(f"less {invoice.money(line.discount_minor)}")
    return ", ".join(parts)


def _sums(invoice: Invoice) -> str:
    sums = invoice.totals
    shown = [("Sum", sums.gross_minor)] if sums.discount_minor or sums.tax_minor else []
    if sums.discount_minor:
        shown.append(("Discount", -sums.discount_minor))
    shown += _taxes(invoice)
    rows = [_row(label, invoice.money(amount)) for label, amount in shown]
    rows.append(_row("Total", invoice.money(sums.total_minor), strong=True))
    return "".join(rows)


def _settled(invoice: Invoice) -> str:
    """What was paid, taken back and given up, and what is left of whom."""
    changed = [
        ("Paid", invoice.paid_minor),
        ("Credit notes", invoice.credited_minor),
        ("Written off", invoice.written_off_minor),
    ]
    rows = [_row(label, invoice.money(-amount)) for label, amount in changed if amount]
    if rows:
        rows.append(_row("Due", invoice.money(invoice.due_minor), strong=True))
    if invoice.payer_due_minor:
        name = invoice.payer.name if invoice.payer else "payer"
        rows.append(_row("of it from the patient", invoice.money(invoice.patient_due_minor)))
        rows.append(_row(f"of it from {name}", invoice.money(invoice.payer_due_minor)))
    return "".join(rows)


def _shares(invoice: Invoice, payer: str) -> str:
    if invoice.payer_id is None:
        return ""
    share = billing.share_of(invoice)
    rest = invoice.money(invoice.total_minor - share)
    return _row("of it from the patient", rest) + _row(f"of it from {payer or 'payer'}", invoice.money(share))


def _taxes(invoice: Invoice) -> list[tuple[str, int]]:
    kind = "of it tax" if invoice.tax_rule.inclusive else "Tax"
    return [
        (f"{kind} {money.show_percent(tax.basis_points)} %", tax.tax_minor)
        for tax in tax_lines(invoice.lines, invoice.tax_rule)
        if tax.basis_points
    ]


def _row(label: str, amount: str, note: str = "", *, strong: bool = False, ruled: bool = False) -> str:
    style = f"font-weight:{600 if strong else 400};" + (f"border-bottom:{_RULE};" if ruled else "")
    small = f'<br><span style="opacity:.75;font-size:.875em">{escape(note)}</span>' if note else ""
    right = _CELL.replace("text-align:left", "text-align:right;white-space:nowrap")
    return (
        f'<tr style="{style}"><th scope="row" style="{_CELL}">{escape(label)}{small}</th>'
        f'<td style="{right}">{escape(amount)}</td></tr>'
    )
