"""One browser tab's websocket: what a browser may ask of Streamlit, and the end of it when the session ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from clinic_core.clinic import Clinic
from clinic_core.errors import Unavailable
from clinic_core.services import sessions
from web.database import in_thread
from web.passage import SIGN_IN

# Everything else a browser could ask for changes the server for all (`clear_cache` empties what everybody shares,
# `install_skills` writes files) or tells about it (`load_git_info`).
ALLOWED: Final = frozenset({"rerun_script", "stop_script", "file_urls_request", "app_heartbeat"})
ALLOWED_OPERATIONS: Final = frozenset({"deferred_file", "dataframe_chunk"})
WATCH_SECONDS: Final = 60.0
_TOUCH_SECONDS: Final = 60.0


class Stream:
    """Stands between a websocket and Streamlit."""

    def __init__(self, clinic: Callable[[], Clinic], session_id: str, receive: Receive, send: Send) -> None:
        self._clinic, self._session_id = clinic, session_id
        self._receive, self._send = receive, send
        self._touched = float("-inf")
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Serve the tab until it closes."""
        self._spawn(self._watch())
        try:
            await app(scope, self._receive_allowed, self._send)
        finally:
            for task in self._tasks:
                task.cancel()

    async def _receive_allowed(self) -> Message:
        """The next message that Streamlit may see."""
        while True:
            message = await self._receive()
            if message["type"] != "websocket.receive" or await self._allows(message.get("bytes")):
                return message

    async def _allows(self, data: bytes | None) -> bool:
        asked = _parsed(data)
        if asked is None:  # not ours to judge: Streamlit closes the connection on what it cannot read
            return True
        kind = asked.WhichOneof("type")
        if kind == "rerun_script" and not asked.rerun_script.is_auto_rerun:
            self._note_a_sign_of_life()
        if kind == "backend_operation_request":
            operation = asked.backend_operation_request.WhichOneof("payload")
            return operation in ALLOWED_OPERATIONS and await self._still_signed_in(if_unknown=False)
        return kind in ALLOWED

    def _note_a_sign_of_life(self) -> None:
        """A click counts, a board that refreshes itself does not, or nobody would ever be signed out."""
        if monotonic() - self._touched >= _TOUCH_SECONDS:
            self._touched = monotonic()
            self._spawn(self._touch())

    async def _touch(self) -> None:
        try:
            await in_thread(lambda: sessions.touch(self._clinic(), self._session_id))
        except Unavailable:
            self._touched = float("-inf")  # the next click tries again

    async def _watch(self) -> None:
        """Take the tab to the sign-in page soon after its session ends, so that no record stays on the screen."""
        await asyncio.sleep(WATCH_SECONDS)
        while await self._still_signed_in(if_unknown=True):
            await asyncio.sleep(WATCH_SECONDS)
        await self._send({"type": "websocket.send", "bytes": _redirect(SIGN_IN + "?why=ended")})

    async def _still_signed_in(self, *, if_unknown: bool) -> bool:
        """Whether the session lives, and `if_unknown` while the database does not answer."""
        try:
            found = await in_thread(lambda: sessions.check(self._clinic(), self._session_id))
        except Unavailable:
            return if_unknown
        return found is not None

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def send_to_sign_in(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell a tab whose session has ended where to sign in, without Streamlit knowing of it."""
    await receive()
    asked = Headers(scope=scope).get("sec-websocket-protocol", "")
    await send({"type": "websocket.accept", "subprotocol": asked.split(",")[0].strip() or None})
    await send({"type": "websocket.send", "bytes": _redirect(SIGN_IN + "?why=ended")})
    await send({"type": "websocket.close", "code": 1008})


def _redirect(where: str) -> bytes:
    message = ForwardMsg()
    message.auth_redirect.url = where
    return bytes(message.SerializeToString())


def _parsed(data: bytes | None) -> BackMsg | None:
    asked = BackMsg()
    try:
        asked.ParseFromString(data or b"")
    except DecodeError:
        return None
    return asked
