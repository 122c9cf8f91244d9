"""Quiet hours and lead times on wall clocks that jump: in five zones, on the days when the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from clinic_core.domain import clock
from clinic_core.domain.messages import MessageKind, MessagePolicy
from clinic_core.domain.quiet import patient_zone, quiet_since, quiet_until
from clinic_core.domain.reminding import lead_start, sendable_at
from tests import make

BERLIN, NEW_YORK, SYDNEY = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Sydney")
KOLKATA, LORD_HOWE = ZoneInfo("Asia/Kolkata"), ZoneInfo("Australia/Lord_Howe")
NIGHT = time(21), time(8)

# A visit just after the clocks changed: zone, its day and time, and how many hours really pass in "one day before".
CHANGES = [
    (BERLIN, date(2026, 3, 29), 23),
    (BERLIN, date(2026, 10, 25), 25),
    (NEW_YORK, date(2026, 3, 8), 23),
    (NEW_YORK, date(2026, 11, 1), 25),
    (SYDNEY, date(2026, 10, 4), 23),
    (SYDNEY, date(2026, 4, 5), 25),
    (LORD_HOWE, date(2026, 10, 4), 23.5),
    (LORD_HOWE, date(2026, 4, 5), 24.5),
    (KOLKATA, date(2026, 3, 29), 24),
]


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES)
def test_one_day_before_is_the_same_time_on_the_wall(zone: ZoneInfo, day: date, hours: float) -> None:
    """By elapsed time a patient would be told at 09:00 or 11:00 of a visit at 10:00."""
    start = make.at("10:00", day, zone)
    due = lead_start(start, 1440, zone)
    assert due.astimezone(zone).strftime("%d %H:%M") == f"{day.day - 1 or due.astimezone(zone).day:02d} 10:00"
    assert (start - due).total_seconds() == hours * 3600


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES)
def test_two_hours_before_are_two_hours(zone: ZoneInfo, day: date, hours: float) -> None:
    """By the wall clock a reminder at a change of the clocks would come one hour or three hours before."""
    start = make.at("04:00", day, zone)
    assert (start - lead_start(start, 120, zone)).total_seconds() == 7200


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES)
def test_the_night_ends_at_eight_whatever_its_length(zone: ZoneInfo, day: date, hours: float) -> None:
    """A night is one hour shorter or longer when the clocks change; its end is on the wall."""
    evening = make.at("22:00", date.fromordinal(day.toordinal() - 1), zone)
    end = quiet_until(evening, *NIGHT, zone)
    assert end == make.at("08:00", day, zone)
    assert end is not None
    assert (end - evening).total_seconds() == (10 + hours - 24) * 3600
    assert quiet_since(make.at("03:30", day, zone), NIGHT[0], zone) == make.at(
        "21:00", evening.astimezone(zone).date(), zone
    )


@pytest.mark.parametrize(("hours", "quiet"), [("20:59", False), ("21:00", True), ("07:59", True), ("08:00", False)])
def test_quiet_hours_hold_their_beginning_and_not_their_end(hours: str, quiet: bool) -> None:
    """A message at the stroke of eight may go, one at the stroke of nine in the evening not."""
    assert (quiet_until(make.at(hours), *NIGHT, make.ZONE) is not None) == quiet


def test_an_end_in_the_hour_that_comes_twice_lies_ahead() -> None:
    """At the second 02:10 the first 02:30 has gone: the message would be due in the past, again and again."""
    second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 in Berlin for the second time
    assert quiet_until(second, time(22), time(2, 30), BERLIN) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_quiet_hours_at_noon_and_none_at_all() -> None:
    """They need not span midnight; two equal times mean that there are none."""
    assert quiet_until(make.at("13:30"), time(13), time(15), make.ZONE) == make.at("15:00")
    assert quiet_until(make.at("12:30"), time(13), time(15), make.ZONE) is None
    assert quiet_until(make.at("03:00"), time(8), time(8), make.ZONE) is None


@pytest.mark.parametrize(
    ("phone", "zone"),
    [
        ("+919876543210", "Asia/Calcutta"),
        ("+4915112345678", "Europe/Berlin"),
        ("+971501234567", "Asia/Dubai"),
        ("+61412345678", "Europe/Rome"),  # Australia has many
        ("+447700900123", "Europe/Rome"),  # not known
        ("", "Europe/Rome"),
        ("nonsense", "Europe/Rome"),
    ],
)
def test_a_patients_zone_is_that_of_the_phone_where_there_is_one(phone: str, zone: str) -> None:
    """Guessing among many zones would wake people up as surely as taking no notice."""
    assert patient_zone(phone, ZoneInfo("Europe/Rome")).key == zone


@pytest.mark.parametrize(
    ("kind", "due", "start", "sent"),
    [
        ("reminder", "06:00", "09:30", "08:00"),  # their end is still an hour before the visit
        ("reminder", "06:30", "08:30", "20:45 Sun"),  # it is not: a little before they begin
        ("confirmation", "22:00", "09:30 Tue", "08:00 Tue"),
        ("confirmation", "22:00", "08:30 Tue", None),  # the patient knows what was booked in the evening
        ("changed", "22:00", "08:30 Tue", "08:00 Tue"),
        ("changed", "22:00", "08:00 Tue", "22:00"),  # rather at night than not at all
        ("cancelled", "07:00", "08:30", "07:00"),  # the patient may be on the way
        ("cancelled", "05:00", "09:30", "08:00"),
        ("reply", "03:00", "09:30", "03:00"),
        ("review", "22:00", None, "08:00 Tue"),
    ],
)
def test_what_falls_into_quiet_hours_moves_to_where_it_is_of_use(
    kind: str, due: str, start: str | None, sent: str | None
) -> None:
    """A reminder that comes after its visit, or a cancellation that comes after the patient has left home."""
    found = sendable_at(
        _at(due),
        kind=MessageKind(kind),
        start=None if start is None else _at(start),
        since=make.at("12:00", date(2026, 3, 1)),
        policy=MessagePolicy(),
        zone=make.ZONE,
    )
    assert found == (None if sent is None else _at(sent))


def test_a_reminder_is_not_put_before_the_booking() -> None:
    """Booked at 22:00 for 08:30: the evening before is over, and at night nobody is woken."""
    found = sendable_at(
        make.at("06:30"),
        kind=MessageKind.REMINDER,
        start=make.at("08:30"),
        since=make.at("22:00", date(2026, 3, 1)),
        policy=MessagePolicy(),
        zone=make.ZONE,
    )
    assert found is None


def _at(text: str) -> datetime:
    hours, _, day = text.partition(" ")
    days = {"": make.MONDAY, "Tue": make.TUESDAY, "Sun": date(2026, 3, 1)}
    return clock.at_local(days[day], time.fromisoformat(hours), make.ZONE)
