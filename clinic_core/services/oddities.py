"""Oddities: visits that nobody billed, unusual discounts, equal payments, and who takes back how much."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, InvoiceStatus
from clinic_core.reports import oddities
from clinic_core.reports.measures import CHARGES, PAYMENTS, RATE, SEEN, VISITS, WEEKDAY
from clinic_core.services.fact_columns import Fact, Narrow
from clinic_core.services.recent import Recent
from clinic_core.services.reports import Question, facts_asked

_UNBILLED_DAYS: Final = 1  # a draft may wait so long
MOST_VISITS: Final = 5_000  # of which invoices are looked for, the latest of all
_NOT_ISSUED: Final = frozenset({InvoiceStatus.DRAFT, InvoiceStatus.CANCELLED})
_WHO: Final = ["entry_id", "document_id", "label", "patient_id", "practitioner_id", "day", "event", "by"]
_OF_CHARGES: Final = ["service_id", "location_id", "payer_id", RATE]
_OF_PAYMENTS: Final = ["method", "location_id", "payer_id"]
_found: Recent[Oddities] = Recent(16)
_stocks: Recent[_Stock] = Recent(2)
_billed: Recent[set[str]] = Recent(2)  # visits that have an invoice, by how many invoices were cancelled
_candidates: Recent[pd.DataFrame] = Recent(4)


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
    charges, payments = (facts_asked(clinic, question, kind) for kind in (CHARGES, PAYMENTS))
    stock = _stocks.get((charges[0], payments[0]), lambda: _stock_of(charges[0], payments[0]))
    return _found.get((charges[0], payments[0], question), lambda: _of(stock, charges[1], payments[1]))


def unbilled(clinic: Clinic, actor: Actor, question: Question) -> list[Unbilled]:
    """Finished visits of the days that were not billed by the next day, oldest first; see `MOST_VISITS`."""
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "unbilled")
    visits, narrow = facts_asked(clinic, question, VISITS)
    until = clinic.today() - timedelta(days=_UNBILLED_DAYS)
    charges, _ = facts_asked(clinic, Question(), CHARGES)
    asked = replace(narrow, last=min(until, narrow.last or until))
    drafts = [draft for draft in clinic.invoices.drafts() if _is_asked(draft, asked, question)]
    every = _candidates.get((visits, charges, until), lambda: _not_issued(clinic, visits, charges, until))
    without = _without_invoice(clinic, _asked(every, asked))
    numbers = clinic.patients.numbers([d.patient_id for d in drafts] + list(without["patient_id"]))
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
            visit_id=row["document_id"],
            patient=numbers.get(row["patient_id"], ""),
            practitioner_id=row["practitioner_id"],
            day=row["day"],
            draft=None,
        )
        for row in without.to_dict("records")
    ]
    return sorted([*waiting, *missing], key=lambda one: one.day)


def _is_asked(draft: Invoice, asked: Narrow, question: Question) -> bool:
    """Whether a draft is of a visit on the days that are asked for, and of whom."""
    day = draft.visited_on
    if day is None or day < (asked.first or day) or day > (asked.last or day):
        return False
    return not question.practitioner_ids or draft.practitioner_id in question.practitioner_ids


def _asked(rows: pd.DataFrame, asked: Narrow) -> pd.DataFrame:
    """Those of some rows of facts that are asked for."""
    first, last = np.datetime64(asked.first or date.min), np.datetime64(asked.last or date.max)
    days = rows["day"].to_numpy("datetime64[D]")
    keep = (days >= first) & (days <= last)
    for key, values in asked.only:
        keep &= (rows["day"].dt.weekday if key == WEEKDAY else rows[key]).isin(values).to_numpy()
    found: pd.DataFrame = rows[keep]
    return found


def _without_invoice(clinic: Clinic, visits: pd.DataFrame) -> pd.DataFrame:
    """Those of some visits that have no invoice but cancelled ones: whoever finished them died at the wrong moment."""
    statuses = clinic.invoices.statuses_of_appointments(visits["document_id"])
    with_one = [visit_id for visit_id, (_, status) in statuses.items() if status is not InvoiceStatus.CANCELLED]
    return visits[~visits["document_id"].isin(with_one)]


def _not_issued(clinic: Clinic, visits: Fact, charges: Fact, until: date) -> pd.DataFrame:
    """Finished visits that nothing issued charges: drafts come and go without a new entry, so they are among them."""
    seen, _, _ = visits.latest(Narrow(last=until).with_only("status", SEEN), MOST_VISITS, "")
    taken_back = len(charges.frame(Narrow().with_only("event", ["cancel"]), ["document_id"]))
    billed = _billed.get(taken_back, set)  # what is issued stays so until it is cancelled
    unknown = [visit_id for visit_id in seen["document_id"] if visit_id not in billed]
    statuses = clinic.invoices.statuses_of_appointments(unknown)
    billed.update(visit_id for visit_id, (_, status) in statuses.items() if status not in _NOT_ISSUED)
    return seen[~seen["document_id"].isin(billed)]


def _of(stock: _Stock, charged: Narrow, moved: Narrow) -> Oddities:
    voids = oddities.voids(_asked(stock.taken_back, charged), _asked(stock.given_back, moved))
    return Oddities(
        discounts=_asked(stock.discounts, charged).reset_index(drop=True),
        payments=_asked(stock.equal, moved).reset_index(drop=True),
        voids=voids,
        people=oddities.by_person(voids),
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Stock:
    """The few rows of all days that may stand out, with all that can be selected: a click looks at these only."""

    discounts: pd.DataFrame
    equal: pd.DataFrame
    taken_back: pd.DataFrame
    given_back: pd.DataFrame


def _stock_of(charges: Fact, payments: Fact) -> _Stock:
    issued = replace(Narrow().with_only("event", ["issue"]), moved="discount_minor")
    taken = Narrow().with_only("event", ["cancel", "credit-note"])
    given = Narrow().with_only("event", ["refund", "write-off", "deposit-refund"])
    lines = charges.frame(issued, [*_WHO, *_OF_CHARGES, "gross_minor", "discount_minor", "total_minor"])
    return _Stock(
        discounts=oddities.unusual_discounts(lines),
        equal=_equal_payments(payments),
        taken_back=charges.frame(taken, [*_WHO, *_OF_CHARGES, "total_minor"]),
        given_back=payments.frame(given, [*_WHO, *_OF_PAYMENTS, "amount_minor", "written_off_minor"]),
    )


def _equal_payments(payments: Fact) -> pd.DataFrame:
    """Looks at all of them by a few columns, and takes the others of those few patients only."""
    taken = Narrow().with_only("event", ["payment"])
    equal = oddities.equal_payments(payments.frame(taken, ["event", "patient_id", "day", "method", "amount_minor"]))
    theirs = taken.with_only("patient_id", set(equal["patient_id"]))
    return oddities.equal_payments(payments.frame(theirs, [*_WHO, *_OF_PAYMENTS, "amount_minor", "written_off_minor"]))
