"""Which messages a visit asks for, and when each may go out. Pure: the same visit always asks for the same ones.

What counts is what the patient knows: a visit that was moved before anybody told its time is confirmed, not "moved";
one that was moved away and back needs no word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from clinic_core.domain import clock
from clinic_core.domain.access import BY_REPLY
from clinic_core.domain.appointments import Appointment, AppointmentEvent, AppointmentStatus, S
from clinic_core.domain.messages import (
    OUTREACH,
    Channel,
    Communication,
    MessageKind,
    MessagePolicy,
    MessageStatus,
    Reason,
    message_id,
    reference_of,
)
from clinic_core.domain.people import ContactBy, Patient
from clinic_core.domain.quiet import patient_zone, quiet_since, quiet_until

CORRECTION: Final = timedelta(minutes=1)  # what the desk takes back within it, the patient never hears of
APART: Final = timedelta(hours=2)  # of two messages about one visit; a visit sooner than this needs no confirmation
USEFUL: Final = timedelta(hours=1)  # before a visit, to still do something about it
LAST_CALL: Final = timedelta(minutes=30)  # before a visit: later nobody is reminded
URGENT: Final = timedelta(hours=2)  # a cancellation of a visit that begins so soon wakes people up
BEFORE_QUIET: Final = timedelta(minutes=15)
CONFIRMATION_HOLDS: Final = timedelta(days=1)
REVIEW_HOLDS: Final = timedelta(days=3)
_DAY_MINUTES: Final = 24 * 60

OF_VISIT: Final = frozenset(
    {
        MessageKind.CONFIRMATION,
        MessageKind.REMINDER,
        MessageKind.CHANGED,
        MessageKind.CANCELLED,
        MessageKind.REVIEW,
    }
)
_TELLS_TIME: Final = frozenset({MessageKind.CONFIRMATION, MessageKind.REMINDER, MessageKind.CHANGED})
_NEWS: Final = frozenset({MessageKind.CHANGED, MessageKind.CANCELLED})  # rather at night than not at all
_GONE_OUT: Final = frozenset({MessageStatus.COMPLETED, MessageStatus.IN_PROGRESS})
_MAY_COME_BACK: Final = frozenset(
    {Reason.VISIT_MOVED, Reason.VISIT_CANCELLED, Reason.VISIT_OVER, Reason.NO_CONSENT, Reason.SWITCHED_OFF}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides besides the visit: the clinic's policy and its zone."""

    policy: MessagePolicy
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to become of a visit's messages."""

    add: tuple[Communication, ...] = ()
    stop: tuple[tuple[Communication, Reason], ...] = ()
    renew: tuple[tuple[Communication, Communication], ...] = ()  # as it is, and as it is wanted


@dataclass(frozen=True, slots=True)
class _Ask:
    """One message that a visit asks for."""

    kind: MessageKind
    due: datetime
    expires: datetime
    lead: int = 0
    change: int = 0


def plan(visit: Appointment, patient: Patient, rules: Rules, rows: Sequence[Communication], now: datetime) -> Plan:
    """What to add, to stop and to renew among `rows`, which are all messages about the visit.

    Nothing is added whose time has passed. What was sent, over whichever channel, is never sent again.
    """
    wanted = {one.id: one for one in asked(visit, patient, rules, rows, now)}
    known = {one.id: one for one in rows}
    stop = [
        (one, _why_not(one, visit, patient, rules.policy))
        for one in rows
        if one.kind in OF_VISIT and one.status is MessageStatus.PREPARATION and one.id not in wanted
    ]
    renew = [(one, wanted[one.id]) for one in rows if one.id in wanted and _is_to_renew(one, wanted[one.id], now)]
    add = [one for key, one in wanted.items() if key not in known and one.expires_at > now]
    return Plan(add=tuple(add), stop=tuple(stop), renew=tuple(renew))


def asked(
    visit: Appointment, patient: Patient, rules: Rules, rows: Sequence[Communication], now: datetime
) -> Iterator[Communication]:
    """The messages that a visit asks for as it is, each as a row that was never sent."""
    if patient.contact_by is ContactBy.NONE or visit.untimed or not visit.events:
        return
    channel = Channel(patient.contact_by.value)
    out = {_occurrence(one) for one in rows if one.status in _GONE_OUT and one.channel is not channel}
    for ask in _asks(visit, patient, rules, rows):
        if ask.kind not in rules.policy.kinds or (ask.kind in OUTREACH and not agrees_to_outreach(patient)):
            continue
        key = message_id(ask.kind, channel, visit.id, start=visit.start, lead=ask.lead, change=ask.change)
        if (ask.kind, visit.start, ask.lead, ask.change) not in out:
            yield Communication(
                id=key,
                kind=ask.kind,
                channel=channel,
                lead_minutes=ask.lead,
                change=ask.change,
                patient_id=visit.patient_id,
                about=visit.id,
                about_start=visit.start,
                about_version=visit.version,
                due_at=clock.utc(ask.due),
                due_on=clock.local_day(ask.due, rules.zone),
                expires_at=clock.utc(ask.expires),
                reference=reference_of(key),
                created_at=now,
            )


def stopped(one: Communication, reason: Reason) -> Communication:
    """The message as one that is never to be sent."""
    return replace(one, status=MessageStatus.STOPPED, reason=reason, retry_at=None)


def renewed(one: Communication, wanted: Communication) -> Communication:
    """The message waiting again, for the time that is wanted now."""
    return replace(
        one,
        status=MessageStatus.PREPARATION,
        reason=None,
        retry_at=None,
        attempts=0,
        due_at=wanted.due_at,
        due_on=wanted.due_on,
        expires_at=wanted.expires_at,
        about_version=wanted.about_version,
    )


def agrees_to_outreach(patient: Patient) -> bool:
    """Whether the patient wants to hear from the clinic without a visit."""
    return patient.outreach_consent


def is_reached_differently(before: Patient, now: Patient, zone: ZoneInfo) -> bool:
    """Whether messages go another way than before, or at other times: a phone from abroad has other quiet hours."""
    zones = [patient_zone(one.phone, zone) for one in (before, now)]
    return before.contact_by is not now.contact_by or zones[0] != zones[1]


def lead_start(start: datetime, minutes: int, zone: ZoneInfo) -> datetime:
    """The instant so long before a visit: whole days on the clinic's wall clock, the rest as time that passes."""
    days, rest = divmod(minutes, _DAY_MINUTES)
    local = start.astimezone(zone)
    day = local.date() - timedelta(days=days)
    at = clock.at_local(day, local.time().replace(fold=local.fold), zone) if days else start
    return at - timedelta(minutes=rest)


def sendable_at(
    due: datetime,
    *,
    kind: MessageKind,
    start: datetime | None,
    since: datetime,
    policy: MessagePolicy,
    zone: ZoneInfo,
) -> datetime | None:
    """When a message that is due may go out: not in quiet hours. None when no moment is left that is of use.

    It waits for their end where that is still useful before the visit, or goes a little before they begin, which is
    not before `since`. A cancellation shortly before the visit goes at once, and so does news that would come too late.
    """
    end = quiet_until(due, policy.quiet_from, policy.quiet_until, zone)
    if end is None or kind is MessageKind.REPLY or start is None:
        return end if end is not None and kind is not MessageKind.REPLY else due
    if kind is MessageKind.CANCELLED and start - due <= URGENT:
        return due
    if end <= start - (LAST_CALL if kind in _NEWS else USEFUL):
        return end
    if kind in _NEWS:
        return due
    before = quiet_since(due, policy.quiet_from, zone) - BEFORE_QUIET
    return before if before >= since and kind is MessageKind.REMINDER else None


def told_start(rows: Iterable[Communication]) -> datetime | None:
    """The start of the visit that the patient was told last; None when nobody told them any."""
    sent = [one for one in rows if one.status in _GONE_OUT and one.kind in _TELLS_TIME]
    last = max(sent, key=lambda one: (one.claimed_at or one.due_at, one.id), default=None)
    return None if last is None else last.about_start


def start_known(visit: Appointment, rows: Iterable[Communication]) -> datetime:
    """The start that the patient has in mind: that of the last message, or of the booking where none told any."""
    return told_start(rows) or visit.events[0].start


def _asks(visit: Appointment, patient: Patient, rules: Rules, rows: Sequence[Communication]) -> Iterator[_Ask]:
    zone = patient_zone(patient.phone, rules.zone)
    if visit.status is S.BOOKED:
        yield from _placed(_of_booked(visit, rules.policy, rows), visit, rules, zone)
        yield from _reminders(visit, rules, zone)
    elif visit.status is S.CANCELLED:
        yield from _placed(_of_cancelled(visit), visit, rules, zone)
    elif visit.status is S.FULFILLED and rules.policy.review_url:
        due = visit.events[-1].at + timedelta(hours=rules.policy.review_hours)
        due = quiet_until(due, rules.policy.quiet_from, rules.policy.quiet_until, zone) or due
        yield _Ask(MessageKind.REVIEW, due, due + REVIEW_HOLDS)


def _of_booked(visit: Appointment, policy: MessagePolicy, rows: Sequence[Communication]) -> Iterator[_Ask]:
    """The message that tells the time: a confirmation, or that it was moved from the time that is known."""
    change, event = _set_by(visit)
    first, told = visit.events[0], told_start(rows)
    due = event.at + CORRECTION
    if told is None and first.kind == "booked" and MessageKind.CONFIRMATION in policy.kinds:
        if visit.start - event.at >= APART:
            yield _Ask(MessageKind.CONFIRMATION, due, min(due + CONFIRMATION_HOLDS, visit.start))
    elif start_known(visit, rows) != visit.start:
        yield _Ask(MessageKind.CHANGED, due, visit.start, change=change)


def _of_cancelled(visit: Appointment) -> Iterator[_Ask]:
    event = visit.events[-1]
    corrected = event.at - visit.events[0].at <= CORRECTION
    if event.at < visit.start and event.by != BY_REPLY.username and not corrected:
        yield _Ask(MessageKind.CANCELLED, event.at, visit.start)


def _placed(asks: Iterable[_Ask], visit: Appointment, rules: Rules, zone: ZoneInfo) -> Iterator[_Ask]:
    for ask in asks:
        at = sendable_at(ask.due, kind=ask.kind, start=visit.start, since=ask.due, policy=rules.policy, zone=zone)
        if at is not None and at < visit.start:
            yield replace(ask, due=at, expires=max(ask.expires, min(at + APART, visit.start)))


def _reminders(visit: Appointment, rules: Rules, zone: ZoneInfo) -> Iterator[_Ask]:
    """Those whose time comes after the visit was booked or moved here, and not too soon after it or one another."""
    _, event = _set_by(visit)
    last = event.at if event.kind == "imported" else event.at + APART
    found: list[tuple[int, datetime]] = []
    for lead in sorted(set(rules.policy.reminder_minutes), reverse=True):
        due = sendable_at(
            lead_start(visit.start, lead, rules.zone),
            kind=MessageKind.REMINDER,
            start=visit.start,
            since=last,
            policy=rules.policy,
            zone=zone,
        )
        if due is not None and last <= due < visit.start:
            found.append((lead, due))
            last = due + APART
    last_call = visit.start - LAST_CALL
    for place, (lead, due) in enumerate(found, 1):
        end = last_call if due < last_call else visit.start
        yield _Ask(MessageKind.REMINDER, due, found[place][1] if place < len(found) else end, lead=lead)


def _set_by(visit: Appointment) -> tuple[int, AppointmentEvent]:
    """The event that gave the visit its present start, and its place among them."""
    place = len(visit.events) - 1
    while place and visit.events[place - 1].start == visit.start:
        place -= 1
    return place, visit.events[place]


def _occurrence(one: Communication) -> tuple[MessageKind, datetime | None, int, int]:
    return one.kind, one.about_start, one.lead_minutes, one.change


def _is_to_renew(one: Communication, wanted: Communication, now: datetime) -> bool:
    if wanted.expires_at <= now:
        return False
    if one.status is MessageStatus.STOPPED:
        return one.reason in _MAY_COME_BACK
    times = (one.due_at, one.expires_at) != (wanted.due_at, wanted.expires_at)
    return one.status is MessageStatus.PREPARATION and times


def _why_not(one: Communication, visit: Appointment, patient: Patient, policy: MessagePolicy) -> Reason:
    """Why a message that waits is not wanted any more."""
    if visit.status in (S.CANCELLED, AppointmentStatus.ENTERED_IN_ERROR):
        return Reason.VISIT_CANCELLED
    if visit.start != one.about_start:
        return Reason.VISIT_MOVED
    if visit.status is not S.BOOKED:
        return Reason.VISIT_OVER
    if one.kind not in policy.kinds:
        return Reason.SWITCHED_OFF
    if patient.contact_by.value != one.channel.value:
        return Reason.NO_CONSENT
    return Reason.VISIT_MOVED
