"""Restoring to a moment: changes are shipped while people work and machines die, and every moment comes back."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pymongo.database import Database

from clinic_core import cli
from clinic_core.backup import replay, shipping, work
from clinic_core.clinic import Clinic, open_clinic
from clinic_core.embedded import Server
from clinic_core.folder import DataFolder
from clinic_core.settings import Settings
from clinic_core.store.mongo import Document
from tests.backup.journal import Rig, rig
from tests.backup.writer import Writer, moment_of
from tests.faults.rig import Crew

SEED = int(os.environ.get("POINT_IN_TIME_SEED", "7"))
SECONDS = float(os.environ.get("POINT_IN_TIME_SECONDS", "6"))
MOMENTS = 20
KOLKATA = ZoneInfo("Asia/Kolkata")
SHIPPERS = 2
LEAST_WRITES = 40


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A database server to be killed."""
    if os.environ.get("DATABASE_URL"):
        pytest.skip("DATABASE_URL names a server that is not ours to kill")
    folder = DataFolder(tmp_path / "database")
    folder.prepare()
    server = Server(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def busy(own_server: Server, tmp_path: Path) -> Iterator[Clinic]:
    """The clinic on that server, with the server's clock."""
    clinic = open_clinic(Settings(database_url=own_server.url, data_dir=tmp_path))
    yield clinic
    clinic.close()


def test_every_moment_comes_back(
    own_server: Server,
    busy: Clinic,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two sidecars ship at once and are killed, the database is killed, and the backup is torn: nothing may show it.

    A change that is lost, doubled, out of order or a moment late is a document that is not as it was acknowledged.
    """
    shipper = rig(busy, tmp_path)
    shipper.ship()
    work.create(work.workshop(busy))
    writers = [Writer(own_server.url, f"markers_{number}", seed=SEED + number) for number in range(2)]
    crew = Crew("tests.backup.shipper", own_server.url, tmp_path, str(tmp_path), str(shipper.places[0].path))
    base, documents = _a_bad_day(own_server, crew, writers, shipper)
    until = shipper.state.covers_to
    restored = shipper.replaying(base, documents, until)
    moments = _moments(base.complete_at, until)
    for moment in moments:
        restored.advance(moment)
        _require_acknowledged(restored.database, writers, moment)
    monkeypatch.setenv("DATABASE_URL", own_server.url)
    for number, moment in enumerate(moments[:: MOMENTS // 2]):
        name, local = f"clinic_then_{number}", moment.astimezone(KOLKATA).isoformat()
        wanted = ["--to", local, "--into", name, "--identity", str(tmp_path / "kit"), "--data-dir", str(tmp_path)]
        args = cli.build_parser().parse_args(["backup", "restore", *wanted])
        assert args.run(args) == 0
        assert f"It shows the clinic at {moment.isoformat()}" in capsys.readouterr().out
        _require_acknowledged(busy.client[name], writers, moment)


def _require_acknowledged(database: Database[Document], writers: list[Writer], moment: datetime) -> None:
    for writer in writers:
        found = {document["_id"]: document for document in database[writer.collection.name].find()}
        for key, allowed in writer.may_be(moment).items():
            assert found.get(key) in allowed, f"seed {SEED}: {writer.collection.name} {key} at {moment}"


def _a_bad_day(
    server: Server, crew: Crew, writers: list[Writer], shipper: Rig
) -> tuple[replay.Base, dict[str, list[Document]]]:
    """Write for some seconds while sidecars and the database die; the backup that was made in between."""
    begin = time.monotonic()

    def wait_for(part: float) -> None:
        time.sleep(max(0.0, begin + SECONDS * part - time.monotonic()))

    for _ in range(SHIPPERS):
        crew.start()
    for writer in writers:
        writer.start()
    wait_for(0.2)
    made = shipper.dump()
    for part in (0.3, 0.4, 0.7, 0.8):
        wait_for(part)
        crew.kill(0)
        crew.start()
        if part == 0.4:  # noqa: PLR2004
            assert server.child.pid is not None
            os.kill(server.child.pid, signal.SIGKILL)
            server.start()
    wait_for(1.0)
    for writer in writers:
        writer.write_on(LEAST_WRITES, since=made[0].complete_at)
        writer.stop()
    while crew.processes:
        crew.kill(0)
    time.sleep(shipping.SLACK.total_seconds())
    shipper.clinic.database["last"].insert_one({})
    shipper.ship()
    return made


def _moments(since: datetime, until: datetime) -> list[datetime]:
    chance = random.Random(SEED)
    return sorted(moment_of(chance.uniform(since.timestamp(), until.timestamp())) for _ in range(MOMENTS))
