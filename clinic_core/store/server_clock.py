"""The database server's clock: the one that all sidecars share, however wrong their own ones go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pymongo.database import Database

from clinic_core.store.mongo import CODEC, Document, reaching

_ASKED_EVERY: Final = 10.0  # seconds


class ServerClock:
    """Calling it gives the server's time. It is asked every few seconds; in between, elapsed time is added.

    This machine's wall clock is never looked at, so that setting it changes nothing.
    """

    def __init__(self, database: Database[Document], elapsed: Callable[[], float] = time.monotonic) -> None:
        self._database, self._elapsed = database, elapsed
        self._lock = threading.Lock()
        self._answer: tuple[datetime, float] | None = None  # the server's time, and the monotonic second of it

    def __call__(self) -> datetime:
        """The server's time, to the millisecond. Raises Unavailable."""
        with self._lock:
            if self._answer is None or self._elapsed() - self._answer[1] > _ASKED_EVERY:
                self._answer = self._ask()
            shown, at = self._answer
        moment = shown + timedelta(seconds=self._elapsed() - at)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def _ask(self) -> tuple[datetime, float]:
        asked = self._elapsed()
        with reaching():
            answer = self._database.command("hello", codec_options=CODEC)
        answered = self._elapsed()
        return answer["localTime"], (asked + answered) / 2
