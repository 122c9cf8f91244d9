"""What the senders of messages share: by which policy was planned, and what may still be sent and spent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.allowance import Allowance
from clinic_core.store.mongo import Document, from_document, reaching, to_document

_PLANNED = "planned"
_ALLOWANCE = "allowance"


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

    def allowance(self) -> Allowance:
        """How far the senders are; nothing spent before the first time."""
        with reaching():
            found = self._collection.find_one({"_id": _ALLOWANCE})
        return Allowance() if found is None else from_document(Allowance, found)

    def save_allowance(self, before: Allowance, after: Allowance) -> bool:
        """Replace it; False when another sender did since it was read."""
        document = to_document(replace(after, version=before.version + 1))
        guard = {"_id": _ALLOWANCE, "version": before.version}
        try:
            with reaching():
                done = self._collection.replace_one(guard, document, upsert=before.version == 0)
        except DuplicateKeyError:
            return False
        return bool(done.matched_count) or done.upserted_id is not None
