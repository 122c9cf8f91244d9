"""Reports in a real browser: charts that filter each other, rows, a link for a colleague, the past, a workbook."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Role
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import PaymentMethod, line_for
from clinic_core.domain.people import Patient
from clinic_core.services import billing
from tests import make
from tests.chromium import CHROMIUM, heading, settled, sign_in
from tests.web import rig

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: the reports were not tried in a browser (see .ci/run)"),
]
_MONTHS = 4
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module", autouse=True)
def ledger(clinic: Clinic) -> None:
    """In each of the last four months Dr A billed 500.00 by UPI and Dr B 250.50 and tax in cash, half of it paid."""
    patient = make.patient()
    clinic.patients.add(patient)
    today = clinic.now()
    for back in reversed(range(_MONTHS)):
        _month(clinic, patient, today - timedelta(days=30 * back))


def _month(clinic: Clinic, patient: Patient, at: datetime) -> None:
    then, desk = replace(clinic, now=lambda: at), make.actor(Role.RECEPTIONIST)
    for practitioner, service, method, share in (
        (make.DR_A, make.CONSULTATION, PaymentMethod.UPI, 1),
        (make.DR_B, make.DRESSING, PaymentMethod.CASH, 2),
    ):
        key = f"{at:%Y%m%d}-{practitioner}"
        draft = billing.new_draft(then, desk, invoice_id=key, patient_id=patient.id, practitioner_id=practitioner)
        draft = billing.set_lines(then, desk, draft, [line_for(then.directory().services[service])])
        issued = billing.issue(then, desk, draft)
        amount = issued.total_minor // share
        billing.take_payment(then, desk, issued, key="all", amount_minor=amount, method=method)


@pytest.fixture(scope="module")
def manager(browser: Browser, url: str) -> Iterator[Page]:
    """The manager, signed in."""
    context = browser.new_context(viewport={"width": 1366, "height": 2600}, accept_downloads=True)
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(url)
    sign_in(page, "manager", rig.PASSWORD)
    heading(page, "Today")
    yield page
    context.close()


@pytest.fixture
def page(manager: Page, url: str) -> Page:
    """The manager, before Reports of all days."""
    page = manager
    page.goto(f"{url}/reports?report_days=All&report_steps=Month")
    heading(page, "Reports")
    expect(_bars(page, "Practitioners")).to_have_count(4)
    settled(page)
    return page


def _bars(page: Page, title: str) -> Locator:
    at = ["Revenue", "Practitioners", "Services", "Methods"].index(title)
    return page.locator(".js-plotly-plot").nth(at).locator(".bars .point path")


def _press(page: Page, bar: Locator) -> None:
    box = bar.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settled(page)


def _drag(page: Page, first: Locator, last: Locator) -> None:
    start, end = first.bounding_box(), last.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] - 3, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] + 3, start["y"] + start["height"] / 2, steps=10)
    page.mouse.up()
    settled(page)


def _tile(page: Page, label: str) -> Locator:
    return page.locator(".tile", has=page.get_by_text(label, exact=True)).locator("dd").first


def test_a_bar_and_a_stretch_of_time_filter_everything_and_can_be_sent(page: Page, browser: Browser) -> None:
    """Dr A alone billed 500.00 a month; two months of it are 1,000.00; a colleague sees the same by the address."""
    expect(_tile(page, "Billed")).to_have_text("₹3,182.36")
    _press(page, _bars(page, "Practitioners").first)
    expect(_tile(page, "Billed")).to_have_text("₹2,000.00")
    expect(page).to_have_url(re.compile("report_practitioners=Dr"))
    expect(_bars(page, "Practitioners")).to_have_count(4)  # a chart is not filtered by itself
    expect(_bars(page, "Services")).to_have_count(1)
    expect(_bars(page, "Methods")).to_have_count(1)

    months = _bars(page, "Revenue")
    _drag(page, months.nth(0), months.nth(1))
    expect(_tile(page, "Billed")).to_have_text("₹1,000.00")
    expect(page).to_have_url(re.compile("chosen="))

    address = page.url
    colleague = browser.new_context(viewport={"width": 1366, "height": 2600})
    other = colleague.new_page()
    other.goto(address)
    sign_in(other, "manager", rig.PASSWORD)
    expect(other.get_by_role("heading", level=1)).to_be_visible()
    other.goto(address)
    expect(_tile(other, "Billed")).to_have_text("₹1,000.00", timeout=30_000)
    colleague.close()

    page.bring_to_front()
    _press(page, _bars(page, "Practitioners").first)  # again: it lets go
    expect(_tile(page, "Billed")).to_have_text("₹1,591.18")
    page.get_by_role("button", name="Show all").click()
    expect(_tile(page, "Billed")).to_have_text("₹3,182.36")


def test_one_period_can_be_clicked_where_a_stretch_can_be_dragged_over(page: Page) -> None:
    """Streamlit takes clicks away from a chart over time, and the month would stay as it was."""
    _press(page, _bars(page, "Revenue").nth(1))
    expect(page).to_have_url(re.compile("chosen="))
    expect(_tile(page, "Billed")).to_have_text("₹795.59")
    _press(page, _bars(page, "Revenue").nth(1))
    expect(_tile(page, "Billed")).to_have_text("₹3,182.36")


def test_a_figure_opens_its_rows(page: Page) -> None:
    """They are those of the selection, and they add up."""
    _press(page, _bars(page, "Methods").first)
    page.get_by_test_id("stButtonGroup").get_by_text("Collected", exact=True).click()
    settled(page)
    expect(page.get_by_text("₹2,000.00 in 4 rows")).to_be_visible()


def test_as_of_an_earlier_day(page: Page, url: str, clinic: Clinic) -> None:
    """A month and a half ago there were two months of bills."""
    day = clinic.today() - timedelta(days=45)
    page.goto(f"{url}/reports?report_days=All&report_steps=Month&report_as_of={day.isoformat()}")
    expect(page.get_by_text("As it stood at the end of").first).to_be_visible()
    expect(_tile(page, "Billed")).to_have_text("₹1,591.18")
    expect(_tile(page, "Outstanding")).to_have_text("₹295.60")


def test_a_workbook_opens_and_holds_the_figures(page: Page, tmp_path: Path) -> None:
    """Figures, rows and what they count, as numbers that can be added up."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Excel").click()
    book = openpyxl.load_workbook(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert download.value.suggested_filename == "revenue.xlsx"
    heads, *rows = list(book["Figures"].values)
    assert heads == ("Period from", "Billed (INR)", "Collected (INR)")
    assert [round(sum(column), 2) for column in zip(*(row[1:] for row in rows), strict=True)] == [3182.36, 2591.16]
    assert len(list(book["Rows of Billed"].values)) == 1 + 2 * _MONTHS


@pytest.fixture
def two_visits(clinic: Clinic) -> None:
    """Asha was seen by Dr A on a Monday at 10:00, and missed a Tuesday at 11:00."""
    monday = clinic.today() - timedelta(days=clinic.today().weekday() + 14)
    for back, at, status in ((0, "10:00", AppointmentStatus.FULFILLED), (1, "11:00", AppointmentStatus.NOSHOW)):
        day = monday + timedelta(days=back)
        start = datetime.combine(day, time.fromisoformat(at), clinic.zone)
        clinic.appointments.add_many([make.appointment(start=start, day=day, status=status)])


def _square(page: Page, text: str) -> tuple[float, float]:
    """The middle of the square about which the mouse reads `text`."""
    places: list[float] = page.locator(".js-plotly-plot").first.evaluate(
        """(plot, text) => {
            const points = plot.data.find(trace => trace.type === "scatter");
            const at = points.hovertext.findIndex(one => one.startsWith(text));
            const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.d2p(points.x[at]), box.y + yaxis._offset + yaxis.d2p(points.y[at])];
        }""",
        text,
    )
    return places[0], places[1]


def test_a_square_of_the_hours_filters_the_other_boards(page: Page, url: str, two_visits: None) -> None:
    """Also next to its middle; another square takes its place, and the same one again lets go."""
    page.goto(f"{url}/reports?report_days=All&report=Hours")
    expect(page.locator(".js-plotly-plot .heatmaplayer image")).to_be_visible()
    settled(page)
    for square, missed in (("Tuesday 11:00", "100.0%"), ("Monday 10:00", "0.0%")):
        x, y = _square(page, square)
        page.mouse.click(x + 9, y + 9)
        weekday, hour = square.split()
        expect(page).to_have_url(re.compile(f"report_weekdays={weekday}"))
        expect(page).to_have_url(re.compile(f"report_hours={hour[:2]}"))
        settled(page)
        assert page.locator(".js-plotly-plot .shapelayer path").count() == 1
        page.get_by_test_id("stButtonGroup").get_by_text("Attendance", exact=True).click()
        expect(_tile(page, "No-show rate")).to_have_text(missed)
        page.get_by_test_id("stButtonGroup").get_by_text("Hours", exact=True).click()
        expect(page.locator(".js-plotly-plot .heatmaplayer image")).to_be_visible()
        settled(page)
    x, y = _square(page, "Monday 10:00")
    page.mouse.click(x, y)
    expect(page).not_to_have_url(re.compile("report_weekdays|report_hours"))
