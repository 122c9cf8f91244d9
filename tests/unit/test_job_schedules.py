"""When a job is due: intervals that keep their beat, and times on a clock that skips and repeats hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic_core.domain.jobs import Schedule, daily, every, monthly, weekly

BERLIN = ZoneInfo("Europe/Berlin")


def dues(schedule: Schedule, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Every due time from `start` to `end`, as a sidecar that is never late meets them."""
    found, due = [], schedule.first(start, zone)
    while due < end:
        found.append(due)
        due = schedule.following(due, due, zone)
    return found


@pytest.mark.parametrize(
    ("zone", "at", "spring", "autumn"),
    [
        ("Europe/Berlin", "02:30", "2026-03-29", "2026-10-25"),
        ("America/New_York", "02:30", "2026-03-08", "2026-11-01"),
        ("Australia/Lord_Howe", "02:15", "2026-10-04", "2026-04-05"),  # by half an hour
        ("America/Santiago", "00:00", "2026-09-06", "2026-04-05"),  # midnight itself is skipped
        ("Asia/Kolkata", "02:30", "2026-03-29", "2026-10-25"),  # no change at all
    ],
)
def test_a_daily_job_runs_once_on_every_local_day(zone: str, at: str, spring: str, autumn: str) -> None:
    """A time that the clock skips must not lose a day's backup, one that it repeats must not make two."""
    place = ZoneInfo(zone)
    found = dues(daily(at), place, datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    days = [due.astimezone(place).date() for due in found]

    assert [later - day for day, later in zip(days, days[1:], strict=False)] == [timedelta(days=1)] * (len(days) - 1)
    assert {spring, autumn} <= {day.isoformat() for day in days}
    assert len(days) in (365, 366)
    odd = [due for due in found if f"{due.astimezone(place):%H:%M}" != at]
    assert {due.astimezone(place).date().isoformat() for due in odd} <= {spring}


def test_the_first_of_a_repeated_time_is_meant_and_the_second_is_past() -> None:
    """At the second 02:30 of an autumn night the next run is tomorrow's."""
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)

    assert daily("02:30").first(first - timedelta(seconds=1), BERLIN) == first
    assert daily("02:30").following(first, second, BERLIN) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_weekly_and_monthly() -> None:
    """The Sunday and the month's last day, also where the month has no such day."""
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    sundays = dues(weekly("Sunday", "03:00"), BERLIN, start, end)
    months = dues(monthly(31, "04:00"), BERLIN, start, end)

    assert {due.astimezone(BERLIN).weekday() for due in sundays} == {6}
    assert len(sundays) == 17
    assert [f"{due.astimezone(BERLIN):%d.%m. %H:%M}" for due in months] == [
        "31.01. 04:00",
        "28.02. 04:00",
        "31.03. 04:00",
        "30.04. 04:00",
    ]


@pytest.mark.parametrize("schedule", [every(seconds=20), daily("02:30"), weekly("Sunday", "03:00")])
def test_after_four_days_asleep_one_run_makes_up_for_all(schedule: Schedule) -> None:
    """A laptop that slept must not run a job 17,280 times, nor start a new beat."""
    due = schedule.first(datetime(2026, 3, 1, 12, tzinfo=UTC), BERLIN)
    woke = due + timedelta(days=4, seconds=7)
    following = schedule.following(due, woke, BERLIN)

    assert woke < following
    if schedule.at is None:
        assert (following - due) % timedelta(seconds=20) == timedelta(0)
        assert following - woke <= timedelta(seconds=20)
    else:
        assert following in dues(schedule, BERLIN, due, woke + timedelta(days=8))


def test_an_early_run_leaves_the_schedule_alone() -> None:
    """ "Run now" at noon must not move tonight's backup."""
    due = datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
    assert daily("02:30").following(due, due - timedelta(hours=9), BERLIN) == due


@pytest.mark.parametrize(
    ("schedule", "delays"),
    [
        (every(seconds=2), [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
        (every(minutes=10), [60, 120, 240, 480, 600, 600]),
        (daily("02:30"), [60, 120, 240, 480, 960, 1920, 3600, 3600]),
    ],
)
def test_failures_are_tried_again_later_each_time(schedule: Schedule, delays: list[int]) -> None:
    """But never later than a limit, so that a mended fault is noticed."""
    now = datetime(2026, 3, 1, 2, tzinfo=UTC)
    retries = [schedule.retry(n, now, BERLIN) - now for n in (*range(1, len(delays) + 1), 10_000)]
    assert [retry.total_seconds() for retry in retries] == [*delays, delays[-1]]


def test_a_retry_does_not_pass_over_the_next_time() -> None:
    """Half an hour before the next night's run an hour's pause would miss it."""
    now = datetime(2026, 3, 1, 1, tzinfo=UTC)
    assert daily("02:30").retry(9, now, BERLIN) == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (every(seconds=1), "every second"),
        (every(seconds=90), "every 90 seconds"),
        (every(minutes=5), "every 5 minutes"),
        (every(hours=1), "every hour"),
        (every(hours=48), "every 2 days"),
        (daily("02:00"), "daily at 02:00 (Europe/Berlin)"),
        (weekly("Sunday", "03:00"), "every Sunday at 03:00 (Europe/Berlin)"),
        (monthly(1, "04:00"), "monthly on day 1 at 04:00 (Europe/Berlin)"),
    ],
)
def test_a_schedule_in_words(schedule: Schedule, words: str) -> None:
    """What the administrator reads."""
    assert schedule.words(BERLIN) == words
