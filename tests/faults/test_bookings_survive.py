"""Eight desks book, move and cancel at random while they, and the database, are killed: nothing acknowledged is lost.

`FAULT_SECONDS` says for how long, 9 if unset. The database is killed only when it is the test's own.
"""

from __future__ import annotations

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.embedded import Server
from clinic_core.services import check
from clinic_core.settings import Settings
from tests import make
from tests.conftest import fresh_database, set_up
from tests.faults.desk import state
from tests.faults.rig import Crew, cut, figures

DESKS = 8
SECONDS = float(os.environ.get("FAULT_SECONDS", "9"))


@pytest.mark.faults
def test_nothing_acknowledged_is_lost_and_nothing_overlaps(
    own_server: Server | None, tmp_path: Path, request: pytest.FixtureRequest, record_property: Any
) -> None:
    """A desk is killed every second and the database twice; then every record is checked and every answer compared."""
    url = own_server.url if own_server else fresh_database(request.getfixturevalue("server_url"))
    clinic = open_clinic(Settings(database_url=url))
    _prepare(clinic)
    desks = Crew("tests.faults.desk", url, tmp_path)

    kills = _havoc(desks, own_server)

    lines = desks.lines()
    counted = figures(lines)
    counted.update(kills)
    for name, figure in counted.items():
        record_property(name, figure)
    print("\n" + json.dumps(counted))
    assert check.run(clinic) == []
    _compare(clinic, [line for line in lines if line["what"] == "done"])
    assert min(counted[f"done {change}"] for change in ("book", "move", "cancel")) > 0
    assert counted["refused SlotTaken"] > 0, "the desks never met: the test proves nothing"
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


def _havoc(desks: Crew, server: Server | None) -> dict[str, int]:
    """Kill for `SECONDS`, then let the desks work a moment in peace and stop them; how many were killed."""
    chance, begin, killed = random.Random(1), time.monotonic(), 0
    for _ in range(DESKS):
        desks.start()
    with ThreadPoolExecutor(1) as beside:
        outages = beside.submit(cut, server, begin, SECONDS) if server else None
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
