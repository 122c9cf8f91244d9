"""A progress bar on stderr, for commands that take a while; now and then a line where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tqdm import tqdm

Progress = Callable[[int, int], None]  # done, in all
_IN_A_LOG_S: Final = 20.0  # between two lines


@contextmanager
def bar(what: str, unit: str = "rows") -> Iterator[Progress]:
    """Draws a bar that is moved by calling what it yields. `print` through `tell` while it is up."""
    seen = sys.stderr.isatty()
    often = {"dynamic_ncols": True} if seen else {"mininterval": _IN_A_LOG_S, "delay": _IN_A_LOG_S, "ncols": 80}
    with tqdm(desc=what, unit=f" {unit}", file=sys.stderr, leave=False, ascii=not seen, **often) as drawn:

        def move(done: int, total: int) -> None:
            drawn.total = total
            drawn.update(done - drawn.n)

        yield move


def say(line: str) -> None:
    """Print a line on stderr without tearing the bar; a log's own line stays where it was."""
    if sys.stderr.isatty():
        tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr, flush=True)


def tell(line: str) -> None:
    """Print a line on stdout without tearing the bar."""
    tqdm.write(line, file=sys.stdout)
