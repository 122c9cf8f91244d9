"""The outbox's rows follow the visits, whoever dies in between, and what a person asks for is made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from pymongo.collection import Collection

from clinic_core.clinic import Clinic
from clinic_core.domain import reminding
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus, CancelReason
from clinic_core.domain.ids import new_id
from clinic_core.domain.messages import Communication, MessageKind, MessagePolicy, MessageStatus, Reason
from clinic_core.domain.people import ContactBy
from clinic_core.errors import IllegalTransition
from clinic_core.services import appointments, billing, check, messages, patients
from tests import make
from tests.conftest import World

K, M, S = MessageKind, MessageStatus, AppointmentStatus
THURSDAY = make.MONDAY + timedelta(days=3)
FRIDAY = make.MONDAY + timedelta(days=4)
_WRITES = ("insert_one", "insert_many", "update_one", "update_many", "replace_one")


class Died(BaseException):
    """A power cut."""


def booked(world: World, reception: Actor, hours: str = "10:00", **changes: Any) -> Appointment:
    """Asha's consultation on Friday."""
    wanted = appointments.draft(
        world.clinic,
        appointment_id=new_id(),
        patient_id=world.asha.id,
        practitioner_id=make.DR_A,
        service_id=make.CONSULTATION,
        start=make.at(hours, FRIDAY),
        **changes,
    )
    return appointments.book(world.clinic, reception, wanted)


def rows(clinic: Clinic, visit: Appointment) -> list[tuple[str, str]]:
    """Kind and status of a visit's messages."""
    return [(one.kind.value, one.status.value) for one in clinic.communications.about(visit.id)]


def waiting(clinic: Clinic, visit: Appointment) -> list[str]:
    """The kinds that wait to be sent."""
    return [kind for kind, status in rows(clinic, visit) if status == "preparation"]


def send(clinic: Clinic, *sent: Communication) -> None:
    """As if the carrier had taken them."""
    for one in sent:
        going = clinic.communications.change(one, replace(one, status=M.IN_PROGRESS, claimed_at=clinic.now()))
        clinic.communications.change(going, replace(going, status=M.COMPLETED, sent_at=clinic.now()))


@contextmanager
def death(patch: pytest.MonkeyPatch, at: int) -> Iterator[list[str]]:
    """The process dies at its nth write (from 0), before the database has it; yields what was written."""
    written: list[str] = []

    def dying(name: str) -> Callable[..., Any]:
        original = getattr(Collection, name)

        def call(collection: Any, *args: Any, **kwargs: Any) -> Any:
            written.append(f"{collection.name}.{name}")
            if len(written) <= at:
                return original(collection, *args, **kwargs)
            raise Died

        return call

    with patch.context() as inner:
        for name in _WRITES:
            inner.setattr(Collection, name, dying(name))
        yield written


def assert_in_line(clinic: Clinic, visit_id: str) -> None:
    """Nothing is missing, nothing too much, and no mark is left."""
    visit = clinic.appointments.get(visit_id)
    found = clinic.communications.about(visit_id)
    patient = clinic.patients.get(visit.patient_id)
    assert reminding.plan(visit, patient, messages.rules_of(clinic), found, clinic.now()) == reminding.Plan()
    assert "messages_open" not in (clinic.database["appointments"].find_one({"_id": visit_id}) or {})


def test_a_booking_makes_its_messages(world: World, reception: Actor) -> None:
    """Made by a scan, they would miss what the scan misses; a booking repeated makes none a second time."""
    visit = booked(world, reception)
    assert rows(world.clinic, visit) == [(kind, "preparation") for kind in ("confirmation", *["reminder"] * 3)]
    appointments.book(world.clinic, reception, visit)
    assert len(rows(world.clinic, visit)) == 4
    assert_in_line(world.clinic, visit.id)


def test_what_cannot_be_planned_stops_no_booking(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The desk would read of an error though the visit is saved; the sidecar plans it later."""
    with monkeypatch.context() as broken:
        broken.setattr(reminding, "plan", lambda *_: 1 // 0)
        visit = booked(world, reception)
    assert "could not be planned" in caplog.text
    assert messages.plan(world.clinic) == 1
    assert waiting(world.clinic, visit)
    assert_in_line(world.clinic, visit.id)


def test_a_booking_costs_two_writes_for_its_messages(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desk waits for each of them."""
    with death(monkeypatch, 99) as written:
        booked(world, reception)
    assert written[-2:] == ["communications.insert_many", "appointments.update_one"]
    assert len(written) == 4


def test_moving_and_cancelling_keep_the_messages_in_line(world: World, reception: Actor) -> None:
    """A reminder of a time at which nobody waits, or of a visit that was cancelled."""
    clinic, visit = world.clinic, booked(world, reception)
    send(clinic, clinic.communications.about(visit.id)[0])
    visit = appointments.move(clinic, reception, visit, start=make.at("15:00", FRIDAY))
    assert waiting(clinic, visit) == ["changed", "reminder", "reminder", "reminder"]
    visit = appointments.move(clinic, reception, visit, start=make.at("10:00", FRIDAY))
    assert waiting(clinic, visit) == ["reminder", "reminder", "reminder"]
    assert {one.about_start for one in clinic.communications.about(visit.id) if one.status is M.PREPARATION} == {
        visit.start
    }
    visit = appointments.cancel(clinic, reception, visit, CancelReason.PATIENT)
    assert rows(clinic, visit).count(("cancelled", "stopped")) + len(waiting(clinic, visit)) == 0
    assert_in_line(clinic, visit.id)


def test_what_no_desk_waits_for_is_planned_by_the_sidecar(world: World, reception: Actor, clock: make.Clock) -> None:
    """An arrival should cost the desk nothing; its mark brings the plan."""
    visit = booked(world, reception)
    clock.set("09:30", FRIDAY)
    visit = appointments.arrive(world.clinic, reception, visit)
    assert waiting(world.clinic, visit)
    assert messages.plan(world.clinic) == 1
    assert not waiting(world.clinic, visit)
    assert messages.plan(world.clinic) == 0
    assert_in_line(world.clinic, visit.id)


@pytest.mark.parametrize("change", ["book", "move", "cancel"])
def test_a_crash_at_any_write_is_completed(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch, clock: make.Clock, change: str
) -> None:
    """The visit is there and its reminders are not, or those of its old time still wait."""
    seen: set[str] = set()
    for at in count():
        visit = None if change == "book" else booked(world, reception, "10:00")
        clock.pass_(minutes=2)
        with death(monkeypatch, at) as written:
            try:
                if visit is None:
                    visit = booked(world, reception)
                elif change == "move":
                    appointments.move(world.clinic, reception, visit, start=make.at("15:00", FRIDAY))
                else:
                    appointments.cancel(world.clinic, reception, visit, CancelReason.PATIENT)
            except Died:
                pass
        whole = len(written) <= at
        messages.plan(world.clinic)
        one = next((one for one in world.clinic.appointments.on_day(FRIDAY) if one.id not in seen), None)
        if one is not None:
            seen.add(one.id)
            assert_in_line(world.clinic, one.id)
            if one.status is S.BOOKED:
                appointments.cancel(world.clinic, reception, one, CancelReason.PATIENT)
        if whole:
            return


def test_who_plans_for_an_old_version_changes_nothing_that_the_latest_needs(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between one desk's look at the rows and its writes another desk moves the visit back, and the first one dies."""
    clinic, visit = world.clinic, booked(world, reception)
    there = appointments.move(clinic, reception, visit, start=make.at("15:00", FRIDAY))
    plan = reminding.plan

    def meanwhile(*args: Any) -> reminding.Plan:
        stale = plan(*args)
        with monkeypatch.context() as other_desk:
            other_desk.setattr(reminding, "plan", plan)
            appointments.move(clinic, reception, there, start=make.at("10:00", FRIDAY))
        return stale

    def dies(*_: object) -> None:
        raise Died

    clinic.appointments.open_messages(visit.id)
    clinic.database["communications"].update_many({"about": visit.id}, {"$set": {"status": "preparation"}})
    with monkeypatch.context() as first_desk:
        first_desk.setattr(reminding, "plan", meanwhile)
        first_desk.setattr(clinic.appointments, "find", dies)
        with pytest.raises(Died):
            messages.plan_visit(clinic, there)
    waits = [one.about_start for one in clinic.communications.about(visit.id) if one.status is M.PREPARATION]
    assert waits.count(visit.start) == 4


def test_an_import_of_visits_to_come_is_planned_by_the_sidecar(world: World) -> None:
    """Half of the reminders of a clinic's first weeks here are of visits that came with its data."""
    visit = make.appointment(id="imported", patient_id=world.asha.id, start=make.at("10:00", FRIDAY), day=FRIDAY)
    visit = replace(visit, events=(replace(visit.events[0], kind="imported"),))
    past = make.appointment(
        id="past", patient_id=world.asha.id, start=make.at("10:00", make.MONDAY - timedelta(days=7))
    )
    world.clinic.appointments.add_many(
        [visit, replace(past, day=make.MONDAY - timedelta(days=7))], held_since=make.MONDAY
    )
    assert messages.plan(world.clinic) == 1
    assert waiting(world.clinic, visit) == ["reminder"] * 3


def test_another_policy_plans_every_visit_to_come_anew(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reminders that are switched on today would come only for visits that are booked from today on."""
    first = MessagePolicy(kinds=(K.CANCELLED,), version=1)
    monkeypatch.setattr(messages, "policy_of", lambda _: first)
    visit = booked(world, reception)
    messages.plan(world.clinic)
    assert rows(world.clinic, visit) == []
    monkeypatch.setattr(messages, "policy_of", lambda _: MessagePolicy(kinds=(K.REMINDER,), version=2))
    assert messages.plan(world.clinic) == 1
    assert waiting(world.clinic, visit) == ["reminder"] * 3
    assert messages.plan(world.clinic) == 0


def test_one_visit_that_cannot_be_planned_stops_no_other(world: World, reception: Actor) -> None:
    """The field's reminder runs stop at the first patient who is odd."""
    clinic = world.clinic
    lost = make.appointment(id="lost", patient_id="nobody", start=make.at("12:00", FRIDAY), day=FRIDAY)
    clinic.appointments.add_many([lost])
    visit = booked(world, reception)
    clinic.appointments.open_messages(visit.id)
    with pytest.raises(Exception, match="patient"):
        messages.plan(clinic)
    assert_in_line(clinic, visit.id)


def test_who_wants_messages_again_gets_them_whoever_dies(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saved and not planned, the record says SMS, and nobody is ever reminded."""
    clinic, visit = world.clinic, booked(world, reception)
    form = patients.PatientForm(name=world.asha.name, birth_date=world.asha.birth_date, phone=world.asha.phone)
    for at in range(5):
        silent = clinic.patients.save(replace(clinic.patients.get(world.asha.id), contact_by=ContactBy.NONE))
        messages.replan_patient(clinic, silent)
        assert waiting(clinic, visit) == []
        with death(monkeypatch, at), suppress(Died):
            patients.edit(clinic, reception, silent, form)
        messages.plan(clinic)
        agrees = clinic.patients.get(silent.id).contact_by is ContactBy.SMS
        assert ("reminder" in waiting(clinic, visit)) is agrees, at
    assert agrees


def test_who_wants_messages_while_many_are_planned_gets_them(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planned by the record as it was seconds before, what the desk planned just now would be stopped again."""
    clinic = world.clinic
    people = [clinic.patients.save(replace(one, contact_by=ContactBy.NONE)) for one in (world.asha, world.ben)]
    visits = [
        clinic.appointments.add(make.appointment(patient_id=one.id, start=make.at(hours, FRIDAY)))
        for one, hours in zip(people, ("10:00", "11:00"), strict=True)
    ]
    for visit in visits:
        clinic.appointments.open_messages(visit.id)
    planned, seen = messages.plan_visit, list[Appointment]()

    def slowly(clinic: Clinic, visit: Appointment, **given: Any) -> None:
        seen.append(visit)
        if len(seen) == 1:
            other = next(one for one in people if one.id != visit.patient_id)
            form = patients.PatientForm(name=other.name, birth_date=other.birth_date, phone=other.phone)
            patients.edit(clinic, reception, other, form)
        planned(clinic, visit, **given)

    monkeypatch.setattr(messages, "plan_visit", slowly)
    messages.plan(clinic)
    other = next(one for one in visits if one.id != seen[0].id)
    assert "reminder" in waiting(clinic, other)
    assert_in_line(clinic, other.id)


def test_a_mark_that_cannot_be_taken_away_does_not_hold_up_the_sidecar(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at again for ever by one run, no reply would be finished any more: they share its lane."""
    visit = booked(world, reception)
    world.clinic.appointments.open_messages(visit.id)
    tries = iter(range(20))
    monkeypatch.setattr(messages, "plan_visit", lambda *_, **__: next(tries))
    assert messages.plan(world.clinic) == 1


def test_a_phone_from_abroad_moves_messages_out_of_its_own_quiet_hours(world: World, reception: Actor) -> None:
    """The reminder of 8 in the morning would wait for the quiet hours of New York to end, hours after the visit."""
    visit = booked(world, reception)
    before = {one.due_at for one in world.clinic.communications.about(visit.id)}
    form = patients.PatientForm(name=world.asha.name, phone="+1 212 555 0187", birth_date=world.asha.birth_date)
    patients.edit(world.clinic, reception, world.asha, form)
    after = [one for one in world.clinic.communications.about(visit.id) if one.status is M.PREPARATION]
    assert {one.due_at for one in after} != before
    assert_in_line(world.clinic, visit.id)


def test_an_offer_that_would_end_in_quiet_hours_is_not_made(world: World, reception: Actor, clock: make.Clock) -> None:
    """It would go out after its end, when somebody else has the time."""
    clinic = world.clinic
    clinic.message_policies.save(MessagePolicy(kinds=(K.WAITLIST_OFFER,)))
    clinic.forget_directory()
    clock.set("22:00")
    offer = {"start": make.at("08:15", make.TUESDAY), "offer_id": "o", "until": make.at("07:45", make.TUESDAY)}
    with pytest.raises(IllegalTransition):
        messages.offer(clinic, reception, world.asha, **offer)  # type: ignore[arg-type]
    late = offer | {"until": make.at("08:10", make.TUESDAY)}
    made = messages.offer(clinic, reception, world.asha, **late)  # type: ignore[arg-type]
    assert (made.due_at, made.expires_at) == (make.at("08:00", make.TUESDAY), late["until"])


def test_a_reference_that_is_given_out_is_changed_for_another(world: World, reception: Actor) -> None:
    """Two messages of one reference would be taken for one another at the carrier; left out, one is lost."""
    clinic, visit = world.clinic, booked(world, reception)
    made = clinic.communications.about(visit.id)[0]
    other = replace(made, id="other")
    clinic.communications.add_many([other])
    found = clinic.communications.find("other")
    assert found is not None
    assert found.reference != made.reference
    assert clinic.communications.by_reference(found.reference.lower()) == found


def test_a_bill_due_is_made_once_with_its_bill(world: World, manager: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """By issuing itself, so that no bill is missed; it is sent on the day only if it is still unpaid."""
    policy = MessagePolicy(kinds=(K.BILL_DUE,))
    monkeypatch.setattr(messages, "policy_of", lambda _: policy)
    clinic = world.clinic
    draft = billing.new_draft(clinic, manager, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A)
    issued = billing.issue(clinic, manager, billing.set_lines(clinic, manager, draft, [make.line()]))
    billing.issue(clinic, manager, issued)
    (made,) = clinic.communications.about(issued.id)
    assert (made.kind, made.due_at) == (K.BILL_DUE, make.at("08:00", make.MONDAY + timedelta(days=14)))


def test_offers_and_recalls_are_made_when_somebody_asks(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the same click is one message; who did not agree is not written to; what is off is not made."""
    clinic, until = world.clinic, make.at("12:00")
    offer = {"start": make.at("10:00", THURSDAY), "offer_id": "offer-1", "until": until}
    with pytest.raises(IllegalTransition, match="switched off"):
        messages.offer(clinic, reception, world.asha, **offer)  # type: ignore[arg-type]
    monkeypatch.setattr(messages, "policy_of", lambda _: MessagePolicy(kinds=tuple(K)))
    made = messages.offer(clinic, reception, world.asha, **offer)  # type: ignore[arg-type]
    assert messages.offer(clinic, reception, world.asha, **offer) == made  # type: ignore[arg-type]
    with pytest.raises(IllegalTransition, match="did not agree"):
        messages.recall(clinic, reception, world.asha, last_visit_id="v")
    agreed = replace(world.asha, outreach_consent=True)
    assert messages.recall(clinic, reception, agreed, last_visit_id="v").expires_at > clinic.now()
    with pytest.raises(IllegalTransition, match="Call them"):
        messages.recall(clinic, reception, replace(agreed, contact_by=ContactBy.NONE), last_visit_id="v")


def test_who_wants_to_be_reached_another_way_is_planned_anew(world: World, reception: Actor) -> None:
    """The list of tomorrow's messages would name the wrong channel until they are sent."""
    clinic, visit = world.clinic, booked(world, reception)
    form = patients.PatientForm(
        name=world.asha.name,
        birth_date=world.asha.birth_date,
        phone=world.asha.phone,
        email="asha@example.org",
        contact_by=ContactBy.EMAIL,
    )
    patients.edit(clinic, reception, world.asha, form)
    found = clinic.communications.about(visit.id)
    assert {one.channel.value for one in found if one.status is M.PREPARATION} == {"email"}
    assert {one.reason for one in found if one.status is M.STOPPED} == {Reason.NO_CONSENT}
    assert_in_line(clinic, visit.id)


def test_check_finds_what_is_missing_and_what_is_too_much(world: World, reception: Actor) -> None:
    """A reminder that a bug or a restore has lost is found before the patient misses the visit."""
    clinic, visit = world.clinic, booked(world, reception)
    messages.plan(clinic)
    assert check.run(clinic) == []
    clinic.database["communications"].delete_one({"about": visit.id, "kind": "reminder"})
    assert [(one.rule, one.record_id) for one in check.run(clinic)] == [("message", visit.id)]
    clinic.appointments.open_messages(visit.id)
    assert check.run(clinic) == []
    messages.plan(clinic)
    first = clinic.communications.about(visit.id)[0]
    clinic.communications.add_many([replace(first, id="stray", about="nothing")])
    assert [(one.rule, one.record_id) for one in check.run(clinic)] == [("orphan", "stray")]
