"""How many text messages a text is (3GPP TS 23.038): carriers charge by the segment, and one emoji can double it.

A text of GSM-7 characters only fits 160 into one message, or 153 into each of several; a few cost two places, being
sent with an escape. Any other character makes the whole text UCS-2: 70, or 67 each, and an emoji takes two places.
A character of two places is never cut in half at the end of a segment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")
_BEYOND_16_BITS: Final = 0xFFFF


class Encoding(StrEnum):
    """How the characters travel."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


_ALONE: Final = {Encoding.GSM_7: 160, Encoding.UCS_2: 70}
_JOINED: Final = {Encoding.GSM_7: 153, Encoding.UCS_2: 67}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a text takes as text messages."""

    encoding: Encoding
    segments: int
    left: int  # places that are free in the last segment
    costly: tuple[str, ...]  # the characters that make it UCS-2, each once, in their order


def measure(text: str) -> Size:
    """The segments of a text; none of an empty one."""
    costly = tuple(dict.fromkeys(c for c in text if c not in _BASIC and c not in _EXTENDED))
    encoding = Encoding.UCS_2 if costly else Encoding.GSM_7
    widths = [_width(character, encoding) for character in text]
    alone = _ALONE[encoding]
    if sum(widths) <= alone:
        return Size(encoding=encoding, segments=int(bool(text)), left=alone - sum(widths), costly=costly)
    segments, left = _packed(widths, _JOINED[encoding])
    return Size(encoding=encoding, segments=segments, left=left, costly=costly)


def _width(character: str, encoding: Encoding) -> int:
    if encoding is Encoding.GSM_7:
        return 2 if character in _EXTENDED else 1
    return 2 if ord(character) > _BEYOND_16_BITS else 1


def _packed(widths: Iterable[int], room: int) -> tuple[int, int]:
    """How many segments of that room, and what is free in the last one."""
    segments, left = 1, room
    for width in widths:
        if width > left:
            segments, left = segments + 1, room
        left -= width
    return segments, left
