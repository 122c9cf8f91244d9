"""How sidecars share the jobs: read what is due, claim it, keep it, finish it. Each step is one guarded update.

No actor: sidecars work on their own behalf. Every instant is of the database server's clock, which they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from clinic_core.clinic import Clinic
from clinic_core.domain.alerts import Severity
from clinic_core.domain.jobs import (
    LEASE,
    Claim,
    Job,
    JobState,
    Outcome,
    Sidecar,
    finished,
    is_alarming,
    run_of,
)
from clinic_core.services import alerts

_FORGOTTEN_AFTER = timedelta(days=7)
_GONE_AFTER = timedelta(days=1)


def prepare(clinic: Clinic, table: Sequence[Job]) -> None:
    """Make the documents of the jobs and give each its plan; safe to repeat, and to race."""
    known = {state.id for state in clinic.jobs.all()}
    clinic.jobs.add(job.name for job in table if job.name not in known)
    _states(clinic, table)


def due(clinic: Clinic, table: Sequence[Job], *, idle: str = "") -> list[tuple[Job, JobState]]:
    """The jobs of the table that nobody works on and whose time has come, the latest first. One read.

    What the sidecar `idle` holds nobody works on, if it takes from the answer only what its idle lanes run.
    """
    now, known = clinic.server_now(), _states(clinic, table)
    if len(known) < len(table):  # somebody took documents away: an older release, or a hand
        prepare(clinic, table)
    waiting = [(job, state) for job, state in known if state.is_due(now, idle=idle)]
    return sorted(waiting, key=lambda pair: pair[1].next_at or now)


def state_of(clinic: Clinic, job: Job) -> JobState:
    """What is known of a job, made and planned where it was not."""
    prepare(clinic, [job])
    state = clinic.jobs.get(job.name) or JobState(id=job.name)
    return _planned(clinic, job, state, clinic.server_now())


def claim(clinic: Clinic, state: JobState, *, holder: str, lease: timedelta = LEASE) -> Claim | None:
    """Take the job as it was read; None when somebody else was quicker."""
    return clinic.jobs.claim(state, holder=holder, now=clinic.server_now(), lease=lease)


def renew(clinic: Clinic, held: Claim) -> bool:
    """Keep the job for longer; False when it is lost."""
    return clinic.jobs.renew(held, until=clinic.server_now() + held.lease)


def release(clinic: Clinic, held: Claim) -> None:
    """Give the job back unfinished, for anybody to begin anew."""
    clinic.jobs.release(held)


def finish(clinic: Clinic, job: Job, held: Claim, outcome: Outcome) -> bool:
    """Write how the run went and when the next one is due; False when the lease had run out and somebody took over."""
    state = finished(job, held, outcome, now=clinic.server_now(), zone=clinic.zone)
    if not clinic.jobs.finish(held, state):
        return False
    if state.noted > held.state.noted:
        clinic.jobs.note(run_of(held, state))
    if is_alarming(job, state):
        alerts.raise_alert(
            clinic,
            alert_key(job.name),
            severity=Severity.WARNING,
            summary=f'The job "{job.name}" fails.',
            advice=f"{_why(outcome)} It is tried again by itself, later each time; "
            f'`python -m clinic_core jobs run "{job.name}"` tries it now.',
        )
    elif held.state.failures:
        alerts.clear(clinic, alert_key(job.name))
    return True


def _why(outcome: Outcome) -> str:
    said = outcome.result or f"The log says why, under the reference {outcome.reference}"
    return f"{said.rstrip('.')}."


def give_up(clinic: Clinic, job: Job, held: Claim) -> None:
    """Say that a run takes too long. Its lease runs out by itself."""
    clinic.jobs.fail(held, at=held.started_at)
    alerts.raise_alert(
        clinic,
        alert_key(job.name),
        severity=Severity.CRITICAL,
        summary=f'The job "{job.name}" has run for more than {job.longest_minutes} minutes and was given up.',
        advice="The sidecar restarts and another run begins. If this happens again, send its log to who maintains it.",
    )


def alert_key(name: str) -> str:
    """The key of the alert about a job."""
    return f"job:{name}"


def beat(clinic: Clinic, sidecar_id: str, *, started_at: datetime) -> None:
    """Write that a sidecar lives."""
    clinic.jobs.beat(Sidecar(id=sidecar_id, started_at=started_at, beat_at=clinic.server_now()))


def retire(clinic: Clinic, sidecar_id: str) -> None:
    """Write that a sidecar ended in good order."""
    clinic.jobs.retire(sidecar_id)


def tidy(clinic: Clinic, names: Sequence[str]) -> int:
    """Forget jobs that are in no table any more and sidecars that died; how many sidecars.

    An alert about a job that is gone, or whose sidecar died before it could take the alert back, is over.
    """
    now, states = clinic.server_now(), clinic.jobs.all()
    gone = [sidecar.id for sidecar in clinic.jobs.sidecars() if now - sidecar.beat_at > _GONE_AFTER]
    for sidecar_id in gone:
        clinic.jobs.retire(sidecar_id)
    for state in states:
        if state.id not in names:
            clinic.jobs.remove(state.id, unless_since=now - _FORGOTTEN_AFTER)
    failing = {alert_key(state.id) for state in states if state.failures and state.id in names}
    for alert in clinic.alerts.open():
        if alert.id.startswith(alert_key("")) and alert.id not in failing:
            alerts.clear(clinic, alert.id)
    return len(gone)


def _states(clinic: Clinic, table: Sequence[Job]) -> list[tuple[Job, JobState]]:
    """The jobs of the table that have a document, each with what that says."""
    now, jobs = clinic.server_now(), {job.name: job for job in table}
    known = [state for state in clinic.jobs.all() if state.id in jobs]
    return [(jobs[state.id], _planned(clinic, jobs[state.id], state, now)) for state in known]


def _planned(clinic: Clinic, job: Job, state: JobState, now: datetime) -> JobState:
    """The state with the job's schedule in it; where that is new, the next time is worked out anew."""
    words = job.schedule.words(clinic.zone)
    if (state.schedule, state.does, state.lane) == (words, job.does, job.lane):
        return state
    next_at = state.next_at
    if state.schedule != words and (next_at is None or next_at > now):  # what is due already stays due
        next_at = job.schedule.first(now, clinic.zone)
    planned = replace(state, schedule=words, does=job.does, lane=job.lane, next_at=next_at)
    clinic.jobs.plan(state, planned)
    return planned
