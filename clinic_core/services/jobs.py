"""What people see and ask of the sidecar's jobs: is it alive, how did each go, run it now, let it rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.jobs import MISSED_AFTER, JobRun, JobState, Sidecar, SidecarHealth, health_of
from clinic_core.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Every job and every sidecar at `now`, an instant of the database server's clock like all that they hold."""

    now: datetime
    jobs: tuple[JobState, ...]
    sidecars: tuple[Sidecar, ...]


def health(clinic: Clinic) -> SidecarHealth:
    """Whether a sidecar is alive and which of the jobs failed last time. Raises Unavailable."""
    return health_of(clinic.jobs.sidecars(), _known(clinic), now=clinic.server_now())


def silent_since(clinic: Clinic) -> datetime | None:
    """Since when nothing is done in the background though it was before; None: all is well. No query of its own."""
    last = clinic.directory().last_work_at
    return last if last is not None and clinic.server_now() - last > MISSED_AFTER else None


def overview(clinic: Clinic, actor: Actor) -> Overview:
    """Every job with how it went last, and the sidecars. Raises Forbidden."""
    access.require(actor, "job.read")
    return Overview(now=clinic.server_now(), jobs=tuple(_known(clinic)), sidecars=tuple(clinic.jobs.sidecars()))


def history(clinic: Clinic, actor: Actor, name: str) -> list[JobRun]:
    """The last runs of a job, newest first. Raises Forbidden."""
    access.require(actor, "job.read")
    return clinic.jobs.runs(name)


def run_now(clinic: Clinic, actor: Actor, name: str) -> None:
    """Ask the sidecars to run a job within a second or two, paused or not. Raises Forbidden or NotFound."""
    access.require(actor, "job.run")
    _require_known(name, known=clinic.jobs.ask(name, at=clinic.server_now()))
    clinic.audit.record(actor, "job.run", name)


def pause(clinic: Clinic, actor: Actor, name: str) -> None:
    """Let a job rest until it is resumed; a run at hand is finished. Raises Forbidden or NotFound."""
    access.require(actor, "job.run")
    _require_known(name, known=clinic.jobs.pause(name, paused=True))
    clinic.audit.record(actor, "job.pause", name)


def resume(clinic: Clinic, actor: Actor, name: str) -> None:
    """Let a paused job go on; what it missed is made up by one run. Raises Forbidden or NotFound."""
    access.require(actor, "job.run")
    _require_known(name, known=clinic.jobs.pause(name, paused=False))
    clinic.audit.record(actor, "job.resume", name)


def _known(clinic: Clinic) -> list[JobState]:
    return [state for state in clinic.jobs.all() if state.schedule]


def _require_known(name: str, *, known: bool) -> None:
    if not known:
        raise NotFound(f'There is no job "{name}". `python -m clinic_core jobs list` shows them all.')
