"""The PDFs, read back with poppler: right to the cent, any script, the same bytes for the same content."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from clinic_core.documents import day_list, fonts, receipt, words
from clinic_core.documents import invoice as document
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import Invoice, InvoiceStatus, Party, PaymentMethod
from clinic_core.domain.organization import TaxRounding, TaxRule
from clinic_core.domain.people import Patient
from clinic_core.errors import InvalidInput, NotFound
from tests import make

ROOT = Path(__file__).parents[2]
needs_poppler = pytest.mark.skipif(
    shutil.which("pdftotext") is None, reason="PDFs are not read back: install poppler-utils"
)

NAMES = {
    "Latin": "Łukasz Żółć-O’Brien Ñandú",
    "Vietnamese": "Nguyễn Thị Hồng",
    "Greek": "Ἀλέξανδρος Παπαδόπουλος",
    "Cyrillic": "Надежда Іваненко",
    "Devanagari": "प्रिया शर्मा",
    "Bengali": "অনন্যা বন্দ্যোপাধ্যায়",
    "Gurmukhi": "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ",
    "Gujarati": "કૃષ્ણા પટેલ",
    "Oriya": "ଶ୍ରୀଯା ମିଶ୍ର",
    "Tamil": "மீனாட்சி சுந்தரம்",
    "Telugu": "లక్ష్మీ ప్రసాద్",
    "Kannada": "ಶ್ರೀನಿವಾಸ ರಾವ್",
    "Malayalam": "ലക്ഷ്മി കൃഷ്ണൻ",
    "Sinhala": "ශ්‍රී ලංකා ප්‍රියන්ත",
    "Meetei Mayek": "ꯃꯤꯇꯩ ꯃꯌꯦꯛ",
    "Ol Chiki": "ᱥᱟᱱᱛᱟᱲᱤ",
    "Thai": "สมชาย ใจดี",
    "Lao": "ສົມສັກ",
    "Khmer": "សុខ សុភា",
    "Myanmar": "အောင်ဆန်းစုကြည်",
    "Tibetan": "བསྟན་འཛིན་རྒྱ་མཚོ",
    "Armenian": "Արամ Խաչատրյան",
    "Georgian": "ნინო ბერიძე",
    "Ethiopic": "አበበ ቢቂላ",
    "Chinese": "王小明 陳",
    "Japanese": "山田 太郎 さくら カタカナ",
    "Korean": "김철수",
    "Arabic": "محمد بن عبد الله",
    "Urdu": "فاطمہ پروین",
    "Persian": "نیک‌پور می‌خواهم",
    "Hebrew": "דוד בן־גוריון",
    "Syriac": "ܝܘܚܢܢ",
    "mixed": "Asha আশা (née राव)",
    "a letter and its accent": "Jose\u0301 Müller",
}


def issued(**changes: Any) -> Invoice:
    """Consultation 500.00, three dressings of 250.50 less 50.00 at 18 %, ECG 450.00 at 5 %: 1,800.27 in all."""
    lines = (
        make.line(),
        make.line(
            description="Dressing", quantity=3, unit_price_minor=25_050, discount_minor=5_000, tax_basis_points=1_800
        ),
        make.line(description="ECG", unit_price_minor=45_000, tax_basis_points=500),
    )
    given = {
        "id": "invoice-1",
        "lines": lines,
        "status": InvoiceStatus.ISSUED,
        "series": "INV-2026",
        "number": 42,
        "issuer": Party(
            name="Sunrise Clinic", address="4 Lake View\nBengaluru", phone="+91 80 4123 4567", tax_id="29ABCDE1234F1Z5"
        ),
        "subject": Party(name="Asha Rao", number="P-000123", address="12 MG Road\nBengaluru 560001"),
        "practitioner_name": "Dr A",
        "visited_on": make.MONDAY,
        "issued_at": make.NOW,
        "issued_on": make.MONDAY,
        "issued_by": "reception",
    }
    return make.invoice(**{**given, **changes})


def named(name: str) -> Invoice:
    """An invoice of somebody of that name."""
    return issued(subject=Party(name=name, number="P-000123", address=f"{name} 42/7"))


def paid() -> Invoice:
    """Two part payments, 500.00 in cash and 300.27 by UPI; 1,000.00 is left."""
    payments = (
        make.payment(key="one", amount_minor=50_000),
        make.payment(
            key="two",
            amount_minor=30_027,
            method=PaymentMethod.UPI,
            reference="4033-1188",
            received_at=make.at("17:30", make.TUESDAY),
            received_on=make.TUESDAY,
        ),
    )
    return issued(payments=payments, paid_minor=80_027)


def text_of(pdf: bytes, *options: str) -> str:
    """The text as pdftotext reads it, by lines, with single spaces."""
    return "\n".join(" ".join(line.split()) for line in _poppler("pdftotext", pdf, *options, "-").splitlines())


def _poppler(program: str, pdf: bytes, *options: str) -> str:
    given = ["-", *options] if program == "pdftotext" else [*options, "-"]
    return subprocess.run([program, *given], input=pdf, capture_output=True, check=True).stdout.decode()


# -- the invoice ---------------------------------------------------------------------------------------------------


@needs_poppler
def test_an_invoice_to_the_cent() -> None:
    """Parties, dates, lines and sums stand where they are expected."""
    text = text_of(document.render(issued()), "-layout")

    for line in (
        "Sunrise Clinic Invoice",
        "INV-2026-00042",
        "Tax ID 29ABCDE1234F1Z5",
        "Asha Rao Visit 2 Mar 2026",
        "P-000123 Practitioner Dr A",
        "12 MG Road",
        "Service Quantity Unit price Discount Tax Amount",
        "Consultation 1 ₹500.00 ₹500.00",
        "Dressing 3 ₹250.50 -₹50.00 18% ₹701.50",
        "ECG 1 ₹450.00 5% ₹450.00",
        "Sum of services ₹1,701.50",
        "Discount -₹50.00",
        "Tax 5% on ₹450.00 ₹22.50",
        "Tax 18% on ₹701.50 ₹126.27",
        "Total ₹1,800.27",
        "Amounts in INR. Prices are before tax. Tax is rounded on each line.",
        "Invoice INV-2026-00042 Page 1 of 1",
    ):
        assert line in text


@needs_poppler
def test_an_invoice_with_tax_inside() -> None:
    """The total is the prices' sum; the tax held in it is shown below."""
    rule = TaxRule(inclusive=True, rounding=TaxRounding.TOTAL)
    text = text_of(document.render(issued(tax_rule=rule)), "-layout")

    assert "Total ₹1,651.50\nincl. tax 5% on ₹428.57 ₹21.43\nincl. tax 18% on ₹594.49 ₹107.01" in text
    assert "Prices include tax. Tax is rounded once per rate." in text


@needs_poppler
def test_an_invoice_without_tax_or_discount_says_nothing_of_them() -> None:
    """No empty column, no rule that does not apply."""
    text = text_of(document.render(issued(lines=(make.line(),))), "-layout")

    assert "Discount" not in text
    assert "Amounts in INR.\n" in text


def test_an_invoice_is_the_same_paper_after_it_is_paid() -> None:
    """Payments and what staff record later are not on it."""
    before = issued()
    after = replace(paid(), version=9, status=InvoiceStatus.BALANCED, source_id="x")

    assert document.render(before) == document.render(after)


@needs_poppler
def test_a_cancelled_invoice_says_so() -> None:
    """It must not pass for one that is owed."""
    gone = issued(status=InvoiceStatus.CANCELLED, cancelled_on=make.TUESDAY, cancel_reason="Wrong patient")

    assert "Cancelled on 3 Mar 2026\nWrong patient" in text_of(document.render(gone), "-layout")


def test_a_draft_is_not_printed() -> None:
    """Neither as an invoice nor as a receipt."""
    with pytest.raises(InvalidInput, match="draft"):
        document.render(make.invoice())
    with pytest.raises(InvalidInput, match="draft"):
        receipt.render(make.invoice(), "one")


@needs_poppler
def test_many_lines_go_over_pages() -> None:
    """The headings are repeated, every page is numbered, no line is lost, the total stands with its sums."""
    lines = tuple(make.line(description=f"Service {n:03d} {'very ' * (n % 30)}long") for n in range(200))
    pdf = document.render(issued(lines=lines))
    text = text_of(pdf, "-layout")
    pages = int(re.search(r"Pages: +(\d+)", _poppler("pdfinfo", pdf))[1])  # type: ignore[index]

    assert pages > 5
    assert text.count("Service Quantity Unit price") >= pages - 1
    assert [f"Page {n} of {pages}" in text for n in range(1, pages + 1)] == [True] * pages
    assert all(f"Service {n:03d}" in text for n in range(200))
    assert "Sum of services ₹1,00,000.00\nTotal ₹1,00,000.00" in text


# -- the receipt ---------------------------------------------------------------------------------------------------


@needs_poppler
def test_receipts_show_things_as_they_stood() -> None:
    """Each with what was paid before it and what was left after it."""
    first = text_of(receipt.render(paid(), "one"), "-layout")
    second = text_of(receipt.render(paid(), "two"), "-layout")

    for line in ("Receipt", "INV-2026-00042/1", "Asha Rao", "₹500.00", "Paid by Cash", "Received by reception"):
        assert line in first
    assert "Invoice total ₹1,800.27\nThis payment -₹500.00\nStill to pay ₹1,300.27" in first
    for line in ("INV-2026-00042/2", "₹300.27", "Received 3 Mar 2026, 5:30 pm", "Paid by UPI", "Reference 4033-1188"):
        assert line in second
    assert "Invoice total ₹1,800.27\nPaid before -₹500.00\nThis payment -₹300.27\nStill to pay ₹1,000.00" in second


def test_a_receipt_is_the_same_paper_after_the_next_payment() -> None:
    """What came later is not on it."""
    whole = paid()
    early = replace(whole, payments=whole.payments[:1], paid_minor=50_000)

    assert receipt.render(early, "one") == receipt.render(whole, "one")


def test_a_receipt_needs_its_payment() -> None:
    """The message says what to do."""
    with pytest.raises(NotFound, match="Reload"):
        receipt.render(paid(), "three")


# -- the day list --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A row of the day board."""

    appointment: Appointment
    patient: Patient


def day_pdf(rows: list[Row]) -> bytes:
    """The day list of Monday at 08:00."""
    practitioners = {
        make.DR_A: make.practitioner(),
        make.DR_B: make.practitioner(id=make.DR_B, name="Dr B"),
    }
    return day_list.render(make.organization(), make.MONDAY, rows, practitioners=practitioners, as_of=make.NOW)


@needs_poppler
def test_a_day_list() -> None:
    """A page for each practitioner, by time; cancelled visits are left out."""
    asha = make.patient(number="P-000001", allergies="Penicillin")
    meera = make.patient(number="P-000002", name="மீரா", birth_date=None)
    at = [make.appointment(start=make.at(hour), reason="Fever") for hour in ("11:00", "09:30", "10:00", "12:00")]
    rows = [
        Row(replace(at[0], confirmed_at=make.NOW), asha),
        Row(replace(at[1], status=AppointmentStatus.ARRIVED), meera),
        Row(replace(at[2], status=AppointmentStatus.CANCELLED), asha),
        Row(replace(at[3], practitioner_id=make.DR_B, untimed=True), asha),
    ]

    first, second = _poppler("pdftotext", day_pdf(rows), "-layout", "-").split("\f")[:2]
    lines = [" ".join(line.split()) for line in first.splitlines()]

    assert "Monday, 2 March 2026" in lines
    assert "Dr A · 2 visits · as of 2 Mar 2026, 8:00 am" in lines
    assert lines.index("9:30 am மீரா Fever Waiting") < lines.index("11:00 am Asha Rao 35 Penicillin Fever Confirmed")
    assert "Dr B · 1 visit" in second
    assert "12:00" not in second


@needs_poppler
def test_an_empty_day_list() -> None:
    """It is a page that says so."""
    assert "No visits" in text_of(day_pdf([]))


# -- any script ----------------------------------------------------------------------------------------------------


@needs_poppler
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_of_any_script(name: str) -> None:
    """It is drawn with shipped, embedded fonts and reads back as it was written."""
    pdf = document.render(named(name))
    embedded = [line.split()[-5] for line in _poppler("pdffonts", pdf).splitlines()[2:]]

    assert _written(name) in _written(text_of(pdf))
    assert set(embedded) == {"yes"}
    assert "\ufffd" not in text_of(pdf)


def _written(text: str) -> str:
    """The text composed, without the marks of direction that poppler adds."""
    return "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf" or c in "\u200d")


@needs_poppler
def test_text_that_means_something_elsewhere() -> None:
    """Mark-up, placeholders, control codes and turned text are plain text or nothing; unknown signs are marked."""
    text = text_of(document.render(named("{nb} **b** __u__ \\x <b> %s\x00\x07 50\u202e.100 \U0001f600\ufe0f")))

    assert "{nb} **b** __u__ \\x <b> %s 50.100 \ufffd" in text


def test_nothing_of_a_name_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not even a sign that no font has."""
    with caplog.at_level(logging.INFO):
        document.render(named("Zacharias 😀 ☃ \ue000"))

    assert "Zacharias" not in caplog.text
    assert "1f600" not in caplog.text.lower()


def test_every_font_is_there_and_covers_its_script() -> None:
    """A file for each family, the licence beside them, and the first letter of each name in its font."""
    assert (fonts.FOLDER / "OFL.txt").read_text("utf-8").count("SIL OPEN FONT LICENSE") == 1
    assert all((fonts.FOLDER / file).is_file() for file in fonts.FILES.values())
    assert {fonts.script_font(char) for char in "प அ م 王 A"} == {"devanagari", "tamil", "arabic", "cjk", None}
    blocks = fonts._BLOCKS
    assert all(a[1] < b[0] for a, b in zip(blocks, blocks[1:], strict=False))
    assert {family for _, _, family in blocks} == set(fonts.FILES)


@needs_poppler
@pytest.mark.parametrize(
    ("locale", "currency", "expected"),
    [
        ("en_IN", "INR", "₹1,23,456.78"),
        ("de_DE", "EUR", "123.456,78 €"),
        ("fr_CH", "CHF", "123 456,78 CHF"),
        ("ja_JP", "JPY", "￥12,345,678"),
        ("ar_KW", "KWD", "12,345.678"),
        ("he_IL", "ILS", "123,456.78"),
        ("th_TH", "THB", "฿123,456.78"),
        ("nonsense", "USD", "$123,456.78"),
    ],
)
def test_money_in_the_clinics_way(locale: str, currency: str, expected: str) -> None:
    """The currency's decimals and the locale's signs, all of which have a glyph."""
    line = make.line(unit_price_minor=12_345_678)
    text = text_of(document.render(issued(locale=locale, currency=currency, lines=(line,))), "-layout")

    assert expected in _written(text)
    assert "\ufffd" not in text


def test_words_of_a_locale() -> None:
    """Days, times and rates as people there write them."""
    assert words.day(make.MONDAY, "de_DE") == "02.03.2026"
    assert words.long_day(make.MONDAY, "fr_FR") == "lundi 2 mars 2026"
    assert words.moment(make.NOW, "America/New_York", "en_US").startswith("Mar 1, 2026, 9:30")
    assert words.rate(1_250, "en_IN") == "12.5%"
    assert words.rate(810, "de_CH") == "8.1%"
    assert [words.share(part, "de_DE") for part in (0.1234, 0.5, 0.0)] == ["12,3\xa0%", "50\xa0%", "0\xa0%"]


# -- the same bytes ------------------------------------------------------------------------------------------------

_SEVERAL = ("Devanagari", "Sinhala", "Persian", "Hebrew", "Thai", "Chinese", "mixed")
RENDERERS: dict[str, Callable[[], bytes]] = {
    "invoice": lambda: document.render(issued()),
    "invoice of many scripts": lambda: document.render(
        issued(lines=tuple(make.line(description=name) for name in map(NAMES.get, _SEVERAL)))
    ),
    "receipt": lambda: receipt.render(paid(), "two"),
    "day list": lambda: day_pdf(
        [
            Row(make.appointment(id=f"visit-{n}"), make.patient(id=str(n), number=f"P-{n:06d}", name=name))
            for n, name in enumerate(map(NAMES.get, _SEVERAL))
        ]
    ),
}


def digest(what: str) -> str:
    """The SHA-256 of a rendering."""
    return hashlib.sha256(RENDERERS[what]()).hexdigest()


def test_the_same_bytes_in_other_processes() -> None:
    """Whatever the seed of hashes, the machine's zone and its language are."""
    program = "from tests.unit.test_documents import RENDERERS, digest\nfor what in RENDERERS: print(digest(what))"
    here = [digest(what) for what in RENDERERS]
    for seed, zone, language in (("1", "UTC", "C"), ("2", "Asia/Kolkata", "de_DE.UTF-8")):
        surroundings = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LANG": language, "LC_ALL": language}
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=surroundings, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == here


def test_the_same_bytes_in_several_threads() -> None:
    """Two desks that print at once do not disturb each other."""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(digest, [*RENDERERS] * 2))

    assert len(set(found)) == len(RENDERERS)


def test_other_content_is_another_file() -> None:
    """The identifier in the file follows the content."""
    ids = [re.findall(rb"/ID \[<(\w+)>", document.render(named(name))) for name in ("Asha", "Ben")]

    assert len(ids[0]) == 1
    assert ids[0] != ids[1]


# -- the file ------------------------------------------------------------------------------------------------------


@needs_poppler
def test_what_the_file_says_of_itself() -> None:
    """Title, clinic and instant of issue; never the patient."""
    pdf = document.render(issued())
    about = _poppler("pdfinfo", pdf, "-isodates")

    assert re.search(r"Title: +Invoice INV-2026-00042\n", about)
    assert re.search(r"Author: +Sunrise Clinic\n", about)
    assert re.search(r"CreationDate: +2026-03-02T02:30:00Z", about)
    assert "Asha" not in about
    assert b"/Lang (en)" in pdf
    assert len(pdf) < 30_000


def test_fpdf2_is_loaded_when_something_is_printed() -> None:
    """It takes half a second, which no screen that only offers the button should pay."""
    names = ("closes", "credit_note", "day_list", "invoice", "receipt", "report", "slip", "statement")
    program = "import sys, " + ", ".join(f"clinic_core.documents.{name}" for name in names)
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; print('fpdf' in sys.modules)"], cwd=ROOT, capture_output=True, check=True
    )

    assert done.stdout.strip() == b"False"
