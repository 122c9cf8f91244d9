"""The papers that close a till and a day (the "Z report"), on A4, from what was stored when they were closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clinic_core.documents import labels, table, words
from clinic_core.documents.style import ALARM, INK, Column
from clinic_core.domain.money import format_minor
from clinic_core.domain.statements import DayClose, TillClose, TillCount, TillMove

if TYPE_CHECKING:
    from clinic_core.documents.labels import Labels
    from clinic_core.documents.sheet import Sheet

_GAP: Final = 10.0  # mm between the two halves of a till
_SIGNATURES: Final = 24.0  # mm
_SIZE: Final = 8.5  # points, of the tables
_HEADING: Final = 7.0  # mm of a till's name
_OUTCOME: Final = 8.0  # mm of its variance
_TIMES: Final = 10.0  # points, of how often it was counted
_LABEL: Final = 0.35  # of the page's width, of what was handed over
Close = DayClose | TillClose


def till(close: TillClose) -> bytes:
    """The PDF of one closed till."""
    said = labels.of(close.locale)
    sheet = _sheet(close, said.till_close, close.number, said)
    _till(sheet, close, close.till, keep=_SIGNATURES)
    sheet.ln(2)
    sheet.signatures([said.signature_counted, said.signature_received])
    return sheet.finished()


def day(close: DayClose) -> bytes:
    """The PDF of one closed day."""
    said = labels.of(close.locale)
    sheet = _sheet(close, said.day_close, words.day(close.day, close.locale), said)
    _about(sheet, close)
    _methods(sheet, close)
    _invoices(sheet, close)
    _tills(sheet, close)
    _outside(sheet, close)
    names = [said.closed_by, said.signature_received]
    is_first = not close.tills or not sheet.will_page_break(_SIGNATURES)  # beside what is signed; else below the tills
    if is_first:
        sheet.signatures(names)
    for place, count in enumerate(close.tills):
        is_signed = not is_first and place == len(close.tills) - 1
        keep = _SIGNATURES + 4 if is_signed else 0  # nobody signs an empty page
        if place == 0 or sheet.will_page_break(_till_height(sheet, close, count) + 9 + keep):
            sheet.add_page()
        else:
            sheet.rule(after=5)
        _till(sheet, close, count, keep=keep)
        sheet.ln(4)
        if is_signed:
            sheet.signatures(names)
    return sheet.finished()


def _sheet(close: Close, title: str, number: str, said: Labels) -> Sheet:
    from clinic_core.documents.sheet import Sheet  # noqa: PLC0415 - loads fpdf2

    made_at = close.closed_at if isinstance(close, DayClose) else close.till.closed_at
    sheet = Sheet(paper="A4", title=f"{title} {number}", author=close.issuer.name, created_at=made_at, labels=said)
    sheet.letterhead(close.issuer, title, number)
    return sheet


# -- a day ---------------------------------------------------------------------------------------------------------


def _about(sheet: Sheet, close: DayClose) -> None:
    said = sheet.labels
    entries = f"{close.first_entry} – {close.last_entry}" if close.first_entry else said.nothing
    facts = [
        (said.date, words.long_day(close.day, close.locale)),
        (said.opened, words.moment(close.opened_at, close.time_zone, close.locale) if close.opened_at else ""),
        (said.closed, words.moment(close.closed_at, close.time_zone, close.locale)),
        (said.closed_by, close.by),
        (said.entries, entries),
    ]
    sheet.facts(facts, width=sheet.epw, label=0.2)
    sheet.ln(4)


def _methods(sheet: Sheet, close: DayClose) -> None:
    said = sheet.labels
    sheet.heading(said.money, keep=30)
    columns = (
        Column(said.method, 60),
        Column(said.taken, 38, "RIGHT"),
        Column(said.given_back, 38, "RIGHT"),
        Column(said.net, 38, "RIGHT"),
    )
    rows = [
        [said.methods[total.method], *_moneys(close, [total.taken_minor, -total.refunded_minor, total.net_minor])]
        for total in close.methods
    ]
    sums = [close.taken_minor, -close.refunded_minor, close.taken_minor - close.refunded_minor]
    table.draw(sheet, columns, rows, totals=[said.total, *_moneys(close, sums)], size=_SIZE)
    sheet.ln(4)


def _invoices(sheet: Sheet, close: DayClose) -> None:
    said = sheet.labels
    sheet.heading(said.invoices_and_credit, keep=40)
    rows = [
        (said.issued.format(count=close.invoices), close.billed_minor),
        (said.tax_in_it, close.billed_tax_minor),
        (said.cancelled.format(count=close.cancelled), -close.cancelled_minor),
        (said.credit_notes.format(count=close.credit_notes), -close.credited_minor),
        (said.written_off, -close.written_off_minor),
        (said.deposits_taken, close.deposits_taken_minor),
        (said.deposits_returned, -close.deposits_returned_minor),
        *([(said.account_credited, close.account_credited_minor)] if close.account_credited_minor else []),
        (said.credit_applied, close.credit_applied_minor),
        *([(said.held_change, close.held_change_minor)] if close.held_change_minor else []),
    ]
    columns = (Column("", 136), Column("", 38, "RIGHT"))
    table.draw(sheet, columns, [[label, _money(close, amount)] for label, amount in rows], size=_SIZE)
    sheet.ln(4)


def _tills(sheet: Sheet, close: DayClose) -> None:
    said = sheet.labels
    if not close.tills:
        return
    sheet.heading(said.tills, keep=30)
    columns = (
        Column(said.till, 52),
        Column(said.expected, 30, "RIGHT"),
        Column(said.counted, 30, "RIGHT"),
        Column(said.variance, 30, "RIGHT"),
        Column(said.handed_over, 32, "RIGHT"),
    )
    rows = [[_name(count), *_moneys(close, _figures(count))] for count in close.tills]
    sums = [sum(column) for column in zip(*map(_figures, close.tills), strict=True)]
    table.draw(sheet, columns, rows, totals=[said.total, *_moneys(close, sums)], size=_SIZE)


def _outside(sheet: Sheet, close: DayClose) -> None:
    if close.cash_outside_minor:
        sheet.ln(3)
        facts = [(sheet.labels.cash_outside, _money(close, close.cash_outside_minor))]
        sheet.facts(facts, width=sheet.epw, label=0.35)


def _figures(count: TillCount) -> list[int]:
    return [count.expected_minor, count.counted_minor, count.variance_minor, count.handed_over_minor]


# -- a till --------------------------------------------------------------------------------------------------------


def _till(sheet: Sheet, close: Close, count: TillCount, *, keep: float = 0) -> None:
    """What should be in the till on the left, what was counted on the right, the variance below both.

    `keep` mm of what comes next stay on the variance's page.
    """
    sheet.heading(f"{sheet.labels.till_of} {_name(count)}")
    sheet.facts(_when(sheet, close, count), width=sheet.epw, label=0.2)
    sheet.ln(3)
    _sides(sheet, close, count)
    if sheet.will_page_break(_outcome_height(sheet, close, count) + keep):
        sheet.add_page()
    _outcome(sheet, close, count)


def _when(sheet: Sheet, close: Close, count: TillCount) -> list[tuple[str, str]]:
    said = sheet.labels
    return [
        (said.opened, words.moment(count.opened_at, close.time_zone, close.locale)),
        (said.closed, words.moment(count.closed_at, close.time_zone, close.locale)),
        (said.closed_by, count.closed_by),
    ]


def _sides(sheet: Sheet, close: Close, count: TillCount) -> None:
    """Side by side, or one below the other when there are too many movements for that."""
    half, top = (sheet.epw - _GAP) / 2, sheet.y
    is_long = sheet.will_page_break(_sides_height(sheet, close, count))
    expected, counted = _expected(sheet, close, count), _counted(sheet, close, count)
    expected.draw(sheet, width=sheet.epw if is_long else half)
    bottom = sheet.y
    if is_long:
        sheet.ln(4)
    else:
        sheet.set_xy(sheet.l_margin + half + _GAP, top)
    counted.draw(sheet, width=half)
    sheet.set_xy(sheet.l_margin, sheet.y if is_long else max(bottom, sheet.y))
    sheet.ln(3)


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two tables of a till."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    totals: Sequence[str]

    def draw(self, sheet: Sheet, *, width: float) -> None:
        """Draw it at the present place."""
        table.draw(sheet, self.columns, self.rows, totals=self.totals, width=width, size=_SIZE)

    def height(self, sheet: Sheet, *, width: float) -> float:
        """How much room it takes, in mm."""
        return table.height(sheet, self.columns, self.rows, totals=self.totals, width=width, size=_SIZE)


def _expected(sheet: Sheet, close: Close, count: TillCount) -> _Side:
    said = sheet.labels
    rows = [
        [said.opening_float, _money(close, count.opening_minor)],
        [said.cash_taken, _money(close, count.cash_in_minor)],
        [said.cash_given_back, _money(close, -count.cash_out_minor)],
        *([_moved(said, move), _money(close, move.amount_minor)] for move in count.moves),
    ]
    columns = (Column(said.expected, 50), Column(said.amount, 32, "RIGHT"))
    return _Side(columns, rows, [said.expected, _money(close, count.expected_minor)])


def _counted(sheet: Sheet, close: Close, count: TillCount) -> _Side:
    said = sheet.labels
    rows = [
        [_money(close, worth), words.count(pieces, close.locale), _money(close, worth * pieces)]
        for worth, pieces in count.counted
    ]
    columns = (
        Column(said.denomination, 30, "RIGHT"),
        Column(said.pieces, 18, "RIGHT"),
        Column(said.amount, 34, "RIGHT"),
    )
    return _Side(columns, rows, [said.counted, "", _money(close, count.counted_minor)])


def _outcome(sheet: Sheet, close: Close, count: TillCount) -> None:
    said, variance = sheet.labels, count.variance_minor
    sheet.pen(13, bold=True, color=ALARM if variance else INK)
    label = said.variance_none if not variance else said.variance_missing if variance < 0 else said.variance_over
    sheet.line_of(f"{label}: {_money(close, abs(variance))}" if variance else label)
    sheet.ln(1)
    if text := _times(sheet, close, count):
        sheet.pen(_TIMES, color=ALARM)
        sheet.line_of(text)
        sheet.ln(1)
    sheet.facts(_handed(sheet, close, count), width=sheet.epw, label=_LABEL)


def _times(sheet: Sheet, close: Close, count: TillCount) -> str:
    """How often it was counted, "" for once: after the first time it was no blind count any more."""
    first = _money(close, count.first_variance_minor)
    return sheet.labels.counted_times.format(count=count.counts, amount=first) if count.counts > 1 else ""


def _handed(sheet: Sheet, close: Close, count: TillCount) -> list[tuple[str, str]]:
    said, left = sheet.labels, count.counted_minor - count.handed_over_minor
    return [
        (said.reason, count.reason if count.variance_minor else ""),
        (said.handed_over, _money(close, count.handed_over_minor)),
        (said.left_in_till, _money(close, left)),
    ]


def _moved(said: Labels, move: TillMove) -> str:
    """What a movement was for; of a hand-over from whose till to whose it was."""
    text = move.reason or said.movements
    return f"{move.giver} – {move.taker}: {text}" if move.giver else text


def _till_height(sheet: Sheet, close: Close, count: TillCount) -> float:
    """How much room a till's part takes with its sides beside each other, in mm."""
    above = _HEADING + sheet.facts_height(_when(sheet, close, count), width=sheet.epw, label=0.2) + 3
    return above + _sides_height(sheet, close, count) + 3 + _outcome_height(sheet, close, count)


def _sides_height(sheet: Sheet, close: Close, count: TillCount) -> float:
    half = (sheet.epw - _GAP) / 2
    return max(side(sheet, close, count).height(sheet, width=half) for side in (_expected, _counted))


def _outcome_height(sheet: Sheet, close: Close, count: TillCount) -> float:
    text, above = _times(sheet, close, count), _OUTCOME
    if text:
        sheet.pen(_TIMES)
        above += sheet.height_of(text, width=sheet.epw) + 1
    return above + sheet.facts_height(_handed(sheet, close, count), width=sheet.epw, label=_LABEL)


def _name(count: TillCount) -> str:
    return f"{count.name} ({count.username})" if count.name else count.username


def _moneys(close: Close, amounts: Sequence[int]) -> list[str]:
    return [_money(close, amount) for amount in amounts]


def _money(close: Close, amount_minor: int) -> str:
    return format_minor(amount_minor, close.currency, close.locale)
