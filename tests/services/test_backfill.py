"""Databases of a release without a journal: their invoices get the ledger that they would have had."""

from __future__ import annotations

from typing import Any

import pytest

from clinic_core.domain import history
from clinic_core.domain.billing import Invoice, InvoiceStatus, Payment, PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.domain.journal import Entry, Event, close_slot, entry_id
from clinic_core.errors import Unavailable
from clinic_core.services import backfill, billing, facts, ledger
from tests import make
from tests.conftest import World

_NEW_FIELDS = ("posted", "unposted", "adjustments", "credited_minor", "written_off_minor", "payer_due_minor")
_OLD_FIELDS = {"month": "2026-03", "unfolded": True}


def old(world: World, number: int, *payments: Payment, **changes: Any) -> Invoice:
    """Save an invoice of 500.00 as the release without a journal left it."""
    paid = sum(payment.amount_minor for payment in payments)
    given = {
        "patient_id": world.asha.id,
        "practitioner_id": world.dr_a.id,
        "series": "INV-2026",
        "number": number,
        "status": InvoiceStatus.BALANCED if paid == 50_000 else InvoiceStatus.ISSUED,
        "issued_at": make.at("10:00"),
        "issued_on": make.MONDAY,
        "issued_by": "reception",
        "payments": payments,
        "paid_minor": paid,
    }
    invoice = make.invoice(**{**given, **changes})
    world.clinic.invoices.add_many([invoice])
    gone = dict.fromkeys(_NEW_FIELDS, "")
    world.clinic.database["invoices"].update_one({"_id": invoice.id}, {"$unset": gone, "$set": _OLD_FIELDS})
    return invoice


def card(amount_minor: int, **changes: Any) -> Payment:
    return make.payment(amount_minor=amount_minor, method=PaymentMethod.CARD, **changes)


@pytest.fixture
def three(world: World, clock: make.Clock) -> list[Invoice]:
    """One paid in two parts, one that nobody has paid, one cancelled; it is Tuesday now."""
    on_tuesday = {"received_at": make.at("09:00", make.TUESDAY), "received_on": make.TUESDAY}
    clock.set("11:00", make.TUESDAY)
    return [
        old(world, 1, card(20_000), card(30_000, **on_tuesday)),
        old(world, 2),
        old(
            world,
            3,
            status=InvoiceStatus.CANCELLED,
            cancelled_at=make.at("11:00"),
            cancelled_on=make.MONDAY,
            cancel_reason="Wrong",
        ),
    ]


def events(world: World) -> dict[str, list[tuple[str, Event]]]:
    """Invoice id -> days and events of its entries, in order."""
    found: dict[str, list[tuple[str, Event]]] = {}
    for stored in sorted(
        world.clinic.journal.every(), key=lambda s: s.record.sequence(f"invoice:{s.record.invoice_id}")
    ):
        found.setdefault(stored.record.invoice_id, []).append((stored.record.day.isoformat(), stored.record.event))
    return found


def test_every_invoice_gets_its_entries_on_their_own_days(world: World, three: list[Invoice], manager):
    """And the figures of the reports are those of before."""
    steps: list[tuple[int, int]] = []
    assert backfill.run(world.clinic, lambda done, total: steps.append((done, total))) == 3

    assert events(world) == {
        three[0].id: [("2026-03-02", Event.ISSUE), ("2026-03-02", Event.PAYMENT), ("2026-03-03", Event.PAYMENT)],
        three[1].id: [("2026-03-02", Event.ISSUE)],
        three[2].id: [("2026-03-02", Event.ISSUE), ("2026-03-02", Event.CANCEL)],
    }
    for before in three:
        after = world.clinic.invoices.get(before.id)
        assert after.posted == len(events(world)[before.id])
        assert [p.entry_id != "" for p in after.payments] == [True] * len(before.payments)
        assert (after.status, after.paid_minor, after.due_minor) == (before.status, before.paid_minor, before.due_minor)
        assert after.cancel_reason == before.cancel_reason
    assert steps[-1] == (3, 3)
    assert facts.charges(world.clinic, manager)["total_minor"].sum() == 100_000
    assert facts.payments(world.clinic, manager)["amount_minor"].sum() == 50_000


def test_a_second_run_adds_nothing(world: World, three: list[Invoice]):
    """Nor does it read the invoices again."""
    backfill.run(world.clinic)
    before = sorted(world.clinic.database["journal"].find(), key=lambda d: d["_id"])

    assert backfill.run(world.clinic) == 0
    assert sorted(world.clinic.database["journal"].find(), key=lambda d: d["_id"]) == before


def test_a_run_that_died_is_completed(world: World, three: list[Invoice], monkeypatch: pytest.MonkeyPatch):
    """With the entries written and no invoice noting them."""
    saved = world.clinic.invoices.advance
    monkeypatch.setattr(world.clinic.invoices, "advance", lambda before, after: (_ for _ in ()).throw(Unavailable("x")))
    with pytest.raises(Unavailable):
        backfill.run(world.clinic)
    there = world.clinic.journal.count()
    assert there == 6
    monkeypatch.setattr(world.clinic.invoices, "advance", saved)

    assert backfill.run(world.clinic) == 3
    assert world.clinic.journal.count() == there
    assert [world.clinic.invoices.get(one.id).posted for one in three] == [3, 1, 2]


def test_the_desk_need_not_wait(world: World, three: list[Invoice], reception):
    """Whoever takes money first posts the past of that invoice; the run comes after and finds it done."""
    paid = billing.take_payment(
        world.clinic,
        reception,
        world.clinic.invoices.get(three[1].id),
        key=new_id(),
        amount_minor=50_000,
        method=PaymentMethod.CARD,
    )
    assert (paid.posted, paid.status) == (2, InvoiceStatus.BALANCED)

    assert backfill.run(world.clinic) == 2
    assert events(world)[three[1].id] == [("2026-03-02", Event.ISSUE), ("2026-03-03", Event.PAYMENT)]


def test_entries_without_an_invoice_that_notes_them_never_count_twice(world: World, three: list[Invoice]):
    """Between the two writes the desk or the sidecar may look at the invoice."""
    world.clinic.journal.add_history(history.events_of(three[0])[:2])

    after = ledger.current_invoice(world.clinic, three[0].id)

    assert (after.posted, after.paid_minor, len(after.payments)) == (3, 50_000, 2)


def test_the_past_of_a_closed_day_goes_to_the_first_open_one(world: World, three: list[Invoice]):
    """A closed day stays as it was printed."""
    _close(world)

    backfill.run(world.clinic)

    assert all(day == "2026-03-03" for rows in (events(world)[one.id] for one in three) for day, _ in rows)


def test_what_cannot_have_come_about_stops_nobody_else(world: World, three: list[Invoice]):
    """It stays as it is, for `check` to name."""
    odd = old(world, 4, card(80_000))

    backfill.run(world.clinic)

    assert odd.id not in events(world)
    assert world.clinic.invoices.get(three[1].id).posted == 1


def _close(world: World) -> None:
    world.clinic.journal.add(
        Entry(
            id=entry_id(make.MONDAY, 1),
            key="close",
            event=Event.DAY_CLOSE,
            day=make.MONDAY,
            at=make.at("21:00"),
            by="manager",
            slots=("key:close", close_slot(make.MONDAY)),
        )
    )
