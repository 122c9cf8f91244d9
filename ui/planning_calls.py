"""Whom to call: the visits of a day to come, the likeliest to be missed first, each with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import people
from clinic_core.domain.access import Actor
from clinic_core.services import planning
from clinic_core.services.planning import CallList, CallRow
from ui import errors, session, steps, widgets
from ui.planning_parts import percent
from ui.rows import Mark, Row, Step, rows
from ui.text import plain

_DAY: Final = "planning.day"
_COLUMNS: Final = ("Patient", "Risk", "Number", "Phone", "Time", "With", "Why")
_OPEN: Final = "planning.open"
_PURPOSE: Final = (
    "The risk helps to choose whom to call. It never decides who gets a visit: nothing that books, moves or cancels "
    "looks at it."
)
_PLACE: Final = "planning.calls"
_SOME: Final = 15  # calls that fit into an hour
_HIGH, _RAISED = 1.5, 1.1  # times the clinic's usual rate
_HEIGHT: Final = 560


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the day, who is expected to stay away, and the list."""
    day = _choose_day(clinic)
    only = widgets.practitioner_filter(clinic, "planning.practitioners")
    found = planning.call_list(clinic, actor, day)
    _leave_for_record(found)
    errors.show_kept(_PLACE)
    shown = [row for row in found.rows if not only or row.appointment.practitioner_id in only]
    if found.refusal:
        st.info(plain(f"{found.refusal} The visits of those who missed some lately come first."))
    if not shown:
        widgets.nothing_here("Nobody is booked on this day. Choose another day.", "event_available")
        return
    if not found.refusal:
        st.markdown(plain(summary(shown)))
    columns = [name for name in _COLUMNS if name != "Risk" or not found.refusal]
    lines = [_row(clinic, row, found, first=n == 0) for n, row in enumerate(shown)]
    rows(
        f"Visits on {widgets.day_text(day)}, the likeliest to be missed first",
        columns,
        lines,
        key="planning.calls",
        on_step=_step,
        right=("Risk",),
        height=_HEIGHT,
    )
    st.caption(plain(f"{_PURPOSE} {_made(clinic, actor)}"))


def _step(visit_id: str, step: str) -> None:
    if step != steps.CONFIRM:
        st.session_state[_OPEN] = visit_id
        return
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        steps.take(clinic, session.require_actor(clinic), visit_id, step)


def summary(shown: Sequence[CallRow]) -> str:
    """How many of these visits are likely to be missed, and how many of those the first calls reach."""
    expected = sum(row.risk or 0.0 for row in shown)
    visits = f"{len(shown)} visit" + ("" if len(shown) == 1 else "s")
    told = f"About {expected:.0f} of {visits} will be missed." if expected >= 1 else (
        f"Perhaps one of {visits} will be missed."
    )  # fmt: skip
    if len(shown) <= _SOME:
        return told
    reached = sum(row.risk or 0.0 for row in shown[:_SOME])
    return f"{told} The first {_SOME} on the list stand for {reached / expected:.0%} of that."


def _made(clinic: Clinic, actor: Actor) -> str:
    found = planning.standing(clinic, actor)
    if found is None or found.refusal:
        return ""
    return f"The model was made {widgets.moment(clinic, found.trained_at)} from {found.visits:,} visits."


def _choose_day(clinic: Clinic) -> date:
    """A day to come, tomorrow unless another one is chosen; also after midnight."""
    tomorrow = clinic.today() + timedelta(days=1)
    if st.session_state.get(_DAY) is None or st.session_state[_DAY] < tomorrow:
        st.session_state[_DAY] = tomorrow
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.date_input(
            "Day",
            key=_DAY,
            min_value=tomorrow,
            format=widgets.date_format(clinic.organization()),
            label_visibility="collapsed",
            width=150,
        )
        day: date = st.session_state[_DAY]
        days = (day - clinic.today()).days
        st.markdown(f"**{day:%A}**, {'tomorrow' if days == 1 else f'in {days} days'}", width="content")
    return day


def _leave_for_record(found: CallList) -> None:
    """Go to the record of the patient whose button was pressed before this run."""
    pressed = st.session_state.pop(_OPEN, None)
    row = next((row for row in found.rows if row.appointment.id == pressed), None)
    if row is not None:
        widgets.go_to_patient(row.patient.id)


def _row(clinic: Clinic, row: CallRow, found: CallList, *, first: bool) -> Row:
    visit, patient = row.appointment, row.patient
    risk = [] if row.risk is None else [Mark(percent(row.risk, 0), _tone(row.risk, found.usual))]
    cells: list[str | Mark] = [
        patient.name,
        *risk,
        patient.number,
        people.show_phone(patient.phone) or "no phone",
        widgets.time_text(clinic, visit.start),
        widgets.practitioner_name(clinic, visit.practitioner_id),
        widgets.CONFIRMED if visit.confirmed_at else ", ".join(row.reasons),
    ]
    return Row(
        id=visit.id,
        label=f"{patient.name}, {patient.number}",
        cells=cells,
        steps=(Step("record", "Record"), *([] if visit.confirmed_at else steps.buttons([steps.CONFIRM]))),
        next=first and row.risk is not None,
    )


def _tone(risk: float, usual: float) -> str:
    return "red" if risk >= _HIGH * usual else "orange" if risk >= _RAISED * usual else "gray"
