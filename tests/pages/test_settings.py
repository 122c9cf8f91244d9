"""Settings: the profile, practitioners, services and hours, changed by two people at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor
from clinic_core.domain.schedules import Absence, show_openings
from clinic_core.services import directory
from tests import make
from tests.conftest import World
from tests.pages import screen


def section(page: AppTest, name: str) -> AppTest:
    """Go to another part of the settings."""
    page.segmented_control(key="settings.section").set_value(name)
    return screen.run(page)


def choose(page: AppTest, label: str, value: str) -> AppTest:
    """Choose a record to change."""
    screen.field(page, "selectbox", label).set_value(value)
    return screen.run(page)


@pytest.mark.parametrize("name", ["Clinic", "Practitioners", "Services", "Hours"])
def test_each_section_has_one_next_step(world: World, manager: Actor, name: str) -> None:
    """Exactly one button stands out."""
    page = section(screen.open_page("settings", world.clinic, manager), name)
    assert len(screen.primary(page)) == 1


@pytest.mark.parametrize("name", ["Clinic", "Practitioners", "Services", "Hours"])
def test_each_section_helps_in_an_empty_clinic(clinic, manager: Actor, name: str) -> None:
    """Nothing is set up yet."""
    page = section(screen.open_page("settings", clinic, manager), name)
    assert not page.error
    if name != "Clinic":
        assert page.info


def test_reception_is_refused(world: World, reception: Actor) -> None:
    """The page says so and draws nothing else."""
    page = screen.open_page("settings", world.clinic, reception)
    assert "may not open" in screen.errors(page)[0]
    assert not page.text_input


def test_the_profile_is_saved(world: World, manager: Actor) -> None:
    """Name, place, money and a new room."""
    page = screen.open_page("settings", world.clinic, manager)
    screen.fill(page, Name="Hilltop Clinic", Another_room="Room 2", Numbers_and_money="en-GB")
    screen.field(page, "selectbox", "Currency").set_value("GBP")
    screen.click(page, "Save")

    saved = world.clinic.organization()
    assert (saved.name, saved.currency, saved.locale) == ("Hilltop Clinic", "GBP", "en_GB")
    assert [room.name for room in saved.rooms] == ["Room 1", "Room 2"]
    assert saved.rooms[0].id == make.ROOM
    assert [toast.value for toast in page.toast] == ["The clinic's profile is saved."]


def test_what_was_typed_survives_an_error(world: World, manager: Actor) -> None:
    """A wrong locale is refused; the new name is still there and goes in with the mended one."""
    page = screen.open_page("settings", world.clinic, manager)
    screen.fill(page, Name="Hilltop Clinic", Numbers_and_money="xx")
    screen.click(page, "Save")
    assert "en_IN" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Name").value == "Hilltop Clinic"

    screen.fill(page, Numbers_and_money="en_GB")
    screen.click(page, "Save")
    assert world.clinic.organization().name == "Hilltop Clinic"


def test_changes_of_two_people_to_different_fields_both_stay(world: World, manager: Actor, admin: Actor) -> None:
    """The second save does not undo the first."""
    page = screen.open_page("settings", world.clinic, manager)
    directory.save_organization(world.clinic, admin, replace(world.clinic.organization(), phone="+91 11 2345"))
    screen.fill(page, Name="Hilltop Clinic")
    screen.click(page, "Save")

    saved = world.clinic.organization()
    assert (saved.name, saved.phone) == ("Hilltop Clinic", "+91 11 2345")


@pytest.mark.parametrize(("button", "kept"), [("Keep what is saved", "Theirs"), ("Save what I typed", "Mine")])
def test_two_values_of_one_field_are_asked_about(
    world: World, manager: Actor, admin: Actor, button: str, kept: str
) -> None:
    """Nobody's change is lost silently; the rest of the form is saved either way."""
    page = screen.open_page("settings", world.clinic, manager)
    directory.save_organization(world.clinic, admin, replace(world.clinic.organization(), name="Theirs"))
    screen.fill(page, Name="Mine", Phone="+91 22 1")
    screen.click(page, "Save")
    assert world.clinic.organization().name == "Theirs"
    assert "Theirs" in screen.said(page) and "Mine" in screen.said(page)
    assert screen.primary(page) == ["Save what I typed"]

    screen.click(page, button)
    saved = world.clinic.organization()
    assert (saved.name, saved.phone) == (kept, "+91 22 1")
    assert screen.field(page, "text_input", "Name").value == kept


def test_a_practitioner_is_added_once(world: World, manager: Actor) -> None:
    """The form is empty again afterwards, and the list shows them."""
    page = section(screen.open_page("settings", world.clinic, manager), "Practitioners")
    screen.fill(page, Name="Dr C", Licence="KMC 1")
    screen.click(page, "Add")
    added = [p for p in world.clinic.directory().practitioners.values() if p.name == "Dr C"]
    assert [(p.licence, p.version) for p in added] == [("KMC 1", 1)]
    assert screen.field(page, "text_input", "Name").value == ""

    screen.run(page)
    assert len(world.clinic.directory().practitioners) == 3


def test_a_practitioner_is_retired(world: World, manager: Actor) -> None:
    """They stay on record and cannot be booked."""
    page = section(screen.open_page("settings", world.clinic, manager), "Practitioners")
    choose(page, "Practitioner", make.DR_B)
    screen.field(page, "checkbox", "Sees patients").set_value(False)
    screen.click(page, "Save")
    assert [p.id for p in world.clinic.directory().active_practitioners] == [make.DR_A]


def test_a_service_is_priced_in_major_units(world: World, manager: Actor) -> None:
    """450.50 rupees are 45,050 paise; 17.5 % are 1,750 basis points."""
    page = section(screen.open_page("settings", world.clinic, manager), "Services")
    choose(page, "Service", make.CONSULTATION)
    screen.fill(page, Price_in_INR="450.50")
    screen.field(page, "text_input", "Tax in %").set_value("17.5")
    screen.click(page, "Save")
    saved = world.clinic.directory().services[make.CONSULTATION]
    assert (saved.price_minor, saved.tax_basis_points) == (45_050, 1_750)


def test_a_code_in_use_is_refused_and_nothing_typed_is_lost(world: World, manager: Actor) -> None:
    """The catalogue's codes are unique."""
    page = section(screen.open_page("settings", world.clinic, manager), "Services")
    screen.fill(page, Code="cons", Name="Second consultation", Price_in_INR="10")
    screen.click(page, "Add")
    assert "used already" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Name").value == "Second consultation"

    screen.fill(page, Code="cons2")
    screen.click(page, "Add")
    assert "CONS2" in {s.code for s in world.clinic.directory().services.values()}


def test_hours_are_copied_from_monday_and_saved(world: World, manager: Actor) -> None:
    """Copying fills the form, saving writes it."""
    page = section(screen.open_page("settings", world.clinic, manager), "Hours")
    screen.fill(page, Monday="8-12")
    screen.click(page, "Copy Monday to Tue–Fri")
    assert show_openings(world.clinic.directory().schedule(make.DR_A).weekly[1]) == "09:00-13:00, 14:00-18:00"
    assert screen.field(page, "text_input", "Friday").value == "8-12"

    screen.click(page, "Save hours")
    weekly = [show_openings(day) for day in world.clinic.directory().schedule(make.DR_A).weekly]
    assert weekly == ["08:00-12:00"] * 5 + ["09:00-13:00, 14:00-18:00", ""]


def test_wrong_hours_name_their_day(world: World, manager: Actor) -> None:
    """And what was typed stays."""
    page = section(screen.open_page("settings", world.clinic, manager), "Hours")
    screen.fill(page, Tuesday="9 to 5")
    screen.click(page, "Save hours")
    assert screen.errors(page)[0].startswith("Tuesday: ")
    assert screen.field(page, "text_input", "Tuesday").value == "9 to 5"


def test_an_absence_is_added_and_removed(world: World, manager: Actor) -> None:
    """Whole days away."""
    page = section(screen.open_page("settings", world.clinic, manager), "Hours")
    screen.field(page, "date_input", "First and last day").set_value((make.TUESDAY, date(2026, 3, 5)))
    screen.fill(page, Reason="Leave")
    screen.click(page, "Add absence")
    expected = Absence(start_on=make.TUESDAY, end_on=date(2026, 3, 5), reason="Leave")
    assert world.clinic.directory().schedule(make.DR_A).absences == (expected,)
    assert "Tue 3 Mar 2026" in screen.said(page)

    screen.click(page, "Remove")
    assert world.clinic.directory().schedule(make.DR_A).absences == ()


def test_an_absence_over_booked_visits_names_the_days(world: World, manager: Actor) -> None:
    """They stay booked: somebody has to call the patients."""
    world.clinic.appointments.add_many(
        [
            make.appointment(start=make.at("10:00", make.TUESDAY)),
            make.appointment(start=make.at("11:00", make.TUESDAY), patient_id="other"),
            make.appointment(start=make.at("12:00", make.TUESDAY), practitioner_id=make.DR_B, patient_id="third"),
        ]
    )
    page = section(screen.open_page("settings", world.clinic, manager), "Hours")
    screen.field(page, "date_input", "First and last day").set_value((make.TUESDAY, date(2026, 3, 5)))
    screen.click(page, "Add absence")
    assert "Tue 3 Mar 2026 (2). Move" in page.warning[0].value
