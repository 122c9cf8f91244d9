"""Who may reach which address: one table, and what is not in it needs a session."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final
from urllib.parse import unquote, urlsplit

from clinic_core.domain.deliveries import STATUS_PATH

SIGN_IN: Final = "/auth/sign-in"
SIGN_OUT: Final = "/auth/sign-out"
HEALTH: Final = "/api/health"
TWILIO_STATUS: Final = STATUS_PATH
TWILIO_INBOUND: Final = "/twilio/inbound"
STREAM: Final = "/_stcore/stream"

# Routes with a guard of their own (a signature, a token in the address) belong here as well.
OPEN_PATHS: Final = frozenset(
    {
        SIGN_IN,
        SIGN_OUT,
        HEALTH,
        TWILIO_STATUS,
        TWILIO_INBOUND,
        "/_stcore/health",
        "/_stcore/host-config",
        "/favicon.png",
        "/favicon.ico",
    }
)
OPEN_PREFIXES: Final = ("/static/", "/component/")  # Streamlit's own scripts and fonts, nothing of the clinic
DATA_PREFIXES: Final = ("/media/", "/_stcore/upload_file/", "/_stcore/bidi-components/", "/api/")
# Streamlit's metrics, agent API and own log-in: nobody here uses them, so nobody reaches them.
CLOSED_PREFIXES: Final = ("/_stcore/", "/auth/", "/oauth2callback", "/app/static")


class Passage(Enum):
    """What an address asks of whoever wants it."""

    OPEN = auto()  # nothing
    DATA = auto()  # a session, or 403
    PAGE = auto()  # a session, or the sign-in page
    CLOSED = auto()  # it is not there


def passage(path: str) -> Passage:
    """What `path` (percent-decoded, as ASGI gives it) asks for."""
    if path in OPEN_PATHS or path.startswith(OPEN_PREFIXES):
        return Passage.OPEN
    if path.startswith(DATA_PREFIXES):
        return Passage.DATA
    if path.startswith(CLOSED_PREFIXES):
        return Passage.CLOSED
    return Passage.DATA if "/_stcore/" in path else Passage.PAGE


def local_page(wanted: str | None) -> str:
    """`wanted` when it is an address of a page here, else ``/``: a sign-in never leads to another site.

    Browsers read ``//host``, ``/\\host`` and addresses with line breaks or tabs in them as another host.
    """
    if not wanted or not wanted.startswith("/") or not wanted.isprintable():
        return "/"
    plain = unquote(wanted)
    if plain.startswith("//") or "\\" in plain:
        return "/"
    return wanted if passage(unquote(urlsplit(wanted).path)) is Passage.PAGE else "/"
