"""Which of the shipped fonts draws which character. See docs/decisions/fonts.md."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "fonts"
BASE: Final = "noto"  # Latin, Greek, Cyrillic, signs
BASE_FILES: Final = {"": FOLDER / "NotoSans-Regular.ttf", "B": FOLDER / "NotoSans-Bold.ttf"}

# Unicode blocks by first and last code point, and the script's font that draws them.
_BLOCKS: Final = (
    (0x0530, 0x058F, "armenian"),
    (0x0590, 0x05FF, "hebrew"),
    (0x0600, 0x06FF, "arabic"),
    (0x0700, 0x074F, "syriac"),
    (0x0750, 0x077F, "arabic"),
    (0x0780, 0x07BF, "thaana"),
    (0x0860, 0x086F, "syriac"),
    (0x0870, 0x08FF, "arabic"),
    (0x0900, 0x097F, "devanagari"),
    (0x0980, 0x09FF, "bengali"),
    (0x0A00, 0x0A7F, "gurmukhi"),
    (0x0A80, 0x0AFF, "gujarati"),
    (0x0B00, 0x0B7F, "oriya"),
    (0x0B80, 0x0BFF, "tamil"),
    (0x0C00, 0x0C7F, "telugu"),
    (0x0C80, 0x0CFF, "kannada"),
    (0x0D00, 0x0D7F, "malayalam"),
    (0x0D80, 0x0DFF, "sinhala"),
    (0x0E00, 0x0E7F, "thai"),
    (0x0E80, 0x0EFF, "lao"),
    (0x0F00, 0x0FFF, "tibetan"),
    (0x1000, 0x109F, "myanmar"),
    (0x10A0, 0x10FF, "georgian"),
    (0x1100, 0x11FF, "cjk"),
    (0x1200, 0x139F, "ethiopic"),
    (0x1780, 0x17FF, "khmer"),
    (0x19E0, 0x19FF, "khmer"),
    (0x1C50, 0x1C7F, "olchiki"),
    (0x1C90, 0x1CBF, "georgian"),
    (0x1CD0, 0x1CFF, "devanagari"),
    (0x2D00, 0x2D2F, "georgian"),
    (0x2D80, 0x2DDF, "ethiopic"),
    (0x2E80, 0x2FDF, "cjk"),
    (0x3000, 0x4DBF, "cjk"),
    (0x4E00, 0x9FFF, "cjk"),
    (0xA8E0, 0xA8FF, "devanagari"),
    (0xA9E0, 0xA9FF, "myanmar"),
    (0xAA60, 0xAA7F, "myanmar"),
    (0xAAE0, 0xAAFF, "meeteimayek"),
    (0xAB00, 0xAB2F, "ethiopic"),
    (0xABC0, 0xABFF, "meeteimayek"),
    (0xAC00, 0xD7AF, "cjk"),
    (0xF900, 0xFAFF, "cjk"),
    (0xFB13, 0xFB17, "armenian"),
    (0xFB1D, 0xFB4F, "hebrew"),
    (0xFB50, 0xFDFF, "arabic"),
    (0xFE70, 0xFEFE, "arabic"),
    (0xFF00, 0xFFEF, "cjk"),
)
_FIRSTS: Final = [first for first, _, _ in _BLOCKS]
FILES: Final = {
    "arabic": "NotoSansArabic-Regular.ttf",
    "armenian": "NotoSansArmenian-Regular.ttf",
    "bengali": "NotoSansBengali-Regular.ttf",
    "cjk": "NotoSansCJKsc-Regular.otf",
    "devanagari": "NotoSansDevanagari-Regular.ttf",
    "ethiopic": "NotoSansEthiopic-Regular.ttf",
    "georgian": "NotoSansGeorgian-Regular.ttf",
    "gujarati": "NotoSansGujarati-Regular.ttf",
    "gurmukhi": "NotoSansGurmukhi-Regular.ttf",
    "hebrew": "NotoSansHebrew-Regular.ttf",
    "kannada": "NotoSansKannada-Regular.ttf",
    "khmer": "NotoSansKhmer-Regular.ttf",
    "lao": "NotoSansLao-Regular.ttf",
    "malayalam": "NotoSansMalayalam-Regular.ttf",
    "meeteimayek": "NotoSansMeeteiMayek-Regular.ttf",
    "myanmar": "NotoSansMyanmar-Regular.ttf",
    "olchiki": "NotoSansOlChiki-Regular.ttf",
    "oriya": "NotoSansOriya-Regular.ttf",
    "sinhala": "NotoSansSinhala-Regular.ttf",
    "syriac": "NotoSansSyriac-Regular.ttf",
    "tamil": "NotoSansTamil-Regular.ttf",
    "telugu": "NotoSansTelugu-Regular.ttf",
    "thaana": "NotoSansThaana-Regular.ttf",
    "thai": "NotoSansThai-Regular.ttf",
    "tibetan": "NotoSerifTibetan-Regular.ttf",
}
# Scripts that documents have labels in; the others are drawn in their regular weight.
BOLD_FILES: Final = {"devanagari": "NotoSansDevanagari-Bold.ttf"}


def script_font(char: str) -> str | None:
    """The family (a key of `FILES`) of the character's script; None when none is shipped."""
    place = bisect_right(_FIRSTS, ord(char)) - 1
    if place < 0 or ord(char) > _BLOCKS[place][1]:
        return None
    return _BLOCKS[place][2]
