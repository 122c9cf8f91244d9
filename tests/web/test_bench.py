"""The bench plays the browser's part against the real app."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clinic_core import measuring
from clinic_core.bench import pages
from clinic_core.cli import main
from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.errors import InvalidInput
from clinic_core.reports import boards
from clinic_core.services import demo
from clinic_core.settings import Settings
from tests.conftest import fresh_database
from tests.web import rig
from ui.report_boards import BOARDS


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


@pytest.fixture(scope="module")
def small(server_url: str) -> Iterator[Clinic]:
    """A demo clinic of five weeks."""
    clinic = open_clinic(Settings(database_url=fresh_database(server_url)))
    create_indexes(clinic)
    demo.load(clinic, years=0.1, practitioners=2)
    yield clinic
    clinic.close()


def test_reports_are_clicked_on_every_board(small: Clinic, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A board that no click can change, or a key that somebody reads and that is gone, fails here."""
    monkeypatch.setattr(measuring, "_FRESH", 1)
    monkeypatch.setattr(measuring, "_wait_until_idle", lambda pid: None)
    (tmp_path / "logs").mkdir()
    clinic = replace(small, settings=replace(small.settings, data_dir=tmp_path))
    found = measuring._measured(clinic, measuring.Plan(years=0.1, clicks=9))

    keys = ["open_cold_ms", "open_warm_ms", "click_p95_ms", "rebuild_month_ms", "rss_mb", "rows", "years"]
    assert {key for key in keys if not found[key] > 0} == set()
    assert set(found["click_p95_by_board_ms"]) == {*boards(), *BOARDS}
    assert min(found["click_p95_by_board_ms"].values()) > 0
    assert found["click_ms"]["n"] == 9


def test_data_of_fewer_years_is_refused(small: Clinic) -> None:
    """Figures of ten years that come from half a year would look better than they are."""
    with pytest.raises(InvalidInput, match=r"holds 0\.\d years, 10 are to be measured"):
        measuring._require_years(small, 10)
    measuring._require_years(small, 0.1)
