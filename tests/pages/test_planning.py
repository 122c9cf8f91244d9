"""Planning: the call list on the screen, the model's figures or why there are none, and a plan that can be typed."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.appointments import AppointmentStatus as S
from clinic_core.domain.ids import new_id
from clinic_core.domain.noshow import Bin, Model, Quality, Term
from clinic_core.domain.whatif import Step
from clinic_core.services import billing, planning
from tests import make
from tests.conftest import World
from tests.pages import screen
from ui import planning_calls, planning_charts, widgets

QUALITY = Quality(
    trained=600,
    trained_missed=60,
    calibrated=200,
    calibrated_missed=20,
    tested=200,
    tested_missed=30,
    tested_from=date(2026, 2, 1),
    brier=0.1,
    base_brier=0.125,
    base_rate=0.1,
    gain=0.025,
    gain_error=0.01,
    auc=0.7,
    top_fifth=0.45,
    bins=(Bin(predicted=0.05, observed=0.04, visits=100), Bin(predicted=0.25, observed=0.26, visits=100)),
)
MODEL = Model(
    trained_at=make.NOW,
    from_on=date(2025, 1, 1),
    to_on=date(2026, 3, 1),
    visits=1_000,
    missed=110,
    prior_rate=0.1,
    intercept=-3.0,
    terms=(Term(name="lead", weight=0.8, usual=1.0),),
    quality=QUALITY,
)


def booked(world: World, patient_id: str, hours: str, lead: int, **changes: Any) -> None:
    """A visit of Tuesday, booked so many days ahead."""
    made = make.appointment(
        patient_id=patient_id,
        start=make.at(hours, make.TUESDAY),
        day=make.TUESDAY,
        booked_at=make.at("12:00", make.TUESDAY - timedelta(days=lead)),
        **changes,
    )
    world.clinic.appointments.add_many([made])


@pytest.fixture
def tomorrow(world: World) -> World:
    """Asha booked 30 days ahead, Ben the day before; a model that looks at nothing else."""
    world.clinic.models.save(MODEL)
    booked(world, world.asha.id, "15:00", 30)
    booked(world, world.ben.id, "09:00", 1, practitioner_id=make.DR_B)
    return world


def part(page: AppTest, name: str) -> AppTest:
    """Go to another part of the page."""
    page.segmented_control(key="plan").set_value(name)
    return screen.run(page)


def calls(page: AppTest) -> list[list[Any]]:
    """The rows of the list, badges as their text."""
    rows = screen.component(page, "planning.calls")["rows"]
    return [[cell if isinstance(cell, str) else cell["text"] for cell in row["cells"]] for row in rows]


def test_doctors_are_refused(world: World, doctor: Actor) -> None:
    """The page says so and draws nothing else."""
    page = screen.open_page("planning", world.clinic, doctor)
    assert "may not open" in screen.errors(page)[0]
    assert not page.get("bidi_component")


def test_reception_sees_the_list_and_nothing_else(tomorrow: World, reception: Actor) -> None:
    """Number and phone beside the name; the risky one first, with the reason; and what it is for."""
    page = screen.open_page("planning", tomorrow.clinic, reception)
    assert not page.segmented_control
    assert calls(page) == [
        ["Asha Rao", "44%", "P-000001", "+91 98765 43210", "15:00", "Dr A", "booked 30 days ahead"],
        ["Ben Müller", "8%", "P-000002", "+91 98123 45678", "09:00", "Dr B", "booked 1 day ahead"],
    ]
    assert "Perhaps one of 2 visits will be missed." in screen.said(page)
    assert "never decides who gets a visit" in screen.said(page)
    assert "The model was made Mon 2 Mar 08:00 from 1,000 visits." in screen.said(page)


def test_an_administrator_sees_no_patients(tomorrow: World, admin: Actor) -> None:
    """Figures of the model and of money, but no call list."""
    page = screen.open_page("planning", tomorrow.clinic, admin)
    assert page.segmented_control(key="plan").options == ["How good is it", "What if"]
    assert "Asha" not in screen.said(page)
    assert not page.get("bidi_component")


def test_the_list_is_of_tomorrow_and_of_any_later_day(tomorrow: World, reception: Actor) -> None:
    """Nobody is booked on Wednesday; the calendar offers nothing before tomorrow."""
    page = screen.open_page("planning", tomorrow.clinic, reception)
    field = screen.field(page, "date_input", "Day")
    assert (field.value, field.min) == (make.TUESDAY, make.TUESDAY)
    field.set_value(make.TUESDAY + timedelta(days=1))
    assert "Nobody is booked on this day" in screen.said(screen.run(page))


def test_a_day_that_has_come_makes_room_for_tomorrow(tomorrow: World, reception: Actor, clock: make.Clock) -> None:
    """A screen left open over night shows the next day instead of an error."""
    page = screen.open_page("planning", tomorrow.clinic, reception)
    clock.set("07:00", make.TUESDAY)
    assert not screen.errors(screen.run(page))
    assert screen.field(page, "date_input", "Day").value == make.TUESDAY + timedelta(days=1)


def test_practitioners_narrow_the_list(tomorrow: World, reception: Actor) -> None:
    """As everywhere else."""
    page = screen.open_page("planning", tomorrow.clinic, reception)
    (pills,) = [g for g in page.button_group if g.label == "Practitioners"]
    pills.set_value([make.DR_B])
    assert [row[0] for row in calls(screen.run(page))] == ["Ben Müller"]


def test_a_row_leads_to_the_patients_record(tomorrow: World, reception: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the visit whose button was pressed; of one that is not on the list nowhere."""
    gone: list[str] = []
    monkeypatch.setattr(widgets, "go_to_patient", gone.append)
    page = screen.open_page("planning", tomorrow.clinic, reception)
    visit_id = screen.component(page, "planning.calls")["rows"][1]["id"]
    for pressed in (visit_id, "nothing"):
        page.session_state["planning.open"] = pressed
        screen.run(page)
    assert gone == [tomorrow.ben.id]


def test_without_a_model_the_list_says_so_and_still_helps(world: World, reception: Actor) -> None:
    """No column of risks, and what is known of each instead."""
    booked(world, world.asha.id, "15:00", 30)
    page = screen.open_page("planning", world.clinic, reception)
    assert "No model has been trained yet" in page.info[0].value
    assert calls(page) == [["Asha Rao", "P-000001", "+91 98765 43210", "15:00", "Dr A", "booked 30 days ahead"]]


def test_the_figures_of_the_model(tomorrow: World, manager: Actor) -> None:
    """Tiles, the chart, and the same numbers in a table."""
    page = part(screen.open_page("planning", tomorrow.clinic, manager), "How good is it")
    said = " ".join(screen.said(page).split())
    assert "Made Mon 2 Mar 08:00 from 1,000 visits booked at least a day ahead, 1 Jan 2025 to 1 Mar 2026" in said
    for figure in ("15.0%", "45%", "70%", "0.1000", "0.1250 at one risk for all: 20.0% less"):
        assert figure in said
    assert "| 2 | 100 | 25.0% | 26.0% | 18%\u2060–\u206035% |" in said
    assert len(page.get("plotly_chart")) == 1
    assert not page.warning


def test_a_refusal_is_said_with_the_figures_behind_it(world: World, manager: Actor) -> None:
    """Where it was tested and found no better than nothing, the test is shown; where it is too thin there is none."""
    world.clinic.models.save(Model(trained_at=make.NOW, refusal="The model is not used.", quality=QUALITY))
    page = part(screen.open_page("planning", world.clinic, manager), "How good is it")
    assert screen.said(page).count("The model is not used.") == 1
    assert len(page.get("plotly_chart")) == 1
    world.clinic.models.save(Model(trained_at=make.NOW, refusal="There is too little to learn from."))
    screen.run(page)
    assert "too little" in page.warning[0].value
    assert not page.get("plotly_chart")


def test_nothing_was_trained_yet(world: World, manager: Actor) -> None:
    """An empty state that says when there will be something."""
    page = part(screen.open_page("planning", world.clinic, manager), "How good is it")
    assert "once a day and when the system starts" in screen.said(page)


def year(world: World) -> None:
    """A year of Dr A's: 100 visits due, 20 of them missed."""
    rng = random.Random(3)
    made: list[Appointment] = []
    for n in range(100):
        on = make.MONDAY - timedelta(days=365 - 3 * n)
        status = S.NOSHOW if n % 5 == 0 else S.FULFILLED
        made.append(
            make.appointment(
                patient_id=world.asha.id,
                start=make.at(f"{rng.randrange(9, 13):02}:00", on),
                day=on,
                status=status,
                booked_at=make.at("12:00", on - timedelta(days=3)),
            )
        )
    world.clinic.appointments.add_many(made, held_since=date.max)


def test_a_plan_without_figures_waits(world: World, manager: Actor) -> None:
    """A clinic of a few days has no year."""
    page = part(screen.open_page("planning", world.clinic, manager), "What if")
    assert "fewer than 28 days of figures" in screen.said(page)


def test_every_assumption_is_a_sentence_with_its_field(world: World, manager: Actor) -> None:
    """What history suggests stands in it."""
    year(world)
    page = part(screen.open_page("planning", world.clinic, manager), "What if")
    fields = {field.label: field.value for field in page.number_input}
    assert {label.split(".")[0]: value for label, value in fields.items()} == {
        "No-show rate in %": 20.0,
        "Extra bookings per session": 0,
        "When prices rise by 10%, visits change by …%": 0.0,
        "Extra hours are filled to …%": 0.4,
        "Changed hours are worked in … weeks of the year": 52.0,
        "Of the extra bookings …% find somebody who wants them": 100.0,
        "When more come than there are places, …% of those beyond are seen all the same": 0.0,
        "Of what is billed …% comes in": 100.0,
    }
    assert "Change a price, the hours" in screen.said(page)
    assert not page.get("plotly_chart")


def test_a_plan_changes_the_year(world: World, manager: Actor, clock: make.Clock) -> None:
    """500.00 a year: ten percent dearer, and 10 instead of 20 % missed, is 500 x 1.1 x .9 / .8."""
    year(world)
    clock.set("10:00", make.MONDAY - timedelta(days=200))
    bill(world, manager)
    clock.set("10:00")
    page = part(screen.open_page("planning", world.clinic, manager), "What if")
    assert "₹500.00" in screen.said(page)
    page.session_state["plan.prices"] = {
        "edited_rows": {"0": {"Price %": 10.0}}, "added_rows": [], "deleted_rows": [],
    }  # fmt: skip
    screen.run(page)
    assert "| Prices | +₹50.00 |" in screen.said(page)
    screen.field(page, "number_input", "No-show rate in %").set_value(10.0)
    said = screen.said(screen.run(page))
    assert "| No-shows | +₹68.75 |" in said
    assert "| Altogether | +₹118.75 |" in said
    assert "₹618.75" in said
    assert len(page.get("plotly_chart")) == 1


def bill(world: World, actor: Actor) -> None:
    """A consultation of Asha's for 500.00, billed now."""
    made = billing.new_draft(
        world.clinic, actor, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A
    )
    billing.issue(world.clinic, actor, billing.set_lines(world.clinic, actor, made, [make.line()]))


def test_what_the_first_calls_reach() -> None:
    """Twenty visits of which one has half the risk."""
    row = planning.CallRow(appointment=make.appointment(), patient=make.patient(), risk=0.5, reasons=())
    low = planning.CallRow(appointment=row.appointment, patient=row.patient, risk=0.025, reasons=())
    told = planning_calls.summary([*[row] * 4, *[low] * 16])
    assert told == "About 2 of 20 visits will be missed. The first 15 on the list stand for 95% of that."
    assert planning_calls.summary([low]) == "Perhaps one of 1 visit will be missed."


def test_the_chart_of_a_loss_has_room_for_its_texts() -> None:
    """Bars to the left keep their figures inside; nothing at all is drawn without dividing by zero."""
    figure = planning_charts.changes(
        [step.value for step in Step], [0.0, -100.0, 0.0, -100.0], ["", "-100", "", "-100"]
    )
    low, high = figure.layout.xaxis.range
    assert low < -100
    assert high > 0
    assert planning_charts.changes(["a"], [0.0], ["0"]).layout.xaxis.range == (0.0, pytest.approx(0.36))
