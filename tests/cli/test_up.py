"""`up` for real: it starts, mends what dies, shares its database with other commands, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic_core.embedded import free_port
from tests.cli import house as running
from tests.cli.house import House, eventually

pytestmark = pytest.mark.xdist_group("up")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A clinic without demo data that the tests of this file share, in their order."""
    house = House(tmp_path_factory.mktemp("up"), free_port(), "--no-demo")
    house.wait_until_open()
    yield house
    if house.process.poll() is None:
        house.interrupt()


def test_all_three_answer(house: House):
    """Database and sidecar show in the app's health; the embedded database is called what it is."""
    health = house.health()

    assert health["status"] == "ok"
    assert health["sidecar"]["last_beat"]
    assert sorted(house.children()) == ["app", "database", "sidecar"]
    assert house.heard("embedded database")
    assert not house.heard("clinic-demo")


def test_a_second_up_on_the_folder_is_refused(house: House):
    """One sentence, and the first one goes on."""
    second = running.run("up", "--data-dir", str(house.folder.path), "--port", str(free_port()), "--no-browser")

    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert "already running" in second.stderr
    assert house.health()["status"] == "ok"


def test_another_command_speaks_to_the_running_database(house: House):
    """It starts no server of its own."""
    listed = running.run("user", "list", "--data-dir", str(house.folder.path))

    assert (listed.returncode, "Starting" in listed.stderr) == (0, False), listed.stderr


@pytest.mark.parametrize("name", ["sidecar", "app", "database"])
def test_a_killed_child_is_restarted(house: House, name: str):
    """SIGKILL any of them: it is said, it comes back, and the whole is healthy again."""
    before = house.children()
    heard = len(house.said)
    os.kill(before[name], signal.SIGKILL)

    eventually(lambda: house.children().get(name) not in (None, before[name]), what=f"restarting the {name}")
    eventually(lambda: f"The {name} answers again." in house.said[heard:], what=f"the {name}'s answer")
    eventually(lambda: house.health().get("status") == "ok", what="health")
    assert any(f"The {name} stopped (killed by signal 9); restarting it" in line for line in house.said[heard:])


def test_the_database_came_back_on_its_port(house: House):
    """So that clients reconnect: the sidecar was never restarted for the database's sake."""
    assert sum("The sidecar stopped" in line for line in house.said) == 1
    assert house.health()["database"] == "ok"


def test_ctrl_c_leaves_nothing(house: House):
    """No process, no lock, no state; exit status 0."""
    children = house.children()

    assert house.interrupt() == 0
    assert house.alive(children) == []
    assert sorted(path.name for path in house.folder.path.iterdir()) == ["db", "logs"]
    assert house.said[-1] == "Stopped."


def test_sigterm_during_the_start_leaves_nothing(tmp_path: Path):
    """Stopping early is stopping all the same."""
    house = House(tmp_path, free_port(), "--no-demo")
    eventually(lambda: house.heard("Starting the sidecar") or house.process.poll() is not None)
    children = eventually(house.children)

    assert house.interrupt(signal.SIGTERM) == 0
    assert house.alive(children) == []
    assert not house.heard(running.OPEN)


def test_a_killed_up_leaves_nothing_and_the_next_one_starts(tmp_path: Path):
    """SIGKILL cannot be caught; the children end by themselves, and the folder is free again, quickly."""
    port = free_port()
    first = House(tmp_path, port, "--no-demo")
    first.wait_until_open()
    children = first.children()
    first.kill()

    second = House(tmp_path, port, "--no-demo")
    try:
        took = second.wait_until_open()
        assert first.alive(children) == []
        assert took < 40
    finally:
        second.interrupt()
