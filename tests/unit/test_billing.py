"""The arithmetic of invoices. The table was worked out by hand, to the minor unit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain import billing
from clinic_core.domain.billing import InvoiceStatus, LineItem, Totals
from clinic_core.domain.organization import TaxRounding, TaxRule
from clinic_core.errors import IllegalTransition, InvalidInput, OverPayment
from tests import make

OUTSIDE_LINE = TaxRule(inclusive=False, rounding=TaxRounding.LINE)
OUTSIDE_TOTAL = TaxRule(inclusive=False, rounding=TaxRounding.TOTAL)
INSIDE_LINE = TaxRule(inclusive=True, rounding=TaxRounding.LINE)
INSIDE_TOTAL = TaxRule(inclusive=True, rounding=TaxRounding.TOTAL)

# what: (rule, [(quantity, unit price, discount, basis points)], (gross, discount, net, tax, total))
INVOICES = {
    "no lines": (OUTSIDE_LINE, [], (0, 0, 0, 0, 0)),
    "one line without tax": (OUTSIDE_LINE, [(1, 50000, 0, 0)], (50000, 0, 50000, 0, 50000)),
    "18 % on top": (OUTSIDE_LINE, [(1, 50000, 0, 1800)], (50000, 0, 50000, 9000, 59000)),
    "three of 250.50": (OUTSIDE_LINE, [(3, 25050, 0, 1800)], (75150, 0, 75150, 13527, 88677)),
    "three of 250.50 less 50": (OUTSIDE_LINE, [(3, 25050, 5000, 1800)], (75150, 5000, 70150, 12627, 82777)),
    "59.94 is 60": (OUTSIDE_LINE, [(1, 333, 0, 1800)], (333, 0, 333, 60, 393)),
    "2.5 is 3": (OUTSIDE_LINE, [(1, 25, 0, 1000)], (25, 0, 25, 3, 28)),
    "2.5 twice, per line": (OUTSIDE_LINE, [(1, 25, 0, 1000)] * 2, (50, 0, 50, 6, 56)),
    "2.5 twice, per total": (OUTSIDE_TOTAL, [(1, 25, 0, 1000)] * 2, (50, 0, 50, 5, 55)),
    "0.54 three times, per line": (OUTSIDE_LINE, [(1, 3, 0, 1800)] * 3, (9, 0, 9, 3, 12)),
    "0.54 three times, per total": (OUTSIDE_TOTAL, [(1, 3, 0, 1800)] * 3, (9, 0, 9, 2, 11)),
    "9.5 twice, per line": (OUTSIDE_LINE, [(1, 50, 0, 1900)] * 2, (100, 0, 100, 20, 120)),
    "9.5 twice, per total": (OUTSIDE_TOTAL, [(1, 50, 0, 1900)] * 2, (100, 0, 100, 19, 119)),
    "per total is per rate": (
        OUTSIDE_TOTAL,
        [(1, 25, 0, 1000), (1, 25, 0, 500), (1, 25, 0, 1000), (1, 25, 0, 500)],
        (100, 0, 100, 8, 108),  # 5.0 at 10 %, 2.5 at 5 %
    ),
    "four rates": (
        OUTSIDE_LINE,
        [(1, 10000, 0, 500), (1, 10000, 0, 1200), (1, 10000, 0, 1800), (1, 10000, 0, 0)],
        (40000, 0, 40000, 3500, 43500),
    ),
    "12.5 %": (OUTSIDE_LINE, [(1, 999, 0, 1250)], (999, 0, 999, 125, 1124)),
    "8.1 %": (OUTSIDE_LINE, [(1, 12345, 0, 810)], (12345, 0, 12345, 1000, 13345)),
    "7 % on three of 0.33": (OUTSIDE_LINE, [(3, 33, 0, 700)], (99, 0, 99, 7, 106)),
    "19 %": (OUTSIDE_LINE, [(1, 2521, 0, 1900)], (2521, 0, 2521, 479, 3000)),
    "a discount of one": (OUTSIDE_LINE, [(1, 1001, 1, 1800)], (1001, 1, 1000, 180, 1180)),
    "all of it discounted": (OUTSIDE_LINE, [(1, 50000, 50000, 1800)], (50000, 50000, 0, 0, 0)),
    "free of charge beside a paid one": (
        OUTSIDE_LINE,
        [(1, 0, 0, 1800), (2, 15000, 0, 0)],
        (30000, 0, 30000, 0, 30000),
    ),
    "very large": (
        OUTSIDE_LINE,
        [(10000, 99999999, 0, 1800)],
        (999999990000, 0, 999999990000, 179999998200, 1179999988200),
    ),
    "18 % inside": (INSIDE_LINE, [(1, 11800, 0, 1800)], (11800, 0, 10000, 1800, 11800)),
    "18 % inside 500": (INSIDE_LINE, [(1, 50000, 0, 1800)], (50000, 0, 42373, 7627, 50000)),
    "15.25 three times inside, per line": (INSIDE_LINE, [(1, 100, 0, 1800)] * 3, (300, 0, 255, 45, 300)),
    "15.25 three times inside, per total": (INSIDE_TOTAL, [(1, 100, 0, 1800)] * 3, (300, 0, 254, 46, 300)),
    "inside, discounted": (INSIDE_LINE, [(2, 11800, 11800, 1800)], (23600, 11800, 10000, 1800, 11800)),
    "5 % inside": (INSIDE_LINE, [(1, 10500, 0, 500)], (10500, 0, 10000, 500, 10500)),
    "12 % inside 9.99": (INSIDE_LINE, [(1, 999, 0, 1200)], (999, 0, 892, 107, 999)),
    "19 % inside 30": (INSIDE_LINE, [(1, 3000, 0, 1900)], (3000, 0, 2521, 479, 3000)),
    "8.1 % inside": (INSIDE_LINE, [(1, 12345, 0, 810)], (12345, 0, 11420, 925, 12345)),
    "28 % inside": (INSIDE_TOTAL, [(1, 12800, 0, 2800)], (12800, 0, 10000, 2800, 12800)),
    "two rates inside": (
        INSIDE_TOTAL,
        [(1, 10500, 0, 500), (1, 11800, 0, 1800)],
        (22300, 0, 20000, 2300, 22300),
    ),
    "exactly half inside": (INSIDE_LINE, [(1, 1, 0, 10000)], (1, 0, 0, 1, 1)),
    "one and a half inside": (INSIDE_LINE, [(1, 3, 0, 10000)], (3, 0, 1, 2, 3)),
    "inside without tax": (INSIDE_LINE, [(4, 2500, 1000, 0)], (10000, 1000, 9000, 0, 9000)),
}


@pytest.mark.parametrize(("rule", "lines", "expected"), INVOICES.values(), ids=INVOICES.keys())
def test_totals_to_the_cent(
    rule: TaxRule, lines: list[tuple[int, int, int, int]], expected: tuple[int, int, int, int, int]
) -> None:
    """Gross, discount, net, tax and total are those that were worked out by hand."""
    gross, discount, net, tax, total = expected

    found = billing.totals([_line(*line) for line in lines], rule)

    assert found == Totals(gross_minor=gross, discount_minor=discount, net_minor=net, tax_minor=tax, total_minor=total)


LINES = st.builds(
    lambda quantity, price, part, tax: _line(quantity, price, quantity * price * part // 100, tax),
    st.integers(1, 20),
    st.integers(0, 500_000),
    st.integers(0, 100),
    st.sampled_from([0, 500, 700, 810, 1200, 1250, 1800, 1900, 2800]),
)
RULES = st.sampled_from([OUTSIDE_LINE, OUTSIDE_TOTAL, INSIDE_LINE, INSIDE_TOTAL])


@given(st.lists(LINES, max_size=8), RULES)
def test_parts_add_up(lines: list[LineItem], rule: TaxRule) -> None:
    """Net and tax are the total; the printed tax lines are the tax and the net; with tax inside nothing is added."""
    found = billing.totals(lines, rule)
    by_rate = billing.tax_lines(lines, rule)

    assert found.net_minor + found.tax_minor == found.total_minor
    assert sum(line.tax_minor for line in by_rate) == found.tax_minor
    assert sum(line.net_minor for line in by_rate) == found.net_minor
    if rule.inclusive:
        assert found.total_minor == found.gross_minor - found.discount_minor


# Rates with which the tax inside a sum can be a half: the sum leaves this many of that many minor units.
HALVES = {400: (13, 26), 1_200: (14, 28), 2_000: (3, 6), 2_800: (16, 32)}


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8), st.sampled_from(sorted(HALVES)), st.integers(0, 1))
def test_a_half_inside_a_sum_goes_up(amounts: list[int], rate: int, more: int) -> None:
    """Shares of lines that never end add up to an exact half, or to a hair more, and not to 0.4999 of a cent."""
    left, modulus = HALVES[rate]
    amounts = [*amounts, (left + more - sum(amounts)) % modulus]
    lines = [_line(1, amount, 0, rate) for amount in amounts]
    exact = Fraction(sum(amounts) * rate, 10_000 + rate)

    assert exact - int(exact) >= Fraction(1, 2)
    assert billing.totals(lines, INSIDE_TOTAL).tax_minor == int(exact) + 1
    assert sum(billing.line_taxes(lines, INSIDE_TOTAL)) == int(exact) + 1


@given(st.lists(LINES, min_size=1, max_size=8), RULES)
def test_tax_is_what_fractions_say(lines: list[LineItem], rule: TaxRule) -> None:
    """Each rate's tax, rounded half up once per line or once per total, whatever the quotients look like."""
    for found in billing.tax_lines(lines, rule):
        rate = found.basis_points
        asked = [line.amount_minor for line in lines if line.tax_basis_points == rate]
        sums = asked if rule.rounding is TaxRounding.LINE else [sum(asked)]
        exact = [Fraction(one * rate, 10_000 + (rate if rule.inclusive else 0)) for one in sums]
        assert found.tax_minor == sum(int(tax + Fraction(1, 2)) for tax in exact)


@given(st.lists(LINES, min_size=1, max_size=8), st.integers(0, 100))
def test_a_spread_discount_is_all_there(lines: list[LineItem], percent: int) -> None:
    """Every minor unit of the discount lands on a line, and no line is discounted below nothing."""
    discount = sum(line.gross_minor for line in lines) * percent // 100

    spread = billing.spread_discount(lines, discount)

    assert sum(line.discount_minor for line in spread) == discount
    billing.check_lines(spread)


@pytest.mark.parametrize(
    ("prices", "discount", "expected"),
    [
        ([333, 333, 334], 100, [33, 33, 34]),
        ([100, 100, 100], 1, [1, 0, 0]),
        ([100, 0, 300], 50, [13, 0, 37]),  # 12.5 and 37.5: the first of equal remainders
        ([100, 300], 400, [100, 300]),
        ([100, 300], 0, [0, 0]),
        ([0, 0], 0, [0, 0]),
    ],
)
def test_a_discount_is_spread_in_proportion(prices: list[int], discount: int, expected: list[int]) -> None:
    """By hand: shares in proportion, what is left over to the largest remainders."""
    spread = billing.spread_discount([_line(1, price, 0, 0) for price in prices], discount)

    assert [line.discount_minor for line in spread] == expected


@pytest.mark.parametrize("discount", [-1, 401])
def test_a_discount_stays_within_the_lines(discount: int) -> None:
    """Neither a surcharge nor more than everything."""
    with pytest.raises(InvalidInput, match="discount"):
        billing.spread_discount([_line(1, 100, 0, 0), _line(1, 300, 0, 0)], discount)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": 1.5}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"quantity": 10_001}, "quantity"),
        ({"unit_price_minor": -1}, "price"),
        ({"unit_price_minor": 10**13}, "price"),
        ({"unit_price_minor": 10.0}, "price"),
        ({"discount_minor": -1}, "discount"),
        ({"discount_minor": 50_001}, "discount"),
        ({"tax_basis_points": -1}, "tax"),
        ({"tax_basis_points": 10_001}, "tax"),
        ({"description": "  "}, "description"),
    ],
)
def test_a_line_that_cannot_be(changes: dict[str, object], field: str) -> None:
    """The message names the line, the error the field."""
    with pytest.raises(InvalidInput, match="Line 2") as raised:
        billing.check_lines([make.line(), make.line(**changes)])

    assert raised.value.field == field


def test_an_invoice_has_at_most_200_lines() -> None:
    """A document stays small."""
    billing.check_lines([make.line()] * 200)
    with pytest.raises(InvalidInput, match="200"):
        billing.check_lines([make.line()] * 201)


def test_what_is_due() -> None:
    """Drafts and cancelled invoices owe nothing."""
    draft = make.invoice()
    issued = replace(draft, status=InvoiceStatus.ISSUED, paid_minor=20_000)

    assert draft.due_minor == 0
    assert issued.due_minor == 30_000
    assert replace(issued, status=InvoiceStatus.CANCELLED).due_minor == 0


def test_numbers_as_printed() -> None:
    """Five digits, more when needed; a draft has none."""
    draft = make.invoice()

    assert draft.label == "draft"
    assert replace(draft, series="INV-2026", number=42).label == "INV-2026-00042"
    assert replace(draft, series="INV-2026", number=123_456).label == "INV-2026-123456"


def test_over_payment_says_what_is_due() -> None:
    """In the invoice's own currency."""
    issued = replace(make.invoice(), status=InvoiceStatus.ISSUED, paid_minor=12_345)

    billing.require_payable(issued, 37_655)
    with pytest.raises(OverPayment, match=r"Only ₹376\.55 is due"):
        billing.require_payable(issued, 37_656)


@pytest.mark.parametrize("status", [InvoiceStatus.DRAFT, InvoiceStatus.CANCELLED])
def test_no_money_for_what_is_not_issued(status: InvoiceStatus) -> None:
    """Drafts and cancelled invoices take no payment."""
    with pytest.raises(IllegalTransition, match=status.value):
        billing.require_payable(make.invoice(status=status), 1)


def test_a_balanced_invoice_takes_no_more() -> None:
    """Paid in full is said, not "only 0 is due"."""
    with pytest.raises(OverPayment, match="paid in full"):
        billing.require_payable(make.invoice(status=InvoiceStatus.BALANCED, paid_minor=50_000), 1)


@pytest.mark.parametrize("amount", [0, -1, 1.5, True, 10**13, "100"])
def test_a_payment_is_a_positive_whole_amount(amount: object) -> None:
    """Anything else is refused, whatever its type."""
    with pytest.raises(InvalidInput, match="above zero"):
        billing.check_payment(make.payment(amount_minor=amount))


@pytest.mark.parametrize("key", ["", None, {"$ne": ""}])
def test_a_payment_has_a_key(key: object) -> None:
    """Without one a double click would pay twice; an operator is no key."""
    with pytest.raises(InvalidInput, match="stale"):
        billing.check_payment(make.payment(key=key))


def test_text_on_one_line() -> None:
    """References and reasons are single lines of at most 200 characters."""
    assert billing.clean_text("  UPI \n 4033 ", field="reference") == "UPI 4033"
    with pytest.raises(InvalidInput):
        billing.clean_text("x" * 201, field="reason")


def _line(quantity: int, price: int, discount: int, basis_points: int) -> LineItem:
    return make.line(quantity=quantity, unit_price_minor=price, discount_minor=discount, tax_basis_points=basis_points)
