"""The clinic itself and what it offers (FHIR Organization, HealthcareService, Location)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from clinic_core.domain import bank, choices, money
from clinic_core.errors import InvalidInput

_PREFIX: Final = re.compile(r"[A-Z][A-Z0-9/-]{0,9}")
_SLOTS: Final = range(5, 121, 5)
_VISITS: Final = range(5, 481, 5)
_WHOLE: Final = 10_000
_LONGEST_NOTICE: Final = 14 * 24  # hours
_LONGEST_REVISIT: Final = 366
_MOST_SESSIONS: Final = 1_000
_MONEY: Final = {
    "late_cancel_fee_minor": "The fee for late cancellation",
    "noshow_fee_minor": "The fee for a missed visit",
    "monthly_target_minor": "The target",
}


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
    late_cancel_hours: int = 24  # a patient who cancels later than so many hours before the start is late
    late_cancel_fee_minor: int = 0  # 0: none is asked
    noshow_fee_minor: int = 0
    fee_tax_basis_points: int = 0  # of both fees
    free_revisit_days: int = 0  # within so many days of a visit that was charged the same service is free; 0: never
    monthly_target_minor: int = 0  # of what is billed in a month; 0: none
    credit_note_prefix: str = "CN"
    upi_id: str = ""  # where payment codes on paper send the money
    iban: str = ""
    bic: str = ""
    version: int = 0

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's time zone."""
        return zone_of(self.time_zone)

    def money(self, amount_minor: int) -> str:
        """The amount as this clinic writes it."""
        return money.format_minor(amount_minor, self.currency, self.locale)

    def money_of_micros(self, micros: int) -> str:
        """A sum of small prices, rounded once to what can be paid."""
        return self.money(money.of_micros(micros, self.currency))

    def money_micros(self, micros: int) -> str:
        """A small price, such as that of a text message, with all its decimals."""
        return money.format_micros(micros, self.currency, self.locale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a service costs from a day on: everybody, or the patients of one payer."""

    from_on: date
    price_minor: int
    tax_basis_points: int = 0
    payer_id: str | None = None
    ends: bool = False  # of a payer's price: from this day on the clinic's price holds again


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthcareService:
    """Something that can be booked and billed. What it costs on a day says `pricing.price_on`."""

    id: str
    code: str  # short and unique, e.g. "CONS"
    name: str
    minutes: int  # how long a visit takes, a multiple of 5
    price_minor: int  # until the first of `prices` holds
    tax_basis_points: int = 0  # 1800 is 18 %
    prices: tuple[Price, ...] = ()  # by day
    free_revisits: bool = True  # whether the clinic's `free_revisit_days` hold for it
    package_of: str | None = None  # the service of which this one sells `package_sessions` in advance
    package_sessions: int = 0
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
    _check_prefixes(profile)
    _check_policies(profile)
    if profile.slot_minutes not in _SLOTS:
        raise InvalidInput("A slot takes 5 to 120 minutes, in steps of five.", field="slot_minutes")
    if len({room.id for room in profile.rooms}) < len(profile.rooms) or not all(r.name.strip() for r in profile.rooms):
        raise InvalidInput("Each room needs a name.", field="rooms")
    return replace(
        profile,
        name=_text(profile.name, "name"),
        locale=choices.check_locale(profile.locale),
        upi_id=bank.check_upi(profile.upi_id),
        iban=bank.check_iban(profile.iban),
        bic=bank.check_bic(profile.bic),
    )


def check_service(service: HealthcareService) -> HealthcareService:
    """The service as it is stored; raises InvalidInput naming the field that cannot be."""
    if service.minutes not in _VISITS:
        raise InvalidInput("A visit takes 5 to 480 minutes, in steps of five.", field="minutes")
    _check_amount(service.price_minor, service.tax_basis_points)
    for price in service.prices:
        _check_amount(price.price_minor, price.tax_basis_points)
    if len({(p.payer_id, p.from_on) for p in service.prices}) < len(service.prices):
        raise InvalidInput("There is a price from that day already. Correct that one.", field="from_on")
    _check_package(service)
    in_order = sorted(service.prices, key=lambda p: (p.from_on, p.payer_id or ""))
    service = replace(service, prices=tuple(in_order))
    return replace(service, code=_text(service.code, "code").upper(), name=_text(service.name, "name"))


def _check_prefixes(profile: Organization) -> None:
    if not _PREFIX.fullmatch(profile.invoice_prefix):
        raise InvalidInput(
            "The invoice prefix is up to ten capital letters and digits, like INV.", field="invoice_prefix"
        )
    if not _PREFIX.fullmatch(profile.credit_note_prefix) or profile.credit_note_prefix == profile.invoice_prefix:
        raise InvalidInput(
            "The prefix of credit notes is up to ten capital letters and digits, like CN, and not that of invoices.",
            field="credit_note_prefix",
        )


def _check_policies(profile: Organization) -> None:
    if not 0 <= profile.late_cancel_hours <= _LONGEST_NOTICE:
        raise InvalidInput(f"Late begins 0 to {_LONGEST_NOTICE} hours before the visit.", field="late_cancel_hours")
    if not 0 <= profile.free_revisit_days <= _LONGEST_REVISIT:
        raise InvalidInput(f"Revisits are free for 0 to {_LONGEST_REVISIT} days.", field="free_revisit_days")
    for field, what in _MONEY.items():
        if getattr(profile, field) < 0:
            raise InvalidInput(f"{what} cannot be negative; 0 means none.", field=field)
    if not 0 <= profile.fee_tax_basis_points <= _WHOLE:
        raise InvalidInput("The tax lies between 0 and 100 %.", field="fee_tax_basis_points")


def _check_amount(price_minor: int, tax_basis_points: int) -> None:
    if price_minor < 0:
        raise InvalidInput("The price cannot be negative.", field="price_minor")
    if not 0 <= tax_basis_points <= _WHOLE:
        raise InvalidInput("The tax lies between 0 and 100 %.", field="tax_basis_points")


def _check_package(service: HealthcareService) -> None:
    if service.package_of is None:
        if service.package_sessions:
            raise InvalidInput("Choose the service that the package's sessions are of.", field="package_of")
        return
    if service.package_of == service.id:
        raise InvalidInput("A package holds sessions of another service. Choose that one.", field="package_of")
    if not 1 <= service.package_sessions <= _MOST_SESSIONS:
        raise InvalidInput(f"A package holds 1 to {_MOST_SESSIONS} sessions.", field="package_sessions")


def _text(text: str, field: str) -> str:
    kept = " ".join(text.split())
    if not kept:
        raise InvalidInput(f"Give a {field}.", field=field)
    return kept
