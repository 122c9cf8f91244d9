"""How likely a booked visit is to be missed: what is known the day before, a model of plain numbers, and reasons.

Only what is known on the eve of a visit counts: how it was booked, and what the patient did before the eve (the eve
itself is not over when the list is read). A patient's record is left out on purpose: it is filled in when they come,
so a phone or a birth date that is missing would tell the model who never came.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from clinic_core.domain.schedules import WEEKDAYS

MODEL_ID: Final = "no-show"
LATE_HOURS: Final = 24.0  # a visit cancelled with less notice counts as a late cancellation
RECENT: Final = 4  # of so many last visits it is told how many were missed
BINS: Final = 10
DAY_PARTS: Final = ((11, "before 11:00"), (14, "from 11:00 to 14:00"), (17, "from 14:00 to 17:00"), (24, "from 17:00"))
_PRIOR_VISITS: Final = 4.0  # a patient's own rate counts as much as the clinic's after so many visits
_NOTICEABLE: Final = 0.05  # log odds, about a twentieth more or less likely
_MOST_REASONS: Final = 3
_MANY_DAYS: Final = 60
_Z: Final = 1.96  # of a 95 % interval
_FIFTH: Final = 0.2


class Fate(StrEnum):
    """What became of an earlier visit, as far as it says something about the next one."""

    SEEN = "seen"
    MISSED = "missed"
    LATE_CANCELLED = "late-cancelled"


class Outcome(NamedTuple):
    """One earlier visit of a patient. They sort by day, then hour."""

    day: date
    hour: int
    id: str
    fate: Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a patient did before; the start is somebody who was never here."""

    seen: int = 0
    missed: int = 0
    late_cancelled: int = 0
    last_seen_on: date | None = None
    recent: tuple[bool, ...] = ()  # the last visits, oldest first; True is missed

    @property
    def visits(self) -> int:
        """How many were attended or missed."""
        return self.seen + self.missed

    def after(self, outcome: Outcome) -> Past:
        """The past with one visit more."""
        if outcome.fate is Fate.LATE_CANCELLED:
            return replace(self, late_cancelled=self.late_cancelled + 1)
        missed = outcome.fate is Fate.MISSED
        return Past(
            seen=self.seen + (not missed),
            missed=self.missed + missed,
            late_cancelled=self.late_cancelled,
            last_seen_on=self.last_seen_on if missed else outcome.day,
            recent=(*self.recent, missed)[-RECENT:],
        )


class Booking(NamedTuple):
    """How a visit is booked."""

    day: date
    hour: int
    lead_days: int
    practitioner_id: str
    service_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One thing that the model looks at: its weight, and the value that is nothing unusual."""

    name: str
    weight: float
    usual: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A tenth of the tested visits, by predicted risk."""

    predicted: float  # on average
    observed: float  # the share that was missed
    visits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good a model is on the latest visits, which it has never seen."""

    trained: int  # visits in each slice of time, oldest first, and how many of them were missed
    trained_missed: int
    calibrated: int
    calibrated_missed: int
    tested: int
    tested_missed: int
    tested_from: date
    brier: float  # mean squared error of the probabilities
    base_brier: float  # that of always saying the rate of the earlier visits
    base_rate: float
    gain: float  # base_brier - brier
    gain_error: float  # its standard error
    auc: float
    top_fifth: float  # the share of the missed visits among the riskiest fifth
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained model as plain numbers, or why there is none (`refusal`)."""

    id: str = MODEL_ID
    trained_at: datetime
    from_on: date | None = None  # of the visits that were looked at
    to_on: date | None = None
    visits: int = 0
    missed: int = 0
    refusal: str = ""
    prior_rate: float = 0.0  # what is expected of a patient who was never here
    intercept: float = 0.0
    slope: float = 1.0  # calibration: log odds = slope * score + offset
    offset: float = 0.0
    terms: tuple[Term, ...] = ()
    quality: Quality | None = None

    @property
    def usable(self) -> bool:
        """Whether there is a model to ask."""
        return not self.refusal and bool(self.terms)


class Names(NamedTuple):
    """What ids are called in reasons."""

    practitioners: Mapping[str, str]
    services: Mapping[str, str]


def known_before(day: date) -> date:
    """Outcomes of days before this one are known for a visit on `day`: its eve is not over when the list is read."""
    return day - timedelta(days=1)


def past_of(outcomes: Sequence[Outcome], day: date) -> Past:
    """What is known of a patient the day before a visit on `day`, in whatever order the outcomes come."""
    past = Past()
    for outcome in sorted(one for one in outcomes if one.day < known_before(day)):
        past = past.after(outcome)
    return past


def features(booking: Booking, past: Past, prior_rate: float) -> dict[str, float]:
    """What the model looks at, by the term's name; what is not there is 0."""
    found = {
        "lead": math.log1p(max(booking.lead_days, 0)),
        f"weekday:{booking.day.weekday()}": 1.0,
        f"part:{_part(booking.hour)}": 1.0,
        f"service:{booking.service_id}": 1.0,
        f"practitioner:{booking.practitioner_id}": 1.0,
    }
    if past.late_cancelled:
        found["late"] = math.log1p(past.late_cancelled)
    if not past.visits:
        return {**found, "new": 1.0}
    shrunk = (past.missed + _PRIOR_VISITS * prior_rate) / (past.visits + _PRIOR_VISITS)
    found["history"] = _log_odds(shrunk) - _log_odds(prior_rate)
    found["last"] = float(past.recent[-1])
    if past.last_seen_on is not None:
        found["gap"] = math.log1p((booking.day - past.last_seen_on).days)
    return found


def score(model: Model, booking: Booking, past: Past) -> float:
    """The log odds before calibration."""
    found = features(booking, past, model.prior_rate)
    return model.intercept + sum(term.weight * found.get(term.name, 0.0) for term in model.terms)


def probability(model: Model, booking: Booking, past: Past) -> float:
    """How likely the visit is to be missed, 0 to 1."""
    return sigmoid(model.slope * score(model, booking, past) + model.offset)


def reasons(model: Model, booking: Booking, past: Past, names: Names) -> tuple[str, ...]:
    """The two or three main reasons for the probability, in words; what lowers it only when nothing raises it."""
    found = features(booking, past, model.prior_rate)
    effects: dict[str, float] = {}
    for term in model.terms:
        kind = term.name.partition(":")[0].replace("last", "history")  # both are the patient's own record
        effects[kind] = effects.get(kind, 0.0) + model.slope * term.weight * (found.get(term.name, 0.0) - term.usual)
    ranked = sorted(effects.items(), key=lambda effect: -abs(effect[1]))
    noticeable = [(kind, effect) for kind, effect in ranked if abs(effect) >= _NOTICEABLE]
    raising = [_words(kind, booking, past, names, raises=True) for kind, effect in noticeable if effect > 0]
    lowering = [_words(kind, booking, past, names, raises=False) for kind, effect in noticeable if effect < 0]
    return tuple([*filter(None, raising)] or [*filter(None, lowering)])[:_MOST_REASONS]


def plain_reasons(booking: Booking, past: Past) -> tuple[str, ...]:
    """What there is to say without a model: the past and the lead time as they are."""
    return tuple(filter(None, [_history_words(past), _lead_words(booking)]))


def sigmoid(log_odds: float) -> float:
    """The probability of log odds, without overflow."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    power = math.exp(log_odds)
    return power / (1.0 + power)


def brier(predicted: Sequence[float], missed: Sequence[bool]) -> float:
    """The mean squared distance between what was said and what came."""
    return math.fsum((p - y) ** 2 for p, y in zip(predicted, missed, strict=True)) / len(predicted)


def gain(predicted: Sequence[float], base_rate: float, missed: Sequence[bool]) -> tuple[float, float]:
    """By how much the Brier score is better than always saying `base_rate`, and the standard error of that."""
    parts = [(base_rate - y) ** 2 - (p - y) ** 2 for p, y in zip(predicted, missed, strict=True)]
    mean = math.fsum(parts) / len(parts)
    spread = math.fsum((part - mean) ** 2 for part in parts) / max(len(parts) - 1, 1)
    return mean, math.sqrt(spread / len(parts))


def auc(predicted: Sequence[float], missed: Sequence[bool]) -> float:
    """How often a missed visit was given a higher risk than one that took place; half for equal ones."""
    order = sorted(range(len(predicted)), key=predicted.__getitem__)
    ranks, place = [0.0] * len(order), 0
    while place < len(order):
        end = place
        while end < len(order) and predicted[order[end]] == predicted[order[place]]:
            end += 1
        for i in order[place:end]:
            ranks[i] = (place + 1 + end) / 2
        place = end
    positive = sum(missed)
    negative = len(missed) - positive
    if not positive or not negative:
        return 0.5
    above = math.fsum(rank for rank, y in zip(ranks, missed, strict=True) if y) - positive * (positive + 1) / 2
    return above / (positive * negative)


def reliability(predicted: Sequence[float], missed: Sequence[bool], bins: int = BINS) -> tuple[Bin, ...]:
    """Tenths of the visits by predicted risk: what was predicted for each on average, and what came."""
    pairs = sorted(zip(predicted, missed, strict=True))
    edges = [round(len(pairs) * n / bins) for n in range(bins + 1)]
    parts = [pairs[start:end] for start, end in zip(edges, edges[1:], strict=False) if end > start]
    return tuple(
        Bin(
            predicted=math.fsum(p for p, _ in part) / len(part),
            observed=sum(y for _, y in part) / len(part),
            visits=len(part),
        )
        for part in parts
    )


def top_share(predicted: Sequence[float], missed: Sequence[bool], share: float = _FIFTH) -> float:
    """Of all missed visits, the share that lies among the riskiest fifth of the visits."""
    total = sum(missed)
    ranked = sorted(zip(predicted, missed, strict=True), key=lambda pair: -pair[0])
    return sum(y for _, y in ranked[: round(len(ranked) * share)]) / total if total else 0.0


def interval(one: Bin) -> tuple[float, float]:
    """Wilson's 95 % interval of what was observed: how far chance alone takes it."""
    n, p = one.visits, one.observed
    middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    reach = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def _words(kind: str, booking: Booking, past: Past, names: Names, *, raises: bool) -> str:
    """A reason in words; "" where the words would say the opposite of what the number says."""
    often = "more often" if raises else "less often"
    service, practitioner = names.services.get(booking.service_id), names.practitioners.get(booking.practitioner_id)
    return {
        "history": _history_words(past) if raises == bool(past.missed) else "",
        "late": f"cancelled late {_times(past.late_cancelled)} before" if raises and past.late_cancelled else "",
        "gap": _gap_words(booking, past),
        "new": "" if past.visits else "first visit here",
        "lead": _lead_words(booking),
        "weekday": f"{WEEKDAYS[booking.day.weekday()]}s are missed {often}",
        "part": f"visits {dict(DAY_PARTS)[_part(booking.hour)]} are missed {often}",
        "service": f"“{service}” is missed {often}" if service else "",
        "practitioner": f"visits with {practitioner} are missed {often}" if practitioner else "",
    }.get(kind, "")


def _history_words(past: Past) -> str:
    if not past.visits:
        return ""
    shown = len(past.recent)
    missed = sum(past.recent)
    if missed:
        return "missed the only visit so far" if past.visits == 1 else f"missed {missed} of the last {shown} visits"
    if past.missed:
        return f"missed {past.missed} of {past.visits} visits"
    return "came to the only visit so far" if past.visits == 1 else f"came to all of the {past.visits} visits so far"


def _lead_words(booking: Booking) -> str:
    return f"booked {booking.lead_days} {'day' if booking.lead_days == 1 else 'days'} ahead"


def _gap_words(booking: Booking, past: Past) -> str:
    if past.last_seen_on is None:
        return ""
    days = (booking.day - past.last_seen_on).days
    return f"last here {days} days ago" if days < _MANY_DAYS else f"last here {round(days / 30.4)} months ago"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _part(hour: int) -> int:
    return next(end for end, _ in DAY_PARTS if hour < end)


def _log_odds(share: float) -> float:
    return math.log(share / (1.0 - share))
