"""What a process keeps of the facts that it has read. `services/facts.py` says why a reader never misses a row."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from weakref import WeakKeyDictionary

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain.facts import Unfolded
from clinic_core.services import fact_tables
from clinic_core.services.fact_tables import CHARGES, PAYMENTS, SHAPE, VISITS, Tables

INVOICES: Final = "invoices"
APPOINTMENTS: Final = "appointments"
SOURCES: Final = (INVOICES, APPOINTMENTS)
_TABLES: Final = {INVOICES: (CHARGES, PAYMENTS), APPOINTMENTS: (VISITS,)}
_LOOKS: Final = 4  # while somebody folds year after year; then the last look is good enough for a chart
_serials = count(1)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All facts as they stand. Shared and read-only: the same object is given out as long as nothing changes."""

    charges: pd.DataFrame
    payments: pd.DataFrame
    visits: pd.DataFrame
    serial: int = field(default_factory=lambda: next(_serials))  # differs whenever anything does, within a process


def snapshot(clinic: Clinic) -> Snapshot:
    """All facts as of now, for services that have asked access already."""
    memory = _memory(clinic)
    for _ in range(_LOOKS):
        blocks = memory.blocks
        tails = [memory.tail(clinic, name) for name in SOURCES]
        if clinic.facts.generation() == blocks.generation:
            break
        blocks = memory.load(clinic)
    return memory.snapshot(blocks, tails)


def source(clinic: Clinic, name: str) -> Any:
    """The store of one kind of document that facts are made of."""
    return clinic.facts.invoices if name == INVOICES else clinic.facts.appointments


def block_id_of(name: str, month: str) -> str:
    """The block of a source's month, e.g. ``"invoices:2026-03"``."""
    return f"{name}:{month}"


def month_tables(clinic: Clinic, block_id: str) -> Tables:
    """What a block should hold, made of its documents."""
    name, _, month = block_id.partition(":")
    return _tables(clinic, name, source(clinic, name).of_month(month))


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """The decoded blocks as of a generation, by block id."""

    generation: str = ""
    stamps: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Tables] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Tail:
    """The unfolded documents of one source, and their facts."""

    name: str
    documents: tuple[Unfolded, ...]
    tables: Tables

    def hidden(self) -> dict[str, list[str]]:
        """Block id -> the documents whose rows in it do not count any more."""
        found: dict[str, list[str]] = {}
        for document in self.documents:
            for month in document.months:
                found.setdefault(block_id_of(self.name, month), []).append(document.id)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The frames made of one source's blocks and tail."""

    blocks: _Blocks
    tail: tuple[Unfolded, ...]
    frames: Mapping[str, pd.DataFrame]


class _Memory:
    """What a process has read already of one clinic's facts. Depends on nobody who asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.blocks = _Blocks()
        self._tails = {name: _Tail(name, (), {}) for name in SOURCES}
        self._parts: dict[str, _Part] = {}
        self._last: tuple[tuple[_Part, ...], Snapshot] | None = None

    def tail(self, clinic: Clinic, name: str) -> _Tail:
        """What is unfolded now; its facts are read only when it is not what it was."""
        known, now = self._tails[name], source(clinic, name).unfolded()
        if now == known.documents:
            return known
        listed = source(clinic, name).tail()
        found = _Tail(name, tuple(one for one, _ in listed), _tables(clinic, name, (record for _, record in listed)))
        self._tails[name] = found
        return found

    def load(self, clinic: Clinic) -> _Blocks:
        """Read the blocks that changed, one reader at a time."""
        with self._lock:
            known, generation = self.blocks, clinic.facts.generation()
            if generation != known.generation:
                self.blocks = _loaded(clinic, known, generation)
            return self.blocks

    def snapshot(self, blocks: _Blocks, tails: Sequence[_Tail]) -> Snapshot:
        """The frames of these blocks and tails; the ones made last when they are the same."""
        with self._lock:
            parts = tuple(self._part(blocks, tail) for tail in tails)
            if self._last is None or self._last[0] != parts:
                frames = {name: frame for part in parts for name, frame in part.frames.items()}
                self._last = (parts, Snapshot(frames[CHARGES], frames[PAYMENTS], frames[VISITS]))
            return self._last[1]

    def _part(self, blocks: _Blocks, tail: _Tail) -> _Part:
        part = self._parts.get(tail.name)
        if part is None or part.blocks is not blocks or part.tail != tail.documents:
            part = self._parts[tail.name] = _Part(blocks, tail.documents, _frames(blocks, tail))
        return part


_memories: WeakKeyDictionary[Any, _Memory] = WeakKeyDictionary()  # by the clinic's store of facts
_memories_lock = threading.Lock()


def _memory(clinic: Clinic) -> _Memory:
    with _memories_lock:
        return _memories.setdefault(clinic.facts, _Memory())


def _loaded(clinic: Clinic, known: _Blocks, generation: str) -> _Blocks:
    """The blocks as they are now; `generation` was read before."""
    stamps = clinic.facts.stamps()
    changed = [block_id for block_id, stamp in stamps.items() if known.stamps.get(block_id) != stamp]
    tables = {block_id: kept for block_id, kept in known.tables.items() if block_id in stamps}
    for block_id, block in clinic.facts.blocks(changed):
        stamps[block_id] = block.stamp
        tables[block_id] = fact_tables.decode(block.tables) if block.shape == SHAPE else month_tables(clinic, block_id)
    return _Blocks(generation, stamps, tables)


def _frames(blocks: _Blocks, tail: _Tail) -> dict[str, pd.DataFrame]:
    hidden = tail.hidden()
    own = [(block_id, tables) for block_id, tables in blocks.tables.items() if block_id.startswith(tail.name + ":")]
    parts = [fact_tables.without(tables, hidden.get(block_id, ())) for block_id, tables in own]
    joined = fact_tables.joined([*parts, tail.tables], _TABLES[tail.name])
    return {name: fact_tables.frame(table) for name, table in joined.items()}


def _tables(clinic: Clinic, name: str, records: Iterable[Any]) -> Tables:
    if name == INVOICES:
        return fact_tables.of_invoices(records)
    return fact_tables.of_appointments(records, clinic.zone)
