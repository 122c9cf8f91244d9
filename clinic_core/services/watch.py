"""The app watches over the sidecars: when all are dead, none is there to say so.

No actor: the app's process looks once a minute, and a sidecar that lives takes the alert back.
"""

from __future__ import annotations

from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain.alerts import Severity
from clinic_core.domain.jobs import MISSED_AFTER
from clinic_core.services import alerts, jobs

SILENCE: Final = "sidecar:silent"


def look(clinic: Clinic, *, was_silent: bool) -> bool:
    """Whether nothing is done in the background. Where that was so a minute ago (`was_silent`), people are told.

    Once is too early: the sidecar may just be starting, or the database may have been away.
    """
    if jobs.silent_since(clinic) is None:
        return False
    if was_silent:
        alerts.raise_alert(
            clinic,
            SILENCE,
            severity=Severity.CRITICAL,
            summary=f"Nothing is done in the background: {MISSED_AFTER.seconds // 60} minutes without a sidecar.",
            advice="No message goes out, no backup is made. Start it: `python -m clinic_core up` does on one machine, "
            "`python scheduler.py` beside an app that runs alone. If it ended by itself, its log says why.",
        )
        alerts.tell(clinic, only=SILENCE)
    return True


def heard(clinic: Clinic) -> None:
    """Say that a sidecar works."""
    alerts.clear(clinic, SILENCE)
