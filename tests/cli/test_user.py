"""``python -m clinic_core user``: as an administrator types it."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import pytest

from clinic_core import cli
from clinic_core.clinic import Clinic
from clinic_core.domain.access import Role
from clinic_core.errors import ClinicError, SignInRefused
from clinic_core.services import sessions
from clinic_core.settings import ROOT
from tests import make
from tests.cli import house
from tests.conftest import World

PASSWORD = "correct horse battery"

User = Callable[..., str]


@pytest.fixture
def user(clinic: Clinic, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> User:
    """Run the command in this process with `typed` piped in; gives what it printed."""
    monkeypatch.setenv("DATABASE_URL", clinic.settings.database_url)

    def run(*arguments: str, typed: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        args = cli.build_parser().parse_args(["user", *arguments])
        assert args.run(args) == 0
        return capsys.readouterr().out

    return run


def may_sign_in(clinic: Clinic, password: str) -> bool:
    try:
        sessions.sign_in(clinic, username="asha", password=password, address="192.0.2.1")
    except SignInRefused:
        return False
    return True


def test_a_user_is_added_from_a_shell(clinic: Clinic) -> None:
    """The password is piped in; nothing but the one sentence is printed."""
    done = subprocess.run(
        [sys.executable, "-m", "clinic_core", "user", "add", "Asha", "--name", "Asha Rao", "--role", "manager"]
        + ["--password-stdin"],
        cwd=ROOT,
        env=house.environment(DATABASE_URL=clinic.settings.database_url),
        input=PASSWORD + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "asha may sign in as manager.\n", "")
    assert may_sign_in(clinic, PASSWORD)


def test_the_life_of_a_user(clinic: Clinic, user: User) -> None:
    """Listed, changed, given a new password, disabled, enabled."""
    assert "Nobody can sign in yet" in user("list")
    user("add", "asha", "--name", "Asha Rao", "--role", "manager", "--password-stdin", typed=PASSWORD)

    user("change", "asha", "--role", "receptionist")
    assert user("list").split() == ["asha", "receptionist", "Asha", "Rao"]

    user("reset-password", "asha", "--password-stdin", typed="another good phrase\r\n")
    assert not may_sign_in(clinic, PASSWORD) and may_sign_in(clinic, "another good phrase")

    user("disable", "asha")
    assert "(disabled)" in user("list") and not may_sign_in(clinic, "another good phrase")
    user("enable", "asha")
    assert may_sign_in(clinic, "another good phrase")


def test_a_doctor_is_named_by_practitioner(world: World, user: User) -> None:
    """By name in any case, or by id."""
    options = ("--name", "Dr A", "--role", "doctor", "--password-stdin")
    with pytest.raises(ClinicError):
        user("add", "dra", *options, typed=PASSWORD)
    with pytest.raises(ClinicError, match="Dr A, Dr B"):
        user("add", "dra", *options, "--practitioner", "Dr Z", typed=PASSWORD)

    user("add", "dra", *options, "--practitioner", "dr a", typed=PASSWORD)
    made = world.clinic.users.named("dra")
    assert made is not None and (made.role, made.practitioner_id) == (Role.DOCTOR, make.DR_A)


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("add", "asha", "--name", "A", "--role", "admin", "--password-stdin"), "short", "at least 10 characters"),
        (("add", "asha", "--name", "A", "--role", "admin", "--password-stdin"), "", "at least 10 characters"),
        (("add", "asha", "--name", "A", "--role", "admin"), "", "--password-stdin"),
        (("add", "a b", "--name", "A", "--role", "admin", "--password-stdin"), PASSWORD, "A username is"),
        (("disable", "nobody"), "", "no user of that name"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    clinic: Clinic, user: User, arguments: tuple[str, ...], typed: str, said: str
) -> None:
    """And nothing is changed."""
    with pytest.raises(ClinicError, match=said):
        user(*arguments, typed=typed)
    assert clinic.users.all() == []


def test_there_is_no_option_for_a_password(clinic: Clinic, user: User) -> None:
    """Everybody on the machine can read a command line."""
    with pytest.raises(SystemExit):
        user("add", "asha", "--name", "A", "--role", "admin", "--password", PASSWORD)
    assert clinic.users.all() == []
