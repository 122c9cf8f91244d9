"""A till and a day in a real browser: float, cash, a blind count that is short, the close, its paper, the next day."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Role
from clinic_core.domain.ids import new_id
from clinic_core.domain.journal import Event
from clinic_core.services import billing, check, ledger
from tests import make
from tests.chromium import CHROMIUM, heading, settled, sign_in
from tests.web import rig
from ui import widgets

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: the till was not tried in a browser (see .ci/run)"),
]
RECEPTION = make.actor(Role.RECEPTIONIST, name="reception")


@pytest.fixture(scope="module")
def bills(clinic: Clinic) -> list[str]:
    """Two issued invoices over 500.00."""
    patient = make.patient()
    clinic.patients.add(patient)
    return [_issued(clinic, patient.id) for _ in range(2)]


def _issued(clinic: Clinic, patient_id: str) -> str:
    wanted = {"invoice_id": new_id(), "patient_id": patient_id, "practitioner_id": make.DR_A}
    draft = billing.new_draft(clinic, RECEPTION, **wanted)
    return billing.issue(clinic, RECEPTION, billing.set_lines(clinic, RECEPTION, draft, [make.line()])).label


@pytest.fixture
def desk(browser: Browser, url: str) -> Iterator[Page]:
    """Reception, signed in."""
    yield from _at_work(browser, url, "reception")


@pytest.fixture
def office(browser: Browser, url: str) -> Iterator[Page]:
    """The manager, signed in on another computer."""
    yield from _at_work(browser, url, "manager")


def _at_work(browser: Browser, url: str, username: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, accept_downloads=True)
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(url)
    sign_in(page, username, rig.PASSWORD)
    heading(page, "Today")
    yield page
    context.close()


def test_a_till_and_a_day(desk: Page, office: Page, clinic: Clinic, bills: list[str], tmp_path: Path) -> None:
    """Everybody on their own computer; the books agree at the end."""
    today = clinic.today()
    _open(desk, "2000")
    _take_cash(desk, bills[0], "500")
    _count_short(desk)
    slip = _text(_download(desk, "Till slip", tmp_path))
    for expected in ("2,000.00", "500.00", "2,480.00", "20.00", "Gave too much change", "Reception"):
        assert expected in slip, expected

    _close_the_day(office, widgets.day_text(today))
    paper = _download(office, "Day close PDF", tmp_path)
    read = _text(paper)
    assert paper.name == f"day-close-{today.isoformat()}.pdf"
    for expected in ("Sunrise Clinic", "1,000.00", "500.00", "2,480.00", "Gave too much change", "manager"):
        assert expected in read, expected

    _take_cash(desk, bills[1], "200")
    later = clinic.journal.of_day(ledger.open_day(clinic))
    assert [(entry.event, entry.till) for entry in later] == [(Event.PAYMENT, None)]
    assert later[0].day > today
    assert clinic.journal.of_day(today)[-1].event is Event.DAY_CLOSE

    again = _download(office, "Day close PDF", tmp_path / "again")
    assert again.read_bytes() == paper.read_bytes()
    assert check.run(clinic) == []


def _go(page: Page, title: str) -> None:
    page.get_by_role("link", name=title).click()
    heading(page, title)


def _open(desk: Page, amount: str) -> None:
    _go(desk, "Cash")
    desk.get_by_label("Float from the safe in INR").fill(amount)
    desk.get_by_role("button", name="Open my till").click()
    expect(desk.get_by_text("My till is open", exact=True)).to_be_visible()


def _take_cash(desk: Page, number: str, amount: str) -> None:
    _go(desk, "Billing")
    settled(desk)
    if desk.get_by_role("button", name="All bills").is_visible():
        desk.get_by_role("button", name="All bills").click()
    desk.get_by_role("button", name=re.compile(f"^Take payment: .*{number}")).click()
    desk.get_by_label("Amount in INR").fill(amount)
    desk.get_by_role("button", name="Take payment", exact=True).click()
    expect(desk.get_by_text(re.compile(rf"₹{amount}\.00 taken"))).to_be_visible()


def _count_short(desk: Page) -> None:
    """By keyboard alone: the cursor is in the first field."""
    _go(desk, "Cash")
    expect(desk.get_by_text("+₹500.00")).to_be_visible()
    desk.keyboard.press("k")
    first = desk.get_by_label("₹500", exact=True)
    expect(first).to_be_focused()
    expect(desk.get_by_text("2,500")).to_have_count(0)
    desk.keyboard.type("3")
    desk.get_by_role("button", name="Not yet").click()
    expect(desk.get_by_text("My till is open", exact=True)).to_be_visible()
    settled(desk)
    desk.keyboard.press("k")
    expect(first).to_have_value("3")
    expect(first).to_be_focused()
    desk.keyboard.press("Control+a")
    for pieces in ("4", "2", "0", "1", "1"):  # 500, 200, 100, 50, 20
        desk.keyboard.type(pieces)
        desk.keyboard.press("Tab")
    desk.keyboard.type("1")
    desk.keyboard.press("Tab")
    expect(desk.get_by_text("₹2,480.00 counted")).to_be_visible()
    settled(desk)
    desk.keyboard.press("Control+Enter")
    expect(desk.get_by_role("heading", name="₹20.00 missing")).to_be_visible()
    desk.get_by_role("button", name="Close the till").click()
    expect(desk.get_by_text("Say how the difference came about")).to_be_visible()
    desk.get_by_label("How did it come about?").fill("Gave too much change")
    desk.get_by_role("button", name="Close the till").dblclick()
    expect(desk.get_by_text("My till is closed")).to_be_visible()
    expect(desk.get_by_text("Gave too much change")).to_have_count(1)


def _close_the_day(office: Page, day: str) -> None:
    _go(office, "Cash")
    office.get_by_role("radio", name="Close the day").or_(office.get_by_text("Close the day", exact=True)).first.click()
    expect(office.get_by_text("₹20.00 missing")).to_be_visible()
    office.get_by_role("button", name=re.compile("Close the day")).last.click()
    office.get_by_role("button", name=f"Yes, close {day}").dblclick()
    expect(office.get_by_text(re.compile("What is booked from now on"))).to_be_visible()


def _download(page: Page, button: str, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    with page.expect_download() as download:
        page.get_by_role("button", name=button).first.click()
    saved = folder / download.value.suggested_filename
    download.value.save_as(saved)
    return saved


def _text(pdf: Path) -> str:
    program = shutil.which("pdftotext")
    assert program is not None, "poppler-utils is missing: .ci/run installs it"
    return subprocess.run([program, "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
