"""Alerts: one open per key whoever races, told once and then daily, and a way that fails fails nobody else."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from clinic_core.clinic import Clinic
from clinic_core.domain.access import SYSTEM, Actor
from clinic_core.domain.alerts import Severity
from clinic_core.embedded import free_port
from clinic_core.errors import Forbidden
from clinic_core.gateways.notifiers import notifiers
from clinic_core.jobs import JOBS
from clinic_core.services import alerts, watch
from clinic_core.settings import Settings
from clinic_core.sidecar import Sidecar
from tests import make


class Chat(ThreadingHTTPServer):
    """A webhook that keeps what it gets; `status` is what it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.got: list[dict[str, Any]] = []
        self.status = 200

    @property
    def url(self) -> str:
        """Where it listens; the path is the secret."""
        return f"http://127.0.0.1:{self.server_port}/services/T0/B0/secret"


class _Hook(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.got.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Inbox(Message):
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.got.append(message)


@pytest.fixture
def chat() -> Iterator[Chat]:
    server = Chat()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def mail() -> Iterator[tuple[Inbox, int]]:
    inbox, port = Inbox(), free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield inbox, port
    controller.stop()


@pytest.fixture
def told(clinic: Clinic, chat: Chat, mail: tuple[Inbox, int]) -> Clinic:
    """The clinic with both ways set up."""
    settings = Settings(
        alert_slack_url=chat.url,
        alert_email="admin@clinic.example",
        smtp_host="127.0.0.1",
        smtp_port=mail[1],
        smtp_security="none",
    )
    return replace(clinic, notifiers=notifiers(settings))


def full(clinic: Clinic) -> None:
    """Raise an alert."""
    alerts.raise_alert(
        clinic, "disk", severity=Severity.CRITICAL, summary="The disk is full.", advice="Make room for backups."
    )


def test_one_alert_is_open_per_key_whoever_races(clinic: Clinic) -> None:
    """Two sidecars that see the same fault must not send two messages."""
    gate = threading.Barrier(8)

    def race() -> None:
        gate.wait()
        full(clinic)

    for _ in range(2):
        racing = [threading.Thread(target=race) for _ in range(8)]
        for thread in racing:
            thread.start()
        for thread in racing:
            thread.join()
        (alert,) = alerts.open_alerts(clinic, SYSTEM)
        assert (alert.count, alert.severity, alert.advice) == (8, Severity.CRITICAL, "Make room for backups.")
        alerts.clear(clinic, "disk")
        assert alerts.open_alerts(clinic, SYSTEM) == []


def test_it_is_told_once_and_then_daily(
    told: Clinic, chat: Chat, mail: tuple[Inbox, int], clock: make.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """By each way; when it opens anew it is told again."""
    with caplog.at_level(logging.WARNING, "clinic_core.alerts"):
        full(told)
        full(told)
    assert [record.message for record in caplog.records] == ["alert opened"]
    assert alerts.tell(told) == 2
    full(told)
    clock.pass_(hours=23)
    assert alerts.tell(told) == 0
    clock.pass_(hours=1)
    assert alerts.tell(told) == 2
    alerts.clear(told, "disk")
    clock.pass_(days=3)
    assert alerts.tell(told) == 0
    full(told)
    assert alerts.tell(told) == 2

    inbox = mail[0].got
    assert (len(chat.got), len(inbox)) == (3, 3)
    assert "The disk is full." in chat.got[0]["text"]
    assert (inbox[0]["To"], inbox[0]["Subject"]) == ("admin@clinic.example", "[The Clinic] critical: The disk is full.")
    assert "Make room for backups." in inbox[0].get_payload()
    assert "First seen 02 Mar 2026 08:00, 3 times so far." in inbox[1].get_payload()


def test_a_way_that_fails_is_tried_again_and_the_other_one_goes_out(
    told: Clinic, chat: Chat, mail: tuple[Inbox, int], clock: make.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is in the log without the webhook's address, which is a secret."""
    chat.status = 500
    full(told)
    assert alerts.tell(told) == 1
    assert alerts.tell(told) == 0, "it is not tried again at once"
    clock.pass_(seconds=31)
    chat.status = 200
    assert alerts.tell(told) == 1
    clock.pass_(minutes=5)
    assert alerts.tell(told) == 0

    assert (len(chat.got), len(mail[0].got)) == (1, 1)
    failures = [record for record in caplog.records if record.message == "alert not told"]
    assert [record.fields["channel"] for record in failures] == ["chat"]  # type: ignore[attr-defined]
    assert "secret" not in repr([vars(record) for record in caplog.records])


def test_a_way_with_a_bug_stops_no_other_one(told: Clinic, chat: Chat) -> None:
    """A mail server whose name no library can read; whoever looks at the chat would hear of nothing any more."""
    odd = notifiers(replace(told.settings, alert_email="a@b.example", smtp_host=f"{'x' * 70}..example"))
    full(told)

    assert alerts.tell(replace(told, notifiers={"email": odd["email"], "chat": told.notifiers["chat"]})) == 1
    assert len(chat.got) == 1


def test_what_comes_and_goes_is_told_once_an_hour(told: Clinic, chat: Chat, clock: make.Clock) -> None:
    """A job that fails every other minute would send a message each time, and nobody would read any."""
    for _ in range(30):
        full(told)
        alerts.tell(told)
        alerts.clear(told, "disk")
        clock.pass_(minutes=4)

    assert len(chat.got) == 2
    full(told)
    (alert,) = alerts.open_alerts(told, SYSTEM)
    assert alert.told_by == [], "of this time nobody was told yet"


def test_two_who_tell_at_once_tell_once(told: Clinic, chat: Chat) -> None:
    """An app and a sidecar that comes back, or two apps, must not both write."""
    full(told)
    gate = threading.Barrier(4)
    racing = [threading.Thread(target=lambda: (gate.wait(), alerts.tell(told))) for _ in range(4)]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()

    assert len(chat.got) == 1


def test_the_app_tells_of_dead_sidecars(told: Clinic, chat: Chat, clock: make.Clock) -> None:
    """They are who tells of everything else, so nobody would hear of it."""
    assert not watch.look(told, was_silent=True), "a clinic that never had one misses none"
    Sidecar(told, JOBS).run_here(next(job for job in JOBS if job.name == "tidy jobs"))
    clock.pass_(minutes=4)
    told.forget_directory()
    assert not watch.look(told, was_silent=True)
    clock.pass_(minutes=2)
    told.forget_directory()
    assert watch.look(told, was_silent=False)
    assert chat.got == [], "it may just be starting"
    full(told)
    for _ in range(3):
        assert watch.look(told, was_silent=True)
    (message,) = chat.got
    assert "5 minutes without a sidecar" in message["text"]

    Sidecar(told, JOBS).run_here(next(job for job in JOBS if job.name == "tell alerts"))
    assert [alert.id for alert in alerts.open_alerts(told, SYSTEM)] == ["disk"]


def test_a_server_that_is_not_there_is_no_bug(clinic: Clinic) -> None:
    """Nobody listens at either address; nothing is raised, and both will be tried again."""
    settings = Settings(
        alert_slack_url=f"http://127.0.0.1:{free_port()}/x",
        alert_email="a@b.example",
        smtp_host="127.0.0.1",
        smtp_port=free_port(),
    )
    mute = replace(clinic, notifiers=notifiers(settings))
    full(mute)

    assert alerts.tell(mute) == 0
    (alert,) = alerts.open_alerts(mute, SYSTEM)
    assert {channel: telling.failures for channel, telling in alert.tellings.items()} == {"email": 1, "chat": 1}


def test_only_who_runs_the_clinic_sees_them(clinic: Clinic, manager: Actor, reception: Actor) -> None:
    """The desk has other things to do."""
    assert alerts.open_alerts(clinic, manager) == []
    with pytest.raises(Forbidden):
        alerts.open_alerts(clinic, reception)
