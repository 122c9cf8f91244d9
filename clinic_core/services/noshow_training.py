"""Training of the no-show model on past visits. scikit-learn is imported here only, and only when there is enough.

The visits are split by day, oldest first: 60 % to train, 20 % to calibrate, 20 % to test. What is stored is the very
model that was tested, so that its figures are its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from clinic_core.domain import noshow
from clinic_core.domain.noshow import Booking, Fate, Model, Outcome, Past, Quality, Term

LEARNED_DAYS: Final = 731  # older visits tell little about the present; they still count as the patient's past
FEWEST_VISITS: Final = 500
FEWEST_MISSED: Final = 50  # among those that it is trained on
FEWEST_MISSED_LATER: Final = 15  # among those that calibrate, and among those that test
SURE: Final = 1.0  # standard errors that the gain must exceed: luck alone does so one time in six
_FEWEST_OF_A_KIND: Final = 50  # visits of a service or practitioner, below which it is not told apart
_SLICES: Final = (0.6, 0.8)
_SHRUNK: Final = 0.01  # scikit-learn's C: weights shrink towards 0 unless many visits speak for them
_FIRM: Final = 1e6  # practically no shrinking, as calibration has two numbers only
_NO_REFERENCE: Final = frozenset({"history", "last", "late", "new"})  # compared with somebody who was never here
_FATES: Final = {"fulfilled": Fate.SEEN, "noshow": Fate.MISSED}


class Case(NamedTuple):
    """A visit to learn from: what was known on its eve, and whether it was missed."""

    booking: Booking
    past: Past
    missed: bool


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """The cases by time."""

    train: Sequence[Case]
    calibrate: Sequence[Case]
    test: Sequence[Case]


def outcomes(visits: pd.DataFrame) -> Iterator[tuple[str, Outcome]]:
    """Patient and what became of each visit that says something about the next one, in no order."""
    kept = visits[visits["status"].isin([*_FATES, "cancelled"])]
    for row in _rows(kept):
        fate = _FATES.get(row.status)
        if fate is None and row.notice_hours < noshow.LATE_HOURS:
            fate = Fate.LATE_CANCELLED
        if fate is not None:
            yield row.patient_id, Outcome(day=row.day, hour=row.hour, id=row.document_id, fate=fate)


def cases(visits: pd.DataFrame, *, before: date) -> list[Case]:
    """The visits before a day that were attended or missed, with what was known of each on its eve; by day.

    Those without a time and those booked on the day itself are left out: nobody can be called the day before.

    Args:
        visits: Columns of `domain.facts.Visit`, in any order.
        before: The first day that is left out.
    """
    past: dict[str, Past] = {}
    known = sorted((outcome, patient_id) for patient_id, outcome in outcomes(visits))
    place, found = 0, []
    for row in sorted(_rows(_learned(visits, before)), key=lambda row: (row.day, row.hour, row.document_id)):
        while place < len(known) and known[place][0].day < noshow.known_before(row.day):
            outcome, patient_id = known[place]
            past[patient_id] = past.get(patient_id, _NOBODY).after(outcome)
            place += 1
        booking = Booking(row.day, row.hour, row.lead_days, row.practitioner_id, row.service_id)
        found.append(Case(booking, past.get(row.patient_id, _NOBODY), row.status == "noshow"))
    return found


def slices(found: Sequence[Case]) -> Slices:
    """The cases cut in three by time; visits of one day stay together."""
    days = [case.booking.day for case in found]
    cuts = [_first_of(days, days[int(len(days) * share)]) for share in _SLICES] if days else [0, 0]
    return Slices(found[: cuts[0]], found[cuts[0] : cuts[1]], found[cuts[1] :])


def train(visits: pd.DataFrame, *, today: date, now: datetime) -> Model:
    """A model of all past visits, or why there is none.

    Args:
        visits: Columns of `domain.facts.Visit`.
        today: The clinic's day; its visits are not over.
        now: The instant that is noted.
    """
    found = cases(visits, before=today)
    about: dict[str, Any] = {"trained_at": now, "visits": len(found), "missed": sum(case.missed for case in found)}
    if found:
        about |= {"from_on": found[0].booking.day, "to_on": found[-1].booking.day}
    parts = slices(found)
    refusal = _too_thin(found, parts)
    if refusal:
        return Model(refusal=refusal, **about)
    fitted = fit(parts, now=now)
    model = replace(fitted.model, **about)
    quality = judge(model, parts)
    refusal = refusal_of(model, quality)
    if refusal:
        return Model(refusal=refusal, quality=quality, **about)
    return replace(model, quality=quality)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A model, and the estimators of scikit-learn that its numbers come from."""

    model: Model
    estimator: Any
    calibrator: Any
    names: tuple[str, ...]  # of the columns of `matrix`


def fit(parts: Slices, *, now: datetime) -> Fitted:
    """A logistic regression on the first slice, calibrated on the second by Platt's two numbers."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second, and only the sidecar needs it

    prior_rate = _rate(parts.train)
    described = [noshow.features(case.booking, case.past, prior_rate) for case in parts.train]
    names = _names(described)
    known = matrix(parts.train, names, prior_rate)
    estimator = LogisticRegression(C=_SHRUNK, max_iter=1_000).fit(known, _labels(parts.train))
    scores = estimator.decision_function(matrix(parts.calibrate, names, prior_rate)).reshape(-1, 1)
    calibrator = LogisticRegression(C=_FIRM, max_iter=1_000).fit(scores, _labels(parts.calibrate))
    weights = estimator.coef_[0]
    terms = (
        Term(name=name, weight=float(weight), usual=_usual(name, known[:, n]))
        for n, (name, weight) in enumerate(zip(names, weights, strict=True))
    )
    model = Model(
        trained_at=now,
        prior_rate=prior_rate,
        intercept=float(estimator.intercept_[0]),
        slope=float(calibrator.coef_[0][0]),
        offset=float(calibrator.intercept_[0]),
        terms=tuple(terms),
    )
    return Fitted(model, estimator, calibrator, names)


def matrix(found: Sequence[Case], names: Sequence[str], prior_rate: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """One row per case, one column per name."""
    place = {name: n for n, name in enumerate(names)}
    made = np.zeros((len(found), len(names)))
    for row, case in enumerate(found):
        for name, value in noshow.features(case.booking, case.past, prior_rate).items():
            if name in place:
                made[row, place[name]] = value
    return made


def judge(model: Model, parts: Slices) -> Quality:
    """How good the model is on the last slice."""
    predicted = [noshow.probability(model, case.booking, case.past) for case in parts.test]
    missed = [case.missed for case in parts.test]
    base_rate = _rate([*parts.train, *parts.calibrate])
    gain, gain_error = noshow.gain(predicted, base_rate, missed)
    return Quality(
        trained=len(parts.train),
        trained_missed=_missed(parts.train),
        calibrated=len(parts.calibrate),
        calibrated_missed=_missed(parts.calibrate),
        tested=len(parts.test),
        tested_missed=_missed(parts.test),
        tested_from=parts.test[0].booking.day,
        brier=noshow.brier(predicted, missed),
        base_brier=noshow.brier([base_rate] * len(missed), missed),
        base_rate=base_rate,
        gain=gain,
        gain_error=gain_error,
        auc=noshow.auc(predicted, missed),
        top_fifth=noshow.top_share(predicted, missed),
        bins=noshow.reliability(predicted, missed),
    )


def refusal_of(model: Model, quality: Quality) -> str:
    """Why a model that could be trained is not used after all; "" when it is."""
    if model.slope > 0 and quality.gain > SURE * quality.gain_error:
        return ""
    return (
        f"The model is not used: on the latest {quality.tested:,} visits it was no better than assuming the same risk "
        f"of {quality.base_rate:.1%} for everybody, or not by more than luck. It is tried again every day."
    )


def _too_thin(found: Sequence[Case], parts: Slices) -> str:
    trained, later = _missed(parts.train), min(_missed(parts.calibrate), _missed(parts.test))
    if len(found) >= FEWEST_VISITS and trained >= FEWEST_MISSED and later >= FEWEST_MISSED_LATER:
        return ""
    return (
        f"There is too little to learn from: {len(found):,} visits that were booked at least a day ahead and then "
        f"attended or missed, {_missed(found):,} of them missed. It takes {FEWEST_VISITS:,} visits, {FEWEST_MISSED} "
        f"missed ones in the oldest {_SLICES[0]:.0%} and {FEWEST_MISSED_LATER} in each of the two later fifths. "
        "It is tried again every day."
    )


def _learned(visits: pd.DataFrame, before: date) -> pd.DataFrame:
    since = pd.Timestamp(before - timedelta(days=LEARNED_DAYS))
    in_time = (visits["day"] >= since) & (visits["day"] < pd.Timestamp(before))
    return visits[in_time & visits["status"].isin(list(_FATES)) & ~visits["untimed"] & (visits["lead_days"] >= 1)]


class _Row(NamedTuple):
    document_id: str
    patient_id: str
    practitioner_id: str
    service_id: str
    day: date
    hour: int
    status: str
    lead_days: int
    notice_hours: float  # NaN where nothing was cancelled


COLUMNS: Final = (*_Row._fields, "untimed")  # of the visits, that training needs


def _rows(visits: pd.DataFrame) -> Iterator[_Row]:
    columns = [visits[name].tolist() for name in _Row._fields if name != "day"]
    columns.insert(_Row._fields.index("day"), [moment.date() for moment in visits["day"].dt.to_pydatetime()])
    return map(_Row._make, zip(*columns, strict=True))


def _first_of(days: Sequence[date], day: date) -> int:
    return days.index(day)


def _names(described: Sequence[dict[str, float]]) -> tuple[str, ...]:
    """The columns: a service, practitioner, weekday or part of the day of its own only if it has enough visits."""
    seen = Counter(name for one in described for name in one)
    return tuple(sorted(name for name, count in seen.items() if ":" not in name or count >= _FEWEST_OF_A_KIND))


def _usual(name: str, values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    if name in _NO_REFERENCE:
        return 0.0
    known = values[values > 0] if name == "gap" else values
    return float(known.mean()) if len(known) else 0.0


def _labels(found: Sequence[Case]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([case.missed for case in found], dtype=np.int64)


def _missed(found: Sequence[Case]) -> int:
    return sum(case.missed for case in found)


def _rate(found: Sequence[Case]) -> float:
    return _missed(found) / len(found)


_NOBODY: Final = Past()
