"""The status machine and the cells a visit holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain.appointments import (
    HOLDING,
    TRANSITIONS,
    Appointment,
    AppointmentStatus,
    CancelReason,
    check_time,
    confirmed_after,
    holds,
    require_transition,
    status_after,
)
from clinic_core.domain.invariants import overlap
from clinic_core.errors import IllegalTransition, InvalidInput
from tests import make

S = AppointmentStatus

# From (row) to (column): what may follow what.
MACHINE = """
                     booked arrived checked-in fulfilled cancelled noshow entered-in-error
    booked             .       x        .          .         x       x         x
    arrived            x       .        x          .         x       x         .
    checked-in         .       x        .          x         .       .         .
    fulfilled          .       .        .          .         .       .         .
    cancelled          .       .        .          .         .       .         .
    noshow             .       x        .          .         .       .         .
    entered-in-error   .       .        .          .         .       .         .
"""


def machine() -> list[tuple[AppointmentStatus, AppointmentStatus, bool]]:
    """Every pair of statuses and whether the step is allowed."""
    head, *rows = [line.split() for line in MACHINE.strip().split("\n")]
    return [(S(row[0]), S(to), mark == "x") for row in rows for to, mark in zip(head, row[1:], strict=True)]


@pytest.mark.parametrize(("now", "to", "allowed"), machine())
def test_every_step(now: AppointmentStatus, to: AppointmentStatus, allowed: bool) -> None:
    """The whole table, and the message that says what may come instead."""
    if allowed:
        require_transition(now, to)
        return
    with pytest.raises(IllegalTransition, match=f"This visit is {now}; it cannot become {to}. After {now} comes "):
        require_transition(now, to)


def test_the_table_is_whole() -> None:
    """Every status has its row and its column."""
    assert len(machine()) == len(S) ** 2
    assert set(TRANSITIONS) == set(S)


@given(st.lists(st.sampled_from(S), max_size=8))
def test_events_lead_where_the_steps_lead(steps: list[AppointmentStatus]) -> None:
    """Any walk: the status at its end if every step was allowed, None if one was not."""
    events = make.events(S.BOOKED, *steps, start=make.at("10:00"))
    allowed = all(to in TRANSITIONS[now] for now, to in zip([S.BOOKED, *steps], steps, strict=False))
    assert status_after(events) == ((steps or [S.BOOKED])[-1] if allowed else None)


def test_events_without_a_beginning_lead_nowhere() -> None:
    """No events, no booking first, or two of them."""
    booked = make.events(S.BOOKED, start=make.at("10:00"))
    assert status_after(()) is None
    assert status_after((replace(booked[0], kind="status"),)) is None
    assert status_after(booked * 2) is None
    assert status_after((*booked, replace(booked[0], kind="moved"))) is S.BOOKED


def test_a_half_hour_holds_six_cells_of_each_resource() -> None:
    """Practitioner and patient, and the room where there is one."""
    visit = make.appointment(minutes=30)
    cells = holds(visit)
    assert len(cells) == len(set(cells)) == 12
    assert {cell.partition("@")[0] for cell in cells} == {"practitioner:dr-a", "patient:patient-1"}
    assert len(holds(replace(visit, room_id=make.ROOM))) == 18


@pytest.mark.parametrize("status", S)
def test_who_holds(status: AppointmentStatus) -> None:
    """Whoever is expected, here or was seen; not the cancelled, missed or mistaken, nor what has no time."""
    visit = make.appointment(status=status)
    assert bool(holds(visit)) == (status in HOLDING)
    assert status in HOLDING or status in {S.CANCELLED, S.NOSHOW, S.ENTERED_IN_ERROR}
    assert holds(replace(visit, untimed=True)) == []


VISITS = st.builds(
    lambda start, length, who, whom: make.appointment(
        start=make.at("09:00") + timedelta(minutes=5 * start), minutes=5 * length, practitioner_id=who, patient_id=whom
    ),
    st.integers(0, 24),
    st.integers(1, 12),
    st.sampled_from(("dr-a", "dr-b")),
    st.sampled_from(("patient-1", "patient-2")),
)


@given(VISITS, VISITS)
def test_cells_meet_exactly_where_times_overlap(one: Appointment, other: Appointment) -> None:
    """The unique index on the cells says the same as the clock does."""
    shared = {cell.partition("@")[0] for cell in set(holds(one)) & set(holds(other))}
    assert shared == overlap(one, other)


@pytest.mark.parametrize(
    ("hours", "minutes", "seconds"),
    [("10:02", 15, 0), ("10:00", 0, 0), ("10:00", 12, 0), ("10:00", 485, 0), ("10:00", -5, 0), ("10:00", 15, 30)],
)
def test_times_off_the_grid(hours: str, minutes: int, seconds: int) -> None:
    """Starts lie on five minutes, lengths between five minutes and eight hours."""
    with pytest.raises(InvalidInput):
        check_time(make.at(hours) + timedelta(seconds=seconds), minutes)


def test_times_on_the_grid() -> None:
    """The shortest and the longest."""
    check_time(make.at("10:05"), 5)
    check_time(make.at("10:05"), 480)


def test_another_start_takes_a_confirmation_back() -> None:
    """Confirmed, moved, confirmed again: the last one counts; moving only the room leaves it."""
    booked = make.appointment().events[0]
    yes = replace(booked, kind="confirmed", at=make.at("09:00"))
    room = replace(booked, kind="moved", at=make.at("09:10"))
    moved = replace(room, start=make.at("11:00"))
    again = replace(moved, kind="confirmed", at=make.at("09:30"))
    assert confirmed_after((booked,)) is None
    assert confirmed_after((booked, yes, room)) == make.at("09:00")
    assert confirmed_after((booked, yes, moved)) is None
    assert confirmed_after((booked, yes, moved, again)) == make.at("09:30")
    assert status_after((booked, yes, moved, again)) is S.BOOKED


def test_since_when() -> None:
    """The last time a status was reached; moving is no arrival."""
    visit = make.appointment()
    moved = replace(visit.events[0], kind="moved", at=make.at("09:00"))
    assert replace(visit, events=(*visit.events, moved)).since(S.BOOKED) == make.NOW
    assert visit.since(S.ARRIVED) is None
    assert visit.end == make.at("10:15")


def test_every_cancel_reason_has_words() -> None:
    """What the desk reads."""
    assert all(reason.label and reason.label != reason.value for reason in CancelReason)
