"""What if: each lever against numbers worked out by hand, and steps that add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_core.domain.whatif import (
    Assumptions,
    Baseline,
    Plan,
    Practice,
    Projection,
    Step,
    assumptions_of,
    crowding,
    project,
    session_seen,
)

# Dr A: 1,000 due, 100 missed; 300 of 400 offered hours used; 100 sessions of 10 places; 90,000.00 + 9,000.00 billed.
DR_A = Practice(
    practitioner_id="a",
    billed_minor={"cons": 9_000_000, "scan": 900_000},
    seen=900,
    missed=100,
    used_hours=300,
    offered_hours=400,
    sessions=100,
)
# Dr B: 500 due, 100 missed; 100 of 200 hours; 50 sessions of 10 places; 20,000.00 billed.
DR_B = Practice(
    practitioner_id="b",
    billed_minor={"cons": 2_000_000},
    seen=400,
    missed=100,
    used_hours=100,
    offered_hours=200,
    sessions=50,
)
YEAR = Baseline(
    start_on=date(2025, 3, 2),
    end_on=date(2026, 3, 1),
    days=365,
    practices=(DR_A, DR_B),
    collected_minor=10_710_000,
    weeks=48,
)
AS_IT_WAS = assumptions_of(YEAR)


def changes(plan: Plan, assumed: Assumptions = AS_IT_WAS) -> dict[Step, int]:
    """What each step adds, without those that add nothing."""
    return {step: change for step, change in project(YEAR, plan, assumed).changes.items() if change}


def test_the_year_as_it_was() -> None:
    """119,000.00 billed, 200 of 1,500 missed, 400 of 600 hours used, 90 % collected; no plan changes nothing."""
    assert YEAR.billed_minor == 11_900_000
    assert pytest.approx(200 / 1_500) == YEAR.noshow_rate
    assert Assumptions(fill=400 / 600, weeks=48, collection=0.9) == AS_IT_WAS
    assert project(YEAR, Plan(), AS_IT_WAS) == Projection(
        billed_minor=11_900_000,
        changes=dict.fromkeys(Step, 0),
        projected_minor=11_900_000,
        collected_minor=10_710_000,
        projected_collected_minor=10_710_000,
        extra_seen=0.0,
        crowded=0.0,
    )


def test_prices() -> None:
    """Ten percent on 110,000.00 of consultations; with elasticity -0.5 also 5 % fewer: x 1.1 x 0.95 = 1.045."""
    dearer = Plan(prices={"cons": 0.10})
    assert changes(dearer) == {Step.PRICES: 1_100_000}
    assert changes(dearer, replace(AS_IT_WAS, elasticity=-0.5)) == {Step.PRICES: 495_000}
    assert changes(Plan(prices={"scan": -0.2})) == {Step.PRICES: -180_000}


def test_demand_never_falls_below_nothing() -> None:
    """Twice the price at elasticity -2 loses all of those visits, not more than all."""
    assert changes(Plan(prices={"scan": 1.0}), replace(AS_IT_WAS, elasticity=-2.0)) == {Step.PRICES: -900_000}


def test_noshow_rate() -> None:
    """Half as many missed: A from .10 to .05 is x .95 / .9, B from .20 to .10 is x .9 / .8."""
    assert changes(Plan(noshow_rate=0.2 / 3)) == {Step.NOSHOW: 550_000 + 250_000}


def test_more_hours() -> None:
    """Two hours a week in 48 weeks, two thirds filled, at A's 330.00 an hour used: 64 x 33,000."""
    assert changes(Plan(hours={"a": 2.0})) == {Step.HOURS: 2_112_000}
    assert changes(Plan(hours={"a": 2.0}), replace(AS_IT_WAS, fill=0.5, weeks=40)) == {Step.HOURS: 1_320_000}


def test_fewer_hours() -> None:
    """An hour a week less in 48 weeks is 48 of B's 200 hours: 24 % of 20,000.00; never more than all of it."""
    assert changes(Plan(hours={"b": -1.0})) == {Step.HOURS: -480_000}
    assert changes(Plan(hours={"b": -30.0})) == {Step.HOURS: -2_000_000}


def test_overbooking_one_place_by_hand() -> None:
    """One place, two bookings, each missed half the time: .75 seen on average, or 1 when the second waits too."""
    assert session_seen(1, 1, 0.5, 1.0) == pytest.approx(0.5)
    assert session_seen(1, 2, 0.5, 0.0) == pytest.approx(0.75)
    assert session_seen(1, 2, 0.5, 1.0) == pytest.approx(1.0)
    assert crowding(1, 2, 0.5) == pytest.approx(0.25)


def test_overbooking_a_year() -> None:
    """Everybody is seen: .9 more in each of A's 100 sessions at 110.00, .8 in each of B's 50 at 50.00."""
    found = project(YEAR, Plan(overbooked=1), replace(AS_IT_WAS, squeezed=1.0))
    assert found.changes[Step.OVERBOOKING] == 90 * 11_000 + 40 * 5_000
    assert found.extra_seen == pytest.approx(130)
    crowded = (100 * 0.9**11 + 50 * 0.8**11) / 150
    assert found.crowded == pytest.approx(crowded)


def test_overbooking_when_nobody_is_squeezed_in() -> None:
    """Only those count who find a place: .9 less the chance that all eleven come; half of it at half the demand."""
    found = project(YEAR, Plan(overbooked=1), AS_IT_WAS)
    more = 100 * (0.9 - 0.9**11), 50 * (0.8 - 0.8**11)
    assert found.changes[Step.OVERBOOKING] == round(more[0] * 11_000 + more[1] * 5_000)
    half = project(YEAR, Plan(overbooked=1), replace(AS_IT_WAS, demand=0.5))
    assert half.changes[Step.OVERBOOKING] == round((more[0] * 11_000 + more[1] * 5_000) / 2)


def test_steps_build_on_each_other() -> None:
    """Hours and overbooking are worth the new prices and the new no-show rate."""
    plan = Plan(prices={"cons": 0.1, "scan": 0.1}, noshow_rate=0.2 / 3, hours={"a": 2.0}, overbooked=1)
    found = project(YEAR, plan, replace(AS_IT_WAS, squeezed=1.0))
    a, b = 10_890_000 * 0.95 / 0.9, 2_200_000 * 0.9 / 0.8
    hours = 64 * a / 300
    more = 95 * a / 950 + 45 * b / 450
    assert found.changes == {
        Step.PRICES: 1_190_000,
        Step.NOSHOW: pytest.approx(a + b - 13_090_000, abs=1),
        Step.HOURS: pytest.approx(hours, abs=1),
        Step.OVERBOOKING: pytest.approx(more, abs=1),
    }
    assert found.projected_minor == round(a + b + hours + more)
    assert found.projected_collected_minor == round(found.projected_minor * 0.9)


def test_a_practitioner_without_visits_adds_nothing() -> None:
    """Somebody new has no hour yet that more hours could be like; nothing is divided by nothing."""
    fresh = Practice(practitioner_id="c", billed_minor={})
    year = replace(YEAR, practices=(*YEAR.practices, fresh))
    found = project(year, Plan(hours={"c": 10.0}, noshow_rate=0.01, overbooked=2), AS_IT_WAS)
    assert found.changes[Step.HOURS] == 0


def test_a_clinic_without_figures() -> None:
    """Nothing billed, nobody due."""
    empty = Baseline(start_on=date(2026, 1, 1), end_on=date(2026, 3, 1), days=60, practices=())
    found = project(empty, Plan(overbooked=1, noshow_rate=0.1), assumptions_of(empty))
    assert (found.projected_minor, found.crowded, empty.fill) == (0, 0.0, 0.0)


def test_a_clinic_without_noshows_can_have_some() -> None:
    """From none to ten percent is ten percent less for everybody."""
    one = replace(DR_A, missed=0.0)
    found = project(replace(YEAR, practices=(one,)), Plan(noshow_rate=0.1), AS_IT_WAS)
    assert found.changes[Step.NOSHOW] == -990_000


@given(
    st.floats(-0.5, 1.0),
    st.floats(0.0, 0.5),
    st.floats(-10, 10),
    st.integers(0, 4),
    st.floats(-2.0, 0.0),
)
def test_the_steps_add_up(price: float, rate: float, hours: float, over: int, elasticity: float) -> None:
    """To the minor unit, whatever is planned."""
    plan = Plan(prices={"cons": price}, noshow_rate=rate, hours={"a": hours, "b": -hours}, overbooked=over)
    found = project(YEAR, plan, replace(AS_IT_WAS, elasticity=elasticity))
    assert found.billed_minor + sum(found.changes.values()) == found.projected_minor
    assert found.projected_minor >= 0
    assert 0 <= found.crowded <= 1
