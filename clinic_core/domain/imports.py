"""Foreign files: which of our fields their columns become.

A `Mapping` is what was said on the command line (or saved under a name); a `Layout` is a mapping applied to one
file's header. The values are read by `import_rows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from clinic_core.domain.import_fields import FIELDS, HEADER_CODES, Kind
from clinic_core.domain.import_values import DateOrder, letters
from clinic_core.errors import InvalidInput

IGNORE: Final = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """How a foreign file is read: their columns, constants and codes. Pairs, since a column may hold any character."""

    id: str = ""  # its name; "" when it is not saved
    kind: Kind
    columns: tuple[tuple[str, str], ...] = ()  # their column, our field (or "ignore")
    constants: tuple[tuple[str, str], ...] = ()  # our field, the value of every row
    codes: tuple[tuple[str, str, str], ...] = ()  # our field, their word, our code
    date_order: DateOrder | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkLoad:
    """A load of invented records: all that it takes to make the very same records again."""

    id: str
    years: float
    seed: int
    practitioners: int = 4
    as_of: datetime
    finished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A mapping applied to one file's header."""

    kind: Kind
    header: tuple[str, ...]
    columns: dict[str, int]  # our field -> the column's position
    constants: dict[str, str]
    codes: dict[str, dict[str, str]] = field(default_factory=dict)  # our field -> folded word of theirs -> our code
    ignored: tuple[str, ...] = ()  # their columns that become nothing

    def column(self, name: str) -> str:
        """What the file calls one of our fields."""
        if name in self.columns:
            return self.header[self.columns[name]]
        return f"{name} (set)" if name in self.constants else name

    def has(self, name: str) -> bool:
        """Whether the field gets a value."""
        return name in self.columns or name in self.constants

    def value(self, name: str, cells: Sequence[str]) -> str:
        """The field's text in one row: translated by its codes, "" when there is none."""
        at = self.columns.get(name)
        text = self.constants.get(name, "") if at is None else cells[at].strip()
        known = self.codes.get(name)
        return known.get(text.casefold(), text) if known else text

    @property
    def date_columns(self) -> list[str]:
        """Our fields that hold dates and come from a column."""
        return [f.name for f in FIELDS[self.kind] if f.is_date and f.name in self.columns]


def mapping(
    kind: Kind, *, columns: Iterable[str], constants: Iterable[str], codes: Iterable[str], order: DateOrder | None
) -> Mapping:
    """The mapping of what was given as ``Theirs=ours``, ``field=value`` and ``field:Theirs=ours``.

    Raises InvalidInput for an unknown field or a text of another shape.
    """
    return Mapping(
        kind=kind,
        columns=tuple(_column(kind, text) for text in columns),
        constants=tuple(_constant(kind, text) for text in constants),
        codes=tuple(_translation(kind, text) for text in codes),
        date_order=order,
    )


def merged(saved: Mapping, given: Mapping) -> Mapping:
    """The saved mapping, with what is given now on top of it."""
    theirs = {column.casefold() for column, _ in given.columns}
    ours = {name for _, name in given.columns if name != IGNORE} | {name for name, _ in given.constants}
    words = {(name, word.casefold()) for name, word, _ in given.codes}
    columns = [c for c in saved.columns if c[0].casefold() not in theirs and c[1] not in ours]
    return replace(
        given,
        columns=(*columns, *given.columns),
        constants=(*(c for c in saved.constants if c[0] not in ours), *given.constants),
        codes=(*(c for c in saved.codes if (c[0], c[1].casefold()) not in words), *given.codes),
        date_order=given.date_order or saved.date_order,
    )


def layout(header: Sequence[str], how: Mapping) -> Layout:
    """Find each of our fields in a header: as mapped, else by its name or a usual alias of it.

    Raises InvalidInput, naming the file's columns, for a mapped column that is not there, a field found twice
    or a needed one that is missing.
    """
    names = tuple(name.strip() for name in header)
    constants = dict(how.constants)
    mapped = _mapped(names, how)
    columns = mapped | _recognised(names, how, taken=set(mapped) | set(constants))
    _require_needed(names, how, set(columns) | set(constants))
    used = set(columns.values())
    return Layout(
        kind=how.kind,
        header=names,
        columns=columns,
        constants=constants,
        codes=_codes(names, columns, how),
        ignored=tuple(name or f"column {i + 1}" for i, name in enumerate(names) if i not in used),
    )


def field_names(kind: Kind) -> list[str]:
    """Our fields for that kind of file."""
    return [one.name for one in FIELDS[kind]]


def _column(kind: Kind, text: str) -> tuple[str, str]:
    theirs, sign, ours = (part.strip() for part in text.rpartition("="))
    if not sign or not theirs or not ours:
        raise InvalidInput(f'--map {text!r} cannot be read; write it like --map "Their column=our field".')
    return theirs, ours if ours == IGNORE else _known(kind, ours)


def _constant(kind: Kind, text: str) -> tuple[str, str]:
    ours, sign, value = (part.strip() for part in text.partition("="))
    if not sign or not value:
        raise InvalidInput(f'--set {text!r} cannot be read; write it like --set "field=value".')
    return _known(kind, ours), value


def _translation(kind: Kind, text: str) -> tuple[str, str, str]:
    ours, colon, rest = (part.strip() for part in text.partition(":"))
    word, sign, code = (part.strip() for part in rest.rpartition("="))
    if not colon or not sign or not word:
        raise InvalidInput(f'--value {text!r} cannot be read; write it like --value "status:No=fulfilled".')
    return _known(kind, ours), word, code


def _known(kind: Kind, name: str) -> str:
    found = next((one for one in field_names(kind) if letters(one) == letters(name)), None)
    if found is None:
        raise InvalidInput(f"{name!r} is no field of {kind}. The fields are: {', '.join(field_names(kind))}.")
    return found


def _mapped(names: Sequence[str], how: Mapping) -> dict[str, int]:
    columns: dict[str, int] = {}
    for theirs, ours in how.columns:
        found = _positions(names, theirs)
        if not found:
            raise InvalidInput(f"The file has no column {theirs!r}. Its columns are: {_shown(names)}.")
        if len(found) > 1 or ours in columns:
            raise InvalidInput(f"{ours} would come from more than one column; map it from one only.")
        if ours != IGNORE:
            columns[ours] = found[0]
    both = set(columns) & {name for name, _ in how.constants}
    if both:
        raise InvalidInput(f"{sorted(both)[0]} comes from a column and from --set; keep one of them.")
    return columns


def _recognised(names: Sequence[str], how: Mapping, *, taken: set[str]) -> dict[str, int]:
    """Fields that were not mapped, by their names first and by their aliases then."""
    free = _unmapped(names, how)
    found: dict[str, int] = {}
    for wanted in FIELDS[how.kind]:
        if wanted.name in taken:
            continue
        named = [i for i in free if letters(names[i]) == letters(wanted.name)]
        known = {letters(alias) for alias in wanted.aliases}
        at = named or [i for i in free if letters(names[i]) in known]
        if len(at) > 1:
            both = " and ".join(repr(names[i]) for i in at)
            raise InvalidInput(f'{wanted.name} may be {both}. Say which: --map "{names[at[0]]}={wanted.name}".')
        if at:
            found[wanted.name] = at[0]
            free.remove(at[0])
    return found


def _unmapped(names: Sequence[str], how: Mapping) -> list[int]:
    mapped = {at for theirs, _ in how.columns for at in _positions(names, theirs)}
    return [i for i, name in enumerate(names) if letters(name) and i not in mapped]


def _positions(names: Sequence[str], wanted: str) -> list[int]:
    """Where the columns of that name are: written exactly so, or else so but for case, spaces and marks."""
    exact = [i for i, name in enumerate(names) if name == wanted.strip()]
    return exact or [i for i, name in enumerate(names) if letters(name) and letters(name) == letters(wanted)]


def _require_needed(names: Sequence[str], how: Mapping, there: set[str]) -> None:
    groups: dict[str, list[str]] = {}
    for one in FIELDS[how.kind]:
        if one.needed:
            groups.setdefault(one.needed, []).append(one.name)
    missing = [group for group, fields in groups.items() if not there & set(fields)]
    if missing:
        first = groups[missing[0]][0]
        raise InvalidInput(
            f"The file has no column for: {', '.join(missing)}. Its columns are: {_shown(names)}. "
            f'Say which column it is, like --map "{_example(names)}={first}", '
            f'or give every row the same value, like --set "{first}=…".'
        )


def _codes(names: Sequence[str], columns: dict[str, int], how: Mapping) -> dict[str, dict[str, str]]:
    codes: dict[str, dict[str, str]] = {}
    for (name, header), words in HEADER_CODES.items():
        if name in columns and letters(names[columns[name]]) == header:
            codes[name] = dict(words)
    for name, word, code in how.codes:
        codes.setdefault(name, {})[word.casefold()] = code
    return codes


def _shown(names: Sequence[str]) -> str:
    return ", ".join(name or "(no name)" for name in names)


def _example(names: Sequence[str]) -> str:
    return next((name for name in names if name), "Their column")
