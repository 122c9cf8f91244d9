"""What people typed, shown as they typed it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&^=])")


def plain(text: str) -> str:
    """`text` for a label or Markdown, on one line, so that nothing in it is read as Markdown, an image or a formula."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """A Markdown table of cells that are Markdown already; the columns numbered in `right` are aligned right."""
    numbers = frozenset(right)
    rule = ["---:" if n in numbers else "---" for n in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))
