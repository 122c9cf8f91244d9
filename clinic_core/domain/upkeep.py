"""What keeps the system well over the years: how its database grows, certificates, versions, and what reviews found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from clinic_core.domain.alerts import Severity

LEAST_SAMPLES: Final = 7
_LOOKED_BACK: Final = timedelta(days=90)
_FAR_OFF: Final = timedelta(days=3_650)
_TIGHT_DAYS, _FULL_DAYS = 60, 14
_TIGHT_BYTES, _FULL_BYTES = 5_000_000_000, 1_000_000_000
_RENEW_DAYS, _URGENT_DAYS = 21, 7
_UNUSED_DAYS: Final = 30
_PYTHON_NOTICE: Final = timedelta(days=180)
# The last day of the month in which security fixes end: the release schedules, PEP 664, 693, 719 and 745.
PYTHON_ENDS: Final = {
    (3, 11): date(2027, 10, 31),
    (3, 12): date(2028, 10, 31),
    (3, 13): date(2029, 10, 31),
    (3, 14): date(2030, 10, 31),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeSample:
    """What the database took on a day; `id` is the day. `free_bytes` is None where nobody can tell.

    `documents` counts them by collection.
    """

    id: str
    at: datetime
    disk_bytes: int
    free_bytes: int | None = None
    documents: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """By how much the database grows in a day, and when the disk is full at that pace; None: not for ten years."""

    bytes_per_day: float
    full_on: date | None = None


def growth_of(samples: Sequence[SizeSample]) -> Growth | None:
    """The straight line that fits the last 90 days best; None for fewer than a week of samples, in order."""
    recent = [sample for sample in samples if samples[-1].at - sample.at <= _LOOKED_BACK]
    if len(recent) < LEAST_SAMPLES:
        return None
    days = [(sample.at - recent[0].at) / timedelta(days=1) for sample in recent]
    mean_day, mean_size = math.fsum(days) / len(days), math.fsum(s.disk_bytes for s in recent) / len(recent)
    spread = math.fsum((day - mean_day) ** 2 for day in days)
    if spread == 0:
        return None
    slope = math.fsum((d - mean_day) * (s.disk_bytes - mean_size) for d, s in zip(days, recent, strict=True)) / spread
    last = recent[-1]
    if slope <= 0 or last.free_bytes is None or last.free_bytes / slope > _FAR_OFF.days:
        return Growth(bytes_per_day=slope)
    return Growth(bytes_per_day=slope, full_on=last.at.date() + timedelta(days=int(last.free_bytes / slope)))


def disk_severity(last: SizeSample, growth: Growth | None) -> Severity | None:
    """How bad it is about the disk's free space; None: fine, or not known."""
    if last.free_bytes is None:
        return None
    days = (growth.full_on - last.at.date()).days if growth and growth.full_on else _FAR_OFF.days
    if last.free_bytes < _FULL_BYTES or days < _FULL_DAYS:
        return Severity.CRITICAL
    return Severity.WARNING if last.free_bytes < _TIGHT_BYTES or days < _TIGHT_DAYS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a server shows who connects by TLS: until when it holds, or why it is not accepted."""

    host: str
    ends_at: datetime | None = None
    fault: str = ""


def certificate_severity(certificate: Certificate, *, now: datetime) -> Severity | None:
    """How urgent its renewal is; None: not yet."""
    if certificate.ends_at is None:
        return Severity.CRITICAL
    days = (certificate.ends_at - now).days
    if days < _URGENT_DAYS:
        return Severity.CRITICAL
    return Severity.WARNING if days < _RENEW_DAYS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexUse:
    """How often an index was read since when; None: the server does not count."""

    collection: str
    name: str
    unique: bool = False
    reads: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a periodic look came to; `id` says at what. `known` is False where the question could not be answered."""

    id: str
    made_at: datetime
    summary: str
    lines: tuple[str, ...] = ()
    known: bool = True


def review_indexes(uses: Sequence[IndexUse], *, now: datetime) -> Review:
    """Which indexes nobody has read for a month. Primary keys and unique ones stay: they guard, read or not."""
    counted = [use for use in uses if use.reads is not None and use.since is not None]
    if not counted:
        summary = "Not available: this database server does not count how often an index is read, or does not tell."
        return Review(id="indexes", made_at=now, summary=summary, known=False)
    unused = [use for use in counted if not use.reads and not use.unique and use.name != "_id_" and _is_old(use, now)]
    return Review(
        id="indexes",
        made_at=now,
        summary=f"{len(unused)} of {len(counted)} indexes were not read for {_UNUSED_DAYS} days on the server asked.",
        lines=tuple(sorted(f"{use.collection}: {use.name}" for use in unused)),
    )


def _is_old(use: IndexUse, now: datetime) -> bool:
    return use.since is not None and now - use.since >= timedelta(days=_UNUSED_DAYS)


def review_versions(differing: Sequence[str], python: tuple[int, int], *, now: datetime) -> Review:
    """What is installed against what is pinned, and Python's own end. What is newer elsewhere nobody here can know."""
    end = PYTHON_ENDS.get(python)
    name = f"Python {python[0]}.{python[1]}"
    life = f"{name} gets security fixes until {end:%B %Y}" if end else f"When {name} ends is not known to this release"
    pins = f"{len(differing)} packages are not as pinned" if differing else "every package is as pinned"
    return Review(id="versions", made_at=now, summary=f"{life}; {pins}.", lines=tuple(differing))


def is_python_ending(python: tuple[int, int], *, now: datetime) -> bool:
    """Whether its security fixes end within half a year, or have."""
    end = PYTHON_ENDS.get(python)
    return end is not None and end - now.date() <= _PYTHON_NOTICE
