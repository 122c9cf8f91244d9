"""Signing in and out: two addresses, each a page to look at (GET) and a form to send (POST)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from clinic_core.clinic import Clinic
from clinic_core.errors import SignInRefused, Unavailable
from clinic_core.services import maintenance, sessions
from clinic_core.settings import Settings
from web import cookie, pages, requests
from web.database import in_thread
from web.limits import RateLimit
from web.pages import SignInForm
from web.passage import SIGN_IN, SIGN_OUT, local_page

_LONGEST_FORM: Final = 8_192  # bytes
_CHECKS_AT_ONCE: Final = 2  # each is 0.3 s of a processor, which the screens of others need as well
_ENDED: Final = "You were signed out because nothing happened for a while, or somebody ended your session."
_WHY: Final = {"ended": _ENDED, "out": "You are signed out."}
_FOREIGN: Final = "This form was sent from another site. Open the clinic's own address and sign in there."
_TOO_MANY: Final = "Too many attempts at once from here. Wait a moment and try again."


class Auth:
    """The routes, with what they share."""

    def __init__(self, *, settings: Settings, clinic: Callable[[], Clinic]) -> None:
        self._settings, self._clinic = settings, clinic
        self._checks = anyio.CapacityLimiter(_CHECKS_AT_ONCE)
        self._rate = RateLimit(most=settings.rate_limit_max_requests, seconds=settings.rate_limit_window_ms / 1_000)

    def routes(self) -> list[Route]:
        """For `st.App(routes=)`."""
        return [
            Route(SIGN_IN, self.show_sign_in, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["POST"]),
            Route(SIGN_OUT, self.show_sign_out, methods=["GET"]),
            Route(SIGN_OUT, self.sign_out, methods=["POST"]),
        ]

    async def show_sign_in(self, request: Request) -> Response:
        """The form; whoever is signed in already goes straight on, and a dead cookie is taken away."""
        wanted = _wanted_page(request)
        try:
            token = cookie.read(request.scope, self._settings)
            signed_in = await in_thread(lambda: sessions.check_cookie(self._clinic(), token))
            if signed_in is not None:
                return _go(wanted)
            form = await self._form(wanted, notice=_WHY.get(request.query_params.get("why", ""), ""))
        except Unavailable as error:
            return pages.unavailable(str(error))
        response = pages.sign_in(form)
        if token:
            cookie.take(response, self._settings)
        return response

    async def sign_in(self, request: Request) -> Response:
        """Check what was typed; with a session, on to the page that was wanted."""
        if not requests.is_own_origin(request.headers, self._settings):
            return pages.refused(_FOREIGN)
        typed = await _form_of(request)
        if typed is None:
            return PlainTextResponse("Send the form of the sign-in page.", status_code=400)
        wanted, username = local_page(typed.get("next")), typed.get("username", "")
        try:
            if wait := self._rate.wait(requests.address(request.scope)):
                form = await self._form(wanted, username=username, error=_TOO_MANY)
                return pages.sign_in(form, status=429, wait_seconds=math.ceil(wait))
            token = await self._begin(request, username, typed.get("password", ""))
        except SignInRefused as error:
            form = await self._form(wanted, username=username, error=str(error))
            return pages.sign_in(form, status=401)
        except Unavailable as error:
            form = SignInForm(clinic_name="Clinic", next_page=wanted, username=username, error=str(error))
            return pages.sign_in(form, status=503)
        response = _go(wanted)
        cookie.give(response, self._settings, token)
        return response

    async def show_sign_out(self, request: Request) -> Response:
        """Asks; looking at an address must not change anything."""
        token = cookie.read(request.scope, self._settings)
        try:
            signed_in = await in_thread(lambda: sessions.check_cookie(self._clinic(), token))
            name = await self._clinic_name()
        except Unavailable as error:
            return pages.unavailable(str(error))
        return _go(SIGN_IN) if signed_in is None else pages.sign_out(name, signed_in.actor.name)

    async def sign_out(self, request: Request) -> Response:
        """End the session of this browser."""
        if not requests.is_own_origin(request.headers, self._settings):
            return pages.refused(_FOREIGN)
        try:
            await self._end(request)
        except Unavailable as error:
            return pages.unavailable(str(error))
        response = _go(SIGN_IN + "?why=out")
        cookie.take(response, self._settings)
        return response

    async def _begin(self, request: Request, username: str, password: str) -> str:
        """A new session's cookie; the one this browser had before ends."""
        where = requests.address(request.scope)
        token = await anyio.to_thread.run_sync(
            lambda: sessions.sign_in(self._clinic(), username=username, password=password, address=where),
            limiter=self._checks,
        )
        await self._end(request)
        return token

    async def _end(self, request: Request) -> None:
        token = cookie.read(request.scope, self._settings)
        if token:
            await in_thread(lambda: sessions.sign_out_cookie(self._clinic(), token))

    async def _form(self, wanted: str, *, username: str = "", error: str = "", notice: str = "") -> SignInForm:
        name, planned = await in_thread(self._told)
        return SignInForm(
            clinic_name=name, next_page=wanted, username=username, error=error, notice=notice, maintenance=planned
        )

    def _told(self) -> tuple[str, str]:
        """The clinic's name, and when the next maintenance is; what it is for is the staff's business."""
        clinic = self._clinic()
        window = maintenance.announced(clinic)
        return clinic.organization().name, f"{maintenance.headline(clinic, window)}." if window else ""

    async def _clinic_name(self) -> str:
        return await in_thread(lambda: self._clinic().organization().name)


def _go(where: str) -> Response:
    return RedirectResponse(where, status_code=303, headers={"Cache-Control": "no-store"})


def _wanted_page(request: Request) -> str:
    """The page to go on to: the one that was asked for, or else the one that led here."""
    if "next" in request.query_params:
        return local_page(request.query_params["next"])
    came_from = urlsplit(request.headers.get("referer", ""))
    if came_from.netloc != request.headers.get("host"):
        return "/"
    return local_page(came_from.path + (f"?{came_from.query}" if came_from.query else ""))


async def _form_of(request: Request) -> dict[str, str] | None:
    """The fields of the form, each given once; None when it is another kind of message, or too long."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            return None
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return None
    return {name: values[0] for name, values in fields.items() if len(values) == 1}
