"""Names, phones, e-mail addresses, ages and likeness."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain import clock, people
from clinic_core.errors import InvalidInput
from tests import make


@pytest.mark.parametrize(
    ("typed", "region", "phone"),
    [
        ("98765 43210", "IN", "+919876543210"),
        ("09876543210", "IN", "+919876543210"),
        ("+44 20 7183 8750", "IN", "+442071838750"),
        ("030/901820", "DE", "+4930901820"),
        ("", "IN", ""),
        ("   ", "IN", ""),
    ],
)
def test_phones_become_international(typed: str, region: str, phone: str) -> None:
    """Read in the clinic's region unless they say another country."""
    assert people.parse_phone(typed, region) == phone


@pytest.mark.parametrize("typed", ["12", "abc", "+", "98765432109876543210"])
def test_phones_that_cannot_exist(typed: str) -> None:
    """The message shows one that can."""
    with pytest.raises(InvalidInput, match=r"write it like \+91"):
        people.parse_phone(typed, "IN")


def test_phones_are_shown_as_they_are_dialled() -> None:
    """Grouped, with the country code."""
    assert people.show_phone("+919876543210") == "+91 98765 43210"
    assert people.show_phone("") == ""


@pytest.mark.parametrize(("typed", "kept"), [(" a@b.org ", "a@b.org"), ("", ""), ("a.b+c@d.e.org", "a.b+c@d.e.org")])
def test_addresses(typed: str, kept: str) -> None:
    """Trimmed, and otherwise left alone."""
    assert people.clean_email(typed) == kept


@pytest.mark.parametrize("typed", ["a", "a@", "@b.org", "a@b", "a b@c.org", "a@.", "a@b."])
def test_addresses_that_are_none(typed: str) -> None:
    """Something is missing or too much."""
    with pytest.raises(InvalidInput):
        people.clean_email(typed)


@given(age=st.integers(0, people.OLDEST), today=st.dates(date(1950, 1, 1), date(2100, 12, 31)))
def test_an_age_gives_a_birth_date_of_that_age(age: int, today: date) -> None:
    """On every day of the year, leap days among them."""
    assert clock.age_on(people.birth_date_of_age(age, today), today) == age


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2000, 2, 29), date(2001, 2, 28), 0),
        (date(2000, 2, 29), date(2001, 3, 1), 1),
        (date(1990, 5, 17), date(2026, 5, 16), 35),
        (date(1990, 5, 17), date(2026, 5, 17), 36),
    ],
)
def test_ages_are_completed_years(born: date, day: date, age: int) -> None:
    """The birthday counts."""
    assert make.patient(birth_date=born).age_on(day) == age


def test_no_birth_date_no_age() -> None:
    """Not zero."""
    assert make.patient(birth_date=None).age_on(make.MONDAY) is None


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"name": "Asha K Rao"}, True),
        ({"name": "Asha", "phone": ""}, True),
        ({"name": "Vikram Rao", "birth_date": None}, True),
        ({"name": "Rao Asha", "phone": "", "birth_date": None}, True),
        ({"name": "Meera Shah"}, False),
        ({"name": "Asha Menon", "phone": "", "birth_date": None}, False),
        ({"name": "Asha Menon", "phone": "+919800000000", "birth_date": date(1991, 1, 1)}, False),
    ],
)
def test_who_looks_like_whom(changes: dict[str, object], same: bool) -> None:
    """A shared word with phone or birth date, or all words: in both directions."""
    one, other = make.patient(), make.patient(**changes)
    assert people.likely_same(one, other) is same
    assert people.likely_same(other, one) is same
