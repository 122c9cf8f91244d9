"""Tables of the boards as files: all rows, for who may see them, with a line in the audit trail."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import openpyxl
import pandas as pd
import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor, Role
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import line_for
from clinic_core.errors import Forbidden
from clinic_core.reports.measures import Unit
from clinic_core.reports.periods import Grain
from clinic_core.services import billing, listings, patients_seen, receivables, returns
from clinic_core.services.listings import Listing
from clinic_core.services.reports import Question
from tests import make
from tests.conftest import World

ALL = Question(grain=Grain.MONTH)


@pytest.fixture
def owed(world: World, reception: Actor, clock: make.Clock) -> World:
    """Two invoices over 500.00 of Monday, nothing paid; six weeks later."""
    for number in ("invoice-1", "invoice-2"):
        draft = billing.new_draft(
            world.clinic, reception, invoice_id=number, patient_id=world.asha.id, practitioner_id=make.DR_A
        )
        draft = billing.set_lines(world.clinic, reception, draft, [line_for(world.consultation)])
        billing.issue(world.clinic, reception, draft)
    clock.set("08:00", date(2026, 4, 13))
    return world


def items(clinic: Clinic, actor: Actor, most: int | None) -> Listing:
    """What is owed, as the board lists it."""
    return listings.open_items(clinic, receivables.of(clinic, actor, ALL), receivables.BASIS, most)


def calls(clinic: Clinic, actor: Actor, most: int | None) -> Listing:
    """Whom to call, as the board lists it."""
    found = receivables.of(clinic, actor, ALL)
    return listings.calls(*receivables.calls(clinic, actor, found, most=most), receivables.BASIS)


def read(data: bytes) -> list[list[str]]:
    """The lines of a CSV."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_a_file_has_all_rows_where_the_screen_has_the_first(owed: World, manager: Actor) -> None:
    """A list that stops at what fits a screen would look complete in a spreadsheet."""
    shown, whole = items(owed.clinic, manager, 1), items(owed.clinic, manager, None)
    head, *rows = read(listings.as_csv(owed.clinic, manager, ALL, whole))

    assert (len(shown.frame), shown.rows, len(rows)) == (1, 2, 2)
    assert head == ["Invoice", "Patient", "Issued", "Practitioner", "Owed by", "Due (INR)", "Age (days)"]
    assert sorted(rows)[0] == ["INV-2026-00001", "P-000001", "2026-03-02", "Dr A", "Patient", "500.00", "42"]
    book = openpyxl.load_workbook(io.BytesIO(listings.as_xlsx(owed.clinic, manager, ALL, whole)))
    assert [row[5] for row in book["Table"].values][1:] == [500, 500]


def test_a_file_runs_nothing_and_names_of_patients_are_in_calls_only(owed: World, manager: Actor) -> None:
    """A name can be a formula; other lists have the patients' numbers."""
    clinic, name = owed.clinic, "=cmd|' /C calc'!A0"
    clinic.patients.save(replace(owed.asha, name=name, version=owed.asha.version))
    head, row = read(listings.as_csv(clinic, manager, ALL, calls(clinic, manager, None)))
    assert dict(zip(head, row, strict=True))["Patient"] == f"'{name}"
    assert name not in str(read(listings.as_csv(clinic, manager, ALL, items(clinic, manager, None))))


@pytest.mark.parametrize(
    ("role", "make_it"),
    [(Role.ADMIN, calls), (Role.RECEPTIONIST, items), (Role.DOCTOR, items), (Role.RECEPTIONIST, calls)],
)
def test_a_file_is_for_who_may_see_it(owed: World, role: Role, make_it: Callable[..., Listing]) -> None:
    """A button that was drawn for a manager gives nothing to who is there when it is pressed."""
    with pytest.raises(Forbidden):
        make_it(owed.clinic, make.actor(role, practitioner_id=make.DR_A), None)
    with pytest.raises(Forbidden):
        listings.as_csv(
            owed.clinic, make.actor(Role.RECEPTIONIST), ALL, Listing(name="x", title="X", frame=pd.DataFrame())
        )


def test_every_file_leaves_a_line(owed: World, manager: Actor) -> None:
    """With what was saved and how many rows; no patient."""
    made = items(owed.clinic, manager, None)
    listings.as_csv(owed.clinic, manager, ALL, made)
    listings.as_xlsx(owed.clinic, manager, ALL, made)
    listings.record(owed.clinic, manager, ALL, made)
    events = owed.clinic.audit.store.latest(since=make.at("00:00"), until=make.at("23:00", date(2026, 4, 13)))
    saved = [(e.record_id, e.detail["rows"]) for e in events if e.action == "report.export"]
    assert saved == [("receivables-items", "2")] * 3


def test_ages_narrow_what_is_owed(owed: World, manager: Actor) -> None:
    """Six weeks old: all of it in the second stretch, nothing in the first."""
    found = receivables.of(owed.clinic, manager, ALL)
    for age, total in (("0–30 days", 0), ("31–60 days", 100_000)):
        narrowed = receivables.of_ages(found, [age])
        assert narrowed.total_minor == narrowed.items["due_minor"].sum() == total
    table = listings.ageing(owed.clinic, receivables.of_ages(found, ["31–60 days"]), "")
    assert table.units["Total"] is Unit.MONEY
    assert table.frame["Total"].tolist() == [100_000]


def test_the_patients_behind_new_and_returning_are_as_many(world: World, manager: Actor, clock: make.Clock) -> None:
    """Asha came in March and again in April: new once, and one of the cohort of March who came a month later."""
    for day in (make.MONDAY, date(2026, 4, 6)):
        start = make.at("10:00", day)
        visit = make.appointment(patient_id=world.asha.id, start=start, status=AppointmentStatus.FULFILLED)
        world.clinic.appointments.add_many([visit])
    clock.set("08:00", date(2026, 4, 13))
    april = Question(start_on=date(2026, 4, 1), end_on=date(2026, 4, 30), grain=Grain.MONTH)

    for question in (ALL, april):
        seen = patients_seen.of(world.clinic, manager, question, grain=Grain.MONTH)
        assert seen["new"].sum() == returns.of(world.clinic, manager, question).periods["new"].sum()
    for later, count in ((0, 1), (1, 1), (2, 0)):
        cohort = date(2026, 3, 1), later
        assert len(patients_seen.of(world.clinic, manager, ALL, cohort=cohort, grain=Grain.MONTH)) == count
