"""The look that all documents share: ink that also prints well in black and white, and columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Colour = tuple[int, int, int]

INK: Final[Colour] = (22, 27, 34)
MUTED: Final[Colour] = (92, 99, 108)
RULE: Final[Colour] = (198, 203, 209)
ALARM: Final[Colour] = (170, 30, 30)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, its width in relation to the others, where its text stands.

    A column of width 0 is as wide as its text, and so its text is not broken; numbers, which stand right, never are.
    """

    heading: str
    width: float = 0
    align: Literal["LEFT", "RIGHT"] = "LEFT"
