"""Puts an archive into a new database, and compares a database with what a manifest says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError, CollectionInvalid, OperationFailure

from clinic_core.backup import archive, dump
from clinic_core.backup.archive import VIEW, Namespace, Reader
from clinic_core.backup.tally import Tally
from clinic_core.errors import AlreadyExists, Damaged, Unavailable
from clinic_core.store.mongo import Document

_AT_ONCE: Final = 1_000
_ID: Final = "_id_"
_UNAUTHORIZED: Final = 13
_UNFIT: Final = frozenset({67, 11000})  # no such index here; two documents with one unique value

Progress = Callable[[int, int], None]


def documents(stream: BinaryIO, database: Database[Document], progress: Callable[[int], None]) -> Reader:
    """Make the collections of an archive in an empty database and fill them; no index is made yet.

    Indexes come last: some delete what is past its time, which may happen only after the documents were compared.
    Until `finish` the database is marked as one that nobody may use. Raises Damaged, AlreadyExists when the database
    is not empty, Unavailable when it may not be made.
    """
    reader = Reader(stream)
    with permitted(database):
        if database.list_collection_names():
            raise AlreadyExists(f"The database {database.name} is not empty. Restore into another name.")
        database[dump.UNFINISHED].insert_one({})
        for namespace in reader.namespaces:
            if namespace.kind != VIEW:
                _create(database, namespace)
        done = 0
        for name, batch in reader.batches():
            for some in _parts(batch):
                _insert(database, name, some)
                done += len(some)
                progress(done)
    return reader


def finish(database: Database[Document]) -> None:
    """Say that all of it is there: it may be used."""
    database.drop_collection(dump.UNFINISHED)


def is_unfinished(database: Database[Document]) -> bool:
    """Whether a restore into it was killed, or is at it."""
    return dump.UNFINISHED in database.list_collection_names()


@contextmanager
def permitted(database: Database[Document]) -> Iterator[None]:
    """Raises Unavailable where the user may not do what is done within."""
    try:
        yield
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        raise Unavailable(
            f"The user in DATABASE_URL may not make the database {database.name}. Give it readWriteAnyDatabase, "
            "or restore with DATABASE_URL naming a server where it may."
        ) from error


def indexes(database: Database[Document], namespaces: Iterable[Namespace]) -> None:
    """Make the indexes, and the views, which need the collections they look at."""
    for namespace in namespaces:
        if namespace.kind == VIEW:
            _create(database, namespace)
            continue
        wanted = [dict(index) for index in namespace.indexes if index["name"] != _ID]
        if wanted:
            _build(database, namespace.name, [_without(index, "ns") for index in wanted])


def left(database: Database[Document], namespaces: Iterable[Namespace]) -> list[Namespace]:
    """Without the collections that are not there any more: they were dropped since the backup."""
    there = set(database.list_collection_names())
    return [namespace for namespace in namespaces if namespace.kind == VIEW or namespace.name in there]


def tallies(database: Database[Document], session: ClientSession | None = None) -> dict[str, Tally]:
    """What each collection of a database holds now."""
    found = {}
    for namespace in dump.described(database):
        if namespace.kind != VIEW:
            found[namespace.name] = tally = Tally()
            for raw in dump.raw_batches(database, namespace.name, session):
                tally.add(archive.split(raw))
    return found


def differences(wanted: Mapping[str, Any], found: Mapping[str, Tally]) -> list[str]:
    """What a database holds other than a manifest says, by collection; [] when nothing. Names and numbers only."""
    told = []
    for name in sorted({*wanted, *found}):
        expected = wanted.get(name, {"count": 0, "sha256": Tally().sha256})
        tally = found.get(name, Tally())
        if tally.count != expected["count"]:
            told.append(f"{name}: {tally.count} documents instead of {expected['count']}")
        elif tally.sha256 != expected["sha256"]:
            told.append(f"{name}: other contents")
    return told


def index_differences(wanted: Iterable[Namespace], database: Database[Document]) -> list[str]:
    """Which collections have other indexes than an archive says."""
    there = {namespace.name: namespace for namespace in dump.described(database)}
    return [
        f"{namespace.name}: other indexes"
        for namespace in wanted
        if namespace.name not in there or _indexes(namespace) != _indexes(there[namespace.name])
    ]


def _indexes(namespace: Namespace) -> dict[str, dict[str, Any]]:
    """By name; the order of keys within an index counts, that of its options does not."""
    return {
        index["name"]: {key: list(value.items()) if key == "key" else value for key, value in index.items()}
        for index in (
            {key: value for key, value in each.items() if key not in {"ns", "v"}} for each in namespace.indexes
        )
    }


def _build(database: Database[Document], name: str, wanted: Sequence[Mapping[str, Any]]) -> None:
    try:
        database.command("createIndexes", name, indexes=wanted)
    except OperationFailure as error:
        if error.code not in _UNFIT:
            raise
        # Without what the server says, which may name a patient's values.
        raise Damaged(
            f"The indexes of {name} do not fit its documents ({(error.details or {}).get('codeName', error.code)}). "
            "Use another backup."
        ) from error


def _create(database: Database[Document], namespace: Namespace) -> None:
    try:
        database.create_collection(namespace.name, check_exists=False, **namespace.options)
    except CollectionInvalid as error:
        raise AlreadyExists(f"The database {database.name} is not empty. Restore into another name.") from error


def _insert(database: Database[Document], name: str, some: Sequence[bytes]) -> None:
    """Insert documents as they were; what they broke when they were stored, they may break again."""
    try:
        database[name].insert_many(
            (RawBSONDocument(raw) for raw in some),
            ordered=False,
            bypass_document_validation=True,
        )
    except BulkWriteError as error:
        raise Damaged(f"The archive holds documents of {name} that the server refuses. Use another backup.") from error


def _parts(batch: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for first in range(0, len(batch), _AT_ONCE):
        yield batch[first : first + _AT_ONCE]


def _without(index: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in index.items() if name != key}
