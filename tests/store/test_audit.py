"""The audit trail and the counters, as they are stored and as they are read."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.errors import Forbidden, InvalidInput, NotFound
from clinic_core.services import audit
from tests import make
from tests.conftest import World

SINCE, UNTIL = make.NOW - timedelta(days=1), make.NOW + timedelta(days=1)


def test_a_line_says_who_did_what_to_which_record_when(clinic: Clinic, reception: Actor) -> None:
    """With codes beside it, never texts."""
    clinic.audit.record(reception, "appointment.book", "a-1", patient_id="p-1", start="2026-03-02T10:00")
    (line,) = clinic.audit.store.latest(since=SINCE, until=UNTIL)
    assert (line.at, line.username, line.role) == (make.NOW, "reception", "receptionist")
    assert (line.action, line.record_id, line.patient_id) == ("appointment.book", "a-1", "p-1")
    assert line.detail == {"start": "2026-03-02T10:00"}


def test_a_change_that_is_named_is_written_once(clinic: Clinic, reception: Actor) -> None:
    """Trying again after a crash completes the trail and doubles nothing."""
    for _ in range(2):
        clinic.audit.record(reception, "appointment.book", "a-1", once="a-1:1")
    clinic.audit.record(reception, "appointment.move", "a-1", once="a-1:1")
    clinic.audit.record(reception, "appointment.move", "a-1", once="a-1:2")
    assert len(clinic.audit.store.latest(since=SINCE, until=UNTIL)) == 3


def test_reading_counts_once_an_hour_over_all_processes(clinic: Clinic, reception: Actor, clock: make.Clock) -> None:
    """Per person, record and hour; another process that has not seen it writes the same line."""
    for _ in range(3):
        clinic.audit.record_read(reception, "patient.read", "p-1", patient_id="p-1")
    clinic.audit._known.clear()  # as in another process
    clinic.audit.record_read(reception, "patient.read", "p-1", patient_id="p-1")
    clinic.audit.record_read(reception, "patient.read", "p-2", patient_id="p-2")
    clock.pass_(hours=1)
    clinic.audit.record_read(reception, "patient.read", "p-1", patient_id="p-1")
    assert len(clinic.audit.store.latest(since=SINCE, until=UNTIL)) == 3


def test_the_trail_is_read_newest_first_by_time_user_and_patient(
    world: World, reception: Actor, manager: Actor, admin: Actor, clock: make.Clock
) -> None:
    """Any of the three, and bounded."""
    for who, patient in ((reception, world.asha), (manager, world.asha), (reception, world.ben)):
        world.clinic.audit.record(who, "patient.write", patient.id, patient_id=patient.id)
        clock.pass_(minutes=1)

    def seen(**options: str) -> list[tuple[str, str]]:
        lines = audit.trail(world.clinic, admin, since=SINCE, until=UNTIL, **options)
        return [(line.username, line.record_id) for line in lines if line.action == "patient.write"]

    asha, ben = world.asha.id, world.ben.id
    assert seen() == [("reception", ben), ("manager", asha), ("reception", asha)]
    assert seen(username=" Reception ") == [("reception", ben), ("reception", asha)]
    assert seen(patient_number="p-000001") == [("manager", asha), ("reception", asha)]
    assert seen(username="manager", patient_number="P-000002") == []
    later = audit.trail(world.clinic, admin, since=make.NOW + timedelta(minutes=1), until=UNTIL, username="manager")
    assert [line.record_id for line in later] == [asha]
    assert world.clinic.audit.store.latest(since=SINCE, until=UNTIL, most=2)[1:] != []


def test_who_reads_the_trail_is_in_the_trail(world: World, admin: Actor, manager: Actor) -> None:
    """Only an administrator, and not unseen."""
    audit.trail(world.clinic, admin, since=SINCE, until=UNTIL, patient_number="P-000001")
    (line,) = audit.trail(world.clinic, admin, since=SINCE, until=UNTIL)
    assert (line.username, line.action, line.patient_id) == ("admin", "audit.read", world.asha.id)
    with pytest.raises(Forbidden):
        audit.trail(world.clinic, manager, since=SINCE, until=UNTIL)
    with pytest.raises(NotFound, match="No patient has the number"):
        audit.trail(world.clinic, admin, since=SINCE, until=UNTIL, patient_number="P-777")
    with pytest.raises(InvalidInput):
        audit.trail(world.clinic, admin, since=UNTIL, until=SINCE)


def test_numbers_are_taken_once_each(clinic: Clinic) -> None:
    """Eight threads, no number twice; a block of them at once."""
    assert clinic.counters.take("patient", 10) == 1
    taken: list[int] = []
    threads = [
        threading.Thread(target=lambda: taken.extend(clinic.counters.take("patient") for _ in range(10)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(11, 91))
    with pytest.raises(LookupError):
        clinic.counters.take("nothing")
