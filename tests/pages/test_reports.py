"""Reports: the figures of a period, charts whose every bar opens its rows, and nothing for who may not see it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor, Role
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import Invoice, PaymentMethod, line_for
from clinic_core.domain.organization import Organization
from clinic_core.reports import boards, found
from clinic_core.reports.periods import Grain
from clinic_core.services import billing, reports
from clinic_core.services.reports import Answer, Chart, Figure, Measure, Question, Unit
from tests import make
from tests.conftest import World
from tests.pages import screen
from ui import (
    charts,
    planning_charts,
    report_exports,
    report_filters,
    report_receivables,
    report_tables,
    report_views,
)


def visited(world: World, *statuses: AppointmentStatus) -> None:
    """Visits of Monday that became these."""
    world.clinic.appointments.add_many(
        [make.appointment(patient_id=world.asha.id, status=status, untimed=True) for status in statuses]
    )


@pytest.fixture
def sold(world: World, reception: Actor, clock: make.Clock) -> Invoice:
    """An invoice over 500.00 of Monday, of which 100.00 came in by UPI on Tuesday; now it is Tuesday."""
    clinic = world.clinic
    draft = billing.new_draft(
        clinic, reception, invoice_id="invoice-1", patient_id=world.asha.id, practitioner_id=make.DR_A
    )
    draft = billing.set_lines(clinic, reception, draft, [line_for(world.consultation)])
    issued = billing.issue(clinic, reception, draft)
    clock.set("08:00", make.TUESDAY)
    return pay(world, reception, issued, 10_000)


def pay(world: World, reception: Actor, invoice: Invoice, amount_minor: int) -> Invoice:
    """Money by UPI."""
    return billing.take_payment(
        world.clinic, reception, invoice, key=f"key-{amount_minor}", amount_minor=amount_minor, method=PaymentMethod.UPI
    )


def tiles(page: AppTest) -> dict[str, str]:
    """The period's figures, by label."""
    words = " ".join(screen.said(page).split())
    labels = ["Billed", "Collected", "Outstanding", "Visits seen", "No-show rate"]
    html = next(element.proto.body for element in page.get("html"))
    assert all(label in words for label in labels)
    parts = [part.split("</dd>")[0] for part in html.split("<dt>")[1:]]
    return {label: figure for label, figure in (part.split("</dt><dd>") for part in parts)}


def charts_of(page: AppTest) -> int:
    """How many charts there are."""
    return len(page.get("plotly_chart"))


def tables(page: AppTest) -> list[pd.DataFrame]:
    """The report's table, then that of the rows."""
    return [table.value for table in page.dataframe]


def choose(page: AppTest, label: str, value: Any) -> AppTest:
    """Choose in the one select box or group of buttons of that label."""
    kind = "selectbox" if label in {"Days", "Steps"} else "multiselect"
    screen.field(page, kind, label).set_value(value)
    return screen.run(page)


def press(page: AppTest, label: str, option: str) -> AppTest:
    """Press a button of a group."""
    (group,) = [g for g in page.button_group if g.label == label]
    group.set_value(option)
    return screen.run(page)


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.DOCTOR])
def test_only_managers_and_administrators_see_figures(world: World, role: Role) -> None:
    """Everybody else is told so, and sees none."""
    page = screen.open_page("reports", world.clinic, make.actor(role, practitioner_id=make.DR_A))
    assert "may not open" in screen.errors(page)[0]
    assert not page.dataframe


def test_a_report_on_paper_is_written_as_the_clinic_writes(world: World) -> None:
    """Shares, days and numbers by its locale, and not the English ones beside its own amounts."""
    clinic = world.clinic
    clinic.organization_store.save(replace(clinic.organization(), locale="de_DE"))
    clinic.forget_directory()
    values = (0.1234, 12_345, pd.Timestamp(make.MONDAY), Decimal("1234.50"), float("nan"), "Dr A")
    written = [report_exports._text(clinic, value, Unit.SHARE) for value in values]

    assert written == ["12,3\xa0%", "12.345", "02.03.2026", "1.234,50\xa0₹", "–", "Dr A"]
    asked = report_exports._asked(Question(start_on=make.MONDAY, as_of=make.TUESDAY), ["Cash"], "de_DE")
    assert asked == "02.03.2026 to today, as of the end of 03.03.2026; only Cash"


def test_a_clinic_without_figures_is_told_what_to_do(world: World, manager: Actor) -> None:
    """An empty state instead of an empty chart."""
    page = screen.open_page("reports", world.clinic, manager)
    assert "Nothing was recorded on these days" in screen.said(page)
    assert not page.dataframe
    assert tiles(page)["No-show rate"] == "–"


def test_the_period_in_five_figures(world: World, manager: Actor, sold: Invoice) -> None:
    """Billed and collected apart, in the clinic's currency; one missed of four that were due."""
    S = AppointmentStatus  # noqa: N806
    visited(world, S.FULFILLED, S.FULFILLED, S.FULFILLED, S.NOSHOW, S.CANCELLED, S.BOOKED)
    page = screen.open_page("reports", world.clinic, manager)
    assert tiles(page) == {
        "Billed": "₹500.00",
        "Collected": "₹100.00",
        "Outstanding": "₹400.00",
        "Visits seen": "3",
        "No-show rate": "25.0%",
    }


def test_revenue_is_shown_day_by_day_with_its_basis(world: World, manager: Actor, sold: Invoice) -> None:
    """In a chart and in a table of the same figures."""
    page = screen.open_page("reports", world.clinic, manager)
    (table,) = tables(page)
    assert table.values.tolist() == [["2 Mar 2026", 500.0, 0.0], ["3 Mar 2026", 0.0, 100.0]]
    assert "by the day they were issued" in screen.said(page)
    assert charts_of(page) == len(boards()["Revenue"])


def test_a_payment_is_there_on_the_next_run(world: World, manager: Actor, reception: Actor, sold: Invoice) -> None:
    """No refresh button, no waiting."""
    page = screen.open_page("reports", world.clinic, manager)
    pay(world, reception, sold, 40_000)
    assert tiles(screen.run(page))["Outstanding"] == "₹0.00"


def test_days_and_steps_can_be_chosen(world: World, manager: Actor, sold: Invoice) -> None:
    """Last month holds nothing; this year is shown by month."""
    page = screen.open_page("reports", world.clinic, manager)
    assert tiles(choose(page, "Days", "Last month"))["Billed"] == "₹0.00"
    (table,) = tables(choose(page, "Days", "This year"))
    assert table["Period"].tolist() == ["March 2026"]
    (table,) = tables(choose(page, "Steps", "Week"))
    assert table["Period"].tolist() == ["week of 2 Mar 2026"]


def test_own_days_can_be_picked(world: World, manager: Actor, sold: Invoice) -> None:
    """From Tuesday to Tuesday is what came in on Tuesday; a range with one end is that day."""
    page = choose(screen.open_page("reports", world.clinic, manager), "Days", "Custom")
    screen.field(page, "date_input", "From – to").set_value((make.TUESDAY, make.TUESDAY))
    assert (tiles(screen.run(page))["Billed"], tiles(page)["Collected"]) == ("₹0.00", "₹100.00")
    screen.field(page, "date_input", "From – to").set_value((make.MONDAY,))
    assert (tiles(screen.run(page))["Billed"], tiles(page)["Collected"]) == ("₹500.00", "₹0.00")


def test_practitioners_and_services_narrow_everything(world: World, manager: Actor, sold: Invoice) -> None:
    """Money that came in is for whole invoices: with a service it is not shown, and said why."""
    page = screen.open_page("reports", world.clinic, manager)
    assert tiles(choose(page, "Practitioners", ["Dr B"]))["Billed"] == "₹0.00"
    choose(page, "Practitioners", [])
    choose(page, "Services", ["Consultation"])
    (table,) = tables(page)
    assert list(table.columns) == ["Period", "Billed"]
    assert "Not shown: Collected" in screen.said(page)


def test_every_board_draws(world: World, manager: Actor, sold: Invoice) -> None:
    """Each report of it has its chart, and its table when it is chosen."""
    S = AppointmentStatus  # noqa: N806
    visited(world, S.FULFILLED, S.NOSHOW, S.CANCELLED)
    page = screen.open_page("reports", world.clinic, manager)
    for board, names in boards().items():
        press(page, "Report", board)
        drawn = [name for name in names if name != "waiting"]  # nobody's wait is known
        assert charts_of(page) == len(drawn), board
        for name in drawn:
            screen.field(page, "selectbox", "Table of").set_value(found()[name].TITLE)
            assert found()[name].BASIS in screen.said(screen.run(page))
            assert len(page.dataframe) == 1 + (board == "Attendance"), name


@pytest.mark.parametrize(
    ("board", "said"),
    [
        ("Receivables", "₹400.00"),
        ("Hours", "Used of offered"),
        ("Practitioner", "₹500.00"),
        ("Patients", "New patients"),
        ("Oddities", "None of this is wrong by itself"),
    ],
)
def test_the_other_boards_draw(world: World, manager: Actor, sold: Invoice, board: str, said: str) -> None:
    """With what there is to say."""
    visited(world, AppointmentStatus.FULFILLED, AppointmentStatus.NOSHOW)
    page = screen.open_page("reports", world.clinic, manager)
    assert said in screen.said(press(page, "Report", board))


def test_who_is_called_is_for_managers(world: World, manager: Actor, admin: Actor, sold: Invoice) -> None:
    """The administrator sees what is owed, and no names."""
    for actor, sees in ((manager, True), (admin, False)):
        page = press(screen.open_page("reports", world.clinic, actor), "Report", "Receivables")
        assert any(world.asha.name in table.to_string() for table in tables(page)) is sees


def test_as_of_a_day_is_how_it_stood_then(world: World, manager: Actor, sold: Invoice) -> None:
    """On Monday evening nothing had come in yet."""
    page = screen.open_page("reports", world.clinic, manager)
    screen.field(page, "date_input", "As of the end of").set_value(make.MONDAY)
    assert tiles(screen.run(page))["Collected"] == "₹0.00"
    assert tiles(page)["Outstanding"] == "₹500.00"
    assert "As it stood at the end of 2 Mar 2026" in screen.said(page)


def test_a_figure_opens_its_rows(world: World, manager: Actor, sold: Invoice) -> None:
    """With numbers and no names; they add up to it; pressing again closes them."""
    page = screen.open_page("reports", world.clinic, manager)
    press(page, "Rows behind", "Outstanding")
    rows = tables(page)[1]
    assert rows[["label", "patient", "due_minor"]].values.tolist() == [["INV-2026-00001", "P-000001", 400.0]]
    assert "₹400.00 in 1 row" in screen.said(page)
    assert world.asha.name not in rows.to_string()
    press(page, "Rows behind", "Billed")
    assert tables(page)[1]["service_id"].tolist() == ["Consultation"]


def test_two_people_of_one_name_are_told_apart(world: World, manager: Actor, sold: Invoice) -> None:
    """The second Dr A is chosen by a number."""
    world.clinic.practitioners.save(replace(world.dr_b, name="Dr A"))
    world.clinic.forget_directory()
    page = screen.open_page("reports", world.clinic, manager)
    assert screen.field(page, "multiselect", "Practitioners").options == ["Dr A", "Dr A (2)", "Deposits"]


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The session's state outside of a run."""
    kept: dict[str, Any] = {}
    monkeypatch.setattr(report_views.st, "session_state", kept)
    monkeypatch.setattr(report_filters.st, "session_state", kept)
    return kept


def selection(**parts: Any) -> SimpleNamespace:
    """What Streamlit keeps of a selection."""
    return SimpleNamespace(selection=SimpleNamespace(**parts))


def test_a_bar_filters_everything_else(world: World, manager: Actor, state: dict[str, Any]) -> None:
    """And lets go when it is selected again; a value that does not exist does nothing."""
    report_filters.toggle(world.clinic, "practitioner_id", make.DR_B)
    assert state["report_practitioners"] == ["Dr B"]
    report_filters.toggle(world.clinic, "practitioner_id", "nobody")
    report_filters.toggle(world.clinic, "nothing", make.DR_B)
    assert state["report_practitioners"] == ["Dr B"]
    report_filters.toggle(world.clinic, "practitioner_id", make.DR_B)
    assert state["report_practitioners"] == []


def test_what_a_chart_sends_is_not_trusted(world: World, state: dict[str, Any]) -> None:
    """A place that is not in the chart selects nothing."""
    asked = answer(Unit.MONEY, 1, 2)
    for points in ([], [{"point_index": 7}], [{"point_index": -1}], [{}]):
        state["chart"] = selection(points=points)
        report_views._selected(world.clinic, "chart", asked, (make.DR_A, make.DR_B))
        assert "report_practitioners" not in state
    state["chart"] = selection(points=[{"point_index": 1}])
    report_views._selected(world.clinic, "chart", asked, (make.DR_A, make.DR_B))
    assert state["report_practitioners"] == ["Dr B"]


def answer(unit: Unit = Unit.MONEY, *figures: float, chart: Chart = Chart.RANKED) -> Answer:
    """A report of one measure by practitioner."""
    return Answer(
        name="x",
        title="X",
        basis="",
        key="practitioner_id",
        chart=chart,
        grain=Grain.DAY,
        measures=(Measure(column="billed_minor", label="Billed", facts="charges", unit=unit),),
        frame=pd.DataFrame({"practitioner_id": [str(n) for n in range(len(figures))], "billed_minor": figures}),
        question=Question(),
    )


def test_a_cell_opens_its_rows(state: dict[str, Any]) -> None:
    """A name stands for its first number."""
    for head in ("Billed", "Practitioner"):
        state["table"] = selection(cells=[(1, head)])
        report_views._cell_selected("table", answer(Unit.MONEY, 1, 2), ("a", "b"))
        assert state["reports.figure"] == Figure("x", "billed_minor", "b")
    state["table"] = selection(cells=[(9, "Billed")])
    report_views._cell_selected("table", answer(Unit.MONEY, 1, 2), ("a", "b"))
    assert state["reports.figure"] is None


@pytest.mark.parametrize(
    ("low", "high", "whole", "marks"),
    [
        (0, 0, False, [0, 0.2]),
        (0, 0, True, [0, 1]),
        (0, 3, True, [0, 1, 2, 3]),
        (0, 104, False, [0, 25, 50, 75, 100, 125]),
        (-500, 1_200, False, [-500, 0, 500, 1_000, 1_500]),
        (-3, 0, False, [-3, -2, -1, 0]),
        (0, 0.107, False, [0, 0.025, 0.05, 0.075, 0.1, 0.125]),
    ],
)
def test_marks_are_round_and_hold_everything(low: float, high: float, whole: bool, marks: list[float]) -> None:
    """From below the lowest to above the highest, 0 among them."""
    assert charts.nice_marks(low, high, whole=whole) == marks


def test_amounts_are_written_as_the_clinic_writes_them() -> None:
    """Rupees in lakh, yen without decimals, euros in German; on the axis short."""
    measure = answer().measures[0]
    assert charts.amount(12_345_678, measure, Organization()) == "₹1,23,456.78"
    assert charts.amount(1_234, measure, Organization(currency="JPY", locale="ja_JP")) == "￥1,234"
    assert charts.amount(-5_000, measure, Organization(currency="EUR", locale="de_DE")) == "-50,00\xa0€"
    assert charts.amount(float("nan"), measure, Organization()) == "–"
    figure = charts.figure(answer(Unit.MONEY, 40_000_000), ("Dr A",), Organization())
    assert figure.layout.xaxis.ticktext == ("₹0", "₹1L", "₹2L", "₹3L", "₹4L")


def test_a_chart_is_made_once_and_holds_no_markup(clinic: Any) -> None:
    """Names are text; the figure and what is sent of it are shared."""
    asked = answer(Unit.MONEY, 1, 2)
    figure = charts.figure(asked, ("<b>A</b>", "A very long name that does not fit beside"), Organization())
    assert charts.figure(asked, ("<b>A</b>", "A very long name that does not fit beside"), Organization()) is figure
    assert figure.to_dict() is figure.to_dict()
    assert figure.data[0].y == ("&lt;b&gt;A&lt;/b&gt;", "A very long name that d…")
    assert "<b>A" not in figure.data[0].hovertext[0]


def test_outliers_gaps_and_negative_sums_are_drawn() -> None:
    """A huge one, nothing and less than nothing."""
    figures = (10**15, 0, -25_000, float("nan"))
    figure = charts.figure(answer(Unit.MONEY, *figures), ("A", "B", "C", "D"), Organization())
    assert figure.data[0].x == (1e13, 0.0, -250.0, None)
    low, high = figure.layout.xaxis.range
    assert low <= -250 < 1e13 <= high


def test_labels_that_look_the_same_stay_apart() -> None:
    """Two practitioners of one name are two bars."""
    figure = charts.figure(answer(Unit.COUNT, 1, 2), ("Dr A", "Dr A"), Organization())
    assert len(set(figure.data[0].y)) == 2


def test_tiles_hold_no_markup_of_their_own() -> None:
    """A label is text."""
    strange = replace(answer().measures[0], label="<script>")
    assert "<script>" not in report_tables.tiles(replace(answer(Unit.MONEY, 1), measures=(strange,)), Organization())


def test_files_hold_what_their_headings_say(
    world: World, manager: Actor, sold: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chart keeps its other bars when one is selected; the files are of what is selected. Waits are no percents."""
    made: dict[str, Any] = {}
    monkeypatch.setattr(
        report_exports.downloads, "button", lambda label, _, make_it, **__: made.update({label: make_it})
    )
    asked = Question(practitioner_ids=frozenset([make.DR_B]))
    answered = reports.dashboard(world.clinic, manager, asked, ["revenue_by_practitioner"])["revenue_by_practitioner"]
    assert answered.frame["practitioner_id"].tolist() == [make.DR_A]

    report_exports.buttons(world.clinic, asked, answered)

    assert "Dr A" not in made["CSV"](world.clinic, manager).decode("utf-8-sig")
    assert report_exports._text(world.clinic, 12.5, Unit.MINUTES) == "12.5 min"
    assert report_exports._text(world.clinic, 0.125, Unit.SHARE) == "12.5%"
    assert report_exports._text(world.clinic, float("nan"), Unit.MINUTES) == "–"


def test_a_year_earlier_ends_with_the_as_of_day(world: World, manager: Actor, clock: make.Clock) -> None:
    """A month as of its 5th is compared with five days, not with as many as there were until today."""
    clock.set("08:00", make.MONDAY.replace(day=20))
    month = Question(start_on=make.MONDAY.replace(day=1), end_on=make.MONDAY.replace(day=31))
    for as_of, last in ((5, 5), (25, 20), (None, 20)):
        asked = replace(month, as_of=make.MONDAY.replace(day=as_of) if as_of else None)
        earlier = report_views._earlier(world.clinic, manager, asked, ["revenue"])["revenue"].question
        assert earlier.end_on == make.MONDAY.replace(year=2025, day=last)


def test_questions_are_the_same_whoever_asks() -> None:
    """They are keys of what is shared."""
    assert Question(service_ids=frozenset(["a", "b"])) == Question(service_ids=frozenset(["b", "a"]))


@pytest.mark.parametrize(
    ("board", "said"),
    [
        ("Receivables", "Money comes in for whole invoices"),
        ("Hours", "A visit has no method of payment"),
        ("Patients", "A visit has no method of payment"),
        ("Oddities", "Money comes in for whole invoices"),
    ],
)
def test_a_board_says_what_does_not_narrow_it(
    world: World, manager: Actor, sold: Invoice, board: str, said: str
) -> None:
    """ "Only Consultation" above figures of everything would be a lie."""
    visited(world, AppointmentStatus.FULFILLED)
    page = press(screen.open_page("reports", world.clinic, manager), "Report", board)
    assert "Not all that is selected counts here" not in screen.said(page)
    choose(page, "Services", ["Consultation"])
    choose(page, "Methods", ["UPI"])
    assert said in screen.said(page)


def test_an_age_that_is_selected_narrows_what_is_owed(world: World, manager: Actor, sold: Invoice) -> None:
    """Nothing is older than a month; letting go shows all again."""
    page = press(screen.open_page("reports", world.clinic, manager), "Report", "Receivables")
    for age, owed in (("61–90 days", "₹0.00"), ("0–30 days", "₹400.00")):
        press(page, "Age", [age])
        assert f"All {int(owed != '₹0.00')} open items: {owed}" in [e.label for e in page.expander]


def test_what_a_chart_of_ages_sends_is_not_trusted(state: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar narrows, and lets go when it is selected again; a place that is not there does nothing."""
    monkeypatch.setattr(report_receivables.st, "session_state", state)
    for place, ages in ((7, None), (1, ["31–60 days"]), (1, [])):
        state["chart"] = selection(points=[{"point_index": place}])
        report_receivables._selected("chart")
        assert state.get("report_ages") == ages


def test_a_rate_of_tax_can_be_selected(world: World, manager: Actor, sold: Invoice, state: dict[str, Any]) -> None:
    """Its bar would do nothing without a filter that stands for it."""
    report_filters.toggle(world.clinic, "basis_points", 0)
    assert state["report_rates"] == ["0 %"]


def test_a_statement_of_each_of_two_people_of_one_name(world: World, manager: Actor, sold: Invoice) -> None:
    """The second would hide the first, who could never be chosen."""
    world.clinic.practitioners.save(replace(world.dr_b, name="Dr A"))
    world.clinic.forget_directory()
    page = press(screen.open_page("reports", world.clinic, manager), "Report", "Practitioner")
    chosen = screen.field(page, "selectbox", "Practitioner")
    assert chosen.options == ["Dr A", "Dr A (2)"]
    for name, billed in (("Dr A", "₹500.00"), ("Dr A (2)", "₹0.00")):
        screen.field(page, "selectbox", "Practitioner").set_value(name)
        assert tiles(screen.run(page))["Billed"] == billed


def test_the_target_is_pro_rata_and_the_whole_clinics(world: World, manager: Actor, sold: Invoice) -> None:
    """Twelve months over 365.25 days; one practitioner is not measured by everybody's target."""
    clinic = world.clinic
    clinic.organization_store.save(replace(clinic.organization(), monthly_target_minor=3_043_750))
    clinic.forget_directory()
    page = screen.open_page("reports", clinic, manager)
    screen.field(page, "selectbox", "Compare with").set_value("Target")
    assert "₹30,437.50 a month, ₹1,000.00 a day" in screen.said(screen.run(page))
    choose(page, "Practitioners", ["Dr A"])
    assert "not drawn while something of it is selected" in screen.said(page)


def test_every_chart_has_a_camera() -> None:
    """Planning's charts can be saved as a picture, too."""
    assert planning_charts.CONFIG["modeBarButtons"] == [["toImage"]]
    assert planning_charts.CONFIG["displayModeBar"]
