"""How the practitioners' hours are used: what was offered, used, missed, left idle or overbooked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.reports import hours
from clinic_core.services import facts
from clinic_core.services.recent import Recent
from clinic_core.services.reports import Question, rows_asked

BASIS: Final = (
    "Minutes of visits, in the hour in which they start, by the day of the visit. Offered: the practitioners' hours as "
    "they are set now, without their absences. Used: visits that were seen or are still to come. Missed: the patient "
    "did not come. Idle: offered, and neither used nor missed. Over: visits beyond the hours that were offered. "
    "Cancelled visits and those without a time do not count. Only days up to today."
)
_made: Recent[Utilisation] = Recent(32)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Utilisation:
    """Minutes by weekday and hour, and by practitioner. Shared and read-only."""

    first: date
    last: date
    grid: pd.DataFrame  # weekday, hour, offered, used, missed, idle, over, share
    practitioners: pd.DataFrame  # practitioner_id and the same
    total: pd.Series  # the same of everything


def of(clinic: Clinic, actor: Actor, question: Question) -> Utilisation:
    """How the hours of the days and practitioners that are asked for were used."""
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "utilisation")
    snapshot = facts.snapshot(clinic)
    schedules = tuple(clinic.directory().schedules.values())
    key = (snapshot.serial, question, clinic.today(), schedules)
    return _made.get(key, lambda: _of(clinic, question))


def _of(clinic: Clinic, question: Question) -> Utilisation:
    visits = rows_asked(clinic, question, "visits", ["practitioner_id", "day", "hour", "minutes", "status", "untimed"])
    today = pd.Timestamp(clinic.today())
    visits = visits[~visits["untimed"] & (visits["day"] <= today)]
    visits = visits.assign(weekday=visits["day"].dt.day_of_week)
    first, last = _days(question, visits, clinic.today())
    chosen = [
        schedule
        for schedule in clinic.directory().schedules.values()
        if not question.practitioner_ids or schedule.id in question.practitioner_ids
    ]
    offered = {
        (who, weekday, hour): minutes
        for (who, weekday, hour), minutes in hours.offered(chosen, first, last).items()
        if (not question.weekdays or weekday in question.weekdays) and (not question.hours or hour in question.hours)
    }
    table = hours.table(visits.astype({"practitioner_id": str}), offered)
    return Utilisation(
        first=first,
        last=last,
        grid=hours.by(table, ["weekday", "hour"]),
        practitioners=hours.by(table, ["practitioner_id"]).sort_values("share", ascending=False, ignore_index=True),
        total=hours.by(table.assign(all=0), ["all"]).iloc[0] if len(table) else pd.Series(dtype="float64"),
    )


def _days(question: Question, visits: pd.DataFrame, today: date) -> tuple[date, date]:
    """The first and the last day that count."""
    first = max(filter(None, (question.start_on, question.chosen_from)), default=None)
    last = min(day for day in (question.end_on, question.chosen_to, question.as_of, today) if day is not None)
    if first is None:
        first = visits["day"].min().date() if len(visits) else last
    return min(first, last), last
