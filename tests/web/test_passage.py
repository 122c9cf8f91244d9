"""Which address asks for what, and where a sign-in may lead."""

from __future__ import annotations

import pytest

from web.passage import Passage, local_page, passage


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", Passage.PAGE),
        ("/billing", Passage.PAGE),
        ("/anything/else", Passage.PAGE),
        ("//evil.example", Passage.PAGE),
        ("/index.html", Passage.PAGE),
        ("/auth/sign-in", Passage.OPEN),
        ("/auth/sign-out", Passage.OPEN),
        ("/api/health", Passage.OPEN),
        ("/_stcore/health", Passage.OPEN),
        ("/_stcore/host-config", Passage.OPEN),
        ("/static/js/index.js", Passage.OPEN),
        ("/component/x/index.html", Passage.OPEN),
        ("/favicon.png", Passage.OPEN),
        ("/media/abc.pdf", Passage.DATA),
        ("/_stcore/upload_file/a/b", Passage.DATA),
        ("/_stcore/bidi-components/x/y.js", Passage.DATA),
        ("/api/anything", Passage.DATA),
        ("/patients/_stcore/health", Passage.DATA),
        ("/_stcore/metrics", Passage.CLOSED),
        ("/_stcore/agent/interact", Passage.CLOSED),
        ("/_stcore/agent/mcp", Passage.CLOSED),
        ("/_stcore/script-health-check", Passage.CLOSED),
        ("/_stcore/stream", Passage.CLOSED),
        ("/auth/login", Passage.CLOSED),
        ("/auth/logout", Passage.CLOSED),
        ("/oauth2callback", Passage.CLOSED),
        ("/app/static/x", Passage.CLOSED),
        ("/auth/sign-in/x", Passage.CLOSED),
        ("/staticx", Passage.PAGE),
        ("/media", Passage.PAGE),
    ],
)
def test_what_an_address_asks_for(path: str, expected: Passage) -> None:
    """Everything that is not named needs a session."""
    assert passage(path) is expected


@pytest.mark.parametrize("page", ["/", "/today", "/billing?id=7&x=%2F%2Fevil", "/patients#notes", "/ä", "/a%20b"])
def test_pages_of_ours_are_gone_on_to(page: str) -> None:
    """With their query."""
    assert local_page(page) == page


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        "",
        "today",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "/%5Cevil.example",
        "/%2Fevil.example",
        "/\t/evil.example",
        "/\n//evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/auth/sign-out",
        "/auth/sign-in?next=/",
        "/media/x",
        "/_stcore/metrics",
        "/static/x",
        "\\\\evil.example",
        " /today",
        "/today\r\nSet-Cookie: x=y",
    ],
)
def test_anything_else_becomes_the_start_page(wanted: str | None) -> None:
    """No open redirect, no loop, no header of somebody else's making."""
    assert local_page(wanted) == "/"
