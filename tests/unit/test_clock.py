"""Instants, local days and ids."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain import clock, ids

ZONES = st.sampled_from([ZoneInfo(name) for name in ("Asia/Kolkata", "Europe/Berlin", "America/St_Johns", "UTC")])


def test_instants_are_cut_to_what_the_database_keeps() -> None:
    """Milliseconds, in UTC."""
    berlin = datetime(2026, 3, 2, 12, 0, 0, 123_999, tzinfo=ZoneInfo("Europe/Berlin"))
    assert clock.utc(berlin) == datetime(2026, 3, 2, 11, 0, 0, 123_000, tzinfo=UTC)


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)), zone=ZONES)
def test_days_follow_each_other_without_a_gap(day: date, zone: ZoneInfo) -> None:
    """Each begins where the one before ends, and its first instant belongs to it."""
    begin, end = clock.day_bounds(day, zone)
    assert end == clock.day_bounds(day + timedelta(days=1), zone)[0]
    assert clock.local_day(begin, zone) == day
    assert clock.local_day(end - timedelta(milliseconds=1), zone) == day


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)), hour=st.integers(4, 23), zone=ZONES)
def test_the_wall_clock_shows_what_was_asked(day: date, hour: int, zone: ZoneInfo) -> None:
    """By day, when no clock changes."""
    shown = clock.at_local(day, time(hour), zone).astimezone(zone)
    assert (shown.date(), shown.hour, shown.minute) == (day, hour, 0)


@pytest.mark.parametrize(
    ("day", "at", "utc"),
    [
        (date(2026, 3, 29), time(2, 30), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # skipped: half past three
        (date(2026, 10, 25), time(2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # twice: the first
    ],
)
def test_times_that_are_skipped_or_come_twice(day: date, at: time, utc: datetime) -> None:
    """In Berlin, the two nights of 2026."""
    assert clock.at_local(day, at, ZoneInfo("Europe/Berlin")) == utc


def test_ids() -> None:
    """Random ones differ; a derived one is always the same, per kind and source."""
    assert ids.new_id() != ids.new_id()
    assert ids.derived_id("invoice", "a") == ids.derived_id("invoice", "a")
    assert len({ids.derived_id(kind, source) for kind in ("invoice", "audit") for source in ("a", "b")}) == 4
