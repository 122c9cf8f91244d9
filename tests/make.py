"""Builders: a valid record of each kind, of which a test names only what it is about.

The tests' clinic lies in Asia/Kolkata (UTC+5:30, no daylight saving); its clock stands at Monday, 2 March 2026, 08:00.
Dr A and Dr B work Monday to Saturday, 09:00-13:00 and 14:00-18:00.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from clinic_core.domain import clock
from clinic_core.domain.access import Actor, Role
from clinic_core.domain.appointments import Appointment, AppointmentEvent, AppointmentStatus
from clinic_core.domain.billing import Invoice, LineItem, Payment, PaymentMethod
from clinic_core.domain.encounters import Encounter
from clinic_core.domain.ids import new_id
from clinic_core.domain.messages import Channel, Communication, MessageKind, MessageStatus, message_id, reference_of
from clinic_core.domain.organization import HealthcareService, Organization, Room, TaxRule
from clinic_core.domain.people import Patient, Practitioner, Sex
from clinic_core.domain.schedules import Schedule, parse_openings

ZONE = ZoneInfo("Asia/Kolkata")
MONDAY = date(2026, 3, 2)
TUESDAY = MONDAY + timedelta(days=1)
SUNDAY = MONDAY + timedelta(days=6)
DR_A, DR_B = "dr-a", "dr-b"
CONSULTATION, FOLLOW_UP, DRESSING = "service-cons", "service-foll", "service-dres"
ROOM = "room-1"
HOURS = parse_openings("09:00-13:00, 14:00-18:00")

_numbers = count(1)


def at(hours: str, day: date = MONDAY, zone: ZoneInfo = ZONE) -> datetime:
    """The UTC instant at which the clinic's wall clock shows ``"10:30"`` on `day`."""
    return clock.at_local(day, time.fromisoformat(hours), zone)


NOW = at("08:00")


@dataclass
class Clock:
    """A clock that stands still until a test moves it; calling it gives the instant."""

    instant: datetime = field(default=NOW)

    def __call__(self) -> datetime:
        return self.instant

    def set(self, hours: str, day: date = MONDAY) -> None:
        """Make the clinic's wall clock show `hours` on `day`."""
        self.instant = at(hours, day)

    def pass_(self, **span: float) -> None:
        """Let time go by, e.g. ``pass_(minutes=5)``."""
        self.instant += timedelta(**span)


def actor(role: Role, *, name: str = "", practitioner_id: str | None = None) -> Actor:
    """Somebody with that role."""
    word = name or role.value
    return Actor(user_id=f"user-{word}", username=word, name=word.title(), role=role, practitioner_id=practitioner_id)


def organization(**changes: Any) -> Organization:
    """The clinic's profile, with one room."""
    return Organization(**{"name": "Sunrise Clinic", "rooms": (Room(id=ROOM, name="Room 1"),), **changes})


def practitioner(**changes: Any) -> Practitioner:
    """Dr A unless told otherwise."""
    return Practitioner(**{"id": DR_A, "name": "Dr A", "speciality": "General medicine", **changes})


def schedule(practitioner_id: str = DR_A, **changes: Any) -> Schedule:
    """Monday to Saturday, 09:00-13:00 and 14:00-18:00."""
    return Schedule(**{"id": practitioner_id, "weekly": (*(HOURS,) * 6, ()), **changes})


def service(**changes: Any) -> HealthcareService:
    """A consultation of 15 minutes for 500.00 without tax."""
    given = {"id": CONSULTATION, "code": "CONS", "name": "Consultation", "minutes": 15, "price_minor": 50_000}
    return HealthcareService(**{**given, **changes})


def patient(**changes: Any) -> Patient:
    """A patient with a number of her own (from P-900001 on, away from those that the clinic gives)."""
    given = {
        "id": new_id(),
        "number": f"P-{900_000 + next(_numbers):06d}",
        "name": "Asha Rao",
        "birth_date": date(1990, 5, 17),
        "sex": Sex.FEMALE,
        "phone": "+919876543210",
        "created_at": NOW,
    }
    return Patient(**{**given, **changes})


def appointment(**changes: Any) -> Appointment:
    """A booked consultation of 15 minutes with Dr A on Monday at 10:00, with its first event."""
    start = changes.get("start", at("10:00"))
    status = changes.get("status", AppointmentStatus.BOOKED)
    given = {
        "id": new_id(),
        "patient_id": "patient-1",
        "practitioner_id": DR_A,
        "service_id": CONSULTATION,
        "start": start,
        "minutes": 15,
        "day": clock.local_day(start, ZONE),
        "booked_at": NOW,
        "events": events(status, start=start),
    }
    return Appointment(**{**given, **changes})


def events(*statuses: AppointmentStatus, start: datetime, at_: datetime = NOW) -> tuple[AppointmentEvent, ...]:
    """The events of a visit that went through `statuses`; booked comes first by itself."""
    steps = statuses if statuses[:1] == (AppointmentStatus.BOOKED,) else (AppointmentStatus.BOOKED, *statuses)
    kinds = ["booked", *["status"] * (len(steps) - 1)]
    return tuple(
        AppointmentEvent(at=at_, by="reception", kind=kind, status=status, start=start)
        for kind, status in zip(kinds, steps, strict=True)
    )


def encounter(**changes: Any) -> Encounter:
    """A note that was never saved."""
    given = {
        "id": new_id(),
        "patient_id": "patient-1",
        "practitioner_id": DR_A,
        "day": MONDAY,
        "started_at": NOW,
    }
    return Encounter(**{**given, **changes})


def line(**changes: Any) -> LineItem:
    """One consultation for 500.00 without tax."""
    given = {
        "service_id": CONSULTATION,
        "description": "Consultation",
        "quantity": 1,
        "unit_price_minor": 50_000,
    }
    return LineItem(**{**given, **changes})


def payment(**changes: Any) -> Payment:
    """100.00 in cash."""
    given = {
        "key": new_id(),
        "amount_minor": 10_000,
        "method": PaymentMethod.CASH,
        "received_at": NOW,
        "received_on": MONDAY,
        "by": "reception",
    }
    return Payment(**{**given, **changes})


def invoice(**changes: Any) -> Invoice:
    """A draft with one consultation; `total_minor` follows from the lines."""
    given = {
        "id": new_id(),
        "patient_id": "patient-1",
        "practitioner_id": DR_A,
        "currency": "INR",
        "locale": "en_IN",
        "time_zone": "Asia/Kolkata",
        "tax_rule": TaxRule(),
        "lines": (line(),),
        "drafted_at": NOW,
        "drafted_on": MONDAY,
    }
    made = Invoice(**{**given, **changes})
    return made if "total_minor" in changes else Invoice(**{**given, **changes, "total_minor": made.totals.total_minor})


def reminder(visit: Appointment, *, to: str = "+919876543210", **changes: Any) -> Communication:
    """A reminder of a visit that the carrier took just now."""
    kind, channel = changes.get("kind", MessageKind.REMINDER), changes.get("channel", Channel.SMS)
    key = message_id(kind, channel, visit.id, start=visit.start, lead=changes.get("lead_minutes", 0))
    given = {
        "id": key,
        "kind": kind,
        "channel": channel,
        "patient_id": visit.patient_id,
        "about": visit.id,
        "about_start": visit.start,
        "due_at": NOW,
        "due_on": MONDAY,
        "expires_at": visit.start,
        "status": MessageStatus.COMPLETED,
        "reference": reference_of(key),
        "recipient": to,
        "text": "Your visit",
        "provider_id": f"SM{key}",
        "sent_at": NOW,
        "sent_on": MONDAY,
        "created_at": NOW,
    }
    return Communication(**{**given, **changes})
