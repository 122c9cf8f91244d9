"""Nobody reaches Streamlit without a session: no page, no file, no websocket, and so no run of any script.

Inside, the script learns from the gate which session it serves: the gate strips the header `X-Clinic-Session` from
whatever a client sends and sets it from the cookie; `server.trustedUserHeaders` hands it on as ``st.user["session"]``.
Because Streamlit only resumes a tab for the same `st.user`, the id of somebody else's tab opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from clinic_core.clinic import Clinic
from clinic_core.domain.users import SignedIn
from clinic_core.errors import Unavailable
from clinic_core.services import sessions
from clinic_core.settings import Settings
from web import cookie, pages, requests, stream
from web.database import in_thread
from web.passage import SIGN_IN, STREAM, Passage, passage

HEADER: Final = "x-clinic-session"
_POLICY_VIOLATION: Final = 1008
_TRY_AGAIN_LATER: Final = 1013


class Gate:
    """Pure ASGI middleware, because it has to see websockets as well."""

    def __init__(
        self, app: ASGIApp, *, settings: Settings, clinic: Callable[[], Clinic], hosts: tuple[str, ...] = ()
    ) -> None:
        self._app, self._settings, self._clinic, self._hosts = app, settings, clinic, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer it here."""
        if scope["type"] == "http":
            await self._http(_without_claims(scope), receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(_without_claims(scope), receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._refusal(scope)
        await (self._app if answer is None else answer)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that may not pass; None lets it pass."""
        wanted = passage(scope["path"])
        if not requests.is_own_host(Headers(scope=scope), self._hosts) and not _is_health(scope):
            return PlainTextResponse("Unknown host.", status_code=400)
        if wanted is Passage.CLOSED:
            return PlainTextResponse("Not found.", status_code=404)
        if wanted is Passage.OPEN:
            return None
        try:
            return None if await self._signed_in(scope) else _stranger(scope, wanted)
        except Unavailable as error:
            return pages.unavailable(str(error))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, settings = Headers(scope=scope), self._settings
        own = requests.is_own_host(headers, self._hosts) and requests.is_own_origin(headers, settings)
        if scope["path"] != STREAM or not own:
            await _close(receive, send, _POLICY_VIOLATION)
            return
        try:
            signed_in = await self._signed_in(scope)
        except Unavailable:
            await _close(receive, send, _TRY_AGAIN_LATER)
            return
        if signed_in is not None:
            MutableHeaders(scope=scope)[HEADER] = signed_in.session_id
            await stream.Stream(self._clinic, signed_in.session_id, receive, send).run(self._app, scope)
        elif cookie.read(scope, settings) is not None:
            await stream.send_to_sign_in(scope, receive, send)
        else:
            await _close(receive, send, _POLICY_VIOLATION)

    async def _signed_in(self, scope: Scope) -> SignedIn | None:
        token = cookie.read(scope, self._settings)
        if token is None:
            return None
        return await in_thread(lambda: sessions.check_cookie(self._clinic(), token))


def _without_claims(scope: Scope) -> Scope:
    """The request without what only the gate may say."""
    claimed = HEADER.encode()
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() != claimed]}


def _is_health(scope: Scope) -> bool:
    return passage(scope["path"]) is Passage.OPEN and scope["path"].endswith("/health")


def _stranger(scope: Scope, wanted: Passage) -> Response:
    if wanted is Passage.PAGE and scope["method"] in {"GET", "HEAD"}:
        return _to_sign_in(scope)
    return PlainTextResponse("Sign in first.", status_code=403)


def _to_sign_in(scope: Scope) -> Response:
    """The sign-in page, or, for a link on another site, the same page once more.

    A browser leaves a SameSite=Strict cookie at home when another site (a mail, a chat) leads here. Asked again from
    a page of our own it brings it along, and whoever is signed in goes on without noticing.
    """
    if Headers(scope=scope).get("sec-fetch-site") == "cross-site":
        return pages.once_more()
    query = scope["query_string"].decode("latin-1")
    wanted = quote(scope["path"], safe="/") + (f"?{query}" if query else "")
    where = SIGN_IN if wanted == "/" else f"{SIGN_IN}?next={quote(wanted, safe='/')}"
    return RedirectResponse(where, status_code=303, headers={"Cache-Control": "no-store"})


async def _close(receive: Receive, send: Send, code: int) -> None:
    """Refuse a websocket before it is accepted, which the client sees as 403."""
    await receive()
    await send({"type": "websocket.close", "code": code})
