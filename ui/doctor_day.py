"""The doctor's own day: who is next and what matters before they come in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.services import appointments
from clinic_core.services.appointments import DayRow
from ui import errors, session, steps, widgets
from ui.rows import Mark, Row, rows
from ui.text import plain

S = AppointmentStatus
_PLACE: Final = "doctor.day"
_COLUMNS: Final = ("Time", "Patient", "Age", "Allergies", "Reason", "Last visit", "Status")
_OVER: Final = frozenset({S.FULFILLED, S.NOSHOW})
_ORDER: Final = (S.CHECKED_IN, S.ARRIVED)  # who is next: somebody in the room, then whoever waits longest


@st.fragment(run_every=15)
def show(day: date) -> None:
    """The list, anew every 15 seconds."""
    clinic = session.the_clinic()
    with session.show_errors():
        actor = session.require_actor(clinic)
        found = appointments.day(clinic, actor, day)
        errors.show_kept(_PLACE)
        mine = [row for row in found.rows if row.appointment.status not in (S.CANCELLED, S.ENTERED_IN_ERROR)]
        if not mine:
            widgets.nothing_here("No visits are booked with you on this day.", "event_available")
            return
        following = up_next(mine)
        if following is not None:
            _call_out(clinic, actor, following)
        lines = [_row(clinic, actor, row, following) for row in sorted(mine, key=_order)]
        rows("My visits", _COLUMNS, lines, key="doctor.rows", on_step=_step, head=1)


def up_next(mine: Sequence[DayRow]) -> DayRow | None:
    """Who is in the room, or has waited longest; None when nobody is there."""
    for status in _ORDER:
        there = [row for row in mine if row.appointment.status is status]
        if there:
            return min(there, key=lambda row: row.appointment.since(status) or row.appointment.start)
    return None


def _order(row: DayRow) -> tuple[bool, datetime]:
    """What is still to do comes first."""
    return row.appointment.status in _OVER, row.appointment.start


def _call_out(clinic: Clinic, actor: Actor, row: DayRow) -> None:
    visit, patient = row.appointment, row.patient
    inside = visit.status is S.CHECKED_IN
    step = steps.NOTE if inside else steps.CALL_IN
    waited = widgets.minutes_since(clinic, visit.since(S.ARRIVED))
    state = "is with you" if inside else f"has been waiting for {waited} min"
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        age = widgets.age_and_sex(patient, visit.day)
        reason = f"  \n{plain(visit.reason)}" if visit.reason else ""
        alert = f"  \n:red-badge[:material/warning: Allergies: {plain(patient.allergies)}]" if patient.allergies else ""
        st.markdown(f"**{plain(patient.name)}**, {age or patient.number}, {state}{reason}{alert}", width="stretch")
        st.button(
            "Open visit" if inside else "Call in",
            key="doctor.next",
            type="primary",
            icon=":material/stethoscope:",
            shortcut="V",
            on_click=_step,
            args=(visit.id, step),
        )


def _row(clinic: Clinic, actor: Actor, row: DayRow, following: DayRow | None) -> Row:
    visit, patient = row.appointment, row.patient
    names = steps.offered(actor, visit, today=clinic.today())
    wait = visit.since(S.ARRIVED) if visit.status is S.ARRIVED else None
    mark = widgets.status_mark(visit)
    status = Mark(f"{mark.text} {widgets.minutes_since(clinic, wait)} min", mark.tone) if wait else mark
    return Row(
        id=visit.id,
        label=f"{patient.name}, {widgets.time_text(clinic, visit.start)}",
        cells=[
            "–" if visit.untimed else widgets.time_text(clinic, visit.start),
            patient.name,
            widgets.age_and_sex(patient, visit.day),
            Mark(patient.allergies, alert=True) if patient.allergies else "",
            visit.reason or widgets.service_name(clinic, visit.service_id),
            widgets.short_day(row.last_visit),
            status,
        ],
        steps=steps.buttons(names, primary=names[0] if names and row is following else ""),
        next=row is following,
    )


def _step(appointment_id: str, step: str) -> None:
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        steps.take(clinic, session.require_actor(clinic), appointment_id, step)
