"""Booking, moving, cancelling and following visits, on a real database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from pymongo.collection import Collection

from clinic_core.clinic import open_clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus, CancelReason, holds, status_after
from clinic_core.domain.billing import InvoiceStatus
from clinic_core.domain.ids import new_id
from clinic_core.domain.schedules import Absence
from clinic_core.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    IllegalTransition,
    InThePast,
    InvalidInput,
    NotFound,
    OutsideHours,
    SlotTaken,
)
from clinic_core.services import appointments, billing, check, directory
from clinic_core.settings import Settings
from tests import make
from tests.conftest import World
from tests.proxy import Proxy

S = AppointmentStatus


def wanted(world: World, hours: str = "10:00", **changes: object) -> Appointment:
    """A consultation of Asha with Dr A on Monday."""
    given = {
        "appointment_id": new_id(),
        "patient_id": world.asha.id,
        "practitioner_id": make.DR_A,
        "service_id": make.CONSULTATION,
        "start": make.at(hours),
    }
    return appointments.draft(world.clinic, **{**given, **changes})  # type: ignore[arg-type]


def arrived(world: World, reception: Actor, hours: str = "08:30", **changes: object) -> Appointment:
    """A visit whose patient is here."""
    booked = appointments.book(world.clinic, reception, wanted(world, hours, **changes))
    return appointments.arrive(world.clinic, reception, booked)


# --- booking ---------------------------------------------------------------------------------------------------------


def test_a_booking_is_kept_with_its_first_event_and_an_audit_line(world: World, reception: Actor) -> None:
    """What is saved is what was wanted, with who booked it and when."""
    made = appointments.book(world.clinic, reception, wanted(world, reason=" cough,  fever "))

    assert world.clinic.appointments.get(made.id) == made
    assert (made.day, made.minutes, made.status, made.reason) == (make.MONDAY, 15, S.BOOKED, "cough, fever")
    assert [(e.kind, e.by, e.at) for e in made.events] == [("booked", "reception", make.NOW)]
    lines = audit_of(world)
    assert lines == [("reception", "appointment.book", made.id)]


def audit_of(world: World) -> list[tuple[str, str, str]]:
    """User, action and record of every audit line but those of reading, oldest first."""
    store = world.clinic.audit.store
    found = store.latest(since=make.NOW - timedelta(days=1), until=make.NOW + timedelta(days=999))
    return [(e.username, e.action, e.record_id) for e in reversed(found) if not e.action.endswith(".read")]


def test_the_same_id_again_is_the_same_booking(world: World, reception: Actor, clock: make.Clock) -> None:
    """A double click, or trying again after a lost answer, books once and writes one audit line."""
    first = wanted(world)
    made = appointments.book(world.clinic, reception, first)
    clock.pass_(minutes=3)

    again = appointments.book(world.clinic, reception, replace(first, booked_at=clock()))

    assert again == made
    assert audit_of(world) == [("reception", "appointment.book", made.id)]


def test_the_same_id_for_something_else_is_refused(world: World, reception: Actor) -> None:
    """An id that is reused by mistake never changes the booking it belongs to."""
    made = appointments.book(world.clinic, reception, wanted(world))

    with pytest.raises(AlreadyExists):
        appointments.book(world.clinic, reception, wanted(world, "11:00", appointment_id=made.id))


def test_an_overlap_names_who_has_the_time_and_what_is_free(world: World, reception: Actor) -> None:
    """The message the desk sees is the one it can act on, with the patient's number and never the name."""
    appointments.book(world.clinic, reception, wanted(world, "10:30"))

    with pytest.raises(SlotTaken) as refused:
        appointments.book(world.clinic, reception, wanted(world, "10:30", patient_id=world.ben.id))

    assert str(refused.value) == "Dr A is taken at 10:30 by P-000001; next free: 10:45, 11:00, 11:15"


def test_a_longer_visit_overlaps_one_that_begins_within_it(world: World, reception: Actor) -> None:
    """Overlap goes by the whole length: 10:15 for half an hour meets a visit at 10:30."""
    appointments.book(world.clinic, reception, wanted(world, "10:30"))

    with pytest.raises(SlotTaken, match="Dr A is taken at 10:30 by P-000001; next free: 10:45, 11:00"):
        appointments.book(
            world.clinic, reception, wanted(world, "10:15", patient_id=world.ben.id, service_id=make.DRESSING)
        )


def test_a_patient_cannot_be_in_two_places(world: World, reception: Actor) -> None:
    """The message says with whom the patient is."""
    appointments.book(world.clinic, reception, wanted(world, "10:30", practitioner_id=make.DR_B))

    with pytest.raises(SlotTaken) as refused:
        appointments.book(world.clinic, reception, wanted(world, "10:30"))

    assert str(refused.value) == "P-000001 has another visit at 10:30 with Dr B; next free: 10:45, 11:00, 11:15"


def test_a_room_is_used_by_one_visit_at_a_time(world: World, reception: Actor) -> None:
    """The room counts as much as the people."""
    appointments.book(world.clinic, reception, wanted(world, "10:30", room_id=make.ROOM))

    with pytest.raises(SlotTaken, match="Room 1 is taken at 10:30 by P-000001; next free: 10:45"):
        other = wanted(world, "10:30", practitioner_id=make.DR_B, patient_id=world.ben.id, room_id=make.ROOM)
        appointments.book(world.clinic, reception, other)


def test_visits_that_touch_do_not_overlap(world: World, reception: Actor) -> None:
    """One may begin the moment the other ends."""
    appointments.book(world.clinic, reception, wanted(world, "10:30"))
    appointments.book(world.clinic, reception, wanted(world, "10:45", patient_id=world.ben.id))
    appointments.book(world.clinic, reception, wanted(world, "10:15", patient_id=world.ben.id))


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ("13:15", "Dr A works 09:00-13:00, 14:00-18:00 on Mondays, not 13:15 to 13:30; next free: 14:00, 14:15, 14:30"),
        ("12:50", "not 12:50 to 13:05; next free: 14:00"),
        ("17:55", "not 17:55 to 18:10; next free: Tue 3 Mar 09:00, Tue 3 Mar 09:15"),
    ],
)
def test_outside_hours_says_the_hours(world: World, reception: Actor, hours: str, message: str) -> None:
    """In the break, across its edge, and after work."""
    with pytest.raises(OutsideHours) as refused:
        appointments.book(world.clinic, reception, wanted(world, hours))
    assert message in str(refused.value)


def test_a_day_off_and_an_absence_are_said(world: World, reception: Actor, manager: Actor) -> None:
    """A Sunday; and a practitioner on leave, whose reason is nobody's business."""
    with pytest.raises(OutsideHours, match="Dr A does not work on Sundays; next free: Mon 9 Mar 09:00"):
        appointments.book(world.clinic, reception, wanted(world, start=make.at("10:00", make.SUNDAY)))

    away = make.schedule(absences=(Absence(start_on=make.TUESDAY, end_on=make.TUESDAY, reason="private"),), version=1)
    directory.save_schedule(world.clinic, manager, away)
    with pytest.raises(OutsideHours, match="Dr A is away on Tue 3 Mar; next free: Wed 4 Mar 09:00"):
        appointments.book(world.clinic, reception, wanted(world, start=make.at("10:00", make.TUESDAY)))


def test_the_past_is_refused_but_a_walk_in_is_not(world: World, reception: Actor, clock: make.Clock) -> None:
    """The present five minutes may still be booked; what was before may not."""
    clock.set("10:04")
    with pytest.raises(InThePast, match=r"09:55 has passed; next free: 10:15"):
        appointments.book(world.clinic, reception, wanted(world, "09:55"))

    assert appointments.book(world.clinic, reception, wanted(world, "10:00")).status is S.BOOKED


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"start": make.at("10:00") + timedelta(minutes=2)}, InvalidInput),
        ({"minutes": 12}, InvalidInput),
        ({"minutes": 600}, InvalidInput),
        ({"patient_id": "nobody"}, NotFound),
        ({"practitioner_id": "nobody"}, NotFound),
        ({"room_id": "no-room"}, NotFound),
        ({"service_id": "nothing"}, NotFound),
    ],
)
def test_what_is_not_there_cannot_be_booked(
    world: World, reception: Actor, changes: dict[str, object], error: type[Exception]
) -> None:
    """Nothing is written with a reference to what does not exist, or on odd minutes."""
    with pytest.raises(error):
        appointments.book(world.clinic, reception, wanted(world, **changes))
    assert world.clinic.appointments.is_empty()


def test_somebody_who_left_cannot_be_booked(world: World, reception: Actor, manager: Actor) -> None:
    """An inactive practitioner has no free time either."""
    directory.save_practitioner(world.clinic, manager, replace(world.dr_a, active=False))

    with pytest.raises(NotFound):
        appointments.book(world.clinic, reception, wanted(world))
    assert appointments.free_slots(world.clinic, reception, make.MONDAY, practitioner_id=make.DR_A, minutes=15) == []


@pytest.mark.parametrize("who", ["doctor", "admin"])
def test_only_the_desk_books(world: World, who: str, request: pytest.FixtureRequest) -> None:
    """A doctor and an administrator are refused, and nothing is written."""
    with pytest.raises(Forbidden):
        appointments.book(world.clinic, request.getfixturevalue(who), wanted(world))
    assert world.clinic.appointments.is_empty()


def test_two_desks_racing_for_a_slot(world: World, reception: Actor) -> None:
    """Of two bookings of one time at once exactly one goes in; the other is told who has it."""
    days = [make.MONDAY + timedelta(days=n) for n in range(3)]
    slots = [(day, f"{hour}:{minute}") for day in days for hour in (10, 11, 12) for minute in ("00", "15", "30", "45")]
    for day, hours in slots:
        start = make.at(hours, day)
        both = [wanted(world, start=start), wanted(world, start=start, patient_id=world.ben.id)]
        outcomes = at_once(*(lambda w=w: appointments.book(world.clinic, reception, w) for w in both))

        won = [o for o in outcomes if isinstance(o, Appointment)]
        lost = [o for o in outcomes if isinstance(o, SlotTaken)]
        assert (len(won), len(lost)) == (1, 1), outcomes
        number = {world.asha.id: "P-000001", world.ben.id: "P-000002"}[won[0].patient_id]
        assert f"Dr A is taken at {hours} by {number}; next free:" in str(lost[0])
        assert lost[0].holder_id == won[0].id


def test_a_crash_before_the_audit_line_is_mended_by_trying_again(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The booking is there, its line is not; the second try finds the one and writes the other."""
    first = wanted(world)

    def dies(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world.clinic.audit.store, "add", dies)
        with pytest.raises(KeyboardInterrupt):
            appointments.book(world.clinic, reception, first)
    assert audit_of(world) == []

    appointments.book(world.clinic, reception, first)
    assert audit_of(world) == [("reception", "appointment.book", first.id)]


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run the calls in threads that start together; what each returned or raised."""
    gate = threading.Barrier(len(calls))
    outcomes: list[object] = [None] * len(calls)

    def run(number: int, call: Callable[[], object]) -> None:
        gate.wait()
        try:
            outcomes[number] = call()
        except Exception as error:  # noqa: BLE001 - whatever it was is looked at
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


# --- moving ----------------------------------------------------------------------------------------------------------


def test_moving_keeps_the_history_and_frees_the_old_time(world: World, reception: Actor) -> None:
    """The old time can be booked at once; the events tell where the visit was before."""
    before = appointments.book(world.clinic, reception, wanted(world, "10:00"))

    after = appointments.move(
        world.clinic, reception, before, start=make.at("11:00", make.TUESDAY), practitioner_id=make.DR_B
    )

    assert (after.day, after.practitioner_id, after.version) == (make.TUESDAY, make.DR_B, 2)
    assert [(e.kind, e.start) for e in after.events] == [
        ("booked", make.at("10:00")),
        ("moved", make.at("11:00", make.TUESDAY)),
    ]
    assert world.clinic.appointments.get(before.id) == after
    appointments.book(world.clinic, reception, wanted(world, "10:00", patient_id=world.ben.id))


def test_a_confirmation_is_of_a_time(world: World, reception: Actor) -> None:
    """Another start takes it back, another room does not; it changes no status, and twice is once."""
    before = appointments.book(world.clinic, reception, wanted(world, "10:00"))
    confirmed = appointments.confirm(world.clinic, reception, before)
    assert (confirmed.confirmed_at, confirmed.status, confirmed.since(S.BOOKED)) == (make.NOW, S.BOOKED, make.NOW)
    world.clinic.now.pass_(minutes=1)  # type: ignore[attr-defined]
    assert appointments.confirm(world.clinic, reception, before) == confirmed
    assert appointments.confirm(world.clinic, reception, confirmed) == confirmed

    elsewhere = appointments.move(world.clinic, reception, confirmed, start=confirmed.start, room_id=make.ROOM)
    assert elsewhere.confirmed_at == make.NOW
    later = appointments.move(world.clinic, reception, elsewhere, start=make.at("11:00"))
    assert later.confirmed_at is None
    assert world.clinic.appointments.get(before.id) == later
    assert [event.kind for event in later.events] == ["booked", "confirmed", "moved", "moved"]
    assert check.run(world.clinic) == []


def test_only_what_is_to_come_can_be_confirmed(world: World, reception: Actor, doctor: Actor) -> None:
    """Not a visit that was cancelled or that has begun, and not by the doctor."""
    before = appointments.book(world.clinic, reception, wanted(world, "10:00"))
    with pytest.raises(Forbidden):
        appointments.confirm(world.clinic, doctor, before)
    world.clinic.now.set("10:00")  # type: ignore[attr-defined]
    with pytest.raises(IllegalTransition, match="still to come"):
        appointments.confirm(world.clinic, reception, before)
    gone = appointments.cancel(world.clinic, reception, before, CancelReason.PATIENT)
    with pytest.raises(IllegalTransition, match="still to come"):
        appointments.confirm(world.clinic, reception, gone)


def test_a_visit_may_move_onto_its_own_time(world: World, reception: Actor) -> None:
    """From 10:00-10:30 to 10:15-10:45."""
    before = appointments.book(world.clinic, reception, wanted(world, "10:00", minutes=30))

    after = appointments.move(world.clinic, reception, before, start=make.at("10:15"))

    assert (after.start, after.minutes) == (make.at("10:15"), 30)


def test_moving_onto_a_taken_time_is_refused_and_changes_nothing(world: World, reception: Actor) -> None:
    """The visit stays where it was, and still holds its time."""
    appointments.book(world.clinic, reception, wanted(world, "10:30", patient_id=world.ben.id))
    before = appointments.book(world.clinic, reception, wanted(world, "10:00"))

    with pytest.raises(SlotTaken, match="Dr A is taken at 10:30 by P-000002; next free: 10:45"):
        appointments.move(world.clinic, reception, before, start=make.at("10:30"))

    assert world.clinic.appointments.get(before.id) == before
    with pytest.raises(SlotTaken):
        appointments.book(world.clinic, reception, wanted(world, "10:00", practitioner_id=make.DR_B))


def test_moving_twice_is_once_and_moving_what_changed_is_a_conflict(
    world: World, reception: Actor, manager: Actor
) -> None:
    """A double click gives the same visit; somebody else's click in between is told."""
    before = appointments.book(world.clinic, reception, wanted(world))
    after = appointments.move(world.clinic, reception, before, start=make.at("11:00"))

    assert appointments.move(world.clinic, reception, before, start=make.at("11:00")) == after
    assert appointments.move(world.clinic, reception, after, start=make.at("11:00")) == after
    with pytest.raises(Conflict):
        appointments.move(world.clinic, manager, before, start=make.at("11:00"))
    with pytest.raises(Conflict):
        appointments.move(world.clinic, reception, before, start=make.at("12:00"))
    assert len(audit_of(world)) == 2


def test_a_visit_gives_its_room_away(world: World, reception: Actor) -> None:
    """Left out the room stays; None takes it away."""
    before = appointments.book(world.clinic, reception, wanted(world, room_id=make.ROOM))
    kept = appointments.move(world.clinic, reception, before, start=make.at("11:00"))
    gone = appointments.move(world.clinic, reception, kept, start=make.at("11:00"), room_id=None)

    assert (kept.room_id, gone.room_id) == (make.ROOM, None)
    other = wanted(world, "11:00", patient_id=world.ben.id, practitioner_id=make.DR_B, room_id=make.ROOM)
    appointments.book(world.clinic, reception, other)


def test_a_visit_that_has_begun_may_change_hands_but_not_move_back(
    world: World, reception: Actor, clock: make.Clock
) -> None:
    """The patient waits since 10:00, Dr B takes over; nobody moves the visit into the past."""
    before = arrived_at(world, reception, clock, "10:00")
    clock.set("10:20")

    after = appointments.move(world.clinic, reception, before, start=before.start, practitioner_id=make.DR_B)
    assert (after.practitioner_id, after.status) == (make.DR_B, S.ARRIVED)
    with pytest.raises(InThePast):
        appointments.move(world.clinic, reception, after, start=make.at("09:00"))
    with pytest.raises(IllegalTransition, match="Take the arrival back"):
        appointments.move(world.clinic, reception, after, start=make.at("10:00", make.TUESDAY))


def arrived_at(world: World, reception: Actor, clock: make.Clock, hours: str) -> Appointment:
    """A visit at `hours`, whose patient comes on time."""
    booked = appointments.book(world.clinic, reception, wanted(world, hours))
    clock.set(hours)
    return appointments.arrive(world.clinic, reception, booked)


@pytest.mark.parametrize("hours", ["13:00", "19:00", "08:45"])
def test_a_move_keeps_to_the_hours(world: World, reception: Actor, hours: str) -> None:
    """Moving is bound by what binds a booking."""
    before = appointments.book(world.clinic, reception, wanted(world))
    with pytest.raises(OutsideHours):
        appointments.move(world.clinic, reception, before, start=make.at(hours))


def test_a_cancelled_visit_does_not_move(world: World, reception: Actor) -> None:
    """Its time is no longer its own."""
    booked = appointments.book(world.clinic, reception, wanted(world))
    cancelled = appointments.cancel(world.clinic, reception, booked, CancelReason.PATIENT)
    with pytest.raises(IllegalTransition, match="cancelled, so it cannot be moved"):
        appointments.move(world.clinic, reception, cancelled, start=make.at("11:00"))


def test_an_answer_that_is_lost_changes_nothing_twice(world: World, reception: Actor, clock: make.Clock) -> None:
    """Each verb over a wire that swallows the answer: done once, and the desk sees that it is done."""
    with Proxy(world.clinic.settings.database_url) as wire:
        far = open_clinic(Settings(database_url=wire.url), now=clock)
        wire.lose("insert", 2)
        booked = appointments.book(far, reception, wanted(world))
        wire.lose("update")
        moved = appointments.move(far, reception, booked, start=make.at("11:00"))
        wire.lose("update", 2)
        here = appointments.arrive(far, reception, moved)
        wire.lose("update")
        gone = appointments.cancel(far, reception, here, CancelReason.PATIENT)
        assert wire.lost >= 4
        far.close()

    assert [e.kind for e in gone.events] == ["booked", "moved", "status", "status"]
    assert world.clinic.appointments.get(booked.id) == gone
    assert len(audit_of(world)) == 4


# --- what becomes of a visit -----------------------------------------------------------------------------------------


def test_cancelling_frees_the_time_and_keeps_the_reason(world: World, reception: Actor) -> None:
    """The code is on the record, the note in its last event, and neither the name nor the note in the audit line."""
    booked = appointments.book(world.clinic, reception, wanted(world))

    gone = appointments.cancel(world.clinic, reception, booked, CancelReason.PROVIDER, note="ill  today")

    assert (gone.status, gone.cancel_reason, gone.events[-1].note) == (S.CANCELLED, CancelReason.PROVIDER, "ill today")
    assert holds(gone) == []
    appointments.book(world.clinic, reception, wanted(world, patient_id=world.ben.id))
    with pytest.raises(IllegalTransition):
        appointments.arrive(world.clinic, reception, gone)


def test_a_visit_goes_its_way(world: World, reception: Actor, doctor: Actor, clock: make.Clock) -> None:
    """Booked, arrived, with the doctor, done: each step with its time and who did it."""
    here = arrived_at(world, reception, clock, "10:00")
    clock.pass_(minutes=4)
    inside = appointments.check_in(world.clinic, doctor, here)
    clock.pass_(minutes=12)
    done = appointments.fulfil(world.clinic, doctor, inside)

    assert [e.status for e in done.events] == [S.BOOKED, S.ARRIVED, S.CHECKED_IN, S.FULFILLED]
    assert done.since(S.CHECKED_IN) == make.at("10:04")
    assert done.events[-1].by == "doctor"
    assert status_after(done.events) is S.FULFILLED
    assert world.clinic.appointments.get(done.id) == done


def test_a_double_click_is_one_step_and_a_stale_one_a_conflict(
    world: World, reception: Actor, doctor: Actor, clock: make.Clock
) -> None:
    """Arriving twice is no error; arriving after the doctor called the patient in is."""
    booked = appointments.book(world.clinic, reception, wanted(world, "10:00"))
    clock.set("10:00")
    here = appointments.arrive(world.clinic, reception, booked)
    clock.pass_(seconds=1)

    assert appointments.arrive(world.clinic, reception, booked) == here
    assert appointments.arrive(world.clinic, reception, here) == here
    appointments.check_in(world.clinic, doctor, here)
    with pytest.raises(Conflict, match="Somebody else changed this appointment"):
        appointments.arrive(world.clinic, reception, booked)
    assert [line[1] for line in audit_of(world)] == ["appointment.book", "appointment.arrive", "appointment.check_in"]


def test_two_people_changing_one_visit_at_once(world: World, reception: Actor, manager: Actor) -> None:
    """One cancels while another moves: exactly one of them happens, the other is told."""
    for hours in ("10:00", "10:30", "11:00", "11:30", "12:00"):
        booked = appointments.book(world.clinic, reception, wanted(world, hours))
        later = make.at(hours, make.TUESDAY)
        outcomes = at_once(
            lambda b=booked: appointments.cancel(world.clinic, reception, b, CancelReason.PATIENT),
            lambda b=booked, to=later: appointments.move(world.clinic, manager, b, start=to),
        )
        assert sorted(type(o).__name__ for o in outcomes) == ["Appointment", "Conflict"], outcomes


def test_a_slip_can_be_taken_back(world: World, reception: Actor, clock: make.Clock) -> None:
    """An arrival that was none."""
    here = arrived_at(world, reception, clock, "10:00")
    assert appointments.undo_arrival(world.clinic, reception, here).status is S.BOOKED


def test_nobody_arrives_on_another_day(world: World, reception: Actor) -> None:
    """A patient who comes a day early gets the visit moved, so that the waiting times stay true."""
    booked = appointments.book(world.clinic, reception, wanted(world, start=make.at("10:00", make.TUESDAY)))
    with pytest.raises(IllegalTransition, match="This visit is on Tue 3 Mar, not today. Move it to today"):
        appointments.arrive(world.clinic, reception, booked)


def test_a_noshow_only_after_the_start(world: World, reception: Actor, clock: make.Clock) -> None:
    """Before the start nobody can have missed it; after it the time is free again."""
    booked = appointments.book(world.clinic, reception, wanted(world, "10:00"))
    clock.set("09:59")
    with pytest.raises(IllegalTransition, match="starts at 10:00"):
        appointments.mark_noshow(world.clinic, reception, booked)

    clock.set("10:00")
    missed = appointments.mark_noshow(world.clinic, reception, booked)
    assert (missed.status, holds(missed)) == (S.NOSHOW, [])
    appointments.book(world.clinic, reception, wanted(world, "10:00", patient_id=world.ben.id))


def test_a_late_patient_takes_the_time_again_if_it_is_free(world: World, reception: Actor, clock: make.Clock) -> None:
    """After a no-show the arrival holds the time anew, or says who has it now."""
    booked = appointments.book(world.clinic, reception, wanted(world, "10:00"))
    other = appointments.book(world.clinic, reception, wanted(world, "11:00", patient_id=world.ben.id))
    clock.set("10:20")
    missed = appointments.mark_noshow(world.clinic, reception, booked)
    assert appointments.arrive(world.clinic, reception, missed).status is S.ARRIVED

    clock.set("11:20")
    missed = appointments.mark_noshow(world.clinic, reception, other)
    clock.set("11:00")
    appointments.book(world.clinic, reception, wanted(world, "11:00", patient_id=world.asha.id))
    clock.set("11:20")
    with pytest.raises(SlotTaken, match="Dr A is taken at 11:00 by P-000001; next free: 11:30"):
        appointments.arrive(world.clinic, reception, missed)


def test_a_missed_visit_stays_missed_the_day_after(world: World, reception: Actor, clock: make.Clock) -> None:
    """Its time may have been used by then; a new visit is booked instead."""
    booked = appointments.book(world.clinic, reception, wanted(world, "10:00"))
    clock.set("18:00")
    missed = appointments.mark_noshow(world.clinic, reception, booked)
    clock.set("09:00", make.TUESDAY)
    with pytest.raises(IllegalTransition, match="Book a new one for today"):
        appointments.arrive(world.clinic, reception, missed)


def test_a_doctor_calls_in_and_finishes_only_their_own(
    world: World, reception: Actor, doctor: Actor, colleague: Actor, clock: make.Clock
) -> None:
    """Dr B is refused Dr A's patient."""
    here = arrived_at(world, reception, clock, "10:00")
    with pytest.raises(Forbidden):
        appointments.check_in(world.clinic, colleague, here)
    inside = appointments.check_in(world.clinic, doctor, here)
    with pytest.raises(Forbidden):
        appointments.fulfil(world.clinic, colleague, inside)
    with pytest.raises(Forbidden):
        appointments.get(world.clinic, colleague, here.id)
    assert appointments.get(world.clinic, doctor, here.id) == inside


def test_released_holds_leave_the_index_and_nothing_else(world: World, reception: Actor, clock: make.Clock) -> None:
    """Two days later the past holds nothing; what is ahead still does."""
    past = appointments.book(world.clinic, reception, wanted(world, "10:00"))
    ahead = appointments.book(
        world.clinic, reception, wanted(world, start=make.at("10:00", make.MONDAY + timedelta(days=2)))
    )
    clock.set("09:00", make.MONDAY + timedelta(days=2))

    assert appointments.release_past(world.clinic) == 1
    assert appointments.release_past(world.clinic) == 0
    assert world.clinic.appointments.get(past.id) == past
    stored = {s.id: s.document.get("holds") for s in world.clinic.appointments.every()}
    assert stored == {past.id: None, ahead.id: holds(ahead)}


# --- free times ------------------------------------------------------------------------------------------------------


def test_free_slots_of_a_day(world: World, reception: Actor, clock: make.Clock) -> None:
    """From now on, on the clinic's grid, without what is taken and without the break."""
    clock.set("11:50")
    appointments.book(world.clinic, reception, wanted(world, "12:15"))

    free = appointments.free_slots(world.clinic, reception, make.MONDAY, practitioner_id=make.DR_A, minutes=30)

    shown = [f"{world.clinic.local(start):%H:%M}" for start in free]
    assert shown[:3] == ["12:30", "14:00", "14:15"]
    assert shown[-1] == "17:30"


def test_free_slots_of_everybody_in_one_go(world: World, reception: Actor, doctor: Actor) -> None:
    """The same as asking for each; a doctor sees only their own."""
    appointments.book(world.clinic, reception, wanted(world, "10:00"))

    everybody = appointments.free_slots_of_all(world.clinic, reception, make.MONDAY, minutes=15)

    assert everybody == {
        p: appointments.free_slots(world.clinic, reception, make.MONDAY, practitioner_id=p, minutes=15)
        for p in (make.DR_A, make.DR_B)
    }
    assert set(appointments.free_slots_of_all(world.clinic, doctor, make.MONDAY, minutes=15)) == {make.DR_A}
    with pytest.raises(Forbidden):
        appointments.free_slots(world.clinic, doctor, make.MONDAY, practitioner_id=make.DR_B, minutes=15)


def test_the_next_free_times_go_over_days(world: World) -> None:
    """A Saturday evening leads to Monday morning."""
    found = appointments.next_free(
        world.clinic, practitioner_id=make.DR_A, after=make.at("17:40", make.SUNDAY - timedelta(days=1)), minutes=15
    )
    assert found == [
        make.at("17:45", make.SUNDAY - timedelta(days=1)),
        make.at("09:00", make.SUNDAY + timedelta(days=1)),
        make.at("09:15", make.SUNDAY + timedelta(days=1)),
    ]


def test_what_is_offered_can_be_booked_and_what_is_not_has_its_reason(world: World, reception: Actor) -> None:
    """`why_not` and `book` never disagree over a day."""
    appointments.book(world.clinic, reception, wanted(world, "10:30"))
    free = appointments.free_slots(world.clinic, reception, make.MONDAY, practitioner_id=make.DR_A, minutes=15)
    for quarter in range(0, 24 * 4):
        start = make.at("00:00") + timedelta(minutes=15 * quarter)
        sketch = wanted(world, start=start, patient_id=world.ben.id)
        reason = appointments.why_not(world.clinic, reception, sketch)
        assert (reason is None) == (start in free), (start, reason)
    assert appointments.why_not(world.clinic, reception, wanted(world, "10:30", patient_id=world.ben.id)) == (
        "Dr A is taken at 10:30 by P-000001; next free: 10:45, 11:00, 11:15"
    )


def test_a_patient_who_is_elsewhere_is_said_too(world: World, reception: Actor) -> None:
    """The practitioner is free, the patient is not."""
    appointments.book(world.clinic, reception, wanted(world, "10:30", practitioner_id=make.DR_B))
    assert "P-000001 has another visit at 10:30 with Dr B" in str(
        appointments.why_not(world.clinic, reception, wanted(world, "10:30"))
    )


# --- the day's board -------------------------------------------------------------------------------------------------


def test_the_board_of_a_day(world: World, reception: Actor, doctor: Actor, clock: make.Clock, manager: Actor) -> None:
    """Every visit by start, with its patient, its bill and the patient's last visit."""
    done = appointments.fulfil(
        world.clinic, doctor, appointments.check_in(world.clinic, doctor, arrived_at(world, reception, clock, "10:00"))
    )
    bill = billing.draft_for_visit(world.clinic, reception, done.id)
    clock.set("08:00", make.TUESDAY)
    next_day = wanted(world, start=make.at("10:00", make.TUESDAY))
    later = appointments.book(world.clinic, reception, next_day)
    other = wanted(world, start=make.at("09:00", make.TUESDAY), patient_id=world.ben.id, practitioner_id=make.DR_B)
    first = appointments.book(world.clinic, reception, other)

    tuesday = appointments.day(world.clinic, reception, make.TUESDAY)
    monday = appointments.day(world.clinic, manager, make.MONDAY)

    assert [(r.appointment, r.patient, r.billed, r.last_visit) for r in tuesday.rows] == [
        (first, world.ben, None, None),
        (later, world.asha, None, make.MONDAY),
    ]
    assert [(r.billed, r.invoice_id, r.last_visit) for r in monday.rows] == [(InvoiceStatus.DRAFT, bill.id, None)]


def test_a_board_takes_four_queries_however_long_it_is(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Visits, patients, bills and last visits: not one query more for fifty rows than for two."""
    clinic = world.clinic

    def queries() -> int:
        asked: list[str] = []
        find = Collection.find
        with monkeypatch.context() as patch:
            patch.setattr(Collection, "find", lambda self, *a, **k: (asked.append(self.name), find(self, *a, **k))[1])
            appointments.day(clinic, reception, make.MONDAY)
        return len(asked)

    people = [make.patient() for _ in range(50)]
    clinic.patients.add_many(people)
    clinic.directory()
    appointments.day(clinic, reception, make.SUNDAY)
    for first, last in ((0, 2), (2, 50)):
        clinic.appointments.add_many(
            make.appointment(patient_id=p.id, start=make.at("09:00") + timedelta(minutes=15 * n), status=S.FULFILLED)
            for n, p in list(enumerate(people))[first:last]
        )
        assert queries() == 4


def test_a_doctor_sees_only_their_own_and_no_bills(
    world: World, reception: Actor, doctor: Actor, colleague: Actor, clock: make.Clock
) -> None:
    """The daily list is the doctor's own, without money."""
    inside = appointments.check_in(world.clinic, doctor, arrived_at(world, reception, clock, "10:00"))
    billing.draft_for_visit(world.clinic, doctor, appointments.fulfil(world.clinic, doctor, inside).id)

    assert [r.billed for r in appointments.day(world.clinic, doctor, make.MONDAY).rows] == [None]
    assert appointments.day(world.clinic, colleague, make.MONDAY).rows == ()


def test_an_administrator_sees_no_patients(world: World, admin: Actor) -> None:
    """Looking after the system needs no patients' names."""
    with pytest.raises(Forbidden):
        appointments.day(world.clinic, admin, make.MONDAY)


def test_reading_the_day_is_audited_once_an_hour(world: World, reception: Actor, clock: make.Clock) -> None:
    """However often the board is drawn."""
    for _ in range(3):
        appointments.day(world.clinic, reception, make.MONDAY)
    clock.pass_(hours=1)
    appointments.day(world.clinic, reception, make.MONDAY)

    since, until = make.NOW - timedelta(days=1), make.NOW + timedelta(days=1)
    reads = [e.record_id for e in world.clinic.audit.store.latest(since=since, until=until)]
    assert reads == ["2026-03-02", "2026-03-02"]
