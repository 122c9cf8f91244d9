"""The demo clinic: believable, the same for the same seed, and sound by every rule."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain import demo as rules
from clinic_core.domain import journal, settling, tills
from clinic_core.domain.access import SYSTEM
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import Invoice, InvoiceStatus
from clinic_core.domain.demo_setup import BUSIEST, MOST_DOCTORS, SERVICES, doctors
from clinic_core.domain.journal import Balance, Book, Entry, Event
from clinic_core.errors import Conflict, InvalidInput, Unavailable
from clinic_core.services import appointments, check, demo, fact_tables, facts, ledger, passwords, users
from tests import make

YEARS = 0.03
NOON = make.at("12:00")


@pytest.fixture
def noon(clock: make.Clock) -> make.Clock:
    clock.set("12:00")
    return clock


@pytest.fixture(scope="module")
def half_year() -> list[rules.DemoDay]:
    return list(rules.days(NOON, 0.5, 1))


def documents(clinic: Clinic, name: str) -> dict[str, dict[str, Any]]:
    """Every document of a collection, by id."""
    return {str(d["_id"]): d for d in clinic.database[name].find()}


class TestDays:
    """What is invented, without a database."""

    def test_the_same_seed_is_the_same_clinic(self):
        """To the last letter; another seed is another clinic."""
        once, again, other = (list(rules.days(NOON, YEARS, seed)) for seed in (1, 1, 2))
        assert once == again
        assert once != other

    def test_patients_are_written_to_and_write_back(self, half_year):
        """Reminders of the last days with what became of them, those of the days to come, replies that fit them."""
        messages = {m.id: m for day in half_year for m in day.messages}
        visits = {v.id: v for day in half_year for v in day.appointments}
        replies = [r for day in half_year for r in day.replies]
        assert len(messages) == sum(len(day.messages) for day in half_year) > 1_000
        assert len({m.reference for m in messages.values()}) == len(messages)
        states = Counter(m.status.value for m in messages.values())
        assert states["completed"] > states["preparation"] > states["stopped"] > states["not-done"] > 0
        assert all(m.text for m in messages.values() if m.status.value == "completed")
        assert all((m.due_at > NOON) == (m.status.value == "preparation") or m.reason for m in messages.values())
        for reply in replies:
            assert messages[reply.answers].sent_at < reply.received_at <= NOON
            assert reply.open or reply.intent == "confirm" or reply.handled_at
        confirmed = [v for v in visits.values() if v.confirmed_at]
        assert {v.id for v in confirmed} <= {r.appointment_id for r in replies}
        missed = sum(v.status is AppointmentStatus.NOSHOW for v in confirmed) / len(confirmed)
        assert len(confirmed) > 100 and missed < 0.06

    def test_the_past_does_not_depend_on_the_hour(self):
        """The clock cuts today short and changes nothing before it."""
        early = list(rules.days(make.at("07:00"), YEARS, 1))
        late = list(rules.days(make.at("23:00"), YEARS, 1))
        settled = round(YEARS * 365) - 3  # what is forgotten on the desk for some days is billed by then
        assert [day.appointments for day in early[:settled]] == [day.appointments for day in late[:settled]]
        assert [day.entries for day in early[:settled]] == [day.entries for day in late[:settled]]

    def test_it_is_a_busy_clinic(self, half_year: list[rules.DemoDay]):
        """About 20 visits a day and doctor; busy Mondays; one in ten does not come."""
        visits = [visit for day in half_year for visit in day.appointments if day.day < make.MONDAY]
        weekdays = Counter(visit.day.weekday() for visit in visits)
        missed = sum(visit.status is AppointmentStatus.NOSHOW for visit in visits)

        assert 11_000 < len(visits) < 13_500
        assert max(weekdays, key=weekdays.__getitem__) == 0
        assert 0.07 < missed / len(visits) < 0.14

    def test_nobody_is_in_two_places(self):
        """No overlap for any practitioner, patient or room among visits that take place."""
        held = [
            visit for day in rules.days(NOON, YEARS, 1) for visit in day.appointments if visit.status in _TAKES_PLACE
        ]
        for resource in ("practitioner_id", "patient_id", "room_id"):
            rows = sorted((getattr(v, resource), v.start, v.end) for v in held)
            assert all(a[0] != b[0] or a[2] <= b[1] for a, b in pairwise(rows))

    def test_names_come_in_many_scripts_and_families_share_phones(self, half_year: list[rules.DemoDay]):
        """Latin with accents, Devanagari, Tamil, Kannada, Arabic, Cyrillic, Chinese, Bengali, Hebrew."""
        patients = [patient for day in half_year for patient in day.patients]
        letters = {char for patient in patients for char in patient.name}
        for first, last in (
            ("ऀ", "ॿ"),
            ("஀", "௿"),
            ("ಀ", "೿"),
            ("؀", "ۿ"),
            ("Ѐ", "ӿ"),
            ("一", "鿿"),
            ("ঀ", "৿"),
            ("א", "ת"),
        ):
            assert any(first <= char <= last for char in letters)
        assert {"ã", "ç", "é"} <= letters
        phones = Counter(patient.phone for patient in patients if patient.phone)
        assert sum(many > 1 for many in phones.values()) > len(patients) / 20

    def test_money_comes_in_every_way(self, half_year: list[rules.DemoDay]):
        """At once, in parts, late, not yet; some invoices are cancelled, and one service is taxed."""
        invoices = [invoice for day in half_year for invoice in day.invoices]
        status = Counter(invoice.status for invoice in invoices)
        assert set(status) == set(InvoiceStatus)
        assert any(len(invoice.payments) > 1 for invoice in invoices)
        assert any(invoice.payer_share_minor and invoice.payer_paid_minor for invoice in invoices)
        assert any(invoice.payer_due_minor for invoice in invoices)
        assert any(invoice.status is InvoiceStatus.ISSUED and invoice.payments for invoice in invoices)
        assert {line.tax_basis_points for invoice in invoices for line in invoice.lines} == {0, 1_800}
        assert any(line.discount_minor for invoice in invoices for line in invoice.lines)

    def test_the_entries_make_the_very_invoices_and_balances(self, half_year: list[rules.DemoDay]):
        """One after the other in the order of their numbers; days have no gaps, every account its turn."""
        invoices: dict[str, Invoice] = {i.id: i for day in half_year for i in day.invoices}
        known: dict[str, Invoice] = {}
        balances: dict[str, Balance] = {}
        for day in half_year:
            assert [entry.id for entry in day.entries] == [
                journal.entry_id(day.day, n) for n, _ in enumerate(day.entries, 1)
            ]
            for entry in day.entries:
                assert journal.is_balanced(entry.postings)
                for account, number in _places(entry):
                    if account.startswith("invoice:"):
                        before = known.get(account) or _blank(invoices[account.removeprefix("invoice:")])
                        assert number == before.posted + 1
                        known[account] = replace(settling.applied(before, entry), version=before.version + 1)
                    else:
                        balance = balances.get(account) or Balance(id=account)
                        assert number == balance.seq + 1
                        balances[account] = journal.balance_after(balance, entry)
        assert {account.removeprefix("invoice:"): one for account, one in known.items()} == {
            key: one for key, one in invoices.items() if one.issued_at is not None
        }
        kept = {one.id: one for one in half_year[-1].balances}
        assert {key: one for key, one in balances.items() if not key.startswith("number:")} == kept
        assert all(one.amount_minor >= 0 for one in kept.values())

    def test_corrections_come_in_believable_shares(self, half_year: list[rules.DemoDay]):
        """Refunds, credit notes in a series of their own, deposits that are used, losses; none of them often."""
        entries = [entry for day in half_year for entry in day.entries]
        many = Counter(entry.event for entry in entries)
        rare = (Event.REFUND, Event.CREDIT_NOTE, Event.DEPOSIT, Event.DEPOSIT_REFUND, Event.APPLY_CREDIT, Event.CANCEL)
        assert all(0 < many[event] < many[Event.ISSUE] / 50 for event in (*rare, Event.WRITE_OFF))
        notes = [entry.document for entry in entries if entry.document]
        for year, same in Counter(note.rpartition("-")[0] for note in notes).items():
            assert [note for note in notes if note.startswith(year)] == [f"{year}-{n:05d}" for n in range(1, same + 1)]

    def test_the_till_is_counted_on_the_last_days(self, half_year: list[rules.DemoDay]):
        """Some counts differ, with a reason; today's till is open, and cash goes through it."""
        entries = [entry for day in half_year for entry in day.entries]
        counts = [tills.count_in(entry) for entry in entries if entry.event is Event.TILL_CLOSE]
        assert len(counts) > 20
        assert 0 < sum(count.variance_minor != 0 for count in counts) < len(counts) / 2
        assert all(e.reason for e in entries if e.event is Event.TILL_CLOSE and e.sum_of(Book.VARIANCE))
        opened = next(one.opened for one in half_year[-1].balances if one.id.startswith("till:"))
        assert opened.startswith(make.MONDAY.isoformat())
        assert any(entry.till == opened for entry in entries)

    @pytest.mark.parametrize("day", [make.MONDAY, make.SUNDAY, date(2026, 12, 31), date(2024, 2, 29)])
    def test_there_is_work_on_every_day_of_the_week(self, day: date):
        """Whenever the demo is loaded, Today has something to show."""
        found = {made.day: made for made in rules.days(make.at("11:30", day), 0.02, 1)}
        assert len(found[day].appointments) > 5


def _places(entry: Entry) -> list[tuple[str, int]]:
    """Accounts with the how-manieth event of theirs the entry is."""
    places = (slot.rpartition("@") for slot in entry.slots if not slot.startswith("key:"))
    return [(account, int(number)) for account, _, number in places]


def _blank(invoice: Invoice) -> Invoice:
    """The invoice on its issue."""
    return replace(
        invoice,
        status=InvoiceStatus.ISSUED if invoice.total_minor else InvoiceStatus.BALANCED,
        posted=0,
        payments=(),
        adjustments=(),
        paid_minor=0,
        credited_minor=0,
        written_off_minor=0,
        payer_due_minor=0,
        payer_paid_minor=0,
        cancelled_at=None,
        cancelled_on=None,
        cancel_reason="",
        version=2,
    )


_TAKES_PLACE = {
    AppointmentStatus.BOOKED,
    AppointmentStatus.ARRIVED,
    AppointmentStatus.CHECKED_IN,
    AppointmentStatus.FULFILLED,
}


class TestLoad:
    """In a database."""

    def test_a_loaded_clinic_is_sound_and_half_way_through_its_day(
        self, clinic: Clinic, noon: make.Clock, reception, manager
    ):
        """Every rule holds; some are done, some wait, some are still expected; bookings lie ahead."""
        noon.set("11:30")
        steps: list[tuple[int, int]] = []
        done = demo.load(clinic, years=YEARS, progress=lambda now, all_: steps.append((now, all_)))

        assert check.run(clinic) == []
        assert steps[-1][0] == steps[-1][1] == len(steps)
        assert (done.patients, done.appointments) == (clinic.patients.count(), len(documents(clinic, "appointments")))
        board = Counter(row.appointment.status for row in appointments.day(clinic, reception, make.MONDAY).rows)
        assert min(board[status] for status in _TAKES_PLACE) >= 1
        assert len(clinic.appointments.on_day(make.MONDAY + timedelta(days=1))) > 10
        assert {d["folded"] for d in _marks(clinic)} == {True}
        assert done.journal == len(documents(clinic, "journal")) == clinic.journal.count()
        assert ledger.settle(clinic) == 0
        assert len(facts.visits(clinic, manager)) == done.appointments
        next_number = clinic.counters.take("patient")
        assert next_number > done.patients

    def test_it_can_be_a_large_practice(self, clinic: Clinic, noon: make.Clock):
        """Twelve practitioners, each in a room and with services of their own.

        Its facts are made beside the records; reading these again gives the same rows.
        """
        done = demo.load(clinic, years=0.02, practitioners=MOST_DOCTORS)

        view = clinic.directory()
        assert len(view.practitioners) == len(view.schedules) == len(view.organization.rooms) == MOST_DOCTORS
        assert {visit.practitioner_id for visit in clinic.appointments.on_day(make.MONDAY)} == set(view.practitioners)
        assert done.balances == sum(1 for _ in clinic.balances.every())
        assert check.run(clinic) == []
        made = {block_id: _tables(clinic, block_id) for block_id in clinic.facts.stamps()}
        assert len(made) > 2
        assert facts.rebuild(clinic) == len(made)
        assert {block_id: _tables(clinic, block_id) for block_id in made} == made

    @pytest.mark.parametrize("practitioners", [0, 13])
    def test_odd_sizes_are_refused(self, clinic: Clinic, practitioners: int):
        """One to twelve."""
        with pytest.raises(InvalidInput):
            demo.load(clinic, practitioners=practitioners)

    def test_its_users_can_sign_in(self, clinic: Clinic, noon: make.Clock):
        """Four of them; the doctor is the busiest one."""
        demo.load(clinic, years=0.01, practitioners=1)

        found = {user.username: user for user in users.list_users(clinic, SYSTEM)}
        assert sorted(found) == ["admin", "doctor", "manager", "reception"]
        assert found["doctor"].practitioner_id == BUSIEST.id
        assert passwords.is_right("clinic-demo", found["reception"].password_hash)
        assert not demo.is_empty(clinic)

    def test_it_is_refused_in_production(self, clinic: Clinic):
        """Whatever is asked."""
        production = replace(clinic, settings=replace(clinic.settings, app_env="production"))
        with pytest.raises(Conflict, match="production"):
            demo.load(production, years=0.01)

    def test_it_is_refused_where_anything_is(self, world: Any):
        """Real patients and invented ones never mix."""
        with pytest.raises(Conflict, match="holds records already"):
            demo.load(world.clinic, years=0.01)

    @pytest.mark.parametrize("years", [0.0, -1.0, 11.0, float("nan")])
    def test_odd_lengths_are_refused(self, clinic: Clinic, years: float):
        """More than 0 and up to 10 years."""
        with pytest.raises(InvalidInput):
            demo.load(clinic, years=years)

    def test_a_load_that_died_is_completed(
        self, clinic: Clinic, noon: make.Clock, monkeypatch: pytest.MonkeyPatch, database_url: str
    ):
        """By loading again, later and with other wishes: it becomes the clinic that was begun."""
        monkeypatch.setattr(demo, "_BATCH", 100)
        saved, calls = clinic.bulk.insert, Counter[str]()

        def dies_later(kind: str, payload: bytes) -> None:
            calls[kind] += 1
            if calls["journal"] == 4:
                raise Unavailable("gone")
            saved(kind, payload)

        monkeypatch.setattr(clinic.bulk, "insert", dies_later)
        with pytest.raises(Unavailable):
            demo.load(clinic, years=YEARS)
        assert demo.is_empty(clinic)
        monkeypatch.setattr(clinic.bulk, "insert", saved)
        noon.pass_(minutes=30)

        done = demo.load(clinic, years=1.0, seed=9)

        assert done.completes == YEARS
        wanted = list(rules.days(NOON, YEARS, demo.DEFAULT_SEED))
        assert done.invoices == sum(len(day.invoices) for day in wanted) == len(documents(clinic, "invoices"))
        assert set(documents(clinic, "journal")) == {entry.id for day in wanted for entry in day.entries}
        assert set(documents(clinic, "appointments")) == {v.id for day in wanted for v in day.appointments}
        assert check.run(clinic) == []

    def test_a_load_that_died_among_its_users_is_completed(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch):
        """The last step, too."""
        saved, calls = users.add, Counter[str]()

        def dies_on_the_third(*given: Any, **how: Any) -> Any:
            calls["add"] += 1
            if calls["add"] == 3:
                raise Unavailable("gone")
            return saved(*given, **how)

        monkeypatch.setattr(users, "add", dies_on_the_third)
        with pytest.raises(Unavailable):
            demo.load(clinic, years=0.01, practitioners=1)
        assert demo.is_empty(clinic)
        assert not demo.is_loaded(clinic)

        demo.load(clinic, years=0.01, practitioners=1)
        assert demo.is_loaded(clinic)
        assert len(users.list_users(clinic, SYSTEM)) == 4


def _marks(clinic: Clinic) -> list[dict[str, bool]]:
    """Which of the documents that reports are made of are in their blocks."""
    names = ("appointments", "journal")
    return [
        {"folded": "unfolded" not in d} for name in names for d in documents(clinic, name).values() if d.get("month")
    ]


def _tables(clinic: Clinic, block_id: str) -> dict[str, Any]:
    """The rows of a block, in an order of their own."""
    block = clinic.facts.block(block_id)
    assert block is not None
    tables = fact_tables.decode(block.tables)
    return {name: sorted(map(repr, table.to_pylist())) for name, table in tables.items()}


def test_every_service_and_doctor_fits_the_five_minute_grid():
    """So that each visit can be booked, and every opening holds some."""
    assert all(service.minutes % 5 == 0 for service in SERVICES.values())
    assert all(code in SERVICES for doctor in doctors(MOST_DOCTORS) for code, _ in doctor.services)
