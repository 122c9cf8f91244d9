"""Opening a foreign file: its encoding, its separator, its header and then its rows, one at a time."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

from clinic_core.errors import ClinicError

_SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_ROWS: Final = 50
_CHUNK: Final = 1 << 20
_LONGEST_CELL: Final = 1 << 20


class UnusableFile(ClinicError):
    """The file cannot be read at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the file. `fault` says why its cells cannot be trusted, "" when they can."""

    row: int  # as a spreadsheet counts: blank rows too
    cells: tuple[str, ...]
    fault: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether it says nothing."""
        return not self.fault and not any(cell.strip() for cell in self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file whose shape is known. Reading its lines again starts anew: nothing is kept in memory."""

    path: Path
    encoding: str
    separator: str
    header: tuple[str, ...]
    header_row: int
    notes: tuple[str, ...] = ()  # what had to be found out, for the report

    def lines(self) -> Iterator[Line]:
        """Every row below the header, blank ones too, with exactly as many cells as the header."""
        with _opened(self.path, self.encoding) as file:
            for line in _lines(file, self.separator):
                if line.row > self.header_row:
                    yield _fitted(line, len(self.header))


def open_table(path: Path) -> Table:
    """Find out how the file is written. Raises UnusableFile for one that is not there, empty or no table."""
    encoding, notes = _encoding(path)
    separator = _separator(path, encoding)
    if separator != ",":
        notes.append(f"Its columns are separated by {_SEPARATORS[separator]}.")
    with _opened(path, encoding) as file:
        header = next(
            (line for line in _lines(file, separator) if not line.is_blank and not _says_separator(line)), None
        )
    if header is None:
        raise UnusableFile(f"{path.name} is empty.")
    if header.fault:
        raise UnusableFile(f"The first row of {path.name} cannot be read: {header.fault}.")
    return Table(
        path=path,
        encoding=encoding,
        separator=separator,
        header=_trimmed(header.cells),
        header_row=header.row,
        notes=tuple(notes),
    )


def _encoding(path: Path) -> tuple[str, list[str]]:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise UnusableFile(f"{path} cannot be read: {(error.strerror or 'unknown reason').lower()}.") from error
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name, []
    for name, note in (
        ("utf-8", []),
        ("cp1252", ["It is not UTF-8; it was read as Windows-1252 (Western European). Look at the accents."]),
        ("latin-1", ["It is not UTF-8; it was read as Latin-1 (ISO 8859-1). Look at the accents."]),
    ):
        if _decodes(path, name):
            return name, list(note)
    raise UnusableFile(f"{path.name} is no text file.")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if "\x00" in decoder.decode(chunk):
                    raise UnusableFile(f"{path.name} is no text file. Save the sheet as CSV (UTF-8) first.")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _separator(path: Path, encoding: str) -> str:
    """The separator that cuts the header into most columns, and the rows below it into equally many."""
    with _opened(path, encoding) as file:
        sample = [text for text in islice(file, _SAMPLE_ROWS * 2) if text.strip()][:_SAMPLE_ROWS]
    if sample and sample[0].strip().casefold() in {f"sep={mark}" for mark in _SEPARATORS}:
        return sample[0].strip()[-1]
    return max(_SEPARATORS, key=lambda mark: _fit(sample, mark))


def _fit(sample: Iterable[str], separator: str) -> tuple[float, int]:
    """How evenly a separator cuts (share of rows as wide as the header), then into how many columns."""
    widths = [len(line.cells) for line in _lines(sample, separator) if not line.fault]
    if not widths or widths[0] == 1:
        return 0.0, 0
    return round(Counter(widths)[widths[0]] / len(widths), 1), widths[0]


def _opened(path: Path, encoding: str) -> TextIO:
    return path.open(encoding=encoding, newline="")


def _lines(text: Iterable[str], separator: str) -> Iterator[Line]:
    """Rows as csv reads them, strictly: a quotation mark that is never closed would swallow what follows it."""
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(text, delimiter=separator, strict=True)
    row, before = 0, 0
    while True:
        row += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Line(row=row, cells=(), fault=_quotation(before, reader.line_num))
        else:
            yield Line(row=row, cells=tuple(cells))
        before = reader.line_num


def _quotation(before: int, now: int) -> str:
    lost = now - before
    swallowed = f"; the {lost} lines from here on could not be read" if lost > 1 else ""
    return f"a quotation mark is not closed, or text follows a closed one{swallowed}"


def _fitted(line: Line, width: int) -> Line:
    if line.fault or line.is_blank:
        return line
    cells = line.cells
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        cells = cells[:width]
    fault = "" if len(cells) == width else f"has {len(cells)} cells where the header has {width}"
    return Line(row=line.row, cells=cells, fault=fault)


def _trimmed(header: tuple[str, ...]) -> tuple[str, ...]:
    """The header without empty cells at its end."""
    width = max((i + 1 for i, name in enumerate(header) if name.strip()), default=0)
    return header[:width]


def _says_separator(line: Line) -> bool:
    return line.row == 1 and [cell.casefold() for cell in line.cells[:1]] == ["sep="]
