"""No-show risk: what is known on the eve and nothing later, numbers that mean what they say, and refusals."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain import noshow
from clinic_core.domain.noshow import Bin, Booking, Fate, Model, Names, Outcome, Past, Term
from clinic_core.services import noshow_training as training

MONDAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
NAMES = Names({"dr": "Dr A"}, {"cons": "Consultation"})


def day(days: int) -> date:
    """So many days from Monday."""
    return MONDAY + timedelta(days=days)


def outcome(days: int, fate: Fate = Fate.SEEN) -> Outcome:
    """What became of a visit so many days from Monday."""
    return Outcome(day=day(days), hour=9, id=str(days), fate=fate)


def booking(**changes: Any) -> Booking:
    """Monday at ten, booked a week ahead."""
    given_: dict[str, Any] = {
        "day": MONDAY,
        "hour": 10,
        "lead_days": 7,
        "practitioner_id": "dr",
        "service_id": "cons",
    }
    return Booking(**{**given_, **changes})


def visits(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A frame like that of the facts."""
    usual = {
        "patient_id": "p",
        "practitioner_id": "dr",
        "service_id": "cons",
        "day": MONDAY,
        "hour": 10,
        "status": "fulfilled",
        "untimed": False,
        "lead_days": 7,
        "notice_hours": math.nan,
    }
    made = pd.DataFrame([{"document_id": f"v{n:06d}", **usual, **row} for n, row in enumerate(rows)])
    return made.assign(day=pd.to_datetime(made["day"]).astype("datetime64[s]"))


@lru_cache(maxsize=4)
def synthetic(count: int = 20_000, seed: int = 7) -> tuple[pd.DataFrame, dict[str, float]]:
    """Visits whose true risks are known: they grow with the lead time, in the morning and with a patient's habit."""
    rng = np.random.default_rng(seed)
    habits = rng.normal(0, 0.8, count // 12)
    rows, risks = [], {}
    for n in range(count):
        patient = int(rng.integers(len(habits)))
        lead, hour = int(rng.integers(1, 40)), int(rng.integers(9, 18))
        risk = noshow.sigmoid(-3.4 + 0.6 * math.log1p(lead) + 0.7 * (hour < 11) + habits[patient])
        risks[f"v{n:06d}"] = risk
        status = "noshow" if rng.random() < risk else "fulfilled"
        on = day(-600 + n * 600 // count)
        rows.append({"patient_id": f"p{patient}", "day": on, "hour": hour, "lead_days": lead, "status": status})
    return visits(rows), risks


@lru_cache(maxsize=1)
def trained() -> Model:
    """The model of those visits."""
    return training.train(synthetic()[0], today=MONDAY, now=NOW)


def test_predictions_are_calibrated() -> None:
    """Of visits with a known risk each tenth is missed as often as was said; and the order is worth something."""
    model = trained()
    quality = model.quality
    assert model.usable
    assert quality is not None
    assert quality.brier < quality.base_brier
    assert quality.auc > 0.65
    assert quality.top_fifth > 0.3
    assert sum(one.visits for one in quality.bins) == quality.tested
    for one in quality.bins:
        low, high = noshow.interval(one)
        assert low - 0.02 <= one.predicted <= high + 0.02


def test_predictions_come_near_the_true_risks() -> None:
    """On average over all visits of a tenth within three points, which outcomes alone would not show."""
    frame, risks = synthetic()
    found = training.slices(training.cases(frame, before=MONDAY)).test
    ids = sorted(zip(frame["day"], frame["hour"], frame["document_id"], strict=True))[-len(found) :]
    pairs = sorted(
        (noshow.probability(trained(), case.booking, case.past), risks[name])
        for case, (_, _, name) in zip(found, ids, strict=True)
    )
    for tenth in np.array_split(np.array(pairs), 10):
        assert abs(tenth[:, 0].mean() - tenth[:, 1].mean()) < 0.03


def test_plain_numbers_say_what_scikit_learn_says() -> None:
    """To a billionth: nothing is lost between training and the page."""
    parts = training.slices(training.cases(synthetic(4_000)[0], before=MONDAY))
    fitted = training.fit(parts, now=NOW)
    known = training.matrix(parts.test, fitted.names, fitted.model.prior_rate)
    scores = fitted.estimator.decision_function(known).reshape(-1, 1)
    expected = fitted.calibrator.predict_proba(scores)[:, 1]
    own = [noshow.probability(fitted.model, case.booking, case.past) for case in parts.test]
    assert np.abs(np.array(own) - expected).max() < 1e-9


def test_predicting_does_not_load_scikit_learn() -> None:
    """Pages stay light: only training pays for it."""
    code = (
        "import sys; from clinic_core.domain import noshow; from clinic_core.services import planning;"
        "assert not [m for m in sys.modules if m.startswith(('sklearn', 'scipy'))]"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_future_changes_no_feature() -> None:
    """Shuffle and turn whatever happens from the eve on: what is known of earlier visits stays the same."""
    frame, _ = synthetic(2_000)
    middle = pd.Timestamp(day(-300))
    before = [c for c in training.cases(frame, before=MONDAY) if c.booking.day <= middle.date()]
    later = frame["day"] >= noshow.known_before(middle.date()).isoformat()
    changed = frame.copy()
    changed.loc[later, "status"] = np.random.default_rng(1).permutation(
        np.where(frame.loc[later, "status"] == "noshow", "fulfilled", "noshow")
    )
    changed = changed.sample(frac=1, random_state=2)
    after = [c for c in training.cases(changed, before=MONDAY) if c.booking.day <= middle.date()]
    assert [(c.booking, c.past) for c in before] == [(c.booking, c.past) for c in after]
    assert len(before) > 900


def test_training_and_the_list_know_the_same_past() -> None:
    """What training walks through in time order is what the list works out for one patient."""
    frame, _ = synthetic(2_000)
    known: dict[str, list[Outcome]] = {}
    for patient_id, one in training.outcomes(frame):
        known.setdefault(patient_id, []).append(one)
    ordered = frame.sort_values(["day", "hour", "document_id"])
    for patient_id, case in zip(ordered["patient_id"], training.cases(frame, before=MONDAY), strict=True):
        assert case.past == noshow.past_of(known[patient_id], case.booking.day)


def test_the_eve_itself_is_not_known() -> None:
    """It is not over when the list is read; the day before it is."""
    known = [outcome(-2, Fate.MISSED), outcome(-1, Fate.MISSED), outcome(0, Fate.MISSED)]
    assert noshow.past_of(known, MONDAY) == Past(missed=1, recent=(True,))


def test_a_past_counts_what_was_seen_missed_and_cancelled_late() -> None:
    """In whatever order it comes; the last four are kept in order."""
    fates = [Fate.SEEN, Fate.MISSED, Fate.LATE_CANCELLED, Fate.SEEN, Fate.MISSED, Fate.MISSED]
    known = [outcome(-40 + n, fate) for n, fate in enumerate(fates)]
    assert noshow.past_of(known[::-1], MONDAY) == Past(
        seen=2, missed=3, late_cancelled=1, last_seen_on=day(-37), recent=(True, False, True, True)
    )


@pytest.mark.parametrize(("notice", "late"), [(23.9, 1), (24.0, 0), (-2.0, 1), (math.nan, 0)])
def test_only_cancelling_with_little_notice_counts(notice: float, late: int) -> None:
    """Less than a day's; of an import nobody knows."""
    frame = visits([{"day": day(-9), "status": "cancelled", "notice_hours": notice}])
    assert sum(one.fate is Fate.LATE_CANCELLED for _, one in training.outcomes(frame)) == late


def test_what_nobody_could_have_called_about_is_not_learned_from() -> None:
    """Booked on the day, without a time, cancelled, still open, today; but imported visits are part of the past."""
    rows = [
        {"day": day(-20), "lead_days": 0},
        {"day": day(-19), "untimed": True, "hour": 0},
        {"day": day(-18), "status": "cancelled"},
        {"day": day(-17), "status": "booked"},
        {"day": day(-800)},
        {"day": day(-10), "status": "noshow"},
        {"day": day(0)},
    ]
    (found,) = training.cases(visits(rows), before=MONDAY)
    assert (found.booking.day, found.missed, found.past.seen) == (day(-10), True, 3)


def test_slices_are_cut_between_days() -> None:
    """A day's visits share their weather; they are all in one slice, and time runs forward."""
    parts = training.slices(training.cases(synthetic(2_000)[0], before=MONDAY))
    cut = [{case.booking.day for case in part} for part in (parts.train, parts.calibrate, parts.test)]
    assert max(cut[0]) < min(cut[1]) <= max(cut[1]) < min(cut[2])
    assert [round(len(part) / 2_000, 1) for part in (parts.train, parts.calibrate, parts.test)] == [0.6, 0.2, 0.2]


@pytest.mark.parametrize("count", [0, 1, 400])
def test_thin_data_are_refused(count: int) -> None:
    """With what there is and what it takes, and without a model."""
    rows = [{"day": day(-1 - n % 300), "status": "noshow" if n % 3 else "fulfilled"} for n in range(count)]
    model = training.train(visits([{}, *rows]).iloc[1:], today=MONDAY, now=NOW)
    assert not model.usable
    assert model.refusal.startswith(f"There is too little to learn from: {count} visits")
    assert "It takes 500 visits, 50 missed ones" in model.refusal


def test_too_few_missed_ones_are_refused() -> None:
    """A thousand visits of which hardly any was missed teach nothing."""
    frame = visits([{"day": day(-1_000 // 3 + n // 3), "status": "noshow" if n % 40 == 0 else "fulfilled"}
                    for n in range(1_000)])  # fmt: skip
    assert "too little to learn from" in training.train(frame, today=MONDAY, now=NOW).refusal


def test_chance_is_refused() -> None:
    """Where nothing tells who stays away, the model is tested, found no better than the base rate, and not used."""
    rng = np.random.default_rng(11)
    rows = [
        {"patient_id": f"p{n % 400}", "day": day(-600 + n // 5), "lead_days": int(rng.integers(1, 30)),
         "status": "noshow" if rng.random() < 0.15 else "fulfilled"}
        for n in range(3_000)
    ]  # fmt: skip
    model = training.train(visits(rows), today=MONDAY, now=NOW)
    assert "no better than assuming the same risk" in model.refusal
    assert not model.usable
    assert model.quality is not None
    assert not model.terms


def test_a_model_that_turns_the_order_round_is_refused() -> None:
    """Calibration with a negative slope says that the weights were luck."""
    quality = replace(trained().quality, gain=1.0, gain_error=0.1)  # type: ignore[type-var]
    assert training.refusal_of(trained(), quality) == ""
    assert training.refusal_of(replace(trained(), slope=-0.1), quality)


MODEL = Model(
    trained_at=NOW,
    prior_rate=0.1,
    intercept=-2.0,
    terms=(
        Term(name="history", weight=0.8),
        Term(name="last", weight=0.3),
        Term(name="late", weight=0.2),
        Term(name="new", weight=0.2),
        Term(name="gap", weight=0.2, usual=4.0),
        Term(name="lead", weight=0.4, usual=1.5),
        Term(name="weekday:0", weight=0.2, usual=0.2),
        Term(name="part:11", weight=-0.3, usual=0.3),
        Term(name="service:cons", weight=0.1, usual=0.4),
        Term(name="practitioner:dr", weight=0.15, usual=0.3),
    ),
)


def test_a_probability_by_hand() -> None:
    """New patient, Monday at ten, seven days ahead: -2 + .2 + .4 ln 8 + .2 - .3 + .1 + .15, then the sigmoid."""
    expected = 1 / (1 + math.exp(-(-2 + 0.2 + 0.4 * math.log(8) + 0.2 - 0.3 + 0.1 + 0.15)))
    assert noshow.probability(MODEL, booking(), Past()) == pytest.approx(expected, abs=1e-12)
    calibrated = replace(MODEL, slope=0.5, offset=-1.0)
    score = noshow.score(MODEL, booking(), Past())
    assert noshow.probability(calibrated, booking(), Past()) == pytest.approx(noshow.sigmoid(0.5 * score - 1))


def test_what_the_model_has_not_seen_changes_nothing() -> None:
    """A new doctor or service is neither riskier nor safer."""
    other = booking(practitioner_id="new", service_id="new")
    lower = noshow.score(MODEL, booking(), Past()) - noshow.score(MODEL, other, Past())
    assert lower == pytest.approx(0.25)
    assert noshow.reasons(MODEL, other, Past(), NAMES)


@pytest.mark.parametrize(
    ("past", "changes", "first"),
    [
        (Past(seen=2, missed=2, recent=(False, True, False, True), last_seen_on=day(-30)), {},
         "missed 2 of the last 4 visits"),
        (Past(missed=1, recent=(True,)), {"lead_days": 1}, "missed the only visit so far"),
        (Past(seen=4, missed=8, recent=(False,) * 4, last_seen_on=day(-9)), {"lead_days": 1},
         "missed 8 of 12 visits"),
        (Past(), {"lead_days": 34}, "booked 34 days ahead"),
        (Past(), {"lead_days": 1, "hour": 15, "day": day(1)}, "first visit here"),
        (Past(seen=9, recent=(False,) * 4, last_seen_on=day(-400)), {"lead_days": 1, "day": day(2)},
         "last here 13 months ago"),
    ],
)  # fmt: skip
def test_the_main_reason_comes_first(past: Past, changes: dict[str, Any], first: str) -> None:
    """In words that somebody at the desk can say on the phone to themselves."""
    found = noshow.reasons(MODEL, booking(**changes), past, NAMES)
    assert found[0] == first
    assert len(found) <= 3


def test_a_reliable_patients_reasons_say_why_the_risk_is_low() -> None:
    """Only when nothing raises it."""
    regular = Past(seen=6, recent=(False,) * 4, last_seen_on=day(-7))
    found = noshow.reasons(MODEL, booking(lead_days=1, day=day(1)), regular, Names({}, {}))
    assert found[0] == "came to all of the 6 visits so far"
    assert "booked 1 day ahead" in found


def test_a_name_that_is_not_known_is_no_reason() -> None:
    """A doctor who was deleted from the directory is not called None."""
    assert all(
        "None" not in text and "“”" not in text for text in noshow.reasons(MODEL, booking(), Past(), Names({}, {}))
    )


def test_without_a_model_the_facts_are_said() -> None:
    """The list still helps to choose whom to call."""
    past = Past(seen=1, missed=1, recent=(True, False))
    assert noshow.plain_reasons(booking(), past) == ("missed 1 of the last 2 visits", "booked 7 days ahead")
    assert noshow.plain_reasons(booking(lead_days=1), Past()) == ("booked 1 day ahead",)


def test_figures_by_hand() -> None:
    """Four visits: two pairs in the right order of four, squared errors .01 .16 .36 .64, and the base rate's."""
    predicted, missed = [0.1, 0.4, 0.4, 0.8], [False, False, True, False]
    assert noshow.brier(predicted, missed) == pytest.approx((0.01 + 0.16 + 0.36 + 0.64) / 4)
    assert noshow.auc(predicted, missed) == pytest.approx((1 + 0.5 + 0) / 3)
    gain, error = noshow.gain(predicted, 0.25, missed)
    assert gain == pytest.approx(0.1875 - 0.2925)
    parts = [0.0525, -0.0975, 0.2025, -0.5775]
    assert error == pytest.approx(float(np.std(parts, ddof=1)) / 2)
    assert noshow.top_share([0.9, 0.1, 0.2, 0.3, 0.4], [True, True, False, False, False]) == 0.5


def test_tenths_hold_every_visit_once() -> None:
    """Also when there are fewer visits than tenths."""
    predicted = [n / 100 for n in range(100)]
    bins = noshow.reliability(predicted, [n >= 50 for n in range(100)])
    assert [one.visits for one in bins] == [10] * 10
    assert [one.observed for one in bins] == [0.0] * 5 + [1.0] * 5
    assert bins[0].predicted == pytest.approx(0.045)
    assert len(noshow.reliability([0.1, 0.2], [True, False])) == 2


def test_the_interval_of_a_rate() -> None:
    """Wilson's: 10 of 100 is 5.5 to 17.4 %; it never leaves 0 to 1."""
    assert noshow.interval(Bin(predicted=0.1, observed=0.1, visits=100)) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert noshow.interval(Bin(predicted=0.1, observed=0.0, visits=3))[0] == 0.0
    assert noshow.interval(Bin(predicted=0.1, observed=1.0, visits=3))[1] == 1.0


@given(st.floats(-800, 800))
def test_a_probability_is_one(log_odds: float) -> None:
    """However far off, without overflow."""
    assert 0.0 <= noshow.sigmoid(log_odds) <= 1.0
    assert noshow.sigmoid(log_odds) + noshow.sigmoid(-log_odds) == pytest.approx(1.0)


def test_auc_of_nothing_to_tell_apart_is_a_half() -> None:
    """All missed, or none."""
    assert noshow.auc([0.1, 0.2], [True, True]) == noshow.auc([0.1, 0.2], [False, False]) == 0.5
