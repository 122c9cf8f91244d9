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
_MOST_ROWS: Final = 1_000_000  # a sheet holds 1,048,576


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One sheet: a name and a table. Values are text, whole numbers, Decimal amounts, shares (float) or days."""

    name: str
    frame: pd.DataFrame


def to_xlsx(sheets: Sequence[Sheet], *, decimals: int) -> bytes:
    """A workbook of these sheets; amounts are shown with `decimals`. No text is ever a formula."""
    made = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(made, options) as book:
        formats = {
            "head": book.add_format({"bold": True, "bottom": 1}),
            "money": book.add_format({"num_format": "#,##0" + ("." + "0" * decimals if decimals else "")}),
            "share": book.add_format({"num_format": "0.0%"}),
            "day": book.add_format({"num_format": "yyyy-mm-dd"}),
            "plain": book.add_format(),
        }
        for sheet in sheets:
            _write(book.add_worksheet(sheet.name[:_LONGEST_NAME]), sheet.frame, formats)
    return made.getvalue()


def _write(page: Any, frame: pd.DataFrame, formats: dict[str, Any]) -> None:
    page.freeze_panes(1, 0)
    kept = frame.head(_MOST_ROWS)
    for at, name in enumerate(kept.columns):
        page.write_string(0, at, str(name), formats["head"])
        values = [_cell(value) for value in kept[name]]
        longest = max((len(str(value)) for value in values[:200]), default=0)
        page.set_column(at, at, min(max(longest, len(str(name))) + 2, _WIDEST))
        for row, value in enumerate(values, start=1):
            _put(page, row, at, value, formats)
    if len(kept.columns) and len(kept):
        page.autofilter(0, 0, len(kept), len(kept.columns) - 1)


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
        page.write_number(row, column, value, formats["share" if isinstance(value, float) else "plain"])


def _cell(value: Any) -> Any:
    if value is None or (not isinstance(value, str | Decimal) and pd.isna(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.date()
    return value.item() if hasattr(value, "item") else value
