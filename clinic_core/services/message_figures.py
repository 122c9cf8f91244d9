"""What messages cost and what came of them, by day; and whether who confirms also comes.

Sent messages count on the clinic's day on which the carrier took them, visits on their own day. A day is read once
and kept in memory as a few numbers per message, without names or words: those of the last days for seconds, since
carriers still report on them, and older ones until the process ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.message_help import ARRIVED, LOST
from clinic_core.domain.message_policy import DAY
from clinic_core.domain.messages import Channel, Communication, MessageKind
from clinic_core.errors import InvalidInput
from clinic_core.services.recent import Recent

BASIS: Final = "Messages count on the day on which the carrier took them; costs are the expected ones."
ATTENDANCE_BASIS: Final = (
    "Visits of these days that were seen or missed, and for which a reminder went out and did not fail."
)
MOST_DAYS: Final = 92
WARN_SHARE: Final = 0.8  # of the budget, from which on the screen says so
_LIVE_DAYS: Final = 4
_LIVE_SECONDS: Final = 15
_MEAN_DAYS: Final = 14


class State(StrEnum):
    """What became of a message that the carrier took."""

    ARRIVED = "arrived"
    LOST = "lost"
    UNKNOWN = "unknown"  # no report, or none yet; e-mail has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One message as figures need it."""

    id: str
    patient_id: str
    kind: MessageKind
    channel: Channel
    state: State
    segments: int
    cost_micros: int
    day: date
    sent_at: datetime
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visit that was seen or missed."""

    id: str
    patient_id: str
    day: date
    start: datetime
    confirmed: bool
    came: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """This month's costs against what they may be."""

    spent_micros: int
    limit_micros: int  # 0: none
    forecast_micros: int  # at the mean cost of the last days

    @property
    def share(self) -> float | None:
        """How much of it is used; None where there is no limit."""
        return self.spent_micros / self.limit_micros if self.limit_micros else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The messages and visits of a stretch of days, oldest first."""

    start_on: date
    end_on: date
    sent: tuple[Sent, ...]
    visits: tuple[Visit, ...]  # reminded of
    budget: Budget

    @property
    def cost_micros(self) -> int:
        """What they cost together."""
        return sum(one.cost_micros for one in self.sent)

    @property
    def segments(self) -> int:
        """Segments of text messages."""
        return sum(one.segments for one in self.sent if one.channel is Channel.SMS)

    @property
    def arrival_rate(self) -> float | None:
        """Arrived of those that arrived or were lost; None where nothing was reported."""
        states = Counter(one.state for one in self.sent)
        known = states[State.ARRIVED] + states[State.LOST]
        return states[State.ARRIVED] / known if known else None

    def noshow_rate(self, *, confirmed: bool) -> float | None:
        """Missed of the visits that were confirmed, or were not; None where there are none."""
        some = [visit for visit in self.visits if visit.confirmed is confirmed]
        return sum(not visit.came for visit in some) / len(some) if some else None


_days: Recent[tuple[Sent, ...]] = Recent(400)
_visits: Recent[tuple[Visit, ...]] = Recent(400)


def figures(clinic: Clinic, actor: Actor, start_on: date, end_on: date) -> Figures:
    """The figures of `start_on` to `end_on`. Raises InvalidInput for more than 92 days."""
    access.require(actor, "report.read")
    if not start_on <= end_on < start_on + timedelta(days=MOST_DAYS):
        raise InvalidInput(f"Choose a first and a last day, at most {MOST_DAYS} days.", field="day")
    clinic.audit.record_read(actor, "report.read", f"messages:{start_on.isoformat()}:{end_on.isoformat()}")
    sent = _sent(clinic, start_on, end_on)
    earlier = _sent(clinic, start_on - timedelta(days=_longest_lead(clinic)), start_on - timedelta(days=1))
    reminders = (one for one in (*earlier, *sent) if one.kind is MessageKind.REMINDER and one.state is not State.LOST)
    reminded = {one.about for one in reminders}
    visits = [visit for day in _range(start_on, end_on) for visit in _attended(clinic, day) if visit.id in reminded]
    return Figures(start_on=start_on, end_on=end_on, sent=sent, visits=tuple(visits), budget=_budget(clinic))


def budget(clinic: Clinic, actor: Actor) -> Budget:
    """This month's costs so far, the limit, and where they lead."""
    access.require(actor, "report.read")
    return _budget(clinic)


def numbers_of(clinic: Clinic, actor: Actor, patient_ids: Iterable[str]) -> dict[str, str]:
    """The patients' numbers, by id: rows behind figures show no names."""
    access.require(actor, "report.read")
    return {key: patient.number for key, patient in clinic.patients.for_list(patient_ids).items()}


def _budget(clinic: Clinic) -> Budget:
    today = clinic.today()
    month = _sent(clinic, today.replace(day=1), today)
    before = _sent(clinic, today - timedelta(days=_MEAN_DAYS), today - timedelta(days=1))
    days = (today - min((one.day for one in before), default=today)).days
    mean = sum(one.cost_micros for one in before) // days if days else 0
    next_month = (today.replace(day=28) + timedelta(days=4)).replace(day=1)
    left = (next_month - today).days - 1
    spent = sum(one.cost_micros for one in month)
    limit = clinic.directory().message_policy.monthly_budget_micros
    return Budget(spent_micros=spent, limit_micros=limit, forecast_micros=spent + mean * left)


def _longest_lead(clinic: Clinic) -> int:
    leads = clinic.directory().message_policy.reminder_minutes
    return -(-max(leads, default=0) // DAY) + 1


def _sent(clinic: Clinic, start_on: date, end_on: date) -> tuple[Sent, ...]:
    return tuple(one for day in _range(start_on, end_on) for one in _sent_on(clinic, day))


def _sent_on(clinic: Clinic, day: date) -> tuple[Sent, ...]:
    return _days.get(_key(clinic, day), lambda: tuple(_brief(one) for one in clinic.communications.sent_on(day)))


def _attended(clinic: Clinic, day: date) -> tuple[Visit, ...]:
    came = {AppointmentStatus.FULFILLED: True, AppointmentStatus.NOSHOW: False}

    def read() -> tuple[Visit, ...]:
        return tuple(
            Visit(
                id=one.id,
                patient_id=one.patient_id,
                day=day,
                start=one.start,
                confirmed=one.confirmed_at is not None,
                came=came[one.status],
            )
            for one in clinic.appointments.on_day(day)
            if one.status in came
        )

    return _visits.get(_key(clinic, day), read)


def _key(clinic: Clinic, day: date) -> tuple[object, ...]:
    """What a day is kept under; a recent one for a few seconds only."""
    live = day > clinic.today() - timedelta(days=_LIVE_DAYS)
    stamp = int(clinic.now().timestamp()) // _LIVE_SECONDS if live else 0
    return clinic.settings.database_url, clinic.database.name, day, stamp


def _brief(one: Communication) -> Sent:
    sent_at = one.sent_at or one.due_at
    state = State.ARRIVED if one.delivery in ARRIVED else State.LOST if one.delivery in LOST else State.UNKNOWN
    return Sent(
        id=one.id,
        patient_id=one.patient_id,
        kind=one.kind,
        channel=one.channel,
        state=state,
        segments=one.segments,
        cost_micros=one.cost_micros,
        day=one.sent_on or one.due_on,
        sent_at=sent_at,
        about=one.about,
    )


def _range(start_on: date, end_on: date) -> Sequence[date]:
    return [start_on + timedelta(days=n) for n in range((end_on - start_on).days + 1)]
