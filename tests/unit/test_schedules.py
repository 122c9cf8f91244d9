"""Working hours, free starts, and the two nights a year when the clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain.schedules import (
    Absence,
    Opening,
    Schedule,
    check_schedule,
    free_starts,
    parse_openings,
    show_openings,
)
from clinic_core.errors import InvalidInput
from tests import make

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # the clocks change at 02:00 and 03:00

FIVES = st.integers(0, 24 * 12 - 1)


@st.composite
def day_openings(draw: st.DrawFn) -> tuple[Opening, ...]:
    """Openings of a day, in order and apart."""
    edges = sorted(draw(st.sets(FIVES, max_size=8)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return tuple(Opening(start=_time(start), end=_time(end)) for start, end in pairs)


def _time(fives: int) -> time:
    return time(fives // 12, fives % 12 * 5)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("09:00-13:00, 14:00-17:30", "09:00-13:00, 14:00-17:30"),
        ("9-13,14-17:30", "09:00-13:00, 14:00-17:30"),
        (" 9:00 – 13:00 ", "09:00-13:00"),
        ("00:00-23:55", "00:00-23:55"),
        ("", ""),
        (" , ", ""),
    ],
)
def test_reading_hours(text: str, shown: str) -> None:
    """As people write them."""
    assert show_openings(parse_openings(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "9",
        "nine-five",
        "13:00-09:00",
        "09:00-09:00",
        "09:00-13:00-14:00",
        "09:00-25:00",
        "09:61-13:00",
        "09:03-13:00",
        "09:00:30-13:00",
        "09:00+05:30-13:00",
        "09:00-13:00, 12:00-14:00",
        "14:00-18:00, 09:00-13:00",
        "٠٩:٠٠-١٣:٠٠",
    ],
)
def test_hours_that_cannot_be(text: str) -> None:
    """Each with a message that shows how to write them."""
    with pytest.raises(InvalidInput):
        parse_openings(text)


@given(day_openings())
def test_hours_are_read_as_they_are_shown(openings: tuple[Opening, ...]) -> None:
    """Showing and reading again changes nothing."""
    assert parse_openings(show_openings(openings)) == openings
    check_schedule(Schedule(id="x", weekly=(openings,) * 7))


def test_an_absence_closes_whole_days() -> None:
    """Both ends included."""
    away = make.schedule(absences=(Absence(start_on=make.TUESDAY, end_on=make.TUESDAY + timedelta(days=1)),))
    days = [make.MONDAY + timedelta(days=n) for n in range(7)]
    assert [bool(away.openings_on(day)) for day in days] == [True, False, False, True, True, True, False]


@given(
    openings=day_openings(),
    taken=st.lists(st.tuples(FIVES, st.integers(1, 24)), max_size=12),
    minutes=st.sampled_from((5, 10, 15, 30, 45, 60)),
    step=st.sampled_from((5, 10, 15, 20, 30)),
    now=FIVES,
    day=st.sampled_from((make.MONDAY, SPRING, AUTUMN)),
)
def test_free_starts_touch_nothing_that_is_taken(
    *,
    openings: tuple[Opening, ...],
    taken: list[tuple[int, int]],
    minutes: int,
    step: int,
    now: int,
    day: date,
) -> None:
    """Each lies within an opening, after now, on the grid and clear of every visit, on clock-change days too."""
    schedule = Schedule(id="x", weekly=(openings,) * 7)
    windows = schedule.windows(day, BERLIN)
    midnight = datetime.combine(day, time(), BERLIN).astimezone(UTC)
    busy = [(midnight + timedelta(minutes=5 * s), midnight + timedelta(minutes=5 * (s + n))) for s, n in taken]
    not_before = midnight + timedelta(minutes=5 * now)

    starts = free_starts(windows, busy, minutes=minutes, step=step, not_before=not_before)

    assert starts == sorted(set(starts))
    for start in starts:
        end = start + timedelta(minutes=minutes)
        assert start >= not_before
        assert schedule.is_open(start, minutes, day, BERLIN)
        assert all(finish <= start or end <= begin for begin, finish in busy)
        assert any(begin <= start and (start - begin) % timedelta(minutes=step) == timedelta() for begin, _ in windows)


def test_every_free_start_is_found() -> None:
    """A day with one visit from 10:00 to 10:20 and a break."""
    windows = make.schedule().windows(make.MONDAY, make.ZONE)
    taken = [(make.at("10:00"), make.at("10:20"))]

    starts = free_starts(windows, taken, minutes=30, step=30, not_before=make.at("09:15"))

    shown = [f"{start.astimezone(make.ZONE):%H:%M}" for start in starts]
    assert shown == ["09:30", "10:30", "11:00", "11:30", "12:00", "12:30"] + [
        f"{hour}:{minute}" for hour in range(14, 18) for minute in ("00", "30")
    ]


@pytest.mark.parametrize(
    ("day", "hours"),
    [(SPRING, 23), (AUTUMN, 25), (make.MONDAY, 24)],
)
def test_a_day_of_work_is_as_long_as_the_day(day: date, hours: int) -> None:
    """Night duty on the days when the clock changes: an hour less, an hour more."""
    weekly = (parse_openings("00:00-23:55"),) * 7
    ((begin, end),) = Schedule(id="x", weekly=weekly).windows(day, BERLIN)
    assert end - begin == timedelta(hours=hours, minutes=-5)


def test_the_hour_that_does_not_exist() -> None:
    """On the morning of 29 March 2026 there is no 02:00 to 03:00 in Berlin: nothing can be booked there."""
    weekly = (parse_openings("02:00-03:00, 03:00-04:00"),) * 7
    windows = Schedule(id="x", weekly=weekly).windows(SPRING, BERLIN)
    starts = free_starts(windows, [], minutes=30, step=30, not_before=datetime(2026, 3, 1, tzinfo=UTC))
    assert [f"{start.astimezone(BERLIN):%H:%M}" for start in starts] == ["03:00", "03:30"]


def test_the_hour_that_comes_twice() -> None:
    """From 02:00 to 03:00 on 25 October 2026 the first of both is meant; a duty across it has three hours."""
    weekly = (parse_openings("02:00-03:00"),) * 7
    ((begin, end),) = Schedule(id="x", weekly=weekly).windows(AUTUMN, BERLIN)
    assert (begin, end) == (datetime(2026, 10, 25, 0, 0, tzinfo=UTC), datetime(2026, 10, 25, 2, 0, tzinfo=UTC))


def test_winter_and_summer_hours_are_the_same_on_the_wall() -> None:
    """09:00 stays 09:00, while UTC moves: nobody comes an hour off after the change."""
    weekly = (parse_openings("09:00-10:00"),) * 7
    schedule = Schedule(id="x", weekly=weekly)
    before, after = (schedule.windows(SPRING + timedelta(days=n), BERLIN)[0][0] for n in (-1, 1))
    assert (before.hour, after.hour) == (8, 7)
    assert {f"{start.astimezone(BERLIN):%H:%M}" for start in (before, after)} == {"09:00"}
