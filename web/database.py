"""Calls that wait for the database run in threads, so that nobody else waits with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")
# Apart from the threads that send files, so that a database which hangs does not hold those up.
_THREADS: Final = anyio.CapacityLimiter(16)


async def in_thread(work: Callable[[], T]) -> T:
    """The result of `work`, done in a worker thread."""
    return await anyio.to_thread.run_sync(work, limiter=_THREADS)
