"""What if: a year's revenue with other prices, hours, no-shows or overbooking. A projection, not money in the books.

Every step starts from where the one before has led, so the steps add up to the result to the minor unit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

HIGHEST_NOSHOW: Final = 0.9
_WEEKS: Final = 52.0


class Step(StrEnum):
    """What changes, in the order in which it is worked out."""

    PRICES = "prices"
    NOSHOW = "no-shows"
    HOURS = "hours"
    OVERBOOKING = "overbooking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """A practitioner's year: what was billed, who came, and the hours that were offered and used."""

    practitioner_id: str
    billed_minor: Mapping[str, int]  # by service
    seen: float = 0.0
    missed: float = 0.0
    used_hours: float = 0.0  # of visits that were attended
    offered_hours: float = 0.0  # by today's weekly hours, without absences
    sessions: float = 0.0  # stretches of work: a morning, an afternoon

    @property
    def total_minor(self) -> int:
        """All that was billed."""
        return sum(self.billed_minor.values())

    @property
    def noshow_rate(self) -> float:
        """Of those who were due, the share that did not come."""
        due = self.seen + self.missed
        return self.missed / due if due else 0.0

    @property
    def places(self) -> int:
        """How many visits a session has room for: as many as were due on average, at least one."""
        return max(round((self.seen + self.missed) / self.sessions), 1) if self.sessions else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The last twelve months. Of a younger clinic the `days` that there are, scaled to a year."""

    start_on: date
    end_on: date
    days: int
    practices: tuple[Practice, ...]
    collected_minor: int = 0
    weeks: float = _WEEKS  # in which a practitioner works, on average

    @property
    def billed_minor(self) -> int:
        """All that was billed in the year."""
        return sum(practice.total_minor for practice in self.practices)

    @property
    def noshow_rate(self) -> float:
        """Of all who were due, the share that did not come."""
        missed = sum(practice.missed for practice in self.practices)
        due = missed + sum(practice.seen for practice in self.practices)
        return missed / due if due else 0.0

    @property
    def fill(self) -> float:
        """The share of the hours offered in which a patient was seen."""
        offered = sum(practice.offered_hours for practice in self.practices)
        used = sum(practice.used_hours for practice in self.practices)
        return min(used / offered, 1.0) if offered else 0.0

    @property
    def collection(self) -> float:
        """The share of what was billed that came in within the same months."""
        return min(max(self.collected_minor / self.billed_minor, 0.0), 1.0) if self.billed_minor > 0 else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What somebody thinks of changing."""

    prices: Mapping[str, float] = field(default_factory=dict)  # share by service: 0.05 is five percent dearer
    hours: Mapping[str, float] = field(default_factory=dict)  # more (or fewer) a week by practitioner
    noshow_rate: float | None = None  # of the whole clinic; None leaves it
    overbooked: int = 0  # more bookings in each session than there are places


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What nobody knows, as shares unless it says otherwise."""

    elasticity: float = 0.0  # visits change by this much of a price change: -0.5 loses 5 % of visits at 10 % dearer
    fill: float = 0.0  # of extra hours
    weeks: float = _WEEKS  # of the year in which hours change
    collection: float = 1.0
    demand: float = 1.0  # of the extra bookings that somebody takes
    squeezed: float = 0.0  # of the patients beyond the places who are seen all the same; 0 only fills empty ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """A year as it was and as it would be."""

    billed_minor: int
    changes: Mapping[Step, int]  # what each step adds
    projected_minor: int
    collected_minor: int  # of what was billed, by the assumed rate
    projected_collected_minor: int
    extra_seen: float  # patients a year, of overbooking
    crowded: float  # the share of sessions in which more come than there are places


def assumptions_of(baseline: Baseline) -> Assumptions:
    """What the clinic's own year suggests."""
    return Assumptions(fill=baseline.fill, weeks=baseline.weeks, collection=baseline.collection)


def project(baseline: Baseline, plan: Plan, assumed: Assumptions) -> Projection:
    """The year with the plan.

    Per practitioner: the price of each service by (1 + change) and its visits by (1 + elasticity x change); then all
    by how many more come; then hours by what an hour of theirs brings in; then overbooked sessions by what a visit
    brings in.
    """
    rates = _rates(baseline, plan)
    totals = dict.fromkeys(Step, 0.0)
    extra_seen = crowded = 0.0
    for practice in baseline.practices:
        rate = rates[practice.practitioner_id]
        priced = _priced(practice, plan, assumed)
        came = priced * (1 - rate) / (1 - practice.noshow_rate) if practice.noshow_rate < 1 else priced
        more, often = _overbooked(practice, plan, assumed, rate)
        totals[Step.PRICES] += priced - practice.total_minor
        totals[Step.NOSHOW] += came - priced
        totals[Step.HOURS] += _hours(practice, plan, assumed, came)
        totals[Step.OVERBOOKING] += more * came / (_due(practice) * (1 - rate)) if _due(practice) else 0.0
        extra_seen += more
        crowded += often * practice.sessions
    sessions = sum(practice.sessions for practice in baseline.practices)
    changes = _whole(totals)
    projected = baseline.billed_minor + sum(changes.values())
    return Projection(
        billed_minor=baseline.billed_minor,
        changes=changes,
        projected_minor=projected,
        collected_minor=round(baseline.billed_minor * assumed.collection),
        projected_collected_minor=round(projected * assumed.collection),
        extra_seen=extra_seen,
        crowded=crowded / sessions if sessions else 0.0,
    )


def session_seen(places: int, booked: int, rate: float, squeezed: float) -> float:
    """How many patients a session sees on average when `booked` are due and each stays away with `rate`.

    Beyond the places only the share `squeezed` is seen.
    """
    chances = _binomial(booked, 1 - rate)
    return math.fsum(
        chance * (min(come, places) + squeezed * max(come - places, 0)) for come, chance in enumerate(chances)
    )


def crowding(places: int, booked: int, rate: float) -> float:
    """How likely it is that more come than there are places."""
    return math.fsum(_binomial(booked, 1 - rate)[places + 1 :])


def _rates(baseline: Baseline, plan: Plan) -> dict[str, float]:
    """Each practitioner's no-show rate in the plan: all change in the same proportion."""
    own = {practice.practitioner_id: practice.noshow_rate for practice in baseline.practices}
    if plan.noshow_rate is None:
        return own
    now = baseline.noshow_rate
    if not now:
        return dict.fromkeys(own, min(plan.noshow_rate, HIGHEST_NOSHOW))
    return {one: min(rate * plan.noshow_rate / now, HIGHEST_NOSHOW) for one, rate in own.items()}


def _priced(practice: Practice, plan: Plan, assumed: Assumptions) -> float:
    return math.fsum(
        billed * (1 + change) * max(1 + assumed.elasticity * change, 0.0)
        for service_id, billed in practice.billed_minor.items()
        for change in (plan.prices.get(service_id, 0.0),)
    )


def _hours(practice: Practice, plan: Plan, assumed: Assumptions, came: float) -> float:
    """More hours bring in what a used hour does, as far as they are filled; fewer lose what an average hour does."""
    a_year = plan.hours.get(practice.practitioner_id, 0.0) * assumed.weeks
    if a_year >= 0:
        return a_year * assumed.fill * came / practice.used_hours if practice.used_hours else 0.0
    return max(a_year / practice.offered_hours, -1.0) * came if practice.offered_hours else 0.0


def _overbooked(practice: Practice, plan: Plan, assumed: Assumptions, rate: float) -> tuple[float, float]:
    """Patients more a year, and how often a session is crowded."""
    if not plan.overbooked or not practice.sessions or not _due(practice):
        return 0.0, 0.0
    places, booked = practice.places, practice.places + plan.overbooked
    usual = places * (1 - rate)
    more = session_seen(places, booked, rate, assumed.squeezed) - usual
    return assumed.demand * more * practice.sessions, assumed.demand * crowding(places, booked, rate)


def _due(practice: Practice) -> float:
    return practice.seen + practice.missed


def _binomial(trials: int, chance: float) -> list[float]:
    return [math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(trials + 1)]


def _whole(totals: Mapping[Step, float]) -> dict[Step, int]:
    """Whole minor units that add up to the rounded sum: each is the difference of two rounded running sums."""
    whole: dict[Step, int] = {}
    running, told = 0.0, 0
    for step, amount in totals.items():
        running += amount
        whole[step] = round(running) - told
        told += whole[step]
    return whole
