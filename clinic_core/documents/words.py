"""Days, times and rates as the clinic's locale writes them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_decimal, format_percent

from clinic_core.domain.organization import zone_of


def locale_of(name: str) -> Locale:
    """The locale; English when there is none of that name."""
    try:
        return Locale.parse(name)
    except (ValueError, UnknownLocaleError):
        return Locale.parse("en")


def day(value: date, locale: str) -> str:
    """A day, e.g. ``02-Mar-2026``."""
    return str(format_date(value, "medium", locale=locale_of(locale)))


def long_day(value: date, locale: str) -> str:
    """A day with its weekday, e.g. ``Monday, 2 March 2026``."""
    return str(format_date(value, "full", locale=locale_of(locale)))


def clock_time(value: datetime, zone: str, locale: str) -> str:
    """The time of day on the wall clock of an IANA zone, e.g. ``9:05 am``."""
    return str(format_time(value.astimezone(zone_of(zone)), "short", locale=locale_of(locale)))


def moment(value: datetime, zone: str, locale: str) -> str:
    """Day and time of day on the wall clock of an IANA zone."""
    return f"{day(value.astimezone(zone_of(zone)).date(), locale)}, {clock_time(value, zone, locale)}"


def rate(basis_points: int, locale: str) -> str:
    """A tax rate, e.g. ``18 %`` or ``12.5%``, as the locale writes it."""
    return str(
        format_percent(
            Decimal(basis_points) / 10_000, format=None, locale=locale_of(locale), decimal_quantization=False
        )
    )


def share(part: float, locale: str) -> str:
    """A share of a whole to a tenth of a percent, e.g. ``12.3%``, as the locale writes it."""
    return rate(round(part * 1_000) * 10, locale)


def decimal(number: float, locale: str) -> str:
    """A number to a tenth, e.g. ``1,234.5``, as the locale writes it."""
    return str(format_decimal(number, "#,##0.0", locale=locale_of(locale)))


def count(number: int, locale: str) -> str:
    """A whole number with the locale's signs, e.g. ``1,234``."""
    return str(format_decimal(number, locale=locale_of(locale)))
