"""Oddities: visits that nobody billed, unusual discounts, equal payments, and who takes back how much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import Invoice
from clinic_core.reports import oddities
from clinic_core.services import facts
from clinic_core.services.recent import Recent
from clinic_core.services.reports import Question, rows_asked

_UNBILLED_DAYS: Final = 1  # a draft may wait so long
_LOOKS_BACK: Final = 31  # days in which visits without even a draft are looked for
_WHO: Final = ["document_id", "label", "patient_id", "practitioner_id", "day", "event", "by"]
_found: Recent[Oddities] = Recent(16)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Oddities:
    """What stands out in the days that were asked for. Shared and read-only; columns as in `reports.oddities`."""

    discounts: pd.DataFrame
    payments: pd.DataFrame
    voids: pd.DataFrame
    people: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbilled:
    """A finished visit whose invoice is still a draft, or has none at all."""

    visit_id: str
    patient: str  # the number
    practitioner_id: str
    day: pd.Timestamp
    draft: Invoice | None


def of(clinic: Clinic, actor: Actor, question: Question) -> Oddities:
    """Discounts, payments and voids that stand out."""
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "oddities")
    return _found.get((facts.snapshot(clinic).serial, question), lambda: _of(clinic, question))


def unbilled(clinic: Clinic, actor: Actor) -> list[Unbilled]:
    """Finished visits that were not billed by the next day, oldest first."""
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "unbilled")
    until = clinic.today() - timedelta(days=_UNBILLED_DAYS)
    drafts = [d for d in clinic.invoices.drafts() if d.visited_on is not None and d.visited_on <= until]
    without = _without_draft(clinic)
    numbers = clinic.patients.numbers([d.patient_id for d in drafts] + [str(row.patient_id) for row in without])
    waiting = [
        Unbilled(
            visit_id=draft.appointment_id or "",
            patient=numbers.get(draft.patient_id, ""),
            practitioner_id=draft.practitioner_id,
            day=pd.Timestamp(draft.visited_on or draft.drafted_on),
            draft=draft,
        )
        for draft in drafts
    ]
    missing = [
        Unbilled(
            visit_id=str(row.document_id),
            patient=numbers.get(str(row.patient_id), ""),
            practitioner_id=str(row.practitioner_id),
            day=pd.Timestamp(row.day),
            draft=None,
        )
        for row in without
    ]
    return sorted([*waiting, *missing], key=lambda one: one.day)


def _without_draft(clinic: Clinic) -> list[pd.Series]:
    """Visits of the last month that were seen and have no invoice: whoever finished them died at the wrong moment."""
    today = clinic.today()
    question = Question(start_on=today - timedelta(days=_LOOKS_BACK), end_on=today - timedelta(days=_UNBILLED_DAYS))
    visits = rows_asked(clinic, question, "visits", ["document_id", "patient_id", "practitioner_id", "day", "status"])
    seen = visits[visits["status"] == AppointmentStatus.FULFILLED.value]
    ids = [str(visit_id) for visit_id in seen["document_id"]]
    billed: set[str] = set()
    for first in range(0, len(ids), 50):
        billed |= clinic.invoices.statuses_of_appointments(ids[first : first + 50]).keys()
    return [row for _, row in seen.iterrows() if str(row["document_id"]) not in billed]


def _of(clinic: Clinic, question: Question) -> Oddities:
    charges = rows_asked(
        clinic, question, "charges", [*_WHO, "service_id", "gross_minor", "discount_minor", "total_minor"]
    )
    payments = rows_asked(clinic, question, "payments", [*_WHO, "method", "amount_minor", "written_off_minor"])
    taken = oddities.voids(charges, payments)
    return Oddities(
        discounts=oddities.unusual_discounts(charges),
        payments=oddities.equal_payments(payments),
        voids=taken,
        people=oddities.by_person(taken),
    )
