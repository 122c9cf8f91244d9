"""Replay segments onto a restored backup, up to a moment.

What is replayed is the beginning of the stream up to its last event that is not later than the moment: everything that
was acknowledged by then, and nothing that was asked for later. Indexes are made afterwards: the backup is newer in
parts than the first event, and so two documents may hold the same unique value for a while.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby
from typing import Any, Final, TypeVar

import bson
from pymongo.database import Database

from clinic_core.backup.deltas import WRITES, applied
from clinic_core.backup.segments import EVENTS, Event, Name, Position, Way, opened, parse, way
from clinic_core.errors import Damaged, NotFound, StorageFailed
from clinic_core.gateways.objects import Objects
from clinic_core.store.mongo import Document, Documents

T = TypeVar("T")

AT_ONCE: Final = 10_000
BYTES_AT_ONCE: Final = 32 << 20  # of events that are applied together, and in memory
_IDS_AT_ONCE: Final = 50
_DOCUMENTS_AT_ONCE: Final = 1_000
KEPT_LATER: Final = frozenset({"opt_outs"})  # nobody is asked twice to be left alone
_AHEAD: Final = 8  # segments that are fetched while others are applied

log = logging.getLogger("backup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What a backup says of the journal: where it was before the backup began, and when that ended.

    At `complete_at`, by the server's clock, everything the backup holds had happened: no earlier moment can be
    restored from it.
    """

    position: Position
    complete_at: datetime


class Shelf:
    """The segments of all places, by name, and what opens them."""

    def __init__(self, places: Sequence[Objects], public_signing_key: str, identities: Sequence[str]) -> None:
        self._public_signing_key, self._identities = public_signing_key, identities
        self._found: dict[Name, Objects] = {}
        for place in places:
            for stored in place.list():
                name = parse(stored.key)
                if name is not None:
                    self._found.setdefault(name, place)

    def way(self, start: Position) -> Way:
        """How they go on from there."""
        return way(self._found, start)

    def events(self, names: Sequence[Name]) -> Iterator[Event]:
        """The events of the segments, one after the other. Raises Damaged, which names the segment."""
        done: datetime | None = None
        for name, file in self._files(names):
            try:
                yield from opened(name, file, self._public_signing_key, self._identities)
            except Damaged as error:
                raise Damaged(f"{error} {_reach(done)}") from error
            done = name.covers_to

    def _files(self, names: Sequence[Name]) -> Iterator[tuple[Name, bytes]]:
        """The files in that order; a few are fetched ahead."""
        with ThreadPoolExecutor(_AHEAD) as pool:
            coming: list[Future[bytes]] = []
            for at, name in enumerate(names):
                coming += [pool.submit(self._read, each) for each in names[at + len(coming) : at + _AHEAD]]
                yield name, coming.pop(0).result()

    def _read(self, name: Name) -> bytes:
        with self._found[name].open(str(name)) as file:
            return file.read()


def names_until(shelf: Shelf, base: Base, moment: datetime) -> tuple[Name, ...]:
    """The segments to replay. Raises NotFound, with the moments that can be restored, when there are not all."""
    if moment < base.complete_at:
        raise NotFound(f"This backup ended at {base.complete_at.isoformat()}: it cannot be taken back to before that.")
    found = shelf.way(base.position)
    covers_to = found.covers_to
    if covers_to is None or covers_to < moment:
        raise NotFound(_too_late(found, base))
    return found.until(moment)


def _too_late(found: Way, base: Base) -> str:
    reach = _reach(found.covers_to if found.covers_to and found.covers_to >= base.complete_at else None)
    if found.missing:
        return f"Segment {found.missing} of the change journal {base.position.chain} is missing. {reach}"
    return f"The change journal does not go so far. {reach}"


def _reach(covers_to: datetime | None) -> str:
    if covers_to is None:
        return "Nothing can be replayed onto this backup: leave --to away, or take an older one."
    return f"It can be replayed up to {covers_to.isoformat()}: use --to with that moment or an earlier one."


def to_moment(database: Database[Document], shelf: Shelf, base: Base, moment: datetime) -> int:
    """Bring a restored backup to its state of the moment; how many events that took. Raises Damaged or NotFound.

    Who asked later for no more messages is kept as well, as far as the journal can be read.
    """
    names = names_until(shelf, base, moment)
    replay = Replay(database, shelf.events(names))
    replay.advance(moment)
    rest = shelf.way(base.position).names[len(names) :]
    replay.keep_later(shelf.events(rest))
    return replay.applied


def keep_opt_outs(database: Database[Document], shelf: Shelf, base: Base) -> None:
    """Keep in a restored backup who asked for no more messages after it, as far as the journal can be read."""
    Replay(database, ()).keep_later(shelf.events(shelf.way(base.position).names))


class Replay:
    """Applies events to a database, many at once: a document that changes often is read and written once."""

    def __init__(self, database: Database[Document], stream: Iterable[Event]) -> None:
        self.database = database.with_options(codec_options=EVENTS)
        self._stream = iter(stream)
        self._held: list[Event] = []  # taken from the stream, but later than the moment
        self.applied = 0

    def advance(self, moment: datetime) -> None:
        """Bring the database to its state of that moment."""
        waiting, size = list[Event](), 0
        for event in self._until(moment):
            waiting.append(event)
            size += len(bson.encode(event))
            if len(waiting) >= AT_ONCE or size >= BYTES_AT_ONCE:
                self._apply(waiting)
                waiting, size = [], 0
        self._apply(waiting)

    def keep_later(self, later: Iterable[Event]) -> None:
        """Apply what was held, and what comes later still, of the collections that are kept in any case."""
        found: list[Event] = []
        try:
            for event in chain(self._held, later):
                if event["operationType"] in WRITES and event["ns"]["coll"] in KEPT_LATER:
                    found.append(event)
        except (Damaged, NotFound, StorageFailed) as error:
            log.warning("opt-outs after the moment are not all kept", extra={"fields": {"error": str(error)}})
        self._apply(found)

    def _until(self, moment: datetime) -> Iterator[Event]:
        """Everything up to the last event that is not later than the moment; the rest is held."""
        waiting, self._held = self._held, []
        for event in chain(waiting, self._stream):
            self._held.append(event)
            if _at(event) <= moment:
                yield from self._held
                self._held = []

    def _apply(self, some: Sequence[Event]) -> None:
        for is_write, run in groupby(some, key=lambda event: event["operationType"] in WRITES):
            if is_write:
                self._write(list(run))
            else:
                self._drop({event["ns"]["coll"] for event in run if event["operationType"] == "drop"})
        self.applied += len(some)

    def _drop(self, collections: set[str]) -> None:
        for name in collections:
            self.database[name].drop()

    def _write(self, some: Sequence[Event]) -> None:
        by_collection: dict[str, list[Event]] = defaultdict(list)
        for event in some:
            by_collection[event["ns"]["coll"]].append(event)
        for name, each in by_collection.items():
            _write_to(self.database[name], each)


def _write_to(collection: Documents, some: Sequence[Event]) -> None:
    """Take the documents out and put them in again as they are then.

    The embedded server inserts and deletes many at once four times as fast as it replaces them one by one.
    """
    ids = {_key(event): event["documentKey"]["_id"] for event in some}
    documents = _before(collection, ids)
    there = [ids[key] for key in documents]
    for event in some:
        documents[_key(event)] = applied(documents.get(_key(event)), event)
    for old in _parts(there, _IDS_AT_ONCE):
        collection.delete_many({"_id": {"$in": old}})
    for new in _parts([document for document in documents.values() if document is not None], _DOCUMENTS_AT_ONCE):
        collection.insert_many(new, ordered=False, bypass_document_validation=True)


def _before(collection: Documents, ids: Mapping[bytes, Any]) -> dict[bytes, Document | None]:
    found: dict[bytes, Document | None] = {}
    for some in _parts(list(ids.values()), _IDS_AT_ONCE):
        found |= {_encoded(document["_id"]): document for document in collection.find({"_id": {"$in": some}})}
    return found


def _parts(values: list[T], size: int) -> Iterator[list[T]]:
    for first in range(0, len(values), size):
        yield values[first : first + size]


def _key(event: Event) -> bytes:
    return _encoded(event["documentKey"]["_id"])


def _encoded(value: object) -> bytes:
    """As a key of a dictionary; 1 and 1.0 and True stay three."""
    return bson.encode({"": value})


def _at(event: Event) -> datetime:
    """The server's clock at the event."""
    at: datetime = event.get("wallTime") or event["clusterTime"].as_datetime()
    return at
