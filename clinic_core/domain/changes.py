"""The change journal: every change of the database as it happens, beside the backups, to restore to a moment.

Not the journal of the ledger (`clinic_core/domain/journal.py`). It is a chain of segments; a chain ends where changes
can no longer be had from the server, which leaves a gap, and a new one begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

COLLECTION = "change_journal"  # never part of the changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time for which there are no changes: the state at a moment in it cannot be restored."""

    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """How far the chain at hand is. Its segments are `sequence` many, up to the resume token `token`."""

    id: str
    chain: str
    database: str  # a copy under another name has changes of its own
    started_at: datetime
    sequence: int = 0
    sha256: str = ""  # of the last segment's file, "" for none
    token: str
    covers_to: datetime
    shipped_at: datetime  # when the sidecar last shipped a segment, by its own clock
    gaps: tuple[Gap, ...] = ()
    broken: str = ""  # why the changes from here on are not all there, "" while they are
    needs_base: bool = True  # no backup was begun in this chain yet: without one it serves for nothing
    behind: int = 0  # the first segment that a place lacks while another one has it, 0 for none


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """That a database came out of a backup: when, to which moment, and how many messages were put on hold."""

    id: str = "restored"
    restored_at: datetime
    restored_to: datetime  # what happened later is not in it
    held: int = 0
    before: tuple[Gap, ...] = ()  # what restores before this one took away

    def took(self, at: datetime) -> bool:
        """Whether what was written at that moment is not in the database any more."""
        return self.restored_to < at < self.restored_at or any(gap.since < at < gap.until for gap in self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far the change journal reaches, for people. `covers_to` is None where there is none."""

    covers_to: datetime | None = None
    since: datetime | None = None  # the chain at hand
    gaps: tuple[Gap, ...] = ()
    needs_base: bool = False
    behind: bool = False
    restored: Restored | None = None
