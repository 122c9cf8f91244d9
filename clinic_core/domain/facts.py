"""Facts: what reports count and add up, one flat row per event of money or of attendance.

An invoice's charges are dated by the day it was issued, and taken back on the day it was cancelled; a payment is
dated by the day it was received; a visit by its day. Nothing else dates a figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from clinic_core.domain import clock
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import Invoice, LineItem, line_taxes

ISSUED = "issued"
CANCELLED = "cancelled"


class Charge(NamedTuple):
    """One line of an issued invoice, or the same with its signs turned on the day the invoice was cancelled."""

    document_id: str
    label: str
    patient_id: str
    practitioner_id: str
    service_id: str
    day: date
    event: str  # ISSUED or CANCELLED
    quantity: int
    gross_minor: int
    discount_minor: int
    net_minor: int
    tax_minor: int
    total_minor: int


class Receipt(NamedTuple):
    """Money received for an invoice."""

    document_id: str
    label: str
    patient_id: str
    practitioner_id: str
    method: str
    day: date
    key: str
    amount_minor: int


class Visit(NamedTuple):
    """An appointment and what became of it."""

    document_id: str
    patient_id: str
    practitioner_id: str
    service_id: str
    day: date
    status: str
    untimed: bool
    waited_minutes: float | None  # from arriving to being with the doctor
    lead_days: int  # from booking to the day of the visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A month's facts of one kind of document, as streams of bytes by table name."""

    stamp: str
    shape: int  # of the tables' columns; a block of another shape is made anew
    tables: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfolded:
    """A document whose present version is in no block yet."""

    id: str
    version: int
    months: tuple[str, ...]  # "YYYY-MM" whose blocks its facts enter or leave


def charges(invoice: Invoice) -> list[Charge]:
    """The charges of an invoice; none while it is a draft. Their totals sum up to the invoice's, to the cent."""
    if invoice.issued_on is None:
        return []
    taxes = line_taxes(invoice.lines, invoice.tax_rule)
    billed = [_charge(invoice, line, tax, invoice.issued_on) for line, tax in zip(invoice.lines, taxes, strict=True)]
    if invoice.cancelled_on is None:
        return billed
    return billed + [_taken_back(charge, invoice.cancelled_on) for charge in billed]


def receipts(invoice: Invoice) -> list[Receipt]:
    """The payments of an invoice."""
    return [
        Receipt(
            document_id=invoice.id,
            label=invoice.label,
            patient_id=invoice.patient_id,
            practitioner_id=invoice.practitioner_id,
            method=payment.method.value,
            day=payment.received_on,
            key=payment.key,
            amount_minor=payment.amount_minor,
        )
        for payment in invoice.payments
    ]


def visits(appointment: Appointment, zone: ZoneInfo) -> list[Visit]:
    """The one visit of an appointment; none when it was entered in error."""
    if appointment.status is AppointmentStatus.ENTERED_IN_ERROR:
        return []
    return [
        Visit(
            document_id=appointment.id,
            patient_id=appointment.patient_id,
            practitioner_id=appointment.practitioner_id,
            service_id=appointment.service_id,
            day=appointment.day,
            status=appointment.status.value,
            untimed=appointment.untimed,
            waited_minutes=waited_minutes(appointment),
            lead_days=(appointment.day - clock.local_day(appointment.booked_at, zone)).days,
        )
    ]


def waited_minutes(appointment: Appointment) -> float | None:
    """Minutes from arriving to being with the doctor; None unless both are known, in that order."""
    arrived = appointment.since(AppointmentStatus.ARRIVED)
    seen = appointment.since(AppointmentStatus.CHECKED_IN)
    if arrived is None or seen is None or seen < arrived:
        return None
    return _minutes(arrived, seen)


def _charge(invoice: Invoice, line: LineItem, tax_minor: int, day: date) -> Charge:
    net_minor = line.amount_minor - (tax_minor if invoice.tax_rule.inclusive else 0)
    return Charge(
        document_id=invoice.id,
        label=invoice.label,
        patient_id=invoice.patient_id,
        practitioner_id=invoice.practitioner_id,
        service_id=line.service_id,
        day=day,
        event=ISSUED,
        quantity=line.quantity,
        gross_minor=line.gross_minor,
        discount_minor=line.discount_minor,
        net_minor=net_minor,
        tax_minor=tax_minor,
        total_minor=net_minor + tax_minor,
    )


def _taken_back(charge: Charge, day: date) -> Charge:
    return charge._replace(
        day=day,
        event=CANCELLED,
        quantity=-charge.quantity,
        gross_minor=-charge.gross_minor,
        discount_minor=-charge.discount_minor,
        net_minor=-charge.net_minor,
        tax_minor=-charge.tax_minor,
        total_minor=-charge.total_minor,
    )


def _minutes(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() / 60, 1)
