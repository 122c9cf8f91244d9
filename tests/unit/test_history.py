"""Invoices with their payments as entries of the ledger: nothing is lost, nothing is added."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic_core.domain import billing, history, journal, settling
from clinic_core.domain.billing import Invoice, InvoiceStatus, LineItem, Payment, PaymentMethod
from clinic_core.domain.journal import Book, Event
from clinic_core.domain.organization import TaxRounding, TaxRule
from clinic_core.errors import OverPayment
from tests import make

LINES = st.builds(
    LineItem,
    service_id=st.sampled_from((make.CONSULTATION, make.DRESSING)),
    description=st.just("Something"),
    quantity=st.integers(1, 3),
    unit_price_minor=st.integers(0, 90_000),
    tax_basis_points=st.sampled_from((0, 500, 1_800)),
)
RULES = st.builds(TaxRule, inclusive=st.booleans(), rounding=st.sampled_from(TaxRounding))


@st.composite
def issued(draw: st.DrawFn, number: int) -> Invoice:
    """An issued invoice on which some of the total was paid, or which was cancelled."""
    lines, rule = tuple(draw(st.lists(LINES, min_size=1, max_size=3))), draw(RULES)
    total = billing.totals(lines, rule).total_minor
    at = make.at("10:00") + timedelta(minutes=draw(st.integers(0, 5_000)))
    cuts = sorted(draw(st.lists(st.integers(0, total), max_size=3))) if total else []
    amounts = [b - a for a, b in zip([0, *cuts], cuts, strict=False) if b > a]
    payments = [_payment(f"{number}-{i}", amount, at + timedelta(hours=20 * i)) for i, amount in enumerate(amounts)]
    paid = sum(amounts)
    invoice = Invoice(
        id=f"i{number}",
        patient_id="p",
        practitioner_id=make.DR_A,
        status=InvoiceStatus.ISSUED if paid < total else InvoiceStatus.BALANCED,
        currency="INR",
        tax_rule=rule,
        lines=lines,
        total_minor=total,
        series="INV-2026",
        number=number,
        payments=tuple(payments),
        paid_minor=paid,
        drafted_at=at,
        drafted_on=_day(at),
        issued_at=at,
        issued_on=_day(at),
        issued_by="reception",
    )
    if paid or not draw(st.booleans()):
        return invoice
    when = at + timedelta(hours=draw(st.integers(0, 50)))
    return replace(
        invoice, status=InvoiceStatus.CANCELLED, cancelled_at=when, cancelled_on=_day(when), cancel_reason="Wrong"
    )


@given(data=st.data(), how_many=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_the_entries_make_the_very_invoices(data: st.DataObject, how_many: int) -> None:
    """Applied one after the other; each balanced, under its own slots, numbered from 1 on every day."""
    invoices = [data.draw(issued(number)) for number in range(1, how_many + 1)]

    told = history.entries_of(invoices)

    for before, after in zip(invoices, told.invoices, strict=True):
        own = sorted((e for e in told.entries if e.invoice_id == before.id), key=lambda e: e.sequence(_account(e)))
        replayed = history.before_all(before)
        for entry in own:
            replayed = settling.applied(replayed, entry)
        assert replayed == after
        assert after == replace(before, posted=len(own), payments=after.payments, entry_id=own[0].id)
        assert [replace(p, entry_id="") for p in after.payments] == list(before.payments)
        assert [p.entry_id for p in after.payments] == [e.id for e in own if e.event is Event.PAYMENT]
        assert [e.sequence(_account(e)) for e in own] == list(range(1, len(own) + 1))
    assert all(journal.is_balanced(entry.postings) for entry in told.entries)
    slots = Counter(slot for entry in told.entries for slot in entry.slots)
    assert not slots or max(slots.values()) == 1
    for _, same in groupby(told.entries, key=lambda entry: entry.day):
        numbers = [journal.number_of(entry.id) for entry in same]
        assert numbers == list(range(1, len(numbers) + 1))


def test_they_are_dated_by_their_own_days_and_follow_what_is_there() -> None:
    """Money of Tuesday belongs to Tuesday, after the entries that Tuesday has already."""
    invoice = bill(_payment("k", 50_000, make.at("09:30", make.TUESDAY)))

    told = history.entries_of([invoice], last={make.TUESDAY: 7})

    assert [(entry.id, entry.event) for entry in told.entries] == [
        (f"{make.MONDAY}#00001", Event.ISSUE),
        (f"{make.TUESDAY}#00008", Event.PAYMENT),
    ]
    assert told.entries[1].sum_of(Book.MONEY) == 50_000


def test_a_draft_has_no_entries_and_what_cannot_be_is_refused() -> None:
    """More paid than the total is no history that anybody could have written."""
    assert history.entries_of([make.invoice()]).entries == ()
    with pytest.raises(OverPayment):
        history.entries_of([bill(_payment("k", 10**7, make.NOW))])


def bill(*payments: Payment) -> Invoice:
    """An invoice of 500.00, issued on Monday."""
    return make.invoice(
        status=InvoiceStatus.BALANCED,
        series="INV-2026",
        number=1,
        issued_at=make.NOW,
        issued_on=make.MONDAY,
        payments=payments,
        paid_minor=sum(payment.amount_minor for payment in payments),
    )


def _account(entry: journal.Entry) -> str:
    return journal.invoice_account(entry.invoice_id or "")


def _day(at: datetime) -> date:
    return at.astimezone(make.ZONE).date()


def _payment(key: str, amount: int, at: datetime) -> Payment:
    return Payment(
        key=key, amount_minor=amount, method=PaymentMethod.CARD, received_at=at, received_on=_day(at), by="reception"
    )
