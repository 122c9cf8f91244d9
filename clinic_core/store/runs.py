"""Numbers that run 1, 2, 3 … without a gap: which is the last one in use?

Numbers never vanish, so it is the one in use whose next is not. It is searched for by asking about single numbers, in
steps that double: sorting a whole series takes 20 µs per document on the embedded server, this takes one query of
1 ms when the last number is known roughly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

_FARTHEST: Final = 20  # looks up to 2**20 numbers ahead at once
_MOST_KNOWN: Final = 10_000


class Runs:
    """The last numbers seen in use, only as the place where to begin looking."""

    def __init__(self, used: Callable[[str, list[int]], Collection[int]]) -> None:
        """`used` says which of some numbers of a run are in use."""
        self._used = used
        self._last: dict[str, int] = {}

    def last(self, run: str) -> int:
        """The highest number in use, 0 when there is none."""
        low, top = self._last.get(run, 0), -1
        while low != top:
            top = low
            ahead = [low, *(low + 2**step for step in range(_FARTHEST + 1))]
            used = self._used(run, ahead)
            if low and low not in used:  # another database was restored under us
                low, top = 0, -1
                continue
            low = _end_of_run(low, ahead, used)
        self.seen(run, low)
        return low

    def seen(self, run: str, number: int) -> None:
        """Begin looking at `number` next time."""
        if len(self._last) >= _MOST_KNOWN:
            self._last.clear()
        self._last[run] = number


def _end_of_run(low: int, ahead: list[int], used: Collection[int]) -> int:
    """The highest of the numbers asked for that is in use with all those below it that were asked for."""
    for number in ahead[1:]:
        if number not in used:
            break
        low = number
    return low
