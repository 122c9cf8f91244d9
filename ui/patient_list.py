"""Finding a patient: one box, the people who match, and the way to register somebody new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import people
from clinic_core.domain.access import allows
from clinic_core.domain.people import Patient
from clinic_core.services import patients
from ui import patient_form, session, widgets
from ui.focus import focus
from ui.rows import Mark, Row, Step, rows

FORM: Final = "patients.form"
_TYPED: Final = "patients.typed"
_COLUMNS: Final = ("Name", "Number", "Age and sex", "Phone", "Allergies")


@st.fragment
def show() -> None:
    """The box and what it finds, while typing; the patients registered last as long as it is empty."""
    clinic = session.the_clinic()
    with session.show_errors():
        actor = session.require_actor(clinic)
        typed = _search_box()
        found = patients.search(clinic, actor, typed) if typed else patients.latest(clinic, actor)
        _say(typed or "", found)
        if found:
            rows("Patients", _COLUMNS, [_row(clinic, one) for one in found], key="patients.found", on_step=_open)
        if allows(actor, "patient.write"):
            st.button(
                "Register a new patient",
                key="patients.register",
                icon=":material/person_add:",
                type="secondary" if found else "primary",
                on_click=_begin,
                args=(typed or "",),
            )


def _search_box() -> str | None:
    with st.container(key="patients-search"):
        typed = st.text_input(
            "Find a patient",
            key=_TYPED,
            type="search",
            live="250ms",
            placeholder="Part of the name, phone or number",
            label_visibility="collapsed",
            persist_state="session",
        )
    focus("patients-search", once="page")
    return typed


def _say(typed: str, found: Sequence[Patient]) -> None:
    if not typed:
        if found:
            st.caption("Registered last:")
        else:
            widgets.nothing_here("Nobody is registered yet. Register the first patient below.", "person_add")
    elif not found:
        widgets.nothing_here(
            "Nobody found. Type at least two letters of any part of the name, or digits of the phone.", "person_search"
        )


def _begin(typed: str) -> None:
    patient_form.begin(FORM, typed)
    st.rerun()


def _open(patient_id: str, step: str) -> None:
    st.query_params[widgets.PATIENT_PARAM] = patient_id
    st.rerun()


def _row(clinic: Clinic, patient: Patient) -> Row:
    return Row(
        id=patient.id,
        label=f"{patient.name}, {patient.number}",
        cells=[
            patient.name,
            patient.number,
            widgets.age_and_sex(patient, clinic.today()),
            people.show_phone(patient.phone),
            Mark(patient.allergies, alert=True) if patient.allergies else "",
        ],
        steps=[Step("open", "Open")],
    )
