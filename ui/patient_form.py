"""The form that registers a patient or changes the record; it keeps what was typed until it is saved."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import date, timedelta
from typing import Any, Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import people, templates
from clinic_core.domain.access import Actor
from clinic_core.domain.ids import new_id
from clinic_core.domain.people import ContactBy, Patient, Sex
from clinic_core.errors import Conflict
from clinic_core.services import patients
from clinic_core.services.patients import PatientForm
from ui import errors, session, versioned, widgets
from ui.text import plain

_FIELDS: Final = tuple(field.name for field in fields(PatientForm))
_MOST_DOUBLES: Final = 5
_LABELS: Final = {
    "name": "name",
    "birth_date": "birth date",
    "age": "age",
    "sex": "sex",
    "phone": "phone",
    "email": "e-mail",
    "address": "address",
    "allergies": "allergies",
    "notes": "notes",
    "contact_by": "way of reminding",
    "language": "language",
    "outreach_consent": "consent to recalls",
    "payer_id": "payer",
    "member_number": "member number",
}
_CONTACT: Final = {
    ContactBy.SMS: "SMS",
    ContactBy.WHATSAPP: "WhatsApp",
    ContactBy.EMAIL: "E-mail",
    ContactBy.NONE: "Not at all",
}


def begin(key: str, typed: str = "") -> None:
    """An empty form, with what was typed into the search as its name or phone. A callback too."""
    digits = sum(character.isdigit() for character in typed)
    _open(key, None, {"phone" if digits > len(typed) / 2 else "name": typed.strip()})


def begin_edit(key: str, patient: Patient) -> None:
    """The form filled with a record. A callback too."""
    _open(key, patient, asdict(form_of(patient, session.the_clinic().today())))


def close(key: str) -> None:
    """Forget the form. A callback too."""
    for part in ("id", "before", "doubles", "saved"):
        st.session_state.pop(f"{key}.{part}", None)


def is_open(key: str) -> bool:
    """Whether a form was begun and not closed."""
    return f"{key}.id" in st.session_state


def show(clinic: Clinic, key: str) -> Patient | None:
    """Draw the form that was begun; the patient as soon as it is saved, then it is closed."""
    saved: Patient | None = st.session_state.get(f"{key}.saved")
    if saved is not None:
        close(key)
        return saved
    errors.show_kept(key)
    before: Patient | None = st.session_state.get(f"{key}.before")
    with st.form(f"{key}.form", border=False):
        _fields(clinic, key)
        st.form_submit_button(
            "Save" if before else "Register",
            key=f"{key}.submit",
            type="secondary" if st.session_state.get(f"{key}.doubles") else "primary",
            icon=":material/save:" if before else ":material/person_add:",
            on_click=_submit,
            args=(key,),
        )
    _show_doubles(clinic, key)
    return None


def _open(key: str, before: Patient | None, values: dict[str, Any]) -> None:
    close(key)
    st.session_state[f"{key}.id"] = new_id()
    st.session_state[f"{key}.before"] = before
    for name, value in values.items():
        st.session_state[_key(key, name)] = value


def _key(key: str, field: str) -> str:
    return f"{key}.{st.session_state[f'{key}.id']}.{field}"


def _fields(clinic: Clinic, key: str) -> None:
    st.text_input("Name", key=_key(key, "name"), max_chars=120, required=True, autocomplete="off", persist_state="page")
    _birth(clinic, key)
    left, right = st.columns(2)
    left.text_input(
        "Phone", key=_key(key, "phone"), type="phone", placeholder="", autocomplete="off", persist_state="page"
    )
    right.text_input("E-mail", key=_key(key, "email"), placeholder="", autocomplete="off", persist_state="page")
    st.text_input(
        "Allergies", key=_key(key, "allergies"), placeholder="None known", autocomplete="off", persist_state="page"
    )
    with st.expander("Address, notes, reminders, payer", expanded=st.session_state[f"{key}.before"] is not None):
        _more(key)
        _messages(clinic, key)
        _payer(clinic, key)


def _payer(clinic: Clinic, key: str) -> None:
    """Who else pays, where the clinic has payers at all; one that is not active stays with whom it was entered for."""
    known = clinic.directory().payers
    chosen = st.session_state.get(_key(key, "payer_id")) or ""
    offered = [payer.id for payer in clinic.directory().active_payers]
    if not offered and not chosen:
        return
    payer, number = st.columns(2)
    payer.selectbox(
        "Payer",
        ["", *offered, *([chosen] if chosen and chosen not in offered else [])],
        key=_key(key, "payer_id"),
        format_func=lambda i: known[i].name if i in known else "The patient pays",
        persist_state="page",
        help="An insurer or employer who pays a share of the bills.",
    )
    number.text_input(
        "Member number", key=_key(key, "member_number"), max_chars=40, autocomplete="off", persist_state="page"
    )


def _more(key: str) -> None:
    st.text_input("Address", key=_key(key, "address"), autocomplete="off", persist_state="page")
    st.text_input(
        "Notes",
        key=_key(key, "notes"),
        autocomplete="off",
        persist_state="page",
        help="For the front desk; not medical.",
    )


def _messages(clinic: Clinic, key: str) -> None:
    """How, in which language and about what the patient is written to."""
    st.segmented_control(
        "Remind by",
        list(ContactBy),
        key=_key(key, "contact_by"),
        default=None if _key(key, "contact_by") in st.session_state else ContactBy.SMS,
        format_func=lambda way: _CONTACT[way],
        required=True,
        persist_state="page",
    )
    view = clinic.directory()
    known, chosen = templates.languages(view.templates), st.session_state.get(_key(key, "language")) or ""
    usual = templates.language_name(view.message_policy.default_language)
    language, consent = st.columns(2, vertical_alignment="bottom")
    language.selectbox(
        "Language of messages",
        ["", *known, *([chosen] if chosen and chosen not in known else [])],
        key=_key(key, "language"),
        format_func=lambda code: templates.language_name(code) if code else f"The clinic's ({usual})",
        persist_state="page",
    )
    consent.checkbox(
        "Agrees to recalls and review requests",
        key=_key(key, "outreach_consent"),
        persist_state="page",
        help="Without it the patient only gets messages about visits and bills.",
    )


def _birth(clinic: Clinic, key: str) -> None:
    today = clinic.today()
    born, age, sex = st.columns([2, 1, 3])
    born.date_input(
        "Birth date",
        value=None,
        key=_key(key, "birth_date"),
        min_value=today - timedelta(days=366 * people.OLDEST),
        max_value=today,
        format=widgets.date_format(clinic.organization()),
        persist_state="page",
        help="Type it, or leave it empty and give the age.",
    )
    age.number_input(
        "or age",
        value=None,
        min_value=0,
        max_value=people.OLDEST,
        step=1,
        key=_key(key, "age"),
        placeholder="years",
        persist_state="page",
    )
    sex.segmented_control(
        "Sex",
        list(Sex),
        key=_key(key, "sex"),
        default=None if _key(key, "sex") in st.session_state else Sex.UNKNOWN,
        format_func=lambda one: widgets.SEX[one],
        required=True,
        persist_state="page",
    )


def _typed(key: str) -> PatientForm:
    values = {name: st.session_state.get(_key(key, name)) for name in _FIELDS}
    empty = {
        "birth_date": None,
        "age": None,
        "sex": Sex.UNKNOWN,
        "contact_by": ContactBy.SMS,
        "outreach_consent": False,
    }
    typed: dict[str, Any] = {n: empty.get(n, "") if value is None else value for n, value in values.items()}
    return PatientForm(**typed)


def _submit(key: str, *, anyway: bool = False) -> None:
    """Save what was typed; a new patient who looks like one that is there waits for `anyway`."""
    clinic = session.the_clinic()
    with errors.keep_errors(key):
        actor = session.require_actor(clinic)
        form, before = _typed(key), st.session_state.get(f"{key}.before")
        if before is not None:
            st.session_state[f"{key}.saved"] = _edit(clinic, actor, key, before, form)
            return
        doubles = [] if anyway else patients.likely_duplicates(clinic, actor, form)
        st.session_state[f"{key}.doubles"] = doubles
        if not doubles:
            made = patients.register(clinic, actor, form, patient_id=st.session_state[f"{key}.id"])
            st.session_state[f"{key}.saved"] = made


def _edit(clinic: Clinic, actor: Actor, key: str, before: Patient, form: PatientForm) -> Patient:
    """Save a change; what somebody else changed meanwhile stays, unless both changed the same field."""
    try:
        return patients.edit(clinic, actor, before, form)
    except Conflict as conflict:
        now = patients.record(clinic, actor, before.id).patient
        clash = versioned.merge(form_of(before, clinic.today()), form, form_of(now, clinic.today()))
        if not clash.both:
            return patients.edit(clinic, actor, now, clash.merged)
        st.session_state[f"{key}.before"] = now
        names = " and ".join(_LABELS[name] for name in clash.both)
        raise Conflict(
            f"Somebody else changed the {names} while you typed. What you typed is still here: "
            "save again to put it in place of theirs."
        ) from conflict


def form_of(patient: Patient, today: date) -> PatientForm:
    """The record as the form shows it: an estimated birth date as the age it was made from."""
    values: dict[str, Any] = {
        name: getattr(patient, name) for name in _FIELDS if name not in ("birth_date", "age", "phone", "payer_id")
    }
    return PatientForm(
        **values,
        birth_date=None if patient.birth_date_estimated else patient.birth_date,
        age=patient.age_on(today) if patient.birth_date_estimated else None,
        phone=people.show_phone(patient.phone),
        payer_id=patient.payer_id or "",
    )


def _show_doubles(clinic: Clinic, key: str) -> None:
    doubles: list[Patient] = st.session_state.get(f"{key}.doubles") or []
    if not doubles:
        return
    with st.container(border=True):
        st.warning("This may be somebody who is registered already. Choose the person, or register anyway.")
        for place, patient in enumerate(doubles[:_MOST_DOUBLES]):
            st.button(
                f"It is **{plain(patient.name)}** · {plain(widgets.details(patient, clinic.today()))}",
                key=f"{key}.double.{place}",
                on_click=_take,
                args=(key, patient),
                width="stretch",
            )
        st.button(
            "Register anyway",
            key=f"{key}.anyway",
            type="primary",
            on_click=_submit,
            args=(key,),
            kwargs={"anyway": True},
        )


def _take(key: str, patient: Patient) -> None:
    st.session_state[f"{key}.saved"] = patient
