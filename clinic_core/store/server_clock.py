"""The database server's clock: the one that all sidecars share, however wrong their own ones go."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import Final

from pymongo.database import Database

from clinic_core.store.mongo import CODEC, Document, reaching

_ASKED_EVERY: Final = 10.0  # seconds


class ServerClock:
    """Calling it gives the server's time. It is asked every few seconds; in between, elapsed time is added.

    This machine's wall clock is never looked at, so that setting it changes nothing.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._answer: tuple[datetime, float] | None = None  # the server's time, and the monotonic second of it

    def __call__(self) -> datetime:
        """The server's time, to the millisecond. Raises Unavailable."""
        with self._lock:
            if self._answer is None or time.monotonic() - self._answer[1] > _ASKED_EVERY:
                self._answer = self._ask()
            shown, at = self._answer
        moment = shown + timedelta(seconds=time.monotonic() - at)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def _ask(self) -> tuple[datetime, float]:
        asked = time.monotonic()
        with reaching():
            answer = self._database.command("hello", codec_options=CODEC)
        answered = time.monotonic()
        return answer["localTime"], (asked + answered) / 2
