"""The check of the ledger finds every kind of damage that hands can do to it, and none where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.domain.access import Role
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.domain.payers import Payer
from clinic_core.services import billing, check, day_close, facts, papers, settlement, tills
from clinic_core.services.check import Violation
from clinic_core.settings import Settings
from tests import make
from tests.conftest import World, fresh_database, set_up

Fields = dict[str, Any]
DAMAGED = ("invoices", "journal", "balances", "fact_blocks", "payers", "organization", "appointments", "papers")
CASH, CARD = PaymentMethod.CASH, PaymentMethod.CARD
MANAGER = make.actor(Role.MANAGER)
LATER = 60  # minutes after which what is half done is a violation


@pytest.fixture(scope="module")
def two_days(server_url: str) -> Iterator[tuple[World, make.Clock]]:
    """A clinic in which everything happened that can happen to money; its first day is closed."""
    clock = make.Clock()
    clinic = open_clinic(Settings(database_url=fresh_database(server_url)), now=clock)
    create_indexes(clinic)
    world = set_up(clinic)
    _work(world, clock)
    clock.set("18:00", make.TUESDAY)
    yield world, clock
    clinic.close()


@pytest.fixture
def clock(two_days: tuple[World, make.Clock]) -> Iterator[make.Clock]:
    """The clock of that clinic, set back after the test."""
    now = two_days[1].instant
    yield two_days[1]
    two_days[1].instant = now


@pytest.fixture
def worked(two_days: tuple[World, make.Clock]) -> Iterator[World]:
    """That clinic; whatever damage the test does is mended after it."""
    database = two_days[0].clinic.database
    before = {name: {d["_id"]: d for d in database[name].find()} for name in DAMAGED}
    yield two_days[0]
    for name, documents in before.items():
        now = {d["_id"]: d for d in database[name].find()}
        database[name].delete_many({"_id": {"$in": [key for key in now if now[key] != documents.get(key)]}})
        missing = [document for key, document in documents.items() if now.get(key) != document]
        if missing:
            database[name].insert_many(missing)
    create_indexes(two_days[0].clinic)
    two_days[0].clinic.facts.publish()


def _bill(world: World, *, payer: bool = False) -> Invoice:
    given = {"invoice_id": new_id(), "patient_id": world.asha.id, "practitioner_id": make.DR_A}
    draft = billing.new_draft(world.clinic, MANAGER, **given)
    lines = [make.line(), make.line(service_id=make.DRESSING, tax_basis_points=1_800, unit_price_minor=25_050)]
    draft = billing.set_lines(world.clinic, MANAGER, draft, lines)
    if payer:
        draft = billing.set_payer(world.clinic, MANAGER, draft, "payer-1", basis_points=8_000)
    return billing.issue(world.clinic, MANAGER, draft)


def _pay(clinic: Clinic, bill: Invoice, amount: int, method: PaymentMethod = CARD, **more: Any) -> Invoice:
    return billing.take_payment(clinic, MANAGER, bill, key=new_id(), amount_minor=amount, method=method, **more)


def _work(world: World, clock: make.Clock) -> None:
    clinic, why = world.clinic, {"reason": "why"}
    clinic.payers.add(Payer(id="payer-1", name="Care Insurance"))
    clinic.forget_directory()
    tills.open_till(clinic, MANAGER, key="open", float_minor=10_000)
    one, two, three = _bill(world), _bill(world), _bill(world, payer=True)
    _pay(clinic, one, one.total_minor, CASH)
    _pay(clinic, two, 30_000, CASH)
    _pay(clinic, three, 5_000, payer=True)
    settlement.refund(clinic, MANAGER, one, key="r", amount_minor=9_000, method=CASH, **why)
    settlement.write_off(clinic, MANAGER, two, key="w", amount_minor=1_000, **why)
    settlement.transfer(clinic, MANAGER, one, two, key="t", amount_minor=2_000, **why)
    settlement.assign(clinic, MANAGER, three, key="a", amount_minor=500, to_payer=True, **why)
    settlement.deposit(clinic, MANAGER, world.asha.id, key="d", amount_minor=20_000, method=CASH)
    settlement.deposit_refund(clinic, MANAGER, world.asha.id, key="g", amount_minor=4_000, method=CASH, **why)
    settlement.deposit(clinic, MANAGER, world.asha.id, key="d2", amount_minor=500, method=CARD)
    counted = {"pieces": {}, "other_minor": 1, "reason": "short"}
    short = tills.close(clinic, MANAGER, "manager", key="c", **counted).count.variance_minor
    assert tills.close(clinic, MANAGER, "manager", key="c2", **counted, shown_minor=short).entry
    day_close.close(clinic, MANAGER, make.MONDAY)
    facts.fold(clinic)
    clock.set("08:00", make.TUESDAY)
    settlement.credit_note(clinic, MANAGER, two, key="n1", amounts={0: 40_000}, **why)
    settlement.credit_note(clinic, MANAGER, three, key="n2", amounts={1: 1_000}, **why)
    settlement.apply_credit(clinic, MANAGER, three, key="u", amount_minor=3_000)
    lost = settlement.write_off(clinic, MANAGER, _bill(world), key="w2", amount_minor=700, **why)
    settlement.reverse(clinic, MANAGER, lost, lost.adjustments[-1].entry_id, **why)
    billing.cancel(clinic, MANAGER, _bill(world), "slip")


def found(clinic: Clinic) -> list[Violation]:
    """What the check finds; none of it names a patient."""
    violations = check.run(clinic)
    patients = [p.id for p in clinic.patients.latest(100)]
    assert not [v for v in violations for patient in patients if patient in v.message + v.record_id]
    return violations


def rules(clinic: Clinic) -> set[tuple[str, str]]:
    """Rule and record of what the check finds."""
    return {(violation.rule, violation.record_id) for violation in found(clinic)}


def entry(clinic: Clinic, event: str, number: int = 0) -> Fields:
    """The n-th entry of a kind."""
    return list(clinic.database["journal"].find({"event": event}).sort("_id", 1))[number]


def change(clinic: Clinic, kind: str, damaged: Fields, **changes: Any) -> str:
    """Set fields of a stored document behind everybody's back, `None` removes; its id."""
    present = {key: value for key, value in changes.items() if value is not None}
    gone = {key: "" for key, value in changes.items() if value is None}
    update = ({"$set": present} if present else {}) | ({"$unset": gone} if gone else {})
    assert clinic.database[kind].update_one({"_id": damaged["_id"]}, update).modified_count == 1
    return str(damaged["_id"])


def add(clinic: Clinic, like: Fields, **changes: Any) -> str:
    """Insert an entry like another one behind everybody's back; its id."""
    made = {**like, "unfolded": True, **changes}
    clinic.database["journal"].insert_one(made)
    return str(made["_id"])


def test_honest_work_breaks_no_rule(worked: World) -> None:
    """After everything that can happen to money."""
    events = {document["event"] for document in worked.clinic.database["journal"].find()}
    assert len(events) == 16, events
    assert found(worked.clinic) == []


def test_honest_work_breaks_no_rule_a_year_later(worked: World, clock: make.Clock) -> None:
    """Nothing was only half done."""
    clock.pass_(days=365)
    assert found(worked.clinic) == []


def test_postings_that_do_not_sum_to_zero(worked: World) -> None:
    """A payment of one cent more in the drawer: the entry is named, and the month's facts are of another sum."""
    clinic, paid = worked.clinic, entry(worked.clinic, "payment")
    postings = [paid["postings"][0] | {"amount_minor": paid["postings"][0]["amount_minor"] + 1}, paid["postings"][1]]
    record = change(clinic, "journal", paid, postings=postings)
    assert {("balanced", record), ("facts", "2026-03")} <= rules(clinic)


def test_an_entry_that_was_changed_on_both_sides(worked: World) -> None:
    """Balanced, but the invoice says something else."""
    clinic, paid = worked.clinic, entry(worked.clinic, "payment", 1)
    postings = [
        p | {"amount_minor": p["amount_minor"] + (1 if p["amount_minor"] > 0 else -1)} for p in paid["postings"]
    ]
    change(clinic, "journal", paid, postings=postings)
    assert {("ledger", paid["invoice_id"]), ("facts", "2026-03")} <= rules(clinic)


def test_an_invoice_dated_otherwise_than_its_charges(worked: World) -> None:
    """It says Sunday, and the closed Monday's figures hold it."""
    clinic, issued = worked.clinic, entry(worked.clinic, "issue")
    damaged = clinic.database["invoices"].find_one({"_id": issued["invoice_id"]})
    assert damaged is not None
    change(clinic, "invoices", damaged, issued_on="2026-03-01")
    said = next(v.message for v in found(clinic) if v.rule == "ledger")
    assert said == "is dated 2026-03-01, but was charged on 2026-03-02"


def test_an_invoice_that_says_another_entry_was_taken_back(worked: World) -> None:
    """The one that was could be offered again."""
    clinic, back = worked.clinic, entry(worked.clinic, "reversal")
    damaged = clinic.database["invoices"].find_one({"_id": back["invoice_id"]})
    assert damaged is not None
    wrong = [a | ({"reverses": "2026-03-02#00001"} if "reverses" in a else {}) for a in damaged["adjustments"]]
    change(clinic, "invoices", damaged, adjustments=wrong)
    assert rules(clinic) == {("ledger", back["invoice_id"])}


def test_charges_that_are_not_the_lines(worked: World) -> None:
    """The same total, but the tax of a line is another one."""
    clinic, issued = worked.clinic, entry(worked.clinic, "issue")
    moved = {"tax": 1, "revenue": -1}
    postings = [
        p | {"amount_minor": p["amount_minor"] + moved.get(p["book"], 0) * (p.get("line") == 1)}
        for p in issued["postings"]
    ]
    change(clinic, "journal", issued, postings=postings)
    assert rules(clinic) == {("ledger", issued["invoice_id"]), ("facts", "2026-03")}
    assert "charged otherwise" in next(v.message for v in found(clinic) if v.rule == "ledger")


@pytest.mark.parametrize(
    ("event", "changes", "rule"),
    [
        ("payment", {"day": "2026-03-05"}, "day"),
        ("payment", {"month": "2026-04"}, "day"),
        ("refund", {"reason": ""}, "balanced"),
        ("write-off", {"event": "transfer"}, "balanced"),
        ("payment", {"event": "refund", "reason": "x"}, "balanced"),
        ("payment", {"key": "other"}, "accounts"),
        ("credit-note", {"document": "CN-2026-00009"}, "accounts"),
        ("credit-note", {"document": ""}, "accounts"),
        ("credit-note", {"day": "2027-03-03"}, "accounts"),
        ("deposit", {"document": "CN-2026-00009"}, "accounts"),
        ("till-open", {"event": "day-close", "postings": []}, "accounts"),
        ("payment", {"till": None}, "accounts"),
        ("reversal", {"reverses": "2026-03-02#00001", "key": "reverse:2026-03-02#00001"}, "ledger"),
        ("reversal", {"reverses": "2026-03-09#00001"}, "accounts"),
        ("reversal", {"reverses": None}, "accounts"),
        ("cancel", {"reverses": "2026-03-02#00003"}, "ledger"),
        ("cancel", {"reverses": "2026-03-09#00001"}, "ledger"),
        ("payment", {"patient_id": "nobody"}, "orphan"),
        ("payment", {"practitioner_id": "nobody"}, "orphan"),
        ("payment", {"postings": 3}, "readable"),
        ("payment", {"event": "theft"}, "readable"),
        ("payment", {"at": "noon"}, "readable"),
    ],
)
def test_a_damaged_entry_is_found(worked: World, event: str, changes: Fields, rule: str) -> None:
    """Its day, kind, reason, key, number, references and every unreadable field."""
    record = change(worked.clinic, "journal", entry(worked.clinic, event), **changes)
    assert (rule, record) in rules(worked.clinic)


@pytest.mark.parametrize(
    ("event", "account"),
    [
        ("payment", "invoice:"),
        ("deposit", "credit:"),
        ("credit-note", "number:"),
        ("payment", "till:"),
        ("issue", "key:"),
    ],
)
def test_an_account_that_is_not_named(worked: World, event: str, account: str) -> None:
    """An entry that changes an account without holding a place in it keeps nobody else out."""
    clinic, damaged = worked.clinic, entry(worked.clinic, event)
    record = change(clinic, "journal", damaged, slots=[s for s in damaged["slots"] if not s.startswith(account)])
    assert ("accounts", record) in rules(clinic)


def test_a_service_or_payer_that_is_not_there(worked: World) -> None:
    """In a posting."""
    clinic, issued = worked.clinic, entry(worked.clinic, "issue", 2)
    record = change(clinic, "journal", issued, postings=[p | {"payer_id": "nobody"} for p in issued["postings"][:2]])
    assert ("orphan", record) in rules(clinic)
    clinic.database["payers"].delete_one({"_id": "payer-1"})
    assert ("orphan", issued["invoice_id"]) in rules(clinic)


def test_an_entry_that_was_deleted(worked: World) -> None:
    """A gap in the day's numbers, a gap in the account, facts of nothing."""
    clinic, paid = worked.clinic, entry(worked.clinic, "payment", 1)
    clinic.database["journal"].delete_one({"_id": paid["_id"]})
    assert {("number", "2026-03-02"), ("ledger", paid["invoice_id"]), ("facts", "2026-03")} <= rules(clinic)


def test_the_last_entry_of_all_that_was_deleted(worked: World) -> None:
    """There is no gap, but the invoice knows of it."""
    clinic, last = worked.clinic, entry(worked.clinic, "cancel")
    clinic.database["journal"].delete_one({"_id": last["_id"]})
    assert rules(clinic) == {("ledger", last["invoice_id"])}, "its facts were in no block yet"


def test_an_entry_after_the_close_of_its_day(worked: World) -> None:
    """Dated back, with everything else in order."""
    clinic, like = worked.clinic, entry(worked.clinic, "deposit")
    held = clinic.balances.get(f"credit:{worked.asha.id}")
    number = clinic.journal.next_number(make.MONDAY)
    slots = ["key:late", f"{held.id}@{held.seq + 1}"]
    add(clinic, like, _id=f"2026-03-02#{number:05d}", key="late", at=clinic.now(), slots=slots, till=None)
    assert rules(clinic) == {("number", "2026-03-02")}
    assert "follow the one that closed the day" in found(clinic)[0].message


def test_more_given_back_than_was_paid(worked: World) -> None:
    """A second refund of it all, by hand, with the invoice to match."""
    clinic, like = worked.clinic, entry(worked.clinic, "refund")
    bill = clinic.invoices.get(like["invoice_id"])
    amount = bill.paid_minor + 1
    postings = [p | {"amount_minor": amount * (1 if p["amount_minor"] > 0 else -1)} for p in like["postings"]]
    slots = [f"key:{bill.id}:again", f"invoice:{bill.id}@{bill.posted + 1}"]
    number = clinic.journal.next_number(make.TUESDAY)
    add(
        clinic, like, _id=f"2026-03-03#{number:05d}", day="2026-03-03", key=f"{bill.id}:again", slots=slots, till=None
    ) and clinic.database["journal"].update_one({"key": f"{bill.id}:again"}, {"$set": {"postings": postings}})

    messages = [v.message for v in found(clinic) if (v.rule, v.record_id) == ("ledger", bill.id)]
    assert any("what was paid falls to -1" in message for message in messages)


def test_a_gap_in_the_credit_notes(worked: World) -> None:
    """The second one is numbered 3."""
    clinic, note = worked.clinic, entry(worked.clinic, "credit-note", 1)
    slots = [slot.replace("CN-2026@2", "CN-2026@3") for slot in note["slots"]]
    change(clinic, "journal", note, slots=slots, document="CN-2026-00003")
    assert rules(clinic) == {("ledger", "CN-2026"), ("ledger", note["invoice_id"])}, "the invoice tells the number too"


def test_one_event_posted_twice(worked: World) -> None:
    """Where the index that forbids it is missing."""
    clinic, like = worked.clinic, entry(worked.clinic, "deposit")
    clinic.database["journal"].drop_index("slots_1")
    number = clinic.journal.next_number(make.TUESDAY)
    record = add(clinic, like, _id=f"2026-03-03#{number:05d}", day="2026-03-03", till=None)
    named = rules(clinic)
    assert ("ledger", record) in named or ("ledger", like["_id"]) in named
    assert "posted twice" in " ".join(v.message for v in found(clinic))


@pytest.mark.parametrize(
    ("account", "changes"),
    [
        ("credit:", {"amount_minor": 1}),
        ("credit:", {"seq": 99}),
        ("till:", {"amount_minor": 1}),
        ("till:", {"opened": "2026-03-02#00001"}),
        ("till:", {"seq": 99}),
    ],
)
def test_a_balance_that_is_not_its_entries(worked: World, account: str, changes: Fields) -> None:
    """Money held, cash in a till, whether it is open, how many entries it holds."""
    clinic = worked.clinic
    document = clinic.database["balances"].find_one({"_id": {"$gte": account, "$lt": account[:-1] + ";"}})
    assert document is not None
    change(clinic, "balances", document, **changes)
    assert [v.rule for v in found(clinic)] == ["ledger"]


def test_an_unreadable_balance(worked: World) -> None:
    """Is named, by its kind only."""
    clinic = worked.clinic
    document = clinic.database["balances"].find_one({"_id": "till:manager"})
    assert document is not None
    record = change(clinic, "balances", document, seq="many")
    assert ("readable", record) in rules(clinic)


def test_an_invoice_that_vanished(worked: World) -> None:
    """Its entries name it, and its number is a gap."""
    clinic, issued = worked.clinic, entry(worked.clinic, "issue", 1)
    clinic.database["invoices"].delete_one({"_id": issued["invoice_id"]})
    assert {("ledger", issued["invoice_id"]), ("number", "INV-2026")} <= rules(clinic)


@pytest.mark.parametrize("name", ["invoices", "balances"])
def test_a_copy_that_is_behind_is_a_violation_after_a_while(worked: World, clock: make.Clock, name: str) -> None:
    """Somebody died before carrying an entry over: within minutes it is caught up, and when not, it is said."""
    clinic = worked.clinic
    before = {d["_id"]: d for d in clinic.database[name].find()}
    bill = clinic.invoices.get(entry(clinic, "payment", 1)["invoice_id"])
    settlement.deposit(clinic, MANAGER, worked.asha.id, key="behind", amount_minor=100, method=CARD)
    _pay(clinic, bill, 100)
    for document in before.values():
        clinic.database[name].replace_one({"_id": document["_id"]}, document)

    assert found(clinic) == []
    clock.pass_(minutes=LATER)
    assert [v.rule for v in found(clinic)] == ["ledger"]
    assert "run the sidecar" in found(clinic)[0].message
    facts.fold(clinic)
    assert found(clinic) == []


def test_an_invoice_that_the_ledger_does_not_know_after_a_while(worked: World, clock: make.Clock) -> None:
    """Somebody died between numbering an invoice and posting its charges."""
    clinic = worked.clinic
    given = {"invoice_id": new_id(), "patient_id": worked.asha.id, "practitioner_id": make.DR_A}
    draft = billing.set_lines(
        clinic, MANAGER, billing.new_draft(clinic, MANAGER, **given), [make.line(unit_price_minor=100)]
    )
    wanted = replace(
        draft, status=InvoiceStatus.ISSUED, issued_at=clinic.now(), issued_on=make.TUESDAY, issued_by="manager"
    )
    issued = clinic.invoices.issue(draft, wanted, "INV-2026")
    assert found(clinic) == []
    clock.pass_(minutes=LATER)
    assert rules(clinic) == {("ledger", issued.id)}


def test_cash_of_a_closed_till(worked: World) -> None:
    """An entry under the account of a till after it was closed."""
    clinic, like = worked.clinic, entry(worked.clinic, "deposit")
    till, held = clinic.balances.get("till:manager"), clinic.balances.get(f"credit:{worked.asha.id}")
    slots = ["key:x", f"{held.id}@{held.seq + 1}", f"till:manager@{till.seq + 1}"]
    number = clinic.journal.next_number(make.TUESDAY)
    record = f"2026-03-03#{number:05d}"
    add(clinic, like, _id=record, day="2026-03-03", key="x", slots=slots)
    assert "moves cash of a closed till" in " ".join(v.message for v in found(clinic))


def test_facts_that_are_gone_or_never_made(worked: World) -> None:
    """A block that was deleted; an entry that lost its mark without being in a block."""
    clinic = worked.clinic
    last = entry(clinic, "cancel")
    change(clinic, "journal", last, unfolded=None)
    assert rules(clinic) == {("facts", "2026-03")}
    clinic.database["journal"].update_one({"_id": last["_id"]}, {"$set": {"unfolded": True}})
    assert rules(clinic) == set()
    clinic.database["fact_blocks"].delete_one({"_id": "journal:2026-03"})
    clinic.facts.publish()
    assert rules(clinic) == {("facts", "2026-03")}


def test_a_visit_in_a_room_that_is_gone(worked: World) -> None:
    """One that is still to come; what is past was where it was."""
    clinic = worked.clinic
    start = make.at("10:00", make.SUNDAY + timedelta(days=1))
    visit = make.appointment(patient_id=worked.asha.id, room_id="room-9", start=start)
    clinic.appointments.add(visit)
    assert rules(clinic) == {("orphan", visit.id)}


def test_work_that_goes_on_is_no_violation(worked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Payments, notes and deposits between the reading of the ledger and of its copies, and while facts are read."""
    clinic = worked.clinic
    read, bill = clinic.invoices.every, clinic.invoices.get(entry(clinic, "payment", 1)["invoice_id"])
    balances, made = clinic.balances.every, []

    def work() -> None:
        made.append(_bill(worked))
        _pay(clinic, made[-1], 100)
        settlement.deposit(clinic, MANAGER, worked.ben.id, key=new_id(), amount_minor=100, method=CARD)
        settlement.credit_note(clinic, MANAGER, bill, key=new_id(), amounts={1: 10}, reason="why")

    def torn(stream: Any) -> Any:
        work()
        for one in stream():
            yield one
            work()

    monkeypatch.setattr(clinic.invoices, "every", lambda: torn(read))
    monkeypatch.setattr(clinic.balances, "every", lambda: torn(balances))
    assert found(clinic) == []
    assert len(made) > 5


def _first(document: Fields, name: str, **changes: Any) -> list[Fields]:
    """A list of a stored document with its first part changed."""
    return [document[name][0] | changes, *document[name][1:]]


@pytest.mark.parametrize(
    ("event", "name", "changes"),
    [
        ("payment", "payments", {"method": "upi"}),
        ("payment", "payments", {"by": "ann"}),
        ("payment", "payments", {"received_on": "2026-03-01"}),
        ("payment", "payments", {"payer": True}),
        ("refund", "adjustments", {"method": "card"}),
        ("write-off", "adjustments", {"reason": "other"}),
    ],
)
def test_an_invoice_that_tells_its_money_otherwise(worked: World, event: str, name: str, changes: Fields) -> None:
    """The sums are right; the receipt would print another method, day or person than the ledger has."""
    clinic = worked.clinic
    bill = clinic.database["invoices"].find_one({"_id": entry(clinic, event)["invoice_id"]})
    assert bill is not None
    record = change(clinic, "invoices", bill, **{name: _first(bill, name, **changes)})
    assert rules(clinic) == {("ledger", record)}
    assert "tells of entry" in found(clinic)[0].message


@pytest.mark.parametrize("changes", [{"document": "CN-2026-00007"}, {"lines": {"net_minor": -1, "tax_minor": 1}}])
def test_a_credit_note_that_the_invoice_tells_otherwise(worked: World, changes: Fields) -> None:
    """Its number, or net and tax of its line, while the total is the same."""
    clinic = worked.clinic
    bill = clinic.database["invoices"].find_one({"_id": entry(clinic, "credit-note", 1)["invoice_id"]})
    assert bill is not None
    last = bill["adjustments"][-2]
    assert last["event"] == "credit-note"
    moved = [{**last["lines"][0], **{k: last["lines"][0][k] + v for k, v in changes.get("lines", {}).items()}}]
    told = [*bill["adjustments"][:-2], last | changes | {"lines": moved}, bill["adjustments"][-1]]
    record = change(clinic, "invoices", bill, adjustments=told)
    assert rules(clinic) == {("ledger", record)}


@pytest.mark.parametrize("event", ["payment", "deposit"])
def test_money_by_another_method(worked: World, event: str) -> None:
    """Card money that becomes a bank transfer changes no sum: neither a till's, nor an account's, nor the month's."""
    clinic = worked.clinic
    paid = clinic.database["journal"].find_one({"event": event, "postings.method": "card"})
    assert paid is not None
    money = [p | ({"method": "bank-transfer"} if "method" in p else {}) for p in paid["postings"]]
    change(clinic, "journal", paid, postings=money)
    wanted = {("facts", "2026-03")} | ({("ledger", paid["invoice_id"])} if event == "payment" else set())
    assert rules(clinic) == wanted


def test_a_cancellation_that_leaves_the_tax(worked: World) -> None:
    """Balanced, nothing owed, and the tax office would be paid for what nobody bought."""
    clinic, undone = worked.clinic, entry(worked.clinic, "cancel")
    tax = next(p["amount_minor"] for p in undone["postings"] if p["book"] == "tax")
    kept = [
        p | {"amount_minor": p["amount_minor"] + tax * (p["book"] == "revenue" and p["line"] == 1)}
        for p in undone["postings"]
        if p["book"] != "tax"
    ]
    change(clinic, "journal", undone, postings=kept)
    faults = [v for v in found(clinic) if v.rule == "ledger"]
    assert [v.record_id for v in faults] == [undone["invoice_id"]]
    assert "does not take back what was charged" in faults[0].message


def test_a_cancellation_that_leaves_the_payer_owing(worked: World) -> None:
    """What the payer owes and what the patient owes are nothing together."""
    clinic, undone = worked.clinic, entry(worked.clinic, "cancel")
    owed = next(p for p in undone["postings"] if p["book"] == "receivable")
    split = [owed | {"amount_minor": owed["amount_minor"] - 100}, owed | {"amount_minor": 100, "payer_id": "payer-1"}]
    change(clinic, "journal", undone, postings=[*split, *[p for p in undone["postings"] if p is not owed]])
    assert rules(clinic) == {("ledger", undone["invoice_id"])}


def test_a_line_that_is_credited_beyond_its_charge(worked: World) -> None:
    """The invoice's total allows it, the line does not; copy and entry agree."""
    clinic, note = worked.clinic, entry(worked.clinic, "credit-note")
    bill = clinic.database["invoices"].find_one({"_id": note["invoice_id"]})
    assert bill is not None
    moved = [p | ({"line": 1} if "line" in p else {}) for p in note["postings"]]
    change(clinic, "journal", note, postings=moved)
    told = [
        a | ({"lines": [part | {"line": 1} for part in a["lines"]]} if a["event"] == "credit-note" else {})
        for a in bill["adjustments"]
    ]
    change(clinic, "invoices", bill, adjustments=told)
    messages = [v.message for v in found(clinic) if (v.rule, v.record_id) == ("ledger", bill["_id"])]
    assert any("more of line 2 than it charged" in message for message in messages)


def test_a_day_that_is_open_again(worked: World) -> None:
    """The entry that closed it was its last: there is no gap, and money could be dated into a day that is printed."""
    clinic = worked.clinic
    clinic.database["journal"].delete_one({"_id": entry(clinic, "day-close")["_id"]})
    assert rules(clinic) == {("number", "2026-03-02")}
    assert "the entry that closed it is gone" in found(clinic)[0].message


@pytest.mark.parametrize("update", [{"$unset": {"kind": ""}}, {"$set": {"kind": "credit"}}])
def test_a_till_that_is_not_among_the_tills(worked: World, update: Fields) -> None:
    """The close of the day would not see that it is open."""
    clinic = worked.clinic
    assert clinic.database["balances"].update_one({"_id": "till:manager"}, update).modified_count == 1
    assert [v.rule for v in found(clinic)] == ["listed"]


def test_a_paper_that_is_not_what_was_printed(worked: World) -> None:
    """The paper of a closed day is a document; one byte more or less is another one."""
    clinic = worked.clinic
    papers.of_day(clinic, MANAGER, make.MONDAY, lambda close: f"%PDF {close.taken_minor}".encode())
    assert found(clinic) == []
    kept = clinic.database["papers"].find_one({"_id": "day-close:2026-03-02"})
    assert kept is not None
    record = change(clinic, "papers", kept, content=kept["content"] + b" ")
    assert rules(clinic) == {("paper", record)}
