"""Sealed files: what goes in comes out, and nothing that was cut or changed opens."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic_core.backup import keys, sealed
from clinic_core.errors import Damaged

IDENTITY = keys.one_time_identity()
CONTENT = b"".join(random.Random(number).randbytes(5_000) for number in range(60))  # noqa: S311 - not a secret


def _sealed(content: bytes = CONTENT) -> bytes:
    out = io.BytesIO()
    pieces = (content[at : at + 7_001] for at in range(0, len(content), 7_001))
    sealed.seal(pieces, out, [keys.public_of(IDENTITY), keys.public_of(keys.one_time_identity())])
    return out.getvalue()


def _opened(content: bytes, identity: str = IDENTITY) -> bytes:
    with sealed.unsealed(io.BytesIO(content), [identity]) as plain:
        return plain.read()


def test_what_goes_in_comes_out() -> None:
    """Also nothing at all; and the seal tells the file's size and hash."""
    assert _opened(_sealed()) == CONTENT
    assert _opened(_sealed(b"")) == b""
    out = io.BytesIO()
    made = sealed.seal([CONTENT], out, [keys.public_of(IDENTITY)])
    assert made == sealed.seal_of(io.BytesIO(out.getvalue()))


def test_the_stock_tools_open_it(tmp_path: Path) -> None:
    """Without our code, `age -d | gunzip` has to do."""
    age = shutil.which("age")
    if not age:
        pytest.skip("NO AGE: install the package `age`")
    (tmp_path / "kit").write_text(IDENTITY + "\n")
    (tmp_path / "file").write_bytes(_sealed())
    done = subprocess.run([age, "-d", "-i", "kit", "file"], cwd=tmp_path, capture_output=True, check=True)
    assert gzip.decompress(done.stdout) == CONTENT


def test_damage_never_opens() -> None:
    """Cut anywhere or one bit changed: `Damaged`, even where the reader had taken what came before."""
    whole, dice = _sealed(), random.Random(1)
    for _ in range(40):
        at = dice.randrange(len(whole))
        changed = bytearray(whole)
        changed[at] ^= 1 << dice.randrange(8)
        for bad in (bytes(changed), whole[:at]):
            with pytest.raises(Damaged, match="damaged|key"), sealed.unsealed(io.BytesIO(bad), [IDENTITY]) as plain:
                plain.read(100)


def test_another_key_is_told_from_damage() -> None:
    """Who took the wrong kit from the safe must not throw the backup away."""
    with pytest.raises(Damaged, match="does not open"):
        _opened(_sealed(), keys.one_time_identity())


def test_errors_of_both_ends_get_out_as_they_are() -> None:
    """A full disk or a database that went away must not look like a matter of encryption."""

    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    def gone() -> Iterator[bytes]:
        yield b"x"
        raise ConnectionError("gone")

    class Cut(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionError("cut")

    with pytest.raises(OSError, match="No space"):
        sealed.seal([CONTENT], Full(), [keys.public_of(IDENTITY)])
    with pytest.raises(ConnectionError, match="gone"):
        sealed.seal(gone(), io.BytesIO(), [keys.public_of(IDENTITY)])
    with pytest.raises(ConnectionError, match="cut"), sealed.unsealed(Cut(), [IDENTITY]) as plain:
        plain.read()


def test_a_reader_that_leaves_ends_the_work() -> None:
    """Its own error gets out, and no thread hangs on a full pipe."""
    with pytest.raises(KeyError), sealed.unsealed(io.BytesIO(_sealed()), [IDENTITY]) as plain:
        plain.read(1)
        raise KeyError


def test_memory_stays_small() -> None:
    """64 MB pass through a few buffers."""
    piece = bytes(1 << 20)
    tracemalloc.start()
    out = io.BytesIO()
    sealed.seal((piece for _ in range(64)), out, [keys.public_of(IDENTITY)])
    out.seek(0)
    with sealed.unsealed(out, [IDENTITY]) as plain:
        while plain.read(1 << 16):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
