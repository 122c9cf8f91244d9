"""The appointments of a day: the grid or the plain table, booking on a click, moving."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.appointments import Appointment
from clinic_core.services import appointments, free_times
from clinic_core.services.appointments import DayBoard
from ui import booking, day_plan, errors, session, visit_drawer, widgets
from ui.day_plan import Plan
from ui.day_view import day_view
from ui.rows import Row, Step, rows
from ui.text import plain

GRID, TABLE = "Grid", "Table"
_BOOK: Final = "book"
_OPEN: Final = "open"
_MOVE: Final = "move"
_HEAD: Final = ("Time", "Practitioner", "Patient", "Number", "Service", "Status")
_SEPARATOR: Final = "@"
_INSTEAD: Final = "calendar.instead"


@st.fragment(run_every=20)
def show(day: date, only: frozenset[str], look: str) -> None:
    """The day, anew every 20 seconds; `only` names the practitioners to show, all when empty."""
    clinic = session.the_clinic()
    with session.show_errors():
        actor = session.require_actor(clinic)
        plan = _plan(clinic, appointments.day(clinic, actor, day), only)
        _say_moving(clinic)
        if not clinic.directory().active_practitioners:
            widgets.nothing_here("No practitioner is set up yet. A manager adds one under Settings.", "stethoscope")
        elif look == TABLE:
            _table(clinic, plan)
        else:
            day_view(day_plan.build(plan), key="calendar.grid", on_slot=_slot, on_visit=_visit)
        _say_who_is_off(clinic, plan)


def _plan(clinic: Clinic, found: DayBoard, only: frozenset[str]) -> Plan:
    return Plan(
        day=found.day,
        now=clinic.now(),
        directory=clinic.directory(),
        rows=found.rows,
        only=only,
        chosen=visit_drawer.opened(),
        moving=visit_drawer.moving(),
    )


def _say_moving(clinic: Clinic) -> None:
    visit = visit_drawer.moving()
    if visit is None:
        st.session_state.pop(_INSTEAD, None)
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        name = plain(widgets.practitioner_name(clinic, visit.practitioner_id))
        st.markdown(
            f":material/move_down: Moving the visit of **{widgets.moment(clinic, visit.start)}** with {name}: "
            "choose its new time below, on this day or another.",
            width="stretch",
        )
        st.button("Leave it where it is", key="calendar.keep", shortcut="Esc", on_click=visit_drawer.stop_moving)
    errors.show_kept(visit_drawer.MOVING)
    with st.container(horizontal=True):
        for start, practitioner_id in st.session_state.get(_INSTEAD, ()):
            st.button(
                f"Move to {widgets.moment(clinic, start)}",
                key=f"calendar.instead.{start.isoformat()}",
                on_click=_move,
                args=(start, practitioner_id),
            )


def _slot(practitioner_id: str, start: datetime) -> None:
    """A time was clicked, free or not."""
    if visit_drawer.moving() is not None:
        _move(start, practitioner_id)
        return
    booking.begin(start=start, practitioner_id=practitioner_id)
    st.rerun()


def _visit(appointment_id: str) -> None:
    visit_drawer.begin(appointment_id)
    st.rerun()


def _move(start: datetime, practitioner_id: str) -> None:
    clinic, visit = session.the_clinic(), visit_drawer.moving()
    st.session_state[_INSTEAD] = []
    if visit is None:
        return
    after = visit_drawer.moved(visit, start, practitioner_id)
    with errors.keep_errors(visit_drawer.MOVING):
        st.session_state[_INSTEAD] = [(s, practitioner_id) for s in _instead(clinic, after)]
        visit_drawer.move_to(start, practitioner_id)


def _instead(clinic: Clinic, after: Appointment) -> list[datetime]:
    return free_times.next_free(clinic, free_times.need_of(after), after=after.start)


def _table(clinic: Clinic, plan: Plan) -> None:
    """The same day as lines, for the keyboard and screen readers: what is booked and what is free."""
    parts = st.segmented_control(
        "Show",
        ("Booked", "Free"),
        selection_mode="multi",
        default=("Booked", "Free"),
        key="calendar.parts",
        label_visibility="collapsed",
    )
    lines = _booked_lines(clinic, plan) if "Booked" in parts else []
    lines += _free_lines(plan) if "Free" in parts else []
    if not lines:
        widgets.nothing_here("Nothing is booked and nothing is free on this day.", "event_busy")
        return
    ordered = [row for _, row in sorted(lines, key=lambda line: (line[0], line[1].label))]
    rows(f"Appointments on {widgets.day_text(plan.day)}", _HEAD, ordered, key="calendar.table", on_step=_table_step)


def _booked_lines(clinic: Clinic, plan: Plan) -> list[tuple[datetime, Row]]:
    return [(row.appointment.start, _booked_line(clinic, row)) for row in plan.rows if _wanted(plan, row.appointment)]


def _wanted(plan: Plan, visit: Appointment) -> bool:
    return not plan.only or visit.practitioner_id in plan.only


def _booked_line(clinic: Clinic, row: appointments.DayRow) -> Row:
    visit, patient = row.appointment, row.patient
    time = "–" if visit.untimed else widgets.time_text(clinic, visit.start)
    return Row(
        id=visit.id,
        label=f"{time} {patient.name}",
        cells=[
            time,
            widgets.practitioner_name(clinic, visit.practitioner_id),
            patient.name,
            patient.number,
            widgets.service_name(clinic, visit.service_id),
            widgets.status_mark(visit),
        ],
        steps=[Step(_OPEN, "Open")],
    )


def _free_lines(plan: Plan) -> list[tuple[datetime, Row]]:
    step = Step(_MOVE, "Move here", primary=True) if plan.moving else Step(_BOOK, "Book")
    found = [p for p in plan.directory.active_practitioners if not plan.only or p.id in plan.only]
    return [
        (start, _free_line(plan, start, p.id, p.name, step))
        for p in found
        for start in day_plan.free_of(plan, p.id, minutes=plan.length)
    ]


def _free_line(plan: Plan, start: datetime, practitioner_id: str, name: str, step: Step) -> Row:
    time = f"{start.astimezone(plan.zone):%H:%M}"
    return Row(
        id=f"{practitioner_id}{_SEPARATOR}{start.isoformat()}",
        label=f"{time} {name}",
        cells=[time, name, "free", "", "", ""],
        steps=[step],
    )


def _table_step(row_id: str, step: str) -> None:
    if step == _OPEN:
        _visit(row_id)
    practitioner_id, _, start = row_id.rpartition(_SEPARATOR)
    try:
        at = datetime.fromisoformat(start)
    except ValueError:
        return
    if at.tzinfo is not None:
        _slot(practitioner_id, at)


def _say_who_is_off(clinic: Clinic, plan: Plan) -> None:
    off = day_plan.away(plan, clinic.directory().practitioners)
    untimed = sum(row.appointment.untimed for row in plan.rows)
    parts = [f"Not working on this day: {', '.join(map(plain, off))}." if off else ""]
    parts.append(f"{untimed} visits without a time are in the table only." if untimed else "")
    if any(parts):
        st.caption(" ".join(filter(None, parts)))
