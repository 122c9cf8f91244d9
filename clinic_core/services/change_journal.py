"""What people see of the change journal: how far it reaches, and where it has gaps."""

from __future__ import annotations

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.changes import Reach


def reach(clinic: Clinic, actor: Actor) -> Reach:
    """Up to when every change is kept beside the backups. Raises Forbidden."""
    access.require(actor, "backup.read")
    state, restored = clinic.changes.state(), clinic.changes.last_restored()
    if state is None:
        return Reach(restored=restored)
    return Reach(
        covers_to=state.covers_to if state.sequence else None,
        since=state.started_at,
        gaps=state.gaps,
        needs_base=state.needs_base,
        behind=bool(state.behind),
        restored=restored,
    )
