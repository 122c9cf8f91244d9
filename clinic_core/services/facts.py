"""The facts that reports are made of: folded into month blocks in the background, read in a few milliseconds.

Every write of an invoice or appointment sets `unfolded` on the document in the same write, keeps its `month`, and
notes in `moved_from` a month it leaves. From there on three promises hold whoever dies when:

1. A block is written only over the one that was there before its documents were read, so blocks never go back.
2. A document loses `unfolded` only in the version that was listed, after the blocks of all its months were rebuilt
   from documents read later than the list, and after the generation was changed. So the blocks as of the present
   generation hold exactly the facts of every document that is not unfolded.
3. Whatever happened instead (a crash, another sidecar, a change in between) leaves it unfolded for the next fold.

A reader takes the tail (what is unfolded) first and the generation second. If the generation is that of the blocks it
has, these were read before the tail and are still the present ones: a document that was missing in the tail is in
them by promise 2, and the rows of one that was in the tail are taken from there. If the generation is another one, the
changed blocks are read and the look is repeated. Asking in the other order could lose a document which is folded
between the two questions: no longer in the tail, not yet in the blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.facts import Block, Unfolded
from clinic_core.domain.ids import new_id
from clinic_core.services import fact_tables
from clinic_core.services.fact_memory import SOURCES, Snapshot, block_id_of, month_tables, snapshot, source
from clinic_core.services.fact_tables import SHAPE

__all__ = ["Snapshot", "between", "charges", "fold", "payments", "rebuild", "snapshot", "visits"]


def fold(clinic: Clinic) -> int:
    """Bring the month blocks up to date and return how many documents were folded.

    The sidecar does it every few seconds, imports and the demo at their end. It needs no lock.
    """
    for block_id in clinic.facts.of_older_shape(SHAPE):
        _rebuild(clinic, block_id)
    return sum(_fold_source(clinic, name) for name in SOURCES)


def rebuild(clinic: Clinic, progress: Callable[[int, int], object] = lambda done, total: None) -> int:
    """Make every block anew and return how many: after a bulk load or a restore. `progress` takes (done, total).

    It does not give a block up when somebody else wrote it meanwhile: their documents may have been older.
    """
    months = {block_id_of(name, month) for name in SOURCES for month in source(clinic, name).months()}
    block_ids = sorted(months | clinic.facts.stamps().keys())
    for done, block_id in enumerate(block_ids, 1):
        while not _rebuild(clinic, block_id):
            continue
        progress(done, len(block_ids))
    clinic.facts.publish()
    return len(block_ids)


def charges(clinic: Clinic, actor: Actor, start_on: date | None = None, end_on: date | None = None) -> pd.DataFrame:
    """What was billed: a row per line of an issued invoice, and one with its signs turned once it is cancelled.

    Args:
        start_on, end_on: first and last day, by day of issue or of cancellation; None leaves that end open.

    Returns:
        Columns of `domain.facts.Charge`: `day` datetime64[s], `*_minor` int64, codes as categories. Read-only.
    """
    return between(_allowed(clinic, actor).charges, start_on, end_on)


def payments(clinic: Clinic, actor: Actor, start_on: date | None = None, end_on: date | None = None) -> pd.DataFrame:
    """What was collected, by the day it was received. Columns of `domain.facts.Receipt`; read-only."""
    return between(_allowed(clinic, actor).payments, start_on, end_on)


def visits(clinic: Clinic, actor: Actor, start_on: date | None = None, end_on: date | None = None) -> pd.DataFrame:
    """Visits by their day, whatever became of them. Columns of `domain.facts.Visit`; read-only."""
    return between(_allowed(clinic, actor).visits, start_on, end_on)


def between(frame: pd.DataFrame, start_on: date | None, end_on: date | None) -> pd.DataFrame:
    """The rows of these days, both included; None leaves that end open."""
    if start_on is not None:
        frame = frame[frame["day"] >= pd.Timestamp(start_on)]
    return frame if end_on is None else frame[frame["day"] <= pd.Timestamp(end_on)]


def _allowed(clinic: Clinic, actor: Actor) -> Snapshot:
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "facts")
    return snapshot(clinic)


def _fold_source(clinic: Clinic, name: str) -> int:
    together: dict[tuple[str, ...], list[Unfolded]] = {}
    for document in source(clinic, name).unfolded():
        together.setdefault(document.months, []).append(document)
    return sum(_fold_months(clinic, name, months, listed) for months, listed in sorted(together.items()))


def _fold_months(clinic: Clinic, name: str, months: tuple[str, ...], listed: list[Unfolded]) -> int:
    """Fold documents of the same months, listed before; none when somebody else wrote one of the blocks meanwhile."""
    for month in months:
        if not _rebuild(clinic, block_id_of(name, month)):
            return 0
    clinic.facts.publish()
    source(clinic, name).settle(listed)
    return len(listed)


def _rebuild(clinic: Clinic, block_id: str) -> bool:
    """Make one block of its documents; False when somebody else wrote it meanwhile."""
    before = clinic.facts.stamp(block_id)  # first of all: see promise 1
    streams = fact_tables.encode(month_tables(clinic, block_id))
    return clinic.facts.replace(block_id, Block(stamp=new_id(), shape=SHAPE, tables=streams), before=before)
