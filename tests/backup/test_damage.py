"""A thousand flipped bytes and a hundred cuts: nothing bad is ever listed as good, and each error says what to do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clinic_core.backup import catalogue, keys, sealed
from clinic_core.backup import manifest as manifests
from clinic_core.backup.keys import Keys
from clinic_core.backup.manifest import Manifest, Verification
from clinic_core.domain.backups import State
from clinic_core.errors import Damaged
from clinic_core.gateways.objects import Folder
from clinic_core.settings import Settings

FLIPS, CUTS = 1_000, 100
ID = "20260302T020000Zab12"


@pytest.fixture
def signing(tmp_path: Path) -> Keys:
    """Keys of an installation."""
    return keys.ensure(Settings(data_dir=tmp_path / "data"), lambda _: None)


@pytest.fixture
def folder(tmp_path: Path, signing: Keys) -> Folder:
    """A folder with one good backup of a few kilobytes."""
    folder = Folder(tmp_path / "backups")
    with folder.writing(manifests.archive_key(ID)) as out:
        seal = sealed.seal([random.Random(1).randbytes(6_000)], out, [signing.recipient])
    made = Manifest(
        id=ID,
        created_at=datetime(2026, 3, 2, 2, tzinfo=UTC).isoformat(),
        database="clinic",
        mode="snapshot-transaction",
        zone="Asia/Kolkata",
        collections={"patients": {"count": 1, "sha256": "0" * 64, "bytes": 100}},
        indexes={"patients": []},
        views=[],
        size=seal.size,
        sha256=seal.sha256,
        server_version="8.0",
        version="0.1",
    )
    record = Verification(
        backup_id=ID,
        manifest_sha256=made.digest,
        verified_at=made.created_at,
        milliseconds={},
        violations=0,
        version="1",
    )
    folder.put_bytes(manifests.manifest_key(ID), manifests.signed(made, signing))
    folder.put_bytes(manifests.verified_key(ID), manifests.signed(record, signing))
    return folder


def _harmed(file: bytes, dice: random.Random) -> Iterator[bytes]:
    for _ in range(FLIPS // 3 + 1):
        at = dice.randrange(len(file))
        yield file[:at] + bytes([file[at] ^ dice.randrange(1, 256)]) + file[at + 1 :]
    for _ in range(CUTS // 3 + 1):
        yield file[: dice.randrange(len(file))]


@pytest.mark.parametrize("key", [manifests.archive_key, manifests.manifest_key, manifests.verified_key])
def test_nothing_harmed_is_good(folder: Folder, signing: Keys, key: object) -> None:
    """Whichever of the three files it hits: a backup that cannot be restored must not count as one."""
    assert callable(key)
    name, public = key(ID), signing.public_signing_key
    assert [each.state for each in catalogue.entries(folder, public)] == [State.VERIFIED]
    whole = (folder.path / name).read_bytes()
    for bad in _harmed(whole, random.Random(7)):
        (folder.path / name).write_bytes(bad)
        entry = catalogue.entry(folder, ID, public)
        assert not entry.is_good
        assert "Use another backup" in entry.reason or "erify" in entry.reason
        assert not entry.is_good
    (folder.path / name).write_bytes(whole)
    assert catalogue.entry(folder, ID, public).is_good


def test_a_harmed_archive_does_not_open(folder: Folder, signing: Keys, tmp_path: Path) -> None:
    """Where somebody restores it all the same, it ends with a sentence, not with half of the data."""
    identity = keys.one_time_identity()
    with folder.writing("file") as out:
        sealed.seal([random.Random(2).randbytes(20_000)], out, [keys.public_of(identity)])
    whole = (folder.path / "file").read_bytes()
    for bad in list(_harmed(whole, random.Random(8)))[::8]:
        (folder.path / "file").write_bytes(bad)
        with (
            pytest.raises(Damaged, match="Use another backup|key"),
            closing(folder.open("file")) as file,
            sealed.unsealed(file, [identity]) as plain,
        ):
            plain.read(10)


def test_another_clinics_backup_is_not_ours(folder: Folder, tmp_path: Path) -> None:
    """A stranger's key signs as well as ours: the signature has to be by the key of the recovery kit."""
    other = keys.ensure(Settings(data_dir=tmp_path / "other"), lambda _: None)
    entry = catalogue.entry(folder, ID, other.public_signing_key)
    assert entry.state is State.BROKEN
    assert "signature" in entry.reason


def test_a_backup_under_another_name_is_not_believed(folder: Folder, signing: Keys) -> None:
    """Renamed, an old backup would pass for last night's."""
    later = "20260303T020000Zab12"
    for key in (manifests.archive_key, manifests.manifest_key, manifests.verified_key):
        (folder.path / key(ID)).rename(folder.path / key(later))
    assert catalogue.entry(folder, later, signing.public_signing_key).state is State.BROKEN


def test_what_is_half_deleted_is_no_backup(folder: Folder, signing: Keys) -> None:
    """The manifest goes first: whatever is left is cleared away, and never listed."""
    folder.delete(manifests.manifest_key(ID))
    assert catalogue.entries(folder, signing.public_signing_key) == []
    assert sorted(catalogue.unfinished(folder)) == [manifests.archive_key(ID), manifests.verified_key(ID)]
