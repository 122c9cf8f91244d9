"""What happened to an invoice's money, from its issue to now, as one table with what was due after each event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from clinic_core.domain.billing import Adjustment, Invoice, InvoiceStatus
from clinic_core.domain.journal import Event
from ui import money_table, widgets
from ui.money_table import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """One event: `amount_minor` as it is told, `change_minor` what it changed of what is due."""

    on: date
    place: str  # in the ledger
    what: str
    note: str
    amount_minor: int
    change_minor: int


def show(invoice: Invoice) -> None:
    """Draw the story, once something happened besides the issue."""
    found = lines(invoice)
    if len(found) > 1:
        money_table.show(f"Money of {invoice.label}", found, after="Due")


def lines(invoice: Invoice) -> list[Line]:
    """The events in their order."""
    due, made = 0, []
    for event in sorted(_events(invoice), key=lambda event: (event.on, event.place)):
        due += event.change_minor
        made.append(
            Line(
                day=widgets.short_day(event.on),
                what=event.what,
                note=event.note,
                amount=invoice.money(event.amount_minor),
                after=invoice.money(due),
            )
        )
    return made


def _events(invoice: Invoice) -> Iterator[_Event]:
    if invoice.issued_on is None:
        return
    total = invoice.total_minor
    yield _event(invoice.issued_on, "", "Charged", _note(invoice.issued_by, _shares(invoice)), total)
    for payment in invoice.payments:
        who = "Payer's payment" if payment.payer else "Payment"
        note = _note(payment.by, payment.method.label, payment.reference)
        yield _event(payment.received_on, payment.entry_id, who, note, -payment.amount_minor)
    for adjustment in invoice.adjustments:
        yield _adjusted(invoice, adjustment)
    if invoice.status is InvoiceStatus.CANCELLED and invoice.cancelled_on is not None:
        yield _event(invoice.cancelled_on, "~", "Cancelled", invoice.cancel_reason, -total)


def _adjusted(invoice: Invoice, made: Adjustment) -> _Event:
    change = -(made.paid_minor + made.credited_minor + made.written_off_minor)
    method = made.method.label if made.method else ""
    held = f"{invoice.money(made.to_credit_minor)} of it held for the patient" if made.to_credit_minor else ""
    told = {Event.CREDIT_NOTE: -made.credited_minor, Event.ASSIGN: abs(made.payer_due_minor)}.get(
        Event(made.event), change
    )
    reference = "" if made.event == Event.TRANSFER else made.reference
    return _Event(
        on=made.on,
        place=made.entry_id,
        what=_name(made, change),
        note=_note(made.by, method, reference, held, made.reason),
        amount_minor=told,
        change_minor=change,
    )


def _name(made: Adjustment, change_minor: int) -> str:
    if made.event == Event.TRANSFER:
        return f"Moved to {made.reference}" if change_minor > 0 else f"Moved from {made.reference}"
    if made.event == Event.ASSIGN:
        return "Moved to the payer" if made.payer_due_minor > 0 else "Moved to the patient"
    if made.event == Event.REVERSAL:
        return "Write-off taken back" if made.written_off_minor else "Use of money held taken back"
    names = {
        Event.CREDIT_NOTE: f"Credit note {made.document}",
        Event.REFUND: "Refund to the payer" if made.payer_due_minor > 0 else "Refund",
        Event.WRITE_OFF: "Written off",
        Event.APPLY_CREDIT: "Paid from money held",
    }
    return names.get(Event(made.event), made.event)


def _event(on: date, place: str, what: str, note: str, change_minor: int) -> _Event:
    return _Event(on=on, place=place, what=what, note=note, amount_minor=change_minor, change_minor=change_minor)


def _shares(invoice: Invoice) -> str:
    if not invoice.payer_share_minor or invoice.payer is None:
        return ""
    return f"{invoice.money(invoice.payer_share_minor)} of it from {invoice.payer.name}"


def _note(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
