"""The sidecar: runs what is due, again and again, beside the app. One line in `JOBS` is one job.

A job that fails is logged under a reference and never stops the others. SIGTERM ends the loop after the current job.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Final

import schedule

from clinic_core import logs
from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.domain.jobs import HEARTBEAT, HEARTBEAT_SECONDS
from clinic_core.errors import ClinicError, SettingsError, Unavailable
from clinic_core.services import jobs
from clinic_core.settings import Settings

REFUSED: Final = 2
LONGEST_NAP_SECONDS: Final = 1.0
DATABASE_PATIENCE_SECONDS: Final = 60

log = logging.getLogger("scheduler")


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every so many seconds; it also runs once at the start."""

    name: str
    every_seconds: int
    run: Callable[[Clinic], object]


def fold_facts(clinic: Clinic) -> object:
    """Bring the figures behind the reports up to date."""
    from clinic_core.services import facts  # noqa: PLC0415 - the heartbeat need not wait for its import

    return facts.fold(clinic)


def release_holds(clinic: Clinic) -> object:
    """Forget what visits of past days held, so that the index against double bookings stays small."""
    from clinic_core.services import appointments  # noqa: PLC0415

    return appointments.release_past(clinic)


def draft_fees(clinic: Clinic) -> object:
    """Draft the fees of visits whose desk died before it did."""
    from clinic_core.services import fees  # noqa: PLC0415

    return fees.complete(clinic)


def train_no_show(clinic: Clinic) -> object:
    """Learn anew from past visits which patients are likely to miss one."""
    from clinic_core.services import planning  # noqa: PLC0415

    return planning.train(clinic)


def post_history(clinic: Clinic) -> object:
    """Write the ledger of invoices that were issued before there was one; once for a database."""
    from clinic_core.services import backfill  # noqa: PLC0415

    return backfill.run(clinic)


JOBS: Final = (
    Job(HEARTBEAT, HEARTBEAT_SECONDS, jobs.beat),
    Job("post history", 86_400, post_history),
    Job("fold facts", 20, fold_facts),
    Job("draft fees", 60, draft_fees),
    Job("release past holds", 3_600, release_holds),
    Job("train no-show model", 86_400, train_no_show),
)


def attempt(clinic: Clinic, job: Job) -> None:
    """Run a job and record how it went; nothing it raises gets out."""
    started_at = clinic.now()
    reference = None
    try:
        job.run(clinic)
        if job.name != HEARTBEAT:  # which has written its own record
            jobs.record(clinic, job.name, started_at=started_at)
        return
    except Unavailable:
        log.warning("the database does not answer", extra={"fields": {"job": job.name}})
        return
    except Exception as error:  # noqa: BLE001 - whatever one job raises must not stop the others
        reference = logs.report(error)
    log.error("job failed", extra={"fields": {"job": job.name, "reference": reference}})
    try:
        jobs.record(clinic, job.name, started_at=started_at, reference=reference)
    except Exception as error:  # noqa: BLE001 - the failure is in the log already
        logs.report(error)


def run_until(stopping: threading.Event, clinic: Clinic, table: tuple[Job, ...] = JOBS) -> None:
    """Tick until `stopping` is set; the job at hand is finished first."""
    ticks = schedule.Scheduler()
    for job in table:
        ticks.every(job.every_seconds).seconds.do(attempt, clinic, job)
    for due in list(ticks.jobs):
        if not stopping.is_set():
            due.run()
    while not stopping.wait(max(0.0, min(ticks.idle_seconds or 0.0, LONGEST_NAP_SECONDS))):
        for due in sorted(job for job in ticks.jobs if job.should_run):
            if not stopping.is_set():
                due.run()


def wait_for_database(stopping: threading.Event, clinic: Clinic) -> None:
    """Make missing indexes, which asks for a database that answers; raises Unavailable after a minute."""
    deadline = time.monotonic() + DATABASE_PATIENCE_SECONDS
    while not stopping.is_set():
        try:
            return create_indexes(clinic)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            stopping.wait(LONGEST_NAP_SECONDS)


def main() -> int:
    """Run the sidecar; the exit status."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        settings = Settings.from_env()
        if not settings.database_url:
            raise SettingsError(
                "DATABASE_URL is missing: `python -m clinic_core up` starts a database and the sidecar."
            )
        logs.configure(settings, process="sidecar")
        clinic = open_clinic(settings)
        wait_for_database(stopping, clinic)
        run_until(stopping, clinic)
        clinic.close()
    except ClinicError as error:
        print(error, file=sys.stderr)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
