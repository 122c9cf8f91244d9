"""Money that moved before it was written into the ledger: invoices with their payments become entries.

Each entry is dated by the day on which the money moved, and has a key that is derived from its invoice: making the
entries of an invoice again makes the very same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from typing import Final

from clinic_core.domain import journal, settling
from clinic_core.domain.billing import Invoice, InvoiceStatus, Payment
from clinic_core.domain.journal import Entry
from clinic_core.domain.settling import Stamp

_NONE_YET: Final[Mapping[date, int]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Entries in the order of days and numbers, and the invoices as they are after them."""

    entries: tuple[Entry, ...]
    invoices: tuple[Invoice, ...]


def entries_of(invoices: Iterable[Invoice], last: Mapping[date, int] = _NONE_YET) -> History:
    """The entries of issued invoices of which the ledger knows nothing yet; drafts have none.

    Args:
        invoices: as they are, with all their payments.
        last: day -> the last number that is in use there; the first entry of a day gets the next one.

    Raises:
        ClinicError: an invoice cannot have come about, such as one with more payments than its total.
    """
    told = [(invoice, events_of(invoice)) for invoice in invoices]
    entries = _numbered(in_order(events for _, events in told), last)
    ids = {entry.key: entry.id for entry in entries}
    return History(entries=tuple(entries), invoices=tuple(_after(invoice, events, ids) for invoice, events in told))


def events_of(invoice: Invoice) -> list[Entry]:
    """The entries of one invoice in the order in which they change it, with their slots but without numbers."""
    if invoice.issued_at is None:
        return []
    entries: list[Entry] = []
    now = before_all(invoice)
    for entry in _made(invoice):
        made = entry(now)
        now = settling.applied(now, made)
        own = journal.slot(journal.invoice_account(invoice.id), now.posted)
        entries.append(replace(made, slots=(journal.key_slot(made.key), own)))
    return entries


def payment_entry(invoice: Invoice, paid: Payment) -> Entry:
    """The entry of one payment more of an invoice that the ledger knows, with its slots."""
    made = _Event(_paid(invoice, paid), paid)(invoice)
    own = journal.slot(journal.invoice_account(invoice.id), invoice.posted + 1)
    return replace(made, slots=(journal.key_slot(made.key), own))


def before_all(invoice: Invoice) -> Invoice:
    """The invoice as it was issued, before anything happened to its money."""
    return replace(
        invoice,
        status=InvoiceStatus.ISSUED if invoice.total_minor else InvoiceStatus.BALANCED,
        posted=0,
        payments=(),
        paid_minor=0,
        payer_due_minor=0,
        payer_paid_minor=0,
        cancelled_at=None,
        cancelled_on=None,
        cancel_reason="",
    )


def payment_key(invoice_id: str, payment_key: str) -> str:
    """The key of a payment's entry."""
    return f"{invoice_id}:{payment_key}"


class _Event:
    """Makes one entry of the invoice as it is by then."""

    def __init__(self, stamp: Stamp, payment: Payment | None = None, *, cancels: bool = False) -> None:
        self._stamp, self._payment, self._cancels = stamp, payment, cancels

    def __call__(self, invoice: Invoice) -> Entry:
        if self._cancels:
            return settling.cancel(invoice, self._stamp)
        if self._payment is None:
            return settling.issue(invoice, self._stamp)
        paid = self._payment
        return settling.payment(
            invoice, self._stamp, amount_minor=paid.amount_minor, method=paid.method, payer=paid.payer
        )


def _made(invoice: Invoice) -> Iterator[_Event]:
    if invoice.issued_at is None or invoice.issued_on is None:
        return
    issue = Stamp(key=f"issue:{invoice.id}", day=invoice.issued_on, at=invoice.issued_at, by=invoice.issued_by)
    yield _Event(issue)
    for paid in invoice.payments:
        yield _Event(_paid(invoice, paid), paid)
    if invoice.cancelled_at is not None and invoice.cancelled_on is not None:
        stamp = replace(
            issue,
            key=f"cancel:{invoice.id}",
            day=invoice.cancelled_on,
            at=invoice.cancelled_at,
            reason=invoice.cancel_reason,
        )
        yield _Event(stamp, cancels=True)


def _paid(invoice: Invoice, paid: Payment) -> Stamp:
    return Stamp(
        key=payment_key(invoice.id, paid.key),
        day=paid.received_on,
        at=paid.received_at,
        by=paid.by,
        reference=paid.reference,
    )


def in_order(events: Iterable[Sequence[Entry]]) -> list[Entry]:
    """The entries of several invoices by day and time; on one day those of an invoice stay in their order."""
    placed: list[tuple[date, datetime, Entry]] = []
    for own in events:
        latest: dict[date, datetime] = {}
        for entry in own:
            latest[entry.day] = at = max(entry.at, latest.get(entry.day, entry.at))
            placed.append((entry.day, at, entry))
    return [entry for _, _, entry in sorted(placed, key=lambda row: row[:2])]


def _numbered(entries: Iterable[Entry], last: Mapping[date, int]) -> list[Entry]:
    return [
        replace(entry, id=journal.entry_id(day, last.get(day, 0) + number))
        for day, same in groupby(entries, key=lambda entry: entry.day)
        for number, entry in enumerate(same, start=1)
    ]


def _after(invoice: Invoice, events: list[Entry], ids: Mapping[str, str]) -> Invoice:
    """The invoice, knowing its entries."""
    after = before_all(invoice) if events else invoice
    for entry in events:
        after = settling.applied(after, replace(entry, id=ids[entry.key]))
    return after
