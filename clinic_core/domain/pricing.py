"""What a service costs on a day, for whom: price lists that take effect on their day and never change the past.

A service's own `price_minor` holds until the first of its `prices` does. A price of a payer goes before the clinic's;
one that `ends` gives the payer's patients the clinic's price again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Final

from clinic_core.domain.billing import LineItem
from clinic_core.domain.organization import HealthcareService, Price
from clinic_core.errors import InvalidInput

FIRST_DAY: Final = date.min


def base_price(service: HealthcareService) -> Price:
    """The price that held before the list begins."""
    return Price(from_on=FIRST_DAY, price_minor=service.price_minor, tax_basis_points=service.tax_basis_points)


def price_on(service: HealthcareService, day: date, payer_id: str | None = None) -> Price:
    """What the service costs on a day: the payer's own price where there is one, otherwise the clinic's."""
    if payer_id is not None:
        agreed = _latest(service.prices, day, payer_id)
        if agreed is not None and not agreed.ends:
            return agreed
    return _latest(service.prices, day, None) or base_price(service)


def catalogue_on(
    services: Mapping[str, HealthcareService], day: date, payer_id: str | None = None
) -> dict[str, HealthcareService]:
    """The services as they are on a day: with the price and tax of that day as their own."""
    return {key: _as_on(service, price_on(service, day, payer_id)) for key, service in services.items()}


def line_for(
    service: HealthcareService, quantity: int, day: date, payer_id: str | None = None, *, discount_minor: int = 0
) -> LineItem:
    """A line with the text of the catalogue and the price and tax of a day."""
    price = price_on(service, day, payer_id)
    return LineItem(
        service_id=service.id,
        description=service.name,
        quantity=quantity,
        unit_price_minor=price.price_minor,
        discount_minor=discount_minor,
        tax_basis_points=price.tax_basis_points,
    )


def repriced(line: LineItem, service: HealthcareService, day: date, before: str | None, after: str | None) -> LineItem:
    """The line for another payer. A price or tax that somebody typed, and a line with a discount, stay as they are."""
    usual, wanted = (price_on(service, day, payer_id) for payer_id in (before, after))
    typed = (line.unit_price_minor, line.tax_basis_points) != (usual.price_minor, usual.tax_basis_points)
    if typed or line.discount_minor:
        return line
    return replace(line, unit_price_minor=wanted.price_minor, tax_basis_points=wanted.tax_basis_points)


def with_price(service: HealthcareService, price: Price, *, today: date) -> HealthcareService:
    """The service with one price more, or with another one from the same day for the same payer.

    Raises InvalidInput for a day that is past: bills were written by what held then.
    """
    _require_not_past(price.from_on, today)
    if price.ends and price.payer_id is None:
        raise InvalidInput("Enter the clinic's price; only a payer's price can end.", field="price_minor")
    others = (p for p in service.prices if (p.from_on, p.payer_id) != (price.from_on, price.payer_id))
    return replace(service, prices=_in_order((*others, price)))


def without_price(service: HealthcareService, price: Price, *, today: date) -> HealthcareService:
    """The service without a price that does not hold yet; raises InvalidInput for one that does."""
    _require_not_past(price.from_on, today, tomorrow=True)
    return replace(service, prices=tuple(p for p in service.prices if p != price))


def require_same_past(before: HealthcareService, after: HealthcareService, *, today: date) -> None:
    """Raise InvalidInput when a change of the service would change what it cost, or held, on a day that is past."""
    own_same = (before.price_minor, before.tax_basis_points) == (after.price_minor, after.tax_basis_points)
    if not own_same or _past(before, today) != _past(after, today):
        raise InvalidInput(
            "Prices of past days stay as they were. Enter the new price with the day from which it holds.",
            field="price_minor",
        )
    if (before.package_of, before.package_sessions) != (after.package_of, after.package_sessions):
        raise InvalidInput(
            "A package keeps its sessions, for those that were sold. Take it out of the list and add another one.",
            field="package_of",
        )


def ahead(service: HealthcareService, today: date) -> list[Price]:
    """The prices that are entered and do not hold yet, soonest first."""
    return [price for price in service.prices if price.from_on > today]


def _as_on(service: HealthcareService, price: Price) -> HealthcareService:
    return replace(service, price_minor=price.price_minor, tax_basis_points=price.tax_basis_points, prices=())


def _latest(prices: Iterable[Price], day: date, payer_id: str | None) -> Price | None:
    held = [price for price in prices if price.payer_id == payer_id and price.from_on <= day]
    return max(held, key=lambda price: price.from_on, default=None)


def _past(service: HealthcareService, today: date) -> tuple[Price, ...]:
    return _in_order(price for price in service.prices if price.from_on < today)


def _in_order(prices: Iterable[Price]) -> tuple[Price, ...]:
    return tuple(sorted(prices, key=lambda price: (price.from_on, price.payer_id or "")))


def _require_not_past(day: date, today: date, *, tomorrow: bool = False) -> None:
    if day < today or (tomorrow and day == today):
        raise InvalidInput(
            "A price that holds already stays on record. Enter the new price from today or a later day.",
            field="from_on",
        )
