"""Tables as a workbook (XLSX, ECMA-376): amounts are numbers that can be added up, days are dates."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pandas as pd
import xlsxwriter

_WIDEST: Final = 48
_LONGEST_NAME: Final = 31  # of a sheet
_LOOKED_AT: Final = 200  # rows, for the width of a column


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One sheet: a name and a table. Values are text, numbers, Decimal amounts or days."""

    name: str
    frame: pd.DataFrame
    shares: frozenset[str] = frozenset()  # columns of floats from 0 to 1 that are written in percent


def to_xlsx(sheets: Sequence[Sheet], *, decimals: int) -> bytes:
    """A workbook of these sheets; amounts are shown with `decimals`. No text is ever a formula.

    A row is written out before the next one is made, so that memory does not grow with the rows.
    """
    made = io.BytesIO()
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(made, options) as book:
        formats = {
            "head": book.add_format({"bold": True, "bottom": 1}),
            "money": book.add_format({"num_format": "#,##0" + ("." + "0" * decimals if decimals else "")}),
            "share": book.add_format({"num_format": "0.0%"}),
            "float": book.add_format({"num_format": "#,##0.0"}),
            "day": book.add_format({"num_format": "yyyy-mm-dd"}),
            "plain": book.add_format(),
        }
        for sheet in sheets:
            _write(book.add_worksheet(sheet.name[:_LONGEST_NAME]), sheet, formats)
    return made.getvalue()


def _write(page: Any, sheet: Sheet, formats: dict[str, Any]) -> None:
    page.freeze_panes(1, 0)
    names = list(map(str, sheet.frame.columns))
    columns = [_values(sheet.frame.iloc[:, at]) for at in range(len(names))]
    floats = [formats["share" if name in sheet.shares else "float"] for name in names]
    for at, (name, values) in enumerate(zip(names, columns, strict=True)):
        longest = max((len(str(value)) for value in values[:_LOOKED_AT]), default=0)
        page.set_column(at, at, min(max(longest, len(name)) + 2, _WIDEST))
        page.write_string(0, at, name, formats["head"])
    for row, cells in enumerate(zip(*columns, strict=True), start=1):
        for at, value in enumerate(cells):
            _put(page, row, at, value, formats | {"float": floats[at]})
    if columns and len(sheet.frame):
        page.autofilter(0, 0, len(sheet.frame), len(columns) - 1)


def _put(page: Any, row: int, column: int, value: Any, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, Decimal):
        page.write_number(row, column, value, formats["money"])
    elif isinstance(value, date):
        page.write_datetime(row, column, value, formats["day"])
    elif isinstance(value, bool) or not isinstance(value, int | float):
        page.write_string(row, column, str(value))
    else:
        page.write_number(row, column, value, formats["float" if isinstance(value, float) else "plain"])


def _values(column: pd.Series) -> list[Any]:
    """The values as Python has them, None where there is none."""
    known = (column.dt.date if pd.api.types.is_datetime64_any_dtype(column) else column).tolist()
    return [None if gone else value for value, gone in zip(known, column.isna().tolist(), strict=True)]
