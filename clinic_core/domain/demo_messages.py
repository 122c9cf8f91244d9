"""What the demo clinic wrote to its patients in the last ten days, will write, and read back from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from clinic_core.domain import clock, message_help, reminding, templates
from clinic_core.domain.access import BY_REPLY
from clinic_core.domain.appointments import CONFIRMED, Appointment, AppointmentEvent, AppointmentStatus
from clinic_core.domain.demo_setup import ORGANIZATION, practitioner_names
from clinic_core.domain.ids import derived_id
from clinic_core.domain.messages import (
    Channel,
    Communication,
    Delivery,
    InboundMessage,
    MessageKind,
    MessagePolicy,
    MessageStatus,
    OptOut,
    Reason,
)
from clinic_core.domain.people import Patient
from clinic_core.domain.reminding import Rules
from clinic_core.domain.templates import DEFAULTS, Matter

POLICY: Final = MessagePolicy(
    kinds=(*MessagePolicy().kinds, MessageKind.WAITLIST_OFFER, MessageKind.RECALL),
    sms_price_micros=180_000,
    whatsapp_price_micros=115_000,
    monthly_budget_micros=2_500_000_000,
    version=1,
)
DAYS: Final = 10  # so far back they reach: more would make the demo slow to load
_ZONE: Final = ORGANIZATION.zone
_RULES: Final = Rules(policy=POLICY, zone=_ZONE)
_YES: Final = ("C", "C", "C", "c", "1", "Yes", "C.")
_ASKED: Final = (
    "Can I come half an hour later?",
    "Should I stop the tablets before?",
    "My son will come with me, is that all right?",
    "Is the report ready?",
)
_CONFIRMS: Final = {AppointmentStatus.NOSHOW: 0.12}  # of those who did not come; the others:
_USUALLY_CONFIRMS: Final = 0.55
_PATIENCE: Final = timedelta(minutes=45)  # before the visit a confirmation is there or does not come
_UNREACHED: Final = 0.025
_READ: Final = 0.6
_WRITES: Final = 0.03
_ONE_IN: Final = 120  # patients with a number that nobody has, and as many who wrote STOP
S = AppointmentStatus


@dataclass(slots=True, kw_only=True)
class Written:
    """The visits of a day as replies left them, and what was written about them."""

    visits: tuple[tuple[Appointment, Patient], ...] = ()
    messages: list[Communication] = field(default_factory=list)
    replies: list[InboundMessage] = field(default_factory=list)
    opt_outs: list[OptOut] = field(default_factory=list)


class Letters:
    """Writes to the patients of one day after the other. What is written of a visit depends on that visit alone."""

    def __init__(self, seed: int, now: datetime) -> None:
        self._seed, self._now = seed, now
        self._first = clock.local_day(now, _ZONE) - timedelta(days=DAYS)
        self._stopped: set[str] = set()

    def of(self, visits: Iterable[tuple[Appointment, Patient]]) -> Written:
        """What was written about the visits of a day, and what came of it."""
        written, after = Written(), []
        for visit, patient in visits:
            if visit.day >= self._first:
                rng = Random(f"letters {self._seed} {visit.id}")  # noqa: S311 - invented, no secrets
                visit = self._about(visit, patient, rng, written)  # noqa: PLW2901
            after.append((visit, patient))
        written.visits = tuple(after)
        return written

    def _about(self, visit: Appointment, patient: Patient, rng: Random, written: Written) -> Appointment:
        if _opted_out(patient) and patient.phone not in self._stopped:
            self._stopped.add(patient.phone)
            written.opt_outs.append(_stop(patient, clock.day_bounds(self._first, _ZONE)[0]))
        asked = [one for one in self._asked(visit, patient) if one.due_on >= self._first]
        mine = [self._fate(one, visit, patient, rng) for one in asked]
        answered = self._confirmed(visit, patient, mine, rng, written)
        written.messages.extend(mine)
        return answered

    def _asked(self, visit: Appointment, patient: Patient) -> Iterator[Communication]:
        """The messages that the visit asked for while it was booked, and those of what became of it."""
        booked = _as_booked(visit)
        yield from reminding.asked(booked, patient, _RULES, [], visit.booked_at)
        if visit.status is S.CANCELLED:
            yield from reminding.asked(visit, patient, _RULES, [], visit.events[-1].at)

    def _fate(self, one: Communication, visit: Appointment, patient: Patient, rng: Random) -> Communication:
        """The message as it is now."""
        one = replace(one, about_version=visit.version)
        over = visit.events[-1].at if visit.status is S.CANCELLED and one.kind is not MessageKind.CANCELLED else None
        if over is not None and one.due_at >= over:
            return replace(one, status=MessageStatus.STOPPED, reason=Reason.VISIT_CANCELLED)
        if one.due_at > self._now:
            return one
        if not (recipient := message_help.recipient_of(patient)):
            return replace(one, status=MessageStatus.STOPPED, reason=Reason.NO_RECIPIENT)
        if _opted_out(patient) and one.channel is not Channel.EMAIL:
            return replace(one, status=MessageStatus.STOPPED, reason=Reason.OPTED_OUT)
        return self._sent(replace(one, recipient=recipient, attempts=1), visit, patient, rng)

    def _sent(self, one: Communication, visit: Appointment, patient: Patient, rng: Random) -> Communication:
        if one.channel is not Channel.EMAIL and _has_wrong_number(patient):
            return replace(one, status=MessageStatus.NOT_DONE, reason=Reason.BAD_RECIPIENT, error_code="21211")
        policy = POLICY
        words = templates.find(DEFAULTS, one.kind, one.channel, patient.language or policy.default_language)
        matter = Matter(
            patient_name=patient.name,
            practitioner=practitioner_names().get(visit.practitioner_id, ""),
            start=one.about_start,
            old_start=visit.events[0].start,
            reference=one.reference,
        )
        rendered = templates.compose(words, matter, ORGANIZATION, policy)
        sent_at = min(one.due_at + timedelta(seconds=rng.randrange(1, 40)), self._now)
        delivery, code = _delivery(one.channel, rng)
        return replace(
            one,
            status=MessageStatus.COMPLETED,
            text=rendered.text,
            segments=rendered.segments if one.channel is Channel.SMS else 1,
            cost_micros=templates.price_micros(one.channel, rendered.size, policy),
            claimed_at=sent_at,
            sent_at=sent_at,
            sent_on=clock.local_day(sent_at, _ZONE),
            provider_id=f"{'EM' if one.channel is Channel.EMAIL else 'SM'}{derived_id('demo-message', one.id)}",
            delivery=delivery,
            delivery_at=None if delivery is None else min(sent_at + timedelta(seconds=5), self._now),
            error_code=code,
            version=3,
        )

    def _confirmed(
        self, visit: Appointment, patient: Patient, mine: list[Communication], rng: Random, written: Written
    ) -> Appointment:
        """The visit after the patient's reply, if one came; now and then one that a person has to read."""
        asked = next((one for one in mine if _can_answer(one)), None)
        kind, minutes = rng.random(), rng.randrange(1, 150)
        if asked is None or asked.sent_at is None:
            return visit
        at = asked.sent_at + timedelta(minutes=minutes)
        if at > min(self._now, visit.start - _PATIENCE):
            return visit
        if kind < _CONFIRMS.get(visit.status, _USUALLY_CONFIRMS) and visit.status is not S.CANCELLED:
            written.replies.append(_reply(asked, patient, visit, at, rng.choice(_YES)))
            return _with_confirmation(visit, at)
        if kind > 1 - _WRITES:
            recent = self._now - at < timedelta(days=1)
            written.replies.append(_reply(asked, patient, visit, at, rng.choice(_ASKED), is_open=recent))
        return visit


def _as_booked(visit: Appointment) -> Appointment:
    """The visit before anything but its booking and moves had happened."""
    events = tuple(event for event in visit.events if event.kind in ("booked", "moved"))
    return replace(visit, status=S.BOOKED, events=events)


def _can_answer(one: Communication) -> bool:
    told = one.kind is MessageKind.REMINDER and one.status is MessageStatus.COMPLETED
    return told and one.channel is not Channel.EMAIL and one.delivery in message_help.ARRIVED


def _with_confirmation(visit: Appointment, at: datetime) -> Appointment:
    """The visit with the event at its place; where something came between, as it is."""
    event = AppointmentEvent(at=at, by=BY_REPLY.username, kind=CONFIRMED, status=S.BOOKED, start=visit.start)
    before = tuple(e for e in visit.events if e.at <= at)
    if before[-1].status is not S.BOOKED or before[-1].start != visit.start:
        return visit
    events = (*before, event, *visit.events[len(before) :])
    return replace(visit, events=events, confirmed_at=at, version=len(events))


def _reply(
    asked: Communication, patient: Patient, visit: Appointment, at: datetime, text: str, *, is_open: bool | None = None
) -> InboundMessage:
    """What came back; with `is_open` a question, which waits on the board or was taken up."""
    question = is_open is not None
    return InboundMessage(
        id=f"SM{derived_id('demo-reply', asked.id)}",
        sender=patient.phone,
        channel=asked.channel,
        text=text,
        received_at=at,
        answers=asked.id,
        patient_id=patient.id,
        appointment_id=visit.id,
        intent="" if question else "confirm",
        outcome="for-a-person" if question else "confirmed",
        open=bool(is_open),
        handled_by="reception" if is_open is False else "",
        handled_at=at + timedelta(minutes=20) if is_open is False else None,
        version=2,
    )


def _delivery(channel: Channel, rng: Random) -> tuple[Delivery | None, str]:
    if channel is Channel.EMAIL:
        return None, ""
    chance = rng.random()
    if chance < _UNREACHED:
        return Delivery.UNDELIVERED, "30003"
    read = channel is Channel.WHATSAPP and chance < _READ
    return (Delivery.READ if read else Delivery.DELIVERED), ""


def _stop(patient: Patient, at: datetime) -> OptOut:
    return OptOut(
        id=derived_id("demo-opt-out", patient.phone), recipient=patient.phone, stopped=True, at=at, source="reply"
    )


def _opted_out(patient: Patient) -> bool:
    return bool(patient.phone) and int(derived_id("demo-stop", patient.phone), 16) % _ONE_IN == 0


def _has_wrong_number(patient: Patient) -> bool:
    return int(derived_id("demo-wrong", patient.phone), 16) % _ONE_IN == 0
