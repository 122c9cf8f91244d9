"""Tables as CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
import pandas as pd

_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BYTE_ORDER_MARK: Final = "\ufeff"  # spreadsheets take the file for UTF-8 only with it


def to_csv(frame: pd.DataFrame) -> bytes:
    """The frame as CSV (RFC 4180), UTF-8 with a byte order mark.

    A text that a spreadsheet would take for a formula gets a ``'`` in front (OWASP, CSV injection), numbers do not.
    """
    return joined([frame])


def joined(frames: Iterable[pd.DataFrame]) -> bytes:
    """The same of frames of the same columns, one after the other; only one of them is in memory at a time."""
    made, text = io.BytesIO(), io.StringIO(newline="")
    made.write(_BYTE_ORDER_MARK.encode())
    writer = csv.writer(text)
    for number, frame in enumerate(frames):
        if not number:
            writer.writerow([safe(str(name)) for name in frame.columns])
        columns = [_values(frame[name]) for name in frame.columns]
        writer.writerows(zip(*columns, strict=True))
        made.write(text.getvalue().encode())
        text.seek(0)
        text.truncate()
    return made.getvalue()


def each(column: pd.Series, change: Callable[[Any], Any]) -> pd.Series:
    """The column with every value changed; each different value is looked at once."""
    places, values = pd.factorize(column, use_na_sentinel=False)
    made = np.empty(len(values), object)
    made[:] = [change(value) for value in values]
    return pd.Series(made[places], index=column.index, dtype=object)


def safe(text: str) -> str:
    """The text, with a ``'`` in front if a spreadsheet would take it for a formula and it is no number."""
    return f"'{text}" if text.startswith(_DANGEROUS) and not _is_number(text) else text


def _values(column: pd.Series) -> Iterable[Any]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return each(column, lambda value: value.date().isoformat() if pd.notna(value) else "")
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return [value if known else "" for value, known in zip(column, column.notna(), strict=True)]
    return each(column, lambda value: safe(str(value)) if pd.notna(value) else "")


def _is_number(text: str) -> bool:
    digits = text[1:].replace(".", "", 1)
    return text[0] in "+-" and digits.isascii() and digits.isdigit()
