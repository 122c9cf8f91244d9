"""The Messages page: who is left out, what went out and failed, figures; and the messages on the patient's record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.alerts import Severity
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.messages import Delivery, MessageKind, MessagePolicy, MessageStatus, OptOut, Reason
from clinic_core.domain.people import ContactBy
from clinic_core.services import alerts, directory
from tests import make
from tests.conftest import World
from tests.pages import clicks, screen

M, S = MessageStatus, AppointmentStatus
PARTS = ["Replies", "Tomorrow", "Sent", "Failed", "Figures"]


def part(clinic: Clinic, actor: Actor, name: str) -> AppTest:
    """The page with that part open."""
    return screen.open_page("messages", clinic, actor, messages=name)


def visit(world: World, hours: str = "10:00", **changes: object) -> Appointment:
    made = make.appointment(**{"patient_id": world.asha.id, "start": make.at(hours, make.TUESDAY), **changes})
    world.clinic.appointments.add(made)
    return made


@pytest.mark.parametrize("name", PARTS)
def test_each_part_helps_while_there_is_nothing(world: World, manager: Actor, name: str) -> None:
    """What belongs here, and what has to be set up before messages really go out."""
    page = part(world.clinic, manager, name)

    assert not page.error
    said = screen.said(page)
    assert "TWILIO_ACCOUNT_SID" in said and "SMTP_HOST" in said
    assert any(word in said for word in ("No reply waits", "No message is due", "Nothing went out", "Nothing failed"))


def test_doctors_are_refused_and_reception_sees_no_costs(world: World, doctor: Actor, reception: Actor) -> None:
    """Figures are the manager's."""
    assert "may not open" in screen.errors(screen.open_page("messages", world.clinic, doctor))[0]
    assert screen.open_page("messages", world.clinic, reception).segmented_control(key="messages").options == PARTS[:-1]


def test_whom_to_call_for_tomorrow(world: World, reception: Actor) -> None:
    """With the phone and the reason; a call that reached them is one click, and they leave the list."""
    silent = make.patient(name="Zoë Fernandes", contact_by=ContactBy.NONE)
    world.clinic.patients.add(silent)
    left_out = visit(world, patient_id=silent.id)
    world.clinic.communications.add_many([make.reminder(visit(world, "11:00"), status=M.PREPARATION)])
    page = part(world.clinic, reception, "Tomorrow")

    assert "2 visits are not confirmed; nobody reminds 1 of them: 1 does not want messages." in screen.said(page)
    (row,) = screen.component(page, "messages.unreminded")["rows"]
    assert row["cells"][0] == "Zoë Fernandes" and row["cells"][2] == "+91 98765 43210"
    clicks.step(page, "messages.unreminded", left_out.id, "confirm")
    assert "All 1 patients who did not confirm yet are reminded" in screen.said(page)


def test_what_went_out_and_its_words(world: World, reception: Actor) -> None:
    """A row opens the message: its text as the patient read it, what became of it, what to do."""
    lost = make.reminder(
        visit(world), text="Come *soon*", delivery=Delivery.UNDELIVERED, error_code="30005", cost_micros=115_000
    )
    world.clinic.communications.add_many([lost, make.reminder(visit(world, "11:00"), delivery=Delivery.DELIVERED)])
    page = part(world.clinic, reception, "Sent")
    assert "2 messages, 1 arrived, 1 not delivered" in screen.said(page)

    clicks.step(page, "messages.sent", lost.id, "open")
    said = screen.said(page)
    assert "Come *soon*" in said and "Nobody has this number. Ask for the right one." in said and "₹0.115" in said

    page.pills(key="messages.sent.lost").set_value("Not delivered")
    screen.run(page)
    assert [row["id"] for row in screen.component(page, "messages.sent")["rows"]] == [lost.id]


def test_a_dead_letter_is_sent_again(world: World, reception: Actor) -> None:
    """It says why it failed and what to do; one click puts it back into the outbox."""
    dead = make.reminder(visit(world), status=M.NOT_DONE, reason=Reason.NO_ANSWER, sent_at=None, sent_on=None)
    world.clinic.communications.add_many([dead])
    page = part(world.clinic, reception, "Failed")
    (row,) = screen.component(page, "messages.failed")["rows"]
    assert row["cells"][4]["text"] == "The carrier did not answer"

    clicks.step(page, "messages.failed", dead.id, "again")
    assert "Nothing failed" in screen.said(page)
    found = world.clinic.communications.find(dead.id)
    assert found is not None and found.status is M.PREPARATION


def test_what_is_of_no_use_any_more_is_put_aside_at_once(world: World, reception: Actor, clock: make.Clock) -> None:
    """A week's dead letters are not clicked away one by one; those that can still go out stay."""
    past, ahead = visit(world, "10:00"), visit(world, "10:00", start=make.at("10:00", make.SUNDAY))
    dead = [make.reminder(one, status=M.NOT_DONE, reason=Reason.REFUSED) for one in (past, ahead)]
    world.clinic.communications.add_many(dead)
    clock.pass_(days=2)
    page = part(world.clinic, reception, "Failed")
    assert "2 failed" in screen.said(page)

    page.button(key="messages.aside.all").click()
    screen.run(page)
    assert [one.id for one in world.clinic.communications.failed()] == [dead[1].id]


def test_a_budget_that_is_used_up_is_told_to_everybody(world: World, reception: Actor) -> None:
    """Reception wonders otherwise why nothing goes out."""
    alerts.raise_alert(world.clinic, "messages:budget", severity=Severity.CRITICAL, summary="It is used up.")
    alerts.raise_alert(world.clinic, "backup:overdue", severity=Severity.CRITICAL, summary="Not theirs.")

    assert screen.errors(part(world.clinic, reception, "Tomorrow")) == [r"It is used up\."]


def test_what_a_restore_put_on_hold_is_released_at_once(world: World, reception: Actor) -> None:
    """A hundred clicks would not be made; it is asked for twice."""
    held = [make.reminder(visit(world, h), status=M.ON_HOLD, reason=Reason.RESTORED) for h in ("10:00", "11:00")]
    world.clinic.communications.add_many(held)
    page = part(world.clinic, reception, "Failed")
    assert "2 messages wait since the records were restored" in screen.said(page)

    page.button(key="messages.release.all").click()
    screen.run(page)
    assert world.clinic.communications.on_hold() == []
    assert [toast.value for toast in page.toast] == ["2 messages are let go out."]


def test_every_figure_opens_its_rows(world: World, manager: Actor, clock: make.Clock) -> None:
    """Costs by kind and by day, and whether who confirmed came; rows show numbers, not names."""
    directory.save_message_policy(world.clinic, manager, MessagePolicy(monthly_budget_micros=250_000))
    came = visit(world, status=S.FULFILLED, confirmed_at=make.NOW)
    missed = visit(world, "11:00", status=S.NOSHOW, patient_id=world.ben.id)
    cost = {"segments": 1, "cost_micros": 115_000}
    world.clinic.communications.add_many(
        [
            make.reminder(came, delivery=Delivery.DELIVERED, **cost),
            make.reminder(missed, delivery=Delivery.DELIVERED, **cost),
            make.reminder(missed, delivery=Delivery.FAILED, lead_minutes=120, **cost),
        ]
    )
    clock.pass_(days=2)
    page = part(world.clinic, manager, "Figures")
    assert "The budget is used up" in screen.errors(page)[0]
    kinds = {row["id"]: row["cells"] for row in screen.component(page, "messages.kinds")["rows"]}
    assert kinds["kind:reminder"] == ["Reminder", "3", "3", "₹0.35", "2", "1"]

    clicks.step(page, "messages.kinds", "kind:reminder", "lost")
    (row,) = screen.component(page, "messages.rows")["rows"]
    assert row["cells"][0] == world.ben.number and "Ben" not in str(row)
    clicks.step(page, "messages.visits", "visits:0", "rows")
    (row,) = screen.component(page, "messages.rows")["rows"]
    assert (row["cells"][0], row["cells"][2]["text"]) == (world.ben.number, "No-show")
    screen.click(page, "Close")
    assert not [e for e in page.get("bidi_component") if "messages.rows" in e.proto.id]


def test_a_time_that_became_free_is_offered(world: World, manager: Actor, reception: Actor) -> None:
    """In the drawer of the cancelled visit: choose somebody, one click, and it says when they are told."""
    directory.save_message_policy(world.clinic, manager, MessagePolicy(kinds=(MessageKind.WAITLIST_OFFER,)))
    freed = visit(world, status=S.CANCELLED)
    page = screen.open_page("today", world.clinic, reception, visit_drawer__id=freed.id)
    clicks.pick(page, "Ben", "Ben")
    screen.click(page, "Offer it")

    assert "Ben Müller is offered the time by SMS" in screen.said(page)
    (made,) = world.clinic.communications.of_patient(world.ben.id)
    assert made.about_start == freed.start


def test_a_patient_is_asked_once_to_come_again(world: World, manager: Actor, reception: Actor) -> None:
    """From the record of who agreed to it and has nothing booked; the button goes with the message."""
    directory.save_message_policy(world.clinic, manager, MessagePolicy(kinds=(MessageKind.RECALL,)))
    world.clinic.patients.save(replace(world.asha, outreach_consent=True))
    last = visit(world, start=make.at("08:00"), status=S.FULFILLED)
    page = screen.open_page("patients", world.clinic, reception)
    page.query_params["patient"] = world.asha.id
    screen.run(page)
    page.segmented_control(key="patient_record.section").set_value("Messages")
    screen.run(page)

    screen.click(page, "Ask to come again")
    (made,) = world.clinic.communications.about(last.id)
    assert (made.kind, made.status) == (MessageKind.RECALL, M.PREPARATION)
    assert "Ask to come again" not in [button.label for button in page.button]


def test_the_record_shows_what_a_patient_was_written(world: World, reception: Actor) -> None:
    """And that the phone stopped messages, which nobody would guess from an empty list."""
    world.clinic.communications.add_many([make.reminder(visit(world), delivery=Delivery.DELIVERED)])
    line = OptOut(id="1", recipient=world.asha.phone, stopped=True, at=make.NOW, source="reply")
    world.clinic.opt_outs.record(line)
    page = screen.open_page("patients", world.clinic, reception)
    page.query_params["patient"] = world.asha.id
    screen.run(page)
    page.segmented_control(key="patient_record.section").set_value("Messages")
    screen.run(page)

    assert "Wrote STOP on 2 Mar 2026" in screen.said(page)
    (row,) = screen.component(page, "patient_messages.rows")["rows"]
    assert row["cells"][4]["text"] == "Arrived"
