"""How many requests one address may make in a while, counted in this process.

It spares the processor; the lock-out that protects passwords is counted in the database.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

_MOST_ADDRESSES: Final = 10_000


class RateLimit:
    """A bucket per address that holds `most` requests and fills up again within `seconds`."""

    def __init__(self, *, most: int, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Take a request out of the bucket; 0 when there was one, else the seconds until there is."""
        now = self._clock()
        left, since = self._buckets.pop(address, (float(self._most), now))
        left = min(float(self._most), left + (now - since) * self._most / self._seconds)
        allowed = left >= 1
        self._buckets[address] = (left - 1 if allowed else left, now)
        if len(self._buckets) > _MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) * self._seconds / self._most
