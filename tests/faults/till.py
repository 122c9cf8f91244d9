"""A till that moves money at random until it is killed: ``python -m tests.faults.till URL LOG SEED CLOCK NAME``.

Before each change it writes what it is about to do to its log, and afterwards what it was told, each on disk before
it goes on. One change in four is sent twice at once, like a double click. `CLOCK` is ``<start>:<day>``: when the
test began, and how many seconds a day takes in it. Whoever is killed is followed by somebody under the same name.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clinic_core.clinic import Clinic, open_clinic
from clinic_core.domain import clock, journal, settling
from clinic_core.domain.access import Role
from clinic_core.domain.appointments import AppointmentEvent, AppointmentStatus
from clinic_core.domain.billing import OWING, Invoice, InvoiceStatus, LineItem, PaymentMethod
from clinic_core.domain.ids import derived_id, new_id
from clinic_core.domain.organization import TaxRounding, TaxRule
from clinic_core.domain.tills import Way
from clinic_core.errors import ClinicError, Unavailable
from clinic_core.services import billing, charging, day_close, directory, ledger, payer_payments, settlement, tills
from clinic_core.services.payer_payments import Allocated
from clinic_core.settings import Settings
from tests import make
from tests.faults.rig import Log

BEGIN = datetime(2026, 12, 30, 2, 30, tzinfo=UTC)  # soon the year ends, and every series begins anew
PAYER = "payer-1"
PACKAGE = "service-package"  # of consultations
WAYS = tuple(Way)


def ticking(text: str) -> Callable[[], datetime]:
    """The clock in which a day takes some seconds; all processes of a test read the same."""
    start, day = map(float, text.split(":"))
    return lambda: clock.utc(BEGIN + timedelta(days=max(0.0, time.time() - start) / day))


class Till:
    """Somebody at the counter who never rests, and may do everything."""

    def __init__(self, clinic: Clinic, log: Log, chance: random.Random, name: str) -> None:
        self.clinic, self.log, self.chance = clinic, log, chance
        self.actor = make.actor(Role.MANAGER, name=name)
        self.patients = [patient.id for patient in clinic.patients.latest(100)]
        self.pool = ThreadPoolExecutor(2)
        self.changes = {
            self.issue: 14,
            self.pay: 26,
            self.refund: 9,
            self.credit_note: 9,
            self.write_off: 5,
            self.apply_credit: 8,
            self.transfer: 8,
            self.assign: 4,
            self.take_back: 2,
            self.cancel: 3,
            self.deposit: 7,
            self.deposit_refund: 4,
            self.open_till: 4,
            self.move_cash: 4,
            self.close_till: 2,
            self.close_day: 2,
            self.payer_pays: 4,
            self.sell_package: 3,
            self.visit: 8,
            self.bill_visit: 8,
            self.bill_again: 3,
            self.change_tax: 1,
        }

    def work(self) -> None:
        """One change."""
        change = self.chance.choices(list(self.changes), weights=list(self.changes.values()))[0]
        change()

    def issue(self) -> None:
        """A bill of one to three lines, some with a payer."""
        self._sell([self._line() for _ in range(self.chance.randint(1, 3))])

    def sell_package(self) -> None:
        """One or two packages of sessions, and now and then something else."""
        quantity, price = self.chance.randint(1, 2), self.chance.randint(0, 90_000)
        sold = make.line(service_id=PACKAGE, quantity=quantity, unit_price_minor=price, tax_basis_points=1_800)
        self._sell([self._line(), sold] if self.chance.random() < 0.3 else [sold])

    def _sell(self, lines: list[LineItem]) -> None:
        patient_id, draft_id = self.chance.choice(self.patients), new_id()
        given = {"invoice_id": draft_id, "patient_id": patient_id, "practitioner_id": make.DR_A}
        draft = billing.new_draft(self.clinic, self.actor, **given)
        draft = billing.set_lines(self.clinic, self.actor, draft, lines)
        if self.chance.random() < 0.4:
            points = self.chance.choice([3_333, 8_000, 10_000])
            draft = billing.set_payer(self.clinic, self.actor, draft, PAYER, basis_points=points)
        key, amount = f"issue:{draft_id}", draft.total_minor
        self._try("issue", key, amount, lambda: billing.issue(self.clinic, self.actor, draft), bill=draft_id)

    def pay(self) -> None:
        """All that is due, or a part, now and then too much."""
        bill, payer = self._bill()
        due = bill.payer_due_minor if payer else bill.patient_due_minor
        key, amount, method = new_id(), self._amount(due), self._method()
        given = {"key": key, "amount_minor": amount, "method": method, "payer": payer}
        self._try(
            "payment", f"{bill.id}:{key}", amount, lambda: billing.take_payment(self.clinic, self.actor, bill, **given)
        )

    def refund(self) -> None:
        """Some of what was paid, or all of it, now and then more."""
        bill, payer = self._bill(lambda one: one.paid_minor > 0)
        paid = bill.payer_paid_minor if payer else bill.paid_minor - bill.payer_paid_minor
        key, amount = new_id(), self._amount(paid)
        given = {"key": key, "amount_minor": amount, "method": self._method(), "reason": "not due", "payer": payer}
        self._try(
            "refund", f"{bill.id}:{key}", amount, lambda: settlement.refund(self.clinic, self.actor, bill, **given)
        )

    def credit_note(self) -> None:
        """A part of what was charged, over all lines, or all that is left."""
        bill, _ = self._bill()
        left = sum(settling.creditable(bill))
        if not left:
            return
        amount, key = min(left, self._amount(left)), new_id()
        amounts = settling.spread_credit(bill, max(1, amount))
        given = {"key": key, "amounts": amounts, "reason": "not delivered"}
        self._try(
            "credit-note",
            f"{bill.id}:{key}",
            sum(amounts.values()),
            lambda: settlement.credit_note(self.clinic, self.actor, bill, **given),
        )

    def write_off(self) -> None:
        """What will not be paid."""
        bill, payer = self._bill(lambda one: one.due_minor > 0)
        key, amount = new_id(), self._amount(bill.payer_due_minor if payer else bill.patient_due_minor)
        given = {"key": key, "amount_minor": amount, "reason": "moved away", "payer": payer}
        self._try(
            "write-off",
            f"{bill.id}:{key}",
            amount,
            lambda: settlement.write_off(self.clinic, self.actor, bill, **given),
        )

    def apply_credit(self) -> None:
        """Money on account pays a bill."""
        bill, _ = self._bill(lambda one: one.patient_due_minor > 0)
        held = ledger.held_minor(self.clinic, bill.patient_id)
        key, amount = new_id(), self._amount(min(held, bill.patient_due_minor))
        self._try(
            "apply-credit",
            f"{bill.id}:{key}",
            amount,
            lambda: settlement.apply_credit(self.clinic, self.actor, bill, key=key, amount_minor=amount),
        )

    def transfer(self) -> None:
        """From one bill to another, now and then of somebody else."""
        source, _ = self._bill(lambda one: one.paid_minor > one.payer_paid_minor)
        others = [one for one in self.clinic.invoices.of_patient(source.patient_id, most=8) if one.patient_due_minor]
        target = self.chance.choice(others) if others and self.chance.random() < 0.9 else self._bill()[0]
        most = min(source.paid_minor - source.payer_paid_minor, target.patient_due_minor)
        key, amount = new_id(), self._amount(most)
        given = {"key": key, "amount_minor": amount, "reason": "wrong bill"}
        self._try(
            "transfer",
            f"{source.id}:{key}",
            amount,
            lambda: settlement.transfer(self.clinic, self.actor, source, target, **given),
        )

    def assign(self) -> None:
        """From the patient to the payer or back."""
        bill, to_payer = self._bill(lambda one: one.payer_id is not None and one.due_minor > 0)
        key, amount = new_id(), self._amount(bill.patient_due_minor if to_payer else bill.payer_due_minor)
        given = {"key": key, "amount_minor": amount, "to_payer": to_payer, "reason": "policy"}
        self._try(
            "assign", f"{bill.id}:{key}", amount, lambda: settlement.assign(self.clinic, self.actor, bill, **given)
        )

    def take_back(self) -> None:
        """A write-off or a use of money held."""
        bill, _ = self._bill(lambda one: bool(settling.reversible(one)))
        found = settling.reversible(bill)
        if found:
            entry_id = self.chance.choice(found).entry_id
            key = journal.reversal_key(entry_id)
            given = {"reason": "paid after all"}
            self._try(
                "reversal", key, None, lambda: settlement.reverse(self.clinic, self.actor, bill, entry_id, **given)
            )

    def cancel(self) -> None:
        """A bill on which nothing happened."""
        bill, _ = self._bill(lambda one: one.status in OWING and not (one.payments or one.adjustments))
        self._try("cancel", f"cancel:{bill.id}", None, lambda: billing.cancel(self.clinic, self.actor, bill, "slip"))

    def deposit(self) -> None:
        """For later bills."""
        patient_id, key, amount = self.chance.choice(self.patients), new_id(), self.chance.randint(1, 60_000)
        given = {"key": key, "amount_minor": amount, "method": self._method()}
        self._try(
            "deposit",
            f"{patient_id}:{key}",
            amount,
            lambda: settlement.deposit(self.clinic, self.actor, patient_id, **given),
        )

    def deposit_refund(self) -> None:
        """Some of what is held, or all of it, now and then more."""
        patient_id, key = self.chance.choice(self.patients), new_id()
        amount = self._amount(ledger.held_minor(self.clinic, patient_id))
        given = {"key": key, "amount_minor": amount, "method": self._method(), "reason": "asked for it"}
        self._try(
            "deposit-refund",
            f"{patient_id}:{key}",
            amount,
            lambda: settlement.deposit_refund(self.clinic, self.actor, patient_id, **given),
        )

    def payer_pays(self) -> None:
        """One sum for several bills, the oldest first; now and then too much."""
        debt = payer_payments.owed_by(self.clinic, self.actor, PAYER)
        if debt is None:
            return
        few = sum(one.payer_due_minor for one in debt.invoices[:3])
        key, amount = new_id(), self._amount(debt.owed_minor if self.chance.random() < 0.1 else few)
        given = {"key": key, "amount_minor": amount, "method": self._method()}
        self._try(
            "payer-payment",
            f"payer:{PAYER}:{key}",
            amount,
            lambda: payer_payments.take(self.clinic, self.actor, PAYER, **given),
        )

    def visit(self) -> None:
        """A finished visit and its bill, which a session of a package may pay."""
        now, day = self.clinic.now(), self.clinic.today()
        start = make.at("00:00", day)
        seen = AppointmentEvent(
            at=now, by=self.actor.username, kind="imported", status=AppointmentStatus.FULFILLED, start=start
        )
        given = {"patient_id": self.chance.choice(self.patients), "start": start, "booked_at": now, "untimed": True}
        done = make.appointment(status=AppointmentStatus.FULFILLED, events=(seen,), **given)
        self.clinic.appointments.add_many([done])
        draft_id = derived_id("invoice", done.id)
        self._use(draft_id, lambda: billing.draft_for_visit(self.clinic, self.actor, done.id))

    def bill_visit(self) -> None:
        """A visit's draft: issued, or its line given another text, taken off or charged, or thrown away."""
        drafts = [one for one in self.clinic.invoices.drafts() if one.appointment_id]
        if not drafts:
            return
        draft, way = self.chance.choice(drafts), self.chance.random()
        if way < 0.5:
            issue = f"issue:{draft.id}", draft.total_minor
            self._try("issue", *issue, lambda: billing.issue(self.clinic, self.actor, draft), bill=draft.id)
        elif way < 0.75:
            billing.cancel(self.clinic, self.actor, draft, "slip")
        else:
            texts = [replace(line, description="Visit") for line in draft.lines]
            charged = [replace(line, discount_minor=0) for line in draft.lines]
            lines = self.chance.choice([texts, charged, [self._line()], [*draft.lines, self._line()]])
            billing.set_lines(self.clinic, self.actor, draft, lines)

    def bill_again(self) -> None:
        """The visit of a bill that was cancelled."""
        found = self.clinic.invoices.of_patient(self.chance.choice(self.patients), most=40)
        cancelled = [one for one in found if one.status is InvoiceStatus.CANCELLED and one.appointment_id]
        if cancelled:
            old = self.chance.choice(cancelled)
            draft_id = derived_id("invoice", old.id)
            self._use(draft_id, lambda: billing.bill_again(self.clinic, self.actor, old))

    def _use(self, draft_id: str, draw: Callable[[], Invoice]) -> None:
        """Draw the draft of a visit, and tell of it when a session pays."""
        key = charging.use_key(draft_id, make.CONSULTATION, 0)

        def paid() -> Invoice:
            drawn = draw()
            if key not in [line.session for line in drawn.lines]:
                raise _Charged
            return drawn

        self._try("package-use", key, None, paid)

    def change_tax(self) -> None:
        """By another rule from now on, as it is or inside, rounded per line or once."""
        rule = TaxRule(inclusive=self.chance.random() < 0.5, rounding=self.chance.choice(list(TaxRounding)))
        profile = next(iter(self.clinic.organization_store.all()))
        directory.save_organization(self.clinic, self.actor, replace(profile, tax_rule=rule))

    def open_till(self) -> None:
        """One's own, with a float."""
        key, amount = new_id(), self.chance.randrange(20_000)
        self._try(
            "till-open",
            f"till:{key}",
            amount,
            lambda: tills.open_till(self.clinic, self.actor, key=key, float_minor=amount),
        )

    def move_cash(self) -> None:
        """To or from the safe, for an expense, or to a colleague."""
        way, key, amount = self.chance.choice(WAYS), new_id(), self.chance.randint(1, 5_000)
        others = [till.username for till in tills.colleagues(self.clinic, self.actor)]
        if way is Way.TO_TILL and not others:
            return
        to = self.chance.choice(others) if way is Way.TO_TILL else ""
        given = {"key": key, "amount_minor": amount, "way": way, "reason": "change", "to_username": to}
        self._try("till-move", f"till:{key}", amount, lambda: tills.move(self.clinic, self.actor, **given))

    def close_till(self, username: str = "") -> None:
        """Counted, half of the time not what it should be."""
        owner, key = username or self.actor.username, new_id()
        balance = ledger.current(self.clinic, journal.till_account(owner))
        count = max(0, balance.amount_minor + self.chance.choice([0, self.chance.randint(-300, 300)]))
        shown = count - balance.amount_minor
        given = {"key": key, "pieces": {}, "other_minor": count, "reason": "short", "shown_minor": shown}

        def close() -> object:
            found = tills.close(self.clinic, self.actor, owner, **given)
            if found.entry is None:
                raise _Recount
            return found

        self._try("till-close", f"till:{key}", None, close)

    def close_day(self) -> None:
        """Today or a day before it, with the tills that are open."""
        day = self.clinic.today() - timedelta(days=self.chance.choice([0, 1, 1, 1, 2]))
        for balance in self.clinic.balances.of_kind("till"):
            if balance.opened and journal.day_of(balance.opened) <= day:
                self.close_till(balance.id.partition(":")[2])
        key = f"day-close:{day.isoformat()}"
        self._try("day-close", key, 0, lambda: day_close.close(self.clinic, self.actor, day))
        self.deposit()  # which counts on the next day when that was today

    def _try(self, what: str, key: str, amount: int | None, change: Callable[[], object], *, bill: str = "") -> None:
        """`key` is the one under which it must be in the journal, `amount` what it must debit there."""
        fields = {"change": what, "key": key, "amount": amount, **({"bill": bill} if bill else {})}
        self.log.write("trying", **fields)
        if self.chance.random() < 0.25:
            clicks = [self.pool.submit(self._once, change, fields) for _ in "ab"]
            answers = [click.result() for click in clicks]
        else:
            answers = [self._once(change, fields)]
        for what_came, more in answers:
            self.log.write(what_came, **fields, **more)

    def _once(self, change: Callable[[], object], fields: dict[str, object]) -> tuple[str, dict[str, object]]:
        while True:
            try:
                done = change()
            except Unavailable:
                self.log.write("unavailable", **fields)
                time.sleep(0.2)
            except (ClinicError, _Recount, _Charged) as error:
                return "refused", {"why": type(error).__name__}
            else:
                return "done", _told(done)

    def _bill(self, wanted: Callable[[Invoice], bool] = lambda one: True) -> tuple[Invoice, bool]:
        """A random issued bill, and whether to deal with its payer."""
        for _ in range(3):
            found = self.clinic.invoices.of_patient(self.chance.choice(self.patients), most=8)
            issued = [one for one in found if one.issued_at is not None]
            fitting = [one for one in issued if wanted(one)] or issued
            if fitting:
                bill = self.chance.choice(fitting)
                return bill, bill.payer_id is not None and self.chance.random() < 0.5
        raise _NothingYet

    def _amount(self, limit: int) -> int:
        """All of it, a part, or a little more than there is."""
        kind = self.chance.random()
        if kind < 0.1 or limit <= 0:
            return max(1, limit + self.chance.randint(1, 100))
        return limit if kind < 0.4 else self.chance.randint(1, limit)

    def _line(self) -> LineItem:
        price, quantity = self.chance.randint(0, 30_000), self.chance.randint(1, 3)
        discount = self.chance.choice([0, 0, 0, price * quantity // 7, price * quantity])
        tax = self.chance.choice([0, 500, 1_800, 1_900])
        return make.line(quantity=quantity, unit_price_minor=price, discount_minor=discount, tax_basis_points=tax)

    def _method(self) -> PaymentMethod:
        return self.chance.choice([PaymentMethod.CASH, *PaymentMethod])


def _told(done: object) -> dict[str, object]:
    """What somebody was told of a change that is done."""
    if isinstance(done, Allocated):
        return {"left": done.left_minor}
    return {"label": done.label} if isinstance(done, Invoice) else {}


class _NothingYet(Exception):
    """There is no bill so far."""


class _Charged(Exception):
    """No session pays for the visit."""


class _Recount(Exception):
    """The till held something else by then."""


def main(url: str, log: str, seed: str, ticks: str, name: str) -> None:
    """Work until killed; a database that is away is waited for."""
    clinic = open_clinic(Settings(database_url=url), now=ticking(ticks))
    till: Till | None = None
    while True:
        try:
            till = till or Till(clinic, Log(Path(log)), random.Random(seed), name)
            till.work()
        except Unavailable:
            time.sleep(0.2)
        except (_NothingYet, ClinicError):
            continue  # what came before a change did not work out, such as another one's draft


if __name__ == "__main__":
    main(*sys.argv[1:])
