"""The check finds every kind of damage in real data, and none where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.domain.access import Actor, Role
from clinic_core.domain.appointments import Appointment, AppointmentStatus, CancelReason
from clinic_core.domain.billing import Invoice, PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.errors import Conflict
from clinic_core.services import appointments, billing, check, encounters
from clinic_core.settings import ROOT, Settings
from tests import make
from tests.conftest import World, fresh_database, set_up

Fields = dict[str, Any]
DAMAGED = (
    "patients",
    "appointments",
    "encounters",
    "invoices",
    "schedules",
    "organization",
    "payers",
    "journal",
    "balances",
    "fact_blocks",
)


@pytest.fixture(scope="module")
def two_days(server_url: str) -> Iterator[tuple[World, make.Clock]]:
    """A clinic after two days of work."""
    clock = make.Clock()
    clinic = open_clinic(Settings(database_url=fresh_database(server_url)), now=clock)
    create_indexes(clinic)
    world = set_up(clinic)
    _work(world, clock)
    yield world, clock
    clinic.close()


@pytest.fixture
def clock(two_days: tuple[World, make.Clock]) -> Iterator[make.Clock]:
    """The clock of that clinic, set back after the test."""
    now = two_days[1].instant
    yield two_days[1]
    two_days[1].instant = now


@pytest.fixture
def worked(two_days: tuple[World, make.Clock]) -> Iterator[World]:
    """That clinic; whatever damage the test does is mended after it."""
    database = two_days[0].clinic.database
    before = {name: {d["_id"]: d for d in database[name].find()} for name in DAMAGED}
    yield two_days[0]
    for name, documents in before.items():
        now = {d["_id"]: d for d in database[name].find()}
        database[name].delete_many({"_id": {"$in": [key for key in now if now[key] != documents.get(key)]}})
        missing = [document for key, document in documents.items() if now.get(key) != document]
        if missing:
            database[name].insert_many(missing)
    create_indexes(two_days[0].clinic)


def _work(world: World, clock: make.Clock) -> None:
    """Visits seen, missed, cancelled, moved and to come; bills drafted, paid, owed and cancelled."""
    reception, manager = make.actor(Role.RECEPTIONIST, name="reception"), make.actor(Role.MANAGER)
    doctor = make.actor(Role.DOCTOR, practitioner_id=make.DR_A)
    clinic = world.clinic
    seen = [_seen(world, reception, doctor, clock, hours) for hours in ("09:00", "09:30", "10:00", "10:30")]
    bills = [billing.issue(clinic, reception, bill) for bill in seen[:3]]
    _pay(clinic, reception, bills[0], bills[0].total_minor)
    _pay(clinic, reception, bills[1], 10_000)
    billing.cancel(clinic, manager, bills[2], "wrong patient")
    missed = _book(world, reception, "11:00")
    clock.set("11:30")
    appointments.mark_noshow(clinic, reception, missed)
    appointments.cancel(clinic, reception, _book(world, reception, "12:00"), CancelReason.PATIENT)
    moved = _book(world, reception, "12:15", room_id=make.ROOM)
    appointments.move(clinic, reception, moved, start=make.at("10:00", make.TUESDAY))
    _book(world, reception, "14:00", patient_id=world.ben.id)


def _book(world: World, reception: Actor, hours: str, **changes: Any) -> Appointment:
    given = {
        "appointment_id": new_id(),
        "patient_id": world.asha.id,
        "practitioner_id": make.DR_A,
        "service_id": make.DRESSING,
        "start": make.at(hours),
        **changes,
    }
    return appointments.book(world.clinic, reception, appointments.draft(world.clinic, **given))


def _seen(world: World, reception: Actor, doctor: Actor, clock: make.Clock, hours: str) -> Invoice:
    booked = _book(world, reception, hours)
    clock.set(hours)
    appointments.arrive(world.clinic, reception, booked)
    note = encounters.open_visit(world.clinic, doctor, booked.id).encounter
    return encounters.finish(world.clinic, doctor, note)


def _pay(clinic: Clinic, reception: Actor, bill: Invoice, amount_minor: int) -> None:
    billing.take_payment(clinic, reception, bill, key=new_id(), amount_minor=amount_minor, method=PaymentMethod.CARD)


def rules(clinic: Clinic) -> list[tuple[str, str]]:
    """Rule and record of what the check finds."""
    return [(violation.rule, violation.record_id) for violation in check.run(clinic)]


def an(clinic: Clinic, kind: str, **wanted: Any) -> Fields:
    """A document of that kind, the same one each time."""
    found = clinic.database[kind].find_one(wanted, sort=[("_id", 1)])
    assert found is not None
    return found


def change(clinic: Clinic, kind: str, document: Fields, **changes: Any) -> str:
    """Set fields of a stored document behind everybody's back, `None` removes; its id."""
    present = {key: value for key, value in changes.items() if value is not None}
    gone = {key: "" for key, value in changes.items() if value is None}
    update = ({"$set": present} if present else {}) | ({"$unset": gone} if gone else {})
    done = clinic.database[kind].update_one({"_id": document["_id"]}, update)
    assert done.modified_count == 1
    return str(document["_id"])


def test_honest_work_breaks_no_rule(worked: World) -> None:
    """After two days of all kinds of work."""
    assert check.run(worked.clinic) == []


def test_an_empty_clinic_breaks_no_rule(clinic: Clinic) -> None:
    """Nothing is nothing wrong."""
    assert check.run(clinic) == []


def test_released_holds_are_no_violation(worked: World, clock: make.Clock) -> None:
    """The sidecar forgets the holds of days that are over."""
    clock.set("08:00", make.SUNDAY)
    assert appointments.release_past(worked.clinic) > 0
    assert check.run(worked.clinic) == []


@pytest.mark.parametrize("resource", ["practitioner", "patient", "room"])
def test_an_overlap_is_found_by_the_times_alone(worked: World, clock: make.Clock, resource: str) -> None:
    """Even where nothing is stored as held: two visits at one time of the same practitioner, patient or room."""
    clinic, visit = worked.clinic, an(worked.clinic, "appointments", day="2026-03-03")
    other = {
        "practitioner": {"patient_id": worked.ben.id, "room_id": None},
        "patient": {"practitioner_id": make.DR_B, "room_id": None},
        "room": {"practitioner_id": make.DR_B, "patient_id": worked.ben.id},
    }[resource]
    double = {k: v for k, v in (visit | other).items() if v is not None and k not in {"holds", "held_on"}}
    clinic.database["appointments"].insert_one(double | {"_id": "double"})
    clock.set("08:00", make.SUNDAY)  # when missing holds are no sign any more

    found = check.run(clinic)

    assert [v.rule for v in found] == ["overlap"]
    assert {found[0].record_id} <= {"double", visit["_id"]}
    assert f"the same {resource} at the same time as appointment" in found[0].message


def test_an_overlap_in_part_and_over_the_end_of_a_month(worked: World) -> None:
    """A visit that goes on past midnight meets the first of the next month."""
    clinic = worked.clinic
    last = make.appointment(
        id="last", patient_id=worked.asha.id, start=make.at("23:50", make.MONDAY.replace(day=31)), minutes=30
    )
    first = make.appointment(
        id="first", patient_id=worked.ben.id, start=make.at("00:10", make.MONDAY.replace(month=4, day=1))
    )
    clinic.appointments.add(last)
    clinic.appointments.add_many([first], held_since=make.SUNDAY.replace(month=5))

    found = check.run(clinic)

    assert ("overlap", "last") in [(v.rule, v.record_id) for v in found]


def test_history_of_another_system_may_overlap(worked: World) -> None:
    """Past visits that were imported with their times hold nothing, and are as they were."""
    start = make.at("10:00", make.MONDAY.replace(month=2))
    events = tuple(replace(e, kind="imported") for e in make.events(AppointmentStatus.BOOKED, start=start))
    both = [make.appointment(patient_id=worked.asha.id, start=start, events=events) for _ in range(2)]
    worked.clinic.appointments.add_many(both, held_since=make.MONDAY)
    assert check.run(worked.clinic) == []


def test_missing_and_wrong_holds_are_found(worked: World) -> None:
    """What is to come must hold exactly its own time."""
    clinic = worked.clinic
    booked = an(clinic, "appointments", day="2026-03-03")
    record = change(clinic, "appointments", booked, holds=None, held_on=None)
    assert rules(clinic) == [("holds", record)]
    change(clinic, "appointments", booked, holds=booked["holds"][1:], held_on=booked["held_on"])
    assert rules(clinic) == [("holds", record)]
    change(clinic, "appointments", booked, holds=booked["holds"], held_on="2026-03-04")
    assert rules(clinic) == [("holds", record)]
    change(clinic, "appointments", booked, held_on=booked["held_on"])
    cancelled = an(clinic, "appointments", status="cancelled")
    record = change(clinic, "appointments", cancelled, holds=["practitioner:dr-a@1"], held_on=cancelled["day"])
    assert rules(clinic) == [("holds", record)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "fulfilled"}, {"events"}),
        ({"events": []}, {"events"}),
        ({"start": make.at("16:00"), "day": "2026-03-02"}, {"events", "holds"}),
        ({"day": "2026-03-09"}, {"day", "holds"}),
        ({"month": "2026-04"}, {"day"}),
        ({"month": None}, {"day"}),
        ({"day": "soon"}, {"readable"}),
        ({"status": "lost"}, {"readable"}),
        ({"start": "10 o'clock"}, {"readable"}),
        ({"patient_id": "nobody"}, {"orphan", "holds"}),
        ({"practitioner_id": "nobody"}, {"orphan", "holds"}),
        ({"service_id": "nothing"}, {"orphan"}),
    ],
)
def test_a_damaged_appointment_is_found(worked: World, changes: Fields, expected: set[str]) -> None:
    """Its status, events, day, month, references and every unreadable field."""
    clinic = worked.clinic
    record = change(clinic, "appointments", an(clinic, "appointments", status="booked", day="2026-03-02"), **changes)
    assert set(rules(clinic)) == {(rule, record) for rule in expected}


def test_events_that_skip_a_step_are_found(worked: World) -> None:
    """From booked straight to fulfilled."""
    clinic = worked.clinic
    visit = an(clinic, "appointments", status="fulfilled")
    record = change(clinic, "appointments", visit, events=[visit["events"][0], visit["events"][-1]])
    assert rules(clinic) == [("events", record)]


@pytest.mark.parametrize(
    ("wanted", "changes", "expected"),
    [
        ({"status": "issued"}, {"total_minor": 1}, {"total", "paid", "due", "ledger"}),
        ({"status": "issued"}, {"paid_minor": 9_999}, {"paid", "due", "ledger"}),
        ({"status": "issued"}, {"due_minor": 1}, {"due"}),
        ({"status": "issued"}, {"due_minor": None}, {"due"}),
        ({"status": "issued"}, {"credited_minor": 1}, {"paid", "due", "ledger"}),
        ({"status": "issued"}, {"written_off_minor": 1}, {"paid", "due", "ledger"}),
        ({"status": "issued"}, {"payer_paid_minor": 10_001}, {"paid", "ledger"}),
        ({"status": "issued"}, {"payer_due_minor": 1}, {"ledger"}),
        ({"status": "issued"}, {"payer_open": "payer-1"}, {"due"}),
        ({"status": "issued"}, {"unposted": True}, {"due"}),
        ({"status": "issued"}, {"posted": 1}, {"events", "ledger"}),
        ({"status": "issued"}, {"posted": 3}, {"events", "ledger"}),
        ({"status": "issued"}, {"payer_id": "nobody"}, {"orphan"}),
        ({"status": "issued"}, {"status": "balanced"}, {"status", "listed"}),
        ({"status": "balanced"}, {"status": "issued"}, {"status", "listed"}),
        ({"status": "balanced"}, {"issued_on": None}, {"status", "ledger"}),
        ({"status": "issued"}, {"status": "draft"}, {"status", "due", "listed"}),
        ({"status": "issued"}, {"status": "cancelled"}, {"status", "due", "events", "ledger", "listed"}),
        ({"status": "cancelled"}, {"status": "issued"}, {"due", "events", "ledger", "listed"}),
        ({"status": "draft"}, {"series": "INV-2026"}, {"status"}),
        ({"status": "issued"}, {"payments": [], "paid_minor": 0}, {"due", "events", "ledger"}),
        ({"status": "issued"}, {"tax_rule": {"inclusive": True, "rounding": "line"}}, {"total", "ledger"}),
        ({"status": "draft"}, {"lines": 3}, {"readable"}),
        ({"status": "draft"}, {"patient_id": "nobody"}, {"orphan"}),
        ({"status": "draft"}, {"practitioner_id": "nobody"}, {"orphan"}),
        ({"status": "draft"}, {"appointment_id": "nothing"}, {"orphan", "listed"}),
        ({"status": "draft"}, {"open": None}, {"listed"}),
        ({"status": "issued"}, {"open": None}, {"listed"}),
        ({"status": "issued"}, {"open": "owing:2026-01-01"}, {"listed"}),
        ({"status": "balanced"}, {"open": "owing:2026-03-02"}, {"listed"}),
        ({"status": "issued"}, {"live_appointment_id": None}, {"listed"}),
        ({"status": "cancelled"}, {"live_appointment_id": "visit"}, {"listed"}),
    ],
)
def test_a_damaged_invoice_is_found(worked: World, wanted: Fields, changes: Fields, expected: set[str]) -> None:
    """Its sums, payments, status, references and every unreadable field."""
    clinic = worked.clinic
    record = change(clinic, "invoices", an(clinic, "invoices", **wanted), **changes)
    assert set(rules(clinic)) == {(rule, record) for rule in expected}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("quantity", 0, {"lines", "total"}),
        ("discount_minor", 99_999_999, {"lines", "total"}),
        ("tax_basis_points", 1_900, {"total"}),
        ("unit_price_minor", 25_051, {"total"}),
        ("service_id", "nothing", {"orphan"}),
    ],
)
def test_a_damaged_line_is_found(worked: World, field: str, value: Any, expected: set[str]) -> None:
    """A draft's line whose numbers cannot be, or do not make the total."""
    clinic = worked.clinic
    draft = an(clinic, "invoices", status="draft")
    record = change(clinic, "invoices", draft, lines=[draft["lines"][0] | {field: value}])
    assert set(rules(clinic)) == {(rule, record) for rule in expected}


@pytest.mark.parametrize("amounts", [(0, 10_000), (-5_000, 15_000)])
def test_payments_below_zero_are_found(worked: World, amounts: tuple[int, int]) -> None:
    """Even where the sum is right."""
    clinic = worked.clinic
    bill = an(clinic, "invoices", status="issued")
    payments = [bill["payments"][0] | {"key": f"key-{i}", "amount_minor": a} for i, a in enumerate(amounts)]
    record = change(clinic, "invoices", bill, payments=payments)
    assert set(rules(clinic)) == {("paid", record), ("events", record), ("ledger", record)}


def test_a_payment_entered_twice_is_found(worked: World) -> None:
    """The same key twice, with the sum to match."""
    clinic = worked.clinic
    bill = an(clinic, "invoices", status="issued")
    due = bill["due_minor"] - 10_000
    record = change(clinic, "invoices", bill, payments=bill["payments"] * 2, paid_minor=20_000, due_minor=due)
    assert set(rules(clinic)) == {("paid", record), ("events", record), ("ledger", record)}


def test_too_much_money_is_found(worked: World) -> None:
    """More paid than asked for."""
    clinic = worked.clinic
    bill = an(clinic, "invoices", status="balanced")
    payments = [*bill["payments"], bill["payments"][0] | {"key": "more", "amount_minor": 1}]
    paid = bill["paid_minor"] + 1
    record = change(clinic, "invoices", bill, payments=payments, paid_minor=paid, due_minor=-1)
    assert {rule for rule, _ in rules(clinic)} == {"paid", "status", "events", "ledger"}
    assert {found for _, found in rules(clinic)} == {record}


def test_a_gap_in_the_numbers_is_found(worked: World) -> None:
    """In the middle, and at the beginning, of a series."""
    clinic = worked.clinic
    bill = an(clinic, "invoices", number=2)
    record = change(clinic, "invoices", bill, number=7)
    assert [(v.rule, v.record_id, v.message) for v in check.run(clinic)] == [
        ("ledger", record, "is INV-2026-00007, but was charged as INV-2026-00002"),
        ("number", "INV-2026", "INV-2026-00002 was never given out: a gap"),
        ("number", "INV-2026", "INV-2026-00004 to INV-2026-00006 was never given out: a gap"),
    ]
    change(clinic, "invoices", bill, number=2)
    change(clinic, "invoices", an(clinic, "invoices", number=1), number=4)
    assert "INV-2026-00001 was never given out" in check.run(clinic)[-1].message


def test_a_number_given_out_twice_is_found(worked: World) -> None:
    """Where the index that forbids it is missing."""
    clinic = worked.clinic
    clinic.database["invoices"].drop_index("series_1_number_1")
    change(clinic, "invoices", an(clinic, "invoices", number=3), number=2)
    assert [(v.rule, v.message) for v in check.run(clinic)] == [
        ("ledger", "is INV-2026-00002, but was charged as INV-2026-00003"),
        ("number", "INV-2026-00002 is given out twice"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"patient_id": "nobody"},
        {"practitioner_id": "nobody"},
        {"practitioner_id": make.DR_B},
        {"charges": [{"service_id": "nothing", "quantity": 1}]},
    ],
)
def test_a_note_that_refers_to_nothing_is_found(worked: World, changes: Fields) -> None:
    """Its patient, its doctor, what was delivered."""
    clinic = worked.clinic
    record = change(clinic, "encounters", an(clinic, "encounters"), **changes)
    assert set(rules(clinic)) == {("orphan", record)}


def test_records_without_their_appointment_are_found(worked: World) -> None:
    """A note and a bill of a visit that has vanished, and of one that is another patient's."""
    clinic = worked.clinic
    visit = an(clinic, "appointments", status="fulfilled")
    bill = an(clinic, "invoices", appointment_id=visit["_id"])
    clinic.database["appointments"].delete_one({"_id": visit["_id"]})
    assert set(rules(clinic)) == {("orphan", visit["_id"]), ("orphan", bill["_id"])}

    clinic.database["appointments"].insert_one(visit | {"patient_id": worked.ben.id, "holds": ["x@1"]})
    assert {("orphan", visit["_id"]), ("orphan", bill["_id"])} <= set(rules(clinic))


def test_unreadable_patients_and_notes_are_found(worked: World) -> None:
    """They are named, and the check goes on."""
    clinic = worked.clinic
    patient = change(clinic, "patients", an(clinic, "patients"), birth_date="long ago")
    note = change(clinic, "encounters", an(clinic, "encounters"), started_at=None)
    assert set(rules(clinic)) == {("readable", patient), ("readable", note)}


def test_hours_and_logins_of_nobody_are_found(worked: World) -> None:
    """A schedule whose practitioner is not there."""
    worked.clinic.schedules.save(make.schedule("nobody"))
    assert rules(worked.clinic) == [("orphan", "nobody")]


def test_the_check_reads_again_what_changes_under_its_eyes(
    worked: World, reception: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A visit that is read at 10:00, moved to 11:00, and its old time booked by another and read: no overlap."""
    clinic = worked.clinic
    tuesday = clinic.appointments.on_day(make.TUESDAY)[0]
    other = make.appointment(patient_id=worked.ben.id, start=tuesday.start)
    read = clinic.appointments.of_month

    def torn(month: str) -> Any:
        yield from list(read(month))
        if month == "2026-03" and not clinic.appointments.find(other.id):
            appointments.move(clinic, reception, tuesday, start=make.at("11:00", make.TUESDAY))
            clinic.appointments.add(other)
            yield from (stored for stored in read(month) if stored.id == other.id)

    monkeypatch.setattr(clinic.appointments, "of_month", torn)
    assert check.run(clinic) == []
    with pytest.raises(Conflict):
        appointments.move(clinic, reception, tuesday, start=make.at("12:00", make.TUESDAY))


def test_the_command_prints_a_line_per_violation(worked: World) -> None:
    """Exit status 0 and no line when all is well; 1 and a line each, or JSON, when not."""
    address = worked.clinic.settings.database_url
    well = _command(address)
    assert (well.returncode, well.stdout) == (0, "")
    assert "All is well." in well.stderr

    record = change(worked.clinic, "invoices", an(worked.clinic, "invoices", status="draft"), total_minor=1)
    ill = _command(address)
    assert ill.returncode == 1
    assert ill.stdout.startswith(f"total: {record} asks for 1, but its lines and tax make 29559")
    found = json.loads(_command(address, "--json").stdout)["violations"]
    assert [(v["rule"], v["record_id"]) for v in found] == [("total", record)]


def _command(address: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clinic_core", "check", *options],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": address},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
