"""Folding and reading: what was written is in every frame at once, and stays right whoever dies when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinic_core.clinic import Clinic, open_clinic
from clinic_core.domain import journal, settling
from clinic_core.domain.appointments import Appointment, AppointmentEvent
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.facts import Block
from clinic_core.domain.ids import new_id
from clinic_core.domain.journal import Entry
from clinic_core.domain.settling import Stamp
from clinic_core.errors import Forbidden
from clinic_core.services import billing, fact_memory, fact_tables, facts
from tests import make

APRIL = date(2026, 4, 7)
MAY = date(2026, 5, 5)


def other(clinic: Clinic) -> Clinic:
    """Another instance on the same database, which has read nothing yet."""
    return open_clinic(clinic.settings, now=clinic.now)


def posted(clinic: Clinic, made: Entry) -> Entry:
    """An entry that is in the ledger, under the next number of its day."""
    saved = clinic.journal.add(replace(made, slots=(journal.key_slot(made.key),)))
    assert saved is not None
    return saved


def stamp(on: date, key: str = "", **changes: Any) -> Stamp:
    """Done by the reception at that day."""
    return Stamp(key=key or new_id(), day=on, at=make.NOW, by="reception", **changes)


def issued(clinic: Clinic, *, on: date = make.MONDAY, **changes: Any) -> Invoice:
    """An issued invoice whose charges are in the ledger."""
    given = {"status": InvoiceStatus.ISSUED, "series": "INV-2026", "number": 1, "issued_on": on}
    invoice = make.invoice(**{**given, **changes})
    posted(clinic, settling.issue(invoice, stamp(on)))
    return invoice


def paid(clinic: Clinic, invoice: Invoice, amount_minor: int, *, on: date = make.MONDAY) -> Entry:
    """A payment that is in the ledger."""
    made = settling.payment(invoice, stamp(on), amount_minor=amount_minor, method=PaymentMethod.CASH)
    return posted(clinic, made)


def booked(clinic: Clinic, *, on: date = make.MONDAY, **changes: Any) -> Appointment:
    """A booked appointment that is saved."""
    appointment = make.appointment(start=make.at("10:00", on), **changes)
    clinic.appointments.add(appointment)
    return appointment


def moved(clinic: Clinic, before: Appointment, day: date) -> Appointment:
    """The appointment on another day."""
    start = make.at("10:00", day)
    event = AppointmentEvent(at=make.NOW, by="reception", kind="moved", status=before.status, start=start)
    return clinic.appointments.change(before, replace(before, start=start, day=day), event)


def billed(clinic: Clinic) -> int:
    """What the frames say was billed."""
    return int(facts.snapshot(clinic).charges.frame()["total_minor"].sum())


def collected(clinic: Clinic) -> int:
    """What the frames say came in."""
    return int(facts.snapshot(clinic).payments.frame()["amount_minor"].sum())


def days(clinic: Clinic) -> list[date]:
    """The days of the visits in the frames."""
    return sorted(day.date() for day in facts.snapshot(clinic).visits.frame()["day"])


@contextmanager
def dying_before(target: object, name: str) -> Iterator[None]:
    """The process dies at the moment it would call `name`."""

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(target, name, die)
        yield


def test_a_clinic_without_documents_has_empty_typed_frames(clinic, manager):
    """No rows is no error."""
    assert str(facts.charges(clinic, manager)["total_minor"].dtype) == "int64"
    assert facts.payments(clinic, manager).empty
    assert facts.visits(clinic, manager).empty


def test_what_was_written_is_in_the_frames_at_once_and_after_folding(clinic):
    """On this instance and on another one."""
    second = other(clinic)
    issued(clinic)
    booked(clinic)
    assert (billed(clinic), billed(second)) == (50_000, 50_000)

    assert facts.fold(clinic) == 2
    assert (billed(clinic), billed(second)) == (50_000, 50_000)
    assert (days(clinic), days(second)) == ([make.MONDAY], [make.MONDAY])
    assert facts.fold(clinic) == 0


def test_a_payment_after_folding_is_in_the_frames_at_once(clinic):
    """The charge is not counted twice while its document is in the tail again."""
    invoice = issued(clinic)
    facts.fold(clinic)
    facts.snapshot(clinic)

    paid(clinic, invoice, 12_300)

    assert collected(clinic) == 12_300
    assert billed(clinic) == 50_000
    assert facts.fold(clinic) == 1
    assert collected(clinic) == 12_300


def test_what_fails_in_the_ledger_does_not_keep_visits_from_being_folded(clinic, monkeypatch):
    """It is raised once they had their turn."""
    issued(clinic)
    booked(clinic)
    monkeypatch.setattr(facts.ledger, "settle", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        facts.fold(clinic)
    assert clinic.facts.appointments.unfolded() == ()
    assert len(clinic.facts.journal.unfolded()) == 1


def test_a_month_with_many_changes_is_read_whole(clinic, monkeypatch):
    """It comes to the same."""
    booked(clinic)
    issued(clinic)
    facts.fold(clinic)
    monkeypatch.setattr(facts, "_FEW", 1)
    issued(clinic)
    issued(clinic, on=make.TUESDAY)
    moved(clinic, booked(clinic, untimed=True), APRIL)

    facts.fold(clinic)

    assert (billed(clinic), billed(other(clinic))) == (150_000, 150_000)
    assert days(clinic) == days(other(clinic)) == [make.MONDAY, APRIL]


def test_folding_finishes_what_a_crash_left_in_the_ledger(world, reception, monkeypatch):
    """A payment whose till died before the invoice knew of it: the fold tells the invoice, then takes the mark."""
    clinic = world.clinic
    draft = billing.new_draft(
        clinic, reception, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A
    )
    draft = billing.set_lines(clinic, reception, draft, [make.line()])
    invoice = billing.issue(clinic, reception, draft)
    with dying_before(clinic.invoices, "advance"):
        billing.take_payment(
            clinic, reception, invoice, key="k", amount_minor=500, method=PaymentMethod.CASH, reference=""
        )
    assert clinic.invoices.get(invoice.id).paid_minor == 0

    facts.fold(clinic)

    assert clinic.invoices.get(invoice.id).paid_minor == 500
    assert clinic.facts.journal.unfolded() == ()
    assert collected(clinic) == 500


def test_the_same_frames_are_given_out_while_nothing_changes(clinic):
    """Callers may use them as a key."""
    issued(clinic)
    first = facts.snapshot(clinic)
    assert facts.snapshot(clinic) is first

    booked(clinic)
    after = facts.snapshot(clinic)
    assert after is not first
    assert after.serial > first.serial
    assert after.charges is first.charges


def test_a_moved_appointment_leaves_its_old_month(clinic):
    """Also when it moves twice, and when it was folded in between."""
    appointment = booked(clinic)
    facts.fold(clinic)
    appointment = moved(clinic, appointment, APRIL)
    assert days(clinic) == [APRIL]
    facts.fold(clinic)
    assert days(clinic) == days(other(clinic)) == [APRIL]

    moved(clinic, moved(clinic, appointment, MAY), make.TUESDAY)
    assert days(clinic) == days(other(clinic)) == [make.TUESDAY]
    facts.fold(clinic)
    assert days(clinic) == days(other(clinic)) == [make.TUESDAY]


def test_an_appointment_that_moves_on_while_it_is_folded_leaves_no_trace(clinic, monkeypatch):
    """It was written into April's block, and moved to May before it lost its mark."""
    appointment = booked(clinic)
    facts.fold(clinic)
    appointment = moved(clinic, appointment, APRIL)
    settle = clinic.facts.appointments.settle

    def move_then_settle(listed: Any) -> None:
        moved(clinic, appointment, MAY)
        settle(listed)

    monkeypatch.setattr(clinic.facts.appointments, "settle", move_then_settle)
    facts.fold(clinic)
    monkeypatch.undo()
    assert days(clinic) == days(other(clinic)) == [MAY]

    assert facts.fold(clinic) == 1
    assert days(clinic) == days(other(clinic)) == [MAY]


def test_a_change_while_it_is_folded_stays_in_the_tail(clinic, monkeypatch):
    """A payment between reading the documents and clearing the mark is neither lost nor doubled."""
    invoice = issued(clinic)
    settle = clinic.facts.journal.settle

    def pay_then_settle(listed: Any) -> None:
        paid(clinic, invoice, 100)
        settle(listed)

    monkeypatch.setattr(clinic.facts.journal, "settle", pay_then_settle)
    facts.fold(clinic)
    monkeypatch.undo()

    assert collected(other(clinic)) == 100
    assert facts.fold(clinic) == 1
    assert collected(other(clinic)) == 100


@pytest.mark.parametrize("line", ["replace", "publish", "journal.settle", "appointments.settle"])
def test_a_crash_at_any_line_is_mended_by_the_next_fold(clinic, line):
    """Readers are right before and after."""
    booked(clinic)
    issued(clinic)
    facts.fold(clinic)
    issued(clinic)
    booked(clinic, on=make.TUESDAY)
    assert billed(clinic) == 100_000
    owner, _, name = line.rpartition(".")

    with dying_before(getattr(clinic.facts, owner) if owner else clinic.facts, name):
        facts.fold(clinic)

    assert (billed(clinic), days(clinic)) == (100_000, [make.MONDAY, make.TUESDAY])
    facts.fold(clinic)
    assert facts.fold(clinic) == 0
    assert (billed(clinic), days(other(clinic))) == (100_000, [make.MONDAY, make.TUESDAY])


@pytest.mark.parametrize("there_before", [False, True])
def test_an_older_rebuild_never_replaces_a_newer_one(clinic, monkeypatch, there_before):
    """The slower of two sidecars read its documents before the faster one's block was written."""
    slow, tables_of = other(clinic), fact_memory.tables_of
    if there_before:
        issued(clinic, lines=())
        facts.fold(clinic)
    issued(clinic)

    def read_then_be_overtaken(clinic_: Clinic, *given: Any) -> fact_tables.Tables:
        tables = tables_of(clinic_, *given)
        if clinic_ is slow:
            issued(clinic)
            facts.fold(clinic)
        return tables

    monkeypatch.setattr(fact_memory, "tables_of", read_then_be_overtaken)

    assert facts.fold(slow) == 0
    assert billed(other(clinic)) == 100_000


def test_a_document_folded_between_the_two_looks_is_not_missed(clinic, monkeypatch):
    """The reader asked for the tail, then a fold took place, then it asked for the generation."""
    reader = other(clinic)
    facts.snapshot(reader)
    issued(clinic)
    generation = reader.facts.generation
    folded: list[int] = []

    def fold_first() -> str:
        if not folded:
            folded.append(facts.fold(clinic))
        return generation()

    monkeypatch.setattr(reader.facts, "generation", fold_first)
    assert billed(reader) == 50_000


def test_an_appointment_on_its_way_to_another_month_is_not_missed(clinic, monkeypatch):
    """It moved after the look at the tail; one of its two blocks was rebuilt before the blocks were read."""
    reader = other(clinic)
    appointment = booked(clinic)
    facts.fold(clinic)
    facts.snapshot(reader)
    generation = reader.facts.generation
    done: list[Appointment] = []

    def move_first() -> str:
        if not done:
            done.append(moved(clinic, appointment, APRIL))
            facts._rebuild(clinic, "appointments:2026-03")
            clinic.facts.publish()
        return generation()

    monkeypatch.setattr(reader.facts, "generation", move_first)
    assert days(reader) == [APRIL]


def test_a_reader_is_right_while_somebody_folds_all_the_time(clinic, monkeypatch):
    """It gives up looking again after a few rounds, and shows what it has seen by then."""
    reader, generation = other(clinic), None
    generation = reader.facts.generation

    def fold_first() -> str:
        issued(clinic)
        facts.fold(clinic)
        return generation()

    monkeypatch.setattr(reader.facts, "generation", fold_first)
    seen = billed(reader)
    assert seen >= 50_000 * fact_memory._LOOKS


def test_a_block_of_another_release_is_not_trusted_and_made_anew(clinic):
    """Its columns are not known; until the next fold its month is read from the documents."""
    issued(clinic)
    facts.fold(clinic)
    stamp = clinic.facts.stamp("journal:2026-03")
    older = Block(stamp="older", shape=fact_tables.SHAPE - 1, tables={"something": b"else"})
    clinic.facts.replace("journal:2026-03", older, before=stamp)
    clinic.facts.publish()
    assert billed(other(clinic)) == 50_000

    facts.fold(clinic)
    assert clinic.facts.of_older_shape(fact_tables.SHAPE) == []
    assert billed(other(clinic)) == billed(clinic) == 50_000


def test_rebuilding_makes_every_block_anew(clinic):
    """As after a restore that brought documents without their blocks."""
    issued(clinic)
    booked(clinic)
    facts.fold(clinic)
    clinic.database["fact_blocks"].delete_many({})
    assert billed(other(clinic)) == 0

    told: list[tuple[int, int]] = []
    assert facts.rebuild(clinic, lambda done, total: told.append((done, total))) == 2
    assert told == [(1, 2), (2, 2)]
    assert (billed(clinic), days(clinic)) == (50_000, [make.MONDAY])


def test_rebuilding_forgets_months_whose_documents_are_gone(clinic):
    """As after an import that was taken back."""
    issued(clinic)
    facts.fold(clinic)
    clinic.database["journal"].delete_many({})

    facts.rebuild(clinic)

    assert billed(clinic) == billed(other(clinic)) == 0


def test_rebuilding_does_not_leave_a_block_to_somebody_slower(clinic, monkeypatch):
    """A sidecar that read the documents before a bulk load wrote its block after it."""
    issued(clinic)
    bulk, month_tables = other(clinic), fact_memory.month_tables
    overtaken: list[int] = []

    def be_overtaken(clinic_: Clinic, block_id: str) -> fact_tables.Tables:
        tables = month_tables(clinic_, block_id)
        if clinic_ is bulk and not overtaken:
            overtaken.append(facts.fold(clinic))
        return tables

    monkeypatch.setattr(facts, "month_tables", be_overtaken)
    stamp = clinic.facts.stamp("journal:2026-03")
    assert facts.rebuild(bulk) == 1
    assert overtaken == [1]
    assert billed(other(clinic)) == 50_000
    assert clinic.facts.stamp("journal:2026-03") != stamp


def test_days_are_included_at_both_ends(clinic, manager):
    """From Monday to Monday is Monday."""
    booked(clinic)
    booked(clinic, on=make.TUESDAY)

    assert len(facts.visits(clinic, manager, make.MONDAY, make.MONDAY)) == 1
    assert len(facts.visits(clinic, manager, make.TUESDAY)) == 1
    assert len(facts.visits(clinic, manager, None, make.TUESDAY)) == 2


def test_figures_are_for_managers_and_administrators(clinic, reception, doctor):
    """Nobody else reads the facts."""
    for actor in (reception, doctor):
        with pytest.raises(Forbidden):
            facts.charges(clinic, actor)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["new", "move", "fold", "die", "read"])), max_size=25))
def test_frames_are_what_the_documents_say_whatever_happens(clinic, steps):
    """Random bookings, moves, folds and crashes, read by an instance that keeps what it has and by a fresh one."""
    kept: list[Appointment] = list(clinic.appointments.of_patient("patient-1"))
    for number, what in steps:
        day = date(2026, 3 + number, 2 + number)
        if what == "new":
            kept.append(booked(clinic, on=day, untimed=True))
        elif what == "move" and kept:
            place = number % len(kept)
            kept[place] = moved(clinic, kept[place], day)
        elif what == "fold":
            facts.fold(clinic)
        elif what == "die" and clinic.facts.appointments.unfolded():
            with dying_before(clinic.facts.appointments, "settle"):
                facts.fold(clinic)
        assert days(clinic) == sorted(a.day for a in kept)
    assert days(other(clinic)) == sorted(a.day for a in kept)
