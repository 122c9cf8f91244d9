"""Reports: the figures of a period, charts whose every bar opens its rows, and nothing for who may not see it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor, Role
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.organization import Organization
from clinic_core.reports import found
from clinic_core.reports.periods import Grain
from clinic_core.services import reports
from clinic_core.services.reports import Answer, Chart, Figure, Measure, Question, Unit
from tests import make
from tests.conftest import World
from tests.pages import screen
from ui import charts, report_tables, report_views


def visited(world: World, *statuses: AppointmentStatus) -> None:
    """Visits of Monday that became these."""
    world.clinic.appointments.add_many(
        [make.appointment(patient_id=world.asha.id, status=status, untimed=True) for status in statuses]
    )


@pytest.fixture
def sold(world: World) -> Invoice:
    """An invoice over 500.00, of which 100.00 came in by UPI on Tuesday."""
    paid = make.payment(received_on=make.TUESDAY, method=PaymentMethod.UPI)
    invoice = make.invoice(
        patient_id=world.asha.id,
        status=InvoiceStatus.ISSUED,
        issued_on=make.MONDAY,
        series="INV-2026",
        number=1,
        payments=(paid,),
        paid_minor=paid.amount_minor,
    )
    world.clinic.invoices.add_many([invoice])
    return invoice


def tiles(page: AppTest) -> dict[str, str]:
    """The period's figures, by label."""
    words = " ".join(screen.said(page).split())
    labels = ["Billed", "Collected", "Outstanding", "Visits seen", "No-show rate"]
    html = next(element.proto.body for element in page.get("html"))
    assert all(label in words for label in labels)
    parts = [part.split("</dd>")[0] for part in html.split("<dt>")[1:]]
    return {label: figure for label, figure in (part.split("</dt><dd>") for part in parts)}


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


def test_a_clinic_without_figures_is_told_what_to_do(world: World, manager: Actor) -> None:
    """An empty state instead of an empty chart."""
    page = screen.open_page("reports", world.clinic, manager)
    assert "Nothing was recorded on these days" in screen.said(page)
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
    assert len(page.get("plotly_chart")) == 1


def test_a_payment_is_there_on_the_next_run(world: World, manager: Actor, sold: Invoice) -> None:
    """No refresh button, no waiting."""
    page = screen.open_page("reports", world.clinic, manager)
    world.clinic.invoices.take_payment(sold, make.payment(amount_minor=40_000))
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
    page.date_input[0].set_value((make.TUESDAY, make.TUESDAY))
    assert (tiles(screen.run(page))["Billed"], tiles(page)["Collected"]) == ("₹0.00", "₹100.00")
    page.date_input[0].set_value((make.MONDAY,))
    assert (tiles(screen.run(page))["Billed"], tiles(page)["Collected"]) == ("₹500.00", "₹0.00")


def test_practitioners_and_services_narrow_everything(world: World, manager: Actor, sold: Invoice) -> None:
    """Money that came in is for whole invoices: with a service it is not shown, and said why."""
    page = screen.open_page("reports", world.clinic, manager)
    assert tiles(choose(page, "Practitioners", ["Dr B"]))["Billed"] == "₹0.00"
    choose(page, "Practitioners", [])
    choose(page, "Services", ["Consultation"])
    (table,) = tables(page)
    assert list(table.columns) == ["Period", "Billed"]
    press(page, "Report", "Methods")
    assert "Money comes in for whole invoices" in screen.said(page)


def test_every_report_draws(world: World, manager: Actor, sold: Invoice) -> None:
    """Each has its chart and table."""
    visited(world, AppointmentStatus.FULFILLED, AppointmentStatus.NOSHOW)
    page = screen.open_page("reports", world.clinic, manager)
    for name, title in reports.titles().items():
        press(page, "Report", title)
        if title != "Waiting":  # nobody's wait is known
            assert found()[name].BASIS in screen.said(page)
            assert len(page.get("plotly_chart")) == 1, title
            assert len(page.dataframe) == 1, title


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
    assert screen.field(page, "multiselect", "Practitioners").options == ["Dr A", "Dr A (2)"]


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The session's state outside of a run."""
    kept: dict[str, Any] = {}
    monkeypatch.setattr(report_views.st, "session_state", kept)
    return kept


def selection(**parts: Any) -> SimpleNamespace:
    """What Streamlit keeps of a selection."""
    return SimpleNamespace(selection=SimpleNamespace(**parts))


def test_a_bar_opens_its_rows_and_a_second_click_closes_them(state: dict[str, Any]) -> None:
    """What was selected elsewhere is forgotten; a place that is not in the chart opens nothing."""
    columns, values = ("billed_minor", "collected_minor"), ("day 1", "day 2")
    state["chart"] = selection(points=[{"curve_number": 1, "point_index": 0}])
    report_views._bar_selected("chart", "revenue", columns, values)
    assert report_views.chosen_figure("revenue") == Figure("revenue", "collected_minor", "day 1")
    assert report_views.chosen_figure("attendance") is None
    assert (report_views._key(report_views._PILLS), report_views._key(report_views._CHART)) == (
        "reports.pills..1",
        "reports.chart..0",
    )
    for points in ([], [{"curve_number": 7, "point_index": 0}], [{"curve_number": 0, "point_index": -1}]):
        state["chart"] = selection(points=points)
        report_views._bar_selected("chart", "revenue", columns, values)
        assert report_views.chosen_figure("revenue") is None


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
    )


def test_a_cell_opens_its_rows(state: dict[str, Any]) -> None:
    """A name stands for its first number."""
    for head in ("Billed", "Practitioner"):
        state["table"] = selection(cells=[(1, head)])
        report_views._cell_selected("table", answer(Unit.MONEY, 1, 2), ("a", "b"))
        assert report_views.chosen_figure("x") == Figure("x", "billed_minor", "b")
    state["table"] = selection(cells=[(9, "Billed")])
    report_views._cell_selected("table", answer(Unit.MONEY, 1, 2), ("a", "b"))
    assert report_views.chosen_figure("x") is None


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


def test_questions_are_the_same_whoever_asks() -> None:
    """They are keys of what is shared."""
    assert Question(service_ids=frozenset(["a", "b"])) == Question(service_ids=frozenset(["b", "a"]))
