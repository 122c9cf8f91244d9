"""The bench plays the browser's part against the real app."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from clinic_core.bench import pages
from clinic_core.cli import main
from clinic_core.clinic import Clinic
from clinic_core.errors import InvalidInput
from tests.web import rig


@pytest.fixture(scope="module")
def url(running: Clinic) -> Iterator[str]:
    """The real app."""
    with rig.serving(rig.ROOT, running.settings.database_url) as address:
        yield address


def test_it_visits_every_screen_of_every_role(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Four people at once, one after the other's screens, with no error; the output is JSON."""
    status = main(["bench", "pages", "--url", url, "--sessions", "4", "--think", "0.05", "--reruns", "1"])

    (level,) = json.loads(capsys.readouterr().out)["levels"]
    assert status == 0
    assert level["faults"] == {}
    screens = {screen for role in pages.SCREENS.values() for screen in role}
    assert {f"open {screen}" for screen in screens} <= set(level["screens"])
    assert level["rerun_ms"]["n"] == level["open_ms"]["n"]


def test_a_screen_that_is_refused_is_a_fault(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor is not offered billing, and the bench says so instead of measuring a refusal."""
    monkeypatch.setattr(pages, "SCREENS", {"doctor": ("billing",)})
    monkeypatch.setattr(pages, "SHARES", ("doctor",))
    plan = pages.Plan(url=url, password=rig.PASSWORD, think=0, reruns=1)

    (level,) = pages.run(plan, [1])["levels"]

    assert level["faults"] == {"billing: not offered to doctor": 1}


def test_a_wrong_password_says_what_to_do(url: str) -> None:
    """A bench that cannot sign in stops with a sentence."""
    with pytest.raises(InvalidInput, match="demo clinic loaded"):
        pages.sign_in(url, "reception", "wrong password")
