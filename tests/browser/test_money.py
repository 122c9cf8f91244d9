"""A manager puts money right in a real browser: part payment, refused refund, credit note, and the next bill paid."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Role
from clinic_core.domain.billing import Invoice
from clinic_core.domain.ids import new_id
from clinic_core.domain.people import Patient
from clinic_core.services import billing, check, ledger
from tests import make
from tests.chromium import CHROMIUM, heading, settled, sign_in
from tests.web import rig

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: money was not put right in a browser (see .ci/run)"),
]
MANAGER = make.actor(Role.MANAGER)


@pytest.fixture
def patient(clinic: Clinic) -> Patient:
    """Whose money it is."""
    found = make.patient(name="Zoë D'Souza")
    clinic.patients.add(found)
    return found


@pytest.fixture(params=[(1366, 768), (390, 844)], ids=["wide", "phone"])
def office(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The manager, signed in, at the desk and on a phone."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(url)
    sign_in(page, "manager", rig.PASSWORD)
    heading(page, "Today")
    yield page
    context.close()


def test_money_is_put_right(office: Page, url: str, clinic: Clinic, patient: Patient, tmp_path: Path) -> None:
    """What was paid for something that was not done pays the next bill; nothing is lost or made on the way."""
    first, second = _bill(clinic, patient), _bill(clinic, patient)
    _open(office, url, first)
    _pay(office, "200")
    expect(office.get_by_text("₹300.00 still due")).to_be_visible()

    _more(office, "Refund")
    back = office.get_by_label("Give back, at most ₹200.00")
    back.fill("900")
    office.get_by_label("Reason").fill("Paid twice")
    office.get_by_role("button", name="Give back").click()
    expect(office.get_by_text("Only ₹200.00 was paid and not given back. Enter that or less.")).to_be_visible()
    expect(back).to_have_value("900")
    expect(office.get_by_label("Reason")).to_have_value("Paid twice")

    _choose(office, "Credit note")
    office.get_by_label("Reason").fill("Not done")
    office.get_by_role("button", name="Make the credit note").click()
    expect(office.get_by_text("₹200.00 is held for the patient", exact=False).first).to_be_visible()
    assert "500.00" in _text(_download(office, "Credit note", tmp_path))
    story = office.get_by_role("table", name=f"Money of {first.label}")
    expect(story.get_by_role("row")).to_have_count(4)  # its head, charged, paid, credited
    expect(story.get_by_role("row").last).to_contain_text("-₹500.00")
    assert office.evaluate("() => document.scrollingElement.scrollWidth <= window.innerWidth")

    _open(office, url, second)
    office.get_by_role("button", name="Use ₹200.00 held for this patient").click()
    settled(office)  # until then the form that asked for 500.00 is still there, beside its successor
    expect(office.get_by_label("Amount in INR")).to_have_value("300.00")
    office.get_by_role("button", name="Take payment").click()
    expect(office.get_by_text("The invoice is paid.")).to_be_visible()

    after = [clinic.invoices.get(one.id) for one in (first, second)]
    assert [(one.paid_minor, one.credited_minor, one.due_minor) for one in after] == [(0, 50_000, 0), (50_000, 0, 0)]
    assert ledger.held_minor(clinic, patient.id) == 0
    assert check.run(clinic) == []


def _bill(clinic: Clinic, patient: Patient) -> Invoice:
    draft = billing.new_draft(clinic, MANAGER, invoice_id=new_id(), patient_id=patient.id, practitioner_id=make.DR_A)
    return billing.issue(clinic, MANAGER, billing.set_lines(clinic, MANAGER, draft, [make.line()]))


def _open(page: Page, url: str, invoice: Invoice) -> None:
    page.goto(f"{url}/billing")
    heading(page, "Billing")
    page.get_by_label("Find a bill").fill(invoice.label)
    settled(page)
    page.get_by_role("button", name="Take payment").click()
    expect(page.get_by_role("heading", name=invoice.label)).to_be_visible()
    settled(page)


def _pay(page: Page, amount: str) -> None:
    page.get_by_label("Amount in INR").fill(amount)
    page.get_by_role("button", name="Take payment").click()


def _more(page: Page, what: str) -> None:
    settled(page)
    page.get_by_text("More", exact=True).click()
    _choose(page, what)


def _choose(page: Page, what: str) -> None:
    page.get_by_test_id("stExpander").get_by_text(what, exact=True).click()
    settled(page)


def _download(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).first.click()
    saved = folder / download.value.suggested_filename
    download.value.save_as(saved)
    return saved


def _text(pdf: Path) -> str:
    program = shutil.which("pdftotext")
    assert program is not None, "poppler-utils is missing: .ci/run installs it"
    return subprocess.run([program, "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
