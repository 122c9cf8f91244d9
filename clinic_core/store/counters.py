"""Numbers that only need to be unique, not without gaps: patients' numbers."""

from __future__ import annotations

from pymongo import ReturnDocument
from pymongo.database import Database

from clinic_core.store.mongo import Document, reaching

NAMES = ("patient",)


class Counters:
    """The `counters` collection: one document per sequence, made beforehand."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["counters"]

    def create_indexes(self) -> None:
        """Make each counter once: a racing upsert can answer nothing on the embedded server."""
        for name in NAMES:
            self._collection.update_one({"_id": name}, {"$setOnInsert": {"value": 0}}, upsert=True)

    def last(self, name: str) -> int:
        """The number that was taken last, 0 before the first."""
        with reaching():
            counter = self._collection.find_one({"_id": name})
        return 0 if counter is None else int(counter["value"])

    def take(self, name: str, how_many: int = 1) -> int:
        """Reserve `how_many` numbers and return the first of them."""
        with reaching():
            counter = self._collection.find_one_and_update(
                {"_id": name}, {"$inc": {"value": how_many}}, return_document=ReturnDocument.AFTER
            )
        if counter is None:
            raise LookupError(f"counter {name!r} was not created")
        return int(counter["value"]) - how_many + 1

    def reach(self, name: str, number: int) -> None:
        """Make sure that `number` and those below it are not given out any more."""
        with reaching():
            self._collection.update_one({"_id": name}, {"$max": {"value": number}})
