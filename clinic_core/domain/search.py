"""One search box: the keys under which a record is found, and the query of what was typed.

A record keeps all runs of three and four letters of its words (and the first two), so that *one equality* on a
multikey index finds a part anywhere in a word; the folded text then tells whether every typed part is there.
Ranges and several conditions on one multikey index are no use: the embedded server scans for those
(30 microseconds a document). Letters are folded to ASCII and lower case, so accents, case and script never matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from anyascii import anyascii

SHORTEST_PART: Final = 2
_GRAM: Final = 4
_NOT_DIGIT = re.compile(r"\D")
_LOOKS_LIKE_PHONE = re.compile(r"[\d\s()+./-]{3,}")
_LOOKS_LIKE_NUMBER = re.compile(r"(?i)p-?0*(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Equality on `key`, and every one of `parts` somewhere in the text."""

    key: str
    parts: tuple[str, ...]


def fold(text: str) -> str:
    """Lower-case ASCII of a text: ``"Łukasz Müller"`` -> ``"lukasz muller"``."""
    return str(anyascii(text.casefold())).casefold()


def words(text: str) -> list[str]:
    """The words of a text, folded; apostrophes join (``"O'Brien"`` -> ``"obrien"``)."""
    return re.findall(r"[a-z0-9]+", re.sub(r"['’]", "", fold(text)))


def text_of(*, name: str, number: str = "", phone: str = "") -> str:
    """The folded text that the parts are looked for in."""
    return " ".join(filter(None, [*words(name), number.casefold(), _NOT_DIGIT.sub("", phone)]))


def keys(*, name: str, number: str = "", phone: str = "") -> list[str]:
    """All search keys of a person, sorted."""
    found = {run for word in words(name) for run in _runs(word)} | set(words(name))
    digits = _NOT_DIGIT.sub("", phone)
    found |= {digits[i : i + _GRAM] for i in range(len(digits) - _GRAM + 1)} | {digits[-3:], digits[-7:], digits}
    found |= {number.casefold(), _NOT_DIGIT.sub("", number).lstrip("0")}
    return sorted(found - {""})


def query(typed: str) -> Query | None:
    """What to look for; None when too little was typed to tell people apart.

    A leading trunk zero of a phone is dropped, because numbers are kept in international form.
    """
    typed = typed.strip()
    number = _LOOKS_LIKE_NUMBER.fullmatch(typed)
    if number:
        label = f"p-{int(number[1]):06d}"
        return Query(key=label, parts=(label,))
    if _LOOKS_LIKE_PHONE.fullmatch(typed) or typed.isdecimal():
        return _query_of_digits(_NOT_DIGIT.sub("", typed).lstrip("0"))
    parts = tuple(words(typed))
    longest = max(parts, key=len, default="")
    return Query(key=longest[:_GRAM], parts=parts) if len(longest) >= SHORTEST_PART else None


def _query_of_digits(digits: str) -> Query | None:
    if not digits:
        return None
    if len(digits) < _GRAM:  # a patient's number, or the last three of a phone
        return Query(key=digits, parts=(digits,))
    return Query(key=digits[-_GRAM:], parts=(digits,))


def _runs(word: str) -> set[str]:
    longer = {word[i : i + size] for size in (3, _GRAM) for i in range(len(word) - size + 1)}
    return longer | {word[:SHORTEST_PART]}
