"""The session cookie: opaque, unreadable by scripts, never sent along from another site."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Scope

from clinic_core.settings import Settings


def name(settings: Settings) -> str:
    """Its name; with https the prefix makes browsers refuse one that a neighbouring host set (RFC 6265bis)."""
    return "__Host-clinic_session" if settings.cookie_secure else "clinic_session"


def read(scope: Scope, settings: Settings) -> str | None:
    """The cookie's value in a request, if there is exactly one cookie of that name."""
    wanted, found = name(settings), []
    for key, value in scope["headers"]:
        if key == b"cookie":
            for part in value.decode("latin-1").split(";"):
                cookie_name, _, cookie_value = part.strip().partition("=")
                if cookie_name == wanted:
                    found.append(cookie_value)
    return found[0] if len(found) == 1 else None


def give(response: Response, settings: Settings, token: str) -> None:
    """Set it for as long as the browser stays open; the server decides how long it counts."""
    response.set_cookie(
        name(settings), token, path="/", httponly=True, samesite="strict", secure=settings.cookie_secure
    )


def take(response: Response, settings: Settings) -> None:
    """Remove it."""
    response.delete_cookie(name(settings), path="/", httponly=True, samesite="strict", secure=settings.cookie_secure)
