"""The doctor's visit: the note, finishing it, and crashes in between."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import InvoiceStatus
from clinic_core.domain.encounters import ChargeItem, Encounter, EncounterStatus
from clinic_core.domain.ids import derived_id, new_id
from clinic_core.errors import Conflict, Forbidden, IllegalTransition, InvalidInput, NotFound, Unavailable
from clinic_core.services import appointments, billing, check, encounters
from tests import make
from tests.conftest import World

S = AppointmentStatus


@pytest.fixture
def here(world: World, reception: Actor, clock: make.Clock) -> Appointment:
    """Asha is here for Dr A."""
    wanted = appointments.draft(
        world.clinic,
        appointment_id=new_id(),
        patient_id=world.asha.id,
        practitioner_id=make.DR_A,
        service_id=make.CONSULTATION,
        start=make.at("10:00"),
        reason="cough",
    )
    booked = appointments.book(world.clinic, reception, wanted)
    clock.set("10:00")
    return appointments.arrive(world.clinic, reception, booked)


def note_of(world: World, doctor: Actor, visit: Appointment, **changes: Any) -> Encounter:
    """The visit's note with something written in it."""
    return replace(encounters.open_visit(world.clinic, doctor, visit.id).encounter, findings="clear", **changes)


def test_a_new_note_begins_with_the_booking(world: World, doctor: Actor, here: Appointment) -> None:
    """The reason and the service that was booked; nothing is saved by looking."""
    visit = encounters.open_visit(world.clinic, doctor, here.id)

    assert (visit.appointment, visit.patient, visit.previous) == (here, world.asha, [])
    assert (visit.encounter.version, visit.encounter.reason) == (0, "cough")
    assert visit.encounter.charges == (ChargeItem(service_id=make.CONSULTATION),)
    assert world.clinic.encounters.find(here.id) is None


def test_saving_a_note_twice_is_once(world: World, doctor: Actor, here: Appointment, clock: make.Clock) -> None:
    """A double click is one version; what changed on another screen is a conflict."""
    note = note_of(world, doctor, here)
    saved = encounters.save_note(world.clinic, doctor, note)
    clock.pass_(seconds=1)

    assert saved.version == 1
    assert encounters.save_note(world.clinic, doctor, note) == saved
    with pytest.raises(Conflict, match="changed on another screen"):
        encounters.save_note(world.clinic, doctor, replace(note, plan="rest"))
    assert encounters.open_visit(world.clinic, doctor, here.id).encounter == saved


def test_finishing_closes_the_note_ends_the_visit_and_drafts_the_bill(
    world: World, doctor: Actor, here: Appointment, clock: make.Clock
) -> None:
    """With the services that were delivered, not those that were booked."""
    clock.set("10:20")
    charges = (ChargeItem(service_id=make.CONSULTATION), ChargeItem(service_id=make.DRESSING, quantity=2))

    bill = encounters.finish(world.clinic, doctor, note_of(world, doctor, here, charges=charges))

    visit = encounters.open_visit(world.clinic, doctor, here.id)
    assert (visit.encounter.status, visit.encounter.finished_at) == (EncounterStatus.FINISHED, make.at("10:20"))
    assert [e.status for e in visit.appointment.events] == [S.BOOKED, S.ARRIVED, S.CHECKED_IN, S.FULFILLED]
    assert (bill.id, bill.status) == (derived_id("invoice", here.id), InvoiceStatus.DRAFT)
    assert [(line.service_id, line.quantity) for line in bill.lines] == [(make.CONSULTATION, 1), (make.DRESSING, 2)]
    assert bill.total_minor == 50_000 + 59_118  # 2 x 250.50 and 18 % tax
    assert check.run(world.clinic) == []


def test_the_next_visit_shows_the_notes_before_it(world: World, doctor: Actor, here: Appointment) -> None:
    """Latest first, without the visit's own and without later ones."""
    encounters.finish(world.clinic, doctor, note_of(world, doctor, here))
    later = make.appointment(patient_id=world.asha.id, start=make.at("10:00", make.TUESDAY))
    world.clinic.appointments.add(later)

    assert [e.id for e in encounters.open_visit(world.clinic, doctor, later.id).previous] == [here.id]
    assert encounters.open_visit(world.clinic, doctor, here.id).previous == []


class PulledPlug(Exception):
    """The process dies here."""


@pytest.mark.parametrize(
    "at",
    [
        "encounters.save",
        "appointments.change",
        "invoices.add",
        "audit.record",
    ],
)
@pytest.mark.parametrize("before_it", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("reloaded", [True, False], ids=["reloaded", "same form"])
def test_a_crash_anywhere_is_completed_by_finishing_again(
    world: World,
    doctor: Actor,
    here: Appointment,
    *,
    monkeypatch: pytest.MonkeyPatch,
    at: str,
    before_it: bool,
    nth: int,
    reloaded: bool,
) -> None:
    """Before and after each write, with the old form or one drawn anew: one note, one visit, one bill."""
    note = note_of(world, doctor, here)
    owner, name = at.split(".")
    with monkeypatch.context() as patch:
        pull_the_plug(patch, getattr(world.clinic, owner), name, before_it=before_it, nth=nth)
        with contextlib.suppress(PulledPlug):
            encounters.finish(world.clinic, doctor, note)
    if reloaded:
        stored = encounters.open_visit(world.clinic, doctor, here.id).encounter
        note = replace(stored, findings=note.findings)

    bill = encounters.finish(world.clinic, doctor, note)

    assert encounters.finish(world.clinic, doctor, note) == bill
    visit = encounters.open_visit(world.clinic, doctor, here.id)
    assert (visit.encounter.status, visit.encounter.findings) == (EncounterStatus.FINISHED, "clear")
    assert [e.status for e in visit.appointment.events] == [S.BOOKED, S.ARRIVED, S.CHECKED_IN, S.FULFILLED]
    assert [i.id for i in world.clinic.invoices.of_patient(world.asha.id)] == [bill.id]
    assert check.run(world.clinic) == []
    lines = world.clinic.audit.store.latest(since=make.NOW, until=make.NOW + timedelta(days=1))
    fulfilled = [line for line in lines if line.action == "appointment.fulfil"]
    assert len(fulfilled) <= 1


def pull_the_plug(patch: pytest.MonkeyPatch, owner: Any, name: str, *, before_it: bool, nth: int) -> None:
    """Die before or after the nth call of a method."""
    works: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def dies(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and before_it:
            raise PulledPlug
        result = works(*args, **kwargs)
        if calls == nth:
            raise PulledPlug
        return result

    patch.setattr(owner, name, dies)


@pytest.mark.parametrize("status", [S.BOOKED, S.CANCELLED, S.NOSHOW])
def test_a_visit_that_did_not_happen_is_not_finished(world: World, doctor: Actor, status: AppointmentStatus) -> None:
    """And nothing is written."""
    visit = make.appointment(patient_id=world.asha.id, status=status)
    world.clinic.appointments.add(visit)
    note = note_of(world, doctor, visit)
    with pytest.raises(IllegalTransition):
        encounters.finish(world.clinic, doctor, note)
    assert world.clinic.encounters.find(visit.id) is None
    if status is not S.BOOKED:
        with pytest.raises(IllegalTransition, match="nothing to write"):
            encounters.save_note(world.clinic, doctor, note)


def test_a_finished_note_is_closed(world: World, doctor: Actor, here: Appointment) -> None:
    """The same text again changes nothing; another text is refused."""
    note = note_of(world, doctor, here)
    encounters.finish(world.clinic, doctor, note)

    assert encounters.save_note(world.clinic, doctor, note).status is EncounterStatus.FINISHED
    with pytest.raises(IllegalTransition, match="its note is closed"):
        encounters.save_note(world.clinic, doctor, replace(note, plan="rest"))
    with pytest.raises(IllegalTransition, match="its note is closed"):
        encounters.finish(world.clinic, doctor, replace(note, plan="rest"))


def test_a_note_may_follow_a_visit_that_was_ended_without_one(world: World, doctor: Actor, here: Appointment) -> None:
    """Marked as done on the list first, written in the evening; the bill that was drafted meanwhile stays."""
    done = appointments.fulfil(world.clinic, doctor, appointments.check_in(world.clinic, doctor, here))
    bill = billing.draft_for_visit(world.clinic, doctor, done.id)

    assert encounters.finish(world.clinic, doctor, note_of(world, doctor, done)).id == bill.id
    assert encounters.open_visit(world.clinic, doctor, done.id).encounter.findings == "clear"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"charges": (ChargeItem(service_id="nothing"),)}, "charges"),
        ({"charges": (ChargeItem(service_id=make.CONSULTATION, quantity=0),)}, "charges"),
        ({"follow_up_on": make.MONDAY}, "follow_up_on"),
    ],
)
def test_what_cannot_be_in_a_note(
    world: World, doctor: Actor, here: Appointment, changes: dict[str, Any], field: str
) -> None:
    """Neither saved nor finished, and the visit goes on."""
    note = note_of(world, doctor, here, **changes)
    for verb in (encounters.save_note, encounters.finish):
        with pytest.raises(InvalidInput) as refused:
            verb(world.clinic, doctor, note)
        assert refused.value.field == field
    assert world.clinic.appointments.get(here.id) == here


def test_colleagues_read_and_do_not_write(
    world: World, doctor: Actor, colleague: Actor, reception: Actor, here: Appointment
) -> None:
    """Whoever stands in may read the notes; reception may not."""
    note = note_of(world, doctor, here)
    assert encounters.open_visit(world.clinic, colleague, here.id).patient == world.asha
    for verb in (encounters.save_note, encounters.finish):
        with pytest.raises(Forbidden):
            verb(world.clinic, colleague, note)
    with pytest.raises(Forbidden):
        encounters.open_visit(world.clinic, reception, here.id)
    with pytest.raises(NotFound):
        encounters.open_visit(world.clinic, doctor, "nothing")


def test_a_note_goes_along_when_the_visit_changes_hands(
    world: World, doctor: Actor, colleague: Actor, reception: Actor, here: Appointment
) -> None:
    """Dr A began to write, Dr B takes over: Dr A is told, Dr B goes on from there."""
    begun = encounters.save_note(world.clinic, doctor, note_of(world, doctor, here))
    appointments.move(world.clinic, reception, here, start=here.start, practitioner_id=make.DR_B)

    with pytest.raises(Conflict, match="given to another practitioner"):
        encounters.save_note(world.clinic, doctor, replace(begun, plan="rest"))
    taken_over = encounters.open_visit(world.clinic, colleague, here.id).encounter
    assert (taken_over.practitioner_id, taken_over.findings) == (make.DR_B, "clear")
    assert encounters.finish(world.clinic, colleague, taken_over).practitioner_id == make.DR_B
    assert check.run(world.clinic) == []


def test_a_database_that_is_away_leaves_the_form_valid(
    world: World, doctor: Actor, here: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor is told to try again, and the same click works later."""
    note = note_of(world, doctor, here)
    with monkeypatch.context() as patch:

        def away(_: object) -> None:
            raise Unavailable("away")

        patch.setattr(world.clinic.encounters, "save", away)
        with pytest.raises(Unavailable):
            encounters.finish(world.clinic, doctor, note)
    assert encounters.finish(world.clinic, doctor, note).status is InvoiceStatus.DRAFT
