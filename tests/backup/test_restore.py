"""The clinic back from nothing, by the commands of docs/how-to/restore-a-backup.md, word for word."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from clinic_core.backup import catalogue, dump, nightly
from clinic_core.backup.manifest import Manifest
from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.embedded import Server
from clinic_core.folder import DataFolder
from clinic_core.settings import ROOT, Settings
from tests.backup.shop import shop_of
from tests.cli.house import environment
from tests.conftest import set_up

GUIDE = ROOT / "docs" / "how-to" / "restore-a-backup.md"


def _back_up_under_load(folder: Path) -> Manifest:
    """Make and prove a backup while others write. The database is gone afterwards."""
    host = DataFolder(folder)
    host.prepare()
    server = Server(host, tests=True)
    server.start()
    clinic = open_clinic(Settings(database_url=server.url, data_dir=host.path), now=lambda: datetime.now(UTC))
    create_indexes(clinic)
    set_up(clinic)
    shop, begun, stopping = shop_of(clinic, host.path), threading.Event(), threading.Event()
    load = threading.Thread(target=_write_pairs, args=(clinic, begun, stopping))
    load.start()
    assert begun.wait(30)
    list(nightly.night(shop))
    stopping.set()
    load.join()
    (entry,) = catalogue.entries(shop.places.folder, shop.public_key)
    shop.clinic.close()
    clinic.close()
    server.stop()
    shutil.rmtree(host.database)
    assert entry.manifest is not None
    return entry.manifest


def _write_pairs(clinic: Clinic, begun: threading.Event, stopping: threading.Event) -> None:
    """Insert one document into each of two collections, together, until it is enough."""
    for name in ("left", "right"):
        clinic.database.create_collection(name)
    number = 0
    while not stopping.is_set():
        with clinic.client.start_session() as session, session.start_transaction():
            for name in ("left", "right"):
                clinic.database[name].insert_one({"_id": number}, session=session)
        number += 1
        begun.set()


def _follow(folder: Path) -> str:
    """Run the guide's commands in a folder that has the program and nothing else; what they printed."""
    for name in ("clinic_core", "scheduler.py", "app.py"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv" / "bin").mkdir(parents=True)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 5
    done = subprocess.run(
        ["bash", "-euc", "\n".join(blocks)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_clinic_comes_back_from_nothing(tmp_path: Path) -> None:
    """The machine is gone; there are the backup, which was made while others wrote, the kit, and the guide.

    The backup must hold one moment: what is inserted in pairs is there in pairs. `restore` compares every collection
    with the manifest's hash before it says that all is equal, and `check` must find nothing.
    """
    made = _back_up_under_load(tmp_path / "host")
    assert made.mode == dump.SNAPSHOT
    assert made.collections["left"]["count"] == made.collections["right"]["count"] > 0
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.move(tmp_path / "host" / "backups", bare / "copied-backups")
    shutil.move(tmp_path / "host" / "kit", bare / "kit.txt")
    printed = _follow(bare)
    assert f"{made.id}  verified" in printed
    assert f"{made.id} is in the new database restored, compared and equal." in printed
    assert "patients: 2 then, 0 now" in printed
    assert "backup switch clinic" in printed  # the way back
    server = Server(DataFolder(bare / "data"))
    server.start()
    clinic = open_clinic(Settings(database_url=server.url))
    assert {patient.name for patient in clinic.patients.latest(9)} == {"Asha Rao", "Ben Müller"}
    clinic.close()
    server.stop()


def test_the_guide_names_what_errors_say() -> None:
    """Its table is searched for the words on the screen: they have to be those."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "clinic_core").rglob("*.py"))
    table = re.findall(r"^\| (?!it says)([^-|][^|]+) \| [A-Z`]", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(table) == 12
    for words in table:
        assert all(part.strip() in source for part in words.split("…")), words
