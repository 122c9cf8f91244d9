"""A draft's lines as the columns of an editable table, and back. Prices are in major units there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from clinic_core.domain import billing, money
from clinic_core.domain.billing import Invoice, LineItem
from clinic_core.domain.organization import HealthcareService
from clinic_core.errors import InvalidInput

Columns: TypeAlias = dict[str, list[Any]]  # equally long, one entry per line
NAMES = ("service", "description", "quantity", "price", "discount", "tax", "session")


def columns(lines: Iterable[LineItem], currency: str) -> Columns:
    """The table of the lines."""
    rows = [_row(line, currency) for line in lines]
    return {name: [row[n] for row in rows] for n, name in enumerate(NAMES)}


def read(edited: Mapping[str, list[Any]], services: Mapping[str, HealthcareService], currency: str) -> list[LineItem]:
    """The lines of the table; what was left blank is the catalogue's, a row without anything is no line.

    Raises InvalidInput that names the line.
    """
    rows = [
        dict(zip(NAMES, (_value(v) for v in row), strict=True)) for row in zip(*(edited[n] for n in NAMES), strict=True)
    ]
    return [
        _line(number, row, services, currency)
        for number, row in enumerate(rows, 1)
        if any(value is not None for value in row.values())
    ]


def discount(typed: str, invoice: Invoice) -> int:
    """Minor units of a discount on the whole invoice as typed: an amount, or a percentage like ``"10 %"``."""
    if typed.strip().endswith("%"):
        whole = sum(billing.discountable(invoice.lines))
        return money.share(whole, money.parse_percent(typed, invoice.locale))
    return money.parse_minor(typed, invoice.currency, invoice.locale)


def _row(line: LineItem, currency: str) -> tuple[str, str, int, float, float, float, str | None]:
    return (
        line.service_id,
        line.description,
        line.quantity,
        float(money.to_decimal(line.unit_price_minor, currency)),
        float(money.to_decimal(line.discount_minor, currency)),
        line.tax_basis_points / 100,
        line.session,
    )


def _line(number: int, row: Mapping[str, Any], services: Mapping[str, HealthcareService], currency: str) -> LineItem:
    known = services.get(row["service"])
    if known is None:
        raise InvalidInput(f"Line {number}: choose a service.", field="service")
    usual = billing.line_for(known)
    try:
        return LineItem(
            service_id=known.id,
            description=str(row["description"] or usual.description).strip(),
            quantity=_whole(row["quantity"], usual.quantity),
            unit_price_minor=_minor(row["price"], usual.unit_price_minor, currency),
            discount_minor=_minor(row["discount"], 0, currency),
            tax_basis_points=usual.tax_basis_points if row["tax"] is None else money.parse_percent(row["tax"]),
            session=row["session"],
        )
    except InvalidInput as error:
        raise InvalidInput(f"Line {number}: {error}", field=error.field) from error


def _minor(value: Any, usual: int, currency: str) -> int:
    return usual if value is None else money.parse_minor(value, currency)


def _whole(value: Any, usual: int) -> int:
    if value is None:
        return usual
    if value != int(value):
        raise InvalidInput("the quantity must be a whole number.", field="quantity")
    return int(value)


def _value(value: Any) -> Any:
    """None for every kind of empty cell."""
    empty = value is None or value == "" or (isinstance(value, float) and math.isnan(value))
    return None if empty else value
