"""The audit trail: lines are added, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.audit import AuditEvent
from clinic_core.store.mongo import Document, IndexModel, existing, from_document, reaching, to_document


class AuditEvents:
    """The `audit_events` collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["audit_events"]

    def create_indexes(self) -> None:
        """By time, and by each of what one asks about, newest first."""
        self._collection.create_indexes(
            [
                IndexModel([("at", -1)]),
                IndexModel([("patient_id", 1), ("at", -1)]),
                IndexModel([("username", 1), ("at", -1)]),
            ]
        )

    def add(self, event: AuditEvent) -> None:
        """Write a line; the same line again (same id) is harmless."""
        with reaching():
            try:
                self._collection.insert_one(to_document(event))
            except DuplicateKeyError:
                return  # this very line is there: the write was repeated

    def add_many(self, events: Iterable[AuditEvent]) -> None:
        """Write many lines, for imports and the demo."""
        documents = [to_document(event) for event in events]
        if documents:
            with reaching():
                self._collection.insert_many(documents, ordered=False)

    def existing(self, ids: Sequence[str]) -> set[str]:
        """Which of these lines are there."""
        return existing(self._collection, ids)

    def latest(
        self, *, since: datetime, until: datetime, username: str = "", patient_id: str = "", most: int = 500
    ) -> list[AuditEvent]:
        """Lines of [since, until), newest first."""
        wanted: dict[str, Any] = {"at": {"$gte": since, "$lt": until}}
        wanted |= {k: v for k, v in (("username", username), ("patient_id", patient_id)) if v}
        with reaching():
            found = self._collection.find(wanted).sort("at", -1).limit(most)
            return [from_document(AuditEvent, document) for document in found]
