"""The demo clinic's money: what was planned for every bill, carried out in the order of time, numbered day by day.

Each step becomes an entry of the ledger by the same rules as at the desk; what a bill does later waits in a heap for
its day. So the journal, the invoices and the balances of one clinic come from one place and agree.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from random import Random
from typing import Final

from clinic_core.domain import billing, clock, journal, settling, tills
from clinic_core.domain.billing import Invoice, Party, PaymentMethod
from clinic_core.domain.demo_names import COUNTED
from clinic_core.domain.demo_setup import ORGANIZATION
from clinic_core.domain.journal import Balance, Entry, Event, Heading
from clinic_core.domain.settling import Stamp

TILL_DAYS: Final = 30  # how far back there are cash sessions
_DESK: Final = "reception"
_DESK_NAME: Final = "Ravi Reception"
_ZONE: Final = ORGANIZATION.zone
_AT_ONCE: Final = timedelta(seconds=15)
_OPENS, _CLOSES = time(8, 10), time(20, 50)
_FLOAT: Final = 200_000
_OFTEN_WRONG: Final = 0.15  # counts that differ
_WRONG_BY: Final = (-50_000, -10_000, -5_000, -2_000, -1_000, 1_000, 2_000, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that will happen to a bill, or to the money held for its patient."""

    at: datetime
    event: Event
    key: str = ""
    amount_minor: int = 0  # 0: all that there is; more than that is cut to it
    method: PaymentMethod = PaymentMethod.CASH
    by: str = "reception"
    reason: str = ""
    payer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """An invoice on its day of issue, with what will happen to it."""

    invoice: Invoice
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayMoney:
    """A day's entries in the order of their numbers, and the invoices to which nothing more will happen."""

    entries: tuple[Entry, ...]
    invoices: tuple[Invoice, ...]


@dataclass(slots=True)
class _Open:
    """An invoice as of its last entry, and how many steps are to come."""

    invoice: Invoice
    waiting: int
    wrong: bool  # it will be cancelled: nobody pays it


@dataclass(slots=True)
class Books:
    """The ledger as it grows; nothing happens in it after `now`."""

    rng: Random
    now: datetime
    _waiting: list[tuple[datetime, int, Callable[[date], None]]] = field(default_factory=list)
    _put: int = 0
    _open: dict[str, _Open] = field(default_factory=dict)
    _balances: dict[str, Balance] = field(default_factory=dict)
    _entries: list[Entry] = field(default_factory=list)
    _done: list[Invoice] = field(default_factory=list)

    def on(self, day: date, bills: Iterable[Bill]) -> DayMoney:
        """Carry out a day; call it with one day after the other."""
        self._plan_till(day)
        for bill in bills:
            self._begin(bill)
        ends = clock.at_local(day + timedelta(days=1), time(), _ZONE)
        self._entries, self._done = [], []
        while self._waiting and self._waiting[0][0] < ends and self._waiting[0][0] <= self.now:
            heapq.heappop(self._waiting)[2](day)
        return DayMoney(entries=tuple(self._entries), invoices=tuple(self._done))

    def rest(self) -> list[Invoice]:
        """The invoices to which something will still happen, as they are now."""
        return [one.invoice for one in self._open.values()]

    @property
    def balances(self) -> list[Balance]:
        """What patients' credits and the till add up to."""
        return [balance for account, balance in self._balances.items() if not account.startswith("number:")]

    def _begin(self, bill: Bill) -> None:
        invoice = bill.invoice
        if invoice.issued_at is None:
            raise ValueError("a bill is an issued invoice")
        issue = Step(at=invoice.issued_at, event=Event.ISSUE, by=invoice.issued_by)
        self._open[invoice.id] = one = _Open(invoice, 0, wrong=any(step.event is Event.CANCEL for step in bill.steps))
        for step in (issue, *bill.steps):
            self._wait(one, step)

    def _wait(self, one: _Open, step: Step) -> None:
        one.waiting += 1
        self._later(step.at, partial(self._carry_out, one, step))

    def _later(self, at: datetime, action: Callable[[date], None]) -> None:
        self._put += 1
        heapq.heappush(self._waiting, (at, self._put, action))

    def _plan_till(self, day: date) -> None:
        """A session of the desk's till, on the last days only."""
        rng, today = self.rng, clock.local_day(self.now, _ZONE)
        if not today - timedelta(days=TILL_DAYS) <= day <= today:
            return
        wrong_by = rng.choice(_WRONG_BY) if rng.random() < _OFTEN_WRONG else 0
        opens, closes = (
            clock.at_local(day, at, _ZONE) + timedelta(seconds=rng.randrange(600)) for at in (_OPENS, _CLOSES)
        )
        stamp = Stamp(key=f"{_DESK}:{day.isoformat()}", day=day, at=opens, by=_DESK)
        self._later(opens, partial(self._open_till, stamp))
        reason = rng.choice(COUNTED) if wrong_by else ""
        stamp = replace(stamp, key=f"{stamp.key}:close", at=closes, reason=reason)
        self._later(closes, partial(self._close_till, stamp, wrong_by))

    def _open_till(self, stamp: Stamp, day: date) -> None:
        till = self._balance(_TILL)
        heading = replace(_HEADING, name=_DESK_NAME)
        self._place(
            tills.opened(stamp, till, float_minor=_FLOAT, currency=ORGANIZATION.currency, heading=heading), [_TILL]
        )

    def _close_till(self, stamp: Stamp, wrong_by: int, day: date) -> None:
        till = self._balance(_TILL)
        if not till.opened:
            return
        count = _pieces(till.amount_minor + wrong_by)
        made = tills.closed(stamp, till, count=count, currency=ORGANIZATION.currency, heading=_HEADING)
        self._place(replace(made, till=till.opened), [_TILL])

    def _carry_out(self, one: _Open, step: Step, day: date) -> None:
        stamp = Stamp(key=_key(one.invoice, step), day=day, at=step.at, by=step.by, reason=step.reason)
        entry = _MAKE[step.event](self, one.invoice, step, stamp)
        if entry is not None:
            one.invoice = self._booked(one.invoice, entry)
            if step.event is Event.ISSUE and not one.wrong and self._held(one.invoice):  # which pays first
                self._wait(one, replace(step, at=step.at + _AT_ONCE, event=Event.APPLY_CREDIT))
        one.waiting -= 1
        if not one.waiting:
            self._done.append(one.invoice)
            del self._open[one.invoice.id]

    def _booked(self, invoice: Invoice, entry: Entry) -> Invoice:
        """Give the entry its place; the invoice after it."""
        others = [journal.credit_account(invoice.patient_id)] if entry.event in _TOUCHES_CREDIT else []
        if entry.document:
            others.insert(0, f"number:{entry.document.rpartition('-')[0]}")
        till = self._balance(_TILL)
        if till.opened and entry.by == _DESK and tills.cash_minor(entry):
            entry, others = replace(entry, till=till.opened), [*others, _TILL]
        if not entry.invoice_id:
            self._place(entry, others)
            return invoice
        own = journal.slot(journal.invoice_account(invoice.id), invoice.posted + 1)
        placed = self._place(replace(entry, slots=(own,)), others)
        return replace(settling.applied(invoice, placed), version=invoice.version + 1)

    def _place(self, entry: Entry, accounts: Iterable[str]) -> Entry:
        """Number the entry, let it hold its places in the accounts, and let their balances follow."""
        slots = [journal.key_slot(entry.key), *entry.slots]
        slots += [journal.slot(account, self._balance(account).seq + 1) for account in accounts]
        number = len(self._entries) + 1
        placed = replace(entry, id=journal.entry_id(entry.day, number), slots=tuple(slots))
        for account in accounts:
            self._balances[account] = journal.balance_after(self._balance(account), placed)
        self._entries.append(placed)
        return placed

    def _balance(self, account: str) -> Balance:
        return self._balances.get(account) or Balance(id=account)

    def _held(self, invoice: Invoice) -> int:
        return self._balance(journal.credit_account(invoice.patient_id)).amount_minor

    def _issue(self, invoice: Invoice, step: Step, stamp: Stamp) -> Entry | None:
        return settling.issue(invoice, stamp)

    def _cancel(self, invoice: Invoice, step: Step, stamp: Stamp) -> Entry | None:
        return settling.cancel(invoice, stamp)

    def _payment(self, invoice: Invoice, step: Step, stamp: Stamp) -> Entry | None:
        amount = _up_to(step, invoice.payer_due_minor if step.payer else invoice.patient_due_minor)
        if not amount:
            return None
        return settling.payment(invoice, stamp, amount_minor=amount, method=step.method, payer=step.payer)

    def _refund(self, invoice: Invoice, step: Step, stamp: Stamp) -> Entry | None:
        amount = _up_to(step, invoice.paid_minor - invoice.payer_paid_minor)
        return settling.refund(invoice, stamp, amount_minor=amount, method=step.method) if amount else None

    def _write_off(self, invoice: Invoice, step: Step, stamp: Stamp) -> Entry | None:
        amount = _up_to(step, invoice.patient_due_minor)
        return settling.write_off(invoice, stamp, amount_minor=amount) if amount else None

    def _credit_note(self, invoice: Invoice, step: Step, stamp: Stamp) -> Entry | None:
        amount = _up_to(step, sum(settling.creditable(invoice)) - invoice.payer_paid_minor)
        if not amount:
            return None
        series = f"{ORGANIZATION.credit_note_prefix}-{stamp.day.year}"
        number = self._balance(f"number:{series}").seq + 1
        amounts = settling.spread_credit(invoice, amount)
        return settling.credit_note(invoice, stamp, amounts=amounts, document=billing.number_text(series, number))

    def _apply_credit(self, invoice: Invoice, step: Step, stamp: Stamp) -> Entry | None:
        held = self._held(invoice)
        amount = _up_to(step, min(held, invoice.patient_due_minor))
        return settling.apply_credit(invoice, stamp, amount_minor=amount, held_minor=held) if amount else None

    def _deposit(self, invoice: Invoice, step: Step, stamp: Stamp) -> Entry | None:
        amount, currency = step.amount_minor, invoice.currency
        return settling.deposit(invoice.patient_id, stamp, amount_minor=amount, method=step.method, currency=currency)

    def _deposit_refund(self, invoice: Invoice, step: Step, stamp: Stamp) -> Entry | None:
        held = self._held(invoice)
        amount = _up_to(step, held)
        if not amount:
            return None
        return settling.deposit_refund(
            invoice.patient_id,
            stamp,
            amount_minor=amount,
            method=step.method,
            held_minor=held,
            currency=invoice.currency,
        )


_MAKE: Final[dict[Event, Callable[[Books, Invoice, Step, Stamp], Entry | None]]] = {
    Event.ISSUE: Books._issue,
    Event.CANCEL: Books._cancel,
    Event.PAYMENT: Books._payment,
    Event.REFUND: Books._refund,
    Event.WRITE_OFF: Books._write_off,
    Event.CREDIT_NOTE: Books._credit_note,
    Event.APPLY_CREDIT: Books._apply_credit,
    Event.DEPOSIT: Books._deposit,
    Event.DEPOSIT_REFUND: Books._deposit_refund,
}
_TOUCHES_CREDIT: Final = frozenset({Event.CREDIT_NOTE, Event.APPLY_CREDIT, Event.DEPOSIT, Event.DEPOSIT_REFUND})
_OF_PATIENT: Final = frozenset({Event.DEPOSIT, Event.DEPOSIT_REFUND})
_TILL: Final = journal.till_account(_DESK)
_HEADING: Final = Heading(
    issuer=Party(
        name=ORGANIZATION.name, address=ORGANIZATION.address, phone=ORGANIZATION.phone, tax_id=ORGANIZATION.tax_id
    ),
    locale=ORGANIZATION.locale,
    time_zone=ORGANIZATION.time_zone,
)


def _pieces(amount_minor: int) -> tuple[tuple[int, int], ...]:
    """An amount as somebody counts it: the largest notes first."""
    left, pieces = max(amount_minor, 0), dict[int, int]()
    for face in tills.denominations(ORGANIZATION.currency):
        pieces[face], left = divmod(left, face)
    return tills.counted(pieces, left)


def _up_to(step: Step, most: int) -> int:
    return min(step.amount_minor or most, most)


def _key(invoice: Invoice, step: Step) -> str:
    if step.event in {Event.ISSUE, Event.CANCEL}:
        return f"{step.event}:{invoice.id}"
    owner = invoice.patient_id if step.event in _OF_PATIENT else invoice.id
    return f"{owner}:{step.key or step.event}"
