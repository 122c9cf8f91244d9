"""Answers to what patients wrote, as rows of the outbox: they obey opt-outs, cost money, and go out once.

A part of `services/replies.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import answering, clock, replies, templates
from clinic_core.domain.message_words import Answer
from clinic_core.domain.messages import (
    Channel,
    Communication,
    InboundMessage,
    MessageKind,
    message_id,
    reference_of,
)
from clinic_core.domain.people import Patient
from clinic_core.domain.templates import Matter
from clinic_core.errors import Conflict

MOST_A_DAY: Final = 20  # answers to one number: two machines that answer each other come to an end
_DAY: Final = timedelta(days=1)
_HOLDS: Final = timedelta(hours=12)
_TRIES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the answer says."""

    answer: Answer
    patient_id: str | None  # None: whoever of those who share the number comes first
    start: datetime | None = None
    choices: Sequence[tuple[datetime, str]] = ()


def send(clinic: Clinic, message: InboundMessage, told: Told) -> None:
    """Put the answer to a reply into the outbox, once; nothing where the carrier answers, or nobody is to be told."""
    if not _is_to_be_told(clinic, message):
        return
    patient = _patient(clinic, message, told)
    if patient is None:
        return  # a number that no patient has learns nothing
    key = message_id(MessageKind.REPLY, message.channel, _about(clinic, message, told))
    if clinic.communications.find(key) is None:
        clinic.communications.add_many([_row(clinic, message, told, patient, key)])


def _is_to_be_told(clinic: Clinic, message: InboundMessage) -> bool:
    if MessageKind.REPLY not in clinic.directory().message_policy.kinds:
        return False
    if message.channel is Channel.SMS and replies.answered_by_carrier(replies.said(message.text, message.payload)):
        return False
    written = clinic.inbound.of_sender(message.sender, most=MOST_A_DAY + 1)
    return answering.wrote_before(written, message, _DAY) < MOST_A_DAY


def _about(clinic: Clinic, message: InboundMessage, told: Told) -> str:
    """What the answer is made once for: the reply; "we read it" once a day and number."""
    if told.answer is not Answer.RECEIVED:
        return message.id
    return f"{message.sender}:{clock.local_day(message.received_at, clinic.zone).isoformat()}"


def _patient(clinic: Clinic, message: InboundMessage, told: Told) -> Patient | None:
    if told.patient_id is not None:
        return clinic.patients.get(told.patient_id)
    return next(iter(clinic.patients.by_phone(message.sender)), None)


def _row(clinic: Clinic, message: InboundMessage, told: Told, patient: Patient, key: str) -> Communication:
    view, now = clinic.directory(), clinic.server_now()
    reference = _free_reference(clinic, key)
    template = view.template(MessageKind.REPLY, message.channel, patient.language)
    matter = Matter(
        patient_name=patient.name,
        start=told.start,
        answer=told.answer,
        choices=tuple(told.choices),
        reference=reference,
    )
    written = templates.compose(template, matter, view.organization, view.message_policy)
    return Communication(
        id=key,
        kind=MessageKind.REPLY,
        channel=message.channel,
        patient_id=patient.id,
        about=message.id,
        about_start=told.start,
        due_at=now,
        due_on=clock.local_day(now, clinic.zone),
        expires_at=now + _HOLDS,
        reference=reference,
        recipient=message.sender,
        text=written.text,
        segments=written.segments,
        cost_micros=templates.price_micros(message.channel, written.size, view.message_policy),
        created_at=now,
    )


def _free_reference(clinic: Clinic, key: str) -> str:
    """A reference that no message has: it is part of the text, so it cannot be changed afterwards."""
    for attempt in range(_TRIES):
        reference = reference_of(key, attempt)
        if clinic.communications.by_reference(reference) is None:
            return reference
    raise Conflict("No reference is free for a message. Try again.")
