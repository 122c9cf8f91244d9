"""Rules of upkeep: when a disk is full, a certificate ends, an index is useless, a maintenance is announced."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from clinic_core import versions
from clinic_core.domain.alerts import Severity
from clinic_core.domain.maintenance import MaintenanceWindow, ahead, announced, check_window
from clinic_core.domain.upkeep import (
    Certificate,
    IndexUse,
    SizeSample,
    certificate_severity,
    disk_severity,
    growth_of,
    is_python_ending,
    review_indexes,
    review_versions,
)
from clinic_core.errors import InvalidInput

NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
GB = 1_000_000_000


def samples(*sizes: int, free: int | None = 100 * GB) -> list[SizeSample]:
    """One a night, the last one today."""
    days = [NOW - timedelta(days=len(sizes) - 1 - n) for n in range(len(sizes))]
    return [
        SizeSample(id=day.date().isoformat(), at=day, disk_bytes=size, free_bytes=free)
        for day, size in zip(days, sizes, strict=True)
    ]


def test_growth_and_when_the_disk_is_full() -> None:
    """A gigabyte a day with ten free is ten days; noise does not hide the line; before a week nothing is said."""
    steady = samples(*(n * GB for n in range(10)), free=10 * GB)
    growth = growth_of(steady)
    assert growth is not None
    assert growth.bytes_per_day == pytest.approx(GB)
    assert growth.full_on == date(2026, 3, 12)
    noisy = growth_of(samples(*(n * GB + (-1) ** n * GB // 10 for n in range(30))))
    assert noisy is not None
    assert noisy.bytes_per_day == pytest.approx(GB, rel=0.02)
    assert growth_of(steady[:6]) is None


@pytest.mark.parametrize("sizes", [(5,) * 10, tuple(range(10, 0, -1))])
def test_what_does_not_grow_is_never_full(sizes: tuple[int, ...]) -> None:
    """Nor is there a date for it, and no division by nothing."""
    growth = growth_of(samples(*(size * GB for size in sizes)))
    assert growth is not None
    assert growth.full_on is None


@pytest.mark.parametrize(
    ("free", "per_day", "severity"),
    [
        (100 * GB, 0, None),
        (100 * GB, 2 * GB, Severity.WARNING),  # in fifty days
        (20 * GB, 2 * GB, Severity.CRITICAL),  # in ten
        (4 * GB, 0, Severity.WARNING),
        (GB // 2, 0, Severity.CRITICAL),
        (None, 5 * GB, None),  # nobody can tell
    ],
)
def test_when_a_disk_is_alarming(free: int | None, per_day: int, severity: Severity | None) -> None:
    """By what is left now and by when it is full."""
    grown = samples(*(n * per_day for n in range(10)), free=free)
    assert disk_severity(grown[-1], growth_of(grown)) is severity


@pytest.mark.parametrize(
    ("days", "severity"),
    [
        (40, None),
        (22, None),
        (20, Severity.WARNING),
        (7, Severity.WARNING),
        (6, Severity.CRITICAL),
        (-1, Severity.CRITICAL),
    ],
)
def test_when_a_certificate_is_alarming(days: int, severity: Severity | None) -> None:
    """Three weeks and one week ahead; one that is not accepted at once."""
    ends = Certificate(host="clinic.example", ends_at=NOW + timedelta(days=days, hours=1))
    assert certificate_severity(ends, now=NOW) is severity
    assert certificate_severity(Certificate(host="x", fault="self-signed certificate"), now=NOW) is Severity.CRITICAL


def test_indexes_that_nobody_reads() -> None:
    """Guards stay, and what was counted for a week only proves nothing."""
    old, new = NOW - timedelta(days=31), NOW - timedelta(days=7)
    uses = [
        IndexUse(collection="a", name="_id_", reads=0, since=old),
        IndexUse(collection="a", name="holds_1", unique=True, reads=0, since=old),
        IndexUse(collection="a", name="day_1", reads=9, since=old),
        IndexUse(collection="a", name="old_1", reads=0, since=old),
        IndexUse(collection="b", name="new_1", reads=0, since=new),
    ]
    assert review_indexes(uses, now=NOW).lines == ("a: old_1",)
    unknown = review_indexes([IndexUse(collection="a", name="old_1")], now=NOW)
    assert (unknown.known, unknown.lines) == (False, ())
    assert "Not available" in unknown.summary


def test_versions() -> None:
    """A package that differs or is missing is named; what only another platform needs may be missing."""
    found = versions.differing(
        "pytest==0.0.1\nno-such-thing==1.0\nuvloop==9 ; sys_platform == 'x'\nwinonly==1 ; sys_platform == 'win32'\n"
    )
    assert [line.partition(",")[0] for line in found] == [
        "pytest: pinned 0.0.1",
        "no-such-thing: pinned 1.0",
        "uvloop: pinned 9",
    ]
    review = review_versions(found, (3, 11), now=NOW)
    assert review.summary == "Python 3.11 gets security fixes until October 2027; 3 packages are not as pinned."
    assert "not known" in review_versions([], (4, 0), now=NOW).summary
    assert not is_python_ending((3, 11), now=NOW)
    assert is_python_ending((3, 11), now=datetime(2027, 6, 1, tzinfo=UTC))


def window(hours: float, lasts: float = 2, **changes: object) -> MaintenanceWindow:
    """A window that begins so many hours from now."""
    start = NOW + timedelta(hours=hours)
    return MaintenanceWindow(id=str(hours), start=start, end=start + timedelta(hours=lasts), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hours", "told"), [(24.1, False), (24, True), (1, True), (-1, True), (-1.99, True), (-2, False)]
)
def test_a_maintenance_is_announced_a_day_ahead_until_its_end(hours: float, told: bool) -> None:
    """Neither earlier nor later."""
    assert (announced([window(hours)], NOW) is not None) is told


def test_the_next_one_is_announced_and_not_one_that_was_called_off() -> None:
    """In the order of their beginnings."""
    windows = [window(5), window(2, cancelled=True), window(3), window(40)]
    assert announced(windows, NOW) == window(3)
    assert ahead(windows, NOW) == [window(3), window(5), window(40)]


@pytest.mark.parametrize(("hours", "lasts"), [(1, 0), (1, -1), (1, 49), (-5, 2)])
def test_an_impossible_window_is_refused(hours: float, lasts: float) -> None:
    """With what to do."""
    with pytest.raises(InvalidInput, match="Choose"):
        check_window(window(hours, lasts), now=NOW)
