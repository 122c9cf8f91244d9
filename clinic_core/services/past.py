"""Posts what the ledger does not know of an invoice: one of an earlier release, or one imported with its payments.

The entries have keys that are derived from the invoice, so a run that died is completed by the next one, and several
at once do no harm. The entries come first and the invoice notes them last: what is noted is always there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import history, journal, settling
from clinic_core.domain.billing import Invoice
from clinic_core.domain.journal import Entry
from clinic_core.errors import ClinicError, Conflict

_SLOTS_AT_ONCE: Final = 40
_TRIES: Final = 20


def post(clinic: Clinic, invoices: Iterable[Invoice]) -> None:
    """Post the issue, the payments and the cancellation of those invoices that the ledger does not know yet."""
    unknown = [one for one in invoices if one.issued_at is not None and not one.posted]
    made = {one.id: _events(one) for one in unknown}
    clinic.journal.add_history(on_open_days(clinic, history.in_order(made.values())))
    for invoice in unknown:
        if made[invoice.id]:
            _note(clinic, invoice.id)


def post_one(clinic: Clinic, invoice: Invoice) -> Invoice:
    """The same for one invoice, which is needed now; the invoice as it is then."""
    post(clinic, [invoice])
    return clinic.invoices.get(invoice.id)


def _events(invoice: Invoice) -> list[Entry]:
    try:
        return history.events_of(invoice)
    except ClinicError:
        return []


def on_open_days(clinic: Clinic, entries: Sequence[Entry]) -> list[Entry]:
    """The entries, those of closed days on the first day that is open."""
    closed = _closed(clinic, sorted({entry.day for entry in entries}))
    if not closed:
        return list(entries)
    today = clinic.today()
    while _closed(clinic, [today]):
        today += timedelta(days=1)
    return [replace(entry, day=today) if entry.day in closed else entry for entry in entries]


def _closed(clinic: Clinic, days: Sequence[date]) -> set[date]:
    slots = {journal.close_slot(day): day for day in days}
    asked = list(slots)
    parts = (asked[first : first + _SLOTS_AT_ONCE] for first in range(0, len(asked), _SLOTS_AT_ONCE))
    return {slots[slot] for part in parts for slot in clinic.journal.holding(part)}


def _note(clinic: Clinic, invoice_id: str) -> None:
    """Let the invoice hold its entries, unless somebody else did that."""
    for _ in range(_TRIES):
        invoice = clinic.invoices.get(invoice_id)
        if invoice.posted:
            return
        if clinic.invoices.advance(invoice, _holding(clinic, invoice)) is not None:
            return
    raise Conflict("Others change the same invoice right now. Try again in a minute.")


def _holding(clinic: Clinic, invoice: Invoice) -> Invoice:
    account = journal.invoice_account(invoice.id)
    after = history.before_all(invoice)
    for entry in clinic.journal.of_account(account, 1, clinic.journal.last_of(account)):
        after = settling.applied(after, entry)
    return after
