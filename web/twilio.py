"""Webhooks of the carrier: what became of a message (status), and what somebody wrote (inbound).

They are open to everybody and have a guard of their own: the carrier signs each request with the account's token. The
signature is checked against the address that we gave the carrier (APP_URL), never against the Host header, which
anybody can choose. An answer to a patient goes through the outbox and not through TwiML; see docs/decisions/replies.md.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from clinic_core import logs
from clinic_core.clinic import Clinic
from clinic_core.domain import deliveries
from clinic_core.domain.deliveries import MESSAGE_PARAM, Report
from clinic_core.domain.messages import Channel
from clinic_core.domain.replies import Written, files_text
from clinic_core.errors import Conflict, Unavailable
from clinic_core.services import delivery, replies
from clinic_core.settings import Settings
from web import requests
from web.database import in_thread
from web.limits import RateLimit
from web.passage import TWILIO_INBOUND, TWILIO_STATUS

_LONGEST_FORM: Final = 64 * 1024  # bytes
_MOST_FIELDS: Final = 200
_FORM: Final = "application/x-www-form-urlencoded"
_SIGNATURE: Final = "x-twilio-signature"
_SID: Final = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")
_WHATSAPP: Final = "whatsapp:"
_LONGEST_SENDER: Final = 40
_LONGEST_TEXT: Final = 1_600  # the carrier's limit
_NO_ANSWER: Final = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_TOLD_SECONDS: Final = 60.0

Fields = ImmutableMultiDict[str, str]
log = logging.getLogger(__name__)


class Twilio:
    """The routes; without an account and an address of our own they are not there."""

    def __init__(self, *, settings: Settings, clinic: Callable[[], Clinic]) -> None:
        self._settings, self._clinic = settings, clinic
        self._told = RateLimit(most=1, seconds=_TOLD_SECONDS)

    def routes(self) -> list[Route]:
        """For `st.App(routes=)`."""
        return [
            Route(TWILIO_STATUS, self.status, methods=["POST"]),
            Route(TWILIO_INBOUND, self.inbound, methods=["POST"]),
        ]

    async def status(self, request: Request) -> Response:
        """What became of a message: 204 once it is noted."""
        form = await self._signed_form(request)
        if isinstance(form, Response):
            return form
        report = _report(request, form)
        if report is None:
            return Response(status_code=204)  # a kind of event that says nothing about delivery
        return await _answered(lambda: delivery.report(self._clinic(), report), Response(status_code=204))

    async def inbound(self, request: Request) -> Response:
        """What somebody wrote: an empty TwiML answer once it is kept and done."""
        form = await self._signed_form(request)
        if isinstance(form, Response):
            return form
        written = _written(form)
        if written is None:
            return PlainTextResponse("Not a message.", status_code=400)
        nothing = Response(_NO_ANSWER, media_type="text/xml")
        return await _answered(lambda: replies.receive(self._clinic(), written), nothing)

    async def _signed_form(self, request: Request) -> Fields | Response:
        """The form of a request that the carrier signed, or how to refuse it."""
        settings = self._settings
        if not (settings.twilio_auth_token and settings.public_url):
            return PlainTextResponse("Not found.", status_code=404)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            return PlainTextResponse("Send a form.", status_code=415)
        body = await _body(request)
        if body is None:
            return PlainTextResponse("Too long.", status_code=413)
        form = _fields(body)
        if form is None or not self._is_signed(request, form):
            self._tell(requests.address(request.scope))
            return PlainTextResponse("Not signed.", status_code=403)
        return form

    def _is_signed(self, request: Request, form: Fields) -> bool:
        from twilio.request_validator import RequestValidator  # noqa: PLC0415 - few clinics' first request

        query = request.scope["query_string"].decode("latin-1")
        address = self._settings.public_url + request.scope["path"] + (f"?{query}" if query else "")
        signature = request.headers.get(_SIGNATURE, "")
        return bool(RequestValidator(self._settings.twilio_auth_token).validate(address, form, signature))

    def _tell(self, address: str) -> None:
        """A line in the log, one a minute and address: whoever sends many forged ones must not fill the disk."""
        if not self._told.wait(address):
            log.warning("a webhook without the carrier's signature was refused")


async def _answered(work: Callable[[], object], answer: Response) -> Response:
    """`answer` once the work is done; when it cannot be done now the carrier is to try again."""
    try:
        await in_thread(work)
    except (Unavailable, Conflict):
        return PlainTextResponse("Try again.", status_code=503, headers={"Retry-After": "10"})
    except Exception as error:  # noqa: BLE001 - it is a bug, whose text may hold what somebody wrote
        return PlainTextResponse(f"Error {logs.report(error)}.", status_code=500)
    return answer


async def _body(request: Request) -> bytes | None:
    """The body; None when it is longer than any of the carrier's."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > _LONGEST_FORM:
            return None
    return bytes(found)


def _fields(body: bytes) -> Fields | None:
    """The fields of a form, each as often as it was given; None when it is no form."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        return None
    return ImmutableMultiDict(pairs)


def _report(request: Request, form: Fields) -> Report | None:
    provider_id = form.get("MessageSid", "") or form.get("SmsSid", "")
    found = deliveries.delivery_of(form.get("MessageStatus", "") or form.get("SmsStatus", ""))
    if found is None or not _SID.fullmatch(provider_id):
        return None
    return Report(
        message_id=request.query_params.get(MESSAGE_PARAM, ""),
        provider_id=provider_id,
        delivery=found,
        error_code=form.get("ErrorCode", "")[:10],
    )


def _written(form: Fields) -> Written | None:
    """The message; None when it has no id or no sender."""
    message_id, sender = form.get("MessageSid", "") or form.get("SmsMessageSid", ""), form.get("From", "")
    channel = Channel.WHATSAPP if sender.startswith(_WHATSAPP) else Channel.SMS
    number = sender.removeprefix(_WHATSAPP).strip()
    if not _SID.fullmatch(message_id) or not 0 < len(number) <= _LONGEST_SENDER:
        return None
    return Written(
        id=message_id,
        sender=number,
        channel=channel,
        text=form.get("Body", "")[:_LONGEST_TEXT].strip() or files_text(form.get("NumMedia", "")),
        payload=(form.get("ButtonPayload", "") or form.get("OptOutType", ""))[:_LONGEST_TEXT].strip(),
        replied_to=form.get("OriginalRepliedMessageSid", "")[:34],
    )
