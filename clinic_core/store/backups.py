"""The collection `backups`: what was done with backups, one line each; added, never changed."""

from __future__ import annotations

from datetime import datetime

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.backups import BackupEvent
from clinic_core.store.mongo import Document, IndexModel, from_document, reaching, to_document


class Backups:
    """Reads and writes the history of backups."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["backups"]

    def create_indexes(self) -> None:
        """By time."""
        self._collection.create_indexes([IndexModel([("at", -1)])])

    def add(self, event: BackupEvent) -> None:
        """Write a line; the same line again is harmless."""
        with reaching():
            try:
                self._collection.insert_one(to_document(event))
            except DuplicateKeyError:
                return

    def since(self, instant: datetime) -> list[BackupEvent]:
        """The lines from then on, newest first."""
        with reaching():
            found = self._collection.find({"at": {"$gte": instant}}).sort("at", -1)
            return [from_document(BackupEvent, each) for each in found]
