"""Anything that may happen to several invoices' money, in any order: the books always add up."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic_core.domain import billing, journal, settling
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.journal import Balance, Book, Entry
from clinic_core.domain.organization import TaxRounding, TaxRule
from clinic_core.domain.settling import Stamp
from clinic_core.errors import ClinicError, IllegalTransition, InvalidInput, OverPayment
from tests import make

PATIENTS = ("patient-1", "patient-1", "patient-2")  # of the three invoices
RATES = st.sampled_from([0, 500, 700, 810, 1800, 1900, 10_000])
LINES = st.lists(
    st.builds(
        lambda quantity, price, part, tax: make.line(
            quantity=quantity,
            unit_price_minor=price,
            discount_minor=quantity * price * part // 100,
            tax_basis_points=tax,
        ),
        st.integers(1, 3),
        st.integers(0, 2_000),
        st.sampled_from([0, 0, 0, 7, 50, 100]),
        RATES,
    ),
    min_size=1,
    max_size=4,
)
RULES = st.builds(TaxRule, inclusive=st.booleans(), rounding=st.sampled_from(TaxRounding))


@st.composite
def invoices(draw: st.DrawFn, number: int = 0) -> Invoice:
    """An issued invoice, half of the time with a payer."""
    made = make.invoice(
        id=f"bill-{number}", patient_id=PATIENTS[number], lines=tuple(draw(LINES)), tax_rule=draw(RULES)
    )
    if draw(st.booleans()):
        points = draw(st.sampled_from([0, 3_333, 8_000, 10_000, None]))
        share = draw(st.integers(0, made.total_minor)) if points is None else 0
        made = replace(made, payer_id="payer", payer_basis_points=points, payer_share_minor=share)
        made = replace(made, payer_share_minor=billing.share_of(made))
    status = InvoiceStatus.ISSUED if made.total_minor else InvoiceStatus.BALANCED
    return replace(made, status=status, issued_at=make.NOW, issued_on=make.MONDAY, series="INV-2026", number=number + 1)


class Books:
    """Three invoices and two patients' accounts, with every entry there was."""

    def __init__(self, drafts: list[Invoice]) -> None:
        self.entries: list[Entry] = []
        self.invoices = {one.id: one for one in drafts}
        self.accounts = {one: Balance(id=journal.credit_account(one)) for one in PATIENTS}
        for one in drafts:
            self.post(settling.issue(one, self.stamp()))

    def stamp(self) -> Stamp:
        """The next entry's."""
        return Stamp(key=f"key-{len(self.entries)}", day=make.MONDAY, at=make.NOW, by="desk", reason="why")

    def post(self, entry: Entry) -> None:
        """Let every account that it changes hold it."""
        entry = replace(entry, id=journal.entry_id(entry.day, len(self.entries) + 1))
        self.entries.append(entry)
        touched = {p.invoice_id for p in entry.postings if p.invoice_id} | {entry.invoice_id} - {None}
        for invoice_id in touched:
            assert invoice_id is not None
            self.invoices[invoice_id] = settling.applied(self.invoices[invoice_id], entry)
        if entry.patient_id and entry.sum_of(Book.CREDIT):
            self.accounts[entry.patient_id] = journal.balance_after(self.accounts[entry.patient_id], entry)

    def prove(self) -> None:
        """Postings sum to zero, copies equal the ledger, nothing is below zero."""
        assert all(journal.is_balanced(entry.postings) for entry in self.entries)
        for one in self.invoices.values():
            self._prove_invoice(one)
        for patient_id, account in self.accounts.items():
            held = -sum(entry.sum_of(Book.CREDIT) for entry in self.entries if entry.patient_id == patient_id)
            assert account.amount_minor == held >= 0

    def _prove_invoice(self, one: Invoice) -> None:
        about = [entry for entry in self.entries if any(p.invoice_id == one.id for p in entry.postings)]
        owed = [p for entry in about for p in entry.postings if p.invoice_id == one.id]
        own = [entry for entry in self.entries if entry.invoice_id == one.id]
        charged = -sum(entry.sum_of(book) for entry in own for book in (Book.REVENUE, Book.DISCOUNT, Book.TAX))
        assert sum(p.amount_minor for p in owed) == one.due_minor >= 0
        assert sum(p.amount_minor for p in owed if p.payer_id) == one.payer_due_minor >= 0
        assert one.patient_due_minor >= 0
        assert sum(entry.sum_of(Book.WRITE_OFF) for entry in own) == one.written_off_minor >= 0
        if one.status is InvoiceStatus.CANCELLED:
            assert (charged, one.paid_minor, one.credited_minor) == (0, 0, 0)
            return
        assert charged == one.total_minor - one.credited_minor >= 0
        assert one.total_minor == one.due_minor + one.paid_minor + one.credited_minor + one.written_off_minor
        assert 0 <= one.payer_paid_minor <= one.paid_minor
        assert (one.status is InvoiceStatus.BALANCED) == (one.due_minor == 0)
        paid = sum(p.amount_minor for p in one.payments) + sum(a.paid_minor for a in one.adjustments)
        assert paid == one.paid_minor
        assert all(left >= 0 for line in settling._left(one) for left in line)
        taken_back = [made.reverses for made in one.adjustments if made.reverses]
        assert len(set(taken_back)) == len(taken_back)
        assert one.posted == len(one.payments) + len(one.adjustments) + 1


EVENTS = (
    "payment",
    "payment",
    "payment",
    "refund",
    "refund",
    "write_off",
    "apply_credit",
    "transfer",
    "assign",
    "credit_note",
    "deposit",
    "deposit_refund",
    "cancel",
    "reverse",
    "reverse",
)


def happen(books: Books, chance: random.Random) -> str:
    """One event of any kind, or its refusal, which changes nothing; which one happened."""
    event = chance.choice(EVENTS)
    one = books.invoices[f"bill-{chance.randrange(3)}"]
    payer = one.payer_id is not None and chance.random() < 0.5
    amount = _amount(chance, _limit(books, event, one, payer=payer), one)
    try:
        entry = _built(books, chance, event, one, amount, payer=payer)
    except ClinicError:
        return "refused"
    books.post(entry)
    return event


def _built(books: Books, chance: random.Random, event: str, one: Invoice, amount: int, *, payer: bool) -> Entry:
    method = chance.choice(list(PaymentMethod))
    other = books.invoices["bill-1" if one.id == "bill-0" else chance.choice(["bill-0", "bill-2"])]
    held = books.accounts[one.patient_id].amount_minor
    given: dict[str, Any] = {"amount_minor": amount}
    cash: dict[str, Any] = {"method": method, "currency": "INR"}
    builds: dict[str, Callable[[Stamp], Entry]] = {
        "payment": lambda stamp: settling.payment(one, stamp, **given, method=method, payer=payer),
        "refund": lambda stamp: settling.refund(one, stamp, **given, method=method, payer=payer),
        "write_off": lambda stamp: settling.write_off(one, stamp, **given, payer=payer),
        "apply_credit": lambda stamp: settling.apply_credit(one, stamp, **given, held_minor=held),
        "transfer": lambda stamp: settling.transfer(one, other, stamp, **given),
        "assign": lambda stamp: settling.assign(one, stamp, **given, to_payer=payer),
        "credit_note": lambda stamp: settling.credit_note(
            one, stamp, amounts=settling.spread_credit(one, amount), document="CN"
        ),
        "deposit": lambda stamp: settling.deposit(one.patient_id, stamp, **given, **cash),
        "deposit_refund": lambda stamp: settling.deposit_refund(
            one.patient_id, stamp, **given, **cash, held_minor=held
        ),
        "cancel": lambda stamp: settling.cancel(one, stamp),
        "reverse": lambda stamp: settling.reverse(one, stamp, _corrected(books, chance, one)),
    }
    return builds[event](books.stamp())


def _corrected(books: Books, chance: random.Random, one: Invoice) -> Entry:
    """An entry that may be taken back, one that was already, or any other."""
    likely = [e for e in books.entries if e.invoice_id == one.id and e.event in journal.REVERSIBLE]
    return chance.choice(likely or books.entries)


def _limit(books: Books, event: str, one: Invoice, *, payer: bool) -> int:
    """What may be taken at most, so that most events are not refused."""
    held = books.accounts[one.patient_id].amount_minor
    own_due = one.payer_due_minor if payer else one.patient_due_minor
    own_paid = one.payer_paid_minor if payer else one.paid_minor - one.payer_paid_minor
    return {
        "refund": own_paid,
        "transfer": one.paid_minor - one.payer_paid_minor,
        "apply_credit": min(held, one.patient_due_minor),
        "assign": one.patient_due_minor if payer else one.payer_due_minor,
        "credit_note": sum(settling.creditable(one)),
        "deposit": one.total_minor,
        "deposit_refund": held,
    }.get(event, own_due)


def _amount(chance: random.Random, limit: int, one: Invoice) -> int:
    """Mostly what is possible, the limit itself and one above it among them; now and then anything."""
    kind = chance.randrange(6)
    if kind < 4:
        return chance.randint(1, max(1, limit // (kind + 1)))
    return limit + chance.randrange(2) if kind == 4 else chance.randint(-1, one.total_minor + 2)


@settings(max_examples=100, deadline=None)
@given(st.tuples(*(invoices(number) for number in range(3))), st.integers(0, 2**32))
def test_the_books_add_up_whatever_happens(drafts: tuple[Invoice, ...], seed: int) -> None:
    """Random events over three invoices with payers and accounts, the impossible ones among them."""
    books, chance = Books(list(drafts)), random.Random(seed)
    books.prove()
    for _ in range(40):
        happen(books, chance)
        books.prove()


def test_all_kinds_of_events_happen() -> None:
    """The random events are not refused all the time, so the test above means something."""
    chance, happened = random.Random(1), Counter[str]()
    for turn in range(40):
        lines = (make.line(unit_price_minor=1_000 + turn), make.line(tax_basis_points=1_800, unit_price_minor=700))
        bills = [
            make.invoice(id=f"bill-{n}", patient_id=patient, lines=lines, status=InvoiceStatus.ISSUED, payer_id=payer)
            for n, (patient, payer) in enumerate(zip(PATIENTS, (None, "payer", "payer"), strict=True))
        ]
        books = Books([replace(one, payer_share_minor=500 if one.payer_id else 0) for one in bills])
        happened.update(happen(books, chance) for _ in range(40))
        books.prove()

    assert min(happened[event] for event in EVENTS) >= 10, happened


@settings(max_examples=150, deadline=None)
@given(invoices(), st.lists(st.tuples(st.sampled_from(["pay", "payer", "lose", "note"]), st.integers(1, 4_000))))
def test_taking_back_everything_left_closes_to_nothing(one: Invoice, before: list[tuple[str, int]]) -> None:
    """After any payments, losses and earlier notes: the rest leaves no charge and no tax on any line, nothing due.

    What is held then is what the patient paid, and not what the payer paid.
    """
    books = Books([one])
    for what, amount in before:
        _some(books, what, amount)
    now = books.invoices["bill-0"]
    if now.payer_paid_minor:
        back = {"amount_minor": now.payer_paid_minor, "method": PaymentMethod.CASH, "payer": True}
        books.post(settling.refund(now, books.stamp(), **back))  # type: ignore[arg-type]
        now = books.invoices["bill-0"]
    rest = {line: left for line, left in enumerate(settling.creditable(now)) if left}
    if rest:
        books.post(settling.credit_note(now, books.stamp(), amounts=rest, document="CN"))
    books.prove()

    after = books.invoices["bill-0"]
    net, tax = (_by_line(books, book) for book in (Book.REVENUE, Book.TAX))
    discount = _by_line(books, Book.DISCOUNT)
    assert all(net.get(line, 0) + discount.get(line, 0) == 0 for line in net.keys() | discount.keys())
    assert not any(tax.values())
    assert (after.due_minor, after.paid_minor, after.written_off_minor) == (0, 0, 0)
    assert after.credited_minor == after.total_minor
    assert books.accounts["patient-1"].amount_minor == sum(p.amount_minor for p in after.payments if not p.payer)


def _some(books: Books, what: str, amount: int) -> None:
    one, stamp = books.invoices["bill-0"], books.stamp()
    due = one.payer_due_minor if what == "payer" else one.patient_due_minor
    try:
        if what == "note":
            amounts = settling.spread_credit(one, min(amount, sum(settling.creditable(one))))
            books.post(settling.credit_note(one, stamp, amounts=amounts, document="CN"))
        elif what == "lose":
            books.post(settling.write_off(one, stamp, amount_minor=min(amount, due)))
        else:
            took = {"amount_minor": min(amount, due), "method": PaymentMethod.CASH, "payer": what == "payer"}
            books.post(settling.payment(one, stamp, **took))  # type: ignore[arg-type]
    except ClinicError:
        return


def _by_line(books: Books, book: Book) -> dict[int, int]:
    sums: dict[int, int] = {}
    for posting in (p for entry in books.entries for p in entry.postings if p.book is book):
        assert posting.line is not None
        sums[posting.line] = sums.get(posting.line, 0) + posting.amount_minor
    return sums


@settings(max_examples=150, deadline=None)
@given(invoices(), st.data())
def test_a_spread_credit_is_all_there(one: Invoice, data: st.DataObject) -> None:
    """It sums up to the amount, and no line gives more than is left of it; taking it twice works as well."""
    books = Books([one])
    for _ in range(2):
        now = books.invoices["bill-0"]
        left = settling.creditable(now)
        if not sum(left):
            return
        amount = data.draw(st.integers(1, sum(left)))
        spread = settling.spread_credit(now, amount)
        assert sum(spread.values()) == amount
        assert all(0 < share <= left[line] for line, share in spread.items())
        books.post(settling.credit_note(now, books.stamp(), amounts=spread, document="CN"))


@settings(max_examples=100, deadline=None)
@given(invoices())
def test_every_line_is_in_the_charges(one: Invoice) -> None:
    """The entry of an issued invoice holds each line's net, tax and discount, and who owes them."""
    entry = settling.issue(one, Stamp(key="k", day=make.MONDAY, at=make.NOW, by="desk"))
    taxes = billing.line_taxes(one.lines, one.tax_rule)

    for line, (item, tax) in enumerate(zip(one.lines, taxes, strict=True)):
        found = {p.book: p for p in entry.postings if p.line == line}
        net = item.amount_minor - (tax if one.tax_rule.inclusive else 0)
        discount = found[Book.DISCOUNT].amount_minor if Book.DISCOUNT in found else 0
        assert -found[Book.REVENUE].amount_minor - discount == net
        assert (found[Book.REVENUE].quantity, discount) == (item.quantity, item.discount_minor)
        assert -(found[Book.TAX].amount_minor if Book.TAX in found else 0) == tax
    owed = {p.payer_id: p.amount_minor for p in entry.postings if p.book is Book.RECEIVABLE}
    assert owed.get("payer", 0) == one.payer_share_minor
    assert sum(owed.values()) == one.total_minor


# -- what is refused -----------------------------------------------------------------------------------------------


def _bill(**changes: Any) -> Invoice:
    draft = make.invoice(id="bill", status=InvoiceStatus.ISSUED, **changes)
    return settling.applied(draft, settling.issue(draft, _stamp()))


def _stamp(reason: str = "why") -> Stamp:
    return Stamp(key="k", day=make.MONDAY, at=make.NOW, by="desk", reason=reason)


CASH = PaymentMethod.CASH


@pytest.mark.parametrize("amount", [0, -1, True, 1.5, "1", None, 10**13])
def test_amounts_that_are_none(amount: Any) -> None:
    """Every event wants a positive whole amount."""
    one, given = _bill(), {"amount_minor": amount}
    for build in (
        lambda: settling.payment(one, _stamp(), **given, method=CASH),
        lambda: settling.refund(one, _stamp(), **given, method=CASH),
        lambda: settling.write_off(one, _stamp(), **given),
        lambda: settling.apply_credit(one, _stamp(), **given, held_minor=10**14),
        lambda: settling.transfer(one, replace(one, id="other"), _stamp(), **given),
        lambda: settling.assign(one, _stamp(), **given, to_payer=True),
        lambda: settling.deposit("patient-1", _stamp(), **given, method=CASH, currency="INR"),
        lambda: settling.deposit_refund("patient-1", _stamp(), **given, method=CASH, held_minor=10**14, currency="INR"),
    ):
        with pytest.raises(InvalidInput, match="above zero"):
            build()


def test_a_correction_has_a_reason() -> None:
    """Refund, write-off, credit note, transfer, assignment and a deposit given back say why."""
    one, bare = _bill(payer_id="payer"), _stamp("")
    for build in (
        lambda: settling.refund(one, bare, amount_minor=1, method=CASH),
        lambda: settling.write_off(one, bare, amount_minor=1),
        lambda: settling.credit_note(one, bare, amounts={0: 1}, document="CN"),
        lambda: settling.transfer(one, replace(one, id="other"), bare, amount_minor=1),
        lambda: settling.assign(one, bare, amount_minor=1, to_payer=True),
        lambda: settling.deposit_refund("p", bare, amount_minor=1, method=CASH, held_minor=1, currency="INR"),
        lambda: settling.reverse(one, bare, settling.write_off(one, _stamp(), amount_minor=1)),
    ):
        with pytest.raises(InvalidInput, match="Say why"):
            build()


@pytest.mark.parametrize("status", [InvoiceStatus.DRAFT, InvoiceStatus.CANCELLED])
def test_only_an_issued_invoice_has_money(status: InvoiceStatus) -> None:
    """Nothing happens to a draft's or a cancelled one's."""
    one = replace(_bill(payer_id="payer"), status=status)
    for build in (
        lambda: settling.payment(one, _stamp(), amount_minor=1, method=CASH),
        lambda: settling.refund(one, _stamp(), amount_minor=1, method=CASH),
        lambda: settling.write_off(one, _stamp(), amount_minor=1),
        lambda: settling.apply_credit(one, _stamp(), amount_minor=1, held_minor=1),
        lambda: settling.credit_note(one, _stamp(), amounts={0: 1}, document="CN"),
        lambda: settling.transfer(one, replace(_bill(), id="other"), _stamp(), amount_minor=1),
        lambda: settling.assign(one, _stamp(), amount_minor=1, to_payer=True),
        lambda: settling.cancel(one, _stamp()),
    ):
        with pytest.raises(IllegalTransition):
            build()


def test_money_stays_with_its_patient() -> None:
    """No transfer to another patient's invoice, nor to the same one."""
    one = settling.applied(_bill(), settling.payment(_bill(), _stamp(), amount_minor=50_000, method=CASH))
    for other in (one, replace(_bill(), id="other", patient_id="patient-2")):
        with pytest.raises(InvalidInput, match="another invoice of the same patient"):
            settling.transfer(one, other, _stamp(), amount_minor=1)


def test_money_stays_in_its_currency() -> None:
    """100 rupees that were paid do not pay 100 dollars."""
    one = settling.applied(_bill(), settling.payment(_bill(), _stamp(), amount_minor=50_000, method=CASH))
    with pytest.raises(InvalidInput, match="is in USD, not in INR"):
        settling.transfer(one, replace(_bill(), id="other", currency="USD"), _stamp(), amount_minor=1)


def test_neither_side_pays_for_the_other() -> None:
    """The patient's payment cannot cover the payer's share, nor be refunded from it."""
    one = _bill(payer_id="payer", payer_share_minor=40_000)

    with pytest.raises(OverPayment, match="The patient owes"):
        settling.payment(one, _stamp(), amount_minor=10_001, method=CASH)
    with pytest.raises(OverPayment, match="The payer owes"):
        settling.payment(one, _stamp(), amount_minor=40_001, method=CASH, payer=True)
    paid = settling.applied(one, settling.payment(one, _stamp(), amount_minor=40_000, method=CASH, payer=True))
    with pytest.raises(OverPayment):
        settling.refund(paid, _stamp(), amount_minor=1, method=CASH)


@pytest.mark.parametrize("amounts", [{}, {0: 0}, {0: -1}, {0: 50_001}, {1: 1}, {-1: 1}])
def test_a_credit_note_takes_what_is_there(amounts: dict[int, int]) -> None:
    """Neither nothing, nor less, nor more than a line, nor a line that is not there."""
    with pytest.raises(InvalidInput):
        settling.credit_note(_bill(), _stamp(), amounts=amounts, document="CN")
