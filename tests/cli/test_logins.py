"""What `up` prints about signing in depends on whose clinic it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import SYSTEM, Role
from clinic_core.services import demo, users
from clinic_core.settings import Settings
from clinic_core.supervisor import House, Options, who_can_sign_in


def test_an_empty_clinic_gets_the_command_that_makes_the_first_user(clinic: Clinic):
    """Otherwise nobody would know how to get in."""
    assert "python -m clinic_core user add admin" in who_can_sign_in(clinic)


def test_a_clinic_of_ones_own_shows_no_logins(clinic: Clinic):
    """Its people know theirs."""
    users.add(clinic, SYSTEM, username="asha", name="Asha", role=Role.ADMIN, password="a long pass phrase")

    assert who_can_sign_in(clinic) == ""


def test_the_demo_shows_its_logins_on_every_start(clinic: Clinic):
    """Once loaded, it is not loaded again."""
    demo.load(clinic, years=0.01)

    assert not demo.is_empty(clinic)
    sentence = who_can_sign_in(clinic)
    for word in ("admin", "manager", "reception", "doctor", "clinic-demo"):
        assert word in sentence


@pytest.mark.parametrize("settings", [{"app_env": "production"}, {}])
def test_no_demo_in_production_and_none_when_it_is_not_wanted(clinic: Clinic, settings: dict[str, str]):
    """An empty production database stays empty."""
    there = replace(clinic, settings=replace(clinic.settings, **settings))
    house = House(Settings(), Options(port=1, demo=bool(settings)), None, pytest.fail)  # type: ignore[arg-type]

    house._demo(there)

    assert clinic.users.is_empty()
