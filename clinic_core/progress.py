"""A progress bar on stderr, for commands that take a while; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

Progress = Callable[[int, int], None]  # done, in all


@contextmanager
def bar(what: str, unit: str = "rows") -> Iterator[Progress]:
    """Draws a bar that is moved by calling what it yields. `print` through `tell` while it is up."""
    with tqdm(desc=what, unit=f" {unit}", file=sys.stderr, disable=None, dynamic_ncols=True, leave=False) as drawn:

        def move(done: int, total: int) -> None:
            drawn.total = total
            drawn.update(done - drawn.n)

        yield move


def tell(line: str) -> None:
    """Print a line on stdout without tearing the bar."""
    tqdm.write(line, file=sys.stdout)
