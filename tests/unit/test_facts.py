"""Facts of one invoice or appointment: to the cent, and dated by the day that counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain import billing, facts, settling
from clinic_core.domain.appointments import AppointmentEvent, AppointmentStatus
from clinic_core.domain.billing import Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.facts import Charge
from clinic_core.domain.journal import Book, Entry, entry_id
from clinic_core.domain.organization import TaxRounding, TaxRule
from clinic_core.domain.settling import Stamp
from clinic_core.errors import ClinicError
from clinic_core.services import fact_tables, fact_words
from clinic_core.services.fact_columns import Fact
from clinic_core.services.fact_parts import added_up, parts_of
from clinic_core.services.fact_words import Ids, Vocabulary
from tests import make

S = AppointmentStatus
UPI = PaymentMethod.UPI

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
APRIL = date(2026, 4, 1)


def issued(**changes: object) -> Invoice:
    """An invoice issued on Monday."""
    given = {"status": InvoiceStatus.ISSUED, "issued_on": make.MONDAY, "series": "INV-2026", "number": 7}
    return make.invoice(**{**given, **changes})


def stamp(on: date = make.MONDAY) -> Stamp:
    """Done by the reception, with a reason."""
    return Stamp(key="k", day=on, at=make.NOW, by="reception", reason="because")


def shared(draw: st.DataObject, invoice: Invoice) -> Invoice:
    """The invoice, or the same with a payer who owes a part of it."""
    share = draw.draw(st.integers(0, invoice.total_minor))
    owed = {"payer_share_minor": share, "payer_due_minor": share}
    return replace(invoice, payer_id="insurer", **owed) if share else invoice


def sums_of(rows: Iterable[Charge]) -> dict[str, int]:
    """The amounts of rows, added up."""
    kept = list(rows)
    columns = ("gross_minor", "discount_minor", "net_minor", "tax_minor", "total_minor")
    return {column: sum(getattr(row, column) for row in kept) for column in columns}


@given(lines, rules, st.integers(0, 100), st.data())
def test_the_lines_sum_up_to_the_invoice(kept, rule, percent, data):
    """Net, tax and total of the rows are those of the invoice, wherever the tax is rounded and whoever pays."""
    gross = sum(line.gross_minor for line in kept)
    made = issued(lines=billing.spread_discount(kept, gross * percent // 100), tax_rule=rule)
    invoice = shared(data, made)

    rows = facts.charges(settling.issue(invoice, stamp()))

    totals = invoice.totals
    assert sums_of(rows) == {name: getattr(totals, name) for name in sums_of([])}
    assert all(row.net_minor + row.tax_minor == row.total_minor for row in rows)
    asked = [row.gross_minor - row.discount_minor for row in rows]
    assert asked == [row.total_minor if rule.inclusive else row.net_minor for row in rows]
    assert sum(row.total_minor for row in rows if row.payer_id == "insurer") == invoice.payer_share_minor
    assert sum(row.quantity for row in rows) == sum(line.quantity for line in kept)


@given(lines, rules, st.data())
def test_a_cancelled_invoice_is_taken_back_on_the_day_it_was_cancelled(kept, rule, data):
    """What was billed in March stays there; April gets the same with its signs turned, of the same payer."""
    invoice = shared(data, issued(lines=tuple(kept), tax_rule=rule))

    billed = facts.charges(settling.issue(invoice, stamp()))
    back = facts.charges(settling.cancel(invoice, stamp(APRIL)))

    assert all((row.day, row.event) == (make.MONDAY, "issue") for row in billed)
    assert all((row.day, row.event) == (APRIL, "cancel") for row in back)
    assert sums_of([*billed, *back]) == sums_of([])
    for payer in ("", "insurer"):
        assert not sum(row.total_minor for row in (*billed, *back) if row.payer_id == payer)
    assert sum(row.quantity for row in (*billed, *back)) == 0


@given(lines.filter(lambda kept: sum(line.gross_minor for line in kept) > 0), rules, st.data())
def test_what_is_owed_is_charged_less_settled_after_every_event(kept, rule, data):
    """For the invoice, and for the patient and the payer apart; and money in is settled or held."""
    invoice = shared(data, issued(lines=tuple(kept), tax_rule=rule))
    entries = [settling.issue(invoice, stamp())]
    invoice = settling.applied(invoice, entries[0])
    for make_entry in data.draw(st.lists(st.sampled_from(EVENTS), max_size=8)):
        try:
            entry = make_entry(invoice, data)
        except ClinicError:
            continue
        entries.append(entry)
        invoice = settling.applied(invoice, entry)
        rows = facts.settlements(entry)
        assert sum(r.amount_minor + r.written_off_minor for r in rows) == sum(
            r.settled_minor + r.credit_minor for r in rows
        )

    charged = [row for entry in entries for row in facts.charges(entry)]
    settled = [row for entry in entries for row in facts.settlements(entry)]

    def owed(payer: str) -> int:
        charges = sum(row.total_minor for row in charged if row.payer_id == payer)
        return charges - sum(row.settled_minor for row in settled if row.payer_id == payer)

    assert (owed(""), owed("insurer")) == (invoice.patient_due_minor, invoice.payer_due_minor)
    assert sum(row.amount_minor for row in settled) == sum(entry.sum_of(Book.MONEY) for entry in entries)


def _some(data: st.DataObject, most: int) -> int:
    return data.draw(st.integers(1, max(most, 1)))


def _credit_note(invoice: Invoice, data: st.DataObject) -> Entry:
    amounts = settling.spread_credit(invoice, _some(data, sum(settling.creditable(invoice))))
    return settling.credit_note(invoice, stamp(APRIL), amounts=amounts, document="CN-1")


EVENTS = (
    lambda i, data: settling.payment(i, stamp(), amount_minor=_some(data, i.patient_due_minor), method=UPI),
    lambda i, data: settling.payment(i, stamp(), amount_minor=_some(data, i.payer_due_minor), method=UPI, payer=True),
    lambda i, data: settling.refund(i, stamp(), amount_minor=_some(data, i.paid_minor), method=UPI),
    lambda i, data: settling.write_off(i, stamp(), amount_minor=_some(data, i.patient_due_minor)),
    lambda i, data: settling.apply_credit(i, stamp(), amount_minor=_some(data, i.patient_due_minor), held_minor=10**9),
    lambda i, data: settling.assign(i, stamp(), amount_minor=_some(data, i.patient_due_minor), to_payer=True),
    _credit_note,
)


@given(lines, rules)
def test_no_line_is_off_by_a_whole_minor_unit(kept, rule):
    """A line's share is its exact tax, cut or rounded up."""
    for line, tax in zip(kept, billing.line_taxes(kept, rule), strict=True):
        assert abs(tax - billing.line_tax(line, rule)) < 1


def test_rounding_per_total_gives_the_rest_to_the_largest_remainder():
    """Three lines of 0.33, 0.33 and 0.34 at 18 % owe 18 minor units together: 5.94 + 5.94 + 6.12."""
    kept = [make.line(unit_price_minor=price, tax_basis_points=1_800) for price in (33, 33, 34)]

    assert billing.line_taxes(kept, TaxRule(rounding=TaxRounding.TOTAL)) == [6, 6, 6]


def test_a_payment_is_dated_by_the_business_day():
    """Not by the day of the invoice."""
    entry = settling.payment(issued(), stamp(make.TUESDAY), amount_minor=12_345, method=UPI)

    (row,) = facts.settlements(entry)

    assert (row.day, row.method, row.amount_minor, row.settled_minor) == (make.TUESDAY, "upi", 12_345, 12_345)
    assert (row.label, row.event, row.by) == ("INV-2026-00007", "payment", "reception")


def test_a_deposit_is_for_no_invoice_and_is_held():
    """Giving it back turns the signs."""
    made = settling.deposit("patient-1", stamp(), amount_minor=500, method=UPI, currency="INR")
    given = settling.deposit_refund("patient-1", stamp(), amount_minor=200, method=UPI, held_minor=500, currency="INR")

    (came,), (went,) = facts.settlements(made), facts.settlements(given)

    assert (came.document_id, came.amount_minor, came.settled_minor, came.credit_minor) == ("", 500, 0, 500)
    assert (went.amount_minor, went.credit_minor) == (-200, -200)


def test_a_transfer_makes_two_rows_and_each_knows_whose_invoice_it_is():
    """The second invoice is another practitioner's."""
    source = replace(issued(id="a"), paid_minor=50_000, status=InvoiceStatus.BALANCED)
    target = issued(id="b", number=8, practitioner_id=make.DR_B)
    entry = settling.transfer(source, target, stamp(), amount_minor=300)

    assert facts.touched(entry) == {"b"}
    rows = facts.settlements(entry, {"b": facts.Owner(target.label, make.DR_B, "")})

    assert [(r.document_id, r.practitioner_id, r.settled_minor) for r in rows] == [
        ("a", make.DR_A, -300),
        ("b", make.DR_B, 300),
    ]
    assert rows[1].label == "INV-2026-00008"


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


HISTORIES = {
    "kept": ([("09:00", "booked", "10:00", make.MONDAY)], ""),
    "came": (
        [("09:00", "booked", "10:00", make.TUESDAY), ("33:00", "fulfilled", "10:00", make.TUESDAY)],
        "",
    ),
    "moved": (
        [("09:00", "booked", "10:00", make.TUESDAY), ("33:00", "booked", "11:30", make.SUNDAY)],
        "2026-03-02 booked 2026-03-03 10 0",
    ),
    "came after all": (
        [
            ("09:00", "booked", "10:00", make.MONDAY),
            ("18:00", "noshow", "10:00", make.MONDAY),
            ("33:00", "fulfilled", "10:00", make.MONDAY),
        ],
        "2026-03-02 noshow 2026-03-02 10 0",
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_what_a_visit_was_on_earlier_days_is_kept_where_it_is_not_plain(name):
    """A visit that was simply booked as it is now needs no words."""
    steps, past = HISTORIES[name]
    events = tuple(
        AppointmentEvent(
            at=make.at("00:00") + timedelta(hours=int(at[:2])),
            by="reception",
            kind="booked" if number == 0 else "status",
            status=S(status),
            start=make.at(start, day),
        )
        for number, (at, status, start, day) in enumerate(steps)
    )
    (row,) = facts.visits(
        make.appointment(start=events[-1].start, status=events[-1].status, events=events, booked_at=events[0].at),
        make.ZONE,
    )

    assert row.past == past
    assert row.settled_on == make.MONDAY + timedelta(days=int(steps[-1][0][:2]) // 24)
    if past:
        (state,) = facts.states(past)
        assert (state.on, state.status) == (make.MONDAY, past.split()[1])


def test_a_confirmation_is_no_change_of_the_figures():
    """Neither the day of the last change nor what the visit was on earlier days."""
    (booked,) = make.appointment(booked_at=make.NOW).events
    confirmed = replace(booked, kind="confirmed", at=booked.at + timedelta(days=1))
    plain, told = (
        facts.visits(make.appointment(id="a", events=e), make.ZONE) for e in ((booked,), (booked, confirmed))
    )
    assert told == plain


def test_notice_is_the_time_between_cancelling_and_the_start():
    """Below zero when it was cancelled afterwards; nothing when it was not cancelled."""
    events = make.events(S.CANCELLED, start=make.at("10:00"), at_=make.at("08:30"))
    cancelled = make.appointment(status=S.CANCELLED, events=events)

    assert facts.notice_hours(cancelled) == 1.5
    assert facts.notice_hours(make.appointment()) is None


def test_tables_come_back_typed_from_their_stored_form():
    """Codes are categories, days datetime64[s], money int64; also when there are no rows."""
    for invoices in ([], [issued()]):
        entries = [replace(settling.issue(invoice, stamp()), id="2026-03-02#00001") for invoice in invoices]
        tables = fact_tables.decode(fact_tables.encode(fact_tables.of_entries(entries, {})))
        words = Vocabulary()
        fact = Fact("charges", parts_of(tables, words)["charges"].values(), words)
        charges = fact.frame()
        assert len(charges) == len(invoices)
        assert str(charges["day"].dtype) == "datetime64[s]"
        assert str(charges["total_minor"].dtype) == "int64"
        assert str(charges["service_id"].dtype) == "category"
        assert charges["label"].tolist() == [invoice.label for invoice in invoices]


@given(st.dates(date(1990, 1, 1), date(2200, 1, 1)), st.integers(1, 10**7))
def test_an_entry_s_number_tells_its_id(day, number):
    """There and back."""
    known = entry_id(day, number)
    assert fact_tables.entry_id_of(fact_tables.entry_code(known)) == known


ids = st.one_of(
    st.uuids().map(lambda one: one.hex),
    st.sampled_from(["", "patient-1", "A" * 32, "g" * 32, "é" * 16, "0" * 32, "0" * 31 + "1", " " * 32]),
    st.integers(0, 40).map(lambda n: f"{7:016x}{n:016x}"),  # of the same first half
    st.text(max_size=40).filter(lambda text: "\x00" not in text),
)


@given(st.lists(st.lists(ids, unique=True, max_size=30), max_size=6), st.integers(0, 5))
def test_an_id_keeps_its_number_and_is_found_by_it(batches, few):
    """Ids of 32 digits, others, and such that look alike, however they come and go into the sorted list."""
    numbers, codes = Ids(), dict[str, int]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fact_words, "_FEW", few)
        for batch in batches:
            found = numbers.of(pa.array(batch, pa.string())).tolist()
            for text, code in zip(batch, found, strict=True):
                assert codes.setdefault(text, code) == code
    every = np.array([0, *codes.values()], np.int32)
    assert numbers.texts(every) == ["", *codes]
    assert len(set(codes.values()) | {0}) == len({*codes, ""}) == len(numbers)
    assert sorted(numbers.known(codes)) == sorted(codes.values())
    assert numbers.known(["never seen", "f" * 32]) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-(2**62), 2**62)), max_size=6))
def test_sums_are_exact_however_large_the_amounts(rows):
    """Above 2^53 floats are not."""
    keys, values = (np.array([row[i] for row in rows], np.int64) for i in (0, 1))
    small = values >> 30
    for amounts in (small, values >> 3):
        expected = [sum(int(v) for k, v in zip(keys, amounts, strict=True) if k == key) for key in range(4)]
        assert added_up(keys, amounts, 4).tolist() == expected
