"""Reports as files: what is on the screen, for a spreadsheet or on paper. Every file is audited."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access, money
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import PaymentMethod
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
from clinic_core.services.reports import Answer, Figure, Question

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
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
    sheets = [workbook.Sheet("Figures", made.frame)]
    for measure in _one_of_each(made.measures):
        found = reports.rows(clinic, actor, question, Figure(name, measure.column))
        sheets.append(workbook.Sheet(f"Rows of {measure.label}", reports.for_export(clinic, found.frame)))
    about = [("Report", made.title), ("Counts", made.basis), ("Only", " · ".join(asked) or "everything")]
    about += [("As of", str(question.as_of or "now")), ("Made at", f"{clinic.local(made.made_at):%Y-%m-%d %H:%M}")]
    sheets.append(workbook.Sheet("About", pd.DataFrame(about, columns=["What", "Says"])))
    return workbook.to_xlsx(sheets, decimals=money.exponent(made.currency))


def names_of(clinic: Clinic, key: str) -> Mapping[Any, str]:
    """What the values of a key column are called; nothing for other columns."""
    directory = clinic.directory()
    known: Mapping[str, Callable[[], Mapping[Any, str]]] = {
        PRACTITIONER: lambda: {**{p.id: p.name for p in directory.practitioners.values()}, "": "Deposits"},
        SERVICE: lambda: {s.id: s.name for s in directory.services.values()},
        METHOD: lambda: {method.value: method.label for method in PaymentMethod},
        PAYER: lambda: {"": "Patient", **{p.id: p.name for p in directory.payers.values()}},
        LOCATION: lambda: {"": "No room", **{room.id: room.name for room in directory.organization.rooms}},
        WEEKDAY: lambda: dict(enumerate(_WEEKDAYS)),
        HOUR: lambda: {hour: f"{hour:02d}:00" for hour in range(24)},
    }
    return known[key]() if key in known else {}


def label_of(key: str, value: Any, names: Mapping[Any, str]) -> Any:
    """What a value of a key column is called, beside the names that `names_of` gives: rates are written in percent."""
    return f"{money.show_percent(int(value))} %" if key == RATE else names.get(value, value)


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
