"""Reads a whole database at one moment, as raw documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from clinic_core.backup import archive
from clinic_core.backup.archive import VIEW, Namespace
from clinic_core.backup.tally import Tally
from clinic_core.store.mongo import Document

SNAPSHOT: Final = "snapshot-transaction"
PER_COLLECTION: Final = "per-collection"
UNFINISHED: Final = "unfinished_restore"  # a collection that is there until a restore has ended well
_BATCH: Final = 2_000
_NO_TRANSACTIONS: Final = frozenset({20, 263, 303})  # IllegalOperation, in no transaction, not there
_TOO_OLD: Final = frozenset({251, 239, 290, 246})  # the transaction ended, or its snapshot is gone
_AUDIT: Final = "audit_events"

Progress = Callable[[int, int], None]


class NoSnapshot(Exception):
    """The server cannot, or not any longer, show the whole database at one moment."""


@dataclass(slots=True, kw_only=True)
class Dump:
    """What is being read, once: `batches` as they are stored, a collection's name and many documents in a row.

    `tallies` and `audit_head` are whole when they have ended.
    """

    database: str
    server_version: str
    mode: str
    namespaces: tuple[Namespace, ...]
    operation_time: Timestamp | None  # of the server, just before the moment that is read
    batches: Iterator[tuple[str, bytes]] = field(repr=False)
    tallies: dict[str, Tally] = field(default_factory=dict)
    audit_head: dict[str, str] = field(default_factory=dict)

    def pieces(self) -> Iterator[bytes]:
        """The batches as an archive."""
        return archive.write(self.database, self.server_version, self.namespaces, self.batches)


@contextmanager
def dumping(database: Database[Document], mode: str, progress: Progress = lambda done, total: None) -> Iterator[Dump]:
    """The whole database, to be read. Raises NoSnapshot in mode SNAPSHOT where that is not to be had."""
    client = database.client
    namespaces = tuple(described(database))
    with client.start_session() as session:
        database.command("ping", session=session)
        dump = Dump(
            database=database.name,
            server_version=str(client.server_info()["version"]),
            mode=mode,
            namespaces=namespaces,
            operation_time=session.operation_time,
            batches=iter(()),
            tallies={namespace.name: Tally() for namespace in namespaces if namespace.kind != VIEW},
        )
        dump.batches = _Reading(database, session, dump, progress).batches()
        yield dump


def described(database: Database[Document]) -> list[Namespace]:
    """The collections and views of a database, by name, without what the server or a restore keeps for itself."""
    found = sorted(database.list_collections(), key=lambda each: each["name"])
    ours = (each for each in found if not each["name"].startswith("system.") and each["name"] != UNFINISHED)
    return [_namespace(database, each) for each in ours]


def indexes_of(database: Database[Document], name: str) -> list[dict[str, Any]]:
    """The definitions as listIndexes gives them, without the name of the database."""
    return [{key: value for key, value in index.items() if key != "ns"} for index in database[name].list_indexes()]


def raw_batches(database: Database[Document], name: str, session: ClientSession | None = None) -> Iterator[bytes]:
    """Every document of a collection as it is stored, many in a row."""
    yield from database[name].find_raw_batches({}, batch_size=_BATCH, session=session)


@dataclass(slots=True)
class _Reading:
    database: Database[Document]
    session: ClientSession
    dump: Dump
    progress: Progress

    def batches(self) -> Iterator[tuple[str, bytes]]:
        return self._in_snapshot() if self.dump.mode == SNAPSHOT else self._batches(None)

    def _in_snapshot(self) -> Iterator[tuple[str, bytes]]:
        try:
            self.session.start_transaction(read_concern=ReadConcern("snapshot"))
            yield from self._batches(self.session)
            self.session.abort_transaction()  # it wrote nothing
        except OperationFailure as error:
            if error.code in _NO_TRANSACTIONS | _TOO_OLD:
                raise NoSnapshot from error
            raise

    def _batches(self, session: ClientSession | None) -> Iterator[tuple[str, bytes]]:
        total = sum(self.database[name].estimated_document_count() for name in self.dump.tallies)
        done = 0
        self._note_audit_head(session)
        for name, tally in self.dump.tallies.items():
            for raw in raw_batches(self.database, name, session):
                before = tally.count
                tally.add(archive.split(raw))
                yield name, raw
                done += tally.count - before
                self.progress(done, max(done, total))

    def _note_audit_head(self, session: ClientSession | None) -> None:
        """The last line of the audit trail: whoever cuts its tail later contradicts a signed manifest."""
        options: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
        lines = self.database.with_options(codec_options=options)[_AUDIT]
        last = next(iter(lines.find({}, session=session).sort("at", -1).limit(1)), None)
        if last is not None:
            document = bson.decode(last.raw)
            self.dump.audit_head = {"id": str(document["_id"]), "sha256": hashlib.sha256(last.raw).hexdigest()}


def _namespace(database: Database[Document], found: Any) -> Namespace:
    is_view = found.get("type") == VIEW
    uuid = found.get("info", {}).get("uuid")
    return Namespace(
        name=found["name"],
        kind=VIEW if is_view else "",
        options=found.get("options") or {},
        indexes=() if is_view else indexes_of(database, found["name"]),
        uuid=bytes(uuid).hex() if uuid is not None else "",
    )
