"""Sealed files: one gzip stream inside age encryption, written and read piece by piece.

``age -d -i KEY FILE | gunzip`` gives the content. Encryption is authenticated: a changed or cut file does not open.
Memory stays at a few buffers, however large the content is.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

import pyrage

from clinic_core.errors import Damaged

_LEVEL: Final = 6
_GZIP: Final = 31  # zlib's word for a gzip header and trailer round a 32 KiB window
_BUFFER: Final = 1 << 18


class Readable(Protocol):
    """All that is asked of a source."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, b"" at the end."""


class Writable(Protocol):
    """All that is asked of a target."""

    def write(self, data: bytes, /) -> int:
        """Take all of the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Size and SHA-256 (hexadecimal) of a sealed file, by which it is known again."""

    size: int
    sha256: str


class Hashed:
    """A source that knows the seal of what was read of it so far."""

    def __init__(self, source: Readable) -> None:
        self._source, self._hash, self._size = source, hashlib.sha256(), 0

    def read(self, size: int = -1, /) -> bytes:
        """As the source does."""
        data = self._source.read(size)
        self._hash.update(data)
        self._size += len(data)
        return data

    def rest(self) -> Seal:
        """Read to the end; the seal of the whole."""
        while self.read(_BUFFER):
            pass
        return Seal(size=self._size, sha256=self._hash.hexdigest())


def seal_of(source: Readable) -> Seal:
    """Read to the end; size and SHA-256."""
    return Hashed(source).rest()


def seal(pieces: Iterable[bytes], out: Writable, recipients: Sequence[str]) -> Seal:
    """Write the pieces, compressed and encrypted for each of the recipients; what `pieces` raises gets out as it is."""
    source, target = _Source(_Deflated(pieces)), _Target(out)
    try:
        pyrage.encrypt_io(source, target, [pyrage.x25519.Recipient.from_str(each) for each in recipients])
    except (pyrage.EncryptError, OSError):
        raise source.error or target.error or RuntimeError("age could not encrypt") from None
    return Seal(size=target.size, sha256=target.hash.hexdigest())


@contextmanager
def unsealed(source: Readable, identities: Sequence[str]) -> Iterator[BinaryIO]:
    """The content of a sealed file, as a stream. Raises Damaged, at the latest at the end.

    Nothing that was read may count before this ends well: the end is read and checked in any case.
    """
    opener = _Opener(source, identities)
    try:
        with io.BufferedReader(opener.plain, _BUFFER) as plain:
            yield plain
            while plain.read(_BUFFER):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        opener.end()
        raise opener.reason() or Damaged(_CUT) from error
    except Damaged as error:  # the content makes no sense; perhaps because it was cut
        opener.end()
        raise opener.reason() or error from None
    finally:
        opener.end()
    if reason := opener.reason():
        raise reason


_CUT: Final = "This file is damaged: it was cut or changed after it was written. Use another backup."
_OTHER_KEY: Final = "This key does not open this file. Use the key from the recovery kit that belongs to it."


class _Opener:
    """Decrypts in a thread of its own into a pipe, since age pushes and whoever restores pulls."""

    def __init__(self, source: Readable, identities: Sequence[str]) -> None:
        self._source = _Source(source)
        self._identities = [pyrage.x25519.Identity.from_str(each) for each in identities]
        self._error: BaseException | None = None
        out, into = os.pipe()
        self._pipe = os.fdopen(out, "rb")
        self.plain = gzip.GzipFile(fileobj=self._pipe)
        self._thread = threading.Thread(target=self._decrypt, args=(into,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Let go of the pipe, which ends the thread if it still writes."""
        self._pipe.close()
        self._thread.join()

    def reason(self) -> BaseException | None:
        """Why it could not be decrypted to the end, once ended; None when it could."""
        if self._source.error:
            return self._source.error
        if self._error is None or "Broken pipe" in str(self._error):  # who read has gone
            return None
        return Damaged(_OTHER_KEY if "No matching keys" in str(self._error) else _CUT)

    def _decrypt(self, into: int) -> None:
        try:
            with os.fdopen(into, "wb", _BUFFER) as out:
                pyrage.decrypt_io(self._source, out, self._identities)
        except (pyrage.DecryptError, OSError) as error:
            self._error = error


class _Deflated:
    """The pieces as one gzip stream, to be read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._stream = self._compressed(pieces)
        self._left = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        while not self._left:
            following = next(self._stream, None)
            if following is None:
                return b""
            self._left = memoryview(following)
        given, self._left = self._left[:size], self._left[size:]
        return bytes(given)

    def _compressed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        zipper = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        for piece in pieces:
            yield zipper.compress(piece)
        yield zipper.flush()


class _Source:
    """Keeps the error that the age library would turn into a text of its own."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self.error: BaseException | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._source.read(size)
        except BaseException as error:
            self.error = error
            raise


class _Target:
    """Counts what is written, and keeps its error."""

    def __init__(self, out: Writable) -> None:
        self._out = out
        self.hash, self.size = hashlib.sha256(), 0
        self.error: BaseException | None = None

    def write(self, data: bytes, /) -> int:
        try:
            self._out.write(data)
        except BaseException as error:
            self.error = error
            raise
        self.hash.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """The owner of the target flushes it."""
