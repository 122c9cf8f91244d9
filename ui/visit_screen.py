"""The doctor's screen of one visit: who is there, the note, and what was written before."""

from __future__ import annotations

from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor, allows
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.encounters import EncounterStatus
from clinic_core.services import encounters
from clinic_core.services.encounters import Visit
from ui import errors, note_form, notes, session, steps, widgets
from ui.text import plain

S = AppointmentStatus
_PLACE: Final = "visit_screen"
_OVER: Final = frozenset({S.CANCELLED, S.NOSHOW, S.ENTERED_IN_ERROR})


def show(clinic: Clinic, actor: Actor, appointment_id: str) -> None:
    """The visit; raises NotFound and what else the service raises."""
    visit = encounters.open_visit(clinic, actor, appointment_id)
    errors.show_kept(_PLACE)
    _head(clinic, actor, visit)
    writing, reading = st.columns([3, 2], gap="medium")
    with writing:
        if _is_open(actor, visit):
            note_form.begin(visit)
            note_form.show(visit)
        else:
            _closed(clinic, visit)
    with reading:
        notes.show_earlier(clinic, visit.previous)


def _head(clinic: Clinic, actor: Actor, visit: Visit) -> None:
    patient, appointment = visit.patient, visit.appointment
    mark = widgets.STATUS[appointment.status]
    when = widgets.moment(clinic, appointment.start) if not appointment.untimed else widgets.short_day(appointment.day)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"### {plain(patient.name)}\n{plain(widgets.details(patient, clinic.today()))}  \n"
            f"{when} · {plain(widgets.service_name(clinic, appointment.service_id))} :{mark.tone}-badge[{mark.text}]",
            width="stretch",
        )
        if steps.CALL_IN in steps.offered(actor, appointment, today=clinic.today()):
            st.button(
                "Patient is with me", key="visit.call_in", icon=":material/login:", on_click=_call_in, args=(visit,)
            )
        st.button("My visits", key="visit.back", icon=":material/arrow_back:", on_click=_back)
    widgets.show_allergies(patient)


def _is_open(actor: Actor, visit: Visit) -> bool:
    """Whether the note can still be written, by this actor."""
    own = allows(actor, "encounter.write", practitioner_id=visit.encounter.practitioner_id)
    done = visit.encounter.status is EncounterStatus.FINISHED and visit.appointment.status is S.FULFILLED
    return own and not done and visit.appointment.status not in _OVER


def _closed(clinic: Clinic, visit: Visit) -> None:
    note_form.show_unsaved(clinic, visit.encounter.id)
    if visit.encounter.version:
        notes.show_note(clinic, visit.encounter)
    elif visit.appointment.status in _OVER:
        widgets.nothing_here("This visit did not take place, so there is no note.", "event_busy")
    else:
        widgets.nothing_here("No note was written yet.", "clinical_notes")


def _call_in(visit: Visit) -> None:
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        steps.take(clinic, session.require_actor(clinic), visit.appointment.id, steps.CHECK_IN)


def _back() -> None:
    st.query_params.pop(widgets.VISIT_PARAM, None)
