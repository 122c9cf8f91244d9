"""One search box that ends in one patient: found, or registered on the spot."""

from __future__ import annotations

from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.people import Patient
from clinic_core.services import patients
from ui import patient_form, widgets
from ui.text import plain

MOST: Final = 8


def patient_picker(clinic: Clinic, actor: Actor, key: str) -> Patient | None:
    """The patient chosen, None as long as there is none. Draw it inside a fragment or dialog: it searches while typing.

    The choice is kept under `key` until `forget`; `choose` makes it beforehand.
    """
    chosen: Patient | None = st.session_state.get(f"{key}.patient")
    if chosen is not None:
        return _show_chosen(clinic, chosen, key)
    if patient_form.is_open(f"{key}.form"):
        return _register(clinic, key)
    typed = st.text_input(
        "Patient",
        key=f"{key}.typed",
        type="search",
        live="250ms",
        placeholder="Part of the name, phone or number",
        persist_state="page",
    )
    _offer(clinic, patients.search(clinic, actor, typed or ""), key, typed or "")
    return None


def choose(key: str, patient: Patient | None) -> None:
    """Make the choice, or with None open the search again. A callback too."""
    st.session_state[f"{key}.patient"] = patient


def forget(key: str) -> None:
    """Begin anew the next time."""
    patient_form.close(f"{key}.form")
    for part in ("patient", "typed"):
        st.session_state.pop(f"{key}.{part}", None)


def _show_chosen(clinic: Clinic, patient: Patient, key: str) -> Patient:
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(f"**{plain(patient.name)}**  \n{plain(widgets.details(patient, clinic.today()))}", width="stretch")
        st.button("Change", key=f"{key}.change", on_click=choose, args=(key, None), help="Choose another patient")
    if patient.allergies:
        widgets.show_allergies(patient)
    return patient


def _offer(clinic: Clinic, found: list[Patient], key: str, typed: str) -> None:
    for place, patient in enumerate(found[:MOST]):
        st.button(
            f"**{plain(patient.name)}** · {plain(widgets.details(patient, clinic.today()))}",
            key=f"{key}.pick.{place}",
            on_click=choose,
            args=(key, patient),
            width="stretch",
            shortcut="Ctrl+Enter" if place == 0 else None,
        )
    if len(found) > MOST:
        st.caption(f"{len(found) - MOST} more. Type more of the name, the phone or the number.")
    if typed and not found:
        st.caption("Nobody found. Check the spelling, try the phone, or register them now.")
    st.button(
        "Register a new patient",
        icon=":material/person_add:",
        key=f"{key}.register",
        on_click=_begin,
        args=(key, typed),
        type="primary" if typed and not found else "secondary",
    )


def _begin(key: str, typed: str) -> None:
    patient_form.begin(f"{key}.form", typed)


def _register(clinic: Clinic, key: str) -> Patient | None:
    made = patient_form.show(clinic, f"{key}.form")
    if made is not None:
        choose(key, made)
        return _show_chosen(clinic, made, key)
    st.button("Back to the search", key=f"{key}.back", on_click=patient_form.close, args=(f"{key}.form",))
    return None
