"""Reports agree with the documents, with each other and with the rows behind every figure, at any filter."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clinic_core.clinic import Clinic
from clinic_core.domain import journal, settling
from clinic_core.domain.access import SYSTEM, Actor, Role
from clinic_core.domain.appointments import Appointment, AppointmentEvent, AppointmentStatus
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.domain.journal import Book, Entry, Event
from clinic_core.domain.organization import TaxRounding, TaxRule
from clinic_core.domain.payers import Payer
from clinic_core.domain.settling import Stamp
from clinic_core.errors import ClinicError, Forbidden, NotFound
from clinic_core.reports.periods import Grain
from clinic_core.services import (
    appointments,
    attendance,
    fact_columns,
    facts,
    oddities,
    receivables,
    report_files,
    reports,
    utilisation,
)
from clinic_core.services.recent import Recent
from clinic_core.services.reports import SUMMARY, Figure, Question, Rows
from tests import make
from tests.conftest import World

RANDOM = settings(  # no shrinking: documents pile up, so a smaller example would not be the same case
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate]
)
S = AppointmentStatus
ALL = Question(grain=Grain.MONTH)
DOCTORS = (make.DR_A, make.DR_B)
SERVICES = (make.CONSULTATION, make.FOLLOW_UP, make.DRESSING)

METHODS = tuple(PaymentMethod)
PAYERS = ("", "insurer")
ROOMS = ("", make.ROOM, "room-2")

days = st.dates(date(2026, 1, 1), date(2026, 4, 30))
lines = st.lists(
    st.builds(
        make.line,
        service_id=st.sampled_from(SERVICES),
        quantity=st.integers(1, 3),
        unit_price_minor=st.integers(1, 99_999),
        tax_basis_points=st.sampled_from([0, 500, 1_800]),
    ),
    min_size=1,
    max_size=4,
)
visits = st.builds(
    lambda day, **given: make.appointment(day=day, start=make.at("10:00", day), untimed=True, **given),
    day=days,
    practitioner_id=st.sampled_from(DOCTORS),
    service_id=st.sampled_from(SERVICES),
    room_id=st.sampled_from([None, make.ROOM]),
    status=st.sampled_from(list(S)),
)
questions = st.builds(
    Question,
    start_on=st.none() | days,
    end_on=st.none() | days,
    chosen_from=st.none() | days,
    grain=st.sampled_from(list(Grain)),
    practitioner_ids=st.frozensets(st.sampled_from(DOCTORS)),
    payer_ids=st.frozensets(st.sampled_from(PAYERS), max_size=1),
    location_ids=st.frozensets(st.sampled_from(ROOMS), max_size=2),
    as_of=st.none() | days,
)


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """What happened to one invoice and to its patient's account, from the first day to the last."""
    rule = TaxRule(inclusive=draw(st.booleans()), rounding=draw(st.sampled_from(list(TaxRounding))))
    made = make.invoice(
        lines=tuple(draw(lines)),
        tax_rule=rule,
        practitioner_id=draw(st.sampled_from(DOCTORS)),
        location_id=draw(st.sampled_from([None, make.ROOM])),
        series="T",
        number=draw(st.integers(1, 9_999)),
        status=InvoiceStatus.ISSUED,
    )
    share = draw(st.sampled_from([0, made.total_minor // 3, made.total_minor]))
    invoice = replace(made, payer_id="insurer", payer_share_minor=share, payer_due_minor=share) if share else made
    first, *later = sorted(draw(st.lists(days, min_size=1, max_size=5)))
    entries = [settling.issue(invoice, stamp(first))]
    invoice = settling.applied(invoice, entries[0])
    for day in later:
        try:
            entry = draw(happenings)(invoice, stamp(day), draw)
        except ClinicError:
            continue
        entries.append(entry)
        touches = entry.invoice_id == invoice.id
        invoice = settling.applied(invoice, entry) if touches else invoice
    return entries


def stamp(day: date) -> Stamp:
    """Done by the reception, with a reason."""
    return Stamp(key=new_id(), day=day, at=make.NOW, by="reception", reason="because")


def _part(draw: st.DrawFn, most: int) -> int:
    return draw(st.integers(1, max(most, 1)))


def _credit_note(invoice: Invoice, at: Stamp, draw: st.DrawFn) -> Entry:
    left = sum(settling.creditable(invoice))
    return settling.credit_note(
        invoice, at, amounts=settling.spread_credit(invoice, _part(draw, left)), document="CN-1"
    )


happenings = st.sampled_from(
    [
        lambda i, at, draw: settling.payment(
            i, at, amount_minor=_part(draw, i.patient_due_minor), method=draw(st.sampled_from(METHODS))
        ),
        lambda i, at, draw: settling.payment(
            i, at, amount_minor=_part(draw, i.payer_due_minor), method=PaymentMethod.BANK_TRANSFER, payer=True
        ),
        lambda i, at, draw: settling.refund(
            i, at, amount_minor=_part(draw, i.paid_minor), method=draw(st.sampled_from(METHODS))
        ),
        lambda i, at, draw: settling.deposit(
            i.patient_id, at, amount_minor=_part(draw, 900), method=PaymentMethod.UPI, currency="INR"
        ),
        lambda i, at, draw: settling.write_off(i, at, amount_minor=_part(draw, i.patient_due_minor)),
        lambda i, at, draw: settling.apply_credit(
            i, at, amount_minor=_part(draw, i.patient_due_minor), held_minor=10**9
        ),
        lambda i, at, draw: settling.cancel(i, at),
        _credit_note,
    ]
)


class Books:
    """The entries and visits that were written, added up without any frame."""

    def __init__(self, clinic: Clinic) -> None:
        self._clinic = clinic
        self.entries: list[Entry] = []
        self.visits: list[Appointment] = []

    def write(self, histories: Iterable[list[Entry]], visits: Iterable[Appointment]) -> None:
        """Save more of both."""
        made, booked = [entry for history in histories for entry in history], list(visits)
        for entry in made:
            posted(self._clinic, entry)
        self._clinic.appointments.add_many(booked)
        self.entries += made
        self.visits += booked

    def posted(self, asked: Question, *books: Book) -> int:
        """Credits less debits of some accounts by practitioner, room and day, of all payers."""
        entries = (entry for entry in self.entries if _asked(asked, entry.day, entry))
        return -sum(entry.sum_of(book) for entry in entries for book in books)

    def owed(self, asked: Question) -> int:
        """What the payers that are asked for owe."""
        entries = (entry for entry in self.entries if _asked(asked, entry.day, entry))
        return sum(
            p.amount_minor
            for entry in entries
            for p in entry.postings
            if p.book is Book.RECEIVABLE and (p.payer_id or "") in (asked.payer_ids or PAYERS)
        )

    def counted(self, asked: Question, *statuses: S) -> int:
        """Visits of these statuses."""
        return sum(1 for v in self.visits if v.status in statuses and _asked(asked, v.day, v))


def _asked(asked: Question, day: date, record: Entry | Appointment) -> bool:
    early = any(first is not None and day < first for first in (asked.start_on, asked.chosen_from))
    late = any(last is not None and day > last for last in (asked.end_on, asked.as_of))
    room = record.location_id if isinstance(record, Entry) else record.room_id
    theirs = (record.practitioner_id or "") in (asked.practitioner_ids or ("", *DOCTORS))
    return not early and not late and theirs and (room or "") in (asked.location_ids or ROOMS)


def posted(clinic: Clinic, entry: Entry) -> Entry:
    """An entry under the next number of its day."""
    saved = clinic.journal.add(replace(entry, slots=(journal.key_slot(entry.key),)))
    assert saved is not None
    return saved


@pytest.fixture
def books(clinic: Clinic) -> Books:
    """A clinic's entries and visits, as both a database and a list of them."""
    return Books(clinic)


@settings(RANDOM, max_examples=12)
@given(
    st.lists(histories(), max_size=6),
    st.lists(visits, max_size=6),
    st.lists(questions, min_size=4, max_size=4),
    st.data(),
)
def test_every_report_adds_up_to_the_ledger(clinic, manager, books, new, new_visits, asked, data):
    """To the cent, whatever is folded or not, at any filter; documents pile up from example to example."""
    books.write(new, new_visits)
    if data.draw(st.booleans()):
        facts.fold(clinic)

    for question in asked:
        sums = {
            name: reports.answer(clinic, manager, question, name).frame.sum(numeric_only=True)
            for name in reports.titles()
        }
        summary = reports.answer(clinic, manager, question, SUMMARY).frame.iloc[0]
        so_far = replace(question, start_on=None, chosen_from=None)
        assert summary["outstanding_minor"] == books.owed(so_far)
        for name, found in {SUMMARY: summary, **sums}.items():
            if "billed_minor" in found and not question.payer_ids:
                expected = books.posted(question, Book.REVENUE, Book.DISCOUNT, Book.TAX)
                assert found["billed_minor"] == expected, name
            if "tax_minor" in found and not question.payer_ids:
                assert found["tax_minor"] == books.posted(question, Book.TAX), name
            if "collected_minor" in found and not question.payer_ids:
                assert found["collected_minor"] == -books.posted(question, Book.MONEY), name
            if "billed_minor" in found:
                assert found["billed_minor"] == summary["billed_minor"], name
            if "collected_minor" in found:
                assert found["collected_minor"] == summary["collected_minor"], name
        if question.payer_ids or question.as_of:
            continue
        assert summary["seen"] == sums["attendance"]["seen"] == books.counted(question, S.FULFILLED)
        assert sums["attendance"]["missed"] == sums["noshows"]["missed"] == books.counted(question, S.NOSHOW)
        assert sums["attendance"]["cancelled"] == books.counted(question, S.CANCELLED)
        assert sums["attendance"]["open"] == books.counted(question, S.BOOKED, S.ARRIVED, S.CHECKED_IN)


@settings(RANDOM, max_examples=4)
@given(st.lists(histories(), max_size=6), st.lists(visits, max_size=6), questions)
def test_every_figure_is_the_sum_of_its_rows(clinic, manager, books, new, new_visits, question):
    """Each measure of each report, in its last rows."""
    books.write(new, new_visits)
    for name in (SUMMARY, *reports.titles()):
        answer = reports.answer(clinic, manager, question, name)
        for measure in answer.measures:
            for row in answer.frame.to_dict("records")[-8:]:
                found = reports.rows(clinic, manager, question, Figure(name, measure.column, row.get(answer.key)))
                assert len(found.frame) == found.count
                if measure.adds:
                    assert found.total == found.frame[measure.adds].sum() == row[measure.column]
                elif measure.column == "noshow_rate":
                    missed = (found.frame["status"] == "noshow").sum()
                    assert not found.count or missed / found.count == row["noshow_rate"]
                elif measure.unit is reports.Unit.COUNT:
                    assert found.total == row[measure.column]


FILTERS: Mapping[str, Iterable[Any]] = {
    "practitioner_ids": ("", *DOCTORS),
    "service_ids": SERVICES,
    "payer_ids": PAYERS,
    "location_ids": ROOMS,
    "methods": ("", *(method.value for method in METHODS)),
    "weekdays": range(7),
    "rates": (0, 500, 1_800),
}


@settings(RANDOM, max_examples=6)
@given(st.lists(histories(), max_size=6), st.lists(visits, max_size=6), questions, st.sampled_from(sorted(FILTERS)))
def test_every_filter_shares_out_the_whole(clinic, manager, books, new, new_visits, question, dimension):
    """What is counted for each value alone adds up to what is counted for all."""
    books.write(new, new_visits)
    whole = replace(question, **{dimension: frozenset()})

    def figures(asked: Question) -> pd.Series:
        names = ("revenue", "attendance", "revenue_by_service", "revenue_by_practitioner")
        found = [reports.answer(clinic, manager, asked, name) for name in names]
        sums = [answer.frame.sum(numeric_only=True).add_prefix(answer.name) for answer in found]
        return pd.concat([*sums, pd.Series(dtype="int64")])

    parts = [figures(replace(whole, **{dimension: frozenset([value])})) for value in FILTERS[dimension]]
    total = sum(part.reindex(parts[0].index, fill_value=0) for part in parts)
    assert (total == figures(whole).reindex(total.index, fill_value=0)).all()


@settings(RANDOM, max_examples=4)
@given(st.lists(histories(), max_size=6), st.lists(visits, max_size=6), questions)
def test_sums_of_months_are_those_of_their_rows(clinic, manager, books, new, new_visits, question):
    """A report makes of sums per month what it makes of the rows one by one."""
    books.write(new, new_visits)
    facts.fold(clinic)
    by_sums = {name: reports.answer(clinic, manager, question, name).frame for name in reports.titles()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fact_columns, "LEVELS", dict.fromkeys(fact_columns.LEVELS, ()))
        patch.setattr(reports, "_answers", Recent(256))
        for name, frame in by_sums.items():
            pd.testing.assert_frame_equal(reports.answer(clinic, manager, question, name).frame, frame)


def sold(world: World, **changes: Any) -> Invoice:
    """An issued invoice of Asha's over 295.59: one dressing, with tax."""
    given = {
        "patient_id": world.asha.id,
        "lines": (make.line(service_id=make.DRESSING, unit_price_minor=25_050, tax_basis_points=1_800),),
        "status": InvoiceStatus.ISSUED,
        "issued_on": make.MONDAY,
        "series": "INV-2026",
        "number": 1,
    }
    invoice = make.invoice(**{**given, **changes})
    posted(world.clinic, settling.issue(invoice, stamp(make.MONDAY)))
    return invoice


def paid(world: World, invoice: Invoice, amount_minor: int, day: date = make.MONDAY) -> None:
    """A payment in cash."""
    made = settling.payment(invoice, stamp(day), amount_minor=amount_minor, method=PaymentMethod.CASH)
    posted(world.clinic, made)


def behind(world: World, actor: Actor, column: str, value: Any = None, **asked: Any) -> Rows:
    """The rows behind a figure of the summary."""
    return reports.rows(world.clinic, actor, Question(**asked), Figure(SUMMARY, column, value))


def test_rows_show_the_patients_number_and_no_name(world, manager):
    """P-000001, the invoice's number, and the amounts."""
    sold(world)

    (row,) = behind(world, manager, "billed_minor").frame.to_dict("records")

    assert (row["patient"], row["label"], row["total_minor"]) == ("P-000001", "INV-2026-00001", 29_559)
    assert world.asha.name not in str(row)
    assert "patient_id" not in row


def test_a_payment_is_in_the_next_answer(world, manager):
    """Also in what is outstanding, and in the rows that were shown a moment ago."""
    invoice = sold(world)
    assert behind(world, manager, "outstanding_minor").total == 29_559

    paid(world, invoice, 29_559)

    summary = reports.answer(world.clinic, manager, Question(), SUMMARY).frame.iloc[0]
    assert (summary["collected_minor"], summary["outstanding_minor"]) == (29_559, 0)
    assert behind(world, manager, "outstanding_minor").count == 0


def test_answers_are_shared_while_nothing_changes(world, manager, admin):
    """The same object for everybody, another one as soon as something was written."""
    first = reports.answer(world.clinic, manager, ALL, "revenue")
    assert reports.answer(world.clinic, admin, ALL, "revenue") is first

    sold(world)
    assert reports.answer(world.clinic, manager, ALL, "revenue") is not first


def test_money_that_came_in_has_no_service(world, manager):
    """With a filter of services only what is billed is told."""
    sold(world)
    asked = Question(service_ids=frozenset([make.DRESSING]))

    columns = {
        name: [m.column for m in reports.answer(world.clinic, manager, asked, name).measures]
        for name in (SUMMARY, "revenue", "revenue_by_method")
    }

    assert columns == {
        SUMMARY: ["billed_minor", "seen", "noshow_rate"],
        "revenue": ["billed_minor"],
        "revenue_by_method": [],
    }
    left = reports.answer(world.clinic, manager, asked, "revenue")
    assert [m.label for m in left.left_out] == ["Collected"]
    assert left.because == ("Not shown: Collected. Money comes in for whole invoices, not for one of their services.")
    with pytest.raises(NotFound):
        reports.rows(world.clinic, manager, asked, Figure("revenue", "collected_minor"))


def test_outstanding_of_a_transfer_is_each_practitioner_s_own(world, manager):
    """Dr A's invoice is due again, Dr B's is paid."""
    clinic = world.clinic
    source = sold(world)
    target = sold(world, number=2, practitioner_id=make.DR_B)
    clinic.invoices.add_many([replace(invoice, posted=1) for invoice in (source, target)])
    paid(world, source, 29_559)
    after = replace(source, paid_minor=29_559, status=InvoiceStatus.BALANCED)
    posted(clinic, settling.transfer(after, target, stamp(make.TUESDAY), amount_minor=20_000))

    for folded in (False, True):
        for doctor, due in ((make.DR_A, 20_000), (make.DR_B, 9_559)):
            found = behind(world, manager, "outstanding_minor", practitioner_ids=frozenset([doctor]))
            assert (found.total, found.frame["label"].tolist()) == (due, [f"INV-2026-0000{1 + (due < 10_000)}"])
        if not folded:
            facts.fold(clinic)


def test_as_of_a_day_is_what_was_known_that_evening(world, manager, clock):
    """A visit that came, one that was moved to another month, one that was booked later; money up to that day."""
    clinic = world.clinic
    invoice = sold(world)
    paid(world, invoice, 10_000)
    paid(world, invoice, 5_000, make.TUESDAY)
    april = make.at("10:00", date(2026, 4, 7))
    later = {"at": make.at("09:00", make.TUESDAY), "by": "reception"}
    came = make.appointment()
    booked = came.events
    done = AppointmentEvent(**later, kind="status", status=S.FULFILLED, start=came.start)
    gone = AppointmentEvent(**later, kind="moved", status=S.BOOKED, start=april)
    clinic.appointments.add_many(
        [
            replace(came, status=S.FULFILLED, events=(*booked, done)),
            make.appointment(start=april, events=(*booked, gone), practitioner_id=make.DR_B),
            make.appointment(start=make.at("12:00"), booked_at=later["at"], events=(replace(booked[0], **later),)),
        ]
    )

    def told(**asked: Any) -> list[int]:
        asked = {"grain": Grain.MONTH, **asked}
        summary = reports.answer(clinic, manager, Question(**asked), SUMMARY).frame.iloc[0]
        visits = reports.answer(clinic, manager, Question(**asked), "attendance").frame
        return [summary["collected_minor"], summary["outstanding_minor"], *visits["seen"], *visits["open"]]

    for folded in (False, True):
        assert told() == [15_000, 14_559, 1, 0, 1, 1]
        assert told(as_of=make.MONDAY) == [10_000, 19_559, 0, 2]
        assert told(as_of=make.TUESDAY) == told()
        assert told(as_of=date(2026, 3, 1)) == [0, 0]
        if not folded:
            facts.fold(clinic)
    basis = reports.answer(clinic, manager, Question(as_of=make.MONDAY), SUMMARY).basis
    assert "As it stood at the end of 2026-03-02" in basis


def test_a_chart_is_not_filtered_by_itself(world, manager):
    """All methods stay in the chart of methods; everything else is of the one that is selected."""
    invoice = sold(world)
    paid(world, invoice, 10_000)
    card = settling.payment(invoice, stamp(make.TUESDAY), amount_minor=300, method=PaymentMethod.CARD)
    posted(world.clinic, card)
    asked = Question(methods=frozenset(["card"]), chosen_from=make.TUESDAY, chosen_to=make.TUESDAY)

    found = reports.dashboard(world.clinic, manager, asked, ["revenue", "revenue_by_method"])

    assert found[SUMMARY].frame["collected_minor"].tolist() == [300]
    assert found["revenue_by_method"].frame["method"].tolist() == ["card"]
    assert found["revenue"].frame["collected_minor"].tolist() == [300]
    whole = reports.dashboard(world.clinic, manager, replace(asked, chosen_from=None), ["revenue_by_method"])
    assert whole["revenue_by_method"].frame["method"].tolist() == ["cash", "card"]
    assert [m.column for m in found["revenue"].left_out] == ["billed_minor"]


def test_last_year_is_the_same_days_and_not_further_than_today():
    """29 February becomes the 28th."""
    asked = Question(start_on=date(2024, 1, 1), end_on=date(2024, 12, 31), chosen_from=date(2024, 2, 29))

    earlier = reports.shifted(asked, until=date(2024, 11, 22))

    assert (earlier.start_on, earlier.end_on) == (date(2023, 1, 1), date(2023, 11, 22))
    assert earlier.chosen_from == date(2023, 2, 28)
    assert reports.shifted(Question()) == Question()


def test_a_view_is_of_one_moment(world, manager):
    """Summary, report and rows; a figure that the question does not have opens nothing."""
    sold(world)
    figure = Figure("revenue", "billed_minor")

    view = reports.view(world.clinic, manager, ALL, "revenue", figure)

    assert view.rows is not None
    assert view.rows.total == view.summary.frame["billed_minor"].iloc[0] == view.answer.frame["billed_minor"].sum()
    assert reports.view(world.clinic, manager, ALL, "revenue").rows is None
    narrow = Question(service_ids=frozenset(["other"]))
    assert reports.view(world.clinic, manager, narrow, "revenue", Figure(SUMMARY, "collected_minor")).rows is None


def test_untimed_visits_count_by_their_day(world, manager):
    """An imported visit holds no time, but it took place."""
    clinic = world.clinic
    visit = make.appointment(untimed=True, status=S.FULFILLED, start=make.at("00:00"))
    clinic.appointments.add_many([visit])

    frame = reports.answer(clinic, manager, Question(start_on=make.MONDAY, end_on=make.MONDAY), "attendance").frame

    assert frame[["seen", "missed"]].values.tolist() == [[1, 0]]


def test_an_empty_clinic_has_empty_answers(clinic, manager):
    """Nothing was billed, nobody was due."""
    view = reports.view(clinic, manager, ALL, "revenue", Figure(SUMMARY, "outstanding_minor"))
    assert view.answer.frame.empty
    assert view.rows is not None
    assert view.rows.count == 0
    assert view.summary.frame["billed_minor"].tolist() == [0]


def test_an_unknown_report_or_figure_is_said_so(clinic, manager):
    """It can come from an address."""
    with pytest.raises(NotFound):
        reports.view(clinic, manager, ALL, "nothing")
    with pytest.raises(NotFound):
        reports.rows(clinic, manager, ALL, Figure("revenue", "nothing"))


def test_csv_has_all_rows_in_the_clinics_currency(world, manager):
    """Names of practitioners and services, numbers of patients; formulas are text."""
    world.clinic.catalogue.save(replace(world.dressing, name="=cmd|' /C calc'!A0"))
    world.clinic.forget_directory()
    sold(world)

    data = reports.export_rows(world.clinic, manager, Question(), Figure(SUMMARY, "billed_minor"))

    head, row = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    found = dict(zip(head, row, strict=True))
    assert found["Total (INR)"] == "295.59"
    assert found["Tax (INR)"] == "45.09"
    assert found["Practitioner"] == "Dr A"
    assert found["Patient"] == "P-000001"
    assert found["Service"] == "'=cmd|' /C calc'!A0"
    assert found["Day"] == "2026-03-02"


def test_csv_names_payers_and_rooms_and_has_every_month(world, manager):
    """No ids, as on the screen; the rows of both months under one head, the latest first."""
    world.clinic.payers.add(Payer(id="insurer", name="Good Health"))
    world.clinic.forget_directory()
    shared = {"payer_id": "insurer", "payer_share_minor": 29_559, "payer_due_minor": 29_559}
    sold(world, location_id=make.ROOM, **shared)
    paid(world, sold(world, number=2), 100, date(2026, 4, 7))

    def read(column: str) -> list[dict[str, str]]:
        data = reports.export_rows(world.clinic, manager, Question(), Figure(SUMMARY, column))
        return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))

    told = {(row["Payer"], row["Location"]) for row in read("billed_minor")}
    assert told == {("Good Health", "Room 1"), ("Patient", "No room")}
    assert [row["Due (INR)"] for row in read("outstanding_minor")] == ["294.59", "295.59"]
    world.clinic.appointments.add_many(
        make.appointment(untimed=True, day=day) for day in (make.MONDAY, date(2026, 4, 7))
    )
    answer = reports.export_rows(world.clinic, manager, Question(), Figure("attendance", "open")).decode("utf-8-sig")
    assert [line.split(",")[4] for line in answer.splitlines()] == ["Day", "2026-04-07", "2026-03-02"]


def test_a_workbook_has_the_latest_rows_and_says_so(world, manager, monkeypatch):
    """Ten years of rows would take all memory."""
    monkeypatch.setattr(report_files, "MOST_ROWS", 1)
    sold(world)
    sold(world, number=2)

    book = zipfile.ZipFile(io.BytesIO(report_files.as_xlsx(world.clinic, manager, Question(), "revenue_by_service")))

    told = [book.read(f"xl/worksheets/sheet{number}.xml").decode() for number in (2, 3)]
    assert told[0].count("INV-2026-") == 1
    assert "The latest 1 of 2 rows" in told[1]


def test_a_debt_is_as_old_as_its_invoice_whoever_owes_it_now(world, manager, clock):
    """A part given to the payer on Tuesday is owed since Monday, whether the payer's debts are asked for or all."""
    shared = {"payer_id": "insurer", "payer_share_minor": 0, "payer_due_minor": 0}
    invoice = sold(world, **shared)
    posted(world.clinic, settling.assign(invoice, stamp(make.TUESDAY), amount_minor=9_000, to_payer=True))
    clock.set("09:00", make.SUNDAY)

    for payers, due in (([], [9_000, 20_559]), (["insurer"], [9_000])):
        asked = Question(payer_ids=frozenset(payers))
        items = receivables.of(world.clinic, manager, asked).items
        assert sorted(items["due_minor"]) == due
        assert set(items["age"]) == {6}
        rows = reports.rows(world.clinic, manager, asked, Figure(SUMMARY, "outstanding_minor")).frame
        assert [day.date() for day in rows["day"]] == [make.MONDAY]


def test_what_is_owed_after_closing_the_day_is_the_same_on_both_boards(world, manager, monkeypatch):
    """A payment after the close counts on the day that is open, and is off what is owed everywhere."""
    paid(world, sold(world), 10_000, make.TUESDAY)
    world.clinic.journal.add(
        Entry(
            key="c",
            event=Event.DAY_CLOSE,
            day=make.MONDAY,
            at=make.NOW,
            by="x",
            slots=(journal.close_slot(make.MONDAY),),
        )
    )
    month = Question(start_on=date(2026, 3, 1), end_on=date(2026, 3, 31))

    found = receivables.of(world.clinic, manager, month)

    summary = reports.answer(world.clinic, manager, month, SUMMARY).frame.iloc[0]
    assert (found.day, found.total_minor) == (make.TUESDAY, 19_559)
    assert summary["outstanding_minor"] == 19_559


def test_as_of_a_day_a_visit_is_whose_it_was(world, manager, reception, clock):
    """Moved on Tuesday from Dr A in a room to Dr B in none, longer; moves of an earlier release keep what is now."""
    clinic = world.clinic
    visit = make.appointment(
        patient_id=world.asha.id, start=make.at("10:00", make.SUNDAY - timedelta(days=1)), room_id=make.ROOM
    )
    clinic.appointments.add(visit)
    clock.set("09:00", make.TUESDAY)
    moved = appointments.move(
        clinic, reception, visit, start=visit.start, practitioner_id=make.DR_B, room_id=None, minutes=30
    )
    older = make.appointment(start=visit.start + timedelta(hours=4))
    event = replace(moved.events[-1], left=None, start=older.start)
    clinic.appointments.add(replace(older, practitioner_id=make.DR_B, events=(*older.events, event)))

    for folded in (False, True):
        then, now = (facts_of(clinic, as_of=day) for day in (make.MONDAY, make.TUESDAY))
        assert then == [(make.DR_A, make.ROOM, 15), (make.DR_B, "", 15)]
        assert now == [(make.DR_B, "", 15), (make.DR_B, "", 30)]
        if not folded:
            facts.fold(clinic)
    asked = Question(practitioner_ids=frozenset([make.DR_A]), as_of=make.MONDAY)
    assert reports.answer(clinic, manager, asked, "attendance").frame["open"].sum() == 1


def facts_of(clinic: Clinic, *, as_of: date) -> list[tuple[str, str, int]]:
    """Whose the visits were, in which rooms, and how long."""
    fact, narrow = reports.facts_asked(clinic, Question(as_of=as_of), "visits")
    rows = fact.frame(narrow, ["practitioner_id", "location_id", "minutes"])
    return sorted(rows.astype({"practitioner_id": str, "location_id": str}).itertuples(index=False, name=None))


def test_hours_end_with_the_as_of_day_and_are_not_offered_by_service(world, manager, clock):
    """Visits after the as-of day fill none of the hours before it; who left offered hours up to the last visit."""
    clinic = world.clinic
    clock.set("20:00", make.TUESDAY)
    clinic.practitioners.save(replace(world.dr_b, active=False))
    clinic.forget_directory()
    clinic.appointments.add_many(
        [
            make.appointment(start=make.at("10:00", day), practitioner_id=who, patient_id=who, status=S.FULFILLED)
            for day, who in ((make.MONDAY, make.DR_A), (make.TUESDAY, make.DR_A), (make.MONDAY, make.DR_B))
        ]
    )

    def total(**asked: Any) -> list[float]:
        found = utilisation.of(clinic, manager, Question(start_on=make.MONDAY, **asked))
        assert bool(found.because) is bool(asked.get("service_ids"))
        return found.total[["offered", "used", "idle"]].tolist()

    assert total() == [3 * 480, 45, 3 * 480 - 45]  # a day of Dr B, two of Dr A
    assert total(as_of=make.MONDAY) == total(end_on=make.MONDAY) == [960, 30, 930]
    assert total(weekdays=frozenset([1]), hours=frozenset([10])) == [60, 15, 45]
    offered, used, idle = total(service_ids=frozenset([make.CONSULTATION]))
    assert pd.isna([offered, idle]).all()
    assert used == 45


def test_a_visit_with_a_cancelled_invoice_only_is_not_billed(world, manager, clock):
    """However long ago, as long as its day is asked for; one with a draft shows its draft."""
    clinic = world.clinic
    invoices = {"gone": "cancelled", "kept": "issued", "draft": "draft", "none": ""}
    for number, (name, status) in enumerate(invoices.items()):
        start = make.at(f"1{number}:00")
        clinic.appointments.add(make.appointment(id=name, patient_id=world.asha.id, start=start, status=S.FULFILLED))
        if status:
            given = {"appointment_id": name, "visited_on": make.MONDAY, "patient_id": world.asha.id}
            clinic.invoices.add(make.invoice(status=InvoiceStatus(status), **given))
    clock.set("09:00", date(2026, 6, 1))

    def waiting(**asked: Any) -> list[tuple[str, bool]]:
        found = oddities.unbilled(clinic, manager, Question(**asked))
        return sorted((one.visit_id, one.draft is not None) for one in found)

    for _ in range(2):
        assert waiting() == [("draft", True), ("gone", False), ("none", False)]
    assert waiting(start_on=make.TUESDAY) == waiting(end_on=date(2026, 3, 1)) == []
    clinic.database["invoices"].update_one({"appointment_id": "draft"}, {"$set": {"status": "cancelled", "open": None}})
    assert ("draft", False) in waiting()  # thrown away: no entry of the ledger tells of it
    assert waiting(practitioner_ids=frozenset([make.DR_B])) == []


def test_two_refunds_of_one_invoice_on_one_day_are_two(world, manager):
    """Many small ones by one person are what is looked for; lines of one credit note are one."""
    invoice = sold(world)
    paid(world, invoice, 10_000)
    invoice = replace(invoice, paid_minor=10_000)
    for _ in range(3):
        posted(world.clinic, settling.refund(invoice, stamp(make.MONDAY), amount_minor=100, method=PaymentMethod.CASH))

    found = oddities.of(world.clinic, manager, Question())

    assert found.voids["amount_minor"].tolist() == [100, 100, 100]
    assert found.people[["by", "count", "amount_minor"]].values.tolist() == [["reception", 3, 300]]
    for _ in range(2):
        paid(world, invoice, 500)
    assert oddities.of(world.clinic, manager, Question()).payments["amount_minor"].tolist() == [500, 500]


def test_exports_are_audited_one_by_one_and_reading_once_an_hour(world, manager):
    """With what was exported and how many rows; no patient."""
    clinic = world.clinic
    sold(world)
    for _ in range(2):
        reports.view(clinic, manager, Question(), "revenue")
        reports.export_rows(clinic, manager, Question(end_on=make.MONDAY), Figure(SUMMARY, "billed_minor"))

    events = clinic.audit.store.latest(since=make.at("00:00"), until=make.at("23:00"), username="manager")
    exports = [event for event in events if event.action == "report.export"]
    assert [(e.record_id, dict(e.detail)) for e in exports] == [
        ("summary.billed_minor", {"rows": "1", "days": "..2026-03-02"})
    ] * 2
    assert [event.record_id for event in events if event.action == "report.read"] == ["revenue"]


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.DOCTOR])
def test_figures_are_for_managers_and_administrators(clinic, role):
    """Everybody else is refused, also what is in the memory already."""
    actor = make.actor(role, practitioner_id=make.DR_A)
    reports.view(clinic, make.actor(Role.ADMIN), ALL, "revenue")
    figure = Figure(SUMMARY, "billed_minor")
    for ask in (
        lambda: reports.view(clinic, actor, ALL, "revenue"),
        lambda: reports.answer(clinic, actor, ALL, "revenue"),
        lambda: reports.rows(clinic, actor, ALL, figure),
        lambda: reports.export_rows(clinic, actor, ALL, figure),
    ):
        with pytest.raises(Forbidden):
            ask()
    with pytest.raises(Forbidden):
        reports.view(clinic, SYSTEM, ALL, "revenue")


def test_what_is_owed_is_carried_from_period_to_period(world, manager):
    """Nothing happened in April: what was owed at the end of March is owed at its end, too, and its rows say so."""
    invoice = sold(world)
    paid(world, invoice, 9_559)
    paid(world, settling.applied(invoice, settling.payment(invoice, stamp(make.MONDAY), amount_minor=9_559,
         method=PaymentMethod.CASH)), 5_000, date(2026, 5, 4))  # fmt: skip
    asked = Question(start_on=date(2026, 4, 1), end_on=date(2026, 6, 30), grain=Grain.MONTH)

    found = reports.answer(world.clinic, manager, asked, "outstanding")

    april, may = found.frame["period"]
    assert (april.month, may.month) == (4, 5)
    assert found.frame["outstanding_minor"].tolist() == [20_000, 15_000]
    figure = Figure("outstanding", "outstanding_minor", april)
    assert reports.rows(world.clinic, manager, asked, figure).total == 20_000
    for name in ("outstanding_by_practitioner", "outstanding_by_payer"):
        assert reports.answer(world.clinic, manager, asked, name).frame["outstanding_minor"].tolist() == [15_000], name


def test_a_cancellation_is_late_with_less_than_a_day_of_notice(world, manager):
    """The evening before is late, the week before is not; the figure opens the late one alone."""
    clinic, start = world.clinic, make.at("10:00", date(2026, 3, 10))
    for at in (make.at("20:00", date(2026, 3, 9)), make.at("20:00", date(2026, 3, 3))):
        events = make.events(S.CANCELLED, start=start, at_=at)
        clinic.appointments.add_many([make.appointment(start=start, status=S.CANCELLED, events=events)])

    (row,) = reports.answer(clinic, manager, ALL, "late_cancellations").frame.to_dict("records")
    found = reports.rows(clinic, manager, ALL, Figure("late_cancellations", "late", make.DR_A))

    assert (row["late_rate"], row["late"], row["cancelled"]) == (0.5, 1, 2)
    assert found.frame["notice_hours"].tolist() == [14.0]
    table = attendance.by_lead_time(clinic, manager, ALL)
    for column, head in (("cancelled", "Cancelled"), ("late", "Cancelled late"), ("seen", "Seen")):
        for ahead, count in zip(table["ahead"], table[column], strict=True):
            assert len(attendance.behind(clinic, manager, ALL, ahead, head)) == count, (ahead, head)


def test_a_rate_of_tax_narrows_what_is_billed_and_leaves_out_what_came_in(world, manager):
    """Money comes in for whole invoices; what has no rate is named instead of being counted all the same."""
    sold(world)
    for rate, billed in ((1_800, 29_559), (0, 0)):
        found = reports.answer(world.clinic, manager, Question(rates=frozenset([rate])), SUMMARY)
        assert found.frame["billed_minor"].tolist() == [billed]
        assert [m.column for m in found.left_out] == ["collected_minor", "outstanding_minor", "seen", "noshow_rate"]
