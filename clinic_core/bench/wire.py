"""A browser tab without a browser: Streamlit's websocket protocol, as its own frontend speaks it.

Source: streamlit.proto (BackMsg, ForwardMsg) of the pinned version. A tab does not tell which messages it has
cached, so the server sends every message whole: slightly more work than for a real browser.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

_LARGEST_MESSAGE: Final = 64 * 2**20
_CONTENT: Final = ("body", "spec", "data")  # of texts, of charts, of tables
_FINISHED: Final = {
    ForwardMsg.ScriptFinishedStatus.FINISHED_SUCCESSFULLY,
    ForwardMsg.ScriptFinishedStatus.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
    ForwardMsg.ScriptFinishedStatus.FINISHED_WITH_COMPILE_ERROR,
}


@dataclass(slots=True)
class Run:
    """One script run as the tab saw it."""

    milliseconds: float = 0.0
    bytes_received: int = 0
    elements: int = 0
    shown: str = ""  # stands for all texts, charts and tables that it drew: the same when these are
    fault: str = ""  # an exception's type, "an error message", "page not found", "compile error"; "" when all was well


@dataclass(slots=True)
class Tab:
    """One open tab: where its pages are, and which fragment wants to run by itself."""

    socket: ClientConnection
    pages: dict[str, str] = field(default_factory=dict)  # address -> page script hash
    here: str = ""  # page script hash
    timers: dict[str, float] = field(default_factory=dict)  # fragment id -> seconds between its runs
    query: str = ""  # what follows the ? of the address
    drawn: dict[str, Any] = field(default_factory=dict)  # widget id -> its element, of the last whole run
    chosen: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # widget id -> what is chosen in it

    _content: list[bytes] = field(default_factory=list)

    async def run(
        self, *, page_hash: str = "", page_name: str = "", fragment_id: str = "", changed: Iterable[WidgetState] = ()
    ) -> Run:
        """Ask for a run and wait until it has finished; `changed` are the widgets that were touched."""
        request = BackMsg()
        state = request.rerun_script
        state.page_script_hash = page_hash or self.here
        state.page_name = page_name
        state.query_string = self.query
        state.widget_states.widgets.extend(changed)
        if fragment_id:
            state.fragment_id, state.is_auto_rerun = fragment_id, True
        else:
            self.timers.clear()
            self.drawn.clear()
            self._content.clear()
        begun, seen = time.perf_counter(), Run()
        await self.socket.send(request.SerializeToString())
        while not await self._finished(seen):
            pass
        seen.milliseconds = (time.perf_counter() - begun) * 1000
        seen.shown = sha256(b"".join(self._content)).hexdigest()
        return seen

    async def open(self, address: str) -> Run:
        """Go to a page by its address, such as ``billing``."""
        return await self.run(page_hash=self.pages[address], page_name=address)

    async def _finished(self, seen: Run) -> bool:
        payload = await self.socket.recv(decode=False)
        seen.bytes_received += len(payload)
        message = ForwardMsg.FromString(bytes(payload))
        kind = message.WhichOneof("type")
        if kind == "delta":
            seen.elements += 1
            self._look_for_fault(message.delta, seen)
            self._remember(message.delta)
        elif kind == "navigation":
            self._learn_pages(message.navigation)
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "auto_rerun":
            self.timers[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "page_not_found":
            seen.fault = "page not found"
        elif kind == "script_finished":
            if message.script_finished == ForwardMsg.ScriptFinishedStatus.FINISHED_WITH_COMPILE_ERROR:
                seen.fault = "compile error"
            return message.script_finished in _FINISHED
        return False

    def _learn_pages(self, navigation: Any) -> None:
        self.here = navigation.page_script_hash
        self.pages = {page.url_pathname: page.page_script_hash for page in navigation.app_pages if not page.is_hidden}

    def _remember(self, delta: Any) -> None:
        if delta.WhichOneof("type") == "new_element":
            element = getattr(delta.new_element, delta.new_element.WhichOneof("type") or "", None)
            if known := getattr(element, "id", ""):
                self.drawn[known] = element
                if getattr(element, "set_value", False):  # by the app: a bar that was selected changes a filter
                    self.chosen[known] = list(getattr(element, "raw_values", ()))
            for name in _CONTENT:
                if value := getattr(element, name, b""):
                    self._content.append(value.encode() if isinstance(value, str) else bytes(value))

    @staticmethod
    def _look_for_fault(delta: Any, seen: Run) -> None:
        if delta.WhichOneof("type") != "new_element":
            return
        kind = delta.new_element.WhichOneof("type")
        if kind == "exception":
            seen.fault = delta.new_element.exception.type or "exception"
        elif kind == "alert" and delta.new_element.alert.format == Alert.Format.ERROR:
            seen.fault = "an error message"


@asynccontextmanager
async def open_tab(url: str, cookie: str, *, timeout: float = 60.0) -> AsyncIterator[Tab]:
    """A websocket to the app at `url` (``http://host:port``) with a signed-in cookie (``name=value``)."""
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    async with connect(
        f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/_stcore/stream",
        subprotocols=[Subprotocol("streamlit"), Subprotocol("bench")],
        additional_headers={"Cookie": cookie},
        origin=None,
        max_size=_LARGEST_MESSAGE,
        open_timeout=timeout,
        compression=None,
        ping_interval=None,
    ) as socket:
        yield Tab(socket=socket)


async def within(seconds: float, tab_run: Any) -> Run:
    """The run, or a run with the fault "timeout" when it takes longer than `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            run: Run = await tab_run
            return run
    except TimeoutError:
        return Run(milliseconds=seconds * 1000, fault="timeout")
