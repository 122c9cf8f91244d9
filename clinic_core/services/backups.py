"""What people see of backups: which there are, whether each can be relied on, and what was done.

Read from the history in the database: the files may lie where the app cannot see them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.backups import OVERDUE_AFTER, REMEMBERED, BackupEvent, KnownBackup, State, known


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The backups that are kept, the newest first, and the history since the oldest."""

    backups: tuple[KnownBackup, ...]
    history: tuple[BackupEvent, ...]
    now: datetime

    @property
    def newest_good(self) -> KnownBackup | None:
        """The one that would be restored."""
        return next((each for each in self.backups if each.state is State.VERIFIED), None)

    @property
    def is_overdue(self) -> bool:
        """Whether the newest good one is older than a day and two hours, or there is none."""
        good = self.newest_good
        return good is None or self.now - good.created_at > OVERDUE_AFTER


def overview(clinic: Clinic, actor: Actor) -> Overview:
    """All of it. Raises Forbidden."""
    access.require(actor, "backup.read")
    now = clinic.now()
    history = clinic.backups.since(now - REMEMBERED)
    return Overview(backups=tuple(known(history)), history=tuple(history), now=now)
