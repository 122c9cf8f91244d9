"""What patients wrote: `inbound_messages`, inserted once under the carrier's id. A repeated webhook changes nothing.

A document that waits on reception's board carries `board: true`, one whose outcome is not known yet `unfinished: true`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pymongo.database import Database
from pymongo.errors import ConnectionFailure, DuplicateKeyError

from clinic_core.domain.messages import InboundMessage
from clinic_core.errors import Conflict, NotFound
from clinic_core.store.mongo import Document, IndexModel, Stored, from_document, reaching, stream, to_document


class Inbound:
    """The `inbound_messages` collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["inbound_messages"]

    def create_indexes(self) -> None:
        """What waits on the board, what is not finished, and what a number wrote, latest first."""
        self._collection.create_indexes(
            [
                IndexModel("board", sparse=True),
                IndexModel("unfinished", sparse=True),
                IndexModel([("sender", 1), ("received_at", -1)]),
            ]
        )

    def add(self, message: InboundMessage) -> InboundMessage:
        """Save a message, and return what is there: the same id again is the one that came first."""
        with reaching():
            try:
                self._collection.insert_one(_document(message))
                return message
            except DuplicateKeyError:
                return self.get(message.id)
            except ConnectionFailure:
                found = self.find(message.id)
                if found is None:
                    raise
                return found

    def change(self, before: InboundMessage, after: InboundMessage) -> InboundMessage:
        """Replace `before` by `after`; raises Conflict when it was changed since it was read."""
        newer = replace(after, version=before.version + 1)
        with reaching():
            done = self._collection.replace_one({"_id": before.id, "version": before.version}, _document(newer))
        if not done.matched_count:
            raise Conflict("Somebody else took this reply up just now. Look at the board again.")
        return newer

    def find(self, message_id: str) -> InboundMessage | None:
        """One message, None when there is none of that id."""
        with reaching():
            document = self._collection.find_one({"_id": message_id})
        return None if document is None else from_document(InboundMessage, document)

    def get(self, message_id: str) -> InboundMessage:
        """One message; raises NotFound."""
        found = self.find(message_id)
        if found is None:
            raise NotFound("This reply does not exist. Reload the board.")
        return found

    def open_ones(self, *, most: int = 200) -> list[InboundMessage]:
        """Those that wait on the board, oldest first."""
        with reaching():
            found = self._collection.find({"board": True}).limit(most)
            return sorted((from_document(InboundMessage, d) for d in found), key=lambda one: (one.received_at, one.id))

    def count_open(self) -> int:
        """How many wait on the board."""
        with reaching():
            return self._collection.count_documents({"board": True})

    def unfinished(self, *, most: int = 500) -> list[InboundMessage]:
        """Those whose outcome is not known: being worked on now, or cut off by a crash."""
        with reaching():
            found = self._collection.find({"unfinished": True}).limit(most)
            return [from_document(InboundMessage, document) for document in found]

    def of_sender(self, sender: str, *, most: int = 20) -> list[InboundMessage]:
        """What a number wrote, latest first."""
        with reaching():
            found = self._collection.find({"sender": sender}).sort("received_at", -1).limit(most)
            return [from_document(InboundMessage, document) for document in found]

    def every(self) -> Iterator[Stored[InboundMessage]]:
        """All of them in no order, one batch in memory, for checks."""
        return stream(self._collection, InboundMessage, {})


def _document(message: InboundMessage) -> Document:
    marks = {"board": message.open, "unfinished": not message.outcome}
    return to_document(message) | {name: True for name, marked in marks.items() if marked}
