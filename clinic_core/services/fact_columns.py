"""All facts of one kind: sums for charts, rows for what no sum tells.

Nothing is copied together: a question adds up the months' cells (one per practitioner, service, payer and so on, with
sums and a count) where whole months are asked for, and rows only where days, hours or people are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from clinic_core.reports import balances
from clinic_core.reports.measures import COUNT, HOUR, LATE, WEEKDAY, table_of
from clinic_core.reports.periods import PERIOD, Grain, period_of
from clinic_core.services.fact_parts import (
    LEVELS,
    SUMS,
    Part,
    added_up,
    as_of,
    exact_floats,
    joined,
    newest_first,
    ordinal,
    stacked,
)
from clinic_core.services.fact_tables import CHARGES, PAYMENTS, VISITS, entry_id_of, label_of
from clinic_core.services.fact_words import CODED, RATE, Codes, Ids, Ints, Vocabulary
from clinic_core.services.recent import Recent

__all__ = ["COUNT", "FRAMES", "STATE", "Fact", "Narrow", "owed", "owed_by_payer"]

STATE: Final[Mapping[str, str]] = {CHARGES: "event", PAYMENTS: "event", VISITS: "status"}
_DENSE: Final = 2**21  # groups that are counted without sorting
_SELECTIONS: Final = 12  # narrowed cells that are kept: the charts of a page share most of them
_ROWS: Final = 2  # the same of rows, which are ten times as many


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
        return replace(self, only=(*self.only, (column, frozenset(values))))


class Fact:
    """All facts of one kind as they stand. Read-only."""

    def __init__(self, kind: str, parts: Iterable[Part], vocabulary: Vocabulary) -> None:
        self.kind, self.vocabulary = kind, vocabulary
        self.parts = sorted((part for part in parts if len(part)), key=lambda part: part.month)
        self._months = [part.month for part in self.parts]
        self._stacks: dict[tuple[str, ...], _Stack] = {}
        self._narrowed: Recent[_Stack] = Recent(_SELECTIONS)
        self._narrowed_rows: Recent[_Stack] = Recent(_ROWS)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def prepare(self) -> None:
        """Make the cells of all levels."""
        for level in LEVELS[self.kind]:
            self._all_cells(level)

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
        return table_of({**keys, **found.sums})

    def frame(self, narrow: Narrow | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The rows in order of months: numbers, `day` as datetime64[s], texts as categories, `label` as text."""
        chosen = [(part, self._mask(part, narrow)) for part in self._between(narrow)]
        return self._frame(chosen, columns or FRAMES[self.kind], plain=False)

    def latest(self, narrow: Narrow, most: int | None, adds: str) -> tuple[pd.DataFrame, int, int]:
        """The latest rows with all their columns as plain texts, how many there are in all, and the sum of a column."""
        found: list[tuple[Part, Ints | None]] = []
        count = total = shown = 0
        for part in reversed(self._between(narrow)):
            mask = self._mask(part, narrow)
            size = len(part) if mask is None else int(np.count_nonzero(mask))
            count += size
            if adds and size:
                total += int((part.column(adds) if mask is None else part.column(adds)[mask]).sum())
            if size and (most is None or shown < most):
                rows = part if mask is None else part.taken(mask)
                found.append((newest_first(rows, None if most is None else most - shown), None))
                shown += len(found[-1][0])
        return self._frame(found, FRAMES[self.kind], plain=True), count, total if adds else count

    def by_month(self, narrow: Narrow) -> Iterator[pd.DataFrame]:
        """All rows as `latest` gives them, a month at a time; one without rows when there are none at all."""
        between = [part for part in reversed(self._between(narrow)) if self._has(part, narrow)]
        if not between:
            yield self._frame([], FRAMES[self.kind], plain=True)
        for part in between:
            mask = self._mask(part, narrow)
            rows = part if mask is None else part.taken(mask)
            yield self._frame([(newest_first(rows, None), None)], FRAMES[self.kind], plain=True)

    def debts(self, column: str, narrow: Narrow, *, payers: int) -> tuple[Ints, Ints]:
        """Which invoice and payer each row is about, as the invoice's code times `payers` and the payer's; a column."""
        stack = self._rows(*self._places(narrow), narrow)
        whose = stack["payer_id"] if payers > 1 else 0
        return stack["document_id"].astype(np.int64) * payers + whose, stack[column]

    def of_documents(self, wanted: Ints, narrow: Narrow, columns: Sequence[str]) -> pd.DataFrame:
        """The rows of some invoices, told by a mask over their codes."""
        found = []
        for part in self._between(narrow):
            documents, mask = part.columns["document_id"], self._mask(part, narrow)
            theirs = wanted[documents]
            found.append((part, theirs if mask is None else theirs & mask))
        return self._frame(found, columns, plain=False)

    def as_of(self, day: date) -> Fact:
        """The visits as they were at the end of a day; what was booked later is not there."""
        on = ordinal(day)
        known = [part for part in self.parts if part.known_on <= on]
        changed = [then for part in self.parts if part.known_on > on for then in as_of(part, on, self.vocabulary)]
        if not changed and len(known) == len(self.parts):
            return self
        by_month: dict[int, list[Part]] = {}
        for part in (*known, *changed):
            by_month.setdefault(part.month, []).append(part)
        return Fact(self.kind, [joined(parts) for parts in by_month.values()], self.vocabulary)

    def _has(self, part: Part, narrow: Narrow) -> bool:
        mask = self._mask(part, narrow)
        return mask is None or bool(mask.any())

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
        found = self.vocabulary[name].known(values) if name in CODED else [v for v in values if 0 <= v < size]
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
            stack = _Stack(lambda name: stacked([part.column(name) for part in parts]), sum(map(len, parts)))
            cut = any(_cuts(part.month, narrow) for part in (*parts[:1], *parts[-1:]))
            mask = self._masked(stack, narrow, cut=cut)
            return stack if mask is None else stack.taken(mask)

        return self._narrowed_rows.get((first, last, narrow), make)

    def _periods(self, narrow: Narrow, grain: Grain) -> _Periods:
        first, last = self._places(narrow)
        return _periods_of(self._months[first], self._months[last - 1], grain) if first < last else _Periods.none()

    def _size(self, name: str, periods: _Periods) -> int:
        fixed = {PERIOD: len(periods.starts), WEEKDAY: 7, HOUR: 24}
        return fixed[name] if name in fixed else len(self.vocabulary[name])

    def _values(self, name: str, codes: Ints, periods: _Periods) -> Any:
        if name == PERIOD:
            return periods.starts[codes]
        if name in (WEEKDAY, HOUR):
            return codes.astype(np.int64)
        return _decoded(self.vocabulary[name], name, codes, plain=False)

    def _frame(
        self, chosen: Sequence[tuple[Part, Ints | None]], columns: Sequence[str], *, plain: bool
    ) -> pd.DataFrame:
        """Some rows of some parts; `plain` gives texts where there would be categories."""
        return pd.DataFrame({name: self._series(chosen, name, plain=plain) for name in columns}, copy=False)

    def _series(self, chosen: Sequence[tuple[Part, Ints | None]], name: str, *, plain: bool) -> Any:
        if name == "label":
            series, numbers = (self._series(chosen, part, plain=True) for part in ("series", "number"))
            return pd.Series(list(map(label_of, series, numbers)), dtype="str")
        if name == "document_id" and self.kind == VISITS:
            return _texts(
                [part.columns[name] if mask is None else part.taken_texts(name, mask) for part, mask in chosen]
            )
        stored = "entry" if name == "entry_id" else name
        columns = ((part.column(stored), mask) for part, mask in chosen)
        column = stacked([values if mask is None else values[mask] for values, mask in columns])
        if name == "entry_id":
            return pd.Series([entry_id_of(code) for code in column.tolist()], dtype="str")
        if name in ("day", "booked_on", "settled_on"):
            return column.astype("datetime64[D]").astype("datetime64[s]")
        if name in CODED:
            return _decoded(self.vocabulary[name], name, column, plain=plain)
        return column.astype(np.int64) if column.dtype.kind in "iu" else column


def owed(charges: Fact, payments: Fact, narrow: Narrow) -> pd.DataFrame:
    """What is still owed for each invoice that is not even; see `reports.balances`."""
    return balances.of(*_of_uneven(charges, payments, narrow, payers=1))


def owed_by_payer(charges: Fact, payments: Fact, narrow: Narrow) -> pd.DataFrame:
    """The same of each invoice and who owes it, with `payer_id` as text ("": the patient)."""
    payers = len(charges.vocabulary["payer_id"])
    return balances.of(*_of_uneven(charges, payments, narrow, payers=max(payers, 2)), by_payer=True)


def _of_uneven(
    charges: Fact, payments: Fact, narrow: Narrow, *, payers: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """The charges and settlements of invoices that are not even, so that few are looked at one by one.

    And when these were issued: an assignment to a payer is a later row, and the day of issue is in the rows of others.
    """
    due, total = charges.debts("total_minor", narrow, payers=payers)
    paid, settled = payments.debts("settled_minor", narrow, payers=payers)
    places, found = pd.factorize(np.concatenate([due, paid]))
    left = added_up(places[: len(due)], total, len(found)) - added_up(places[len(due) :], settled, len(found))
    uneven = np.zeros(len(charges.vocabulary["document_id"]), bool)
    uneven[found[left != 0] // payers] = True
    uneven[0] = False  # deposits, which are for no invoice yet
    columns = [*balances.INVOICE, *(["payer_id"] if payers > 1 else [])]
    of_all = replace(narrow, only=tuple(one for one in narrow.only if one[0] != "payer_id"))
    dated = charges.of_documents(uneven, of_all, ["document_id", "day"])
    return (
        charges.of_documents(uneven, narrow, [*columns, "total_minor"]),
        payments.of_documents(uneven, narrow, [*columns, "settled_minor"]),
        dated.groupby("document_id")["day"].min(),
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
        RATE,
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
        LATE,
        "booked_by",
    ),
}


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
    begins = (0, *np.cumsum(lengths, dtype=np.int64).tolist())
    columns = {name: stacked([cell[name] for cell in cells]) for name in level}
    columns |= {name: exact_floats(stacked([cell[name] for cell in cells])) for name in (COUNT, *sums)}
    for part, begin, end in zip(parts, begins, begins[1:], strict=False):
        part.keep_cells(level, {name: column[begin:end] for name, column in columns.items()})
    columns["month"] = np.repeat(np.array([part.month for part in parts], np.int32), lengths)
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
    counted = sum((_counted(chunk, size) for chunk in chunks), np.zeros(size, np.int64))
    there = np.flatnonzero(counted)
    made = {
        name: sum((added_up(c.key, c.columns[name], size) for c in chunks), np.zeros(size, np.int64))[there]
        for name in sums
    }
    made[COUNT] = counted[there]
    place = there if found is None else found[there]
    codes = list(np.unravel_index(place, [max(each, 1) for each in sizes])) if sizes else []
    return _Groups(codes, made)


def _counted(chunk: _Keyed, size: int) -> Ints:
    weights = chunk.columns[COUNT] if chunk.columns.has_cells else None
    return np.bincount(chunk.key, weights, minlength=size).astype(np.int64)


def _decoded(words: Codes | Ids, name: str, codes: Ints, *, plain: bool) -> Any:
    """Codes as rates, ids or texts."""
    if name == RATE:
        return np.array(words.texts(codes), np.int64)
    if plain or name == "document_id":
        return _texts([words.strings(codes)]) if isinstance(words, Ids) else pd.Series(words.texts(codes), dtype="str")
    return pd.Categorical.from_codes(codes, dtype=words.dtype())


def _texts(columns: Sequence[Any]) -> Any:
    return pa.chunked_array(list(columns), pa.string()).to_pandas().astype("str")


def _month(day: date) -> int:
    return (day.year - 1970) * 12 + day.month - 1


def _cuts(month: int, narrow: Narrow) -> bool:
    """Whether the days that are asked for leave out a part of this month."""
    first = date(1970 + month // 12, month % 12 + 1, 1)
    after = (first + timedelta(days=32)).replace(day=1)
    early = narrow.first is not None and narrow.first > first
    return early or (narrow.last is not None and narrow.last < after - timedelta(days=1))
