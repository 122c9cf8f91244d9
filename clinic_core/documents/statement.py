"""The statement of account of a patient or a payer, on A4: every event, the balance after it, sums on every page."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from clinic_core.documents import labels, table, words
from clinic_core.documents.style import ALARM, INK, MUTED, Column
from clinic_core.domain.money import format_minor
from clinic_core.domain.statements import Age, Statement, StatementLine

if TYPE_CHECKING:
    from clinic_core.documents.labels import Labels
    from clinic_core.documents.sheet import Sheet

_RIGHT: Final = 74.0  # mm, the column of dates


def render(statement: Statement) -> bytes:
    """The PDF of a statement of account."""
    from clinic_core.documents.sheet import Sheet  # noqa: PLC0415 - loads fpdf2

    said = labels.of(statement.locale)
    number = " ".join(part for part in (statement.party.number, _day(statement, statement.as_of)) if part)
    sheet = Sheet(
        paper="A4",
        title=f"{said.statement} {number}",
        author=statement.issuer.name,
        created_at=statement.made_at,
        labels=said,
    )
    sheet.letterhead(statement.issuer, said.statement, _day(statement, statement.as_of))
    _parties(sheet, statement)
    _events(sheet, statement)
    _due(sheet, statement)
    return sheet.finished()


def _parties(sheet: Sheet, statement: Statement) -> None:
    said, party, top = sheet.labels, statement.party, sheet.y
    sheet.labelled(said.account_of, [party.name, party.number, party.address], width=sheet.epw - _RIGHT - 6)
    bottom = sheet.y
    sheet.set_xy(sheet.w - sheet.r_margin - _RIGHT, top)
    facts = [
        (said.period, _period(statement, said)),
        (said.made, words.moment(statement.made_at, statement.time_zone, statement.locale)),
    ]
    sheet.facts(facts, width=_RIGHT)
    sheet.set_xy(sheet.l_margin, max(bottom, sheet.y) + 6)


def _period(statement: Statement, said: Labels) -> str:
    last = _day(statement, statement.as_of)
    if statement.start_on is None:
        return said.until.format(day=last)
    return f"{_day(statement, statement.start_on)} – {last}"


def _events(sheet: Sheet, statement: Statement) -> None:
    said, balances = sheet.labels, _balances(statement)
    opening = ["", said.opening_balance, "", "", "", _money(statement, statement.opening_minor)]
    rows = [opening, *(_cells(statement, line, said) for line in statement.lines)]
    columns = (
        Column(said.date),
        Column(said.description, 49),
        Column(said.number),
        Column(said.charged, 26, "RIGHT"),
        Column(said.settled, 26, "RIGHT"),
        Column(said.balance, 28, "RIGHT"),
    )

    def carry(place: int) -> tuple[list[str], list[str]]:
        sums = _sums(statement, balances[place])
        return ["", said.carried_forward, *sums], ["", said.brought_forward, *sums]

    totals = ["", said.sum_of_period, *_sums(statement, balances[-1])]
    table.draw(sheet, columns, rows, totals=totals, carry=carry, size=9)
    sheet.ln(5)


def _cells(statement: Statement, line: StatementLine, said: Labels) -> list[str]:
    method = said.methods[line.method] if line.method else ""
    parts = [part for part in (said.events.get(line.event, line.event), method, line.text) if part]
    return [
        _day(statement, line.on),
        " · ".join(parts),
        line.label,
        _money(statement, line.debit_minor) if line.debit_minor else "",
        _money(statement, line.credit_minor) if line.credit_minor else "",
        _money(statement, line.balance_minor),
    ]


def _balances(statement: Statement) -> list[tuple[int, int, int]]:
    """Charged, settled and owed so far, at the opening and after each line."""
    found = [(0, 0, statement.opening_minor)]
    for line in statement.lines:
        charged, settled, _ = found[-1]
        found.append((charged + line.debit_minor, settled + line.credit_minor, line.balance_minor))
    return found


def _sums(statement: Statement, sums: tuple[int, int, int]) -> list[str]:
    return ["", *(_money(statement, amount) for amount in sums)]


def _due(sheet: Sheet, statement: Statement) -> None:
    """What is to be paid, and how old it is."""
    said, due = sheet.labels, statement.closing_minor
    if sheet.will_page_break(46):
        sheet.add_page()
    sheet.headline(said.in_your_favour if due < 0 else said.amount_due, _money(statement, abs(due)))
    if statement.held_minor:
        sheet.facts([(said.held_for_later, _money(statement, statement.held_minor))], width=sheet.epw)
        sheet.ln(3)
    if any(age.amount_minor for age in statement.ageing):
        sheet.note(said.age_of_due)
        sheet.ln(1)
        _ages(sheet, statement)
    sheet.ln(3)
    sheet.note(said.amounts_in.format(currency=statement.currency))


def _ages(sheet: Sheet, statement: Statement) -> None:
    width, top = sheet.epw / len(statement.ageing), sheet.y
    for place, age in enumerate(statement.ageing):
        sheet.set_xy(sheet.l_margin + place * width, top)
        sheet.pen(8, color=MUTED)
        sheet.line_of(_age(age, sheet.labels), width=width)
        is_late = age.to_days is None and age.amount_minor > 0
        sheet.pen(10.5, bold=is_late, color=ALARM if is_late else INK)
        sheet.line_of(_money(statement, age.amount_minor), width=width)
    sheet.set_x(sheet.l_margin)


def _age(age: Age, said: Labels) -> str:
    if age.to_days is None:
        return said.days_over.format(last=age.from_days - 1)
    return said.days_between.format(first=age.from_days, last=age.to_days)


def _day(statement: Statement, value: date) -> str:
    return words.day(value, statement.locale)


def _money(statement: Statement, amount_minor: int) -> str:
    return format_minor(amount_minor, statement.currency, statement.locale)
