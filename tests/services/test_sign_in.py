"""Signing in: who gets a session, how long it lasts, and how little an attacker learns or may try."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import bcrypt
import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Role
from clinic_core.domain.users import User, token_id
from clinic_core.errors import SignInRefused
from clinic_core.services import passwords, sessions, users
from tests import make

PASSWORD = "correct horse battery"
HERE = "203.0.113.7"
STAND_IN = passwords._NOBODY


def cheap(password: str) -> str:
    """A bcrypt hash that costs a millisecond; only tests use it."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture
def asha(clinic: Clinic) -> User:
    """A receptionist who may sign in."""
    user = User(
        id="user-asha",
        username="asha",
        name="Asha",
        role=Role.RECEPTIONIST,
        password_hash=cheap(PASSWORD),
        created_at=clinic.now(),
    )
    clinic.users.add(user)
    return user


@pytest.fixture(autouse=True)
def quick_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an unknown user's password is held against, at the tests' cost."""
    monkeypatch.setattr(passwords, "_NOBODY", cheap("nobody's"))


def enter(clinic: Clinic, username: Any = "asha", password: Any = PASSWORD, address: str = HERE) -> str:
    return sessions.sign_in(clinic, username=username, password=password, address=address)


def fail(clinic: Clinic, times: int, username: str = "asha", address: str = HERE) -> None:
    for _ in range(times):
        with pytest.raises(SignInRefused):
            enter(clinic, username, "wrong", address)


def test_the_right_password_begins_a_session(clinic: Clinic, asha: User) -> None:
    """The cookie leads to the user; only its hash is in the database."""
    token = enter(clinic, " Asha ")

    found = sessions.check_cookie(clinic, token)
    assert found is not None and found.actor == asha.actor()
    stored = clinic.database["sessions"].find_one()
    assert stored is not None and stored["_id"] == token_id(token) and token not in str(stored)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("asha", "wrong"),
        ("asha", ""),
        ("asha", {"$ne": None}),
        ("asha", None),
        ("asha", b"correct horse battery"),
        ("asha", PASSWORD + "x" * 80),
        ("asha", "p\x00q"),
        ("asha", "\ud800"),
        ({"$gt": ""}, PASSWORD),
        (["asha"], PASSWORD),
        ("", PASSWORD),
        ("nobody", PASSWORD),
        ("x" * 400, PASSWORD),
        ("\ud800", PASSWORD),
    ],
)
def test_everything_else_gets_the_one_answer(clinic: Clinic, asha: User, username: Any, password: Any) -> None:
    """Wrong types, unknown names and passwords that bcrypt cannot read are refused alike."""
    with pytest.raises(SignInRefused) as refusal:
        enter(clinic, username, password)

    assert str(refusal.value) == sessions.REFUSED


def test_a_disabled_user_gets_the_same_answer(clinic: Clinic, asha: User, admin: Any) -> None:
    """Nobody learns that the password was right."""
    users.disable(clinic, admin, asha)

    with pytest.raises(SignInRefused, match=sessions.REFUSED[:40]):
        enter(clinic)


def test_the_same_work_is_done_for_an_unknown_name(clinic: Clinic, asha: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each refusal costs one bcrypt check and one audit line, so that time tells nothing."""
    held_against: list[str] = []
    library = passwords._library()
    original = library.Hasher.check_pw

    def noted(password: str, hashed: str) -> bool:
        held_against.append(hashed)
        return bool(original(password, hashed))

    monkeypatch.setattr(library.Hasher, "check_pw", noted)
    for username, password in (("nobody", "x"), ("asha", "x"), ("asha", "y" * 80), ("", {})):
        with pytest.raises(SignInRefused):
            enter(clinic, username, password, address=f"10.0.0.{len(held_against)}")

    assert len(held_against) == 4
    assert clinic.database["audit_events"].count_documents({"action": "user.sign_in_refused"}) == 4


def test_the_stand_in_hash_costs_as_much_as_a_real_one() -> None:
    """Otherwise an unknown name would be answered sooner."""
    assert STAND_IN[:7] == passwords.hash_password(PASSWORD)[:7] == "$2b$12$"


def test_five_failures_lock_the_name_for_fifteen_minutes(clinic: Clinic, asha: User, clock: make.Clock) -> None:
    """Even the right password, from anywhere, waits."""
    for number in range(5):
        fail(clinic, 1, address=f"198.51.100.{number}")
    with pytest.raises(SignInRefused):
        enter(clinic, address="192.0.2.1")

    clock.pass_(minutes=16)
    assert enter(clinic, address="192.0.2.1")


def test_five_failures_lock_the_address(clinic: Clinic, asha: User, clock: make.Clock) -> None:
    """Whatever the names."""
    for number in range(5):
        fail(clinic, 1, username=f"name{number}")
    with pytest.raises(SignInRefused):
        enter(clinic)

    assert enter(clinic, address="192.0.2.1")


def test_a_locked_name_is_not_even_hashed(clinic: Clinic, asha: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is looked at before the password, and knocking does not prolong it."""
    fail(clinic, 5)
    monkeypatch.setattr(passwords, "is_right", lambda *_: pytest.fail("hashed"))

    fail(clinic, 3)
    for document in clinic.database["sign_in_failures"].find():
        assert len(document["attempts"]) == 5


def test_knocking_does_not_prolong_the_lock(clinic: Clinic, asha: User, clock: make.Clock) -> None:
    """Otherwise anybody could lock a colleague out for ever."""
    fail(clinic, 5)
    for _ in range(14):
        clock.pass_(minutes=1)
        fail(clinic, 1)
    clock.pass_(minutes=1, seconds=1)

    assert enter(clinic)


def test_success_forgives_ones_own_slips_only(clinic: Clinic, asha: User) -> None:
    """Four slips and a success leave the desk's address clean, but not what was tried there for others."""
    fail(clinic, 2, username="manager")
    fail(clinic, 2)
    enter(clinic)
    fail(clinic, 2)
    enter(clinic)

    fail(clinic, 3, username="manager")
    with pytest.raises(SignInRefused):
        enter(clinic)


def test_racing_attempts_do_not_slip_past(clinic: Clinic, asha: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 24 simultaneous guesses at most five get as far as the password."""
    looked = []
    monkeypatch.setattr(passwords, "is_right", lambda *_: looked.append(1) and False)
    start = threading.Barrier(24)

    def guess(number: int) -> None:
        start.wait()
        with pytest.raises(SignInRefused):
            enter(clinic, password=f"guess {number}", address=f"10.1.0.{number}")

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(looked) == 5


def test_one_subscribers_ipv6_addresses_count_as_one(clinic: Clinic, asha: User) -> None:
    """A /64 has more addresses than there are passwords."""
    for number in range(5):
        fail(clinic, 1, username=f"n{number}", address=f"2001:db8::{number}")

    with pytest.raises(SignInRefused):
        enter(clinic, address="2001:db8::ffff")
    assert enter(clinic, address="2001:db8:0:1::1")


def test_failures_do_not_keep_what_was_typed(clinic: Clinic, asha: User) -> None:
    """People type passwords into the name field."""
    fail(clinic, 1, username="my secret passphrase")

    stored = str([list(clinic.database[name].find()) for name in ("sign_in_failures", "audit_events")])
    assert "secret" not in stored and HERE not in stored


def test_a_session_ends_after_twelve_hours_however_busy(clinic: Clinic, asha: User, clock: make.Clock) -> None:
    """The absolute limit."""
    token = enter(clinic)
    for _ in range(12 * 3 - 1):
        clock.pass_(minutes=20)
        sessions.touch(clinic, token_id(token))
    assert sessions.check_cookie(clinic, token)

    clock.pass_(minutes=20)
    assert sessions.check_cookie(clinic, token) is None


def test_a_session_ends_after_half_an_hour_of_nothing(clinic: Clinic, asha: User, clock: make.Clock) -> None:
    """The idle limit; a late click does not revive it, and looking is no sign of life."""
    token = enter(clinic)
    clock.pass_(minutes=29)
    assert sessions.check_cookie(clinic, token)
    clock.pass_(minutes=1)

    sessions.touch(clinic, token_id(token))
    assert sessions.check_cookie(clinic, token) is None


def test_signs_of_life_are_written_once_a_minute(clinic: Clinic, asha: User, clock: make.Clock) -> None:
    """A busy desk does not write on every click."""
    session_id = token_id(enter(clinic))
    begun = clinic.now()
    clock.pass_(seconds=50)
    sessions.touch(clinic, session_id)
    found = clinic.sessions.find(session_id)
    assert found is not None and found.seen_at == begun

    clock.pass_(seconds=11)
    sessions.touch(clinic, session_id)
    found = clinic.sessions.find(session_id)
    assert found is not None and found.seen_at == begun + timedelta(seconds=61)


def test_what_an_administrator_changes_holds_from_the_next_check(clinic: Clinic, asha: User, admin: Any) -> None:
    """Role at once; a disabled user or a new password ends every session by the one write to the user."""
    token = enter(clinic)
    changed = users.change(clinic, admin, asha, name="Asha Rao", role=Role.MANAGER)
    found = sessions.check_cookie(clinic, token)
    assert found is not None and found.actor.role is Role.MANAGER and found.actor.name == "Asha Rao"

    reset = users.reset_password(clinic, admin, changed, "another good phrase", hasher=cheap)
    assert sessions.check_cookie(clinic, token) is None

    token = enter(clinic, password="another good phrase")
    disabled = users.disable(clinic, admin, reset)
    assert sessions.check_cookie(clinic, token) is None
    users.enable(clinic, admin, disabled)
    assert sessions.check_cookie(clinic, token) is None, "an old session must not come back to life"


def test_a_session_begun_with_the_old_password_is_dead(clinic: Clinic, asha: User, admin: Any) -> None:
    """Even when it is written after the reset, by a sign-in that was under way."""
    users.reset_password(clinic, admin, asha, "another good phrase", hasher=cheap)

    token = sessions._begin(clinic, asha)
    assert sessions.check_cookie(clinic, token) is None


def test_signing_out_ends_this_session_only(clinic: Clinic, asha: User) -> None:
    """The cookie is worthless afterwards, the one at the other desk is not."""
    here, there = enter(clinic), enter(clinic)
    sessions.sign_out_cookie(clinic, here)
    sessions.sign_out_cookie(clinic, here)

    assert sessions.check_cookie(clinic, here) is None
    assert sessions.check_cookie(clinic, there)


@pytest.mark.parametrize("token", [None, "", "x", {"$ne": ""}, 7, "é" * 43, "a" * 10_000])
def test_a_cookie_of_any_other_shape_is_nobody(clinic: Clinic, asha: User, token: Any) -> None:
    """Whatever a client sends."""
    assert sessions.check_cookie(clinic, token) is None
    assert sessions.check(clinic, token) is None


def test_the_database_clears_up_by_itself(clinic: Clinic) -> None:
    """Ended sessions and old failures have an index that removes them."""
    for name, field in (("sessions", "ends_at"), ("sign_in_failures", "expires_at")):
        indexes = clinic.database[name].index_information().values()
        assert any(index["key"] == [(field, 1)] and index.get("expireAfterSeconds") == 0 for index in indexes)
