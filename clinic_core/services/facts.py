"""The facts that reports are made of: folded into month blocks in the background, read in a few milliseconds.

They are made of the ledger's entries and of appointments. Every write of one of them sets `unfolded` on the document
in the same write, keeps its `month`, and notes in `moved_from` a month that an appointment leaves. From there on three
promises hold whoever dies when:

1. A block is written only over the one that was read before the documents that go into it, so blocks never go back.
2. A document loses `unfolded` only in the version that was listed, after its rows in the blocks of all its months were
   made anew of documents read later than the list, and after the generation was changed. So the blocks as of the
   present generation hold exactly the facts of every document that is not unfolded.
3. Whatever happened instead (a crash, another sidecar, a change in between) leaves it unfolded for the next fold.

A fold takes the rows of the listed documents out of a block and puts the present ones in; all other rows are right by
the second promise, or belong to a document that is unfolded again, whose rows no reader takes from a block. Entries
never change, but they too are folded that way: what a crash left behind is then not there twice.

A reader takes the tail (what is unfolded) first and the generation second. If the generation is that of the blocks it
has, these were read before the tail and are still the present ones: a document that was missing in the tail is in
them by promise 2, and the rows of one that was in the tail are taken from there. If the generation is another one, the
changed blocks are read and the look is repeated. Asking in the other order could lose a document which is folded
between the two questions: no longer in the tail, not yet in the blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.facts import Block, Unfolded
from clinic_core.domain.ids import new_id
from clinic_core.services import fact_memory, fact_tables, ledger
from clinic_core.services.fact_columns import Narrow
from clinic_core.services.fact_memory import JOURNAL, SOURCES, Snapshot, block_id_of, month_tables, snapshot, source
from clinic_core.services.fact_tables import CHARGES, PAYMENTS, SHAPE, VISITS, Tables

__all__ = ["Snapshot", "charges", "fold", "payments", "prepare", "rebuild", "rebuild_month", "snapshot", "visits"]

_FEW: Final = 400  # documents of a month that are folded one by one; of more the whole month is read


def fold(clinic: Clinic) -> int:
    """Bring the month blocks up to date and return how many documents were folded.

    The sidecar does it every few seconds, imports and the demo at their end. It needs no lock. What a crash left
    behind in the ledger is finished first (`ledger.settle`), while the entries can still be told by their mark. What
    fails in one source does not keep the other from being folded.
    """
    for block_id in clinic.facts.of_older_shape(SHAPE):
        if block_id.partition(":")[0] in SOURCES:
            _rebuild(clinic, block_id)
        else:
            clinic.facts.forget(block_id)
    folded, failed = 0, list[Exception]()
    for name in SOURCES:
        try:
            folded += _fold_source(clinic, name)
        except Exception as error:  # noqa: BLE001 - raised once the others had their turn
            failed.append(error)
    if failed:
        raise failed[0]
    return folded


def rebuild(clinic: Clinic, progress: Callable[[int, int], object] = lambda done, total: None) -> int:
    """Make every block anew and return how many: after a bulk load or a restore. `progress` takes (done, total)."""
    months = {block_id_of(name, month) for name in SOURCES for month in source(clinic, name).months()}
    known = {block_id for block_id in clinic.facts.stamps() if block_id.partition(":")[0] in SOURCES}
    block_ids = sorted(months | known)
    for done, block_id in enumerate(block_ids, 1):
        rebuild_month(clinic, block_id)
        progress(done, len(block_ids))
    clinic.facts.publish()
    return len(block_ids)


def rebuild_month(clinic: Clinic, block_id: str) -> None:
    """Make one block of its documents; it is not given up when somebody else wrote it meanwhile."""
    while not _rebuild(clinic, block_id):
        continue


def prepare(clinic: Clinic) -> None:
    """Read all facts and add them up by month, before the first visitor asks."""
    snapshot(clinic).prepare()


def charges(
    clinic: Clinic,
    actor: Actor,
    start_on: date | None = None,
    end_on: date | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """What was billed: a row per line and who owes it; what was taken back has its signs turned.

    Args:
        start_on, end_on: first and last business day; None leaves that end open.
        columns: those that are wanted of `domain.facts.Charge`; None for all. Few columns are quick.

    Returns:
        `day` datetime64[s], `*_minor` int64, codes as categories ("" where there is none), labels as text. Read-only.
    """
    return _frame(clinic, actor, CHARGES, Narrow(first=start_on, last=end_on), columns)


def payments(
    clinic: Clinic,
    actor: Actor,
    start_on: date | None = None,
    end_on: date | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """What came in and what it settled, by business day. Columns of `domain.facts.Settlement`; read-only."""
    return _frame(clinic, actor, PAYMENTS, Narrow(first=start_on, last=end_on), columns)


def visits(
    clinic: Clinic,
    actor: Actor,
    start_on: date | None = None,
    end_on: date | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Visits by their day, whatever became of them. Columns of `domain.facts.Visit`; read-only."""
    return _frame(clinic, actor, VISITS, Narrow(first=start_on, last=end_on), columns)


def _frame(clinic: Clinic, actor: Actor, kind: str, narrow: Narrow, columns: Sequence[str] | None) -> pd.DataFrame:
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "facts")
    return snapshot(clinic).of(kind).frame(narrow, columns)


def _fold_source(clinic: Clinic, name: str) -> int:
    listed = source(clinic, name).unfolded()
    if name == JOURNAL:
        ledger.settle(clinic, source(clinic, name).records(one.id for one in listed))
    together: dict[tuple[str, ...], list[Unfolded]] = {}
    for document in listed:
        together.setdefault(document.months, []).append(document)
    return sum(_fold_months(clinic, name, months, some) for months, some in sorted(together.items()))


def _fold_months(clinic: Clinic, name: str, months: tuple[str, ...], listed: list[Unfolded]) -> int:
    """Fold documents of the same months, listed before; none when somebody else wrote one of the blocks meanwhile."""
    for month in months:
        if not _renew(clinic, name, month, listed):
            return 0
    clinic.facts.publish()
    source(clinic, name).settle(listed)
    return len(listed)


def _renew(clinic: Clinic, name: str, month: str, listed: list[Unfolded]) -> bool:
    """Put the present rows of some documents into a block; False when somebody else wrote it meanwhile."""
    block_id = block_id_of(name, month)
    before = clinic.facts.block(block_id)  # first of all: see promise 1
    if before is None or before.shape != SHAPE or len(listed) > _FEW:
        return _rebuild(clinic, block_id)
    ids = [one.id for one in listed]
    present = [record for record in source(clinic, name).records(ids) if record.day.isoformat()[:7] == month]
    rows = fact_memory.tables_of(clinic, name, present)
    return _write(clinic, block_id, fact_tables.merged(fact_tables.decode(before.tables), ids, rows), before.stamp)


def _rebuild(clinic: Clinic, block_id: str) -> bool:
    """Make one block of its documents; False when somebody else wrote it meanwhile."""
    before = clinic.facts.stamp(block_id)  # first of all: see promise 1
    return _write(clinic, block_id, month_tables(clinic, block_id), before)


def _write(clinic: Clinic, block_id: str, tables: Tables, before: str) -> bool:
    block = Block(stamp=new_id(), shape=SHAPE, tables=fact_tables.encode(tables))
    return clinic.facts.replace(block_id, block, before=before)
