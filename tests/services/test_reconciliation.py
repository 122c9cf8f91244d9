"""Every report says the same as the ledger and as every other report, whatever is asked.

What is right is worked out from the stored documents by hand, without the facts and without the code of the reports.
Every report that there is takes part by itself; a figure that is no sum is named in `NO_SUMS`.
"""

from __future__ import annotations

import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pytest

from clinic_core import reports as found_reports
from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.domain import clock as clocks
from clinic_core.domain import settling
from clinic_core.domain.access import Role
from clinic_core.domain.appointments import AppointmentStatus, CancelReason
from clinic_core.domain.billing import OWING, Invoice, LineItem, PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.domain.journal import REVERSIBLE
from clinic_core.domain.organization import Room, TaxRounding, TaxRule
from clinic_core.domain.payers import Payer
from clinic_core.errors import ClinicError
from clinic_core.reports.lead_time import AHEAD
from clinic_core.reports.measures import BALANCES, CHARGES, PAYMENTS, VISITS, Measure, Unit
from clinic_core.reports.periods import PERIOD, Grain
from clinic_core.services import (
    appointments,
    attendance,
    billing,
    check,
    facts,
    ledger,
    oddities,
    receivables,
    reports,
    returns,
    settlement,
    utilisation,
)
from clinic_core.services.reports import Answer, Figure, Question
from clinic_core.settings import Settings
from tests import make
from tests.conftest import World, fresh_database, set_up

Document = dict[str, Any]
MANAGER, RECEPTION = make.actor(Role.MANAGER), make.actor(Role.RECEPTIONIST, name="reception")
DAYS = 50
FIRST = date(2025, 12, 8)  # over the end of three months and of a year
PRACTITIONERS, ROOMS, PAYERS = (make.DR_A, make.DR_B), ("room-1", "room-2"), ("payer-1", "payer-2")
SERVICES = (make.CONSULTATION, make.FOLLOW_UP, make.DRESSING)
NO_SUMS = {"noshow_rate", "late_rate", "half", "nine_tenths"}


# -- a clinic at work ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Past:
    """A clinic with a past, and its documents as they are stored."""

    world: World
    clock: make.Clock
    journal: list[Document]
    owners: dict[str, Document]  # invoice id -> its document
    visits: list[Document]
    rows: dict[tuple[str, date | None], list[Document]] = field(default_factory=dict)  # by hand, made once

    @property
    def clinic(self) -> Clinic:
        """The clinic."""
        return self.world.clinic


SEEDS = [int(seed) for seed in os.environ.get("RECONCILIATION_SEEDS", "6").split(",")]


@pytest.fixture(scope="module", params=SEEDS)
def past(server_url: str, request: pytest.FixtureRequest) -> Iterator[Past]:
    """Fifty days of every kind of event, some of them folded into blocks and the rest in the tail."""
    clock = make.Clock(make.at("08:00", FIRST))
    clinic = open_clinic(Settings(database_url=fresh_database(server_url)), now=clock)
    create_indexes(clinic)
    world = set_up(clinic)
    rooms = tuple(Room(id=room, name=room) for room in ROOMS)
    even = request.param % 2 == 0
    rule = TaxRule(inclusive=even, rounding=TaxRounding.TOTAL if even else TaxRounding.LINE)
    before = clinic.organization_store.all()[0]
    clinic.organization_store.save(replace(before, rooms=rooms, tax_rule=rule))
    for payer in PAYERS:
        clinic.payers.add(Payer(id=payer, name=payer.title()))
    clinic.forget_directory()
    _live(world, clock, random.Random(request.param))
    database = clinic.database
    yield Past(
        world=world,
        clock=clock,
        journal=sorted(database["journal"].find(), key=lambda entry: str(entry["_id"])),
        owners={document["_id"]: document for document in database["invoices"].find()},
        visits=list(database["appointments"].find()),
    )
    clinic.close()


def _live(world: World, clock: make.Clock, chance: random.Random) -> None:
    desk = _Desk(world, clock, chance)
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        clock.set("08:30", day)
        for _ in range(chance.randint(4, 8)):
            clock.pass_(minutes=7)
            desk.something(day)
        if number in (20, 40):
            facts.fold(world.clinic)


class _Desk:
    """Does something at random, as the rules allow."""

    def __init__(self, world: World, clock: make.Clock, chance: random.Random) -> None:
        self.world, self.clinic, self.clock, self.chance = world, world.clinic, clock, chance
        self.bills: list[str] = []
        self.visits: list[str] = []

    def something(self, day: date) -> None:
        """One event, or none when it is refused."""
        changes: dict[Callable[[date], object], int] = {
            self.bill: 6,
            self.pay: 7,
            self.refund: 2,
            self.credit_note: 3,
            self.write_off: 3,
            self.deposit: 2,
            self.use_credit: 3,
            self.give_back: 1,
            self.transfer: 2,
            self.assign: 2,
            self.cancel: 2,
            self.take_back: 4,
            self.book: 6,
            self.end_visit: 6,
            self.see: 5,
        }
        try:
            self.chance.choices(list(changes), weights=list(changes.values()))[0](day)
        except ClinicError:
            return

    def bill(self, _: date) -> None:
        """Of a practitioner, in a room or none, some with a payer."""
        draft = make.invoice(
            patient_id=self.chance.choice([self.world.asha.id, self.world.ben.id]),
            practitioner_id=self.chance.choice(PRACTITIONERS),
            location_id=self.chance.choice([*ROOMS, None]),
            lines=tuple(self._line() for _ in range(self.chance.randint(1, 4))),
            drafted_at=self.clinic.now(),
            drafted_on=self.clinic.today(),
            tax_rule=self.clinic.organization().tax_rule,
        )
        made = self.clinic.invoices.add(draft)
        if self.chance.random() < 0.5:
            points = self.chance.choice([3_333, 8_000, 10_000])
            payer = self.chance.choice(PAYERS)
            made = billing.set_payer(self.clinic, MANAGER, made, payer, basis_points=points)
        self.bills.append(billing.issue(self.clinic, MANAGER, made).id)

    def pay(self, _: date) -> None:
        """A part, or all of it."""
        bill, payer = self._bill()
        amount = self._amount(bill.payer_due_minor if payer else bill.patient_due_minor)
        given = {"key": new_id(), "amount_minor": amount, "method": self._method()}
        billing.take_payment(self.clinic, MANAGER, bill, **given, payer=payer)

    def refund(self, _: date) -> None:
        """Of what was paid."""
        bill, payer = self._bill()
        paid = bill.payer_paid_minor if payer else bill.paid_minor - bill.payer_paid_minor
        given = {"key": new_id(), "amount_minor": self._amount(paid), "method": self._method(), "reason": "r"}
        settlement.refund(self.clinic, MANAGER, bill, **given, payer=payer)

    def credit_note(self, _: date) -> None:
        """Over all lines."""
        bill, _payer = self._bill()
        amounts = settling.spread_credit(bill, self._amount(sum(settling.creditable(bill))))
        settlement.credit_note(self.clinic, MANAGER, bill, key=new_id(), amounts=amounts, reason="r")

    def write_off(self, _: date) -> None:
        """What is due."""
        bill, payer = self._bill()
        amount = self._amount(bill.payer_due_minor if payer else bill.patient_due_minor)
        given = {"key": new_id(), "amount_minor": amount, "reason": "r"}
        settlement.write_off(self.clinic, MANAGER, bill, **given, payer=payer)

    def deposit(self, _: date) -> None:
        """For later."""
        given = {"key": new_id(), "amount_minor": self.chance.randint(1, 90_000), "method": self._method()}
        settlement.deposit(self.clinic, MANAGER, self.world.asha.id, **given)

    def use_credit(self, _: date) -> None:
        """As far as it goes."""
        bill, _payer = self._bill()
        most = min(bill.patient_due_minor, ledger.held_minor(self.clinic, bill.patient_id))
        settlement.apply_credit(self.clinic, MANAGER, bill, key=new_id(), amount_minor=self._amount(most))

    def give_back(self, _: date) -> None:
        """Some of what is held."""
        amount = self._amount(ledger.held_minor(self.clinic, self.world.asha.id))
        given = {"key": new_id(), "amount_minor": amount, "method": self._method(), "reason": "r"}
        settlement.deposit_refund(self.clinic, MANAGER, self.world.asha.id, **given)

    def transfer(self, _: date) -> None:
        """Often to an invoice of another practitioner and room."""
        source = self._bill(lambda one: one.paid_minor > one.payer_paid_minor)[0]
        target = self._bill(lambda one: one.patient_due_minor > 0 and one.patient_id == source.patient_id)[0]
        amount = self._amount(min(source.paid_minor - source.payer_paid_minor, target.patient_due_minor))
        settlement.transfer(self.clinic, MANAGER, source, target, key=new_id(), amount_minor=amount, reason="r")

    def assign(self, _: date) -> None:
        """To the payer or back."""
        bill, to_payer = self._bill(lambda one: one.payer_id is not None and one.due_minor > 0)
        amount = self._amount(bill.patient_due_minor if to_payer else bill.payer_due_minor)
        given = {"key": new_id(), "amount_minor": amount, "to_payer": to_payer, "reason": "r"}
        settlement.assign(self.clinic, MANAGER, bill, **given)

    def cancel(self, _: date) -> None:
        """One that nothing happened to."""
        bill = self._bill(lambda one: one.status in OWING and not one.payments and not one.adjustments)[0]
        billing.cancel(self.clinic, MANAGER, bill, "slip")

    def take_back(self, _: date) -> None:
        """A write-off or a use of money held; now and then one that was taken back already."""
        bill = self._bill(lambda one: bool(settling.reversible(one)))[0]
        entries = [made.entry_id for made in bill.adjustments if made.event in REVERSIBLE]
        settlement.reverse(self.clinic, MANAGER, bill, self.chance.choice(entries or [""]), reason="r")

    def book(self, day: date) -> None:
        """For one of the days to come, or today."""
        at = make.at(f"{self.chance.randint(9, 17):02d}:{15 * self.chance.randrange(4):02d}", day)
        visit = appointments.draft(
            self.clinic,
            appointment_id=new_id(),
            patient_id=self.chance.choice([self.world.asha.id, self.world.ben.id]),
            practitioner_id=self.chance.choice(PRACTITIONERS),
            service_id=self.chance.choice(SERVICES),
            start=at + timedelta(days=self.chance.randint(0, 6)),
            room_id=self.chance.choice([*ROOMS, None]),
        )
        self.visits.append(appointments.book(self.clinic, RECEPTION, visit).id)

    def end_visit(self, _: date) -> None:
        """Cancelled, moved or missed."""
        visit = self.clinic.appointments.get(self.chance.choice(self.visits or [""]))
        kind = self.chance.randrange(3)
        if kind == 0:
            appointments.cancel(self.clinic, RECEPTION, visit, CancelReason.PATIENT)
        elif kind == 1:
            start = visit.start + timedelta(days=self.chance.randint(0, 5))
            other = {
                "practitioner_id": self.chance.choice(PRACTITIONERS),
                "room_id": self.chance.choice([*ROOMS, None]),
                "minutes": self.chance.choice([15, 20, 30]),
            }
            appointments.move(self.clinic, RECEPTION, visit, start=start, **other)
        else:
            appointments.mark_noshow(self.clinic, RECEPTION, visit)

    def see(self, day: date) -> None:
        """One that is due: the patient comes and waits, and most of them are seen."""
        known = [self.clinic.appointments.get(one) for one in self.visits]
        due = [visit for visit in known if visit.day <= day and visit.status is AppointmentStatus.BOOKED]
        if not due:
            raise ClinicError("nobody is expected")
        visit = appointments.arrive(self.clinic, RECEPTION, self.chance.choice(due))
        if self.chance.random() < 0.8:
            self.clock.pass_(minutes=self.chance.randint(0, 6))
            doctor = make.actor(Role.DOCTOR, practitioner_id=visit.practitioner_id)
            visit = appointments.check_in(self.clinic, doctor, visit)
            appointments.fulfil(self.clinic, doctor, visit)

    def _bill(self, wanted: Callable[[Invoice], bool] = lambda one: True) -> tuple[Invoice, bool]:
        """One that fits, when there is one, and whether to deal with its payer."""
        some = [self.clinic.invoices.get(one) for one in self.chance.sample(self.bills, min(6, len(self.bills)))]
        fitting = [one for one in some if wanted(one)] or some
        if not fitting:
            raise ClinicError("there is no bill yet")
        return fitting[0], fitting[0].payer_id is not None and self.chance.random() < 0.6

    def _line(self) -> LineItem:
        price, quantity = self.chance.randint(0, 40_000), self.chance.randint(1, 3)
        return make.line(
            service_id=self.chance.choice(SERVICES),
            quantity=quantity,
            unit_price_minor=price,
            discount_minor=self.chance.choice([0, 0, price * quantity // 3, price * quantity]),
            tax_basis_points=self.chance.choice([0, 500, 1_800]),
        )

    def _amount(self, most: int) -> int:
        return most if self.chance.random() < 0.5 else self.chance.randint(1, max(1, most))

    def _method(self) -> PaymentMethod:
        return self.chance.choice(list(PaymentMethod))


INSIDE = {"tax_minor", "net_minor", "discount_minor", "quantity", "total_minor"}

# -- what is right, by hand ----------------------------------------------------------------------------------------

CHARGING = {"issue", "cancel", "credit-note"}


def _rows(past: Past, kind: str, as_of: date | None = None) -> list[Document]:
    wanted = (kind, as_of if kind == VISITS else None)
    if wanted not in past.rows:
        make_rows = {CHARGES: _charges, PAYMENTS: _payments, BALANCES: _debts}.get(kind)
        past.rows[wanted] = (
            [row for entry in past.journal for row in make_rows(past, entry)]
            if make_rows
            else [row for document in past.visits for row in _visit(document, as_of)]
        )
    return past.rows[wanted]


def _sum(entry: Document, book: str, **wanted: Any) -> int:
    postings = (p for p in entry["postings"] if p["book"] == book)
    return sum(p["amount_minor"] for p in postings if all(p.get(name) == value for name, value in wanted.items()))


def _base(entry: Document) -> Document:
    dims = {name: entry.get(name) or "" for name in ("practitioner_id", "location_id")}
    return {"day": date.fromisoformat(entry["day"]), "event": entry["event"], **dims}


def _charges(_: Past, entry: Document) -> list[Document]:
    """A row per line; `payer_parts` says how much of the entry's total each payer owes."""
    if entry["event"] not in CHARGING:
        return []
    made = []
    for line in sorted({p["line"] for p in entry["postings"] if "line" in p}):
        mine = [p for p in entry["postings"] if p.get("line") == line]
        tax, discount = -_sum(entry, "tax", line=line), _sum(entry, "discount", line=line)
        net = -_sum(entry, "revenue", line=line) - discount
        made.append(
            _base(entry)
            | {
                "service_id": mine[0]["service_id"],
                "basis_points": max(p.get("basis_points", 0) for p in mine),
                "quantity": sum(p.get("quantity", 0) for p in mine),
                "discount_minor": discount,
                "net_minor": net,
                "tax_minor": tax,
                "total_minor": net + tax,
            }
        )
    return made


def _billed_to(past: Past, wanted: Callable[[Document], bool], payers: frozenset[str]) -> int:
    """What was billed to some payers: by line it is an allotment, over whole invoices it is in the ledger."""
    total = 0
    for entry in past.journal:
        if entry["event"] in CHARGING and wanted(_base(entry)):
            whole = -sum(_sum(entry, book) for book in ("revenue", "discount", "tax"))
            theirs = {p["payer_id"] for p in entry["postings"] if p.get("payer_id")}
            parts = {payer: _sum(entry, "receivable", payer_id=payer) for payer in theirs}
            parts[""] = whole - sum(parts.values())
            total += sum(amount for payer, amount in parts.items() if payer in payers)
    return total


def _payments(_: Past, entry: Document) -> list[Document]:
    if entry["event"] not in {"payment", "refund", "deposit", "deposit-refund"}:
        return []
    money = next(p for p in entry["postings"] if p["book"] == "money")
    payer = next((p["payer_id"] for p in entry["postings"] if p.get("payer_id")), "")
    return [_base(entry) | {"method": money["method"], "payer_id": payer, "amount_minor": money["amount_minor"]}]


def _debts(past: Past, entry: Document) -> list[Document]:
    """What is owed more or less, by the invoice whose debt it is."""
    made = []
    for posting in entry["postings"]:
        if posting["book"] == "receivable":
            owner = past.owners[posting["invoice_id"]]
            dims = {name: owner.get(name) or "" for name in ("practitioner_id", "location_id")}
            payer = {"payer_id": posting.get("payer_id", ""), "due_minor": posting["amount_minor"]}
            made.append(_base(entry) | dims | payer)
    return made


def _visit(document: Document, as_of: date | None) -> list[Document]:
    """The visit as it was at the end of a day: the last thing that had happened to it by then."""
    known = [e for e in document["events"] if as_of is None or _local(e["at"]) <= as_of]
    if not known:
        return []
    claim = document
    for event in reversed(document["events"][len(known) :]):
        claim = event.get("left") or claim  # what a later move left
    start, booked = known[-1]["start"].astimezone(make.ZONE), _local(document["booked_at"])
    since = {event["status"]: event["at"] for event in known if event["kind"] != "moved"}
    came, seen = since.get("arrived"), since.get("checked-in")
    return [
        {
            "practitioner_id": claim["practitioner_id"],
            "location_id": claim.get("room_id") or "",
            "minutes": claim["minutes"],
            "service_id": document["service_id"],
            "patient_id": document["patient_id"],
            "status": known[-1]["status"],
            "day": start.date(),
            "hour": start.hour,
            "lead_days": (start.date() - booked).days,
            "late": known[-1]["status"] == "cancelled" and start - known[-1]["at"] < timedelta(hours=24),
            "waited_minutes": (seen - came).total_seconds() / 60 if came and seen else None,
        }
    ]


def _local(instant: Any) -> date:
    return clocks.local_day(instant, make.ZONE)


def _fits(question: Question, kind: str) -> Callable[[Document], bool]:
    """Whether a row is asked for. A selection that a kind of rows does not know has left its figures out before."""
    last = [question.end_on, question.chosen_to, None if kind == VISITS else question.as_of]
    first = [] if kind == BALANCES else [question.start_on, question.chosen_from]
    chosen = {
        "practitioner_id": question.practitioner_ids,
        "service_id": question.service_ids,
        "basis_points": question.rates,
        "method": question.methods,
        "payer_id": question.payer_ids,
        "location_id": question.location_ids,
        "hour": question.hours,
    }

    def fits(row: Document) -> bool:
        if any(row["day"] < day for day in first if day) or any(row["day"] > day for day in last if day):
            return False
        if question.weekdays and row["day"].weekday() not in question.weekdays:
            return False
        return all(row[name] in values for name, values in chosen.items() if values and name in row)

    return fits


def _right(past: Past, measure: Measure, question: Question) -> int | None:
    """What the ledger says; None where it says nothing by itself, as of the share of a line that a payer owes."""
    fits = _fits(question, measure.facts)
    if measure.facts == CHARGES and question.payer_ids:
        if measure.adds != "total_minor" or question.service_ids or question.rates:
            return None
        return _billed_to(past, fits, question.payer_ids)
    rows = [row for row in _rows(past, measure.facts, question.as_of) if fits(row)]
    state = "status" if measure.facts == VISITS else "event"
    rows = [row for row in rows if not measure.statuses or row[state] in measure.statuses]
    rows = [row for row in rows if not measure.known or row[measure.known] is not None]
    return sum(row[measure.adds] for row in rows) if measure.adds else len(rows)


# -- what the reports say ------------------------------------------------------------------------------------------


def _compare(past: Past, question: Question) -> int:
    """All figures of all reports with the ledger and with each other; how many there were."""
    said: dict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
    rights: dict[tuple[Any, ...], int | None] = {}
    asked = reports._Asked(past.clinic, question)  # as `answer` does, but all reports on one look at the facts
    for name in found_reports.found():
        answer = asked.answer(name)
        for measure in answer.measures:
            if measure.column in NO_SUMS:
                continue
            assert measure.unit in (Unit.MONEY, Unit.COUNT), f"{name}.{measure.column} is a sum or is in NO_SUMS"
            basis = (measure.facts, measure.adds, measure.statuses, measure.known)
            said[basis][name] = _in_all(answer, measure)
            if basis not in rights:
                rights[basis] = _right(past, measure, question)
    for basis, by_report in said.items():
        assert len(set(by_report.values())) == 1, f"reports disagree on {basis}: {by_report}, asked {question}"
        found = next(iter(by_report.values()))
        assert rights[basis] in (None, found), (
            f"{basis}: the ledger says {rights[basis]}, {by_report}, asked {question}"
        )
    return sum(map(len, said.values()))


def _in_all(answer: Answer, measure: Measure) -> int:
    """What a report's column comes to: its sum, and of what is owed at the end of each period the last."""
    column = answer.frame[measure.column]
    return int((column.tail(1) if measure.facts == BALANCES and answer.key == PERIOD else column).sum())


def _questions(chance: random.Random, how_many: int) -> Iterator[Question]:
    days = [FIRST + timedelta(days=number) for number in range(-3, DAYS + 9)]
    for _ in range(how_many):
        start, end = sorted(chance.sample(days, 2))
        yield Question(
            start_on=chance.choice([None, start, start]),
            end_on=chance.choice([None, end, end]),
            grain=chance.choice(list(Grain)),
            practitioner_ids=_some(chance, PRACTITIONERS, 0.3),
            service_ids=_some(chance, SERVICES, 0.15),
            rates=frozenset([chance.choice([0, 1_800])]) if chance.random() < 0.15 else frozenset(),
            methods=_some(chance, [method.value for method in PaymentMethod], 0.2),
            payer_ids=_some(chance, ("", *PAYERS), 0.25),
            location_ids=_some(chance, ("", *ROOMS), 0.25),
            weekdays=frozenset(chance.sample(range(7), 3)) if chance.random() < 0.2 else frozenset(),
            hours=frozenset(chance.sample(range(8, 19), 4)) if chance.random() < 0.1 else frozenset(),
            chosen_from=start + timedelta(days=3) if chance.random() < 0.1 else None,
            as_of=chance.choice(days) if chance.random() < 0.4 else None,
        )


def _some(chance: random.Random, values: Iterable[str], likely: float) -> frozenset[str]:
    known = list(values)
    return frozenset(chance.sample(known, chance.randint(1, len(known)))) if chance.random() < likely else frozenset()


def test_everything_happened(past: Past) -> None:
    """The past has every kind of event in it, in blocks and in the tail, and keeps all rules."""
    events = Counter(entry["event"] for entry in past.journal)
    assert len(events) == 12, events
    marks = Counter(bool(entry.get("unfolded")) for entry in past.journal)
    assert min(marks[True], marks[False]) > 10
    assert {visit["status"] for visit in past.visits} >= {"booked", "arrived", "fulfilled", "cancelled", "noshow"}
    assert any(event.get("left") for visit in past.visits for event in visit["events"])
    assert check.run(past.clinic) == []


def test_without_any_filter(past: Past) -> None:
    """The whole past, in every grain."""
    for grain in Grain:
        assert _compare(past, Question(grain=grain)) > 20


def test_with_any_filter(past: Past) -> None:
    """Random days, practitioners, services, methods, payers, rooms, weekdays, hours, grains and as-of days."""
    figures = [_compare(past, question) for question in _questions(random.Random(7), 30)]
    assert sum(figures) > 300


def test_as_of_every_day(past: Past) -> None:
    """At the end of each day, and of the days before the first one and after the last one."""
    for number in range(-1, DAYS + 2, 3):
        _compare(past, Question(as_of=FIRST + timedelta(days=number), grain=Grain.MONTH))


def test_parts_make_the_whole(past: Past) -> None:
    """Billed by payer and service, collected by payer, and what is in a line, by payer, over all of them."""
    whole = reports.answer(past.clinic, MANAGER, Question(), "summary").frame.iloc[0]
    billed = collected = owed = 0
    inside: Counter[str] = Counter()
    for payer in ("", *PAYERS):
        for service in SERVICES:
            part = Question(payer_ids=frozenset({payer}), service_ids=frozenset({service}))
            billed += int(reports.answer(past.clinic, MANAGER, part, "revenue_by_service").frame["billed_minor"].sum())
        figures = reports.answer(past.clinic, MANAGER, Question(payer_ids=frozenset({payer})), "summary").frame.iloc[0]
        for name in ("tax", "tax_by_rate", "revenue_by_service"):
            sums = reports.answer(past.clinic, MANAGER, Question(payer_ids=frozenset({payer})), name).frame.sum(
                numeric_only=True
            )
            inside.update({f"{name}.{column}": int(sums[column]) for column in sums.index if column in INSIDE})
        collected, owed = collected + int(figures["collected_minor"]), owed + int(figures["outstanding_minor"])
    assert (billed, collected, owed) == (whole["billed_minor"], whole["collected_minor"], whole["outstanding_minor"])
    for name, found in inside.items():
        assert found == sum(row[name.partition(".")[2]] for row in _rows(past, CHARGES)), name


def test_what_is_counted_elsewhere_is_the_same(past: Past) -> None:
    """Hours, lead times, new and returning patients are the visits that the ledger of visits holds."""
    for asked in _questions(random.Random(11), 20):
        question = replace(asked, methods=frozenset(), payer_ids=frozenset())
        rows = [row for row in _rows(past, VISITS, question.as_of) if _fits(question, VISITS)(row)]
        today = past.clinic.today()
        open_or_seen = {"fulfilled", "booked", "arrived", "checked-in"}
        ends = min(today, question.as_of or today)
        used = sum(row["minutes"] for row in rows if row["status"] in open_or_seen and row["day"] <= ends)
        assert utilisation.of(past.clinic, MANAGER, question).total.get("used", 0) == used, question
        ahead = attendance.by_lead_time(past.clinic, MANAGER, question).set_index("ahead")
        for column, status in (("seen", "fulfilled"), ("missed", "noshow"), ("cancelled", "cancelled")):
            counted = Counter(_stretch(row["lead_days"]) for row in rows if row["status"] == status)
            assert ahead[column][ahead[column] > 0].to_dict() == counted, (column, question)
        seen = {(row["day"].year, row["day"].month, row["patient_id"]) for row in rows if row["status"] == "fulfilled"}
        by_month = returns.of(past.clinic, MANAGER, replace(question, grain=Grain.MONTH)).periods
        assert by_month[["new", "returning"]].to_numpy().sum() == len(seen), question


def _stretch(days: int) -> str:
    """As the table of lead times calls it."""
    return next(name for name, least in reversed(AHEAD) if max(days, 0) >= least)


def test_every_void_is_an_oddity(past: Past) -> None:
    """As many as there are entries, and their money."""
    asked = Question(start_on=FIRST + timedelta(days=5), practitioner_ids=frozenset([make.DR_A]))
    fits, amounts = _fits(asked, CHARGES), Counter[str]()
    for entry in past.journal:
        if entry["event"] in {"cancel", "credit-note"} and fits(_base(entry)):
            amounts[entry["_id"]] = sum(_sum(entry, book) for book in ("revenue", "discount", "tax"))
        elif entry["event"] in {"refund", "write-off", "deposit-refund"} and fits(_base(entry)):
            amounts[entry["_id"]] = _sum(entry, "write-off") - _sum(entry, "money")

    found = oddities.of(past.clinic, MANAGER, asked)

    assert dict(zip(found.voids["entry_id"], found.voids["amount_minor"], strict=True)) == amounts
    assert found.people["count"].sum() == len(amounts) > 5


def test_rows_behind_figures_add_up(past: Past) -> None:
    """The rows that a click on a figure opens, of every report and of the value of every bar."""
    chance = random.Random(5)
    for question in [Question(grain=Grain.MONTH), *_questions(chance, 4)]:
        for name in found_reports.found():
            answer = reports.answer(past.clinic, MANAGER, question, name)
            for measure in answer.measures:
                if measure.unit is Unit.SHARE or measure.column in NO_SUMS:
                    continue
                values = [None, *(answer.frame[answer.key] if answer.key else ())]
                value = chance.choice(values)
                rows = reports.rows(past.clinic, MANAGER, question, Figure(name, measure.column, value))
                bar = answer.frame if value is None else answer.frame[answer.frame[answer.key] == value]
                assert rows.total == _in_all(replace(answer, frame=bar), measure), (
                    name,
                    measure.column,
                    value,
                    question,
                )


def test_what_is_owed_is_the_same_everywhere(past: Past) -> None:
    """The invoices, the ageing, the list of what is owed on a day and the figure: with the payers', day by day."""
    invoices = [Question(), *(Question(payer_ids=frozenset({payer})) for payer in ("", *PAYERS))]
    for question in invoices:
        for number in (0, 9, 24, 33, DAYS + 1):
            day = FIRST + timedelta(days=number)
            asked = replace(question, end_on=day)
            right = _right(past, Measure(column="x", label="x", facts=BALANCES, adds="due_minor"), asked)
            assert int(reports.owed_on(past.clinic, asked, day)["due_minor"].sum()) == right
            assert receivables.of(past.clinic, MANAGER, asked).total_minor == right
    kept = [past.clinic.invoices.get(invoice_id) for invoice_id in past.owners]
    whole = reports.answer(past.clinic, MANAGER, Question(), "summary").frame.iloc[0]
    assert sum(one.due_minor for one in kept) == whole["outstanding_minor"]


def test_the_ledger_adds_up_to_nothing(past: Past) -> None:
    """Over all books together, and what was charged is paid, held, lost or owed."""
    sums: Counter[str] = Counter()
    for entry in past.journal:
        for posting in entry["postings"]:
            sums[posting["book"]] += posting["amount_minor"]
    payments = facts.payments(past.clinic, MANAGER)
    charges = facts.charges(past.clinic, MANAGER)

    assert sum(sums.values()) == 0
    assert charges["total_minor"].sum() == -(sums["revenue"] + sums["discount"] + sums["tax"])
    assert payments["amount_minor"].sum() == sums["money"]
    assert payments["credit_minor"].sum() == -sums["credit"]
    assert payments["written_off_minor"].sum() == sums["write-off"]
    assert charges["total_minor"].sum() - payments["settled_minor"].sum() == sums["receivable"]
    by_entry = payments.groupby("entry_id", observed=True)[
        ["amount_minor", "written_off_minor", "settled_minor", "credit_minor"]
    ].sum()
    assert (
        by_entry["amount_minor"] + by_entry["written_off_minor"] == by_entry["settled_minor"] + by_entry["credit_minor"]
    ).all()
