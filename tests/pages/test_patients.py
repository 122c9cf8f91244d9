"""Patients: finding, registering without doubles, changing, and the record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor, Role
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.encounters import EncounterStatus
from clinic_core.domain.payers import Payer
from clinic_core.domain.people import Patient, Sex
from clinic_core.services import billing, directory, patients
from tests import make
from tests.conftest import World
from tests.pages import clicks, screen
from tests.pages.clicks import left_for  # noqa: F401 - a fixture

Left = list[tuple[str, dict[str, str]]]


def search(page: AppTest, typed: str) -> list[str]:
    """The names found by what was typed."""
    screen.field(page, "text_input", "Find a patient").set_value(typed)
    screen.run(page)
    return [row["label"] for row in screen.component(page, "patients.found")["rows"]]


def open_record(world: World, actor: Actor, patient: Patient) -> AppTest:
    """The page with that record open."""
    page = screen.open_page("patients", world.clinic, actor)
    page.query_params["patient"] = patient.id
    return screen.run(page)


def begin_registering(world: World, actor: Actor, **typed: Any) -> AppTest:
    """The form, with these fields filled in."""
    page = screen.open_page("patients", world.clinic, actor)
    screen.click(page, "Register a new patient")
    screen.fill(page, **typed)
    return page


def everybody(world: World) -> list[Patient]:
    """All patients, newest first."""
    return patients.latest(world.clinic, make.actor(Role.RECEPTIONIST), most=100)


@pytest.mark.parametrize("typed", ["rao", "ASH", "9876543210", "98765 43210", "P-000001", "p1"])
def test_one_box_finds_by_name_phone_or_number(world: World, reception: Actor, typed: str) -> None:
    """Any part, any case, any format."""
    page = screen.open_page("patients", world.clinic, reception)

    assert search(page, typed) == ["Asha Rao, P-000001"]


def test_all_who_share_a_phone_are_shown(world: World, reception: Actor) -> None:
    """A phone is no identity: the desk chooses."""
    world.clinic.patients.add(make.patient(name="Little Rao", birth_date=None))
    page = screen.open_page("patients", world.clinic, reception)

    assert [label.split(",")[0] for label in search(page, "98765 43210")] == ["Asha Rao", "Little Rao"]


def test_nobody_found_says_what_to_do(world: World, reception: Actor) -> None:
    """The way to register is the next step then, with what was typed."""
    page = screen.open_page("patients", world.clinic, reception)
    screen.field(page, "text_input", "Find a patient").set_value("Zoya")
    screen.run(page)
    assert "Nobody found" in screen.said(page)
    assert screen.primary(page) == ["Register a new patient"]

    screen.click(page, "Register a new patient")
    assert screen.field(page, "text_input", "Name").value == "Zoya"


def test_a_patient_is_registered(world: World, reception: Actor) -> None:
    """All fields arrive; then the record is open."""
    page = begin_registering(
        world, reception, Name="Zoya Mirza", Phone="98000 11111", Allergies="Latex", Address="1 Main Road"
    )
    screen.field(page, "number_input", "or age").set_value(40)
    screen.click(page, "Register")

    made = everybody(world)[0]
    assert (made.name, made.phone, made.allergies, made.address) == (
        "Zoya Mirza",
        "+919800011111",
        "Latex",
        "1 Main Road",
    )
    assert (made.age_on(make.MONDAY), made.birth_date_estimated, made.sex) == (40, True, Sex.UNKNOWN)
    assert "Latex" in screen.said(page)
    assert page.query_params["patient"] == made.id


def test_a_wrong_phone_loses_nothing(world: World, reception: Actor) -> None:
    """The message says what is wrong; every field still holds what was typed."""
    page = begin_registering(world, reception, Name="Zoya Mirza", Phone="12", Allergies="Latex")
    screen.click(page, "Register")
    assert "phone number cannot exist" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Name").value == "Zoya Mirza"
    assert screen.field(page, "text_input", "Allergies").value == "Latex"

    screen.fill(page, Phone="")
    screen.click(page, "Register")
    assert everybody(world)[0].name == "Zoya Mirza"


def test_a_likely_double_is_shown_before_it_is_made(world: World, reception: Actor) -> None:
    """The same name and phone: nothing is written until the desk decides."""
    page = begin_registering(world, reception, Name="asha rao", Phone="9876543210")
    screen.click(page, "Register")

    assert "registered already" in page.warning[0].value
    assert len(everybody(world)) == 2
    assert screen.primary(page) == ["Register anyway"]


def test_the_double_can_be_taken(world: World, reception: Actor) -> None:
    """It is the same person: the record that is there opens."""
    page = begin_registering(world, reception, Name="Asha Rao")
    screen.click(page, "Register")
    next(b for b in page.button if b.label.startswith("It is")).click()
    screen.run(page)

    assert page.query_params["patient"] == world.asha.id
    assert len(everybody(world)) == 2


def test_a_namesake_can_be_registered_anyway(world: World, reception: Actor) -> None:
    """It is somebody else."""
    page = begin_registering(world, reception, Name="Asha Rao")
    screen.click(page, "Register")
    screen.click(page, "Register anyway")

    assert [p.name for p in everybody(world)].count("Asha Rao") == 2


def test_a_record_is_changed(world: World, reception: Actor) -> None:
    """The form holds what is known; an estimated birth date comes back as an age and stays as it was."""
    estimated = replace(world.asha, birth_date_estimated=True)
    world.clinic.patients.save(estimated)
    page = open_record(world, reception, world.asha)
    screen.click(page, "Change")
    assert screen.field(page, "number_input", "or age").value == 35
    screen.fill(page, Allergies="Nuts")
    screen.click(page, "Save")

    after = world.clinic.patients.get(world.asha.id)
    assert (after.allergies, after.birth_date, after.phone) == ("Nuts", world.asha.birth_date, world.asha.phone)
    assert "Nuts" in screen.said(page)


def test_two_people_change_different_fields(world: World, reception: Actor) -> None:
    """Both changes are kept."""
    page = open_record(world, reception, world.asha)
    screen.click(page, "Change")
    world.clinic.patients.save(replace(world.asha, email="asha@example.org"))
    screen.fill(page, Allergies="Nuts")
    screen.click(page, "Save")

    after = world.clinic.patients.get(world.asha.id)
    assert (after.allergies, after.email) == ("Nuts", "asha@example.org")


def test_two_people_change_the_same_field(world: World, reception: Actor) -> None:
    """The second is told which field it is; what they typed is kept, and saving again decides."""
    page = open_record(world, reception, world.asha)
    screen.click(page, "Change")
    world.clinic.patients.save(replace(world.asha, allergies="Penicillin"))
    screen.fill(page, Allergies="Nuts")
    screen.click(page, "Save")
    assert "changed the allergies" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Allergies").value == "Nuts"

    screen.click(page, "Save")
    assert world.clinic.patients.get(world.asha.id).allergies == "Nuts"


def test_a_payer_is_chosen_in_the_record(world: World, reception: Actor, manager: Actor) -> None:
    """Where the clinic has payers; and somebody else's change of another field stays."""
    page = open_record(world, reception, world.asha)
    screen.click(page, "Change")
    assert not [box for box in page.selectbox if box.label == "Payer"]

    directory.save_payer(world.clinic, manager, Payer(id="acme", name="Acme", version=0))
    page = open_record(world, reception, world.asha)
    screen.click(page, "Change")
    screen.field(page, "selectbox", "Payer").set_value("acme")
    screen.fill(page, Member_number="M 1")
    world.clinic.patients.save(replace(world.asha, allergies="Nuts"))
    screen.click(page, "Save")
    after = world.clinic.patients.get(world.asha.id)
    assert (after.payer_id, after.member_number, after.allergies) == ("acme", "M 1", "Nuts")

    page = open_record(world, reception, after)
    screen.click(page, "Change")
    assert screen.field(page, "selectbox", "Payer").value == "acme"
    screen.field(page, "selectbox", "Payer").set_value("")
    screen.click(page, "Save")
    after = world.clinic.patients.get(world.asha.id)
    assert (after.payer_id, after.member_number) == (None, "")


def test_the_record_shows_visits_and_bills(
    world: World,
    reception: Actor,
    left_for: Left,  # noqa: F811
) -> None:
    """What is still to pay stands at the top; a bill opens under Billing."""
    visit = make.appointment(patient_id=world.asha.id, status=AppointmentStatus.FULFILLED)
    world.clinic.appointments.add_many([visit])
    bill = billing.issue(world.clinic, reception, billing.draft_for_visit(world.clinic, reception, visit.id))
    page = open_record(world, reception, world.asha)
    assert "₹500.00" in screen.said(page)
    assert screen.component(page, "patient_record.visits")["rows"][0]["cells"][0] == "2 Mar 2026"

    page.button_group(key="patient_record.section").set_value("Bills")
    screen.run(page)
    assert screen.component(page, "patient_record.bills")["rows"][0]["cells"][0] == bill.label
    clicks.step(page, "patient_record.bills", bill.id, "open")
    assert left_for[0][0] == "billing"


def test_notes_are_for_doctors(world: World, reception: Actor, doctor: Actor) -> None:
    """The doctor reads them in the record; the desk does not, nor does a doctor see bills."""
    note = make.encounter(patient_id=world.asha.id, plan="Rest", status=EncounterStatus.FINISHED)
    world.clinic.encounters.save(note)

    page = open_record(world, doctor, world.asha)
    assert "Rest" in screen.said(page)
    assert "Book a visit" not in [b.label for b in page.button]

    page = open_record(world, reception, world.asha)
    assert "Rest" not in screen.said(page)
    assert "Notes" not in page.button_group(key="patient_record.section").options


def test_a_visit_can_be_booked_from_the_record(world: World, reception: Actor) -> None:
    """The patient is chosen already."""
    page = open_record(world, reception, world.asha)
    screen.click(page, "Book a visit")
    screen.field(page, "selectbox", "Time").set_value("10:00")
    screen.run(page)
    screen.click(page, "Book")

    assert world.clinic.appointments.on_day(make.MONDAY)[0].patient_id == world.asha.id


def test_an_address_that_leads_nowhere_says_so(world: World, reception: Actor) -> None:
    """The id in the address comes from outside."""
    page = screen.open_page("patients", world.clinic, reception)
    page.query_params["patient"] = "nobody"
    screen.run(page)

    assert "does not exist" in screen.errors(page)[0]


def test_a_name_is_shown_as_it_was_typed(world: World, reception: Actor) -> None:
    """Markup in a name is text."""
    world.clinic.patients.save(replace(world.asha, name="**Asha** :red[x] $a$"))
    page = open_record(world, reception, world.asha)

    assert "**Asha** :red[x] $a$" in screen.said(page)


def test_administrators_see_no_patients(world: World, admin: Actor) -> None:
    """Neither the list nor a record by its address."""
    page = open_record(world, admin, world.asha)

    assert "may not open" in screen.errors(page)[0]
    assert "Asha" not in screen.said(page)
