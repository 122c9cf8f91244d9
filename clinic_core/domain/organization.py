"""The clinic itself and what it offers (FHIR Organization, HealthcareService, Location)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from clinic_core.domain import choices, money
from clinic_core.errors import InvalidInput

_PREFIX: Final = re.compile(r"[A-Z][A-Z0-9/-]{0,9}")
_SLOTS: Final = range(5, 121, 5)
_VISITS: Final = range(5, 481, 5)
_WHOLE: Final = 10_000


class TaxRounding(StrEnum):
    """Where the tax of an invoice is rounded; it is stored on each invoice."""

    LINE = "line"
    TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRule:
    """Whether prices hold their tax already, and where it is rounded."""

    inclusive: bool = False
    rounding: TaxRounding = TaxRounding.LINE


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A place that only one visit can use at a time (FHIR Location)."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """The clinic's profile; there is one."""

    id: str = "clinic"
    name: str = "The Clinic"
    address: str = ""
    phone: str = ""
    tax_id: str = ""
    currency: str = "INR"  # ISO 4217
    locale: str = "en_IN"  # how numbers and money are written
    region: str = "IN"  # ISO 3166, how a phone without a country code is read
    time_zone: str = "Asia/Kolkata"  # IANA
    tax_rule: TaxRule = TaxRule()
    invoice_prefix: str = "INV"
    slot_minutes: int = 15  # the day view's grid, a multiple of 5
    rooms: tuple[Room, ...] = ()
    version: int = 0

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's time zone."""
        return zone_of(self.time_zone)

    def money(self, amount_minor: int) -> str:
        """The amount as this clinic writes it."""
        return money.format_minor(amount_minor, self.currency, self.locale)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthcareService:
    """Something that can be booked and billed."""

    id: str
    code: str  # short and unique, e.g. "CONS"
    name: str
    minutes: int  # how long a visit takes, a multiple of 5
    price_minor: int
    tax_basis_points: int = 0  # 1800 is 18 %
    active: bool = True
    version: int = 1


@lru_cache(maxsize=32)
def zone_of(name: str) -> ZoneInfo:
    """The IANA zone; raises InvalidInput when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidInput(
            f"{name!r} is no time zone; use one like Asia/Kolkata or Europe/Berlin.", field="time_zone"
        ) from error


def check_organization(profile: Organization) -> Organization:
    """The profile as it is stored; raises InvalidInput naming the field that cannot be."""
    money.exponent(profile.currency)
    zone_of(profile.time_zone)
    if profile.region not in choices.regions():
        raise InvalidInput(f"{profile.region!r} is no region; use a code like IN, GB or DE.", field="region")
    if not _PREFIX.fullmatch(profile.invoice_prefix):
        raise InvalidInput(
            "The invoice prefix is up to ten capital letters and digits, like INV.", field="invoice_prefix"
        )
    if profile.slot_minutes not in _SLOTS:
        raise InvalidInput("A slot takes 5 to 120 minutes, in steps of five.", field="slot_minutes")
    if len({room.id for room in profile.rooms}) < len(profile.rooms) or not all(r.name.strip() for r in profile.rooms):
        raise InvalidInput("Each room needs a name.", field="rooms")
    return replace(profile, name=_text(profile.name, "name"), locale=choices.check_locale(profile.locale))


def check_service(service: HealthcareService) -> HealthcareService:
    """The service as it is stored; raises InvalidInput naming the field that cannot be."""
    if service.minutes not in _VISITS:
        raise InvalidInput("A visit takes 5 to 480 minutes, in steps of five.", field="minutes")
    if service.price_minor < 0:
        raise InvalidInput("The price cannot be negative.", field="price_minor")
    if not 0 <= service.tax_basis_points <= _WHOLE:
        raise InvalidInput("The tax lies between 0 and 100 %.", field="tax_basis_points")
    return replace(service, code=_text(service.code, "code").upper(), name=_text(service.name, "name"))


def _text(text: str, field: str) -> str:
    kept = " ".join(text.split())
    if not kept:
        raise InvalidInput(f"Give a {field}.", field=field)
    return kept
