"""A report on paper: what it is about, on which basis, what was asked, its chart and its table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Final

from clinic_core.documents import labels, table, words
from clinic_core.documents.style import MUTED, Column

if TYPE_CHECKING:
    from clinic_core.documents.sheet import Sheet

_MOST_UPRIGHT: Final = 6  # columns on an upright page
_CHART: Final = 0.42  # of the page's height, at most
_SIZE_AT: Final = (16, 20)  # where a PNG's header says how wide and how tall it is


def render(
    title: str,
    basis: str,
    asked: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    made_at: datetime,
    locale: str,
    author: str = "",
    time_zone: str = "UTC",
    totals: Sequence[str] | None = None,
    chart_png: bytes | None = None,
) -> bytes:
    """The PDF of a report's table.

    Args:
        title: The report's name.
        basis: Which dates its figures go by.
        asked: The range and the filters, as a sentence.
        columns: Headings; numbers stand right. A column of width 0 is as wide as its text.
        rows: The cells as they are read, with numbers written for the locale.
        made_at: The aware instant of its figures; printed, and the document's creation date.
        locale: The clinic's, for the moment it was made; the words of a report are English, and so are those around.
        author: The clinic's name.
        time_zone: The clinic's.
        totals: The sums' row.
        chart_png: A picture of the chart.
    """
    from clinic_core.documents.sheet import Sheet  # noqa: PLC0415 - loads fpdf2

    said = labels.of("en")
    sheet = Sheet(
        paper="A4",
        title=title,
        author=author,
        created_at=made_at,
        labels=said,
        landscape=len(columns) > _MOST_UPRIGHT,
    )
    sheet.pen(9, color=MUTED)
    sheet.line_of(author)
    sheet.pen(16, bold=True)
    sheet.line_of(title)
    sheet.pen(9.5)
    sheet.line_of(asked)
    sheet.note(basis, size=8.5)
    sheet.note(f"{said.made} {words.moment(made_at, time_zone, locale)}", size=8.5)
    sheet.ln(3)
    if chart_png:
        _chart(sheet, chart_png, title)
    if rows:
        table.draw(sheet, columns, rows, totals=totals, size=9)
    else:
        sheet.note(said.nothing, size=9.5)
    return sheet.finished()


def _chart(sheet: Sheet, png: bytes, title: str) -> None:
    """As wide as the page, unless it would be too tall for one."""
    wide, tall = (int.from_bytes(png[at : at + 4]) for at in _SIZE_AT)
    height = min(sheet.eph * _CHART, sheet.epw * tall / wide)
    width = height * wide / tall
    left = sheet.l_margin + (sheet.epw - width) / 2
    sheet.image(BytesIO(png), x=left, w=width, h=height, alt_text=title)
    sheet.ln(4)
