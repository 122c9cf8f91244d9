"""The words of a message at the moment it is sent: a part of `sending`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from clinic_core.clinic import Clinic
from clinic_core.domain import dispatching, reminding, templates
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import Invoice
from clinic_core.domain.carriers import CalendarEntry, Outgoing
from clinic_core.domain.messages import Channel, Communication, MessageKind
from clinic_core.domain.people import Patient
from clinic_core.domain.templates import Matter

_WITH_CALENDAR = frozenset({MessageKind.CONFIRMATION, MessageKind.REMINDER, MessageKind.CHANGED, MessageKind.CANCELLED})


def outgoing(
    clinic: Clinic, one: Communication, patient: Patient, visit: Appointment | None, invoice: Invoice | None
) -> tuple[Outgoing, int, int]:
    """The message to hand over, how many segments it is, and what it should cost in millionths.

    Raises InvalidInput where the words need what is not there, KeyError where there are no words.
    """
    if one.kind is MessageKind.REPLY:
        return _handed(clinic, one, one.recipient, one.text), one.segments, one.cost_micros
    view = clinic.directory()
    template = view.template(one.kind, one.channel, patient.language)
    matter = _matter(clinic, one, patient, visit, invoice)
    written = templates.compose(template, matter, view.organization, view.message_policy)
    made = replace(
        _handed(clinic, one, dispatching.recipient_of(one, patient), written.text),
        subject=written.subject,
        content_sid=template.content_sid,
        variables=written.variables,
        calendar=_entry(clinic, visit) if visit and _has_calendar(one) else None,
    )
    return made, written.segments, templates.price_micros(one.channel, written.size, view.message_policy)


def as_it_was(clinic: Clinic, one: Communication) -> Outgoing:
    """A message that was handed over, as far as is needed to look for it."""
    return _handed(clinic, one, one.recipient, one.text)


def _handed(clinic: Clinic, one: Communication, recipient: str, text: str) -> Outgoing:
    return Outgoing(
        id=one.id,
        kind=one.kind,
        channel=one.channel,
        reference=one.reference,
        recipient=recipient,
        text=text,
        sender_name=clinic.organization().name,
    )


def _matter(
    clinic: Clinic, one: Communication, patient: Patient, visit: Appointment | None, invoice: Invoice | None
) -> Matter:
    practitioner = clinic.directory().practitioners.get(visit.practitioner_id) if visit else None
    return Matter(
        patient_name=patient.name,
        practitioner=practitioner.name if practitioner else "",
        start=one.about_start,
        old_start=_start_known(clinic, visit) if visit and one.kind is MessageKind.CHANGED else None,
        amount_minor=invoice.due_minor - invoice.payer_due_minor if invoice else 0,
        number=invoice.label if invoice else "",
        reference=one.reference,
    )


def _start_known(clinic: Clinic, visit: Appointment) -> datetime:
    return reminding.start_known(visit, clinic.communications.about(visit.id))


def _has_calendar(one: Communication) -> bool:
    return one.channel is Channel.EMAIL and one.kind in _WITH_CALENDAR


def _entry(clinic: Clinic, visit: Appointment) -> CalendarEntry:
    profile = clinic.organization()
    return CalendarEntry(
        uid=f"{visit.id}@clinic",
        sequence=visit.version,
        start=visit.start,
        end=visit.end,
        summary=profile.name,
        location=", ".join(filter(None, map(str.strip, profile.address.splitlines()))),
        cancelled=visit.status is AppointmentStatus.CANCELLED,
        at=clinic.server_now(),
    )
