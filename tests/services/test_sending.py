"""Sending to a carrier that behaves like Twilio: once, to whom it may go, and what becomes of every failure."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clinic_core.bench.twilio_server import ACCOUNT, FROM, TOKEN, Fault, TwilioServer
from clinic_core.clinic import Clinic, open_clinic
from clinic_core.domain import templates
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, CancelReason
from clinic_core.domain.carriers import CarrierError, Outgoing, Taken
from clinic_core.domain.carriers import Fault as Fault_
from clinic_core.domain.dispatching import MOST_ATTEMPTS
from clinic_core.domain.ids import new_id
from clinic_core.domain.message_words import Answer
from clinic_core.domain.messages import (
    Channel,
    Communication,
    Delivery,
    MessageKind,
    MessagePolicy,
    MessageStatus,
    OptOut,
    Reason,
)
from clinic_core.domain.people import ContactBy
from clinic_core.domain.templates import Matter
from clinic_core.embedded import free_port
from clinic_core.gateways.sms import TwilioCarrier, is_it
from clinic_core.services import alerts, appointments, composing, messages, send_results, sending
from clinic_core.services.send_results import Pace
from clinic_core.settings import Settings
from tests import make
from tests.conftest import World

K, M = MessageKind, MessageStatus
TUESDAY = make.TUESDAY
AT_ONCE = Pace(patience=timedelta(0), first_delay=timedelta(0))
QUICK = 0.5  # seconds


@pytest.fixture
def carrier() -> Iterator[TwilioServer]:
    """Twilio, on this machine."""
    with TwilioServer(hang_seconds=3) as server:
        yield server


@pytest.fixture
def desk(world: World, carrier: TwilioServer) -> Clinic:
    """The clinic with an account there, that may write to everybody, of visits booked, moved and cancelled."""
    clinic = world.clinic
    given = Settings(
        database_url=clinic.settings.database_url,
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        twilio_phone_number=FROM,
        twilio_api_url=carrier.url,
        public_url="https://clinic.example.org",
        messages_to=("everybody",),
    )
    opened = replace(
        clinic, settings=given, carriers={Channel.SMS: TwilioCarrier(given, Channel.SMS, FROM, timeout=QUICK)}
    )
    policy(opened, kinds=(K.CONFIRMATION, K.CANCELLED, K.CHANGED, K.REPLY), messages_per_second=1000)
    return opened


def policy(clinic: Clinic, **changes: Any) -> None:
    """Save what the clinic decides."""
    found = clinic.directory().message_policy
    clinic.message_policies.save(replace(found, **changes))
    clinic.forget_directory()


def booked(clinic: Clinic, world: World, reception: Actor, hours: str = "15:00", **changes: Any) -> Appointment:
    """Asha's consultation tomorrow, confirmed a minute from now."""
    wanted = appointments.draft(
        clinic,
        appointment_id=new_id(),
        patient_id=changes.get("patient_id", world.asha.id),
        practitioner_id=make.DR_A,
        service_id=make.CONSULTATION,
        start=make.at(hours, changes.get("day", TUESDAY)),
    )
    made = appointments.book(clinic, reception, wanted)
    clock: make.Clock = clinic.now  # type: ignore[assignment]
    clock.pass_(minutes=2)
    return made


def only(clinic: Clinic, visit: Appointment) -> Communication:
    """The visit's one message."""
    (found,) = clinic.communications.about(visit.id)
    return found


def test_what_is_due_goes_out_once_with_its_reference(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """What was sent stands beside what the carrier calls it, and the carrier reports to an address of this message."""
    visit = booked(desk, world, reception)
    assert sending.send_due(desk) == 1
    assert sending.send_due(desk) == 0
    found, (sms,) = only(desk, visit), carrier.messages
    assert (found.status, found.provider_id, found.text, found.recipient) == (M.COMPLETED, sms.sid, sms.body, sms.to)
    assert (sms.to, sms.sender) == (world.asha.phone, FROM)
    assert found.reference in sms.body
    assert sms.callback == f"https://clinic.example.org/twilio/status?m={found.id}"
    assert found.sent_on == make.MONDAY
    assert desk.communications.by_provider_id(sms.sid) == found
    assert desk.communications.latest_to(sms.to, since=make.NOW) == [found]


def test_nothing_goes_before_its_time(desk: Clinic, world: World, reception: Actor, carrier: TwilioServer) -> None:
    """A confirmation waits a minute, in which the desk may correct itself."""
    booked(desk, world, reception)
    desk.now.pass_(minutes=-2)  # type: ignore[attr-defined]
    assert sending.send_due(desk) == 0
    assert carrier.messages == []


def test_the_visit_as_it_is_decides_not_the_row(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desk that cancelled died before it stopped the messages."""
    visit = booked(desk, world, reception)
    monkeypatch.setattr(messages, "after", lambda *_, **__: None)
    appointments.cancel(desk, reception, visit, CancelReason.PATIENT)
    assert sending.send_due(desk) == 0
    assert only(desk, visit).reason is Reason.VISIT_CANCELLED
    assert carrier.messages == []


@pytest.mark.parametrize("planned", [True, False])
def test_a_visit_that_is_cancelled_between_the_look_and_the_call_gets_no_confirmation(
    desk: Clinic,
    world: World,
    reception: Actor,
    carrier: TwilioServer,
    monkeypatch: pytest.MonkeyPatch,
    planned: bool,
) -> None:
    """A batch of fifty takes a while: what was true at its beginning may not be at its end, planned already or not."""
    visit = booked(desk, world, reception)
    allowed = sending._allowed

    def meanwhile(*args: Any) -> Any:
        monkeypatch.undo()
        with monkeypatch.context() as other:
            if not planned:
                other.setattr(messages, "after", lambda *_, **__: None)
            appointments.cancel(desk, reception, visit, CancelReason.PATIENT)
        return allowed(*args)

    monkeypatch.setattr(sending, "_allowed", meanwhile)
    assert sending.send_due(desk) == 0
    assert carrier.messages == []
    messages.plan(desk)
    assert sending.send_due(desk) == 1
    kinds = {one.kind: one.status for one in desk.communications.about(visit.id)}
    assert kinds == {K.CONFIRMATION: M.STOPPED, K.CANCELLED: M.COMPLETED}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"contact_by": ContactBy.NONE}, Reason.NO_CONSENT),
        ({"phone": ""}, Reason.NO_RECIPIENT),
        ({}, Reason.OPTED_OUT),
    ],
)
def test_who_does_not_want_it_or_cannot_get_it_stops_nobody_else(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer, changes: dict[str, Any], reason: Reason
) -> None:
    """Runs that stop at the first patient without a phone; messages to people who said STOP."""
    visit = booked(desk, world, reception)
    other = booked(desk, world, reception, "16:00", patient_id=world.ben.id)
    desk.patients.save(replace(world.asha, **changes)) if changes else desk.opt_outs.record(
        OptOut(id="o", recipient=world.asha.phone, stopped=True, at=make.NOW, source="reply")
    )
    assert sending.send_due(desk) == 1
    assert (only(desk, visit).status, only(desk, visit).reason) == (M.STOPPED, reason)
    assert only(desk, other).status is M.COMPLETED


def test_a_record_that_cannot_be_read_stops_nobody_else(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """One patient's document that something else has spoilt, and nobody would hear from the clinic any more."""
    visit = booked(desk, world, reception)
    other = booked(desk, world, reception, "16:00", patient_id=world.ben.id)
    desk.database["patients"].update_one({"_id": world.asha.id}, {"$set": {"created_at": "yesterday"}})
    assert sending.send_due(desk) == 1
    assert (only(desk, visit).status, only(desk, other).status) == (M.NOT_DONE, M.COMPLETED)


def test_in_quiet_hours_it_waits_for_their_end(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """A sidecar that was down all evening must not make up for it at midnight."""
    visit = booked(desk, world, reception, day=make.MONDAY + timedelta(days=2))
    desk.now.set("23:30")  # type: ignore[attr-defined]
    assert sending.send_due(desk) == 0
    assert only(desk, visit).retry_at == make.at("08:00", TUESDAY)
    desk.now.set("08:00", TUESDAY)  # type: ignore[attr-defined]
    assert sending.send_due(desk) == 1


def test_too_late_is_not_sent(desk: Clinic, world: World, reception: Actor, carrier: TwilioServer) -> None:
    """After four days asleep nobody is told of what has passed."""
    visit = booked(desk, world, reception)
    desk.now.pass_(days=4)  # type: ignore[attr-defined]
    sending.send_due(desk)
    assert (only(desk, visit).status, only(desk, visit).reason) == (M.NOT_DONE, Reason.TOO_LATE)


@pytest.mark.parametrize(
    ("lead", "change", "wanted"),
    [
        (120, {}, (M.NOT_DONE, Reason.TOO_LATE)),
        (1440, {}, (M.STOPPED, Reason.TOO_LATE)),  # another one comes two hours before
        (120, {"reason": Reason.BUDGET}, (M.NOT_DONE, Reason.BUDGET)),
        (120, {"about_start": make.at("09:00", TUESDAY)}, (M.STOPPED, Reason.VISIT_MOVED)),
    ],
)
def test_a_reminder_whose_time_went_by_is_shown_to_somebody(
    desk: Clinic, world: World, reception: Actor, lead: int, change: dict[str, Any], wanted: tuple[M, Reason]
) -> None:
    """Nobody else learns that a patient was not reminded; but of what was of no use any more nobody has to."""
    policy(desk, kinds=(K.REMINDER,), reminder_minutes=(1440, 120))
    visit = booked(desk, world, reception, day=make.MONDAY + timedelta(days=4))
    (row,) = [one for one in desk.communications.about(visit.id) if one.lead_minutes == lead]
    desk.communications.change(row, replace(row, **change))
    desk.now.set("18:00", make.MONDAY + timedelta(days=4))  # type: ignore[attr-defined]
    sending.send_due(desk)
    found = desk.communications.find(row.id)
    assert found is not None
    assert (found.status, found.reason) == wanted


def test_where_nobody_may_be_written_to_the_log_says_so_without_names(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A copy of real data on a developer's machine must not write to real people, nor show them."""
    quiet = replace(desk, settings=replace(desk.settings, messages_to=("+15005550001",)))
    visit = booked(quiet, world, reception)
    with caplog.at_level(logging.INFO, "clinic_core.messages"):
        assert sending.send_due(quiet) == 1
    found = only(quiet, visit)
    assert (found.status, found.provider_id, found.cost_micros) == (M.COMPLETED, f"console:{found.id}", 0)
    assert carrier.messages == []
    (record,) = caplog.records
    assert record.fields == {"kind": "confirmation", "channel": "sms", "reference": found.reference}  # type: ignore[attr-defined]
    assert world.asha.phone not in record.getMessage()


def test_a_channel_that_is_not_set_up_is_switched_off(desk: Clinic, world: World, reception: Actor) -> None:
    """Waiting for ever for a carrier that nobody has an account with."""
    bare = replace(desk, carriers={})
    visit = booked(bare, world, reception)
    sending.send_due(bare)
    assert only(bare, visit).reason is Reason.SWITCHED_OFF


@pytest.mark.parametrize(
    ("code", "reason"), [(21610, Reason.OPTED_OUT), (21614, Reason.BAD_RECIPIENT), (30034, Reason.REFUSED)]
)
def test_what_the_carrier_refuses_is_a_dead_letter_with_its_code(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer, code: int, reason: Reason
) -> None:
    """Tried again and again, it costs the number its good name; an opt-out that only the carrier knows is kept."""
    carrier.refused[world.asha.phone] = code
    visit = booked(desk, world, reception)
    sending.send_due(desk)
    found = only(desk, visit)
    assert (found.status, found.reason, found.error_code) == (M.NOT_DONE, reason, str(code))
    assert desk.opt_outs.stopped(world.asha.phone) == (code == 21610)
    assert desk.communications.failed() == [found]


def test_a_queue_that_is_full_at_the_carrier_costs_no_message(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """On a busy morning the carrier refuses the next message for a while, and not for its sake."""
    carrier.refused[world.asha.phone] = 21611
    visit = booked(desk, world, reception)
    sending.send_due(desk)
    assert only(desk, visit).status is M.PREPARATION
    carrier.refused.clear()
    desk.now.pass_(minutes=1)  # type: ignore[attr-defined]
    assert sending.send_due(desk) == 1


def test_a_busy_carrier_is_left_alone_for_as_long_as_it_asks(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """Hammering a carrier that says 429 gets the account closed."""
    carrier.next_faults, carrier.retry_after = [Fault.BUSY], 120
    visit = booked(desk, world, reception)
    assert sending.send_due(desk) == 0
    waits = only(desk, visit)
    assert (waits.status, waits.retry_at) == (M.PREPARATION, desk.server_now() + timedelta(seconds=120))
    assert sending.send_due(desk) == 0
    desk.now.pass_(seconds=121)  # type: ignore[attr-defined]
    assert sending.send_due(desk) == 1
    assert len(carrier.messages) == 1


@pytest.mark.parametrize("fault", [one for one in Fault if one is not Fault.BUSY])
def test_where_nobody_knows_the_carrier_is_asked_before_it_goes_again(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer, fault: Fault
) -> None:
    """Sent again at once, half of them come twice; never sent again, the other half is lost."""
    carrier.next_faults = [fault]
    visit = booked(desk, world, reception)
    assert sending.send_due(desk) == 0
    assert only(desk, visit).status is M.IN_PROGRESS
    assert sending.reconcile(desk) == 0, "its sender may still be at it"
    assert sending.reconcile(desk, pace=AT_ONCE) == 1
    sending.send_due(desk)
    found, (sms,) = only(desk, visit), carrier.messages
    assert (found.status, found.provider_id) == (M.COMPLETED, sms.sid)
    assert found.attempts == (1 if "after" in fault.value else 2)


def test_a_message_is_found_on_a_later_page(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """A family's number gets more than one page of messages a week; the newest come first."""
    carrier.next_faults = [Fault.ERROR_AFTER]
    visit = booked(desk, world, reception)
    sending.send_due(desk)
    for _ in range(60):
        carrier.post({"To": world.asha.phone, "From": FROM, "Body": "Something else, Ref ZZZZZZ"})
    sending.reconcile(desk, pace=AT_ONCE)
    assert only(desk, visit).status is M.COMPLETED
    assert len(carrier.messages) == 61


@pytest.mark.parametrize("shown", ["Sent from your Twilio trial account - {}", "{}"])
def test_an_answer_that_quotes_a_reference_is_not_taken_for_the_message(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer, shown: str
) -> None:
    """ "Which visit?" lists the references of others, after them: whoever takes it for one of them loses that one."""
    carrier.next_faults = [Fault.ERROR_BEFORE]
    visit = booked(desk, world, reception)
    sending.send_due(desk)
    found = only(desk, visit)
    quoting = answer_which(desk, world, found)
    carrier.post({"To": world.asha.phone, "From": FROM, "Body": quoting})
    sending.reconcile(desk, pace=AT_ONCE)
    assert only(desk, visit).status is M.PREPARATION
    carrier.next_faults = [Fault.ERROR_AFTER]
    taken = carrier.messages
    sending.send_due(desk)
    taken[-1] = replace(taken[-1], body=shown.format(taken[-1].body))
    sending.reconcile(desk, pace=AT_ONCE)
    assert (only(desk, visit).status, only(desk, visit).provider_id) == (M.COMPLETED, taken[-1].sid)
    assert is_it(composing.as_it_was(desk, replace(found, text=quoting)), quoting), "an answer finds itself"


@pytest.mark.parametrize(
    ("text", "body", "wanted"),
    [
        ("See you. Ref 7KD4QX", "See you. Ref 7KD4QX", True),
        ("See you – Ref 7KD4QX", "Trial account - See you - Ref 7KD4QX", True),  # noqa: RUF001 - signs are changed
        ("See you. RefNo7KD4QX_", "See you. RefNo7KD4QX_", True),  # as the clinic wrote its words
        ("नमस्ते7KD4QX", "नमस्ते7KD4QX", True),
        ("C 7KD4QX (or call) to confirm", "C 7KD4QX (or call) to confirm", True),
        ("See you. Ref 7KD4QX", "Which? C 7KD4QX (Tue 10 am), C 9MM9PP (Tue 11 am). Ref 8NN8RR", False),
        ("See you. Ref 7KD4QX", "See you. Ref 7KD4QXX", False),
    ],
)
def test_a_message_is_known_by_its_reference(text: str, body: str, wanted: bool) -> None:
    """Not known again, it would go out up to twelve times; another one taken for it, it would be lost."""
    message = Outgoing(
        id="m", kind=K.REMINDER, channel=Channel.SMS, reference="7KD4QX", recipient="+919800000001", text=text
    )
    assert is_it(message, body) is wanted


def answer_which(clinic: Clinic, world: World, message: Communication) -> str:
    """The answer that asks which of two visits is meant."""
    view = clinic.directory()
    times = ((make.at("15:00", TUESDAY), f"C {message.reference}"), (make.at("16:00", TUESDAY), "C 7KD4QX"))
    matter = Matter(patient_name=world.asha.name, answer=Answer.WHICH, choices=times, reference="9MM9PP")
    return templates.compose(
        view.template(K.REPLY, Channel.SMS, "en"), matter, view.organization, view.message_policy
    ).text


def test_what_the_carrier_has_for_another_message_is_not_this_one(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """Its id can be noted once: whoever tries that for ever sends nothing any more."""
    first = booked(desk, world, reception, "14:00")
    sending.send_due(desk)
    carrier.next_faults = [Fault.ERROR_BEFORE]
    visit = booked(desk, world, reception)
    sending.send_due(desk)
    sms = carrier.messages[0]
    carrier.messages[0] = replace(sms, body=f"{sms.body} {only(desk, visit).reference}")
    assert sending.reconcile(desk, pace=AT_ONCE) == 1
    assert only(desk, visit).status is M.PREPARATION
    assert only(desk, first).provider_id == sms.sid


def test_a_carrier_that_is_silent_is_asked_once(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question may wait ten seconds; meanwhile nothing that is due goes out, e-mail neither."""
    for hours in ("14:00", "15:00"):
        booked(desk, world, reception, hours)
    carrier.next_faults = [Fault.ERROR_BEFORE] * 2
    sending.send_due(desk)
    asked: list[str] = []

    def silent(_: TwilioCarrier, message: Outgoing, **__: Any) -> None:
        asked.append(message.id)
        raise CarrierError(Fault_.UNKNOWN)

    monkeypatch.setattr(TwilioCarrier, "find", silent)
    assert sending.reconcile(desk, pace=AT_ONCE) == 0
    assert len(asked) == 1


def test_a_slow_carrier_ends_the_run_and_what_was_not_sent_costs_nothing(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of fifty would be judged minutes before it goes: quiet hours, or the visit, may have begun by then."""
    policy(desk, sms_price_micros=40_000, monthly_budget_micros=10**9)
    visits = [booked(desk, world, reception, hours) for hours in ("14:00", "15:00")]
    real, spent = time.monotonic, [0.0]
    take = TwilioCarrier.send

    def slow(carrier: TwilioCarrier, message: Outgoing) -> Taken:
        spent[0] += sending.RUN_SECONDS
        return take(carrier, message)

    monkeypatch.setattr(TwilioCarrier, "send", slow)
    monkeypatch.setattr(sending.time, "monotonic", lambda: real() + spent[0])
    assert sending.send_due(desk) == 1
    cost = max(only(desk, visit).cost_micros for visit in visits)
    assert desk.message_state.allowance().spent_micros == cost > 0
    assert sending.send_due(desk) == 1


def test_the_most_urgent_goes_first_and_one_channel_does_not_hold_up_another(
    desk: Clinic, world: World, reception: Actor
) -> None:
    """When quiet hours end, hundreds are due at once: the visit at nine is not to wait for the rest."""
    made = only(desk, booked(desk, world, reception))
    due = [
        replace(made, id=f"row-{n}", reference=f"R{n}", expires_at=made.expires_at + timedelta(minutes=-n))
        for n in range(6)
    ]
    mail = replace(made, id="mail", reference="M1", channel=Channel.EMAIL, due_at=made.due_at + timedelta(minutes=1))
    answer = replace(made, id="answer", reference="A1", kind=K.REPLY, expires_at=made.expires_at + timedelta(hours=9))
    desk.communications.add_many([*due, mail, answer])
    found = desk.communications.waiting(desk.now(), most=3)
    assert [one.id for one in found] == ["answer", "row-5", "row-4", "mail"]


def test_an_answer_that_is_no_answer_holds_up_nobody_else(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that answers 200 with a page of its own: the message is in doubt, and the next ones go all the same."""
    monkeypatch.setattr(carrier, "post", lambda form: (TwilioServer.post(carrier, form) and 200, {}, None))
    visit = booked(desk, world, reception)
    assert sending.send_due(desk) == 0
    monkeypatch.setattr(carrier, "listed", lambda *_: ["<html>"])
    assert sending.reconcile(desk, pace=AT_ONCE) == 0
    assert only(desk, visit).status is M.IN_PROGRESS
    monkeypatch.undo()
    assert sending.reconcile(desk, pace=AT_ONCE) == 1
    assert only(desk, visit).status is M.COMPLETED


def test_a_carrier_that_never_answers_ends_with_a_dead_letter(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """For ever in progress, nobody would look at it."""
    carrier.next_faults = [Fault.ERROR_BEFORE] * 99
    visit = booked(desk, world, reception)
    for _ in range(MOST_ATTEMPTS + 1):
        sending.send_due(desk)
        sending.reconcile(desk, pace=AT_ONCE)
    assert (only(desk, visit).status, only(desk, visit).reason) == (M.NOT_DONE, Reason.NO_ANSWER)
    assert carrier.messages == []


def test_a_line_that_is_down_for_an_hour_costs_no_message(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """Given up after so many tries, a clinic whose internet failed over noon would remind nobody of tomorrow."""
    nowhere = replace(desk.settings, twilio_api_url=f"http://127.0.0.1:{free_port()}")
    cut_off = replace(desk, carriers={Channel.SMS: TwilioCarrier(nowhere, Channel.SMS, FROM)})
    visit = booked(cut_off, world, reception)
    for _ in range(20):
        sending.send_due(cut_off)
        desk.now.pass_(minutes=3)  # type: ignore[attr-defined]
    assert only(desk, visit).status is M.PREPARATION
    assert only(desk, visit).attempts < 10
    desk.now.pass_(minutes=30)  # type: ignore[attr-defined]
    assert sending.send_due(desk) == 1


def test_a_wrong_password_is_no_fault_of_the_messages(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """A token that was changed would turn a day's reminders into dead letters."""
    wrong = replace(desk.settings, twilio_auth_token="0" * 32)
    locked = replace(desk, carriers={Channel.SMS: TwilioCarrier(wrong, Channel.SMS, FROM)})
    visit = booked(locked, world, reception)
    sending.send_due(locked)
    assert (only(desk, visit).status, only(desk, visit).error_code) == (M.PREPARATION, "20003")
    desk.now.pass_(minutes=1)  # type: ignore[attr-defined]
    assert sending.send_due(desk) == 1


def test_the_carriers_report_may_be_quicker_than_we_are(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The webhook has noted the message while its sender still waits for the answer: that must not undo it."""
    visit = booked(desk, world, reception)
    send = TwilioCarrier.send

    def reported(self: TwilioCarrier, message: Any) -> Any:
        taken = send(self, message)
        send_results.complete(desk, only(desk, visit), taken)
        return taken

    monkeypatch.setattr(TwilioCarrier, "send", reported)
    assert sending.send_due(desk) == 1
    assert only(desk, visit).status is M.COMPLETED


def test_a_number_sends_only_so_many_a_second(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """Carriers drop what comes faster; two senders share one number."""
    policy(desk, messages_per_second=1)
    for hours in ("14:00", "14:30", "15:00", "15:30", "16:00"):
        booked(desk, world, reception, hours)
    assert sending.send_due(desk) == 2
    assert sending.send_due(open_again(desk)) == 0
    desk.now.pass_(seconds=1)  # type: ignore[attr-defined]
    assert sending.send_due(open_again(desk)) == 1


def open_again(clinic: Clinic) -> Clinic:
    """Another sidecar."""
    other = open_clinic(clinic.settings, now=clinic.now, server_now=clinic.server_now)
    return replace(other, carriers=clinic.carriers)


def test_the_budget_stops_before_it_is_exceeded_and_says_so(
    desk: Clinic, world: World, reception: Actor, admin: Actor, carrier: TwilioServer
) -> None:
    """A loop of replies at night must not cost a year's money; raised, what waits goes out by itself."""
    policy(desk, sms_price_micros=40_000)
    visits = [booked(desk, world, reception, "14:00")]
    assert sending.send_due(desk) == 1
    cost = only(desk, visits[0]).cost_micros
    visits += [booked(desk, world, reception, hours) for hours in ("14:30", "15:00", "15:30")]
    policy(desk, monthly_budget_micros=3 * cost - 1)
    assert sending.send_due(desk) == 1
    assert desk.message_state.allowance().spent_micros == 2 * cost
    waiting = [only(desk, visit) for visit in visits if only(desk, visit).status is M.PREPARATION]
    assert waiting
    assert {one.reason for one in waiting} == {Reason.BUDGET}
    assert [alert.severity.value for alert in alerts.open_alerts(desk, admin)] == ["critical"]
    policy(desk, monthly_budget_micros=10**9)
    desk.now.pass_(minutes=11)  # type: ignore[attr-defined]
    assert sending.send_due(desk) == len(waiting)
    assert alerts.open_alerts(desk, admin) == []
    assert desk.message_state.allowance().spent_micros == sum(only(desk, v).cost_micros for v in visits)


def test_a_message_that_is_refused_costs_nothing_and_one_tried_twice_costs_once(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """Counted at each try, a bad evening at the carrier would use the budget up."""
    policy(desk, sms_price_micros=40_000, monthly_budget_micros=10**9)
    carrier.next_faults = [Fault.ERROR_BEFORE]
    visit = booked(desk, world, reception)
    sending.send_due(desk)
    sending.reconcile(desk, pace=AT_ONCE)
    sending.send_due(desk)
    assert desk.message_state.allowance().spent_micros == only(desk, visit).cost_micros > 0
    carrier.refused[world.ben.phone] = 21211
    booked(desk, world, reception, "16:00", patient_id=world.ben.id)
    sending.send_due(desk)
    assert desk.message_state.allowance().spent_micros == only(desk, visit).cost_micros


def test_two_senders_claim_a_message_once(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read it as waiting; only one may call."""
    booked(desk, world, reception)
    other, allowed = open_again(desk), sending._allowed

    def meanwhile(*args: Any) -> Any:
        monkeypatch.undo()
        assert sending.send_due(other) == 1
        return allowed(*args)

    monkeypatch.setattr(sending, "_allowed", meanwhile)
    assert sending.send_due(desk) == 0
    assert len(carrier.messages) == 1


def test_a_sender_that_was_held_up_does_not_call_any_more(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """Asleep for minutes after its claim, it would send what another one has sent meanwhile."""
    visit = booked(desk, world, reception)
    assert sending.send_due(desk, pace=Pace(claim_holds=timedelta(0))) == 0
    assert only(desk, visit).status is M.IN_PROGRESS
    assert carrier.messages == []
    sending.reconcile(desk, pace=AT_ONCE)
    assert sending.send_due(desk) == 1


def test_another_channel_takes_over_what_was_not_sent(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """Between the change in the patient's record and the plan, the old channel must not be used."""
    visit = booked(desk, world, reception)
    desk.patients.save(replace(world.asha, contact_by=ContactBy.EMAIL, email="asha@example.org"))
    assert sending.send_due(desk) == 0
    messages.plan(desk)
    assert {(one.channel, one.status) for one in desk.communications.about(visit.id)} == {
        (Channel.SMS, M.STOPPED),
        (Channel.EMAIL, M.PREPARATION),
    }


def test_whatsapp_sends_an_approved_template_with_its_variables(
    desk: Clinic, world: World, reception: Actor, carrier: TwilioServer
) -> None:
    """Free text outside a conversation is refused; the reference has to be among the variables to be found again."""
    template = desk.directory().template(K.CONFIRMATION, Channel.WHATSAPP)
    desk.templates.save(replace(template, content_sid="HX" + "0" * 32))
    desk.forget_directory()
    ways = {Channel.WHATSAPP: TwilioCarrier(desk.settings, Channel.WHATSAPP, "+14155238886", timeout=QUICK)}
    chatty = replace(desk, carriers=ways)
    desk.patients.save(replace(world.asha, contact_by=ContactBy.WHATSAPP))
    carrier.next_faults = [Fault.ERROR_AFTER]
    visit = booked(chatty, world, reception)
    sending.send_due(chatty)
    sending.reconcile(chatty, pace=AT_ONCE)
    found, (sms,) = only(chatty, visit), carrier.messages
    assert (found.status, found.provider_id) == (M.COMPLETED, sms.sid)
    assert (sms.to, sms.sender) == (f"whatsapp:{world.asha.phone}", "whatsapp:+14155238886")
    assert "Body" not in sms.fields
    assert found.reference in json.loads(sms.fields["ContentVariables"]).values()


def test_many_dead_letters_raise_an_alert(desk: Clinic, world: World, reception: Actor, admin: Actor) -> None:
    """A sending number that was blocked shows in no visit."""
    made = only(desk, booked(desk, world, reception))
    dead = [
        replace(made, id=f"dead-{n}", reference=f"D{n}", status=M.NOT_DONE) for n in range(sending.DEAD_LETTERS + 1)
    ]
    desk.communications.add_many(dead)
    sending.watch(desk)
    assert [alert.id for alert in alerts.open_alerts(desk, admin)] == ["messages:failed"]
    desk.now.pass_(days=8)  # type: ignore[attr-defined]
    sending.watch(desk)
    assert alerts.open_alerts(desk, admin) == []


def test_a_message_that_was_planned_long_ago_and_fails_now_counts_as_failed_now(
    desk: Clinic, world: World, reception: Actor, admin: Actor
) -> None:
    """Reminders are made when a visit is booked, weeks before: by that day no failure would be one of the last days."""
    made = replace(only(desk, booked(desk, world, reception)), status=M.NOT_DONE, reason=Reason.NO_TEMPLATE)
    old = replace(made, created_at=desk.now() - timedelta(days=30))
    desk.communications.add_many(
        [replace(old, id=f"dead-{n}", reference=f"D{n}") for n in range(sending.DEAD_LETTERS + 1)]
    )
    sending.watch(desk)
    assert [alert.id for alert in alerts.open_alerts(desk, admin)] == ["messages:failed"]


def test_messages_that_are_taken_and_never_arrive_raise_an_alert(
    desk: Clinic, world: World, reception: Actor, admin: Actor
) -> None:
    """A number that the network blocks: nothing fails at the carrier, and no patient is reminded."""
    made = replace(only(desk, booked(desk, world, reception)), status=M.COMPLETED, sent_on=make.MONDAY)
    half = sending.DEAD_LETTERS + 1
    sent = [replace(made, id=f"sent-{n}", reference=f"S{n}", delivery=Delivery.DELIVERED) for n in range(half)]
    lost = [replace(made, id=f"lost-{n}", reference=f"L{n}", delivery=Delivery.UNDELIVERED) for n in range(half)]
    desk.communications.add_many([*sent, *lost])
    sending.watch(desk)
    assert alerts.open_alerts(desk, admin) == [], "one in two is many, but it may be a bad list of numbers"
    desk.communications.add_many([replace(made, id="one", reference="S", delivery=Delivery.FAILED)])
    sending.watch(desk)
    assert [alert.id for alert in alerts.open_alerts(desk, admin)] == ["messages:lost"]


def test_a_policy_is_what_the_test_thinks_it_is() -> None:
    """The defaults leave out what patients did not ask for."""
    assert {K.RECALL, K.REVIEW, K.BILL_DUE, K.WAITLIST_OFFER}.isdisjoint(MessagePolicy().kinds)
