"""What every view of an invoice shows: its lines and its sums."""

from __future__ import annotations

from typing import Final

import streamlit as st

from clinic_core.domain import money
from clinic_core.domain.billing import Invoice, tax_lines
from ui import text
from ui.rows import Row, rows

_NUMBERS: Final = ("Quantity", "Price", "Discount", "Amount")


def show_lines(invoice: Invoice) -> None:
    """The lines as a table, on a phone a card each."""
    shown = [
        Row(
            id=str(number),
            label=line.description,
            cells=(
                line.description,
                str(line.quantity),
                invoice.money(line.unit_price_minor),
                f"−{invoice.money(line.discount_minor)}" if line.discount_minor else "",
                invoice.money(line.amount_minor),
            ),
        )
        for number, line in enumerate(invoice.lines)
    ]
    rows("Lines", ("Service", *_NUMBERS), shown, key=f"invoice.lines.{invoice.id}", on_step=_nothing, right=_NUMBERS)


def show_totals(invoice: Invoice) -> None:
    """The sums, each rate of tax on its own, the total last."""
    sums = invoice.totals
    shown = [("Sum", invoice.money(sums.gross_minor))]
    if sums.discount_minor:
        shown.append(("Discount", f"−{invoice.money(sums.discount_minor)}"))
    shown += _taxes(invoice)
    head = ("**Total**", f"**{text.plain(invoice.money(sums.total_minor))}**")
    body = [(label, text.plain(amount)) for label, amount in shown] if len(shown) > 1 else []
    st.markdown(text.table(("", ""), [*body, head], right=(1,)))


def _taxes(invoice: Invoice) -> list[tuple[str, str]]:
    kind = "of it tax" if invoice.tax_rule.inclusive else "Tax"
    return [
        (f"{kind} {money.show_percent(tax.basis_points)} %", invoice.money(tax.tax_minor))
        for tax in tax_lines(invoice.lines, invoice.tax_rule)
        if tax.basis_points
    ]


def _nothing(_row: str, _step: str) -> None:
    """These rows carry no buttons."""
