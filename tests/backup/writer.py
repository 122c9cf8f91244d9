"""A writer whose documents change in every way a document can, and who knows what each looked like when."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient, ReturnDocument
from pymongo.errors import OperationFailure, PyMongoError

from clinic_core.store.mongo import CODEC, Document

_MILLISECOND = 0.001
_SELDOM = 0.06
IDS = [f"marker-{number}" for number in range(8)]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One write: when it was asked for and acknowledged (seconds), and the document then; None: it is gone."""

    id: str
    sent: float
    acknowledged: float
    after: Document | None
    certain: bool = True  # False: nobody said whether it happened, `after` is what was found later


class Writer(threading.Thread):
    """Writes until `stop`; the only one who writes to its documents."""

    def __init__(self, url: str, name: str, seed: int, pause: float = 0.01) -> None:
        super().__init__(daemon=True)
        # A write that is retried over a kill of the embedded server happens twice: it forgets what it has done.
        client: MongoClient[Document] = MongoClient(url, retryWrites=False, serverSelectionTimeoutMS=5_000)
        self.collection = client.get_default_database(codec_options=CODEC)[name]
        self.lines: list[Line] = []
        self._chance, self._pause = random.Random(seed), pause
        self._stopping = threading.Event()
        self._number = 0

    def stop(self) -> None:
        """End after the write at hand."""
        self._stopping.set()
        self.join()

    def write_on(self, least: int, since: datetime) -> None:
        """Wait until there were so many writes after an instant: on a busy machine that takes longer."""
        while sum(line.sent > since.timestamp() for line in self.lines) < least:
            assert self.is_alive()
            time.sleep(self._pause)

    def run(self) -> None:
        """Write and note."""
        while not self._stopping.wait(self._pause):
            key, sent = self._chance.choice(IDS), time.time()
            try:
                after, certain = self.change(key), True
            except PyMongoError:
                after, certain = self._look(key), False
            self.lines.append(Line(id=key, sent=sent, acknowledged=time.time(), after=after, certain=certain))

    def change(self, key: str) -> Document | None:
        """One write to that document; how it looks now."""
        self._number += 1
        kind = self._chance.random()
        if kind < _SELDOM:
            self.collection.delete_one({"_id": key})
            return None
        if kind < 2 * _SELDOM:
            whole = {"_id": key, "n": self._number, "list": [1, 2], "deep": {"list": [{"x": 1}]}}
            self.collection.replace_one({"_id": key}, whole, upsert=True)
            return whole
        try:
            found: Document = self.collection.find_one_and_update(
                {"_id": key}, self._update(), upsert=True, return_document=ReturnDocument.AFTER
            )
        except OperationFailure:  # what is to be an array is none just now
            return self.collection.find_one({"_id": key})
        return found

    def _update(self) -> Any:
        n = self._number
        counted = {"$set": {"n": n}}
        return self._chance.choice(
            [
                {"$inc": {"count": 1}, **counted},
                {"$push": {"list": n}, **counted},
                {"$push": {"list": {"$each": [n], "$position": 0, "$slice": 4}}},
                {"$pop": {"list": -1}},
                {"$pull": {"list": {"$lt": n - 9}}},
                {"$push": {"deep.list": {"x": n}}, **counted},
                {"$set": {"deep.list.0.x": n, f"deep.by.{n % 3}": n}} if n % 2 else {"$unset": {"deep": 1}},
                {"$unset": {"count": 1, "deep.by.1": 1}, **counted},
                {"$rename": {"count": "counted"}},
                [{"$set": {"list": {"$slice": [{"$ifNull": ["$list", []]}, 2]}, "n": n}}],
            ]
        )

    def _look(self, key: str) -> Document | None:
        while True:
            try:
                return self.collection.find_one({"_id": key})
            except PyMongoError:
                time.sleep(0.05)

    def may_be(self, moment: datetime) -> dict[str, list[Document | None]]:
        """What each document may look like at the moment: one state, two where a write was under way just then."""
        at = moment.timestamp()
        found: dict[str, list[Document | None]] = {key: [None] for key in IDS}
        for line in self.lines:
            if line.acknowledged <= at:
                found[line.id] = [line.after]
            elif line.sent <= at + _MILLISECOND:  # the server's clock is cut to whole milliseconds
                found[line.id].append(line.after)
        return found


def moment_of(seconds: float) -> datetime:
    """As it may be asked for."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)
