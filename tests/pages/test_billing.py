"""Billing: from the worklist to the last receipt, with one next step at a time and nothing typed lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.errors import Forbidden
from clinic_core.services import billing
from tests import make
from tests.conftest import World
from tests.pages import screen
from ui import bills, papers


@pytest.fixture
def draft(world: World, reception: Actor) -> Invoice:
    """The draft of a finished visit of Asha's with Dr A: one consultation, 500.00."""
    visit = make.appointment(patient_id=world.asha.id, status=AppointmentStatus.FULFILLED)
    world.clinic.appointments.add_many([visit])
    return billing.draft_for_visit(world.clinic, reception, visit.id)


@pytest.fixture
def issued(world: World, reception: Actor, draft: Invoice) -> Invoice:
    """The same, issued."""
    return billing.issue(world.clinic, reception, draft)


def open_bill(world: World, actor: Actor, invoice: Invoice) -> AppTest:
    """The page with that invoice open."""
    page = screen.open_page("billing", world.clinic, actor)
    page.session_state[bills.OPENED] = invoice.id
    return screen.run(page)


def edit(page: AppTest, **state: Any) -> AppTest:
    """What the table of lines sends after cells were edited, rows added or deleted."""
    key = page.session_state["draft.work"].key
    page.session_state[key] = {"edited_rows": {}, "added_rows": [], "deleted_rows": [], **state}
    return screen.run(page)


def now(world: World, actor: Actor, invoice: Invoice) -> Invoice:
    """The invoice as the database has it."""
    return billing.get(world.clinic, actor, invoice.id)


def pay(page: AppTest, amount: str, **fields: Any) -> AppTest:
    """Fill in the payment and send it."""
    screen.field(page, "text_input", "Amount in INR").set_value(amount)
    for label, value in fields.items():
        screen.field(page, "text_input", label).set_value(value)
    return screen.click(page, "Take payment")


def test_a_doctor_is_refused(world: World, doctor: Actor) -> None:
    """Money is the desk's."""
    page = screen.open_page("billing", world.clinic, doctor)
    assert "may not open" in screen.errors(page)[0]


def test_an_empty_worklist_says_what_will_be_there(world: World, reception: Actor) -> None:
    """Nothing to do is said, not left blank."""
    page = screen.open_page("billing", world.clinic, reception)
    assert "No visit waits" in screen.said(page)
    assert "Nobody owes anything" in screen.said(page)


def test_the_worklist_shows_what_waits(world: World, reception: Actor, draft: Invoice) -> None:
    """The first draft is the next step."""
    page = screen.open_page("billing", world.clinic, reception)
    (row,) = screen.component(page, "billing.drafts")["rows"]
    assert row["cells"][0] == "Asha Rao" and row["id"] == draft.id
    assert [(step["label"], step["primary"]) for step in row["steps"]] == [("Bill", True)]


def test_an_issued_invoice_waits_for_its_money(world: World, reception: Actor, issued: Invoice) -> None:
    """It moves to the second list."""
    page = screen.open_page("billing", world.clinic, reception)
    (row,) = screen.component(page, "billing.unpaid")["rows"]
    assert row["cells"][2] == "INV-2026-00001"
    assert row["cells"][-1] == "₹500.00 due"


@pytest.mark.parametrize("typed", ["INV-2026-00001", "inv-2026-1", "1"])
def test_a_bill_is_found_by_its_number(world: World, reception: Actor, issued: Invoice, typed: str) -> None:
    """As printed, or short."""
    page = screen.open_page("billing", world.clinic, reception)
    screen.fill(page, Find_a_bill=typed)
    screen.run(page)
    (row,) = screen.component(page, "billing.numbered")["rows"]
    assert row["id"] == issued.id


@pytest.mark.parametrize("typed", ["asha", "98765 43210", "P-000001"])
def test_bills_are_found_by_their_patient(world: World, reception: Actor, issued: Invoice, typed: str) -> None:
    """By name, phone or number; then all bills of that patient."""
    page = screen.open_page("billing", world.clinic, reception)
    screen.fill(page, Find_a_bill=typed)
    screen.run(page)
    (row,) = screen.component(page, "billing.patients")["rows"]
    assert row["id"] == world.asha.id

    page.session_state["billing.patient"] = world.asha
    screen.run(page)
    (bill,) = screen.component(page, "billing.of_patient")["rows"]
    assert bill["id"] == issued.id


def test_nothing_found_says_what_to_try(world: World, reception: Actor) -> None:
    """No dead end."""
    page = screen.open_page("billing", world.clinic, reception)
    screen.fill(page, Find_a_bill="nobody at all")
    screen.run(page)
    assert "Nothing found" in screen.said(page)


def test_a_bill_without_a_visit(world: World, reception: Actor) -> None:
    """Begun for a patient, empty, with the hint what to do."""
    page = screen.open_page("billing", world.clinic, reception, billing__patient=world.asha)
    screen.click(page, "New bill")
    (made,) = billing.of_patient(world.clinic, reception, world.asha.id)
    assert (made.status, made.lines) == (InvoiceStatus.DRAFT, ())
    assert "Add the first service" in screen.said(page)

    screen.field(page, "selectbox", "Add a service").set_value(make.DRESSING)
    screen.run(page)
    assert "₹295.59" in screen.said(page)  # 250.50 and 18 %


def test_totals_follow_the_edited_cells(world: World, reception: Actor, draft: Invoice) -> None:
    """Before anything is saved."""
    page = open_bill(world, reception, draft)
    assert "₹500.00" in screen.said(page)
    edit(page, edited_rows={"0": {"quantity": 2, "discount": 100.5}})
    assert "₹899.50" in screen.said(page)
    assert now(world, reception, draft).lines == draft.lines


def test_an_impossible_line_is_named_and_cannot_be_issued(world: World, reception: Actor, draft: Invoice) -> None:
    """The discount is larger than the line."""
    page = edit(open_bill(world, reception, draft), edited_rows={"0": {"discount": 600.0}})
    assert "discount" in screen.errors(page)[0]
    assert "Issue invoice" not in [b.label for b in page.button]


def test_a_discount_on_the_whole_bill_is_spread(world: World, reception: Actor, draft: Invoice) -> None:
    """10 % of 500.00 and 250.50, to the cent; tax follows."""
    page = open_bill(world, reception, draft)
    screen.field(page, "selectbox", "Add a service").set_value(make.DRESSING)
    screen.run(page)
    screen.field(page, "text_input", "Amount, or percent like 10 %").set_value("10 %")
    screen.click(page, "Spread over the lines")
    assert "₹75.05" in screen.said(page)
    screen.click(page, "Save draft")
    assert [line.discount_minor for line in now(world, reception, draft).lines] == [5_000, 2_505]


def test_issuing_asks_once_more_then_saves_lines_and_number(world: World, reception: Actor, draft: Invoice) -> None:
    """One next step at a time."""
    page = edit(open_bill(world, reception, draft), edited_rows={"0": {"price": 450.0}})
    assert screen.primary(page) == ["Issue invoice"]
    screen.click(page, "Issue invoice")
    assert now(world, reception, draft).status is InvoiceStatus.DRAFT
    assert screen.primary(page) == ["Yes, issue it"]

    screen.click(page, "Yes, issue it")
    made = now(world, reception, draft)
    assert (made.label, made.total_minor) == ("INV-2026-00001", 45_000)
    assert screen.field(page, "text_input", "Amount in INR").value == "450.00"
    assert screen.primary(page) == ["Take payment"]


def test_not_yet_goes_back(world: World, reception: Actor, draft: Invoice) -> None:
    """Nothing happened."""
    page = screen.click(open_bill(world, reception, draft), "Issue invoice")
    screen.click(page, "Not yet")
    assert screen.primary(page) == ["Issue invoice"]


def test_edits_survive_a_look_at_the_list(world: World, reception: Actor, draft: Invoice) -> None:
    """What was typed into the table is still there on coming back."""
    page = edit(open_bill(world, reception, draft), edited_rows={"0": {"quantity": 3}})
    screen.click(page, "All bills")
    page.session_state[bills.OPENED] = draft.id
    screen.run(page)
    assert "₹1,500.00" in screen.said(page)


def test_a_draft_changed_elsewhere_is_not_overwritten(
    world: World, reception: Actor, manager: Actor, draft: Invoice
) -> None:
    """The desk sees it and may take the other's lines."""
    page = edit(open_bill(world, reception, draft), edited_rows={"0": {"quantity": 3}})
    theirs = billing.set_lines(world.clinic, manager, draft, [make.line(quantity=2)])
    screen.click(page, "Save draft")
    assert now(world, reception, draft).lines == theirs.lines
    assert page.error or page.warning

    screen.run(page)
    screen.click(page, "Show theirs")
    assert "₹1,000.00" in screen.said(page)


def test_two_part_payments_to_the_last_receipt(world: World, reception: Actor, issued: Invoice) -> None:
    """What is due is prefilled each time; at the end the receipt is the next step."""
    page = pay(open_bill(world, reception, issued), "200", Reference="slip 7")
    paid = now(world, reception, issued)
    assert [(p.amount_minor, p.method, p.reference) for p in paid.payments] == [(20_000, PaymentMethod.CASH, "slip 7")]
    assert screen.field(page, "text_input", "Amount in INR").value == "300.00"
    assert screen.field(page, "text_input", "Reference").value == ""
    assert "still due" in page.toast[0].value

    screen.field(page, "segmented_control", "Paid by").set_value(PaymentMethod.UPI)
    pay(page, "300.00")
    done = now(world, reception, issued)
    assert (done.status, done.due_minor) == (InvoiceStatus.BALANCED, 0)
    assert "Take payment" not in [b.label for b in page.button]
    downloads = [(d.label, d.proto.type) for d in page.get("download_button")]
    assert downloads == [("Invoice PDF", "secondary"), ("Receipt", "primary"), ("Receipt", "secondary")]


def test_too_much_money_is_refused_and_the_form_kept(world: World, reception: Actor, issued: Invoice) -> None:
    """The message names what is due."""
    page = pay(open_bill(world, reception, issued), "600", Reference="slip 7")
    assert "500.00" in screen.errors(page)[0]
    assert now(world, reception, issued).payments == ()
    assert screen.field(page, "text_input", "Amount in INR").value == "600"
    assert screen.field(page, "text_input", "Reference").value == "slip 7"


@pytest.mark.parametrize("typed", ["", "many", "1.234", "-5", "0"])
def test_what_is_no_amount_is_refused(world: World, reception: Actor, issued: Invoice, typed: str) -> None:
    """And nothing is booked."""
    page = pay(open_bill(world, reception, issued), typed)
    assert screen.errors(page)
    assert now(world, reception, issued).payments == ()


def test_a_payment_sent_twice_is_one(world: World, reception: Actor, issued: Invoice) -> None:
    """The first click was cut off after its write, before the form was renewed: the same key goes in again."""
    page = open_bill(world, reception, issued)
    key = page.session_state[f"form:pay.{issued.id}"]
    pay(page, "200")
    page.session_state[f"form:pay.{issued.id}"] = key
    screen.run(page)
    pay(page, "200")
    assert now(world, reception, issued).paid_minor == 20_000


def test_only_a_manager_cancels_an_issued_invoice(
    world: World, reception: Actor, manager: Actor, issued: Invoice
) -> None:
    """With a reason; then it can be billed again."""
    assert "Cancel the invoice" not in [b.label for b in open_bill(world, reception, issued).button]

    page = screen.click(open_bill(world, manager, issued), "Cancel the invoice")
    assert "why" in screen.errors(page)[0]
    screen.field(page, "text_input", "Why?").set_value("Wrong patient")
    screen.click(page, "Cancel the invoice")
    assert now(world, manager, issued).status is InvoiceStatus.CANCELLED
    assert "Wrong patient" in screen.said(page)

    screen.click(page, "Bill again")
    opened = billing.get(world.clinic, manager, page.session_state[bills.OPENED])
    assert (opened.status, opened.lines) == (InvoiceStatus.DRAFT, issued.lines)


def test_a_paid_invoice_cannot_be_cancelled(world: World, manager: Actor, issued: Invoice) -> None:
    """The button is not even there."""
    page = pay(open_bill(world, manager, issued), "500")
    assert "Cancel the invoice" not in [b.label for b in page.button]


def test_a_free_visit_is_done_at_once(world: World, reception: Actor, draft: Invoice) -> None:
    """Nothing to pay: the invoice itself is the next step."""
    page = edit(open_bill(world, reception, draft), edited_rows={"0": {"discount": 500.0}})
    screen.click(screen.click(page, "Issue invoice"), "Yes, issue it")
    assert "Nothing is to be paid" in screen.said(page)
    assert [(d.label, d.proto.type) for d in page.get("download_button")] == [("Invoice PDF", "primary")]


def test_names_are_shown_as_typed(world: World, reception: Actor, issued: Invoice) -> None:
    """Markdown in a name is not obeyed: no picture is fetched from anywhere."""
    world.clinic.patients.save(replace(world.asha, name="![x](http://evil.example/p.png) *A*"))
    page = open_bill(world, reception, issued)
    assert "](http" not in "".join(element.value for element in page.markdown)


def test_an_invoice_that_is_gone_says_so(world: World, reception: Actor) -> None:
    """And there is a way back."""
    page = open_bill(world, reception, make.invoice(id="gone"))
    assert "does not exist" in screen.errors(page)[0]
    screen.click(page, "All bills")
    assert "To bill" in screen.said(page)


def test_the_papers_are_made_when_they_are_asked_for(world: World, reception: Actor, issued: Invoice) -> None:
    """From the invoice as it is then, by whoever may read it."""
    paid = billing.take_payment(
        world.clinic, reception, issued, key="k", amount_minor=50_000, method=PaymentMethod.CASH
    )
    assert papers.invoice_pdf(world.clinic, reception, invoice_id=paid.id).startswith(b"%PDF")
    assert papers.receipt_pdf(world.clinic, reception, invoice_id=paid.id, payment_key="k").startswith(b"%PDF")


def test_the_papers_are_not_for_everybody(world: World, doctor: Actor, issued: Invoice) -> None:
    """The service asks again."""
    with pytest.raises(Forbidden):
        papers.invoice_pdf(world.clinic, doctor, invoice_id=issued.id)
