"""Alerts to a chat, through an incoming webhook as Slack, Mattermost and others have them."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Final

from clinic_core.domain.alerts import Notice
from clinic_core.errors import Unavailable

_PATIENCE: Final = 10.0  # seconds


class Slack:
    """Posts to one webhook. Its address is a secret and is in no message."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, notice: Notice) -> None:
        """Post it once. Raises Unavailable when it was not accepted."""
        body = json.dumps({"text": f"*{notice.subject}*\n{notice.text}"}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - http(s)
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE):  # noqa: S310 - the settings take http(s) only
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise Unavailable(f"The chat of ALERT_SLACK_URL refused the alert ({error.code}).") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"The chat of ALERT_SLACK_URL does not answer ({type(error).__name__}).") from None
