"""Messages by e-mail, to a mail server that refuses, hangs up and breaks after it accepted: none lost."""

from __future__ import annotations

import email
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import policy as mail_policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from icalendar import Calendar

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, CancelReason
from clinic_core.domain.dispatching import MOST_ATTEMPTS
from clinic_core.domain.ids import new_id
from clinic_core.domain.messages import Channel, Communication, MessageKind, MessageStatus, Reason
from clinic_core.domain.people import ContactBy
from clinic_core.embedded import free_port
from clinic_core.gateways.email import EmailCarrier
from clinic_core.services import appointments, sending
from clinic_core.services.send_results import Pace
from tests import make
from tests.conftest import World

K, M = MessageKind, MessageStatus
AT_ONCE = Pace(patience=timedelta(0), first_delay=timedelta(0))
TUESDAY = make.TUESDAY


class Mailbox:
    """What a mail server took, and how it breaks: for each e-mail the next of `plan`, then well."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.plan: list[str] = []
        self.refuses_sender = False
        self.broke: Counter[str] = Counter()  # after it had accepted, by Message-ID

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        """A sender that the server does not know."""
        if self.refuses_sender:
            return "550 Sender not allowed"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        """A mailbox that is not there, or full for the moment."""
        if address.startswith("nobody@"):
            return "550 No such mailbox"
        if address.startswith("full@"):
            return "452 Mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take it, or break before or after taking it."""
        how = self.plan.pop(0) if self.plan else "well"
        if how == "refuse":
            return "550 Looks like spam"
        if how == "break before":
            server.transport.abort()
            return "250 lost"
        letter = email.message_from_bytes(envelope.content or b"", policy=mail_policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        if how == "break after":
            self.broke[letter["Message-ID"]] += 1
            server.transport.abort()
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """The mail server and its port."""
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield box, controller.port
    controller.stop()


@pytest.fixture
def desk(world: World, mailbox: tuple[Mailbox, int]) -> Clinic:
    """The clinic with that mail server; Asha wants e-mails."""
    clinic = world.clinic
    given = replace(
        clinic.settings,
        smtp_host="127.0.0.1",
        smtp_port=mailbox[1],
        smtp_security="none",
        smtp_from="desk@sunrise.example",
        messages_to=("everybody",),
    )
    clinic.message_policies.save(
        replace(clinic.directory().message_policy, kinds=(K.CONFIRMATION, K.CANCELLED, K.CHANGED))
    )
    clinic.forget_directory()
    clinic.patients.save(replace(world.asha, contact_by=ContactBy.EMAIL, email="asha@example.org"))
    return replace(clinic, settings=given, carriers={Channel.EMAIL: EmailCarrier(given)})


def booked(clinic: Clinic, world: World, reception: Actor, hours: str = "15:00") -> Appointment:
    """Asha's consultation tomorrow, its confirmation due."""
    wanted = appointments.draft(
        clinic,
        appointment_id=new_id(),
        patient_id=world.asha.id,
        practitioner_id=make.DR_A,
        service_id=make.FOLLOW_UP,
        start=make.at(hours, TUESDAY),
    )
    made = appointments.book(clinic, reception, wanted)
    clinic.now.pass_(minutes=2)  # type: ignore[attr-defined]
    return made


def last(clinic: Clinic, visit: Appointment) -> Communication:
    """The visit's latest message."""
    return clinic.communications.about(visit.id)[-1]


def entry(letter: EmailMessage) -> tuple[Calendar, Any]:
    """The calendar file of an e-mail, and the visit in it."""
    (part,) = [part for part in letter.walk() if part.get_content_type() == "text/calendar"]
    calendar = Calendar.from_ical(part.get_payload(decode=True))
    assert part.get_param("method") == calendar["METHOD"]
    return calendar, calendar.walk("VEVENT")[0]


def test_a_visit_arrives_with_its_calendar_entry_and_a_cancellation_takes_it_out(
    desk: Clinic, world: World, reception: Actor, mailbox: tuple[Mailbox, int]
) -> None:
    """Another UID, or a lower SEQUENCE, and the old time stays in the patient's calendar."""
    box, _ = mailbox
    visit = booked(desk, world, reception)
    assert sending.send_due(desk) == 1
    visit = appointments.move(desk, reception, visit, start=make.at("16:00", TUESDAY))
    desk.now.pass_(minutes=2)  # type: ignore[attr-defined]
    assert sending.send_due(desk) == 1
    appointments.cancel(desk, reception, visit, CancelReason.PATIENT)
    assert sending.send_due(desk) == 1
    calendars, events = zip(*map(entry, box.letters), strict=True)
    assert [calendar["METHOD"] for calendar in calendars] == ["PUBLISH", "PUBLISH", "CANCEL"]
    assert [event["STATUS"] for event in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert [event["SEQUENCE"] for event in events] == [1, 2, 3]
    assert len({event["UID"] for event in events}) == 1
    assert [event["DTSTART"].dt for event in events] == [make.at(h, TUESDAY) for h in ("15:00", "16:00", "16:00")]
    found = last(desk, visit)
    assert box.letters[-1]["Message-ID"] == found.provider_id == f"<{found.id}@sunrise.example>"
    assert box.letters[-1]["To"] == "asha@example.org"
    assert found.reference in box.letters[-1].get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_none_is_lost_and_only_what_broke_after_accepting_comes_twice(
    desk: Clinic, world: World, reception: Actor, mailbox: tuple[Mailbox, int]
) -> None:
    """A mail server cannot be asked: what it took before it broke comes again, under the same Message-ID."""
    box, _ = mailbox
    chance = random.Random(5)
    box.plan = chance.choices(["well", "break before", "break after"], [2, 1, 1], k=60)
    visits = [
        booked(desk, world, reception, f"{hour}:{minute}") for hour in (14, 15, 16) for minute in ("00", "20", "40")
    ]
    for _ in range(20):
        sending.send_due(desk)
        sending.reconcile(desk, pace=AT_ONCE)
    got = Counter(letter["Message-ID"] for letter in box.letters)
    assert {last(desk, visit).status for visit in visits} == {M.COMPLETED}
    assert set(got) == {last(desk, visit).provider_id for visit in visits}
    assert sum(box.broke.values()) >= 2, "nothing broke: the test proves nothing"
    assert all(count == 1 + box.broke[message_id] for message_id, count in got.items())


@pytest.mark.parametrize(
    ("address", "status", "reason", "code"),
    [
        ("nobody@example.org", M.NOT_DONE, Reason.BAD_RECIPIENT, "550"),
        ("full@example.org", M.PREPARATION, None, "452"),
    ],
)
def test_a_mailbox_that_is_not_there_is_given_up_and_a_full_one_tried_again(
    desk: Clinic, world: World, reception: Actor, address: str, status: MessageStatus, reason: Reason | None, code: str
) -> None:
    """Both answer with a refusal; only one of them for ever."""
    current = desk.patients.get(world.asha.id)
    desk.patients.save(replace(current, email=address))
    visit = booked(desk, world, reception)
    sending.send_due(desk)
    found = last(desk, visit)
    assert (found.status, found.reason, found.error_code) == (status, reason, code)


def test_a_mail_server_that_is_not_there_is_tried_again(desk: Clinic, world: World, reception: Actor) -> None:
    """It is restarted every night; nothing was handed over, so nothing is in doubt."""
    away = replace(desk.settings, smtp_port=free_port())
    visit = booked(desk, world, reception)
    sending.send_due(replace(desk, carriers={Channel.EMAIL: EmailCarrier(away)}))
    assert last(desk, visit).status is M.PREPARATION
    assert last(desk, visit).retry_at is not None


def test_a_message_that_cannot_be_made_stops_no_other(
    desk: Clinic, world: World, reception: Actor, mailbox: tuple[Mailbox, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """First in the queue and always failing, it would hold up everybody's reminders for ever."""
    first, second = booked(desk, world, reception, "14:00"), booked(desk, world, reception, "15:00")
    send = EmailCarrier.send

    def fails(self: EmailCarrier, message: Any) -> Any:
        if message.id == last(desk, first).id:
            raise ValueError("asha@example.org")
        return send(self, message)

    monkeypatch.setattr(EmailCarrier, "send", fails)
    assert sending.send_due(desk) == 1
    assert last(desk, second).status is M.COMPLETED
    for _ in range(MOST_ATTEMPTS):
        sending.reconcile(desk, pace=AT_ONCE)
        sending.send_due(desk)
    assert (last(desk, first).status, last(desk, first).reason) == (M.NOT_DONE, Reason.NO_ANSWER)


def test_a_sender_that_the_server_refuses_is_no_fault_of_the_addresses(
    desk: Clinic, world: World, reception: Actor, mailbox: tuple[Mailbox, int]
) -> None:
    """A wrong SMTP_FROM would make a dead letter of every e-mail, and the desk would ask patients for new addresses."""
    visit, (box, _) = booked(desk, world, reception), mailbox
    box.refuses_sender = True
    assert sending.send_due(desk) == 0
    waiting = last(desk, visit)
    assert (waiting.status, waiting.reason, waiting.error_code) == (M.PREPARATION, None, "sender 550")
    box.refuses_sender = False
    desk.now.pass_(minutes=1)  # type: ignore[attr-defined]
    box.plan = ["refuse"]
    sending.send_due(desk)
    assert (last(desk, visit).status, last(desk, visit).reason) == (M.NOT_DONE, Reason.REFUSED)
