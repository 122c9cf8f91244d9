"""Percentages as typed and shown, and what a clinic can choose from."""

import pytest

from clinic_core.domain import choices, money
from clinic_core.errors import InvalidInput


@pytest.mark.parametrize(
    ("typed", "points", "shown"),
    [("18", 1_800, "18"), ("17.5 %", 1_750, "17.5"), (" 0 ", 0, "0"), ("0.25", 25, "0.25"), (100, 10_000, "100")],
)
def test_percentages_go_both_ways(typed: str, points: int, shown: str) -> None:
    """What is shown reads as the same rate again."""
    assert money.parse_percent(typed) == points
    assert money.show_percent(points) == shown
    assert money.parse_percent(shown) == points


def test_a_comma_is_a_decimal_where_the_clinic_writes_it_so() -> None:
    """``17,5`` in Germany."""
    assert money.parse_percent("17,5", "de_DE") == 1_750


@pytest.mark.parametrize("typed", ["", "eighteen", "1.234", "nan", "inf", "1 2"])
def test_what_is_no_percentage_is_refused(typed: str) -> None:
    """The message says how to write one."""
    with pytest.raises(InvalidInput, match="17.5"):
        money.parse_percent(typed)


def test_choices_hold_what_clinics_use() -> None:
    """Currencies of today, zones people live in, regions with telephones."""
    assert choices.currencies()["INR"] == "Indian Rupee"
    assert "DEM" not in choices.currencies()
    assert {"Asia/Kolkata", "Europe/Berlin", "UTC"} <= set(choices.time_zones())
    assert choices.regions()["IN"] == "India"


@pytest.mark.parametrize(("typed", "kept"), [("en-IN", "en_IN"), (" de_DE ", "de_DE"), ("zh_Hant_TW", "zh_Hant_TW")])
def test_locales_are_kept_in_one_form(typed: str, kept: str) -> None:
    """Hyphen or underscore."""
    assert choices.check_locale(typed) == kept


@pytest.mark.parametrize("typed", ["", "xx", "nonsense"])
def test_an_unknown_locale_is_refused(typed: str) -> None:
    """The message gives examples."""
    with pytest.raises(InvalidInput, match="en_IN"):
        choices.check_locale(typed)
