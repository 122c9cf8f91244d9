"""The ledger under tills that take turns, forms that are sent twice, answers that are lost and people who died."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from clinic_core.clinic import Clinic, open_clinic
from clinic_core.domain import journal, settling
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.domain.journal import Book, Entry, Event, Posting
from clinic_core.domain.payers import Payer
from clinic_core.domain.settling import Stamp
from clinic_core.errors import Conflict, IllegalTransition, InvalidInput, OverPayment, Unavailable
from clinic_core.services import billing, check, ledger, settlement
from clinic_core.settings import Settings
from tests import make
from tests.conftest import World
from tests.proxy import Proxy

CASH, CARD = PaymentMethod.CASH, PaymentMethod.CARD


@pytest.fixture
def open_till(database_url: str, clock: make.Clock) -> Iterator[Callable[[], Clinic]]:
    """Opens the clinic as another process would: with a client and a memory of its own."""
    opened: list[Clinic] = []

    def one() -> Clinic:
        opened.append(open_clinic(Settings(database_url=database_url), now=clock))
        return opened[-1]

    yield one
    for clinic in opened:
        clinic.close()


@pytest.fixture
def tills(world: World, open_till: Callable[[], Clinic]) -> list[Clinic]:
    """Eight tills of one clinic."""
    return [open_till() for _ in range(8)]


def bill(world: World, actor: Actor, *, quantity: int = 1, patient_id: str = "", payer_share: int = 0) -> Invoice:
    """An issued invoice over `quantity` consultations of 500.00."""
    wanted: dict[str, str] = {
        "invoice_id": new_id(),
        "patient_id": patient_id or world.asha.id,
        "practitioner_id": make.DR_A,
    }
    draft = billing.new_draft(world.clinic, actor, **wanted)
    draft = billing.set_lines(world.clinic, actor, draft, [make.line(quantity=quantity)])
    if payer_share:
        if "payer-1" not in world.clinic.directory().payers:
            world.clinic.payers.add(Payer(id="payer-1", name="Care Insurance"))
            world.clinic.forget_directory()
        draft = billing.set_payer(world.clinic, actor, draft, "payer-1", share_minor=payer_share)
    return billing.issue(world.clinic, actor, draft)


def pay(clinic: Clinic, actor: Actor, invoice: Invoice, amount_minor: int, key: str = "", **more: Any) -> Invoice:
    """Take money by card."""
    given: dict[str, Any] = {"key": key or new_id(), "amount_minor": amount_minor, "method": CARD, **more}
    return billing.take_payment(clinic, actor, invoice, **given)


def entries(clinic: Clinic) -> list[Entry]:
    """The whole journal, in order."""
    return sorted((s.record for s in clinic.journal.every() if s.record), key=lambda entry: entry.id)


def all_at_once(*calls: Callable[[], object]) -> list[object]:
    """What each call returned or raised, all of them let go at one moment."""
    barrier = threading.Barrier(len(calls))

    def call(one: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return one()
        except (OverPayment, Conflict, IllegalTransition, InvalidInput) as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


# -- one event, one entry ------------------------------------------------------------------------------------------


def test_part_payments_balance_an_invoice(world: World, reception: Actor) -> None:
    """Each payment is an entry, and the last one balances."""
    invoice = bill(world, reception)

    partly = pay(world.clinic, reception, invoice, 20_000)
    paid = pay(world.clinic, reception, invoice, 30_000)

    assert (partly.status, partly.paid_minor, partly.due_minor) == (InvoiceStatus.ISSUED, 20_000, 30_000)
    assert (paid.status, paid.paid_minor, paid.due_minor) == (InvoiceStatus.BALANCED, 50_000, 0)
    assert paid == world.clinic.invoices.get(invoice.id)
    assert [entry.id for entry in entries(world.clinic)] == [f"2026-03-02#{n:05d}" for n in (1, 2, 3)]
    assert [entry.event for entry in entries(world.clinic)] == [Event.ISSUE, Event.PAYMENT, Event.PAYMENT]


def test_what_cannot_be_paid_leaves_no_entry(world: World, reception: Actor) -> None:
    """Too much, a draft, a cancelled one, a key that was used for something else."""
    clinic, invoice = world.clinic, bill(world, reception)
    pay(clinic, reception, invoice, 20_000, "k")
    draft = clinic.invoices.add(make.invoice(patient_id=world.asha.id))
    before = entries(clinic)

    with pytest.raises(OverPayment):
        pay(clinic, reception, invoice, 30_001)
    with pytest.raises(Conflict):
        pay(clinic, reception, invoice, 10_000, "k")
    with pytest.raises(IllegalTransition):
        pay(clinic, reception, draft, 1)
    assert pay(clinic, reception, invoice, 20_000, "k").paid_minor == 20_000
    assert entries(clinic) == before


def test_text_that_looks_like_an_operator(world: World, reception: Actor) -> None:
    """A reference or key with dollar signs, dots and at-signs is kept as text."""
    invoice = bill(world, reception)

    paid = pay(world.clinic, reception, invoice, 1, "$status@1", reference="$paid_minor")
    again = pay(world.clinic, reception, invoice, 1, "$status@1", reference="$paid_minor")

    assert paid.payments[0].reference == "$paid_minor"
    assert paid.payments[0].key == "$status@1"
    assert again == paid
    pay(world.clinic, reception, invoice, 1, "desk@clinic.example")
    ledger.settle(world.clinic)
    assert [stored.id for stored in world.clinic.balances.every()] == []


# -- several tills -------------------------------------------------------------------------------------------------


def test_payments_of_several_tills(world: World, reception: Actor, tills: list[Clinic]) -> None:
    """Eight tills send forty payments, each three times: forty are kept, to the cent, and each is one entry."""
    invoice = bill(world, reception, quantity=100)
    sent = [(tills[n % 8], f"key-{n % 40}", 1_000 + n % 40) for n in range(120)]
    random.Random(3).shuffle(sent)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: pay(one[0], reception, invoice, one[2], one[1]), sent))

    after = ledger.current_invoice(world.clinic, invoice.id)
    assert sorted(p.key for p in after.payments) == sorted(f"key-{n}" for n in range(40))
    assert after.paid_minor == sum(1_000 + n for n in range(40))
    assert after.posted == 41
    assert [journal.number_of(entry.id) for entry in entries(world.clinic)] == list(range(1, 42))


def test_a_race_for_the_rest(world: World, reception: Actor, tills: list[Clinic]) -> None:
    """Eight tills take all that is due at once: one succeeds, the others are told that nothing is due."""
    invoice = bill(world, reception)

    found = all_at_once(*[lambda till=till: pay(till, reception, invoice, 50_000) for till in tills])

    assert sum(isinstance(one, Invoice) for one in found) == 1
    assert sum(isinstance(one, OverPayment) for one in found) == 7
    assert ledger.current_invoice(world.clinic, invoice.id).paid_minor == 50_000


def test_a_race_to_give_money_back(world: World, manager: Actor, tills: list[Clinic]) -> None:
    """Eight tills refund the only payment: it goes out once."""
    invoice = bill(world, manager)
    pay(world.clinic, manager, invoice, 50_000)

    def back(till: Clinic) -> Invoice:
        return settlement.refund(
            till, manager, invoice, key=new_id(), amount_minor=50_000, method=CARD, reason="not delivered"
        )

    found = all_at_once(*[lambda till=till: back(till) for till in tills])

    assert sum(isinstance(one, Invoice) for one in found) == 1
    assert ledger.current_invoice(world.clinic, invoice.id).paid_minor == 0


def test_one_deposit_pays_once(world: World, reception: Actor, tills: list[Clinic]) -> None:
    """Money held for a patient pays one of two invoices, whatever two tills do at once."""
    clinic = world.clinic
    settlement.deposit(clinic, reception, world.asha.id, key="d", amount_minor=50_000, method=CARD)
    bills = [bill(world, reception) for _ in range(2)]

    found = all_at_once(
        *[
            lambda till=till, one=one: settlement.apply_credit(till, reception, one, key="k", amount_minor=50_000)
            for till, one in zip(tills, bills * 4, strict=True)
        ]
    )

    assert {one.id for one in found if isinstance(one, Invoice)} < {one.id for one in bills}
    assert ledger.held_minor(clinic, world.asha.id) == 0
    assert sum(ledger.current_invoice(clinic, one.id).paid_minor for one in bills) == 50_000


def test_a_double_click_on_every_form_is_one_entry(world: World, manager: Actor, tills: list[Clinic]) -> None:
    """The same key twice at once: one entry, and both clicks see the same invoice."""
    one, other = bill(world, manager, payer_share=20_000), bill(world, manager)
    pay(world.clinic, manager, one, 20_000)
    settlement.deposit(world.clinic, manager, world.asha.id, key="d", amount_minor=900, method=CASH)
    forms: list[Callable[[Clinic], object]] = [
        lambda c: pay(c, manager, one, 500, "a"),
        lambda c: settlement.refund(c, manager, one, key="b", amount_minor=400, method=CARD, reason="r"),
        lambda c: settlement.write_off(c, manager, one, key="c", amount_minor=300, reason="r"),
        lambda c: settlement.credit_note(c, manager, one, key="e", amounts={0: 200}, reason="r"),
        lambda c: settlement.apply_credit(c, manager, one, key="f", amount_minor=100),
        lambda c: settlement.transfer(c, manager, one, other, key="g", amount_minor=50, reason="r"),
        lambda c: settlement.assign(c, manager, one, key="h", amount_minor=40, to_payer=True, reason="r"),
        lambda c: settlement.deposit(c, manager, world.asha.id, key="i", amount_minor=30, method=CASH),
        lambda c: settlement.deposit_refund(
            c, manager, world.asha.id, key="j", amount_minor=20, method=CASH, reason="r"
        ),
    ]
    before = len(entries(world.clinic))

    for number, form in enumerate(forms, 1):
        found = all_at_once(partial(form, tills[0]), partial(form, tills[1]))
        assert not [one for one in found if isinstance(one, Exception)]
        assert len(entries(world.clinic)) == before + number
    for form in forms:
        form(tills[2])  # and once more, much later
    assert len(entries(world.clinic)) == before + len(forms)


def test_a_cancelled_invoice_takes_no_money_in_a_race(world: World, manager: Actor, tills: list[Clinic]) -> None:
    """Paid or cancelled, never both."""
    for _ in range(5):
        invoice = bill(world, manager)
        all_at_once(
            partial(pay, tills[0], manager, invoice, 50_000),
            partial(billing.cancel, tills[1], manager, invoice, "slip"),
        )
        after = ledger.current_invoice(world.clinic, invoice.id)
        assert (after.status, after.paid_minor) in {(InvoiceStatus.CANCELLED, 0), (InvoiceStatus.BALANCED, 50_000)}


def test_credit_notes_of_several_tills_have_gapless_numbers(world: World, manager: Actor, tills: list[Clinic]) -> None:
    """Twenty-four notes on three invoices: CN-2026-00001 to 24, each once, and never more than there was."""
    bills = [bill(world, manager) for _ in range(3)]

    def note(turn: int) -> object:
        return settlement.credit_note(
            tills[turn % 8], manager, bills[turn % 3], key=f"k{turn}", amounts={0: 1_000}, reason="r"
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(note, range(24)))

    documents = sorted(entry.document for entry in entries(world.clinic) if entry.document)
    assert documents == [f"CN-2026-{n:05d}" for n in range(1, 25)]
    assert [ledger.current_invoice(world.clinic, one.id).credited_minor for one in bills] == [8_000] * 3


# -- money goes no further than it came ----------------------------------------------------------------------------


def test_a_credit_note_after_a_write_off_makes_no_money(world: World, manager: Actor) -> None:
    """What was given up and never paid is not held for the patient when the charge is taken back."""
    clinic, invoice = world.clinic, bill(world, manager)
    pay(clinic, manager, invoice, 10_000)
    settlement.write_off(clinic, manager, invoice, key="w", amount_minor=40_000, reason="moved away")

    after = settlement.credit_note(clinic, manager, invoice, key="c", amounts={0: 50_000}, reason="never seen")

    assert (after.paid_minor, after.credited_minor, after.written_off_minor, after.due_minor) == (0, 50_000, 0, 0)
    assert ledger.held_minor(clinic, world.asha.id) == 10_000


def test_what_the_payer_paid_is_not_held_for_the_patient(world: World, manager: Actor) -> None:
    """A credit note of a bill that the payer paid too: an insurer's 250.00 would become cash for the patient."""
    clinic, invoice = world.clinic, bill(world, manager, payer_share=30_000)
    pay(clinic, manager, invoice, 30_000, payer=True)
    paid = pay(clinic, manager, invoice, 20_000)

    with pytest.raises(IllegalTransition, match=r"refund \S*250\.00 to the payer first"):
        settlement.credit_note(clinic, manager, invoice, key="c", amounts={0: 45_000}, reason="never seen")

    assert ledger.current_invoice(clinic, invoice.id) == paid
    back = {"amount_minor": 25_000, "method": CARD, "reason": "not due", "payer": True}
    settlement.refund(clinic, manager, invoice, key="r", **back)
    after = settlement.credit_note(clinic, manager, invoice, key="c", amounts={0: 45_000}, reason="never seen")
    assert ledger.held_minor(clinic, world.asha.id) == 20_000
    assert (after.paid_minor, after.payer_paid_minor, after.due_minor) == (5_000, 5_000, 0)
    with pytest.raises(OverPayment):
        settlement.refund(clinic, manager, invoice, key="r2", **{**back, "amount_minor": 5_001})


# -- the day -------------------------------------------------------------------------------------------------------


def close(clinic: Clinic, day: date) -> None:
    """The entry that closes a day."""
    assert clinic.journal.add(day_close(clinic, day))


def day_close(clinic: Clinic, day: date) -> Entry:
    """That entry, not added yet."""
    slots = (journal.key_slot(f"close:{day}"), journal.close_slot(day))
    return Entry(key=f"close:{day}", event=Event.DAY_CLOSE, day=day, at=clinic.now(), by="manager", slots=slots)


def test_after_its_close_a_day_takes_no_entry(world: World, reception: Actor) -> None:
    """What happens then is the next day's."""
    invoice = bill(world, reception)
    close(world.clinic, make.MONDAY)

    pay(world.clinic, reception, invoice, 1_000)

    assert [entry.id for entry in entries(world.clinic)] == ["2026-03-02#00001", "2026-03-02#00002", "2026-03-03#00001"]
    assert ledger.open_day(world.clinic) == make.TUESDAY


def test_a_day_that_closes_between_looking_and_posting_takes_no_entry(
    world: World, reception: Actor, open_till: Callable[[], Clinic], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The till saw an open day; before its entry is there, another one closes the day: it goes on the next day."""
    invoice, till = bill(world, reception), open_till()
    looked = till.journal.holding

    def holding(slots: Any) -> Any:
        found = looked(slots)
        if not world.clinic.journal.by_key(f"close:{make.MONDAY}"):
            close(world.clinic, make.MONDAY)
        return found

    monkeypatch.setattr(till.journal, "holding", holding)
    pay(till, reception, invoice, 1_000)

    assert [(entry.day, entry.event) for entry in entries(world.clinic)] == [
        (make.MONDAY, Event.ISSUE),
        (make.MONDAY, Event.DAY_CLOSE),
        (make.TUESDAY, Event.PAYMENT),
    ]


def test_an_invoice_is_dated_by_its_charges(
    world: World, reception: Actor, open_till: Callable[[], Clinic], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day closes between the number and the entry: an invoice of Monday would be in Tuesday's books."""
    wanted = {"invoice_id": new_id(), "patient_id": world.asha.id, "practitioner_id": make.DR_A}
    draft = billing.new_draft(world.clinic, reception, **wanted)
    draft, till = billing.set_lines(world.clinic, reception, draft, [make.line()]), open_till()
    looked = till.journal.holding

    def holding(slots: Any) -> Any:
        if f"key:issue:{draft.id}" in set(slots) and not world.clinic.journal.by_key(f"close:{make.MONDAY}"):
            close(world.clinic, make.MONDAY)
        return looked(slots)

    monkeypatch.setattr(till.journal, "holding", holding)
    issued = billing.issue(till, reception, draft)

    assert [entry.day for entry in entries(world.clinic) if entry.event is Event.ISSUE] == [make.TUESDAY]
    assert issued.issued_on == world.clinic.invoices.get(draft.id).issued_on == make.TUESDAY
    assert check.run(world.clinic) == []


def test_a_credit_note_tried_again_in_the_new_year_is_numbered_in_it(
    world: World, manager: Actor, clock: make.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CN-2026 would be dated 1 January 2027, and the series of 2026 be open for ever."""
    clock.set("23:59", date(2026, 12, 31))
    invoice = bill(world, manager)
    add, lost = world.clinic.journal.add, list[Entry]()

    def slow(entry: Entry, number: int = 0) -> Entry | None:
        if not lost:
            lost.append(entry)
            clock.set("00:01", date(2027, 1, 1))
            return None
        return add(entry, number)

    monkeypatch.setattr(world.clinic.journal, "add", slow)
    settlement.credit_note(world.clinic, manager, invoice, key="c", amounts={0: 1_000}, reason="r")

    made = entries(world.clinic)[-1]
    assert (lost[0].document, made.document, made.day) == ("CN-2026-00001", "CN-2027-00001", date(2027, 1, 1))
    assert check.run(world.clinic) == []


def test_days_that_close_while_tills_work(world: World, reception: Actor, tills: list[Clinic]) -> None:
    """Seven tills pay and one closes five days one after the other: each day's close is its last entry."""
    bills = [bill(world, reception, quantity=50) for _ in range(7)]

    def work(number: int) -> None:
        for turn in range(12):
            if number < 7:
                pay(tills[number], reception, bills[number], 100)
            elif turn % 2 == 0:
                _close_open_day(tills[7])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    by_day: dict[date, list[Entry]] = {}
    for entry in entries(world.clinic):
        by_day.setdefault(entry.day, []).append(entry)
    closed = [day for day, made in by_day.items() if any(entry.event is Event.DAY_CLOSE for entry in made)]
    assert len(closed) == 6
    for day, made in by_day.items():
        assert [journal.number_of(entry.id) for entry in made] == list(range(1, len(made) + 1))
        assert [entry.event is Event.DAY_CLOSE for entry in made[:-1]] == [False] * (len(made) - 1), day
    assert sum(entry.event is Event.PAYMENT for entry in entries(world.clinic)) == 84


def _close_open_day(clinic: Clinic) -> None:
    while True:
        day = ledger.open_day(clinic)
        number = clinic.journal.next_number(day)
        if clinic.journal.add(day_close(clinic, day), number):
            return


def test_trying_again_after_midnight_is_the_next_day(
    world: World, reception: Actor, clock: make.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that lost a race before midnight is not dated back behind the one that won after it."""
    invoice = bill(world, reception)
    add, lost = world.clinic.journal.add, list[Entry]()

    def slow(entry: Entry, number: int = 0) -> Entry | None:
        if not lost:
            lost.append(entry)
            clock.set("00:01", make.TUESDAY)
            return None
        return add(entry, number)

    monkeypatch.setattr(world.clinic.journal, "add", slow)
    pay(world.clinic, reception, invoice, 1_000)

    assert entries(world.clinic)[-1].day == make.TUESDAY


# -- the till ------------------------------------------------------------------------------------------------------


def till_event(clinic: Clinic, event: Event, key: str) -> Entry:
    """Open or close reception's till."""
    account = journal.till_account("reception")

    def made(books: ledger.Books) -> Entry:
        return Entry(key=key, event=event, day=books.day, at=clinic.now(), by="reception")

    return ledger.post(clinic, key, [account], made).entry


def test_cash_goes_into_an_open_till(world: World, reception: Actor) -> None:
    """And a card payment does not; neither does cash before it is opened or after it is closed."""
    clinic, invoice = world.clinic, bill(world, reception)
    pay(clinic, reception, invoice, 100, method=CASH)
    opened = till_event(clinic, Event.TILL_OPEN, "open")
    pay(clinic, reception, invoice, 200, method=CASH)
    pay(clinic, reception, invoice, 300)
    held = ledger.current(clinic, journal.till_account("reception"))
    till_event(clinic, Event.TILL_CLOSE, "close")
    pay(clinic, reception, invoice, 400, method=CASH)

    assert (held.amount_minor, held.opened) == (200, opened.id)
    assert [entry.till for entry in entries(clinic) if entry.event is Event.PAYMENT] == [None, opened.id, None, None]
    assert ledger.current(clinic, journal.till_account("reception")).amount_minor == 200


def test_a_till_that_closes_meanwhile_takes_no_cash(
    world: World, reception: Actor, open_till: Callable[[], Clinic], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen open, then closed in the other window before the payment looks at what is in it."""
    clinic, invoice, other = world.clinic, bill(world, reception), open_till()
    till_event(clinic, Event.TILL_OPEN, "open")
    read = clinic.invoices.get

    def closing(invoice_id: str) -> Invoice:
        if not other.journal.by_key("close"):
            till_event(other, Event.TILL_CLOSE, "close")
        return read(invoice_id)

    pay(clinic, reception, invoice, 100)  # its charges are in the ledger, so the next read is the one of the books
    monkeypatch.setattr(clinic.invoices, "get", closing)
    monkeypatch.setattr(billing, "require_posted", lambda _, invoice_id: read(invoice_id))
    pay(clinic, reception, invoice, 200, method=CASH)

    assert entries(clinic)[-1].till is None
    assert ledger.current(clinic, journal.till_account("reception")).amount_minor == 0


# -- lost answers, lost people -------------------------------------------------------------------------------------


def test_a_lost_answer_is_one_payment(world: World, reception: Actor, database_url: str, clock: make.Clock) -> None:
    """The entry arrived and its answer did not: the payment is said to have been taken, and it is there once."""
    invoice = bill(world, reception)
    with Proxy(database_url) as wire:
        till = open_clinic(Settings(database_url=wire.url), now=clock)
        pay(till, reception, invoice, 1_000)
        for number in range(3):
            wire.lose("insert")
            pay(till, reception, invoice, 1_000, f"k{number}")
        till.close()

    assert wire.lost >= 3
    after = ledger.current_invoice(world.clinic, invoice.id)
    assert after.paid_minor == 4_000
    assert [entry.event for entry in entries(world.clinic)] == [Event.ISSUE, *[Event.PAYMENT] * 4]


class Losing:
    """The collection behind a line that breaks when the answer comes back, or (`before`) on the way there."""

    def __init__(self, collection: Any, *, before: bool) -> None:
        self._collection, self._before, self._broken = collection, before, False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._collection, name)
        return self._breaking(real) if name in {"insert_one", "replace_one"} and not self._broken else real

    def _breaking(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            self._broken = True
            if not self._before:
                real(*args, **named)
            raise AutoReconnect("connection closed")

        return call


def test_an_answer_lost_for_good_is_settled_by_reading(
    world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver gave up, the entry is there: it is read back and carried over."""
    clinic, invoice = world.clinic, bill(world, reception)
    monkeypatch.setattr(clinic.journal, "_collection", Losing(clinic.journal._collection, before=False))

    paid = pay(clinic, reception, invoice, 1_000)

    assert paid == clinic.invoices.get(invoice.id)
    assert paid.paid_minor == 1_000


def test_a_lost_request_is_said(world: World, reception: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry did not arrive: the caller is told, nothing is changed, and trying again works."""
    clinic, invoice = world.clinic, bill(world, reception)
    monkeypatch.setattr(clinic.journal, "_collection", Losing(clinic.journal._collection, before=True))

    with pytest.raises(Unavailable):
        pay(clinic, reception, invoice, 1_000, "k")
    assert len(entries(clinic)) == 1
    assert pay(clinic, reception, invoice, 1_000, "k").paid_minor == 1_000


@pytest.mark.parametrize("name", ["invoices", "balances"])
def test_who_dies_after_the_entry_leaves_nothing_wrong(
    world: World, reception: Actor, open_till: Callable[[], Clinic], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The invoice or the balance was not caught up: the next one who looks sees what the ledger says."""
    invoice = bill(world, reception)
    settlement.deposit(world.clinic, reception, world.asha.id, key="d", amount_minor=5_000, method=CARD)
    dying = open_till()
    monkeypatch.setattr(getattr(dying, name), "_collection", Losing(getattr(dying, name)._collection, before=True))
    with pytest.raises(Unavailable):
        settlement.apply_credit(dying, reception, invoice, key="k", amount_minor=2_000)

    with pytest.raises(OverPayment):
        settlement.apply_credit(world.clinic, reception, invoice, key="other", amount_minor=3_001)
    again = settlement.apply_credit(world.clinic, reception, invoice, key="k", amount_minor=2_000)

    assert again.paid_minor == 2_000
    assert ledger.held_minor(world.clinic, world.asha.id) == 3_000


def test_settling_finishes_what_others_left(world: World, reception: Actor, open_till: Callable[[], Clinic]) -> None:
    """Issued and not posted, posted and not carried over: after `settle` every copy equals the ledger."""
    clinic, paid = world.clinic, bill(world, reception)
    draft = billing.new_draft(
        clinic, reception, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A
    )
    draft = billing.set_lines(clinic, reception, draft, [make.line()])
    wanted = replace(draft, status=InvoiceStatus.ISSUED, issued_at=make.NOW, issued_on=make.MONDAY, issued_by="x")
    unposted = clinic.invoices.issue(draft, wanted, "INV-2026")
    before = clinic.invoices.get(paid.id)
    entry = settling.payment(before, Stamp(key=f"{paid.id}:k", day=make.MONDAY, at=make.NOW, by="x"), **_fifty())
    slots = (journal.key_slot(entry.key), journal.slot(journal.invoice_account(paid.id), before.posted + 1))
    assert clinic.journal.add(replace(entry, slots=slots))
    held = Posting(book=Book.CREDIT, amount_minor=-700)
    cash = Posting(book=Book.MONEY, amount_minor=700, method=CASH)
    slots = ("key:d", journal.slot(journal.credit_account(world.ben.id), 1))
    stamp: dict[str, Any] = {"key": "d", "day": make.MONDAY, "at": make.NOW, "by": "x", "slots": slots}
    assert clinic.journal.add(Entry(event=Event.DEPOSIT, postings=(cash, held), **stamp))

    ledger.settle(open_till())

    assert clinic.invoices.get(unposted.id).posted == 1
    assert clinic.invoices.unposted() == []
    assert clinic.invoices.get(paid.id).paid_minor == 50
    assert clinic.balances.get(journal.credit_account(world.ben.id)).amount_minor == 700
    assert [entry.sequence(journal.invoice_account(unposted.id)) for entry in entries(clinic)].count(1) == 1


def _fifty() -> dict[str, Any]:
    return {"amount_minor": 50, "method": CARD}


def test_a_restored_database_has_no_gap(world: World, reception: Actor) -> None:
    """A process that remembers more entries of a day than there are now does not leave a gap."""
    world.clinic.journal._days.seen("2026-03-02", 40)

    bill(world, reception)

    assert [entry.id for entry in entries(world.clinic)] == ["2026-03-02#00001"]


def test_numbers_begin_anew_each_year(world: World, manager: Actor, clock: make.Clock) -> None:
    """A credit note of the next year is number 1 of its own series."""
    invoice = bill(world, manager)
    settlement.credit_note(world.clinic, manager, invoice, key="a", amounts={0: 1}, reason="r")
    clock.instant += timedelta(days=365)
    settlement.credit_note(world.clinic, manager, invoice, key="b", amounts={0: 1}, reason="r")

    assert [entry.document for entry in entries(world.clinic)] == ["", "CN-2026-00001", "CN-2027-00001"]
