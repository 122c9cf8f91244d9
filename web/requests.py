"""Small questions about a request that several parts ask."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from clinic_core.settings import Settings


def address(scope: Scope) -> str:
    """Where the request comes from.

    The server has already put what a trusted proxy says (X-Forwarded-For) in its place; the header itself is
    never read here, because anybody can send one.
    """
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def is_own_origin(headers: Headers, settings: Settings) -> bool:
    """Whether the request does not come from a page of another site.

    Browsers send `Origin` with every post and every websocket; what sends none is no browser, and has no cookie of
    somebody else's to abuse.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
    parts = urlsplit(origin)
    own = urlsplit(settings.public_url)
    return bool(parts.netloc) and (
        parts.netloc == headers.get("host") or (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
    )


def is_own_host(headers: Headers, hosts: tuple[str, ...]) -> bool:
    """Whether the request names one of `hosts` (`server.allowedHosts`); any will do where none is given.

    Another name that leads here would let a foreign page read ours (DNS rebinding).
    """
    if not hosts:
        return True
    host = (urlsplit(f"//{headers.get('host', '')}").hostname or "").rstrip(".")
    return any(_matches(host, allowed.lower()) for allowed in hosts)


def _matches(host: str, allowed: str) -> bool:
    if allowed.startswith("*."):
        return host.endswith(allowed[1:])
    return allowed in {"*", host, f"[{host}]"}
