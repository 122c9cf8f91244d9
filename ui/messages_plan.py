"""Tomorrow: whom nobody reminds and why, for the front desk to call; and what goes out."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import people
from clinic_core.domain.access import Actor
from clinic_core.domain.message_help import Gap
from clinic_core.domain.messages import MessageStatus
from clinic_core.services import message_desk
from clinic_core.services.message_desk import DayPlan, Line, Unreminded
from ui import errors, messages_parts, session, steps, widgets
from ui.rows import Mark, Row, Step, rows
from ui.text import plain

_DAY: Final = "messages.day"
_RECORD: Final = "messages.plan.record"
_PLACE: Final = "messages.plan"
_HEIGHT: Final = 480
_TO_ENTER: Final = frozenset({Gap.NO_PHONE, Gap.NO_EMAIL, Gap.LOST, Gap.FAILED})


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the day, who is left out, and the list."""
    if _DAY not in st.session_state:
        st.session_state[_DAY] = clinic.today() + timedelta(days=1)
        st.session_state[f"{_DAY}.today"] = clinic.today()
    day = widgets.day_picker(clinic, _DAY, stay=True)
    found = message_desk.plan(clinic, actor, day)
    _leave_for_record(found)
    errors.show_kept(_PLACE)
    _left_out(clinic, found)
    _goes_out(clinic, found)
    messages_parts.show_opened()


def _left_out(clinic: Clinic, found: DayPlan) -> None:
    if not found.expected:
        st.caption("Nobody is expected on this day who has not confirmed.")
        return
    if not found.unreminded:
        st.success(
            f"All {found.expected} patients who did not confirm yet are reminded of their visit.",
            icon=":material/check:",
        )
        return
    visits = "visit is" if found.expected == 1 else "visits are"
    st.subheader(f"Call these {len(found.unreminded)}" if len(found.unreminded) > 1 else "Call this one", anchor=False)
    counts = Counter(one.gap for one in found.unreminded)
    reasons = ", ".join(f"{count} {gap.value}" for gap, count in counts.most_common())
    st.caption(
        plain(f"{found.expected} {visits} not confirmed; nobody reminds {len(found.unreminded)} of them: {reasons}.")
    )
    rows(
        f"Visits on {widgets.day_text(found.day)} that nobody reminds of",
        ("Patient", "Time", "Phone", "With", "Why"),
        [_unreminded(clinic, one) for one in found.unreminded],
        key="messages.unreminded",
        on_step=_step,
        height=_HEIGHT,
    )


def _unreminded(clinic: Clinic, one: Unreminded) -> Row:
    visit, patient = one.visit, one.patient
    can_confirm = visit.start > clinic.now()
    return Row(
        id=visit.id,
        label=f"{patient.name}, {patient.number}",
        cells=(
            patient.name,
            widgets.time_text(clinic, visit.start),
            people.show_phone(patient.phone) or "no phone",
            widgets.practitioner_name(clinic, visit.practitioner_id),
            Mark(one.gap.value, "orange" if one.gap in _TO_ENTER else "gray"),
        ),
        steps=(Step("record", "Record"), *(steps.buttons([steps.CONFIRM]) if can_confirm else ())),
    )


def _step(visit_id: str, step: str) -> None:
    if step != steps.CONFIRM:
        st.session_state[_RECORD] = visit_id
        return
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        steps.take(clinic, session.require_actor(clinic), visit_id, step)


def _leave_for_record(found: DayPlan) -> None:
    """Go to the record of the patient whose button was pressed before this run."""
    pressed = st.session_state.pop(_RECORD, None)
    one = next((one for one in found.unreminded if one.visit.id == pressed), None)
    if one is not None:
        widgets.go_to_patient(one.patient.id)


def _goes_out(clinic: Clinic, found: DayPlan) -> None:
    st.subheader(_title(clinic, found.day), anchor=False)
    if not found.lines:
        widgets.nothing_here("No message is due on this day. Each booking adds its own.", "schedule_send")
        return
    only = messages_parts.channel_filter(found.lines, "messages.plan.ways")
    shown = [line for line in found.lines if not only or line.message.channel in only]
    st.caption(plain(_summary(found.lines)))
    rows(
        f"Messages of {widgets.day_text(found.day)}",
        ("Patient", "Time", "What", "Way", "Visit", "State", "Why not"),
        [_line(clinic, line) for line in shown],
        key="messages.plan",
        on_step=messages_parts.open_later,
        height=_HEIGHT,
    )


def _title(clinic: Clinic, day: date) -> str:
    if day > clinic.today():
        return "What goes out"
    return "What goes out today" if day == clinic.today() else "What was due"


def _summary(lines: tuple[Line, ...]) -> str:
    waits = sum(line.message.status is MessageStatus.PREPARATION for line in lines)
    counts = Counter(line.message.channel for line in lines)
    ways = ", ".join(f"{count} by {channel.label}" for channel, count in counts.most_common())
    return f"{len(lines)} messages: {ways}. {waits} of them wait for their time."


def _line(clinic: Clinic, line: Line) -> Row:
    message = line.message
    wrong = messages_parts.why(message)
    return Row(
        id=message.id,
        label=f"{line.patient.name}, {messages_parts.what(message)}",
        cells=(
            line.patient.name,
            widgets.time_text(clinic, message.due_at),
            messages_parts.what(message),
            message.channel.label,
            messages_parts.about(clinic, message),
            messages_parts.mark(message),
            wrong,
        ),
        steps=(messages_parts.OPEN,),
    )
