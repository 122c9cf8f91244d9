"""Money at the desk besides the usual payment: each form says what it did, keeps what was typed, and is done once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.domain.payers import Payer
from clinic_core.errors import Forbidden, NotFound
from clinic_core.services import billing, ledger, settlement
from tests import make
from tests.conftest import World
from tests.pages import clicks, screen
from ui import account_view, bills, invoice_story, papers, settle_view

CASH = PaymentMethod.CASH
PAYER = "payer-1"


@pytest.fixture
def insurer(world: World) -> Payer:
    """Sure Health, who usually pays 80 %."""
    payer = Payer(id=PAYER, name="Sure Health", share_basis_points=8_000)
    world.clinic.payers.add(payer)
    world.clinic.forget_directory()
    return payer


@pytest.fixture
def issued(world: World, reception: Actor) -> Invoice:
    """A consultation for Asha, 500.00."""
    return bill(world, reception)


@pytest.fixture
def paid(world: World, reception: Actor, issued: Invoice) -> Invoice:
    """The same, paid in cash."""
    return pay(world, reception, issued, 50_000)


@pytest.fixture
def shared(world: World, reception: Actor, insurer: Payer) -> Invoice:
    """500.00, of which Sure Health owes 400.00."""
    return bill(world, reception, payer=8_000)


def bill(world: World, actor: Actor, *lines: Any, payer: int = 0) -> Invoice:
    """An issued invoice of Asha's."""
    draft = billing.new_draft(
        world.clinic, actor, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A
    )
    draft = billing.set_lines(world.clinic, actor, draft, lines or [make.line()])
    if payer:
        draft = billing.set_payer(world.clinic, actor, draft, PAYER, basis_points=payer)
    return billing.issue(world.clinic, actor, draft)


def pay(world: World, actor: Actor, invoice: Invoice, amount: int, *, payer: bool = False) -> Invoice:
    """Cash."""
    return billing.take_payment(
        world.clinic, actor, invoice, key=new_id(), amount_minor=amount, method=CASH, payer=payer
    )


def now(world: World, invoice: Invoice) -> Invoice:
    """The invoice as the database has it."""
    return world.clinic.invoices.get(invoice.id)


def opened(world: World, actor: Actor, invoice: Invoice, form: str = "") -> AppTest:
    """The page with that invoice open, and a form of the area "More"."""
    page = screen.open_page("billing", world.clinic, actor)
    page.session_state[bills.OPENED] = invoice.id
    screen.run(page)
    return choose(page, form) if form else page


def choose(page: AppTest, form: str) -> AppTest:
    """Choose what to do."""
    screen.field(page, "pills", "What to do").set_value(form)
    return screen.run(page)


def offered(page: AppTest) -> list[str]:
    """What can be chosen there."""
    return [option for found in page.pills for option in found.options]


def type_in(page: AppTest, **fields: str) -> None:
    """Type into fields, named by how their labels begin."""
    for start, value in fields.items():
        (found,) = [w for w in page.text_input if w.label.startswith(start.replace("_", " "))]
        found.set_value(value)


def typed(page: AppTest, start: str) -> str:
    """What is in the field whose label begins so."""
    (found,) = [w for w in page.text_input if w.label.startswith(start)]
    return str(found.value)


def toast(page: AppTest) -> str:
    """What was said to be done."""
    return page.toast[0].value.replace("\\", "")


def labels(page: AppTest) -> list[str]:
    """Every button for a file."""
    found: list[Any] = list(page.get("download_button"))
    return [button.label for button in found]


# -- the area --------------------------------------------------------------------------------------------------------


def test_what_is_offered_to_whom(world: World, reception: Actor, manager: Actor, paid: Invoice) -> None:
    """The desk sees no area at all; a manager what the invoice allows."""
    assert offered(opened(world, reception, paid)) == []
    assert offered(opened(world, manager, paid)) == ["Refund", "Credit note", "Move to another bill"]


def test_what_is_offered_of_a_shared_bill(world: World, reception: Actor, manager: Actor, shared: Invoice) -> None:
    """Who owes it may be changed by the desk."""
    assert offered(opened(world, reception, shared)) == ["Change who owes"]
    assert offered(opened(world, manager, shared)) == ["Credit note", "Write off", "Change who owes"]


def test_the_usual_payment_is_one_click(world: World, reception: Actor, issued: Invoice) -> None:
    """Open the bill, take the payment: nothing was put in between."""
    page = screen.click(opened(world, reception, issued), "Take payment")

    assert now(world, issued).status is InvoiceStatus.BALANCED
    assert toast(page) == "₹500.00 taken. The invoice is paid."
    assert labels(page) == ["Invoice PDF", "Receipt"]


# -- refund ----------------------------------------------------------------------------------------------------------


def test_a_refund(world: World, manager: Actor, paid: Invoice) -> None:
    """It is due again, and its slip is there."""
    page = opened(world, manager, paid, "Refund")
    type_in(page, Give_back="120", Reason="Paid twice")
    screen.click(page, "Give back")

    after = now(world, paid)
    assert (after.paid_minor, after.due_minor) == (38_000, 12_000)
    assert (after.adjustments[0].reason, after.adjustments[0].method) == ("Paid twice", CASH)
    assert toast(page).startswith("₹120.00 given back. ₹120.00 due now.")
    assert "Refund slip" in labels(page)
    assert screen.field(page, "text_input", "Amount in INR").value == "120.00"
    assert page.pills[0].value is None  # the area is quiet again


def test_a_refund_above_what_was_paid_keeps_what_was_typed(world: World, manager: Actor, paid: Invoice) -> None:
    """The message names what can be given back."""
    page = opened(world, manager, paid, "Refund")
    type_in(page, Give_back="900", Reason="Paid twice")
    screen.click(page, "Give back")

    assert "500.00 was paid" in screen.errors(page)[0]
    assert (typed(page, "Give back"), typed(page, "Reason")) == ("900", "Paid twice")
    assert now(world, paid).adjustments == ()


@pytest.mark.parametrize("amount", ["", "many", "0", "-5", "1.234"])
def test_a_refund_of_no_amount(world: World, manager: Actor, paid: Invoice, amount: str) -> None:
    """Is refused."""
    page = opened(world, manager, paid, "Refund")
    type_in(page, Give_back=amount, Reason="x")
    screen.click(page, "Give back")
    assert screen.errors(page) and now(world, paid).adjustments == ()


def test_a_refund_sent_twice_is_one(world: World, manager: Actor, paid: Invoice) -> None:
    """The first click was cut off after its write: the same key goes in again."""
    page = opened(world, manager, paid, "Refund")
    keys = {name: page.session_state[f"form:{name}"] for name in (f"more.{paid.id}", f"more.{paid.id}.Refund")}
    for _ in range(2):
        for name, key in keys.items():
            page.session_state[f"form:{name}"] = key
        choose(screen.run(page), "Refund")
        type_in(page, Give_back="100", Reason="x")
        screen.click(page, "Give back")
    assert now(world, paid).paid_minor == 40_000


def test_a_payers_refund_goes_to_the_payer(world: World, reception: Actor, manager: Actor, shared: Invoice) -> None:
    """Who paid is asked only where both did."""
    pay(world, reception, pay(world, reception, shared, 40_000, payer=True), 10_000)
    page = opened(world, manager, shared, "Refund")
    screen.field(page, "segmented_control", "Paid by whom").set_value(True)
    screen.run(page)
    assert typed(page, "Give back") == "400.00"
    type_in(page, Give_back="50", Reason="Overpaid")
    screen.click(page, "Give back")
    assert (now(world, shared).payer_due_minor, now(world, shared).patient_due_minor) == (5_000, 0)


# -- credit notes ----------------------------------------------------------------------------------------------------


def test_a_credit_note_over_all_of_it(world: World, manager: Actor, paid: Invoice) -> None:
    """What was paid is held, and the next bill offers it."""
    page = opened(world, manager, paid, "Credit note")
    type_in(page, Reason="Not done")
    screen.click(page, "Make the credit note")

    assert toast(page).startswith("CN-2026-00001 over ₹500.00 is made. ₹500.00 is held for the patient.")
    assert labels(page) == ["Invoice PDF", "Credit note", "Receipt"]
    assert "Credit note CN-2026-00001" in screen.said(page)
    assert ledger.held_minor(world.clinic, world.asha.id) == 50_000


def test_a_credit_note_of_an_amount(world: World, manager: Actor, issued: Invoice) -> None:
    """Above what is left it is refused, with what was typed still there."""
    page = opened(world, manager, issued, "Credit note")
    screen.field(page, "segmented_control", "How much").set_value("An amount")
    screen.run(page)
    type_in(page, Take_back="600", Reason="Too dear")
    screen.click(page, "Make the credit note")
    assert "500.00 is left" in screen.errors(page)[0]
    assert typed(page, "Take back") == "600"

    type_in(page, Take_back="120.50")
    screen.click(page, "Make the credit note")
    assert (now(world, issued).credited_minor, now(world, issued).due_minor) == (12_050, 37_950)


def test_a_credit_note_line_by_line(world: World, reception: Actor, manager: Actor) -> None:
    """Each line says what is left of it."""
    dressing = make.line(service_id=make.DRESSING, description="Dressing", unit_price_minor=20_000)
    two = bill(world, reception, make.line(), dressing)
    page = opened(world, manager, two, "Credit note")
    screen.field(page, "segmented_control", "How much").set_value("Line by line")
    screen.run(page)
    screen.click(page, "Make the credit note")
    assert "Enter the amount" in screen.errors(page)[0]

    type_in(page, Dressing="200", Reason="Not done")
    screen.click(page, "Make the credit note")
    assert [(p.line, p.net_minor) for p in now(world, two).adjustments[0].lines] == [(1, 20_000)]


def test_a_reason_is_asked_for(world: World, manager: Actor, paid: Invoice) -> None:
    """And nothing is posted without it."""
    page = screen.click(opened(world, manager, paid, "Credit note"), "Make the credit note")
    assert "Say why" in screen.errors(page)[0]
    assert now(world, paid).adjustments == ()


# -- write-off, transfer, who owes -----------------------------------------------------------------------------------


def test_a_write_off(world: World, reception: Actor, manager: Actor, issued: Invoice) -> None:
    """What is due is filled in; the badge says what became of it."""
    pay(world, reception, issued, 45_000)
    page = opened(world, manager, issued, "Write off")
    assert typed(page, "Write off") == "50.00"
    type_in(page, Reason="Hardship")
    screen.click(page, "Write off")
    assert now(world, issued).written_off_minor == 5_000
    assert toast(page) == "₹50.00 written off. Nothing is due."


def test_a_write_off_is_taken_back(world: World, reception: Actor, manager: Actor, issued: Invoice) -> None:
    """Money that came after all can be booked; the story says so, and the choice is gone."""
    settlement.write_off(world.clinic, manager, issued, key="w", amount_minor=50_000, reason="Moved away")
    page = opened(world, manager, now(world, issued), "Take back")
    screen.click(page, "Take it back")
    assert "Say why" in screen.errors(page)[0]
    type_in(page, Reason="Came back")
    screen.click(page, "Take it back")
    assert (now(world, issued).written_off_minor, now(world, issued).due_minor) == (0, 50_000)
    assert toast(page) == "₹500.00 taken back. ₹500.00 due now."
    assert "Write-off taken back" in screen.said(page)
    assert "Take back" not in settle_view.offered(manager, now(world, issued))


def test_money_held_that_paid_the_wrong_bill_goes_back(
    world: World, reception: Actor, manager: Actor, issued: Invoice
) -> None:
    """It is held again, and the patient's account says where it comes from."""
    settlement.deposit(world.clinic, reception, world.asha.id, key="d", amount_minor=20_000, method=CASH)
    settlement.apply_credit(world.clinic, reception, issued, key="a", amount_minor=20_000)
    assert "Take back" not in settle_view.offered(reception, now(world, issued))
    page = opened(world, manager, now(world, issued), "Take back")
    type_in(page, Reason="Wrong bill")
    screen.click(page, "Take it back")
    assert (now(world, issued).due_minor, ledger.held_minor(world.clinic, world.asha.id)) == (50_000, 20_000)
    assert "Use of money held taken back" in screen.said(page)
    told = account_view._lines(world.clinic, settlement.account(world.clinic, reception, world.asha.id))
    assert [(line.what, line.after) for line in told][:1] == [(f"Taken back from {issued.label}", "₹200.00")]


def test_a_payment_moves_to_another_bill(world: World, reception: Actor, manager: Actor, paid: Invoice) -> None:
    """The bills that are due are offered."""
    page = opened(world, manager, paid, "Move to another bill")
    assert "no other bill" in screen.said(page)

    other = bill(world, reception, make.line(unit_price_minor=30_000))
    page = opened(world, manager, paid, "Move to another bill")
    assert typed(page, "Move") == "300.00"
    type_in(page, Reason="Meant for it")
    screen.click(page, "Move the payment")
    assert (now(world, paid).due_minor, now(world, other).due_minor) == (30_000, 0)
    assert f"Moved to {other.label}" in screen.said(page)


def test_who_owes_it_changes(world: World, reception: Actor, shared: Invoice) -> None:
    """The insurer refuses 100."""
    page = opened(world, reception, shared, "Change who owes")
    screen.field(page, "segmented_control", "Owed now by").set_value(True)
    screen.run(page)
    type_in(page, Move="100", Reason="Not covered")
    screen.click(page, "Let the patient owe it")
    assert (now(world, shared).patient_due_minor, now(world, shared).payer_due_minor) == (20_000, 30_000)
    assert toast(page) == "₹100.00 is owed by the patient now."


# -- money held and payers -------------------------------------------------------------------------------------------


def test_money_held_is_offered_only_while_there_is_some(world: World, reception: Actor, issued: Invoice) -> None:
    """One click pays as far as it goes."""
    page = opened(world, reception, issued)
    assert not [b for b in page.button if "held for this patient" in b.label]

    settlement.deposit(world.clinic, reception, world.asha.id, key="d", amount_minor=20_000, method=CASH)
    page = opened(world, reception, issued)
    (use,) = [b for b in page.button if "held for this patient" in b.label]
    assert use.label.replace("\\", "") == "Use ₹200.00 held for this patient"
    assert screen.primary(page) == ["Take payment"]
    use.click()
    screen.run(page)
    assert (now(world, issued).due_minor, ledger.held_minor(world.clinic, world.asha.id)) == (30_000, 0)
    assert toast(page) == "₹200.00 of the money held is used. ₹300.00 still due."
    assert screen.field(page, "text_input", "Amount in INR").value == "300.00"


def test_both_pay_their_parts(world: World, reception: Actor, shared: Invoice) -> None:
    """The patient is asked first; the payer is one choice away."""
    page = opened(world, reception, shared)
    assert screen.field(page, "text_input", "Amount in INR").value == "100.00"
    screen.click(page, "Take payment")
    assert now(world, shared).patient_due_minor == 0

    assert screen.field(page, "text_input", "Amount in INR").value == "400.00"  # nobody else owes
    screen.click(page, "Take payment")
    assert [(p.amount_minor, p.payer, p.method) for p in now(world, shared).payments] == [
        (10_000, False, CASH),
        (40_000, True, PaymentMethod.BANK_TRANSFER),
    ]


def test_the_payer_pays_first(world: World, reception: Actor, shared: Invoice) -> None:
    """More than its part is refused."""
    page = opened(world, reception, shared)
    screen.field(page, "segmented_control", "Money from").set_value(True)
    screen.run(page)
    screen.field(page, "text_input", "Amount in INR").set_value("450")
    screen.click(page, "Take payment")
    assert "payer owes" in screen.errors(page)[0]
    screen.field(page, "text_input", "Amount in INR").set_value("400")
    screen.click(page, "Take payment")
    assert now(world, shared).payer_due_minor == 0


def draft(world: World, actor: Actor) -> Invoice:
    """A draft of one consultation."""
    made = billing.new_draft(
        world.clinic, actor, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A
    )
    return billing.set_lines(world.clinic, actor, made, [make.line()])


@pytest.mark.parametrize(
    ("share", "basis_points", "minor"), [("", 8_000, 40_000), ("60 %", 6_000, 30_000), ("120.50", None, 12_050)]
)
def test_a_draft_gets_a_payer(
    world: World, reception: Actor, insurer: Payer, share: str, basis_points: int | None, minor: int
) -> None:
    """By its usual share, by percent, by amount; both parts are shown."""
    made = draft(world, reception)
    page = opened(world, reception, made)
    screen.field(page, "selectbox", "Who pays a part").set_value(PAYER)
    screen.field(page, "text_input", "Its part").set_value(share)
    screen.click(page, "Use this")

    after = now(world, made)
    assert (after.payer_id, after.payer_basis_points, after.payer_share_minor) == (PAYER, basis_points, minor)
    assert after.money(minor) in screen.said(page) and "of it from Sure Health" in screen.said(page)
    assert not page.warning  # nobody else changed it


def test_a_payer_is_chosen_with_lines_that_are_not_saved_yet(world: World, reception: Actor, insurer: Payer) -> None:
    """They are saved with it, and taken away again it is the patient's alone."""
    made = draft(world, reception)
    page = opened(world, reception, made)
    key = page.session_state["draft.work"].key
    page.session_state[key] = {"edited_rows": {"0": {"quantity": 2}}, "added_rows": [], "deleted_rows": []}
    screen.run(page)
    screen.field(page, "selectbox", "Who pays a part").set_value(PAYER)
    screen.click(page, "Use this")
    assert (now(world, made).total_minor, now(world, made).payer_share_minor) == (100_000, 80_000)

    screen.field(page, "selectbox", "Who pays a part").set_value("")
    screen.click(page, "Use this")
    assert (now(world, made).payer_id, now(world, made).payer_share_minor) == (None, 0)


def test_too_large_a_share_is_refused(world: World, reception: Actor, insurer: Payer) -> None:
    """With what was typed still there."""
    page = opened(world, reception, draft(world, reception))
    screen.field(page, "selectbox", "Who pays a part").set_value(PAYER)
    screen.field(page, "text_input", "Its part").set_value("600")
    screen.click(page, "Use this")
    assert "between 0 and the total" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Its part").value == "600"


def test_a_clinic_without_payers_is_not_asked(world: World, reception: Actor) -> None:
    """Neither on drafts nor on the list."""
    page = opened(world, reception, draft(world, reception))
    assert "Who pays a part" not in [w.label for w in page.selectbox]
    page = screen.open_page("billing", world.clinic, reception)
    assert not page.segmented_control


# -- payers who owe --------------------------------------------------------------------------------------------------


def payers_owe(world: World, actor: Actor) -> AppTest:
    """The other part of the page."""
    page = screen.open_page("billing", world.clinic, actor)
    screen.field(page, "segmented_control", "Part").set_value("Payers owe")
    return screen.run(page)


def test_one_payment_for_several_bills(world: World, reception: Actor, shared: Invoice) -> None:
    """The oldest is paid first, and the page says which were."""
    second = bill(world, reception, payer=8_000)
    page = payers_owe(world, reception)
    (row,) = screen.component(page, "payers.list")["rows"]
    assert (row["cells"][0], row["cells"][1], row["cells"][-2]) == ("Sure Health", "2", "₹800.00")

    clicks.step(page, "payers.list", PAYER, "open")
    assert screen.field(page, "text_input", "Amount in INR").value == "800.00"
    screen.field(page, "text_input", "Amount in INR").set_value("500")
    screen.field(page, "text_input", "Reference").set_value("UTR 1")
    screen.click(page, "Take payment")

    assert (now(world, shared).payer_due_minor, now(world, second).payer_due_minor) == (0, 30_000)
    assert f"{shared.label} ₹400.00, {second.label} ₹100.00" in screen.said(page)
    assert screen.field(page, "text_input", "Amount in INR").value == "300.00"
    assert "Statement PDF" in labels(page)


def test_more_than_the_payer_owes(world: World, reception: Actor, shared: Invoice) -> None:
    """Is refused; the form is kept."""
    page = clicks.step(payers_owe(world, reception), "payers.list", PAYER, "open")
    screen.field(page, "text_input", "Amount in INR").set_value("500")
    screen.click(page, "Take payment")
    assert "owes ₹400.00" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Amount in INR").value == "500"


def test_a_bill_of_the_payers_is_opened(world: World, reception: Actor, shared: Invoice) -> None:
    """And "All bills" leads back to the payer."""
    page = clicks.step(payers_owe(world, reception), "payers.list", PAYER, "open")
    clicks.step(page, "payers.bills", shared.id, "open")
    assert shared.label in screen.said(page)
    screen.click(page, "All bills")
    assert "Sure Health" in screen.said(page)


def test_nobody_owes(world: World, reception: Actor, insurer: Payer) -> None:
    """Says what will be here; the statement of who owes nothing any more can be printed all the same."""
    world.clinic.payers.save(replace(insurer, active=False))
    world.clinic.forget_directory()
    page = payers_owe(world, reception)
    assert "No payer owes anything" in screen.said(page)
    clicks.step(page, "payers.paid", PAYER, "open")
    assert labels(page) == ["Statement PDF"]


# -- the patient's account -------------------------------------------------------------------------------------------


def account(world: World, actor: Actor) -> AppTest:
    """Asha's record, its account."""
    page = screen.open_page("patients", world.clinic, actor, patient_record__section="Account")
    page.query_params["patient"] = world.asha.id
    return screen.run(page)


def test_a_deposit(world: World, reception: Actor) -> None:
    """Its receipt is there at once; giving it back is the manager's."""
    page = account(world, reception)
    assert "No money is held" in screen.said(page)
    screen.field(page, "text_input", "Deposit in INR").set_value("1000")
    screen.click(page, "Take the deposit")

    assert ledger.held_minor(world.clinic, world.asha.id) == 100_000
    assert toast(page).startswith("₹1,000.00 taken. ₹1,000.00 is held now.")
    assert labels(page) == ["Deposit receipt", "Statement PDF"]
    assert "Give back" not in [b.label for b in page.button]
    assert screen.field(page, "text_input", "Deposit in INR").value == ""


def test_a_deposit_of_no_amount_is_refused(world: World, reception: Actor) -> None:
    """What was typed is kept."""
    page = account(world, reception)
    screen.field(page, "text_input", "Deposit in INR").set_value("a lot")
    screen.click(page, "Take the deposit")
    assert "not an amount" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Deposit in INR").value == "a lot"


def test_a_deposit_is_given_back(world: World, manager: Actor) -> None:
    """With a reason, and not more than is held."""
    settlement.deposit(world.clinic, manager, world.asha.id, key="d", amount_minor=50_000, method=CASH)
    page = account(world, manager)
    assert typed(page, "Give back") == "500.00"
    type_in(page, Give_back="600", Reason="Moves away")
    screen.click(page, "Give back")
    assert "more than is held" in screen.errors(page)[0]
    type_in(page, Give_back="200")
    screen.click(page, "Give back")
    assert ledger.held_minor(world.clinic, world.asha.id) == 30_000
    assert labels(page)[:2] == ["Slip of money given back", "Deposit receipt"]
    assert "Moves away" in screen.said(page)


def test_every_slip_of_a_deposit_can_be_reached(world: World, reception: Actor, manager: Actor) -> None:
    """The latest three are enough for the desk; the auditor asks for the first."""
    for n in range(5):
        settlement.deposit(world.clinic, reception, world.asha.id, key=f"d{n}", amount_minor=100 + n, method=CASH)
    page = account(world, reception)
    assert labels(page).count("Deposit receipt") == 3

    screen.field(page, "toggle", "Show all entries and their receipts").set_value(True)
    screen.run(page)
    assert labels(page).count("Deposit receipt") == 5


def test_open_bills_are_listed(world: World, reception: Actor, shared: Invoice) -> None:
    """With what each side owes."""
    (row,) = screen.component(account(world, reception), "account.open")["rows"]
    assert (row["id"], row["cells"][-2:]) == (shared.id, ["₹100.00", "₹400.00"])


def test_a_doctor_sees_no_account(world: World, doctor: Actor) -> None:
    """Money is the desk's."""
    page = screen.open_page("patients", world.clinic, doctor)
    page.query_params["patient"] = world.asha.id
    screen.run(page)
    assert "Account" not in screen.field(page, "segmented_control", "Section").options


def test_a_statement_begins_before_it_ends(world: World, reception: Actor) -> None:
    """Otherwise there is no button."""
    page = account(world, reception)
    screen.field(page, "date_input", "From").set_value(date(2026, 3, 3))
    screen.run(page)
    assert "Statement PDF" not in labels(page)
    assert "not after the last one" in screen.said(page)


# -- papers and the story --------------------------------------------------------------------------------------------


def test_every_paper_can_be_made(world: World, manager: Actor, doctor: Actor, shared: Invoice) -> None:
    """By whoever may read it, and by nobody else."""
    clinic, asha = world.clinic, world.asha.id
    after = settlement.refund(
        clinic, manager, pay(world, manager, shared, 10_000), key="r", amount_minor=5_000, method=CASH, reason="x"
    )
    settlement.credit_note(clinic, manager, after, key="c", amounts={0: 1_000}, reason="x")
    entry = settlement.deposit(clinic, manager, asha, key="d", amount_minor=5_000, method=CASH).entries[0]
    days = {"start_on": make.MONDAY, "end_on": make.MONDAY}
    makers: list[tuple[Any, dict[str, Any]]] = [
        (papers.refund_pdf, {"invoice_id": shared.id, "key": "r"}),
        (papers.credit_note_pdf, {"invoice_id": shared.id, "key": "c"}),
        (papers.slip_pdf, {"entry_id": entry.id}),
        (papers.patient_statement_pdf, {"patient_id": asha, **days}),
        (papers.payer_statement_pdf, {"payer_id": PAYER, **days}),
    ]
    for make_, given in makers:
        assert make_(clinic, manager, **given).startswith(b"%PDF")
        with pytest.raises(Forbidden):
            make_(clinic, doctor, **given)
    with pytest.raises(NotFound):
        papers.refund_pdf(clinic, manager, invoice_id=shared.id, key="other")


def test_the_story_of_an_invoices_money(world: World, reception: Actor, manager: Actor, issued: Invoice) -> None:
    """Every event with who did it, and what was due after it: computed by hand."""
    clinic, other = world.clinic, bill(world, reception)
    first = pay(world, reception, issued, 30_000)
    second = settlement.refund(clinic, manager, first, key="r", amount_minor=5_000, method=CASH, reason="Too much")
    third = settlement.transfer(clinic, manager, second, other, key="t", amount_minor=10_000, reason="Meant for it")
    fourth = settlement.credit_note(clinic, manager, third, key="c", amounts={0: 40_000}, reason="Not done")

    assert [(line.what, line.amount, line.after) for line in invoice_story.lines(fourth)] == [
        ("Charged", "₹500.00", "₹500.00"),
        ("Payment", "-₹300.00", "₹200.00"),
        ("Refund", "₹50.00", "₹250.00"),
        (f"Moved to {other.label}", "₹100.00", "₹350.00"),
        ("Credit note CN-2026-00001", "-₹400.00", "₹0.00"),
    ]
    notes = [line.note for line in invoice_story.lines(fourth)]
    assert notes[:3] == ["reception", "reception · Cash", "manager · Cash · Too much"]
    assert notes[4] == "manager · ₹50.00 of it held for the patient · Not done"
    assert invoice_story.lines(now(world, other))[1].what == f"Moved from {issued.label}"


def test_the_story_of_a_cancelled_one(world: World, manager: Actor, issued: Invoice) -> None:
    """Ends with nothing due."""
    gone = billing.cancel(world.clinic, manager, issued, "Wrong patient")
    last = invoice_story.lines(gone)[-1]
    assert (last.what, last.note, last.amount, last.after) == ("Cancelled", "Wrong patient", "-₹500.00", "₹0.00")
