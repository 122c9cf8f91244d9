"""The dialog that books a visit: a patient, a service, a practitioner and a time, or the reason why not."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import clock
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import CELL_MINUTES, Appointment
from clinic_core.domain.ids import new_id
from clinic_core.domain.organization import HealthcareService
from clinic_core.domain.people import Patient, Practitioner
from clinic_core.errors import InThePast, InvalidInput, OutsideHours, SlotTaken
from clinic_core.services import appointments, free_times
from ui import errors, forms, patient_picker, session, widgets
from ui.focus import focus
from ui.text import plain

_STATE: Final = "booking"
_PATIENT: Final = "booking.who"
_NO_ROOM: Final = ""


def begin(
    *,
    start: datetime | None = None,
    practitioner_id: str = "",
    service_id: str = "",
    patient: Patient | None = None,
    walk_in: bool = False,
) -> None:
    """Open the dialog with what is known already. A callback; the run that follows draws it with `show`."""
    close()
    clinic = session.the_clinic()
    name = new_id()
    st.session_state[_STATE] = {"id": name, "walk_in": walk_in, "instead": []}
    patient_picker.choose(_PATIENT, patient)
    if start is not None:
        local = clinic.local(start)
        st.session_state[_key("day")], st.session_state[_key("time")] = local.date(), f"{local:%H:%M}"
    practitioner_id = _soonest_free(clinic) if walk_in else practitioner_id
    service = service_id or _usual_service(clinic, practitioner_id, start)
    for field, value in (("practitioner", practitioner_id), ("service", service)):
        if value:
            st.session_state[_key(field)] = value


def _soonest_free(clinic: Clinic) -> str:
    """Where a walk-in waits least; nothing when nobody has time left today."""
    with errors.keep_errors(_STATE):
        actor = session.require_actor(clinic)
        minutes = clinic.organization().slot_minutes
        free = appointments.free_slots_of_all(clinic, actor, clinic.today(), minutes=minutes)
        return min(((starts[0], one) for one, starts in free.items() if starts), default=(None, ""))[1]
    return ""


def _usual_service(clinic: Clinic, practitioner_id: str, start: datetime | None) -> str:
    """What is booked most on that day with the practitioner, or with anybody; nothing when nobody is booked."""
    with errors.keep_errors(_STATE):
        actor = session.require_actor(clinic)
        rows = appointments.day(clinic, actor, clinic.local(start or clinic.now()).date()).rows
        theirs = [row for row in rows if row.appointment.practitioner_id == practitioner_id] or rows
        offered = {service.id for service in clinic.directory().active_services}
        common = Counter(r.appointment.service_id for r in theirs if r.appointment.service_id in offered).most_common(1)
        return common[0][0] if common else ""
    return ""


def close() -> None:
    """Forget the dialog. A callback too."""
    st.session_state.pop(_STATE, None)
    patient_picker.forget(_PATIENT)


def show() -> None:
    """Draw the dialog if it was begun."""
    wanted = st.session_state.get(_STATE)
    if wanted is None:
        return
    title = "Walk-in: seen today" if wanted["walk_in"] else "Book a visit"
    st.dialog(title, width=520, position="right", on_dismiss=close)(_dialog)()


def _key(field: str) -> str:
    return f"booking.{st.session_state[_STATE]['id']}.{field}"


def _get(field: str, default: Any = None) -> Any:
    return st.session_state.get(_key(field), default)


def _dialog() -> None:
    clinic = session.the_clinic()
    with session.show_errors():
        actor = session.require_actor(clinic)
        with st.container(key="booking-patient"):
            patient = patient_picker.patient_picker(clinic, actor, _PATIENT)
        if patient is None:
            focus("booking-patient", once=st.session_state[_STATE]["id"])
        service, practitioner = _what_and_who(clinic)
        if service is None or practitioner is None:
            return
        if st.session_state[_STATE]["walk_in"]:
            start = None
            _say_who_is_free(clinic, actor, service)
        else:
            start = _when(clinic, actor, practitioner, service)
        st.text_input("Reason", key=_key("reason"), placeholder="Optional", max_chars=200, persist_state="page")
        _room(clinic)
        _finish(clinic, patient, start)


def _what_and_who(clinic: Clinic) -> tuple[HealthcareService | None, Practitioner | None]:
    left, right = st.columns(2)
    with left:
        service = widgets.service_picker(clinic, _key("service"))
    with right:
        practitioner = widgets.practitioner_picker(clinic, _key("practitioner"))
    return service, practitioner


def _say_who_is_free(clinic: Clinic, actor: Actor, service: HealthcareService) -> None:
    """Where a walk-in waits least."""
    free = appointments.free_slots_of_all(clinic, actor, clinic.today(), minutes=service.minutes)
    soonest = sorted((starts[0], practitioner_id) for practitioner_id, starts in free.items() if starts)
    names = [f"{widgets.practitioner_name(clinic, i)} {widgets.time_text(clinic, start)}" for start, i in soonest]
    st.caption(f"Free from: {plain(', '.join(names))}." if names else "Nobody has a free time left today.")


def _when(clinic: Clinic, actor: Actor, practitioner: Practitioner, service: HealthcareService) -> datetime | None:
    """Day and time; any time can be typed, and one that is not offered is explained."""
    left, right = st.columns(2)
    st.session_state.setdefault(_key("day"), clinic.today())
    day: date = left.date_input(
        "Day", key=_key("day"), format=widgets.date_format(clinic.organization()), persist_state="page"
    )
    free = appointments.free_slots(clinic, actor, day, practitioner_id=practitioner.id, minutes=service.minutes)
    offered = {widgets.time_text(clinic, start): start for start in free}
    chosen: str | None = _get("time")
    typed = right.selectbox(
        "Time",
        [*([chosen] if chosen and chosen not in offered else []), *offered],
        index=None if chosen is None else 0,
        key=_key("time"),
        accept_new_options=True,
        placeholder="Choose, or type like 10:30",
        persist_state="page",
        help="Free times. Type any other time to learn why it is not offered.",
    )
    if not free:
        st.caption("No free time on this day for a visit of this length.")
    start = offered.get(typed or "") or _typed_time(clinic, day, typed)
    if start is not None and typed not in offered and not st.session_state[_STATE]["instead"]:
        _explain(clinic, actor, practitioner, service, start)
    return start


def _typed_time(clinic: Clinic, day: date, typed: str | None) -> datetime | None:
    if not typed:
        return None
    hour, _, minute = typed.replace(".", ":").strip().partition(":")
    try:
        return clock.at_local(day, time(int(hour), int(minute or 0)), clinic.zone)
    except ValueError:
        st.warning("This is no time; type it like 10:30.")
        return None


def _explain(
    clinic: Clinic, actor: Actor, practitioner: Practitioner, service: HealthcareService, start: datetime
) -> None:
    """Why the time is not offered, and the next ones that are."""
    patient = st.session_state.get(f"{_PATIENT}.patient")
    wanted = _draft(clinic, start, patient.id if patient else "", practitioner.id, service.id)
    reason = appointments.why_not(clinic, actor, wanted)
    if reason is None:
        st.caption("This time is free, although it is not on the grid.")
        return
    st.warning(reason, icon=":material/help:")
    _alternatives(clinic, _next_free(clinic, wanted), "Take", _take)


def _alternatives(clinic: Clinic, found: list[datetime], verb: str, on_click: Any) -> None:
    with st.container(horizontal=True):
        for start in found:
            label = f"{verb} {widgets.moment(clinic, start)}"
            st.button(label, key=_key(f"{verb}.{start.isoformat()}"), on_click=on_click, args=(start,))


def _take(start: datetime) -> None:
    local = session.the_clinic().local(start)
    st.session_state[_key("day")], st.session_state[_key("time")] = local.date(), f"{local:%H:%M}"


def _room(clinic: Clinic) -> None:
    rooms = {room.id: room.name for room in clinic.organization().rooms}
    if rooms:
        st.selectbox(
            "Room",
            [_NO_ROOM, *rooms],
            key=_key("room"),
            format_func=lambda room: rooms.get(room, "No room needed"),
            persist_state="page",
        )


def _finish(clinic: Clinic, patient: Patient | None, start: datetime | None) -> None:
    wanted = st.session_state[_STATE]
    errors.show_kept(_STATE)
    if wanted["instead"]:
        _alternatives(clinic, wanted["instead"], "Book", _book)
    ready = patient is not None and (start is not None or wanted["walk_in"])
    st.button(
        "Book and mark as arrived" if wanted["walk_in"] else "Book",
        key=_key("book"),
        type="primary",
        icon=":material/event_available:",
        disabled=not ready,
        help=None if ready else "Choose the patient and the time first.",
        shortcut="Ctrl+Enter" if ready else None,
        width="stretch",
        on_click=_book,
        args=(start,),
    )


def _book(start: datetime | None) -> None:
    """Book what the dialog holds, at `start`; a walk-in without one now. A callback."""
    clinic, wanted = session.the_clinic(), st.session_state[_STATE]
    wanted["instead"] = []
    with errors.keep_errors(_STATE):
        actor = session.require_actor(clinic)
        patient: Patient | None = st.session_state.get(f"{_PATIENT}.patient")
        if patient is None:
            raise InvalidInput("Choose the patient first.")
        draft = _draft(clinic, start or _this_cell(clinic), patient.id, _get("practitioner"), _get("service"))
        made = _booked(clinic, actor, draft)
        if wanted["walk_in"] and made.day == clinic.today():
            appointments.arrive(clinic, actor, made)
        close()
        forms.done(f"{patient.number} is booked for {widgets.moment(clinic, made.start)}.")


def _booked(clinic: Clinic, actor: Actor, draft: Appointment) -> Appointment:
    try:
        return appointments.book(clinic, actor, draft)
    except (SlotTaken, OutsideHours, InThePast):
        st.session_state[_STATE]["instead"] = _next_free(clinic, draft)
        raise


def _next_free(clinic: Clinic, draft: Appointment) -> list[datetime]:
    return free_times.next_free(clinic, free_times.need_of(draft), after=draft.start)


def _draft(clinic: Clinic, start: datetime, patient_id: str, practitioner_id: str, service_id: str) -> Appointment:
    return appointments.draft(
        clinic,
        appointment_id=st.session_state[_STATE]["id"],
        patient_id=patient_id,
        practitioner_id=practitioner_id,
        service_id=service_id,
        start=start,
        reason=(_get("reason") or "").strip(),
        room_id=_get("room") or None,
    )


def _this_cell(clinic: Clinic) -> datetime:
    now = clinic.now()
    return now - timedelta(minutes=now.minute % CELL_MINUTES, seconds=now.second, microseconds=now.microsecond)
