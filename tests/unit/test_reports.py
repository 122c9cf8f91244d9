"""Reports on frames made by hand, periods, and CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic_core import reports
from clinic_core.domain.schedules import Absence, Schedule, parse_openings
from clinic_core.reports import balances, export, hours, lead_time, measures, returns, workbook
from clinic_core.reports.periods import Grain, Span, days_of, every_period, grain_for, period_of
from tests import make


def frame(**columns: list) -> pd.DataFrame:
    """A frame of facts, each of which counts once; `day` and `period` become days."""
    made = pd.DataFrame(columns)
    made["count"] = 1
    for name in ("day", "period"):
        if name in made:
            made[name] = made[name].astype("datetime64[s]")
    return made


def test_every_file_with_a_title_is_a_report():
    """Each says what it counts, dated by what, and where its rows are."""
    found = reports.found()
    assert {"summary", "revenue", "attendance"} < set(found)
    assert [r.ORDER for r in found.values()] == sorted(r.ORDER for r in found.values())
    for name, report in found.items():
        assert report.TITLE and report.BASIS, name
        assert report.MEASURES, name
        assert all(
            m.facts in {*report.FACTS, *map(measures.ROWS.get, report.FACTS), "balances"} for m in report.MEASURES
        ), name


def test_revenue_keeps_billed_and_collected_apart():
    """A day with only one of them has 0 of the other."""
    charges = frame(period=["2026-03-02", "2026-03-02", "2026-03-04"], total_minor=[100, 50, -50])
    payments = frame(period=["2026-03-03"], amount_minor=[70])

    table = reports.found()["revenue"].build(charges, payments)

    assert table["period"].dt.day.tolist() == [2, 3, 4]
    assert table["billed_minor"].tolist() == [150, 0, -50]
    assert table["collected_minor"].tolist() == [0, 70, 0]


def test_practitioners_come_most_billed_first():
    """Categories that nobody has are not shown."""
    kinds = pd.CategoricalDtype(["a", "b", "gone"])
    charges = frame(practitioner_id=["a", "b"], total_minor=[100, 300]).astype({"practitioner_id": kinds})
    payments = frame(practitioner_id=["a"], amount_minor=[40]).astype({"practitioner_id": kinds})

    table = reports.found()["revenue_by_practitioner"].build(charges, payments)

    assert table.to_dict("records") == [
        {"practitioner_id": "b", "billed_minor": 300, "collected_minor": 0},
        {"practitioner_id": "a", "billed_minor": 100, "collected_minor": 40},
    ]


def test_methods_count_payments_and_add_them_up():
    """Two in cash, one by card."""
    events = ["payment", "payment", "deposit", "refund"]
    payments = frame(method=["cash", "card", "cash", "cash"], event=events, amount_minor=[10, 90, 25, -5])

    table = reports.found()["revenue_by_method"].build(payments)

    assert table.values.tolist() == [["card", 90, 1], ["cash", 30, 2]]


def test_services_sum_quantity_discount_and_tax():
    """A line that was taken back is off again."""
    charges = frame(
        service_id=["x", "x", "y"],
        total_minor=[118, -118, 50],
        discount_minor=[5, -5, 0],
        tax_minor=[18, -18, 0],
        quantity=[2, -2, 1],
    )
    assert reports.found()["revenue_by_service"].build(charges).values.tolist() == [["y", 50, 0, 0, 1]]


def test_attendance_counts_each_visit_once():
    """Booked, arrived and checked-in are open."""
    statuses = ["fulfilled", "noshow", "cancelled", "booked", "arrived", "checked-in", "fulfilled"]
    visits = frame(period=["2026-03-01"] * 6 + ["2026-04-01"], status=statuses)

    table = reports.found()["attendance"].build(visits)

    assert table.iloc[:, 1:].values.tolist() == [[1, 1, 1, 3], [1, 0, 0, 0]]


def test_the_noshow_rate_leaves_out_cancelled_and_open_visits():
    """One missed of four that were due."""
    statuses = ["fulfilled"] * 3 + ["noshow", "cancelled", "booked"]
    visits = frame(practitioner_id=["a"] * 6, status=statuses)

    table = reports.found()["noshows"].build(visits)

    assert table.values.tolist() == [["a", 0.25, 1, 3]]


def test_waiting_is_known_only_where_both_ends_were_marked():
    """The middle of 10, 20, 60 is 20; the visit without marks does not count."""
    visits = frame(period=["2026-03-01"] * 4, waited_minutes=[10.0, 20.0, 60.0, None])

    (row,) = reports.found()["waiting"].build(visits).to_dict("records")

    assert (row["half"], row["nine_tenths"], row["known"]) == (20.0, 52.0, 3)


def test_balances_hold_what_is_due_and_leave_out_what_is_even():
    """Part paid, paid, cancelled, not paid, and paid before it was charged."""

    def events(*ids: str, **amounts: list[int]) -> pd.DataFrame:
        size = len(ids)
        same = {"patient_id": ["p"] * size, "practitioner_id": ["a"] * size, "day": ["2026-03-02"] * size}
        return frame(document_id=list(ids), label=list(ids), **same, **amounts)

    charges = events("part", "paid", "gone", "gone", "none", total_minor=[100, 50, 70, -70, 30])
    payments = events("part", "paid", "part", "early", settled_minor=[20, 50, 10, 5])

    table = balances.of(charges, payments)

    assert table[["document_id", "total_minor", "paid_minor", "due_minor"]].values.tolist() == [
        ["early", 0, 5, -5],
        ["none", 30, 0, 30],
        ["part", 100, 30, 70],
    ]


TODAY = date(2026, 3, 30)


@pytest.mark.parametrize(
    ("span", "first", "last"),
    [
        (Span.THIS_MONTH, date(2026, 3, 1), date(2026, 3, 31)),
        (Span.LAST_MONTH, date(2026, 2, 1), date(2026, 2, 28)),
        (Span.LAST_30_DAYS, date(2026, 3, 1), TODAY),
        (Span.LAST_90_DAYS, date(2025, 12, 31), TODAY),
        (Span.THIS_YEAR, date(2026, 1, 1), date(2026, 12, 31)),
        (Span.LAST_YEAR, date(2025, 1, 1), date(2025, 12, 31)),
        (Span.ALL, None, None),
    ],
)
def test_spans_are_whole_days(span, first, last):
    """Both ends included."""
    assert days_of(span, TODAY) == (first, last)


def test_the_last_month_of_january_lies_in_the_year_before():
    """And December's last day is its 31st."""
    assert days_of(Span.LAST_MONTH, date(2026, 1, 31)) == (date(2025, 12, 1), date(2025, 12, 31))
    assert days_of(Span.THIS_MONTH, date(2026, 12, 5))[1] == date(2026, 12, 31)


def test_steps_suit_the_length():
    """A month by day, a quarter by week, a year by month."""
    assert grain_for(*days_of(Span.THIS_MONTH, TODAY)) is Grain.DAY
    assert grain_for(*days_of(Span.LAST_90_DAYS, TODAY)) is Grain.WEEK
    assert grain_for(*days_of(Span.THIS_YEAR, TODAY)) is Grain.MONTH
    assert grain_for(None, None) is Grain.MONTH


@settings(deadline=None)
@given(st.dates(date(1960, 1, 1), date(2100, 1, 1)), st.sampled_from(list(Grain)))
def test_a_period_begins_on_or_before_its_days(day, grain):
    """A week on a Monday, a month on its first; also before 1970."""
    days = pd.Series(pd.to_datetime([day])).astype("datetime64[s]")

    begun = period_of(days, grain).iloc[0].date()

    months = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}
    assert 0 <= (day - begun).days < {Grain.DAY: 1, Grain.WEEK: 7}.get(grain, 31 * months.get(grain, 0))
    assert grain is not Grain.WEEK or begun.isoweekday() == 1
    if grain in months:
        first = (day.month - 1) // months[grain] * months[grain] + 1
        assert begun == date(day.year, first, 1)


@pytest.mark.parametrize("grain", list(Grain))
def test_periods_without_anything_are_there(grain):
    """From the first to the last, each once, and each is a period's beginning."""
    ends = pd.Series(pd.to_datetime(["2025-12-29", "2026-03-05"])).astype("datetime64[s]")
    first, last = period_of(ends, grain)

    periods = every_period(first, last, grain)

    assert (periods[0], periods[-1]) == (first, last)
    assert period_of(periods.to_series(), grain).tolist() == list(periods)


def test_nothing_gives_empty_typed_tables():
    """A clinic's first day."""
    empty = {
        "charges": frame(period=[], total_minor=[], practitioner_id=[], service_id=[]),
        "payments": frame(period=[], amount_minor=[], practitioner_id=[], method=[], event=[]),
        "visits": frame(period=[], status=[], practitioner_id=[], waited_minutes=[]),
    }
    for name in ("revenue", "revenue_by_practitioner", "revenue_by_method", "attendance", "noshows", "waiting"):
        report = reports.found()[name]
        assert report.build(*(empty[measures.ROWS.get(facts, facts)] for facts in report.FACTS)).empty


def test_shares_of_nothing_are_not_known():
    """Not an error, not 0."""
    assert measures.share(pd.Series([0]), pd.Series([0])).isna().all()


def came(*visits: tuple[int, str]) -> pd.DataFrame:
    """Visits that were seen: the patient's code and the day."""
    return frame(patient=[patient for patient, _ in visits], day=[day for _, day in visits])


EVER = came((1, "2026-01-05"), (2, "2026-01-20"), (1, "2026-04-02"), (3, "2026-03-31"), (2, "2026-04-08"))


def test_new_patients_are_those_whose_first_visit_lies_in_the_period():
    """Twice in one month is one patient; April has none that is new, May nobody at all."""
    seen = returns.by_period(pd.concat([EVER, EVER]), returns.first_visits(EVER), Grain.MONTH)

    table = returns.new_and_returning(seen, Grain.MONTH)

    assert table["period"].dt.month.tolist() == [1, 3, 4]
    assert table[["new", "returning"]].values.tolist() == [[2, 0], [1, 0], [0, 2]]


def test_cohorts_count_periods_in_which_nobody_came():
    """From January to April are three months, though in February there was nobody; May has not begun."""
    seen = returns.by_period(EVER, returns.first_visits(EVER), Grain.MONTH)

    table = returns.cohorts(seen, Grain.MONTH, date(2026, 4, 30))

    assert table["period"].dt.month.tolist() == [1, 3]
    assert table["patients"].tolist() == [2, 1]
    assert table[[0, 1, 2, 3]].fillna(-1).values.tolist() == [[1, 0, 0, 1], [1, 0, -1, -1]]


def test_cohorts_are_of_the_days_and_visits_that_are_asked_for():
    """Who came first before them, or first to somebody else, is in no cohort: no share is above 1, and none fails."""
    firsts = returns.first_visits(EVER)
    april = EVER[EVER["day"] >= "2026-04-01"]
    theirs = came((1, "2026-01-05"), (2, "2026-04-08"), (3, "2026-04-09"))

    none = returns.cohorts(returns.by_period(april, firsts, Grain.MONTH), Grain.MONTH, date(2026, 4, 30))
    table = returns.cohorts(returns.by_period(theirs, firsts, Grain.MONTH), Grain.MONTH, date(2026, 4, 30))

    assert none.columns.tolist() == ["period", "patients"]
    assert none.empty
    assert table.iloc[:, 1:].values.tolist() == [[1, 1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("grain", "later"), [(Grain.DAY, 87), (Grain.WEEK, 12), (Grain.MONTH, 3), (Grain.QUARTER, 1), (Grain.YEAR, 0)]
)
def test_cohorts_of_every_step(grain, later):
    """The first of January's two came again on 2 April."""
    firsts = returns.first_visits(EVER)
    table = returns.cohorts(returns.by_period(EVER[:3], firsts, grain), grain, date(2026, 4, 2))
    shares = table.iloc[0]
    assert shares[later] == (1 if later == 0 or grain in (Grain.DAY, Grain.WEEK) else 0.5)
    assert max(column for column in table.columns[2:] if pd.notna(shares[column])) == later


def test_nobody_was_ever_seen():
    """A clinic's first day."""
    nobody = returns.by_period(came(), returns.first_visits(came()), Grain.MONTH)
    assert returns.new_and_returning(nobody, Grain.MONTH).empty
    assert returns.cohorts(nobody, Grain.MONTH, TODAY).empty


def test_visits_by_how_far_ahead_they_were_booked():
    """Booked after the visit is on the same day; a cancellation a day ahead is not late."""
    visits = frame(
        lead_days=[-3, 0, 2, 30, 31, 31],
        status=["fulfilled", "noshow", "fulfilled", "cancelled", "cancelled", "booked"],
        notice_hours=[None, None, None, 24.0, 23.5, None],
    )
    table = lead_time.table(visits.astype({"status": "category"})).set_index("ahead")

    figures = table[["seen", "missed", "cancelled", "late"]]
    assert figures[figures.any(axis=1)].T.to_dict("list") == {
        "same day": [1, 1, 0, 0],
        "1–2 days": [1, 0, 0, 0],
        "15–30 days": [0, 0, 1, 0],
        "longer": [0, 0, 1, 1],
    }
    assert table["rate"].dropna().to_dict() == {"same day": 0.5, "1–2 days": 0.0}


NEXT_MONDAY = make.MONDAY + timedelta(days=7)


def seen_by_dr_a(*visits: tuple[date, int, str]) -> pd.DataFrame:
    """Visits of Dr A at nine, by day, minutes and what became of them."""
    days, minutes, statuses = zip(*visits, strict=True) if visits else ((), (), ())
    return frame(
        practitioner_id=[make.DR_A] * len(days), day=list(days), hour=[9] * len(days), minutes=minutes, status=statuses
    )


def mornings(*absences: Absence) -> Schedule:
    """Dr A works on Mondays from nine to ten."""
    return Schedule(id=make.DR_A, weekly=(parse_openings("09:00-10:00"), *((),) * 6), absences=absences)


def test_an_idle_morning_does_not_make_up_for_an_overbooked_one():
    """Two Mondays of an hour: one with two hours of visits, one with ten minutes missed."""
    visits = seen_by_dr_a(
        (make.MONDAY, 90, "fulfilled"),
        (make.MONDAY, 30, "booked"),
        (NEXT_MONDAY, 10, "noshow"),
        (NEXT_MONDAY, 60, "cancelled"),
    )
    (row,) = hours.table(visits, [mornings()], make.MONDAY, NEXT_MONDAY).to_dict("records")

    assert row == {
        "practitioner_id": make.DR_A,
        "weekday": 0,
        "hour": 9,
        "offered": 120,
        "used": 120,
        "missed": 10,
        "idle": 50,
        "over": 60,
    }


def test_hours_are_offered_while_somebody_is_there():
    """Not on an absence, and not after the last day of who left; visits then are beyond what was offered."""
    visits = seen_by_dr_a((make.MONDAY, 15, "fulfilled"), (NEXT_MONDAY, 20, "fulfilled"))
    away = mornings(Absence(start_on=make.MONDAY - timedelta(days=9), end_on=make.MONDAY))

    def figures(schedule: Schedule, **given: Any) -> list[int]:
        made = hours.table(visits, [schedule], make.MONDAY, NEXT_MONDAY, **given)
        return made[["offered", "used", "idle", "over"]].sum().tolist()

    assert figures(away) == [60, 35, 40, 15]
    assert figures(mornings(), left={make.DR_A: make.TUESDAY}) == [60, 35, 45, 20]
    assert figures(mornings(), left={make.DR_A: date.min}) == [0, 35, 0, 35]
    assert hours.table(seen_by_dr_a(), [], make.MONDAY, NEXT_MONDAY).empty


def read(data: bytes) -> list[list[str]]:
    """The cells of a CSV file."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    '=LINK("http://x","y")',
    "＝1+1",
    "-1.2.3",
    "+",
    "-",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_written_as_text(text):
    """It gets an apostrophe in front, as cell and as heading."""
    (head,), (cell,) = read(export.to_csv(pd.DataFrame({text: [text]})))
    assert head == cell == f"'{text}"


@pytest.mark.parametrize("text", ["-12.50", "+3", "-0", "12", "P-000123", "Dr A", "", "a=b"])
def test_numbers_and_plain_text_stay_as_they_are(text):
    """An amount below zero is a number, not a formula."""
    assert export.safe(text) == text


def test_a_workbook_tells_shares_from_minutes():
    """12.5 minutes are no 1250 percent; amounts, days and what is not known stay what they are."""
    table = pd.DataFrame(
        {
            "day": pd.to_datetime(["2026-03-02", None]),
            "amount": [Decimal("-12.50"), None],
            "wait": [12.5, float("nan")],
            "rate": [0.25, 0.5],
            "text": ["=1+1", None],
            "count": [3, 4],
        }
    )
    book = zipfile.ZipFile(io.BytesIO(workbook.to_xlsx([workbook.Sheet("a", table, frozenset({"rate"}))], decimals=2)))
    styles, page = (book.read(f"xl/{name}.xml").decode() for name in ("styles", "worksheets/sheet1"))
    formats = dict(re.findall(r'numFmtId="(\d+)" formatCode="([^"]*)"', styles))
    cells = re.findall(r'<xf numFmtId="(\d+)"', styles.partition("<cellXfs")[2])
    found = dict(re.findall(r'<c r="([A-Z]2)" s="(\d+)"', page))
    shown = {cell: formats.get(cells[int(style)]) for cell, style in found.items() if cell < "E"}
    assert shown == {"A2": "yyyy-mm-dd", "B2": "#,##0.00", "C2": "#,##0.0", "D2": "0.0%"}
    assert "=1+1" in page and "<f>" not in page
    assert not re.search(r'<c r="[ABCE]3"', page)


def test_parts_of_a_csv_are_one_file():
    """One head, all rows."""
    parts = [pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [3]})]
    assert export.joined(parts) == export.to_csv(pd.concat(parts))


def test_csv_keeps_amounts_days_and_commas():
    """Decimals exact, days as ISO dates, an unknown value empty."""
    table = pd.DataFrame(
        {
            "day": pd.to_datetime(["2026-03-02"]),
            "amount": [Decimal("-12.50")],
            "text": ['a,"b"\nc'],
            "unknown": [float("nan")],
        }
    )
    assert read(export.to_csv(table))[1] == ["2026-03-02", "-12.50", 'a,"b"\nc', ""]
