"""Three sidecars share jobs while they are killed at random: nothing is run twice without need, nothing is left out."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.domain.jobs import LEASE
from clinic_core.settings import ROOT, Settings
from tests.cli.house import environment, eventually
from tests.faults.rig import Crew
from tests.faults.worker import NAMES

SIDECARS = 3
SECONDS = float(os.environ.get("FAULT_SECONDS", "4"))


@pytest.mark.faults
def test_each_due_time_is_worked_on_once_unless_its_sidecar_was_killed(database_url: str, tmp_path: Path) -> None:
    """Who is killed in the middle is followed after the lease; nobody else begins what somebody holds or has done."""
    clinic = open_clinic(Settings(database_url=database_url))
    create_indexes(clinic)
    crew = Crew("tests.faults.worker", database_url, tmp_path, clinic.server_now().isoformat())
    killed = _havoc(crew)
    so_far = _latest(crew)
    eventually(lambda: all(_latest(crew)[name] > so_far[name] for name in NAMES), what="each job after the last kill")
    lines = crew.lines()
    while crew.processes:
        crew.kill(0)
    _judge(lines, killed)
    clinic.close()


def _havoc(crew: Crew) -> set[str]:
    """Kill for `SECONDS`; who was."""
    killed, chance, until = set[str](), random.Random(1), time.monotonic() + SECONDS
    for _ in range(SIDECARS):
        crew.start()
    while time.monotonic() < until or len(killed) < SIDECARS:
        time.sleep(0.2)
        victim = chance.randrange(SIDECARS)
        if _at_work(crew, crew.processes[victim].name):
            killed.add(crew.processes[victim].name)
            crew.kill(victim)
            crew.start()
    return killed


def _at_work(crew: Crew, name: str) -> bool:
    """Whether the last that a sidecar said is that it began a job."""
    said = [line["what"] for line in crew.lines() if line["sidecar"] == name]
    return said[-1:] == ["began"]


def _latest(crew: Crew) -> dict[str, str]:
    """The last due time that each job was done for."""
    latest = dict.fromkeys(NAMES, "")
    for line in crew.lines():
        if line["what"] == "done":
            latest[line["job"]] = max(latest[line["job"]], line["due"])
    return latest


def _judge(lines: list[dict[str, Any]], killed: set[str]) -> None:
    excused = killed | {line["sidecar"] for line in lines if line["what"] == "stalled"}
    begun: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        if line["what"] == "began":
            begun[line["job"], line["due"]].append(line)
    fences = [(line["job"], line["fence"]) for runs in begun.values() for line in runs]
    assert len(set(fences)) == len(fences), "two sidecars held one job at once"
    again = {due: sorted(runs, key=lambda run: run["fence"]) for due, runs in begun.items() if len(runs) > 1}
    needless = {due: runs for due, runs in again.items() if any(run["sidecar"] not in excused for run in runs[:-1])}
    assert needless == {}, "done twice though nobody had died"
    assert again, "nobody was killed in the middle of a job: the test proves nothing"


def test_sigterm_ends_the_real_sidecar_in_good_order(clinic: Clinic) -> None:
    """The jobs at hand are finished, no lease is left for the next sidecar to wait for, and it is not missed."""
    sidecar = subprocess.Popen(
        [sys.executable, "scheduler.py"],
        cwd=ROOT,
        env=environment(DATABASE_URL=clinic.settings.database_url),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: any(state.finished_at for state in clinic.jobs.all()), what="a job")
        assert clinic.jobs.sidecars()
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(LEASE.total_seconds()) == 0
    finally:
        sidecar.kill()
    assert [state.id for state in clinic.jobs.all() if state.holder] == []
    assert clinic.jobs.sidecars() == []
