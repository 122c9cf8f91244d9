"""Signing in and out, and asking on every run whether somebody still is.

The rules (how many failures, how long a session) are here; whoever asks shows the one answer it gives.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import ids
from clinic_core.domain.access import SYSTEM
from clinic_core.domain.users import (
    Session,
    SignedIn,
    User,
    attempt_subjects,
    clean_username,
    token_id,
)
from clinic_core.errors import InvalidInput, SignInRefused
from clinic_core.services import passwords

MOST_FAILURES: Final = 5  # for one name, and from one address
FAILURE_WINDOW: Final = timedelta(minutes=15)
_TOUCH_EVERY: Final = timedelta(minutes=1)
_TOKEN_BYTES: Final = 32
_LONGEST_TOKEN: Final = 128

REFUSED: Final = (
    "The username or password is wrong, or there were too many attempts. "
    "After five wrong ones wait 15 minutes, or ask an administrator for a new password."
)


def sign_in(clinic: Clinic, *, username: object, password: object, address: str) -> str:
    """Begin a session and return its cookie, 43 characters that are kept nowhere.

    Raises SignInRefused with one text, after one amount of work, whether the name is unknown, the password wrong or
    the user disabled; and, before any such work, when there were too many failures for that name or from `address`.
    """
    name = _name_or_nothing(username)
    attempt_id = ids.new_id()
    subjects = attempt_subjects(name, address)
    _enter(clinic, subjects, attempt_id)
    user = clinic.users.named(name)
    right = passwords.is_right(password, user.password_hash if user else None)
    if user is None or not right or not user.active:
        clinic.audit.record(SYSTEM, "user.sign_in_refused", user.id if user else "unknown")
        raise SignInRefused(REFUSED)
    token = _begin(clinic, user)
    for subject in subjects:
        clinic.sign_in_failures.forget_user(subject, user_key=subjects[0])
    return token


def check(clinic: Clinic, session_id: object) -> SignedIn | None:
    """Who is behind a session now, or None when it has ended, was revoked, or its user may not sign in any more.

    Two reads by primary key. It does not count as a sign of life: see `touch`.
    """
    if not isinstance(session_id, str) or (session := clinic.sessions.find(session_id)) is None:
        return None
    if not session.is_live(clinic.now(), idle=_idle(clinic)):
        return None
    user = clinic.users.find(session.user_id)
    if user is None or not user.active or user.epoch != session.epoch:
        return None
    return SignedIn(session_id=session.id, seen_at=session.seen_at, actor=user.actor())


def check_cookie(clinic: Clinic, token: object) -> SignedIn | None:
    """The same for a cookie's value."""
    if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN or not token.isascii():
        return None
    return check(clinic, token_id(token))


def touch(clinic: Clinic, session_id: str) -> None:
    """Note that the person did something, at most once a minute; a session that has gone idle stays ended."""
    now = clinic.now()
    clinic.sessions.touch(session_id, seen_at=now, unless_since=now - _TOUCH_EVERY, live_since=now - _idle(clinic))


def sign_out(clinic: Clinic, session_id: str) -> None:
    """End one session; harmless when it has ended already."""
    signed_in = check(clinic, session_id)
    if clinic.sessions.remove(session_id) and signed_in is not None:
        clinic.audit.record(signed_in.actor, "user.sign_out", signed_in.actor.user_id)


def sign_out_cookie(clinic: Clinic, token: str) -> None:
    """The same for a cookie's value."""
    sign_out(clinic, token_id(token))


def _enter(clinic: Clinic, subjects: tuple[str, str], attempt_id: str) -> None:
    """Count the attempt against both subjects, or raise SignInRefused when either has no room left."""
    entered: list[str] = []
    for subject in subjects:
        if not clinic.sign_in_failures.enter(
            subject,
            attempt_id=attempt_id,
            user_key=subjects[0],
            at=clinic.now(),
            window=FAILURE_WINDOW,
            limit=MOST_FAILURES,
        ):
            for counted in entered:
                clinic.sign_in_failures.forget_attempt(counted, attempt_id=attempt_id)
            raise SignInRefused(REFUSED)
        entered.append(subject)


def _begin(clinic: Clinic, user: User) -> str:
    token, now = secrets.token_urlsafe(_TOKEN_BYTES), clinic.now()
    clinic.sessions.add(
        Session(
            id=token_id(token),
            user_id=user.id,
            epoch=user.epoch,
            created_at=now,
            seen_at=now,
            ends_at=now + timedelta(hours=clinic.settings.session_hours),
        )
    )
    clinic.audit.record(user.actor(), "user.sign_in", user.id)
    return token


def _name_or_nothing(username: object) -> str:
    """The cleaned username; "" for what cannot be one, which is then as unknown as any other."""
    try:
        return clean_username(username)
    except InvalidInput:
        return ""


def _idle(clinic: Clinic) -> timedelta:
    return timedelta(minutes=clinic.settings.session_idle_minutes)
