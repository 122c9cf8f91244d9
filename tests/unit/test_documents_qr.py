"""Payment codes: the text by its standard, refused when a bank would refuse it, drawn so that a camera reads it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import pytest

from clinic_core.documents import invoice as document
from clinic_core.documents import qr
from clinic_core.domain.billing import InvoiceStatus, Party, PayTo
from clinic_core.errors import InvalidInput
from tests import make
from tests.unit.test_documents import issued, needs_poppler, paid, text_of

IBAN = "DE89 3704 0044 0532 0130 00"  # the example of the IBAN registry
PAY_TO = PayTo(name="Sunrise Clinic", upi_id="sunrise.clinic@okbank", iban=IBAN, bic="COBADEFFXXX")
DPI = 300


def upi(**changes: Any) -> str:
    """The link for 1,800.27 rupees."""
    given: dict[str, Any] = {
        "payee_id": "sunrise.clinic@okbank",
        "payee_name": "Sunrise Clinic & Sons",
        "amount_minor": 180_027,
        "currency": "INR",
        "reference": "INV-2026-00042",
    }
    return qr.upi(**{**given, **changes})


def epc(**changes: Any) -> str:
    """The code's text for 1,800.27 euros."""
    given: dict[str, Any] = {
        "iban": IBAN,
        "bic": "COBADEFFXXX",
        "payee_name": "Praxis Müller",
        "amount_minor": 180_027,
        "currency": "EUR",
        "reference": "INV-2026-00042",
    }
    return qr.epc(**{**given, **changes})


def test_a_upi_link() -> None:
    """Each part is quoted, so that a name with & cannot change the amount."""
    assert upi() == (
        "upi://pay?pa=sunrise.clinic@okbank&pn=Sunrise%20Clinic%20%26%20Sons&am=1800.27&cu=INR"
        "&tr=INV-2026-00042&tn=INV-2026-00042"
    )
    assert "&am=0.05&" in upi(amount_minor=5)
    assert upi(reference="").endswith("&cu=INR")


def test_an_epc_code() -> None:
    """The lines of EPC069-12, version 002, in their order; the IBAN without spaces."""
    assert epc().split("\n") == [
        "BCD",
        "002",
        "1",
        "SCT",
        "COBADEFFXXX",
        "Praxis Müller",
        "DE89370400440532013000",
        "EUR1800.27",
        "",
        "",
        "INV-2026-00042",
    ]
    assert epc(bic="", amount_minor=1, reference="").split("\n")[4:] == [
        "",
        "Praxis Müller",
        "DE89370400440532013000",
        "EUR0.01",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"payee_id": ""},
        {"payee_id": "no-bank"},
        {"payee_id": "a b@bank"},
        {"payee_id": "clinic@bank&am=1"},
        {"payee_name": " "},
        {"amount_minor": 0},
        {"amount_minor": -5},
        {"amount_minor": 1.5},
        {"currency": "EUR"},
        {"reference": "x" * 36},
    ],
)
def test_a_upi_link_that_no_bank_takes(changes: dict[str, Any]) -> None:
    """It is refused here and not at the patient's telephone."""
    with pytest.raises(InvalidInput):
        upi(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"iban": ""},
        {"iban": "DE89370400440532013001"},
        {"iban": "DE8937040044053201300"},
        {"bic": "COBADEFFX"},
        {"payee_name": ""},
        {"payee_name": "x" * 71},
        {"payee_name": "ऋ" * 70, "reference": "ऋ" * 60},
        {"amount_minor": 0},
        {"amount_minor": 100_000_000_000},
        {"amount_minor": True},
        {"currency": "INR"},
        {"reference": "x" * 141},
    ],
)
def test_an_epc_code_that_no_bank_takes(changes: dict[str, Any]) -> None:
    """Digits that were swapped in the IBAN would send money elsewhere."""
    with pytest.raises(InvalidInput):
        epc(**changes)


def test_which_code_an_invoice_gets() -> None:
    """By its currency; none when nothing is due, nobody is to be paid, or a detail is wrong."""
    assert qr.of_payment(PAY_TO, 100, "INR", "x").startswith("upi://")
    assert qr.of_payment(PAY_TO, 100, "EUR", "x").startswith("BCD")
    for pay_to, amount, currency in (
        (None, 100, "INR"),
        (PAY_TO, 0, "INR"),
        (PAY_TO, 100, "USD"),
        (replace(PAY_TO, upi_id=""), 100, "INR"),
        (replace(PAY_TO, iban="DE00"), 100, "EUR"),
    ):
        assert qr.of_payment(pay_to, amount, currency, "x") == ""


@pytest.mark.parametrize("name", ["ऋ" * 200, "Clinic " * 50])
def test_a_long_name_still_makes_a_readable_code(name: str) -> None:
    """Its squares would be too small for a telephone otherwise."""
    for currency in ("INR", "EUR"):
        code = qr.of_payment(replace(PAY_TO, name=name), 180_027, currency, "INV-2026-00042")

        assert code
        assert len(qr.modules(code)) <= 81


# -- on the invoice ------------------------------------------------------------------------------------------------


@needs_poppler
def test_the_code_on_the_invoice_is_the_one_of_its_text() -> None:
    """Every square is where it belongs, as a camera sees it."""
    pdf = document.render(issued(pay_to=PAY_TO))
    code = qr.modules(qr.of_payment(replace(PAY_TO, name="Sunrise Clinic"), 180_027, "INR", "INV-2026-00042"))

    assert seen(pdf, len(code)) == [list(row) for row in code]


@needs_poppler
def test_what_stands_beside_the_code() -> None:
    """Who is paid how much, so that it can be compared with the telephone's screen."""
    text = text_of(document.render(issued(pay_to=PAY_TO, currency="EUR")), "-layout")

    assert "Scan to pay" in text
    assert "DE89 3704 0044 0532 0130 00" in text
    assert "Not needed if this invoice is paid" in text


@needs_poppler
def test_a_payers_share_is_not_asked_of_the_patient() -> None:
    """The code asks for what is left of the total, which the sums say as well."""
    insured = issued(pay_to=PAY_TO, payer_id="payer", payer=Party(name="Star Health"), payer_share_minor=120_000)
    text = text_of(document.render(insured), "-layout")

    assert "Share of Star Health -₹1,200.00" in text
    assert "Your share ₹600.27" in text
    assert document._asked(insured) == 60_027


def test_no_code_on_what_is_not_owed() -> None:
    """Neither on a cancelled invoice, nor on a free one, nor on one of which a payer takes all."""
    free = issued(pay_to=PAY_TO, lines=(make.line(unit_price_minor=0),))
    gone = issued(pay_to=PAY_TO, status=InvoiceStatus.CANCELLED)
    covered = issued(pay_to=PAY_TO, payer=Party(name="Star Health"), payer_share_minor=180_027)

    assert [document._code(invoice) for invoice in (free, gone, covered)] == ["", "", ""]


def test_the_code_is_the_same_after_payments() -> None:
    """It asks for what was due on the day of issue, for the paper is the same whenever it is printed."""
    assert document.render(issued(pay_to=PAY_TO)) == document.render(replace(paid(), pay_to=PAY_TO))


def seen(pdf: bytes, size: int) -> list[list[int]]:
    """The squares of the code on the first page, read from its picture: 1 where the middle of a square is dark."""
    picture = subprocess.run(
        ["pdftoppm", "-r", str(DPI), "-gray", "-singlefile", "-"], input=pdf, capture_output=True, check=True
    ).stdout
    _, measures, _, pixels = picture.split(b"\n", 3)
    width = int(measures.split()[0])
    rows = [pixels[at : at + width] for at in range(0, len(pixels) - width + 1, width)]
    left = 19 * DPI / 25.4  # mm: the margin, and one more
    column = round(left + 2)
    inner = range(round(60 * DPI / 25.4), len(rows))
    top = next(y for y in inner if all(rows[y + d][column] < 60 for d in range(30)))
    step = 32 / size * DPI / 25.4
    return [
        [int(rows[round(top + (y + 0.5) * step)][round(left + (x + 0.5) * step)] < 128) for x in range(size)]
        for y in range(size)
    ]
