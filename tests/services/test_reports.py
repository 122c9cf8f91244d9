"""Reports agree with the documents, with each other and with the rows behind every figure, at any filter."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import SYSTEM, Actor, Role
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.organization import TaxRounding, TaxRule
from clinic_core.errors import Forbidden, NotFound
from clinic_core.reports.periods import Grain
from clinic_core.services import facts, reports
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
    status=st.sampled_from(list(S)),
)
questions = st.builds(
    Question,
    start_on=st.none() | days,
    end_on=st.none() | days,
    grain=st.sampled_from(list(Grain)),
    practitioner_ids=st.frozensets(st.sampled_from(DOCTORS)),
)


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    """An issued invoice with up to three payments, or a cancelled one."""
    rule = TaxRule(inclusive=draw(st.booleans()), rounding=draw(st.sampled_from(list(TaxRounding))))
    issued_on, kept = draw(days), tuple(draw(lines))
    made = make.invoice(
        lines=kept, tax_rule=rule, practitioner_id=draw(st.sampled_from(DOCTORS)), issued_on=issued_on, series="T"
    )
    if draw(st.integers(0, 4)) == 0:
        later = issued_on + timedelta(days=draw(st.integers(0, 40)))
        return replace(made, status=InvoiceStatus.CANCELLED, cancelled_on=later)
    payments = draw(
        st.lists(
            st.builds(
                make.payment,
                amount_minor=st.integers(1, 50_000),
                received_on=days,
                method=st.sampled_from(list(PaymentMethod)),
            ),
            max_size=3,
        )
    )
    return replace(made, status=InvoiceStatus.ISSUED, payments=tuple(payments))


class Books:
    """The documents that were written, added up without any frame."""

    def __init__(self, clinic: Clinic) -> None:
        self._clinic = clinic
        self.invoices: list[Invoice] = []
        self.visits: list[Appointment] = []

    def write(self, invoices: Iterable[Invoice], visits: Iterable[Appointment]) -> None:
        """Save more of both."""
        issued = [replace(invoice, number=n) for n, invoice in enumerate(invoices, len(self.invoices) + 1)]
        booked = list(visits)
        self._clinic.invoices.add_many(issued)
        self._clinic.appointments.add_many(booked)
        self.invoices += issued
        self.visits += booked

    def billed(self, asked: Question) -> int:
        """Totals of invoices by day of issue, less those by day of cancellation."""
        dated = [(i, i.issued_on, 1) for i in self.invoices] + [(i, i.cancelled_on, -1) for i in self.invoices]
        return sum(sign * i.totals.total_minor for i, day, sign in dated if day and _asked(asked, day, i))

    def collected(self, asked: Question) -> int:
        """Payments by the day they were received."""
        return sum(p.amount_minor for i in self.invoices for p in i.payments if _asked(asked, p.received_on, i))

    def counted(self, asked: Question, *statuses: S) -> int:
        """Visits of these statuses."""
        return sum(1 for v in self.visits if v.status in statuses and _asked(asked, v.day, v))


def _asked(asked: Question, day: date, record: Invoice | Appointment) -> bool:
    early = asked.start_on is not None and day < asked.start_on
    late = asked.end_on is not None and day > asked.end_on
    return not early and not late and record.practitioner_id in (asked.practitioner_ids or DOCTORS)


@pytest.fixture
def books(clinic: Clinic) -> Books:
    """A clinic's documents, as both a database and a list of them."""
    return Books(clinic)


@settings(RANDOM, max_examples=8)
@given(
    st.lists(invoices(), max_size=6),
    st.lists(visits, max_size=6),
    st.lists(questions, min_size=3, max_size=3),
    st.data(),
)
def test_every_report_adds_up_to_the_documents(clinic, manager, books, new_invoices, new_visits, asked, data):
    """To the cent, whatever is folded or not, at any filter; documents pile up from example to example."""
    books.write(new_invoices, new_visits)
    if data.draw(st.booleans()):
        facts.fold(clinic)

    for question in asked:
        sums = {
            name: reports.answer(clinic, manager, question, name).frame.sum(numeric_only=True)
            for name in reports.titles()
        }
        summary = reports.answer(clinic, manager, question, SUMMARY).frame.iloc[0]
        so_far = replace(question, start_on=None)
        assert summary["outstanding_minor"] == books.billed(so_far) - books.collected(so_far)
        assert summary["seen"] == sums["attendance"]["seen"] == books.counted(question, S.FULFILLED)
        for name in (SUMMARY, "revenue", "revenue_by_practitioner", "revenue_by_service"):
            found = summary if name == SUMMARY else sums[name]
            assert found["billed_minor"] == books.billed(question), name
        for name in (SUMMARY, "revenue", "revenue_by_practitioner", "revenue_by_method"):
            found = summary if name == SUMMARY else sums[name]
            assert found["collected_minor"] == books.collected(question), name
        assert sums["attendance"]["missed"] == sums["noshows"]["missed"] == books.counted(question, S.NOSHOW)
        assert sums["attendance"]["cancelled"] == books.counted(question, S.CANCELLED)
        assert sums["attendance"]["open"] == books.counted(question, S.BOOKED, S.ARRIVED, S.CHECKED_IN)


@settings(RANDOM, max_examples=4)
@given(st.lists(invoices(), max_size=6), st.lists(visits, max_size=6), questions)
def test_every_figure_is_the_sum_of_its_rows(clinic, manager, books, new_invoices, new_visits, question):
    """Each measure of each report, in its last rows."""
    books.write(new_invoices, new_visits)
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


@settings(RANDOM, max_examples=4)
@given(st.lists(invoices(), max_size=6), st.lists(visits, max_size=6), questions)
def test_services_share_out_the_whole(clinic, manager, books, new_invoices, new_visits, question):
    """What is billed for each service alone adds up to what is billed for all."""
    books.write(new_invoices, new_visits)

    def billed(**narrower: Any) -> int:
        answer = reports.answer(clinic, manager, replace(question, **narrower), "revenue")
        return int(answer.frame["billed_minor"].sum())

    assert sum(billed(service_ids=frozenset([service])) for service in SERVICES) == billed()
    assert billed(service_ids=frozenset(SERVICES)) == billed() == books.billed(question)


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
    world.clinic.invoices.add_many([invoice])
    return invoice


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

    world.clinic.invoices.take_payment(invoice, make.payment(amount_minor=29_559))

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
    with pytest.raises(NotFound):
        reports.rows(world.clinic, manager, asked, Figure("revenue", "collected_minor"))


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
