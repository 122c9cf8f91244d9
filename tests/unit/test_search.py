"""The search box: what is kept under which keys, and what a typed text asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain import search

NAMES = st.text(st.characters(categories=["L", "M"]), min_size=2, max_size=12)


def finds(typed: str, **person: str) -> bool:
    """Whether a person is found: the query's key is among theirs, and every part in their text."""
    query = search.query(typed)
    if query is None:
        return False
    text = search.text_of(**person)
    return query.key in search.keys(**person) and all(part in text for part in query.parts)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Łukasz Müller", "lukasz muller"),
        ("ÉLODIE", "elodie"),
        ("O’Brien", "o'brien"),
        ("Straße", "strasse"),
        ("Ωmega", "omega"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    """Accents, case and letters that ASCII does not have."""
    assert search.fold(text) == folded


def test_words_join_over_apostrophes_and_split_elsewhere() -> None:
    """A name as it is read, not as it is written."""
    assert search.words("Anne-Marie O'Brien  de la Cruz") == ["anne", "marie", "obrien", "de", "la", "cruz"]


@pytest.mark.parametrize("typed", ["as", "ash", "ash s", "harm", "rma", "asha sharma", "SHARMA asha", "ásha"])
def test_any_part_of_the_name_finds(typed: str) -> None:
    """From two letters at the beginning of a word, three anywhere."""
    assert finds(typed, name="Asha Sharma", number="P-000123", phone="+919876543210")


@pytest.mark.parametrize("typed", ["a", "ha", "x", "", " ", "-", "ash x"])
def test_too_little_or_something_else_finds_nobody(typed: str) -> None:
    """One letter tells nobody apart."""
    assert not finds(typed, name="Asha Sharma", number="P-000123", phone="+919876543210")


@pytest.mark.parametrize(
    "typed",
    ["+91 98765 43210", "098765 43210", "98765-43210", "(98765) 43210", "3210", "7654", "210", "919876543210"],
)
def test_a_phone_is_found_in_any_format(typed: str) -> None:
    """With and without country code, trunk zero, spaces, brackets, and by its last digits."""
    assert finds(typed, name="Asha", phone="+919876543210")


@pytest.mark.parametrize("typed", ["P-000123", "p-123", "p123", "P000123", "123"])
def test_a_number_is_found_as_people_say_it(typed: str) -> None:
    """With and without letter and zeros."""
    assert finds(typed, name="Asha", number="P-000123")
    assert not finds(typed, name="Asha", number="P-001230")


@given(first=NAMES, last=NAMES, data=st.data())
def test_every_word_of_every_name_is_found(first: str, last: str, data: st.DataObject) -> None:
    """In any script: a whole word, and any three letters or more of it as they are folded."""
    name = f"{first} {last}"
    for word in search.words(name):
        if len(word) >= search.SHORTEST_PART and word.isalpha():
            assert finds(word, name=name)
        if len(word) > 3 and word.isalpha():
            begin = data.draw(st.integers(0, len(word) - 3))
            part = word[begin : begin + data.draw(st.integers(3, len(word) - begin))]
            assert finds(part, name=name)


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_query_or_none(typed: str) -> None:
    """No text breaks the box."""
    query = search.query(typed)
    assert query is None or (query.key and query.parts)
