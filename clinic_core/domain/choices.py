"""What a clinic can choose from: currencies, time zones and regions, and how it writes numbers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from zoneinfo import available_timezones

import phonenumbers
from babel.core import Locale, UnknownLocaleError
from babel.numbers import get_currency_name, get_territory_currencies

from clinic_core.errors import InvalidInput

_ENGLISH = "en"


@lru_cache(maxsize=1)
def currencies() -> Mapping[str, str]:
    """Codes of the currencies in use today (ISO 4217) and their English names, by code."""
    codes = {code for region in _territories() for code in get_territory_currencies(region)}
    return {code: get_currency_name(code, locale=_ENGLISH) for code in sorted(codes)}


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """Names of the time zones that people live in (IANA, ``Area/City``), and UTC."""
    return (*sorted(z for z in available_timezones() if "/" in z and not z.startswith(("Etc/", "SystemV/"))), "UTC")


@lru_cache(maxsize=1)
def regions() -> Mapping[str, str]:
    """Codes of the regions that have telephone numbers (ISO 3166) and their English names, by name."""
    names = _territories()
    known = {code: names[code] for code in phonenumbers.SUPPORTED_REGIONS if code in names}
    return dict(sorted(known.items(), key=lambda pair: pair[1]))


def check_locale(text: str) -> str:
    """The locale as it is stored, e.g. ``en_IN``; raises InvalidInput when nobody writes numbers that way."""
    wanted = text.strip().replace("-", "_")
    try:
        return str(Locale.parse(wanted))
    except (ValueError, UnknownLocaleError) as error:
        raise InvalidInput(
            f"{wanted!r} is no language and region; write it like en_IN, en_GB or de_DE.", field="locale"
        ) from error


def _territories() -> Mapping[str, str]:
    return {code: name for code, name in Locale.parse(_ENGLISH).territories.items() if len(code) == 2}  # noqa: PLR2004
