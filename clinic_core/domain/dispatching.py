"""Whether a message that is due may really go: judged at the last moment, by what is true then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from clinic_core.domain import reminding
from clinic_core.domain.appointments import Appointment, AppointmentStatus, S
from clinic_core.domain.messages import (
    OUTREACH,
    Channel,
    Communication,
    MessageKind,
    MessagePolicy,
    MessageStatus,
    Reason,
)
from clinic_core.domain.people import ContactBy, Patient
from clinic_core.domain.quiet import patient_zone

_MISSED: Final = frozenset({Reason.TOO_LATE, Reason.BUDGET})  # somebody has to know that it did not go out
MOST_ATTEMPTS: Final = 12  # of which nobody knows at first: each is a risk to come twice
_LONGEST_DELAY: Final = timedelta(minutes=30)
_MOST_DOUBLINGS: Final = 7

_NEEDS: Final = {
    MessageKind.CONFIRMATION: S.BOOKED,
    MessageKind.REMINDER: S.BOOKED,
    MessageKind.CHANGED: S.BOOKED,
    MessageKind.CANCELLED: S.CANCELLED,
    MessageKind.REVIEW: S.FULFILLED,
}
_BEFORE_A_VISIT: Final = frozenset(_NEEDS) - {MessageKind.REVIEW} | {MessageKind.WAITLIST_OFFER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is true at the moment of sending."""

    now: datetime
    policy: MessagePolicy
    zone: ZoneInfo
    patient: Patient
    visit: Appointment | None = None  # that the message is about
    owed_minor: int = 0  # of the bill that it is about


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do: `stop` it for a reason, `wait` until a moment, ask for it on another channel, or let it go."""

    stop: Reason | None = None
    wait: datetime | None = None
    channel: Channel | None = None

    @property
    def goes(self) -> bool:
        """Whether it may go now."""
        return self == GO


GO: Final = Verdict()


def judge(one: Communication, scene: Scene) -> Verdict:
    """Whether a message may go; whether its recipient opted out is asked beside it."""
    reason = Reason.SWITCHED_OFF if one.kind not in scene.policy.kinds else _untrue(one, scene)
    if scene.now >= one.expires_at and reason in (None, Reason.VISIT_OVER):
        unwanted = None if one.kind is MessageKind.REPLY else _unwanted(one, scene.patient)
        return Verdict(stop=(unwanted and unwanted.stop) or one.reason or Reason.TOO_LATE)
    if reason is not None:
        return Verdict(stop=reason)
    return GO if one.kind is MessageKind.REPLY else _unwanted(one, scene.patient) or _in_quiet_hours(one, scene)


def recipient_of(one: Communication, patient: Patient) -> str:
    """Where it goes: an answer to where the question came from, all else to where the patient can be reached now."""
    if one.kind is MessageKind.REPLY:
        return one.recipient
    return patient.email if one.channel is Channel.EMAIL else patient.phone


def delay_after(attempts: int, first: timedelta) -> timedelta:
    """How long to wait after so many tries, twice as long each time."""
    return min(first * (1 << min(max(attempts - 1, 0), _MOST_DOUBLINGS)), _LONGEST_DELAY)


def status_of_stop(one: Communication, reason: Reason) -> tuple[MessageStatus, Reason]:
    """What a message becomes that is not to go: given up where its time went by while it waited, else stopped.

    A reminder after which another one comes is no loss.
    """
    if reason not in _MISSED or (one.kind is MessageKind.REMINDER and _is_followed(one)):
        return MessageStatus.STOPPED, reason
    return MessageStatus.NOT_DONE, Reason.NO_ANSWER if one.attempts and reason is Reason.TOO_LATE else reason


def _is_followed(one: Communication) -> bool:
    """Whether the time of a reminder ended when the next one's began."""
    return one.about_start is not None and one.expires_at < one.about_start - reminding.LAST_CALL


def _untrue(one: Communication, scene: Scene) -> Reason | None:
    """Why what the message says does not hold any more."""
    if one.kind is MessageKind.BILL_DUE:
        return None if scene.owed_minor > 0 else Reason.PAID
    if one.kind is MessageKind.WAITLIST_OFFER:
        return None if one.about_start is not None and one.about_start > scene.now else Reason.VISIT_OVER
    needed = _NEEDS.get(one.kind)
    if needed is None:
        return None
    visit = scene.visit
    if visit is None or (visit.status is not needed and visit.status in _GONE):
        return Reason.VISIT_CANCELLED
    if visit.start != one.about_start:
        return Reason.VISIT_MOVED
    over = one.kind is not MessageKind.REVIEW and visit.start <= scene.now
    return Reason.VISIT_OVER if over or visit.status is not needed else None


def _unwanted(one: Communication, patient: Patient) -> Verdict | None:
    """Whether the patient does not want it, or wants it another way."""
    by = patient.contact_by
    if by is ContactBy.NONE or (one.kind in OUTREACH and not reminding.agrees_to_outreach(patient)):
        return Verdict(stop=Reason.NO_CONSENT)
    if by.value != one.channel.value:
        return Verdict(stop=Reason.NO_CONSENT, channel=Channel(by.value))
    return None if recipient_of(one, patient) else Verdict(stop=Reason.NO_RECIPIENT)


_GONE: Final = frozenset({AppointmentStatus.CANCELLED, AppointmentStatus.ENTERED_IN_ERROR})


def _in_quiet_hours(one: Communication, scene: Scene) -> Verdict:
    at = reminding.sendable_at(
        scene.now,
        kind=one.kind,
        start=one.about_start if one.kind in _BEFORE_A_VISIT else None,
        since=scene.now,
        policy=scene.policy,
        zone=patient_zone(scene.patient.phone, scene.zone),
    )
    if at is None or at >= one.expires_at:
        return Verdict(stop=Reason.TOO_LATE)
    return GO if at <= scene.now else Verdict(wait=at)
