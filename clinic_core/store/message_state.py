"""What the senders of messages share: by which policy was planned, and what may still be sent and spent."""

from __future__ import annotations

from contextlib import suppress

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.store.mongo import Document, reaching

_PLANNED = "planned"


class MessageState:
    """The `message_state` collection: a handful of documents, read by their id."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["message_state"]

    def create_indexes(self) -> None:
        """Nothing is missing: the primary key is all there is."""

    def planned_version(self) -> int | None:
        """The version of the policy by which the visits to come were planned; None before the first time."""
        with reaching():
            found = self._collection.find_one({"_id": _PLANNED})
        return None if found is None else int(found["policy_version"])

    def set_planned_version(self, version: int) -> None:
        """Remember that they are marked to be planned by this version."""
        with reaching(), suppress(DuplicateKeyError):  # another sidecar writes it at this moment
            self._collection.replace_one({"_id": _PLANNED}, {"policy_version": version}, upsert=True)
