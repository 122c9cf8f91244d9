"""The drawer of one visit for the desk: who, when, and everything that can be done with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import policies
from clinic_core.domain.access import Actor, allows
from clinic_core.domain.appointments import TRANSITIONS, Appointment, AppointmentStatus, CancelReason
from clinic_core.domain.people import Patient
from clinic_core.services import appointments, patients
from clinic_core.services.patients import PatientRecord
from ui import booking, errors, forms, offer_form, session, steps, widgets
from ui.text import plain

_OPENED: Final = "visit_drawer.id"
MOVING: Final = "visit_drawer.moving"
_PLACE: Final = "visit_drawer"
_THERE: Final = frozenset({AppointmentStatus.ARRIVED, AppointmentStatus.CHECKED_IN})


def begin(appointment_id: str) -> None:
    """Open the drawer of a visit. A callback; the run that follows draws it with `show`."""
    booking.close()
    st.session_state[_OPENED] = appointment_id


def close() -> None:
    """Shut the drawer. A callback too."""
    st.session_state.pop(_OPENED, None)


def opened() -> str:
    """The visit whose drawer is open, or nothing."""
    found: str = st.session_state.get(_OPENED, "")
    return found


def show() -> None:
    """Draw the drawer if it was begun."""
    if opened():
        st.dialog("Visit", width=520, position="right", on_dismiss=close)(_drawer)()


def moving() -> Appointment | None:
    """The visit that waits for its new time."""
    found: Appointment | None = st.session_state.get(MOVING)
    return found


def stop_moving() -> None:
    """Leave the visit where it is. A callback too."""
    st.session_state.pop(MOVING, None)


def _drawer() -> None:
    clinic = session.the_clinic()
    with session.show_errors():
        actor = session.require_actor(clinic)
        visit = appointments.get(clinic, actor, opened())
        record = patients.record(clinic, actor, visit.patient_id)
        _who(clinic, record)
        _what(clinic, visit)
        errors.show_kept(_PLACE)
        _buttons(clinic, actor, visit, record.patient)
        if AppointmentStatus.CANCELLED in TRANSITIONS[visit.status]:
            _cancel_form(clinic, visit)
        offer_form.show(clinic, actor, visit)
        _history(clinic, visit)


def _who(clinic: Clinic, record: PatientRecord) -> None:
    patient = record.patient
    last = f"Last visit {widgets.short_day(record.last_visit)}" if record.last_visit else "No visit before"
    st.title(plain(patient.name), anchor=False)
    st.markdown(f"{plain(widgets.details(patient, clinic.today()))} · {last}")
    widgets.show_allergies(patient)
    due = sum(invoice.due_minor for invoice in record.invoices)
    if due:
        st.markdown(f":orange-badge[:material/payments: {plain(clinic.money(due))} still to pay]")


def _what(clinic: Clinic, visit: Appointment) -> None:
    mark = widgets.status_mark(visit)
    day, when = (
        widgets.day_text(visit.day),
        f"{widgets.time_text(clinic, visit.start)} to {widgets.time_text(clinic, visit.end)}",
    )
    rooms = {room.id: room.name for room in clinic.organization().rooms}
    lines = [
        f"**{day}, {'no time' if visit.untimed else when}**",
        " · ".join(
            filter(
                None,
                [
                    plain(widgets.practitioner_name(clinic, visit.practitioner_id)),
                    plain(widgets.service_name(clinic, visit.service_id)),
                    plain(rooms.get(visit.room_id or "", "")),
                ],
            )
        ),
        f"Reason: {plain(visit.reason)}" if visit.reason else "",
        f"Cancelled: {visit.cancel_reason.label}" if visit.cancel_reason else "",
    ]
    st.badge(mark.text + _since(clinic, visit), color=mark.tone)  # type: ignore[arg-type]
    st.markdown("  \n".join(filter(None, lines)))


def _since(clinic: Clinic, visit: Appointment) -> str:
    at = visit.since(visit.status) if visit.status in _THERE else None
    return f" since {widgets.time_text(clinic, at)}" if at else ""


def _buttons(clinic: Clinic, actor: Actor, visit: Appointment, patient: Patient) -> None:
    names = steps.offered(actor, visit, today=clinic.today(), without=(steps.NOTE,))
    with st.container(horizontal=True):
        for place, step in enumerate(steps.buttons(names, primary=names[0] if names else "")):
            st.button(
                step.label,
                key=f"drawer.{step.id}",
                type="primary" if place == 0 else "secondary",
                on_click=_step,
                args=(visit, patient, step.id),
            )
        if visit.status is AppointmentStatus.BOOKED and allows(actor, "appointment.move"):
            st.button("Move", key="drawer.move", icon=":material/move_down:", on_click=_begin_move, args=(visit,))
        if steps.REBOOK not in names and allows(actor, "appointment.book"):
            st.button(
                "Book again", key="drawer.again", icon=":material/event_repeat:", on_click=rebook, args=(visit, patient)
            )
        st.button(
            "Patient's record", key="drawer.record", icon=":material/folder_shared:", on_click=_record, args=(visit,)
        )


def _step(visit: Appointment, patient: Patient, step: str) -> None:
    if step == steps.REBOOK:
        return rebook(visit, patient)
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        steps.take(clinic, session.require_actor(clinic), visit.id, step)
        close()
        st.rerun()


def rebook(visit: Appointment, patient: Patient) -> None:
    """Open the booking dialog for the same patient, practitioner and service at their next free time. A callback."""
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        session.require_actor(clinic)
        start = _next_start(clinic, visit)
        close()
        booking.begin(start=start, practitioner_id=visit.practitioner_id, service_id=visit.service_id, patient=patient)
        st.rerun()


def _next_start(clinic: Clinic, visit: Appointment) -> datetime | None:
    found = appointments.next_free(
        clinic, practitioner_id=visit.practitioner_id, after=clinic.now(), minutes=visit.minutes, most=1
    )
    return found[0] if found else None


def _begin_move(visit: Appointment) -> None:
    st.session_state[MOVING] = visit
    close()
    st.rerun()


def moved(visit: Appointment, start: datetime, practitioner_id: str) -> Appointment:
    """The visit as it would be after the move."""
    return replace(visit, start=start, day=session.the_clinic().local(start).date(), practitioner_id=practitioner_id)


def move_to(start: datetime, practitioner_id: str) -> None:
    """Give the visit that is being moved its new time; in a callback. Raises what the service raises."""
    clinic, visit = session.the_clinic(), st.session_state[MOVING]
    actor = session.require_actor(clinic)
    after = appointments.move(clinic, actor, visit, start=start, practitioner_id=practitioner_id)
    stop_moving()
    forms.done(f"Moved to {widgets.moment(clinic, after.start)}.")


def _record(visit: Appointment) -> None:
    close()
    widgets.go_to_patient(visit.patient_id)


def _cancel_form(clinic: Clinic, visit: Appointment) -> None:
    fee = policies.fee_for_cancelling(visit, clinic.now(), CancelReason.PATIENT, clinic.organization())
    with st.expander("Cancel this visit", icon=":material/event_busy:"), st.form("drawer.cancel", border=False):
        if fee:
            st.caption(
                f"This is late: a fee of {plain(clinic.money(fee))} is drafted for you to issue or throw away, "
                "unless the practitioner is not available."
            )
        st.selectbox("Why", list(CancelReason), format_func=lambda reason: reason.label, key="drawer.why")
        st.text_input("Note", key="drawer.note", placeholder="Optional", max_chars=200)
        st.form_submit_button("Cancel the visit", key="drawer.cancel_now", on_click=_cancel, args=(visit,))


def _cancel(visit: Appointment) -> None:
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        actor = session.require_actor(clinic)
        why, note = st.session_state["drawer.why"], st.session_state["drawer.note"].strip()
        cancelled = appointments.cancel(clinic, actor, visit, why, note)
        if not offer_form.can_offer(clinic, cancelled):
            close()
        forms.done("The visit is cancelled and its time is free again.")


def _history(clinic: Clinic, visit: Appointment) -> None:
    with st.expander("What happened", icon=":material/history:"):
        for event in visit.events:
            start = widgets.moment(clinic, event.start)
            what = f"{event.kind} for {start}" if event.kind != "status" else str(event.status)
            note = f" · {plain(event.note)}" if event.note else ""
            st.caption(f"{widgets.moment(clinic, event.at)} · {plain(event.by)} · {what}{note}")
