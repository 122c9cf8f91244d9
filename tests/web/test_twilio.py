"""The carrier's webhooks over HTTP, behind the gate: signed ones are done once, all others refused."""

from __future__ import annotations

import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from twilio.request_validator import RequestValidator

from clinic_core.clinic import Clinic
from clinic_core.domain import deliveries
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.messages import Channel, Communication, Delivery, MessageKind, MessageStatus
from clinic_core.errors import Unavailable
from clinic_core.services import check, replies
from clinic_core.settings import Settings
from tests import make
from tests.conftest import World
from web.gate import Gate
from web.twilio import Twilio

PUBLIC = "https://clinic.example.org"
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105
SETTINGS = Settings(
    public_url=PUBLIC,
    twilio_account_sid="AC" + TOKEN,
    twilio_auth_token=TOKEN,
    twilio_phone_number="+15005550006",
)
FORM = "application/x-www-form-urlencoded"
ASHA = "+919876543210"


@dataclass(frozen=True)
class Carrier:
    """Posts as the carrier does: to our server, signed for the address that the world knows."""

    url: str

    def post(
        self,
        path: str,
        fields: Mapping[str, str] | Sequence[tuple[str, str]],
        *,
        signed_for: str = PUBLIC,
        token: str = TOKEN,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Status and body of the answer."""
        pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
        by_name: dict[str, Any] = _Many(pairs)
        signature = RequestValidator(token).compute_signature(signed_for + path, by_name)
        given = {"Content-Type": FORM, "X-Twilio-Signature": signature, **(headers or {})}
        return send(self.url + path, urlencode(pairs).encode(), given)

    def reply(self, sid: str, text: str, *, sender: str = ASHA, **changes: Any) -> tuple[int, str]:
        """Somebody wrote."""
        return self.post("/twilio/inbound", {"MessageSid": sid, "From": sender, "Body": text}, **changes)

    def report(self, message: Communication, status: str, *, as_sid: str) -> tuple[int, str]:
        """A status callback."""
        fields = {"MessageSid": as_sid, "MessageStatus": status, "To": message.recipient}
        return self.post(deliveries.callback_path(message.id), fields)


class _Many(dict[str, Any]):
    """A form in which a field may be given twice, as the carrier's library reads one."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def getall(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for key, value in self._pairs if key == name]


def send(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """One request."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def serve(clinic: Clinic, settings: Settings) -> Iterator[Carrier]:
    """The routes behind the gate, on a port of this machine."""
    app = Starlette(
        routes=Twilio(settings=settings, clinic=lambda: clinic).routes(),
        middleware=[Middleware(Gate, settings=settings, clinic=lambda: clinic)],
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    worker = threading.Thread(target=server.run)
    worker.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Carrier(f"http://127.0.0.1:{port}")
    server.should_exit = True
    worker.join()


@pytest.fixture
def carrier(world: World) -> Iterator[Carrier]:
    """A clinic with an account."""
    yield from serve(world.clinic, SETTINGS)


def sid(number: int) -> str:
    """A message's id at the carrier."""
    return f"SM{number:032x}"


def test_a_signed_reply_is_done_and_answered_with_nothing(world: World, carrier: Carrier) -> None:
    """What the patient reads comes through the outbox, not through this answer."""
    status, body = carrier.reply(sid(1), "hello")
    assert (status, body) == (200, '<?xml version="1.0" encoding="UTF-8"?><Response/>')
    (kept,) = world.clinic.inbound.open_ones()
    assert (kept.id, kept.sender, kept.text, kept.channel) == (sid(1), ASHA, "hello", Channel.SMS)


def test_whatsapp_says_so_in_the_number(world: World, carrier: Carrier) -> None:
    """And what button was pressed, and which message was answered."""
    fields = {"MessageSid": sid(1), "From": f"whatsapp:{ASHA}", "Body": "Yes, I come", "ButtonPayload": "C 2B3C4D"}
    assert carrier.post("/twilio/inbound", {**fields, "OriginalRepliedMessageSid": sid(2)})[0] == 200
    kept = world.clinic.inbound.get(sid(1))
    assert (kept.sender, kept.channel, kept.intent) == (ASHA, Channel.WHATSAPP, "confirm")
    assert (kept.text, kept.replied_to) == ("Yes, I come", sid(2))


@pytest.mark.parametrize(
    "forged",
    [
        {"token": "f" * 32},
        {"signed_for": "http://127.0.0.1"},
        {"signed_for": "https://evil.example.org", "headers": {"X-Forwarded-Host": "evil.example.org"}},
        {"headers": {"X-Twilio-Signature": ""}},
        {"headers": {"X-Twilio-Signature": "ü"}},
    ],
    ids=["another token", "another address", "a host of the sender's choice", "none", "no base64"],
)
def test_what_the_carrier_did_not_sign_is_refused(world: World, carrier: Carrier, forged: dict[str, Any]) -> None:
    """Anybody who knows the address could cancel visits."""
    assert carrier.reply(sid(1), "X", **forged) == (403, "Not signed.")
    assert world.clinic.inbound.find(sid(1)) is None


def test_forged_ones_do_not_fill_the_log(carrier: Carrier, caplog: pytest.LogCaptureFixture) -> None:
    """Nor do their texts get into it."""
    for n in range(5):
        carrier.reply(sid(n), "my secret", token="f" * 32)
    assert [record.message for record in caplog.records if record.name == "web.twilio"] == [
        "a webhook without the carrier's signature was refused"
    ]
    assert "my secret" not in caplog.text


def test_a_signature_is_for_one_request_only(carrier: Carrier) -> None:
    """Not for another text, not for a field more, not for another message in the address."""
    fields = {"MessageSid": sid(1), "From": ASHA, "Body": "C"}
    signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/twilio/inbound", fields)
    headers = {"Content-Type": FORM, "X-Twilio-Signature": signature}
    url = f"{carrier.url}/twilio/inbound"
    for other in ({**fields, "Body": "X"}, {**fields, "ButtonPayload": "X"}):
        assert send(url, urlencode(other).encode(), headers)[0] == 403
    assert send(f"{url}?m=1", urlencode(fields).encode(), headers)[0] == 403
    assert send(url, urlencode(fields).encode(), headers)[0] == 200


def test_a_field_given_twice_is_signed_twice(carrier: Carrier) -> None:
    """A form read into a plain dictionary would drop one and refuse what the carrier did sign."""
    pairs = [("MessageSid", sid(1)), ("From", ASHA), ("Body", "hi"), ("Tag", "b"), ("Tag", "a")]
    assert carrier.post("/twilio/inbound", pairs)[0] == 200


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"Body=" + b"x" * 70_000, FORM, 413),
        (b"\xff\xfe", FORM, 403),
        (b"&".join([b"a=1"] * 300), FORM, 403),
    ],
    ids=["no form", "too long", "no text", "too many fields"],
)
def test_what_is_no_form_of_the_carrier(carrier: Carrier, body: bytes, kind: str, status: int) -> None:
    """It is refused before anything is made of it."""
    assert send(f"{carrier.url}/twilio/inbound", body, {"Content-Type": kind})[0] == status


def test_a_signed_message_without_an_id(world: World, carrier: Carrier) -> None:
    """Nothing could be done once with it; an event that says nothing about delivery is taken as read."""
    assert carrier.post("/twilio/inbound", {"From": ASHA, "Body": "C"})[0] == 400
    assert carrier.post("/twilio/status", {"MessageSid": sid(1), "MessageStatus": "partially_delivered"})[0] == 204


def test_without_an_account_there_is_nothing(world: World) -> None:
    """A token of zero length signs nothing."""
    for found in serve(world.clinic, Settings(public_url=PUBLIC)):
        assert found.reply(sid(1), "C")[0] == 404
        assert found.reply(sid(1), "C", token="")[0] == 404


def test_a_database_that_is_away_asks_for_another_try(
    world: World, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the carrier takes the reply as read; a bug is told by its reference, not by what was written."""
    for error, status in ((Unavailable("away"), 503), (ValueError("May I come at nine?"), 500)):

        def fails(*_: Any, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(replies, "receive", fails)
        answer = carrier.reply(sid(1), "May I come at nine?")
        assert answer[0] == status
        assert "nine" not in answer[1]


def visits(world: World, many: int) -> list[tuple[Appointment, Communication, str]]:
    """Visits to come, each of another patient, with their reminders: one still being handed over in each five."""
    people = [make.patient(phone=f"+9198{n:08}") for n in range(many)]
    found = []
    for n, person in enumerate(people):
        start = make.at("09:00", make.MONDAY + timedelta(days=4 + n // 16)) + timedelta(minutes=15 * (n % 16))
        visit = make.appointment(patient_id=person.id, start=start, day=start.date())
        state: dict[str, Any] = {"provider_id": sid(n)}
        if n % 5 == 0:
            state |= {"provider_id": None, "status": MessageStatus.IN_PROGRESS, "sent_at": None, "sent_on": None}
            state |= {"claimed_at": make.NOW}
        found.append((visit, make.reminder(visit, to=person.phone, **state), person.phone))
    world.clinic.patients.add_many(people)
    world.clinic.appointments.add_many([visit for visit, _, _ in found])
    world.clinic.communications.add_many([message for _, message, _ in found])
    return found


def test_a_thousand_replies_and_reports_in_any_order(world: World, carrier: Carrier) -> None:
    """Shuffled, repeated, from eight connections at once, a sixth of them forged: the state is right at the end."""
    chance = random.Random(7)  # noqa: S311
    found = visits(world, 100)
    jobs: list[tuple[int, Callable[[], tuple[int, str]]]] = []
    for n, (_, message, phone) in enumerate(found):
        word = ("C", "X", f"yes {message.reference}", "May I bring my son?")[n % 4]
        jobs += [(200, partial(carrier.reply, sid(1_000 + n), word, sender=phone))] * 4
        for status in ("queued", "sent", "sent", "delivered" if n % 3 else "undelivered"):
            jobs.append((204, partial(carrier.report, message, status, as_sid=sid(n))))
        stranger = partial(carrier.reply, sid(9_000 + n), "X", sender=phone, token="f" * 32)
        jobs += [(403, stranger)] * 2
    chance.shuffle(jobs)
    # A reply to a message can only come once it is out.
    for n, (_, message, _) in enumerate(found):
        if n % 5 == 0:
            assert carrier.report(message, "sent", as_sid=sid(n))[0] == 204
    assert len(jobs) == 1_000

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda job: job[1]()[0], jobs))

    assert statuses == [status for status, _ in jobs]
    for n, (visit, message, _) in enumerate(found):
        after, row = world.clinic.appointments.get(visit.id), world.clinic.communications.find(message.id)
        assert row is not None
        assert (row.status, row.provider_id) == (MessageStatus.COMPLETED, sid(n))
        assert row.delivery is (Delivery.DELIVERED if n % 3 else Delivery.UNDELIVERED)
        expected = ["confirmed", "status", "confirmed", None][n % 4]
        assert [event.kind for event in after.events[1:]] == ([expected] if expected else [])
        assert (after.status is AppointmentStatus.CANCELLED) == (n % 4 == 1)
    answers = [one for one in world.clinic.communications.waiting(make.NOW, most=999) if one.kind is MessageKind.REPLY]
    assert len(answers) == len({one.recipient for one in answers}) == 100
    assert world.clinic.inbound.count_open() == 25
    assert check.run(world.clinic) == []
