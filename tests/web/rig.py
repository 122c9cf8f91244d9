"""Real processes and a bare websocket client for the tests of the web layer."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import bcrypt
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Role
from clinic_core.domain.users import User
from tests import make

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "clinic-demo"

# A small app that has what the holes need: something shared, something of one's own, a file, a pages/ folder.
SCRIPT = """
import uuid
import streamlit as st

@st.cache_data
def shared():
    return uuid.uuid4().hex

st.session_state.setdefault("own", uuid.uuid4().hex)
st.text(f"shared={shared()}")
st.text(f"own={st.session_state['own']}")
st.text(f"session={st.user.get('session')}")
st.text(f"actor={type(st.session_state.get('actor')).__name__}")
st.download_button("Get", "the patient's record", file_name="record.txt", on_click="ignore")
"""
PAGE = """
import streamlit as st
st.text("the page ran by itself")
"""
OPEN_APP = """
import streamlit as st
app = st.App("main.py")
"""
GATED_APP = """
import streamlit as st
from starlette.middleware import Middleware
from clinic_core import process
from web.auth import Auth
from web.gate import Gate
from web.headers import SecurityHeaders
from web.health import Health

settings = process.settings()
app = st.App(
    "main.py",
    routes=[*Auth(settings=settings, clinic=process.clinic).routes(), *Health(process.clinic).routes()],
    middleware=[
        Middleware(SecurityHeaders, settings=settings), Middleware(Gate, settings=settings, clinic=process.clinic)
    ],
)
"""


def staff(clinic: Clinic) -> None:
    """The four roles as users, whose password is cheap to check."""
    cheap = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    for word, role in (
        ("admin", Role.ADMIN),
        ("manager", Role.MANAGER),
        ("reception", Role.RECEPTIONIST),
        ("doctor", Role.DOCTOR),
    ):
        clinic.users.add(
            User(
                id=f"user-{word}",
                username=word,
                name=word.title(),
                role=role,
                practitioner_id=make.DR_A if role is Role.DOCTOR else None,
                password_hash=cheap,
                created_at=clinic.now(),
            )
        )


def small_app(folder: Path, app: str) -> Path:
    """The small app in `folder`, behind the gate or not."""
    (folder / "pages").mkdir(parents=True)
    (folder / "app.py").write_text(app)
    (folder / "main.py").write_text(SCRIPT)
    (folder / "pages" / "secret.py").write_text(PAGE)
    shutil.copytree(ROOT / ".streamlit", folder / ".streamlit")
    return folder


@contextmanager
def serving(folder: Path, database_url: str, *, port: str = "", **environ: str) -> Iterator[str]:
    """`streamlit run app.py` in `folder` as a process of its own; gives its address."""
    port = port or _free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    command.append("--server.address=127.0.0.1")
    log = (folder / "app.log" if folder != ROOT else Path(os.devnull)).open("wb")
    given = {**os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": database_url, "APP_ENV": "development", **environ}
    process = subprocess.Popen(command, cwd=folder, env=given, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "the app ended at once"
        try:
            if fetch(url).status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the app did not answer within half a minute")


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP; redirects are not followed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def cookie(self) -> str:
        """The session cookie that was set, as a browser would send it back."""
        return self.headers.get("set-cookie", "").split(";")[0]


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **named: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


def fetch(
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    method: str | None = None,
    data: bytes | None = None,
) -> Answer:
    """One request."""
    body = urlencode(form).encode() if form is not None else data
    request = urllib.request.Request(url, data=body, headers=dict(headers or {}), method=method)
    try:
        found = _opener.open(request, timeout=20)
    except urllib.error.HTTPError as error:
        found = error
    with found:
        return Answer(found.status, {k.lower(): v for k, v in found.headers.items()}, found.read())


def sign_in(url: str, username: str, password: str = PASSWORD) -> str:
    """The cookie of a new session."""
    answer = fetch(f"{url}/auth/sign-in", form={"username": username, "password": password}, headers={"Origin": url})
    assert answer.status == 303, answer.body
    return answer.cookie


@dataclass
class Tab:
    """One browser tab: what its last run said."""

    socket: ClientConnection
    texts: list[str] = field(default_factory=list)
    media: list[str] = field(default_factory=list)
    menu: list[str] = field(default_factory=list)
    session_id: str = ""
    redirect: str = ""
    fragments: list[str] = field(default_factory=list)  # those that refresh themselves
    not_found: bool = False

    def run(self, *, page_name: str = "", fragment_id: str = "", **state: Any) -> Tab:
        """Ask for a run and wait for its end."""
        request = BackMsg()
        request.rerun_script.page_name = page_name
        request.rerun_script.fragment_id = fragment_id
        for widget in state.get("widgets", ()):
            request.rerun_script.widget_states.widgets.append(widget)
        self.send(request)
        self.texts.clear()
        while not self._finished(self.next()):
            pass
        return self

    def send(self, message: BackMsg) -> None:
        """Any message at all."""
        self.socket.send(message.SerializeToString())

    def next(self, timeout: float = 20) -> ForwardMsg:
        """The next message from the server."""
        return ForwardMsg.FromString(bytes(self.socket.recv(timeout=timeout)))

    def value(self, name: str) -> str:
        """What the small app says of `name`."""
        return next(text.partition("=")[2] for text in self.texts if text.startswith(f"{name}="))

    def _finished(self, message: ForwardMsg) -> bool:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.session_id = message.new_session.initialize.session_id
        elif kind == "navigation":
            self.menu = [page.page_name for page in message.navigation.app_pages if not page.is_hidden]
        elif kind == "auto_rerun":
            self.fragments.append(message.auto_rerun.fragment_id)
        elif kind == "page_not_found":
            self.not_found = True
        elif kind == "auth_redirect":
            self.redirect = message.auth_redirect.url
            return True
        elif kind == "delta":
            self._read(message.delta.new_element)
        return kind == "script_finished" and message.script_finished != message.FINISHED_EARLY_FOR_RERUN

    def _read(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind in {"text", "markdown", "alert", "html"}:
            self.texts.append(getattr(element, kind).body)
        elif kind in {"heading", "exception"}:
            self.texts.append(str(getattr(element, kind)))
        elif kind == "download_button":
            self.media.append(element.download_button.url)


@contextmanager
def tab(url: str, cookie: str = "", *, resume: str = "", headers: Mapping[str, str] | None = None) -> Iterator[Tab]:
    """A websocket to the app; `resume` is the id of a tab that one claims to be."""
    protocols = ["streamlit", "token", *([resume] if resume else [])]
    given = {**({"Cookie": cookie} if cookie else {}), **(headers or {})}
    with connect(
        f"{url.replace('http', 'ws', 1)}/_stcore/stream",
        subprotocols=[Subprotocol(name) for name in protocols],
        additional_headers=given,
        compression=None,
        proxy=None,
        max_size=2**26,
    ) as opened:
        yield Tab(opened)
