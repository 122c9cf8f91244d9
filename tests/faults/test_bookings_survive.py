"""Eight desks book, move and cancel at random while they, and the database, are killed: nothing acknowledged is lost.

`FAULT_SECONDS` says for how long, 20 if unset. The database is killed only when it is the test's own.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.embedded import Server
from clinic_core.folder import DataFolder
from clinic_core.services import check
from clinic_core.settings import ROOT, Settings
from tests import make
from tests.conftest import fresh_database, set_up
from tests.faults.desk import state

DESKS = 8
OUTAGES = ((1 / 3, 0.5), (2 / 3, 6.0))  # when, and for how long: the second one outlasts the driver's patience
SECONDS = float(os.environ.get("FAULT_SECONDS", "20"))


class Desks:
    """The processes and their logs. A desk that is killed is followed by another with a log of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.started = 0

    def start(self) -> None:
        """One desk more."""
        self.started += 1
        log = self.folder / f"desk-{self.started}.jsonl"
        command = [sys.executable, "-m", "tests.faults.desk", self.url, str(log), str(self.started)]
        self.processes.append(subprocess.Popen(command, cwd=ROOT))

    def kill(self, number: int) -> None:
        """As a power cut would."""
        process = self.processes.pop(number)
        assert process.poll() is None, "a desk ended by itself"
        process.kill()
        process.wait()

    def lines(self) -> list[dict[str, Any]]:
        """All lines that were written to their end."""
        texts = [log.read_text(encoding="utf-8") for log in sorted(self.folder.glob("desk-*.jsonl"))]
        return [json.loads(line) for text in texts for line in text.split("\n")[:-1]]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server | None]:
    """A database server to be killed; None where DATABASE_URL names one that is not ours to kill."""
    if os.environ.get("DATABASE_URL"):
        yield None
        return
    folder = DataFolder(tmp_path / "database")
    folder.prepare()
    server = Server(folder)
    server.start()
    yield server
    server.stop()


@pytest.mark.faults
def test_nothing_acknowledged_is_lost_and_nothing_overlaps(
    own_server: Server | None, tmp_path: Path, request: pytest.FixtureRequest, record_property: Any
) -> None:
    """A desk is killed every second and the database twice; then every record is checked and every answer compared."""
    url = own_server.url if own_server else fresh_database(request.getfixturevalue("server_url"))
    clinic = open_clinic(Settings(database_url=url))
    _prepare(clinic)
    desks = Desks(url, tmp_path)

    kills = _havoc(desks, own_server)

    lines = desks.lines()
    figures = _figures(lines)
    figures.update(kills)
    for name, figure in figures.items():
        record_property(name, figure)
    print("\n" + json.dumps(figures))
    assert check.run(clinic) == []
    _compare(clinic, [line for line in lines if line["what"] == "done"])
    assert min(figures[f"done {change}"] for change in ("book", "move", "cancel")) > 0
    assert figures["refused SlotTaken"] > 0, "the desks never met: the test proves nothing"
    clinic.close()


def _prepare(clinic: Clinic) -> None:
    """Three practitioners who work every day, and forty patients."""
    create_indexes(clinic)
    set_up(clinic)
    clinic.practitioners.add(make.practitioner(id="dr-c", name="Dr C"))
    for practitioner_id in (make.DR_A, make.DR_B, "dr-c"):
        version = 1 if practitioner_id != "dr-c" else 0
        clinic.schedules.save(make.schedule(practitioner_id, weekly=(make.HOURS,) * 7, version=version))
    clinic.patients.add_many(make.patient() for _ in range(40))


def _havoc(desks: Desks, server: Server | None) -> dict[str, int]:
    """Kill for `SECONDS`, then let the desks work a moment in peace and stop them; how many were killed."""
    chance, begin, killed = random.Random(1), time.monotonic(), 0
    for _ in range(DESKS):
        desks.start()
    with ThreadPoolExecutor(1) as beside:
        outages = beside.submit(_cut, server, begin) if server else None
        while time.monotonic() < begin + SECONDS or (outages and not outages.done()):
            time.sleep(1)
            desks.kill(chance.randrange(DESKS))
            desks.start()
            killed += 1
        cuts = outages.result() if outages else 0
    time.sleep(2)
    while desks.processes:
        desks.kill(0)
    return {"desks killed": killed, "database killed": cuts}


def _cut(server: Server, begin: float) -> int:
    """Kill the database in the middle of its work and start it again where it was, each time."""
    for part, seconds in OUTAGES:
        time.sleep(max(0.0, begin + SECONDS * part - time.monotonic()))
        assert server.child.pid is not None
        os.kill(server.child.pid, signal.SIGKILL)
        time.sleep(seconds)
        server.start()
    return len(OUTAGES)


def _figures(lines: list[dict[str, Any]]) -> Counter[str]:
    figures: Counter[str] = Counter()
    for line in lines:
        detail = line.get("why") if line["what"] == "refused" else line["change"]
        figures[f"{line['what']} {detail}"] += 1
    return figures


def _compare(clinic: Clinic, answers: list[dict[str, Any]]) -> None:
    """Every acknowledged change is there: it made the version it was acknowledged as, whatever came after."""
    now = {stored.id: stored.record for stored in clinic.appointments.every()}
    for answer in answers:
        appointment = now.get(answer["id"])
        assert appointment is not None, f"acknowledged and lost: {answer}"
        assert appointment.version == len(appointment.events) >= answer["version"], answer
        event = appointment.events[answer["version"] - 1]
        told = {key: answer[key] for key in ("kind", "status", "start", "by")}
        kept = {"kind": event.kind, "status": event.status.value, "start": event.start.isoformat(), "by": event.by}
        assert kept == told, answer
        if appointment.version == answer["version"]:
            assert state(appointment) == {key: answer[key] for key in state(appointment)}
