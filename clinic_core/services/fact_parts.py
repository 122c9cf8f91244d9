"""One month's facts in memory: narrow columns, texts as small numbers, and sums that are made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clinic_core.domain import facts
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.reports.measures import COUNT, LATE, LATE_HOURS, WEEKDAY
from clinic_core.reports.periods import weekday_of
from clinic_core.services.fact_tables import CHARGES, PAYMENTS, SCHEMAS, SOURCE_ID, VISITS, source_ids
from clinic_core.services.fact_words import IDS, RATE, Ints, Vocabulary

Column: TypeAlias = Any  # a numpy array, or an Arrow array of texts

SUMS: Final[Mapping[str, tuple[str, ...]]] = {
    CHARGES: ("quantity", "gross_minor", "discount_minor", "net_minor", "tax_minor", "total_minor"),
    PAYMENTS: ("amount_minor", "settled_minor", "credit_minor", "written_off_minor"),
    VISITS: ("minutes", "lead_days", LATE),
}
_COARSE: Final[Mapping[str, tuple[str, ...]]] = {
    CHARGES: ("practitioner_id", "service_id", "location_id", "payer_id", "event", RATE),
    PAYMENTS: ("practitioner_id", "location_id", "payer_id", "method", "event"),
    VISITS: ("practitioner_id", "service_id", "location_id", "status"),
}
LEVELS: Final = {kind: (dims, (*dims, WEEKDAY)) for kind, dims in _COARSE.items()}  # of cells; coarse ones first
_CHANGING: Final = (  # what was something else on an earlier day, perhaps
    *("status", "day", "hour", "minute", "minutes", "practitioner_id", "location_id"),
    *("lead_days", "waited_minutes", "notice_hours"),
)
_EXACT: Final = 2**53  # whole numbers up to here are the same as floats
_SMALL: Final = 2**31 - 1
_EPOCH: Final = date(1970, 1, 1)
_NOTHING: Final = np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Part:
    """A month's facts of one kind: equally long columns, and their cells once they were asked for."""

    kind: str
    month: int  # since January 1970
    columns: Mapping[str, Column]
    _cells: dict[tuple[str, ...], Mapping[str, Ints]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["day"])

    def column(self, name: str) -> Ints:
        """A column of numbers; `weekday` and `late` are derived."""
        if name == WEEKDAY:
            return weekday_of(self.columns["day"])
        if name == COUNT:
            return np.ones(len(self), np.int64)
        if name == LATE:  # NaN, of what was not cancelled, is not less than anything
            late: Ints = self.columns["notice_hours"] < LATE_HOURS
            return late.astype(np.int64)
        found: Ints = self.columns[name]
        return found

    def cells(self, dims: tuple[str, ...]) -> Mapping[str, Ints]:
        """The sums and the count per combination of these columns."""
        return self._cells[dims] if dims in self._cells else _cells(self, dims)

    def keep_cells(self, dims: tuple[str, ...], cells: Mapping[str, Ints]) -> None:
        """Remember cells, e.g. as a stretch of those of all months."""
        self._cells[dims] = cells

    def taken_texts(self, name: str, chosen: Ints) -> pa.Array:
        """Some rows of a column of texts."""
        return _take(self.columns[name], chosen)

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
        made[kind][month] = _part(kind, month, columns.get((kind, month)))
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


def ordinal(day: date) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


def month_of(days: Ints) -> Ints:
    """Months since January 1970 of days since 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def as_of(part: Part, on: int, vocabulary: Vocabulary) -> list[Part]:
    """A part's visits as they were at the end of a day, in the months where they were."""
    there = part.taken(part.columns["booked_on"] <= on)
    columns = {name: column for name, column in there.columns.items()}
    later = columns["settled_on"] > on
    for name in _CHANGING:
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
    columns["lead_days"][row] = columns["day"][row] - columns["booked_on"][row]
    if state.claim:
        columns["practitioner_id"][row] = vocabulary["practitioner_id"].of([state.claim.practitioner_id])[0]
        columns["location_id"][row] = vocabulary["location_id"].of([state.claim.room_id or ""])[0]
        columns["minutes"][row] = state.claim.minutes


def newest_first(part: Part, most: int | None) -> Part:
    """The rows, or the latest of them, the latest first."""
    order = np.argsort(-part.columns["day"], kind="stable")
    return part.taken(order if most is None else order[:most])


def stacked(columns: Sequence[Ints]) -> Ints:
    """Columns one after the other; not copied when it is only one."""
    if len(columns) == 1:
        return columns[0]
    return np.concatenate(columns) if columns else _NOTHING


def added_up(keys: Ints, values: Ints, size: int) -> Ints:
    """The exact sum per key, int64: by way of floats as long as these are exact."""
    floats = values if values.dtype.kind == "f" else exact_floats(values)
    if floats.dtype.kind == "f":
        return np.bincount(keys, floats, minlength=size).astype(np.int64)
    exact = np.zeros(size, np.int64)
    np.add.at(exact, keys, values)
    return exact


def exact_floats(values: Ints) -> Ints:
    """Whole numbers as floats, where every sum of some of them is exact; else as they are."""
    floats = values.astype(np.float64)
    return floats if float(np.abs(floats).sum()) < _EXACT else values.astype(np.int64)


def _cells(part: Part, dims: tuple[str, ...]) -> dict[str, Ints]:
    columns = [part.column(name) for name in dims]
    key = np.zeros(len(part), np.int64)
    for column in columns:
        key = key * (int(column.max()) + 1 if len(column) else 1) + column
    _, at, place = np.unique(key, return_index=True, return_inverse=True)
    made = {name: column[at] for name, column in zip(dims, columns, strict=True)}
    for name in (COUNT, *SUMS[part.kind]):
        made[name] = added_up(place, part.column(name), len(at))
    return made


def _columns(name: str, column: pa.ChunkedArray, vocabulary: Vocabulary) -> list[Column]:
    """A column of many months, month by month."""
    chunks = column.chunks
    if pa.types.is_dictionary(column.type):
        chunks = column.unify_dictionaries().chunks
        small = _narrow(name, vocabulary[name].of(chunks[0].dictionary))
        return [small[chunk.indices.to_numpy()] for chunk in chunks]
    if name == RATE:
        values, places = np.unique(column.to_numpy(), return_inverse=True)
        codes = _narrow(name, vocabulary[name].of(values.tolist())[places])
        return np.split(codes, np.cumsum([len(chunk) for chunk in chunks])[:-1])
    if pa.types.is_string(column.type):
        return list(chunks)
    if pa.types.is_date32(column.type):
        return [chunk.cast(pa.int32()).to_numpy() for chunk in chunks]
    return [_smaller(name, chunk.to_numpy(zero_copy_only=False)) for chunk in chunks]


def _smaller(name: str, values: Ints) -> Ints:
    """Whole numbers in four bytes instead of eight, where they have room."""
    if values.dtype != np.int64 or name == "entry" or (len(values) and int(np.abs(values).max()) > _SMALL):
        return values
    return values.astype(np.int32)


def _part(kind: str, month: int, columns: dict[str, Column] | None) -> Part:
    if columns is None:
        columns = {
            each.name: pa.array([], pa.string()) if pa.types.is_string(each.type) else _NOTHING
            for each in SCHEMAS[kind]
        }
    return Part(kind, month, columns)


def _by_month(table: pa.Table) -> dict[int, pa.Table]:
    months = month_of(table["day"].cast(pa.int32()).to_numpy())
    return {int(month): table.filter(pa.array(months == month)) for month in np.unique(months)}


def _narrow(name: str, codes: Ints) -> Ints:
    if name in IDS or (len(codes) and int(codes.max()) > np.iinfo(np.int16).max):
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
