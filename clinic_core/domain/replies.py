"""What a patient means who answers a message: a few words are understood, everything else is for a person to read.

A reply is understood only when nothing is left over: "C" and "Yes, thanks!" confirm, "C but may I come later?" does
not. What messages offer for cancelling is X: the word CANCEL makes carriers stop all messages to that number.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from clinic_core.domain.messages import REFERENCE_LENGTH, REFERENCE_SIGNS, Channel

CHOICE: Final = re.compile(rf"\b[CX] [{REFERENCE_SIGNS}]{{{REFERENCE_LENGTH}}} \(")  # as answers quote messages
LONGEST: Final = 160  # characters; who writes more, writes to a person


class Intent(StrEnum):
    """What a reply asks for."""

    CONFIRM = "confirm"
    CANCEL = "cancel"
    STOP = "stop"
    START = "start"
    HELP = "help"
    PERSON = ""  # somebody has to read it


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What somebody wrote, as the carrier hands it over."""

    id: str  # the carrier's
    sender: str  # E.164
    channel: Channel
    text: str
    payload: str = ""  # see `InboundMessage`
    replied_to: str = ""
    at: datetime | None = None  # when the carrier got it; None: just now


@dataclass(frozen=True, slots=True)
class Understood:
    """A reply's meaning, and the reference it names ("" for none)."""

    intent: Intent
    reference: str = ""


# The carriers' own words (facts of Twilio's default handling). Alone in a text message they make the carrier stop,
# start or explain by itself, and answer: nothing is sent on top of that.
CARRIER_STOPS: Final = frozenset({"stop", "stopall", "unsubscribe", "end", "quit", "revoke", "optout", "cancel"})
CARRIER_STARTS: Final = frozenset({"start", "unstop"})  # and YES, which here confirms
CARRIER_HELPS: Final = frozenset({"help", "info"})


def _of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# In the languages that messages are written in.
_WORDS: Final[dict[Intent, frozenset[str]]] = {
    Intent.CONFIRM: _of("c 1 y yes yep confirm confirmed ok okay 👍 ✅ ✔ हाँ हां जी ja bestätigt да подтверждаю"),
    Intent.CANCEL: _of("x 2 ❌ ✖ रद्द absagen stornieren отменить отмена"),
    Intent.STOP: CARRIER_STOPS | _of("stopp стоп बंद"),
    Intent.START: CARRIER_STARTS,
    Intent.HELP: CARRIER_HELPS | _of("hilfe помощь मदद ?"),
}
_MEANS: Final = {word: intent for intent, words in _WORDS.items() for word in words}
_POLITE: Final = _of("please pls thanks thank you thx ref bitte danke कृपया धन्यवाद спасибо 🙏 🙂 😊")
_REFERENCE_SIGNS: Final = frozenset(REFERENCE_SIGNS)
_CROSSES: Final = str.maketrans("×✗✘", "xxx")
_CYRILLIC: Final = str.maketrans("вскмнртх", "bckmhptx")  # letters that look the same
_JOINERS: Final = frozenset({"\u200d", "\ufe0f", "\u20e3"})


def understand(text: str) -> Understood:
    """What a reply means, whatever its case, spaces, punctuation and emoji."""
    if len(text) > LONGEST:
        return Understood(Intent.PERSON, _reference_in(_words(text)))
    words = _words(text)
    if "".join(words) in CARRIER_STOPS:  # "opt out", "STOP ALL"
        return Understood(Intent.STOP)
    reference = _reference_in(words)
    said = [word for word in words if word not in _POLITE and word.upper() != reference]
    meant = {_MEANS.get(word, Intent.PERSON) for word in said}
    intent = meant.pop() if len(meant) == 1 else Intent.PERSON
    if intent is Intent.STOP and "cancel" in said and (reference or len(words) > 1):
        # More than the carrier's word: with a reference it is that visit, without one somebody has to ask.
        intent = Intent.CANCEL if reference else Intent.PERSON
    return Understood(intent, reference)


def said(text: str, payload: str) -> str:
    """What counts of a message: the button that was pressed or the word that the carrier recognised, else its text.

    A carrier takes YES for START; here it only confirms.
    """
    if payload.casefold() in CARRIER_STARTS and understand(text).intent is Intent.CONFIRM:
        return text
    return payload or text


def answered_by_carrier(text: str) -> bool:
    """Whether a carrier acts on this text message and answers it by itself: it is one of its words and nothing else."""
    return text.strip().casefold() in CARRIER_STOPS | CARRIER_STARTS | CARRIER_HELPS


def _words(text: str) -> list[str]:
    """The words in lower case, digits of any script as 0 to 9; of other signs only those that mean something."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_CROSSES)
    spaced = "".join(_sign(sign) for sign in plain)
    return [part for word in spaced.split() for part in _parts(_single(word))]


def _parts(word: str) -> list[str]:
    """``"c7kd4qx"`` as the two words that were meant; a reference and its word may be typed in Cyrillic letters."""
    latin = word.translate(_CYRILLIC)
    if _is_reference(latin) or _is_reference(latin[1:]):
        word = latin
    return [word[0], word[1:]] if word[:1] in _MEANS and _is_reference(word[1:]) else [word]


def _sign(sign: str) -> str:
    if sign in _JOINERS or "\U0001f3fb" <= sign <= "\U0001f3ff":  # parts of an emoji, skin tones
        return ""
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    if sign.isalnum() or unicodedata.category(sign) in {"Mn", "Mc"}:  # vowel signs of Devanagari are marks
        return sign
    return f" {sign} " if sign in _MEANS or sign in _POLITE else " "


def _single(word: str) -> str:
    """A letter that stands alone, in whatever alphabet it was typed."""
    return word.translate(_CYRILLIC) if len(word) == 1 else word


def _reference_in(words: list[str]) -> str:
    """The one word that may be a reference."""
    found = [word.upper() for word in words if _is_reference(word)]
    return found[0] if len(found) == 1 else ""


def _is_reference(word: str) -> bool:
    return len(word) == REFERENCE_LENGTH and set(word.upper()) <= _REFERENCE_SIGNS


def files_text(count: str) -> str:
    """What stands for a message that holds only pictures or files: they stay at the carrier. "" when it holds none."""
    return f"[{count} picture(s) or file(s), which are not shown here]" if count not in ("", "0") else ""
