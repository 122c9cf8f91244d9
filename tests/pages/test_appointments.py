"""Appointments: the grid and its table, booking, the race for a time, moving, cancelling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus, CancelReason
from clinic_core.domain.schedules import Absence
from clinic_core.services import appointments
from tests import make
from tests.conftest import World
from tests.pages import clicks, screen
from tests.pages.clicks import left_for  # noqa: F401 - a fixture

S = AppointmentStatus
TEN, HALF_PAST_TEN, LUNCH = 60, 90, 4 * 60  # minutes below the grid's edge, which is 09:00


@pytest.fixture
def visit(world: World) -> Appointment:
    """Asha at 10:00 with Dr A."""
    made = make.appointment(patient_id=world.asha.id)
    world.clinic.appointments.add(made)
    return made


def grid(page: AppTest) -> dict[str, dict[str, Any]]:
    """The grid's columns by practitioner."""
    return {column["id"]: column for column in screen.component(page, "calendar.grid")["columns"]}


def booked(clinic: Clinic) -> list[Appointment]:
    """Everything on Monday that holds its time."""
    return [a for a in clinic.appointments.on_day(make.MONDAY) if a.status is not S.CANCELLED]


def choose(page: AppTest, label: str, value: Any) -> AppTest:
    """Choose from a list of the dialog."""
    screen.field(page, "selectbox", label).set_value(value)
    return screen.run(page)


def type_time(page: AppTest, typed: str) -> AppTest:
    """Type a time that need not be in the list."""
    box = screen.field(page, "selectbox", "Time")
    states = page._tree.get_widget_states()
    next(state for state in states.widgets if state.id == box.id).string_value = typed
    page._run(states)
    assert not page.exception
    return page


def press(page: AppTest, start: str) -> AppTest:
    """Press the button whose label begins so."""
    next(b for b in page.button if b.label.startswith(start)).click()
    return screen.run(page)


def test_the_grid_shows_what_is_taken_and_free(world: World, reception: Actor, visit: Appointment) -> None:
    """A column per practitioner with hours, break, free times and visits."""
    page = screen.open_page("appointments", world.clinic, reception)

    mine, other = grid(page)[make.DR_A], grid(page)[make.DR_B]
    assert mine["open"] == [[0, 4 * 60], [5 * 60, 9 * 60]]
    assert [gap["text"] for gap in mine["gaps"]] == ["Break"]
    assert [(taken["at"], taken["minutes"], taken["title"]) for taken in mine["taken"]] == [(TEN, 15, "Asha Rao")]
    assert "10:00 to 10:15, Asha Rao, P-000001, Consultation, Expected" in mine["taken"][0]["label"]
    assert TEN not in [free["at"] for free in mine["free"]]
    assert TEN in [free["at"] for free in other["free"]]


def test_times_that_have_passed_are_not_offered(world: World, reception: Actor, clock: make.Clock) -> None:
    """At 10:20 the next free time is 10:30, and the line of now stands at 10:20."""
    clock.set("10:20")
    page = screen.open_page("appointments", world.clinic, reception)

    assert grid(page)[make.DR_A]["free"][0] == {"at": HALF_PAST_TEN, "label": "10:30"}
    assert screen.component(page, "calendar.grid")["now"] == TEN + 20


def test_who_is_away_is_said(world: World, reception: Actor) -> None:
    """An absence takes the column off the day, and its name stands below."""
    schedule = world.clinic.schedules.get(make.DR_B)
    away = Absence(start_on=make.MONDAY, end_on=make.TUESDAY)
    world.clinic.schedules.save(replace(schedule, absences=(away,)))
    world.clinic.forget_directory()

    page = screen.open_page("appointments", world.clinic, reception)

    assert list(grid(page)) == [make.DR_A]
    assert "Not working on this day: Dr B" in screen.said(page)


def test_a_click_books(world: World, reception: Actor) -> None:
    """Click a free time, find the patient, book: it is on the grid."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.slot(page, make.DR_B, HALF_PAST_TEN)
    assert screen.field(page, "selectbox", "Time").value == "10:30"
    clicks.pick(page, "98765", "Asha Rao")
    screen.fill(page, Reason="Rash")
    screen.click(page, "Book")

    (made,) = booked(world.clinic)
    assert (made.practitioner_id, made.start, made.reason) == (make.DR_B, make.at("10:30"), "Rash")
    assert [taken["id"] for taken in grid(page)[make.DR_B]["taken"]] == [made.id]
    assert not page.text_input  # the dialog is shut


def test_the_usual_service_is_chosen_first(world: World, reception: Actor) -> None:
    """What the practitioner does most that day, not what comes first in the alphabet."""
    world.clinic.appointments.add(make.appointment(patient_id=world.ben.id, service_id=make.FOLLOW_UP, minutes=10))
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.slot(page, make.DR_A, HALF_PAST_TEN)

    assert screen.field(page, "selectbox", "Service").value == make.FOLLOW_UP


def test_a_time_too_short_for_the_service_is_explained(world: World, reception: Actor, visit: Appointment) -> None:
    """09:45 is free for a quarter of an hour only."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.slot(page, make.DR_A, TEN - 15)
    assert not page.warning
    choose(page, "Service", make.DRESSING)

    assert "taken at 10:00 by P-000001" in page.warning[0].value


def test_a_double_click_books_once(world: World, reception: Actor) -> None:
    """Both clicks carry the id that was made when the dialog was opened."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.slot(page, make.DR_A, TEN)
    clicks.pick(page, "asha", "Asha Rao")
    again = page.session_state["booking"]
    screen.click(page, "Book")
    page.session_state["booking"], page.session_state["booking.who.patient"] = again, world.asha
    page.session_state[f"booking.{again['id']}.time"] = "10:00"
    screen.run(page)
    screen.click(page, "Book")

    assert len(booked(world.clinic)) == 1


def test_who_is_later_sees_the_next_free_times(world: World, reception: Actor) -> None:
    """A colleague books the time first: the message names them, and one click books instead."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.slot(page, make.DR_A, TEN)
    clicks.pick(page, "asha", "Asha Rao")
    world.clinic.appointments.add(make.appointment(patient_id=world.ben.id))

    screen.click(page, "Book")
    assert "Dr A is taken at 10:00 by P-000002; next free: 10:15" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Reason") is not None  # nothing was lost

    press(page, "Book Mon 2 Mar 10:15")
    assert {a.start for a in booked(world.clinic)} == {make.at("10:00"), make.at("10:15")}


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("13:30", "Dr A works 09:00-13:00, 14:00-18:00 on Mondays, not 13:30 to 13:45; next free: 14:00"),
        ("10:05", "Dr A is taken at 10:05 by P-000001; next free: 10:15"),
        ("7", "07:00 has passed; next free: 09:00"),
    ],
)
def test_why_a_time_is_not_offered(world: World, reception: Actor, visit: Appointment, typed: str, reason: str) -> None:
    """Any time can be typed; the rule against it is said, with the next free times a click away."""
    page = screen.open_page("appointments", world.clinic, reception)
    screen.click(page, "Book a visit")
    type_time(page, typed)
    assert reason in page.warning[0].value

    press(page, "Take Mon 2 Mar")
    assert not page.warning


def test_a_time_that_is_none_is_said(world: World, reception: Actor) -> None:
    """Free text in the time field is no bug."""
    page = screen.open_page("appointments", world.clinic, reception)
    screen.click(page, "Book a visit")
    type_time(page, "after lunch")

    assert "like 10:30" in page.warning[0].value


def test_a_click_outside_the_hours_explains(world: World, reception: Actor) -> None:
    """The shaded part of a column answers too."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.slot(page, make.DR_A, LUNCH + 30)

    assert "not 13:30 to 13:45" in page.warning[0].value


def test_a_new_patient_is_registered_without_losing_the_time(world: World, reception: Actor) -> None:
    """Nobody found: register in the dialog, and book the time that was clicked."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.slot(page, make.DR_B, HALF_PAST_TEN)
    screen.field(page, "text_input", "Patient").set_value("Zoya Mirza")
    screen.run(page)
    screen.click(page, "Register a new patient")
    assert screen.field(page, "text_input", "Name").value == "Zoya Mirza"
    screen.click(page, "Register")
    screen.click(page, "Book")

    (made,) = booked(world.clinic)
    assert (made.practitioner_id, made.start) == (make.DR_B, make.at("10:30"))
    assert world.clinic.patients.get(made.patient_id).name == "Zoya Mirza"


def test_a_late_cancellation_says_what_it_costs(world: World, reception: Actor, visit: Appointment) -> None:
    """Before it is done; without a fee nothing is said."""
    for fee, said in ((0, False), (10_000, True)):
        profile = world.clinic.organization_store.get("clinic")
        world.clinic.organization_store.save(replace(profile, late_cancel_hours=72, late_cancel_fee_minor=fee))
        world.clinic.forget_directory()
        page = screen.open_page("appointments", world.clinic, reception)
        clicks.visit(page, visit.id)
        assert ("a fee of ₹100.00 is drafted" in screen.said(page)) == said


def test_a_visit_is_cancelled_with_a_reason(world: World, reception: Actor, visit: Appointment) -> None:
    """The reason is a code, the note stays with the event, and the time is free again."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.visit(page, visit.id)
    assert "Asha Rao" in screen.said(page)
    screen.field(page, "selectbox", "Why").set_value(CancelReason.PROVIDER)
    screen.fill(page, Note="Doctor ill")
    screen.click(page, "Cancel the visit")

    after = world.clinic.appointments.get(visit.id)
    assert (after.status, after.cancel_reason, after.events[-1].note) == (
        S.CANCELLED,
        CancelReason.PROVIDER,
        "Doctor ill",
    )
    assert TEN in [free["at"] for free in grid(page)[make.DR_A]["free"]]


def test_a_visit_is_moved_by_clicking_its_new_time(world: World, reception: Actor, visit: Appointment) -> None:
    """Move, then click: another practitioner and time, the same appointment."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.visit(page, visit.id)
    screen.click(page, "Move")
    assert "choose its new time" in screen.said(page)
    assert screen.component(page, "calendar.grid")["moving"]
    clicks.slot(page, make.DR_B, HALF_PAST_TEN)

    after = world.clinic.appointments.get(visit.id)
    assert (after.practitioner_id, after.start) == (make.DR_B, make.at("10:30"))
    assert "choose its new time" not in screen.said(page)


def test_moving_onto_a_taken_time_offers_others(world: World, reception: Actor, visit: Appointment) -> None:
    """The visit stays where it is until a time is found."""
    world.clinic.appointments.add(
        make.appointment(patient_id=world.ben.id, practitioner_id=make.DR_B, start=make.at("10:30"))
    )
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.visit(page, visit.id)
    screen.click(page, "Move")
    clicks.slot(page, make.DR_B, HALF_PAST_TEN)
    assert "taken at 10:30 by P-000002" in screen.errors(page)[0]
    assert world.clinic.appointments.get(visit.id).start == visit.start

    press(page, "Move to Mon 2 Mar 10:45")
    assert world.clinic.appointments.get(visit.id).start == make.at("10:45")


def test_moving_can_be_left(world: World, reception: Actor, visit: Appointment) -> None:
    """Escape leaves everything as it was."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.visit(page, visit.id)
    screen.click(page, "Move")
    screen.click(page, "Leave it where it is")

    assert not screen.component(page, "calendar.grid")["moving"]
    assert world.clinic.appointments.get(visit.id) == visit


def test_a_visit_is_booked_again_in_one_click(world: World, reception: Actor, visit: Appointment) -> None:
    """The same patient, practitioner and service, at the next free time."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.visit(page, visit.id)
    screen.click(page, "Book again")
    assert screen.field(page, "selectbox", "Time").value == "09:00"
    screen.click(page, "Book")

    assert {a.start for a in booked(world.clinic) if a.patient_id == world.asha.id} == {visit.start, make.at("09:00")}


def test_a_room_is_booked_with_the_visit(world: World, reception: Actor) -> None:
    """Rooms are offered where the clinic has some."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.slot(page, make.DR_A, TEN)
    clicks.pick(page, "asha", "Asha Rao")
    choose(page, "Room", make.ROOM)
    screen.click(page, "Book")

    assert booked(world.clinic)[0].room_id == make.ROOM


def test_the_table_does_what_the_grid_does(world: World, reception: Actor, visit: Appointment) -> None:
    """Lines for what is booked and free; their buttons open and book."""
    page = screen.open_page("appointments", world.clinic, reception, calendar__look="Table", calendar__only=[make.DR_A])
    rows = screen.component(page, "calendar.table")["rows"]
    assert [row["cells"][0] for row in rows[:5]] == ["09:00", "09:15", "09:30", "09:45", "10:00"]
    assert rows[4]["cells"][1:4] == ["Dr A", "Asha Rao", "P-000001"]

    clicks.step(page, "calendar.table", rows[0]["id"], "book")
    clicks.pick(page, "ben", "Ben")
    screen.click(page, "Book")
    assert {a.start for a in booked(world.clinic)} == {make.at("09:00"), make.at("10:00")}

    clicks.step(page, "calendar.table", visit.id, "open")
    assert "Asha Rao" in screen.said(page)


@pytest.mark.parametrize("row", ["", "dr-a@never", "dr-a@2026-03-02T10:00:00", "@"])
def test_a_made_up_line_does_nothing(world: World, reception: Actor, row: str) -> None:
    """Ids of lines come back from the browser."""
    page = screen.open_page("appointments", world.clinic, reception, calendar__look="Table")

    clicks.step(page, "calendar.table", row, "book")

    assert "booking" not in page.session_state


def test_a_practitioner_can_be_chosen(world: World, reception: Actor) -> None:
    """The filter leaves one column."""
    page = screen.open_page("appointments", world.clinic, reception, calendar__only=[make.DR_B])

    assert list(grid(page)) == [make.DR_B]


def test_a_clinic_without_practitioners_says_what_to_do(clinic: Clinic, reception: Actor) -> None:
    """Before the set-up."""
    page = screen.open_page("appointments", clinic, reception)

    assert "under Settings" in screen.said(page)


def test_a_day_on_which_the_clocks_change(world: World, reception: Actor) -> None:
    """In Berlin 29 March 2026 has 23 hours: a night shift from 01:00 to 06:00 is four hours long."""
    world.clinic.organization_store.save(
        replace(world.clinic.organization(), time_zone="Europe/Berlin", locale="de_DE", version=1)
    )
    night = make.parse_openings("01:00-06:00")
    schedule = world.clinic.schedules.get(make.DR_A)
    world.clinic.schedules.save(replace(schedule, weekly=(night,) * 7))
    world.clinic.forget_directory()
    day = make.MONDAY.replace(day=29)

    page = screen.open_page("appointments", world.clinic, reception, calendar__day=day)

    column = grid(page)[make.DR_A]
    assert column["open"] == [[0, 4 * 60]]
    assert [f["label"] for f in column["free"]][:5] == ["01:00", "01:15", "01:30", "01:45", "03:00"]


def test_reception_and_managers_book_and_nobody_else(world: World, manager: Actor, doctor: Actor, admin: Actor) -> None:
    """The page is the desk's."""
    assert not screen.errors(screen.open_page("appointments", world.clinic, manager))
    for other in (doctor, admin):
        page = screen.open_page("appointments", world.clinic, other)
        assert "may not open" in screen.errors(page)[0]
        assert not page.get("bidi_component")


def test_the_drawer_marks_arrivals(world: World, reception: Actor, visit: Appointment) -> None:
    """The status buttons of the board are in the drawer too."""
    page = screen.open_page("appointments", world.clinic, reception)
    clicks.visit(page, visit.id)
    screen.click(page, "Arrived")

    assert appointments.get(world.clinic, reception, visit.id).status is S.ARRIVED
