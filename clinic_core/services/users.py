"""Who may sign in: added, changed, disabled and given a new password by an administrator or on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import access, ids, people
from clinic_core.domain.access import Actor, Role
from clinic_core.domain.users import User, check_new_password, check_role, clean_username
from clinic_core.errors import Conflict, InvalidInput, NotFound
from clinic_core.services import passwords

_LAST_ADMIN: Final = "This is the only administrator who can sign in. Make another one first."


def add(
    clinic: Clinic,
    actor: Actor,
    *,
    username: str,
    name: str,
    role: Role,
    password: str,
    practitioner_id: str | None = None,
    hasher: Callable[[str], str] = passwords.hash_password,
) -> User:
    """Let somebody sign in. Raises InvalidInput, AlreadyExists, NotFound (the practitioner) or Forbidden."""
    access.require(actor, "user.write")
    clean = clean_username(username)
    passwords.check_username(clean)
    _check_role(clinic, role, practitioner_id)
    user = User(
        id=ids.new_id(),
        username=clean,
        name=people.clean_name(name),
        role=role,
        practitioner_id=practitioner_id,
        password_hash=hasher(check_new_password(password, username=clean)),
        created_at=clinic.now(),
    )
    clinic.users.add(user)
    clinic.audit.record(actor, "user.write", user.id, change="added")
    return user


def list_users(clinic: Clinic, actor: Actor) -> list[User]:
    """Everybody who may or might sign in, by name."""
    access.require(actor, "user.read")
    return clinic.users.all()


def named(clinic: Clinic, actor: Actor, username: str) -> User:
    """The user with that username; raises NotFound."""
    access.require(actor, "user.read")
    if (found := clinic.users.named(clean_username(username))) is None:
        raise NotFound("There is no user of that name. List the users to see the names.")
    return found


def change(
    clinic: Clinic, actor: Actor, user: User, *, name: str, role: Role, practitioner_id: str | None = None
) -> User:
    """Give the user another name, role or practitioner; it holds from their next click on.

    Raises InvalidInput, NotFound (the practitioner), Conflict or Forbidden.
    """
    access.require(actor, "user.write")
    _check_role(clinic, role, practitioner_id)
    if role is not user.role:
        _keep_an_admin(clinic, actor, user)
    changed = replace(user, name=people.clean_name(name), role=role, practitioner_id=practitioner_id)
    return _save(clinic, actor, changed, "changed")


def disable(clinic: Clinic, actor: Actor, user: User) -> User:
    """Stop the user from signing in and end what they have open, both by one write."""
    access.require(actor, "user.write")
    _keep_an_admin(clinic, actor, user)
    return _save(clinic, actor, replace(user, active=False, epoch=user.epoch + 1), "disabled")


def enable(clinic: Clinic, actor: Actor, user: User) -> User:
    """Let the user sign in again, with the password they had."""
    access.require(actor, "user.write")
    return _save(clinic, actor, replace(user, active=True), "enabled")


def reset_password(
    clinic: Clinic,
    actor: Actor,
    user: User,
    password: str,
    *,
    hasher: Callable[[str], str] = passwords.hash_password,
) -> User:
    """Set a new password and end every session that began with the old one, both by one write."""
    access.require(actor, "user.write")
    hashed = hasher(check_new_password(password, username=user.username))
    return _save(clinic, actor, replace(user, password_hash=hashed, epoch=user.epoch + 1), "password")


def end_sessions(clinic: Clinic, actor: Actor, user: User) -> User:
    """Sign the user out of every browser; they can sign in again with the password they have."""
    access.require(actor, "user.write")
    return _save(clinic, actor, replace(user, epoch=user.epoch + 1), "signed-out")


def _save(clinic: Clinic, actor: Actor, user: User, change: str) -> User:
    saved = clinic.users.save(user)
    clinic.audit.record(actor, "user.write", user.id, change=change)
    return saved


def _check_role(clinic: Clinic, role: Role, practitioner_id: str | None) -> None:
    check_role(role, practitioner_id)
    if practitioner_id is not None:
        clinic.practitioners.get(practitioner_id)


def _keep_an_admin(clinic: Clinic, actor: Actor, user: User) -> None:
    if user.id == actor.user_id:
        raise InvalidInput("You cannot disable yourself or change your own role. Ask another administrator.")
    if user.role is Role.ADMIN and user.active and clinic.users.count_active(Role.ADMIN) <= 1:
        raise Conflict(_LAST_ADMIN)
