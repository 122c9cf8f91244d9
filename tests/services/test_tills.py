"""Tills and the close of a day, on the real server: races, retries, forgotten tills, days that are locked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from clinic_core.clinic import Clinic, open_clinic
from clinic_core.domain import tills as rules
from clinic_core.domain.access import Actor, Role
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.audit import AuditEvent
from clinic_core.domain.billing import Invoice, PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.domain.journal import Book, Entry, Event, till_account
from clinic_core.domain.statements import DayClose, TillClose
from clinic_core.domain.tills import Way
from clinic_core.errors import ClinicError, Conflict, Forbidden, IllegalTransition, InvalidInput, NotFound, Unavailable
from clinic_core.services import billing, check, day_close, ledger, papers, settlement, tills
from clinic_core.settings import Settings
from tests import make
from tests.conftest import World

CASH, CARD = PaymentMethod.CASH, PaymentMethod.CARD


@pytest.fixture
def ann() -> Actor:
    """Another receptionist."""
    return make.actor(Role.RECEPTIONIST, name="ann")


@pytest.fixture
def desk(database_url: str, clock: make.Clock) -> Iterator[Callable[[], Clinic]]:
    """Opens the clinic as another process would."""
    opened: list[Clinic] = []

    def one() -> Clinic:
        opened.append(open_clinic(Settings(database_url=database_url), now=clock))
        return opened[-1]

    yield one
    for clinic in opened:
        clinic.close()


def bill(world: World, actor: Actor, *, quantity: int = 1) -> Invoice:
    """An issued invoice over `quantity` consultations of 500.00."""
    draft = billing.new_draft(
        world.clinic, actor, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A
    )
    return billing.issue(
        world.clinic, actor, billing.set_lines(world.clinic, actor, draft, [make.line(quantity=quantity)])
    )


def pay(clinic: Clinic, actor: Actor, invoice: Invoice, amount_minor: int = 10_000, **more: Any) -> Invoice:
    """Take cash."""
    given: dict[str, Any] = {"key": new_id(), "amount_minor": amount_minor, "method": CASH, **more}
    return billing.take_payment(clinic, actor, invoice, **given)


def open_till(world: World, actor: Actor, float_minor: int = 200_000, key: str = "") -> Entry:
    """With 2,000.00."""
    return tills.open_till(world.clinic, actor, key=key or new_id(), float_minor=float_minor)


def close(clinic: Clinic, actor: Actor, minor: int, *, whose: str = "", **more: Any) -> tills.Counted:
    """Count so much in rupee coins."""
    given: dict[str, Any] = {"key": new_id(), "pieces": {100: minor // 100}, "other_minor": minor % 100, **more}
    return tills.close(clinic, actor, whose or actor.username, **given)


def holds(clinic: Clinic, username: str) -> tuple[int, bool]:
    """What the till of somebody should hold by the ledger, and whether it is open."""
    balance = ledger.current(clinic, till_account(username))
    return balance.amount_minor, bool(balance.opened)


def entries(clinic: Clinic) -> list[Entry]:
    """The whole journal, in order."""
    return sorted((s.record for s in clinic.journal.every() if s.record), key=lambda entry: entry.id)


# -- one till ------------------------------------------------------------------------------------------------------


def test_a_day_at_a_till(world: World, reception: Actor, manager: Actor) -> None:
    """Float, payments by cash and card, a refund, an expense, a count that is 20.00 short."""
    clinic = world.clinic
    opened = open_till(world, reception)
    invoice = bill(world, reception, quantity=3)
    pay(clinic, reception, invoice, 90_000)
    pay(clinic, reception, invoice, 20_000, method=CARD)
    tills.move(clinic, reception, key="m", amount_minor=30_000, way=Way.EXPENSE, reason="Stamps")
    assert holds(clinic, "reception") == (260_000, True)

    sent = close(clinic, reception, 258_000)
    assert (sent.count.variance_minor, sent.entry) == (-2_000, None)
    assert holds(clinic, "reception") == (260_000, True)

    done = close(clinic, reception, 258_000, reason="Unknown", shown_minor=-2_000)
    assert done.entry is not None
    assert (done.entry.till, done.entry.sum_of(Book.VARIANCE), done.entry.sum_of(Book.SAFE)) == (
        opened.id,
        2_000,
        258_000,
    )
    assert holds(clinic, "reception") == (0, False)

    paper = tills.paper(clinic, reception, done.entry.id)
    assert (paper.till.expected_minor, paper.till.variance_minor, paper.till.name) == (260_000, -2_000, "Reception")
    assert (paper.till.cash_in_minor, [m.reason for m in paper.till.moves]) == (90_000, ["Stamps"])
    assert [e.id for e in tills.past(clinic, reception)] == [done.entry.id]
    assert tills.last_float(clinic, reception) == 200_000


def test_a_count_that_agrees_closes_at_once(world: World, reception: Actor) -> None:
    """Nobody is asked for a reason."""
    open_till(world, reception)
    assert close(world.clinic, reception, 200_000).entry is not None
    assert tills.mine(world.clinic, reception) is None


def test_a_difference_needs_a_reason(world: World, reception: Actor) -> None:
    """Even one that was shown."""
    open_till(world, reception)
    with pytest.raises(InvalidInput, match="difference"):
        close(world.clinic, reception, 0, shown_minor=-200_000)
    assert holds(world.clinic, "reception") == (200_000, True)


def test_money_that_came_after_the_count_is_shown_anew(world: World, reception: Actor) -> None:
    """The reason was for another difference."""
    open_till(world, reception)
    assert close(world.clinic, reception, 190_000).count.variance_minor == -10_000
    pay(world.clinic, reception, bill(world, reception), 5_000)
    again = close(world.clinic, reception, 190_000, reason="Unknown", shown_minor=-10_000)
    assert (again.count.variance_minor, again.entry) == (-15_000, None)


def test_no_till_gives_back_more_than_it_holds(world: World, reception: Actor, manager: Actor) -> None:
    """The till would hold less than nothing: a refund and a deposit given back, in cash, beyond what is in it.

    The message does not say how much that is, for the till is counted blind.
    """
    clinic = world.clinic
    invoice = pay(clinic, manager, bill(world, manager), 50_000, method=CARD)
    settlement.deposit(clinic, manager, world.asha.id, key="d", amount_minor=50_000, method=CARD)
    open_till(world, manager, 30_000)
    back: dict[str, Any] = {"amount_minor": 30_001, "reason": "Paid twice"}

    def refund(key: str, **changes: Any) -> object:
        return settlement.refund(clinic, manager, invoice, **{"key": key, "method": CASH, **back, **changes})

    def deposit_refund(key: str, **changes: Any) -> object:
        return settlement.deposit_refund(
            clinic, manager, world.asha.id, **{"key": key, "method": CASH, **back, **changes}
        )

    for give_back in (refund, deposit_refund):
        with pytest.raises(IllegalTransition, match="cash in from the safe first") as refused:
            give_back("r1")
        assert "300" not in str(refused.value)
    refund("r2", amount_minor=20_000)
    with pytest.raises(IllegalTransition, match="not that much cash"):
        deposit_refund("r3", amount_minor=10_001)
    deposit_refund("r4", amount_minor=10_000)
    refund("r5", amount_minor=30_000, method=CARD)
    assert holds(clinic, "manager") == (0, True)


def test_an_expense_is_taken_back(world: World, reception: Actor) -> None:
    """Booked by mistake it could only be hidden as cash from the safe, and the expense stayed in the books."""
    open_till(world, reception, 10_000)
    for way in (Way.EXPENSE, Way.EXPENSE_BACK):
        tills.move(world.clinic, reception, key=way, amount_minor=4_000, way=way, reason="Plaster")

    assert sum(entry.sum_of(Book.EXPENSE) for entry in entries(world.clinic)) == 0
    assert [entry.sum_of(Book.SAFE) for entry in entries(world.clinic)] == [-10_000, 0, 0]
    assert holds(world.clinic, "reception") == (10_000, True)
    assert check.run(world.clinic) == []


def test_each_form_sent_twice_does_it_once(world: World, reception: Actor) -> None:
    """A double click, or an answer that was lost."""
    clinic = world.clinic
    assert open_till(world, reception, key="o").id == open_till(world, reception, key="o").id
    moved = [
        tills.move(clinic, reception, key="m", amount_minor=100, way=Way.TO_SAFE, reason="Full").id for _ in range(2)
    ]
    assert moved[0] == moved[1]
    first, second = (close(clinic, reception, 199_900, key="c") for _ in range(2))
    assert first == second
    assert len(entries(clinic)) == 3
    with pytest.raises(Conflict, match="already"):
        tills.move(clinic, reception, key="m", amount_minor=200, way=Way.TO_SAFE, reason="Full")
    with pytest.raises(Conflict, match="already"):
        tills.move(clinic, reception, key="m", amount_minor=100, way=Way.EXPENSE, reason="Full")
    with pytest.raises(Conflict, match="already"):
        close(clinic, reception, 199_800, key="c")


def test_a_key_without_a_form_is_refused(world: World, reception: Actor) -> None:
    """A page that was drawn by an old version."""
    with pytest.raises(InvalidInput, match="Reload"):
        tills.open_till(world.clinic, reception, key="", float_minor=0)


def test_a_till_is_open_once(world: World, reception: Actor) -> None:
    """Another form finds it open."""
    open_till(world, reception)
    with pytest.raises(IllegalTransition, match="open already"):
        open_till(world, reception)


def test_a_hand_over_between_tills(world: World, reception: Actor, ann: Actor) -> None:
    """One entry, both balances, both papers."""
    clinic = world.clinic
    open_till(world, reception)
    with pytest.raises(IllegalTransition, match="not open"):
        tills.move(clinic, reception, key="m", amount_minor=50_000, way=Way.TO_TILL, reason="Shift", to_username="ann")
    open_till(world, ann, 0)
    assert [till.username for till in tills.colleagues(clinic, reception)] == ["ann"]
    tills.move(clinic, reception, key="m", amount_minor=50_000, way=Way.TO_TILL, reason="Shift", to_username="ann")
    assert (holds(clinic, "reception"), holds(clinic, "ann")) == ((150_000, True), (50_000, True))
    done = close(clinic, ann, 50_000).entry
    assert done is not None
    paper = tills.paper(clinic, ann, done.id)
    moves = [(m.amount_minor, m.by, m.giver, m.taker) for m in paper.till.moves]
    assert moves == [(50_000, "reception", "reception", "ann")]
    given = close(clinic, reception, 150_000).entry
    assert given is not None
    (move,) = tills.paper(clinic, reception, given.id).till.moves
    assert (move.amount_minor, move.giver, move.taker) == (-50_000, "reception", "ann")


def test_a_forgotten_till_is_counted_by_a_manager(
    world: World, reception: Actor, ann: Actor, manager: Actor, clock: make.Clock
) -> None:
    """The next day, dated that day; the owner finds it closed. A colleague may not, nor see what it says."""
    clinic = world.clinic
    open_till(world, reception)
    clock.set("09:00", make.TUESDAY)
    with pytest.raises(Forbidden):
        close(clinic, ann, 200_000, whose="reception")
    done = close(clinic, manager, 200_000, whose="reception").entry
    assert done is not None
    assert (done.day, done.by) == (make.TUESDAY, "manager")
    assert holds(clinic, "reception") == (0, False)
    assert tills.paper(clinic, manager, done.id).till.closed_by == "manager"
    assert tills.paper(clinic, reception, done.id).till.username == "reception"
    with pytest.raises(Forbidden):
        tills.paper(clinic, ann, done.id)
    with pytest.raises(NotFound):
        tills.paper(clinic, manager, "2026-03-02#00009")


def test_cash_of_who_has_no_till_lies_in_none(world: World, reception: Actor, manager: Actor) -> None:
    """It is listed on the day."""
    open_till(world, reception)
    invoice = bill(world, reception)
    pay(world.clinic, reception, invoice, 10_000)
    pay(world.clinic, manager, invoice, 20_000)
    pay(world.clinic, manager, invoice, 1_000, method=CARD)
    view = day_close.look(world.clinic, manager, make.MONDAY)
    assert [(e.by, rules.cash_minor(e)) for e in view.outside] == [("manager", 20_000)]
    assert view.figures is not None
    assert view.figures.cash_outside_minor == 20_000
    assert holds(world.clinic, "reception") == (210_000, True)


def test_cash_given_back_leaves_the_till_of_who_gives_it(world: World, manager: Actor) -> None:
    """Refunds and deposits too."""
    clinic = world.clinic
    open_till(world, manager, 100_000)
    paid = pay(clinic, manager, bill(world, manager), 50_000)
    settlement.refund(clinic, manager, paid, key="r", amount_minor=20_000, method=CASH, reason="Too much")
    settlement.deposit(clinic, manager, world.asha.id, key="d", amount_minor=7_000, method=CASH)
    assert holds(clinic, "manager") == (137_000, True)
    till = tills.mine(clinic, manager)
    assert till is not None
    assert [e.event for e in till.entries] == [Event.DEPOSIT, Event.REFUND, Event.PAYMENT]
    assert (till.count, till.float_minor) == (3, 100_000)


@pytest.mark.parametrize("round_", range(2))
def test_payments_that_race_with_the_close_are_in_it_or_in_no_till(
    world: World, desk: Callable[[], Clinic], reception: Actor, round_: int
) -> None:
    """Whatever the order: the till is empty after its close, and its paper says what its entries say."""
    opened = open_till(world, reception)
    invoices = [bill(world, reception) for _ in range(4)]
    desks = [desk() for _ in range(5)]
    barrier = threading.Barrier(5)
    done: list[tills.Counted] = []

    def take(clinic: Clinic, invoice: Invoice) -> None:
        barrier.wait()
        for _ in range(4):
            pay(clinic, reception, invoice, 1_000)

    def count(clinic: Clinic) -> None:
        barrier.wait()
        shown = None
        while True:
            counted = close(clinic, reception, 200_000, reason="In a hurry", shown_minor=shown)
            if counted.entry is not None:
                return done.append(counted)
            shown = counted.count.variance_minor

    with ThreadPoolExecutor(5) as pool:
        jobs = [pool.submit(take, *pair) for pair in zip(desks[:4], invoices, strict=True)]
        jobs.append(pool.submit(count, desks[4]))
        for job in jobs:
            job.result()
    clinic = world.clinic
    assert holds(clinic, "reception") == (0, False)
    paid = [e for e in entries(clinic) if e.event is Event.PAYMENT]
    inside = [e for e in paid if e.till == opened.id]
    loose = rules.outside_tills(paid)
    assert len(paid) == 16 == len(inside) + len(loose)
    close_entry = done[0].entry
    assert close_entry is not None
    paper = tills.paper(clinic, reception, close_entry.id)
    assert paper.till.expected_minor == 200_000 + 1_000 * len(inside)
    assert paper.till.variance_minor == -1_000 * len(inside) == done[0].count.variance_minor
    assert not any(slot.startswith("till:") for entry in loose for slot in entry.slots)


def test_two_people_close_one_till_at_once(
    world: World, desk: Callable[[], Clinic], reception: Actor, manager: Actor
) -> None:
    """One of them does; the other is told."""
    open_till(world, reception)
    desks, barrier = [desk(), desk()], threading.Barrier(2)

    def count(clinic: Clinic, actor: Actor) -> object:
        barrier.wait()
        try:
            return close(clinic, actor, 200_000, whose="reception")
        except IllegalTransition as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(count, desks, [reception, manager]))
    assert sorted(type(one).__name__ for one in found) == ["Counted", "IllegalTransition"]
    assert len([e for e in entries(world.clinic) if e.event is Event.TILL_CLOSE]) == 1


def test_who_may_do_what(world: World, reception: Actor, doctor: Actor, admin: Actor) -> None:
    """No till for a doctor; the list of all tills and the day are for managers."""
    clinic = world.clinic
    for nobody in (doctor, admin):
        with pytest.raises(Forbidden):
            tills.open_till(clinic, nobody, key="k", float_minor=0)
    for call in (tills.all_open, day_close.days):
        with pytest.raises(Forbidden):
            call(clinic, reception)
    with pytest.raises(Forbidden):
        day_close.close(clinic, reception, make.MONDAY)


def test_what_was_done_is_in_the_audit_trail(world: World, reception: Actor) -> None:
    """Each count too, so that counting until it fits shows."""
    open_till(world, reception)
    close(world.clinic, reception, 190_000)
    close(world.clinic, reception, 200_000)
    assert audited(world.clinic) == ["till.open", "till.count", "till.close"]


def audited(clinic: Clinic) -> list[str]:
    """What the audit trail says of tills and days."""
    documents = clinic.database["audit_events"].find({}, {"action": 1})
    found = [str(document["action"]) for document in documents]
    return [action for action in found if action.startswith(("till.", "day."))]


def test_a_retry_writes_the_audit_line_that_was_lost(
    world: World, reception: Actor, manager: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the entry and its line: the retry found the entry and wrote no line, for ever."""
    clinic, kept = world.clinic, world.clinic.audit.store.add
    moved = {"amount_minor": 100, "way": Way.TO_SAFE, "reason": "Full"}
    steps: list[Callable[[], object]] = [
        lambda: open_till(world, reception, key="o"),
        lambda: tills.move(clinic, reception, key="m", **moved),
        lambda: close(clinic, reception, 199_000, key="c"),
        lambda: close(clinic, reception, 199_900, key="c"),
        lambda: day_close.close(clinic, manager, make.MONDAY),
    ]

    def cut_off(event: AuditEvent) -> None:
        raise Unavailable("the line never arrived")

    for step in steps:
        monkeypatch.setattr(clinic.audit.store, "add", cut_off)
        with pytest.raises(Unavailable):
            step()
        monkeypatch.setattr(clinic.audit.store, "add", kept)
        step()
        step()
    assert audited(clinic) == ["till.open", "till.move", "till.count", "till.close", "day.close"]
    assert len(entries(clinic)) == len(steps)


def test_counting_until_it_fits_shows_on_the_papers(
    world: World, reception: Actor, manager: Actor, desk: Callable[[], Clinic]
) -> None:
    """Send nothing, read what is expected, send just that: the difference was 0, and the manager saw no more."""
    clinic = world.clinic
    open_till(world, reception)
    close(clinic, reception, 0, key="c")
    close(clinic, reception, 0, key="c")  # a double click
    close(desk(), reception, 150_000)  # another tab, on another machine
    done = close(clinic, reception, 200_000, key="c").entry
    assert done is not None
    till = tills.paper(clinic, reception, done.id).till
    assert (till.variance_minor, till.counts, till.first_variance_minor) == (0, 3, -200_000)
    view = day_close.look(clinic, manager, make.MONDAY)
    assert view.figures is not None
    assert [(one.counts, one.first_variance_minor) for one in view.figures.tills] == [(3, -200_000)]


def test_a_difference_that_is_explained_was_counted_once(world: World, reception: Actor) -> None:
    """Even when cash came between the count and its reason: expected is what it was at the count."""
    clinic = world.clinic
    open_till(world, reception)
    close(clinic, reception, 190_000, key="c")
    pay(clinic, reception, bill(world, reception), 5_000)
    close(clinic, reception, 190_000, key="c", reason="Unknown", shown_minor=-10_000)
    done = close(clinic, reception, 190_000, key="c", reason="Unknown", shown_minor=-15_000).entry
    assert done is not None
    till = tills.paper(clinic, reception, done.id).till
    assert (till.variance_minor, till.counts, till.first_variance_minor) == (-15_000, 1, 0)


def test_a_paper_is_printed_once(world: World, reception: Actor, ann: Actor, manager: Actor) -> None:
    """A later release draws it otherwise; two who print at once get the same; nobody gets it who may not."""
    clinic = world.clinic
    open_till(world, reception)
    done = close(clinic, reception, 200_000).entry
    assert done is not None
    with pytest.raises(NotFound):
        papers.of_day(clinic, manager, make.MONDAY, lambda _: b"%PDF of an open day")
    day_close.close(clinic, manager, make.MONDAY)

    def old(close: DayClose | TillClose) -> bytes:
        return f"%PDF {close.day} of an old release".encode()

    def new(close: DayClose | TillClose) -> bytes:
        return f"%PDF {close.day} in another font".encode()

    def slow(close: DayClose) -> bytes:
        papers.of_day(clinic, manager, make.MONDAY, old)  # somebody else is quicker
        return new(close)

    first = papers.of_day(clinic, manager, make.MONDAY, slow)
    assert first == papers.of_day(clinic, manager, make.MONDAY, new) == b"%PDF 2026-03-02 of an old release"
    slip = papers.of_till(clinic, reception, done.id, old)
    assert papers.of_till(clinic, manager, done.id, new) == slip
    with pytest.raises(Forbidden):
        papers.of_day(clinic, reception, make.MONDAY, new)
    with pytest.raises(Forbidden):
        papers.of_till(clinic, ann, done.id, new)


# -- closing a day -------------------------------------------------------------------------------------------------


def test_a_closed_day_sends_money_to_the_next(
    world: World, reception: Actor, manager: Actor, clock: make.Clock
) -> None:
    """Payments, invoices and corrections are dated the next business day, whatever the clock says."""
    clinic = world.clinic
    paid = pay(clinic, reception, bill(world, reception), 50_000)
    last = day_close.close(clinic, manager, make.MONDAY)
    assert (last.id, last.event, ledger.open_day(clinic)) == ("2026-03-02#00003", Event.DAY_CLOSE, make.TUESDAY)

    later = pay(clinic, reception, bill(world, reception), 10_000)
    assert (later.issued_on, later.payments[0].received_on) == (make.TUESDAY, make.TUESDAY)
    back = settlement.refund(clinic, manager, paid, key="r", amount_minor=500, method=CASH, reason="Mistake of Monday")
    assert back.adjustments[0].on == make.TUESDAY
    assert open_till(world, reception).day == make.TUESDAY

    clock.set("09:00", make.TUESDAY)
    pay(clinic, reception, later, 5_000)
    assert [e.id for e in clinic.journal.of_day(make.MONDAY)] == [f"2026-03-02#{n:05d}" for n in (1, 2, 3)]
    assert [e.id for e in clinic.journal.of_day(make.TUESDAY)] == [f"2026-03-03#{n:05d}" for n in range(1, 6)]


def test_a_day_closes_once(world: World, desk: Callable[[], Clinic], reception: Actor, manager: Actor) -> None:
    """A double click, another manager at the same moment, or next week."""
    pay(world.clinic, reception, bill(world, reception))
    desks, barrier = [desk() for _ in range(4)], threading.Barrier(4)

    def shut(clinic: Clinic) -> str:
        barrier.wait()
        return day_close.close(clinic, manager, make.MONDAY).id

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(shut, desks))
    assert found == {"2026-03-02#00003"}
    assert day_close.close(world.clinic, manager, make.MONDAY).id == "2026-03-02#00003"


def test_open_tills_are_named(world: World, reception: Actor, ann: Actor, manager: Actor) -> None:
    """Nothing is closed until they are counted."""
    clinic = world.clinic
    open_till(world, reception)
    open_till(world, ann)
    assert set(day_close.look(clinic, manager, make.MONDAY).open_tills) == {"ann", "reception"}
    with pytest.raises(IllegalTransition, match="ann, reception"):
        day_close.close(clinic, manager, make.MONDAY)
    close(clinic, reception, 200_000)
    close(clinic, manager, 200_000, whose="ann")
    assert day_close.close(clinic, manager, make.MONDAY).event is Event.DAY_CLOSE


def test_a_till_that_died_while_opening_counts_as_open(world: World, reception: Actor, manager: Actor) -> None:
    """Its entry is in the ledger, the balance beside it was never written."""
    open_till(world, reception)
    world.clinic.database["balances"].delete_many({})
    with pytest.raises(IllegalTransition, match="reception"):
        day_close.close(world.clinic, manager, make.MONDAY)


def test_yesterday_can_be_closed_today(world: World, reception: Actor, manager: Actor, clock: make.Clock) -> None:
    """A till that was opened today does not hinder it; one that was left open yesterday does."""
    clinic = world.clinic
    pay(clinic, reception, bill(world, reception))
    open_till(world, manager)
    clock.set("09:00", make.TUESDAY)
    open_till(world, reception)
    assert day_close.days(clinic, manager).days == (make.TUESDAY, make.MONDAY)
    with pytest.raises(IllegalTransition, match="manager"):
        day_close.close(clinic, manager, make.MONDAY)
    close(clinic, manager, 200_000)
    assert day_close.close(clinic, manager, make.MONDAY).id == "2026-03-02#00004"
    assert (ledger.open_day(clinic), day_close.days(clinic, manager).next) == (make.TUESDAY, make.TUESDAY)


def test_the_first_day_after_the_last_close_is_next(
    world: World, reception: Actor, manager: Actor, clock: make.Clock
) -> None:
    """Monday is closed, Tuesday forgotten; on Wednesday it is Tuesday's turn. A day without entries is no day."""
    clinic, wednesday = world.clinic, make.TUESDAY.replace(day=4)
    assert day_close.days(clinic, manager).next == make.MONDAY
    invoice = bill(world, reception)
    day_close.close(clinic, manager, make.MONDAY)
    clock.set("09:00", make.TUESDAY)
    pay(clinic, reception, invoice)
    clock.set("09:00", wednesday)
    found = day_close.days(clinic, manager)
    assert (found.days, found.next) == ((wednesday, make.TUESDAY), make.TUESDAY)
    pay(clinic, reception, invoice)
    day_close.close(clinic, manager, wednesday)
    found = day_close.days(clinic, manager)
    assert (found.days, found.next) == ((make.TUESDAY,), None)


def test_what_cannot_be_closed(world: World, manager: Actor) -> None:
    """Tomorrow, and a day on which nothing was booked."""
    with pytest.raises(IllegalTransition, match="not come"):
        day_close.close(world.clinic, manager, make.TUESDAY)
    with pytest.raises(InvalidInput, match="Nothing was booked"):
        day_close.close(world.clinic, manager, make.MONDAY)
    with pytest.raises(NotFound, match="not closed"):
        day_close.paper(world.clinic, manager, make.MONDAY)
    assert day_close.look(world.clinic, manager, make.MONDAY).figures is None


@pytest.mark.parametrize("round_", range(2))
def test_nothing_comes_after_the_close(
    world: World, desk: Callable[[], Clinic], reception: Actor, manager: Actor, round_: int
) -> None:
    """Four threads post while a fifth closes: the close is the day's last entry, and no number is missing."""
    clinic = world.clinic
    invoices = [bill(world, reception) for _ in range(4)]
    desks = [desk() for _ in range(5)]
    barrier = threading.Barrier(5)

    def take(one: Clinic, invoice: Invoice) -> None:
        barrier.wait()
        for _ in range(8):
            pay(one, reception, invoice, 100)

    def shut(one: Clinic) -> Entry:
        barrier.wait()
        for _ in range(50):
            try:
                return day_close.close(one, manager, make.MONDAY)
            except Conflict:
                continue
        raise AssertionError("never closed")

    with ThreadPoolExecutor(5) as pool:
        jobs = [pool.submit(take, *pair) for pair in zip(desks[:4], invoices, strict=True)]
        last = pool.submit(shut, desks[4]).result()
        for job in jobs:
            job.result()
    monday, tuesday = clinic.journal.of_day(make.MONDAY), clinic.journal.of_day(make.TUESDAY)
    assert monday[-1] == last
    assert [e.event for e in monday].count(Event.DAY_CLOSE) == 1
    assert [e.id for e in monday] == [f"2026-03-02#{n:05d}" for n in range(1, len(monday) + 1)]
    assert len(monday) + len(tuesday) == 4 + 32 + 1
    assert sum(i.paid_minor for i in map(clinic.invoices.get, [i.id for i in invoices])) == 3_200


def test_who_looked_before_the_close_cannot_add_after_it(
    world: World, reception: Actor, manager: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slowest order of all: the day is open when the payment looks, and closed when it writes."""
    clinic = world.clinic
    invoice = bill(world, reception)
    journal = clinic.journal
    add, shut = journal.add, [False]

    def slow(entry: Entry, *rest: Any) -> Entry | None:
        if entry.event is Event.PAYMENT and not shut[0]:
            shut[0] = True
            day_close.close(clinic, manager, make.MONDAY)
        return add(entry, *rest)

    monkeypatch.setattr(journal, "add", slow)
    paid = pay(clinic, reception, invoice, 10_000)
    assert paid.payments[0].received_on == make.TUESDAY
    assert clinic.journal.of_day(make.MONDAY)[-1].event is Event.DAY_CLOSE


def test_a_till_opened_while_the_day_closes_hinders_it(
    world: World, reception: Actor, manager: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manager's look at the tills was a moment too early."""
    clinic = world.clinic
    bill(world, reception)
    journal = clinic.journal
    add, slipped = journal.add, [False]

    def slow(entry: Entry, *rest: Any) -> Entry | None:
        if entry.event is Event.DAY_CLOSE and not slipped[0]:
            slipped[0] = True
            open_till(world, reception)
        return add(entry, *rest)

    monkeypatch.setattr(journal, "add", slow)
    with pytest.raises(IllegalTransition, match="reception"):
        day_close.close(clinic, manager, make.MONDAY)


def test_the_past_of_other_systems_stays_out_of_a_closed_day(world: World, reception: Actor, manager: Actor) -> None:
    """An import is refused as a whole rather than booked on a day that was printed."""
    bill(world, reception)
    day_close.close(world.clinic, manager, make.MONDAY)
    before = world.clinic.journal.of_day(make.MONDAY)
    old = Entry(key="old", event=Event.PAYMENT, day=make.MONDAY, at=make.NOW, by="import", slots=("key:old",))
    with pytest.raises(ClinicError, match="closed"):
        world.clinic.journal.add_history([old])
    assert world.clinic.journal.of_day(make.MONDAY) == before


def test_visits_without_a_bill_are_counted(world: World, reception: Actor, doctor: Actor, manager: Actor) -> None:
    """A finished visit whose bill is a draft or was never made; the day closes all the same."""
    clinic = world.clinic
    done = [
        make.appointment(patient_id=world.asha.id, status=AppointmentStatus.FULFILLED, start=make.at(at))
        for at in ("10:00", "10:15", "10:30")
    ]
    for visit in done:
        clinic.appointments.add(visit)
    billing.issue(clinic, reception, billing.draft_for_visit(clinic, reception, done[0].id))
    billing.draft_for_visit(clinic, reception, done[1].id)
    assert day_close.look(clinic, manager, make.MONDAY).unbilled == 2
    assert day_close.close(clinic, manager, make.MONDAY).event is Event.DAY_CLOSE


def test_the_papers_stay_the_same(world: World, reception: Actor, manager: Actor, clock: make.Clock) -> None:
    """A year later the clinic has another name, currency format, zone and people; refunds were made meanwhile."""
    clinic = world.clinic
    open_till(world, reception)
    invoice = pay(clinic, reception, bill(world, reception), 50_000)
    till = close(clinic, reception, 249_900, reason="A coin", shown_minor=-100).entry
    assert till is not None
    day_close.close(clinic, manager, make.MONDAY)
    day_before = day_close.paper(clinic, manager, make.MONDAY)
    till_before = tills.paper(clinic, reception, till.id)
    assert day_before.tills == (till_before.till,)

    clock.set("09:00", make.MONDAY.replace(year=2027))
    settlement.refund(clinic, manager, invoice, key="r", amount_minor=500, method=CASH, reason="Later")
    profile = clinic.organization()
    clinic.organization_store.save(replace(profile, name="Another", locale="de_DE", time_zone="Europe/Berlin"))
    clinic.forget_directory()
    renamed = replace(reception, name="Somebody Else")
    assert day_close.paper(clinic, manager, make.MONDAY) == day_before
    assert tills.paper(clinic, renamed, till.id) == till_before
    assert [e.day for e in day_close.past(clinic, manager, make.MONDAY)] == [make.MONDAY]
    assert day_close.past(clinic, manager, make.TUESDAY.replace(month=4)) == []


def test_the_day_agrees_with_its_tills_and_invoices(world: World, reception: Actor, manager: Actor) -> None:
    """The Z report by hand: one paid in cash, one by card, one cancelled, a deposit."""
    clinic = world.clinic
    open_till(world, reception, 0)
    pay(clinic, reception, bill(world, reception, quantity=2), 100_000)
    pay(clinic, reception, bill(world, reception), 50_000, method=CARD)
    billing.cancel(clinic, manager, bill(world, reception), "Wrong patient")
    settlement.deposit(clinic, reception, world.ben.id, key="d", amount_minor=20_000, method=CASH)
    assert close(clinic, reception, 120_000).entry is not None
    day_close.close(clinic, manager, make.MONDAY)
    found = day_close.paper(clinic, manager, make.MONDAY)
    assert {t.method: t.net_minor for t in found.methods} == {CASH: 120_000, CARD: 50_000}
    assert (found.invoices, found.billed_minor, found.cancelled, found.cancelled_minor) == (3, 200_000, 1, 50_000)
    assert (found.deposits_taken_minor, found.variance_minor, found.taken_minor) == (20_000, 0, 170_000)
