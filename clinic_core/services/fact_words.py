"""Texts of facts as small numbers, so that millions of them fit into memory and are compared like numbers."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Ints: TypeAlias = np.ndarray[Any, Any]

IDS: Final = frozenset({"document_id", "patient_id"})  # very many
RATE: Final = "basis_points"
_WORDS: Final = (
    "practitioner_id",
    "service_id",
    "location_id",
    "payer_id",
    "method",
    "event",
    "by",
    "status",
    "series",
    RATE,
)
_SHARED: Final = {"booked_by": "by"}  # columns that have their texts in common with another one
CODED: Final = IDS | {*_WORDS, *_SHARED}
_HEX: Final = 32  # letters of an id that `domain.ids` made
_FEW: Final = 2_000  # ids that are looked up one by one before all are sorted again


class Codes:
    """Values as small numbers that stay the same as long as the process lives. 0 is the empty value."""

    def __init__(self, empty: Hashable = "") -> None:
        self._lock = threading.Lock()
        self._codes: dict[Any, int] = {empty: 0}
        self._values: list[Any] = [empty]
        self._dtype: pd.CategoricalDtype | None = None

    def __len__(self) -> int:
        return len(self._values)

    def of(self, values: pa.Array | Iterable[Any]) -> Ints:
        """The numbers of values, new ones where they were never seen."""
        with self._lock:
            listed = values.to_pylist() if isinstance(values, pa.Array) else values
            return np.array([self._code(value) for value in listed], np.int32)

    def known(self, values: Iterable[Any]) -> list[int]:
        """The numbers of those of the values that were ever seen."""
        return [self._codes[value] for value in values if value in self._codes]

    def texts(self, codes: Ints) -> list[Any]:
        """The values of numbers."""
        return [self._values[code] for code in codes.tolist()]

    def dtype(self) -> pd.CategoricalDtype:
        """The values as categories."""
        kept = self._dtype
        if kept is None or len(kept.categories) != len(self._values):
            kept = self._dtype = pd.CategoricalDtype(pd.Index(self._values[:], dtype=object))
        return kept

    def _code(self, value: Any) -> int:
        code = self._codes.get(value)
        if code is None:
            code = self._codes[value] = len(self._values)
            self._values.append(value)
        return code


class Ids:
    """Ids as small numbers, in 20 bytes each; a dictionary of them would take 150.

    An id of 32 hexadecimal digits is kept as two numbers of 64 bits and found by the first one in a sorted list. Other
    ids, and those whose first half belongs to another one, are in a dictionary.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._size = 1  # 0 is the empty id
        self._halves = np.zeros((1_024, 2), np.uint64)  # by code
        self._sorted, self._codes = np.empty(0, np.uint64), np.empty(0, np.int32)
        self._recent: dict[int, int] = {}  # first half -> code, of those that are not sorted in yet
        self._odd: dict[str, int] = {"": 0}
        self._odd_texts: dict[int, str] = {0: ""}
        self._dtype: pd.CategoricalDtype | None = None

    def __len__(self) -> int:
        return self._size

    def of(self, texts: pa.Array) -> Ints:
        """The numbers of ids, each of them given once; new ones where they were never seen."""
        with self._lock:
            return self._numbered(texts, grow=True)

    def known(self, values: Iterable[str]) -> list[int]:
        """The numbers of those of the ids that were ever seen."""
        with self._lock:
            codes = self._numbered(pa.array(sorted(values), pa.string()), grow=False)
        return [code for code in codes.tolist() if code >= 0]

    def strings(self, codes: Ints) -> pa.Array:
        """The ids of numbers."""
        raw = self._halves[codes].astype(">u8").tobytes().hex().encode()
        ends = pa.py_buffer(np.arange(0, (len(codes) + 1) * _HEX, _HEX, dtype=np.int32))
        made = pa.StringArray.from_buffers(len(codes), ends, pa.py_buffer(raw))
        odd = np.isin(codes, np.fromiter(self._odd_texts, np.int64))
        if not odd.any():
            return made
        named = pa.array([self._odd_texts[code] for code in codes[odd].tolist()], pa.string())
        return pc.replace_with_mask(made, pa.array(odd), named)

    def texts(self, codes: Ints) -> list[str]:
        """The ids of numbers as texts."""
        found: list[str] = self.strings(codes).to_pylist()
        return found

    def dtype(self) -> pd.CategoricalDtype:
        """The ids as categories."""
        kept, size = self._dtype, self._size
        if kept is None or len(kept.categories) != size:
            values = pd.Index(self.strings(np.arange(size)).to_pandas(), dtype="str")
            kept = self._dtype = pd.CategoricalDtype(values)
        return kept

    def _numbered(self, texts: pa.Array, *, grow: bool) -> Ints:
        plain = pc.equal(pc.binary_length(texts), _HEX).to_numpy(zero_copy_only=False).copy()
        halves = _halves_of(texts.filter(pa.array(plain)).to_pylist())
        if halves is None:  # one of them only looks like an id of ours
            plain = np.array([_halves_of([text]) is not None for text in texts.to_pylist()], bool)
            halves = _halves_of(texts.filter(pa.array(plain)).to_pylist())
        codes = np.full(len(texts), -1, np.int32)
        odd = np.flatnonzero(~plain)
        codes[odd] = [self._odd_code(text, grow=grow) for text in texts.take(pa.array(odd)).to_pylist()]
        if halves is not None and len(halves):
            codes[plain] = self._found(halves, texts, np.flatnonzero(plain), grow=grow)
        return codes

    def _found(self, halves: Ints, texts: pa.Array, places: Ints, *, grow: bool) -> Ints:
        codes = np.full(len(halves), -1, np.int32)
        if len(self._sorted):
            at = np.minimum(np.searchsorted(self._sorted, halves[:, 0]), len(self._sorted) - 1)
            same = self._sorted[at] == halves[:, 0]
            codes[same] = self._codes[at[same]]
        if self._recent:
            for place in np.flatnonzero(codes < 0).tolist():
                codes[place] = self._recent.get(int(halves[place, 0]), -1)
        seen = np.flatnonzero(codes >= 0)
        clash = seen[self._halves[codes[seen], 1] != halves[seen, 1]]
        for place in clash.tolist():
            codes[place] = self._odd_code(texts[int(places[place])].as_py(), grow=grow)
        if grow:
            self._add(halves, codes, texts, places)
        return codes

    def _add(self, halves: Ints, codes: Ints, texts: pa.Array, places: Ints) -> None:
        """Give new numbers to what has none."""
        new = np.flatnonzero(codes < 0)
        _, first = np.unique(halves[new, 0], return_index=True)
        if len(first) < len(new):  # two new ids with the same first half
            for place in np.setdiff1d(np.arange(len(new)), first).tolist():
                codes[new[place]] = self._odd_code(texts[int(places[new[place]])].as_py(), grow=True)
            new = new[np.sort(first)]
        if not len(new):
            return
        self._reserve(len(new))
        codes[new] = np.arange(self._size, self._size + len(new))
        self._halves[codes[new]] = halves[new]
        self._size += len(new)
        self._recent |= dict(zip(halves[new, 0].tolist(), codes[new].tolist(), strict=True))
        if len(self._recent) > _FEW:
            self._sort_in()

    def _sort_in(self) -> None:
        fresh = np.fromiter(self._recent.values(), np.int32)
        codes = np.concatenate([self._codes, fresh])
        first = self._halves[codes, 0]
        order = np.argsort(first, kind="stable")
        self._sorted, self._codes, self._recent = first[order], codes[order], {}

    def _reserve(self, count: int) -> None:
        if self._size + count > len(self._halves):
            grown = np.zeros((max(self._size + count, len(self._halves) * 5 // 4), 2), np.uint64)
            grown[: self._size] = self._halves[: self._size]
            self._halves = grown

    def _odd_code(self, text: str, *, grow: bool) -> int:
        code = self._odd.get(text, -1)
        if code < 0 and grow:
            self._reserve(1)
            code = self._odd[text] = self._size
            self._odd_texts = {**self._odd_texts, code: text}
            self._size += 1
        return code


class Vocabulary:
    """The texts of all columns."""

    def __init__(self) -> None:
        self._words = {name: Codes(0 if name == RATE else "") for name in _WORDS}
        self._ids = {name: Ids() for name in IDS}

    def rates(self) -> list[int]:
        """Every rate of tax that was ever seen; none at all is one of them."""
        found: list[int] = self._words[RATE].dtype().categories.tolist()
        return found

    def __getitem__(self, column: str) -> Codes | Ids:
        known = _SHARED.get(column, column)
        return self._ids[known] if known in self._ids else self._words[known]


def _halves_of(texts: list[str]) -> Ints | None:
    """Ids of 32 digits as two numbers each; None when one of them is not hexadecimal in small letters."""
    joined = "".join(texts)
    try:
        raw = bytes.fromhex(joined)
    except ValueError:
        return None
    whole = raw.hex() == joined and len(raw) * 2 == len(texts) * _HEX
    return np.frombuffer(raw, ">u8").reshape(-1, 2).astype(np.uint64) if whole else None
