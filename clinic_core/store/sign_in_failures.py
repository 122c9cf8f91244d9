"""The collection `sign_in_failures`: one document per name or address, holding its attempts that did not succeed.

An attempt is entered *before* the password is looked at, by one atomic update that only finds room while fewer than
the limit are there. So however many attempts race, no more than the limit get as far as the password. An attempt
that succeeds is taken out again; one that was refused was never in, so that knocking does not prolong the lock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.store.mongo import Document, IndexModel, reaching


class SignInFailures:
    """Counts sign-in attempts over a sliding window."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["sign_in_failures"]

    def create_indexes(self) -> None:
        """The database deletes what is older than the window."""
        self._collection.create_indexes([IndexModel("expires_at", expireAfterSeconds=0)])

    def enter(
        self, subject: str, *, attempt_id: str, user_key: str, at: datetime, window: timedelta, limit: int
    ) -> bool:
        """Count an attempt against `subject`; False when `limit` of the last `window` are there already."""
        attempt = {"id": attempt_id, "user": user_key, "at": at}
        with reaching():
            found = self._entered(subject, attempt, window, limit)
            if found is None:
                self._begin(subject, at + window)
                found = self._entered(subject, attempt, window, limit)
        return found is not None and any(one["id"] == attempt_id for one in found["attempts"])

    def forget_attempt(self, subject: str, *, attempt_id: str) -> None:
        """Take one attempt out again."""
        with reaching():
            self._collection.update_one({"_id": subject}, {"$pull": {"attempts": {"id": attempt_id}}})

    def forget_user(self, subject: str, *, user_key: str) -> None:
        """Take out every attempt for one username: its owner got in, so those were slips."""
        with reaching():
            self._collection.update_one({"_id": subject}, {"$pull": {"attempts": {"user": user_key}}})

    def remove_ended(self, now: datetime) -> int:
        """Delete what is older than the window; how many there were."""
        with reaching():
            return self._collection.delete_many({"expires_at": {"$lte": now}}).deleted_count

    def _entered(self, subject: str, attempt: Document, window: timedelta, limit: int) -> Document | None:
        recent = {"$filter": {"input": "$attempts", "as": "one", "cond": {"$gt": ["$$one.at", attempt["at"] - window]}}}
        room = {"$lt": [{"$size": "$attempts"}, limit]}
        more: dict[str, Any] = {"$concatArrays": ["$attempts", [{"$literal": attempt}]]}
        return self._collection.find_one_and_update(
            {"_id": subject},
            [
                {"$set": {"attempts": recent}},
                {"$set": {"attempts": {"$cond": [room, more, "$attempts"]}, "expires_at": attempt["at"] + window}},
            ],
            return_document=ReturnDocument.AFTER,
        )

    def _begin(self, subject: str, expires_at: datetime) -> None:
        try:
            self._collection.insert_one({"_id": subject, "attempts": [], "expires_at": expires_at})
        except DuplicateKeyError:  # somebody else began it in the same moment, which is as good
            return
