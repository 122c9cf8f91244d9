"""A real browser for tests: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Final

from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launched() -> Iterator[Browser]:
    """Chromium, until the fixture that yields from this ends."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield opened
        opened.close()


def sign_in(page: Page, username: str, password: str) -> None:
    """By keyboard alone: the first field has the focus."""
    expect(page.locator("#username")).to_be_focused()
    page.keyboard.type(username)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def settled(page: Page) -> None:
    """The run that what was typed asked for has begun and ended: a search field waits 250 ms before it asks.

    Asked twice, for on a busy machine a run may begin later than that, and one run may be followed by another.
    """
    for pause in (400, 200):
        page.wait_for_timeout(pause)
        expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=20_000)


def heading(page: Page, text: str) -> None:
    """The page with this title is drawn."""
    expect(page.get_by_role("heading", level=1, name=text)).to_be_visible(timeout=20_000)
