"""Operations, backups: which can be relied on, how old the newest is, and what to do where there is none."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor
from clinic_core.domain.backups import BackupEvent, Step
from tests import make
from tests.conftest import World
from tests.pages import screen


def _backups(world: World, actor: Actor) -> AppTest:
    page = screen.open_page("operations", world.clinic, actor)
    page.segmented_control(key="operations.section").set_value("Backups")
    return screen.run(page)


def _note(world: World, step: Step, backup_id: str, *, note: str = "", milliseconds: int = 0) -> None:
    event = BackupEvent(
        id=f"{step}-{backup_id}",
        at=world.clinic.now(),
        step=step,
        backup_id=backup_id,
        size=12_300_000,
        documents=4_567,
        milliseconds={"restore": milliseconds} if milliseconds else {},
        note=note,
    )
    world.clinic.backups.add(event)


def test_it_says_how_to_begin(world: World, admin: Actor) -> None:
    """A clinic without backups has to be told before it needs one."""
    said = screen.said(_backups(world, admin))
    assert "python -m clinic_core backup keys" in said
    assert "02:00" in said


def test_it_shows_what_can_be_relied_on(world: World, admin: Actor, clock: make.Clock) -> None:
    """The newest good one and its age, each with its state, and what to do about a broken one."""
    for backup_id in ("one", "two"):
        _note(world, Step.CREATED, backup_id)
        clock.pass_(minutes=1)
    _note(world, Step.DRILLED, "one", milliseconds=61_000)
    _note(world, Step.FOUND_BROKEN, "two", note="It was cut. Use another backup.")
    clock.pass_(hours=3)
    page = _backups(world, admin)
    said = screen.said(page)
    assert "3 hours old" in said
    cells = [row["cells"] for row in screen.component(page, "operations.backups")["rows"]]
    assert [row[1]["text"] for row in cells] == ["Broken", "Verified"]
    assert cells[1][2:4] == ["12.3 MB", "4,567"]
    assert cells[1][6] == "61.0 s"
    assert "It was cut" in str([each.value for each in page.error])
    clock.pass_(hours=30)
    assert "33 hours old" in str([each.value for each in _backups(world, admin).warning])


def test_none_that_is_good_is_an_error(world: World, admin: Actor) -> None:
    """A backup that nobody tried is no reason to sleep well."""
    _note(world, Step.CREATED, "one")
    assert "No backup can be relied on" in str([each.value for each in _backups(world, admin).error])
