"""Invoices that were worked out by hand, with all that may happen to their money, to the cent.

A row says what is charged, as (quantity, unit price, discount off the line, tax in basis points), what happens then,
and what must come of it in minor units. The figures were computed with exact fractions, never by the code under test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from clinic_core.domain import billing, journal, settling
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.journal import Balance, Book, Entry, Event
from clinic_core.domain.organization import TaxRounding, TaxRule
from clinic_core.domain.settling import Stamp
from tests import make

OUT: Final = TaxRule(inclusive=False, rounding=TaxRounding.LINE)
OUT_TOTAL: Final = TaxRule(inclusive=False, rounding=TaxRounding.TOTAL)
IN: Final = TaxRule(inclusive=True, rounding=TaxRounding.LINE)
IN_TOTAL: Final = TaxRule(inclusive=True, rounding=TaxRounding.TOTAL)
CASH: Final = PaymentMethod.CASH
PLENTY: Final = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """An invoice, its life, and what is right at the end; sums that are not named are zero."""

    rule: TaxRule
    lines: list[tuple[int, int, int, int]]
    steps: str
    total: int
    tax: list[int]  # per line
    payer: str = ""  # "80%" of the total, or an amount
    spread: int | None = None  # one discount over all lines
    currency: str = "INR"
    due: int = 0
    paid: int = 0
    credited: int = 0
    written_off: int = 0
    payer_due: int = 0
    payer_paid: int = 0
    held: int = 0  # on the patient's account
    took: tuple[tuple[int, int, int], ...] | list[tuple[int, int, int]] = ()  # by credit notes: line from 1, net, tax


def case(rule: TaxRule, lines: list[tuple[int, int, int, int]], steps: str = "", **expected: Any) -> Case:
    """A row."""
    return Case(rule=rule, lines=lines, steps=steps, **expected)


# fmt: off
CASES: Final = {
    # -- no tax, tax on top, tax inside
    "no tax": case(OUT, [(1, 50000, 0, 0)], total=50000, tax=[0], due=50000),
    "18 % on top": case(OUT, [(1, 50000, 0, 1800)], total=59000, tax=[9000], due=59000),
    "18 % inside": case(IN, [(1, 59000, 0, 1800)], total=59000, tax=[9000], due=59000),
    "18 % inside a round price": case(IN, [(1, 50000, 0, 1800)], total=50000, tax=[7627], due=50000),  # 7627.12
    "5 % on top of 19.99": case(OUT, [(1, 1999, 0, 500)], total=2099, tax=[100], due=2099),  # 99.95
    "19 % inside 19.99": case(IN, [(1, 1999, 0, 1900)], total=1999, tax=[319], due=1999),  # 319.17
    "8.1 % inside 108.10": case(IN, [(1, 10810, 0, 810)], total=10810, tax=[810], due=10810),
    "half a cent on top goes up": case(OUT, [(1, 150, 0, 700)], total=161, tax=[11], due=161),  # 10.5
    "half a cent inside goes up": case(IN, [(1, 1, 0, 10000)], total=1, tax=[1], due=1),  # 0.5
    "less than half a cent is no tax": case(OUT, [(1, 2, 0, 1800)], total=2, tax=[0], due=2),  # 0.36
    "a free visit": case(OUT, [(1, 0, 0, 1800)], total=0, tax=[0]),
    # -- several rates
    "0, 5, 12 and 18 % on top": case(
        OUT, [(1, 10000, 0, 0), (1, 10000, 0, 500), (1, 10000, 0, 1200), (1, 10000, 0, 1800)],
        total=43500, tax=[0, 500, 1200, 1800], due=43500,
    ),
    "7 and 19 % inside": case(IN, [(1, 10700, 0, 700), (1, 11900, 0, 1900)], total=22600, tax=[700, 1900], due=22600),
    "7 and 19 % inside, odd prices, per line": case(  # 654.14 and 1596.32
        IN, [(3, 3333, 0, 700), (2, 4999, 0, 1900)],
        total=19997, tax=[654, 1596], due=19997,
    ),
    "two lines of 5 % and two of 18 %, per total": case(  # 33.3 and 119.88
        OUT_TOTAL, [(1, 333, 0, 500), (1, 333, 0, 1800), (1, 333, 0, 500), (1, 333, 0, 1800)],
        total=1485, tax=[17, 60, 16, 60], due=1485,
    ),
    "the same per line": case(  # 16.65 and 59.94 each
        OUT, [(1, 333, 0, 500), (1, 333, 0, 1800), (1, 333, 0, 500), (1, 333, 0, 1800)],
        total=1486, tax=[17, 60, 17, 60], due=1486,
    ),
    # -- rounding per line and per total
    "three halves per line": case(OUT, [(1, 50, 0, 1900)] * 3, total=180, tax=[10, 10, 10], due=180),  # 9.5 each
    "three halves per total": case(  # 28.5: the first two get what is left
        OUT_TOTAL, [(1, 50, 0, 1900)] * 3,
        total=179, tax=[10, 10, 9], due=179,
    ),
    "three of 0.54 per line": case(OUT, [(1, 3, 0, 1800)] * 3, total=12, tax=[1, 1, 1], due=12),
    "three of 0.54 per total": case(OUT_TOTAL, [(1, 3, 0, 1800)] * 3, total=11, tax=[1, 1, 0], due=11),  # 1.62
    "four of 0.36 per line": case(OUT, [(1, 2, 0, 1800)] * 4, total=8, tax=[0, 0, 0, 0], due=8),  # 0.36 each
    "four of 0.36 per total": case(  # 1.44: the first one
        OUT_TOTAL, [(1, 2, 0, 1800)] * 4,
        total=9, tax=[1, 0, 0, 0], due=9,
    ),
    "inside per line": case(IN, [(1, 100, 0, 1800)] * 3, total=300, tax=[15, 15, 15], due=300),  # 15.25 each
    "inside per total": case(IN_TOTAL, [(1, 100, 0, 1800)] * 3, total=300, tax=[16, 15, 15], due=300),  # 45.76
    "largest remainders, not the first lines": case(  # 10.1, 10.5, 10.8: 31.4
        OUT_TOTAL, [(1, 101, 0, 1000), (1, 105, 0, 1000), (1, 108, 0, 1000)],
        total=345, tax=[10, 10, 11], due=345,
    ),
    "20 % inside, a half per total goes up": case(  # 866.83, 2752.67, 2884.83, 1614.83, 52.33: 8171.5
        IN_TOTAL, [(1, 5201, 0, 2000), (1, 16516, 0, 2000), (1, 17309, 0, 2000), (1, 9689, 0, 2000), (1, 314, 0, 2000)],
        total=49029, tax=[867, 2753, 2885, 1615, 52], due=49029,
    ),
    "12 % inside, a half per total goes up": case(  # 1831.39, 97.93, 916.18: 2845.5
        IN_TOTAL, [(1, 17093, 0, 1200), (1, 914, 0, 1200), (1, 8551, 0, 1200)],
        total=26558, tax=[1832, 98, 916], due=26558,
    ),
    # -- discounts
    "off one line": case(OUT, [(2, 25000, 5000, 1800)], total=53100, tax=[8100], due=53100),
    "off each line": case(OUT, [(1, 10000, 1000, 500), (1, 20000, 500, 1800)], total=32460, tax=[450, 3510], due=32460),
    "off a line with tax inside": case(IN, [(1, 12000, 200, 1800)], total=11800, tax=[1800], due=11800),
    "100 % off one of two lines": case(
        OUT, [(1, 10000, 10000, 1800), (1, 5000, 0, 500)],
        total=5250, tax=[0, 250], due=5250,
    ),
    "100 % off everything": case(OUT, [(1, 10000, 10000, 1800), (2, 5000, 10000, 500)], total=0, tax=[0, 0]),
    "a spread of nothing": case(
        OUT, [(1, 10000, 0, 1800), (1, 5000, 0, 500)], spread=0,
        total=17050, tax=[1800, 250], due=17050,
    ),
    "10.00 spread over three equal lines": case(  # 333.33 each: the first gets the cent
        OUT, [(1, 10000, 0, 0)] * 3, spread=1000,
        total=29000, tax=[0, 0, 0], due=29000,
    ),
    "spread over unequal lines with tax on top": case(  # 3000.75 and 1000.25
        OUT, [(1, 30000, 0, 1800), (1, 10000, 0, 500)], spread=4001,
        total=41309, tax=[4860, 450], due=41309,
    ),
    "spread with tax inside per total": case(  # 999.9 and 500.1; 13500 * 18 / 118 = 2059.32
        IN_TOTAL, [(1, 9999, 0, 1800), (1, 5001, 0, 1800)], spread=1500,
        total=13500, tax=[1373, 686], due=13500,
    ),
    "all of it spread": case(OUT, [(1, 777, 0, 1800), (3, 111, 0, 500)], spread=1110, total=0, tax=[0, 0]),
    # -- currencies
    "yen, 10 % on top": case(OUT, [(1, 3333, 0, 1000)], currency="JPY", total=3666, tax=[333], due=3666),  # 333.3
    "yen, 10 % inside, per total": case(  # 50.00 + 50.09 + 50.18 = 150.27
        IN_TOTAL, [(1, 550, 0, 1000), (1, 551, 0, 1000), (1, 552, 0, 1000)], currency="JPY",
        total=1653, tax=[50, 50, 50], due=1653,
    ),
    "yen, 8 and 10 % inside, part paid": case(
        IN, [(1, 1080, 0, 800), (1, 1100, 0, 1000)], "pay 1000", currency="JPY",
        total=2180, tax=[80, 100], due=1180, paid=1000,
    ),
    "dinar, 5 % on top": case(  # 617.25 fils
        OUT, [(1, 12345, 0, 500)], currency="KWD",
        total=12962, tax=[617], due=12962,
    ),
    "dinar, 5 % inside, refunded in part": case(  # 476.43 fils
        IN, [(3, 3335, 0, 500)], "pay 10005; refund 5", currency="KWD",
        total=10005, tax=[476], due=5, paid=10000,
    ),
    # -- payments and refunds
    "part paid": case(OUT, [(1, 50000, 0, 1800)], "pay 20000", total=59000, tax=[9000], due=39000, paid=20000),
    "paid in three parts": case(
        OUT, [(1, 50000, 0, 1800)], "pay 20000; pay 30000; pay 9000",
        total=59000, tax=[9000], paid=59000,
    ),
    "paid to the last cent but one": case(
        OUT, [(1, 50000, 0, 1800)], "pay 58999",
        total=59000, tax=[9000], due=1, paid=58999,
    ),
    "refunded in full": case(OUT, [(1, 50000, 0, 1800)], "pay 59000; refund 59000", total=59000, tax=[9000], due=59000),
    "refunded in part": case(
        OUT, [(1, 50000, 0, 1800)], "pay 59000; refund 1",
        total=59000, tax=[9000], due=1, paid=58999,
    ),
    "paid, refunded, paid again": case(
        OUT, [(1, 50000, 0, 0)], "pay 50000; refund 20000; pay 15000; refund 45000; pay 50000",
        total=50000, tax=[0], paid=50000,
    ),
    "cancelled": case(OUT, [(1, 50000, 0, 1800)], "cancel", total=59000, tax=[9000]),
    "refunded, then cancelled": case(
        IN, [(1, 50000, 0, 1800)], "pay 50000; refund 50000; cancel",
        total=50000, tax=[7627],
    ),
    # -- credit notes
    "all of it, not paid": case(
        OUT, [(1, 50000, 0, 1800)], "credit rest",
        total=59000, tax=[9000], credited=59000, took=[(1, 50000, 9000)],
    ),
    "all of it, paid": case(
        OUT, [(1, 50000, 0, 1800)], "pay 59000; credit rest",
        total=59000, tax=[9000], credited=59000, held=59000, took=[(1, 50000, 9000)],
    ),
    "half of it, half paid": case(
        OUT, [(1, 50000, 0, 1800)], "pay 29500; credit 1:29500",
        total=59000, tax=[9000], paid=29500, credited=29500, took=[(1, 25000, 4500)],
    ),
    "more than is due": case(
        OUT, [(1, 50000, 0, 1800)], "pay 40000; credit 1:29500",
        total=59000, tax=[9000], paid=29500, credited=29500, held=10500, took=[(1, 25000, 4500)],
    ),
    "one cent of 118": case(  # tax 0.15
        OUT, [(1, 100, 0, 1800)], "credit 1:1",
        total=118, tax=[18], due=117, credited=1, took=[(1, 1, 0)],
    ),
    "a third, a third and the rest": case(  # 5.95 of 118, 5.92 of 79, the rest
        OUT, [(1, 100, 0, 1800)], "credit 1:39; credit 1:39; credit rest",
        total=118, tax=[18], credited=118, took=[(1, 33, 6), (1, 33, 6), (1, 34, 6)],
    ),
    "with tax inside, two lines": case(
        IN, [(1, 11800, 0, 1800), (1, 10500, 0, 500)], "credit 1:5900 2:2100",
        total=22300, tax=[1800, 500], due=14300, credited=8000, took=[(1, 5000, 900), (2, 2000, 100)],
    ),
    "over all lines": case(  # 20050 in all: 5885.29, 2618.45, 1496.26
        OUT, [(1, 10000, 0, 1800), (1, 5000, 0, 500), (1, 3000, 0, 0)], "credit over all 10000",
        total=20050, tax=[1800, 250, 0], due=10050, credited=10000, took=[(1, 4987, 898), (2, 2494, 125), (3, 1496, 0)],
    ),
    "over all, twice, then the rest": case(
        IN_TOTAL, [(1, 100, 0, 1800)] * 3, "credit over all 100; credit over all 100; credit rest",
        total=300, tax=[16, 15, 15], credited=300,
        took=[(1, 29, 5), (2, 28, 5), (3, 28, 5), (1, 27, 6), (2, 29, 5), (3, 28, 5),
              (1, 28, 5), (2, 28, 5), (3, 29, 5)],
    ),
    "of a discounted line": case(  # 712.58 tax in it
        OUT, [(2, 5000, 2500, 1900)], "pay 8925; credit 1:4463",
        total=8925, tax=[1425], paid=4462, credited=4463, held=4463, took=[(1, 3750, 713)],
    ),
    "the credit pays the next one and is given back": case(
        OUT, [(1, 50000, 0, 0)], "pay 50000; credit 1:20000; give back 15000",
        total=50000, tax=[0], paid=30000, credited=20000, held=5000, took=[(1, 20000, 0)],
    ),
    "yen, a part": case(  # 30.27 tax in it
        IN, [(1, 1100, 0, 1000)], "pay 1100; credit 1:333", currency="JPY",
        total=1100, tax=[100], paid=767, credited=333, held=333, took=[(1, 303, 30)],
    ),
    "dinar, on top, a part": case(  # 23.81 tax in it
        OUT, [(1, 1000, 0, 500)], "credit 1:500", currency="KWD",
        total=1050, tax=[50], due=550, credited=500, took=[(1, 476, 24)],
    ),
    # -- write-offs
    "all of it": case(OUT, [(1, 50000, 0, 1800)], "write off 59000", total=59000, tax=[9000], written_off=59000),
    "the rest of a part payment": case(
        OUT, [(1, 50000, 0, 1800)], "pay 58990; write off 10",
        total=59000, tax=[9000], paid=58990, written_off=10,
    ),
    "written off, then refunded": case(
        OUT, [(1, 50000, 0, 0)], "pay 40000; write off 10000; refund 40000",
        total=50000, tax=[0], due=40000, written_off=10000,
    ),
    "written off, then credited: nothing is held": case(
        OUT, [(1, 50000, 0, 0)], "write off 50000; credit rest",
        total=50000, tax=[0], credited=50000, took=[(1, 50000, 0)],
    ),
    "part paid, rest written off, then credited": case(
        OUT, [(1, 50000, 0, 1800)], "pay 19000; write off 40000; credit rest",
        total=59000, tax=[9000], credited=59000, held=19000, took=[(1, 50000, 9000)],
    ),
    "credited less than was written off": case(
        OUT, [(1, 50000, 0, 0)], "pay 30000; write off 20000; credit 1:5000",
        total=50000, tax=[0], paid=30000, credited=5000, written_off=15000, took=[(1, 5000, 0)],
    ),
    # -- taken back
    "written off and paid after all": case(
        OUT, [(1, 50000, 0, 1800)], "pay 19000; write off 40000; take back; pay 40000",
        total=59000, tax=[9000], paid=59000,
    ),
    "written off and paid in part after all": case(
        OUT, [(1, 50000, 0, 0)], "write off 50000; take back; pay 12500; write off 37500",
        total=50000, tax=[0], paid=12500, written_off=37500,
    ),
    "the payer's loss taken back": case(
        OUT, [(1, 50000, 0, 0)], "payer write off 40000; pay 10000; take back", payer="80%",
        total=50000, tax=[0], due=40000, paid=10000, payer_due=40000,
    ),
    "money held used for the wrong bill": case(
        OUT, [(1, 50000, 0, 0)], "deposit 30000; use 30000; take back; pay 50000",
        total=50000, tax=[0], paid=50000, held=30000,
    ),
    "one of two uses taken back beside a payment": case(
        OUT, [(1, 50000, 0, 1800)], "deposit 30000; use 10000; pay 5000; use 20000; take back",
        total=59000, tax=[9000], due=44000, paid=15000, held=20000,
    ),
    # -- payers
    "80 % of it": case(OUT, [(1, 50000, 0, 1800)], payer="80%", total=59000, tax=[9000], due=59000, payer_due=47200),
    "an odd share is rounded once": case(  # 16666.5
        IN, [(1, 33333, 0, 1800)], payer="50%",
        total=33333, tax=[5085], due=33333, payer_due=16667,
    ),
    "an amount, both paid": case(
        OUT, [(1, 50000, 0, 1800)], "payer pay 40000; pay 19000", payer="40000",
        total=59000, tax=[9000], paid=59000, payer_paid=40000,
    ),
    "all of it, part paid": case(
        OUT, [(1, 50000, 0, 0)], "payer pay 45000", payer="100%",
        total=50000, tax=[0], due=5000, paid=45000, payer_due=5000, payer_paid=45000,
    ),
    "the payer refuses a part": case(
        OUT, [(1, 50000, 0, 0)], "payer pay 30000; to patient 10000; pay 20000", payer="80%",
        total=50000, tax=[0], paid=50000, payer_paid=30000,
    ),
    "the payer takes more": case(
        OUT, [(1, 50000, 0, 0)], "to payer 5000; payer pay 45000", payer="80%",
        total=50000, tax=[0], due=5000, paid=45000, payer_paid=45000,
    ),
    "the payer's rest is written off": case(
        OUT, [(1, 50000, 0, 0)], "payer pay 39000; payer write off 1000; pay 10000", payer="80%",
        total=50000, tax=[0], paid=49000, written_off=1000, payer_paid=39000,
    ),
    "money back to the payer": case(
        OUT, [(1, 50000, 0, 0)], "payer pay 40000; pay 10000; payer refund 40000", payer="80%",
        total=50000, tax=[0], due=40000, paid=10000, payer_due=40000,
    ),
    "a credit note takes the patient's part first": case(
        OUT, [(1, 50000, 0, 0)], "credit 1:15000", payer="80%",
        total=50000, tax=[0], due=35000, credited=15000, payer_due=35000, took=[(1, 15000, 0)],
    ),
    "a credit note after both paid": case(  # of 150.00 the patient paid 100.00; the payer gets its 50.00 back first
        OUT, [(1, 50000, 0, 0)], "payer pay 40000; pay 10000; payer refund 5000; credit 1:15000", payer="80%",
        total=50000, tax=[0], paid=35000, credited=15000, payer_paid=35000, held=10000, took=[(1, 15000, 0)],
    ),
    "a credit note of the patient's part after both paid": case(
        OUT, [(1, 50000, 0, 0)], "payer pay 40000; pay 10000; credit 1:10000", payer="80%",
        total=50000, tax=[0], paid=40000, credited=10000, payer_paid=40000, held=10000, took=[(1, 10000, 0)],
    ),
    "all of it after both paid": case(
        OUT, [(1, 50000, 0, 0)], "payer pay 40000; pay 10000; payer refund 40000; credit rest", payer="80%",
        total=50000, tax=[0], credited=50000, held=10000, took=[(1, 50000, 0)],
    ),
    "assigned, then cancelled": case(
        OUT, [(1, 50000, 0, 1800)], "to payer 1000; cancel", payer="80%",
        total=59000, tax=[9000],
    ),
    # -- transfers and deposits
    "to another invoice": case(
        OUT, [(1, 50000, 0, 0)], "pay 50000; move out 20000",
        total=50000, tax=[0], due=20000, paid=30000,
    ),
    "from another invoice": case(OUT, [(1, 50000, 0, 0)], "pay 10000; move in 40000", total=50000, tax=[0], paid=50000),
    "there and back": case(
        OUT, [(1, 50000, 0, 1800)], "pay 59000; move out 59000; move in 58000",
        total=59000, tax=[9000], due=1000, paid=58000,
    ),
    "a deposit pays a part": case(
        OUT, [(1, 50000, 0, 1800)], "deposit 20000; use 20000; pay 39000",
        total=59000, tax=[9000], paid=59000,
    ),
    "a deposit larger than the invoice": case(
        OUT, [(1, 50000, 0, 1800)], "deposit 100000; use 59000; give back 1000",
        total=59000, tax=[9000], paid=59000, held=40000,
    ),
    "a deposit used, then refunded in cash": case(
        OUT, [(1, 50000, 0, 0)], "deposit 50000; use 50000; refund 50000",
        total=50000, tax=[0], due=50000,
    ),
    "a deposit used beside a payer": case(
        OUT, [(1, 50000, 0, 0)], "deposit 10000; use 10000; payer pay 40000", payer="80%",
        total=50000, tax=[0], paid=50000, payer_paid=40000,
    ),
    "everything at once": case(
        IN_TOTAL, [(2, 11800, 0, 1800), (1, 10500, 500, 500)],
        "pay 20000; deposit 3000; use 3000; refund 1000; write off 100; credit 1:2360; move out 1900", payer="5000",
        total=33600, tax=[3600, 476], due=11040, paid=20100, credited=2360, written_off=100, payer_due=5000,
        took=[(1, 2000, 360)],
    ),
}
# fmt: on


class Life:
    """An invoice, another one of the same patient, her account, and every entry that was made."""

    def __init__(self, one: Case) -> None:
        self.entries: list[Entry] = []
        self.account = Balance(id=journal.credit_account("patient-1"))
        self.invoice = self._issued(_draft(one))
        self.other = self._issued(make.invoice(id="other", lines=(make.line(unit_price_minor=2 * PLENTY),)))
        half = self._made(settling.payment, self.other, amount_minor=PLENTY, method=CASH)
        self.other = settling.applied(self.other, half)

    def do(self, step: str) -> None:
        """One step of a row, e.g. ``payer pay 100``."""
        payer = step.startswith("payer ")
        words = step.removeprefix("payer ").split()
        if words[0] == "credit":
            self._apply(settling.credit_note, amounts=self._amounts(words[1:]), document="CN")
            return
        amount = int(words[-1]) if words[-1].isdigit() else 0
        verb = " ".join(words[:-1] if amount else words)
        self._verb(verb, amount, {"payer": True} if payer else {})

    def _verb(self, verb: str, amount: int, payer: dict[str, bool]) -> None:
        given: dict[str, Any] = {"amount_minor": amount}
        if verb == "pay":
            self._apply(settling.payment, **given, **payer, method=CASH)
        elif verb == "refund":
            self._apply(settling.refund, **given, **payer, method=CASH)
        elif verb == "write off":
            self._apply(settling.write_off, **given, **payer)
        elif verb == "use":
            self._apply(settling.apply_credit, **given, held_minor=self.account.amount_minor)
        elif verb in {"to payer", "to patient"}:
            self._apply(settling.assign, **given, to_payer=verb == "to payer")
        elif verb == "cancel":
            self._apply(settling.cancel)
        elif verb == "take back":
            self._apply(settling.reverse, entry=[e for e in self.entries if e.event in journal.REVERSIBLE][-1])
        elif verb in {"move in", "move out"}:
            self._move(amount, out=verb == "move out")
        else:
            self._account(verb, amount)

    def _account(self, verb: str, amount: int) -> None:
        """Money on the patient's account, which no invoice is about."""
        given: dict[str, Any] = {"amount_minor": amount, "method": CASH, "currency": self.invoice.currency}
        if verb == "deposit":
            entry = settling.deposit("patient-1", self._stamp(), **given)
        else:
            assert verb == "give back"
            held = self.account.amount_minor
            entry = settling.deposit_refund("patient-1", self._stamp(), held_minor=held, **given)
        self.entries.append(entry)
        self.account = journal.balance_after(self.account, entry)

    def _move(self, amount: int, *, out: bool) -> None:
        source, target = (self.invoice, self.other) if out else (self.other, self.invoice)
        entry = settling.transfer(source, target, self._stamp(), amount_minor=amount)
        self.entries.append(entry)
        self.invoice, self.other = settling.applied(self.invoice, entry), settling.applied(self.other, entry)

    def _amounts(self, words: list[str]) -> dict[int, int]:
        if words == ["rest"]:
            return {line: left for line, left in enumerate(settling.creditable(self.invoice)) if left}
        if words[:2] == ["over", "all"]:
            return settling.spread_credit(self.invoice, int(words[2]))
        return {int(line) - 1: int(amount) for line, amount in (word.split(":") for word in words)}

    def _issued(self, draft: Invoice) -> Invoice:
        status = InvoiceStatus.ISSUED if draft.total_minor else InvoiceStatus.BALANCED
        return settling.applied(
            replace(draft, status=status), self._made(settling.issue, replace(draft, status=status))
        )

    def _apply(self, build: Callable[..., Entry], **given: Any) -> None:
        entry = self._made(build, self.invoice, **given)
        self.invoice = settling.applied(self.invoice, entry)
        self.account = journal.balance_after(self.account, entry)

    def _made(self, build: Callable[..., Entry], invoice: Invoice, **given: Any) -> Entry:
        self.entries.append(build(invoice, self._stamp(), **given))
        return self.entries[-1]

    def _stamp(self) -> Stamp:
        return Stamp(key=f"key-{len(self.entries)}", day=make.MONDAY, at=make.NOW, by="desk", reason="why")


def _draft(one: Case) -> Invoice:
    lines = tuple(
        make.line(quantity=quantity, unit_price_minor=price, discount_minor=discount, tax_basis_points=rate)
        for quantity, price, discount, rate in one.lines
    )
    if one.spread is not None:
        lines = billing.spread_discount(lines, one.spread)
    made = make.invoice(id="bill", lines=lines, tax_rule=one.rule, currency=one.currency)
    if not one.payer:
        return made
    share = int(one.payer.removesuffix("%"))
    points, amount = (share * 100, 0) if one.payer.endswith("%") else (None, share)
    made = replace(made, payer_id="payer", payer_basis_points=points, payer_share_minor=amount)
    return replace(made, payer_share_minor=billing.share_of(made))


@pytest.mark.parametrize("one", CASES.values(), ids=CASES.keys())
def test_to_the_cent(one: Case) -> None:
    """Total, tax of each line, and after all that happened what is due, paid, credited, written off and held."""
    life = Life(one)
    for step in filter(None, one.steps.split("; ")):
        life.do(step)
    after = life.invoice

    assert after.total_minor == one.total
    assert billing.line_taxes(after.lines, after.tax_rule) == one.tax
    assert (after.totals.tax_minor, after.totals.net_minor) == (sum(one.tax), one.total - sum(one.tax))
    assert (after.due_minor, after.paid_minor, after.credited_minor) == (one.due, one.paid, one.credited)
    assert (after.written_off_minor, after.payer_due_minor) == (one.written_off, one.payer_due)
    assert (after.payer_paid_minor, life.account.amount_minor) == (one.payer_paid, one.held)
    parts = [part for made in after.adjustments for part in made.lines]
    assert [(part.line + 1, part.net_minor, part.tax_minor) for part in parts] == list(one.took)
    assert after.status is _status(one)


@pytest.mark.parametrize("one", CASES.values(), ids=CASES.keys())
def test_the_books_say_the_same(one: Case) -> None:
    """Every entry sums to zero, and the accounts of the books add up to the invoice's figures."""
    life = Life(one)
    for step in filter(None, one.steps.split("; ")):
        life.do(step)
    about = [entry for entry in life.entries if entry.invoice_id != "other" or entry.event is Event.TRANSFER]

    assert all(journal.is_balanced(entry.postings) for entry in life.entries)
    owed = sum(entry.sum_of(Book.RECEIVABLE, invoice_id="bill") for entry in about)
    by_payer = [p for entry in about for p in entry.postings if p.payer_id and p.invoice_id == "bill"]
    charged = -sum(entry.sum_of(book) for entry in about for book in (Book.REVENUE, Book.DISCOUNT, Book.TAX))
    assert owed == one.due
    assert sum(posting.amount_minor for posting in by_payer) == one.payer_due
    assert charged == (0 if "cancel" in one.steps else one.total - one.credited)
    assert -sum(entry.sum_of(Book.CREDIT) for entry in about) == one.held
    assert sum(entry.sum_of(Book.WRITE_OFF) for entry in about) == one.written_off


def test_there_are_enough_of_them() -> None:
    """A row that is named twice would be lost silently."""
    assert len(CASES) == 95


def _status(one: Case) -> InvoiceStatus:
    if "cancel" in one.steps:
        return InvoiceStatus.CANCELLED
    return InvoiceStatus.ISSUED if one.due else InvoiceStatus.BALANCED
