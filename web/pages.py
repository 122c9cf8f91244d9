"""The few pages that are served without Streamlit: sign in, sign out, and what to do when neither is possible.

They are whole in themselves (style and script inside, named by hash in their content security policy), so that they
appear at once and a stranger's browser is sent nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Final

import streamlit
from starlette.responses import HTMLResponse

_ASSETS: Final = Path(__file__).resolve().parent / "assets"
_STYLE: Final = (_ASSETS / "page.css").read_text(encoding="utf-8")
_SCRIPT: Final = (_ASSETS / "sign_in.js").read_text(encoding="utf-8")
_FRAME: Final = Template((_ASSETS / "page.html").read_text(encoding="utf-8"))
_SIGN_IN: Final = Template((_ASSETS / "sign_in.html").read_text(encoding="utf-8"))
_SIGN_OUT: Final = Template((_ASSETS / "sign_out.html").read_text(encoding="utf-8"))
_NOTICE: Final = Template((_ASSETS / "notice.html").read_text(encoding="utf-8"))


def _streamlits_files() -> str:
    """Links by which a browser fetches the app's scripts while its person still types; they say nothing of us."""
    index = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    found = re.findall(r'(?:src|href)="\./(static/[^"]+\.(?:js|css|woff2))"', index)
    return "\n".join(f'<link rel="prefetch" href="/{escape(path)}">' for path in dict.fromkeys(found))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_AHEAD: Final = _streamlits_files()
_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        f"style-src {_hash(_STYLE)}",
        f"script-src {_hash(_SCRIPT)}",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInForm:
    """What the sign-in page shows."""

    clinic_name: str
    next_page: str
    username: str = ""
    error: str = ""
    notice: str = ""
    maintenance: str = ""


def sign_in(form: SignInForm, *, status: int = 200, wait_seconds: int = 0) -> HTMLResponse:
    """The form. Whatever was typed into it before, except the password, is still there."""
    body = _SIGN_IN.substitute(
        clinic_name=escape(form.clinic_name),
        next_page=escape(form.next_page),
        username=escape(form.username),
        message=_message(form),
        described='aria-describedby="message"' if form.error else "",
        focus_username="" if form.username else "autofocus",
        focus_password="autofocus" if form.username else "",
    )
    response = _page(f"Sign in · {form.clinic_name}", body, status=status, head=_AHEAD)
    if wait_seconds:
        response.headers["Retry-After"] = str(wait_seconds)
    return response


def sign_out(clinic_name: str, who: str) -> HTMLResponse:
    """Asks whether to sign out; following a link to it changes nothing."""
    body = _SIGN_OUT.substitute(clinic_name=escape(clinic_name), who=escape(who))
    return _page(f"Sign out · {clinic_name}", body)


def unavailable(message: str) -> HTMLResponse:
    """The database does not answer; the page asks again by itself."""
    response = _notice("Just a moment", message, status=503, refresh=5)
    response.headers["Retry-After"] = "5"
    return response


def refused(message: str) -> HTMLResponse:
    """A request that cannot be accepted as it came."""
    return _notice("That did not work", message, status=403)


def once_more() -> HTMLResponse:
    """Loads the same address again, this time from a page of our own."""
    return _notice("Opening the clinic", "One moment.", status=200, refresh=0)


def _notice(title: str, message: str, *, status: int, refresh: int | None = None) -> HTMLResponse:
    body = _NOTICE.substitute(title=escape(title), message=escape(message))
    again = "" if refresh is None else f'<meta http-equiv="refresh" content="{refresh}">'
    return _page(title, body, status=status, head=again)


def _message(form: SignInForm) -> str:
    notices = [form.maintenance, "" if form.error else form.notice]
    lines = [f'<p class="notice" role="status">{escape(notice)}</p>' for notice in notices if notice]
    if form.error:
        lines.append(f'<p id="message" class="error" role="alert">{escape(form.error)}</p>')
    return "\n".join(lines)


def _page(title: str, body: str, *, status: int = 200, head: str = "") -> HTMLResponse:
    html = _FRAME.substitute(title=escape(title), style=_STYLE, script=_SCRIPT, body=body, head=head)
    return HTMLResponse(
        html, status_code=status, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    )
