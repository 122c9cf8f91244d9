"""Segments of text messages, by the tables of 3GPP TS 23.038."""

from __future__ import annotations

import pytest

from clinic_core.domain.segments import Encoding, measure


@pytest.mark.parametrize(
    ("text", "encoding", "segments", "left"),
    [
        ("", "GSM-7", 0, 160),
        ("a" * 160, "GSM-7", 1, 0),
        ("a" * 161, "GSM-7", 2, 145),
        ("a" * 306, "GSM-7", 2, 0),
        ("a" * 307, "GSM-7", 3, 152),
        ("€" * 80, "GSM-7", 1, 0),  # escaped: two places each
        ("€" * 81, "GSM-7", 2, 153 - 10),  # 76 of them in the first: a pair is not cut in half
        ("[" + "a" * 158, "GSM-7", 1, 0),
        ("Grüße, così è — à la carte ñ"[:9], "GSM-7", 1, 151),
        ("न" * 70, "UCS-2", 1, 0),
        ("न" * 71, "UCS-2", 2, 63),
        ("न" * 135, "UCS-2", 3, 66),
        ("😀" * 35, "UCS-2", 1, 0),
        ("😀" * 36, "UCS-2", 2, 61),  # 33 of them in the first: 67 is odd
        ("a" * 70 + "😀", "UCS-2", 2, 62),
    ],
)
def test_a_text_takes_as_many_segments_as_the_carrier_charges(
    text: str, encoding: str, segments: int, left: int
) -> None:
    """A wrong count is a wrong price before sending, and a budget that is exceeded."""
    size = measure(text)

    assert (size.encoding, size.segments, size.left) == (Encoding(encoding), segments, left)


def test_the_characters_that_cost_more_are_named() -> None:
    """Without them nobody finds the curly quote that doubles the price."""
    assert measure("It’s “on” ₹5, it’s").costly == ("’", "“", "”", "₹")
    assert measure("ä€[]").costly == ()
