"""The data folder has one holder at a time, and commands find the database that runs on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from clinic_core import embedded
from clinic_core.embedded import Server, open_database
from clinic_core.errors import Unavailable
from clinic_core.folder import COMMAND, UP, DataFolder, Running, command_line
from clinic_core.settings import ROOT, Settings
from clinic_core.store.mongo import connect, database_of


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """An empty data folder that nobody holds."""
    folder = DataFolder(tmp_path)
    folder.prepare()
    return folder


def ignore(text: str) -> None:
    """Progress that no test reads."""


def test_a_command_starts_its_own_server_and_stops_it(folder: DataFolder):
    """Afterwards there is no process, no lock and no state."""
    with open_database(Settings(), folder.path) as url:
        running = folder.running()
        assert running is not None
        assert (running.kind, running.database_url) == (COMMAND, url)
        assert embedded.answers(url)

    assert folder.tag not in command_line(running.children["database"])
    assert sorted(path.name for path in folder.path.iterdir()) == ["db", "logs"]


def test_a_command_uses_the_server_that_runs_there(folder: DataFolder, server_url: str):
    """`up` holds the folder and has written where its database answers."""
    with folder.held(UP, say=ignore):
        folder.record(Running(kind=UP, database_url=server_url))
        with open_database(Settings(), folder.path) as url:
            assert url == server_url


def test_database_url_wins(folder: DataFolder):
    """With a server of their own nobody looks at the folder."""
    settings = Settings(database_url="mongodb://db.example.org/clinic")

    with open_database(settings, folder.path) as url:
        assert url == settings.database_url


def test_a_clinic_on_another_server_is_named(folder: DataFolder):
    """`up` was started with DATABASE_URL and this command without."""
    with folder.held(UP, say=ignore):
        folder.record(Running(kind=UP, embedded=False))
        with pytest.raises(Unavailable, match="set DATABASE_URL"), open_database(Settings(), folder.path):
            pass


def test_two_commands_never_share_a_folder(folder: DataFolder, monkeypatch: pytest.MonkeyPatch):
    """The second one waits; when the first goes on too long it says who has the folder."""
    monkeypatch.setattr(embedded, "WAIT_SECONDS", 0.3)
    with folder.held(COMMAND, say=ignore):
        expected = f"Another command \\(process {os.getpid()}\\)"
        with pytest.raises(Unavailable, match=expected), open_database(Settings(), folder.path):
            pass


def test_the_lock_has_one_holder_however_many_race(folder: DataFolder):
    """Taking, giving back and removing the lock file leave no gap in which two hold it."""
    holders, most = 0, 0
    guard = threading.Lock()
    until = time.monotonic() + 1

    def race() -> None:
        nonlocal holders, most
        mine = DataFolder(folder.path)
        while time.monotonic() < until:
            if mine.acquire():
                with guard:
                    holders += 1
                    most = max(most, holders)
                with guard:
                    holders -= 1
                mine.release()

    racers = [threading.Thread(target=race) for _ in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert most == 1


def test_an_acknowledged_write_survives_sigkill_on_the_same_port(folder: DataFolder):
    """What clients count on when `up` restarts a dead database."""
    server = Server(folder)
    server.start()
    client = connect(server.url)
    try:
        notes = database_of(client, "clinic")["notes"]
        notes.insert_one({"_id": 1})
        os.kill(server.child.pid or 0, signal.SIGKILL)
        server.child.wait()
        port = server.port
        server.start()

        assert server.port == port
        assert notes.find_one({"_id": 1}) == {"_id": 1}
    finally:
        client.close()
        server.stop()


def test_a_server_ends_with_the_process_that_started_it(folder: DataFolder):
    """Even by SIGKILL, which no handler sees."""
    program = (
        "import pathlib, signal, os, sys\n"
        "from clinic_core.embedded import Server\n"
        "from clinic_core.folder import DataFolder\n"
        "server = Server(DataFolder(pathlib.Path(sys.argv[1])))\n"
        "server.start()\n"
        "print(server.child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(folder.path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    pid = int(run.stdout)

    deadline = time.monotonic() + 10
    while folder.tag in command_line(pid):
        assert time.monotonic() < deadline, "the server is still there"
        time.sleep(0.05)


def test_what_a_killed_run_left_is_said_and_ended(folder: DataFolder, monkeypatch: pytest.MonkeyPatch):
    """A server that does not stop by itself would keep the folder shut for the next run."""
    monkeypatch.setattr("clinic_core.folder.LEFTOVER_SECONDS", 0.5)
    left = Server(folder)
    left.start()
    pid = left.child.pid or 0
    folder.record(Running(kind=UP, pid=0, children={"database": pid}))
    said: list[str] = []

    with DataFolder(folder.path).held(UP, say=said.append):
        assert folder.tag not in command_line(pid)

    assert said == ["An earlier run was killed; waiting for what it left behind to stop …"]
    left.stop()


def test_a_process_id_that_somebody_else_has_now_is_left_alone(folder: DataFolder):
    """After a reboot the numbers in an old state file belong to others."""
    folder.record(Running(kind=UP, pid=0, children={"database": os.getpid()}))
    said: list[str] = []

    with DataFolder(folder.path).held(UP, say=said.append):
        assert said == []


def test_a_folder_that_another_program_has_open_is_named(folder: DataFolder):
    """WiredTiger's own lock is the last line of defence, and its refusal becomes a sentence."""
    first = Server(folder)
    first.start()
    try:
        second = Server(DataFolder(folder.path))
        with pytest.raises(Unavailable, match="Another program has the database"):
            second.start()
    finally:
        first.stop()
