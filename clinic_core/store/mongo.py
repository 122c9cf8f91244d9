"""The client, and how frozen records become documents and back.

`id` is stored as `_id`, an enum as its value, a day as ``YYYY-MM-DD``, a time of day as ``HH:MM``, a tuple as an
array, an instant as a UTC date. A field that is None is left out, so that a partial unique index can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, time
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

from bson.codec_options import CodecOptions
from cattrs import BaseValidationError, Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from pymongo import IndexModel, MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    PyMongoError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from clinic_core.errors import Unavailable

Document: TypeAlias = dict[str, Any]
Documents: TypeAlias = Collection[Document]
T = TypeVar("T")

CODEC = CodecOptions(tz_aware=True, tzinfo=UTC, document_class=dict)
_DUPLICATE_KEY = 11000
_BATCH = 500
_UNREACHABLE = (ConnectionFailure, ExecutionTimeout, WTimeoutError)


def connect(url: str, *, timeout_ms: int = 5_000, longest_ms: int = 30_000) -> MongoClient[Document]:
    """A client that gives up with an error instead of waiting for ever.

    `timeout_ms` is for reaching the server, `longest_ms` for one answer: building an index may take minutes.
    """
    return MongoClient(
        url,
        tz_aware=True,
        tzinfo=UTC,
        appname="clinic",
        serverSelectionTimeoutMS=timeout_ms,
        connectTimeoutMS=timeout_ms,
        socketTimeoutMS=longest_ms,
        retryReads=True,
        retryWrites=True,
        maxPoolSize=64,
    )


def database_of(client: MongoClient[Document], name: str) -> Database[Document]:
    """The clinic's database: writes are acknowledged by the majority, on disk."""
    return client.get_database(
        name, codec_options=CODEC, write_concern=WriteConcern("majority", j=True), read_concern=ReadConcern("majority")
    )


@contextmanager
def reaching() -> Iterator[None]:
    """Turn a database that does not answer into `Unavailable`, whose message staff can read."""
    try:
        yield
    except _UNREACHABLE as error:
        raise Unavailable(
            "The database does not answer at the moment. What you typed is kept: try again in a few seconds."
        ) from error


def batches(values: Sequence[str], size: int = 100) -> Iterator[list[str]]:
    """The values in parts for one `$in` each: the embedded server's cost per document grows with its length."""
    for first in range(0, len(values), size):
        yield list(values[first : first + size])


def to_document(record: Any) -> Document:
    """The document of a frozen record."""
    document: Document = _converter().unstructure(record)
    return document


def without(document: Document, left_out: Set[str]) -> Document:
    """The document without some of its fields."""
    return {key: value for key, value in document.items() if key not in left_out}


def from_document(kind: type[T], document: Mapping[str, Any]) -> T:
    """The record of a document; a missing field takes its default."""
    return _converter().structure(document, kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(Generic[T]):
    """A document as a check reads it: `record` is None where it cannot be read, and `problem` says why."""

    id: str
    record: T | None
    problem: str = ""
    document: Document  # as it is stored, with the fields that are derived


def stream(collection: Documents, kind: type[T], wanted: Mapping[str, Any]) -> Iterator[Stored[T]]:
    """Every document that matches, in no order, one batch in memory at a time; a broken one does not end it."""
    with reaching():
        yield from (_stored(kind, document) for document in collection.find(wanted, batch_size=_BATCH))


def _stored(kind: type[T], document: Document) -> Stored[T]:
    key = str(document["_id"])
    try:
        return Stored(id=key, record=from_document(kind, document), document=document)
    except (BaseValidationError, KeyError, TypeError, ValueError) as error:
        return Stored(id=key, record=None, problem=_fault(error), document=document)


def _fault(error: BaseException) -> str:
    """Which fields cannot be read, without what they hold."""
    if isinstance(error, BaseValidationError):
        notes = {note for part in error.exceptions for note in getattr(part, "__notes__", ())}
        return ", ".join(sorted({str(note).rpartition(" ")[2] for note in notes})) or "a field"
    return "a field"


def conflict_key(error: DuplicateKeyError) -> Mapping[str, Any]:
    """Which field and value of a unique index were there already, e.g. ``{"holds": "room:1@5"}``."""
    found = (error.details or {}).get("keyValue") or {}
    return dict(found)


def _renamed(kind: type[Any]) -> dict[str, Any]:
    return {"id": override(rename="_id")} if "id" in {f.name for f in fields(kind)} else {}


def insert_many(collection: Documents, documents: Sequence[Document], *, ordered: bool = False) -> dict[int, Document]:
    """Insert many and return those that a unique index refused: position -> index key and value.

    One that is there already, under its own id, is always reported with `_id`, whichever index noticed first.
    `ordered` stops at the first refusal, so that what is saved is always a beginning of what was given.
    """
    if not documents:
        return {}
    with reaching():
        try:
            collection.insert_many(documents, ordered=ordered)
        except BulkWriteError as error:
            refused = _refused(error)
            there = existing(collection, [str(documents[at]["_id"]) for at in refused])
            return {
                at: {"_id": documents[at]["_id"]} if documents[at]["_id"] in there else refused[at] for at in refused
            }
    return {}


def existing(collection: Documents, ids: Sequence[str]) -> set[str]:
    """Which of these documents are there."""
    found: set[str] = set()
    for some in batches(ids):
        with reaching():
            found |= {str(document["_id"]) for document in collection.find({"_id": {"$in": some}}, {"_id": 1})}
    return found


def _refused(error: BulkWriteError) -> dict[int, Document]:
    faults = error.details.get("writeErrors", [])
    if error.details.get("writeConcernErrors") or any(fault["code"] != _DUPLICATE_KEY for fault in faults):
        raise error
    return {fault["index"]: dict(fault.get("keyValue") or {}) for fault in faults}


def _unstructured(converter: Converter, kind: type[Any]) -> Callable[[Any], Document]:
    renamed = _renamed(kind)
    plain = make_dict_unstructure_fn(kind, converter, **renamed)
    return lambda record: {key: value for key, value in plain(record).items() if value is not None}


def _structured(converter: Converter, kind: type[Any]) -> Callable[[Mapping[str, Any], Any], Any]:
    return make_dict_structure_fn(kind, converter, **_renamed(kind))


def _instant(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError("not an instant")
    return value


@lru_cache(maxsize=1)
def _converter() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook_factory(is_dataclass, lambda kind: _unstructured(converter, kind))
    converter.register_structure_hook_factory(is_dataclass, lambda kind: _structured(converter, kind))
    converter.register_unstructure_hook(Enum, lambda value: value.value)
    converter.register_unstructure_hook(datetime, lambda value: value)
    converter.register_structure_hook(datetime, lambda value, _: _instant(value))
    converter.register_unstructure_hook(date, lambda value: value.isoformat())
    converter.register_structure_hook(date, lambda value, _: date.fromisoformat(value))
    converter.register_unstructure_hook(time, lambda value: value.strftime("%H:%M"))
    converter.register_structure_hook(time, lambda value, _: time.fromisoformat(value))
    converter.register_unstructure_hook(tuple, lambda value: [converter.unstructure(part) for part in value])
    return converter


__all__ = [
    "CODEC",
    "Document",
    "Documents",
    "IndexModel",
    "PyMongoError",
    "Stored",
    "batches",
    "conflict_key",
    "connect",
    "database_of",
    "existing",
    "from_document",
    "insert_many",
    "reaching",
    "stream",
    "to_document",
    "without",
]
