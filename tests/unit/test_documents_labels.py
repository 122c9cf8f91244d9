"""The words on documents: every language has every word, with the same blanks, and the paper is in it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping

import pytest

from clinic_core.documents import invoice as document
from clinic_core.documents import labels, receipt, words
from clinic_core.documents.labels import Labels
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import PaymentMethod
from clinic_core.domain.journal import Event
from tests.unit.test_documents import issued, needs_poppler, paid, text_of

ENGLISH = labels.of("en")
_SILENT = {Event.TILL_OPEN, Event.TILL_MOVE, Event.TILL_CLOSE, Event.DAY_CLOSE}  # on no statement of account
_SILENT |= {Event.TILL_COUNT, Event.PACKAGE_USE, Event.PACKAGE_RETURN}


def texts(said: Labels) -> Iterator[tuple[str, str]]:
    """Each word by its name; those of codes as ``methods.cash``."""
    for field in dataclasses.fields(said):
        value = getattr(said, field.name)
        if isinstance(value, Mapping):
            yield from ((f"{field.name}.{code}", text) for code, text in value.items())
        else:
            yield field.name, value


def test_the_languages() -> None:
    """At least those of the clinics that asked for it."""
    assert {"de", "en", "es", "fr", "hi"} <= set(labels.available())


@pytest.mark.parametrize("language", labels.available())
def test_every_language_has_every_word(language: str) -> None:
    """A gap would be an empty heading on paper; another blank an error when somebody prints."""
    found, english = dict(texts(labels.of(language))), dict(texts(ENGLISH))

    assert found["language"] == language
    assert found.keys() == english.keys()
    assert all(text.strip() for text in found.values())
    for name, text in found.items():
        assert sorted(re.findall(r"{\w*}", text)) == sorted(re.findall(r"{\w*}", english[name])), name


@pytest.mark.parametrize("language", [name for name in labels.available() if name != "en"])
def test_a_language_is_not_english(language: str) -> None:
    """A catalogue that was copied and not translated would pass for a language; a few words are the same."""
    found = dict(texts(labels.of(language)))
    same = [name for name, text in texts(ENGLISH) if found[name] == text]

    assert len(same) < 12, same


@pytest.mark.parametrize("language", labels.available())
def test_every_code_has_a_word(language: str) -> None:
    """A new method, event or status must not print as its code."""
    said = labels.of(language)

    assert set(said.methods) == {method.value for method in PaymentMethod}
    assert set(said.events) >= {event.value for event in Event if event not in _SILENT}
    left_out = {AppointmentStatus.CANCELLED, AppointmentStatus.ENTERED_IN_ERROR}
    assert set(said.statuses) >= {status.value for status in AppointmentStatus if status not in left_out}


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de_AT", "de"), ("fr", "fr"), ("hi_IN", "hi"), ("en_IN", "en"), ("ar_KW", "en"), ("nonsense", "en"), ("", "en")],
)
def test_the_language_of_a_locale(locale: str, language: str) -> None:
    """One that we do not have falls back to English."""
    assert labels.of(locale).language == language


@needs_poppler
@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("de_DE", "Rechnung INV-2026-00042 Seite 1 von 1"),
        ("fr_FR", "Facture INV-2026-00042 Page 1 sur 1"),
        ("es_ES", "Factura INV-2026-00042 Página 1 de 1"),
        ("hi_IN", "बिल INV-2026-00042 पृष्ठ 1 / 1"),
        ("ja_JP", "Invoice INV-2026-00042 Page 1 of 1"),
    ],
)
def test_an_invoice_in_the_clinics_language(locale: str, expected: str) -> None:
    """The language is that of the record, not that of whoever prints."""
    pdf = document.render(issued(locale=locale))

    assert expected in text_of(pdf, "-layout")
    assert f"/Lang ({labels.of(locale).language})".encode() in pdf


@needs_poppler
def test_german_to_the_cent() -> None:
    """Words, dates, rates and amounts together."""
    text = text_of(document.render(issued(locale="de_DE", currency="EUR")), "-layout")

    for line in (
        "Leistung Menge Einzelpreis Rabatt Steuer Betrag",
        "Dressing 3 250,50 € -50,00 € 18 % 701,50 €",
        "Steuer 18 % auf 701,50 € 126,27 €",
        "Gesamt 1.800,27 €",
        "Beträge in EUR. Preise ohne Steuer. Die Steuer ist je Zeile gerundet.",
    ):
        assert line in text
    assert "02.03.2026" in text


@needs_poppler
def test_a_receipt_in_hindi() -> None:
    """Headings are bold in Devanagari, too, and Latin letters beside it are not lost."""
    whole = dataclasses.replace(paid(), locale="hi_IN")
    text = text_of(receipt.render(whole, "two"), "-layout")

    assert "रसीद" in text
    assert "कर पहचान सं. 29ABCDE1234F1Z5" in text
    assert "शेष देय राशि ₹1,000.00" in text


def test_counts_of_a_locale() -> None:
    """Thousands as people there write them."""
    assert words.count(1234567, "en_IN") == "12,34,567"
    assert words.count(1234567, "de_DE") == "1.234.567"
