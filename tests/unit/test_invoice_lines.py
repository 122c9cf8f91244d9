"""A draft's lines as an editable table and back."""

from typing import Any

import pytest

from clinic_core.domain import billing
from clinic_core.domain.billing import LineItem
from clinic_core.errors import InvalidInput
from tests import make
from ui import invoice_lines

CONSULTATION = make.service()
DRESSING = make.service(id=make.DRESSING, code="DRES", name="Dressing", price_minor=25_050, tax_basis_points=1_800)
SERVICES = {service.id: service for service in (CONSULTATION, DRESSING)}


def table(**cells: Any) -> invoice_lines.Columns:
    """One row, blank but for `cells`."""
    return {name: [cells.get(name)] for name in invoice_lines.NAMES}


@pytest.mark.parametrize(
    "line",
    [
        make.line(),
        make.line(quantity=3, unit_price_minor=33_33, discount_minor=1, tax_basis_points=1_750),
        make.line(service_id=make.DRESSING, description="Large dressing", unit_price_minor=1_234_567_89),
        make.line(description="Physio", discount_minor=50_000, session="package-use:1"),
    ],
)
def test_what_was_not_edited_comes_back_to_the_cent(line: LineItem) -> None:
    """Floats in the browser's table lose nothing."""
    assert invoice_lines.read(invoice_lines.columns([line], "INR"), SERVICES, "INR") == [line]


def test_a_discount_on_the_whole_leaves_what_a_session_pays() -> None:
    """Half of a bill of 500 and of a visit that a package pays is 250: the visit would be charged otherwise."""
    paid = make.line(discount_minor=50_000, session="package-use:1")
    bill = make.invoice(lines=(paid, make.line()))
    off = invoice_lines.discount("50 %", bill)
    assert off == 25_000
    assert billing.spread_discount(bill.lines, off) == (paid, make.line(discount_minor=25_000))


def test_a_new_line_takes_what_is_blank_from_the_catalogue() -> None:
    """Choosing the service is enough."""
    (line,) = invoice_lines.read(table(service=make.DRESSING, price=float("nan")), SERVICES, "INR")
    assert line == make.line(
        service_id=make.DRESSING, description="Dressing", unit_price_minor=25_050, tax_basis_points=1_800
    )


def test_a_row_without_anything_is_no_line() -> None:
    """The table's plus sign was pressed once too often."""
    assert invoice_lines.read(table(), SERVICES, "INR") == []


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"quantity": 2}, "Line 1: choose a service"),
        ({"service": "gone"}, "Line 1: choose a service"),
        ({"service": make.CONSULTATION, "price": 1.005}, "Line 1: INR has 2 decimals"),
        ({"service": make.CONSULTATION, "quantity": 1.5}, "Line 1: the quantity must be a whole number"),
        ({"service": make.CONSULTATION, "tax": 1.234}, "Line 1: .*two decimals"),
    ],
)
def test_what_cannot_be_names_its_line(cells: dict[str, Any], says: str) -> None:
    """So that the desk finds it at once."""
    with pytest.raises(InvalidInput, match=says):
        invoice_lines.read(table(**cells), SERVICES, "INR")


def test_currencies_without_minor_units() -> None:
    """5000 yen are 5000 minor units."""
    (line,) = invoice_lines.read(table(service=make.CONSULTATION, price=5000.0), SERVICES, "JPY")
    assert line.unit_price_minor == 5000
