"""Which backups are kept, and what their history says of each."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain.backups import BackupEvent, State, Step, kept, known

ZONE = ZoneInfo("Asia/Kolkata")
START = datetime(2025, 1, 1, 20, 30, tzinfo=UTC)  # 02:00 of the next day there


def _nightly(days: int) -> dict[str, datetime]:
    return {f"b{number:04d}": START + timedelta(days=number) for number in range(days)}


def test_a_year_of_nights_leaves_seven_days_four_weeks_twelve_months() -> None:
    """Each counted for itself, so that old ones go while one can go back a year."""
    good = _nightly(500)
    stay = kept(good, ZONE)
    newest = sorted(good, reverse=True)
    assert set(newest[:7]) <= stay
    days = sorted((good[name].astimezone(ZONE).date() for name in stay), reverse=True)
    assert len({(day.year, day.month) for day in days}) == 12
    assert len({day.isocalendar()[:2] for day in days if days[0] - day < timedelta(days=28)}) == 4
    assert len(stay) <= 7 + 4 + 12


def test_days_without_a_backup_take_no_place() -> None:
    """After three weeks asleep, seven days with backups are still there to go back to."""
    good = {
        name: at if number < 10 else at + timedelta(days=21) for number, (name, at) in enumerate(_nightly(12).items())
    }
    stay = kept(good, ZONE)
    assert len({at.astimezone(ZONE).date() for name, at in good.items() if name in stay}) >= 7


def test_the_day_is_the_clinics() -> None:
    """20:30 and 23:30 UTC are one day in London in winter, and one day in Kolkata; 17:30 is the day before there."""
    good = {"a": START - timedelta(hours=3), "b": START, "c": START + timedelta(hours=3)}
    assert kept(good, ZONE) == {"a", "c"}
    assert kept(good, ZoneInfo("Europe/London")) == {"c"}


@given(st.lists(st.integers(0, 1_000), max_size=60))
def test_the_newest_good_one_always_stays(hours: list[int]) -> None:
    """However backups lie in time."""
    good = {f"{number}": START + timedelta(hours=hour) for number, hour in enumerate(hours)}
    stay = kept(good, ZONE)
    assert stay <= set(good)
    assert not good or max(good.values()) in {good[name] for name in stay}


def _event(step: Step, backup_id: str = "a", *, minutes: int = 0, note: str = "") -> BackupEvent:
    at = START + timedelta(minutes=minutes)
    return BackupEvent(
        id=f"{step}{minutes}", at=at, step=step, backup_id=backup_id, milliseconds={"x": 1500}, note=note
    )


def test_history_tells_what_a_backup_is_worth() -> None:
    """Made is not good; restored is; what was found broken later is broken; what was pruned is gone."""
    made, proven = _event(Step.CREATED), _event(Step.VERIFIED, minutes=1)
    assert known([made])[0].state is State.UNVERIFIED
    assert known([proven, made])[0].state is State.VERIFIED
    broken = known([made, proven, _event(Step.FOUND_BROKEN, minutes=2, note="cut")])[0]
    assert (broken.state, broken.note) == (State.BROKEN, "cut")
    drilled = known([made, _event(Step.DRILLED, minutes=3)])[0]
    assert (drilled.state, drilled.recovery_seconds) == (State.VERIFIED, 1.5)
    assert known([made, _event(Step.PRUNED, minutes=9)]) == []
    assert known([_event(Step.EXPORTED, "export")]) == []
    restored = known([_event(Step.CHECKED, "20250101T203000Zab12", minutes=9)])[0]  # its making is not in the history
    assert (restored.state, restored.created_at) == (State.UNVERIFIED, START)


def test_a_month_that_is_over_keeps_its_last() -> None:
    """Not its first: the end of a month is what is asked for."""
    stay = kept(_nightly(90), ZONE)
    ends = {_nightly(90)[name].astimezone(ZONE).date() for name in stay}
    assert {date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)} <= ends
