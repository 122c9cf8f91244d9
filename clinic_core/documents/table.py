"""Tables that run over pages: headings on each page, no row torn, sums carried from page to page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from clinic_core.documents.style import INK, MUTED, RULE, Column

if TYPE_CHECKING:
    from clinic_core.documents.sheet import Sheet

Row = Sequence[str]
Carry = Callable[[int], tuple[Row, Row]]
_PADDING: Final = 1.3  # mm above and below a row's text
_HEADING: Final = 8.0  # points
_LEAST: Final = 0.3  # of its share that a column of words keeps
_WIDEST: Final = 70.0  # mm, of a column that is as wide as its text


def draw(
    sheet: Sheet,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    totals: Row | None = None,
    carry: Carry | None = None,
    width: float = 0,
    size: float = 9.5,
) -> None:
    """Draw a table at the present place.

    Args:
        sheet: The paper.
        columns: Headings and widths; a column of width 0 is as wide as its text.
        rows: The cells' texts.
        totals: A last row in bold, never alone on its page.
        carry: For the place of the last row on a page, the rows at its foot and at the top of the next page.
        width: Of the whole table in mm; 0 for the page's.
        size: Of the text in points.
    """
    table = _Table(sheet, columns, [*rows, *([totals] if totals else [])], width=width or sheet.epw, size=size)
    if not table.fits(rows[:1] or ([totals] if totals else []), head=True):
        sheet.add_page()  # no headings without a row, and none torn over two pages
    table.head()
    for place, row in enumerate(rows):
        is_last = place == len(rows) - 1
        below = [carry(place)[0]] if carry and not is_last else [totals] if totals and is_last else []
        if not table.fits([row, *below]):
            _turn(table, carry(place - 1) if carry and place else None)
        table.row(row)
    if totals:
        table.row(totals, bold=True, lined=False)
    sheet.set_x(sheet.l_margin)


def height(
    sheet: Sheet,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    totals: Row | None = None,
    width: float = 0,
    size: float = 9.5,
) -> float:
    """How much room `draw` takes for a table on one page, in mm."""
    every = [*rows, *([totals] if totals else [])]
    return _Table(sheet, columns, every, width=width or sheet.epw, size=size).height(every)


def _turn(table: _Table, carried: tuple[Row, Row] | None) -> None:
    if carried:
        table.row(carried[0], muted=True, lined=False)
    table.sheet.add_page()
    table.head()
    if carried:
        table.row(carried[1], muted=True)


class _Table:
    def __init__(
        self, sheet: Sheet, columns: Sequence[Column], rows: Sequence[Row], *, width: float, size: float
    ) -> None:
        self.sheet, self._columns, self._size, self._left = sheet, columns, size, sheet.x
        sheet.pen(size)
        self._widths = _widths(sheet, columns, rows, width)
        self._width = width

    def head(self) -> None:
        """The headings, if there are any."""
        if not self._headings():
            return
        self.sheet.pen(_HEADING, color=MUTED)
        self._draw(self._headings())
        self._line()

    def fits(self, rows: Sequence[Row], *, head: bool = False) -> bool:
        """Whether these rows stand on the present page, with the headings above them where asked."""
        return not self.sheet.will_page_break(self.height(rows, head=head))

    def height(self, rows: Sequence[Row], *, head: bool = True) -> float:
        """How much room these rows take, in mm."""
        above = 0.0
        if head and self._headings():
            self.sheet.pen(_HEADING)
            above = self._height(self._headings())
        self.sheet.pen(self._size)
        return above + sum(self._height(row) for row in rows)

    def _headings(self) -> list[str]:
        found = [column.heading for column in self._columns]
        return found if any(found) else []

    def row(self, cells: Row, *, bold: bool = False, muted: bool = False, lined: bool = True) -> None:
        """One row, and the line below it."""
        self.sheet.pen(self._size, bold=bold, color=MUTED if muted else INK)
        self._draw(cells)
        if lined:
            self._line()

    def _line(self) -> None:
        sheet = self.sheet
        sheet.set_draw_color(*RULE)
        sheet.set_line_width(0.2)
        sheet.line(self._left, sheet.y, self._left + self._width, sheet.y)

    def _draw(self, cells: Row) -> None:
        sheet, top, left = self.sheet, self.sheet.y, self._left
        line, bottom = self._line_height(), self.sheet.y
        for text, column, width in zip(cells, self._columns, self._widths, strict=True):
            if text:
                sheet.set_xy(left, top + _PADDING)
                for part in text.splitlines():
                    draw = sheet.cell if self._stands(part, width) else sheet.multi_cell
                    draw(width, line, part, align=column.align[0], new_x="LEFT", new_y="NEXT")
                bottom = max(bottom, sheet.y)
            left += width
        sheet.set_xy(self._left, max(bottom, top + _PADDING + line) + _PADDING)

    def _height(self, cells: Row) -> float:
        lines = [self._lines(text, width) for text, width in zip(cells, self._widths, strict=True)]
        return max(lines) * self._line_height() + 2 * _PADDING

    def _lines(self, text: str, width: float) -> int:
        return sum(self._wrapped(part, width) for part in text.splitlines()) if text else 1

    def _wrapped(self, text: str, width: float) -> int:
        if self._stands(text, width):
            return 1
        sheet = self.sheet
        lines: list[str] = sheet.multi_cell(width, self._line_height(), text, dry_run=True, output="LINES")  # type: ignore[assignment]
        return len(lines)

    def _stands(self, text: str, width: float) -> bool:
        """Whether the text stands on one line."""
        sheet = self.sheet
        room = width - 2 * sheet.c_margin
        return len(text) * sheet.font_size < room or sheet.get_string_width(text) <= room

    def _line_height(self) -> float:
        return float(self.sheet.font_size) * 1.35


def _widths(sheet: Sheet, columns: Sequence[Column], rows: Sequence[Row], width: float) -> list[float]:
    """The columns' widths in mm. What must not be broken gets what it needs, at the cost of the columns of words."""
    natural = [_natural(sheet, column, rows, at) for at, column in enumerate(columns)]
    pairs = list(zip(columns, natural, strict=True))
    fixed = [own if column.align == "RIGHT" or not column.width else 0.0 for column, own in pairs]
    shares = [(column.width or own) for column, own in pairs]
    shares = [share * width / sum(shares) for share in shares]
    missing = sum(max(0.0, need - share) for need, share in zip(fixed, shares, strict=True))
    free = sum(share for need, share in zip(fixed, shares, strict=True) if not need)
    kept = max(_LEAST, 1 - missing / free) if free else 1.0
    wanted = [max(need, share) if need else share * kept for need, share in zip(fixed, shares, strict=True)]
    return [share * width / sum(wanted) for share in wanted]


def _natural(sheet: Sheet, column: Column, rows: Sequence[Row], at: int) -> float:
    """As wide as the column's longest text, within reason."""
    longest = sorted({row[at] for row in rows}, key=len)[-5:]
    widths = [sheet.get_string_width(part) for text in longest for part in text.splitlines()]
    heading = sheet.get_string_width(column.heading) * _HEADING / sheet.font_size_pt
    return min(max(*widths, heading, 0.0) + 2 * sheet.c_margin + 1.5, _WIDEST)
