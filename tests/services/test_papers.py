"""Every kind of paper, made by the services on a real database: the same file after a year of changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from clinic_core.clinic import Clinic
from clinic_core.documents import closes
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, PaymentMethod, line_for
from clinic_core.domain.ids import new_id
from clinic_core.domain.journal import Entry
from clinic_core.domain.organization import Price, TaxRounding, TaxRule
from clinic_core.domain.payers import Payer
from clinic_core.domain.tills import Way
from clinic_core.services import appointments, billing, day_close, directory, ledger, patients, settlement, tills
from clinic_core.services.patients import PatientForm
from clinic_core.services.reports import Question
from tests import make
from tests.conftest import World
from tests.unit.test_documents import needs_poppler, text_of
from ui import cash_parts, day_list, papers, report_exports

CASH, BANK = PaymentMethod.CASH, PaymentMethod.BANK_TRANSFER
PAYER = "payer-1"
IBAN = "DE89370400440532013000"
LATER = make.MONDAY + timedelta(days=365)
KEPT = {
    "invoice",
    "receipt",
    "payer's receipt",
    "refund slip",
    "credit note",
    "deposit slip",
    "slip of a deposit given back",
    "slip of a patient without a bill",
    "statement of a patient",
    "statement of a month of a patient",
    "statement of a patient without a bill",
    "statement of a payer",
    "till slip",
    "till slip, drawn anew",  # the first print is kept: this is what it would be without
    "day close",
    "day close, drawn anew",
}
LOOKS = {"report", "day list"}  # how it is now: they say when they were made

Papers = dict[str, Callable[[Clinic, Actor], bytes]]


@dataclass(frozen=True, kw_only=True)
class Monday:
    """What was done on the day whose papers are looked at."""

    bill: Invoice
    deposits: list[Entry]  # of Asha, latest first
    alone: Entry  # a deposit of Ben, who has no bill
    till: Entry


@pytest.fixture
def monday(world: World, reception: Actor, manager: Actor, clock: make.Clock) -> Monday:
    """A bill that a payer shares, money of every kind, a till that is 20.00 short, the day closed; it is Tuesday."""
    clinic, asha = world.clinic, world.asha
    profile = replace(clinic.organization(), address="4 Lake View", tax_id="29ABCDE1234F1Z5", upi_id="sunrise@okbank")
    directory.save_organization(clinic, manager, profile)
    directory.save_payer(clinic, manager, Payer(id=PAYER, name="Sure Health", share_basis_points=5_000, version=0))
    start = make.at("10:00")
    wanted = {"appointment_id": "visit", "patient_id": asha.id, "practitioner_id": make.DR_A}
    appointments.book(clinic, reception, appointments.draft(clinic, **wanted, service_id=make.DRESSING, start=start))  # type: ignore[arg-type]
    tills.open_till(clinic, reception, key="open", float_minor=100_000)

    bill = issued(world, reception, payer=5_000)
    bill = billing.take_payment(clinic, reception, bill, key="cash", amount_minor=10_000, method=CASH)
    bill = billing.take_payment(clinic, reception, bill, key="bank", amount_minor=5_000, method=BANK, payer=True)
    bill = settlement.refund(clinic, manager, bill, key="back", amount_minor=1_000, method=BANK, reason="Too much")
    bill = settlement.credit_note(clinic, manager, bill, key="note", amounts={1: 2_000}, reason="Not done")
    held: dict[str, Any] = {"amount_minor": 30_000, "method": CASH}
    (alone,) = settlement.deposit(clinic, reception, world.ben.id, key="alone", **held).entries
    settlement.deposit(clinic, reception, asha.id, key="held", **held)
    asked: dict[str, Any] = {"amount_minor": 10_000, "method": BANK, "reason": "Moves away"}
    deposits = list(settlement.deposit_refund(clinic, manager, asha.id, key="returned", **asked).entries)[:2]
    tills.move(clinic, reception, key="tea", amount_minor=5_000, way=Way.EXPENSE, reason="Tea")
    till = counted(clinic, reception)
    day_close.close(clinic, manager, make.MONDAY)
    clock.set("08:00", make.TUESDAY)
    return Monday(bill=bill, deposits=deposits, alone=alone, till=till)


def issued(world: World, actor: Actor, *, payer: int = 0) -> Invoice:
    """A consultation and a dressing for Asha."""
    clinic = world.clinic
    draft = billing.new_draft(clinic, actor, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A)
    draft = billing.set_lines(clinic, actor, draft, [line_for(world.consultation), line_for(world.dressing)])
    if payer:
        draft = billing.set_payer(clinic, actor, draft, PAYER, basis_points=payer)
    return billing.issue(clinic, actor, draft)


def counted(clinic: Clinic, actor: Actor) -> Entry:
    """The till of somebody, 20.00 short, with an amount that is no note."""
    expected = ledger.current(clinic, f"till:{actor.username}").amount_minor
    count: dict[str, Any] = {"pieces": {50_000: 1}, "other_minor": expected - 52_000}
    done = tills.close(clinic, actor, actor.username, key=new_id(), **count, reason="Unknown", shown_minor=-2_000)
    assert done.entry is not None
    return done.entry


def every_paper(monday: Monday, patient_id: str, other_id: str) -> Papers:
    """What makes each kind of paper."""
    of_bill = {"invoice_id": monday.bill.id}
    days: dict[str, Any] = {"start_on": None, "end_on": make.MONDAY}
    month: dict[str, Any] = {"start_on": make.MONDAY, "end_on": make.MONDAY}
    returned, deposit = monday.deposits
    asked = Question(start_on=make.MONDAY, end_on=make.MONDAY, as_of=make.MONDAY)
    return {
        "invoice": partial(papers.invoice_pdf, **of_bill),
        "receipt": partial(papers.receipt_pdf, **of_bill, payment_key="cash"),
        "payer's receipt": partial(papers.receipt_pdf, **of_bill, payment_key="bank"),
        "refund slip": partial(papers.refund_pdf, **of_bill, key="back"),
        "credit note": partial(papers.credit_note_pdf, **of_bill, key="note"),
        "deposit slip": partial(papers.slip_pdf, entry_id=deposit.id),
        "slip of a deposit given back": partial(papers.slip_pdf, entry_id=returned.id),
        "slip of a patient without a bill": partial(papers.slip_pdf, entry_id=monday.alone.id),
        "statement of a patient": partial(papers.patient_statement_pdf, patient_id=patient_id, **days),
        "statement of a month of a patient": partial(papers.patient_statement_pdf, patient_id=patient_id, **month),
        "statement of a patient without a bill": partial(papers.patient_statement_pdf, patient_id=other_id, **days),
        "statement of a payer": partial(papers.payer_statement_pdf, payer_id=PAYER, **month),
        "till slip": partial(cash_parts.till_pdf, entry_id=monday.till.id),
        "till slip, drawn anew": lambda at, who: closes.till(tills.paper(at, who, monday.till.id)),
        "day close": partial(cash_parts.day_pdf, day=make.MONDAY),
        "day close, drawn anew": lambda at, who: closes.day(day_close.paper(at, who, make.MONDAY)),
        "report": lambda at, who: report_exports._pdf(at, who, asked, "revenue_by_method", []),
        "day list": partial(day_list.pdf, day=make.MONDAY),
    }


def a_year_goes_by(world: World, monday: Monday, reception: Actor, manager: Actor, clock: make.Clock) -> None:
    """Everything is called something else and costs something else; money goes on moving; days and tills close."""
    clinic = world.clinic
    clock.set("09:00", LATER)
    profile = clinic.organization()
    moved = {"name": "Sunset Hospital", "address": "9 Hill Road", "phone": "+49 30 123456", "tax_id": "DE123456789"}
    ways = {"locale": "de_DE", "upi_id": "sunset@otherbank", "iban": IBAN, "credit_note_prefix": "GS"}
    rule = TaxRule(inclusive=True, rounding=TaxRounding.TOTAL)
    saved = directory.save_organization(clinic, manager, replace(profile, **moved, **ways, tax_rule=rule))  # type: ignore[arg-type]
    clinic.organization_store.save(replace(saved, time_zone="America/New_York"))  # by hand: the settings refuse it
    clinic.forget_directory()
    directory.save_practitioner(clinic, manager, replace(world.dr_a, name="Prof. A"))
    service = replace(clinic.directory().services[make.DRESSING], name="Wound care")
    directory.save_service(clinic, manager, service)
    directory.set_price(clinic, manager, make.DRESSING, Price(from_on=clinic.today(), price_minor=99_900))
    payer = clinic.directory().payers[PAYER]
    directory.save_payer(clinic, manager, replace(payer, name="Surest Health", address="1 New Street", tax_id="X9"))
    for patient in (world.asha, world.ben):
        form = PatientForm(name=f"{patient.name} Verma", birth_date=patient.birth_date, address="7 New Road", phone="")
        patients.edit(clinic, reception, clinic.patients.get(patient.id), form)

    tills.open_till(clinic, reception, key="later", float_minor=100_000)
    bill = clinic.invoices.get(monday.bill.id)
    bill = billing.take_payment(clinic, reception, bill, key="cash2", amount_minor=1_000, method=CASH)
    bill = settlement.refund(clinic, manager, bill, key="back2", amount_minor=500, method=CASH, reason="Again")
    bill = settlement.assign(clinic, reception, bill, key="s", amount_minor=500, to_payer=True, reason="Covered")
    bill = settlement.credit_note(clinic, manager, bill, key="note2", amounts={0: 1_500}, reason="Once more")
    bill = settlement.apply_credit(clinic, reception, bill, key="use", amount_minor=1_000)
    bill = settlement.write_off(clinic, manager, bill, key="off", amount_minor=bill.patient_due_minor, reason="Lost")
    later = issued(world, reception, payer=5_000)
    billing.take_payment(clinic, reception, later, key="all", amount_minor=5_000, method=BANK, payer=True)
    settlement.deposit(clinic, reception, world.ben.id, key="more", amount_minor=700, method=CASH)
    counted(clinic, reception)
    day_close.close(clinic, manager, clinic.today())


def test_a_year_later_every_paper_is_the_same_file(
    world: World, monday: Monday, reception: Actor, manager: Actor, clock: make.Clock
) -> None:
    """One whose letterhead, language or address follows the settings is another paper than the one given out."""
    makers = every_paper(monday, world.asha.id, world.ben.id)
    assert set(makers) == KEPT | LOOKS
    before = {name: make_(world.clinic, manager) for name, make_ in makers.items()}
    assert all(makers[name](world.clinic, manager) == before[name] for name in LOOKS), "twice in one minute"

    a_year_goes_by(world, monday, reception, manager, clock)

    after = {name: makers[name](world.clinic, manager) for name in sorted(KEPT)}
    assert [name for name in sorted(KEPT) if after[name] != before[name]] == []


@needs_poppler
def test_a_year_later_a_report_of_that_day_has_the_same_figures(
    world: World, monday: Monday, reception: Actor, manager: Actor, clock: make.Clock
) -> None:
    """It says when it was made, as the clinic writes by then; its amounts are those of the day that was asked."""
    makers = every_paper(monday, world.asha.id, world.ben.id)
    profile = world.clinic.organization()
    before = text_of(makers["report"](world.clinic, manager), "-layout")
    a_year_goes_by(world, monday, reception, manager, clock)
    world.clinic.organization_store.save(replace(profile, version=world.clinic.organization().version))
    world.clinic.forget_directory()
    after = text_of(makers["report"](world.clinic, manager), "-layout")

    assert "Made 3 Mar 2026, 8:00 am" in before
    assert after.replace("Made 2 Mar 2027, 9:00 am", "Made 3 Mar 2026, 8:00 am") == before


@needs_poppler
def test_a_paper_made_later_has_the_letterhead_of_its_own_day(
    world: World, monday: Monday, reception: Actor, manager: Actor, clock: make.Clock
) -> None:
    """The clinic moved, then money came for an old bill: its receipt is no paper of the clinic at the old address."""
    a_year_goes_by(world, monday, reception, manager, clock)
    clinic, of_bill = world.clinic, {"invoice_id": monday.bill.id}
    made = {
        "receipt": papers.receipt_pdf(clinic, manager, **of_bill, payment_key="cash2"),
        "refund slip": papers.refund_pdf(clinic, manager, **of_bill, key="back2"),
        "credit note": papers.credit_note_pdf(clinic, manager, **of_bill, key="note2"),
    }
    for pdf in made.values():
        assert "Sunset Hospital" in text_of(pdf)
        assert "DE123456789" in text_of(pdf)
        assert b"/Lang (de)" in pdf
    assert clinic.invoices.get(monday.bill.id).issuer == monday.bill.issuer
    first, last = clinic.journal.by_key(f"{monday.bill.id}:cash"), clinic.journal.by_key(f"{monday.bill.id}:cash2")
    assert first is not None
    assert last is not None
    assert (first.heading, last.heading is None) == (None, False), "kept only where it is not the invoice's"

    clinic.organization_store.save(replace(clinic.organization(), name="Midnight Clinic", locale="fr_FR"))
    clinic.forget_directory()
    assert papers.receipt_pdf(clinic, manager, **of_bill, payment_key="cash2") == made["receipt"]
