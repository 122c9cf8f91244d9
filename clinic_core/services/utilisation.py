"""How the practitioners' hours are used: what was offered, used, missed, left idle or overbooked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import pandas as pd

from clinic_core.clinic import Clinic, DirectoryView
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.schedules import Schedule
from clinic_core.reports import hours
from clinic_core.reports.measures import CANCELLED, VISITS
from clinic_core.services.fact_columns import Fact, Narrow
from clinic_core.services.recent import Recent
from clinic_core.services.reports import Question, facts_asked

BASIS: Final = (
    "Minutes of visits, in the hour in which they start, by the day of the visit. Offered: the practitioners' hours as "
    "they are set now, without their absences. Used: visits that were seen or are still to come. Missed: the patient "
    "did not come. Idle: offered, and neither used nor missed. Over: visits beyond the hours that were offered on "
    "their day. Cancelled visits and those without a time do not count. Only days up to today. Who sees patients "
    "no longer offered hours up to their last visit."
)
_NARROWER: Final = (
    "Not shown: Offered, Idle, Beyond the hours, Used of offered. Hours are offered by practitioner, not by service or "
    "room."
)
_COLUMNS: Final = ("practitioner_id", "day", "hour", "minutes", "status", "untimed")
_OF_OFFERED: Final = ("offered", "idle", "over", "share")
_made: Recent[Utilisation] = Recent(32)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Utilisation:
    """Minutes by weekday and hour, and by practitioner. Shared and read-only."""

    first: date
    last: date
    grid: pd.DataFrame  # weekday, hour, offered, used, missed, idle, over, share
    practitioners: pd.DataFrame  # practitioner_id and the same
    total: pd.Series  # the same of everything
    because: str = ""  # why what is made of the hours offered is not known (NaN), in words for the screen


def of(clinic: Clinic, actor: Actor, question: Question) -> Utilisation:
    """How the hours of the days and practitioners that are asked for were used."""
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "utilisation")
    visits, narrow = facts_asked(clinic, question, VISITS)
    directory, today = clinic.directory(), clinic.today()
    known = tuple(directory.schedules.values()), tuple(directory.practitioners.values())
    return _made.get((visits, question, today, known), lambda: _of(directory, question, visits, narrow, today))


def _of(directory: DirectoryView, question: Question, visits: Fact, narrow: Narrow, today: date) -> Utilisation:
    last = min(day for day in (question.end_on, question.chosen_to, question.as_of, today) if day is not None)
    rows = visits.frame(replace(narrow, last=last), _COLUMNS)
    rows = rows[~rows["untimed"].astype(bool)]
    first = min(narrow.first or (rows["day"].min().date() if len(rows) else last), last)
    schedules = [] if _narrower_than_hours(question) else _schedules(directory, question)
    table = hours.table(rows, schedules, first, last, _last_days(directory, visits))
    if question.weekdays:
        table = table[table["weekday"].isin(question.weekdays)]
    if question.hours:
        table = table[table["hour"].isin(question.hours)]
    unknown = dict.fromkeys(_OF_OFFERED, float("nan")) if _narrower_than_hours(question) else {}
    return Utilisation(
        first=first,
        last=last,
        grid=hours.by(table, ["weekday", "hour"]).assign(**unknown),
        practitioners=hours.by(table, ["practitioner_id"])
        .assign(**unknown)
        .sort_values("share", ascending=False, ignore_index=True),
        total=hours.by(table.assign(all=0), ["all"]).assign(**unknown).iloc[0]
        if len(table)
        else pd.Series(dtype="float64"),
        because=_NARROWER if unknown else "",
    )


def _narrower_than_hours(question: Question) -> bool:
    """Whether something is selected that hours are not offered by."""
    return bool(question.service_ids or question.location_ids)


def _schedules(directory: DirectoryView, question: Question) -> list[Schedule]:
    chosen = question.practitioner_ids
    return [schedule for schedule in directory.schedules.values() if not chosen or schedule.id in chosen]


def _last_days(directory: DirectoryView, visits: Fact) -> dict[str, date]:
    """The last day of those who see patients no longer: that of their last visit."""
    left = {one.id: date.min for one in directory.practitioners.values() if not one.active}
    if left:
        theirs = visits.frame(Narrow().with_only("practitioner_id", left), ["practitioner_id", "day", "status"])
        kept = theirs[~theirs["status"].isin(CANCELLED)]
        left |= {
            str(who): day.date() for who, day in kept.groupby("practitioner_id", observed=True)["day"].max().items()
        }
    return left
