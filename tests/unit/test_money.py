"""Whole minor units, one rounding rule."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain import money
from clinic_core.errors import InvalidInput

AMOUNTS = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [("0.5", 1), ("-0.5", -1), ("1.5", 2), ("2.5", 3), ("2.49", 2), ("-2.5", -3), ("0", 0)],
)
def test_halves_go_away_from_zero(amount: str, rounded: int) -> None:
    """As people round, not as banks do."""
    assert money.round_minor(Decimal(amount)) == rounded


@given(amount=AMOUNTS, basis_points=st.integers(0, 10_000))
def test_a_share_is_the_nearest_whole_unit(amount: int, basis_points: int) -> None:
    """Never further than half a unit from the exact share."""
    exact = Fraction(amount * basis_points, 10_000)
    assert abs(money.share(amount, basis_points) - exact) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("1250.50", "INR", 125_050),
        ("1,250.50", "INR", 125_050),
        ("1250", "JPY", 1_250),
        ("1.234", "KWD", 1_234),
        (1250.5, "EUR", 125_050),
        (12, "EUR", 1_200),
        ("-3.10", "EUR", -310),
    ],
)
def test_amounts_as_typed(typed: str | float, currency: str, minor: int) -> None:
    """In major units, with as many decimals as the currency has."""
    assert money.parse_minor(typed, currency) == minor


@pytest.mark.parametrize(
    ("typed", "currency"),
    [
        ("", "INR"),
        ("ten", "INR"),
        ("1.505", "INR"),
        ("1.5", "JPY"),
        ("NaN", "INR"),
        ("Infinity", "INR"),
        ("1..2", "INR"),
    ],
)
def test_amounts_that_are_none(typed: str, currency: str) -> None:
    """Not a number, not finite, or finer than the currency."""
    with pytest.raises(InvalidInput) as refused:
        money.parse_minor(typed, currency)
    assert refused.value.field == "amount"


@given(amount=AMOUNTS, currency=st.sampled_from(("INR", "EUR", "JPY", "KWD")))
def test_major_units_and_back(amount: int, currency: str) -> None:
    """Nothing is lost."""
    assert money.parse_minor(money.to_decimal(amount, currency), currency) == amount


@pytest.mark.parametrize(
    ("currency", "locale", "shown"),
    [
        ("INR", "en_IN", "₹1,23,456.78"),
        ("EUR", "de_DE", "123.456,78\xa0€"),
        ("EUR", "nonsense", "€123,456.78"),
        ("USD", "en_US", "$123,456.78"),
    ],
)
def test_amounts_are_written_the_clinics_way(currency: str, locale: str, shown: str) -> None:
    """A locale that nobody knows writes plain English."""
    assert money.format_minor(12_345_678, currency, locale) == shown


def test_a_currency_that_is_none() -> None:
    """The message says what would be one."""
    with pytest.raises(InvalidInput, match="use one like EUR"):
        money.exponent("EURO")
