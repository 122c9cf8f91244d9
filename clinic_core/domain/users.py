"""Staff who sign in, what they may sign in with, and how long a sign-in lasts."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from clinic_core.domain.access import STAFF_ROLES, Actor, Role
from clinic_core.errors import InvalidInput

SHORTEST_PASSWORD: Final = 10  # characters; NIST SP 800-63B asks for length, not for kinds of characters
LONGEST_PASSWORD: Final = 72  # bytes: bcrypt reads no further
LONGEST_USERNAME: Final = 254
_IPV6_SITE: Final = 64  # one subscriber holds a whole /64 and could try from each of its addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A member of staff who may sign in.

    `epoch` grows whenever every open session of the user must end (disabled, password reset): a session carries
    the epoch it began in, so one write ends them all.
    """

    id: str
    username: str  # lower case, unique
    name: str
    role: Role
    practitioner_id: str | None = None  # whose visits a doctor sees
    active: bool = True
    password_hash: str
    epoch: int = 0
    created_at: datetime
    version: int = 1

    def actor(self) -> Actor:
        """Who this user is to the services."""
        return Actor(
            user_id=self.id,
            username=self.username,
            name=self.name,
            role=self.role,
            practitioner_id=self.practitioner_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser that is signed in. `id` is the SHA-256 of its cookie, which is kept nowhere."""

    id: str
    user_id: str
    epoch: int
    created_at: datetime
    seen_at: datetime  # the last time its person did something, to the minute
    ends_at: datetime  # the database deletes it then

    def is_live(self, now: datetime, *, idle: timedelta) -> bool:
        """Whether neither the absolute nor the idle limit has passed."""
        return now < self.ends_at and now < self.seen_at + idle


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A live session and the person behind it, both as the database has them now."""

    session_id: str
    seen_at: datetime
    actor: Actor


def token_id(token: str) -> str:
    """The identifier of the session whose cookie is `token`: 64 hexadecimal characters."""
    return hashlib.sha256(token.encode()).hexdigest()


def clean_username(text: object) -> str:
    """The username as it is stored. Raises InvalidInput unless it is a text of a usable length."""
    if not isinstance(text, str) or not (name := text.strip().lower()):
        raise InvalidInput("Give a username.", field="username")
    if len(name) > LONGEST_USERNAME:
        raise InvalidInput(f"A username has at most {LONGEST_USERNAME} characters.", field="username")
    if not name.isprintable():
        raise InvalidInput("A username cannot hold invisible characters.", field="username")
    return name


def check_new_password(password: object, *, username: str) -> str:
    """The password when it may be set; raises InvalidInput, which never repeats it, when not."""
    if not isinstance(password, str) or len(password) < SHORTEST_PASSWORD:
        raise InvalidInput(f"A password has at least {SHORTEST_PASSWORD} characters.", field="password")
    if len(password.encode("utf-8", "surrogatepass")) > LONGEST_PASSWORD:
        raise InvalidInput(
            f"That password is too long: at most {LONGEST_PASSWORD} bytes, which is {LONGEST_PASSWORD} plain letters "
            "or fewer with accents and other scripts.",
            field="password",
        )
    if not password.isprintable():
        raise InvalidInput("A password cannot hold line breaks or other invisible characters.", field="password")
    if username in password.lower() or len(set(password)) < SHORTEST_PASSWORD // 2:
        raise InvalidInput(
            "That password is too easy to guess: leave out the username, vary it more.", field="password"
        )
    return password


def check_role(role: Role, practitioner_id: str | None) -> None:
    """Raise InvalidInput unless staff can have that role; a doctor needs to be somebody's practitioner."""
    if role not in STAFF_ROLES:
        raise InvalidInput(f"Choose a role: {', '.join(STAFF_ROLES)}.", field="role")
    if (role is Role.DOCTOR) != (practitioner_id is not None):
        raise InvalidInput(
            "A doctor is linked to a practitioner, and nobody else is: choose the practitioner of a doctor.",
            field="practitioner_id",
        )


def attempt_subjects(username: str, address: str) -> tuple[str, str]:
    """What a failed sign-in counts against: the name that was tried, and where from.

    Both are hashed: people type passwords into the name field, and an address is personal data.
    """
    return _subject("user", username), _subject("address", _site(address))


def _site(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_SITE), strict=False))


def _subject(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}:{value}".encode("utf-8", "surrogatepass")).hexdigest()
