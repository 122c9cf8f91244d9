"""Signing in and out as a person does it, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from clinic_core.clinic import Clinic
from tests.chromium import CHROMIUM, heading, launched, sign_in
from tests.web import rig

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sign-in was not tried in a browser (see .ci/run)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    yield from launched()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab of a browser that knows nobody."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def url(running: Clinic) -> Iterator[str]:
    """The real app."""
    with rig.serving(rig.ROOT, running.settings.database_url) as address:
        yield address


@contextmanager
def quiet(page: Page) -> Iterator[None]:
    """Nothing that the browser calls an error or a breach of our policy happens inside."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if "Content Security" in line.text else None)
    yield
    assert not said


def test_one_signs_in_reloads_and_signs_out(page: Page, url: str) -> None:
    """To the page that was asked for; F5 keeps it; afterwards the address leads to the form again."""
    with quiet(page):
        page.goto(f"{url}/patients")
        sign_in(page, "reception", rig.PASSWORD)
        heading(page, "Patients")
        assert page.url == f"{url}/patients"

        page.reload()
        heading(page, "Patients")
        assert not [found for found in page.context.cookies() if "session" in found["name"] and not found["httpOnly"]]
        assert "clinic_session" not in page.evaluate("document.cookie")

        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
        page.goto(f"{url}/patients")
        expect(page.locator("#username")).to_be_focused()


def test_a_wrong_password_keeps_the_name_and_the_focus(page: Page, url: str) -> None:
    """One types the password again and goes on."""
    page.goto(url)
    sign_in(page, "reception", "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#username")).to_have_value("reception")
    expect(page.locator("#password")).to_be_focused()

    page.keyboard.type(rig.PASSWORD)
    page.keyboard.press("Enter")
    heading(page, "Today")


def test_the_doctor_is_refused_billing_by_address(page: Page, url: str) -> None:
    """With a sentence, inside the menu of what is open to doctors."""
    page.goto(f"{url}/billing")
    sign_in(page, "doctor", rig.PASSWORD)

    expect(page.get_by_text("Your role (doctor) may not open this page")).to_be_visible()
    expect(page.get_by_role("link", name="Billing")).to_have_count(0)
    expect(page.get_by_role("link", name="Patients")).to_be_visible()


def test_a_revoked_session_is_led_to_the_form_and_back(page: Page, url: str, running: Clinic) -> None:
    """The next click in a tab that was open all the time."""
    page.goto(f"{url}/patients")
    sign_in(page, "manager", rig.PASSWORD)
    heading(page, "Patients")
    running.sessions.remove_of("user-manager")

    page.get_by_role("link", name="Billing").click()
    expect(page.get_by_text("You were signed out")).to_be_visible()
    sign_in(page, "manager", rig.PASSWORD)
    heading(page, "Patients")


def test_a_link_on_another_site_finds_who_is_signed_in(page: Page, url: str) -> None:
    """Though the strict cookie stays at home on the first request."""
    page.goto(f"{url}/patients")
    sign_in(page, "reception", rig.PASSWORD)
    heading(page, "Patients")

    elsewhere = page.context.new_page()
    elsewhere.goto(f"http://localhost:{urlsplit(url).port}/auth/sign-in")
    elsewhere.evaluate("u => { document.body.innerHTML = `<a href='${u}'>open</a>` }", f"{url}/billing")
    elsewhere.get_by_text("open").click()
    heading(elsewhere, "Billing")


def test_a_tab_finds_its_way_after_a_restart(page: Page, running: Clinic) -> None:
    """The server comes back: with the session one goes on, without it the form appears by itself."""
    with rig.serving(rig.ROOT, running.settings.database_url) as url:
        page.goto(f"{url}/patients")
        sign_in(page, "reception", rig.PASSWORD)
        heading(page, "Patients")
    port = str(urlsplit(url).port)

    with rig.serving(rig.ROOT, running.settings.database_url, port=port):
        page.get_by_role("link", name="Billing").click()
        heading(page, "Billing")
    running.sessions.remove_of("user-reception")

    with rig.serving(rig.ROOT, running.settings.database_url, port=port):
        expect(page.locator("#username")).to_be_focused(timeout=30_000)
        sign_in(page, "reception", rig.PASSWORD)
        heading(page, "Billing")
