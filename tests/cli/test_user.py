"""``python -m clinic_core user``: as an administrator types it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Role
from clinic_core.errors import SignInRefused
from clinic_core.services import sessions
from clinic_core.settings import ROOT
from tests import make
from tests.cli import house
from tests.conftest import World

PASSWORD = "correct horse battery"


def user(clinic: Clinic, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command with `typed` on its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "clinic_core", "user", *arguments],
        cwd=ROOT,
        env=house.environment(DATABASE_URL=clinic.settings.database_url),
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def may_sign_in(clinic: Clinic, password: str) -> bool:
    try:
        sessions.sign_in(clinic, username="asha", password=password, address="192.0.2.1")
    except SignInRefused:
        return False
    return True


def test_the_life_of_a_user(clinic: Clinic) -> None:
    """Added, listed, changed, given a new password, disabled, enabled; the password is never on the command line."""
    empty = user(clinic, "list")
    assert (empty.returncode, "Nobody can sign in yet" in empty.stdout) == (0, True)

    made = user(clinic, "add", "Asha", "--name", "Asha Rao", "--role", "manager", "--password-stdin", typed=PASSWORD)
    assert (made.returncode, made.stdout, made.stderr) == (0, "asha may sign in as manager.\n", "")
    assert may_sign_in(clinic, PASSWORD)

    assert user(clinic, "change", "asha", "--role", "receptionist").returncode == 0
    listed = user(clinic, "list").stdout.split()
    assert listed == ["asha", "receptionist", "Asha", "Rao"]

    assert user(clinic, "reset-password", "asha", "--password-stdin", typed="another good phrase\r\n").returncode == 0
    assert not may_sign_in(clinic, PASSWORD) and may_sign_in(clinic, "another good phrase")

    assert user(clinic, "disable", "asha").returncode == 0
    assert "(disabled)" in user(clinic, "list").stdout and not may_sign_in(clinic, "another good phrase")
    assert user(clinic, "enable", "asha").returncode == 0
    assert may_sign_in(clinic, "another good phrase")


def test_a_doctor_is_named_by_practitioner(world: World) -> None:
    """By name in any case, or by id."""
    options = ("--name", "Dr A", "--role", "doctor", "--password-stdin")
    missing = user(world.clinic, "add", "dra", *options, typed=PASSWORD)
    unknown = user(world.clinic, "add", "dra", *options, "--practitioner", "Dr Z", typed=PASSWORD)
    assert missing.returncode == unknown.returncode == 2 and "Dr A, Dr B" in unknown.stderr

    assert user(world.clinic, "add", "dra", *options, "--practitioner", "dr a", typed=PASSWORD).returncode == 0
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
def test_what_cannot_be_is_one_sentence(clinic: Clinic, arguments: tuple[str, ...], typed: str, said: str) -> None:
    """And exit status 2; nothing is changed."""
    refused = user(clinic, *arguments, typed=typed)

    assert refused.returncode == 2 and said in refused.stderr and "Traceback" not in refused.stderr
    assert clinic.users.all() == []


def test_there_is_no_option_for_a_password(clinic: Clinic) -> None:
    """Everybody on the machine can read a command line."""
    refused = user(clinic, "add", "asha", "--name", "A", "--role", "admin", "--password", PASSWORD)
    assert refused.returncode == 2 and clinic.users.all() == []
