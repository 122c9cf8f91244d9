"""The ledger's words: entries, slots, and what an account's entries add up to."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from clinic_core.domain import journal
from clinic_core.domain.billing import PaymentMethod
from clinic_core.domain.journal import Balance, Book, Entry, Event, Posting
from tests import make

CASH, CARD = PaymentMethod.CASH, PaymentMethod.CARD


def entry(event: Event = Event.DEPOSIT, *postings: Posting, **changes: Any) -> Entry:
    """A deposit unless told otherwise."""
    given = {"id": "2026-03-02#00001", "key": "k", "day": make.MONDAY, "at": make.NOW, "by": "desk"}
    return Entry(event=event, postings=postings, **{**given, **changes})


def money(amount: int, method: PaymentMethod = CASH, till: str | None = None) -> Posting:
    """Money in, or out."""
    return Posting(book=Book.MONEY, amount_minor=amount, method=method, till=till)


def test_ids_are_a_day_and_a_number() -> None:
    """They sort by day and number, and both can be read again."""
    ids = [journal.entry_id(make.MONDAY, n) for n in (1, 2, 99_999)]
    assert ids == ["2026-03-02#00001", "2026-03-02#00002", "2026-03-02#99999"] == sorted(ids)
    assert [journal.number_of(one) for one in ids] == [1, 2, 99_999]
    assert journal.day_of(ids[0]) == make.MONDAY
    assert journal.entry_id(date(2027, 1, 1), 1) > ids[-1]


@pytest.mark.parametrize("key", ["k", "a@b", "invoice:x@1", "desk@clinic.example", "@", "close:2026-03-02"])
def test_a_key_is_no_account(key: str) -> None:
    """Whatever text a form's key holds, it is not taken for the account of something."""
    slots = (journal.key_slot(key), "invoice:i@3", "till:anna@example.com@7", journal.close_slot(make.MONDAY), "odd")
    made = entry(slots=slots)
    assert made.accounts() == {"invoice:i": 3, "till:anna@example.com": 7}
    assert [made.sequence(name) for name in ("invoice:i", "till:anna@example.com", "credit:p")] == [3, 7, 0]


def test_sums_by_account_and_invoice() -> None:
    """Debits less credits."""
    owed = [Posting(book=Book.RECEIVABLE, amount_minor=a, invoice_id=i) for a, i in ((5, "a"), (-3, "b"), (1, "a"))]
    made = entry(Event.TRANSFER, *owed)
    assert (made.sum_of(Book.RECEIVABLE), made.sum_of(Book.RECEIVABLE, invoice_id="a")) == (3, 6)
    assert made.sum_of(Book.MONEY) == 0


def test_reversing_undoes() -> None:
    """Every posting with its sign and quantity turned; twice is as before."""
    postings = (money(5), Posting(book=Book.REVENUE, amount_minor=-5, line=0, service_id="s", quantity=2))
    turned = journal.reversed_postings(postings)
    assert [(p.amount_minor, p.quantity) for p in turned] == [(-5, 0), (5, -2)]
    assert journal.reversed_postings(turned) == postings
    assert journal.is_balanced(postings)
    assert not journal.is_balanced(postings[:1])


def test_money_held() -> None:
    """A credit posting is money held, a debit is money used."""
    held = Balance(id="credit:p")
    held = journal.balance_after(held, entry(Event.DEPOSIT, money(9), Posting(book=Book.CREDIT, amount_minor=-9)))
    held = journal.balance_after(held, entry(Event.APPLY_CREDIT, Posting(book=Book.CREDIT, amount_minor=4)))
    assert (held.seq, held.amount_minor, held.opened) == (2, 5, "")


def test_cash_in_a_till() -> None:
    """Cash only, and where one entry moves it between two tills, only its own part."""
    till = journal.balance_after(Balance(id="till:anna"), entry(Event.TILL_OPEN, money(100)))
    assert (till.amount_minor, till.opened) == (100, "2026-03-02#00001")
    for made in (entry(Event.PAYMENT, money(7)), entry(Event.PAYMENT, money(50, CARD)), entry(Event.REFUND, money(-2))):
        till = journal.balance_after(till, made)
    move = entry(Event.TILL_MOVE, money(-30, till="anna"), money(30, till="ben"))
    ben = journal.balance_after(Balance(id="till:ben", opened="x"), move)
    till = journal.balance_after(till, move)
    assert (till.amount_minor, ben.amount_minor) == (75, 30)
    till = journal.balance_after(till, entry(Event.TILL_CLOSE, money(-75)))
    assert (till.seq, till.amount_minor, till.opened) == (6, 0, "")


def test_sessions_of_a_package() -> None:
    """Taken and given back."""
    used = Balance(id="package:i")
    for event in (Event.PACKAGE_USE, Event.PACKAGE_USE, Event.PACKAGE_RETURN, Event.PACKAGE_USE):
        used = journal.balance_after(used, entry(event))
    assert (used.seq, used.amount_minor) == (4, 2)
