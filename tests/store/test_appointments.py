"""The store of appointments on a real database: uniqueness, versions, lost answers and the cost of asking."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.domain.appointments import Appointment, AppointmentEvent, AppointmentStatus, CancelReason, holds
from clinic_core.errors import AlreadyExists, Conflict, NotFound, SlotTaken, Unavailable
from clinic_core.settings import Settings
from clinic_core.store import appointments as module
from clinic_core.store import mongo
from tests import make
from tests.proxy import Proxy

S = AppointmentStatus


def moved(before: Appointment, hours: str) -> tuple[Appointment, AppointmentEvent]:
    """The visit at another time of its day, and the event that says so."""
    start = make.at(hours)
    event = AppointmentEvent(at=make.NOW, by="reception", kind="moved", status=before.status, start=start)
    return replace(before, start=start), event


def became(before: Appointment, status: AppointmentStatus) -> tuple[Appointment, AppointmentEvent]:
    """The visit in another status, and the event that says so."""
    event = AppointmentEvent(at=make.NOW, by="reception", kind="status", status=status, start=before.start)
    return replace(before, status=status), event


def documents(clinic: Clinic) -> dict[str, dict[str, Any]]:
    """What is stored, by id."""
    return {document["_id"]: document for document in clinic.database["appointments"].find()}


@pytest.mark.parametrize(
    "visit",
    [
        make.appointment(),
        make.appointment(room_id=make.ROOM, reason="cough", source_id="x-1", minutes=60),
        make.appointment(status=S.CANCELLED, cancel_reason=CancelReason.PROVIDER),
        make.appointment(untimed=True, start=make.at("00:00")),
    ],
)
def test_what_is_saved_is_read_back(clinic: Clinic, visit: Appointment) -> None:
    """Every field, enums, instants and None among them."""
    assert clinic.appointments.add(visit) == visit
    assert clinic.appointments.get(visit.id) == visit
    assert clinic.appointments.on_day(visit.day) == [visit]
    assert clinic.appointments.many([visit.id, "nothing"]) == {visit.id: visit}


def test_the_same_booking_twice_is_one_and_another_is_none(clinic: Clinic) -> None:
    """By what was booked first, whatever became of it since."""
    first = clinic.appointments.add(make.appointment())
    after = clinic.appointments.change(first, *moved(first, "11:00"))

    assert clinic.appointments.add(replace(first, booked_at=make.at("08:01"))) == after
    with pytest.raises(AlreadyExists):
        clinic.appointments.add(replace(make.appointment(start=make.at("12:00")), id=first.id))
    with pytest.raises(AlreadyExists):
        clinic.appointments.add(replace(first, patient_id="patient-2"))


@pytest.mark.parametrize(
    ("other", "resource"),
    [
        ({"patient_id": "patient-2"}, "practitioner:dr-a"),
        ({"practitioner_id": "dr-b"}, "patient:patient-1"),
        ({"practitioner_id": "dr-b", "patient_id": "patient-2"}, "room:room-1"),
    ],
)
@pytest.mark.parametrize("hours", ["10:00", "09:50", "10:25"])
def test_an_overlap_names_its_holder(clinic: Clinic, other: dict[str, Any], resource: str, hours: str) -> None:
    """At the start, across it and within; and the same when a visit is moved there."""
    holder = clinic.appointments.add(make.appointment(minutes=30, room_id=make.ROOM))
    rival = make.appointment(**other, room_id=make.ROOM, start=make.at(hours))
    elsewhere = clinic.appointments.add(replace(rival, id="elsewhere", start=make.at("15:00")))

    with pytest.raises(SlotTaken) as refused:
        clinic.appointments.add(rival)
    assert (refused.value.resource, refused.value.holder_id) == (resource, holder.id)
    with pytest.raises(SlotTaken) as refused:
        clinic.appointments.change(elsewhere, *moved(elsewhere, hours))
    assert (refused.value.resource, refused.value.holder_id) == (resource, holder.id)
    assert clinic.appointments.get("elsewhere") == elsewhere


def test_sixteen_threads_and_one_slot(clinic: Clinic) -> None:
    """One wins, fifteen learn who."""
    rivals = [make.appointment(id=f"rival-{n}", patient_id=f"patient-{n}") for n in range(16)]
    gate = threading.Barrier(len(rivals))
    outcomes: list[str] = []

    def book(rival: Appointment) -> None:
        gate.wait()
        try:
            outcomes.append(f"won {clinic.appointments.add(rival).id}")
        except SlotTaken as error:
            outcomes.append(f"lost to {error.holder_id}")

    threads = [threading.Thread(target=book, args=(rival,)) for rival in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [o.removeprefix("won ") for o in outcomes if o.startswith("won ")]
    assert sorted(outcomes) == sorted([f"won {winner}", *[f"lost to {winner}"] * 15])


def test_a_change_needs_the_version_that_was_read(clinic: Clinic) -> None:
    """The second of two changes of one version is refused."""
    before = clinic.appointments.add(make.appointment())
    after = clinic.appointments.change(before, *moved(before, "11:00"))

    assert (after.version, [e.kind for e in after.events]) == (2, ["booked", "moved"])
    assert clinic.appointments.get(before.id) == after
    with pytest.raises(Conflict):
        clinic.appointments.change(before, *moved(before, "12:00"))
    with pytest.raises(NotFound):
        clinic.appointments.get("nothing")


def test_what_is_no_longer_there_is_taken_out(clinic: Clinic) -> None:
    """Holds, room and cancel reason leave the document, and come back where they should."""
    before = clinic.appointments.add(make.appointment(room_id=make.ROOM))
    missed = clinic.appointments.change(before, *became(before, S.NOSHOW))
    assert {"holds", "held_on"}.isdisjoint(documents(clinic)[before.id])

    after, event = became(missed, S.ARRIVED)
    late = clinic.appointments.change(missed, replace(after, room_id=None), event)
    stored = documents(clinic)[before.id]
    assert stored["holds"] == holds(late)
    assert stored["held_on"] == "2026-03-02"
    assert "room_id" not in stored


def test_releasing_spares_the_days_from_then_on(clinic: Clinic) -> None:
    """Only holds go; many that were saved as past never had any."""
    days = [make.at("10:00", make.MONDAY + timedelta(days=n)) for n in range(4)]
    visits = [make.appointment(start=start) for start in days]
    clinic.appointments.add_many(visits, held_since=make.MONDAY + timedelta(days=1))

    assert clinic.appointments.release(make.MONDAY + timedelta(days=2)) == 1
    held = [visit.id for visit in visits if documents(clinic)[visit.id].get("holds")]
    assert held == [visits[2].id, visits[3].id]
    assert [clinic.appointments.get(visit.id) for visit in visits] == visits


def test_last_visits_are_those_that_took_place_before(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither missed nor later ones; asked for once in a while."""
    days = {n: make.at("10:00", make.MONDAY + timedelta(days=n)) for n in (-9, -5, -2, 0)}
    for n, status in ((-9, S.FULFILLED), (-5, S.FULFILLED), (-2, S.NOSHOW), (0, S.FULFILLED)):
        clinic.appointments.add(make.appointment(id=f"visit{n}", start=days[n], status=status))

    def last() -> object:
        return clinic.appointments.last_visits(["patient-1", "patient-2"], before=make.MONDAY)

    assert last() == {"patient-1": make.MONDAY - timedelta(days=5)}
    late = make.appointment(start=make.at("10:00", make.MONDAY - timedelta(days=1)), status=S.FULFILLED)
    clinic.appointments.add(late)
    assert last() == {"patient-1": make.MONDAY - timedelta(days=5)}
    assert clinic.appointments.last_visits(["patient-1"], before=make.TUESDAY) == {"patient-1": make.MONDAY}

    present = time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: present + module.LAST_VISIT_SECONDS + 1)
    assert last() == {"patient-1": late.day}


def test_asking_for_a_holder_does_not_read_everything(clinic: Clinic) -> None:
    """The index on holds is used for reading too, or a refused booking takes half a second at 20,000 visits."""
    visit = clinic.appointments.add(make.appointment())
    clinic.appointments.add_many(
        make.appointment(start=make.at("10:00", make.TUESDAY + timedelta(days=n))) for n in range(50)
    )
    for wanted in ({"holds": holds(visit)[0]}, {"held_on": {"$lt": "2026-03-03"}}, {"day": "2026-03-02"}):
        plan = clinic.database.command({"explain": {"find": "appointments", "filter": wanted}})
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), wanted


# --- answers that get lost -------------------------------------------------------------------------------------------


@pytest.fixture
def wire(database_url: str) -> Iterator[Proxy]:
    """A wire to the database that can be cut."""
    with Proxy(database_url) as proxy:
        yield proxy


@pytest.fixture
def remote(wire: Proxy, clinic: Clinic, clock: make.Clock) -> Iterator[Clinic]:
    """`clinic` seen over that wire."""
    opened = open_clinic(Settings(database_url=wire.url), now=clock)
    create_indexes(opened)
    yield opened
    opened.close()


@pytest.mark.parametrize("times", [1, 2], ids=["the driver tries again", "and fails again"])
def test_a_booking_whose_answer_is_lost_is_a_booking(remote: Clinic, wire: Proxy, clinic: Clinic, times: int) -> None:
    """The insert arrived, the answer did not: it is read back and neither refused nor doubled."""
    visit = make.appointment()
    wire.lose("insert", times)

    assert remote.appointments.add(visit) == visit

    assert wire.lost >= 1
    assert clinic.appointments.on_day(make.MONDAY) == [visit]


@pytest.mark.parametrize("times", [1, 2], ids=["the driver tries again", "and fails again"])
def test_a_change_whose_answer_is_lost_is_a_change(remote: Clinic, wire: Proxy, clinic: Clinic, times: int) -> None:
    """The same for a move."""
    before = clinic.appointments.add(make.appointment())
    wire.lose("update", times)

    try:
        after = remote.appointments.change(before, *moved(before, "11:00"))
    except Conflict:  # the driver's second try met the first one's work; the service compares and accepts it
        after = clinic.appointments.get(before.id)

    assert wire.lost >= 1
    assert (after.start, after.version) == (make.at("11:00"), 2)
    assert clinic.appointments.get(before.id) == after


def test_a_slot_lost_to_another_while_the_answer_was_lost(remote: Clinic, wire: Proxy, clinic: Clinic) -> None:
    """A refusal whose answer is lost is a refusal still."""
    clinic.appointments.add(make.appointment(id="first"))
    wire.lose("insert")
    with pytest.raises(SlotTaken) as refused:
        remote.appointments.add(make.appointment(patient_id="patient-2"))
    assert refused.value.holder_id == "first"


def test_a_database_that_does_not_answer_is_unavailable() -> None:
    """In words for the desk, without the address."""
    client = mongo.connect("mongodb://127.0.0.1:1/clinic", timeout_ms=50)
    nowhere = module.Appointments(mongo.database_of(client, "clinic"))
    for ask in (
        lambda: nowhere.add(make.appointment()),
        lambda: nowhere.on_day(make.MONDAY),
        lambda: nowhere.release(make.MONDAY),
        lambda: list(nowhere.every()),
    ):
        with pytest.raises(Unavailable, match="What you typed is kept") as told:
            ask()
        assert "127.0.0.1" not in str(told.value)
    client.close()
