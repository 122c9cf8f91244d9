"""Facts for reporting: one compact block per kind of document and month, and what is not folded into one yet.

The collection `fact_blocks` holds a document per block, ``{_id: "journal:2026-03", stamp, shape, tables}``, and the
document ``{_id: "generation", stamp}``, which changes after blocks were written and before the documents in them lose
`unfolded`. A stamp is random and never comes back, not even after a restore. `services/facts.py` says how it all fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Generic, TypeVar

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.appointments import Appointment
from clinic_core.domain.facts import Block, Unfolded
from clinic_core.domain.ids import new_id
from clinic_core.domain.journal import Entry
from clinic_core.store.mongo import Document, IndexModel, batches, from_document, reaching

T = TypeVar("T", bound=Entry | Appointment)

_GENERATION: Final = "generation"
_SETTLED_AT_ONCE: Final = 25
_READ_AT_ONCE: Final = 10


class Source(Generic[T]):
    """One kind of document that facts are made of."""

    def __init__(self, database: Database[Document], name: str, kind: type[T]) -> None:
        self.name = name
        self._collection, self._kind = database[name], kind

    def unfolded(self) -> tuple[Unfolded, ...]:
        """Which documents are unfolded, by id."""
        with reaching():
            found = self._collection.find({"unfolded": True}, {"version": 1, "month": 1, "moved_from": 1})
            return tuple(sorted((_unfolded(document) for document in found), key=lambda one: one.id))

    def tail(self) -> list[tuple[Unfolded, T]]:
        """The unfolded documents with their records."""
        with reaching():
            found = self._collection.find({"unfolded": True})
            pairs = [(_unfolded(document), from_document(self._kind, document)) for document in found]
        return sorted(pairs, key=lambda pair: pair[0].id)

    def of_month(self, month: str) -> list[T]:
        """All records of a month, "YYYY-MM"; whole, because leaving fields out costs the embedded server more time."""
        with reaching():
            found = self._collection.find({"month": month})
            return [from_document(self._kind, document) for document in found]

    def records(self, ids: Iterable[str]) -> list[T]:
        """The records of these ids as they are now, whole."""
        found: list[T] = []
        for some in batches(sorted(ids), _SETTLED_AT_ONCE):
            with reaching():
                found += [from_document(self._kind, d) for d in self._collection.find({"_id": {"$in": some}})]
        return found

    def settle(self, folded: Iterable[Unfolded]) -> None:
        """Take the mark from documents that are still as they were when they were listed."""
        for version, ids in sorted(_by_version(folded).items()):
            for some in batches(ids, _SETTLED_AT_ONCE):
                wanted = {"_id": {"$in": some}, "version": version}
                with reaching():
                    self._collection.update_many(wanted, {"$unset": {"unfolded": "", "moved_from": ""}})

    def months(self) -> list[str]:
        """Every month that has a record. Reads the whole collection."""
        with reaching():
            return sorted(month for month in self._collection.distinct("month") if month)


class Facts:
    """The blocks, and the collections they are made of."""

    def __init__(self, database: Database[Document]) -> None:
        self._blocks = database["fact_blocks"]
        self.journal = Source(database, "journal", Entry)
        self.appointments = Source(database, "appointments", Appointment)

    def create_indexes(self) -> None:
        """The blocks' shape, so that those of an older release are found, and the generation."""
        self._blocks.create_indexes([IndexModel("shape")])
        self._blocks.update_one({"_id": _GENERATION}, {"$setOnInsert": {"stamp": new_id()}}, upsert=True)

    def generation(self) -> str:
        """The stamp that changes whenever folded documents lose their mark."""
        return self._stamp(_GENERATION)

    def publish(self) -> None:
        """Change the generation."""
        with reaching():
            self._blocks.update_one({"_id": _GENERATION}, {"$set": {"stamp": new_id()}}, upsert=True)

    def stamps(self) -> dict[str, str]:
        """The present stamp of every block, by the block's id."""
        with reaching():
            found = self._blocks.find({}, {"stamp": 1})
            return {document["_id"]: document["stamp"] for document in found if document["_id"] != _GENERATION}

    def stamp(self, block_id: str) -> str:
        """The present stamp of one block, "" when it was never made."""
        return self._stamp(block_id)

    def blocks(self, block_ids: Sequence[str]) -> Iterator[tuple[str, Block]]:
        """The blocks of these ids as they are now, some at a time."""
        for some in batches(block_ids, _READ_AT_ONCE):
            with reaching():
                found = list(self._blocks.find({"_id": {"$in": some}}))
            for document in found:
                yield document["_id"], _block(document)

    def block(self, block_id: str) -> Block | None:
        """One block as it is now, None when it was never made."""
        with reaching():
            found = self._blocks.find_one({"_id": block_id})
        return None if found is None else _block(found)

    def forget(self, block_id: str) -> None:
        """Delete a block of a kind that there is no more."""
        with reaching():
            self._blocks.delete_one({"_id": block_id})

    def of_older_shape(self, shape: int) -> list[str]:
        """The ids of blocks that an older release made."""
        with reaching():
            return [document["_id"] for document in self._blocks.find({"shape": {"$lt": shape}}, {"_id": 1})]

    def replace(self, block_id: str, block: Block, *, before: str) -> bool:
        """Write a block over the one of stamp `before` ("": none yet); False when another one came between."""
        document = {"stamp": block.stamp, "shape": block.shape, "tables": dict(block.tables)}
        with reaching():
            if before:
                return bool(self._blocks.replace_one({"_id": block_id, "stamp": before}, document).matched_count)
            try:
                self._blocks.insert_one({"_id": block_id, **document})
            except DuplicateKeyError:
                return False
            return True

    def _stamp(self, document_id: str) -> str:
        with reaching():
            found = self._blocks.find_one({"_id": document_id}, {"stamp": 1})
        return "" if found is None else str(found["stamp"])


def _block(document: Document) -> Block:
    return Block(stamp=document["stamp"], shape=document["shape"], tables=document["tables"])


def _unfolded(document: Document) -> Unfolded:
    months = {document.get("month"), *document.get("moved_from", ())} - {None}
    return Unfolded(id=document["_id"], version=document["version"], months=tuple(sorted(map(str, months))))


def _by_version(folded: Iterable[Unfolded]) -> dict[int, list[str]]:
    ids: dict[int, list[str]] = {}
    for one in folded:
        ids.setdefault(one.version, []).append(one.id)
    return ids
