"""Alerts: what somebody who runs the clinic has to know, and when they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

REMIND_AFTER: Final = timedelta(days=1)
AGAIN_AFTER: Final = timedelta(hours=1)  # of what comes and goes people hear no more often
_FIRST_RETRY: Final = timedelta(seconds=30)
_LONGEST_RETRY: Final = timedelta(hours=1)
_MOST_DOUBLINGS: Final = 10


class Severity(StrEnum):
    """How bad it is: something does not work as it should, or what the clinic relies on is gone."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How far one channel is with telling of an alert: when it last did, and when it tries next after failing."""

    told_at: datetime | None = None
    failures: int = 0
    retry_at: datetime | None = None

    def is_due(self, now: datetime, *, opened_at: datetime) -> bool:
        """Whether to tell now: it never was told, or not for a day; not for an hour, where it has opened since."""
        if self.retry_at is not None:
            return self.retry_at <= now
        if self.told_at is None:
            return True
        return now - self.told_at >= (AGAIN_AFTER if self.told_at < opened_at else REMIND_AFTER)

    def after_failure(self, now: datetime) -> Telling:
        """To be tried again, later each time."""
        delay = min(_FIRST_RETRY * 2 ** min(self.failures, _MOST_DOUBLINGS), _LONGEST_RETRY)
        return Telling(told_at=self.told_at, failures=self.failures + 1, retry_at=now + delay)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something to act on. `id` is its key, such as ``job:backup``; one key is one alert, open or cleared.

    `summary` says what is wrong, `advice` what to do; neither holds anything of a patient. `tellings` is by channel,
    and outlives that the alert is cleared and opened anew.
    """

    id: str
    severity: Severity
    summary: str
    advice: str = ""
    open: bool = True
    first_seen_at: datetime
    last_seen_at: datetime
    cleared_at: datetime | None = None
    count: int = 1
    tellings: Mapping[str, Telling] = field(default_factory=dict)

    def telling(self, channel: str) -> Telling:
        """How far that channel is."""
        return self.tellings.get(channel, Telling())

    @property
    def told_by(self) -> list[str]:
        """The channels that have told of it since it opened."""
        return [
            channel for channel, each in self.tellings.items() if each.told_at and each.told_at >= self.first_seen_at
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is sent about an alert, as a subject and a text."""

    subject: str
    text: str


def notice_of(alert: Alert, *, clinic_name: str, since: str) -> Notice:
    """The words; `since` is the clinic's local time of its beginning."""
    subject = f"[{clinic_name}] {alert.severity.value}: {alert.summary}"
    seen = f"First seen {since}, {alert.count} times so far." if alert.count > 1 else f"First seen {since}."
    return Notice(subject=subject, text="\n".join(part for part in (alert.summary, alert.advice, seen) if part))
