"""Facts of one invoice or appointment: to the cent, and dated by the day that counts."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain import billing, facts
from clinic_core.domain.appointments import AppointmentEvent, AppointmentStatus
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.organization import TaxRounding, TaxRule
from clinic_core.services import fact_tables
from tests import make

S = AppointmentStatus

lines = st.lists(
    st.builds(
        make.line,
        quantity=st.integers(1, 3),
        unit_price_minor=st.integers(0, 99_999),
        tax_basis_points=st.sampled_from([0, 500, 1_200, 1_800, 775]),
    ),
    max_size=6,
)
rules = st.builds(TaxRule, inclusive=st.booleans(), rounding=st.sampled_from(list(TaxRounding)))


def issued(**changes: object) -> Invoice:
    """An invoice issued on Monday."""
    given = {"status": InvoiceStatus.ISSUED, "issued_on": make.MONDAY, "series": "INV-2026", "number": 7}
    return make.invoice(**{**given, **changes})


@given(lines, rules)
def test_the_lines_sum_up_to_the_invoice(kept, rule):
    """Net, tax and total of the rows are those of the invoice, wherever the tax is rounded."""
    invoice = issued(lines=tuple(kept), tax_rule=rule)

    rows = facts.charges(invoice)

    totals = invoice.totals
    assert sum(row.gross_minor for row in rows) == totals.gross_minor
    assert sum(row.discount_minor for row in rows) == totals.discount_minor
    assert sum(row.net_minor for row in rows) == totals.net_minor
    assert sum(row.tax_minor for row in rows) == totals.tax_minor
    assert sum(row.total_minor for row in rows) == totals.total_minor
    assert all(row.net_minor + row.tax_minor == row.total_minor for row in rows)


@given(lines, rules)
def test_no_line_is_off_by_a_whole_minor_unit(kept, rule):
    """A line's share is its exact tax, cut or rounded up."""
    for line, tax in zip(kept, billing.line_taxes(kept, rule), strict=True):
        assert abs(tax - facts.line_tax(line, rule)) < 1


def test_rounding_per_total_gives_the_rest_to_the_largest_remainder():
    """Three lines of 0.33, 0.33 and 0.34 at 18 % owe 18 minor units together: 5.94 + 5.94 + 6.12."""
    kept = [make.line(unit_price_minor=price, tax_basis_points=1_800) for price in (33, 33, 34)]

    assert billing.line_taxes(kept, TaxRule(rounding=TaxRounding.TOTAL)) == [6, 6, 6]


def test_a_draft_is_no_charge():
    """Nothing was billed yet."""
    assert facts.charges(make.invoice()) == []


def test_a_cancelled_invoice_is_taken_back_on_the_day_it_was_cancelled():
    """What was billed in March stays there; April gets the same with its signs turned."""
    april = date(2026, 4, 1)
    invoice = issued(status=InvoiceStatus.CANCELLED, cancelled_on=april)

    billed, back = facts.charges(invoice)

    assert (billed.day, billed.event, billed.quantity, billed.total_minor) == (make.MONDAY, "issued", 1, 50_000)
    assert (back.day, back.event, back.quantity, back.total_minor) == (april, "cancelled", -1, -50_000)


def test_a_draft_that_was_cancelled_never_was_a_charge():
    """It had no number and no day of issue."""
    assert facts.charges(make.invoice(status=InvoiceStatus.CANCELLED, cancelled_on=make.MONDAY)) == []


def test_payments_are_dated_by_the_day_they_were_received():
    """Not by the day of the invoice."""
    payment = make.payment(received_on=make.TUESDAY, method=PaymentMethod.UPI, amount_minor=12_345)

    (row,) = facts.receipts(issued(payments=(payment,)))

    assert (row.day, row.method, row.amount_minor, row.label) == (make.TUESDAY, "upi", 12_345, "INV-2026-00007")


def event(status: AppointmentStatus, hours: str) -> AppointmentEvent:
    """A change of status at that time."""
    return AppointmentEvent(at=make.at(hours), by="reception", kind="status", status=status, start=make.at("10:00"))


CAME_AND_WENT_IN = (event(S.ARRIVED, "09:50"), event(S.CHECKED_IN, "10:05"))


@pytest.mark.parametrize(
    ("events", "waited"),
    [
        ((), None),
        ((event(S.ARRIVED, "09:50"),), None),
        ((event(S.CHECKED_IN, "10:05"),), None),
        (CAME_AND_WENT_IN, 15.0),
        ((event(S.ARRIVED, "09:00"), event(S.BOOKED, "09:01"), *CAME_AND_WENT_IN), 15.0),
        ((*CAME_AND_WENT_IN, event(S.ARRIVED, "10:06")), None),
    ],
)
def test_waiting_runs_from_arriving_to_being_with_the_doctor(events, waited):
    """The last of each counts; a wait that is not over is not known."""
    assert facts.waited_minutes(make.appointment(events=events)) == waited


def test_lead_days_are_clinic_days():
    """Booked at 00:30 in Kolkata (the evening before in UTC) for the same day: no days ahead."""
    booked_at = make.at("00:30")

    (row,) = facts.visits(make.appointment(booked_at=booked_at), make.ZONE)

    assert booked_at.date() == make.MONDAY - timedelta(days=1)
    assert row.lead_days == 0


def test_an_appointment_entered_in_error_is_no_visit():
    """It never was one."""
    assert facts.visits(make.appointment(status=S.ENTERED_IN_ERROR), make.ZONE) == []


def test_tables_come_back_typed_from_their_stored_form():
    """Codes are categories, days datetime64[s], money int64; also when there are no rows."""
    for invoices in ([], [issued(payments=(make.payment(),))]):
        tables = fact_tables.decode(fact_tables.encode(fact_tables.of_invoices(invoices)))
        charges = fact_tables.frame(fact_tables.joined([tables], ["charges"])["charges"])
        assert len(charges) == len(invoices)
        assert str(charges["day"].dtype) == "datetime64[s]"
        assert str(charges["total_minor"].dtype) == "int64"
        assert str(charges["service_id"].dtype) == "category"
