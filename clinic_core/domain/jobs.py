"""The sidecar's jobs: what the last run of each came to, and whether the sidecar is alive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

HEARTBEAT: Final = "heartbeat"
HEARTBEAT_SECONDS: Final = 5
SILENT_AFTER: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """The last run of one job. `id` is the job's name; `reference` leads a failure to its log line."""

    id: str
    ran_at: datetime
    milliseconds: int = 0
    ok: bool = True
    reference: str | None = None
    last_ok_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarHealth:
    """Whether the sidecar beats, since when it was last heard (None: never), and which jobs failed last time."""

    alive: bool
    last_beat_at: datetime | None = None
    failing: tuple[str, ...] = ()


def health_of(runs: list[JobRun], *, now: datetime) -> SidecarHealth:
    """What the runs say at `now`; a sidecar is alive while its heartbeat is younger than `SILENT_AFTER`."""
    beat = next((run.ran_at for run in runs if run.id == HEARTBEAT), None)
    failing = tuple(sorted(run.id for run in runs if not run.ok))
    return SidecarHealth(alive=beat is not None and now - beat < SILENT_AFTER, last_beat_at=beat, failing=failing)
