"""The collection `alerts`: one document per key, which is open or cleared."""

from __future__ import annotations

from datetime import datetime

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.alerts import Alert, Telling
from clinic_core.store.mongo import Document, IndexModel, from_document, reaching, to_document, without


class Alerts:
    """Reads and writes alerts."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["alerts"]

    def create_indexes(self) -> None:
        """The open ones, among all that ever were."""
        self._collection.create_indexes([IndexModel("open")])

    def raise_(self, alert: Alert) -> bool:
        """Open the alert, or count it once more; True for the one caller that opened it."""
        again = {"severity": alert.severity.value, "summary": alert.summary, "advice": alert.advice}
        more = {"$set": {**again, "last_seen_at": alert.last_seen_at}, "$inc": {"count": 1}}
        anew = {"$set": without(to_document(alert), {"_id", "tellings"}), "$unset": {"cleared_at": ""}}
        while True:
            with reaching():
                if self._collection.update_one({"_id": alert.id, "open": True}, more).matched_count:
                    return False
                if self._collection.update_one({"_id": alert.id, "open": False}, anew).matched_count:
                    return True
                try:
                    self._collection.insert_one(to_document(alert))
                    return True
                except DuplicateKeyError:  # somebody opened it in the same moment: count it there
                    continue

    def clear(self, key: str, *, at: datetime) -> bool:
        """Close the alert; whether it was open."""
        change = {"$set": {"open": False, "cleared_at": at}}
        with reaching():
            return self._collection.update_one({"_id": key, "open": True}, change).matched_count == 1

    def open(self) -> list[Alert]:
        """Those that are open, the oldest first."""
        with reaching():
            found = [from_document(Alert, document) for document in self._collection.find({"open": True})]
        return sorted(found, key=lambda alert: alert.first_seen_at)

    def tell(self, alert: Alert, channel: str, telling: Telling, *, was: Telling) -> bool:
        """Write how far a channel is; False, and nothing written, when that or the alert is not as it was read."""
        field = f"tellings.{channel}"
        guard = {"_id": alert.id, "open": True, "first_seen_at": alert.first_seen_at}
        guard |= {f"{field}.told_at": was.told_at, f"{field}.retry_at": was.retry_at}
        with reaching():
            return self._collection.update_one(guard, {"$set": {field: to_document(telling)}}).matched_count == 1
