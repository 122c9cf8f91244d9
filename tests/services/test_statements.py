"""Statements of account, computed by hand: of a patient, of a payer, as of past days; and payments of payers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.domain.payers import Payer
from clinic_core.domain.statements import SlipKind, Statement
from clinic_core.errors import Conflict, Forbidden, InvalidInput, NotFound, OverPayment, Unavailable
from clinic_core.services import billing, day_close, ledger, payer_payments, settlement, statements
from tests import make
from tests.conftest import World

CASH, BANK = PaymentMethod.CASH, PaymentMethod.BANK_TRANSFER
PAYER = "payer-1"


@pytest.fixture(autouse=True)
def insurer(world: World) -> Payer:
    """Sure Health, who pays 80 % of a bill within 30 days."""
    payer = Payer(id=PAYER, name="Sure Health", share_basis_points=8_000)
    world.clinic.payers.add(payer)
    world.clinic.forget_directory()
    return payer


@pytest.fixture
def bill(world: World, reception: Actor) -> Invoice:
    """500.00 for Asha, issued today."""
    return issued(world.clinic, reception, world.asha.id)


def issued(clinic: Clinic, actor: Actor, patient_id: str, price: int = 50_000, *, payer: int = 0) -> Invoice:
    """An issued invoice of one line; `payer` basis points of it are the insurer's."""
    draft = billing.new_draft(clinic, actor, invoice_id=new_id(), patient_id=patient_id, practitioner_id=make.DR_A)
    draft = billing.set_lines(clinic, actor, draft, [make.line(unit_price_minor=price)])
    if payer:
        draft = billing.set_payer(clinic, actor, draft, PAYER, basis_points=payer)
    return billing.issue(clinic, actor, draft)


def pay(world: World, actor: Actor, invoice: Invoice, amount: int) -> Invoice:
    """Cash of the patient."""
    return billing.take_payment(world.clinic, actor, invoice, key=new_id(), amount_minor=amount, method=CASH)


def told(statement: Statement) -> list[tuple[str, str, int, int, int]]:
    """Event, number, charged, settled, owed after it."""
    return [(x.event, x.label, x.debit_minor, x.credit_minor, x.balance_minor) for x in statement.lines]


def aged(statement: Statement) -> list[int]:
    """Up to 30 days, 60, 90, more."""
    return [age.amount_minor for age in statement.ageing]


def test_a_patients_story(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """Charged 500, paid 200, credited 400 of which 100 were paid already: nothing owed, 100 held."""
    paid = pay(world, reception, bill, 20_000)
    settlement.credit_note(world.clinic, manager, paid, key="c", amounts={0: 40_000}, reason="Not done")

    made = statements.of_patient(world.clinic, reception, world.asha.id, None, make.MONDAY)

    assert told(made) == [
        ("issue", "INV-2026-00001", 50_000, 0, 50_000),
        ("payment", "INV-2026-00001", 0, 20_000, 30_000),
        ("credit-note", "CN-2026-00001", 10_000, 40_000, 0),  # taken back 400; of it 100 put aside
    ]
    assert (made.opening_minor, made.closing_minor, made.held_minor) == (0, 0, 10_000)
    assert (made.party.name, made.party.number, made.issuer.name) == ("Asha Rao", "P-000001", "Sunrise Clinic")
    assert aged(made) == [0, 0, 0, 0]


def test_money_held_comes_and_goes(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """Deposit 800, 500 of it pay the invoice, 100 are given back: 200 held."""
    clinic, asha = world.clinic, world.asha.id
    settlement.deposit(clinic, reception, asha, key="d", amount_minor=80_000, method=CASH)
    settlement.apply_credit(clinic, reception, bill, key="a", amount_minor=50_000)
    settlement.deposit_refund(clinic, manager, asha, key="r", amount_minor=10_000, method=CASH, reason="Moves away")

    made = statements.of_patient(clinic, reception, asha, None, make.MONDAY)

    assert told(made) == [
        ("issue", "INV-2026-00001", 50_000, 0, 50_000),
        ("deposit", "", 80_000, 80_000, 50_000),
        ("apply-credit", "INV-2026-00001", 0, 50_000, 0),
        ("deposit-refund", "", 10_000, 10_000, 0),
    ]
    assert (made.closing_minor, made.held_minor) == (0, 20_000)


def test_refunds_write_offs_and_transfers(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """Paid 500, 100 given back, 300 moved to a second invoice of 300; 250 of what is due again are written off."""
    clinic, other = world.clinic, issued(world.clinic, reception, world.asha.id, 30_000)
    paid = pay(world, reception, bill, 50_000)
    back = settlement.refund(clinic, manager, paid, key="r", amount_minor=10_000, method=CASH, reason="Too much")
    moved = settlement.transfer(clinic, manager, back, other, key="t", amount_minor=30_000, reason="Meant for it")
    settlement.write_off(clinic, manager, moved, key="w", amount_minor=25_000, reason="Hardship")

    made = statements.of_patient(clinic, reception, world.asha.id, None, make.MONDAY)

    assert told(made) == [
        ("issue", "INV-2026-00001", 50_000, 0, 50_000),
        ("issue", "INV-2026-00002", 30_000, 0, 80_000),
        ("payment", "INV-2026-00001", 0, 50_000, 30_000),
        ("refund", "INV-2026-00001", 10_000, 0, 40_000),
        ("transfer", "INV-2026-00001", 30_000, 0, 70_000),
        ("transfer", "INV-2026-00002", 0, 30_000, 40_000),
        ("write-off", "INV-2026-00001", 0, 25_000, 15_000),
    ]
    assert made.closing_minor == sum(i.due_minor for i in clinic.invoices.of_patient(world.asha.id)) == 15_000
    assert aged(made) == [15_000, 0, 0, 0]


def test_what_was_taken_back_is_owed_again(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """Of a bill of 500: 200 from the account and 300 written off, both of it undone; nothing is late by it."""
    clinic, asha = world.clinic, world.asha.id
    settlement.deposit(clinic, reception, asha, key="d", amount_minor=20_000, method=CASH)
    used = settlement.apply_credit(clinic, reception, bill, key="a", amount_minor=20_000)
    lost = settlement.write_off(clinic, manager, used, key="w", amount_minor=30_000, reason="Hardship")
    for made in lost.adjustments:
        settlement.reverse(clinic, manager, lost, made.entry_id, reason="Wrong bill")

    statement = statements.of_patient(clinic, reception, asha, None, make.MONDAY)

    assert told(statement)[3:] == [
        ("write-off", "INV-2026-00001", 0, 30_000, 0),
        ("reversal", "INV-2026-00001", 20_000, 0, 20_000),
        ("reversal", "INV-2026-00001", 30_000, 0, 50_000),
    ]
    assert (statement.closing_minor, statement.held_minor, aged(statement)) == (50_000, 20_000, [50_000, 0, 0, 0])
    day_close.close(clinic, manager, make.MONDAY)
    figures = day_close.paper(clinic, manager, make.MONDAY)
    assert (figures.written_off_minor, figures.credit_applied_minor) == (0, 0)


def test_a_cancelled_invoice_is_charged_and_taken_back(world: World, manager: Actor, bill: Invoice) -> None:
    """Both lines stay."""
    billing.cancel(world.clinic, manager, bill, "Wrong patient")

    made = statements.of_patient(world.clinic, manager, world.asha.id, None, make.MONDAY)

    assert told(made) == [
        ("issue", "INV-2026-00001", 50_000, 0, 50_000),
        ("cancel", "INV-2026-00001", 0, 50_000, 0),
    ]


def test_a_period_opens_with_what_was_owed(world: World, reception: Actor, bill: Invoice, clock: make.Clock) -> None:
    """500 in March and 300 in April; the statement of April begins with the 500."""
    clock.set("10:00", date(2026, 4, 10))
    issued(world.clinic, reception, world.asha.id, 30_000)

    made = statements.of_patient(world.clinic, reception, world.asha.id, date(2026, 4, 1), date(2026, 4, 30))

    assert (made.opening_minor, made.closing_minor) == (50_000, 80_000)
    assert told(made) == [("issue", "INV-2026-00002", 30_000, 0, 80_000)]
    assert aged(made) == [30_000, 50_000, 0, 0]  # 20 and 59 days old on 30 April


@pytest.mark.parametrize(
    ("days", "place"), [(-1, 0), (0, 0), (30, 0), (31, 1), (60, 1), (61, 2), (90, 2), (91, 3), (1000, 3)]
)
def test_ages(days: int, place: int) -> None:
    """Whole days from the issue to the statement's day; the edges belong to the younger bucket.

    What is billed after today's close is dated tomorrow: in no bucket, it would be missing in what is owed.
    """
    found = statements.ages([(make.MONDAY - timedelta(days=days), 700)], make.MONDAY)

    assert [age.amount_minor for age in found] == [700 if n == place else 0 for n in range(4)]


def test_a_past_day_stays_as_it_was(
    world: World, reception: Actor, manager: Actor, bill: Invoice, clock: make.Clock
) -> None:
    """Up to Monday it says the same on Tuesday, in a month and in a year, whatever was done meanwhile."""
    clinic, asha = world.clinic, world.asha.id
    clock.set("09:00", make.TUESDAY)
    first = statements.of_patient(clinic, reception, asha, None, make.MONDAY)
    paid = pay(world, reception, bill, 50_000)
    clock.set("09:00", make.TUESDAY + timedelta(days=365))
    settlement.credit_note(clinic, manager, paid, key="c", amounts={0: 50_000}, reason="Not done")

    assert statements.of_patient(clinic, reception, asha, None, make.MONDAY) == first
    assert first.closing_minor == 50_000
    assert statements.of_patient(clinic, reception, asha, None, make.TUESDAY).closing_minor == 0


def test_what_the_caches_do_not_hold_yet_is_there(world: World, reception: Actor, bill: Invoice) -> None:
    """Somebody died after the insert: the invoice lags behind, the statement does not."""
    behind = world.clinic.invoices.get(bill.id)
    pay(world, reception, bill, 10_000)
    pay(world, reception, bill, 15_000)
    now = world.clinic.invoices.get(bill.id)
    world.clinic.invoices._collection.update_one(
        {"_id": bill.id}, {"$set": {"posted": behind.posted, "payments": [], "paid_minor": 0, "version": now.version}}
    )

    made = statements.of_patient(world.clinic, reception, world.asha.id, None, make.MONDAY)

    assert made.closing_minor == 25_000


def test_a_payers_statement(world: World, reception: Actor) -> None:
    """80 % of 500 and of 300; one payment; the patients' parts are not on it, and each line names its patient."""
    clinic = world.clinic
    first = issued(clinic, reception, world.asha.id, payer=8_000)
    issued(clinic, reception, world.ben.id, 30_000, payer=8_000)
    pay(world, reception, first, 10_000)  # Asha's own part
    billing.take_payment(clinic, reception, first, key="p", amount_minor=15_000, method=BANK, payer=True)

    made = statements.of_payer(clinic, reception, PAYER, None, make.MONDAY)

    assert told(made) == [
        ("issue", "INV-2026-00001", 40_000, 0, 40_000),
        ("issue", "INV-2026-00002", 24_000, 0, 64_000),
        ("payment", "INV-2026-00001", 0, 15_000, 49_000),
    ]
    assert [line.text for line in made.lines] == ["Asha Rao", "Ben Müller", "Asha Rao"]
    assert (made.party.name, made.held_minor, aged(made)) == ("Sure Health", 0, [49_000, 0, 0, 0])
    asha = statements.of_patient(clinic, reception, world.asha.id, None, make.MONDAY)
    assert told(asha) == [
        ("issue", "INV-2026-00001", 10_000, 0, 10_000),
        ("payment", "INV-2026-00001", 0, 10_000, 0),
    ]


def test_a_payers_period_counts_what_was_settled_before(world: World, reception: Actor, clock: make.Clock) -> None:
    """Paid in March, owed since March, billed in April: April opens with what was still owed."""
    clinic = world.clinic
    first = issued(clinic, reception, world.asha.id, payer=10_000)
    issued(clinic, reception, world.ben.id, 30_000, payer=10_000)
    billing.take_payment(clinic, reception, first, key="p", amount_minor=50_000, method=BANK, payer=True)
    clock.set("10:00", date(2026, 4, 10))
    issued(clinic, reception, world.ben.id, 20_000, payer=10_000)

    made = statements.of_payer(clinic, reception, PAYER, date(2026, 4, 1), date(2026, 4, 30))
    whole = statements.of_payer(clinic, reception, PAYER, None, date(2026, 4, 30))

    assert (made.opening_minor, told(made)) == (30_000, [("issue", "INV-2026-00003", 20_000, 0, 50_000)])
    assert (whole.closing_minor, aged(whole)) == (50_000, aged(made))


def test_a_share_that_moves(world: World, reception: Actor) -> None:
    """The insurer refuses 100 of its 400: the patient owes them now."""
    bill = issued(world.clinic, reception, world.asha.id, payer=8_000)
    settlement.assign(world.clinic, reception, bill, key="a", amount_minor=10_000, to_payer=False, reason="Not covered")

    payer = statements.of_payer(world.clinic, reception, PAYER, None, make.MONDAY)
    patient = statements.of_patient(world.clinic, reception, world.asha.id, None, make.MONDAY)

    assert told(payer)[1:] == [("assign", "INV-2026-00001", 0, 10_000, 30_000)]
    assert told(patient)[1:] == [("assign", "INV-2026-00001", 10_000, 0, 20_000)]


def test_who_may_read_statements(world: World, doctor: Actor, admin: Actor) -> None:
    """The desk and managers."""
    for actor in (doctor, admin):
        with pytest.raises(Forbidden):
            statements.of_patient(world.clinic, actor, world.asha.id, None, make.MONDAY)
        with pytest.raises(Forbidden):
            statements.of_payer(world.clinic, actor, PAYER, None, make.MONDAY)


def test_what_cannot_be_asked_for(world: World, reception: Actor) -> None:
    """Somebody who is not there, or a period that ends before it begins."""
    with pytest.raises(NotFound):
        statements.of_patient(world.clinic, reception, "nobody", None, make.MONDAY)
    with pytest.raises(NotFound):
        statements.of_payer(world.clinic, reception, "nobody", None, make.MONDAY)
    with pytest.raises(InvalidInput):
        statements.of_patient(world.clinic, reception, world.asha.id, make.TUESDAY, make.MONDAY)


def test_the_slip_of_a_deposit(world: World, reception: Actor, manager: Actor) -> None:
    """What changed hands, and what was held right after it, whatever came later."""
    clinic, asha = world.clinic, world.asha.id
    settlement.deposit(clinic, reception, asha, key="1", amount_minor=30_000, method=CASH, reference="Card 7")
    settlement.deposit(clinic, reception, asha, key="2", amount_minor=20_000, method=CASH)
    back = settlement.deposit_refund(
        clinic, manager, asha, key="3", amount_minor=10_000, method=BANK, reason="Moves away"
    )
    last, second, first = (statements.slip(clinic, reception, entry.id) for entry in back.entries)

    assert (first.kind, first.amount_minor, first.held_minor) == (SlipKind.DEPOSIT, 30_000, 30_000)
    assert (first.reference, first.method, first.party.number) == ("Card 7", CASH, "P-000001")
    assert (second.amount_minor, second.held_minor) == (20_000, 50_000)
    assert (last.kind, last.amount_minor, last.held_minor) == (SlipKind.DEPOSIT_REFUND, 10_000, 40_000)
    assert (last.reason, last.method) == ("Moves away", BANK)
    with pytest.raises(NotFound):
        statements.slip(clinic, reception, "2026-03-02#99999")


def test_a_slip_is_printed_the_same_for_ever(world: World, reception: Actor, clock: make.Clock) -> None:
    """The clinic moves, the patient marries, a year passes."""
    clinic, asha = world.clinic, world.asha
    (entry,) = settlement.deposit(clinic, reception, asha.id, key="1", amount_minor=30_000, method=CASH).entries
    first = statements.slip(clinic, reception, entry.id)
    clinic.patients.save(replace(asha, name="Asha Verma"))
    clinic.organization_store.save(replace(clinic.organization(), name="Sunset Clinic", locale="de_DE"))
    clinic.forget_directory()
    clock.set("09:00", make.MONDAY + timedelta(days=365))

    assert statements.slip(clinic, reception, entry.id) == first


# -- payers who owe ------------------------------------------------------------------------------------------------


@pytest.fixture
def owed(world: World, reception: Actor, clock: make.Clock) -> list[Invoice]:
    """Three invoices of the insurer's, 100 days, 40 days and no day old: 400, 240 and 80."""
    made = []
    for days, price in ((100, 50_000), (40, 30_000), (0, 10_000)):
        clock.set("09:00", make.MONDAY - timedelta(days=days))
        made.append(issued(world.clinic, reception, world.asha.id, price, payer=8_000))
    clock.set("09:00", make.MONDAY)
    return made


def take(
    world: World, actor: Actor, amount: int, key: str = "k", method: PaymentMethod = BANK
) -> payer_payments.Allocated:
    """One bank transfer of the insurer."""
    given = {"key": key, "amount_minor": amount, "method": method, "reference": "UTR 1"}
    return payer_payments.take(world.clinic, actor, PAYER, **given)  # type: ignore[arg-type]


def test_what_payers_owe(world: World, reception: Actor, owed: list[Invoice]) -> None:
    """By age; late is what is older than the payer's 30 days."""
    (debt,) = payer_payments.owing(world.clinic, reception)

    assert (debt.payer.name, debt.owed_minor, debt.late_minor) == ("Sure Health", 72_000, 64_000)
    assert debt.oldest_on == make.MONDAY - timedelta(days=100)
    assert [age.amount_minor for age in debt.ageing] == [8_000, 24_000, 0, 40_000]
    assert [invoice.label for invoice in debt.invoices] == [invoice.label for invoice in owed]
    assert payer_payments.owed_by(world.clinic, reception, PAYER) == debt


def test_one_payment_pays_the_oldest_first(world: World, reception: Actor, owed: list[Invoice]) -> None:
    """500 pay the first whole and 100 of the second."""
    done = take(world, reception, 50_000)

    assert [(part.label, part.amount_minor) for part in done.parts] == [
        (owed[0].label, 40_000),
        (owed[1].label, 10_000),
    ]
    assert (done.amount_minor, done.left_minor) == (50_000, 0)
    after = [world.clinic.invoices.get(one.id) for one in owed]
    assert [one.payer_due_minor for one in after] == [0, 14_000, 8_000]
    assert [one.patient_due_minor for one in after] == [10_000, 6_000, 2_000]  # the patient still owes the own part
    assert [(p.reference, p.payer, p.by) for p in after[0].payments] == [("UTR 1", True, "reception")]


def test_all_of_it_leaves_nobody_owing(world: World, reception: Actor, owed: list[Invoice]) -> None:
    """Then the payer is off the list."""
    take(world, reception, 72_000)

    assert payer_payments.owing(world.clinic, reception) == []
    assert payer_payments.owed_by(world.clinic, reception, PAYER) is None


def test_the_same_payment_twice_is_one(world: World, reception: Actor, owed: list[Invoice]) -> None:
    """Also eight at once."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: take(world, reception, 50_000), range(8)))

    assert len({done.parts for done in found}) == 1
    assert sum(world.clinic.invoices.get(one.id).payer_paid_minor for one in owed) == 50_000


@pytest.mark.parametrize("look", [1, 2])
def test_a_second_tab_gets_what_its_own_form_took(
    world: World, reception: Actor, owed: list[Invoice], monkeypatch: pytest.MonkeyPatch, look: int
) -> None:
    """The first tab is done while the second one looks: it is not told that the payer owes nothing, or less."""
    read, looks, first = world.clinic.invoices.of_payer, [], []

    def slow(payer_id: str) -> list[Invoice]:
        looks.append(payer_id)
        if len(looks) == look:
            first.append(take(world, reception, 72_000))
        return read(payer_id)

    monkeypatch.setattr(world.clinic.invoices, "of_payer", slow)

    second = take(world, reception, 72_000)

    assert [second] == first
    assert (second.amount_minor, second.left_minor) == (72_000, 0)


def test_a_payment_whose_audit_line_was_cut_off_gets_it(
    world: World, reception: Actor, owed: list[Invoice], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The money is taken and who took it unknown: the same form again writes the line, and only once."""
    with monkeypatch.context() as patch:
        patch.setattr(world.clinic.audit, "record", lambda *_, **__: (_ for _ in ()).throw(Unavailable("away")))
        with pytest.raises(Unavailable):
            take(world, reception, 50_000)
    for _ in range(2):
        take(world, reception, 50_000)
    lines = [line for line in world.clinic.database["audit_events"].find({"action": "payment.take"})]
    assert sorted(line["detail"]["amount_minor"] for line in lines) == ["10000", "40000"]


def test_a_payment_that_was_cut_off_is_completed(
    world: World, reception: Actor, owed: list[Invoice], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away after the first invoice; the same form again pays the rest and nothing twice."""
    post, calls = ledger.post, []

    def dying(*args: object, **kwargs: object) -> ledger.Posted:
        calls.append(args)
        if len(calls) > 1:
            raise Unavailable("The database does not answer.")
        return post(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "post", dying)
    with pytest.raises(Unavailable):
        take(world, reception, 70_000)
    monkeypatch.setattr(ledger, "post", post)
    assert sum(world.clinic.invoices.get(one.id).payer_paid_minor for one in owed) == 40_000

    done = take(world, reception, 70_000)

    assert [part.amount_minor for part in done.parts] == [40_000, 24_000, 6_000]
    assert [world.clinic.invoices.get(one.id).payer_due_minor for one in owed] == [0, 0, 2_000]


def test_more_than_is_owed_is_refused(world: World, reception: Actor, owed: list[Invoice]) -> None:
    """Nothing is taken then."""
    with pytest.raises(OverPayment, match="720.00"):
        take(world, reception, 72_001)
    assert not any(world.clinic.invoices.get(one.id).payments for one in owed)


def test_a_smaller_amount_under_the_same_key_is_a_conflict(world: World, reception: Actor, owed: list[Invoice]) -> None:
    """The form took more already; or it took cash, and the screen says card."""
    take(world, reception, 50_000)
    with pytest.raises(Conflict):
        take(world, reception, 40_000)
    with pytest.raises(Conflict):
        take(world, reception, 50_000, method=PaymentMethod.CARD)


@pytest.mark.parametrize("amount", [0, -1, True])
def test_no_amount_is_refused(world: World, reception: Actor, owed: list[Invoice], amount: int) -> None:
    """And so is a form without a key."""
    with pytest.raises(InvalidInput):
        take(world, reception, amount)
    with pytest.raises(InvalidInput):
        take(world, reception, 100, key="")


def test_who_may_take_a_payers_money(world: World, doctor: Actor, admin: Actor, owed: list[Invoice]) -> None:
    """The desk."""
    for actor in (doctor, admin):
        with pytest.raises(Forbidden):
            take(world, actor, 100)
        with pytest.raises(Forbidden):
            payer_payments.owing(world.clinic, actor)


def test_a_payer_who_is_not_there(world: World, reception: Actor) -> None:
    """Says so."""
    with pytest.raises(NotFound):
        payer_payments.owed_by(world.clinic, reception, "nobody")
