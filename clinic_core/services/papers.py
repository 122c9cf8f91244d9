"""The papers of closed days and tills as they were first printed: the same bytes for ever.

What they say follows from entries, which never change; how it looks follows from fonts, words and the ways of writing
dates, which a later release may change. So the first print is kept, and every later one is that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from clinic_core.clinic import Clinic
from clinic_core.domain import access, papers
from clinic_core.domain.access import Actor
from clinic_core.domain.statements import DayClose, TillClose
from clinic_core.services import day_close, tills


def of_day(clinic: Clinic, actor: Actor, day: date, draw: Callable[[DayClose], bytes]) -> bytes:
    """The paper of a closed day; `draw` makes it the first time. Raises NotFound while the day is open."""
    access.require(actor, "day.close")
    return _kept(clinic, papers.of_day(day), lambda: draw(day_close.paper(clinic, actor, day)))


def of_till(clinic: Clinic, actor: Actor, entry_id: str, draw: Callable[[TillClose], bytes]) -> bytes:
    """The slip of a closed till, that of a colleague for managers only. Raises NotFound."""
    entry = tills.closed(clinic, actor, entry_id)
    return _kept(clinic, papers.of_till(entry.id), lambda: draw(tills.paper(clinic, actor, entry.id)))


def _kept(clinic: Clinic, paper_id: str, make: Callable[[], bytes]) -> bytes:
    found = clinic.papers.get(paper_id)
    return (found or clinic.papers.keep(papers.printed(paper_id, make()))).content


__all__ = ["of_day", "of_till"]
