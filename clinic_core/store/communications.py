"""The outbox: one document per message, from its planning to what the carrier says of it.

Beside its own fields a document carries what is asked for by index: `send_after` (while it waits: the moment from
which it may be sent) and `open` (its status, while somebody has to look at it). Both are sparse: the many that are done
have neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from pymongo.database import Database
from pymongo.errors import ConnectionFailure, DuplicateKeyError

from clinic_core.domain.messages import Communication, MessageKind, MessageStatus, reference_of
from clinic_core.errors import Conflict
from clinic_core.store.mongo import (
    Document,
    IndexModel,
    Stored,
    batches,
    from_document,
    insert_many,
    reaching,
    stream,
    to_document,
)

_TRIES = 20
_LOOKED_AT = 1_000  # of what is due, the longest due: among them the most urgent go first
_OPEN = frozenset({MessageStatus.IN_PROGRESS, MessageStatus.NOT_DONE, MessageStatus.ON_HOLD})


class Communications:
    """The `communications` collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["communications"]

    def create_indexes(self) -> None:
        """One message per reference and per carrier's id; what it is about; whose; when it goes or went; to whom."""
        self._collection.create_indexes(
            [
                IndexModel("reference", unique=True),
                IndexModel("provider_id", unique=True, sparse=True),
                IndexModel("about"),
                IndexModel("patient_id"),
                IndexModel("due_on"),
                IndexModel("sent_on", sparse=True),
                IndexModel("recipient", sparse=True),
                IndexModel("send_after", sparse=True),
                IndexModel("open", sparse=True),
            ]
        )

    def add_many(self, messages: Sequence[Communication]) -> None:
        """Save new messages, in one write; those that are there already, under their ids, stay as they are.

        A reference that is given out already is changed for another one.
        """
        left = list(messages)
        for attempt in range(1, _TRIES):
            refused = insert_many(self._collection, [_document(one) for one in left])
            taken = [left[at] for at, key in refused.items() if "_id" not in key]
            if not taken:
                return
            left = [replace(one, reference=reference_of(one.id, attempt)) for one in taken]
        raise Conflict("No reference is free for a message. Try again.")

    def change(self, before: Communication, after: Communication) -> Communication:
        """Replace `before` by `after`; raises Conflict when it was changed since it was read.

        A lost answer is settled by reading the message back.
        """
        newer = replace(after, version=before.version + 1)
        document = _document(newer)
        gone = {key: "" for key in _OPTIONAL if key not in document}
        update: Document = {"$set": {key: value for key, value in document.items() if key != "_id"}}
        if gone:
            update["$unset"] = gone
        with reaching():
            try:
                done = self._collection.update_one({"_id": before.id, "version": before.version}, update)
                if done.matched_count:
                    return newer
            except DuplicateKeyError as error:
                raise Conflict("The carrier's id of this message belongs to another one.") from error
            except ConnectionFailure:
                if self.find(before.id) == newer:
                    return newer
                raise
        raise Conflict("This message was changed just now. Reload the list.")

    def taken_over(self, about: str, version: int) -> list[Communication]:
        """All messages about a visit, for the plan of one version of it.

        Those that an older version planned are marked with this one first, so that whoever still plans for the older
        one finds them changed.
        """
        if version > 1:
            self._outdate(about, version)
        return self.about(about)

    def _outdate(self, about: str, version: int) -> None:
        plannable = [MessageStatus.PREPARATION.value, MessageStatus.STOPPED.value]
        older = {"about": about, "about_version": {"$lt": version}, "status": {"$in": plannable}}
        with reaching():
            self._collection.update_many(older, {"$set": {"about_version": version}, "$inc": {"version": 1}})

    def find(self, message_id: str) -> Communication | None:
        """One message, None when there is none of that id."""
        return self._one({"_id": message_id})

    def by_reference(self, reference: str) -> Communication | None:
        """The message of a reference, as a patient may write it back."""
        return self._one({"reference": reference.upper()})

    def by_provider_id(self, provider_id: str) -> Communication | None:
        """The message that the carrier knows under this id."""
        return self._one({"provider_id": provider_id})

    def latest_to(self, recipient: str, *, since: datetime) -> list[Communication]:
        """What was sent to a number or an address since, latest first."""
        with reaching():
            found = [_message(document) for document in self._collection.find({"recipient": recipient})]
        sent = [one for one in found if one.sent_at is not None and one.sent_at >= since]
        return sorted(sent, key=lambda one: (one.sent_at or since, one.id), reverse=True)

    def about(self, about: str) -> list[Communication]:
        """All that speak of a visit, an invoice or a message, by when they are due."""
        return self._all({"about": about})

    def about_many(self, abouts: Iterable[str]) -> dict[str, list[Communication]]:
        """The same of many: id -> its messages."""
        found: dict[str, list[Communication]] = {}
        for part in batches(sorted(set(abouts)), 50):
            for one in self._all({"about": {"$in": part}}):
                found.setdefault(one.about, []).append(one)
        return found

    def of_patient(self, patient_id: str) -> list[Communication]:
        """A patient's messages, by when they are due."""
        return self._all({"patient_id": patient_id})

    def due_on(self, day: date) -> list[Communication]:
        """What goes out, or went out, or was to, on a clinic-local day."""
        return self._all({"due_on": day.isoformat()})

    def sent_on(self, day: date) -> list[Communication]:
        """What the carriers took on a clinic-local day."""
        return self._all({"sent_on": day.isoformat()})

    def failed(self) -> list[Communication]:
        """The dead letters."""
        return self._all({"open": MessageStatus.NOT_DONE.value})

    def on_hold(self) -> list[Communication]:
        """Those that wait for a person."""
        return self._all({"open": MessageStatus.ON_HOLD.value})

    def in_progress(self) -> list[Communication]:
        """Those being handed over, or of which nobody knows whether they were."""
        return self._all({"open": MessageStatus.IN_PROGRESS.value})

    def count_failed(self) -> int:
        """How many dead letters there are."""
        with reaching():
            return self._collection.count_documents({"open": MessageStatus.NOT_DONE.value})

    def waiting(self, now: datetime, *, most: int) -> list[Communication]:
        """What may be sent now, the most urgent first, at most so many of each channel: one does not hold up another.

        Costs 12 µs for each that is due.
        """
        with reaching():
            found = self._collection.find({"send_after": {"$lte": now}}).sort("send_after", 1).limit(_LOOKED_AT)
            due = sorted(found, key=_urgency)
        by_channel: dict[str, list[Document]] = {}
        for document in due:
            by_channel.setdefault(document["channel"], []).append(document)
        chosen = [document for some in by_channel.values() for document in some[:most]]
        return [_message(document) for document in sorted(chosen, key=_urgency)]

    def every(self) -> Iterator[Stored[Communication]]:
        """All of them in no order, one batch in memory, for checks."""
        return stream(self._collection, Communication, {})

    def _one(self, wanted: Document) -> Communication | None:
        with reaching():
            document = self._collection.find_one(wanted)
        return None if document is None else _message(document)

    def _all(self, wanted: Document) -> list[Communication]:
        with reaching():
            found = [_message(document) for document in self._collection.find(wanted)]
        return sorted(found, key=lambda one: (one.due_at, one.id))


_EMPTY = ("recipient", "text", "error_code")  # "" is not stored: nobody asks for it, and an index need not hold it
_OPTIONAL = (
    *_EMPTY,
    "send_after",
    "open",
    "reason",
    "retry_at",
    "claimed_at",
    "provider_id",
    "sent_at",
    "sent_on",
    "delivery",
    "delivery_at",
)


def _urgency(document: Document) -> tuple[bool, datetime, datetime, str]:
    """Answers first, then what is of use for the shortest time: at the end of quiet hours hundreds are due at once."""
    is_answer = document["kind"] == MessageKind.REPLY.value
    return not is_answer, document["expires_at"], document["send_after"], document["_id"]


def _document(message: Communication) -> Document:
    document = {key: value for key, value in to_document(message).items() if value or key not in _EMPTY}
    if message.status is MessageStatus.PREPARATION:
        document["send_after"] = message.retry_at or message.due_at
    elif message.status in _OPEN:
        document["open"] = message.status.value
    return document


def _message(document: Document) -> Communication:
    return from_document(Communication, document)
