"""What is known of backups, and which are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from clinic_core.domain import clock

DAILY: Final = 7
WEEKLY: Final = 4
MONTHLY: Final = 12
OVERDUE_AFTER: Final = timedelta(hours=26)
REMEMBERED: Final = timedelta(days=400)  # the history that is looked at: twelve monthly ones, and some


class State(StrEnum):
    """Whether a backup can be relied on: only what was restored once and compared is `VERIFIED`."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    BROKEN = "broken"


class Step(StrEnum):
    """What was done with a backup."""

    CREATED = "created"
    VERIFIED = "verified"
    FOUND_BROKEN = "found-broken"
    CHECKED = "checked"  # size, SHA-256 and signature
    DRILLED = "drilled"
    PRUNED = "pruned"
    EXPORTED = "exported"


PROVEN: Final = frozenset({Step.VERIFIED, Step.DRILLED})  # restored and compared


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupEvent:
    """A line of the backups' history. `milliseconds` are by stage of the work; `note` holds no patient's data."""

    id: str
    at: datetime
    step: Step
    backup_id: str
    size: int = 0
    documents: int = 0
    milliseconds: Mapping[str, int] = field(default_factory=dict)
    note: str = ""

    @property
    def seconds(self) -> float:
        """How long it took in all."""
        return sum(self.milliseconds.values()) / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBackup:
    """A backup as its history tells it."""

    id: str
    created_at: datetime
    state: State = State.UNVERIFIED
    size: int = 0
    documents: int = 0
    verified_at: datetime | None = None
    checked_at: datetime | None = None
    recovery_seconds: float | None = None  # restored, compared and checked, when that was last tried
    note: str = ""


def known(events: list[BackupEvent]) -> list[KnownBackup]:
    """The backups that are still there, by their history in any order; the newest first."""
    by_backup: dict[str, list[BackupEvent]] = {}
    for event in sorted(events, key=lambda event: event.at):
        by_backup.setdefault(event.backup_id, []).append(event)
    told = [_known(each) for each in by_backup.values() if not any(event.step is Step.PRUNED for event in each)]
    return sorted((each for each in told if each is not None), key=lambda each: each.created_at, reverse=True)


def kept(good: Mapping[str, datetime], zone: ZoneInfo) -> set[str]:
    """Which of the good backups stay: the newest of each of the last 7 days, 4 weeks and 12 months that have one.

    Days are the clinic's. What is counted are backups that exist: a week without any takes no place, so a sidecar
    that slept does not make old ones go.
    """
    days = {name: clock.local_day(at, zone) for name, at in good.items()}
    newest_first = sorted(good, key=lambda name: good[name], reverse=True)
    stay: set[str] = set(newest_first[:1])
    for period, most in _PERIODS:
        chosen: dict[object, str] = {}
        for name in newest_first:
            if len(chosen) < most or period(days[name]) in chosen:
                chosen.setdefault(period(days[name]), name)
        stay |= set(chosen.values())
    return stay


_PERIODS: Final[tuple[tuple[Callable[[date], object], int], ...]] = (
    (lambda day: day, DAILY),
    (lambda day: day.isocalendar()[:2], WEEKLY),
    (lambda day: (day.year, day.month), MONTHLY),
)


def new_backup_id(now: datetime, suffix: str) -> str:
    """The moment, readable and in order, and something that tells two of one second apart."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}{suffix}"


def made_at(backup_id: str) -> datetime | None:
    """The moment in a backup's id."""
    try:
        return datetime.strptime(backup_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _known(events: list[BackupEvent]) -> KnownBackup | None:
    """What one backup's events, in order, come to; None for an export.

    A database that was restored does not know the making of backups that came after its moment, but their later events.
    """
    last = {event.step: event for event in events}
    if Step.EXPORTED in last:
        return None
    made = last.get(Step.CREATED) or max(events, key=lambda event: event.documents)
    verdict = next((event for event in reversed(events) if event.step in PROVEN | {Step.FOUND_BROKEN}), None)
    state = State.UNVERIFIED
    if verdict is not None:
        state = State.VERIFIED if verdict.step in PROVEN else State.BROKEN
    return KnownBackup(
        id=made.backup_id,
        created_at=made_at(made.backup_id) or made.at,
        state=state,
        size=made.size,
        documents=made.documents,
        verified_at=max((event.at for event in events if event.step in PROVEN), default=None),
        checked_at=_at(last.get(Step.CHECKED)),
        recovery_seconds=next((event.seconds for event in reversed(events) if event.step in PROVEN), None),
        note=verdict.note if verdict else "",
    )


def _at(event: BackupEvent | None) -> datetime | None:
    return event.at if event else None
