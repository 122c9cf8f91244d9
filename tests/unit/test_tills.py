"""Cash: denominations, counts, what may happen to a till, and the papers made of entries."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from babel.numbers import list_currencies

from clinic_core.domain import money, tills
from clinic_core.domain.billing import Party, PaymentMethod
from clinic_core.domain.journal import (
    Balance,
    Book,
    Entry,
    Event,
    Heading,
    Posting,
    balance_after,
    entry_id,
    is_balanced,
    key_slot,
    slot,
    till_account,
)
from clinic_core.domain.settling import Stamp
from clinic_core.domain.tills import Way
from clinic_core.errors import IllegalTransition, InvalidInput
from tests import make

HEADING = Heading(issuer=Party(name="Sunrise Clinic"), locale="en_IN", time_zone="Asia/Kolkata", name="Reception")
DESK = Balance(id=till_account("desk"))
OPEN = replace(DESK, seq=1, amount_minor=200_000, opened="2026-03-02#00001")
OTHER = replace(OPEN, id=till_account("other"), opened="2026-03-02#00002", amount_minor=50_000)


def stamp(**changes: Any) -> Stamp:
    """Who does it and when."""
    return Stamp(**{"key": "k", "day": make.MONDAY, "at": make.NOW, "by": "desk", **changes})


def move(amount_minor: int, way: Way, reason: str = "Change", **changes: Any) -> Entry:
    """Cash into or out of the desk's till."""
    given = {"amount_minor": amount_minor, "way": way, "currency": "INR", **changes}
    return tills.moved(stamp(reason=reason), OPEN, **given)


def close(pieces: dict[int, int], *, till: Balance = OPEN, reason: str = "", other_minor: int = 0) -> Entry:
    """The desk's till counted."""
    count = tills.counted(pieces, other_minor)
    return tills.closed(stamp(reason=reason), till, count=count, currency="INR", heading=HEADING)


def on_ledger(entries: list[Entry], *, till: str = "desk", day: date = make.MONDAY) -> list[Entry]:
    """The entries as a till's session has them, with ids and slots."""
    account = till_account(till)
    return [
        replace(e, id=entry_id(day, n), day=day, slots=(key_slot(f"k{n}"), slot(account, n)))
        for n, e in enumerate(entries, start=1)
    ]


def paid(amount_minor: int, method: PaymentMethod = PaymentMethod.CASH, event: Event = Event.PAYMENT) -> Entry:
    """Money for an invoice, or back."""
    return Entry(
        key="p",
        event=event,
        day=make.MONDAY,
        at=make.NOW,
        by="desk",
        currency="INR",
        postings=(
            Posting(book=Book.MONEY, amount_minor=amount_minor, method=method),
            Posting(book=Book.RECEIVABLE, amount_minor=-amount_minor, invoice_id="i"),
        ),
    )


@pytest.mark.parametrize(
    ("currency", "expected"),
    [
        ("INR", (50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100)),
        ("USD", (10_000, 5_000, 2_000, 1_000, 500, 100, 25, 10, 5, 1)),
        ("JPY", (10_000, 5_000, 2_000, 1_000, 500, 100, 50, 10, 5, 1)),
        ("KWD", (20_000, 10_000, 5_000, 1_000, 500, 250, 100, 50, 20, 10, 5)),
    ],
)
def test_denominations_in_minor_units(currency: str, expected: tuple[int, ...]) -> None:
    """Two decimals, none, three."""
    assert tills.denominations(currency) == expected


@pytest.mark.parametrize("currency", [*sorted(tills._FACES), "KRW", "GEL", "TND", "XAF"])
def test_denominations_are_whole_falling_and_few(currency: str) -> None:
    """A face that is no whole minor unit would be counted as something else; so many fields nobody fills."""
    found = tills.denominations(currency)
    assert currency in list_currencies()
    assert list(found) == sorted(set(found), reverse=True)
    assert all(isinstance(face, int) and face > 0 for face in found)
    assert len(found) <= 16
    faces = tills._FACES.get(currency, "").split()
    assert [str(money.to_decimal(face, currency).normalize()) for face in found] == [
        str(money.to_decimal(money.parse_minor(face, currency), currency).normalize()) for face in faces
    ] or not faces


def test_a_currency_nobody_listed_is_counted_in_fives_twos_and_ones() -> None:
    """Georgian lari; won have no minor unit and large numbers."""
    assert tills.denominations("GEL")[:4] == (50_000, 20_000, 10_000, 5_000)
    assert tills.denominations("GEL")[-1] == 1
    assert tills.denominations("KRW")[0] == 50_000


def test_what_fits_no_denomination_is_counted_as_an_amount() -> None:
    """And the count adds up to the last paisa; the paper would state thousands of paise that nobody counted."""
    count = tills.counted({100: 2, 50_000: 3, 200: 0}, 15_050)
    assert count == ((50_000, 3), (100, 2), (15_050, 1))
    assert tills.sum_of(count) == 165_250
    assert tills.counted({1: 4, 5: 1}, 6) == ((5, 1), (1, 4), (6, 1))
    assert tills.counted({50_000: 3}, 50_000) == ((50_000, 3), (50_000, 1)), "three notes stay three"
    assert tills.counted({}) == ()


@pytest.mark.parametrize(("pieces", "other"), [({100: -1}, 0), ({100: 10**6}, 0), ({0: 1}, 0), ({}, -1), ({}, 10**13)])
def test_what_nobody_counts_is_refused(pieces: dict[int, int], other: int) -> None:
    """Below zero, beyond belief, of no worth."""
    with pytest.raises(InvalidInput):
        tills.counted(pieces, other)


def test_a_till_opens_with_cash_of_the_safe() -> None:
    """What it holds, the safe does not."""
    made = tills.opened(stamp(), DESK, float_minor=200_000, currency="INR", heading=HEADING)
    assert (made.sum_of(Book.MONEY), made.sum_of(Book.SAFE)) == (200_000, -200_000)
    after = balance_after(DESK, replace(made, id="2026-03-02#00001"))
    assert (after.amount_minor, after.opened) == (200_000, "2026-03-02#00001")


def test_a_till_can_open_empty_but_not_twice() -> None:
    """No float is no posting."""
    assert tills.opened(stamp(), DESK, float_minor=0, currency="INR", heading=HEADING).postings == ()
    with pytest.raises(IllegalTransition, match="open already"):
        tills.opened(stamp(), OPEN, float_minor=0, currency="INR", heading=HEADING)
    with pytest.raises(InvalidInput):
        tills.opened(stamp(), DESK, float_minor=-1, currency="INR", heading=HEADING)


@pytest.mark.parametrize(
    ("way", "till", "book"),
    [
        (Way.FROM_SAFE, 5_000, Book.SAFE),
        (Way.TO_SAFE, -5_000, Book.SAFE),
        (Way.EXPENSE, -5_000, Book.EXPENSE),
        (Way.EXPENSE_BACK, 5_000, Book.EXPENSE),
    ],
)
def test_cash_moves_between_a_till_and_a_book(way: Way, till: int, book: Book) -> None:
    """Both sides, to the paisa."""
    made = move(5_000, way)
    assert is_balanced(made.postings)
    assert (tills.cash_minor(made, "desk"), made.sum_of(book)) == (till, -till)


def test_a_hand_over_changes_both_tills_in_one_entry() -> None:
    """Money between two tills can be lost in neither."""
    made = move(30_000, Way.TO_TILL, to=OTHER)
    assert is_balanced(made.postings)
    assert balance_after(OPEN, made).amount_minor == 170_000
    assert balance_after(OTHER, made).amount_minor == 80_000
    assert (tills.cash_minor(made, "desk"), tills.cash_minor(made, "other"), tills.cash_minor(made)) == (
        -30_000,
        30_000,
        0,
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"amount_minor": 0}, InvalidInput),
        ({"amount_minor": 200_001}, InvalidInput),
        ({"reason": ""}, InvalidInput),
        ({"way": Way.TO_TILL}, InvalidInput),
        ({"way": Way.TO_TILL, "to": OPEN}, InvalidInput),
        ({"way": Way.TO_TILL, "to": replace(OTHER, opened="")}, IllegalTransition),
    ],
)
def test_a_movement_that_cannot_be(changes: dict[str, Any], error: type[Exception]) -> None:
    """Nothing, more than there can be, without a reason, to nobody, to oneself, into a closed till."""
    with pytest.raises(error):
        move(**{"amount_minor": 1_000, "way": Way.TO_SAFE, **changes})


def test_too_much_is_refused_without_saying_how_much_there_is() -> None:
    """The count is blind."""
    with pytest.raises(InvalidInput) as refused:
        move(999_999, Way.TO_SAFE)
    assert not any(letter.isdigit() for letter in str(refused.value))


def test_a_till_that_is_right_closes_without_a_reason() -> None:
    """Everything goes to the safe, nothing to the variance."""
    made = close({50_000: 4})
    assert (made.sum_of(Book.SAFE), made.sum_of(Book.VARIANCE), made.counted) == (200_000, 0, ((50_000, 4),))
    after = balance_after(OPEN, made)
    assert (after.amount_minor, after.opened) == (0, "")


@pytest.mark.parametrize(("pieces", "loss"), [({50_000: 3}, 50_000), ({50_000: 5}, -50_000), ({}, 200_000)])
def test_a_difference_is_a_loss_or_a_gain_with_a_reason(pieces: dict[int, int], loss: int) -> None:
    """Missing money is a debit of the variance; the till is empty all the same."""
    with pytest.raises(InvalidInput, match="difference"):
        close(pieces)
    made = close(pieces, reason="Gave too much change")
    assert is_balanced(made.postings)
    assert made.sum_of(Book.VARIANCE) == loss
    assert balance_after(OPEN, made).amount_minor == 0
    assert tills.count_in(made) == tills.Count(expected_minor=200_000, counted_minor=200_000 - loss)


def test_a_closed_till_cannot_be_counted() -> None:
    """It says so."""
    with pytest.raises(IllegalTransition, match="not open"):
        close({}, till=DESK)


def session() -> list[Entry]:
    """A float of 2,000.00, 500.00 in, 100.00 back, 300.00 for stamps, counted 20.00 short."""
    return on_ledger(
        [
            tills.opened(stamp(), DESK, float_minor=200_000, currency="INR", heading=HEADING),
            paid(50_000),
            paid(-10_000, event=Event.REFUND),
            move(30_000, Way.EXPENSE, "Stamps"),
            close({50_000: 4, 1_000: 8}, till=replace(OPEN, amount_minor=210_000), reason="Unknown"),
        ]
    )


def test_the_paper_of_a_till_adds_up() -> None:
    """From its entries alone."""
    found = tills.till_close(session())
    count = found.till
    assert (found.number, found.day, found.issuer.name) == ("2026-03-02#00005", make.MONDAY, "Sunrise Clinic")
    assert (count.opening_minor, count.cash_in_minor, count.cash_out_minor, count.moved_minor) == (
        200_000,
        50_000,
        10_000,
        -30_000,
    )
    assert (count.expected_minor, count.counted_minor, count.variance_minor) == (210_000, 208_000, -2_000)
    assert (count.username, count.name, count.closed_by, count.reason) == ("desk", "Reception", "", "Unknown")
    assert count.handed_over_minor == 208_000


def test_who_closes_the_till_of_another_is_named() -> None:
    """A forgotten till."""
    entries = session()
    entries[-1] = replace(entries[-1], by="boss")
    assert tills.count_of(entries).closed_by == "boss"


def test_the_paper_of_a_day_sums_its_entries() -> None:
    """Tills' own entries are no takings; deposits are; tax, credit notes and write-offs have their lines."""
    till = session()
    others = [
        paid(70_000, PaymentMethod.CARD),
        _charge(Event.ISSUE, 118_000, tax=18_000),
        _charge(Event.CANCEL, -50_000),
        _credit_note(),
        _with_credit(Event.DEPOSIT, 40_000, PaymentMethod.UPI),
        _with_credit(Event.DEPOSIT_REFUND, -15_000, PaymentMethod.UPI),
        replace(paid(0), event=Event.APPLY_CREDIT, postings=_postings((Book.CREDIT, 9_000), (Book.RECEIVABLE, -9_000))),
        replace(paid(0), event=Event.WRITE_OFF, postings=_postings((Book.WRITE_OFF, 1_000), (Book.RECEIVABLE, -1_000))),
        tills.day_closed(stamp(by="boss"), currency="INR", heading=HEADING),
    ]
    numbered = [replace(e, id=entry_id(make.MONDAY, 6 + n)) for n, e in enumerate(others)]
    found = tills.day_close([*till, *numbered], [till])
    by_method = {t.method: (t.taken_minor, t.refunded_minor) for t in found.methods}
    assert by_method == {
        PaymentMethod.CASH: (50_000, 10_000),
        PaymentMethod.CARD: (70_000, 0),
        PaymentMethod.UPI: (40_000, 15_000),
    }
    assert (found.invoices, found.billed_minor, found.billed_tax_minor) == (1, 118_000, 18_000)
    assert (found.cancelled, found.cancelled_minor) == (1, 50_000)
    assert (found.credit_notes, found.credited_minor) == (1, 11_800)
    assert (found.written_off_minor, found.credit_applied_minor) == (1_000, 9_000)
    assert (found.deposits_taken_minor, found.deposits_returned_minor) == (40_000, 15_000)
    assert (found.account_credited_minor, found.held_change_minor) == (5_000, 40_000 - 15_000 - 9_000 + 5_000)
    assert (found.first_entry, found.last_entry, found.by) == ("2026-03-02#00001", "2026-03-02#00014", "boss")
    assert (found.variance_minor, found.cash_outside_minor) == (-2_000, 40_000)


def test_cash_that_went_through_no_till_is_found() -> None:
    """Card money is none, a till's own entries are none, what names its session is none."""
    loose = paid(12_300)
    tilled = replace(paid(45_600), till="2026-03-02#00001")
    assert tills.outside_tills([*session()[:1], loose, tilled, paid(1, PaymentMethod.CARD)]) == [loose]


def test_a_day_that_has_not_come_cannot_be_closed() -> None:
    """Today can."""
    tills.may_close(make.MONDAY, make.MONDAY)
    with pytest.raises(IllegalTransition, match="not come"):
        tills.may_close(make.MONDAY + timedelta(days=1), make.MONDAY)


def _postings(*parts: tuple[Book, int]) -> tuple[Posting, ...]:
    return tuple(Posting(book=book, amount_minor=amount) for book, amount in parts)


def _charge(event: Event, total: int, tax: int = 0) -> Entry:
    parts = [(Book.RECEIVABLE, total), (Book.REVENUE, tax - total), *([(Book.TAX, -tax)] if tax else [])]
    return replace(paid(0), event=event, postings=_postings(*parts))


def _credit_note() -> Entry:
    parts = ((Book.REVENUE, 10_000), (Book.TAX, 1_800), (Book.RECEIVABLE, -6_800), (Book.CREDIT, -5_000))
    return replace(paid(0), event=Event.CREDIT_NOTE, postings=_postings(*parts))


def _with_credit(event: Event, amount: int, method: PaymentMethod) -> Entry:
    money_side = Posting(book=Book.MONEY, amount_minor=amount, method=method)
    return replace(paid(0), event=event, postings=(money_side, *_postings((Book.CREDIT, -amount))))
