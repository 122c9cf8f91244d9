"""One tab's websocket, with the server's and the browser's ends in the test's hands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import bcrypt
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Role
from clinic_core.domain.users import User, token_id
from clinic_core.errors import Unavailable
from clinic_core.services import sessions
from tests import make
from web import stream
from web.stream import Stream


@pytest.fixture
def session_id(clinic: Clinic) -> str:
    """Somebody's session."""
    cheap = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()
    user = User(id="u", username="u", name="U", role=Role.MANAGER, password_hash=cheap, created_at=clinic.now())
    clinic.users.add(user)
    return token_id(sessions.sign_in(clinic, username="u", password="correct horse", address="192.0.2.1"))


def click(*, automatic: bool = False) -> bytes:
    message = BackMsg()
    message.rerun_script.is_auto_rerun = automatic
    return message.SerializeToString()


def drive(
    clinic: Callable[[], Clinic], session_id: str, frames: list[bytes], *, stays: float = 0.0, until_sent: bool = False
) -> Any:
    """Let the browser send `frames`; what Streamlit got of them, and what the browser was sent.

    The browser then stays for some seconds, or until it is sent something.
    """
    waiting = [{"type": "websocket.receive", "bytes": frame} for frame in frames] + [{"type": "websocket.disconnect"}]
    received: list[Any] = []
    sent: list[Any] = []

    async def receive() -> Any:
        if len(waiting) == 1:
            await asyncio.sleep(stays)
            while until_sent and not sent:
                await asyncio.sleep(0.01)
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            received.append(message["bytes"])
        while len(served._tasks) > 1:  # all but the watch come to an end
            await asyncio.sleep(0.01)

    served = Stream(clinic, session_id, receive, send)
    asyncio.run(asyncio.wait_for(served.run(app, {}), 30))
    return received, sent


def seen_at(clinic: Clinic, session_id: str) -> Any:
    found = clinic.sessions.find(session_id)
    assert found is not None
    return found.seen_at


def test_a_click_is_a_sign_of_life_and_a_board_is_not(clinic: Clinic, session_id: str, clock: make.Clock) -> None:
    """Or a screen that refreshes itself would keep its session for ever."""
    begun = seen_at(clinic, session_id)
    clock.pass_(minutes=5)
    received, _ = drive(lambda: clinic, session_id, [click(automatic=True)] * 3)
    assert len(received) == 3 and seen_at(clinic, session_id) == begun

    drive(lambda: clinic, session_id, [click()])
    assert seen_at(clinic, session_id) == clock()


def test_a_late_click_does_not_revive(clinic: Clinic, session_id: str, clock: make.Clock) -> None:
    """After the idle limit the session stays ended."""
    begun = seen_at(clinic, session_id)
    clock.pass_(minutes=31)
    drive(lambda: clinic, session_id, [click()])

    assert seen_at(clinic, session_id) == begun and sessions.check(clinic, session_id) is None


def test_a_tab_left_alone_is_sent_away(
    clinic: Clinic, session_id: str, clock: make.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody clicked, yet no record stays on the screen of an empty desk."""
    monkeypatch.setattr(stream, "WATCH_SECONDS", 0.05)
    _, sent = drive(lambda: clinic, session_id, [], stays=0.3)
    assert sent == []

    clock.pass_(minutes=31)
    _, sent = drive(lambda: clinic, session_id, [], until_sent=True)
    assert [ForwardMsg.FromString(m["bytes"]).auth_redirect.url for m in sent] == ["/auth/sign-in?why=ended"]


def test_nobody_is_sent_away_while_the_database_is_down(session_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart of the database must not cost what people have typed; runs fail by themselves meanwhile."""
    monkeypatch.setattr(stream, "WATCH_SECONDS", 0.02)

    def down() -> Clinic:
        raise Unavailable("down")

    received, sent = drive(down, session_id, [click(), click()], stays=0.2)
    assert len(received) == 2 and sent == []


def test_operations_on_data_ask_for_the_session_again(clinic: Clinic, session_id: str) -> None:
    """They read what a run prepared without running anything that would ask."""
    message = BackMsg()
    message.backend_operation_request.dataframe_chunk.SetInParent()
    frame = message.SerializeToString()
    assert drive(lambda: clinic, session_id, [frame])[0] == [frame]

    clinic.sessions.remove(session_id)
    assert drive(lambda: clinic, session_id, [frame])[0] == []


def test_what_cannot_be_read_is_left_to_streamlit(clinic: Clinic, session_id: str) -> None:
    """It closes the connection."""
    assert drive(lambda: clinic, session_id, [b"\xff\xff\xff"])[0] == [b"\xff\xff\xff"]
