"""Tables as CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

import pandas as pd

_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BYTE_ORDER_MARK: Final = "\ufeff"  # spreadsheets take the file for UTF-8 only with it


def to_csv(frame: pd.DataFrame) -> bytes:
    """The frame as CSV (RFC 4180), UTF-8 with a byte order mark.

    A text that a spreadsheet would take for a formula gets a ``'`` in front (OWASP, CSV injection), numbers do not.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([safe(str(name)) for name in frame.columns])
    columns = [_values(frame[name]) for name in frame.columns]
    writer.writerows(zip(*columns, strict=True))
    return (_BYTE_ORDER_MARK + text.getvalue()).encode()


def safe(text: str) -> str:
    """The text, with a ``'`` in front if a spreadsheet would take it for a formula and it is no number."""
    return f"'{text}" if text.startswith(_DANGEROUS) and not _is_number(text) else text


def _values(column: pd.Series) -> Iterable[Any]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return [value.date().isoformat() if pd.notna(value) else "" for value in column]
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return ["" if pd.isna(value) else value for value in column]
    return [safe(str(value)) if pd.notna(value) else "" for value in column]


def _is_number(text: str) -> bool:
    digits = text[1:].replace(".", "", 1)
    return text[0] in "+-" and digits.isascii() and digits.isdigit()
