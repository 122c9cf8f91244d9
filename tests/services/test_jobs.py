"""The sidecar's jobs: one that fails is recorded and stops nothing, and the heartbeat tells whether it lives."""

from __future__ import annotations

import threading
from datetime import timedelta

import scheduler
from clinic_core.clinic import Clinic
from clinic_core.domain.jobs import HEARTBEAT, SILENT_AFTER, JobRun, health_of
from clinic_core.services import jobs
from scheduler import Job


def runs_of(clinic: Clinic) -> dict[str, JobRun]:
    """The last run of each job by name."""
    return {run.id: run for run in clinic.jobs.all()}


def broken(clinic: Clinic) -> None:
    """A job with a bug."""
    raise ZeroDivisionError


def test_a_sidecar_that_never_ran_is_not_alive(clinic: Clinic):
    """There is no heartbeat yet."""
    health = jobs.health(clinic)

    assert (health.alive, health.last_beat_at, health.failing) == (False, None, ())


def test_a_heartbeat_counts_until_it_is_old(clinic: Clinic):
    """Half a minute of silence means that the sidecar is dead."""
    jobs.beat(clinic)
    beat = jobs.health(clinic).last_beat_at
    assert beat is not None

    assert health_of(clinic.jobs.all(), now=beat + SILENT_AFTER - timedelta(seconds=1)).alive
    assert not health_of(clinic.jobs.all(), now=beat + SILENT_AFTER).alive


def test_a_failing_job_is_recorded_and_the_others_run(clinic: Clinic):
    """Its record leads to the log line; the next one is not held up."""
    stopping = threading.Event()
    table = (Job("broken", 60, broken), Job(HEARTBEAT, 60, jobs.beat), Job("last", 60, lambda _: stopping.set()))

    scheduler.run_until(stopping, clinic, table)

    runs = runs_of(clinic)
    assert (runs["broken"].ok, len(runs["broken"].reference or "")) == (False, 6)
    assert runs["last"].ok
    assert jobs.health(clinic).failing == ("broken",)
    assert jobs.health(clinic).alive


def test_a_job_that_works_again_forgets_its_failure(clinic: Clinic):
    """And a failure keeps the time of the last success."""
    scheduler.attempt(clinic, Job("fold", 60, lambda _: None))
    scheduler.attempt(clinic, Job("fold", 60, broken))
    failed = runs_of(clinic)["fold"]
    scheduler.attempt(clinic, Job("fold", 60, lambda _: None))
    mended = runs_of(clinic)["fold"]

    assert (failed.ok, failed.last_ok_at is None) == (False, False)
    assert (mended.ok, mended.reference) == (True, None)


def test_stopping_finishes_the_job_at_hand_and_starts_no_other(clinic: Clinic):
    """What SIGTERM does."""
    stopping = threading.Event()
    done: list[str] = []

    def first(_: Clinic) -> None:
        stopping.set()
        done.append("first")

    scheduler.run_until(stopping, clinic, (Job("first", 60, first), Job("second", 60, lambda _: done.append("second"))))

    assert done == ["first"]
    assert list(runs_of(clinic)) == ["first"]
