"""Who may sign in: added, changed, given a new password, signed out, disabled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import STAFF_ROLES, Actor, Role
from clinic_core.domain.users import SHORTEST_PASSWORD, User
from clinic_core.services import users
from ui import forms, session, versioned, widgets
from ui.record_form import CHANGE
from ui.rows import Mark, Row

_NEW: Final = "users.new"
_NOBODY: Final = ""
_LABELS: Final = {"name": "Name", "role": "Role", "practitioner_id": "Practitioner"}
_MAY: Final = {
    Role.ADMIN: "settings, users, audit, reports",
    Role.MANAGER: "the front desk, billing, reports, settings",
    Role.RECEPTIONIST: "the front desk and billing",
    Role.DOCTOR: "their own visits and notes",
}
_PASSWORD_HELP: Final = f"At least {SHORTEST_PASSWORD} characters. Tell it to them in person."


def add(clinic: Clinic, actor: Actor) -> None:
    """Draw the form for somebody new."""
    form = forms.form_id(_NEW)
    with st.form(f"users.{form}", border=False):
        left, right = st.columns(2, gap="medium")
        with left:
            username = st.text_input("Username", key=f"{form}.username", max_chars=64, autocomplete="off")
            name = st.text_input("Name", key=f"{form}.name", max_chars=120, autocomplete="off")
            password = _password("Password", f"{form}.password")
        with right:
            role, practitioner_id = _role_fields(clinic, Role.RECEPTIONIST, None, f"{form}.role", f"{form}.doctor")
        adding = st.form_submit_button("Add", type="primary", icon=":material/person_add:")
    if adding:
        with session.show_errors():
            made = users.add(
                clinic,
                actor,
                username=username,
                name=name,
                role=role,
                password=password,
                practitioner_id=practitioner_id,
            )
            forms.renew(_NEW)
            forms.done(f"{made.username} can sign in now.")


def change(clinic: Clinic, actor: Actor, user: User) -> None:
    """Draw the form for somebody who is there, and what else can be done about them."""
    name = f"users.{user.id}"
    base = versioned.opened(name, user)
    with st.form(name, border=False):
        left, right = st.columns(2, gap="medium")
        typed = left.text_input("Name", base.name, key=versioned.key(name, "name", base.name), max_chars=120)
        with right:
            keys = (versioned.key(name, field, getattr(base, field)) for field in ("role", "practitioner_id"))
            role, practitioner_id = _role_fields(clinic, base.role, base.practitioner_id, *keys)
        clashing = versioned.is_clashing(name)
        saving = st.form_submit_button("Save", type="secondary" if clashing else "primary", icon=":material/save:")
    if saving:
        with session.show_errors():
            wanted = replace(base, name=typed, role=role, practitioner_id=practitioner_id)
            versioned.save(name, wanted, write=_writer(clinic, actor), latest=lambda: _latest(clinic, actor, user))
            forms.done("Saved. It holds from their next click on.")
    versioned.show_clash(name, _LABELS, write=_writer(clinic, actor))
    _access(clinic, actor, user)


def row(clinic: Clinic, user: User) -> Row:
    """The user as a line of the list."""
    doctor = widgets.practitioner_name(clinic, user.practitioner_id) if user.practitioner_id else ""
    off = "" if user.active else Mark("Disabled", "red")
    return Row(
        id=user.id,
        label=user.username,
        cells=(user.name, user.username, user.role.value.capitalize(), doctor, off),
        steps=CHANGE,
    )


def _role_fields(
    clinic: Clinic, role: Role, practitioner_id: str | None, role_key: str, doctor_key: str
) -> tuple[Role, str | None]:
    roles, known = STAFF_ROLES, clinic.directory().practitioners
    doctors = (_NOBODY, *known)
    chosen = st.selectbox(
        "Role",
        roles,
        index=roles.index(role),
        format_func=lambda r: f"{r.value.capitalize()} · {_MAY[r]}",
        key=role_key,
    )
    doctor = st.selectbox(
        "Practitioner",
        doctors,
        index=doctors.index(practitioner_id or _NOBODY),
        format_func=lambda i: known[i].name if i in known else "Nobody (not a doctor)",
        key=doctor_key,
        help="For a doctor: whose visits they see.",
    )
    return Role(chosen), doctor or None


def _password(label: str, key: str) -> str:
    return st.text_input(label, key=key, type="password", help=_PASSWORD_HELP, autocomplete="new-password") or ""


def _access(clinic: Clinic, actor: Actor, user: User) -> None:
    st.markdown("**Access**" if user.active else "**Access** :red-badge[Disabled]")
    with st.container(horizontal=True):
        with st.popover("New password", icon=":material/key:"):
            _new_password(clinic, actor, user)
        _button("Sign out everywhere", "logout", lambda: users.end_sessions(clinic, actor, user), "Signed out.")
        if user.active:
            _button("Disable", "block", lambda: users.disable(clinic, actor, user), "Disabled and signed out.")
        else:
            _button("Enable", "check", lambda: users.enable(clinic, actor, user), "They can sign in again.")


def _new_password(clinic: Clinic, actor: Actor, user: User) -> None:
    name = f"users.password.{user.id}"
    form = forms.form_id(name)
    with st.form(f"users.password.{form}", border=False):
        password = _password("New password", f"{form}.password")
        setting = st.form_submit_button("Set it and sign them out")
    if setting:
        with session.show_errors():
            users.reset_password(clinic, actor, user, password)
            forms.renew(name)
            forms.done(f"{user.username} has a new password and is signed out.")


def _button(label: str, icon: str, do: Callable[[], object], said: str) -> None:
    if st.button(label, icon=f":material/{icon}:"):
        with session.show_errors():
            do()
            forms.done(said)


def _writer(clinic: Clinic, actor: Actor) -> Callable[[User], User]:
    return lambda u: users.change(clinic, actor, u, name=u.name, role=u.role, practitioner_id=u.practitioner_id)


def _latest(clinic: Clinic, actor: Actor, user: User) -> User:
    return users.named(clinic, actor, user.username)
