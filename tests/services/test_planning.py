"""Planning: whom to call, who may ask, a model stored as plain numbers, and the year that plans start from."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain import noshow
from clinic_core.domain.access import SYSTEM, Actor, Role
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.appointments import AppointmentStatus as S
from clinic_core.domain.billing import PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.domain.jobs import every
from clinic_core.domain.noshow import Model
from clinic_core.domain.schedules import Absence
from clinic_core.errors import Forbidden, InvalidInput
from clinic_core.jobs import JOBS
from clinic_core.services import appointments, billing, planning
from clinic_core.sidecar import Sidecar
from tests import make
from tests.conftest import World

ROOT = Path(__file__).resolve().parents[2]
EAGER = "patient-reliable"  # always comes
LAZY = "patient-unreliable"  # misses most visits


@lru_cache(maxsize=1)
def history() -> tuple[Appointment, ...]:
    """1,200 visits of the last 200 days; long lead times and one half of the patients are risky."""
    rng = random.Random(5)
    made = []
    for n in range(1_200):
        person, lead = rng.randrange(60), rng.randrange(1, 31)
        on = make.MONDAY - timedelta(days=200 - n // 6)
        risk = noshow.sigmoid(-3.6 + 0.6 * math.log1p(lead) + (1.8 if person % 2 else -0.6))
        status = S.NOSHOW if rng.random() < risk else S.FULFILLED
        made.append(past(status, on, patient_id=f"patient-{person}", lead=lead, hours=f"{9 + n % 6:02}:00"))
    return tuple(made)


def past(status: S, on: date, *, patient_id: str, lead: int = 7, hours: str = "09:00") -> Appointment:
    """A visit that is over."""
    return make.appointment(
        patient_id=patient_id,
        start=make.at(hours, on),
        day=on,
        status=status,
        booked_at=make.at("12:00", on - timedelta(days=lead)),
        untimed=False,
    )


@pytest.fixture
def busy(world: World) -> World:
    """The small clinic with a past, and two patients of whom one always comes and the other mostly does not."""
    people = {EAGER: S.FULFILLED, LAZY: S.NOSHOW}
    own = [
        past(status, make.MONDAY - timedelta(days=30 * n), patient_id=patient_id)
        for patient_id, status in people.items()
        for n in range(1, 5)
    ]
    world.clinic.appointments.add_many([*history(), *own], held_since=date.max)
    world.clinic.patients.add_many([make.patient(id=EAGER, name="Eva Early"), make.patient(id=LAZY, name="Lars Late")])
    return world


def booked(world: World, patient_id: str, hours: str, *, on: date = make.TUESDAY, **changes: Any) -> Appointment:
    """A visit to come, booked a week before it."""
    made = make.appointment(
        patient_id=patient_id,
        start=make.at(hours, on),
        day=on,
        booked_at=make.at("12:00", on - timedelta(days=7)),
        **changes,
    )
    world.clinic.appointments.add_many([made])
    return made


def test_tomorrows_list_puts_the_risky_first_and_says_why(busy: World, reception: Actor) -> None:
    """With a probability each, and nobody who is not expected any more."""
    planning.train(busy.clinic)
    booked(busy, EAGER, "09:00")
    booked(busy, LAZY, "10:00")
    booked(busy, busy.asha.id, "11:00", status=S.CANCELLED)
    booked(busy, busy.ben.id, "12:00", on=make.MONDAY + timedelta(days=2))

    found = planning.call_list(busy.clinic, reception, make.TUESDAY)

    assert [row.patient.name for row in found.rows] == ["Lars Late", "Eva Early"]
    late, early = found.rows
    assert late.risk is not None
    assert early.risk is not None
    assert late.risk > 2 * early.risk
    assert late.reasons[0] == "missed 4 of the last 4 visits"
    assert "missed" not in early.reasons[0]
    assert 0.05 < found.usual < 0.5
    assert found.refusal == ""


def test_who_confirmed_need_not_be_called(world: World, reception: Actor) -> None:
    """They come last, however often they missed a visit before."""
    world.clinic.appointments.add_many(
        [past(S.NOSHOW, make.MONDAY - timedelta(days=9), patient_id=world.ben.id)], held_since=date.max
    )
    booked(world, world.asha.id, "09:00")
    appointments.confirm(world.clinic, reception, booked(world, world.ben.id, "15:00"))

    found = planning.call_list(world.clinic, reception, make.TUESDAY)

    assert [row.patient.number for row in found.rows] == [world.asha.number, world.ben.number]


def test_what_happens_today_is_not_known_yet(busy: World, reception: Actor) -> None:
    """The list of tomorrow is the same before and after this morning's visit was missed."""
    planning.train(busy.clinic)
    booked(busy, EAGER, "09:00")
    before = planning.call_list(busy.clinic, reception, make.TUESDAY).rows[0].risk
    busy.clinic.appointments.add_many([past(S.NOSHOW, make.MONDAY, patient_id=EAGER)])
    assert planning.call_list(busy.clinic, reception, make.TUESDAY).rows[0].risk == before
    busy.clinic.appointments.add_many([past(S.NOSHOW, make.MONDAY - timedelta(days=1), patient_id=EAGER)])
    after = planning.call_list(busy.clinic, reception, make.TUESDAY).rows[0].risk
    assert before is not None
    assert after is not None
    assert after > before


@pytest.mark.parametrize("day", [make.MONDAY, make.MONDAY - timedelta(days=1)])
def test_the_list_is_for_days_to_come(world: World, reception: Actor, day: date) -> None:
    """On the day itself the risk of the day before is no use."""
    with pytest.raises(InvalidInput, match="Choose tomorrow or a later day"):
        planning.call_list(world.clinic, reception, day)


def test_without_a_model_those_who_missed_lately_come_first(world: World, reception: Actor) -> None:
    """And it is said that there are no probabilities yet."""
    world.clinic.appointments.add_many(
        [past(S.NOSHOW, make.MONDAY - timedelta(days=9), patient_id=world.ben.id)], held_since=date.max
    )
    booked(world, world.asha.id, "09:00")
    booked(world, world.ben.id, "15:00")

    found = planning.call_list(world.clinic, reception, make.TUESDAY)

    assert [row.patient.number for row in found.rows] == [world.ben.number, world.asha.number]
    assert [row.risk for row in found.rows] == [None, None]
    assert found.rows[0].reasons == ("missed the only visit so far", "booked 7 days ahead")
    assert "No model has been trained yet" in found.refusal


def test_a_thin_past_is_refused_and_the_refusal_kept(world: World, reception: Actor, manager: Actor) -> None:
    """What the sidecar found out is what the screens say."""
    world.clinic.appointments.add_many([past(S.FULFILLED, make.MONDAY - timedelta(days=1), patient_id=world.ben.id)])
    booked(world, world.asha.id, "09:00")

    planning.train(world.clinic)

    found = planning.model(world.clinic, manager)
    assert found is not None
    assert "too little to learn from: 1 visits" in found.refusal
    assert planning.call_list(world.clinic, reception, make.TUESDAY).refusal == found.refusal


def test_a_model_that_is_refused_replaces_the_one_before(busy: World, manager: Actor) -> None:
    """The present state of the data decides, not their best day."""
    good = planning.train(busy.clinic)
    assert good.usable
    busy.clinic.models.save(Model(trained_at=make.NOW, refusal="Too thin."))
    assert planning.model(busy.clinic, manager) == Model(trained_at=make.NOW, refusal="Too thin.")


def test_the_model_is_stored_as_plain_numbers(busy: World, manager: Actor) -> None:
    """No bytes that somebody would have to trust: texts, numbers, days; and reading gives back what was trained."""
    trained = planning.train(busy.clinic)
    assert planning.model(busy.clinic, manager) == trained
    (document,) = busy.clinic.database["models"].find()
    assert document["_id"] == "no-show"
    assert all(isinstance(value, str | float | int | datetime) for value in leaves(document))
    assert {"intercept", "slope", "offset", "terms", "quality", "trained_at", "from_on", "to_on"} <= document.keys()


def leaves(value: Any) -> list[Any]:
    """All that a document holds besides lists and documents."""
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for one in value for leaf in leaves(one)] if isinstance(value, list) else [value]


def test_the_sidecar_trains_once_a_day(busy: World, manager: Actor) -> None:
    """One line of its table; its run is recorded like those of the others."""
    (job,) = [job for job in JOBS if job.name == "train no-show model"]
    Sidecar(busy.clinic, JOBS).run_here(job)
    found = planning.model(busy.clinic, manager)
    assert job.schedule == every(hours=24)
    assert found is not None
    assert found.usable
    assert {run.id: run.ok for run in busy.clinic.jobs.all()} == {"train no-show model": True}


VERBS: dict[str, Callable[[Clinic, Actor], object]] = {
    "open": planning.standing,
    "list": lambda clinic, actor: planning.call_list(clinic, actor, make.TUESDAY),
    "model": planning.model,
    "what if": planning.baseline,
}


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.RECEPTIONIST, {"open", "list"}),
        (Role.MANAGER, {"open", "list", "model", "what if"}),
        (Role.ADMIN, {"open", "model", "what if"}),
        (Role.DOCTOR, set()),
        (Role.SYSTEM, set()),
    ],
)
def test_who_may_see_what(world: World, role: Role, allowed: set[str]) -> None:
    """Administrators see no patients, reception sees no money, doctors neither."""
    actor = SYSTEM if role is Role.SYSTEM else make.actor(role, practitioner_id=make.DR_A)
    for name, verb in VERBS.items():
        if name in allowed:
            verb(world.clinic, actor)
        else:
            with pytest.raises(Forbidden):
                verb(world.clinic, actor)


def test_reading_is_in_the_audit_trail(world: World, manager: Actor) -> None:
    """The list by its day, the model, and the figures of the plan; each once an hour; no patient's name."""
    for _ in range(2):
        for verb in VERBS.values():
            verb(world.clinic, manager)
    events = world.clinic.audit.store.latest(since=make.at("00:00"), until=make.at("23:00"), username="manager")
    assert sorted((event.action, event.record_id) for event in events) == [
        ("planning.model", "no-show"),
        ("planning.read", "2026-03-03"),
        ("report.read", "what-if"),
    ]


def test_standing_tells_no_figures(busy: World, reception: Actor) -> None:
    """Since when there is a model and of how many visits; nothing else that is in it."""
    assert planning.standing(busy.clinic, reception) is None
    trained = planning.train(busy.clinic)
    assert planning.standing(busy.clinic, reception) == Model(trained_at=make.NOW, visits=trained.visits)


def test_nothing_that_books_reads_the_risk() -> None:
    """Whoever is likely to miss a visit gets one like everybody else."""
    for name in ("services/appointments", "services/free_times", "domain/appointments", "store/appointments"):
        source = (ROOT / "clinic_core" / f"{name}.py").read_text(encoding="utf-8")
        assert not any(word in source for word in ("noshow import", "planning", "clinic.models", "no_show("))


def test_a_young_clinic_has_no_year(world: World, manager: Actor) -> None:
    """Of less than four weeks nobody can say what a year brings."""
    assert planning.baseline(world.clinic, manager) is None
    world.clinic.appointments.add_many([past(S.FULFILLED, make.MONDAY - timedelta(days=27), patient_id="p")])
    assert planning.baseline(world.clinic, manager) is None


def test_the_year_counts_visits_and_hours(world: World, manager: Actor) -> None:
    """73 days are scaled by five: 2 seen and 1 missed, half an hour, 63 days of work with 8 hours in two sessions."""
    first = make.MONDAY - timedelta(days=73)
    visits = [
        past(S.FULFILLED, first, patient_id="p"),
        past(S.FULFILLED, first + timedelta(days=10), patient_id="p"),
        past(S.NOSHOW, first + timedelta(days=20), patient_id="p"),
        past(S.CANCELLED, first + timedelta(days=30), patient_id="p"),
        past(S.FULFILLED, make.MONDAY, patient_id="p"),
    ]
    world.clinic.appointments.add_many(visits, held_since=date.max)

    found = planning.baseline(world.clinic, manager)

    assert found is not None
    assert (found.start_on, found.end_on, found.days) == (first, make.MONDAY - timedelta(days=1), 73)
    dr_a = next(one for one in found.practices if one.practitioner_id == make.DR_A)
    worked = sum((first + timedelta(days=n)).weekday() < 6 for n in range(73))
    assert (dr_a.seen, dr_a.missed, dr_a.used_hours) == (10, 5, 2.5)
    assert (dr_a.offered_hours, dr_a.sessions) == (worked * 8 * 5, worked * 2 * 5)
    assert found.weeks == 52


def test_absences_take_weeks_and_hours_away(world: World, manager: Actor) -> None:
    """Four weeks of leave within the year."""
    leave = Absence(start_on=make.MONDAY - timedelta(days=56), end_on=make.MONDAY - timedelta(days=29))
    schedule = world.clinic.schedules.get(make.DR_A)
    world.clinic.schedules.save(replace(schedule, absences=(leave,)))
    world.clinic.forget_directory()
    world.clinic.appointments.add_many(
        [past(S.FULFILLED, make.MONDAY - timedelta(days=365), patient_id="p")], held_since=date.max
    )

    found = planning.baseline(world.clinic, manager)

    assert found is not None
    hours = {one.practitioner_id: one.offered_hours for one in found.practices}
    assert hours[make.DR_B] - hours[make.DR_A] == 24 * 8
    assert found.weeks == 50


def test_the_year_is_what_reports_call_billed_and_collected(world: World, manager: Actor, clock: make.Clock) -> None:
    """73 days ago 500.00 were billed and 400.00 of them paid; today's money does not count; all times five."""
    clock.set("10:00", make.MONDAY - timedelta(days=73))
    bill(world, manager, paid=40_000)
    clock.set("10:00", make.MONDAY)
    bill(world, manager, paid=50_000)

    found = planning.baseline(world.clinic, manager)

    assert found is not None
    dr_a = next(one for one in found.practices if one.practitioner_id == make.DR_A)
    assert dr_a.billed_minor == {make.CONSULTATION: 250_000}
    assert (found.billed_minor, found.collected_minor, found.collection) == (250_000, 200_000, 0.8)


def bill(world: World, actor: Actor, *, paid: int) -> None:
    """A consultation of Asha's, billed and paid now."""
    made = billing.new_draft(
        world.clinic, actor, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A
    )
    sold = billing.issue(world.clinic, actor, billing.set_lines(world.clinic, actor, made, [make.line()]))
    billing.take_payment(world.clinic, actor, sold, key=new_id(), amount_minor=paid, method=PaymentMethod.UPI)
