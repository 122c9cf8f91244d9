"""Billing from the finished visit to the last payment, as staff do it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.audit import AuditEvent
from clinic_core.domain.billing import Invoice, InvoiceStatus, Party, PaymentMethod
from clinic_core.domain.encounters import ChargeItem, EncounterStatus
from clinic_core.domain.ids import derived_id, new_id
from clinic_core.domain.organization import Organization, TaxRounding, TaxRule
from clinic_core.errors import Conflict, Forbidden, IllegalTransition, InvalidInput, NotFound, OverPayment, Unavailable
from clinic_core.services import billing
from tests import make
from tests.conftest import World

CASH = PaymentMethod.CASH


def visit(world: World, **changes: Any) -> Appointment:
    """A finished consultation of Asha's with Dr A."""
    done = make.appointment(**{"patient_id": world.asha.id, "status": AppointmentStatus.FULFILLED, **changes})
    world.clinic.appointments.add_many([done])
    return done


def draft(world: World, actor: Actor, *lines: Any) -> Invoice:
    """A draft for Asha; one consultation for 500.00 unless lines are given."""
    made = billing.new_draft(
        world.clinic, actor, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A
    )
    return billing.set_lines(world.clinic, actor, made, lines or [make.line()])


def issued(world: World, actor: Actor, *lines: Any) -> Invoice:
    """The same, issued."""
    return billing.issue(world.clinic, actor, draft(world, actor, *lines))


def pay(world: World, actor: Actor, invoice: Invoice, amount: int, key: str = "") -> Invoice:
    """Take cash."""
    return billing.take_payment(world.clinic, actor, invoice, key=key or new_id(), amount_minor=amount, method=CASH)


def change_profile(world: World, **changes: Any) -> Organization:
    """What a manager does in Settings."""
    profile = world.clinic.organization_store.save(replace(world.clinic.organization(), **changes))
    world.clinic.forget_directory()
    return profile


def actions(world: World, invoice_id: str) -> list[tuple[str, str]]:
    """Who did what to an invoice, in alphabetical order: the tests' clock stands still."""
    now = world.clinic.now()
    events = world.clinic.audit.store.latest(since=now - timedelta(days=900), until=now + timedelta(days=900))
    return sorted((e.username, e.action) for e in events if e.record_id == invoice_id)


# -- drafts of visits ----------------------------------------------------------------------------------------------


def test_a_visit_is_billed_by_its_note(world: World, doctor: Actor) -> None:
    """The note's charges become lines with the catalogue's texts, prices and taxes."""
    done = visit(world)
    charges = (ChargeItem(service_id=make.CONSULTATION), ChargeItem(service_id=make.DRESSING, quantity=2))
    world.clinic.encounters.save(
        make.encounter(id=done.id, patient_id=world.asha.id, charges=charges, status=EncounterStatus.FINISHED)
    )

    made = billing.draft_for_visit(world.clinic, doctor, done.id)

    assert made.id == derived_id("invoice", done.id)
    assert (made.patient_id, made.appointment_id, made.visited_on) == (world.asha.id, done.id, make.MONDAY)
    assert [(line.description, line.quantity, line.unit_price_minor, line.tax_basis_points) for line in made.lines] == [
        ("Consultation", 1, 50_000, 0),
        ("Dressing", 2, 25_050, 1_800),
    ]
    assert made.total_minor == 50_000 + 50_100 + 9_018


def test_a_visit_without_a_note_is_billed_by_its_booking(world: World, reception: Actor) -> None:
    """The booked service is what is known."""
    made = billing.draft_for_visit(world.clinic, reception, visit(world, service_id=make.FOLLOW_UP).id)

    assert [(line.description, line.unit_price_minor) for line in made.lines] == [("Follow-up", 30_000)]


def test_a_visit_is_billed_once(world: World, reception: Actor, doctor: Actor) -> None:
    """Eight at once, and again after it was issued: one invoice."""
    done = visit(world)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: billing.draft_for_visit(world.clinic, doctor, done.id), range(8)))
    final = billing.issue(world.clinic, reception, made[0])

    assert {invoice.id for invoice in made} == {made[0].id}
    assert billing.draft_for_visit(world.clinic, doctor, done.id) == final


def test_an_unfinished_visit_is_not_billed(world: World, reception: Actor) -> None:
    """What will be done is not known yet."""
    with pytest.raises(IllegalTransition, match="checked-in"):
        billing.draft_for_visit(world.clinic, reception, visit(world, status=AppointmentStatus.CHECKED_IN).id)


def test_a_colleague_does_not_bill_my_visit(world: World, colleague: Actor) -> None:
    """A doctor drafts for their own visits only."""
    with pytest.raises(Forbidden):
        billing.draft_for_visit(world.clinic, colleague, visit(world).id)


def test_new_draft(world: World, reception: Actor) -> None:
    """A double click is one draft; patient and practitioner must exist."""
    given = {"invoice_id": new_id(), "patient_id": world.asha.id, "practitioner_id": make.DR_A}

    first = billing.new_draft(world.clinic, reception, **given)
    again = billing.new_draft(world.clinic, reception, **given)

    assert first == again
    assert (first.status, first.lines, first.currency) == (InvoiceStatus.DRAFT, (), "INR")
    with pytest.raises(NotFound):
        billing.new_draft(world.clinic, reception, **{**given, "invoice_id": new_id(), "patient_id": "nobody"})
    with pytest.raises(NotFound):
        billing.new_draft(world.clinic, reception, **{**given, "invoice_id": new_id(), "practitioner_id": "nobody"})


# -- lines ---------------------------------------------------------------------------------------------------------


def test_lines_and_a_discount_over_all(world: World, reception: Actor) -> None:
    """The discount is spread in proportion and the total follows."""
    made = draft(world, reception, make.line(), make.line(unit_price_minor=25_000))

    after = billing.set_lines(world.clinic, reception, made, made.lines, discount_minor=7_500)

    assert [line.discount_minor for line in after.lines] == [5_000, 2_500]
    assert after.total_minor == 67_500
    assert billing.set_lines(world.clinic, reception, made, made.lines, discount_minor=7_500) == after


def test_lines_that_cannot_be(world: World, reception: Actor) -> None:
    """Nothing is written."""
    made = draft(world, reception)

    with pytest.raises(InvalidInput, match="Line 1"):
        billing.set_lines(world.clinic, reception, made, [make.line(quantity=0)])
    with pytest.raises(InvalidInput, match="discount"):
        billing.set_lines(world.clinic, reception, made, made.lines, discount_minor=50_001)
    assert world.clinic.invoices.get(made.id) == made


def test_lines_of_two_desks(world: World, reception: Actor, manager: Actor) -> None:
    """The second to save is told, and does not undo the first."""
    made = draft(world, reception)
    billing.set_lines(world.clinic, manager, made, [make.line(quantity=2)])

    with pytest.raises(Conflict):
        billing.set_lines(world.clinic, reception, made, [make.line(quantity=3)])


def test_an_issued_invoice_keeps_its_lines(world: World, reception: Actor) -> None:
    """The message says what to do instead."""
    with pytest.raises(IllegalTransition, match="bill again"):
        billing.set_lines(world.clinic, reception, issued(world, reception), [make.line()])


# -- issuing -------------------------------------------------------------------------------------------------------


def test_issue_keeps_everything(world: World, reception: Actor) -> None:
    """Number, day, parties and texts are those of the day of issue, whatever changes later."""
    profile = change_profile(world, address="4 Lake View", phone="+91 80 4123 4567", tax_id="29ABCDE1234F1Z5")
    made = draft(world, reception)

    after = billing.issue(world.clinic, reception, made)
    world.clinic.patients.save(replace(world.asha, name="Asha Kulkarni"))
    change_profile(world, name="Sunset Clinic", locale="de_DE", time_zone="Europe/Berlin")

    assert world.clinic.invoices.get(made.id) == after
    assert (after.label, after.status, after.total_minor) == ("INV-2026-00001", InvoiceStatus.ISSUED, 50_000)
    assert (after.issued_at, after.issued_on, after.issued_by) == (make.NOW, make.MONDAY, "reception")
    assert after.issuer == Party(
        name=profile.name, address="4 Lake View", phone="+91 80 4123 4567", tax_id="29ABCDE1234F1Z5"
    )
    assert after.subject == Party(name="Asha Rao", number=world.asha.number, address=world.asha.address)
    assert (after.practitioner_name, after.locale, after.time_zone) == ("Dr A", "en_IN", "Asia/Kolkata")


def test_numbers_follow_each_other(world: World, reception: Actor) -> None:
    """Without gaps; drafts take none, a cancelled invoice keeps its own."""
    first = issued(world, reception)
    draft(world, reception)
    billing.cancel(world.clinic, make.actor(reception.role.MANAGER), first, "wrong patient")

    assert issued(world, reception).label == "INV-2026-00002"
    assert world.clinic.invoices.get(first.id).label == "INV-2026-00001"


def test_a_series_is_of_the_local_year(world: World, reception: Actor, clock: make.Clock) -> None:
    """At 00:01 in Kolkata it is still last year in UTC; the new year's series begins at 1."""
    clock.set("23:59", date(2026, 12, 31))
    old = issued(world, reception)
    clock.set("00:01", date(2027, 1, 1))
    new = issued(world, reception)

    assert (old.label, old.issued_on) == ("INV-2026-00001", date(2026, 12, 31))
    assert (new.label, new.issued_on) == ("INV-2027-00001", date(2027, 1, 1))


def test_two_desks_issue_one_draft(world: World, reception: Actor, manager: Actor) -> None:
    """Both see the one number."""
    made = draft(world, reception)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda actor: billing.issue(world.clinic, actor, made), [reception, manager] * 4))

    assert {invoice.label for invoice in found} == {"INV-2026-00001"}
    assert billing.issue(world.clinic, reception, found[0]) == found[0]


def test_an_empty_draft_is_not_issued(world: World, reception: Actor) -> None:
    """The message says what is missing."""
    made = billing.new_draft(
        world.clinic, reception, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A
    )

    with pytest.raises(InvalidInput, match="no lines"):
        billing.issue(world.clinic, reception, made)


def test_nothing_to_pay_is_balanced_at_once(world: World, reception: Actor) -> None:
    """A free visit has its invoice and waits for nobody."""
    after = issued(world, reception, make.line(discount_minor=50_000))

    assert (after.status, after.due_minor, after.label) == (InvoiceStatus.BALANCED, 0, "INV-2026-00001")
    assert billing.worklist(world.clinic, reception).unpaid == ()


def test_a_draft_changed_meanwhile_is_not_issued(world: World, reception: Actor, manager: Actor) -> None:
    """What was on the screen is not what would be issued."""
    made = draft(world, reception)
    billing.set_lines(world.clinic, manager, made, [make.line(quantity=2)])

    with pytest.raises(Conflict):
        billing.issue(world.clinic, reception, made)
    assert world.clinic.invoices.last_number("INV-2026") == 0


@pytest.mark.parametrize(
    "changes", [{"tax_rule": TaxRule(inclusive=True, rounding=TaxRounding.TOTAL)}, {"currency": "EUR"}]
)
def test_a_draft_of_another_rule_is_looked_at_again(world: World, reception: Actor, changes: dict[str, Any]) -> None:
    """A new tax rule or currency changes the total, so the desk sees it before it issues."""
    made = draft(world, reception, make.line(tax_basis_points=1_800))
    change_profile(world, **changes)

    with pytest.raises(Conflict, match="Save its lines again"):
        billing.issue(world.clinic, reception, made)
    saved = billing.set_lines(world.clinic, reception, made, made.lines)
    assert billing.issue(world.clinic, reception, saved).status is InvoiceStatus.ISSUED
    assert (saved.tax_rule, saved.currency) == (
        changes.get("tax_rule", TaxRule()),
        changes.get("currency", "INR"),
    )


# -- payments ------------------------------------------------------------------------------------------------------


def test_part_payments(world: World, reception: Actor, clock: make.Clock) -> None:
    """Each is kept with its time, method, reference and who took it; the last one balances."""
    invoice = issued(world, reception)
    pay(world, reception, invoice, 20_000)
    clock.set("17:30", make.TUESDAY)
    after = billing.take_payment(
        world.clinic, reception, invoice, key="k", amount_minor=30_000, method=PaymentMethod.UPI, reference=" 4033 "
    )

    last = after.payments[-1]
    assert (after.status, after.paid_minor, after.due_minor) == (InvoiceStatus.BALANCED, 50_000, 0)
    assert (last.method, last.reference, last.by) == (PaymentMethod.UPI, "4033", "reception")
    assert (last.received_at, last.received_on) == (make.at("17:30", make.TUESDAY), make.TUESDAY)


def test_a_double_click_pays_once(world: World, reception: Actor) -> None:
    """The same key again answers with the invoice as it is now."""
    invoice = issued(world, reception)
    first = pay(world, reception, invoice, 20_000, key="form")
    pay(world, reception, invoice, 10_000)

    again = pay(world, reception, invoice, 20_000, key="form")

    assert first.paid_minor == 20_000
    assert (again.paid_minor, len(again.payments)) == (30_000, 2)


def test_a_key_is_not_used_for_another_amount(world: World, reception: Actor) -> None:
    """The form was changed after it was sent: the desk is told what was taken."""
    invoice = issued(world, reception)
    pay(world, reception, invoice, 20_000, key="form")

    with pytest.raises(Conflict, match=r"₹200\.00"):
        pay(world, reception, invoice, 30_000, key="form")


def test_over_payment_is_refused(world: World, reception: Actor) -> None:
    """By the database's state, not by what an old screen shows."""
    invoice = issued(world, reception)
    pay(world, reception, invoice, 20_000)

    with pytest.raises(OverPayment, match=r"Only ₹300\.00 is due"):
        pay(world, reception, invoice, 50_000)
    pay(world, reception, invoice, 30_000)
    with pytest.raises(OverPayment, match="paid in full"):
        pay(world, reception, invoice, 1)


@pytest.mark.parametrize("amount", [0, -100, 1.5])
def test_an_amount_is_positive_and_whole(world: World, reception: Actor, amount: Any) -> None:
    """Refunds are no negative payments."""
    with pytest.raises(InvalidInput, match="above zero"):
        pay(world, reception, issued(world, reception), amount)


def test_no_money_for_drafts_and_cancelled_ones(world: World, reception: Actor, manager: Actor) -> None:
    """The message says what to do."""
    made = draft(world, reception)
    with pytest.raises(IllegalTransition, match="Issue it"):
        pay(world, reception, made, 100)
    gone = billing.cancel(world.clinic, manager, issued(world, reception), "wrong patient")
    with pytest.raises(IllegalTransition, match="cancelled"):
        pay(world, reception, gone, 100)


def test_eight_tills_pay_one_invoice(world: World, reception: Actor) -> None:
    """Every payment is sent twice, by threads that know an old invoice: the sum is exact, then it is balanced."""
    invoice = issued(world, reception, make.line(quantity=2))
    keys = [f"key-{number % 20}" for number in range(40)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: pay(world, reception, invoice, 5_000, key=key), keys))

    after = world.clinic.invoices.get(invoice.id)
    assert (after.paid_minor, after.status) == (100_000, InvoiceStatus.BALANCED)
    assert sorted(p.key for p in after.payments) == sorted(set(keys))


def test_tills_race_for_more_than_is_due(world: World, reception: Actor) -> None:
    """Twenty payments of 50.00 for 500.00: ten are taken, ten are told that nothing is due."""
    invoice = issued(world, reception)

    def taken(_: int) -> bool:
        try:
            pay(world, reception, invoice, 5_000)
        except OverPayment:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(taken, range(20))) == 10
    assert world.clinic.invoices.get(invoice.id).status is InvoiceStatus.BALANCED


# -- cancelling ----------------------------------------------------------------------------------------------------


def test_cancel_and_bill_again(world: World, reception: Actor, manager: Actor) -> None:
    """The invoice stays with its reason; the visit gets one new draft with the same lines."""
    wrong = billing.issue(world.clinic, reception, billing.draft_for_visit(world.clinic, reception, visit(world).id))

    gone = billing.cancel(world.clinic, manager, wrong, " wrong   price ")
    again = [billing.bill_again(world.clinic, reception, gone) for _ in "ab"]

    assert (gone.status, gone.cancel_reason, gone.label) == (InvoiceStatus.CANCELLED, "wrong price", wrong.label)
    assert (gone.cancelled_at, gone.cancelled_on, gone.due_minor) == (make.NOW, make.MONDAY, 0)
    assert billing.cancel(world.clinic, manager, wrong, "wrong price") == gone
    assert again[0] == again[1]
    assert (again[0].lines, again[0].appointment_id) == (wrong.lines, wrong.appointment_id)
    assert billing.draft_for_visit(world.clinic, reception, wrong.appointment_id or "") == again[0]


def test_a_cancelled_draft_is_not_made_again_by_itself(world: World, reception: Actor, manager: Actor) -> None:
    """A visit that was decided not to be billed stays so."""
    made = billing.draft_for_visit(world.clinic, reception, visit(world).id)
    gone = billing.cancel(world.clinic, manager, made, "free of charge")

    assert billing.draft_for_visit(world.clinic, reception, made.appointment_id or "") == gone


def test_what_cannot_be_cancelled(world: World, reception: Actor, manager: Actor) -> None:
    """Without a reason, or once money was taken, even by somebody who pays at this moment."""
    invoice = issued(world, reception)

    with pytest.raises(InvalidInput, match="Say why"):
        billing.cancel(world.clinic, manager, invoice, "  ")
    paid = pay(world, reception, invoice, 100)
    for seen in (invoice, paid):
        with pytest.raises(IllegalTransition, match=r"₹1\.00 was paid"):
            billing.cancel(world.clinic, manager, seen, "slip")


def test_who_may_cancel(world: World, reception: Actor, manager: Actor) -> None:
    """The desk throws away a draft of its own making; a visit's draft or an issued invoice takes a manager."""
    own = draft(world, reception)
    of_visit = billing.draft_for_visit(world.clinic, reception, visit(world).id)
    final = issued(world, reception)

    assert [billing.may_cancel(reception, invoice) for invoice in (own, of_visit, final)] == [True, False, False]
    assert [billing.may_cancel(manager, invoice) for invoice in (own, of_visit, final)] == [True, True, True]
    with pytest.raises(Forbidden):
        billing.cancel(world.clinic, reception, final, "slip")
    assert billing.cancel(world.clinic, reception, own, "slip").status is InvoiceStatus.CANCELLED


# -- finding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["INV-2026-00001", "inv-2026-1", " INV-2026-00001 ", "1", "00001"])
def test_find_a_number(world: World, reception: Actor, typed: str) -> None:
    """As printed, carelessly, or just the number of this year."""
    invoice = issued(world, reception)

    assert billing.find_number(world.clinic, reception, typed) == invoice


@pytest.mark.parametrize(
    ("typed", "error"),
    [("", InvalidInput), ("Asha", InvalidInput), ("INV-2026-", InvalidInput), ("0", InvalidInput), ("2", NotFound)],
)
def test_what_is_no_number(world: World, reception: Actor, typed: str, error: type[Exception]) -> None:
    """The message shows what a number looks like, or which one there is not."""
    with pytest.raises(error, match="INV-2026-000"):
        billing.find_number(world.clinic, reception, typed)


def test_worklist(world: World, reception: Actor, clock: make.Clock) -> None:
    """Drafts to bill, invoices to be paid, latest first, with their patients."""
    first = draft(world, reception)
    owing = issued(world, reception)
    clock.pass_(minutes=5)
    second = billing.draft_for_visit(world.clinic, reception, visit(world, patient_id=world.ben.id).id)
    pay(world, reception, issued(world, reception), 50_000)

    work = billing.worklist(world.clinic, reception)

    assert [(item.invoice.id, item.patient.id) for item in work.to_bill] == [
        (second.id, world.ben.id),
        (first.id, world.asha.id),
    ]
    assert [item.invoice for item in work.unpaid] == [owing]
    assert (work.to_bill_count, work.unpaid_count) == (2, 1)


def test_a_long_worklist_is_cut(world: World, reception: Actor) -> None:
    """Fifty of each, the latest, with the count of all."""
    many = [
        make.invoice(
            patient_id=world.ben.id,
            status=InvoiceStatus.ISSUED,
            series="INV-2026",
            number=number,
            issued_at=make.NOW - timedelta(days=number),
            issued_on=make.MONDAY - timedelta(days=number),
        )
        for number in range(1, 231)
    ]
    world.clinic.invoices.add_many(many)
    world.clinic.invoices.add_many(make.invoice(patient_id=world.asha.id) for _ in range(60))

    work = billing.worklist(world.clinic, reception)

    assert [item.invoice.number for item in work.unpaid] == list(range(1, 51))
    assert (len(work.to_bill), work.to_bill_count, work.unpaid_count) == (50, 60, 230)


def test_a_patients_invoices(world: World, reception: Actor) -> None:
    """Those of that patient."""
    invoice = issued(world, reception)

    assert billing.of_patient(world.clinic, reception, world.asha.id) == [invoice]
    assert billing.of_patient(world.clinic, reception, world.ben.id) == []


# -- who, and the trail --------------------------------------------------------------------------------------------


def test_money_is_the_desks(world: World, reception: Actor, doctor: Actor, admin: Actor) -> None:
    """Doctors and administrators neither see nor touch invoices."""
    made, final = draft(world, reception), issued(world, reception)
    for actor in (doctor, admin):
        for attempt in (
            lambda a=actor: billing.get(world.clinic, a, final.id),
            lambda a=actor: billing.opened(world.clinic, a, final.id),
            lambda a=actor: billing.find_number(world.clinic, a, "1"),
            lambda a=actor: billing.of_patient(world.clinic, a, world.asha.id),
            lambda a=actor: billing.worklist(world.clinic, a),
            lambda a=actor: billing.set_lines(world.clinic, a, made, made.lines),
            lambda a=actor: billing.issue(world.clinic, a, made),
            lambda a=actor: pay(world, a, final, 100),
            lambda a=actor: billing.cancel(world.clinic, a, final, "slip"),
            lambda a=actor: billing.bill_again(world.clinic, a, final),
            lambda a=actor: draft(world, a),
        ):
            with pytest.raises(Forbidden):
                attempt()
    assert world.clinic.invoices.get(final.id) == final


def test_everything_leaves_a_line(world: World, reception: Actor, manager: Actor) -> None:
    """Who drafted, changed, issued, took, read and cancelled."""
    invoice = issued(world, reception)
    billing.get(world.clinic, manager, invoice.id)
    pay(world, reception, invoice, 100)
    gone = billing.cancel(world.clinic, manager, other := issued(world, reception), "slip")

    assert actions(world, invoice.id) == [
        ("manager", "invoice.read"),
        ("reception", "invoice.issue"),
        ("reception", "invoice.write"),
        ("reception", "invoice.write"),
        ("reception", "payment.take"),
    ]
    assert actions(world, other.id)[0] == ("manager", "invoice.cancel")
    assert gone.status is InvoiceStatus.CANCELLED


@pytest.mark.parametrize("lost", [False, True])
def test_issuing_and_cancelling_leave_one_line_each(
    world: World, reception: Actor, manager: Actor, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """A double click wrote two; and whoever died before the line left none, for the retry found the work done."""
    clinic, kept = world.clinic, world.clinic.audit.store.add
    before = draft(world, reception)

    def cut_off(event: AuditEvent) -> None:
        if lost and event.action in {"invoice.issue", "invoice.cancel"}:
            raise Unavailable("the line never arrived")
        kept(event)

    def twice(work: Callable[[], Invoice]) -> Invoice:
        with monkeypatch.context() as broken, suppress(Unavailable):
            broken.setattr(clinic.audit.store, "add", cut_off)
            work()
        return work()

    final = twice(lambda: billing.issue(clinic, reception, clinic.invoices.get(before.id)))
    twice(lambda: billing.cancel(clinic, manager, clinic.invoices.get(final.id), "slip"))

    assert actions(world, final.id) == [
        ("manager", "invoice.cancel"),
        ("reception", "invoice.issue"),
        ("reception", "invoice.write"),
        ("reception", "invoice.write"),
    ]
