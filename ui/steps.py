"""The steps a visit can take next, as buttons: which are offered to whom, and what a click does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import InvoiceStatus
from clinic_core.services import appointments
from ui import bills, widgets
from ui.rows import Step

ARRIVE, CHECK_IN, NOSHOW, UNDO, BACK, CONFIRM = "arrive", "check_in", "noshow", "undo", "back", "confirm"
CALL_IN, NOTE, BILL, REBOOK, OPEN = "call_in", "note", "bill", "rebook", "open"

S = AppointmentStatus
_LABELS: Final = {
    ARRIVE: "Arrived",
    CHECK_IN: "With doctor",
    NOSHOW: "No-show",
    UNDO: "Undo",
    BACK: "Back to waiting",
    CALL_IN: "Call in",
    NOTE: "Open visit",
    BILL: "Bill",
    REBOOK: "Book again",
    CONFIRM: "Confirm",
}
_ACTIONS: Final = {
    ARRIVE: "appointment.arrive",
    CHECK_IN: "appointment.check_in",
    NOSHOW: "appointment.noshow",
    UNDO: "appointment.arrive",
    BACK: "appointment.check_in",
    CALL_IN: "encounter.write",
    NOTE: "encounter.read",
    BILL: "invoice.read",
    REBOOK: "appointment.book",
    CONFIRM: "appointment.confirm",
}
# In the order of the buttons; the first that the actor may do is the likely one.
_AFTER: Final[Mapping[AppointmentStatus, tuple[str, ...]]] = {
    S.BOOKED: (ARRIVE, CONFIRM, NOSHOW, NOTE),
    S.ARRIVED: (CALL_IN, CHECK_IN, UNDO, NOSHOW),
    S.CHECKED_IN: (NOTE, BACK),
    S.FULFILLED: (BILL, NOTE),
    S.NOSHOW: (ARRIVE, REBOOK),
    S.CANCELLED: (REBOOK,),
}
_DONE: Final[Mapping[str, str]] = {
    ARRIVE: "is marked as arrived",
    CHECK_IN: "is with the doctor",
    NOSHOW: "is marked as a no-show",
    UNDO: "is expected again",
    BACK: "is waiting again",
    CONFIRM: "has confirmed",
}
_VERBS: Final[Mapping[str, Callable[[Clinic, Actor, Appointment], Appointment]]] = {
    ARRIVE: appointments.arrive,
    CHECK_IN: appointments.check_in,
    NOSHOW: appointments.mark_noshow,
    UNDO: appointments.undo_arrival,
    BACK: appointments.arrive,
    CONFIRM: appointments.confirm,
    CALL_IN: appointments.check_in,
}


def offered(actor: Actor, visit: Appointment, *, today: date, without: tuple[str, ...] = ()) -> list[str]:
    """What the actor may do next with the visit, likeliest first. Nobody arrives before the day, or confirms on it."""
    own = visit.practitioner_id
    untimely = (ARRIVE, NOSHOW) if visit.day > today else (CONFIRM,)
    after = [step for step in _AFTER.get(visit.status, ()) if step not in untimely]
    if visit.confirmed_at or visit.untimed:
        after = [step for step in after if step != CONFIRM]
    found = [step for step in after if access.allows(actor, _ACTIONS[step], practitioner_id=own)]
    if CALL_IN in found:
        found.remove(CHECK_IN)
    return [step for step in found if step not in without]


def buttons(names: list[str], *, primary: str = "", labels: Mapping[str, str] | None = None) -> list[Step]:
    """The steps as buttons, with the one that matters now as `primary`."""
    called = {**_LABELS, **(labels or {})}
    return [Step(name, called[name], primary=name == primary) for name in names]


def bill_label(billed: InvoiceStatus | None) -> str:
    """What the way to the bill is called."""
    return {None: "Bill", InvoiceStatus.DRAFT: "Bill", InvoiceStatus.ISSUED: "Take payment"}.get(billed, "Open bill")


def take(clinic: Clinic, actor: Actor, appointment_id: str, step: str) -> None:
    """Do what was clicked, in a callback. Raises what the services raise; a step it does not know does nothing."""
    if step == BILL:
        bills.go_to_visit(clinic, actor, appointment_id)
    if step == NOTE:
        widgets.go_to_visit(appointment_id)
    verb = _VERBS.get(step)
    if verb is None:
        return
    after = verb(clinic, actor, appointments.get(clinic, actor, appointment_id))
    if step == CALL_IN:
        widgets.go_to_visit(appointment_id)
    st.toast(f"{widgets.time_text(clinic, after.start)}: the patient {_DONE[step]}.", icon=":material/check_circle:")
