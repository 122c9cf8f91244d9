"""The editor of messages in a real browser: the preview follows the typing, before the field is left."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.chromium import CHROMIUM, heading, sign_in
from tests.web import rig

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: the editor was not tried in a browser (see .ci/run)"),
]


def test_the_preview_follows_the_typing(browser: Browser, url: str) -> None:
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
