"""The export: all records in plain formats, readable without our program, with no secret and no live formula."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from clinic_core.backup import export
from clinic_core.domain.backups import Step
from clinic_core.errors import Damaged
from tests import make
from tests.backup.shop import shop_of
from tests.conftest import World


def test_the_stock_tools_unpack_it(world: World, tmp_path: Path) -> None:
    """`age -d | tar xz`: every patient as a line of JSON and a row of CSV, whose cells run nothing."""
    age = shutil.which("age")
    if not age:
        pytest.skip("NO AGE: install the package `age`")
    world.clinic.patients.add(
        make.patient(id="p3", number="P-000003", name='=HYPERLINK("http://x")', phone="+919812345679")
    )
    world.clinic.database["users"].insert_one({"_id": "u", "username": "u", "password_hash": "$2b$12$secret"})
    world.clinic.database["sessions"].insert_one({"_id": "token-hash"})
    shop = shop_of(world.clinic, tmp_path)
    made = export.write(shop)
    assert made.counts["patients"] == 3
    assert not {"sessions", "sign_in_failures"} & set(made.counts)
    file = shop.places.folder.path / export.file_key(made.id)
    command = f"{age} -d -i {tmp_path / 'kit'} {file} | tar xz -C {tmp_path}"
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
    lines = [json.loads(line) for line in (tmp_path / "patients" / "0001.jsonl").read_text().splitlines()]
    assert {line["number"] for line in lines} == {"P-000001", "P-000002", "P-000003"}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "patients" / "0001.csv").read_text(encoding="utf-8-sig"))))
    assert next(row["name"] for row in rows if row["number"] == "P-000003") == '\'=HYPERLINK("http://x")'
    assert {row["phone"] for row in rows} >= {"+919812345679"}  # a number stays one
    everything = b"".join(
        path.read_bytes() for path in tmp_path.glob("*/*.*s*") if path.parent != shop.places.folder.path
    )
    assert b"secret" not in everything
    assert world.clinic.backups.since(world.clinic.now())[0].step is Step.EXPORTED


def test_what_does_not_read_back_is_not_kept(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that lost a record would be found out in twenty years."""
    shop = shop_of(world.clinic, tmp_path)
    monkeypatch.setattr(export, "read_back", lambda *_: {"patients": 1})
    with pytest.raises(Damaged, match="Run it again"):
        export.write(shop)
    assert shop.places.folder.list("export-") == []
