"""The opt-out ledger, `opt_outs`: who asked for no more messages, and who asked for them again.

A line is inserted once and never changed; the last line of a number holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.messages import OptOut
from clinic_core.store.mongo import (
    Document,
    IndexModel,
    Stored,
    batches,
    from_document,
    reaching,
    stream,
    to_document,
)

_AT_ONCE = 50


class OptOuts:
    """The `opt_outs` collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["opt_outs"]

    def create_indexes(self) -> None:
        """The lines of a number."""
        self._collection.create_indexes([IndexModel("recipient")])

    def record(self, line: OptOut) -> None:
        """Add a line; one that is there already stays as it is."""
        with reaching():
            try:
                self._collection.insert_one(to_document(line))
            except DuplicateKeyError:
                return

    def stopped(self, recipient: str) -> bool:
        """Whether a number wants no messages."""
        return recipient in self.stopped_of([recipient])

    def stopped_of(self, recipients: Iterable[str]) -> set[str]:
        """Those of the numbers that want no messages."""
        last: dict[str, OptOut] = {}
        for some in batches(sorted(set(recipients)), _AT_ONCE):
            wanted = some[0] if len(some) == 1 else {"$in": some}
            with reaching():
                for document in self._collection.find({"recipient": wanted}):
                    line = from_document(OptOut, document)
                    last[line.recipient] = max(last.get(line.recipient, line), line, key=_order)
        return {recipient for recipient, line in last.items() if line.stopped}

    def history(self, recipient: str) -> list[OptOut]:
        """The lines of a number, oldest first."""
        with reaching():
            found = [from_document(OptOut, document) for document in self._collection.find({"recipient": recipient})]
        return sorted(found, key=_order)

    def every(self) -> Iterator[Stored[OptOut]]:
        """All of them in no order, one batch in memory, for checks."""
        return stream(self._collection, OptOut, {})


def _order(line: OptOut) -> tuple[datetime, bool, str]:
    """Of two lines of one millisecond the one that stops holds."""
    return line.at, line.stopped, line.id
