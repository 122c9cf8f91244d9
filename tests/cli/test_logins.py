"""What `up` prints about signing in depends on whose clinic it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import SYSTEM, Role
from clinic_core.services import demo, users
from clinic_core.settings import Settings
from clinic_core.supervisor import House, Options, set_up_backups, who_can_sign_in


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
    said: list[str] = []
    set_up_backups(clinic, Options(port=1, terminal=True), said.append)
    assert [line.rpartition(": ")[2] for line in said] == ["python -m clinic_core backup keys"]


def test_a_clinic_of_ones_own_gets_its_backup_keys_once(
    clinic: Clinic, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """On the first run, and only where a person reads the kit: in a log it would be a secret on the machine."""
    own, said = replace(clinic, settings=replace(clinic.settings, data_dir=tmp_path)), list[str]()
    set_up_backups(own, Options(port=1), said.append)
    assert said.pop().endswith("python -m clinic_core backup keys")

    monkeypatch.setattr("sys.stdout.write", _gone)
    set_up_backups(own, Options(port=1, terminal=True), said.append)
    monkeypatch.undo()
    assert said[0].startswith("Backups could not be set up"), "the terminal went away: no key counts that nobody saw"
    said.clear()

    for _ in range(2):
        set_up_backups(own, Options(port=1, terminal=True), said.append)
    assert capsys.readouterr().out.count("AGE-SECRET-KEY-1") == 1
    assert len(said) == 1
    assert not any("AGE-SECRET-KEY-1" in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


def _gone(_: str) -> int:
    raise OSError


@pytest.mark.parametrize("settings", [{"app_env": "production"}, {}])
def test_no_demo_in_production_and_none_when_it_is_not_wanted(clinic: Clinic, settings: dict[str, str]):
    """An empty production database stays empty."""
    there = replace(clinic, settings=replace(clinic.settings, **settings))
    house = House(Settings(), Options(port=1, demo=bool(settings)), None, pytest.fail)  # type: ignore[arg-type]

    house._demo(there)

    assert clinic.users.is_empty()
