"""A sidecar: takes the jobs that are due, in lanes side by side, and keeps what it took while it works on it.

The main thread calls `dispatch`, `renew` and `beat` again and again and never runs a job itself, so that no job can
hold up the heartbeat or the leases. Each lane is a thread that runs one job after another.
"""

from __future__ import annotations

import logging
import os
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from clinic_core import logs
from clinic_core.clinic import Clinic
from clinic_core.domain.jobs import LEASE, Claim, Job, JobState, Outcome, deadly, outcome_of
from clinic_core.errors import ClinicError, Unavailable
from clinic_core.services import job_engine

log = logging.getLogger("clinic_core.sidecar")

Due = tuple[Job, JobState]
_NAP_SECONDS: Final = 1.0
_STUCK_PATIENCE_SECONDS: Final = 60.0


@dataclass(frozen=True, eq=False)
class Running:
    """A run that is going on; `lost` is set when the job is somebody else's by now or the sidecar is to stop."""

    job: Job
    claim: Claim
    lost: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)


class Lane:
    """A thread that runs what it is handed, one job after another."""

    def __init__(self, name: str, run: Callable[[Lane, Due], None]) -> None:
        self.name = name
        self.running: Running | None = None
        self._run = run
        self._handed: queue.SimpleQueue[list[Due] | None] = queue.SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._work, name=f"lane {name}", daemon=True)

    @property
    def is_idle(self) -> bool:
        """Whether it waits for work."""
        return self._idle.is_set()

    @property
    def is_stuck(self) -> bool:
        """Whether it is at a run that was given up."""
        running = self.running
        return running is not None and running.given_up.is_set()

    def start(self) -> None:
        """Wait for work."""
        self._thread.start()

    def hand(self, jobs: list[Due]) -> None:
        """Give it its next work; it must be idle."""
        self._idle.clear()
        self._handed.put(jobs)

    def end(self) -> None:
        """Let it end after the job at hand."""
        self._handed.put(None)

    def ended(self, seconds: float) -> bool:
        """Wait a little for the end; whether it came. A stuck lane is not waited for."""
        self._thread.join(0 if self.is_stuck else seconds)
        return self.is_stuck or not self._thread.is_alive()

    def _work(self) -> None:
        while (jobs := self._handed.get()) is not None:
            for one in jobs:
                try:
                    self._run(self, one)
                except Unavailable:
                    log.warning("the database does not answer", extra={"fields": {"job": one[0].name}})
                except Exception as error:  # noqa: BLE001 - a bug here must not end the lane
                    logs.report(error)
            self._idle.set()


class Sidecar:
    """One process's share in the work. Several may run; each job that is due is run by one of them."""

    def __init__(self, clinic: Clinic, table: Sequence[Job]) -> None:
        self.id = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"
        self._clinic, self.table = clinic, tuple(table)
        self.stopping = threading.Event()
        self._started_at = clinic.server_now()
        self.lanes = [Lane(name, self._take) for name in sorted({job.lane for job in table})]

    @property
    def is_stuck(self) -> bool:
        """Whether a run was given up: its thread cannot be ended, only the process can."""
        return any(lane.is_stuck for lane in self.lanes)

    def start(self) -> None:
        """Make the documents of the jobs and be ready for `dispatch`. Raises Unavailable."""
        job_engine.prepare(self._clinic, self.table)
        for lane in self.lanes:
            lane.start()

    def dispatch(self) -> None:
        """Hand what is due to the lanes that are idle."""
        due = job_engine.due(self._clinic, self.table, idle=self.id)
        for lane in self.lanes:
            jobs = [one for one in due if one[0].lane == lane.name]
            if jobs and lane.is_idle:
                lane.hand(jobs)

    def renew(self) -> None:
        """Keep the leases of what runs; give up what has run for too long."""
        for running in [lane.running for lane in self.lanes if lane.running]:
            if running.given_up.is_set():
                continue
            if self._clinic.server_now() - running.claim.started_at > running.job.longest:
                job_engine.give_up(self._clinic, running.job, running.claim)
                log.error("job given up", extra={"fields": {"job": running.job.name}})
                running.given_up.set()  # last: it ends the process
            elif not running.lost.is_set() and not job_engine.renew(self._clinic, running.claim):
                running.lost.set()

    def beat(self) -> None:
        """Write that this sidecar lives."""
        job_engine.beat(self._clinic, self.id, started_at=self._started_at)

    def stop(self) -> None:
        """Finish the jobs at hand, or the step at hand of those that have steps; begin no other.

        Where a run is stuck the others get a minute only: until the process ends nobody sends messages here.
        """
        self.stopping.set()
        for lane in self.lanes:
            lane.end()
        stuck_since: float | None = None
        while not all([lane.ended(_NAP_SECONDS) for lane in self.lanes]):
            quietly(self.renew)
            quietly(self.beat)
            if self.is_stuck:
                stuck_since = stuck_since or time.monotonic()
                if time.monotonic() - stuck_since > _STUCK_PATIENCE_SECONDS:
                    break
        quietly(lambda: job_engine.retire(self._clinic, self.id))

    def run_here(self, job: Job) -> Outcome | None:
        """Run one job in this thread, due or not; None when a sidecar holds it. Raises Unavailable."""
        state = job_engine.state_of(self._clinic, job)
        if not state.is_free(self._clinic.server_now()):
            return None
        held = job_engine.claim(self._clinic, state, holder=self.id, lease=job.lease)
        if held is None:
            return None
        running = Running(job, held)
        keeper = _Keeper(self._clinic, running)
        keeper.start()
        try:
            outcome = self._outcome(running)
        except KeyboardInterrupt:
            job_engine.release(self._clinic, held)
            raise
        finally:
            keeper.end()
        if outcome is not None:
            self._finish(running, outcome)
        return outcome

    def _take(self, lane: Lane, due: Due) -> None:
        """Claim a job and run it, unless somebody else was quicker."""
        if self.stopping.is_set():
            return
        job, state = due
        held = job_engine.claim(self._clinic, state, holder=self.id, lease=job.lease)
        if held is None:
            return
        lane.running = running = Running(job, held)
        try:
            outcome = deadly(held) if held.is_deadly else self._outcome(running)
            if outcome is None:
                job_engine.release(self._clinic, held)
            else:
                self._finish(running, outcome)
        finally:
            lane.running = None

    def _outcome(self, running: Running) -> Outcome | None:
        """Run the job; None when it was left between two of its steps."""
        try:
            made = running.job.run(self._clinic)
            if isinstance(made, Iterator):
                return self._steps(running, made)
            return outcome_of(made)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever one job raises must not stop the others
            reference = logs.report(error)
            log.error("job failed", extra={"fields": {"job": running.job.name, "reference": reference}})
            text = str(error) if isinstance(error, ClinicError) else ""
            return Outcome(ok=False, result=text, reference=reference)

    def _steps(self, running: Running, steps: Iterator[object]) -> Outcome | None:
        told: object = None
        for told in steps:  # noqa: B007 - the last one is the result
            if self.stopping.is_set() or running.lost.is_set():
                return None
        return outcome_of(told)

    def _finish(self, running: Running, outcome: Outcome) -> None:
        """Write it down, again while the database does not answer; it is run anew when it never does.

        What cannot be written is written as a failure: left unwritten, it would be run again and again without a pause.
        The end of a run that was given up is not written: somebody was told that it failed, and another one begins.
        """
        if running.given_up.is_set():
            return
        for _ in range(int(LEASE.total_seconds() / _NAP_SECONDS)):
            try:
                kept = job_engine.finish(self._clinic, running.job, running.claim, outcome)
            except Unavailable:
                log.warning("the database does not answer", extra={"fields": {"job": running.job.name}})
            except Exception as error:  # noqa: BLE001 - such as a text that the database does not take
                outcome = Outcome(ok=False, reference=logs.report(error))
            else:
                if not kept:
                    log.warning("the lease ran out first", extra={"fields": {"job": running.job.name}})
                return
            if self.stopping.wait(_NAP_SECONDS):
                return


class _Keeper:
    """Renews the lease of a run that has no main thread beside it."""

    def __init__(self, clinic: Clinic, running: Running) -> None:
        self._clinic, self._running = clinic, running
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(self._running.claim.lease.total_seconds() / 4):
            quietly(self._renew)

    def _renew(self) -> None:
        if not job_engine.renew(self._clinic, self._running.claim):
            self._running.lost.set()


def quietly(do: Callable[[], object]) -> None:
    """Do it; whatever it raises is in the log, and the caller goes on."""
    try:
        do()
    except Unavailable:
        log.warning("the database does not answer")
    except Exception as error:  # noqa: BLE001 - a bug in one part must not stop the others
        logs.report(error)
