"""A clinic's day in a real browser: register, book, arrive, see, bill, pay in two parts, print, chart."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from clinic_core.clinic import Clinic
from clinic_core.services import check
from tests.chromium import CHROMIUM, heading, settled, sign_in
from tests.web import rig

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: the whole day was not tried in a browser (see .ci/run)"),
]
PATIENT = "Zoë D'Souza"


@pytest.fixture
def desk(browser: Browser, url: str) -> Iterator[Page]:
    """Reception, signed in."""
    yield from _at_work(browser, url, "reception")


@pytest.fixture
def room(browser: Browser, url: str) -> Iterator[Page]:
    """The doctor, signed in on another computer."""
    yield from _at_work(browser, url, "doctor")


@pytest.fixture
def office(browser: Browser, url: str) -> Iterator[Page]:
    """The manager, signed in on a third."""
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


def test_a_whole_day(desk: Page, room: Page, office: Page, url: str, clinic: Clinic, tmp_path: Path) -> None:
    """Each person does their part on their own computer, and the figures agree to the cent."""
    _register(desk)
    _book(desk)
    _arrive(desk)
    _see(room)
    number = _bill_and_take_two_payments(desk)
    _read_the_papers(desk, number, tmp_path)
    _look_at_revenue(office)
    _is_refused(room, f"{url}/billing")

    assert check.run(clinic) == []


def _go(page: Page, title: str) -> None:
    page.get_by_role("link", name=title).click()
    heading(page, title)


def _register(desk: Page) -> None:
    _go(desk, "Patients")
    desk.get_by_role("button", name="Register a new patient").click()
    desk.get_by_label("Name", exact=True).fill(PATIENT)
    desk.get_by_label("or age").fill("34")
    desk.get_by_label("Phone").fill("98765 43210")
    desk.get_by_label("Allergies").fill("Penicillin")
    desk.get_by_role("button", name="Register", exact=True).click()
    expect(desk.get_by_text("Registered as P-000001.")).to_be_visible()


def _book(desk: Page) -> None:
    _go(desk, "Appointments")
    desk.get_by_role("button", name=re.compile(r"Dr A, free: ")).first.click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_label("Patient").press_sequentially("souza", delay=20)
    expect(dialog.get_by_role("button", name=re.compile(PATIENT))).to_be_visible()
    settled(desk)
    dialog.get_by_role("button", name=re.compile(PATIENT)).click()
    expect(dialog.get_by_text("Penicillin")).to_be_visible()
    dialog.get_by_role("button", name="Book", exact=False).last.click()
    expect(desk.get_by_text(re.compile("P-000001 is booked for"))).to_be_visible()


def _arrive(desk: Page) -> None:
    _go(desk, "Today")
    desk.get_by_role("button", name=f"Arrived: {PATIENT}").click()
    expect(desk.get_by_role("button", name=f"With doctor: {PATIENT}")).to_be_visible()


def _see(room: Page) -> None:
    room.reload()
    room.get_by_role("button", name=f"Call in: {PATIENT}").click()
    heading(room, "Visit")
    expect(room.get_by_text("Penicillin")).to_be_visible()
    room.get_by_label("Reason").fill("A cut on the hand")
    room.get_by_label("Findings").fill("Clean wound, 2 cm")
    room.get_by_label("Assessment").fill("Superficial cut")
    room.get_by_label("Plan").fill("Dressing, come back if it hurts")
    _add_service(room, "Dressing")
    room.get_by_role("button", name="Finish visit").click()
    expect(room.get_by_text(re.compile("finished", re.I)).first).to_be_visible()


def _add_service(room: Page, name: str) -> None:
    room.get_by_role("combobox", name=re.compile("service", re.I)).first.click()
    room.keyboard.type(name)
    room.get_by_role("option", name=re.compile(name)).first.click()
    room.keyboard.press("Escape")


def _bill_and_take_two_payments(desk: Page) -> str:
    _go(desk, "Billing")
    desk.get_by_role("button", name=re.compile("^Bill: ")).first.click()
    desk.get_by_role("button", name="Issue invoice").click()
    desk.get_by_role("button", name="Yes, issue it").click()
    expect(desk.get_by_text("₹795.59 due")).to_be_visible()
    _pay(desk, "500", "Cash")
    expect(desk.get_by_text("₹295.59 due")).to_be_visible()
    _pay(desk, "295.60", "UPI")
    expect(desk.get_by_text(re.compile("Only ₹295.59 is due"))).to_be_visible()
    _pay(desk, "295.59", "UPI")
    expect(desk.get_by_text(re.compile("The invoice is paid"))).to_be_visible()
    title = desk.get_by_role("heading", name=re.compile(r"INV-\d{4}-00001")).inner_text()
    return title.split()[0]


def _pay(desk: Page, amount: str, method: str) -> None:
    settled(desk)  # the form before is still there while the next one is drawn
    desk.get_by_label("Amount in INR").fill(amount)
    desk.get_by_role("radio", name=method).or_(desk.get_by_role("button", name=method, exact=True)).first.click()
    desk.get_by_role("button", name="Take payment").click()


def _read_the_papers(desk: Page, number: str, folder: Path) -> None:
    invoice = _download(desk, "Invoice PDF", folder)
    assert invoice.name == f"{number}.pdf"
    read = _text(invoice)
    for expected in (number, PATIENT, "P-000001", "500.00", "250.50", "45.09", "795.59", "18"):
        assert expected in read, expected
    receipt = _text(_download(desk, "Receipt", folder))
    assert "295.59" in receipt
    assert "UPI" in receipt


def _download(desk: Page, button: str, folder: Path) -> Path:
    with desk.expect_download() as download:
        desk.get_by_role("button", name=button).first.click()
    saved = folder / download.value.suggested_filename
    download.value.save_as(saved)
    return saved


def _text(pdf: Path) -> str:
    program = shutil.which("pdftotext")
    assert program is not None, "poppler-utils is missing: .ci/run installs it"
    return subprocess.run([program, "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout


def _look_at_revenue(office: Page) -> None:
    _go(office, "Reports")
    for figure, amount in (("Billed", "₹795.59"), ("Collected", "₹795.59"), ("Outstanding", "₹0.00")):
        expect(office.locator("dl.tiles .tile").filter(has_text=figure)).to_contain_text(amount)


def _is_refused(room: Page, address: str) -> None:
    room.goto(address)
    expect(room.get_by_text("Your role (doctor) may not open this page")).to_be_visible()
