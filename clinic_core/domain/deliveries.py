"""What becomes of a message that a carrier took: reports may be repeated, come late and out of order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from clinic_core.domain import clock
from clinic_core.domain.carriers import NO_SUCH_NUMBER, OPTED_OUT
from clinic_core.domain.messages import Communication, Delivery, MessageStatus, Reason

# Of two reports the one further on holds: a failure is final unless the message was delivered after all.
_PLACE: Final[Mapping[Delivery | None, int]] = {
    None: 0,
    Delivery.QUEUED: 1,
    Delivery.SENT: 2,
    Delivery.UNDELIVERED: 3,
    Delivery.FAILED: 3,
    Delivery.DELIVERED: 4,
    Delivery.READ: 5,
}
FAILURES: Final = frozenset({Delivery.UNDELIVERED, Delivery.FAILED})
STATUS_PATH: Final = "/twilio/status"
MESSAGE_PARAM: Final = "m"  # of the callback's address: our own id of the message
_REPORTED: Final[Mapping[str, Delivery]] = {
    "accepted": Delivery.QUEUED,
    "scheduled": Delivery.QUEUED,
    "queued": Delivery.QUEUED,
    "sending": Delivery.QUEUED,
    "canceled": Delivery.FAILED,
    **{one.value: one for one in Delivery},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One status callback: which message (as we know it, and as the carrier does), and what became of it."""

    message_id: str = ""
    provider_id: str
    delivery: Delivery
    error_code: str = ""


def callback_path(message_id: str) -> str:
    """Where the carrier is to report on a message, below the app's public address; it signs the whole address."""
    return f"{STATUS_PATH}?{MESSAGE_PARAM}={message_id}"


def delivery_of(status: str) -> Delivery | None:
    """The carrier's word for a status as ours; None for one that says nothing about delivery."""
    return _REPORTED.get(status.lower())


def moves_on(now: Delivery | None, to: Delivery) -> bool:
    """Whether a report tells more than what is known."""
    return _PLACE[to] > _PLACE[now]


def reason_of(error_code: str) -> Reason | None:
    """Why a delivery failed, where the carrier's code says it."""
    if error_code == OPTED_OUT:
        return Reason.OPTED_OUT
    if error_code in NO_SUCH_NUMBER:
        return Reason.BAD_RECIPIENT
    return Reason.REFUSED if error_code else None


def told(message: Communication, report: Report, now: datetime, zone: ZoneInfo) -> Communication:
    """The message after a report; the same one when the report tells nothing new.

    A report proves that the carrier has the message, also when whoever handed it over died before noting it.
    """
    if message.provider_id not in (None, report.provider_id):
        return message
    after = _taken(message, report, now, zone) if message.provider_id is None else message
    if not moves_on(message.delivery, report.delivery):
        return after
    failed = report.delivery in FAILURES
    return replace(
        after,
        delivery=report.delivery,
        delivery_at=now,
        error_code=report.error_code if failed else "",
        reason=reason_of(report.error_code) if failed else None,
    )


def _taken(message: Communication, report: Report, now: datetime, zone: ZoneInfo) -> Communication:
    at = message.claimed_at or now
    return replace(
        message,
        status=MessageStatus.COMPLETED,
        reason=None,
        retry_at=None,
        provider_id=report.provider_id,
        sent_at=at,
        sent_on=clock.local_day(at, zone),
    )
