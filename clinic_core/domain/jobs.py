"""The sidecar's jobs: when one is due, what is known of it, who holds it, and whether the sidecars are alive."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from clinic_core.domain import clock

HEARTBEAT_SECONDS: Final = 5
SILENT_AFTER: Final = timedelta(seconds=30)
MISSED_AFTER: Final = timedelta(minutes=5)  # without any work people are told
LEASE_SECONDS: Final = 30
LEASE: Final = timedelta(seconds=LEASE_SECONDS)
RENEW_SECONDS: Final = 2
KEPT_RUNS: Final = 200  # of each job
UPKEEP: Final = "upkeep"

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FIRST_RETRY: Final = timedelta(seconds=60)
_RETRY_CAPS: Final = (timedelta(minutes=5), timedelta(hours=1))
_MOST_DOUBLINGS: Final = 12
_OFTEN: Final = timedelta(hours=1)  # what is done more often than this is noted only when something came of it
_LONGEST_RESULT: Final = 300
MOST_CUT_OFF: Final = 3  # times in a row; then it counts as a failure and is not begun at once again
_FORGIVEN: Final = 3  # failures in a row before an alert, of what is done often


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Every `every_seconds`, or at a time on the clinic's wall clock: daily, on a `weekday` (0: Monday) or a `day`.

    A `day` that a month does not have is its last one.
    """

    every_seconds: int = 0
    at: time | None = None
    weekday: int | None = None
    day: int | None = None

    @property
    def is_often(self) -> bool:
        """Whether it comes round within the hour."""
        return self.at is None and timedelta(seconds=self.every_seconds) < _OFTEN

    def words(self, zone: ZoneInfo) -> str:
        """For people, and to tell that it has changed."""
        if self.at is None:
            return f"every {_span(self.every_seconds)}"
        when = "daily"
        if self.weekday is not None:
            when = f"every {_DAYS[self.weekday]}"
        elif self.day is not None:
            when = f"monthly on day {self.day}"
        return f"{when} at {self.at:%H:%M} ({zone.key})"

    def first(self, now: datetime, zone: ZoneInfo) -> datetime:
        """When a job that never ran is due: at once, or at its next time on the wall clock."""
        return now if self.at is None else self._after(now, self.at, zone)

    def following(self, due: datetime, now: datetime, zone: ZoneInfo) -> datetime:
        """The due time after a run for `due`: `due` itself while it is ahead, never one that is past.

        However many times were missed, they are made up by the one run; an interval keeps its beat.
        """
        if due > now:
            return due
        if self.at is not None:
            return self._after(now, self.at, zone)
        every = timedelta(seconds=self.every_seconds)
        return due + every * ((now - due) // every + 1)

    def retry(self, failures: int, now: datetime, zone: ZoneInfo) -> datetime:
        """When to try again after so many failures in a row: twice as late each time, up to a limit."""
        every = timedelta(seconds=self.every_seconds) if self.at is None else timedelta(days=1)
        cap = min(max(every, _RETRY_CAPS[0]), _RETRY_CAPS[1])
        delay = min(min(every, _FIRST_RETRY) * (1 << min(failures - 1, _MOST_DOUBLINGS)), cap)
        return now + delay if self.at is None else min(now + delay, self._after(now, self.at, zone))

    def _after(self, now: datetime, at: time, zone: ZoneInfo) -> datetime:
        """The first such wall-clock time after `now`. Each day has one instant, whatever its clock skips or repeats."""
        day = clock.local_day(now, zone) - timedelta(days=1)
        while not (self._takes(day) and clock.at_local(day, at, zone) > now):
            day += timedelta(days=1)
        return clock.at_local(day, at, zone)

    def _takes(self, day: date) -> bool:
        if self.weekday is not None:
            return day.weekday() == self.weekday
        if self.day is not None:
            return day.day == min(self.day, calendar.monthrange(day.year, day.month)[1])
        return True


def every(*, seconds: int = 0, minutes: int = 0, hours: int = 0) -> Schedule:
    """Again and again, however late the last time was."""
    return Schedule(every_seconds=seconds + 60 * minutes + 3_600 * hours)


def daily(at: str) -> Schedule:
    """Once a day at ``HH:MM`` on the clinic's wall clock."""
    return Schedule(at=time.fromisoformat(at))


def weekly(weekday: str, at: str) -> Schedule:
    """Once a week, such as ``weekly("Sunday", "03:00")``."""
    return Schedule(at=time.fromisoformat(at), weekday=_DAYS.index(weekday))


def monthly(day: int, at: str) -> Schedule:
    """Once a month; a day that the month does not have is its last one."""
    return Schedule(at=time.fromisoformat(at), day=day)


def _span(seconds: int) -> str:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}s" if seconds > size else unit
    return f"{seconds} seconds" if seconds > 1 else "second"


@dataclass(frozen=True, slots=True)
class Job:
    """Something the sidecar does. `does` says what, in words for the administrator.

    `run` takes the clinic. What it returns is the result to show: a count, a text, nothing; where it is a generator,
    each step ends at a `yield`, after which the job may be told to stop and is then begun anew later. Jobs of one
    `lane` follow each other, lanes run side by side. A run is given up after `longest_minutes`. Where a sidecar dies
    at it, another one follows after `lease_seconds`.
    """

    name: str
    schedule: Schedule
    run: Callable[[Any], object]
    does: str = ""
    lane: str = UPKEEP
    longest_minutes: int = 30
    lease_seconds: int = LEASE_SECONDS

    @property
    def longest(self) -> timedelta:
        """How long a run may take."""
        return timedelta(minutes=self.longest_minutes)

    @property
    def lease(self) -> timedelta:
        """How long it is a sidecar's that is not heard of."""
        return timedelta(seconds=self.lease_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """What the database knows of a job; `id` is its name.

    `fence` grows at each claim, so that a holder whose lease ran out can be told from the present one. `run_now_at`
    is when somebody asked for a run out of turn. `result`, `ok`, `reference`, `started_at`, `finished_at` and
    `milliseconds` are of the last run, `noted` counts the rows of the history, `cut_off` how often in a row its sidecar
    died at it.
    """

    id: str
    does: str = ""
    lane: str = UPKEEP
    schedule: str = ""
    next_at: datetime | None = None
    paused: bool = False
    run_now_at: datetime | None = None
    fence: int = 0
    holder: str | None = None
    lease_until: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    milliseconds: int = 0
    ok: bool = True
    result: str = ""
    reference: str | None = None
    failures: int = 0
    failing_since: datetime | None = None
    last_ok_at: datetime | None = None
    noted: int = 0
    noted_at: datetime | None = None
    cut_off: int = 0

    @property
    def was_cut_off(self) -> bool:
        """Whether its holder died at it, rather than giving it back."""
        return self.lease_until is not None and self.started_at is not None and self.lease_until > self.started_at

    def is_free(self, now: datetime) -> bool:
        """Whether nobody holds it."""
        return self.lease_until is None or self.lease_until <= now

    def is_due(self, now: datetime, *, idle: str = "") -> bool:
        """Whether a sidecar should take it now; a run that was cut off is due whatever its schedule says.

        What `idle`, a sidecar that works on nothing of the kind, holds by this was claimed by a write whose answer got
        lost: nobody works on it.
        """
        if not self.is_free(now) and self.holder != idle:
            return False
        late = self.lease_until is not None or (self.next_at is not None and self.next_at <= now)
        return self.run_now_at is not None or (late and not self.paused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to run a job once, until its lease runs out; `state` is what it was taken from."""

    name: str
    fence: int
    holder: str
    started_at: datetime
    state: JobState
    lease: timedelta = LEASE

    @property
    def is_takeover(self) -> bool:
        """Whether the holder before never finished."""
        return self.state.lease_until is not None

    @property
    def cut_off(self) -> int:
        """How often in a row a sidecar has died at the job."""
        return self.state.cut_off + self.state.was_cut_off

    @property
    def is_deadly(self) -> bool:
        """Whether sidecars die at it again and again, as where it takes more memory than there is."""
        return self.state.was_cut_off and self.cut_off >= MOST_CUT_OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run went: what to show of it, where its failure is in the log, and whether it was begun at all."""

    ok: bool = True
    result: str = ""
    reference: str | None = None
    begun: bool = True

    @property
    def matters(self) -> bool:
        """Whether there is something to tell."""
        return bool(self.result) or not self.ok


def deadly(claim: Claim) -> Outcome:
    """The outcome of not running what has ended so many sidecars."""
    text = f"The sidecar was ended in the middle of it, {claim.cut_off} times in a row: out of memory perhaps."
    return Outcome(ok=False, result=text, begun=False)


def outcome_of(returned: object) -> Outcome:
    """The outcome of a run that ended well. A count of nothing, False and None are nothing to tell."""
    if isinstance(returned, bool) or not isinstance(returned, int | str):
        return Outcome(result="done" if returned else "")
    return Outcome(result=str(returned) if returned else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """One row of a job's history. `id` is a place in a ring of `KEPT_RUNS`, so that the history keeps its size."""

    id: str
    job: str
    sidecar: str
    started_at: datetime
    milliseconds: int
    ok: bool
    result: str = ""
    reference: str | None = None
    takeover: bool = False


def finished(job: Job, claim: Claim, outcome: Outcome, *, now: datetime, zone: ZoneInfo) -> JobState:
    """What the job's document says after the run."""
    state, schedule = claim.state, job.schedule
    failures = 0 if outcome.ok else state.failures + 1
    due = state.next_at or now
    noted = is_noted(job, claim, outcome, now=now)
    return replace(
        state,
        fence=claim.fence,
        next_at=schedule.following(due, now, zone) if outcome.ok else schedule.retry(failures, now, zone),
        run_now_at=None,
        holder=None,
        lease_until=None,
        started_at=claim.started_at,
        finished_at=now,
        milliseconds=round((now - claim.started_at).total_seconds() * 1000),
        ok=outcome.ok,
        result=outcome.result[:_LONGEST_RESULT],
        reference=outcome.reference,
        failures=failures,
        failing_since=None if outcome.ok else state.failing_since or claim.started_at,
        last_ok_at=now if outcome.ok else state.last_ok_at,
        noted=state.noted + noted,
        noted_at=now if noted else state.noted_at,
        cut_off=0 if outcome.begun else claim.cut_off,
    )


def is_noted(job: Job, claim: Claim, outcome: Outcome, *, now: datetime) -> bool:
    """Whether the run gets a row: of what is done often only what matters, the first good run, and one an hour."""
    state = claim.state
    if outcome.matters or claim.is_takeover or state.failures or not job.schedule.is_often:
        return True
    return state.noted_at is None or now - state.noted_at >= _OFTEN


def run_of(claim: Claim, state: JobState) -> JobRun:
    """The history's row of the run that led to `state`."""
    return JobRun(
        id=f"{claim.name}#{state.noted % KEPT_RUNS}",
        job=claim.name,
        sidecar=claim.holder,
        started_at=claim.started_at,
        milliseconds=state.milliseconds,
        ok=state.ok,
        result=state.result,
        reference=state.reference,
        takeover=claim.is_takeover,
    )


def is_alarming(job: Job, state: JobState) -> bool:
    """Whether somebody should hear of its failures: of the first one, or of the third where it runs often."""
    return state.failures >= (_FORGIVEN if job.schedule.is_often else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """A sidecar that is running, or was: when it started and when it was last heard of."""

    id: str
    started_at: datetime
    beat_at: datetime

    def is_alive(self, now: datetime) -> bool:
        """Whether it was heard of lately."""
        return now - self.beat_at < SILENT_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarHealth:
    """Whether a sidecar beats, since when none was heard (None: never), and which jobs failed last time."""

    alive: bool
    last_beat_at: datetime | None = None
    failing: tuple[str, ...] = ()


def health_of(sidecars: Iterable[Sidecar], states: Iterable[JobState], *, now: datetime) -> SidecarHealth:
    """What is known at `now`."""
    beat = max((sidecar.beat_at for sidecar in sidecars), default=None)
    failing = tuple(sorted(state.id for state in states if not state.ok))
    return SidecarHealth(alive=beat is not None and now - beat < SILENT_AFTER, last_beat_at=beat, failing=failing)
