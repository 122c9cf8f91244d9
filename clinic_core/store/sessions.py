"""The collection `sessions`: one document per browser that is signed in; deleting it signs that browser out."""

from __future__ import annotations

from datetime import datetime

from pymongo.database import Database

from clinic_core.domain.users import Session
from clinic_core.store.mongo import Document, IndexModel, from_document, reaching, to_document


class Sessions:
    """Reads and writes sessions."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["sessions"]

    def create_indexes(self) -> None:
        """By user; and the database deletes what has ended."""
        self._collection.create_indexes([IndexModel("user_id"), IndexModel("ends_at", expireAfterSeconds=0)])

    def add(self, session: Session) -> None:
        """Save a new session."""
        with reaching():
            self._collection.insert_one(to_document(session))

    def find(self, session_id: str) -> Session | None:
        """The session with that id, if it is still there."""
        with reaching():
            found = self._collection.find_one({"_id": str(session_id)})
        return None if found is None else from_document(Session, found)

    def touch(self, session_id: str, *, seen_at: datetime, unless_since: datetime, live_since: datetime) -> None:
        """Move `seen_at` forward, unless it is as new as `unless_since` or so old (`live_since`) that it has ended."""
        due = {"$lt": unless_since, "$gt": live_since}
        with reaching():
            self._collection.update_one({"_id": str(session_id), "seen_at": due}, {"$set": {"seen_at": seen_at}})

    def remove(self, session_id: str) -> bool:
        """End one session; whether it was there."""
        with reaching():
            return self._collection.delete_one({"_id": str(session_id)}).deleted_count == 1

    def remove_ended(self, now: datetime) -> int:
        """Delete those that ended; how many there were."""
        with reaching():
            return self._collection.delete_many({"ends_at": {"$lte": now}}).deleted_count

    def remove_of(self, user_id: str) -> int:
        """End every session of a user; how many there were."""
        with reaching():
            return self._collection.delete_many({"user_id": str(user_id)}).deleted_count
