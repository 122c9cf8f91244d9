"""Bulk loads: records become bytes in one process, and another one inserts these as they are.

The embedded server is one process that works on one thing at a time, so whoever loads much keeps it busy with one
batch after the other, on one connection, and prepares the next ones elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from clinic_core.errors import AlreadyExists
from clinic_core.store import appointments, balances, communications, inbound, invoices, journal, patients
from clinic_core.store.mongo import CODEC, Document, Documents, insert_many, to_document, without

_SIZE_BYTES: Final = 4
_MARKS: Final = {"unfolded"}  # the caller makes all facts
_DOCUMENTS: Final[Mapping[str, Callable[[Any], Document]]] = {
    "patients": patients._document,
    "appointments": appointments._document,
    "encounters": to_document,
    "invoices": invoices._document,
    "journal": journal._document,
    "balances": balances._document,
    "communications": communications._document,
    "inbound_messages": inbound._document,
    "opt_outs": to_document,
}


def packed(name: str, records: Iterable[Any]) -> bytes:
    """The documents of a collection's records, one after the other, as they are sent and stored."""
    document = _DOCUMENTS[name]
    return b"".join(bson.encode(without(document(record), _MARKS), codec_options=CODEC) for record in records)


def packed_visits(visits: Iterable[Any], *, held_since: date) -> bytes:
    """The same for appointments; those of days before `held_since` hold nothing any more."""
    left_out = {True: _MARKS, False: _MARKS | appointments._HELD}
    documents = (without(appointments._document(visit), left_out[visit.day >= held_since]) for visit in visits)
    return b"".join(bson.encode(document, codec_options=CODEC) for document in documents)


class Bulk:
    """Inserts packed documents."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database

    def insert(self, name: str, payload: bytes) -> None:
        """Save packed documents of a collection; those that are there already (same id) stay as they are.

        Raises AlreadyExists when another document has a number or a time of one of them.
        """
        collection: Documents = self._database[name]
        refused = insert_many(collection, list(_documents(payload)))
        if any("_id" not in key for key in refused.values()):
            raise AlreadyExists("Another record has the number or the time of one of these. Use an empty database.")


def _documents(payload: bytes) -> Iterable[Any]:
    at = 0
    while at < len(payload):
        size = int.from_bytes(payload[at : at + _SIZE_BYTES], "little")
        yield RawBSONDocument(payload[at : at + size])
        at += size
