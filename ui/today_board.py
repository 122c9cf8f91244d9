"""Reception's board of a day: expected, waiting, with the doctor, done; one click takes a visit on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import InvoiceStatus
from clinic_core.services import appointments
from clinic_core.services.appointments import DayBoard, DayRow
from ui import errors, session, steps, visit_drawer, widgets
from ui.board import OPEN, Card, Column, board
from ui.rows import Mark

S = AppointmentStatus
_PLACE: Final = "today.board"
_LONG, _VERY_LONG = 15, 30  # minutes of waiting
_LATE = 10  # minutes after the time booked
_SOON = 15  # minutes before it
_TO_BILL: Final = frozenset({None, InvoiceStatus.DRAFT})


@st.fragment(run_every=15)
def show(day: date, only: frozenset[str]) -> None:
    """The board, anew every 15 seconds; `only` names the practitioners to show, all when empty."""
    clinic = session.the_clinic()
    with session.show_errors():
        actor = session.require_actor(clinic)
        found = appointments.day(clinic, actor, day)
        errors.show_kept(_PLACE)
        _draw(clinic, actor, found, only)


def _draw(clinic: Clinic, actor: Actor, found: DayBoard, only: frozenset[str]) -> None:
    rows = [row for row in found.rows if not only or row.appointment.practitioner_id in only]
    if not rows:
        widgets.nothing_here(_why_empty(clinic, found, only), "event_available")
        return
    board(
        f"Visits on {widgets.day_text(found.day)}",
        columns(clinic, actor, rows),
        key="today.cards",
        on_step=_step,
    )


def _why_empty(clinic: Clinic, found: DayBoard, only: frozenset[str]) -> str:
    if only and found.rows:
        return "Nobody is booked with them on this day. Choose all practitioners to see the others."
    if found.day < clinic.today():
        return "Nobody was booked on this day."
    return "Nobody is booked on this day yet. Take a walk-in above, or book a visit under Appointments."


def columns(clinic: Clinic, actor: Actor, rows: Sequence[DayRow]) -> list[Column]:
    """The board's columns, each in the order in which its patients are served."""
    by = {status: [row for row in rows if row.appointment.status is status] for status in S}
    waiting = sorted(by[S.ARRIVED], key=lambda row: row.appointment.since(S.ARRIVED) or row.appointment.start)
    done = sorted(by[S.FULFILLED], key=lambda row: (row.billed not in _TO_BILL, row.appointment.start))
    away = [*by[S.NOSHOW], *by[S.CANCELLED]]
    found = [
        Column(
            title="Expected",
            tone="blue",
            cards=[_expected(clinic, actor, row) for row in by[S.BOOKED]],
            empty="Everybody who is booked has come.",
        ),
        Column(
            title="Waiting",
            tone="orange",
            cards=_waiting(clinic, actor, waiting, by[S.CHECKED_IN]),
            note=_longest(clinic, waiting),
            empty="Nobody is waiting.",
            first=True,
        ),
        Column(
            title="With the doctor",
            tone="violet",
            cards=[_inside(clinic, actor, row) for row in by[S.CHECKED_IN]],
            empty="No room is taken.",
        ),
        Column(
            title="Done",
            tone="green",
            cards=[_done(clinic, actor, row) for row in done],
            note=_unbilled(by[S.FULFILLED]),
            empty="No visit is finished yet.",
        ),
    ]
    if rows and rows[0].appointment.day > clinic.today():
        return found[:1]  # nobody waits yet
    if away:
        cards = [_card(clinic, actor, row, badge=widgets.STATUS[row.appointment.status]) for row in away]
        found.append(Column(title="Not coming", tone="gray", cards=cards))
    return found


def _step(appointment_id: str, step: str) -> None:
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        actor = session.require_actor(clinic)
        if step == OPEN:
            visit_drawer.begin(appointment_id)
            st.rerun()
        if step == steps.REBOOK:
            visit = appointments.get(clinic, actor, appointment_id)
            found = appointments.day(clinic, actor, visit.day)
            patient = next(row.patient for row in found.rows if row.appointment.id == appointment_id)
            visit_drawer.rebook(visit, patient)
        steps.take(clinic, actor, appointment_id, step)


def _card(
    clinic: Clinic,
    actor: Actor,
    row: DayRow,
    *,
    badge: Mark | None = None,
    primary: bool = False,
    without: tuple[str, ...] = (),
    is_next: bool = False,
    brief: bool = False,
) -> Card:
    visit, patient = row.appointment, row.patient
    names = steps.offered(actor, visit, today=clinic.today(), without=(steps.NOTE, steps.CONFIRM, *without))
    likely = names[0] if names and primary else ""
    who = f"{patient.number} · {widgets.age_and_sex(patient, visit.day)}".removesuffix(" · ")
    what = (
        f"{widgets.practitioner_name(clinic, visit.practitioner_id)} · {widgets.service_name(clinic, visit.service_id)}"
    )
    return Card(
        id=visit.id,
        time="–" if visit.untimed else widgets.time_text(clinic, visit.start),
        title=patient.name,
        lines=[f"{patient.number} · {what}"] if brief else [who, what],
        alert=f"Allergies: {patient.allergies}" if patient.allergies and not brief else "",
        badge=badge,
        steps=steps.buttons(names, primary=likely, labels={steps.BILL: steps.bill_label(row.billed)}),
        next=is_next,
    )


def _expected(clinic: Clinic, actor: Actor, row: DayRow) -> Card:
    late = (clinic.now() - row.appointment.start).total_seconds() / 60
    late = 0.0 if row.appointment.untimed else late
    badge = widgets.CONFIRMED if row.appointment.confirmed_at else None
    if late > _LATE and row.appointment.day == clinic.today():
        badge = Mark(f"{int(late)} min late", "red")
    return _card(clinic, actor, row, badge=badge, primary=late > -_SOON, without=() if late > 0 else (steps.NOSHOW,))


def _waiting(clinic: Clinic, actor: Actor, waiting: Iterable[DayRow], inside: Iterable[DayRow]) -> list[Card]:
    """Those who wait; who goes in next to a practitioner that is free stands out."""
    busy = {row.appointment.practitioner_id for row in inside}
    cards = []
    for row in waiting:
        is_next = row.appointment.practitioner_id not in busy
        busy.add(row.appointment.practitioner_id)
        minutes = widgets.minutes_since(clinic, row.appointment.since(S.ARRIVED))
        badge = Mark(_span(minutes), "red" if minutes >= _VERY_LONG else "orange" if minutes >= _LONG else "green")
        cards.append(_card(clinic, actor, row, badge=badge, primary=is_next, is_next=is_next, without=(steps.NOSHOW,)))
    return cards


def _inside(clinic: Clinic, actor: Actor, row: DayRow) -> Card:
    minutes = widgets.minutes_since(clinic, row.appointment.since(S.CHECKED_IN))
    return _card(clinic, actor, row, badge=Mark(_span(minutes), "violet"))


def _done(clinic: Clinic, actor: Actor, row: DayRow) -> Card:
    to_bill = row.billed in _TO_BILL
    return _card(clinic, actor, row, badge=widgets.BILL[row.billed], primary=to_bill, brief=True)


def _span(minutes: int) -> str:
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"  # noqa: PLR2004 - an hour


def _longest(clinic: Clinic, waiting: Sequence[DayRow]) -> str:
    longest = max((widgets.minutes_since(clinic, row.appointment.since(S.ARRIVED)) for row in waiting), default=0)
    return f"longest {_span(longest)}" if longest >= _LONG else ""


def _unbilled(done: Iterable[DayRow]) -> str:
    count = sum(row.billed in _TO_BILL for row in done)
    return f"{count} to bill" if count else ""
