"""Who owes what since when: ageing by patient and payer, and whom to call."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.people import Patient
from clinic_core.services import facts, ledger
from clinic_core.services.recent import Recent
from clinic_core.services.reports import Question, owed_on

BASIS: Final = (
    "What is owed at the end of the day: all that was billed up to it, less all that was paid, credited or written off "
    "up to it. Its age counts from the day of issue."
)
BUCKETS: Final = (("0–30 days", 0), ("31–60 days", 31), ("61–90 days", 61), ("over 90 days", 91))
_MOST: Final = 100
_made: Recent[Receivables] = Recent(32)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Receivables:
    """What is owed at the end of a day. Amounts in minor units. Shared and read-only."""

    day: date
    items: pd.DataFrame  # document_id, label, patient_id, practitioner_id, payer_id, day, due_minor, age, bucket
    ageing: pd.DataFrame  # payer_id ("": patients), a column per bucket, total
    total_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A patient who owes something, and how to reach them."""

    patient: Patient
    due_minor: int
    invoices: int
    oldest_days: int


def of(clinic: Clinic, actor: Actor, question: Question) -> Receivables:
    """What is owed at the end of the question's last day, the open business day at the latest; selections narrow it.

    Once today is closed, what comes in counts on the day that is open: the same as in the figure "outstanding".
    """
    access.require(actor, "receivable.read")
    clinic.audit.record_read(actor, "receivable.read", "receivables")
    ends = (question.end_on, question.chosen_to, question.as_of, ledger.open_day(clinic))
    day = min(end for end in ends if end is not None)
    return _made.get((facts.snapshot(clinic).serial, question, day), lambda: _of(clinic, question, day))


def _of(clinic: Clinic, question: Question, day: date) -> Receivables:
    items = owed_on(clinic, question, day)
    age = (pd.Timestamp(day) - items["day"]).dt.days.clip(lower=0)  # billed after today's close: dated tomorrow
    names = [name for name, _ in BUCKETS]
    edges = [least for _, least in BUCKETS]
    places = pd.Index(edges).searchsorted(age, side="right") - 1
    items = items.assign(age=age, bucket=[names[place] for place in places])
    return Receivables(day=day, items=items, ageing=_ageing(items, names), total_minor=int(items["due_minor"].sum()))


def of_ages(found: Receivables, ages: Collection[str]) -> Receivables:
    """What of it is of some ages of `BUCKETS`; all of it when there are none."""
    if not ages:
        return found
    items = found.items[found.items["bucket"].isin(ages)]
    table = _ageing(items, [name for name, _ in BUCKETS])
    return replace(found, items=items, ageing=table, total_minor=int(items["due_minor"].sum()))


def calls(clinic: Clinic, actor: Actor, found: Receivables, *, most: int | None = _MOST) -> tuple[list[Call], int]:
    """Whom to call: patients by what they owe times how long, at most `most` of them, and how many there are."""
    access.require(actor, "recall.read")
    clinic.audit.record_read(actor, "recall.read", "receivables")
    people = _by_patient(found.items)
    chosen = people.head(len(people) if most is None else most)
    known = clinic.patients.for_list(chosen.index)
    sums = (chosen[name].tolist() for name in ("due", "count", "oldest"))
    listed = [
        Call(patient=known[patient_id], due_minor=due, invoices=count, oldest_days=oldest)
        for patient_id, due, count, oldest in zip(chosen.index, *sums, strict=True)
        if patient_id in known
    ]
    return listed, len(people)


def _by_patient(items: pd.DataFrame) -> pd.DataFrame:
    """What each patient owes by themselves, who owes most for longest first: `due`, `count`, `oldest`, by id."""
    own = items[(items["payer_id"] == "") & (items["due_minor"] > 0)]
    who, patients = pd.factorize(own["patient_id"].astype(object))
    due, age = own["due_minor"].to_numpy(), own["age"].to_numpy()
    sums = np.zeros((3, len(patients)), np.int64)  # whole numbers: sums of amounts stay exact
    for row, added in enumerate((due, np.ones_like(due), due * (age + 1))):
        np.add.at(sums[row], who, added)
    oldest = np.zeros(len(patients), np.int64)
    np.maximum.at(oldest, who, age)
    order = np.argsort(-sums[2], kind="stable")
    found = {"due": sums[0], "count": sums[1], "oldest": oldest}
    return pd.DataFrame({name: values[order] for name, values in found.items()}, index=np.asarray(patients)[order])


def _ageing(items: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    who, payers = pd.factorize(items["payer_id"])
    sums = np.zeros((len(payers), len(names)), np.int64)
    np.add.at(sums, (who, pd.Index(names).get_indexer(pd.Index(items["bucket"]))), items["due_minor"].to_numpy())
    table = pd.DataFrame(sums, columns=names)
    table.insert(0, "payer_id", payers)
    table["total"] = sums.sum(axis=1)
    return table.sort_values("total", ascending=False, kind="stable", ignore_index=True)
