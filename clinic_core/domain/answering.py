"""Which visit a reply is about, and what the true answer to it is. Pure; the verbs are in `services/replies.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from clinic_core.domain.access import BY_REPLY
from clinic_core.domain.appointments import Appointment, AppointmentStatus, S
from clinic_core.domain.message_words import Answer
from clinic_core.domain.messages import Channel, Communication, InboundMessage, MessageKind
from clinic_core.domain.replies import Intent

ASKING: Final = frozenset(
    {MessageKind.CONFIRMATION, MessageKind.REMINDER, MessageKind.CHANGED, MessageKind.CANCELLED}
)  # messages about a visit, which a reply may mean
_INVITES: Final = frozenset({MessageKind.WAITLIST_OFFER, MessageKind.RECALL})
TOGETHER: Final = timedelta(days=1)  # messages so close to one another may all be meant by a yes
MOST_CHOICES: Final = 4
_OVER: Final = frozenset({S.FULFILLED, S.NOSHOW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A visit that a reply may be about, and the latest message about it to that number."""

    message: Communication
    visit: Appointment


def last_of_each_visit(sent: Iterable[Communication], channel: Channel) -> list[Communication]:
    """The latest message about each visit among those sent over a channel (latest first), latest first.

    Empty when what was sent last asks for a visit that is not booked: then that is what the reply is about, and a
    person has to see to it.
    """
    found: dict[str, Communication] = {}
    for one in sent:
        if one.channel is not channel:
            continue
        if one.kind in _INVITES and not found:
            return []
        if one.kind in ASKING:
            found.setdefault(one.about, one)
    return list(found.values())


def meant(candidates: Sequence[Candidate], intent: Intent, now: datetime) -> list[Candidate]:
    """Those that a reply without a reference may be about; more than one: the patient has to be asked.

    A yes answers the latest message, and those sent within a day of it; one that is confirmed needs no second yes.
    A no may be about any visit to come, because it cannot be taken back. Where none is to come the latest message is
    what the answer is about.
    """
    if not candidates:
        return []
    latest = candidates[0].message.sent_at
    near = [c for c in candidates if latest and c.message.sent_at and latest - c.message.sent_at <= TOGETHER]
    to_come = [c for c in (candidates if intent is Intent.CANCEL else near) if is_to_come(c.visit, now)]
    if intent is Intent.CONFIRM and len(to_come) > 1:
        to_come = [c for c in to_come if c.visit.confirmed_at is None] or to_come[:1]
    return to_come or list(candidates[:1])


def is_to_come(visit: Appointment, now: datetime) -> bool:
    """Whether the patient can still say whether they come."""
    return visit.status is S.BOOKED and not visit.untimed and visit.start > now


def told_since(sent: Iterable[Communication], message: Communication, visit_id: str) -> frozenset[datetime]:
    """The starts of a visit that the patient was told in this message and, by a message or an answer, after it."""
    since = message.sent_at
    later = [one for one in sent if since and one.sent_at and one.sent_at >= since]
    starts = {one.about_start for one in later if one.about == visit_id or one.kind is MessageKind.REPLY}
    return frozenset(start for start in {*starts, message.about_start} if start is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A reply about a visit, with what decides on it."""

    intent: Intent
    received_at: datetime
    told: frozenset[datetime]  # starts that the patient was told
    may_cancel: bool  # by the clinic's policy, at this moment


def verdict(question: Question, visit: Appointment | None, now: datetime) -> Answer:
    """The true answer as the visit is now; CONFIRMED and CANCELLED also ask for the visit to become that.

    RECEIVED leaves it to a person.
    """
    if visit is None or visit.status is S.ENTERED_IN_ERROR:
        return Answer.NO_VISIT
    if visit.status is S.CANCELLED:
        own = question.intent is Intent.CANCEL and cancelled_by_reply_since(visit, question.received_at)
        return Answer.CANCELLED if own else Answer.ALREADY_CANCELLED
    if not is_to_come(visit, now):
        over = visit.status in _OVER or visit.end <= now
        return Answer.PAST if over else Answer.RECEIVED
    if visit.start not in question.told:
        return Answer.MOVED
    if question.intent is Intent.CANCEL:
        return Answer.CANCELLED if question.may_cancel else Answer.CANCEL_ASKED
    return Answer.CONFIRMED


def cancelled_by_reply_since(visit: Appointment, since: datetime) -> bool:
    """Whether the visit was cancelled by this very reply, cut off after that, or by one just beside it."""
    last = visit.events[-1]
    return last.status is AppointmentStatus.CANCELLED and last.by == BY_REPLY.username and last.at >= since


def choices(found: Sequence[Candidate], intent: Intent) -> tuple[tuple[datetime, str], ...]:
    """For each visit that could be meant its time, and what to reply: the soonest first."""
    word = "X" if intent is Intent.CANCEL else "C"
    soonest = sorted(found, key=lambda one: (one.visit.start, one.visit.id))[:MOST_CHOICES]
    return tuple((one.visit.start, f"{word} {one.message.reference}") for one in soonest)


def wrote_before(messages: Iterable[InboundMessage], message: InboundMessage, within: timedelta) -> int:
    """How many others the number wrote in the time before a message."""
    first = message.received_at - within
    return sum(one.id != message.id and first <= one.received_at <= message.received_at for one in messages)
