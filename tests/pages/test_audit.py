"""Audit: what the administrator sees of what everybody did."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import RULES, Actor, Role
from clinic_core.services import patients
from clinic_core.services.audit import to_csv, trail
from clinic_core.services.patients import PatientForm
from tests import make
from tests.conftest import World
from tests.pages import screen
from ui import audit_view


def lines(page: AppTest) -> list[list[Any]]:
    """The cells of the lines on the page."""
    return [row["cells"] for row in screen.component(page, "audit.rows")["rows"]]


def trace(world: World, actor: Actor) -> None:
    """Something that `actor` did to Asha's record, of today."""
    world.clinic.audit.record(actor, "patient.write", world.asha.id, patient_id=world.asha.id, number=world.asha.number)


@pytest.mark.parametrize("role", [Role.MANAGER, Role.RECEPTIONIST, Role.DOCTOR])
def test_only_the_administrator_reads_it(world: World, role: Role) -> None:
    """Everybody else is told so."""
    actor = make.actor(role, practitioner_id=make.DR_A if role is Role.DOCTOR else None)
    page = screen.open_page("audit", world.clinic, actor)
    assert "may not open" in screen.errors(page)[0]


def test_a_line_says_who_did_what_when(world: World, admin: Actor, reception: Actor) -> None:
    """In words, by the clinic's clock: 08:00 in Kolkata is 02:30 UTC."""
    trace(world, reception)
    page = screen.open_page("audit", world.clinic, admin)
    found = [line for line in lines(page) if line[1].startswith("reception")]
    assert found == [
        ["08:00:00", "reception (receptionist)", "registered or changed a patient", "P-000001", "P-000001", ""]
    ]


def test_a_quiet_day_says_so(world: World, admin: Actor) -> None:
    """An empty state that says what to try."""
    page = screen.open_page("audit", world.clinic, admin)
    assert "Nobody did anything" in screen.said(page)


def test_lines_are_filtered_by_user_day_and_patient(
    world: World, admin: Actor, reception: Actor, manager: Actor
) -> None:
    """Each filter alone."""
    trace(world, reception)
    world.clinic.audit.record(manager, "settings.write", "clinic")
    page = screen.open_page("audit", world.clinic, admin)
    assert {line[1].split()[0] for line in lines(page)} >= {"reception", "manager"}

    screen.fill(page, Patient_number="p-000001")
    screen.run(page)
    assert [line[2] for line in lines(page)] == ["registered or changed a patient"]

    screen.fill(page, Patient_number="")
    yesterday = make.MONDAY.replace(day=1)
    screen.field(page, "date_input", "Days").set_value((yesterday, yesterday))
    screen.run(page)
    assert "Nobody did anything" in screen.said(page)


def test_an_unknown_patient_number_is_said(world: World, admin: Actor) -> None:
    """Not shown as an empty trail."""
    page = screen.open_page("audit", world.clinic, admin)
    screen.fill(page, Patient_number="P-999999")
    screen.run(page)
    assert "No patient has the number" in screen.errors(page)[0]


def test_one_chosen_day_of_two_is_enough(world: World, admin: Actor, reception: Actor) -> None:
    """While the second day of the range is still being chosen."""
    trace(world, reception)
    page = screen.open_page("audit", world.clinic, admin)
    screen.field(page, "date_input", "Days").set_value((make.MONDAY,))
    screen.run(page)
    assert lines(page)


def test_the_csv_runs_nothing_in_a_spreadsheet(world: World, admin: Actor) -> None:
    """A username may begin with anything."""
    evil = make.actor(Role.RECEPTIONIST, name="=cmd|'/c calc'!A1")
    trace(world, evil)
    question = audit_view.Question(first=make.MONDAY, last=make.MONDAY, username="", patient_number="")
    text = audit_view.csv(world.clinic, admin, question).decode("utf-8-sig")
    head, line, *_ = text.splitlines()
    assert head == "time,user,role,action,record,patient,detail"
    assert line.startswith("2026-03-02T08:00:00+05:30,'=cmd")
    assert ",P-000001," in line


def test_no_line_names_a_patient(world: World, admin: Actor, reception: Actor) -> None:
    """Numbers only, on the screen and in the file."""
    form = PatientForm(name="Secret Person", phone="+919800000001", allergies="penicillin", age=40)
    patients.register(world.clinic, reception, form, patient_id="new")
    page = screen.open_page("audit", world.clinic, admin)
    events = trail(world.clinic, admin, since=make.at("00:00"), until=make.at("23:55"))
    told = str(lines(page)) + to_csv(world.clinic, admin, events).decode()
    assert "P-000003" in told
    assert not any(word in told for word in ("Secret", "9800000001", "penicillin"))


def test_every_action_has_words() -> None:
    """A new rule comes with its words."""
    assert set(RULES) <= set(audit_view.ACTIONS)
