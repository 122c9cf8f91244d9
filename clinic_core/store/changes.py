"""The server's stream of changes (`$changeStream`), and how much of it is kept already (`change_journal`).

A stream is read up to a mark that the reader has just set itself, so that it knows to have seen everything before, and
so that the token it keeps belongs to an event that is on the server's disk: other tokens of the embedded server can
name a place in the log that a crash gives to another event.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.change_stream import ChangeStream
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, OperationFailure, ProtocolError

from clinic_core.domain.changes import COLLECTION, ChainState, Restored
from clinic_core.domain.ids import new_id
from clinic_core.errors import SettingsError, Unavailable
from clinic_core.store.mongo import Document, from_document, reaching, to_document

STATE: Final = "state"
RESTORED: Final = "restored"
_PATIENCE_SECONDS: Final = 60
_AWAIT_MS: Final = 500
_LOST: Final = frozenset({136, 222, 260, 280, 286})  # the log does not reach back so far, or is not the one it was
_ENDED: Final = "the database was dropped"
_PRUNED: Final = "the database server no longer had the changes"
_TOO_LARGE: Final = {10334: "a change was larger than the database server can tell"}
_ENDS: Final = {"invalidate": _ENDED, "dropDatabase": _ENDED, "rename": "a collection was renamed"}
_NO_REPLICA_SET: Final = 40573
_RAW: Final = CodecOptions(document_class=RawBSONDocument, tz_aware=True, tzinfo=UTC)


class HistoryLost(Exception):
    """The server cannot say what changed since the token; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An event of the stream. `at` is the server's clock, whole milliseconds."""

    raw: bytes
    token: str
    at: datetime
    collection: str
    is_mark: bool = False


class Changes:
    """Reads the stream, reads and writes the state."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._states = database[COLLECTION]
        self._at_once: int | None = None  # events in one answer; None for as many as the server likes

    @property
    def database_name(self) -> str:
        """Whose changes these are."""
        return self._database.name

    def state(self) -> ChainState | None:
        """How far the chain is, None when there was never one."""
        with reaching():
            found = self._states.find_one({"_id": STATE}, {"mark": 0})
        return None if found is None or "chain" not in found else from_document(ChainState, found)

    def begin(self, new: ChainState, *, instead_of: ChainState | None) -> bool:
        """Begin a chain; False when another sidecar began one meanwhile."""
        expected = {"chain": instead_of.chain} if instead_of else {"chain": {"$exists": False}}
        fields = {key: value for key, value in to_document(new).items() if key != "_id"}
        with reaching():
            try:
                done = self._states.update_one({"_id": STATE, **expected}, {"$set": fields}, upsert=True)
            except DuplicateKeyError:
                return False
        return bool(done.matched_count or done.upserted_id)

    def advance(self, old: ChainState, new: ChainState) -> bool:
        """Write how far the chain is; False when another sidecar has advanced it meanwhile."""
        place = {"chain": old.chain, "sequence": old.sequence, "sha256": old.sha256}
        moved = ("sequence", "sha256", "token", "covers_to", "shipped_at", "behind")
        fields = {name: getattr(new, name) for name in moved}
        with reaching():
            return bool(self._states.update_one({"_id": STATE, **place}, {"$set": fields}).matched_count)

    def has_base(self, chain: str) -> None:
        """Write that a backup has begun in the chain."""
        with reaching():
            self._states.update_one({"_id": STATE, "chain": chain}, {"$set": {"needs_base": False}})

    def break_off(self, reason: str) -> None:
        """Write that changes happen which the stream does not tell."""
        with reaching():
            self._states.update_one({"_id": STATE}, {"$set": {"broken": reason}})

    def restored(self, what: Restored) -> None:
        """Write that this database is a restored one. Its next chain begins anew, and without a gap."""
        with reaching():
            self._states.delete_one({"_id": STATE})
            self._states.replace_one({"_id": RESTORED}, to_document(what), upsert=True)

    def last_restored(self) -> Restored | None:
        """When this database was restored, None when it never was."""
        with reaching():
            found = self._states.find_one({"_id": RESTORED})
        return None if found is None else from_document(Restored, found)

    def since(self, token: str) -> Iterator[Change]:
        """What changed after the token, up to a mark that is set now and is the last one given.

        Raises HistoryLost, Unavailable.
        """
        with self._watching(resume_after={"_data": token} if token else None) as stream:
            yield from _until(stream, self._set_mark())
        self._at_once = None

    def now(self) -> Change:
        """A mark that is set now: its token is where changes from now on begin."""
        *_, mark = self.since("")
        return mark

    def _set_mark(self) -> str:
        mark = new_id()
        with reaching():
            self._states.update_one({"_id": STATE}, {"$set": {"mark": mark}}, upsert=True)
        return mark

    @contextmanager
    def _watching(self, resume_after: Document | None) -> Iterator[ChangeStream[RawBSONDocument]]:
        watch = self._database.with_options(codec_options=_RAW).watch
        options: dict[str, Any] = {
            "show_expanded_events": True,
            "max_await_time_ms": _AWAIT_MS,
            "batch_size": self._at_once,
        }
        try:
            with _telling(), reaching(), watch(resume_after=resume_after, **options) as stream:
                yield stream
        except ProtocolError as error:  # the embedded server counts events, not their bytes
            self._at_once = 1
            raise Unavailable("Many large changes came at once: the next run reads them one by one.") from error


def _until(stream: ChangeStream[RawBSONDocument], mark: str) -> Iterator[Change]:
    patience = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < patience:
        event = stream.try_next()
        if event is None:
            if not stream.alive:
                raise HistoryLost(_ENDED)
            continue
        change = _change(event, mark)
        yield change
        if change.is_mark:
            return
        patience = time.monotonic() + _PATIENCE_SECONDS
    raise Unavailable("The database does not show its own changes any more. Look at its log; the next run tries again.")


def _change(event: RawBSONDocument, mark: str) -> Change:
    if event["operationType"] in _ENDS:
        raise HistoryLost(_ENDS[event["operationType"]])
    collection = event["ns"].get("coll", "")
    return Change(
        raw=bytes(event.raw),
        token=event["_id"]["_data"],
        at=event.get("wallTime") or event["clusterTime"].as_datetime(),
        collection=collection,
        is_mark=collection == COLLECTION and _mark(event) == mark,
    )


def _mark(event: RawBSONDocument) -> object:
    whole, fields = event.get("fullDocument"), event.get("updateDescription")
    return whole.get("mark") if whole else fields["updatedFields"].get("mark") if fields else None


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except OperationFailure as error:
        if error.code in _LOST:
            raise HistoryLost(_PRUNED) from error
        if error.code in _TOO_LARGE:  # it stays so: only a new chain goes past it
            raise HistoryLost(_TOO_LARGE[error.code]) from error
        if error.code == _NO_REPLICA_SET:
            raise SettingsError(
                "This MongoDB server is no replica set and keeps no log of changes: backups can be restored, but not "
                "to a moment. Make it a replica set of one member (rs.initiate()), then start it again."
            ) from error
        raise
