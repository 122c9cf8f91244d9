"""Today: reception's board and the doctor's own list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import InvoiceStatus
from clinic_core.domain.messages import Channel, InboundMessage
from clinic_core.services import appointments, billing
from tests import make
from tests.conftest import World
from tests.pages import clicks, screen
from tests.pages.clicks import left_for  # noqa: F401 - a fixture

S = AppointmentStatus
Left = list[tuple[str, dict[str, str]]]


@pytest.fixture
def visit(world: World, clock: make.Clock) -> Appointment:
    """Asha at 10:00 with Dr A; it is 09:50."""
    clock.set("09:50")
    made = make.appointment(patient_id=world.asha.id, reason="Cough")
    world.clinic.appointments.add(made)
    return made


def status(world: World, visit: Appointment) -> AppointmentStatus:
    """What has become of the visit."""
    return world.clinic.appointments.get(visit.id).status


def column(page: AppTest, title: str) -> list[dict[str, Any]]:
    """The cards of a column of the board."""
    board = screen.component(page, "today.cards")
    return next(part["cards"] for part in board["columns"] if part["title"] == title)


def labels(card: dict[str, Any]) -> list[str]:
    """The buttons of a card."""
    return [step["label"] for step in card["steps"]]


def test_an_empty_day_says_what_to_do(world: World, reception: Actor) -> None:
    """Nobody is booked: the board says how somebody gets onto it."""
    page = screen.open_page("today", world.clinic, reception)

    assert "walk-in" in screen.said(page)


def test_a_patient_goes_from_expected_to_done(world: World, reception: Actor, visit: Appointment) -> None:
    """One click per step, each of which moves the card on."""
    page = screen.open_page("today", world.clinic, reception)
    assert [card["title"] for card in column(page, "Expected")] == ["Asha Rao"]

    clicks.step(page, "today.cards", visit.id, "arrive")
    assert labels(column(page, "Waiting")[0]) == ["With doctor", "Undo"]

    clicks.step(page, "today.cards", visit.id, "check_in")
    assert [card["id"] for card in column(page, "With the doctor")] == [visit.id]
    assert column(page, "Expected") == column(page, "Waiting") == []


def test_a_confirmed_visit_says_so_and_replies_call(
    world: World,
    reception: Actor,
    doctor: Actor,
    visit: Appointment,
    left_for: Left,  # noqa: F811
) -> None:
    """The mark is on the board and in the doctor's list; the way to the replies is there only while some wait."""
    page = screen.open_page("today", world.clinic, reception)
    assert column(page, "Expected")[0]["badge"] is None
    assert not [b for b in page.button if "to read" in b.label]

    appointments.confirm(world.clinic, reception, visit)
    written = InboundMessage(
        id="SM1", sender="+15005550001", channel=Channel.SMS, text="hi", received_at=make.NOW, outcome="x", open=True
    )
    world.clinic.inbound.add(written)
    screen.run(page)
    assert column(page, "Expected")[0]["badge"] == {"text": "Confirmed", "tone": "green"}
    assert "Confirmed" in str(screen.component(screen.open_page("today", world.clinic, doctor), "doctor.rows"))
    screen.click(page, "1 reply to read")
    assert left_for == [("messages", {})]


def test_a_slip_is_undone(world: World, reception: Actor, visit: Appointment) -> None:
    """Both marks can be taken back."""
    page = screen.open_page("today", world.clinic, reception)
    for name in ("arrive", "check_in", "back", "undo"):
        clicks.step(page, "today.cards", visit.id, name)

    assert status(world, visit) is S.BOOKED


def test_a_step_that_is_not_possible_says_why(world: World, reception: Actor, visit: Appointment) -> None:
    """A colleague cancelled meanwhile: the click changes nothing and says so."""
    page = screen.open_page("today", world.clinic, reception)
    world.clinic.appointments.change(visit, replace(visit, status=S.CANCELLED), visit.events[0])

    clicks.step(page, "today.cards", visit.id, "arrive")

    assert "cancelled" in screen.errors(page)[0]


@pytest.mark.parametrize("value", [None, 1, {"id": 1, "step": "arrive"}, {"id": "nobody", "step": "no such step"}])
def test_what_a_browser_makes_up_does_nothing(
    world: World, reception: Actor, visit: Appointment, value: object
) -> None:
    """Values of a component come from the browser: other shapes are ignored."""
    page = screen.open_page("today", world.clinic, reception)

    clicks.send(page, "today.cards", "step", value)

    assert status(world, visit) is S.BOOKED


def test_noshow_is_offered_once_the_time_has_passed(
    world: World, reception: Actor, visit: Appointment, clock: make.Clock
) -> None:
    """Before the start nobody can have missed it; afterwards the card says how late they are."""
    page = screen.open_page("today", world.clinic, reception)
    assert labels(column(page, "Expected")[0]) == ["Arrived"]

    clock.set("10:20")
    screen.run(page)
    card = column(page, "Expected")[0]
    assert labels(card) == ["Arrived", "No-show"]
    assert card["badge"] == {"text": "20 min late", "tone": "red"}

    clicks.step(page, "today.cards", visit.id, "noshow")
    assert [card["id"] for card in column(page, "Not coming")] == [visit.id]


@pytest.mark.parametrize(
    ("minutes", "text", "tone"), [(5, "5 min", "green"), (15, "15 min", "orange"), (65, "1 h 05 min", "red")]
)
def test_waiting_shows_how_long(
    world: World, reception: Actor, visit: Appointment, clock: make.Clock, minutes: int, text: str, tone: str
) -> None:
    """The wait is shown in minutes and in a colour."""
    appointments.arrive(world.clinic, reception, visit)
    clock.pass_(minutes=minutes)

    page = screen.open_page("today", world.clinic, reception)

    assert column(page, "Waiting")[0]["badge"] == {"text": text, "tone": tone}


def test_who_goes_in_next_stands_out(world: World, reception: Actor, visit: Appointment, clock: make.Clock) -> None:
    """The longest waiting of each practitioner who is free; nobody while the practitioner is busy."""
    other = make.appointment(patient_id=world.ben.id, start=make.at("10:15"))
    world.clinic.appointments.add(other)
    appointments.arrive(world.clinic, reception, other)
    clock.pass_(minutes=1)
    mine = appointments.arrive(world.clinic, reception, visit)

    page = screen.open_page("today", world.clinic, reception)
    assert [(card["id"], card["next"]) for card in column(page, "Waiting")] == [(other.id, True), (visit.id, False)]

    appointments.check_in(world.clinic, reception, mine)
    screen.run(page)
    assert [card["next"] for card in column(page, "Waiting")] == [False]


def test_a_finished_visit_leads_to_its_bill(
    world: World,
    reception: Actor,
    visit: Appointment,
    left_for: Left,  # noqa: F811
) -> None:
    """Done and not billed: one click makes the draft and opens it."""
    done = replace(visit, id="done", start=make.at("09:00"), status=S.FULFILLED)
    world.clinic.appointments.add(done)
    page = screen.open_page("today", world.clinic, reception)
    assert column(page, "Done")[0]["badge"]["text"] == "Not billed"

    clicks.step(page, "today.cards", "done", "bill")

    assert left_for[0][0] == "billing"
    assert billing.draft_for_visit(world.clinic, reception, "done").status is InvoiceStatus.DRAFT


def test_the_board_can_be_narrowed_to_a_practitioner(world: World, reception: Actor, visit: Appointment) -> None:
    """Choosing Dr B hides Dr A's patients and says so."""
    page = screen.open_page("today", world.clinic, reception, today__only=[make.DR_B])

    assert "Choose all practitioners" in screen.said(page)


def test_the_board_shows_names_as_text(world: World, reception: Actor, visit: Appointment) -> None:
    """A name with markup in it reaches the browser as it was typed."""
    patient = world.clinic.patients.get(world.asha.id)
    world.clinic.patients.save(replace(patient, name="**Asha** <b>Rao</b>"))

    page = screen.open_page("today", world.clinic, reception)

    assert column(page, "Expected")[0]["title"] == "**Asha** <b>Rao</b>"


def test_other_days_are_a_click_away(world: World, reception: Actor, visit: Appointment) -> None:
    """Forward, and back to today."""
    page = screen.open_page("today", world.clinic, reception)
    screen.click(page, "›")
    assert page.date_input[0].value == make.TUESDAY
    assert "tomorrow" in screen.said(page)

    screen.click(page, "Today")
    assert page.date_input[0].value == make.MONDAY


def test_at_midnight_today_moves_on(world: World, reception: Actor, clock: make.Clock) -> None:
    """A board that was left open shows the new day; a day that was chosen stays."""
    page = screen.open_page("today", world.clinic, reception)
    clock.set("00:05", make.TUESDAY)
    screen.run(page)
    assert page.date_input[0].value == make.TUESDAY

    page.date_input[0].set_value(make.SUNDAY)
    screen.run(page)
    clock.pass_(days=1)
    screen.run(page)
    assert page.date_input[0].value == make.SUNDAY


def test_a_walk_in_is_booked_and_waits(world: World, reception: Actor, clock: make.Clock) -> None:
    """One dialog: the patient, and they are on the board as waiting since now."""
    clock.set("10:32")
    page = screen.open_page("today", world.clinic, reception)
    screen.click(page, "Walk-in")
    clicks.pick(page, "asha", "Asha Rao")
    screen.click(page, "Book and mark as arrived")

    (made,) = world.clinic.appointments.on_day(make.MONDAY)
    assert (made.start, made.status, made.patient_id) == (make.at("10:30"), S.ARRIVED, world.asha.id)
    assert [card["title"] for card in column(page, "Waiting")] == ["Asha Rao"]


def test_a_walk_in_meets_who_is_free_soonest(world: World, reception: Actor, clock: make.Clock) -> None:
    """Dr A is booked until half past ten, so Dr B is proposed; the usual service is chosen."""
    clock.set("10:02")
    for start in ("10:00", "10:15"):
        patient = make.patient()
        world.clinic.patients.add(patient)
        world.clinic.appointments.add(
            make.appointment(patient_id=patient.id, start=make.at(start), service_id=make.FOLLOW_UP)
        )
    page = screen.open_page("today", world.clinic, reception)
    screen.click(page, "Walk-in")

    assert screen.field(page, "selectbox", "Practitioner").value == make.DR_B
    assert screen.field(page, "selectbox", "Service").value == make.FOLLOW_UP
    assert "Free from: Dr B 10:15, Dr A 10:30." in screen.said(page)


def test_a_walk_in_after_hours_can_come_tomorrow(world: World, reception: Actor, clock: make.Clock) -> None:
    """Nobody works any more: the next free time is booked, and nobody has arrived."""
    clock.set("18:30")
    page = screen.open_page("today", world.clinic, reception)
    screen.click(page, "Walk-in")
    clicks.pick(page, "asha", "Asha Rao")
    screen.click(page, "Book and mark as arrived")
    assert "not 18:30 to 18:45" in screen.errors(page)[0]

    next(b for b in page.button if b.label == "Book Tue 3 Mar 09:00").click()
    screen.run(page)

    (made,) = world.clinic.appointments.on_day(make.TUESDAY)
    assert (made.start, made.status) == (make.at("09:00", make.TUESDAY), S.BOOKED)


def test_tomorrows_board_only_lists_who_is_expected(world: World, reception: Actor) -> None:
    """Nobody can arrive yet, so no button says so."""
    world.clinic.appointments.add(make.appointment(patient_id=world.asha.id, start=make.at("10:00", make.TUESDAY)))
    page = screen.open_page("today", world.clinic, reception)
    screen.click(page, "›")

    (only,) = screen.component(page, "today.cards")["columns"]
    assert (only["title"], labels(only["cards"][0])) == ("Expected", [])


def test_a_doctor_sees_their_own_day(world: World, doctor: Actor, visit: Appointment) -> None:
    """Time, patient, age, allergies, reason, last visit; nobody else's patients."""
    patient = world.clinic.patients.get(world.asha.id)
    world.clinic.patients.save(replace(patient, allergies="Penicillin"))
    world.clinic.appointments.add(
        make.appointment(patient_id=world.ben.id, practitioner_id=make.DR_B, start=make.at("11:00"))
    )
    earlier = make.at("10:00", make.MONDAY.replace(month=2))
    world.clinic.appointments.add(make.appointment(patient_id=world.asha.id, start=earlier, status=S.FULFILLED))

    page = screen.open_page("today", world.clinic, doctor)

    (row,) = screen.component(page, "doctor.rows")["rows"]
    assert row["cells"][:3] == ["10:00", "Asha Rao", "35 y, female"]
    assert row["cells"][3] == {"text": "Penicillin", "tone": "gray", "alert": True}
    assert row["cells"][4:6] == ["Cough", "2 Feb 2026"]


def test_a_doctor_calls_the_next_patient_in(
    world: World,
    doctor: Actor,
    reception: Actor,
    visit: Appointment,
    left_for: Left,  # noqa: F811
) -> None:
    """Whoever waits is named above the list; one click starts and opens the visit."""
    appointments.arrive(world.clinic, reception, visit)
    page = screen.open_page("today", world.clinic, doctor)
    assert "has been waiting" in screen.said(page)

    screen.click(page, "Call in")

    assert status(world, visit) is S.CHECKED_IN
    assert left_for[0] == ("visit", {"visit": visit.id})


def test_who_may_not_see_appointments_is_refused(world: World, admin: Actor, visit: Appointment) -> None:
    """The administrator looks after the system, not after patients."""
    page = screen.open_page("today", world.clinic, admin)

    assert "may not open" in screen.errors(page)[0]
    assert not page.get("bidi_component")


def test_a_click_asks_again_who_is_there(world: World, reception: Actor, admin: Actor, visit: Appointment) -> None:
    """The role changed since the board was drawn: the click is refused."""
    page = screen.open_page("today", world.clinic, reception)
    page.session_state["actor"] = admin

    clicks.step(page, "today.cards", visit.id, "arrive")

    assert status(world, visit) is S.BOOKED
