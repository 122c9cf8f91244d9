"""Users: added, changed, signed out, disabled, and never without an administrator."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor, Role
from clinic_core.domain.users import Session, User
from clinic_core.services import passwords, sessions, users
from tests import make
from tests.conftest import World
from tests.pages import screen

PASSWORD = "correct horse 7"


@pytest.fixture
def asha(world: World, admin: Actor) -> User:
    """A receptionist who can sign in."""
    return users.add(world.clinic, admin, username="asha", name="Asha", role=Role.RECEPTIONIST, password=PASSWORD)


def open_user(world: World, admin: Actor, user: User) -> AppTest:
    """The page with that user chosen."""
    page = screen.open_page("users", world.clinic, admin)
    screen.field(page, "selectbox", "User").set_value(user.id)
    return screen.run(page)


def sign_in(world: World, user: User) -> str:
    """A session of that user, by its id."""
    now = world.clinic.now()
    signed_in = Session(
        id="a" * 64, user_id=user.id, epoch=user.epoch, created_at=now, seen_at=now, ends_at=now + timedelta(hours=1)
    )
    world.clinic.sessions.add(signed_in)
    assert sessions.check(world.clinic, signed_in.id)
    return signed_in.id


def test_a_manager_is_refused(world: World, manager: Actor) -> None:
    """Users are the administrator's."""
    page = screen.open_page("users", world.clinic, manager)
    assert "may not open" in screen.errors(page)[0]


def test_somebody_new_is_added(world: World, admin: Actor) -> None:
    """A doctor, linked to a practitioner; the password is kept as a hash only."""
    page = screen.open_page("users", world.clinic, admin)
    screen.fill(page, Username="DrB", Name="Dr B", Password=PASSWORD)
    screen.field(page, "selectbox", "Role").set_value(Role.DOCTOR)
    screen.field(page, "selectbox", "Practitioner").set_value(make.DR_B)
    screen.click(page, "Add")

    (made,) = users.list_users(world.clinic, admin)
    assert (made.username, made.role, made.practitioner_id) == ("drb", Role.DOCTOR, make.DR_B)
    assert passwords.is_right(PASSWORD, made.password_hash)
    assert [t.value for t in page.toast] == ["drb can sign in now."]
    assert screen.field(page, "text_input", "Password").value == ""


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"Password": "short"}, "at least 10"), ({"Username": ""}, "Give a username"), ({"Name": " "}, "Give a name")],
)
def test_what_is_wrong_is_said_and_the_rest_is_kept(
    world: World, admin: Actor, wrong: dict[str, str], says: str
) -> None:
    """Nothing has to be typed twice."""
    page = screen.open_page("users", world.clinic, admin)
    screen.fill(page, **{"Username": "cara", "Name": "Cara", "Password": PASSWORD, **wrong})
    screen.click(page, "Add")
    assert says in screen.errors(page)[0]
    kept = {"Username": "cara", "Name": "Cara", "Password": PASSWORD, **wrong}
    assert {label: screen.field(page, "text_input", label).value for label in kept} == kept


def test_a_doctor_needs_a_practitioner(world: World, admin: Actor) -> None:
    """Or they would see nobody's visits."""
    page = screen.open_page("users", world.clinic, admin)
    screen.fill(page, Username="cara", Name="Cara", Password=PASSWORD)
    screen.field(page, "selectbox", "Role").set_value(Role.DOCTOR)
    screen.click(page, "Add")
    assert "practitioner" in screen.errors(page)[0]


def test_name_and_role_are_changed(world: World, admin: Actor, asha: User) -> None:
    """It holds from the user's next click on."""
    page = open_user(world, admin, asha)
    screen.field(page, "text_input", "Name").set_value("Asha Rao")
    screen.field(page, "selectbox", "Role").set_value(Role.MANAGER)
    screen.click(page, "Save")
    changed = users.named(world.clinic, admin, "asha")
    assert (changed.name, changed.role) == ("Asha Rao", Role.MANAGER)


def test_changes_of_two_administrators_both_stay(world: World, admin: Actor, asha: User) -> None:
    """One renames, the other promotes."""
    page = open_user(world, admin, asha)
    users.change(world.clinic, admin, asha, name="Asha", role=Role.MANAGER)
    screen.field(page, "text_input", "Name").set_value("Asha Rao")
    screen.click(page, "Save")
    changed = users.named(world.clinic, admin, "asha")
    assert (changed.name, changed.role) == ("Asha Rao", Role.MANAGER)


@pytest.mark.parametrize("button", ["Sign out everywhere", "Disable"])
def test_open_sessions_end(world: World, admin: Actor, asha: User, button: str) -> None:
    """At the user's next click."""
    session_id = sign_in(world, asha)
    screen.click(open_user(world, admin, asha), button)
    assert sessions.check(world.clinic, session_id) is None


def test_a_disabled_user_is_enabled_again(world: World, admin: Actor, asha: User) -> None:
    """With the password they had."""
    page = screen.click(open_user(world, admin, asha), "Disable")
    assert not users.named(world.clinic, admin, "asha").active
    screen.click(page, "Enable")
    assert users.named(world.clinic, admin, "asha").active


def test_a_new_password_ends_the_sessions_of_the_old_one(world: World, admin: Actor, asha: User) -> None:
    """And the field is empty afterwards."""
    session_id = sign_in(world, asha)
    page = open_user(world, admin, asha)
    screen.fill(page, New_password="another long one 8")
    screen.click(page, "Set it and sign them out")
    assert sessions.check(world.clinic, session_id) is None
    assert passwords.is_right("another long one 8", users.named(world.clinic, admin, "asha").password_hash)
    assert screen.field(page, "text_input", "New password").value == ""


def test_nobody_disables_themselves(world: World, admin: Actor) -> None:
    """The last administrator stays."""
    me = users.add(world.clinic, admin, username="boss", name="Boss", role=Role.ADMIN, password=PASSWORD)
    page = open_user(world, me.actor(), me)
    screen.click(page, "Disable")
    assert "Ask another administrator" in screen.errors(page)[0]
    assert users.named(world.clinic, admin, "boss").active
