"""What is understood of a reply, and what is left to a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain.replies import CARRIER_STOPS, Intent, Understood, answered_by_carrier, understand

I = Intent  # noqa: E741 - a table

SAID = {
    I.CONFIRM: (
        "C",
        "c",
        "С",  # noqa: RUF001 - the Cyrillic one
        " C. ",
        "1",
        "1️⃣",
        "१",
        "YES",
        "Yes, thanks!",
        "yes please 🙏",
        "👍🏽",
        "✔️",
        "OK",
        "हाँ",
        "Ja",
        "Да!",
    ),
    I.CANCEL: ("X", "x!", "2", "❌", "×", "х", "Х!", "X please", "absagen", "रद्द", "отменить"),
    I.STOP: (
        "STOP",
        "stop.",
        "Stop please",
        "opt out",
        "OPT-OUT",
        "STOP ALL",
        "Cancel",
        "END",
        "quit",
        "Revoke",
        "стоп",
    ),
    I.START: ("START", "unstop"),
    I.HELP: ("HELP", "Info", "?", "??", "hilfe", "मदद"),
    I.PERSON: (
        "",
        "   ",
        "C but may I come later?",
        "yes no",
        "C X",
        "1 or 2?",
        "no",
        "cancel please",
        "please cancel my visit",
        "Can't come on Monday",
        "yes?",
        "12",
        "cc",
        "…",
        "👎",
        "stopped by the chemist",
        "thank you",
        "yes " * 50,
    ),
}


@pytest.mark.parametrize("intent", list(I))
def test_what_is_understood(intent: Intent) -> None:
    """A word alone means what it says however it was typed; with anything beside it somebody has to read it."""
    assert {text: understand(text).intent for text in SAID[intent]} == dict.fromkeys(SAID[intent], intent)


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("C 7KD4QX", Understood(I.CONFIRM, "7KD4QX")),
        ("7kd4qx c", Understood(I.CONFIRM, "7KD4QX")),
        ("С 7KD4QX", Understood(I.CONFIRM, "7KD4QX")),  # noqa: RUF001 - a Russian keyboard
        ("Х7KD4QX", Understood(I.CANCEL, "7KD4QX")),  # noqa: RUF001
        ("х 4КМТ7Р", Understood(I.CANCEL, "4KMT7P")),  # noqa: RUF001
        ("X7kd4qx", Understood(I.CANCEL, "7KD4QX")),
        ("C doctor", Understood(I.PERSON, "")),
        ("X (Ref 7KD4QX)", Understood(I.CANCEL, "7KD4QX")),
        ("cancel 7kd4qx", Understood(I.CANCEL, "7KD4QX")),
        ("C 7KD4QX 8MM2PP", Understood(I.PERSON, "")),
        ("thanks C", Understood(I.CONFIRM, "")),
        ("CANCEL", Understood(I.STOP, "")),
        ("about 7KD4QX: may I come later?", Understood(I.PERSON, "7KD4QX")),
    ],
)
def test_a_reference_beside_the_word(text: str, understood: Understood) -> None:
    """It names the message that is answered; CANCEL with one is about that visit, alone it is the carrier's."""
    assert understand(text) == understood


@pytest.mark.parametrize("word", sorted(CARRIER_STOPS))
def test_every_word_that_stops_the_carrier_stops_us(word: str) -> None:
    """Otherwise we would send to numbers that the carrier refuses."""
    for typed in (word, word.upper(), f" {word.title()}\n"):
        assert understand(typed).intent is I.STOP
        assert answered_by_carrier(typed)
    assert not answered_by_carrier(f"{word} please")


@given(st.text(max_size=200))
def test_anything_can_be_written(text: str) -> None:
    """No text breaks it, and shouting changes nothing."""
    found = understand(text)
    assert found.intent in Intent
    assert len(found.reference) in (0, 6)
