"""Users: who may add and change them, and what a username and a password must be."""

from __future__ import annotations

from typing import Any

import bcrypt
import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor, Role
from clinic_core.domain.users import User
from clinic_core.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound
from clinic_core.services import passwords, users
from tests import make
from tests.conftest import World

PASSWORD = "correct horse battery"


def cheap(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def add(clinic: Clinic, actor: Actor, **changes: Any) -> User:
    given = {"username": "asha", "name": "Asha Rao", "role": Role.RECEPTIONIST, "password": PASSWORD, "hasher": cheap}
    return users.add(clinic, actor, **{**given, **changes})


def test_a_user_is_added_and_listed(clinic: Clinic, admin: Actor) -> None:
    """Names are kept in lower case; the password only as a bcrypt hash; the act is in the audit trail."""
    made = add(clinic, admin, username=" Asha ", name="  Asha   Rao ")

    assert (made.username, made.name, made.active) == ("asha", "Asha Rao", True)
    assert users.list_users(clinic, admin) == [made]
    assert PASSWORD not in str(clinic.database["users"].find_one())
    line = clinic.database["audit_events"].find_one({"action": "user.write"})
    assert line is not None and line["record_id"] == made.id


def test_the_production_hash_is_bcrypt_12(clinic: Clinic) -> None:
    """Nobody passes a cheaper hasher outside the tests."""
    assert passwords.hash_password(PASSWORD).startswith("$2b$12$")
    assert passwords.is_right(PASSWORD, passwords.hash_password(PASSWORD))


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.DOCTOR, Role.MANAGER])
def test_only_administrators_look_after_users(clinic: Clinic, admin: Actor, role: Role) -> None:
    """Everything is refused to everybody else."""
    made, other = add(clinic, admin), make.actor(role, practitioner_id=make.DR_A)
    for attempt in (
        lambda: add(clinic, other, username="second"),
        lambda: users.list_users(clinic, other),
        lambda: users.named(clinic, other, "asha"),
        lambda: users.change(clinic, other, made, name="X", role=Role.ADMIN),
        lambda: users.disable(clinic, other, made),
        lambda: users.enable(clinic, other, made),
        lambda: users.reset_password(clinic, other, made, PASSWORD, hasher=cheap),
    ):
        with pytest.raises(Forbidden):
            attempt()


@pytest.mark.parametrize("username", ["", " ", "a b", "x" * 21, "a\nb", {"$gt": ""}, None, "drop;table", "ab\u200b"])
def test_unusable_usernames_are_refused(clinic: Clinic, admin: Actor, username: Any) -> None:
    """Up to 20 letters, digits, hyphens and underscores, or an e-mail address."""
    with pytest.raises(InvalidInput) as refusal:
        add(clinic, admin, username=username)
    assert refusal.value.field == "username"


@pytest.mark.parametrize("username", ["asha-rao_2", "asha.rao@clinic.example"])
def test_usable_usernames_are_taken(clinic: Clinic, admin: Actor, username: str) -> None:
    """The library's validator decides."""
    assert add(clinic, admin, username=username).username == username


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "",
        None,
        {"$ne": None},
        "x" * 12,
        "asha-and-more",
        "a" * 30 + "bcdefgh" * 7,  # 79 bytes
        "ключевая фраза для входа в нашу клинику!",  # 40 characters, 73 bytes
        "with a\nline break",
    ],
)
def test_unusable_passwords_are_refused_without_repeating_them(clinic: Clinic, admin: Actor, password: Any) -> None:
    """Too short, too long for bcrypt, too plain."""
    with pytest.raises(InvalidInput) as refusal:
        add(clinic, admin, password=password)
    assert refusal.value.field == "password"
    assert not password or str(password) not in str(refusal.value)


def test_a_username_is_taken_once_in_any_case(clinic: Clinic, admin: Actor) -> None:
    """The unique index settles a race."""
    add(clinic, admin)

    with pytest.raises(AlreadyExists):
        add(clinic, admin, username="ASHA")


def test_a_doctor_is_somebodys_practitioner(world: World, admin: Actor) -> None:
    """And nobody else is."""
    clinic = world.clinic
    made = add(clinic, admin, role=Role.DOCTOR, practitioner_id=make.DR_A)
    assert made.actor().practitioner_id == make.DR_A

    for role, practitioner_id in ((Role.DOCTOR, None), (Role.MANAGER, make.DR_A), (Role.SYSTEM, None)):
        with pytest.raises(InvalidInput):
            add(clinic, admin, username="second", role=role, practitioner_id=practitioner_id)
    with pytest.raises(NotFound):
        add(clinic, admin, username="second", role=Role.DOCTOR, practitioner_id="nobody")


def test_the_last_administrator_stays(clinic: Clinic, admin: Actor) -> None:
    """And nobody cuts off the branch they sit on."""
    first = add(clinic, admin, username="first", role=Role.ADMIN)
    with pytest.raises(Conflict):
        users.disable(clinic, admin, first)
    with pytest.raises(Conflict):
        users.change(clinic, admin, first, name="First", role=Role.MANAGER)
    with pytest.raises(InvalidInput):
        users.disable(clinic, first.actor(), first)

    second = add(clinic, admin, username="second", role=Role.ADMIN)
    assert users.disable(clinic, second.actor(), first).active is False


def test_the_slower_of_two_changes_is_told(clinic: Clinic, admin: Actor) -> None:
    """Nothing is overwritten unseen."""
    made = add(clinic, admin)
    users.change(clinic, admin, made, name="Asha B", role=Role.RECEPTIONIST)

    with pytest.raises(Conflict):
        users.disable(clinic, admin, made)
