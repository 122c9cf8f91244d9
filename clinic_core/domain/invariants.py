"""What must be true of every record, whoever wrote it and whatever died while writing.

Each function looks at one record, or at what a sweep over many has gathered, and yields what is wrong. The messages
name records by id or number, never a patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from clinic_core.domain import billing, clock
from clinic_core.domain.appointments import FIRST_KINDS, Appointment, confirmed_after, holds, resources, status_after
from clinic_core.domain.billing import OWING, Invoice, InvoiceStatus
from clinic_core.errors import InvalidInput

_IMPORTED = "imported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule that a record breaks. `record_id` is the document's id, or the number series."""

    rule: str
    record_id: str
    message: str


def of_appointment(
    appointment: Appointment, stored: Mapping[str, Any], *, zone: ZoneInfo, today: date
) -> Iterator[Violation]:
    """An appointment by itself: its events, its day, and the cells it keeps others out of.

    `stored` is the document with its derived fields. The holds of a day that is over may have been released.
    """
    for rule, message in (
        ("events", _events_fault(appointment)),
        ("day", _day_fault(appointment, stored, zone)),
        ("holds", _holds_fault(appointment, stored, today)),
    ):
        if message:
            yield Violation(rule=rule, record_id=appointment.id, message=message)


def occupies(appointment: Appointment, stored: Mapping[str, Any]) -> bool:
    """Whether the visit keeps others out of its time, judged by its status and not by what is stored as held.

    Visits of another system's past, imported without holding anything, are history as it was.
    """
    history = bool(appointment.events) and appointment.events[0].kind == _IMPORTED and not stored.get("holds")
    return bool(holds(appointment)) and not history


@dataclass(slots=True)
class Overlaps:
    """A sweep over visits in order of start: for each resource, who has it and until when."""

    _busy: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    def pairs(self, appointments: Iterable[Appointment]) -> Iterator[tuple[str, str, str]]:
        """Resource, and the two appointments that both have it. Call it with one month after the other."""
        last = None
        for one in sorted(appointments, key=lambda a: (a.start, a.id)):
            last = one.start
            for resource in resources(one):
                end, holder = self._busy.get(resource, (one.start, ""))
                if end > one.start:
                    yield resource, holder, one.id
                if one.end > end or not holder:
                    self._busy[resource] = (one.end, one.id)
        if last is not None:  # what ended before the month's last start meets nobody any more
            self._busy = {resource: busy for resource, busy in self._busy.items() if busy[0] > last}


def overlap(one: Appointment, other: Appointment) -> frozenset[str]:
    """The resources that both have at the same time."""
    apart = one.end <= other.start or other.end <= one.start
    both = holds(one) and holds(other)
    return frozenset() if apart or not both else frozenset(resources(one)) & frozenset(resources(other))


def of_invoice(invoice: Invoice, stored: Mapping[str, Any]) -> Iterator[Violation]:
    """An invoice by itself: its lines and total, its payments, its status, and the amount that payments go by."""
    for rule, message in (
        ("lines", _lines_fault(invoice)),
        ("total", _total_fault(invoice)),
        ("paid", _paid_fault(invoice)),
        ("status", _status_fault(invoice)),
        ("due", _due_fault(invoice, stored)),
        ("listed", _listed_fault(invoice, stored)),
        ("events", _count_fault(invoice)),
    ):
        if message:
            yield Violation(rule=rule, record_id=invoice.id, message=message)


@dataclass(slots=True)
class Numbers:
    """The numbers of every series: gathered one by one, then looked at for gaps."""

    _used: dict[str, dict[int, str]] = field(default_factory=dict)

    def doubled(self, invoice: Invoice) -> bool:
        """Gather the invoice's number; whether another invoice has it."""
        if invoice.series is None or invoice.number is None:
            return False
        return self._used.setdefault(invoice.series, {}).setdefault(invoice.number, invoice.id) != invoice.id

    def gaps(self) -> Iterator[tuple[str, int, int]]:
        """Series, first and last number of each stretch that nobody has, from 1 on."""
        for series, used in sorted(self._used.items()):
            before = 0
            for number in sorted(used):
                if number > before + 1:
                    yield series, before + 1, number - 1
                before = number


def _events_fault(appointment: Appointment) -> str:
    events = appointment.events
    if not events or events[0].kind not in FIRST_KINDS:
        return "has no booking as its first event"
    reached = status_after(events)
    if reached is not appointment.status:
        return f"is {appointment.status}, but its events lead to {reached or 'a step that is not allowed'}"
    if events[-1].start != appointment.start:
        return "starts at another time than its last event says"
    if confirmed_after(events) != appointment.confirmed_at:
        return "is confirmed at another moment than its events say, or for another time"
    return ""


def _day_fault(appointment: Appointment, stored: Mapping[str, Any], zone: ZoneInfo) -> str:
    day = clock.local_day(appointment.start, zone)
    if appointment.day != day:
        return f"is listed on {appointment.day}, but starts on {day}"
    if stored.get("month") != day.isoformat()[:7]:
        return f"is counted in month {stored.get('month')}, but is on {day}"
    return ""


def _holds_fault(appointment: Appointment, stored: Mapping[str, Any], today: date) -> str:
    held, due = stored.get("holds", []), holds(appointment)
    released = appointment.day < today and not held
    if sorted(held) != sorted(due) and not released:
        return f"holds {len(held)} cells of time where its time asks for {len(due)}, or others than those"
    if stored.get("held_on") != (appointment.day.isoformat() if held else None):
        return "does not say rightly on which day it holds its time"
    return ""


def _lines_fault(invoice: Invoice) -> str:
    try:
        billing.check_lines(invoice.lines)
    except InvalidInput as error:
        return str(error)
    return ""


def _total_fault(invoice: Invoice) -> str:
    sums = billing.totals(invoice.lines, invoice.tax_rule)
    if sums.total_minor != invoice.total_minor:
        return f"asks for {invoice.total_minor}, but its lines and tax make {sums.total_minor} (minor units)"
    return ""


def _paid_fault(invoice: Invoice) -> str:
    paid = sum(p.amount_minor for p in invoice.payments) + sum(a.paid_minor for a in invoice.adjustments)
    if paid != invoice.paid_minor:
        return f"says {invoice.paid_minor} was paid, but its payments make {paid} (minor units)"
    if any(payment.amount_minor <= 0 for payment in invoice.payments):
        return "has a payment that is not above zero"
    if len({payment.key for payment in invoice.payments}) < len(invoice.payments):
        return "has one payment twice"
    if not 0 <= invoice.payer_paid_minor <= max(paid, 0):
        return f"says that its payer paid {invoice.payer_paid_minor} of {paid} (minor units)"
    settled = paid + invoice.credited_minor + invoice.written_off_minor
    if settled > invoice.total_minor:
        return f"was paid {settled - invoice.total_minor} too much (minor units)"
    return _adjusted_fault(invoice)


def _adjusted_fault(invoice: Invoice) -> str:
    credited = sum(a.credited_minor for a in invoice.adjustments)
    lines = sum(part.net_minor + part.tax_minor for a in invoice.adjustments for part in a.lines)
    if not invoice.credited_minor == credited == lines:
        return f"says {invoice.credited_minor} was taken back, but its credit notes make {lines} (minor units)"
    lost = sum(a.written_off_minor for a in invoice.adjustments)
    if lost != invoice.written_off_minor:
        return f"says {invoice.written_off_minor} was written off, but that makes {lost} (minor units)"
    return ""


def _count_fault(invoice: Invoice) -> str:
    """How many entries of the ledger an invoice holds, by what it says that happened."""
    if not invoice.posted:
        return ""
    cancelled = invoice.status is InvoiceStatus.CANCELLED
    told = 1 + len(invoice.payments) + len(invoice.adjustments) + cancelled
    return "" if told == invoice.posted else f"holds {invoice.posted} entries of the ledger, but tells of {told}"


def _status_fault(invoice: Invoice) -> str:
    status, nothing_due = invoice.status, _due(invoice) == 0
    numbered = invoice.series is not None and (invoice.number or 0) > 0
    started = invoice.series is not None or invoice.number is not None
    faults = (
        (started and not numbered, "has half a number"),
        (status is InvoiceStatus.DRAFT and (numbered or bool(invoice.payments)), "is a draft with number or payment"),
        (status is InvoiceStatus.DRAFT and invoice.posted > 0, "is a draft, but in the ledger"),
        (status is InvoiceStatus.CANCELLED and invoice.paid_minor != 0, "is cancelled, but was paid for"),
        (status in OWING and not (numbered and invoice.issued_on), f"is {status} without number or day of issue"),
        (status is InvoiceStatus.BALANCED and not nothing_due, "is balanced, but money is due"),
        (status is InvoiceStatus.ISSUED and nothing_due, "is not balanced, but nothing is due"),
    )
    return next((message for wrong, message in faults if wrong), "")


def _due_fault(invoice: Invoice, stored: Mapping[str, Any]) -> str:
    due = _due(invoice) if invoice.status in OWING else None
    if stored.get("due_minor") != due:
        return f"takes payments up to {stored.get('due_minor')}, but {due} is due (minor units)"
    if not 0 <= invoice.payer_due_minor <= max(due or 0, 0):
        return f"says that its payer owes {invoice.payer_due_minor} of {due} (minor units)"
    if stored.get("payer_open") != (invoice.payer_id if due and invoice.payer_due_minor else None):
        return "is not listed rightly among what its payer owes"
    if bool(stored.get("unposted")) != (due is not None and not invoice.posted):
        return "is not listed rightly among those that the ledger does not know yet"
    return ""


def _listed_fault(invoice: Invoice, stored: Mapping[str, Any]) -> str:
    """Whether the worklist has an invoice, and its visit can be billed no second time."""
    wanted = "draft" if invoice.status is InvoiceStatus.DRAFT else None
    if invoice.status is InvoiceStatus.ISSUED and invoice.issued_on:
        wanted = f"owing:{invoice.issued_on.isoformat()}"
    if stored.get("open") != wanted:
        return f"is listed as {stored.get('open')} and not as {wanted}"
    live = None if invoice.status is InvoiceStatus.CANCELLED else invoice.appointment_id
    if stored.get("live_appointment_id") != live:
        return "does not say rightly which visit it bills, so that this could be billed twice"
    return ""


def _due(invoice: Invoice) -> int:
    return invoice.total_minor - invoice.paid_minor - invoice.credited_minor - invoice.written_off_minor
