"""The clinic itself and what it offers (FHIR Organization, HealthcareService, Location)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from clinic_core.domain import money
from clinic_core.errors import InvalidInput


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
