"""Credit notes, slips, statements and closes, read back with poppler: right to the cent, and the same for ever."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from clinic_core.documents import closes, credit_note, receipt, report, slip, statement
from clinic_core.documents import invoice as document
from clinic_core.documents.style import Column
from clinic_core.domain import statements
from clinic_core.domain.billing import Adjustment, CreditedLine, Invoice, InvoiceStatus, Party, PaymentMethod, PayTo
from clinic_core.domain.statements import (
    Age,
    CreditNote,
    DayClose,
    MethodTotal,
    Slip,
    SlipKind,
    Statement,
    StatementLine,
    TillClose,
    TillCount,
    TillMove,
)
from clinic_core.errors import InvalidInput, NotFound
from tests import make
from tests.unit.test_documents import NAMES, ROOT, _poppler, issued, needs_poppler, paid, text_of

CLINIC = Party(
    name="Sunrise Clinic", address="4 Lake View\nBengaluru", phone="+91 80 4123 4567", tax_id="29ABCDE1234F1Z5"
)
ASHA = Party(name="Asha Rao", number="P-000123", address="12 MG Road")
COMMON: dict[str, Any] = {"issuer": CLINIC, "currency": "INR", "locale": "en_IN", "time_zone": "Asia/Kolkata"}


def adjustment(**changes: Any) -> Adjustment:
    """Two dressings and the ECG taken back, 1,024.35 with tax; 472.50 of it was paid already."""
    given = {
        "key": "note",
        "event": "credit-note",
        "entry_id": "2026-03-03#00007",
        "at": make.at("11:20", make.TUESDAY),
        "on": make.TUESDAY,
        "by": "anita",
        "reason": "Billed thrice",
        "document": "CN-2026-00003",
        "credited_minor": 102_435,
        "to_credit_minor": 47_250,
        "lines": (
            CreditedLine(line=1, net_minor=46_767, tax_minor=8_418),
            CreditedLine(line=2, net_minor=45_000, tax_minor=2_250),
        ),
    }
    return Adjustment(**{**given, **changes})


def refund(**changes: Any) -> Adjustment:
    """300.27 given back by UPI."""
    given = {"key": "back", "event": "refund", "document": "", "credited_minor": 0, "to_credit_minor": 0, "lines": ()}
    money = {"paid_minor": -30_027, "method": PaymentMethod.UPI, "reference": "4033-R"}
    return adjustment(**{**given, **money, **changes})


def deposit(**changes: Any) -> Slip:
    """5,000.00 left for later invoices, 6,200.00 held after it."""
    given = {
        **COMMON,
        "kind": SlipKind.DEPOSIT,
        "number": "2026-03-02#00012",
        "party": ASHA,
        "at": make.NOW,
        "amount_minor": 500_000,
        "method": PaymentMethod.CASH,
        "by": "anita",
        "held_minor": 620_000,
    }
    return Slip(**{**given, **changes})


def account(lines: int = 3, **changes: Any) -> Statement:
    """Invoices of 1,800.27 and payments of 1,000.00 in turn, after 1,250.00."""
    balance, made = 125_000, list[StatementLine]()
    for n in range(lines):
        debit, credit = (180_027, 0) if n % 2 == 0 else (0, 100_000)
        balance += debit - credit
        made.append(
            StatementLine(
                on=date(2026, 1, 1) + timedelta(days=n // 4),
                event="issue" if debit else "payment",
                method=None if debit else PaymentMethod.UPI,
                text="" if n % 7 else "a long remark that needs more than the one line it has",
                label=f"INV-2026-{n:05d}",
                debit_minor=debit,
                credit_minor=credit,
                balance_minor=balance,
            )
        )
    given = {
        **COMMON,
        "party": ASHA,
        "start_on": date(2026, 1, 1),
        "as_of": date(2026, 3, 31),
        "opening_minor": 125_000,
        "lines": tuple(made),
        "ageing": (
            Age(from_days=0, to_days=30, amount_minor=180_027),
            Age(from_days=31, to_days=60, amount_minor=0),
            Age(from_days=61, to_days=None, amount_minor=205_027),
        ),
        "held_minor": 62_000,
        "made_at": make.NOW,
    }
    return Statement(**{**given, **changes})


def counted(**changes: Any) -> TillCount:
    """9,561.00 expected, 9,511.00 counted."""
    given = {
        "username": "anita",
        "name": "Anita Desai",
        "opened_at": make.at("08:00"),
        "closed_at": make.at("18:40"),
        "opening_minor": 200_000,
        "cash_in_minor": 768_150,
        "cash_out_minor": 50_000,
        "moves": (
            TillMove(at=make.at("12:00"), by="anita", reason="Change from the bank", amount_minor=50_000),
            TillMove(at=make.at("15:00"), by="anita", reason="Courier", amount_minor=-12_050),
        ),
        "counted": ((50_000, 12), (20_000, 7), (10_000, 15), (5_000, 3), (2_000, 11), (1_000, 20), (500, 4), (100, 21)),
        "reason": "A note too much was given out",
        "handed_over_minor": 800_000,
    }
    return TillCount(**{**given, **changes})


def till(**changes: Any) -> TillClose:
    """The paper of that till."""
    given = {**COMMON, "number": "2026-03-02#00042", "day": make.MONDAY, "till": counted()}
    return TillClose(**{**given, **changes})


def day(**changes: Any) -> DayClose:
    """A day of two methods and two tills."""
    given = {
        **COMMON,
        "day": make.MONDAY,
        "opened_at": make.at("08:02"),
        "closed_at": make.at("19:05"),
        "by": "ravi",
        "methods": (
            MethodTotal(method=PaymentMethod.CASH, taken_minor=812_345, refunded_minor=50_000),
            MethodTotal(method=PaymentMethod.UPI, taken_minor=2_234_500, refunded_minor=30_027),
        ),
        "invoices": 64,
        "billed_minor": 5_123_456,
        "billed_tax_minor": 312_345,
        "cancelled": 1,
        "cancelled_minor": 50_000,
        "credit_notes": 2,
        "credited_minor": 82_777,
        "written_off_minor": 12,
        "deposits_taken_minor": 500_000,
        "account_credited_minor": 30_000,
        "held_change_minor": 410_000,
        "credit_applied_minor": 120_000,
        "first_entry": "2026-03-02#00001",
        "last_entry": "2026-03-02#00143",
        "tills": (counted(), counted(username="vikram", name="", cash_in_minor=763_150, reason="")),
    }
    return DayClose(**{**given, **changes})


# -- the credit note -----------------------------------------------------------------------------------------------


@needs_poppler
def test_a_credit_note_to_the_cent() -> None:
    """Its own number, the invoice it corrects, why, and net, tax and total by line and by rate."""
    made = adjustment()
    text = text_of(credit_note.render(issued(adjustments=(made,)), made), "-layout")

    for line in (
        "Sunrise Clinic Credit note",
        "CN-2026-00003",
        "P-000123 Invoice date 2 Mar 2026",
        "Billed thrice",
        "Service Before tax Tax Amount",
        "Dressing ₹467.67 18% ₹84.18 ₹551.85",
        "ECG ₹450.00 5% ₹22.50 ₹472.50",
        "Before tax ₹917.67",
        "Tax 5% on ₹450.00 ₹22.50",
        "Tax 18% on ₹467.67 ₹84.18",
        "Total credited ₹1,024.35",
        "What is due on invoice INV-2026-00042 is lower by ₹551.85.",
        "₹472.50 of the total was paid already and is held for later invoices.",
    ):
        assert line in text
    assert "Corrects invoice INV-2026-00042" in text


@needs_poppler
def test_a_credit_note_without_tax_says_nothing_of_it() -> None:
    """No empty columns, and no sentence on money that did not move."""
    made = adjustment(to_credit_minor=0, lines=(CreditedLine(line=0, net_minor=50_000, tax_minor=0),))
    text = text_of(credit_note.render(issued(), made), "-layout")

    assert "Service Amount\nConsultation ₹500.00\nTotal credited ₹500.00" in re.sub(r"\n+", "\n", text)
    assert "held for later" not in text


def test_a_credit_note_adds_up() -> None:
    """Net and tax of its parts are its total, and its rates are its tax."""
    note: CreditNote = statements.credit_note(issued(), adjustment())

    assert note.total_minor == 102_435 == note.net_minor + note.tax_minor
    assert sum(line.tax_minor for line in note.taxes) == note.tax_minor
    assert [line.basis_points for line in note.taxes] == [500, 1_800]


def test_other_adjustments_are_no_credit_notes() -> None:
    """And none is a refund that the invoice does not have."""
    with pytest.raises(InvalidInput, match="no credit note"):
        credit_note.render(issued(), refund())
    with pytest.raises(InvalidInput, match="no refund"):
        statements.refund_slip(issued(), adjustment())
    with pytest.raises(NotFound, match="Reload"):
        statements.refund_slip(issued(), refund())


# -- slips ---------------------------------------------------------------------------------------------------------


@needs_poppler
def test_a_refund() -> None:
    """What was given back, how, why and of which invoice; a line to sign on."""
    made = refund()
    text = text_of(slip.render(statements.refund_slip(issued(adjustments=(adjustment(), made)), made)), "-layout")

    for line in (
        "Sunrise Clinic Refund receipt",
        "INV-2026-00042/R1",
        "Asha Rao",
        "₹300.27",
        "Paid out 3 Mar 2026, 11:20 am",
        "Method UPI",
        "Reference 4033-R",
        "For invoice INV-2026-00042",
        "Reason Billed thrice",
        "Paid out by Received by",
    ):
        assert line in text


def test_a_refund_to_a_payer() -> None:
    """It names the payer, who got the money."""
    made = refund(payer_due_minor=30_027)
    insured = issued(payer_id="payer", payer=Party(name="Star Health"), adjustments=(made,))

    assert statements.refund_slip(insured, made).party.name == "Star Health"


@needs_poppler
def test_a_deposit_and_its_return() -> None:
    """What was held before, what came or went, what is held after."""
    came = text_of(slip.render(deposit()), "-layout")
    went = text_of(slip.render(deposit(kind=SlipKind.DEPOSIT_REFUND, held_minor=120_000)), "-layout")

    assert "Held before ₹1,200.00\nDeposit receipt ₹5,000.00\nHeld for later invoices ₹6,200.00" in came
    assert "Received 2 Mar 2026, 8:00 am\nPaid by Cash\nReceived by anita" in came
    assert "Held before ₹6,200.00\nDeposit returned -₹5,000.00\nHeld for later invoices ₹1,200.00" in went


# -- receipts among other events -----------------------------------------------------------------------------------


@needs_poppler
def test_a_receipt_counts_what_came_before_it() -> None:
    """A credit note, a write-off and a refund between two payments change what is left; later ones do not."""
    whole = paid()
    first, second = (replace(p, entry_id=f"2026-03-0{n}#00009") for n, p in enumerate(whole.payments, 2))
    note = adjustment(entry_id="2026-03-02#00010")
    loss = adjustment(key="loss", event="write-off", entry_id="2026-03-02#00011", credited_minor=0, lines=())
    loss = replace(loss, written_off_minor=100, to_credit_minor=0)
    late = refund(entry_id="2026-03-03#00010")
    made = replace(whole, payments=(first, second), adjustments=(note, loss, late))

    assert "Still to pay ₹1,300.27" in text_of(receipt.render(made, "one"), "-layout")
    assert (
        "Invoice total ₹1,800.27\nCredit notes before -₹1,024.35\nWritten off before -₹1.00\nPaid before -₹500.00\n"
        "This payment -₹300.27\nStill to pay -₹25.35"
    ) in text_of(receipt.render(made, "two"), "-layout")
    assert receipt.render(made, "two") == receipt.render(replace(made, adjustments=(note, loss)), "two")


@needs_poppler
def test_a_payers_receipt() -> None:
    """It is made out to the payer, and says for whom and what the payer still owes."""
    whole = paid()
    first, second = whole.payments
    insured = replace(
        whole,
        payer_id="payer",
        payer=Party(name="Star Health"),
        payer_share_minor=120_000,
        payments=(first, replace(second, payer=True)),
    )
    text = text_of(receipt.render(insured, "two"), "-layout")

    assert "Received from\nStar Health" in text
    assert "Patient Asha Rao" in text
    assert "Still to pay ₹1,000.00\nof this, Star Health ₹899.73" in text


# -- the statement -------------------------------------------------------------------------------------------------


@needs_poppler
def test_a_statement() -> None:
    """Opening, every event with the balance after it, the sums, what is due and how old it is."""
    text = text_of(statement.render(account()), "-layout")

    for line in (
        "Sunrise Clinic Statement of account",
        "Period 1 Jan 2026 – 31 Mar 2026",
        "Date Description Number Charged Paid or credited Balance",
        "Opening balance ₹1,250.00",
        "1 Jan 2026 Payment · UPI INV-2026-00001 ₹1,000.00 ₹2,050.27",
        "1 Jan 2026 Invoice INV-2026-00002 ₹1,800.27 ₹3,850.54",
        "Sum ₹3,600.54 ₹1,000.00 ₹3,850.54",
        "Held for later invoices ₹620.00",
        "0–30 days 31–60 days over 60 days",
        "₹1,800.27 ₹0.00 ₹2,050.27",
    ):
        assert line in text
    assert "Amount due\n₹3,850.54" in re.sub(r"\n+", "\n", text)


@needs_poppler
def test_a_statement_of_300_lines() -> None:
    """No line is lost, and each page begins with what the one before ended with, which is what its lines add up to."""
    made = account(300)
    pages = [
        [" ".join(line.split()) for line in page.splitlines()]
        for page in _poppler("pdftotext", statement.render(made), "-layout", "-").split("\f")[:-1]
    ]
    tables = [page for page in pages if any(line.startswith("Date Description") for line in page)]
    ends = [_one(page, "Carried forward ") for page in tables[:-1]]
    starts = [_one(page, "Brought forward ") for page in tables[1:]]

    assert len(pages) > 6
    assert ends == starts
    assert all(any(f"INV-2026-{n:05d}" in line for page in pages for line in page) for n in range(300))
    last = max(int(found[1]) for line in pages[0] if (found := re.search(r"INV-2026-(\d{5})", line)))
    charged = sum(line.debit_minor for line in made.lines[: last + 1])
    assert f"₹{charged // 100_000},{charged // 100 % 1000:03d}.{charged % 100:02d}" in ends[0]
    assert "Sum ₹2,70,040.50 ₹1,50,000.00 ₹1,21,290.50" in tables[-1]


@needs_poppler
@pytest.mark.parametrize("lines", range(20, 34))
def test_no_row_of_a_statement_stands_alone(lines: int) -> None:
    """However the page ends: the sums have a line above them, and nothing is printed over the footer."""
    pages = _poppler("pdftotext", statement.render(account(lines)), "-layout", "-").split("\f")[:-1]
    words = [[" ".join(line.split()) for line in page.splitlines() if line.strip()] for page in pages]

    with_sum = next(page for page in words if any(line.startswith("Sum ") for line in page))
    at = next(n for n, line in enumerate(with_sum) if line.startswith("Sum "))
    assert f"INV-2026-{lines - 1:05d}" in " ".join(with_sum[:at])
    assert all(page[-1] == f"Statement of account P-000123 31 Mar 2026 Page {n} of {len(words)}"
               for n, page in enumerate(words, 1))  # fmt: skip


@needs_poppler
def test_a_statement_in_the_patients_favour() -> None:
    """A balance below zero is no debt, and an account without events is a page as well."""
    text = text_of(statement.render(account(0, opening_minor=-5_000, ageing=(), start_on=None)), "-layout")

    assert "In your favour" in text
    assert "Period until 31 Mar 2026" in text
    assert "Amount due" not in text


def _one(page: list[str], start: str) -> str:
    (found,) = [line.removeprefix(start) for line in page if line.startswith(start)]
    return found


# -- closes --------------------------------------------------------------------------------------------------------


@needs_poppler
def test_a_till_close() -> None:
    """Expected and counted side by side, the pieces, the variance with its reason, who got the money."""
    text = text_of(closes.till(till()), "-layout")

    for line in (
        "Sunrise Clinic Till close",
        "2026-03-02#00042",
        "Till of Anita Desai (anita)",
        "Opening float ₹2,000.00 ₹500.00 12 ₹6,000.00",
        "Courier -₹120.50 ₹20.00 11 ₹220.00",
        "Expected ₹9,561.00 ₹10.00 20 ₹200.00",
        "Counted ₹9,511.00",
        "Missing: ₹50.00",
        "Reason A note too much was given out",
        "Handed over ₹8,000.00",
        "Left in the till ₹1,511.00",
        "Counted by Received by",
    ):
        assert line in text


@needs_poppler
def test_a_till_that_was_counted_again() -> None:
    """The second count was made knowing what was expected: both papers say so, and whose hand-over it was."""
    moved = TillMove(at=make.NOW, by="vikram", reason="Shift", amount_minor=100, giver="vikram", taker="anita")
    again = counted(counts=2, first_variance_minor=-250_000, moves=(moved,))
    for paper in (closes.till(till(till=again)), closes.day(day(tills=(again,)))):
        text = text_of(paper, "-layout")
        assert "Counted 2 times; first difference -₹2,500.00" in text
        assert "vikram – anita: Shift ₹1.00" in text
    assert "times" not in text_of(closes.till(till()), "-layout")


def test_a_till_adds_up() -> None:
    """Expected is what came less what went; the variance is against it."""
    assert counted().expected_minor == 956_100
    assert counted().counted_minor == 951_100
    assert counted().variance_minor == -5_000
    assert day().variance_minor == -5_000


@needs_poppler
@pytest.mark.parametrize("moves", [0, 12, 25, 60])
def test_a_till_of_many_movements(moves: int) -> None:
    """However many there are, none is lost and nothing is drawn over something else."""
    one = TillMove(at=make.NOW, by="anita", reason="", amount_minor=100)
    made = till(till=counted(moves=tuple(replace(one, reason=f"Move {n:02d}") for n in range(moves))))
    text = text_of(closes.till(made), "-layout")

    assert all(f"Move {n:02d} ₹1.00" in text for n in range(moves))
    assert text.count("Counted ₹9,511.00") == 1
    assert text.count("Left in the till ₹1,511.00") == 1


@needs_poppler
@pytest.mark.parametrize("moves", [4, 6])
def test_a_till_of_long_reasons_stays_in_one_piece(moves: int) -> None:
    """A reason takes several lines: a till measured by its movements alone is torn over two pages."""
    one = TillMove(at=make.NOW, by="anita", reason="", amount_minor=100)
    reasons = [f"Move {n} " + "of cash for the courier and the tea " * 5 for n in range(moves)]
    long = counted(moves=tuple(replace(one, reason=reason) for reason in reasons), reason="Nobody knows why " * 12)
    pages = _pages(closes.day(day(tills=(counted(), long, counted(username="zoe", name="")))))

    (page,) = [page for page in pages if "Till of Anita Desai (anita)" in page and "Move 0" in page]
    assert all(f"Move {n} of cash" in page for n in range(moves))
    assert "Nobody knows why" in page
    assert page.count("Counted ₹9,511.00") >= 1


@needs_poppler
@pytest.mark.parametrize("tills", [7, 8])
def test_nobody_signs_an_empty_page(tills: int) -> None:
    """The signatures stand below the last till, or beside what is signed on the first page."""
    names = [counted(username=f"till{n}", name="") for n in range(tills)]
    pages = _pages(closes.day(day(tills=tuple(names), cash_outside_minor=5_000)))

    (signed,) = [page for page in pages if "Closed by Received by" in page]
    assert "Left in the till" in signed or "Cash outside" in signed or "Invoices issued" in signed


def _pages(pdf: bytes) -> list[str]:
    """The text of each page."""
    found = _poppler("pdftotext", pdf, "-layout", "-").split("\f")[:-1]
    return ["\n".join(" ".join(line.split()) for line in page.splitlines()) for page in found]


@needs_poppler
def test_a_day_close() -> None:
    """The money by method, the invoices, each till, and where the day lies in the journal."""
    text = text_of(closes.day(day()), "-layout")

    for line in (
        "Date Monday, 2 March 2026",
        "Closed 2 Mar 2026, 7:05 pm",
        "Journal entries 2026-03-02#00001 – 2026-03-02#00143",
        "Cash ₹8,123.45 -₹500.00 ₹7,623.45",
        "Total ₹30,468.45 -₹800.27 ₹29,668.18",
        "Invoices issued (64) ₹51,234.56",
        "of this, tax ₹3,123.45",
        "Credit notes (2) -₹827.77",
        "Written off -₹0.12",
        "Deposits taken ₹5,000.00",
        "Put on account by credit notes ₹300.00",
        "Paid from money held ₹1,200.00",
        "Money held, change of the day ₹4,100.00",
        "Anita Desai (anita) ₹9,561.00 ₹9,511.00 -₹50.00 ₹8,000.00",
        "vikram ₹9,511.00 ₹9,511.00 ₹0.00 ₹8,000.00",
        "Total ₹19,072.00 ₹19,022.00 -₹50.00 ₹16,000.00",
        "Missing: ₹50.00",
        "No variance",
    ):
        assert line in text


@needs_poppler
def test_an_empty_day_close() -> None:
    """A day without money or tills closes, too."""
    text = text_of(closes.day(day(methods=(), tills=(), first_entry="", last_entry="", opened_at=None)), "-layout")

    assert "Journal entries None" in text
    assert "Total ₹0.00 ₹0.00 ₹0.00" in text


# -- reports -------------------------------------------------------------------------------------------------------


def figures(rows: int = 60, **changes: Any) -> bytes:
    """A report of many rows with totals."""
    given: dict[str, Any] = {
        "made_at": make.NOW,
        "locale": "en_IN",
        "author": "Sunrise Clinic",
        "time_zone": "Asia/Kolkata",
        "totals": ["Total", "₹6,000.00"],
    }
    columns = [Column("Practitioner"), Column("Billed", align="RIGHT")]
    table = [[f"Dr {n:02d}", "₹100.00"] for n in range(rows)]
    return report.render("Revenue", "By the day of issue.", "2026, all rooms", columns, table, **{**given, **changes})


@needs_poppler
def test_a_report() -> None:
    """Title, basis, what was asked, every row, headings on every page, the totals at the end."""
    text = text_of(figures(), "-layout")

    assert "Revenue\n2026, all rooms\nBy the day of issue.\nMade 2 Mar 2026, 8:00 am" in text
    assert all(f"Dr {n:02d} ₹100.00" in text for n in range(60))
    assert text.count("Practitioner Billed") == 2
    assert "Total ₹6,000.00" in text
    assert "Revenue Page 2 of 2" in text


@needs_poppler
def test_a_report_says_that_it_is_english() -> None:
    """Its title and headings are, whatever the clinic's language: a screen reader would read them as Hindi."""
    pdf = figures(locale="hi_IN")

    assert b"/Lang (en)" in pdf
    assert "Page 2 of 2" in text_of(pdf)
    assert "Made 2 मार्च 2026" in text_of(pdf)


@needs_poppler
def test_a_report_with_a_chart() -> None:
    """The picture is in it, no wider or taller than the page, and its shape is kept."""
    pdf = figures(3, chart_png=_png(1200, 400))
    picture = subprocess.run(["pdfimages", "-list", "-"], input=pdf, capture_output=True, check=True).stdout.decode()

    assert re.search(r"image +1200 +400 ", picture)
    assert "Dr 02 ₹100.00" in text_of(pdf, "-layout")
    assert "Page 1 of 1" in text_of(figures(1, chart_png=_png(100, 5_000)), "-layout")


@needs_poppler
def test_a_report_without_rows() -> None:
    """It says so."""
    assert "None" in text_of(figures(0), "-layout")


@needs_poppler
def test_a_wide_report_lies_on_its_side() -> None:
    """And its numbers stay in one piece."""
    columns = [Column("Month"), *(Column(f"Column {n}", align="RIGHT") for n in range(9))]
    pdf = report.render("Wide", "", "", columns, [["2026-01", *["₹1,23,456.00"] * 9]], made_at=make.NOW, locale="en_IN")

    assert re.search(r"Page size: +841\.\d+ x 595", _poppler("pdfinfo", pdf))
    assert "2026-01" + " ₹1,23,456.00" * 9 in text_of(pdf, "-layout")


def _png(width: int, height: int) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x99" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


# -- every document ------------------------------------------------------------------------------------------------

_PAY_TO = PayTo(name="Sunrise Clinic", upi_id="sunrise@okbank", iban="DE89370400440532013000")


def _in(locale: str, currency: str) -> Invoice:
    return issued(locale=locale, currency=currency, pay_to=_PAY_TO, adjustments=(adjustment(), refund()))


RENDERERS: dict[str, Callable[[], bytes]] = {
    "invoice with a code": lambda: document.render(_in("en_IN", "INR")),
    "German invoice with a code": lambda: document.render(_in("de_DE", "EUR")),
    "Hindi invoice": lambda: document.render(_in("hi_IN", "INR")),
    "credit note": lambda: credit_note.render(_in("fr_FR", "EUR"), adjustment()),
    "refund": lambda: slip.render(statements.refund_slip(_in("es_ES", "EUR"), refund())),
    "deposit": lambda: slip.render(deposit(locale="hi_IN")),
    "statement": lambda: statement.render(account(40, locale="ar_KW", currency="KWD")),
    "till close": lambda: closes.till(till(locale="ja_JP", currency="JPY")),
    "day close": lambda: closes.day(day(locale="hi_IN")),
    "report": lambda: figures(chart_png=_png(60, 20)),
}


def digest(what: str) -> str:
    """The SHA-256 of a rendering."""
    return hashlib.sha256(RENDERERS[what]()).hexdigest()


def test_the_same_bytes_in_another_process() -> None:
    """Whatever the seed of hashes, the machine's zone and its language are."""
    program = (
        "from tests.unit.test_documents_money import RENDERERS, digest\nfor what in RENDERERS: print(digest(what))"
    )
    surroundings = {**os.environ, "PYTHONHASHSEED": "2", "TZ": "Asia/Kolkata", "LANG": "de_DE.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=surroundings, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == [digest(what) for what in RENDERERS]


def test_papers_stay_the_same_through_all_that_happens_later() -> None:
    """A year of payments, refunds, credit notes and write-offs changes no paper that was given out before."""
    before = issued(pay_to=_PAY_TO, payments=paid().payments[:1], paid_minor=50_000, adjustments=(adjustment(),))
    later = refund(key="much-later", entry_id="2027-02-01#00001", at=make.at("09:00", date(2027, 2, 1)))
    after = replace(
        before,
        payments=paid().payments,
        adjustments=(*before.adjustments, later, adjustment(key="second", entry_id="2027-02-01#00002")),
        paid_minor=50_000,
        credited_minor=204_870,
        status=InvoiceStatus.BALANCED,
        posted=9,
        version=12,
    )

    assert document.render(before) == document.render(after)
    assert receipt.render(before, "one") == receipt.render(after, "one")
    assert credit_note.render(before, adjustment()) == credit_note.render(after, adjustment())


@needs_poppler
@pytest.mark.parametrize("what", RENDERERS)
def test_the_file_of_every_document(what: str) -> None:
    """Fonts are embedded, text can be selected, the title says what it is, no patient is named in the head."""
    pdf = RENDERERS[what]()
    embedded = [line.split()[-5] for line in _poppler("pdffonts", pdf).splitlines()[2:]]
    about = _poppler("pdfinfo", pdf, "-isodates")

    assert set(embedded) == {"yes"}
    assert re.search(r"Title: +\S+", about)
    assert re.search(r"Author: +Sunrise Clinic\n", about)
    assert re.search(r"CreationDate: +2026-03-0[23]T", about)
    assert "Asha" not in about
    assert "\ufffd" not in text_of(pdf)


@needs_poppler
def test_the_footer_looks_the_same_on_every_page() -> None:
    """Whatever the page ended with: fpdf2 keeps the font of the text that was drawn last."""
    pdf = document.render(issued(lines=tuple(make.line() for _ in range(90))))
    boxes = subprocess.run(["pdftotext", "-bbox", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()
    heights = re.findall(r'yMin="([\d.]+)" xMax="[\d.]+" yMax="([\d.]+)">Page<', boxes)

    assert len(heights) >= 3
    assert len({round(float(bottom) - float(top), 2) for top, bottom in heights}) == 1


@needs_poppler
@pytest.mark.parametrize("script", ["Devanagari", "Arabic", "Tamil", "Chinese"])
def test_latin_letters_after_a_name_of_another_script(script: str) -> None:
    """In text after text of one size: fpdf2 takes the first word's font for the page's, which has no Latin letters."""
    address = "\n".join(f"{NAMES[script]} Road {n} XYZ" for n in range(4))
    text = text_of(document.render(issued(subject=Party(name=f"{NAMES[script]} Rao", address=address))))

    assert "Rao" in text
    assert text.count("XYZ") == 4


@needs_poppler
@pytest.mark.parametrize("lines", range(17, 21))
def test_an_amount_stands_beside_its_label(lines: int) -> None:
    """However the page ends: a label on one page and its amount on the next but one is no bill."""
    every = tuple(make.line(description=f"Dressing {n}") for n in range(lines))
    payer = Party(name="The Very Long Name of an Employees' Mutual Health Insurance of the Northern Districts " * 2)
    bill = issued(lines=every, payer=payer, payer_id="p", payer_share_minor=10_000, pay_to=_PAY_TO)
    pages = _pages(document.render(bill))

    (page,) = [page for page in pages if "Share of" in page]
    assert "-₹100.00" in page
    assert "Sum of services" in page
    assert "Amounts in INR" in page.split("-₹100.00")[1], "the small print comes below the sums"
    assert all(page.count("Page ") == 1 for page in pages)


@needs_poppler
def test_long_facts_stand_beside_their_labels() -> None:
    """A reason of 200 characters on a small page: its label was left on the page before."""
    issuer = replace(CLINIC, address="\n".join(f"Line {n}" for n in range(17)))
    made = deposit(kind=SlipKind.DEPOSIT_REFUND, issuer=issuer, reference="R " * 60, reason="Because " * 24)
    pages = _pages(slip.render(made))

    (page,) = [page for page in pages if re.search(r"^Reason ", page, re.M)]
    assert page.count("Because") == 24
    (page,) = [page for page in pages if "Held before" in page]
    assert "Held for later invoices ₹6,200.00" in page


@needs_poppler
def test_very_long_numbers_and_names_stay_whole() -> None:
    """A number that is broken over two lines is read as two."""
    line = make.line(description="Word " * 40, quantity=10_000, unit_price_minor=99_999_999_999, discount_minor=1)
    text = text_of(document.render(issued(lines=(line,), practitioner_name="Dr " + "Long " * 30)), "-layout")

    assert "₹99,99,99,999.99" in text
    assert text.count("₹99,99,99,99,99,999.99") + text.count("₹99,99,99,99,99,899.99") >= 1
