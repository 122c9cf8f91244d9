"""The sidecars' jobs: each due time is worked on once, whoever races, dies, sleeps or has a wrong clock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

import scheduler
from clinic_core import sidecar as sidecar_module
from clinic_core.clinic import Clinic, open_clinic, utc_now
from clinic_core.domain.access import SYSTEM, Actor
from clinic_core.domain.alerts import Severity
from clinic_core.domain.jobs import (
    KEPT_RUNS,
    LEASE,
    SILENT_AFTER,
    Claim,
    Job,
    JobState,
    Outcome,
    daily,
    every,
    health_of,
)
from clinic_core.errors import Forbidden, InvalidInput, NotFound
from clinic_core.jobs import JOBS
from clinic_core.services import alerts, job_engine, jobs
from clinic_core.settings import ROOT
from clinic_core.sidecar import Sidecar
from clinic_core.store.server_clock import ServerClock
from tests import make

MINUTE = every(minutes=1)


def nothing(_: Clinic) -> None:
    """A job that has nothing to do."""


def broken(_: Clinic) -> None:
    """A job with a bug."""
    raise ZeroDivisionError


def state(clinic: Clinic, name: str) -> JobState:
    """What the database knows of a job."""
    found = clinic.jobs.get(name)
    assert found is not None
    return found


def wait_until(done: Callable[[], bool]) -> None:
    """Wait for other threads; a minute is for ever."""
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


def drain(*sidecars: Sidecar) -> None:
    """Let them work until nothing is due any more."""
    while True:
        for sidecar in sidecars:
            sidecar.dispatch()
        idle = all(lane.is_idle for sidecar in sidecars for lane in sidecar.lanes)
        if idle and not any(job_engine.due(sidecar._clinic, sidecar.table) for sidecar in sidecars):
            return
        time.sleep(0.002)


@pytest.fixture
def start(clinic: Clinic) -> Iterator[Callable[..., Sidecar]]:
    """Starts a sidecar with these jobs, on `clinic` or another; ends it after the test."""
    started: list[Sidecar] = []

    def begin(*table: Job, on: Clinic | None = None) -> Sidecar:
        sidecar = Sidecar(on or clinic, table)
        sidecar.start()
        started.append(sidecar)
        return sidecar

    yield begin
    for sidecar in started:
        sidecar.stop()


@pytest.fixture
def others(clinic: Clinic) -> Iterator[list[Clinic]]:
    """The same clinic from three more processes, as far as the database can tell."""
    opened = [open_clinic(clinic.settings, now=clinic.now, server_now=clinic.now) for _ in range(3)]
    yield opened
    for one in opened:
        one.close()


def test_four_sidecars_run_each_due_job_once(
    clinic: Clinic, others: list[Clinic], clock: make.Clock, start: Callable[..., Sidecar]
) -> None:
    """Without the guard in the claim two of them send the same reminder."""
    done: Counter[tuple[int, datetime]] = Counter()
    table = [
        Job(f"job {n}", MINUTE, lambda _, n=n: done.update([(n, clock.instant)]), lane=f"lane {n % 3}")
        for n in range(30)
    ]
    sidecars = [start(*table, on=one) for one in (clinic, *others)]
    times = [clock.instant + timedelta(minutes=n) for n in range(3)]
    for clock.instant in times:
        racing = [threading.Thread(target=drain, args=(sidecar,)) for sidecar in sidecars]
        for thread in racing:
            thread.start()
        for thread in racing:
            thread.join()
        drain(*sidecars)

    assert done == {(n, at): 1 for n in range(30) for at in times}
    assert {found.fence for found in clinic.jobs.all()} == {3}


def test_a_dead_holder_is_followed_and_its_late_finish_refused(clinic: Clinic, clock: make.Clock) -> None:
    """A sidecar that was frozen for a minute must not write over what its successor found."""
    job = Job("backup", daily("09:00"), nothing)
    due_at = job_engine.state_of(clinic, job).next_at
    assert due_at is not None
    clock.instant = due_at

    first = job_engine.claim(clinic, state(clinic, "backup"), holder="frozen")
    assert first is not None
    assert job_engine.due(clinic, [job]) == []
    clock.pass_(seconds=LEASE.total_seconds() - 1)
    assert job_engine.renew(clinic, first)
    clock.pass_(seconds=LEASE.total_seconds())
    ((_, found),) = job_engine.due(clinic, [job])
    second = job_engine.claim(clinic, found, holder="next")
    assert second is not None

    assert not job_engine.renew(clinic, first)
    assert not job_engine.finish(clinic, job, first, outcome(ok=False))
    assert job_engine.finish(clinic, job, second, outcome(result="9 files"))
    kept = state(clinic, "backup")
    assert (kept.ok, kept.result, kept.fence, kept.holder) == (True, "9 files", 2, None)
    (row,) = jobs.history(clinic, SYSTEM, "backup")
    assert (row.sidecar, row.takeover) == ("next", True)


def outcome(**parts: object) -> Outcome:
    """How a run went."""
    return Outcome(**parts)  # type: ignore[arg-type]


def test_a_claim_whose_answer_got_lost_is_not_waited_for(clinic: Clinic, start: Callable[..., Sidecar]) -> None:
    """The database took it and the connection broke: nobody would work on it until the lease runs out."""
    done: list[int] = []
    job = Job("send", MINUTE, lambda _: done.append(1))
    sidecar = start(job)
    assert job_engine.claim(clinic, state(clinic, "send"), holder=sidecar.id) is not None
    drain(sidecar)

    assert (done, state(clinic, "send").fence) == ([1], 2)


def test_what_was_finished_since_it_was_read_is_not_claimed_again(clinic: Clinic, clock: make.Clock) -> None:
    """A lease had run out, but its holder came back just in time: whoever saw it run out comes too late."""
    job = Job("fold", MINUTE, nothing)
    held = job_engine.claim(clinic, job_engine.state_of(clinic, job), holder="slow")
    assert held is not None
    clock.pass_(seconds=LEASE.total_seconds() + 1)
    ((_, seen),) = job_engine.due(clinic, [job])
    assert job_engine.finish(clinic, job, held, outcome())

    assert job_engine.claim(clinic, seen, holder="late") is None


def test_four_days_asleep(clinic: Clinic, clock: make.Clock, start: Callable[..., Sidecar]) -> None:
    """It runs once, late, and is back in its beat; the nightly one is due the next night."""
    done: list[str] = []
    often = Job("often", MINUTE, lambda _: done.append("often"))
    nightly = Job("nightly", daily("02:00"), lambda _: done.append("nightly"))
    sidecar = start(often, nightly)
    drain(sidecar)
    begun = clock.instant
    clock.pass_(days=4, seconds=17)
    drain(sidecar)

    assert Counter(done) == {"often": 2, "nightly": 1}
    next_often, next_nightly = state(clinic, "often").next_at, state(clinic, "nightly").next_at
    assert next_often == begun + timedelta(days=4, minutes=1)
    assert next_nightly is not None
    assert f"{clinic.local(next_nightly):%d %b %H:%M}" == "07 Mar 02:00"


def test_sidecars_whose_clocks_are_ninety_seconds_apart(clinic: Clinic, start: Callable[..., Sidecar]) -> None:
    """The server's clock decides: the fast one runs nothing early, and neither thinks the other's lease is over."""
    fast = open_clinic(clinic.settings, now=lambda: utc_now() + timedelta(seconds=45))
    slow = open_clinic(clinic.settings, now=lambda: utc_now() - timedelta(seconds=45))
    done: Counter[str] = Counter()
    soon, release = Job("soon", MINUTE, lambda _: done.update(["soon"])), threading.Event()
    long = Job("long", MINUTE, lambda _: (done.update(["long"]), release.wait(60)), lane="slow")
    first, second = start(soon, long, on=fast), start(soon, long, on=slow)
    first.dispatch()
    wait_until(lambda: done == {"soon": 1, "long": 1} and first.lanes[1].is_idle)
    for sidecar in (second, first) * 3:
        sidecar.dispatch()
        wait_until(lambda: second.lanes[0].is_idle and second.lanes[1].is_idle)
        sidecar.renew()
    release.set()
    wait_until(lambda: first.lanes[0].is_idle)

    assert done == {"soon": 1, "long": 1}
    due_at, now = state(clinic, "soon").next_at, fast.server_now()
    assert due_at is not None
    assert abs(due_at - now) <= timedelta(seconds=61)
    assert abs(now - slow.server_now()) < timedelta(seconds=30)
    fast.close()
    slow.close()


def test_the_servers_clock_is_asked_and_this_machines_is_not(clinic: Clinic) -> None:
    """Between two questions the time that passed is added, whatever the wall clock is set to meanwhile."""
    passed = 0.0
    shown = ServerClock(clinic.database, lambda: 1_000.0 + passed)
    first = shown()
    passed = 3.0
    assert shown() - first == timedelta(seconds=3)
    passed = 500.0
    assert shown() - first < timedelta(seconds=60), "it was asked anew: no such time has passed there"
    assert first.tzinfo is not None


def test_a_failing_job_backs_off_and_the_others_go_on(
    clinic: Clinic, clock: make.Clock, start: Callable[..., Sidecar]
) -> None:
    """In the same lane, too; its failure leads to the log and raises an alert, once."""
    done: list[int] = []
    sidecar = start(Job("a broken one", MINUTE, broken), Job("b", MINUTE, lambda _: done.append(1)))
    for _ in range(8):
        drain(sidecar)
        clock.pass_(minutes=1)

    found = state(clinic, "a broken one")
    assert len(done) == 8
    assert (found.ok, found.failures, len(found.reference or ""), found.result) == (False, 4, 6, "")
    assert found.last_ok_at is None
    assert jobs.health(clinic).failing == ("a broken one",)
    (alert,) = alerts.open_alerts(clinic, SYSTEM)
    assert (alert.id, alert.count) == ("job:a broken one", 2)
    assert found.reference in alert.advice


def test_a_job_that_works_again_forgets_its_failures(
    clinic: Clinic, clock: make.Clock, start: Callable[..., Sidecar]
) -> None:
    """And the alert is over. What staff may read of an error is the result."""
    faults: list[Exception] = [InvalidInput("The folder is full: make room.")]

    def mended(_: Clinic) -> None:
        if faults:
            raise faults.pop()

    sidecar = start(Job("nightly", daily("08:30"), mended))
    clock.set("08:30")
    drain(sidecar)
    failed = state(clinic, "nightly")
    assert (failed.ok, failed.result) == (False, "The folder is full: make room.")
    assert [alert.id for alert in alerts.open_alerts(clinic, SYSTEM)] == ["job:nightly"]
    clock.pass_(minutes=1)
    drain(sidecar)

    kept = state(clinic, "nightly")
    assert (kept.ok, kept.failures, kept.reference, kept.failing_since) == (True, 0, None, None)
    assert alerts.open_alerts(clinic, SYSTEM) == []
    assert [run.ok for run in jobs.history(clinic, SYSTEM, "nightly")] == [True, False]


def test_a_slow_job_holds_up_neither_other_lanes_nor_the_heartbeat(
    clinic: Clinic, clock: make.Clock, start: Callable[..., Sidecar]
) -> None:
    """And its lease is kept while it works, however long that is."""
    release, done = threading.Event(), threading.Event()
    slow = Job("slow", MINUTE, lambda _: release.wait(60), lane="slow")
    sidecar = start(slow, Job("quick", MINUTE, lambda _: done.set(), lane="quick"))
    sidecar.dispatch()
    assert done.wait(60)
    for _ in range(6):
        clock.pass_(seconds=LEASE.total_seconds() / 2)
        sidecar.renew()
        sidecar.beat()
        assert [job.name for job, _ in job_engine.due(clinic, [slow])] == []
    assert jobs.health(clinic).alive
    release.set()


def test_a_run_that_never_ends_is_given_up(clinic: Clinic, clock: make.Clock, start: Callable[..., Sidecar]) -> None:
    """Otherwise it would be renewed for ever, and nobody would hear of it."""
    release = threading.Event()
    job = Job("hangs", every(hours=1), lambda _: release.wait(60), longest_minutes=10)
    sidecar = start(job)
    sidecar.dispatch()
    wait_until(lambda: sidecar.lanes[0].running is not None)
    clock.pass_(minutes=11)
    sidecar.renew()

    assert sidecar.is_stuck
    assert [alert.severity for alert in alerts.open_alerts(clinic, SYSTEM)] == ["critical"]
    assert jobs.health(clinic).failing == ("hangs",)
    clock.pass_(seconds=LEASE.total_seconds())
    assert [due.name for due, _ in job_engine.due(clinic, [job])] == ["hangs"]
    release.set()


def test_a_run_that_was_lost_and_never_ends_is_given_up(
    clinic: Clinic, clock: make.Clock, start: Callable[..., Sidecar]
) -> None:
    """Somebody else took it over while this machine slept. Its lane would be blocked for ever, and nobody told."""
    release = threading.Event()
    job = Job("hangs", every(hours=1), lambda _: release.wait(60), longest_minutes=10)
    sidecar = start(job)
    sidecar.dispatch()
    wait_until(lambda: sidecar.lanes[0].running is not None)
    clock.pass_(seconds=LEASE.total_seconds() + 1)
    taken = job_engine.claim(clinic, state(clinic, "hangs"), holder="another")
    assert taken is not None
    sidecar.renew()
    assert not sidecar.is_stuck
    clock.pass_(minutes=11)
    sidecar.renew()

    assert sidecar.is_stuck
    assert state(clinic, "hangs").failures == 0, "the other one's run did not fail"
    release.set()


def test_a_run_that_was_given_up_and_ends_after_all_is_not_taken_for_good(
    clinic: Clinic, clock: make.Clock, start: Callable[..., Sidecar]
) -> None:
    """Its success would forget the failure, and the alert would stay open for ever."""
    release = threading.Event()
    sidecar = start(Job("hangs", every(hours=1), lambda _: release.wait(60), longest_minutes=10))
    sidecar.dispatch()
    wait_until(lambda: sidecar.lanes[0].running is not None)
    clock.pass_(minutes=11)
    sidecar.renew()
    release.set()
    wait_until(lambda: sidecar.lanes[0].is_idle)
    assert (state(clinic, "hangs").failures, state(clinic, "hangs").finished_at) == (1, None)
    clock.pass_(minutes=1)
    drain(start(Job("hangs", every(hours=1), nothing)))

    assert state(clinic, "hangs").ok
    assert alerts.open_alerts(clinic, SYSTEM) == []


def test_the_other_lanes_of_a_stuck_sidecar_are_not_waited_for_long(
    clinic: Clinic, clock: make.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup may take hours, and until the process ends no message goes out."""
    monkeypatch.setattr(sidecar_module, "_STUCK_PATIENCE_SECONDS", 0.0)
    release = threading.Event()
    table = [
        Job("hangs", every(hours=1), lambda _: release.wait(60), lane="a", longest_minutes=10),
        Job("back up", every(hours=1), lambda _: release.wait(60), lane="b", longest_minutes=240),
    ]
    sidecar = Sidecar(clinic, table)
    sidecar.start()
    sidecar.dispatch()
    wait_until(lambda: all(lane.running is not None for lane in sidecar.lanes))
    clock.pass_(minutes=11)
    sidecar.renew()
    sidecar.stop()

    assert sidecar.lanes[1].running is not None
    release.set()


_STUCK = """
import sys, time, scheduler
from concurrent.futures import ThreadPoolExecutor
from clinic_core.domain.jobs import Job, every
def hangs(_):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(time.sleep, 600).result()
scheduler.JOBS = (Job("hangs", every(hours=1), hangs, longest_minutes=0),)
sys.exit(scheduler.main())
"""


def test_a_stuck_sidecar_ends_though_its_run_has_threads(clinic: Clinic) -> None:
    """Python waits for the threads of a pool before it ends: the sidecar would be neither dead nor at work."""
    environment = {**os.environ, "DATABASE_URL": clinic.settings.database_url}
    environment["DATABASE_NAME"] = clinic.database.name
    ended = subprocess.run([sys.executable, "-c", _STUCK], cwd=ROOT, env=environment, timeout=30, check=False)

    assert ended.returncode == scheduler.STUCK
    assert [alert.id for alert in alerts.open_alerts(clinic, SYSTEM)] == ["job:hangs"]


def test_a_job_may_be_followed_sooner(clinic: Clinic, clock: make.Clock, start: Callable[..., Sidecar]) -> None:
    """The change journal: what is not shipped yet is lost with the machine. Its lease is renewed for as long."""
    release = threading.Event()
    job = Job("ship", MINUTE, lambda _: release.wait(60), lease_seconds=7)
    sidecar = start(job)
    sidecar.dispatch()
    wait_until(lambda: sidecar.lanes[0].running is not None)
    clock.pass_(seconds=6)
    sidecar.renew()
    clock.pass_(seconds=6)
    assert job_engine.due(clinic, [job]) == []
    clock.pass_(seconds=1)
    assert [found.name for found, _ in job_engine.due(clinic, [job])] == ["ship"]
    release.set()


def test_a_failure_that_cannot_be_written_is_a_failure(clinic: Clinic, start: Callable[..., Sidecar]) -> None:
    """A file's name in it that is no text: the job would be run again at once, for ever, and nobody told."""

    def fails(_: Clinic) -> None:
        raise InvalidInput("The file \udce4.csv cannot be read.")

    drain(start(Job("import", every(hours=1), fails)))
    found = state(clinic, "import")
    assert (found.fence, found.ok, found.failures, len(found.reference or "")) == (1, False, 1, 6)
    assert [alert.id for alert in alerts.open_alerts(clinic, SYSTEM)] == ["job:import"]


def test_an_end_whose_answer_got_lost_is_not_taken_for_a_lost_lease(clinic: Clinic) -> None:
    """It is written again when the database is back; then the alert and the row of the history follow."""
    job = Job("backup", daily("08:00"), nothing)
    held = job_engine.claim(clinic, job_engine.state_of(clinic, job), holder="a")
    assert held is not None
    failed = outcome(ok=False, result="The folder is full.")
    clinic.jobs.finish(held, job_engine.finished(job, held, failed, now=clinic.now(), zone=clinic.zone))
    assert job_engine.finish(clinic, job, held, failed)

    assert [alert.id for alert in alerts.open_alerts(clinic, SYSTEM)] == ["job:backup"]
    assert [run.ok for run in jobs.history(clinic, SYSTEM, "backup")] == [False]


def test_alerts_of_jobs_that_are_well_or_gone_are_taken_back(clinic: Clinic, clock: make.Clock) -> None:
    """A sidecar died between two writes, or a release renamed a job that failed: people are told daily, for ever."""
    for name in ("well", "gone", "failing"):
        job_engine.state_of(clinic, Job(name, daily("08:00"), nothing))
        alerts.raise_alert(clinic, job_engine.alert_key(name), severity=Severity.WARNING, summary="It fails.")
    alerts.raise_alert(clinic, "disk", severity=Severity.WARNING, summary="It is full.")
    held = job_engine.claim(clinic, state(clinic, "failing"), holder="a")
    assert held is not None
    clinic.jobs.fail(held, at=clock.instant)
    job_engine.tidy(clinic, ["well", "failing"])
    assert sorted(alert.id for alert in alerts.open_alerts(clinic, SYSTEM)) == ["disk", "job:failing"]

    clock.pass_(days=9)
    job_engine.tidy(clinic, ["well", "failing"])
    assert [found.id for found in clinic.jobs.all()] == ["failing", "well"], "it never ran, and is in no table"


def test_a_job_that_kills_its_sidecar_is_told_and_waits(
    clinic: Clinic, clock: make.Clock, start: Callable[..., Sidecar]
) -> None:
    """A backup that takes all the memory would be begun anew for ever, with an end of all other jobs each time."""
    done: list[int] = []
    job = Job("back up", daily("08:00"), lambda _: done.append(1))
    job_engine.state_of(clinic, job)
    clock.pass_(days=1)

    def dies() -> None:
        assert job_engine.claim(clinic, state(clinic, "back up"), holder="dies") is not None
        clock.pass_(seconds=LEASE.total_seconds())

    for _ in range(2):
        dies()
    sidecar = start(job)
    drain(sidecar)
    assert len(done) == 1, "twice may be an accident, and a run that ends well starts the count anew"
    clock.pass_(days=1)
    for _ in range(3):
        dies()
    drain(sidecar)
    found = state(clinic, "back up")
    assert (len(done), found.ok, found.failures) == (1, False, 1)
    assert "3 times in a row" in found.result
    assert [alert.id for alert in alerts.open_alerts(clinic, SYSTEM)] == ["job:back up"]
    clock.pass_(minutes=1)
    dies()
    drain(sidecar)
    assert (len(done), state(clinic, "back up").failures) == (1, 2), "it is tried once, then it waits for longer"
    clock.pass_(minutes=2)
    drain(sidecar)

    assert (len(done), state(clinic, "back up").cut_off) == (2, 0)
    assert alerts.open_alerts(clinic, SYSTEM) == []


def test_documents_that_were_taken_away_are_made_anew(clinic: Clinic, start: Callable[..., Sidecar]) -> None:
    """Until the next start nobody would run what has no document."""
    sidecar = start(Job("send", MINUTE, nothing))
    clinic.database["jobs"].delete_many({})
    sidecar.dispatch()
    drain(sidecar)

    assert state(clinic, "send").finished_at is not None


def test_a_sidecar_with_a_run_that_never_ends_finishes_the_others_and_ends(clinic: Clinic, clock: make.Clock) -> None:
    """A thread cannot be ended, so the process is; whoever watches it starts it again. It must not wait for the run."""
    release, slow, done = threading.Event(), threading.Event(), list[str]()
    table = [
        Job("hangs", every(hours=1), lambda _: release.wait(60), lane="a", longest_minutes=10),
        Job("slow", every(hours=1), lambda _: (slow.wait(60), done.append("slow")), lane="b"),
    ]
    sidecar = Sidecar(clinic, table)
    ended: list[bool] = []
    running = threading.Thread(target=lambda: ended.append(scheduler.run_until(threading.Event(), sidecar)))
    running.start()
    wait_until(lambda: all(lane.running is not None for lane in sidecar.lanes))
    clock.pass_(minutes=11)
    sidecar.renew()
    assert sidecar.stopping.wait(60)
    slow.set()
    running.join(60)
    release.set()

    assert (ended, done) == ([False], ["slow"])
    assert state(clinic, "slow").finished_at is not None


def test_stopping_finishes_the_job_at_hand_and_begins_no_other(clinic: Clinic, start: Callable[..., Sidecar]) -> None:
    """What SIGTERM does."""
    stopping, done = threading.Event(), []

    def first(_: Clinic) -> str:
        stopping.set()
        done.append("first")
        return "whole"

    sidecar = Sidecar(clinic, [Job("a", MINUTE, first), Job("b", MINUTE, lambda _: done.append("second"))])
    assert scheduler.run_until(stopping, sidecar)

    assert done == ["first"]
    assert (state(clinic, "a").result, state(clinic, "a").holder) == ("whole", None)
    assert state(clinic, "b").fence == 0
    assert not jobs.health(clinic).alive, "a sidecar that ended in good order is not missed"


def test_stopping_ends_a_job_between_its_steps_and_gives_it_back(
    clinic: Clinic, others: list[Clinic], start: Callable[..., Sidecar]
) -> None:
    """A backup of an hour need not be waited for; the next sidecar begins it at once."""
    stopping, steps = threading.Event(), []

    def long(_: Clinic) -> Iterator[str]:
        for step in range(3):
            steps.append(step)
            if len(steps) == 1:
                stopping.set()
                assert sidecar.stopping.wait(60)
            yield f"{step + 1} steps"

    job = Job("long", MINUTE, long)
    sidecar = Sidecar(clinic, [job])
    scheduler.run_until(stopping, sidecar)
    assert (steps, state(clinic, "long").finished_at) == ([0], None)
    drain(start(job, on=others[0]))

    assert (steps, state(clinic, "long").result) == ([0, 0, 1, 2], "3 steps")


def test_a_clock_that_was_set_back_does_not_stop_the_ticks(clinic: Clinic) -> None:
    """`schedule` waits for a time on the host's wall clock, which the end of summer sets back by an hour."""
    stopping = threading.Event()
    sidecar = Sidecar(clinic, [Job("one", MINUTE, lambda _: stopping.set())])
    real = scheduler.ticks_of
    made: list[object] = []

    def an_hour_ahead(of: Sidecar) -> object:
        ticks = real(of)
        made.append(ticks)
        if len(made) == 1:
            ticks.run_all = lambda: [job.next_run.__class__ for job in ticks.jobs]
            for job in ticks.jobs:
                assert job.next_run is not None
                job.next_run += timedelta(hours=1)
        return ticks

    scheduler.ticks_of = an_hour_ahead  # type: ignore[assignment]
    try:
        scheduler.run_until(stopping, sidecar)
    finally:
        scheduler.ticks_of = real
    assert len(made) == 2


def test_what_runs_often_is_noted_only_when_it_matters(
    clinic: Clinic, clock: make.Clock, start: Callable[..., Sidecar]
) -> None:
    """A sender that looks every two seconds must not write a row each time; an effect, a failure and an hour do."""
    results: list[object] = [0, 3, 0, "", None, ZeroDivisionError(), 0, 0]

    def sender(_: Clinic) -> object:
        made = results.pop(0) if results else 0
        if isinstance(made, Exception):
            raise made
        return made

    sidecar = start(Job("send", every(seconds=2), sender))
    for _ in range(8):
        drain(sidecar)
        clock.pass_(seconds=2)
    clock.pass_(hours=1)
    drain(sidecar)

    rows = jobs.history(clinic, SYSTEM, "send")
    assert [(row.ok, row.result) for row in reversed(rows)] == [
        (True, ""),  # the first one
        (True, "3"),
        (False, ""),
        (True, ""),  # well again
        (True, ""),  # an hour later
    ]


def test_the_history_keeps_its_size(clinic: Clinic, clock: make.Clock) -> None:
    """The last ones are there, and no more than `KEPT_RUNS` of a job."""
    job = Job("nightly", every(hours=1), nothing)
    for number in range(KEPT_RUNS + 5):
        held = Claim(
            name="nightly", fence=0, holder="x", started_at=clock.instant, state=JobState(id="nightly", noted=number)
        )
        done = job_engine.finished(job, held, outcome(result=str(number)), now=clock.instant, zone=clinic.zone)
        clinic.jobs.note(job_engine.run_of(held, done))
        clock.pass_(hours=1)

    rows = jobs.history(clinic, SYSTEM, "nightly")
    assert [row.result for row in rows] == [str(number) for number in range(KEPT_RUNS + 4, 4, -1)]


def test_pause_resume_and_run_now(
    clinic: Clinic, admin: Actor, clock: make.Clock, start: Callable[..., Sidecar]
) -> None:
    """A paused job rests, also when due; it can be run by hand; resumed, one run makes up for what it missed."""
    done: list[int] = []
    sidecar = start(Job("fold", MINUTE, lambda _: done.append(1)))
    jobs.pause(clinic, admin, "fold")
    drain(sidecar)
    assert done == []
    jobs.run_now(clinic, admin, "fold")
    drain(sidecar)
    assert (len(done), state(clinic, "fold").paused) == (1, True)
    clock.pass_(minutes=10)
    drain(sidecar)
    jobs.resume(clinic, admin, "fold")
    drain(sidecar)

    assert len(done) == 2
    written = clinic.audit.store.latest(
        since=clock.instant - timedelta(days=1), until=clock.instant + timedelta(days=1)
    )
    assert sorted(line.action for line in written) == ["job.pause", "job.resume", "job.run"]
    with pytest.raises(NotFound, match="no job"):
        jobs.pause(clinic, admin, "flod")


def test_a_request_during_a_run_is_kept_for_after_it(
    clinic: Clinic, admin: Actor, start: Callable[..., Sidecar]
) -> None:
    """Whoever presses the button while it runs wants what happened since then to be in it."""
    release, runs = threading.Event(), []
    sidecar = start(Job("fold", every(hours=1), lambda _: (runs.append(1), release.wait(60))))
    sidecar.dispatch()
    wait_until(lambda: bool(runs))
    jobs.run_now(clinic, admin, "fold")
    release.set()
    drain(sidecar)

    assert len(runs) == 2


def test_a_changed_schedule_is_planned_anew(clinic: Clinic, clock: make.Clock) -> None:
    """A release that moves the backup from two to three o'clock must not wait for a run at two."""
    job_engine.state_of(clinic, Job("backup", daily("02:00"), nothing))
    moved = job_engine.state_of(clinic, Job("backup", daily("03:00"), nothing))
    assert moved.next_at is not None
    assert f"{clinic.local(moved.next_at):%H:%M}" == "03:00"
    assert state(clinic, "backup") == moved
    clock.pass_(days=2)
    assert job_engine.state_of(clinic, Job("backup", daily("04:00"), nothing)).is_due(clock.instant), (
        "it was due before"
    )


def test_what_an_earlier_release_left_is_taken_over(clinic: Clinic, start: Callable[..., Sidecar]) -> None:
    """Documents of the time when jobs only recorded their last run."""
    clinic.database["jobs"].insert_many(
        [
            {"_id": "heartbeat", "ran_at": clinic.now(), "milliseconds": 0, "ok": True},
            {"_id": "fold facts", "ran_at": clinic.now(), "milliseconds": 8, "ok": False, "reference": "7KD4QX"},
        ]
    )
    drain(start(Job("fold facts", MINUTE, nothing)))

    assert [found.id for found in jobs.overview(clinic, SYSTEM).jobs] == ["fold facts"]
    assert (state(clinic, "fold facts").fence, state(clinic, "fold facts").ok) == (1, True)


def test_a_heartbeat_counts_until_it_is_old(clinic: Clinic, clock: make.Clock) -> None:
    """Half a minute of silence means that the sidecar is dead; before the first beat there is none."""
    health = jobs.health(clinic)
    assert (health.alive, health.last_beat_at, health.failing) == (False, None, ())
    for sidecar in ("one", "two"):
        job_engine.beat(clinic, sidecar, started_at=clock.instant)
    beats, beat = clinic.jobs.sidecars(), clock.instant

    assert len(beats) == 2
    assert health_of(beats, [], now=beat + SILENT_AFTER - timedelta(seconds=1)).alive
    assert not health_of(beats, [], now=beat + SILENT_AFTER).alive
    clock.pass_(days=2)
    assert job_engine.tidy(clinic, []) == 2


def test_only_the_administrator_runs_jobs(clinic: Clinic, manager: Actor, reception: Actor) -> None:
    """The manager may look, the desk may not."""
    assert jobs.overview(clinic, manager).jobs == ()
    with pytest.raises(Forbidden):
        jobs.run_now(clinic, manager, "fold facts")
    with pytest.raises(Forbidden):
        jobs.overview(clinic, reception)


def test_the_table(clinic: Clinic) -> None:
    """Each job has a name of its own and says what it does; a run of it here and now goes through the claim."""
    assert len({job.name for job in JOBS}) == len(JOBS)
    assert all(job.does for job in JOBS)
    (job,) = [job for job in JOBS if job.name == "release past holds"]
    sidecar = Sidecar(clinic, JOBS)
    assert sidecar.run_here(job) is not None
    held = job_engine.claim(clinic, state(clinic, job.name), holder="another")
    assert held is not None
    assert sidecar.run_here(job) is None
