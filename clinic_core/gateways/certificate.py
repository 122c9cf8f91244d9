"""The TLS certificate that a server shows."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from clinic_core.domain.upkeep import Certificate
from clinic_core.errors import Unavailable

_PATIENCE: Final = 10.0  # seconds
_HTTPS: Final = 443


def certificate_of(url: str, *, context: ssl.SSLContext | None = None) -> Certificate:
    """What a browser would see at an https address. Raises Unavailable when nothing answers there."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _HTTPS
    trust = context or ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), timeout=_PATIENCE) as plain,
            trust.wrap_socket(plain, server_hostname=host) as secured,
        ):
            shown = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return Certificate(host=host, fault=error.verify_message)
    except OSError as error:
        raise Unavailable(f"{host} does not answer at port {port} ({type(error).__name__}).") from None
    ends = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    return Certificate(host=host, ends_at=datetime.fromtimestamp(ends, UTC))
