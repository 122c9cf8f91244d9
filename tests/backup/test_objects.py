"""Places that keep files: whole or not at all, and a cut upload goes on where it stopped."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clinic_core.errors import InvalidInput, NotFound, StorageFailed
from clinic_core.gateways import objects
from clinic_core.gateways.objects import Folder, Objects
from tests.backup.storage import Storage, Wire


def _name() -> str:
    return f"b{uuid.uuid4().hex[:12]}"


def _large(folder: Path, size: int = 3_000_000) -> Path:
    path = folder / "large"
    path.write_bytes(uuid.uuid4().bytes * (size // 16))
    return path


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_both_places_keep_files(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The same promises, so that a backup does not ask where it lies."""
    place: Objects = Folder(tmp_path / "kept")
    if kind == "bucket":
        place = request.getfixturevalue("s3").bucket(_name())
    assert place.list() == []
    assert place.size("a.age") is None
    (tmp_path / "source").write_bytes(b"content")
    place.put("a.age", tmp_path / "source")
    place.put_bytes("b.json", b"{}")
    place.put_bytes("a.age", b"content 2")
    assert [(each.key, each.size) for each in place.list()] == [("a.age", 9), ("b.json", 2)]
    assert [each.key for each in place.list("b")] == ["b.json"]
    assert place.size("a.age") == 9
    with place.open("a.age") as stream:
        assert (stream.read(3), stream.read(), stream.read(1)) == (b"con", b"tent 2", b"")
    place.delete("a.age")
    place.delete("a.age")
    with pytest.raises(NotFound, match="a.age"), place.open("a.age") as stream:
        stream.read()
    with pytest.raises(InvalidInput):
        place.put_bytes("../a", b"")


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Neither a short file under the key nor a draft; what was there before stays."""
    folder = Folder(tmp_path)
    folder.put_bytes("a", b"old")
    with pytest.raises(KeyError), folder.writing("a") as out:
        out.write(b"half")
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """A real refusal by the kernel (a limit on the size of files), with what to do."""
    program = (
        "import sys; from pathlib import Path; from clinic_core.gateways.objects import Folder\n"
        "Folder(Path(sys.argv[1])).put('a', Path(sys.argv[2]))"
    )

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "kept", _large(tmp_path)],
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "StorageFailed" in done.stderr
    assert "no room left" in done.stderr
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_cut_upload_goes_on_where_it_stopped(s3: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is listed after the cut, and the second run sends only what had not arrived."""
    monkeypatch.setattr(objects, "PART_BYTES", 5 << 20)
    monkeypatch.setattr(objects, "_TRIES", 1)
    source = _large(tmp_path, 16 << 20)
    with Wire(s3.url, cut_after=12 << 20) as wire:
        bucket = s3.bucket(_name(), url=wire.url)
        with pytest.raises(StorageFailed, match="cannot be reached.*goes on"):
            bucket.put("a.age", source)
        wire.mend()
        assert bucket.list() == []
        bucket.put("a.age", source)
        assert wire.sent < 8 << 20
        with bucket.open("a.age") as stream:
            assert stream.read() == source.read_bytes()


def test_a_bucket_that_refuses_says_what_to_mend(s3: Storage) -> None:
    """A wrong secret and a bucket that is not there are the usual reasons."""
    with pytest.raises(StorageFailed, match="BACKUP_SECRET_KEY"):
        s3.bucket(_name(), secret="another-secret-entirely").list()
    bucket = s3.bucket(name := _name())
    s3.s3.delete_bucket(Bucket=name)
    with pytest.raises(StorageFailed, match="BACKUP_BUCKET"):
        bucket.put_bytes("a", b"")


def test_a_bucket_with_object_lock_keeps_until_the_day(s3: Storage) -> None:
    """Whoever takes over the host cannot delete the last days' backups."""
    bucket = s3.bucket(name := _name(), lock=True)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)
    bucket.put_bytes("a.age", b"content", keep_until=until)
    version = s3.s3.head_object(Bucket=name, Key="clinic/a.age")
    assert version["ObjectLockRetainUntilDate"] == until
    with pytest.raises(s3.s3.exceptions.ClientError):
        s3.s3.delete_object(Bucket=name, Key="clinic/a.age", VersionId=version["VersionId"])
