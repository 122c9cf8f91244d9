"""What a process keeps of the facts that it has read. `services/facts.py` says why a reader never misses a row."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import pyarrow as pa

from clinic_core.clinic import Clinic
from clinic_core.domain.facts import Owner, Unfolded, touched
from clinic_core.domain.journal import Entry
from clinic_core.services import fact_tables
from clinic_core.services.fact_columns import Fact
from clinic_core.services.fact_parts import Part, joined, parts_of, parts_of_months
from clinic_core.services.fact_tables import CHARGES, PAYMENTS, SHAPE, VISITS, Tables
from clinic_core.services.fact_words import Vocabulary

JOURNAL: Final = "journal"
APPOINTMENTS: Final = "appointments"
SOURCES: Final = (JOURNAL, APPOINTMENTS)
_TABLES: Final = {JOURNAL: (CHARGES, PAYMENTS), APPOINTMENTS: (VISITS,)}
_LOOKS: Final = 4  # while somebody folds year after year; then the last look is good enough for a chart
_AT_ONCE: Final = 24  # blocks: many look up a text once, few take less memory meanwhile
_serials = count(1)
A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All facts as they stand. Shared and read-only: the same object is given out as long as nothing changes."""

    charges: Fact
    payments: Fact
    visits: Fact
    serial: int = field(default_factory=lambda: next(_serials))  # differs whenever anything does, within a process

    def of(self, kind: str) -> Fact:
        """One of the three by its name."""
        return {CHARGES: self.charges, PAYMENTS: self.payments, VISITS: self.visits}[kind]

    def prepare(self) -> None:
        """Add everything up by month now instead of when it is first asked for."""
        for fact in (self.charges, self.payments, self.visits):
            fact.prepare()


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


def rates(clinic: Clinic) -> list[int]:
    """Every rate of tax that was ever charged, lowest first; no query once the facts are in memory."""
    memory = _memory(clinic)
    if not memory.blocks.generation:
        snapshot(clinic)
    return sorted(memory.vocabulary.rates())


def source(clinic: Clinic, name: str) -> Any:
    """The store of one kind of document that facts are made of."""
    return clinic.facts.journal if name == JOURNAL else clinic.facts.appointments


def block_id_of(name: str, month: str) -> str:
    """The block of a source's month, e.g. ``"journal:2026-03"``."""
    return f"{name}:{month}"


def month_tables(clinic: Clinic, block_id: str) -> Tables:
    """What a block should hold, made of its documents."""
    name, _, month = block_id.partition(":")
    return tables_of(clinic, name, source(clinic, name).of_month(month))


def tables_of(clinic: Clinic, name: str, records: Iterable[Any]) -> Tables:
    """The facts of documents of one kind."""
    if name == JOURNAL:
        entries = list(records)
        return fact_tables.of_entries(entries, _owners(clinic, entries))
    return fact_tables.of_appointments(records, clinic.zone)


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """The decoded blocks as of a generation, by block id."""

    generation: str = ""
    stamps: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Part]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Tail:
    """The unfolded documents of one source, and their facts by table name and month."""

    name: str
    documents: tuple[Unfolded, ...]
    parts: Mapping[str, Mapping[int, Part]]

    def hidden(self) -> dict[str, list[str]]:
        """Block id -> the documents whose rows in it do not count any more."""
        found: dict[str, list[str]] = {}
        for document in self.documents:
            for month in document.months:
                found.setdefault(block_id_of(self.name, month), []).append(document.id)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What was made of one source's blocks and tail."""

    blocks: _Blocks
    tail: tuple[Unfolded, ...]
    facts: Mapping[str, Fact]


class _Memory:
    """What a process has read already of one clinic's facts. Depends on nobody who asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.vocabulary = Vocabulary()
        self.blocks = _Blocks()
        self._tails = {name: _Tail(name, (), {}) for name in SOURCES}
        self._seen: dict[str, _Seen] = {}
        self._last: tuple[tuple[_Seen, ...], Snapshot] | None = None

    def tail(self, clinic: Clinic, name: str) -> _Tail:
        """What is unfolded now; its facts are read only when it is not what it was."""
        known, now = self._tails[name], source(clinic, name).unfolded()
        if now == known.documents:
            return known
        listed = source(clinic, name).tail()
        tables = tables_of(clinic, name, (record for _, record in listed))
        with self._lock:
            parts = parts_of(tables, self.vocabulary)
        found = _Tail(name, tuple(one for one, _ in listed), parts)
        self._tails[name] = found
        return found

    def load(self, clinic: Clinic) -> _Blocks:
        """Read the blocks that changed, one reader at a time."""
        with self._lock:
            known, generation = self.blocks, clinic.facts.generation()
            if generation != known.generation:
                self.blocks = _loaded(clinic, known, generation, self.vocabulary)
                pa.default_memory_pool().release_unused()
            return self.blocks

    def snapshot(self, blocks: _Blocks, tails: Sequence[_Tail]) -> Snapshot:
        """The facts of these blocks and tails; the ones made last when they are the same."""
        with self._lock:
            seen = tuple(self._of_source(blocks, tail) for tail in tails)
            if self._last is None or self._last[0] != seen:
                found = {kind: fact for one in seen for kind, fact in one.facts.items()}
                self._last = (seen, Snapshot(found[CHARGES], found[PAYMENTS], found[VISITS]))
            return self._last[1]

    def _of_source(self, blocks: _Blocks, tail: _Tail) -> _Seen:
        seen = self._seen.get(tail.name)
        if seen is None or seen.blocks is not blocks or seen.tail != tail.documents:
            facts = {kind: _fact(kind, blocks, tail, self.vocabulary) for kind in _TABLES[tail.name]}
            seen = self._seen[tail.name] = _Seen(blocks, tail.documents, facts)
        return seen


_memories: WeakKeyDictionary[Any, _Memory] = WeakKeyDictionary()  # by the clinic's store of facts
_memories_lock = threading.Lock()


def _memory(clinic: Clinic) -> _Memory:
    with _memories_lock:
        return _memories.setdefault(clinic.facts, _Memory())


def _loaded(clinic: Clinic, known: _Blocks, generation: str, vocabulary: Vocabulary) -> _Blocks:
    """The blocks as they are now; `generation` was read before."""
    stamps = {block_id: stamp for block_id, stamp in clinic.facts.stamps().items() if _source_of(block_id) in SOURCES}
    changed = [block_id for block_id, stamp in stamps.items() if known.stamps.get(block_id) != stamp]
    parts = {block_id: kept for block_id, kept in known.parts.items() if block_id in stamps}
    wanted = [(name, [block_id for block_id in changed if _source_of(block_id) == name]) for name in SOURCES]
    some = [(name, ids[at : at + _AT_ONCE]) for name, ids in wanted for at in range(0, len(ids), _AT_ONCE)]
    with ThreadPoolExecutor(1, thread_name_prefix="facts") as pool:  # reads the next ones while these are looked up
        for name, read in _one_ahead(pool, lambda batch: (batch[0], _read(clinic, *batch)), some):
            stamps |= read.stamps
            made = parts_of_months(read.tables, vocabulary)
            for month in next(iter(made.values())):
                parts[block_id_of(name, _month_text(month))] = {kind: found[month] for kind, found in made.items()}
    return _Blocks(generation, stamps, parts)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """Blocks of one source as they are stored: their stamps by id, their tables by name and month."""

    stamps: dict[str, str]
    tables: dict[str, dict[int, pa.Table]]


def _read(clinic: Clinic, name: str, block_ids: Sequence[str]) -> _Read:
    read = _Read({}, {kind: {} for kind in _TABLES[name]})
    for block_id, block in clinic.facts.blocks(block_ids):
        read.stamps[block_id] = block.stamp
        tables = fact_tables.decode(block.tables) if block.shape == SHAPE else month_tables(clinic, block_id)
        for kind, months in read.tables.items():
            months[_month_of(block_id)] = tables[kind]
    return read


def _one_ahead(pool: Executor, work: Callable[[A], B], given: Sequence[A]) -> Iterator[B]:
    """What `work` makes of each, begun while the one before is still in use."""
    ahead: deque[Future[B]] = deque()
    for one in given:
        ahead.append(pool.submit(work, one))
        if len(ahead) > 1:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def _fact(kind: str, blocks: _Blocks, tail: _Tail, vocabulary: Vocabulary) -> Fact:
    hidden, found = tail.hidden(), dict[int, list[Part]]()
    for block_id, parts in blocks.parts.items():
        if _source_of(block_id) == tail.name:
            part = parts[kind].without(hidden.get(block_id, ()))
            found.setdefault(part.month, []).append(part)
    for month, part in tail.parts.get(kind, {}).items():
        found.setdefault(month, []).append(part)
    return Fact(kind, [joined(parts) for parts in found.values()], vocabulary)


def _source_of(block_id: str) -> str:
    return block_id.partition(":")[0]


def _month_of(block_id: str) -> int:
    """Months since January 1970 of a block."""
    year, _, month = block_id.partition(":")[2].partition("-")
    return (int(year) - 1970) * 12 + int(month) - 1


def _month_text(month: int) -> str:
    return f"{1970 + month // 12}-{month % 12 + 1:02d}"


def _owners(clinic: Clinic, entries: Iterable[Entry]) -> dict[str, Owner]:
    """Whose the invoices are that entries touch besides their own. None of this changes once one is issued."""
    wanted = {invoice_id for entry in entries for invoice_id in touched(entry)}
    return {
        invoice.id: Owner(invoice.label, invoice.practitioner_id, invoice.location_id or "")
        for invoice in clinic.invoices.many(wanted)
    }
