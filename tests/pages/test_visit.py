"""The doctor's visit: the note keeps itself, finishing it makes the draft bill, and only its doctor writes it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.encounters import ChargeItem, Encounter, EncounterStatus
from clinic_core.domain.ids import derived_id
from clinic_core.errors import Unavailable
from clinic_core.services import appointments, encounters
from tests import make
from tests.conftest import World
from tests.pages import screen

S = AppointmentStatus


@pytest.fixture
def visit(world: World, reception: Actor, clock: make.Clock) -> Appointment:
    """Asha came for 10:00 with Dr A; it is 10:05."""
    made = make.appointment(patient_id=world.asha.id, reason="Cough")
    world.clinic.appointments.add(made)
    clock.set("10:05")
    return appointments.arrive(world.clinic, reception, made)


def open_visit(world: World, actor: Actor, visit: Appointment) -> AppTest:
    """The page with that visit open."""
    page = screen.open_page("visit", world.clinic, actor)
    page.query_params["visit"] = visit.id
    return screen.run(page)


def write(page: AppTest, label: str, text: str) -> AppTest:
    """Type into a field of the note and leave it."""
    screen.field(page, "text_area", label).set_value(text)
    return screen.run(page)


def saved(world: World, visit: Appointment) -> Encounter:
    """The note as the database has it."""
    note = world.clinic.encounters.find(visit.id)
    assert note is not None
    return note


def test_without_a_visit_the_page_lists_todays(world: World, doctor: Actor, visit: Appointment) -> None:
    """The menu's entry leads to the doctor's list."""
    page = screen.open_page("visit", world.clinic, doctor)

    assert [row["id"] for row in screen.component(page, "doctor.rows")["rows"]] == [visit.id]


def test_what_matters_stands_at_the_top(world: World, doctor: Actor, visit: Appointment) -> None:
    """Allergies as an alarm; the booked reason and service are filled in."""
    world.clinic.patients.save(replace(world.asha, allergies="Penicillin"))
    page = open_visit(world, doctor, visit)

    assert "Penicillin" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Reason").value == "Cough"
    assert screen.field(page, "multiselect", "Services delivered").value == [make.CONSULTATION]


def test_each_field_is_kept_as_it_is_left(world: World, doctor: Actor, visit: Appointment) -> None:
    """No button is needed; reading alone writes nothing."""
    page = open_visit(world, doctor, visit)
    assert world.clinic.encounters.find(visit.id) is None

    write(page, "Findings", "Chest clear")
    write(page, "Plan", "Rest")

    note = saved(world, visit)
    assert (note.reason, note.findings, note.plan, note.version) == ("Cough", "Chest clear", "Rest", 2)
    assert "Saved 10:05" in screen.said(page)


def test_a_refused_save_loses_nothing(world: World, doctor: Actor, visit: Appointment) -> None:
    """The visit was given to another practitioner meanwhile: it is said, and the text is still there."""
    page = open_visit(world, doctor, visit)
    current = world.clinic.appointments.get(visit.id)
    world.clinic.appointments.change(current, replace(current, practitioner_id=make.DR_B), current.events[0])
    write(page, "Findings", "A long text")

    assert "given to another practitioner" in screen.errors(page)[0]
    assert "A long text" in screen.said(page)


def test_writing_goes_on_while_the_database_is_away(
    world: World, doctor: Actor, visit: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message asks to try again; the text is still there and is kept then."""
    page = open_visit(world, doctor, visit)
    with monkeypatch.context() as away:
        away.setattr(encounters, "save_note", _unavailable)
        write(page, "Findings", "A long text")
    assert "does not answer" in screen.errors(page)[0]
    assert screen.field(page, "text_area", "Findings").value == "A long text"

    screen.click(page, "Save draft")
    assert saved(world, visit).findings == "A long text"
    assert not screen.errors(page)


def _unavailable(*_: object) -> None:
    raise Unavailable("The database does not answer at the moment.")


def test_finishing_makes_the_draft_bill(world: World, doctor: Actor, visit: Appointment) -> None:
    """Services and quantities become its lines; the visit is done; the list is next."""
    page = open_visit(world, doctor, visit)
    write(page, "Assessment", "Cold")
    screen.field(page, "multiselect", "Services delivered").set_value([make.CONSULTATION, make.DRESSING])
    screen.run(page)
    screen.field(page, "number_input", "Dressing, times").set_value(2)
    screen.run(page)
    screen.click(page, "2 weeks")
    screen.click(page, "Finish visit")

    note = saved(world, visit)
    assert (note.status, note.assessment) == (EncounterStatus.FINISHED, "Cold")
    assert note.follow_up_on == make.MONDAY.replace(day=16)
    assert note.charges == (ChargeItem(service_id=make.CONSULTATION), ChargeItem(service_id=make.DRESSING, quantity=2))
    invoice = world.clinic.invoices.find(derived_id("invoice", visit.id))
    assert invoice is not None and [line.quantity for line in invoice.lines] == [1, 2]
    assert world.clinic.appointments.get(visit.id).status is S.FULFILLED
    assert "draft bill of ₹1,091.18" in page.toast[0].value
    assert screen.component(page, "doctor.rows")


def test_what_was_typed_last_is_in_the_finished_note(world: World, doctor: Actor, visit: Appointment) -> None:
    """The click on Finish brings the last field with it."""
    page = open_visit(world, doctor, visit)
    screen.field(page, "text_area", "Plan").set_value("Fluids")
    screen.click(page, "Finish visit")

    assert saved(world, visit).plan == "Fluids"


def test_before_the_arrival_it_can_be_written_but_not_finished(world: World, doctor: Actor) -> None:
    """The page says who has to do what first."""
    early = make.appointment(patient_id=world.ben.id, start=make.at("11:00"))
    world.clinic.appointments.add(early)
    page = open_visit(world, doctor, early)

    assert next(b for b in page.button if b.label == "Finish visit").disabled
    assert "front desk has not marked" in screen.said(page)
    write(page, "Findings", "Prepared")
    assert saved(world, early).findings == "Prepared"


def test_two_screens_write_different_fields(world: World, doctor: Actor, visit: Appointment) -> None:
    """Both are kept."""
    page = open_visit(world, doctor, visit)
    other = encounters.open_visit(world.clinic, doctor, visit.id).encounter
    encounters.save_note(world.clinic, doctor, replace(other, findings="From the tablet"))
    write(page, "Plan", "Rest")

    note = saved(world, visit)
    assert (note.findings, note.plan) == ("From the tablet", "Rest")
    assert screen.field(page, "text_area", "Findings").value == "From the tablet"


def test_two_screens_write_the_same_field(world: World, doctor: Actor, visit: Appointment) -> None:
    """The text stays, the message names the field, saving again decides."""
    page = open_visit(world, doctor, visit)
    other = encounters.open_visit(world.clinic, doctor, visit.id).encounter
    encounters.save_note(world.clinic, doctor, replace(other, plan="From the tablet"))
    write(page, "Plan", "Rest")
    assert "The plan of this note was also changed" in screen.errors(page)[0]
    assert screen.field(page, "text_area", "Plan").value == "Rest"

    screen.click(page, "Save draft")
    assert saved(world, visit).plan == "Rest"


def test_a_finished_note_is_only_read(world: World, doctor: Actor, visit: Appointment) -> None:
    """Nothing to type into."""
    page = open_visit(world, doctor, visit)
    write(page, "Plan", "Rest")
    screen.click(page, "Finish visit")
    page.query_params["visit"] = visit.id
    screen.run(page)

    assert not page.text_area
    assert "Rest" in screen.said(page)


def test_a_colleague_reads_and_does_not_write(
    world: World, doctor: Actor, colleague: Actor, visit: Appointment
) -> None:
    """Whoever stands in sees the note."""
    write(open_visit(world, doctor, visit), "Plan", "Rest")

    page = open_visit(world, colleague, visit)

    assert not page.text_area
    assert "Rest" in screen.said(page)


def test_earlier_notes_stand_beside(world: World, doctor: Actor, visit: Appointment) -> None:
    """Latest first, the oldest folded away."""
    for month in (1, 2):
        day = make.MONDAY.replace(month=month)
        world.clinic.encounters.save(
            make.encounter(patient_id=world.asha.id, day=day, plan=f"Plan {month}", status=EncounterStatus.FINISHED)
        )

    text = screen.said(open_visit(world, doctor, visit))

    assert text.index("Plan 2") < text.index("Plan 1")


@pytest.mark.parametrize("role", ["reception", "manager", "admin"])
def test_only_doctors_open_it(world: World, visit: Appointment, role: str, request: pytest.FixtureRequest) -> None:
    """Notes are the doctors'."""
    page = open_visit(world, request.getfixturevalue(role), visit)

    assert "may not open" in screen.errors(page)[0]
    assert not page.text_area
