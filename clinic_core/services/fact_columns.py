"""Facts in memory: a part of narrow columns per month, texts as small numbers, and sums of each part made once.

Nothing is copied together: a question adds up the months' cells (one per practitioner, service, payer and so on, with
sums and a count) where whole months are asked for, and rows only where days, hours or people are.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clinic_core.domain import facts
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.reports import balances
from clinic_core.reports.measures import HOUR, WEEKDAY
from clinic_core.reports.periods import PERIOD, Grain, period_of, weekday_of
from clinic_core.services.fact_tables import CHARGES, PAYMENTS, SCHEMAS, SOURCE_ID, VISITS, entry_id_of, source_ids
from clinic_core.services.recent import Recent

Ints: TypeAlias = np.ndarray[Any, Any]
Column: TypeAlias = Any  # a numpy array, or an Arrow array of texts

COUNT: Final = "count"
STATE: Final[Mapping[str, str]] = {CHARGES: "event", PAYMENTS: "event", VISITS: "status"}
_MANY: Final = frozenset({"document_id", "patient_id"})  # texts with very many values
_CODED: Final = frozenset(
    {
        *_MANY,
        "practitioner_id",
        "service_id",
        "location_id",
        "payer_id",
        "method",
        "event",
        "by",
        "status",
        "booked_by",
        "basis_points",
    }
)
_VOCABULARY: Final = {"booked_by": "by"}  # columns that share their texts with another one
SUMS: Final[Mapping[str, tuple[str, ...]]] = {
    CHARGES: ("quantity", "gross_minor", "discount_minor", "net_minor", "tax_minor", "total_minor"),
    PAYMENTS: ("amount_minor", "settled_minor", "credit_minor", "written_off_minor"),
    VISITS: ("minutes", "lead_days"),
}
_COARSE: Final[Mapping[str, tuple[str, ...]]] = {
    CHARGES: ("practitioner_id", "service_id", "location_id", "payer_id", "event", "basis_points"),
    PAYMENTS: ("practitioner_id", "location_id", "payer_id", "method", "event"),
    VISITS: ("practitioner_id", "service_id", "location_id", "status"),
}
LEVELS: Final = {kind: (dims, (*dims, WEEKDAY)) for kind, dims in _COARSE.items()}  # coarse ones first
_DENSE: Final = 2**21  # groups that are counted without sorting
_EXACT: Final = 2**53  # whole numbers up to here are the same as floats
_EPOCH: Final = date(1970, 1, 1)
_NOTHING: Final = np.empty(0, np.int64)
_SELECTIONS: Final = 12  # narrowed stacks that are kept: the charts of a page share most of them


class Codes:
    """Values as small numbers that stay the same as long as the process lives. 0 is the empty value."""

    def __init__(self, empty: Hashable = "") -> None:
        self._lock = threading.Lock()
        self._codes: dict[Any, int] = {empty: 0}
        self.values: list[Any] = [empty]
        self._dtype: pd.CategoricalDtype | None = None

    def of(self, values: Iterable[Any]) -> Ints:
        """The numbers of values, new ones where they were never seen."""
        with self._lock:
            return np.array([self._code(value) for value in values], np.int32)

    def known(self, values: Iterable[Any]) -> list[int]:
        """The numbers of those of the values that were ever seen."""
        return [self._codes[value] for value in values if value in self._codes]

    def dtype(self) -> pd.CategoricalDtype:
        """The values as categories."""
        kept = self._dtype
        if kept is None or len(kept.categories) != len(self.values):
            kept = self._dtype = pd.CategoricalDtype(pd.Index(self.values[:], dtype=object))
        return kept

    def _code(self, value: Any) -> int:
        code = self._codes.get(value)
        if code is None:
            code = self._codes[value] = len(self.values)
            self.values.append(value)
        return code


class Vocabulary:
    """The texts of all columns, and the numbers printed on invoices."""

    def __init__(self) -> None:
        self._codes = {name: Codes(0 if name == "basis_points" else "") for name in _CODED - _VOCABULARY.keys()}
        self.labels: Ints = np.array([""], dtype=object)  # by the code of the invoice

    def __getitem__(self, column: str) -> Codes:
        return self._codes[_VOCABULARY.get(column, column)]

    def note_labels(self, documents: Ints, labels: Ints) -> None:
        """Keep what invoices are called."""
        size = len(self["document_id"].values)
        if size > len(self.labels):
            grown = np.full(size + size // 8, "", dtype=object)
            grown[: len(self.labels)] = self.labels
            self.labels = grown
        self.labels[documents] = labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrow:
    """Which facts are meant: days (both included, None is an open end), and values of columns."""

    first: date | None = None
    last: date | None = None
    only: tuple[tuple[str, frozenset[Any]], ...] = ()
    known: str = ""  # a column that must not be empty
    moved: str = ""  # a column that must not be 0

    def with_only(self, column: str, values: Iterable[Any]) -> Narrow:
        """The same, and the column must have one of these values."""
        return Narrow(
            first=self.first,
            last=self.last,
            only=(*self.only, (column, frozenset(values))),
            known=self.known,
            moved=self.moved,
        )


@dataclass(frozen=True, eq=False)
class Part:
    """A month's facts of one kind: equally long columns, and their cells once they were asked for."""

    kind: str
    month: int  # since January 1970
    columns: Mapping[str, Column]
    _cells: dict[tuple[str, ...], dict[str, Ints]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["day"])

    def column(self, name: str) -> Ints:
        """A column of numbers; `weekday` is derived."""
        if name == WEEKDAY:
            return weekday_of(self.columns["day"])
        if name == COUNT:
            return np.ones(len(self), np.int64)
        found: Ints = self.columns[name]
        return found

    def cells(self, dims: tuple[str, ...]) -> dict[str, Ints]:
        """The sums and the count per combination of these columns."""
        if dims not in self._cells:
            self._cells[dims] = _cells(self, dims)
        return self._cells[dims]

    def taken(self, chosen: Ints) -> Part:
        """Some of the rows, by mask or by place."""
        return Part(self.kind, self.month, {name: _take(column, chosen) for name, column in self.columns.items()})

    def without(self, document_ids: Sequence[str]) -> Part:
        """The rows that do not come from these documents."""
        if not document_ids:
            return self
        gone = pc.is_in(pa.array(self.columns[SOURCE_ID[self.kind]]), value_set=source_ids(self.kind, document_ids))
        hidden = gone.to_numpy(zero_copy_only=False)
        return self.taken(~hidden) if hidden.any() else self

    @cached_property
    def known_on(self) -> int:
        """The last day on which anything in it changed, for visits."""
        days = (self.columns["booked_on"], self.columns["settled_on"])
        return max((int(column.max()) for column in days if len(column)), default=0)


def parts_of_months(tables: Mapping[str, Mapping[int, pa.Table]], vocabulary: Vocabulary) -> dict[str, dict[int, Part]]:
    """Tables by kind and month with their texts as numbers; each text is looked up once for all of them."""
    whole = {(kind, month): t.combine_chunks() for kind, found in tables.items() for month, t in found.items()}
    kept = {place: table for place, table in whole.items() if len(table)}
    columns: dict[tuple[str, int], dict[str, Column]] = {place: {} for place in kept}
    for name in dict.fromkeys(name for table in kept.values() for name in table.column_names):
        having = [place for place, table in kept.items() if name in table.column_names]
        chunks = pa.chunked_array([kept[place][name].chunk(0) for place in having])
        for place, column in zip(having, _columns(name, chunks, vocabulary), strict=True):
            columns[place][name] = column
    made: dict[str, dict[int, Part]] = {kind: {} for kind in tables}
    for kind, month in whole:
        made[kind][month] = _part(kind, month, columns.get((kind, month)), vocabulary)
    return made


def parts_of(tables: Mapping[str, pa.Table], vocabulary: Vocabulary) -> dict[str, dict[int, Part]]:
    """Tables of any days as parts by month."""
    return parts_of_months({kind: _by_month(table) for kind, table in tables.items()}, vocabulary)


def joined(parts: Sequence[Part]) -> Part:
    """Parts of one month as one."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    return Part(
        first.kind, first.month, {name: _join([part.columns[name] for part in parts]) for name in first.columns}
    )


class Fact:
    """All facts of one kind as they stand. Read-only."""

    def __init__(self, kind: str, parts: Iterable[Part], vocabulary: Vocabulary) -> None:
        self.kind, self.vocabulary = kind, vocabulary
        self.parts = sorted((part for part in parts if len(part)), key=lambda part: part.month)
        self._months = [part.month for part in self.parts]
        self._stacks: dict[tuple[str, ...], _Stack] = {}
        self._narrowed: Recent[_Stack] = Recent(_SELECTIONS)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def totals(self, by: Sequence[str], sums: Sequence[str], narrow: Narrow, grain: Grain) -> pd.DataFrame:
        """The sums and the count of rows per combination of columns that occurs.

        Args:
            by: names of coded columns, `period`, `weekday` or `hour`.
            sums: names of columns of numbers.

        Returns:
            `by` (periods as datetime64[s], texts as categories), `sums` and `count`, all int64.
        """
        chunks = self._chunks(by, narrow, grain)
        periods = self._periods(narrow, grain) if PERIOD in by else _Periods.none()
        sizes = [self._size(name, periods) for name in by]
        found = _grouped([chunk.keyed(by, sizes, periods) for chunk in chunks], sums, sizes)
        keys = {name: self._values(name, codes, periods) for name, codes in zip(by, found.codes, strict=True)}
        return pd.DataFrame({**keys, **found.sums}, copy=False)

    def frame(self, narrow: Narrow | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The rows in order of months: numbers, `day` as datetime64[s], texts as categories, `label` as text."""
        chosen = [(part, self._mask(part, narrow)) for part in self._between(narrow)] if narrow is not None else None
        parts = self.parts if chosen is None else [_some(part, mask) for part, mask in chosen]
        return self._frame(parts, columns or self._names(), plain=False)

    def latest(self, narrow: Narrow, most: int | None, adds: str) -> tuple[pd.DataFrame, int, int]:
        """The latest rows with all their columns as plain texts, how many there are in all, and the sum of a column."""
        found: list[Part] = []
        count = total = shown = 0
        for part in reversed(self._between(narrow)):
            mask = self._mask(part, narrow)
            size = len(part) if mask is None else int(np.count_nonzero(mask))
            count += size
            if adds and size:
                total += int((part.column(adds) if mask is None else part.column(adds)[mask]).sum())
            if size and (most is None or shown < most):
                found.append(_newest_first(_some(part, mask), None if most is None else most - shown))
                shown += len(found[-1])
        return self._frame(found, self._names(), plain=True), count, total if adds else count

    def by_document(self, column: str, narrow: Narrow) -> Ints:
        """The sum of a column per invoice, by the invoice's code."""
        size = len(self.vocabulary["document_id"].values)
        stack = self._rows(*self._places(narrow), narrow)
        return _add_up(stack["document_id"], stack[column], size).astype(np.int64)

    def of_documents(self, wanted: Ints, narrow: Narrow, columns: Sequence[str]) -> pd.DataFrame:
        """The rows of some invoices, told by a mask over their codes."""
        found = []
        for part in self._between(narrow):
            documents, mask = part.columns["document_id"], self._mask(part, narrow)
            theirs = wanted[documents]
            found.append(part.taken(theirs if mask is None else theirs & mask))
        return self._frame(found, columns, plain=False)

    def as_of(self, day: date) -> Fact:
        """The visits as they were at the end of a day; what was booked later is not there."""
        on = ordinal(day)
        known = [part for part in self.parts if part.known_on <= on]
        changed = [then for part in self.parts if part.known_on > on for then in _as_of(part, on, self.vocabulary)]
        if not changed and len(known) == len(self.parts):
            return self
        by_month: dict[int, list[Part]] = {}
        for part in (*known, *changed):
            by_month.setdefault(part.month, []).append(part)
        return Fact(self.kind, [joined(parts) for parts in by_month.values()], self.vocabulary)

    def _names(self) -> tuple[str, ...]:
        return FRAMES[self.kind]

    def _between(self, narrow: Narrow | None) -> list[Part]:
        first, last = self._places(narrow or Narrow())
        return self.parts[first:last]

    def _places(self, narrow: Narrow) -> tuple[int, int]:
        """The first part that has asked days, and the one after the last."""
        first = 0 if narrow.first is None else bisect_left(self._months, _month(narrow.first))
        last = len(self.parts) if narrow.last is None else bisect_right(self._months, _month(narrow.last))
        return first, max(first, last)

    def _mask(self, part: Part, narrow: Narrow | None) -> Ints | None:
        """Which rows of a part are meant; None for all of them."""
        if narrow is None:
            return None
        return self._masked(_Stack(part.column, len(part)), narrow, cut=_cuts(part.month, narrow))

    def _masked(self, columns: _Stack, narrow: Narrow, *, cut: bool) -> Ints | None:
        masks = [self._one_of(name, values, columns[name]) for name, values in narrow.only]
        if cut and narrow.first is not None:
            masks.append(columns["day"] >= ordinal(narrow.first))
        if cut and narrow.last is not None:
            masks.append(columns["day"] <= ordinal(narrow.last))
        if narrow.known:
            masks.append(~np.isnan(columns[narrow.known]))
        if narrow.moved:
            masks.append(columns[narrow.moved] != 0)
        return np.logical_and.reduce(masks) if masks else None

    def _one_of(self, name: str, values: frozenset[Any], codes: Ints) -> Ints:
        size = self._size(name, _Periods.none())
        wanted = np.zeros(size, bool)
        found = self.vocabulary[name].known(values) if name in _CODED else [v for v in values if 0 <= v < size]
        wanted[found] = True
        mask: Ints = wanted[codes]
        return mask

    def _chunks(self, by: Sequence[str], narrow: Narrow, grain: Grain) -> list[_Stack]:
        """The facts that are meant: cells of whole months where they tell enough, else rows."""
        first, last = self._places(narrow)
        dims = {*by, *(name for name, _ in narrow.only)} - {PERIOD}
        level = next((level for level in LEVELS[self.kind] if dims <= set(level)), None)
        if level is None or (PERIOD in by and grain in (Grain.DAY, Grain.WEEK)) or narrow.known or narrow.moved:
            return [self._rows(first, last, narrow)]
        chunks = []
        if first < last and _cuts(self._months[first], narrow):
            chunks.append(self._rows(first, first + 1, narrow))
            first += 1
        if first < last and _cuts(self._months[last - 1], narrow):
            chunks.append(self._rows(last - 1, last, narrow))
            last -= 1
        return [*chunks, self._cells(level, first, last, narrow)]

    def _cells(self, level: tuple[str, ...], first: int, last: int, narrow: Narrow) -> _Stack:
        if not narrow.only:
            return self._all_cells(level).between(first, last)

        def make() -> _Stack:
            whole = self._all_cells(level).between(first, last)
            mask = self._masked(whole, narrow, cut=False)
            return whole if mask is None else whole.taken(mask)

        return self._narrowed.get((level, first, last, narrow.only), make)

    def _all_cells(self, level: tuple[str, ...]) -> _Stack:
        if level not in self._stacks:
            self._stacks[level] = _cells_of(self.parts, level, SUMS[self.kind])
        return self._stacks[level]

    def _rows(self, first: int, last: int, narrow: Narrow) -> _Stack:
        def make() -> _Stack:
            parts = self.parts[first:last]
            stack = _Stack(lambda name: _stacked([part.column(name) for part in parts]), sum(map(len, parts)))
            cut = any(_cuts(part.month, narrow) for part in (*parts[:1], *parts[-1:]))
            mask = self._masked(stack, narrow, cut=cut)
            return stack if mask is None else stack.taken(mask)

        return self._narrowed.get(("rows", first, last, narrow), make)

    def _periods(self, narrow: Narrow, grain: Grain) -> _Periods:
        first, last = self._places(narrow)
        return _periods_of(self._months[first], self._months[last - 1], grain) if first < last else _Periods.none()

    def _size(self, name: str, periods: _Periods) -> int:
        fixed = {PERIOD: len(periods.starts), WEEKDAY: 7, HOUR: 24}
        return fixed[name] if name in fixed else len(self.vocabulary[name].values)

    def _values(self, name: str, codes: Ints, periods: _Periods) -> Any:
        if name == PERIOD:
            return periods.starts[codes]
        if name in (WEEKDAY, HOUR):
            return codes.astype(np.int64)
        if name == "basis_points":
            return np.array(self.vocabulary[name].values, np.int64)[codes]
        return pd.Categorical.from_codes(codes, dtype=self.vocabulary[name].dtype())

    def _frame(self, parts: Sequence[Part], columns: Sequence[str], *, plain: bool) -> pd.DataFrame:
        return pd.DataFrame({name: self._series(parts, name, plain=plain) for name in columns}, copy=False)

    def _series(self, parts: Sequence[Part], name: str, *, plain: bool) -> Any:
        if name == "document_id" and self.kind == VISITS:
            return _texts([part.columns[name] for part in parts])
        column = _stacked([part.column(_STORED.get(name, name)) for part in parts])
        if name in _STORED:
            text = self.vocabulary.labels.__getitem__ if name == "label" else entry_id_of
            return pd.Series([text(code) for code in column.tolist()], dtype="str")
        if name in ("day", "booked_on", "settled_on"):
            return column.astype("datetime64[D]").astype("datetime64[s]")
        if name in _CODED:
            return self._decoded(column, name, plain=plain)
        return column.astype(np.int64) if column.dtype.kind in "iu" else column

    def _decoded(self, codes: Ints, name: str, *, plain: bool) -> Any:
        codebook = self.vocabulary[name]
        if name == "basis_points":
            return np.array(codebook.values, np.int64)[codes]
        if plain:
            return pd.Series([codebook.values[code] for code in codes.tolist()], dtype="str")
        return pd.Categorical.from_codes(codes, dtype=codebook.dtype())


_STORED: Final = {"label": "document_id", "entry_id": "entry"}  # columns that are told from another one


def owed(charges: Fact, payments: Fact, narrow: Narrow) -> pd.DataFrame:
    """What is still owed for each invoice that is not even; see `reports.balances`."""
    due, settled = charges.by_document("total_minor", narrow), payments.by_document("settled_minor", narrow)
    size = max(len(due), len(settled))
    uneven = np.pad(due, (0, size - len(due))) != np.pad(settled, (0, size - len(settled)))
    uneven[0] = False  # deposits, which are for no invoice yet
    columns = [*balances.INVOICE]
    return balances.of(
        charges.of_documents(uneven, narrow, [*columns, "total_minor"]),
        payments.of_documents(uneven, narrow, [*columns, "settled_minor"]),
    )


FRAMES: Final[Mapping[str, tuple[str, ...]]] = {
    CHARGES: (
        "document_id",
        "label",
        "patient_id",
        "practitioner_id",
        "service_id",
        "location_id",
        "payer_id",
        "day",
        "event",
        "by",
        "quantity",
        "gross_minor",
        "discount_minor",
        "net_minor",
        "tax_minor",
        "total_minor",
        "basis_points",
    ),
    PAYMENTS: (
        "document_id",
        "label",
        "patient_id",
        "practitioner_id",
        "location_id",
        "payer_id",
        "method",
        "day",
        "event",
        "by",
        "entry_id",
        "amount_minor",
        "settled_minor",
        "credit_minor",
        "written_off_minor",
    ),
    VISITS: (
        "document_id",
        "patient_id",
        "practitioner_id",
        "service_id",
        "location_id",
        "day",
        "hour",
        "minute",
        "minutes",
        "status",
        "untimed",
        "waited_minutes",
        "lead_days",
        "notice_hours",
        "booked_by",
    ),
}


def ordinal(day: date) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


def month_of(days: Ints) -> Ints:
    """Months since January 1970 of days since 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Periods:
    """The periods of some months, and which of them each day and month lies in."""

    starts: Ints  # datetime64[D]
    first_day: int
    first_month: int
    of_day: Ints
    of_month: Ints

    @classmethod
    def none(cls) -> _Periods:
        """No periods."""
        nothing = np.empty(0, np.int64)
        return cls(nothing.astype("datetime64[D]"), 0, 0, nothing, nothing)


@lru_cache(maxsize=64)
def _periods_of(first: int, last: int, grain: Grain) -> _Periods:
    """All periods from the first to the last of these months."""
    low, high = (np.datetime64(month, "M").astype("datetime64[D]") for month in (first, last + 1))
    days = np.arange(low, high)
    starts, of_day = np.unique(period_of(pd.Series(days), grain).to_numpy(), return_inverse=True)
    firsts = np.arange(first, last + 1).astype("datetime64[M]").astype("datetime64[D]")
    of_month = of_day[(firsts - low).astype(np.int64)]
    return _Periods(starts.astype("datetime64[s]"), int(low.astype(np.int64)), first, of_day, of_month)


class _Stack:
    """Columns of several parts, one after the other, put together when they are asked for."""

    def __init__(self, make: Callable[[str], Ints], length: int, *, begins: Sequence[int] = ()) -> None:
        self._make, self._length, self._begins = make, length, begins
        self._made: dict[str, Ints] = {}

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, name: str) -> Ints:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    @property
    def has_cells(self) -> bool:
        """Whether a row stands for several facts of one month."""
        return bool(self._begins)

    def between(self, first: int, last: int) -> _Stack:
        """The parts from `first` to before `last`, without copying."""
        begin, end = self._begins[first], self._begins[last]
        return _Stack(lambda name: self[name][begin:end], end - begin, begins=(0, end - begin))

    def taken(self, mask: Ints) -> _Stack:
        """Some of the rows."""
        chosen = np.flatnonzero(mask)
        return _Stack(lambda name: self[name][chosen], len(chosen), begins=self._begins)

    def keyed(self, by: Sequence[str], sizes: Sequence[int], periods: _Periods) -> _Keyed:
        """With one number per combination of columns."""
        key: Ints | None = None
        for name, size in zip(by, sizes, strict=True):
            codes = self._codes(name, periods)
            key = codes.astype(np.int64) if key is None else key * size + codes
        return _Keyed(np.zeros(len(self), np.int64) if key is None else key, self)

    def _codes(self, name: str, periods: _Periods) -> Ints:
        if name != PERIOD:
            return self[name]
        if self.has_cells:
            found: Ints = periods.of_month[self["month"] - periods.first_month]
        else:
            found = periods.of_day[self["day"] - periods.first_day]
        return found


def _cells_of(parts: Sequence[Part], level: tuple[str, ...], sums: Sequence[str]) -> _Stack:
    """The cells of all parts."""
    cells = [part.cells(level) for part in parts]
    lengths = [len(cell[COUNT]) for cell in cells]
    columns = {name: _stacked([cell[name] for cell in cells]) for name in (*level, COUNT, *sums)}
    columns["month"] = np.repeat(np.array([part.month for part in parts], np.int32), lengths)
    for name in (COUNT, *sums):
        columns[name] = _floats(columns[name])
    begins = (0, *np.cumsum(lengths, dtype=np.int64).tolist())
    return _Stack(columns.__getitem__, begins[-1], begins=begins)


@dataclass(frozen=True, slots=True, eq=False)
class _Keyed:
    key: Ints
    columns: _Stack


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    codes: list[Ints]  # one array per column that was grouped by
    sums: dict[str, Ints]


def _grouped(chunks: Sequence[_Keyed], sums: Sequence[str], sizes: Sequence[int]) -> _Groups:
    size = int(np.prod(sizes, dtype=np.int64)) if sizes else 1
    found: Ints | None = None
    if size > _DENSE:
        found = np.unique(np.concatenate([chunk.key for chunk in chunks]))
        chunks = [_Keyed(np.searchsorted(found, chunk.key), chunk.columns) for chunk in chunks]
        size = len(found)
    counted = sum((_counted(chunk, size) for chunk in chunks), np.zeros(size))
    there = np.flatnonzero(counted)
    made = {
        name: sum((_add_up(c.key, c.columns[name], size) for c in chunks), np.zeros(size, np.int64))[there]
        for name in sums
    }
    made[COUNT] = counted[there]
    place = there if found is None else found[there]
    codes = list(np.unravel_index(place, [max(each, 1) for each in sizes])) if sizes else []
    return _Groups(codes, {name: values.astype(np.int64) for name, values in made.items()})


def _counted(chunk: _Keyed, size: int) -> Ints:
    weights = chunk.columns[COUNT] if chunk.columns.has_cells else None
    return np.bincount(chunk.key, weights, minlength=size)


def _add_up(keys: Ints, values: Ints, size: int) -> Ints:
    """The exact sum per key: by way of floats as long as they are exact."""
    if values.dtype.kind == "f":
        return np.bincount(keys, values, minlength=size)
    floats = _floats(values)
    if floats.dtype.kind == "f":
        return np.bincount(keys, floats, minlength=size)
    exact = np.zeros(size, np.int64)
    np.add.at(exact, keys, values)
    return exact


def _floats(values: Ints) -> Ints:
    """Whole numbers as floats, where every sum of some of them is exact; else as they are."""
    floats = values.astype(np.float64)
    return floats if float(np.abs(floats).sum()) < _EXACT else values


def _cells(part: Part, dims: tuple[str, ...]) -> dict[str, Ints]:
    columns = [part.column(name) for name in dims]
    key = np.zeros(len(part), np.int64)
    for column in columns:
        key = key * (int(column.max()) + 1 if len(column) else 1) + column
    _, at, place = np.unique(key, return_index=True, return_inverse=True)
    made = {name: column[at] for name, column in zip(dims, columns, strict=True)}
    for name in (COUNT, *SUMS[part.kind]):
        made[name] = _add_up(place, part.column(name).astype(np.int64), len(at)).astype(np.int64)
    return made


def _as_of(part: Part, on: int, vocabulary: Vocabulary) -> list[Part]:
    """A part's visits as they were at the end of a day, in the months where they were."""
    there = part.taken(part.columns["booked_on"] <= on)
    columns = {name: column for name, column in there.columns.items()}
    later = columns["settled_on"] > on
    for name in ("status", "day", "hour", "minute", "waited_minutes", "notice_hours"):
        columns[name] = columns[name].copy()
    columns["status"][later] = vocabulary["status"].of([AppointmentStatus.BOOKED.value])[0]
    columns["waited_minutes"][later] = columns["notice_hours"][later] = np.nan
    past = columns["past"].to_pylist() if later.any() else []
    for row in np.flatnonzero(later).tolist():
        if past[row]:
            _put_back(columns, row, past[row], on, vocabulary)
    then = Part(part.kind, part.month, columns)
    months = month_of(columns["day"])
    return [Part(part.kind, int(month), then.taken(months == month).columns) for month in np.unique(months)]


def _put_back(columns: dict[str, Column], row: int, past: str, on: int, vocabulary: Vocabulary) -> None:
    known = [state for state in facts.states(past) if ordinal(state.on) <= on]
    state = known[-1] if known else facts.states(past)[0]
    columns["status"][row] = vocabulary["status"].of([state.status])[0]
    columns["day"][row], columns["hour"][row], columns["minute"][row] = ordinal(state.day), state.hour, state.minute


def _some(part: Part, mask: Ints | None) -> Part:
    return part if mask is None else part.taken(mask)


def _newest_first(part: Part, most: int | None) -> Part:
    order = np.argsort(-part.columns["day"], kind="stable")
    return part.taken(order if most is None else order[:most])


def _columns(name: str, column: pa.ChunkedArray, vocabulary: Vocabulary) -> list[Column]:
    """A column of many months, month by month."""
    chunks = column.chunks
    if name == "label":
        return _objects(column.unify_dictionaries())
    if pa.types.is_dictionary(column.type):
        chunks = column.unify_dictionaries().chunks
        small = _narrow(name, vocabulary[name].of(chunks[0].dictionary.to_pylist()))
        return [small[chunk.indices.to_numpy()] for chunk in chunks]
    if name == "basis_points":
        values, places = np.unique(column.to_numpy(), return_inverse=True)
        codes = _narrow(name, vocabulary[name].of(values.tolist())[places])
        ends = np.cumsum([len(chunk) for chunk in chunks])
        return np.split(codes, ends[:-1])
    if pa.types.is_string(column.type):
        return list(chunks)
    if pa.types.is_date32(column.type):
        return [chunk.cast(pa.int32()).to_numpy() for chunk in chunks]
    return [chunk.to_numpy(zero_copy_only=False) for chunk in chunks]


def _objects(column: pa.ChunkedArray) -> list[Ints]:
    """Texts of many months as they are."""
    texts = np.array(column.chunk(0).dictionary.to_pylist(), dtype=object)
    return [texts[chunk.indices.to_numpy()] for chunk in column.chunks]


def _part(kind: str, month: int, columns: dict[str, Column] | None, vocabulary: Vocabulary) -> Part:
    if columns is None:
        names = {each.name: pa.types.is_string(each.type) for each in SCHEMAS[kind] if each.name != "label"}
        return Part(
            kind, month, {name: pa.array([], pa.string()) if texts else _NOTHING for name, texts in names.items()}
        )
    labels = columns.pop("label", None)
    if labels is not None:
        vocabulary.note_labels(columns["document_id"], labels)
    return Part(kind, month, columns)


def _by_month(table: pa.Table) -> dict[int, pa.Table]:
    months = month_of(table["day"].cast(pa.int32()).to_numpy())
    return {int(month): table.filter(pa.array(months == month)) for month in np.unique(months)}


def _narrow(name: str, codes: Ints) -> Ints:
    if name in _MANY or (len(codes) and int(codes.max()) > np.iinfo(np.int16).max):
        return codes
    return codes.astype(np.int16)


def _take(column: Column, chosen: Ints) -> Column:
    if isinstance(column, pa.Array):
        return column.filter(pa.array(chosen)) if chosen.dtype == bool else column.take(pa.array(chosen))
    return column[chosen]


def _join(columns: Sequence[Column]) -> Column:
    if isinstance(columns[0], pa.Array):
        return pa.concat_arrays(columns)
    return np.concatenate(columns)


def _stacked(columns: Sequence[Ints]) -> Ints:
    if len(columns) == 1:
        return columns[0]
    return np.concatenate(columns) if columns else np.empty(0, np.int64)


def _texts(columns: Sequence[Any]) -> Any:
    whole = pa.chunked_array(list(columns), pa.string())
    return whole.to_pandas().astype("str")


def _month(day: date) -> int:
    return (day.year - 1970) * 12 + day.month - 1


def _cuts(month: int, narrow: Narrow) -> bool:
    """Whether the days that are asked for leave out a part of this month."""
    first = date(1970 + month // 12, month % 12 + 1, 1)
    after = (first + timedelta(days=32)).replace(day=1)
    early = narrow.first is not None and narrow.first > first
    return early or (narrow.last is not None and narrow.last < after - timedelta(days=1))
