"""Which messages a visit asks for: what a patient would find silly, and what they would miss."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from clinic_core.domain.access import BY_REPLY
from clinic_core.domain.appointments import MOVED, Appointment, AppointmentEvent, AppointmentStatus
from clinic_core.domain.messages import Channel, Communication, MessageKind, MessagePolicy, MessageStatus, Reason
from clinic_core.domain.people import ContactBy
from clinic_core.domain.reminding import Rules, plan, renewed, start_known, stopped
from tests import make

K, S, M = MessageKind, AppointmentStatus, MessageStatus
FRIDAY = make.MONDAY + timedelta(days=4)
RULES = Rules(policy=MessagePolicy(), zone=make.ZONE)
ASHA = make.patient(id="patient-1")


def visit(hours: str = "10:00", day: date = FRIDAY, booked: str = "08:00", **changes: Any) -> Appointment:
    """Booked on Monday for Friday."""
    start, at = make.at(hours, day), make.at(booked)
    first = AppointmentEvent(at=at, by="reception", kind="booked", status=S.BOOKED, start=start)
    return make.appointment(
        **{"id": "visit", "start": start, "day": day, "booked_at": at, "events": (first,), **changes}
    )


def moved(
    one: Appointment, hours: str, day: date = FRIDAY, at: datetime = make.NOW + timedelta(minutes=10)
) -> Appointment:
    """The visit at another time."""
    event = AppointmentEvent(at=at, by="reception", kind=MOVED, status=one.status, start=make.at(hours, day))
    return replace(one, start=event.start, day=day, events=(*one.events, event), version=one.version + 1)


def become(
    one: Appointment, status: AppointmentStatus, at: datetime = make.NOW + timedelta(minutes=10), by: str = "x"
) -> Appointment:
    """The visit after one step."""
    event = AppointmentEvent(at=at, by=by, kind="status", status=status, start=one.start)
    return replace(one, status=status, events=(*one.events, event), version=one.version + 1)


def rows_of(
    one: Appointment, rows: tuple[Communication, ...] = (), now: datetime = make.NOW, **given: Any
) -> tuple[Communication, ...]:
    """The rows after planning, by when they are due."""
    found = plan(one, given.get("patient", ASHA), given.get("rules", RULES), rows, now)
    kept = {row.id: row for row in rows}
    kept |= {row.id: stopped(row, why) for row, why in found.stop}
    kept |= {row.id: renewed(row, wanted) for row, wanted in found.renew}
    kept |= {row.id: row for row in found.add}
    return tuple(sorted(kept.values(), key=lambda row: (row.due_at, row.id)))


def spoken(rows: tuple[Communication, ...], status: MessageStatus = M.PREPARATION) -> list[str]:
    """Kind, lead in hours and local time of those in a status."""
    return [
        f"{row.kind} {_lead(row)}{row.due_at.astimezone(make.ZONE):%a %H:%M}" for row in rows if row.status is status
    ]


def _lead(row: Communication) -> str:
    return f"{row.lead_minutes // 60}h " if row.lead_minutes else ""


def sent(rows: tuple[Communication, ...], *kinds: MessageKind) -> tuple[Communication, ...]:
    """The rows, those of some kinds sent."""
    return tuple(
        replace(row, status=M.COMPLETED, claimed_at=row.due_at)
        if row.kind in kinds and row.status is M.PREPARATION
        else row
        for row in rows
    )


def test_a_booking_asks_for_a_confirmation_and_its_reminders() -> None:
    """Three days before, one day before and two hours before, and a word at once."""
    rows = rows_of(visit())
    assert spoken(rows) == [
        "confirmation Mon 08:01",
        "reminder 72h Tue 10:00",
        "reminder 24h Thu 10:00",
        "reminder 2h Fri 08:00",
    ]
    assert [row.expires_at for row in rows[1:]] == [rows[2].due_at, rows[3].due_at, make.at("09:30", FRIDAY)]
    assert len({row.reference for row in rows}) == 4
    assert {row.channel for row in rows} == {Channel.SMS}


@pytest.mark.parametrize(
    ("hours", "day", "booked", "expected"),
    [
        ("10:00", make.TUESDAY, "08:00", ["confirmation Mon 08:01", "reminder 24h Mon 10:00", "reminder 2h Tue 08:00"]),
        ("09:30", make.TUESDAY, "08:00", ["confirmation Mon 08:01", "reminder 2h Tue 08:00"]),  # 24 h is too soon after
        ("15:00", make.MONDAY, "08:00", ["confirmation Mon 08:01", "reminder 2h Mon 13:00"]),
        ("11:00", make.MONDAY, "08:00", ["confirmation Mon 08:01"]),
        ("09:45", make.MONDAY, "08:00", []),  # the patient stands at the desk
        ("08:30", make.TUESDAY, "12:00", ["confirmation Mon 12:01", "reminder 2h Mon 20:45"]),  # 06:30 is night
        ("08:30", make.TUESDAY, "22:00", []),
    ],
)
def test_a_late_booking_asks_for_what_still_makes_sense(
    hours: str, day: date, booked: str, expected: list[str]
) -> None:
    """A reminder "in three days" of a visit tomorrow, or two messages within the hour, are what patients laugh at."""
    assert spoken(rows_of(visit(hours, day, booked))) == expected


def test_nothing_is_added_whose_time_has_passed() -> None:
    """After days of standstill the desk's old bookings would be confirmed all at once."""
    late = make.at("12:00", FRIDAY - timedelta(days=1))
    assert spoken(rows_of(visit(), now=late)) == ["reminder 24h Thu 10:00", "reminder 2h Fri 08:00"]


def test_a_moved_visit_stops_what_speaks_of_the_old_time() -> None:
    """The patient would be reminded of a time at which nobody waits for them."""
    rows = sent(rows_of(visit()), K.CONFIRMATION)
    after = rows_of(moved(visit(), "15:00"), rows)
    assert spoken(after, M.STOPPED) == ["reminder 72h Tue 10:00", "reminder 24h Thu 10:00", "reminder 2h Fri 08:00"]
    assert {row.reason for row in after if row.status is M.STOPPED} == {Reason.VISIT_MOVED}
    assert spoken(after) == [
        "changed Mon 08:11",
        "reminder 72h Tue 15:00",
        "reminder 24h Thu 15:00",
        "reminder 2h Fri 13:00",
    ]
    assert start_known(moved(visit(), "15:00"), after) == visit().start


def test_a_visit_that_is_moved_twice_is_moved_from_the_time_that_the_patient_knows() -> None:
    """Within a minute nobody hears of the time between: "your visit of 15:00" would speak of no visit of theirs."""
    rows = sent(rows_of(visit()), K.CONFIRMATION)
    twice = moved(moved(visit(), "15:00"), "16:00", at=make.NOW + timedelta(minutes=10))
    assert start_known(twice, rows_of(twice, rows)) == visit().start
    assert start_known(twice, []) == visit().start, "the desk told it"


def test_a_visit_that_was_moved_back_has_its_reminders_again() -> None:
    """Stopped for good, they would be missing; and of two moves within a minute the patient hears nothing."""
    rows = sent(rows_of(visit()), K.CONFIRMATION)
    there = moved(visit(), "15:00")
    back = moved(there, "10:00", at=make.NOW + timedelta(minutes=11))
    after = rows_of(back, rows_of(there, rows))
    assert spoken(after) == ["reminder 72h Tue 10:00", "reminder 24h Thu 10:00", "reminder 2h Fri 08:00"]
    assert rows_of(back, after) == after


def test_every_move_that_a_patient_heard_of_is_taken_back_aloud() -> None:
    """Told of 15:00 and moved back to 10:00, and again: without a new word each time they come at the wrong one."""
    rows, one = sent(rows_of(visit()), K.CONFIRMATION), visit()
    for number, hours in enumerate(("15:00", "10:00", "15:00", "10:00"), 1):
        one = moved(one, hours, at=make.NOW + timedelta(minutes=10 * number))
        rows = sent(rows_of(one, rows), K.CHANGED)
    changes = [row for row in rows if row.kind is K.CHANGED]
    assert [row.change for row in changes] == [1, 2, 3, 4]
    assert all(row.status is M.COMPLETED for row in changes)


def test_what_was_sent_is_not_sent_again_when_the_visit_is_moved_back() -> None:
    """The three-day reminder was read; the way there and back must not bring it a second time."""
    rows = sent(rows_of(visit()), K.CONFIRMATION)
    rows = tuple(replace(row, status=M.COMPLETED) if row.lead_minutes == 3 * 1440 else row for row in rows)
    wednesday = make.at("09:00", make.MONDAY + timedelta(days=2))
    there = moved(visit(), "15:00", at=wednesday)
    back = moved(there, "10:00", at=wednesday + timedelta(minutes=5))
    after = rows_of(back, rows_of(there, rows, wednesday), wednesday)
    assert spoken(after) == ["reminder 24h Thu 10:00", "reminder 2h Fri 08:00"]


def test_a_visit_moved_before_it_was_confirmed_is_confirmed_at_its_new_time() -> None:
    """ "Your visit was moved" to somebody who was never told its first time."""
    after = rows_of(moved(visit(), "15:00", at=make.NOW + timedelta(seconds=20)), rows_of(visit()))
    assert spoken(after)[0] == "confirmation Mon 08:01"
    assert after[0].about_start == make.at("15:00", FRIDAY) or after[1].about_start == make.at("15:00", FRIDAY)
    assert K.CHANGED not in {row.kind for row in after}


def test_a_cancelled_visit_says_so_once_and_nothing_else() -> None:
    """A reminder after a cancellation is the field's classic."""
    rows = sent(rows_of(visit()), K.CONFIRMATION)
    gone = become(visit(), S.CANCELLED)
    after = rows_of(gone, rows)
    assert spoken(after) == ["cancelled Mon 08:10"]
    assert {row.reason for row in after if row.status is M.STOPPED} == {Reason.VISIT_CANCELLED}
    assert rows_of(gone, after) == after


@pytest.mark.parametrize(
    ("at", "by"),
    [
        (make.NOW + timedelta(seconds=40), "reception"),  # a slip of the desk
        (make.NOW + timedelta(minutes=10), BY_REPLY.username),  # the answer says it
        (make.at("10:30", FRIDAY), "reception"),  # it is over
    ],
)
def test_a_cancellation_that_the_patient_knows_of_is_not_told(at: datetime, by: str) -> None:
    """Of a slip nobody heard; a reply is answered; after its time a visit interests nobody."""
    assert spoken(rows_of(become(visit(), S.CANCELLED, at, by), rows_of(visit()), at)) == []


@pytest.mark.parametrize("status", [S.ARRIVED, S.NOSHOW])
def test_a_visit_that_came_about_or_not_stops_what_waits(status: AppointmentStatus) -> None:
    """Being reminded in the waiting room."""
    rows = sent(rows_of(visit()), K.CONFIRMATION)
    after = rows_of(become(visit(), status, make.at("07:00", FRIDAY)), rows, make.at("07:00", FRIDAY))
    assert spoken(after) == []
    assert {row.reason for row in after if row.status is M.STOPPED} == {Reason.VISIT_OVER}


def test_an_arrival_that_was_a_slip_brings_the_reminders_back() -> None:
    """Marked as here on the wrong line, on the day before: the patient would hear nothing more."""
    rows = sent(rows_of(visit()), K.CONFIRMATION)
    here = become(visit(), S.ARRIVED)
    assert spoken(rows_of(become(here, S.BOOKED), rows_of(here, rows))) == spoken(rows)


def test_who_wants_no_messages_gets_none_and_another_channel_takes_over() -> None:
    """What went by SMS does not come by e-mail once more; what waits does."""
    by_mail = replace(ASHA, contact_by=ContactBy.EMAIL, email="a@example.org")
    nobody = replace(ASHA, contact_by=ContactBy.NONE)
    assert rows_of(visit(), patient=nobody) == ()
    rows = sent(rows_of(visit()), K.CONFIRMATION)
    after = rows_of(visit(), rows, patient=by_mail)
    assert [(row.channel, row.reason) for row in after if row.status is M.STOPPED] == [
        (Channel.SMS, Reason.NO_CONSENT)
    ] * 3
    assert spoken(after) == spoken(rows)
    assert K.CONFIRMATION not in {row.kind for row in after if row.channel is Channel.EMAIL}
    assert spoken(rows_of(visit(), after)) == spoken(rows)


def test_an_imported_visit_is_reminded_of_and_not_confirmed() -> None:
    """Whoever booked with the old system months ago need not be told today that it is booked."""
    one = visit()
    imported = replace(one, events=(replace(one.events[0], kind="imported"),))
    assert spoken(rows_of(imported)) == ["reminder 72h Tue 10:00", "reminder 24h Thu 10:00", "reminder 2h Fri 08:00"]
    assert spoken(rows_of(moved(imported, "15:00"), rows_of(imported)))[0] == "changed Mon 08:11"
    assert rows_of(replace(imported, untimed=True)) == ()


def test_kinds_that_are_switched_off_are_not_made_and_stop() -> None:
    """The clinic's decision holds for what waits already."""
    quiet = Rules(policy=MessagePolicy(kinds=(K.CANCELLED,)), zone=make.ZONE)
    assert rows_of(visit(), rules=quiet) == ()
    after = rows_of(visit(), rows_of(visit()), rules=quiet)
    assert {row.reason for row in after} == {Reason.SWITCHED_OFF}
    assert spoken(rows_of(visit(), after)) == spoken(rows_of(visit()))


def test_other_lead_times_move_stop_and_add_reminders() -> None:
    """A clinic that reminds two days before, from today on, for visits that are booked already."""
    other = Rules(policy=MessagePolicy(reminder_minutes=(2 * 1440, 1440)), zone=make.ZONE)
    after = rows_of(visit(), sent(rows_of(visit()), K.CONFIRMATION), rules=other)
    assert spoken(after) == ["reminder 48h Wed 10:00", "reminder 24h Thu 10:00"]
    assert after[3].expires_at == make.at("09:30", FRIDAY)


def test_a_review_is_asked_for_only_with_a_link_and_leave() -> None:
    """Asking everybody for a review is advertising."""
    done = become(become(become(visit(), S.ARRIVED), S.CHECKED_IN), S.FULFILLED, make.at("10:30", FRIDAY))
    asking = Rules(policy=MessagePolicy(kinds=(K.REVIEW,), review_url="https://example.org/r"), zone=make.ZONE)
    assert rows_of(done, rules=asking, now=make.at("10:30", FRIDAY)) == ()
