"""Tables of the boards that are no catalogue reports, as they are read and as they are saved.

A listing is made of what a service found, which has asked access; saving it asks for the export and is audited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access, money
from clinic_core.domain.access import Actor
from clinic_core.reports import export, workbook
from clinic_core.reports.measures import HOUR, PAYER, PRACTITIONER, WEEKDAY, Unit
from clinic_core.services import returns
from clinic_core.services.receivables import BUCKETS, Call, Receivables
from clinic_core.services.report_files import names_of
from clinic_core.services.reports import Question
from clinic_core.services.returns import Lapsed, Returns
from clinic_core.services.utilisation import Utilisation

_HOURS: Final = {"offered": "Offered", "used": "Used", "missed": "Missed", "idle": "Idle", "over": "Beyond"}
_IN_AN_HOUR: Final = 60
_LEAD_TIMES: Final = {
    "ahead": "Booked ahead",
    "seen": "Seen",
    "missed": "No-show",
    "cancelled": "Cancelled",
    "late": "Cancelled late",
    "rate": "No-show rate",
}
EVENTS: Final = {
    "issue": "Billed",
    "cancel": "Taken back",
    "credit-note": "Credit note",
    "payment": "Payment",
    "refund": "Refund",
    "write-off": "Written off",
    "deposit": "Deposit",
    "deposit-refund": "Deposit given back",
    "apply-credit": "From account",
    "transfer": "Moved",
    "assign": "Payer's part changed",
    "reversal": "Correction taken back",
}
_STATUSES: Final = {
    "booked": "Open",
    "arrived": "Open",
    "checked-in": "Open",
    "fulfilled": "Seen",
    "noshow": "No-show",
    "cancelled": "Cancelled",
}
_WORDS: Final[Mapping[str, Mapping[Any, str]]] = {"event": EVENTS, "status": _STATUSES}
_HEADS: Final = {
    "patient": "Patient",
    "day": "Day",
    "label": "Invoice",
    "event": "What",
    "by": "Who",
    "practitioner_id": "Practitioner",
    "service_id": "Service",
    "method": "Method",
    "status": "Status",
    "lead_days": "Booked ahead (days)",
    "notice_hours": "Notice (hours)",
    "count": "How often",
    "share": "Share",
    "amount_minor": "Amount",
    "gross_minor": "Gross",
    "discount_minor": "Discount",
    "total_minor": "Total",
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Listing:
    """A table with its heads in words. Values are text, numbers or days."""

    name: str  # of its file and in the audit trail: no person's
    title: str
    basis: str = ""
    frame: pd.DataFrame  # amounts in minor units
    units: Mapping[str, Unit] = field(default_factory=dict)  # of the columns that are amounts or shares
    count: int | None = None  # how many rows there are when `frame` has fewer

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.frame) if self.count is None else self.count


def as_csv(clinic: Clinic, actor: Actor, question: Question, made: Listing) -> bytes:
    """A listing as CSV."""
    return export.to_csv(_written(clinic, actor, question, made))


def as_xlsx(clinic: Clinic, actor: Actor, question: Question, made: Listing, asked: Sequence[str] = ()) -> bytes:
    """A listing as a workbook, with what it counts."""
    frame = _written(clinic, actor, question, made)
    about = [("Table", made.title), ("Counts", made.basis), ("Only", " · ".join(asked) or "everything")]
    about += [("As of", str(question.as_of or "now")), ("Made at", f"{clinic.local(clinic.now()):%Y-%m-%d %H:%M}")]
    shares = frozenset(head for head, unit in made.units.items() if unit is Unit.SHARE)
    said = pd.DataFrame(about, columns=["What", "Says"])
    sheets = [workbook.Sheet("Table", frame, shares), workbook.Sheet("About", said)]
    return workbook.to_xlsx(sheets, decimals=money.exponent(clinic.organization().currency))


def record(clinic: Clinic, actor: Actor, question: Question, made: Listing) -> None:
    """Ask for the right to save figures and leave a line in the audit trail."""
    access.require(actor, "report.export")
    days = f"{question.start_on or ''}..{question.end_on or ''}"
    clinic.audit.record(actor, "report.export", made.name, rows=str(len(made.frame)), days=days)


def _written(clinic: Clinic, actor: Actor, question: Question, made: Listing) -> pd.DataFrame:
    """Amounts as decimals of the clinic's currency, under a head that names it."""
    record(clinic, actor, question, made)
    currency = clinic.organization().currency
    columns: dict[str, Any] = {}
    for head, values in made.frame.items():
        if made.units.get(str(head)) is Unit.MONEY:
            decimals = [money.to_decimal(int(amount_minor), currency) for amount_minor in values]
            columns[f"{head} ({currency})"] = pd.Series(decimals, dtype=object)
        else:
            columns[str(head)] = values.reset_index(drop=True)
    return pd.DataFrame(columns)


def ageing(clinic: Clinic, found: Receivables, basis: str) -> Listing:
    """What is owed by who owes it and by age."""
    names = names_of(clinic, PAYER)
    table = found.ageing.rename(columns={"total": "Total"})
    table.insert(0, "Owed by", ["Patients" if not key else names.get(key, key) for key in table.pop(PAYER)])
    units = dict.fromkeys([*(name for name, _ in BUCKETS), "Total"], Unit.MONEY)
    return Listing(name="receivables-ageing", title="Owed by age", basis=basis, frame=table, units=units)


def open_items(clinic: Clinic, found: Receivables, basis: str, most: int | None = None) -> Listing:
    """What is owed of each invoice, the oldest first."""
    people, payers = names_of(clinic, PRACTITIONER), names_of(clinic, PAYER)
    shown = found.items.sort_values("day", kind="stable").head(len(found.items) if most is None else most)
    numbers = clinic.patients.numbers(str(patient_id) for patient_id in shown["patient_id"].unique())
    table = pd.DataFrame(
        {
            "Invoice": shown["label"].astype(str),
            "Patient": [numbers.get(str(key), "") for key in shown["patient_id"]],
            "Issued": shown["day"],
            "Practitioner": [people.get(key, key) for key in shown[PRACTITIONER]],
            "Owed by": [payers.get(key, key) for key in shown[PAYER]],
            "Due": shown["due_minor"],
            "Age (days)": shown["age"],
        }
    )
    return Listing(
        name="receivables-items",
        title="Open items",
        basis=basis,
        frame=table,
        units={"Due": Unit.MONEY},
        count=len(found.items),
    )


def calls(listed: Sequence[Call], count: int, basis: str) -> Listing:
    """Whom to call about what is owed."""
    rows = [
        {
            "Patient": one.patient.name,
            "Number": one.patient.number,
            "Phone": one.patient.phone,
            "Owes": one.due_minor,
            "Invoices": one.invoices,
            "Oldest (days)": one.oldest_days,
        }
        for one in listed
    ]
    return Listing(
        name="receivables-calls",
        title="Whom to call",
        basis=basis,
        frame=pd.DataFrame(rows),
        units={"Owes": Unit.MONEY},
        count=count,
    )


def hours_by_practitioner(clinic: Clinic, found: Utilisation, basis: str) -> Listing:
    """How each practitioner's hours were used."""
    names = names_of(clinic, PRACTITIONER)
    heads = {"Practitioner": [names.get(key, key) for key in found.practitioners[PRACTITIONER]]}
    return _used("hours-practitioners", "Hours by practitioner", basis, heads, found.practitioners)


def hours_by_square(clinic: Clinic, found: Utilisation, basis: str) -> Listing:
    """How the hours of each weekday and hour were used."""
    columns = {"Weekday": WEEKDAY, "Hour": HOUR}
    named = {head: (names_of(clinic, key), found.grid[key]) for head, key in columns.items()}
    heads = {head: [names.get(int(value), value) for value in values] for head, (names, values) in named.items()}
    return _used("hours", "Hours", basis, heads, found.grid)


def _used(name: str, title: str, basis: str, heads: Mapping[str, list[Any]], table: pd.DataFrame) -> Listing:
    hours = {f"{head} (h)": table[column] / _IN_AN_HOUR for column, head in _HOURS.items()}
    frame = pd.DataFrame({**heads, **hours, "Used of offered": table["share"]})
    return Listing(name=name, title=title, basis=basis, frame=frame, units={"Used of offered": Unit.SHARE})


def new_and_returning(found: Returns, labels: Sequence[str]) -> Listing:
    """New and returning patients by period."""
    table = pd.DataFrame({"Period": labels, "New": found.periods["new"], "Returning": found.periods["returning"]})
    return Listing(name="patients", title="New and returning patients", basis=returns.BASIS, frame=table)


def cohorts(found: Returns, labels: Sequence[str]) -> Listing:
    """The share of those who were new in a period that came again so many periods later."""
    later = [column for column in found.cohorts.columns if column not in ("period", "patients")]
    heads = {column: f"After {column}" for column in later}
    table = found.cohorts[["patients", *later]].rename(columns={"patients": "Patients", **heads})
    table.insert(0, "New in", list(labels))
    units = dict.fromkeys(heads.values(), Unit.SHARE)
    return Listing(name="patients-cohorts", title="Who comes again", basis=returns.BASIS, frame=table, units=units)


def patients_seen(clinic: Clinic, found: pd.DataFrame, basis: str, most: int | None = None) -> Listing:
    """Who was seen, by number."""
    shown = found.head(len(found) if most is None else most)
    numbers = clinic.patients.numbers(str(patient_id) for patient_id in shown["patient_id"])
    frame = pd.DataFrame(
        {
            "Patient": [numbers.get(str(patient_id), "") for patient_id in shown["patient_id"]],
            "New": ["new" if new else "returning" for new in shown["new"]],
            "First visit ever": shown["first"],
            "Last of these days": shown["last"],
            "Visits": shown["visits"],
        }
    )
    return Listing(name="patients-seen", title="Patients seen", basis=basis, frame=frame, count=len(found))


def lapsed(listed: Sequence[Lapsed], count: int, months: int) -> Listing:
    """Whom to call back."""
    rows = [
        {
            "Patient": one.patient.name,
            "Number": one.patient.number,
            "Phone": one.patient.phone,
            "Last seen": pd.Timestamp(one.last_on),
            "Visits": one.visits,
        }
        for one in listed
    ]
    basis = f"Nothing booked, and not seen for {months} months. All patients, as of today."
    return Listing(
        name="patients-lapsed", title="Whom to call back", basis=basis, frame=pd.DataFrame(rows), count=count
    )


def lead_times(found: pd.DataFrame, basis: str) -> Listing:
    """What became of visits by how far ahead they were booked."""
    frame = found.rename(columns=_LEAD_TIMES)
    units = {"No-show rate": Unit.SHARE}
    return Listing(name="lead-times", title="By how far ahead they were booked", basis=basis, frame=frame, units=units)


def rows(clinic: Clinic, name: str, title: str, frame: pd.DataFrame, most: int | None = None) -> Listing:
    """Any rows of facts: heads in words, names instead of ids, the patients' numbers."""
    shown = frame.head(len(frame) if most is None else most)
    columns: dict[str, Any] = {}
    units: dict[str, Unit] = {}
    if "patient_id" in shown:
        numbers = clinic.patients.numbers(str(patient_id) for patient_id in shown["patient_id"].unique())
        columns["Patient"] = [numbers.get(str(patient_id), "") for patient_id in shown["patient_id"]]
    for column in shown.columns:
        head = _HEADS.get(column)
        if head is None:
            continue
        names = _names(clinic, column)
        values = shown[column].astype(object) if isinstance(shown[column].dtype, pd.CategoricalDtype) else shown[column]
        columns[head] = [names.get(value, value) for value in values] if names else values.reset_index(drop=True)
        if column.endswith("_minor"):
            units[head] = Unit.MONEY
        elif column == "share":
            units[head] = Unit.SHARE
    return Listing(name=name, title=title, frame=pd.DataFrame(columns), units=units, count=len(frame))


def _names(clinic: Clinic, column: str) -> Mapping[Any, str]:
    return _WORDS[column] if column in _WORDS else names_of(clinic, column)
