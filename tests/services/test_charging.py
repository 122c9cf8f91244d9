"""What a visit's bill asks for: prices of the day, payers, free revisits, packages; and what a missed one costs."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.domain import packages, policies, settling
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus, CancelReason
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.encounters import ChargeItem, EncounterStatus
from clinic_core.domain.ids import derived_id, new_id
from clinic_core.domain.journal import Entry, Event
from clinic_core.domain.organization import Price, TaxRule
from clinic_core.domain.payers import Payer
from clinic_core.domain.settling import Stamp
from clinic_core.errors import ClinicError, Forbidden, IllegalTransition, Unavailable
from clinic_core.services import (
    appointments,
    billing,
    charging,
    check,
    check_packages,
    directory,
    facts,
    fees,
    ledger,
    settlement,
)
from clinic_core.services import packages as packages_service
from clinic_core.settings import Settings
from tests import make
from tests.conftest import World, fresh_database, set_up

TEN = "service-ten"


def visit(world: World, day: date = make.MONDAY, hours: str = "10:00", **changes: Any) -> Appointment:
    """A finished consultation of Asha's with Dr A."""
    given = {"patient_id": world.asha.id, "status": AppointmentStatus.FULFILLED, "start": make.at(hours, day)}
    done = make.appointment(**{**given, **changes})
    world.clinic.appointments.add_many([done])
    return done


def billed(world: World, actor: Actor, day: date = make.MONDAY, hours: str = "10:00", **changes: Any) -> Invoice:
    """The draft of such a visit."""
    return billing.draft_for_visit(world.clinic, actor, visit(world, day, hours, **changes).id)


def policy(world: World, **changes: Any) -> None:
    """What a manager does in Settings."""
    world.clinic.organization_store.save(replace(world.clinic.organization(), **changes))
    world.clinic.forget_directory()


def later(days: int) -> date:
    """So many days after Monday."""
    return make.MONDAY + timedelta(days=days)


def texts(invoice: Invoice) -> list[str]:
    """What the lines say."""
    return [line.description for line in invoice.lines]


# -- prices and payers ---------------------------------------------------------------------------------------------


def test_the_price_is_that_of_the_visits_day(world: World, manager: Actor, clock: make.Clock) -> None:
    """A price that was entered in advance holds from its day on by itself, and a late bill keeps the old one."""
    new = Price(from_on=later(7), price_minor=60_000, tax_basis_points=500)
    directory.set_price(world.clinic, manager, make.CONSULTATION, new)
    before, after = visit(world, later(6)), visit(world, later(7))

    clock.set("08:00", later(30))
    bills = [billing.draft_for_visit(world.clinic, manager, one.id) for one in (before, after)]

    assert [bill.total_minor for bill in bills] == [50_000, 63_000]
    assert billing.issue(world.clinic, manager, bills[0]).total_minor == 50_000


def test_past_prices_stay(world: World, manager: Actor, clock: make.Clock) -> None:
    """Neither the form of the service nor its list changes what a past day cost."""
    clock.set("08:00", later(7))
    yesterday = Price(from_on=later(6), price_minor=1)
    tomorrow = Price(from_on=later(8), price_minor=1)
    with pytest.raises(ClinicError, match="stays on record"):
        directory.set_price(world.clinic, manager, make.CONSULTATION, yesterday)
    with pytest.raises(ClinicError, match="Prices of past days stay"):
        directory.save_service(world.clinic, manager, replace(world.consultation, price_minor=1))
    saved = directory.set_price(world.clinic, manager, make.CONSULTATION, tomorrow)
    assert directory.set_price(world.clinic, manager, make.CONSULTATION, tomorrow) == saved
    assert directory.drop_price(world.clinic, manager, make.CONSULTATION, tomorrow).prices == ()
    assert directory.drop_price(world.clinic, manager, make.CONSULTATION, tomorrow).prices == ()


def test_two_people_enter_prices_at_once(world: World, manager: Actor) -> None:
    """Eight days, eight threads, one service: all of them are there."""
    prices = [Price(from_on=later(n), price_minor=n) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda price: directory.set_price(world.clinic, manager, make.CONSULTATION, price), prices))
    assert world.clinic.catalogue.get(make.CONSULTATION).prices == tuple(prices)


def test_the_patients_payer_is_on_the_draft_with_its_price_and_share(world: World, manager: Actor) -> None:
    """And one that is not active any more is not."""
    clinic = world.clinic
    acme = directory.save_payer(clinic, manager, Payer(id="acme", name="Acme", share_basis_points=8_000, version=0))
    agreed = Price(from_on=make.MONDAY, price_minor=40_000, payer_id=acme.id)
    directory.set_price(clinic, manager, make.CONSULTATION, agreed)
    clinic.patients.save(replace(world.asha, payer_id=acme.id, member_number="M1"))

    made = billed(world, manager)
    assert (made.total_minor, made.payer_id, made.payer_share_minor) == (40_000, acme.id, 32_000)
    empty = billing.new_draft(clinic, manager, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A)
    assert billing.set_lines(clinic, manager, empty, [make.line()]).payer_share_minor == 40_000
    issued = billing.issue(clinic, manager, made)
    assert (issued.payer and issued.payer.name, issued.patient_due_minor) == ("Acme", 8_000)

    directory.save_payer(clinic, manager, replace(acme, active=False))
    other = billed(world, manager, hours="11:00")
    assert (other.total_minor, other.payer_id) == (50_000, None)


def test_another_payer_on_a_draft_prices_its_lines_anew(world: World, manager: Actor) -> None:
    """Back and forth; a price that the desk typed stays."""
    clinic = world.clinic
    acme = directory.save_payer(clinic, manager, Payer(id="acme", name="Acme", version=0))
    agreed = Price(from_on=make.MONDAY, price_minor=40_000, payer_id=acme.id)
    directory.set_price(clinic, manager, make.CONSULTATION, agreed)
    made = billed(world, manager)
    typed = make.line(service_id=make.DRESSING, unit_price_minor=1)
    made = billing.set_lines(clinic, manager, made, [*made.lines, typed])
    for payer_id, prices in ((acme.id, [40_000, 1]), (None, [50_000, 1])):
        made = billing.set_payer(clinic, manager, made, payer_id, basis_points=5_000)
        assert [line.unit_price_minor for line in made.lines] == prices
    assert made.payer_share_minor == 0


# -- free revisits -------------------------------------------------------------------------------------------------


def test_a_revisit_is_free_within_the_days_and_the_next_is_not(world: World, manager: Actor) -> None:
    """Counted from the visit that was paid for: who comes every week still pays."""
    policy(world, free_revisit_days=7)
    bills = {n: billed(world, manager, later(n)) for n in (0, 5, 7, 8, 14, 15, 16)}
    assert {n: bill.total_minor for n, bill in bills.items()} == {
        0: 50_000,
        5: 0,
        7: 0,
        8: 50_000,
        14: 0,
        15: 0,
        16: 50_000,
    }
    assert texts(bills[5]) == ["Consultation (Free revisit within 7 days of 2 Mar 2026)"]
    assert bills[5].lines[0].discount_minor == 50_000
    assert billing.issue(world.clinic, manager, bills[5]).status is InvoiceStatus.BALANCED


def test_what_is_no_revisit(world: World, manager: Actor) -> None:
    """Another practitioner, another patient, another service, a visit that did not happen, a service that is exempt."""
    clinic = world.clinic
    policy(world, free_revisit_days=7)
    billed(world, manager)
    visit(world, later(1), patient_id=world.ben.id, status=AppointmentStatus.NOSHOW)
    assert billed(world, manager, later(2), practitioner_id=make.DR_B).total_minor == 50_000
    assert billed(world, manager, later(2), patient_id=world.ben.id).total_minor == 50_000
    assert billed(world, manager, later(2), "11:00", service_id=make.FOLLOW_UP).total_minor == 30_000
    directory.save_service(clinic, manager, replace(world.consultation, free_revisits=False))
    assert billed(world, manager, later(2), "12:00").total_minor == 50_000


@pytest.mark.parametrize(("credited", "next_one"), [(50_000, 50_000), (20_000, 0)])
def test_a_bill_that_was_taken_back_frees_no_revisit(
    world: World, manager: Actor, credited: int, next_one: int
) -> None:
    """Two visits for nothing: the first bill is credited in full, and yet the second would be free."""
    policy(world, free_revisit_days=7)
    first = billing.issue(world.clinic, manager, billed(world, manager))
    settlement.credit_note(world.clinic, manager, first, key="c", amounts={0: credited}, reason="Not done")

    assert billed(world, manager, later(1)).total_minor == next_one


def test_a_bill_that_was_cancelled_frees_no_revisit(world: World, manager: Actor) -> None:
    """Neither an issued one nor a draft, unless another one took its place."""
    policy(world, free_revisit_days=7)
    first = billing.cancel(world.clinic, manager, billing.issue(world.clinic, manager, billed(world, manager)), "Slip")
    second = billed(world, manager, later(1))
    assert second.total_minor == 50_000
    billing.cancel(world.clinic, manager, second, "Slip")
    billing.bill_again(world.clinic, manager, first)

    assert billed(world, manager, later(2)).total_minor == 0


def test_only_the_booked_service_is_free(world: World, manager: Actor) -> None:
    """What else was done at the revisit is charged."""
    policy(world, free_revisit_days=7)
    billed(world, manager)
    again = visit(world, later(1))
    charges = (ChargeItem(service_id=make.CONSULTATION), ChargeItem(service_id=make.FOLLOW_UP))
    world.clinic.encounters.save(
        make.encounter(id=again.id, patient_id=world.asha.id, charges=charges, status=EncounterStatus.FINISHED)
    )
    made = billing.draft_for_visit(world.clinic, manager, again.id)
    assert [line.amount_minor for line in made.lines] == [0, 30_000]


# -- packages ------------------------------------------------------------------------------------------------------


def sell(world: World, actor: Actor, *, sessions: int = 3, quantity: int = 1) -> Invoice:
    """Asha buys a package of consultations."""
    clinic = world.clinic
    if TEN not in clinic.directory().services:
        directory.save_service(
            clinic,
            make.actor(actor.role, name="manager"),
            make.service(
                id=TEN,
                code="TEN",
                name="Package",
                price_minor=120_000,
                package_of=make.CONSULTATION,
                package_sessions=sessions,
                version=0,
            ),
        )
    made = billing.new_draft(clinic, actor, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A)
    line = make.line(service_id=TEN, description="Package", quantity=quantity, unit_price_minor=120_000)
    return billing.issue(clinic, actor, billing.set_lines(clinic, actor, made, [line]))


def sessions_of(world: World, sold: Invoice) -> int:
    """How many sessions the ledger says are used."""
    (package,) = packages.sold(sold, world.clinic.directory().services)
    return charging.used(world.clinic, package)


def test_a_package_pays_until_it_is_used_up(world: World, manager: Actor) -> None:
    """Three sessions, four visits; drawing the draft again takes no second session."""
    sold = sell(world, manager)
    done = [visit(world, later(n)) for n in range(1, 5)]
    bills = [billing.draft_for_visit(world.clinic, manager, one.id) for one in done]

    assert [bill.total_minor for bill in bills] == [0, 0, 0, 50_000]
    assert texts(bills[2]) == ["Consultation (Package: session 3 of 3)"]
    assert [billing.draft_for_visit(world.clinic, manager, one.id) for one in done] == bills
    assert sessions_of(world, sold) == 3
    assert billing.issue(world.clinic, manager, bills[0]).status is InvoiceStatus.BALANCED
    events = ledger_events(world.clinic)
    assert events.count("package-use") == 3 and "package-return" not in events


def test_the_desk_sees_what_is_left(world: World, manager: Actor, doctor: Actor) -> None:
    """Of each package, latest first; doctors do not see bills."""
    assert packages_service.of_patient(world.clinic, manager, world.asha.id) == []
    sold = sell(world, manager)
    billed(world, manager, later(1))
    (held,) = packages_service.of_patient(world.clinic, manager, world.asha.id)
    assert (held.package.label, held.package.covers, held.used, held.left) == (sold.label, make.CONSULTATION, 1, 2)
    with pytest.raises(Forbidden):
        packages_service.of_patient(world.clinic, doctor, world.asha.id)


def test_check_finds_sessions_that_should_not_be_taken(world: World, manager: Actor, clock: make.Clock) -> None:
    """By a bill that died before it was kept, by one that is cancelled, or twice."""
    clinic, sold = world.clinic, sell(world, manager)
    done = visit(world, later(1))
    charging.lines_of_visit(clinic, manager, done, None, invoice_id=derived_id("invoice", done.id))
    assert list(check_packages.faults(clinic)) == []  # it may be under way
    clock.pass_(hours=1)
    (fault,) = check_packages.faults(clinic)
    assert (fault.rule, fault.record_id) == ("package", sold.id)
    assert "still taken by a bill that is not there" in fault.message
    made = billing.draft_for_visit(clinic, manager, done.id)
    assert list(check_packages.faults(clinic)) == []

    clinic.invoices.change(made, replace(made, status=InvoiceStatus.CANCELLED, cancelled_at=clock()))
    clock.pass_(hours=1)
    assert "a bill that is cancelled" in next(iter(check_packages.faults(clinic))).message
    billing.bill_again(clinic, manager, clinic.invoices.get(made.id))
    clock.pass_(hours=1)
    assert list(check_packages.faults(clinic)) == []

    (package,) = charging.packages_of(clinic, world.asha.id)
    for reference, said in (("1/3", "taken twice"), ("9/3", "")):
        entry = Entry(event=Event.PACKAGE_USE, key="", day=make.MONDAY, at=clock(), by="x", reference=reference)
        entries = clinic.journal.of_account(package.account, 1, 99)
        assert said in packages.fault([*entries, entry], 3)
    assert packages.fault(entries, 0).startswith("1 sessions are taken of 0")


def ledger_events(clinic: Clinic) -> list[str]:
    """All events of the ledger."""
    return [stored.record.event.value for stored in clinic.journal.every() if stored.record is not None]


def test_a_draft_that_died_before_it_was_kept_takes_its_session_once(world: World, manager: Actor) -> None:
    """The session is taken first: repeating the step gives the same line."""
    sell(world, manager)
    done = visit(world, later(1))
    invoice_id = derived_id("invoice", done.id)
    lines = charging.lines_of_visit(world.clinic, manager, done, None, invoice_id=invoice_id)
    assert billing.draft_for_visit(world.clinic, manager, done.id).lines == lines
    assert "1 of 3" in lines[0].description


def test_several_pieces_take_several_sessions(world: World, manager: Actor) -> None:
    """And the rest of the line is charged."""
    sell(world, manager)
    done = visit(world, later(1))
    charges = (ChargeItem(service_id=make.CONSULTATION, quantity=5),)
    world.clinic.encounters.save(
        make.encounter(id=done.id, patient_id=world.asha.id, charges=charges, status=EncounterStatus.FINISHED)
    )
    made = billing.draft_for_visit(world.clinic, manager, done.id)
    assert [(line.quantity, line.amount_minor) for line in made.lines] == [(1, 0), (1, 0), (1, 0), (2, 100_000)]


def test_the_package_that_was_sold_first_is_used_first(world: World, manager: Actor, clock: make.Clock) -> None:
    """Two of one session each, sold on two days."""
    first = sell(world, manager, sessions=1)
    clock.set("08:00", later(1))
    second = sell(world, manager)
    for n, used in ((2, (1, 0)), (3, (1, 1))):
        billed(world, manager, later(n))
        assert (sessions_of(world, first), sessions_of(world, second)) == used
    assert billed(world, manager, later(4)).total_minor == 50_000


def test_a_session_comes_back_when_its_bill_is_cancelled(world: World, manager: Actor) -> None:
    """As a draft or issued; billing again takes one anew, if there is one."""
    clinic, sold = world.clinic, sell(world, manager)
    bills = [billed(world, manager, later(n)) for n in range(1, 4)]
    cancelled = billing.cancel(clinic, manager, billing.issue(clinic, manager, bills[1]), "Slip")
    assert billing.cancel(clinic, manager, bills[1], "Slip") == cancelled
    assert sessions_of(world, sold) == 2

    again = billing.bill_again(clinic, manager, cancelled)
    assert texts(again) == ["Consultation (Package: session 2 of 3)"]
    assert billing.bill_again(clinic, manager, cancelled) == again
    dropped = billing.cancel(clinic, manager, again, "Slip")
    assert billed(world, manager, later(5)).total_minor == 0
    last = billing.bill_again(clinic, manager, dropped)
    assert (texts(last), last.total_minor, sessions_of(world, sold)) == (["Consultation"], 50_000, 3)


def test_a_session_comes_back_when_the_desk_takes_the_line_off(world: World, manager: Actor) -> None:
    """And stays used while the line is only moved or another one added."""
    clinic, sold = world.clinic, sell(world, manager)
    made = billed(world, manager, later(1))
    more = billing.set_lines(clinic, manager, made, [make.line(service_id=make.DRESSING), *made.lines])
    assert sessions_of(world, sold) == 1
    billing.set_lines(clinic, manager, more, [make.line()])
    assert sessions_of(world, sold) == 0


def test_a_package_pays_only_while_it_is_owed_or_paid(world: World, manager: Actor) -> None:
    """Not as a draft, not cancelled; and it cannot be cancelled once sessions were used."""
    clinic = world.clinic
    sold = sell(world, manager)
    billing.cancel(clinic, manager, sold, "Slip")
    assert billed(world, manager, later(1)).total_minor == 50_000
    other = sell(world, manager)
    billed(world, manager, later(2))
    with pytest.raises(IllegalTransition, match="1 sessions of this package were used"):
        billing.cancel(clinic, manager, other, "Slip")


def test_a_credit_note_takes_its_part_of_the_sessions(world: World, manager: Actor) -> None:
    """Two of three credited leaves one."""
    clinic = world.clinic
    sold = billing.take_payment(
        clinic, manager, sell(world, manager), key="k", amount_minor=120_000, method=PaymentMethod.CASH
    )
    settlement.credit_note(clinic, manager, sold, key="c", amounts={0: 80_000}, reason="Moves away")
    assert [billed(world, manager, later(n)).total_minor for n in (1, 2)] == [0, 50_000]


def test_two_tills_race_for_the_last_session(world: World, manager: Actor, server_url: str) -> None:
    """Eight visits at once on a package with one session: exactly one is free, however they interleave."""
    sell(world, manager, sessions=1)
    done = [visit(world, later(1), f"{9 + n:02}:00") for n in range(8)]
    others = [open_clinic(world.clinic.settings, now=world.clinic.now) for _ in range(2)]
    try:
        with ThreadPoolExecutor(8) as pool:
            bills = list(
                pool.map(
                    lambda pair: billing.draft_for_visit(others[pair[0] % 2], manager, pair[1].id), enumerate(done)
                )
            )
    finally:
        for other in others:
            other.close()
    assert sorted(bill.total_minor for bill in bills) == [0, *[50_000] * 7]


def test_a_credit_note_leaves_the_sessions_that_were_used(world: World, manager: Actor) -> None:
    """Two of three used: a third of the money can go back, not all of it, and the visits were not free."""
    clinic, sold = world.clinic, sell(world, manager)
    for n in (1, 2):
        billed(world, manager, later(n))
    with pytest.raises(IllegalTransition, match=r"2 of 3 sessions of this package were used\. At most .*400\.00 of it"):
        settlement.credit_note(clinic, manager, sold, key="a", amounts={0: 120_000}, reason="Moves away")
    settlement.credit_note(clinic, manager, sold, key="b", amounts={0: 40_000}, reason="Moves away")
    with pytest.raises(IllegalTransition, match="At most .*0.00 of it"):
        settlement.credit_note(clinic, manager, sold, key="c", amounts={0: 40_000}, reason="Moves away")
    assert clinic.invoices.get(sold.id).credited_minor == 40_000
    assert list(check_packages.faults(clinic)) == []


@pytest.mark.parametrize("inclusive", [False, True])
def test_what_can_be_credited_of_a_package_can_be(world: World, manager: Actor, inclusive: bool) -> None:
    """Of any number of sessions, with tax on top or inside: the amount that the message names is taken."""
    chance = random.Random(7)
    services = {TEN: make.service(id=TEN, package_of=make.CONSULTATION, package_sessions=3)}
    stamp = Stamp(key="k", day=make.MONDAY, at=make.NOW, by="x", reason="Slip")
    for _ in range(60):
        quantity, used = chance.randint(1, 5), chance.randint(0, 3)
        line = make.line(
            service_id=TEN, quantity=quantity, unit_price_minor=chance.randint(1_000, 99_999), tax_basis_points=1_900
        )
        rule = TaxRule(inclusive=inclusive)
        one = make.invoice(lines=(line,), tax_rule=rule, status=InvoiceStatus.ISSUED, issued_on=make.MONDAY)
        (package,) = packages.sold(one, services)
        taken = {package.account: used}

        def credited(amount: int) -> Invoice:
            return settling.applied(one, settling.credit_note(one, stamp, amounts={0: amount}, document="CN"))  # noqa: B023

        most = packages.creditable(one, services, package, used)
        assert most <= one.total_minor
        if most:
            packages.require_enough(one, credited(most), services, taken)
        if used:
            with pytest.raises(IllegalTransition):
                packages.require_enough(one, credited(one.total_minor), services, taken)


@pytest.mark.parametrize("way", ["cancel", "credit"])
def test_a_session_is_used_while_its_package_is_taken_back(
    world: World, manager: Actor, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Between the look and the write: whoever is first has it, and the other one looks again."""
    clinic, sold = world.clinic, sell(world, manager, sessions=1)
    add, bills = clinic.journal.add, []

    def slow(entry: Entry, number: int = 0) -> Entry | None:
        if entry.event.value in ("cancel", "credit-note") and not bills:
            bills.append(None)
            bills[0] = billed(world, manager, later(1))  # type: ignore[call-overload]
        return add(entry, number)

    monkeypatch.setattr(clinic.journal, "add", slow)
    with pytest.raises(IllegalTransition, match="were used"):
        take_back(clinic, manager, sold, way)
    (bill,) = bills
    assert isinstance(bill, Invoice) and bill.total_minor == 0
    assert clinic.invoices.get(sold.id).due_minor == 120_000


@pytest.mark.parametrize("way", ["cancel", "credit"])
def test_a_package_is_taken_back_while_a_session_is_taken(
    world: World, manager: Actor, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The other way round: the visit is charged, for there is no session any more."""
    clinic, sold = world.clinic, sell(world, manager, sessions=1)
    add, done = clinic.journal.add, []

    def slow(entry: Entry, number: int = 0) -> Entry | None:
        if entry.event is Event.PACKAGE_USE and not done:
            done.append(way)
            take_back(clinic, manager, sold, way)
        return add(entry, number)

    monkeypatch.setattr(clinic.journal, "add", slow)
    assert billed(world, manager, later(1)).total_minor == 50_000
    assert done and "package-use" not in ledger_events(clinic)


def take_back(clinic: Clinic, actor: Actor, sold: Invoice, way: str) -> Invoice:
    """Cancel an invoice, or credit all of it."""
    if way == "cancel":
        return billing.cancel(clinic, actor, sold, "Slip")
    return settlement.credit_note(clinic, actor, sold, key="c", amounts={0: sold.total_minor}, reason="Slip")


@pytest.mark.parametrize("way", ["cancel", "credit"])
def test_two_desks_sell_and_take_back_at_once(world: World, manager: Actor, way: str) -> None:
    """Four packages, each used by one desk and taken back by another: never both."""
    clinic = world.clinic
    for round_ in range(4):
        sold = sell(world, manager, sessions=1)
        done = visit(world, later(1), f"{9 + round_:02}:00")

        def back(sold: Invoice = sold) -> bool:
            with suppress(IllegalTransition):
                return bool(take_back(clinic, manager, sold, way))
            return False

        with ThreadPoolExecutor(2) as pool:
            gone = pool.submit(back)
            bill = pool.submit(billing.draft_for_visit, clinic, manager, done.id).result()
            assert gone.result() == (bill.total_minor > 0)
    facts.fold(clinic)
    assert [fault for fault in check.run(clinic) if fault.rule != "events"] == []  # the visits were made finished


def test_check_finds_what_was_used_of_a_package_that_is_gone(
    world: World, manager: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever way it came to that."""
    clinic, sold = world.clinic, sell(world, manager)
    billed(world, manager, later(1))
    monkeypatch.setattr(packages, "require_enough", lambda *_: None)
    settlement.credit_note(clinic, manager, sold, key="c", amounts={0: 120_000}, reason="Slip")
    (fault,) = check_packages.faults(clinic)
    assert (fault.record_id, fault.message) == (
        sold.id,
        "1 sessions are taken of 0 that were not cancelled or credited",
    )


def test_a_session_stays_with_its_line_whatever_the_text_says(world: World, manager: Actor) -> None:
    """The desk shortens the text: the session must not come back while the visit stays free."""
    clinic, sold = world.clinic, sell(world, manager)
    made = billed(world, manager, later(1))
    short = replace(made.lines[0], description="Physio")
    made = billing.set_lines(clinic, manager, made, [short])
    assert (made.total_minor, sessions_of(world, sold)) == (0, 1)

    issued = billing.issue(clinic, manager, made)
    again = billing.bill_again(clinic, manager, billing.cancel(clinic, manager, issued, "Slip"))
    assert (texts(again), sessions_of(world, sold)) == (["Physio (Package: session 1 of 3)"], 1)


def test_a_line_that_is_charged_again_gives_its_session_back(world: World, manager: Actor) -> None:
    """Without its discount nothing is paid by the package; nor on a second line, nor for another service."""
    clinic, sold = world.clinic, sell(world, manager)
    made = billed(world, manager, later(1))
    (line,) = made.lines
    other = replace(line, service_id=make.FOLLOW_UP)
    with pytest.raises(ClinicError, match="Line 1: a session of a package pays for it"):
        billing.set_lines(clinic, manager, made, [other])
    made = billing.set_lines(clinic, manager, made, [line, line])
    assert [one.session for one in made.lines] == [line.session, None]
    assert sessions_of(world, sold) == 1
    made = billing.set_lines(clinic, manager, made, [replace(line, discount_minor=0)])
    assert (texts(made), made.total_minor, sessions_of(world, sold)) == (["Consultation"], 50_000, 0)
    made = billing.set_lines(clinic, manager, made, [line])  # of a table that was drawn before
    assert (made.lines[0].session, texts(made)) == (None, ["Consultation"])


def test_two_packages_have_a_session_of_one_name(world: World, manager: Actor, clock: make.Clock) -> None:
    """Both lines say session 1 of 1: taking one of them off gives its own session back, and the other stays used."""
    clinic, first = world.clinic, sell(world, manager, sessions=1)
    clock.set("08:00", later(1))
    second = sell(world, manager)
    done = visit(world, later(2))
    charges = (ChargeItem(service_id=make.CONSULTATION, quantity=2),)
    clinic.encounters.save(
        make.encounter(id=done.id, patient_id=world.asha.id, charges=charges, status=EncounterStatus.FINISHED)
    )
    made = billing.draft_for_visit(clinic, manager, done.id)
    assert texts(made) == ["Consultation (Package: session 1 of 1)"] * 2
    billing.set_lines(clinic, manager, made, made.lines[1:])
    assert (sessions_of(world, first), sessions_of(world, second)) == (0, 1)


def test_a_bill_from_before_lines_carried_their_session(world: World, manager: Actor) -> None:
    """It is known by its text, as it was written."""
    clinic, sold = world.clinic, sell(world, manager)
    made = billed(world, manager, later(1))
    clinic.database["invoices"].update_one({"_id": made.id}, {"$unset": {"lines.0.session": ""}})
    old = clinic.invoices.get(made.id)
    assert old.lines[0].session is None
    more = billing.set_lines(clinic, manager, old, [*old.lines, make.line(service_id=make.DRESSING)])
    assert sessions_of(world, sold) == 1
    billing.set_lines(clinic, manager, more, more.lines[1:])
    assert sessions_of(world, sold) == 0


@pytest.mark.parametrize("then", ["save", "issue", "cancel"])
def test_a_session_that_a_crash_kept_comes_back(
    world: World, manager: Actor, clock: make.Clock, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """The line was taken off, the session not given back: whatever is done with the draft next gives it back."""
    clinic, sold = world.clinic, sell(world, manager)
    made = billed(world, manager, later(1))
    with monkeypatch.context() as patch:
        patch.setattr(charging, "settle_sessions", lambda *_: (_ for _ in ()).throw(Unavailable("away")))
        with pytest.raises(Unavailable):
            billing.set_lines(clinic, manager, made, [make.line()])
    made = clinic.invoices.get(made.id)
    assert (made.total_minor, sessions_of(world, sold)) == (50_000, 1)
    if then == "save":
        billing.set_lines(clinic, manager, made, [make.line()])
    elif then == "issue":
        billing.issue(clinic, manager, made)
    else:
        billing.cancel(clinic, manager, made, "Slip")
    assert sessions_of(world, sold) == 0


def test_cancelling_again_gives_back_what_a_crash_kept(
    world: World, manager: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever cancelled the bill died before the session came back."""
    clinic, sold = world.clinic, sell(world, manager)
    made = billed(world, manager, later(1))
    with monkeypatch.context() as patch:
        patch.setattr(charging, "settle_sessions", lambda *_: (_ for _ in ()).throw(Unavailable("away")))
        with pytest.raises(Unavailable):
            billing.cancel(clinic, manager, made, "Slip")
    assert sessions_of(world, sold) == 1
    billing.cancel(clinic, manager, clinic.invoices.get(made.id), "Slip")
    assert sessions_of(world, sold) == 0


def test_billing_again_twice_takes_no_second_session(world: World, manager: Actor) -> None:
    """The desk took the line off the new draft; the second click must not use up the other package."""
    clinic = world.clinic
    sold = [sell(world, manager, sessions=1), sell(world, manager)]
    cancelled = billing.cancel(clinic, manager, billed(world, manager, later(1)), "Slip")
    draft = billing.set_lines(clinic, manager, billing.bill_again(clinic, manager, cancelled), [make.line()])
    assert billing.bill_again(clinic, manager, cancelled) == draft
    assert [sessions_of(world, one) for one in sold] == [0, 0]


def test_check_finds_a_session_that_pays_no_line(world: World, manager: Actor, clock: make.Clock) -> None:
    """A draft may be under work; an issued bill without the line keeps the patient's session for nothing."""
    clinic = world.clinic
    sell(world, manager)
    made = billed(world, manager, later(1))
    bare = clinic.invoices.change(made, replace(made, lines=(make.line(),), total_minor=50_000))
    clock.pass_(hours=1)
    assert list(check_packages.faults(clinic)) == []
    clinic.invoices.issue(bare, replace(bare, status=InvoiceStatus.ISSUED, issued_at=clock(), issued_on=later(1)), "X")
    clock.pass_(hours=1)
    (fault,) = check_packages.faults(clinic)
    assert "a bill that pays no line with it" in fault.message


def test_a_package_that_was_bought_a_hundred_bills_ago_pays(world: World, manager: Actor) -> None:
    """However many bills came after it: the patient paid for ten sessions."""
    sell(world, manager)
    times = [make.at("09:00", later(n)) for n in range(1, 102)]
    world.clinic.invoices.add_many(make.invoice(patient_id=world.asha.id, drafted_at=time) for time in times)
    assert billed(world, manager, later(120)).total_minor == 0


@pytest.mark.parametrize("seed", range(4))
def test_no_sequence_of_events_uses_more_than_there_is(server_url: str, manager: Actor, seed: int) -> None:
    """Random visits, cancellations, bills again and edits by four at once: sessions are whole, and named once."""
    chance = random.Random(seed)
    clock = make.Clock()
    clinic = open_clinic(Settings(database_url=fresh_database(server_url)), now=clock)
    create_indexes(clinic)
    world = set_up(clinic)
    sold = [sell(world, manager, sessions=2) for _ in range(2)]
    steps = [(n, chance.random()) for n in range(24)]

    def step(given: tuple[int, float]) -> None:
        n, dice = given
        day = later(1 + n // 8)
        made = billed(world, manager, day, f"{9 + n % 8:02}:00")
        try:
            if dice < 0.35:
                made = billing.issue(clinic, manager, made)
            if dice < 0.6:
                made = billing.cancel(clinic, manager, made, "Slip")
                billing.cancel(clinic, manager, made, "Slip")
            if dice < 0.2:
                billing.bill_again(clinic, manager, made)
            if dice > 0.85:
                billing.set_lines(clinic, manager, made, [make.line()])
        except ClinicError:
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(step, steps))
    services = clinic.directory().services
    held = [package for bill in sold for package in packages.sold(bill, services)]
    bills = [stored.record for stored in clinic.invoices.every() if stored.record is not None]
    live = [line for bill in bills if bill.status is not InvoiceStatus.CANCELLED for line in bill.lines]
    counts = [charging.used(clinic, package) for package in held]
    for package, count in zip(held, counts, strict=True):
        entries = clinic.journal.of_account(package.account, 1, ledger.current(clinic, package.account).seq)
        taken: set[int] = set()
        for entry in entries:
            number = packages.session_of(entry).number
            assert (number in taken) == (entry.event.value == "package-return")
            taken ^= {number}
            assert len(taken) <= package.sessions
        assert len(taken) == count
    clock.pass_(hours=1)
    assert list(check_packages.faults(clinic)) == []
    assert sum(map(packages.is_covered, live)) == sum(counts)
    assert all(not line.amount_minor for line in live if packages.is_covered(line))
    clinic.close()


# -- fees ----------------------------------------------------------------------------------------------------------


def fee_of(world: World, one: Appointment) -> Invoice | None:
    """The fee's draft or invoice."""
    return world.clinic.invoices.find(policies.fee_id(one))


def booked(world: World, hours: str = "10:00", day: date = make.TUESDAY) -> Appointment:
    """A visit that is still ahead."""
    wanted = make.appointment(patient_id=world.asha.id, start=make.at(hours, day), room_id=make.ROOM)
    world.clinic.appointments.add_many([wanted])
    return wanted


@pytest.mark.parametrize(
    ("hours_before", "reason", "charged"),
    [
        (25, CancelReason.PATIENT, False),
        (24, CancelReason.PATIENT, False),  # late begins after the 24th hour
        (23.9, CancelReason.PATIENT, True),
        (23.9, CancelReason.OTHER, True),
        (23.9, CancelReason.PROVIDER, False),
        (-0.5, CancelReason.PATIENT_FEELING_BETTER, True),
    ],
)
def test_a_late_cancellation_costs_its_fee(
    world: World, reception: Actor, clock: make.Clock, hours_before: float, reason: CancelReason, charged: bool
) -> None:
    """Not in time, and not when the clinic is the reason."""
    policy(world, late_cancel_fee_minor=10_000, fee_tax_basis_points=1_800)
    one = booked(world)
    clock.instant = one.start - timedelta(hours=hours_before)

    gone = appointments.cancel(world.clinic, reception, one, reason)
    assert appointments.cancel(world.clinic, reception, one, reason) == gone

    fee = fee_of(world, gone)
    assert (fee is not None) == charged
    if fee is not None:
        assert fee.id == derived_id("fee", one.id)
        assert texts(fee) == ["Late cancellation: Consultation, 3 Mar 2026"]
        assert (fee.status, fee.total_minor, fee.patient_id) == (InvoiceStatus.DRAFT, 11_800, world.asha.id)
        assert (fee.visited_on, fee.location_id, fee.practitioner_id) == (make.TUESDAY, make.ROOM, make.DR_A)


def test_without_a_policy_nothing_is_drafted(world: World, reception: Actor, clock: make.Clock) -> None:
    """As it was before there were fees."""
    one, other = booked(world), booked(world, "11:00")
    clock.set("11:30", make.TUESDAY)
    appointments.cancel(world.clinic, reception, one, CancelReason.PATIENT)
    appointments.mark_noshow(world.clinic, reception, other)
    assert world.clinic.invoices.drafts() == []


def test_a_missed_visit_costs_its_fee_until_the_patient_comes(
    world: World, reception: Actor, doctor: Actor, clock: make.Clock
) -> None:
    """Coming late throws the draft away; missing it again drafts another one; the visit's own bill is its own."""
    clinic = world.clinic
    policy(world, noshow_fee_minor=20_000)
    clock.set("10:30", make.TUESDAY)
    missed = appointments.mark_noshow(clinic, reception, booked(world))
    first = fee_of(world, missed)
    assert first is not None and (texts(first), first.total_minor) == (
        ["Missed visit: Consultation, 3 Mar 2026"],
        20_000,
    )

    here = appointments.arrive(clinic, reception, missed)
    assert appointments.arrive(clinic, reception, missed) == here
    thrown = clinic.invoices.get(first.id)
    assert (thrown.status, thrown.cancel_reason) == (InvoiceStatus.CANCELLED, "The patient came after all")

    again = appointments.mark_noshow(clinic, reception, here)
    second = fee_of(world, again)
    assert second is not None and second.id != first.id and second.status is InvoiceStatus.DRAFT
    issued = billing.issue(clinic, reception, second)
    back = appointments.arrive(clinic, reception, again)
    assert clinic.invoices.get(second.id) == issued
    appointments.fulfil(clinic, doctor, appointments.check_in(clinic, doctor, back))
    assert billing.draft_for_visit(clinic, doctor, missed.id).total_minor == 50_000


def test_the_desk_throws_a_fee_away_and_it_stays_away(world: World, reception: Actor, clock: make.Clock) -> None:
    """Repeating the verb does not bring it back."""
    policy(world, noshow_fee_minor=20_000)
    one = booked(world)
    clock.set("10:30", make.TUESDAY)
    missed = appointments.mark_noshow(world.clinic, reception, one)
    fee = fee_of(world, missed)
    assert fee is not None and billing.may_cancel(reception, fee)
    billing.cancel(world.clinic, reception, fee, "Was ill")
    appointments.mark_noshow(world.clinic, reception, one)
    assert world.clinic.invoices.drafts() == []


@pytest.mark.parametrize("how", ["cancel", "miss"])
@pytest.mark.parametrize("dies_at", ["before the draft", "after the draft"])
def test_a_fee_whose_desk_died_is_drafted_by_the_sidecar(
    world: World, reception: Actor, clock: make.Clock, monkeypatch: pytest.MonkeyPatch, how: str, dies_at: str
) -> None:
    """The visit is cancelled and cannot be cancelled again: nobody else would draft it. Once, and not a thrown one."""
    clinic, gone = world.clinic, booked(world)
    policy(world, late_cancel_fee_minor=20_000, noshow_fee_minor=20_000)
    clock.set("10:30", make.TUESDAY)
    before = dies_at == "before the draft"
    with monkeypatch.context() as patch:
        target, name = (billing, "draft_fee") if before else (clinic.appointments, "fee_drafted")
        patch.setattr(target, name, lambda *_, **__: (_ for _ in ()).throw(Unavailable("away")))
        with pytest.raises(Unavailable):
            if how == "cancel":
                appointments.cancel(clinic, reception, gone, CancelReason.PATIENT)
            else:
                appointments.mark_noshow(clinic, reception, gone)
    gone = clinic.appointments.get(gone.id)
    if not before:
        thrown = fee_of(world, gone)
        assert thrown is not None
        billing.cancel(clinic, reception, thrown, "Was ill")
    assert fees.complete(clinic) == 0  # it may be under way
    clock.pass_(minutes=2)
    assert [fees.complete(clinic), fees.complete(clinic)] == [1, 0]
    assert [draft.total_minor for draft in clinic.invoices.drafts()] == ([20_000] if before else [])
    lines = list(clinic.database["audit_events"].find({"action": "invoice.write", "record_id": policies.fee_id(gone)}))
    assert len(lines) == 1


def test_the_sidecar_drafts_no_fee_that_is_not_due(world: World, reception: Actor, clock: make.Clock) -> None:
    """A policy that begins after the visit was missed; and a patient who came before anything was drafted."""
    clinic, one = world.clinic, booked(world)
    clock.set("10:30", make.TUESDAY)
    appointments.mark_noshow(clinic, reception, one)
    policy(world, noshow_fee_minor=20_000)
    clock.pass_(minutes=2)
    assert fees.complete(clinic) == 0

    missed = appointments.mark_noshow(clinic, reception, booked(world, "09:00"))
    clinic.database["appointments"].update_one({"_id": missed.id}, {"$set": {"fee_open": True}})
    appointments.arrive(clinic, reception, missed)
    clock.pass_(minutes=2)
    assert (fees.complete(clinic), clinic.invoices.drafts()) == (0, [])


def test_a_patient_who_comes_while_the_fee_is_drafted_owes_none(
    world: World, reception: Actor, clock: make.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other desk marks the arrival between the two writes and finds no fee to throw away yet."""
    clinic, one = world.clinic, booked(world)
    policy(world, noshow_fee_minor=20_000)
    clock.set("10:30", make.TUESDAY)
    draft = billing.draft_fee

    def slow(*args: Any, **kwargs: Any) -> Invoice:
        appointments.arrive(clinic, reception, clinic.appointments.get(one.id))
        return draft(*args, **kwargs)

    monkeypatch.setattr(billing, "draft_fee", slow)
    appointments.mark_noshow(clinic, reception, one)
    assert clinic.invoices.drafts() == []
