"""What a service costs on a day, for whom; that the past stays; and what payers and bank details must look like."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain import bank, organization, payers, pricing
from clinic_core.domain.organization import HealthcareService, Price
from clinic_core.domain.payers import Payer, PayerKind
from clinic_core.errors import InvalidInput
from tests import make

ACME, OTHER = "acme", "other"
TODAY = date(2026, 3, 2)


def at(day: int, price_minor: int, *, month: int = 3, **more: Any) -> Price:
    """A price from a day of 2026."""
    return Price(from_on=date(2026, month, day), price_minor=price_minor, **more)


SERVICE = make.service(
    tax_basis_points=500,
    prices=(
        at(1, 55_000, month=1, tax_basis_points=500),
        at(1, 40_000, month=2, payer_id=ACME),
        at(1, 60_000, month=4, tax_basis_points=1_800),
        at(1, 0, month=6, payer_id=ACME, ends=True),
    ),
)

# day, payer, price and tax
ON = [
    (date(2025, 12, 31), None, 50_000, 500),  # before the list begins
    (date(2025, 12, 31), ACME, 50_000, 500),
    (date(2026, 1, 1), None, 55_000, 500),  # from its very day on
    (date(2026, 1, 31), ACME, 55_000, 500),  # the payer has no price yet
    (date(2026, 2, 1), ACME, 40_000, 0),
    (date(2026, 2, 1), OTHER, 55_000, 500),
    (date(2026, 3, 31), None, 55_000, 500),
    (date(2026, 4, 1), None, 60_000, 1_800),
    (date(2026, 5, 31), ACME, 40_000, 0),  # the clinic's price went up, the payer's did not
    (date(2026, 6, 1), ACME, 60_000, 1_800),  # the agreement ended
    (date(2040, 1, 1), None, 60_000, 1_800),
]


@pytest.mark.parametrize(("day", "payer", "price", "tax"), ON)
def test_the_price_on_a_day(day: date, payer: str | None, price: int, tax: int) -> None:
    """Each price begins on its day by itself; a payer's goes first while there is one."""
    found = pricing.price_on(SERVICE, day, payer)
    assert (found.price_minor, found.tax_basis_points) == (price, tax)
    line = pricing.line_for(SERVICE, 2, day, payer)
    assert (line.unit_price_minor, line.tax_basis_points, line.quantity, line.gross_minor) == (price, tax, 2, 2 * price)
    assert (line.service_id, line.description) == (make.CONSULTATION, "Consultation")


def test_the_catalogue_of_a_day() -> None:
    """What a screen that adds lines to a draft reads."""
    (found,) = pricing.catalogue_on({SERVICE.id: SERVICE}, date(2026, 2, 1), ACME).values()
    assert (found.price_minor, found.tax_basis_points, found.name) == (40_000, 0, SERVICE.name)


def test_a_line_without_a_payer_is_the_clinics() -> None:
    """A service that never had a list costs what it always did."""
    assert pricing.line_for(make.service(), 1, TODAY) == make.line()


def test_a_future_price_is_added_corrected_and_taken_back() -> None:
    """Until it holds, it is a plan."""
    later = TODAY + timedelta(days=30)
    planned = pricing.with_price(make.service(), Price(from_on=later, price_minor=1), today=TODAY)
    mended = pricing.with_price(planned, Price(from_on=later, price_minor=2), today=TODAY)
    assert [price.price_minor for price in mended.prices] == [2]
    assert pricing.ahead(mended, TODAY) == list(mended.prices)
    assert pricing.without_price(mended, mended.prices[0], today=TODAY).prices == ()
    assert pricing.price_on(mended, later - timedelta(days=1)).price_minor == 50_000


def test_the_past_is_refused() -> None:
    """Bills were written by what held then."""
    yesterday = TODAY - timedelta(days=1)
    with pytest.raises(InvalidInput, match="stays on record"):
        pricing.with_price(SERVICE, Price(from_on=yesterday, price_minor=1), today=TODAY)
    with pytest.raises(InvalidInput, match="stays on record"):
        pricing.without_price(SERVICE, SERVICE.prices[0], today=TODAY)
    todays = pricing.with_price(SERVICE, Price(from_on=TODAY, price_minor=1), today=TODAY)
    with pytest.raises(InvalidInput, match="stays on record"):
        pricing.without_price(todays, todays.prices[2], today=TODAY)
    with pytest.raises(InvalidInput, match="only a payer's price can end"):
        pricing.with_price(SERVICE, Price(from_on=TODAY, price_minor=1, ends=True), today=TODAY)
    changes: tuple[dict[str, Any], ...] = ({"price_minor": 1}, {"tax_basis_points": 1}, {"prices": SERVICE.prices[1:]})
    for change in changes:
        with pytest.raises(InvalidInput, match="Prices of past days stay"):
            pricing.require_same_past(SERVICE, replace(SERVICE, **change), today=TODAY)
    with pytest.raises(InvalidInput, match="keeps its sessions"):
        pricing.require_same_past(SERVICE, replace(SERVICE, package_of="x", package_sessions=1), today=TODAY)
    pricing.require_same_past(SERVICE, replace(SERVICE, name="Other", prices=SERVICE.prices[:2]), today=TODAY)


prices = st.builds(
    Price,
    from_on=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    price_minor=st.integers(0, 100_000),
    payer_id=st.sampled_from([None, ACME]),
)


@given(st.lists(st.tuples(prices, st.dates(date(2026, 1, 1), date(2026, 12, 31))), max_size=12))
def test_no_sequence_of_changes_touches_a_past_price(steps: list[tuple[Price, date]]) -> None:
    """Whatever is typed on whichever day, what yesterday cost then, it costs now."""
    service: HealthcareService = make.service()
    known: dict[tuple[date, str | None], int] = {}
    for price, today in sorted(steps, key=lambda step: step[1]):
        days = [today - timedelta(days=n) for n in range(1, 40)]
        known |= {(d, p): pricing.price_on(service, d, p).price_minor for d in days for p in (None, ACME)}
        try:
            service = pricing.with_price(service, price, today=today)
        except InvalidInput:
            assert price.from_on < today
    assert all(pricing.price_on(service, d, p).price_minor == cost for (d, p), cost in known.items())


def test_a_line_is_priced_for_another_payer() -> None:
    """What somebody typed by hand, and a line that was discounted, stay."""
    day = date(2026, 3, 2)
    line = pricing.line_for(SERVICE, 1, day)
    assert pricing.repriced(line, SERVICE, day, None, ACME) == pricing.line_for(SERVICE, 1, day, ACME)
    assert pricing.repriced(pricing.line_for(SERVICE, 1, day, ACME), SERVICE, day, ACME, None) == line
    for kept in (replace(line, unit_price_minor=1), replace(line, discount_minor=1)):
        assert pricing.repriced(kept, SERVICE, day, None, ACME) == kept


@pytest.mark.parametrize(
    ("total", "share", "own", "expected"),
    [
        (100_000, 8_000, None, 80_000),
        (100_000, 8_000, 5_000, 50_000),
        (100_001, 5_000, None, 50_001),  # a half goes up, and to the payer
        (33_333, 3_333, None, 11_110),  # 11,109.89
        (99_999, 10_000, None, 99_999),
        (99_999, 0, None, 0),
        (0, 8_000, None, 0),
    ],
)
def test_the_payers_share(total: int, share: int, own: int | None, expected: int) -> None:
    """To the minor unit; the patient owes the rest."""
    assert payers.share_of(total, Payer(id=ACME, name="Acme", share_basis_points=share), basis_points=own) == expected


@given(st.integers(0, 10**10), st.integers(0, 10_000))
def test_a_share_is_never_more_than_the_whole(total: int, share: int) -> None:
    """So both parts are zero or more, and add up."""
    assert 0 <= payers.share_of(total, Payer(id=ACME, name="Acme", share_basis_points=share)) <= total


def test_a_payer_is_checked() -> None:
    """Its texts are trimmed, and each field that cannot be is named."""
    payer = Payer(id=ACME, name=" Acme  Health ", kind=PayerKind.EMPLOYER, email=" a@b.org ", credit_days=45)
    kept = payers.check_payer(payer)
    assert (kept.name, kept.email, kept.kind.label) == ("Acme Health", "a@b.org", "Employer")
    assert payers.due_on(date(2026, 3, 2), kept) == date(2026, 4, 16)
    assert payers.party_of(replace(kept, tax_id="T1")).tax_id == "T1"
    wrong: dict[str, Any] = {"name": " ", "email": "x", "share_basis_points": 10_001, "credit_days": -1}
    for field, value in wrong.items():
        with pytest.raises(InvalidInput) as refused:
            payers.check_payer(replace(payer, **{field: value}))
        assert refused.value.field == field
    assert payers.check_member_number("  A  1 ") == "A 1"
    with pytest.raises(InvalidInput):
        payers.check_member_number("x" * 41)


# IBANs as the registry's examples print them (ISO 13616)
@pytest.mark.parametrize(
    "iban", ["DE89 3704 0044 0532 0130 00", "gb29 nwbk 6016 1331 9268 19", "FR1420041010050500013M02606", ""]
)
def test_a_right_iban(iban: str) -> None:
    """Kept in capitals without spaces."""
    assert bank.check_iban(iban) == iban.replace(" ", "").upper()


@pytest.mark.parametrize("iban", ["DE89370400440532013001", "DE98370400440532013000", "DE89", "8937 0400", "DE89-3704"])
def test_a_wrong_iban(iban: str) -> None:
    """One digit off, two swapped, half of one."""
    with pytest.raises(InvalidInput) as refused:
        bank.check_iban(iban)
    assert refused.value.field == "iban"


@given(st.integers(4, 21), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(place: int, off: int) -> None:
    """What mod 97 is for."""
    iban = "DE89370400440532013000"
    wrong = iban[:place] + str((int(iban[place]) + off) % 10) + iban[place + 1 :]
    with pytest.raises(InvalidInput):
        bank.check_iban(wrong)


def test_upi_ids_and_bics() -> None:
    """As payment apps and banks write them."""
    assert bank.check_upi(" sunrise.clinic-1@okaxis ") == "sunrise.clinic-1@okaxis"
    assert bank.check_bic("cobadeff xxx") == "COBADEFFXXX"
    assert (bank.check_upi(""), bank.check_bic(" ")) == ("", "")
    assert bank.show_iban("DE89370400440532013000") == "DE89 3704 0044 0532 0130 00"
    for wrong in ("clinic", "@bank", "a@b c", "clinic@bank.org", "a@1"):
        with pytest.raises(InvalidInput):
            bank.check_upi(wrong)
    for wrong in ("COBADEF", "COBADEFFXX", "1OBADEFF"):
        with pytest.raises(InvalidInput):
            bank.check_bic(wrong)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"late_cancel_hours": -1}, "late_cancel_hours"),
        ({"late_cancel_fee_minor": -1}, "late_cancel_fee_minor"),
        ({"noshow_fee_minor": -1}, "noshow_fee_minor"),
        ({"fee_tax_basis_points": 10_001}, "fee_tax_basis_points"),
        ({"free_revisit_days": 367}, "free_revisit_days"),
        ({"monthly_target_minor": -1}, "monthly_target_minor"),
        ({"credit_note_prefix": "c n"}, "credit_note_prefix"),
        ({"credit_note_prefix": "INV"}, "credit_note_prefix"),  # its numbers would be those of invoices
        ({"upi_id": "x"}, "upi_id"),
        ({"iban": "DE00"}, "iban"),
        ({"bic": "x"}, "bic"),
    ],
)
def test_a_policy_that_cannot_be_names_its_field(change: dict[str, Any], field: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidInput) as refused:
        organization.check_organization(make.organization(**change))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prices": (at(1, -1),)}, "price_minor"),
        ({"prices": (at(1, 1), at(1, 2))}, "from_on"),
        ({"package_sessions": 10}, "package_of"),
        ({"package_of": make.CONSULTATION, "package_sessions": 10}, "package_of"),
        ({"package_of": make.DRESSING}, "package_sessions"),
    ],
)
def test_a_service_that_cannot_be_names_its_field(change: dict[str, Any], field: str) -> None:
    """Prices and packages."""
    with pytest.raises(InvalidInput) as refused:
        organization.check_service(make.service(**change))
    assert refused.value.field == field
