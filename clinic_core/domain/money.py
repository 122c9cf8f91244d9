"""Money is whole minor units (cents, paise) and an ISO 4217 code. One rounding rule: half up, away from zero."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Final

from babel.core import Locale, UnknownLocaleError
from babel.numbers import NumberFormatError, format_currency, get_currency_precision, list_currencies, parse_decimal

from clinic_core.errors import InvalidInput

_HALF: Final = Fraction(1, 2)
_MICRO: Final = 6  # decimals of a small price


@lru_cache(maxsize=64)
def exponent(currency: str) -> int:
    """How many digits the currency's minor unit has: 2 for EUR, 0 for JPY, 3 for KWD."""
    if currency not in list_currencies():
        raise InvalidInput(
            f"{currency!r} is no ISO 4217 currency code; use one like EUR, INR or USD.", field="currency"
        )
    return get_currency_precision(currency)


def round_minor(amount: Decimal | Fraction) -> int:
    """The nearest whole minor unit, halves away from zero.

    A quotient is handed in as a fraction: a decimal holds 28 digits of it, and a sum of such may miss a half.
    """
    exact = Fraction(amount)
    whole = math.floor(abs(exact) + _HALF)
    return whole if exact >= 0 else -whole


def share(amount_minor: int, basis_points: int) -> int:
    """`basis_points` ten-thousandths of an amount, rounded once."""
    return round_minor(Fraction(amount_minor * basis_points, 10_000))


def to_decimal(amount_minor: int, currency: str) -> Decimal:
    """The amount in major units, exact."""
    return Decimal(amount_minor).scaleb(-exponent(currency))


def format_minor(amount_minor: int, currency: str, locale: str = "en") -> str:
    """The amount as the clinic writes it, e.g. ``₹1,234.50``."""
    return format_currency(to_decimal(amount_minor, currency), currency, locale=_known(locale))


def parse_minor(text: str | int | float | Decimal, currency: str, locale: str = "en") -> int:
    """Minor units of an amount in major units as typed, e.g. ``"1,234.50"`` -> 123450.

    Raises InvalidInput when it is no number or has more decimals than the currency.
    """
    try:
        amount = Decimal(str(text)) if not isinstance(text, str) else _parse(text.strip(), locale)
    except (InvalidOperation, NumberFormatError, ValueError) as error:
        raise InvalidInput(f"{str(text)!r} is not an amount; write it like 1250.50.", field="amount") from error
    if not amount.is_finite():
        raise InvalidInput("An amount must be a finite number, like 1250.50.", field="amount")
    scaled = amount.scaleb(exponent(currency))
    if scaled != scaled.to_integral_value():
        raise InvalidInput(f"{currency} has {exponent(currency)} decimals; {text} has more.", field="amount")
    return int(scaled)


def to_micros(amount_minor: int, currency: str) -> int:
    """Millionths of the currency, in which small prices such as that of a text message are kept."""
    return int(to_decimal(amount_minor, currency).scaleb(_MICRO))


def of_micros(micros: int, currency: str) -> int:
    """Whole minor units of a sum of small prices, rounded once."""
    return round_minor(Fraction(micros * 10 ** exponent(currency), 10**_MICRO))


def format_micros(micros: int, currency: str, locale: str = "en") -> str:
    """A small price with all its decimals, at least those of the currency: ``$0.0079``."""
    amount = Decimal(micros).scaleb(-_MICRO).normalize()
    return format_currency(amount, currency, locale=_known(locale), decimal_quantization=False)


def parse_micros(text: str, currency: str, locale: str = "en") -> int:
    """Millionths of the currency of a small price as typed: ``"0.0079"`` -> 7900. Raises InvalidInput."""
    try:
        amount = _parse(text.strip(), locale)
    except (InvalidOperation, NumberFormatError, ValueError) as error:
        raise InvalidInput(f"{text!r} is not an amount in {currency}; write it like 0.0079.", field="amount") from error
    micros = amount.scaleb(_MICRO) if amount.is_finite() else amount
    if not amount.is_finite() or micros != micros.to_integral_value():
        raise InvalidInput("A price has at most six decimals, like 0.0079.", field="amount")
    return int(micros)


def show_micros(micros: int) -> str:
    """The number alone, without needless zeros, as a form shows it: 7900 -> ``"0.0079"``."""
    return f"{Decimal(micros).scaleb(-_MICRO).normalize():f}"


def parse_percent(text: str | int | float | Decimal, locale: str = "en") -> int:
    """Basis points of a percentage as typed: ``"17.5"`` or ``"17.5 %"`` -> 1750.

    Raises InvalidInput when it is no number or has more than two decimals.
    """
    typed = str(text).replace("%", "").strip()
    try:
        points = _parse(typed, locale) * 100
    except (NumberFormatError, ValueError) as error:
        raise InvalidInput(f"{typed!r} is not a percentage; write it like 18 or 17.5.", field="tax") from error
    if not points.is_finite() or points != points.to_integral_value():
        raise InvalidInput("A percentage has at most two decimals, like 17.5.", field="tax")
    return int(points)


def show_percent(basis_points: int) -> str:
    """The percentage without needless zeros: 1750 -> ``"17.5"``."""
    return f"{Decimal(basis_points).scaleb(-2).normalize():f}"


def _known(locale: str) -> Locale:
    try:
        return Locale.parse(locale)
    except (ValueError, UnknownLocaleError):
        return Locale.parse("en")


def _parse(text: str, locale: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return parse_decimal(text, locale=locale, strict=True)
