"""Instants are aware UTC; a day is the clinic's local day. `now` is always handed in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def utc(instant: datetime) -> datetime:
    """The instant in UTC, cut to the millisecond that the database keeps."""
    moment = instant.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def at_local(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant at which the clinic's wall clock shows `day` `at`.

    A time that a spring-forward change skips becomes the same distance after the gap; of a repeated
    time the first one is meant (PEP 495, fold=0).
    """
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The clinic's calendar day at `instant`."""
    return instant.astimezone(zone).date()


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """First instant of the local day and of the next one (23, 24 or 25 hours apart)."""
    return at_local(day, time(), zone), at_local(day + timedelta(days=1), time(), zone)


def age_on(birth_date: date, day: date) -> int:
    """Completed years of life on `day`."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))
