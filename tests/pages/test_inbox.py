"""Reception's board of replies, as the desk sees it."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor
from clinic_core.domain.messages import Channel, InboundMessage
from clinic_core.domain.replies import Written
from clinic_core.services import replies
from tests import make
from tests.conftest import World
from tests.pages import screen

ASHA = "+919876543210"


def panel() -> None:
    """The board on a page of its own."""
    from ui import inbox, visit_drawer  # noqa: PLC0415 - the script runs by itself

    inbox.show()
    visit_drawer.show()


def board(world: World, actor: Actor) -> AppTest:
    """The board drawn for somebody."""
    page = AppTest.from_function(panel, default_timeout=20)
    page.session_state["clinic"], page.session_state["actor"] = world.clinic, actor
    return screen.run(page)


def wrote(world: World, text: str, **changes: Any) -> InboundMessage:
    """A reply that waits."""
    given = {"id": f"SM{len(text):032x}", "sender": ASHA, "channel": Channel.SMS, "text": text}
    return replies.receive(world.clinic, Written(**{**given, **changes}))


def test_an_empty_board_says_what_comes_here(world: World, reception: Actor) -> None:
    """Nobody wonders whether it is broken."""
    assert "No reply waits" in screen.said(board(world, reception))


def test_who_wrote_what_and_done_with_a_way_back(world: World, reception: Actor) -> None:
    """What people wrote is shown as they wrote it, and a slip can be undone."""
    wrote(world, "May I bring *my* son?")
    page = board(world, reception)
    said = screen.said(page)
    assert "Asha Rao" in said
    assert "May I bring *my* son?" in said
    assert "+91 98765 43210" in said

    screen.click(page, "Done")
    assert world.clinic.inbound.count_open() == 0
    assert "No reply waits" in screen.said(page)
    screen.click(page, "Undo")
    assert world.clinic.inbound.count_open() == 1
    assert "May I bring" in screen.said(page)


def test_a_shared_phone_offers_each_record(world: World, reception: Actor) -> None:
    """It is not known who of them wrote."""
    world.clinic.patients.add_many([make.patient(id="kid", number="P-000003", name="Kim Rao", phone=ASHA)])
    wrote(world, "hello")
    page = board(world, reception)
    assert "Asha Rao, Kim Rao" in screen.said(page)
    assert {"Record P-000001", "Record P-000003"} <= {button.label for button in page.button}


def test_the_desk_stops_and_allows_messages(world: World, reception: Actor) -> None:
    """As somebody asked by phone; each is one line of the ledger."""
    wrote(world, "no more of this, please, whoever you are")
    page = board(world, reception)
    screen.click(page, "Stop messages")
    assert "wants no messages" in screen.said(page)
    screen.click(page, "Allow messages")
    assert [(line.stopped, line.by) for line in world.clinic.opt_outs.history(ASHA)] == [
        (True, "reception"),
        (False, "reception"),
    ]


def test_an_open_visit_is_at_hand(world: World, reception: Actor) -> None:
    """Who cancels too late is told to call; the desk sees which visit it is."""
    visit = make.appointment(patient_id=world.asha.id, start=make.at("15:00"))
    world.clinic.appointments.add(visit)
    world.clinic.communications.add_many([make.reminder(visit)])
    wrote(world, "X")
    page = board(world, reception)
    assert "too late to do it by reply" in screen.said(page)
    assert "About Mon 2 Mar 15:00 with Dr A: expected" in screen.said(page)
    screen.click(page, "Open visit")
    assert "Cancel the visit" in {button.label for button in page.button}


def test_a_doctor_sees_no_board(world: World, doctor: Actor) -> None:
    """The service refuses, whatever page drew the panel."""
    wrote(world, "hello")
    page = board(world, doctor)
    assert "hello" not in screen.said(page)
    assert "may not do this" in screen.errors(page)[0]


def test_the_record_stops_and_allows_messages_too(world: World, reception: Actor) -> None:
    """Who says so at the desk need not write first."""
    page = screen.open_page("patients", world.clinic, reception)
    page.query_params["patient"] = world.asha.id
    screen.run(page)
    page.segmented_control(key="patient_record.section").set_value("Messages")
    screen.run(page)
    screen.click(page, "Stop messages")
    assert "Asked for no messages on 2 Mar 2026" in screen.said(page)
    assert world.clinic.opt_outs.stopped(ASHA)
    screen.click(page, "Allow messages")
    assert not world.clinic.opt_outs.stopped(ASHA)
