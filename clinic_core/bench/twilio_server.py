"""A carrier on this machine that behaves like Twilio's Messages API, with the faults that a campaign asks for.

It checks the account, knows errors by number, lists what it took (newest first, in pages), may answer late, wrongly or
not at all before and after it took a message, and calls back with signed reports of delivery.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import requests

ACCOUNT: Final = "AC" + "0123456789abcdef" * 2
TOKEN: Final = "fedcba9876543210" * 2
FROM: Final = "+15005550006"
_PAGE: Final = 50
_NO_ROUTE: Final = 404


class Fault(StrEnum):
    """What the carrier does instead of taking a message and saying so."""

    BUSY = "429"
    ERROR_BEFORE = "500 before"
    ERROR_AFTER = "500 after"
    HANG_BEFORE = "hang before"
    HANG_AFTER = "hang after"
    CUT_AFTER = "cut after"  # the connection breaks before the answer


_TAKES: Final = frozenset({Fault.ERROR_AFTER, Fault.HANG_AFTER, Fault.CUT_AFTER})
_HANGS: Final = frozenset({Fault.HANG_BEFORE, Fault.HANG_AFTER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """A message that the carrier took. `at` is this machine's clock."""

    sid: str
    to: str
    sender: str
    body: str
    at: datetime
    callback: str = ""
    inbound: bool = False  # somebody wrote it to the clinic
    fields: Mapping[str, str] = field(default_factory=dict)


class TwilioServer:
    """The carrier; use it as a context manager. `messages` is what it took, `faults` how often it failed how.

    `chances` are of each fault, per message. A message that hangs is answered after `hang_seconds`, or never where the
    other side gave up. One is listed `lag_seconds` after it was taken. `refused` are numbers that get an error code.
    """

    def __init__(
        self,
        *,
        chances: Mapping[Fault, float] | None = None,
        hang_seconds: float = 30.0,
        lag_seconds: float = 0.0,
        seed: int = 1,
        refused: Mapping[str, int] | None = None,
        port: int = 0,
    ) -> None:
        self.chances = dict(chances or {})
        self.hang_seconds, self.lag_seconds = hang_seconds, lag_seconds
        self.refused = dict(refused or {})
        self.messages: list[Sms] = []
        self.faults: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.next_faults: list[Fault | None] = []  # come first, whatever the chances
        self.retry_after = 1
        self._chance = random.Random(seed)  # noqa: S311 - faults, no secrets
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.carrier = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """What TWILIO_API_URL is to be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> TwilioServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def call_back(self, sms: Sms, status: str, *, error_code: str = "") -> int:
        """Report what became of a message to the address it came with, signed; the answer's status."""
        form = {"AccountSid": ACCOUNT, "MessageSid": sms.sid, "MessageStatus": status, "From": sms.sender, "To": sms.to}
        form |= {"ErrorCode": error_code} if error_code else {}
        headers = {"X-Twilio-Signature": signature(sms.callback, form)}
        return requests.post(sms.callback, data=form, headers=headers, timeout=10).status_code

    def write(self, sender: str, body: str, *, at: datetime | None = None) -> Sms:
        """Somebody writes to the clinic's number, while its webhook cannot be reached."""
        to = FROM if not sender.startswith("whatsapp:") else f"whatsapp:{FROM}"
        written = replace(_taken({"To": to, "From": sender, "Body": body}), inbound=True)
        with self._lock:
            self.messages.append(written if at is None else replace(written, at=at))
        return self.messages[-1]

    def post(self, form: dict[str, str]) -> tuple[int, dict[str, Any], Fault | None]:
        """Take a message, or not: status, answer and fault."""
        with self._lock:
            self.requests["POST"] += 1
            code = _refusal(form) or self.refused.get(form.get("To", ""), 0)
            if code:
                return 400, _error(400, code), None
            fault = self._draw()
            if fault is not None:
                self.faults[fault.value] += 1
            if fault is Fault.BUSY:
                return 429, _error(429, 20429), fault
            if fault is not None and fault not in _TAKES:
                return 500, _error(500, 20500), fault
            self.messages.append(_taken(form))
            if fault is Fault.ERROR_AFTER:
                return 500, _error(500, 20500), fault
            return 201, _shown(self.messages[-1]), fault

    def listed(self, query: Mapping[str, str], path: str) -> dict[str, Any]:
        """One page of what was taken, newest first."""
        size, page = int(query.get("PageSize", _PAGE)), int(query.get("Page", 0))
        with self._lock:
            self.requests["GET"] += 1
            old = datetime.now(UTC).timestamp() - self.lag_seconds
            found = [
                one
                for one in reversed(self.messages)
                if one.at.timestamp() <= old and query.get("To", one.to) == one.to
            ]
        part = found[page * size : (page + 1) * size]
        more = len(found) > (page + 1) * size
        following = urlencode({**query, "PageSize": size, "Page": page + 1, "PageToken": f"PA{page + 1}"})
        return {
            "messages": [_shown(one) for one in part],
            "page": page,
            "page_size": size,
            "next_page_uri": f"{path}?{following}" if more else None,
        }

    def hang(self) -> None:
        """Wait as a server does that has too much to do."""
        self._stopping.wait(self.hang_seconds)

    def _draw(self) -> Fault | None:
        if self.next_faults:
            return self.next_faults.pop(0)
        drawn = self._chance.random()
        for fault, chance in self.chances.items():
            if drawn < chance:
                return fault
            drawn -= chance
        return None


def signature(url: str, form: Mapping[str, str]) -> str:
    """How the carrier signs a request to the clinic (Twilio, "Validating requests")."""
    text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()


class _Server(ThreadingHTTPServer):
    carrier: TwilioServer
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asks may be killed at any time."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Take a message."""
        length = int(self.headers.get("Content-Length", 0))
        form = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
        if not self._is_known():
            return
        carrier = self.server.carrier
        status, answer, fault = carrier.post(form)
        if fault in _HANGS:
            carrier.hang()
        if fault in (*_HANGS, Fault.CUT_AFTER):
            self.close_connection = True
            return
        self._answer(status, answer, {"Retry-After": str(carrier.retry_after)} if status == 429 else {})  # noqa: PLR2004

    def do_GET(self) -> None:
        """List messages."""
        if not self._is_known():
            return
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self._answer(200, self.server.carrier.listed(query, parts.path), {})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Nothing: what was taken stands in `messages`."""

    def _is_known(self) -> bool:
        given = self.headers.get("Authorization", "")
        wanted = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if given != wanted:
            self._answer(401, _error(401, 20003), {})
        elif urlsplit(self.path).path != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
            self._answer(_NO_ROUTE, _error(_NO_ROUTE, 20404), {})
        else:
            return True
        return False

    def _answer(self, status: int, answer: dict[str, Any], headers: Mapping[str, str]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _refusal(form: Mapping[str, str]) -> int:
    """The code of the error that a form deserves; 0 for a good one."""
    to = form.get("To", "").removeprefix("whatsapp:")
    if not (to.startswith("+") and to[1:].isdigit() and 7 <= len(to) <= 16):  # noqa: PLR2004 - E.164
        return 21211
    if not form.get("From"):
        return 21603
    if not form.get("Body") and not form.get("ContentSid"):
        return 21602
    return 0


def _taken(form: Mapping[str, str]) -> Sms:
    return Sms(
        sid="SM" + hashlib.sha256(f"{time.time_ns()}{random.random()}".encode()).hexdigest()[:32],  # noqa: S311
        to=form["To"],
        sender=form["From"],
        body=form.get("Body") or form.get("ContentVariables", ""),
        at=datetime.now(UTC),
        callback=form.get("StatusCallback", ""),
        fields=dict(form),
    )


def _shown(sms: Sms) -> dict[str, Any]:
    when = format_datetime(sms.at)
    empty = dict.fromkeys(("date_sent", "price", "error_code", "error_message", "messaging_service_sid"))
    return {
        **empty,
        "sid": sms.sid,
        "account_sid": ACCOUNT,
        "to": sms.to,
        "from": sms.sender,
        "body": sms.body,
        "status": "queued",
        "num_segments": "1",
        "num_media": "0",
        "direction": "inbound" if sms.inbound else "outbound-api",
        "date_created": when,
        "date_updated": when,
        "price_unit": "USD",
        "api_version": "2010-04-01",
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sms.sid}.json",
        "subresource_uris": {},
    }


def _error(status: int, code: int) -> dict[str, Any]:
    return {
        "code": code,
        "message": "Refused.",
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
