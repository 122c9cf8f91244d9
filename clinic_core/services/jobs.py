"""What the sidecar writes about itself and what the health check reads of it.

No actor: the sidecar writes on its own behalf, and what is read holds job names and times only.
"""

from __future__ import annotations

from datetime import datetime

from clinic_core.clinic import Clinic
from clinic_core.domain.jobs import HEARTBEAT, JobRun, SidecarHealth, health_of


def beat(clinic: Clinic) -> None:
    """Write that the sidecar is alive now."""
    now = clinic.now()
    clinic.jobs.record(JobRun(id=HEARTBEAT, ran_at=now, last_ok_at=now))


def record(clinic: Clinic, name: str, *, started_at: datetime, reference: str | None = None) -> None:
    """Write that the job ended now; `reference` names the log line of its failure."""
    now = clinic.now()
    clinic.jobs.record(
        JobRun(
            id=name,
            ran_at=started_at,
            milliseconds=round((now - started_at).total_seconds() * 1000),
            ok=reference is None,
            reference=reference,
            last_ok_at=now if reference is None else None,
        )
    )


def health(clinic: Clinic) -> SidecarHealth:
    """Whether the sidecar is alive and which of its jobs failed last time. Raises Unavailable."""
    return health_of(clinic.jobs.all(), now=clinic.now())
