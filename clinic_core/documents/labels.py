"""The words that are printed on documents, in the clinic's language. One file of `languages` holds one language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from clinic_core.documents import languages, words

_ENGLISH = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Every word of every document. What stands in braces is filled in, and is the same in each language."""

    language: str  # ISO 639, for the PDF
    page: str
    tax_id: str
    # what a paper is called
    invoice: str
    receipt: str
    credit_note: str
    refund_receipt: str
    deposit_receipt: str
    deposit_returned: str
    statement: str
    day_close: str
    till_close: str
    day_list: str
    # words of several papers
    amount: str
    by: str
    date: str
    number: str
    reason: str
    reference: str
    service: str
    tax: str
    tax_on: str
    total: str
    held_for_later: str
    # invoice
    billed_to: str
    invoice_date: str
    visit: str
    practitioner: str
    quantity: str
    unit_price: str
    discount: str
    amount_with_tax: str
    sum_of_services: str
    tax_inside: str
    share_of: str
    your_share: str
    cancelled_on: str
    amounts_in: str
    prices_with_tax: str
    prices_before_tax: str
    rounded_by_line: str
    rounded_by_rate: str
    scan_to_pay: str
    scan_unless_paid: str
    # receipts
    received_from: str
    paid_out_to: str
    received: str
    paid_out: str
    paid_by: str
    for_invoice: str
    received_by: str
    paid_out_by: str
    invoice_total: str
    paid_before: str
    credited_before: str
    written_off_before: str
    this_payment: str
    still_to_pay: str
    of_this: str
    held_before: str
    held_after: str
    # credit note
    credited_to: str
    corrects_invoice: str
    before_tax: str
    total_credited: str
    credit_is_held: str
    credit_lowers_due: str
    # statement of account
    account_of: str
    period: str
    until: str
    description: str
    charged: str
    settled: str
    balance: str
    opening_balance: str
    carried_forward: str
    brought_forward: str
    sum_of_period: str
    amount_due: str
    in_your_favour: str
    age_of_due: str
    days_between: str
    days_over: str
    made: str
    # closing a till or a day
    till_of: str
    opened: str
    closed: str
    closed_by: str
    entries: str
    money: str
    method: str
    taken: str
    given_back: str
    net: str
    invoices_and_credit: str
    issued: str
    tax_in_it: str
    cancelled: str
    credit_notes: str
    written_off: str
    deposits_taken: str
    deposits_returned: str
    credit_applied: str
    expected: str
    opening_float: str
    cash_taken: str
    cash_given_back: str
    movements: str
    counted: str
    counted_times: str
    account_credited: str
    held_change: str
    denomination: str
    pieces: str
    variance: str
    variance_none: str
    variance_missing: str
    variance_over: str
    handed_over: str
    left_in_till: str
    cash_outside: str
    tills: str
    till: str
    nothing: str
    signature_counted: str
    signature_received: str
    # day list
    time: str
    patient: str
    age: str
    allergies: str
    status: str
    one_visit: str
    visits: str
    no_visits: str
    as_of: str
    # codes
    methods: Mapping[str, str]  # of billing.PaymentMethod
    events: Mapping[str, str]  # of journal.Event, as a statement of account calls them
    statuses: Mapping[str, str]  # of appointments.AppointmentStatus, those of the day list, and confirmed


def available() -> tuple[str, ...]:
    """The languages that documents are printed in."""
    return tuple(sorted(module.name for module in iter_modules(languages.__path__)))


@lru_cache(maxsize=64)
def of(locale: str) -> Labels:
    """The words for a locale like ``de_AT``; English when its language is not among ours."""
    language = words.locale_of(locale).language
    name = language if language in available() else _ENGLISH
    found: Labels = import_module(f"{languages.__name__}.{name}").LABELS
    return found
