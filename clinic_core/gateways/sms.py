"""SMS and WhatsApp through Twilio's Messages API, which knows no idempotency key: see docs/decisions/messages.md."""

from __future__ import annotations

import json
import re
import threading
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final

from clinic_core.domain import deliveries
from clinic_core.domain.carriers import CarrierError, Fault, Outgoing, Taken
from clinic_core.domain.messages import Channel, Delivery
from clinic_core.domain.replies import CHOICE, Written, files_text
from clinic_core.settings import Settings

API: Final = "https://api.twilio.com"
TIMEOUT: Final = 10.0  # seconds, to connect and again to answer; the client's own is for ever
_PAGE: Final = 50
_WHATSAPP: Final = "whatsapp:"
_SLACK: Final = timedelta(days=1)  # between the carrier's clock and the database's, which may be wrong
_BUSY: Final = 429
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400
_CONFIGURATION: Final = frozenset({401, 403, 404})  # the account, not the message: somebody has to repair it
_QUEUE_FULL: Final = "21611"  # too many wait at this number: the message was not taken
_DELIVERIES: Final = {one.value: one for one in Delivery}


class TwilioCarrier:
    """One sending number of one account. It gives up after `timeout` seconds."""

    def __init__(self, settings: Settings, channel: Channel, number: str, *, timeout: float = TIMEOUT) -> None:
        self._settings, self._channel, self._timeout = settings, channel, timeout
        self._number = _address(channel, number)
        self._local = threading.local()

    @property
    def sender(self) -> str:
        """The number, as the carrier writes it."""
        return self._number

    def send(self, message: Outgoing) -> Taken:
        """Hand a message over. Raises CarrierError: a broken connection and an error of the server are unknown."""
        given: dict[str, Any] = {"to": _address(self._channel, message.recipient), "from_": self._number}
        if message.content_sid:
            given |= {"content_sid": message.content_sid, "content_variables": json.dumps(dict(message.variables))}
        else:
            given["body"] = message.text
        if self._settings.cookie_secure:  # the carrier refuses addresses that it cannot reach
            given["status_callback"] = self._settings.public_url + deliveries.callback_path(message.id)
        made = self._client().messages.create(**given)
        return _taken(made)

    def find(self, message: Outgoing, *, since: datetime) -> Taken | None:
        """The message that was taken since and holds the reference as its own; None when none is listed."""
        to = _address(self._channel, message.recipient)
        listed = self._client().messages.stream(to=to, page_size=_PAGE)
        recent = takewhile(lambda one: one.date_created is None or one.date_created >= since - _SLACK, listed)
        found = next((one for one in recent if is_it(message, one.body or "")), None)
        return None if found is None else _taken(found)

    def received(self, *, since: datetime) -> list[Written]:
        """What the number got since, in the order in which it came. Raises CarrierError."""
        listed = self._client().messages.stream(to=self._number, page_size=_PAGE)
        recent = takewhile(lambda one: one.date_created is None or one.date_created >= since, listed)
        return [_written(self._channel, one) for one in recent if one.direction == "inbound"][::-1]

    def _client(self) -> Any:
        """The client of this thread, whose session is not for two at once."""
        if not hasattr(self._local, "client"):
            self._local.client = _client(self._settings, self._timeout)
        return self._local.client


def is_it(message: Outgoing, body: str) -> bool:
    """Whether a text that the carrier shows is this message, also where the carrier added or changed words.

    It holds the reference, but not only as one of the choices of an answer, which quotes the references of others. As a
    word, unless the clinic's words join it to another one ("Ref{reference}").
    """
    sought = re.compile(rf"\b{re.escape(message.reference)}\b")
    if not sought.search(message.text):
        sought = re.compile(re.escape(message.reference))
    own = CHOICE.sub("", body) if sought.search(CHOICE.sub("", message.text)) else body
    return sought.search(own) is not None


def _client(settings: Settings, timeout: float) -> Any:
    from requests import exceptions  # noqa: PLC0415 - a fifth of a second, and only the sidecar's
    from twilio.http.http_client import TwilioHttpClient  # noqa: PLC0415
    from twilio.http.response import Response  # noqa: PLC0415
    from twilio.rest import Client  # noqa: PLC0415

    class Http(TwilioHttpClient):  # type: ignore[misc]
        """Goes to TWILIO_API_URL, gives up in time, and says what a failure means."""

        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
            kwargs["timeout"] = timeout
            try:
                answer = super().request(method, url.replace(API, settings.twilio_api_url, 1), *args, **kwargs)
            except (exceptions.ConnectTimeout, exceptions.SSLError, exceptions.ProxyError) as error:
                raise CarrierError(Fault.TEMPORARY, type(error).__name__) from None
            except exceptions.RequestException as error:
                fault = Fault.TEMPORARY if "NewConnectionError" in repr(error) else Fault.UNKNOWN
                raise CarrierError(fault, type(error).__name__) from None
            if answer.status_code >= _CLIENT_ERROR:
                raise _refused(answer.status_code, answer.text, dict(answer.headers or {}))
            return answer

    return Client(settings.twilio_account_sid, settings.twilio_auth_token, http_client=Http())


def _refused(status: int, text: str, headers: dict[str, str]) -> CarrierError:
    code = _code(text) or str(status)
    if status >= _SERVER_ERROR:
        return CarrierError(Fault.UNKNOWN, code)
    if status == _BUSY:
        wait = headers.get("Retry-After", "")
        return CarrierError(Fault.TEMPORARY, code, timedelta(seconds=int(wait)) if wait.isdigit() else None)
    later = status in _CONFIGURATION or code == _QUEUE_FULL
    return CarrierError(Fault.TEMPORARY if later else Fault.PERMANENT, code)


def _code(text: str) -> str:
    try:
        return str(json.loads(text).get("code") or "")
    except (ValueError, AttributeError):
        return ""


def _taken(message: Any) -> Taken:
    if not message.sid:
        raise CarrierError(Fault.UNKNOWN, "no id")  # somebody else answered, such as a proxy
    return Taken(
        provider_id=message.sid,
        delivery=_DELIVERIES.get(str(message.status), Delivery.QUEUED),
        at=message.date_created,
    )


def _written(channel: Channel, message: Any) -> Written:
    return Written(
        id=message.sid,
        sender=str(message.from_).removeprefix(_WHATSAPP),
        channel=channel,
        text=(message.body or "").strip() or files_text(str(message.num_media or "")),
        at=message.date_created,
    )


def _address(channel: Channel, number: str) -> str:
    return f"{_WHATSAPP}{number}" if channel is Channel.WHATSAPP else number
