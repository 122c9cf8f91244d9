"""Papers that are kept as they were first printed: those of a closed day and of a closed till."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A printed paper, named by what it is about: ``day-close:2026-11-22``, ``till-close:2026-11-22#00042``."""

    id: str
    content: bytes
    sha256: str

    @property
    def is_intact(self) -> bool:
        """Whether it is what was printed."""
        return self.sha256 == hashlib.sha256(self.content).hexdigest()


def printed(paper_id: str, content: bytes) -> Paper:
    """A paper that was drawn just now."""
    return Paper(id=paper_id, content=content, sha256=hashlib.sha256(content).hexdigest())


def of_day(day: date) -> str:
    """The id of a closed day's paper."""
    return f"day-close:{day.isoformat()}"


def of_till(entry_id: str) -> str:
    """The id of the slip of a closed till, by the entry that closed it."""
    return f"till-close:{entry_id}"
