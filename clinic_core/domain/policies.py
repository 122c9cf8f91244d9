"""What the clinic asks for a visit that was cancelled late or missed, and when a revisit is free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from babel.dates import format_date

from clinic_core.domain import settling
from clinic_core.domain.appointments import Appointment, AppointmentStatus, CancelReason
from clinic_core.domain.billing import Invoice, InvoiceStatus, LineItem
from clinic_core.domain.ids import derived_id
from clinic_core.domain.organization import HealthcareService, Organization

_MISSED: Final = frozenset({AppointmentStatus.CANCELLED, AppointmentStatus.NOSHOW})


def is_late(visit: Appointment, at: datetime, profile: Organization) -> bool:
    """Whether cancelling at an instant is late by the clinic's policy."""
    return visit.start - at < timedelta(hours=profile.late_cancel_hours)


def fee_for_cancelling(visit: Appointment, at: datetime, reason: CancelReason | None, profile: Organization) -> int:
    """What cancelling at an instant costs, in minor units; nothing when the clinic is the reason."""
    if visit.untimed or reason is CancelReason.PROVIDER or not is_late(visit, at, profile):
        return 0
    return profile.late_cancel_fee_minor


def fee_line(visit: Appointment, service: HealthcareService, profile: Organization) -> LineItem | None:
    """The line of the fee that a cancelled or missed visit costs; None when it costs nothing."""
    if visit.status is AppointmentStatus.NOSHOW:
        fee, what = (0 if visit.untimed else profile.noshow_fee_minor), "Missed visit"
    elif visit.status is AppointmentStatus.CANCELLED:
        at = visit.since(AppointmentStatus.CANCELLED) or visit.start
        fee, what = fee_for_cancelling(visit, at, visit.cancel_reason, profile), "Late cancellation"
    else:
        return None
    if not fee:
        return None
    return LineItem(
        service_id=service.id,
        description=f"{what}: {service.name}, {_day(visit.day, profile)}",
        quantity=1,
        unit_price_minor=fee,
        tax_basis_points=profile.fee_tax_basis_points,
    )


def fee_id(visit: Appointment) -> str:
    """The id of the draft for the visit's fee; a visit that is missed again after it was taken back has another one."""
    times = sum(event.sets_status and event.status in _MISSED for event in visit.events)
    return derived_id("fee", visit.id if times <= 1 else f"{visit.id}:{times}")


def paid_visit_before(
    visit: Appointment, service_id: str, earlier: Iterable[Appointment], bills: Mapping[str, Invoice], days: int
) -> Appointment | None:
    """The latest earlier visit that makes a service free at this one; None when it is charged.

    It is a finished visit of the same patient with the same practitioner at most `days` before, whose bill charged
    the service (or, where it has no bill, that was booked for it). One that was free itself does not count: otherwise
    a patient who came every week would never pay again. Nor does one whose bill was cancelled or taken back.
    """
    found = [
        one
        for one in earlier
        if one.id != visit.id
        and (one.patient_id, one.practitioner_id) == (visit.patient_id, visit.practitioner_id)
        and one.status is AppointmentStatus.FULFILLED
        and one.start < visit.start
        and visit.day - one.day <= timedelta(days=days)
        and _charged(one, service_id, bills.get(one.id))
    ]
    return max(found, key=lambda one: one.start, default=None)


def freed(line: LineItem, paid_on: date, profile: Organization) -> LineItem:
    """The line of a free revisit: its price and why it is not asked."""
    days = profile.free_revisit_days
    reason = f"Free revisit within {days} {'day' if days == 1 else 'days'} of {_day(paid_on, profile)}"
    return replace(line, description=f"{line.description} ({reason})", discount_minor=line.gross_minor)


def with_free_revisit(
    lines: Sequence[LineItem], visit: Appointment, paid: Appointment | None, profile: Organization
) -> tuple[LineItem, ...]:
    """The lines of a visit, the one that was booked free when a visit before it was paid for."""
    if paid is None:
        return tuple(lines)
    return tuple(freed(one, paid.day, profile) if one.service_id == visit.service_id else one for one in lines)


def _charged(visit: Appointment, service_id: str, bill: Invoice | None) -> bool:
    if bill is None:
        return visit.service_id == service_id
    if bill.status is InvoiceStatus.CANCELLED:
        return False
    left = settling.creditable(bill)  # of each line, after credit notes
    return any(line.service_id == service_id and rest > 0 for line, rest in zip(bill.lines, left, strict=True))


def _day(day: date, profile: Organization) -> str:
    return str(format_date(day, format="medium", locale=profile.locale))
