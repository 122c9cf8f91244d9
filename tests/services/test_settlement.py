"""What happens to an issued invoice's money besides payments: done once, within bounds, by whom it may be done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain import settling
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.domain.journal import Event, is_balanced
from clinic_core.domain.payers import Payer
from clinic_core.errors import ClinicError, Conflict, Forbidden, IllegalTransition, InvalidInput, NotFound, OverPayment
from clinic_core.services import billing, check, ledger, settlement
from tests import make
from tests.conftest import World

CASH, CARD = PaymentMethod.CASH, PaymentMethod.CARD
PAYER = "payer-1"
Verb = Callable[..., Any]


@pytest.fixture(autouse=True)
def insurer(world: World) -> None:
    """Somebody who pays shares."""
    world.clinic.payers.add(Payer(id=PAYER, name="Sure Health"))
    world.clinic.forget_directory()


@pytest.fixture
def bill(world: World, reception: Actor) -> Invoice:
    """A consultation of 500.00 and a dressing of 250.50 with 18 % tax: 795.59, issued for Asha."""
    dressing = make.line(
        service_id=make.DRESSING, description="Dressing", unit_price_minor=25_050, tax_basis_points=1_800
    )
    return issue(world.clinic, reception, world.asha.id, make.line(), dressing)


def issue(clinic: Clinic, actor: Actor, patient_id: str, *lines: Any, payer_minor: int = 0) -> Invoice:
    """An issued invoice of these lines; of one consultation when there are none."""
    draft = billing.new_draft(clinic, actor, invoice_id=new_id(), patient_id=patient_id, practitioner_id=make.DR_A)
    draft = billing.set_lines(clinic, actor, draft, lines or [make.line()])
    if payer_minor:
        draft = billing.set_payer(clinic, actor, draft, PAYER, share_minor=payer_minor)
    return billing.issue(clinic, actor, draft)


def pay(world: World, actor: Actor, invoice: Invoice, amount: int, *, payer: bool = False) -> Invoice:
    """Money for it, in cash."""
    return billing.take_payment(
        world.clinic, actor, invoice, key=new_id(), amount_minor=amount, method=CASH, payer=payer
    )


def hold(world: World, actor: Actor, amount: int) -> None:
    """Money held for Asha."""
    settlement.deposit(world.clinic, actor, world.asha.id, key=new_id(), amount_minor=amount, method=CASH)


def held(world: World) -> int:
    """What is held for Asha."""
    return ledger.held_minor(world.clinic, world.asha.id)


def sums(invoice: Invoice) -> tuple[int, int, int, int]:
    """Paid, credited, written off, due."""
    return invoice.paid_minor, invoice.credited_minor, invoice.written_off_minor, invoice.due_minor


def credit(world: World, actor: Actor, invoice: Invoice, *, key: str = "c", **amounts: int) -> Invoice:
    """A credit note over parts of the lines ``_0``, ``_1`` …"""
    parts = {int(line.removeprefix("_")): amount for line, amount in amounts.items()}
    return settlement.credit_note(world.clinic, actor, invoice, key=key, amounts=parts, reason="Not done")


# -- refunds -------------------------------------------------------------------------------------------------------


def refund(world: World, actor: Actor, invoice: Invoice, amount: int, **changes: Any) -> Invoice:
    """Cash back."""
    given: dict[str, Any] = {"key": "r", "method": CASH, "reason": "Paid twice", **changes}
    return settlement.refund(world.clinic, actor, invoice, amount_minor=amount, **given)


def test_a_refund_is_due_again(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """Paid in full, 200 given back."""
    after = refund(world, manager, pay(world, reception, bill, 79_559), 20_000)

    assert (sums(after), after.status) == ((59_559, 0, 0, 20_000), InvoiceStatus.ISSUED)
    (made,) = after.adjustments
    assert (made.event, made.reason, made.method, made.paid_minor) == ("refund", "Paid twice", CASH, -20_000)


def test_no_refund_above_what_was_paid(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """Neither at once nor in two steps."""
    paid = pay(world, reception, bill, 50_000)
    with pytest.raises(OverPayment, match="500.00 was paid"):
        refund(world, manager, paid, 50_001)
    after = refund(world, manager, paid, 30_000)
    with pytest.raises(OverPayment, match="200.00 was paid"):
        refund(world, manager, after, 20_001, key="r2")
    assert sums(after) == (20_000, 0, 0, 59_559)


def test_eight_managers_refund_at_once(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """Each 100 of the 500 that were paid: five succeed."""
    paid = pay(world, reception, bill, 50_000)

    def one(n: int) -> bool:
        try:
            refund(world, manager, paid, 10_000, key=f"r{n}")
        except OverPayment:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(8))) == 5
    assert world.clinic.invoices.get(bill.id).paid_minor == 0


def test_a_payers_money_goes_back_to_the_payer(world: World, reception: Actor, manager: Actor) -> None:
    """The patient's 100 and the payer's 400 are kept apart."""
    bill = issue(world.clinic, reception, world.asha.id, payer_minor=40_000)
    paid = pay(world, reception, pay(world, reception, bill, 10_000), 40_000, payer=True)
    with pytest.raises(OverPayment):
        refund(world, manager, paid, 10_001)

    after = refund(world, manager, paid, 15_000, payer=True)

    assert (after.payer_due_minor, after.payer_paid_minor, after.patient_due_minor) == (15_000, 25_000, 0)


# -- credit notes --------------------------------------------------------------------------------------------------


def test_a_credit_note_lowers_what_is_due(world: World, manager: Actor, bill: Invoice) -> None:
    """100 of the consultation; the dressing's tax goes with the part that is taken back of it."""
    after = credit(world, manager, bill, _0=10_000, _1=11_800)

    assert sums(after) == (0, 21_800, 0, 57_759)
    (made,) = after.adjustments
    assert (made.document, made.to_credit_minor) == ("CN-2026-00001", 0)
    assert [(p.line, p.net_minor, p.tax_minor) for p in made.lines] == [(0, 10_000, 0), (1, 10_000, 1_800)]
    assert held(world) == 0


def test_what_was_paid_is_held(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """Paid 600 of 795.59, all of it taken back: 195.59 were due, 600 are held."""
    after = credit(world, manager, pay(world, reception, bill, 60_000), _0=50_000, _1=29_559)

    assert (sums(after), after.status) == ((0, 79_559, 0, 0), InvoiceStatus.BALANCED)
    assert (after.adjustments[0].to_credit_minor, held(world)) == (60_000, 60_000)


def test_credit_notes_are_numbered_without_gaps(world: World, manager: Actor) -> None:
    """Six at once on six invoices; refused ones take no number."""
    bills = [issue(world.clinic, manager, world.asha.id) for _ in range(6)]
    with pytest.raises(InvalidInput):
        credit(world, manager, bills[0], _0=50_001)

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda one: credit(world, manager, one, _0=100), bills))

    numbers = sorted(one.adjustments[0].document for one in made)
    assert numbers == [f"CN-2026-{n:05d}" for n in range(1, 7)]


def test_not_more_than_is_left_of_a_line(world: World, manager: Actor, bill: Invoice) -> None:
    """Also after an earlier note."""
    after = credit(world, manager, bill, _0=40_000)
    assert settling.creditable(after) == [10_000, 29_559]
    with pytest.raises(InvalidInput, match="100.00 is left"):
        credit(world, manager, after, key="c2", _0=10_001)
    with pytest.raises(InvalidInput, match="is left to take back"):
        settling.spread_credit(after, 39_560)


def test_an_amount_is_spread_over_the_lines(world: World, manager: Actor, bill: Invoice) -> None:
    """In proportion to what is left, to the cent."""
    parts = settling.spread_credit(bill, 10_000)

    assert parts == {0: 6_285, 1: 3_715}  # 500.00 and 295.59 of 795.59
    assert sums(settlement.credit_note(world.clinic, manager, bill, key="c", amounts=parts, reason="x")) == (
        0,
        10_000,
        0,
        69_559,
    )


# -- write-offs, transfers, shares ---------------------------------------------------------------------------------


def test_a_write_off_closes_the_invoice(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """What is left after a part payment, not more."""
    paid = pay(world, reception, bill, 70_000)
    with pytest.raises(OverPayment):
        settlement.write_off(world.clinic, manager, paid, key="w", amount_minor=9_560, reason="Hardship")

    after = settlement.write_off(world.clinic, manager, paid, key="w", amount_minor=9_559, reason="Hardship")

    assert (sums(after), after.status) == ((70_000, 0, 9_559, 0), InvoiceStatus.BALANCED)
    with pytest.raises(OverPayment):
        pay(world, reception, after, 1)


def test_a_payment_moves_to_another_invoice(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """It is due here again, and less there."""
    other = issue(world.clinic, reception, world.asha.id)
    paid = pay(world, reception, bill, 79_559)

    after = settlement.transfer(world.clinic, manager, paid, other, key="t", amount_minor=30_000, reason="Meant for it")

    target = world.clinic.invoices.get(other.id)
    assert (sums(after), sums(target)) == ((49_559, 0, 0, 30_000), (30_000, 0, 0, 20_000))
    assert (after.adjustments[0].reference, target.adjustments[0].reference) == (other.label, bill.label)


def test_a_payment_moves_only_within_bounds(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """Not more than was paid or is due there, not to oneself, not to another patient."""
    small = issue(world.clinic, reception, world.asha.id, make.line(unit_price_minor=10_000))
    bens = issue(world.clinic, reception, world.ben.id)
    paid = pay(world, reception, bill, 20_000)

    def move(target: Invoice, amount: int) -> Invoice:
        return settlement.transfer(world.clinic, manager, paid, target, key="t", amount_minor=amount, reason="x")

    for target, amount, error in (
        (small, 10_001, OverPayment),
        (small, 20_001, OverPayment),
        (bill, 1, InvalidInput),
        (bens, 1, InvalidInput),
    ):
        with pytest.raises(error):
            move(target, amount)
    assert sums(world.clinic.invoices.get(bill.id)) == sums(paid)


def test_who_owes_it_changes_and_nothing_else(world: World, reception: Actor) -> None:
    """100 to the patient, then 50 back to the payer."""
    bill = issue(world.clinic, reception, world.asha.id, payer_minor=40_000)

    def move(key: str, amount: int, *, to_payer: bool) -> Invoice:
        return settlement.assign(
            world.clinic, reception, bill, key=key, amount_minor=amount, to_payer=to_payer, reason="Not covered"
        )

    first = move("a", 10_000, to_payer=False)
    assert (first.payer_due_minor, first.patient_due_minor, first.due_minor) == (30_000, 20_000, 50_000)
    second = move("b", 5_000, to_payer=True)
    assert (second.payer_due_minor, second.patient_due_minor) == (35_000, 15_000)
    with pytest.raises(OverPayment):
        move("c", 15_001, to_payer=True)


def test_without_a_payer_nothing_is_assigned(world: World, reception: Actor, bill: Invoice) -> None:
    """Says so."""
    with pytest.raises(IllegalTransition, match="no payer"):
        settlement.assign(world.clinic, reception, bill, key="a", amount_minor=1, to_payer=True, reason="x")


# -- money held ----------------------------------------------------------------------------------------------------


def test_a_deposit_pays_the_next_invoice(world: World, reception: Actor, bill: Invoice) -> None:
    """As far as it goes."""
    hold(world, reception, 50_000)
    after = settlement.apply_credit(world.clinic, reception, bill, key="a", amount_minor=50_000)

    assert (sums(after), held(world)) == ((50_000, 0, 0, 29_559), 0)
    with pytest.raises(OverPayment, match="held for this patient"):
        settlement.apply_credit(world.clinic, reception, bill, key="b", amount_minor=1)


def test_one_deposit_cannot_pay_twice(world: World, reception: Actor) -> None:
    """Two tills use it for two invoices at the same moment: one of them is refused."""
    hold(world, reception, 50_000)
    bills = [issue(world.clinic, reception, world.asha.id) for _ in range(4)]

    def use(one: Invoice) -> bool:
        try:
            settlement.apply_credit(world.clinic, reception, one, key="a", amount_minor=50_000)
        except OverPayment:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(use, bills)) == 1
    assert held(world) == 0


def test_a_deposit_is_given_back(world: World, reception: Actor, manager: Actor) -> None:
    """As far as it is there."""
    hold(world, reception, 30_000)

    def back(key: str, amount: int) -> settlement.Account:
        return settlement.deposit_refund(
            world.clinic, manager, world.asha.id, key=key, amount_minor=amount, method=CASH, reason="Moves away"
        )

    assert back("b", 20_000).held_minor == 10_000
    with pytest.raises(OverPayment):
        back("c", 10_001)
    account = settlement.account(world.clinic, reception, world.asha.id)
    assert [entry.event.value for entry in account.entries] == ["deposit-refund", "deposit"]


def test_nobody_deposits_for_nobody(world: World, reception: Actor) -> None:
    """The patient must exist."""
    with pytest.raises(NotFound):
        settlement.deposit(world.clinic, reception, "nobody", key="d", amount_minor=1, method=CASH)


# -- taken back ----------------------------------------------------------------------------------------------------


def test_what_was_written_off_can_be_paid_after_all(
    world: World, reception: Actor, manager: Actor, bill: Invoice
) -> None:
    """Recovered money was refused: nothing was due. Taken back once however often it is asked, by managers only."""
    clinic = world.clinic
    lost = settlement.write_off(clinic, manager, bill, key="w", amount_minor=79_559, reason="Moved away")
    entry_id = lost.adjustments[-1].entry_id
    with pytest.raises(Forbidden):
        settlement.reverse(clinic, reception, lost, entry_id, reason="Came back")
    with pytest.raises(InvalidInput, match="why"):
        settlement.reverse(clinic, manager, lost, entry_id, reason="")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: settlement.reverse(clinic, manager, lost, entry_id, reason="Came back"), range(4)))

    after = clinic.invoices.get(bill.id)
    assert (sums(after), after.status) == ((0, 0, 0, 79_559), InvoiceStatus.ISSUED)
    assert settling.reversible(after) == []
    assert sums(pay(world, reception, after, 79_559)) == (79_559, 0, 0, 0)
    made = clinic.journal.by_key(f"reverse:{entry_id}")
    assert made is not None
    assert (made.reverses, made.reason, made.event.value) == (entry_id, "Came back", "reversal")
    with pytest.raises(InvalidInput, match="Choose a write-off"):
        settlement.reverse(clinic, manager, after, made.id, reason="Once more")


def test_money_held_goes_back_to_the_account(world: World, reception: Actor, manager: Actor, bill: Invoice) -> None:
    """Used for the wrong bill, it could be undone only by cash that never moved."""
    clinic = world.clinic
    hold(world, reception, 50_000)
    used = settlement.apply_credit(clinic, reception, bill, key="a", amount_minor=50_000)
    entry_id = used.adjustments[-1].entry_id
    refund(world, manager, used, 1)
    assert settling.reversible(clinic.invoices.get(bill.id)) == []
    with pytest.raises(IllegalTransition, match=r"499\.99 of what the patient paid"):
        settlement.reverse(clinic, manager, bill, entry_id, reason="Wrong bill")
    pay(world, reception, bill, 1)

    after = settlement.reverse(clinic, manager, bill, entry_id, reason="Wrong bill")

    assert (sums(after), held(world)) == ((0, 0, 0, 79_559), 50_000)
    assert check.run(clinic) == []


def test_only_what_is_still_written_off_is_taken_back(world: World, manager: Actor, bill: Invoice) -> None:
    """A credit note took a part of it: that was never owed. Nor is an entry of another bill, or of another kind."""
    clinic = world.clinic
    other = issue(clinic, manager, world.asha.id)
    lost = settlement.write_off(clinic, manager, bill, key="w", amount_minor=79_559, reason="Moved away")
    entry_id = lost.adjustments[-1].entry_id
    credit(world, manager, lost, _0=10_000)
    with pytest.raises(IllegalTransition, match=r"695\.59 is still written off"):
        settlement.reverse(clinic, manager, bill, entry_id, reason="x")
    charged = clinic.journal.by_key(f"issue:{bill.id}")
    assert charged is not None
    for invoice, wrong in ((other, entry_id), (bill, charged.id)):
        with pytest.raises(InvalidInput, match="Choose a write-off"):
            settlement.reverse(clinic, manager, invoice, wrong, reason="x")
    with pytest.raises(NotFound):
        settlement.reverse(clinic, manager, bill, "2026-03-02#09999", reason="x")


def test_a_cancellation_and_a_credit_note_say_what_they_take_back(world: World, manager: Actor, bill: Invoice) -> None:
    """The entry that charged the invoice."""
    other = issue(world.clinic, manager, world.asha.id)
    credit(world, manager, bill, _0=100)
    billing.cancel(world.clinic, manager, other, "Slip")

    found = {stored.record.event: stored.record for stored in world.clinic.journal.every() if stored.record}
    assert found[Event.CREDIT_NOTE].reverses == world.clinic.invoices.get(bill.id).entry_id == "2026-03-02#00001"
    assert found[Event.CANCEL].reverses == world.clinic.invoices.get(other.id).entry_id == "2026-03-02#00002"


# -- every one of them ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One verb, ready to be done to a paid invoice with money held and another one that is due."""

    verb: Verb
    given: dict[str, Any]
    desk_may: bool = False
    needs_reason: bool = True


CASES = {
    "refund": Case(settlement.refund, {"amount_minor": 10_000, "method": CASH, "reason": "x"}),
    "write_off": Case(settlement.write_off, {"amount_minor": 10_000, "reason": "x"}),
    "credit_note": Case(settlement.credit_note, {"amounts": {0: 10_000}, "reason": "x"}),
    "transfer": Case(settlement.transfer, {"amount_minor": 10_000, "reason": "x"}),
    "assign": Case(settlement.assign, {"amount_minor": 10_000, "to_payer": True, "reason": "x"}, desk_may=True),
    "apply_credit": Case(settlement.apply_credit, {"amount_minor": 10_000}, desk_may=True, needs_reason=False),
    "deposit": Case(settlement.deposit, {"amount_minor": 10_000, "method": CASH}, desk_may=True, needs_reason=False),
    "deposit_refund": Case(settlement.deposit_refund, {"amount_minor": 10_000, "method": CASH, "reason": "x"}),
}


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    """Each verb once."""
    return CASES[request.param]


@pytest.fixture
def ready(world: World, reception: Actor, case: Case) -> Callable[..., Any]:
    """Do the case's verb as somebody, under a key; other arguments replace the usual ones."""
    hold(world, reception, 30_000)
    bill = issue(world.clinic, reception, world.asha.id, payer_minor=20_000)
    other = issue(world.clinic, reception, world.asha.id)
    bill = pay(world, reception, bill, 10_000)
    names = case.verb.__code__.co_varnames
    about: list[Any] = [world.asha.id] if "patient_id" in names[:3] else [bill]
    about += [other] if "target" in names[:4] else []

    def do(actor: Actor, *, key: str = "k", **changes: Any) -> Any:
        return case.verb(world.clinic, actor, *about, key=key, **{**case.given, **changes})

    return do


def entries(world: World) -> int:
    """How many entries the ledger has."""
    return sum(1 for _ in world.clinic.journal.every())


def test_done_again_it_changes_nothing(world: World, manager: Actor, ready: Callable[..., Any]) -> None:
    """A double click, eight times at once, and once more."""
    before = entries(world)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ready(manager), range(8)))
    ready(manager)

    assert entries(world) == before + 1
    assert all(is_balanced(stored.record.postings) for stored in world.clinic.journal.every() if stored.record)


def test_the_key_of_something_else_is_a_conflict(
    world: World, manager: Actor, ready: Callable[..., Any], case: Case
) -> None:
    """The same form with another amount was not meant."""
    ready(manager)
    other = {"amounts": {0: 5_000}} if "amounts" in case.given else {"amount_minor": 5_000}
    with pytest.raises(Conflict):
        ready(manager, **other)


def test_another_content_under_the_key_was_not_done(world: World, manager: Actor) -> None:
    """The answer was lost, the clerk changed cash to card and pressed again: "given back" by card would be a lie."""
    clinic = world.clinic
    hold(world, manager, 30_000)
    two = (make.line(), make.line())
    bill = issue(clinic, manager, world.asha.id, *two, payer_minor=50_000)
    first, second = (issue(clinic, manager, world.asha.id) for _ in range(2))
    ten, why = {"amount_minor": 10_000}, {"reason": "x"}
    about: list[tuple[Verb, list[Any], dict[str, Any], dict[str, Any]]] = [
        (billing.take_payment, [bill], {**ten, "method": CASH}, {"payer": True}),
        (billing.take_payment, [bill], {**ten, "method": CASH, "payer": True}, {"method": CARD}),
        (settlement.refund, [bill], {**ten, **why, "method": CASH}, {"method": CARD}),
        (settlement.write_off, [bill], {**ten, **why}, {"payer": True}),
        (settlement.assign, [bill], {**ten, **why, "to_payer": True}, {"to_payer": False}),
        (settlement.credit_note, [bill], {**why, "amounts": {0: 5_000}}, {"amounts": {1: 5_000}}),
        (settlement.deposit, [world.asha.id], {**ten, "method": CASH}, {"method": CARD}),
        (settlement.deposit_refund, [world.asha.id], {**ten, **why, "method": CASH}, {"method": CARD}),
    ]
    for at, (verb, on, given, other) in enumerate(about):
        verb(clinic, manager, *on, key=f"k{at}", **given)
        before = entries(world)
        with pytest.raises(Conflict, match="and nothing more"):
            verb(clinic, manager, *on, key=f"k{at}", **{**given, **other})
        if "reason" in given:  # a slip of the pen that was corrected moves no money
            verb(clinic, manager, *on, key=f"k{at}", **{**given, "reason": "y"})
        assert entries(world) == before
    pay(world, manager, bill, 20_000)
    settlement.transfer(clinic, manager, bill, first, key="t", **ten, **why)
    with pytest.raises(Conflict, match=r"transfer of \S*100\.00, entry 2026-03-02#"):
        settlement.transfer(clinic, manager, bill, second, key="t", **ten, **why)
    with pytest.raises(Conflict, match="transfer"):
        settlement.refund(clinic, manager, bill, key="t", method=CASH, **ten, **why)


def test_who_may(world: World, reception: Actor, doctor: Actor, ready: Callable[..., Any], case: Case) -> None:
    """Managers all of it, the desk what is daily work, doctors nothing."""
    before = entries(world)
    with pytest.raises(Forbidden):
        ready(doctor)
    if case.desk_may:
        ready(reception)
    else:
        with pytest.raises(Forbidden):
            ready(reception)
    assert entries(world) == before + case.desk_may


def test_amounts_that_are_none(world: World, manager: Actor, ready: Callable[..., Any], case: Case) -> None:
    """Nothing is posted."""
    before = entries(world)
    for amount in (0, -1, 10**13):
        with pytest.raises(ClinicError):
            ready(manager, **({"amounts": {0: amount}} if "amounts" in case.given else {"amount_minor": amount}))
    assert entries(world) == before


def test_a_reason_is_asked_for(manager: Actor, ready: Callable[..., Any], case: Case) -> None:
    """Where it corrects something; everyday steps need none."""
    if case.needs_reason:
        with pytest.raises(InvalidInput, match="why"):
            ready(manager, reason="  ")
    else:
        ready(manager)


def test_a_form_without_a_key_is_stale(world: World, manager: Actor, ready: Callable[..., Any]) -> None:
    """And refused."""
    with pytest.raises(InvalidInput, match="stale"):
        ready(manager, key="")


def test_drafts_and_cancelled_ones_are_left_alone(world: World, manager: Actor) -> None:
    """Their money cannot be changed."""
    draft = billing.new_draft(
        world.clinic, manager, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A
    )
    gone = billing.cancel(world.clinic, manager, issue(world.clinic, manager, world.asha.id), "Wrong patient")
    for invoice in (draft, gone):
        for name in ("refund", "write_off", "credit_note", "assign"):
            with pytest.raises(ClinicError):
                CASES[name].verb(world.clinic, manager, invoice, key="k", **CASES[name].given)
