"""The archive format of mongodump and mongorestore, written and read piece by piece.

A magic number; a prelude of BSON documents: a header, then one for each collection (name, options, index definitions);
then blocks, each a header document and raw documents, and one block for each collection that tells its end and the
CRC-64/XZ of its documents. `ff ff ff ff` ends the prelude and every block. Views and empty collections have their end
block too. (Source: mongo-tools, common/archive; see docs/decisions/backups.md.)
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import bson
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON
from bson.int64 import Int64
from bson.json_util import CANONICAL_JSON_OPTIONS, dumps, loads
from bson.son import SON
from fastcrc import crc64

from clinic_core.errors import Damaged

MAGIC: Final = b"\x6d\xe2\x99\x81"
TERMINATOR: Final = b"\xff\xff\xff\xff"
VIEW: Final = "view"
TOOL: Final = "clinic-1"
_VERSION: Final = "0.1"
_SMALLEST: Final = 5  # bytes of a document: its length and a zero
_LARGEST: Final = (16 << 20) + (16 << 10)  # what a server stores at most, and room for the protocol
_BATCH_BYTES: Final = 4 << 20
_SIGN: Final = 1 << 63
_RAW: Final[CodecOptions[Any]] = CodecOptions(document_class=SON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A collection or a view as the server describes it: `options` of its creation, `indexes` as listIndexes gives."""

    name: str
    kind: str = ""  # or VIEW
    options: Mapping[str, Any] = field(default_factory=dict)
    indexes: Sequence[Mapping[str, Any]] = ()
    uuid: str = ""


def write(
    database: str, server_version: str, namespaces: Sequence[Namespace], batches: Iterable[tuple[str, bytes]]
) -> Iterator[bytes]:
    """The archive in pieces. `batches` are a collection's name and raw documents, one collection after the other."""
    yield _prelude(database, server_version, namespaces)
    crcs = {namespace.name: 0 for namespace in namespaces}
    ended: set[str] = set()
    current = ""
    for name, raw in batches:
        if current and name != current:
            yield _head(database, current, end=crcs[current]) + TERMINATOR
            ended.add(current)
        current = name
        crcs[name] = crc64.xz(raw, crcs[name])
        yield _head(database, name)
        yield raw  # as it is: it may be large
        yield TERMINATOR
    yield from (_head(database, name, end=crcs[name]) + TERMINATOR for name in crcs if name not in ended)


class Reader:
    """An archive that is being read: first `namespaces`, then `batches`, to the end."""

    def __init__(self, stream: BinaryIO) -> None:
        """Reads the prelude. Raises Damaged."""
        self._stream = stream
        if self._exactly(len(MAGIC)) != MAGIC:
            raise Damaged("This is no backup archive: it does not begin as one. Use another backup.")
        head = self._document()
        self.server_version = str(head.get("server_version", ""))
        self.database = ""
        self.namespaces: list[Namespace] = []
        while (raw := self._raw()) is not None:
            found = _decoded(raw)
            self.database = str(found["db"])
            self.namespaces.append(_namespace(found))

    def batches(self) -> Iterator[tuple[str, list[bytes]]]:
        """A collection's name and some of its raw documents. Raises Damaged, at the latest at the end."""
        crcs = {namespace.name: 0 for namespace in self.namespaces}
        while (head := self._block()) is not None:
            name = str(head.get("collection"))
            if name not in crcs:
                raise Damaged(_SENSELESS)
            if not head.get("EOF"):
                for documents in self._documents():
                    crcs[name] = crc64.xz(b"".join(documents), crcs[name])
                    yield name, documents
            elif _signed(crcs.pop(name)) != head.get("CRC") or self._raw() is not None:
                raise Damaged(_SENSELESS)
        if crcs:
            raise Damaged(_SENSELESS)

    def _documents(self) -> Iterator[list[bytes]]:
        """The documents of one block, a few megabytes at a time."""
        some, size = [], 0
        while (raw := self._raw()) is not None:
            some.append(raw)
            size += len(raw)
            if size >= _BATCH_BYTES:
                yield some
                some, size = [], 0
        if some:
            yield some

    def _block(self) -> dict[str, Any] | None:
        """The header of the next block, None at the end of the archive."""
        first = self._stream.read(4)
        if not first:
            return None
        raw = self._rest_of(first)
        if raw is None:
            raise Damaged(_SENSELESS)
        return _decoded(raw)

    def _document(self) -> dict[str, Any]:
        raw = self._raw()
        if raw is None:
            raise Damaged(_SENSELESS)
        return _decoded(raw)

    def _raw(self) -> bytes | None:
        """The next raw document, None for a terminator."""
        return self._rest_of(self._exactly(4))

    def _rest_of(self, first: bytes) -> bytes | None:
        if first == TERMINATOR:
            return None
        size = struct.unpack("<i", first)[0] if len(first) == len(TERMINATOR) else 0
        if not _SMALLEST <= size <= _LARGEST:
            raise Damaged(_SENSELESS)
        return first + self._exactly(size - 4)

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) != size:
            raise Damaged("This archive ends too early: it was cut. Use another backup.")
        return data


def split(raw: bytes) -> Iterator[memoryview]:
    """The single documents of raw ones in a row."""
    view, at = memoryview(raw), 0
    while at < len(view):
        size = int.from_bytes(view[at : at + 4], "little")
        yield view[at : at + size]
        at += size


_SENSELESS: Final = "This archive contradicts itself: it was changed after it was written. Use another backup."


def _prelude(database: str, server_version: str, namespaces: Sequence[Namespace]) -> bytes:
    head = SON(
        [
            ("concurrent_collections", 1),
            ("version", _VERSION),
            ("server_version", server_version),
            ("tool_version", TOOL),
        ]
    )
    described = (
        SON(
            [
                ("db", database),
                ("collection", namespace.name),
                ("metadata", _metadata(namespace)),
                ("size", 0),
                ("type", namespace.kind),
            ]
        )
        for namespace in namespaces
    )
    return MAGIC + bson.encode(head) + b"".join(map(bson.encode, described)) + TERMINATOR


def _metadata(namespace: Namespace) -> str:
    kind = namespace.kind or "collection"
    told: dict[str, Any] = {"options": namespace.options} if namespace.options else {}
    told |= {"indexes": list(namespace.indexes), "uuid": namespace.uuid}
    told |= {"collectionName": namespace.name, "type": kind}
    return dumps(told, json_options=CANONICAL_JSON_OPTIONS)


def _head(database: str, name: str, *, end: int | None = None) -> bytes:
    """What a block begins with; `end` is the CRC where it is the collection's last."""
    crc = Int64(0 if end is None else _signed(end))
    return bson.encode(SON([("db", database), ("collection", name), ("EOF", end is not None), ("CRC", crc)]))


def _namespace(found: Mapping[str, Any]) -> Namespace:
    try:
        told = loads(found["metadata"], json_options=CANONICAL_JSON_OPTIONS)
        return Namespace(
            name=str(found["collection"]),
            kind=VIEW if found.get("type") == VIEW else "",
            options=told.get("options") or {},
            indexes=told.get("indexes") or (),
            uuid=str(told.get("uuid") or ""),
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise Damaged(_SENSELESS) from error


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        return dict(bson.decode(raw, codec_options=_RAW))
    except (InvalidBSON, ValueError) as error:
        raise Damaged(_SENSELESS) from error


def _signed(crc: int) -> int:
    return crc - 2 * _SIGN if crc >= _SIGN else crc
