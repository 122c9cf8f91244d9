"""Reports as files: what is on the screen, for a spreadsheet or on paper. Every file is audited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access, money
from clinic_core.domain.access import Actor
from clinic_core.reports import export, workbook
from clinic_core.reports.measures import (
    HOUR,
    LOCATION,
    METHOD,
    PAYER,
    PRACTITIONER,
    RATE,
    SERVICE,
    WEEKDAY,
    Measure,
    Unit,
)
from clinic_core.reports.periods import PERIOD
from clinic_core.services import reports
from clinic_core.services.report_names import names_of
from clinic_core.services.reports import Answer, Figure, Question

__all__ = ["MOST_ROWS", "Table", "as_csv", "as_xlsx", "label_of", "names_of", "table"]

_HEADS: Final = {
    PERIOD: "Period from",
    PRACTITIONER: "Practitioner",
    SERVICE: "Service",
    METHOD: "Method",
    PAYER: "Payer",
    LOCATION: "Room",
    WEEKDAY: "Weekday",
    HOUR: "Hour",
    RATE: "Rate of tax",
}
MOST_ROWS: Final = 50_000  # of a sheet in a workbook
_CUT: Final = "The latest {shown:,} of {count:,} rows. The CSV of the rows behind the figure has all of them."


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Table:
    """A report's figures as they are written: the key's names, then one column per measure."""

    title: str
    basis: str
    made_at: datetime
    measures: tuple[Measure, ...]
    frame: pd.DataFrame  # amounts as Decimal in the clinic's currency, shares as float
    currency: str


def table(clinic: Clinic, actor: Actor, question: Question, name: str) -> Table:
    """A report's figures, for a file of any kind. Raises Forbidden, or NotFound when there is no such report."""
    access.require(actor, "report.export")
    found = reports.answer(clinic, actor, question, name)
    days = f"{question.start_on or ''}..{question.end_on or ''}"
    clinic.audit.record(actor, "report.export", name, rows=str(len(found.frame)), days=days)
    return Table(
        title=found.title,
        basis=found.basis,
        made_at=clinic.now(),
        measures=found.measures,
        frame=_written(clinic, found),
        currency=clinic.organization().currency,
    )


def as_csv(clinic: Clinic, actor: Actor, question: Question, name: str) -> bytes:
    """A report's figures as CSV."""
    return export.to_csv(table(clinic, actor, question, name).frame)


def as_xlsx(clinic: Clinic, actor: Actor, question: Question, name: str, asked: Sequence[str] = ()) -> bytes:
    """A report's figures as a workbook: the figures, the rows behind each kind of them, and what they count."""
    made = table(clinic, actor, question, name)
    shares = frozenset(measure.label for measure in made.measures if measure.unit is Unit.SHARE)
    sheets = [workbook.Sheet("Figures", made.frame, shares)]
    about = [("Report", made.title), ("Counts", made.basis), ("Only", " · ".join(asked) or "everything")]
    for measure in _one_of_each(made.measures):
        found = reports.rows(clinic, actor, question, Figure(name, measure.column), most=MOST_ROWS)
        sheet = f"Rows of {measure.label}"
        sheets.append(workbook.Sheet(sheet, reports.for_export(clinic, found.frame)))
        if len(found.frame) < found.count:
            about.append((sheet, _CUT.format(shown=len(found.frame), count=found.count)))
    about += [("As of", str(question.as_of or "now")), ("Made at", f"{clinic.local(made.made_at):%Y-%m-%d %H:%M}")]
    sheets.append(workbook.Sheet("About", pd.DataFrame(about, columns=["What", "Says"])))
    return workbook.to_xlsx(sheets, decimals=money.exponent(made.currency))


def label_of(key: str, value: Any, names: Mapping[Any, str]) -> Any:
    """What a value of a key column is called; one without a name in `names` is written as it is."""
    return names.get(value, value)


def _written(clinic: Clinic, found: Answer) -> pd.DataFrame:
    currency, names = clinic.organization().currency, names_of(clinic, found.key)
    columns: dict[str, Any] = {}
    if found.key:
        columns[_HEADS.get(found.key, found.key)] = [label_of(found.key, v, names) for v in found.frame[found.key]]
    for measure in found.measures:
        values = found.frame[measure.column]
        head = f"{measure.label} ({currency})" if measure.unit is Unit.MONEY else measure.label
        columns[head] = pd.Series([_major(v, currency) for v in values], dtype=object) if "(" in head else values
    return pd.DataFrame(columns)


def _major(amount_minor: Any, currency: str) -> Decimal:
    return money.to_decimal(int(amount_minor), currency)


def _one_of_each(measures: Sequence[Measure]) -> list[Measure]:
    """One measure per kind of facts and what it is made of: their rows are the same."""
    kinds = {(measure.facts, measure.statuses, measure.known): measure for measure in reversed(measures)}
    return list(reversed(kinds.values()))
