"""The desk's own components in a real browser: by keyboard alone, on a phone, with names that are no names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from clinic_core.clinic import Clinic
from tests import make
from tests.chromium import CHROMIUM, heading, settled, sign_in
from tests.web import rig

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: the desk was not tried in a browser (see .ci/run)"),
]
MARKUP = "<img src=x onerror=window.hacked=1> **Asha**"
FOCUSED = """() => {
  let at = document.activeElement
  while (at && at.shadowRoot && at.shadowRoot.activeElement) at = at.shadowRoot.activeElement
  return at ? at.getAttribute("aria-label") || at.tagName : ""
}"""


@pytest.fixture(scope="module", autouse=True)
def patient(clinic: Clinic) -> None:
    """The one patient, whose name is markup."""
    clinic.patients.add(make.patient(name=MARKUP, allergies="Latex"))


@pytest.fixture(params=[(1366, 768), (390, 844)], ids=["wide", "phone"])
def desk(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Reception, signed in, on a wide screen and on a phone."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(url)
    sign_in(page, "reception", rig.PASSWORD)
    heading(page, "Today")
    yield page
    context.close()


def _open(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/{name.lower()}")
    heading(page, name)


def _focused(page: Page) -> str:
    return str(page.evaluate(FOCUSED))


def _tab_to(page: Page, part: str) -> None:
    for _ in range(60):
        if part in _focused(page):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"nothing with {part!r} can be reached by Tab")


def test_booking_by_keyboard_alone(desk: Page, url: str, clinic: Clinic) -> None:
    """Tab into the grid, arrows to a time, Enter, type, Ctrl+Enter twice; then the grid has the focus again."""
    _open(desk, url, "Appointments")
    expect(desk.get_by_role("group", name="Appointments on")).to_be_visible()
    _tab_to(desk, "free: book")
    first = _focused(desk)
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft"):
        desk.keyboard.press(key)
    assert _focused(desk) != first
    while "Dr A, free: book" not in (chosen := _focused(desk)):
        desk.keyboard.press("ArrowDown")

    desk.keyboard.press("Enter")
    box = desk.get_by_role("dialog").get_by_label("Patient")
    expect(box).to_be_focused()
    desk.keyboard.type("asha")
    expect(desk.get_by_role("dialog").get_by_role("button", name="Asha")).to_be_visible()
    settled(desk)
    desk.keyboard.press("Control+Enter")
    expect(desk.get_by_role("dialog").get_by_text("Latex")).to_be_visible()
    settled(desk)  # "Book" is drawn last: until then the key belongs to the patient found
    desk.keyboard.press("Control+Enter")

    expect(desk.get_by_role("dialog")).to_have_count(0)
    expect(desk.get_by_role("button", name=f"{chosen[:5]} to ")).to_be_visible()
    assert chosen[:5] in [f"{clinic.local(a.start):%H:%M}" for a in clinic.appointments.on_day(clinic.today())]


@pytest.mark.parametrize("name", ["Today", "Appointments", "Patients"])
def test_names_are_shown_and_never_run(desk: Page, url: str, name: str) -> None:
    """A name with markup is text on every screen, and no screen is wider than the window."""
    _open(desk, url, name)
    expect(desk.get_by_text(MARKUP).first).to_be_visible()

    assert desk.evaluate("() => window.hacked") is None
    assert desk.evaluate("() => document.scrollingElement.scrollWidth <= window.innerWidth")


def test_the_table_goes_by_arrows(desk: Page, url: str) -> None:
    """Down and up move from row to row."""
    _open(desk, url, "Appointments")
    desk.get_by_text("Table", exact=True).click()
    desk.get_by_role("button", name="Book: ").first.focus()
    first = _focused(desk)
    desk.keyboard.press("ArrowDown")
    assert _focused(desk) != first
    desk.keyboard.press("ArrowUp")
    assert _focused(desk) == first


def test_the_preview_of_a_message_follows_the_typing(browser: Browser, url: str) -> None:
    """While typing, what is typed stays and is shown; a placeholder goes in where the cursor is."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(f"{url}/settings")
    sign_in(page, "manager", rig.PASSWORD)
    heading(page, "Settings")
    page.get_by_role("radio", name="Messages").click()
    page.get_by_role("radio", name="Words").click()
    area = page.get_by_role("textbox", name="Words")

    area.fill("Come on  at {time}")
    area.press("Home")
    for _ in range(len("Come on ")):
        area.press("ArrowRight")
    page.get_by_role("button", name="Insert {day}").click()
    area.press_sequentially(" “soon”")

    expect(page.get_by_text("“soon” at 10:30 am Ref K7P2QD")).to_be_visible()
    expect(page.get_by_text("These characters make it UCS-2")).to_be_visible()
    expect(area).to_be_focused()
    expect(area).to_have_value("Come on {day} “soon” at {time}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("the words are saved")).to_be_visible()
    context.close()
