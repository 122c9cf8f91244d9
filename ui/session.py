"""Who is at the screen: asked of the database on every run, callback and fragment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NoReturn

import streamlit as st

from clinic_core import process
from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.errors import Forbidden, Unavailable
from clinic_core.services import sessions
from ui import banners
from ui.errors import show_errors

__all__ = [
    "asked_later",
    "granted",
    "may_open",
    "open_page",
    "refuse",
    "require_actor",
    "show_errors",
    "sign_out",
    "the_clinic",
]

_SIGN_IN: Final = "/auth/sign-in"
_SIGNING_OUT: Final = "signing_out"
# Set by the router while it runs a page, so that one run asks the database once, however many guards it passes. It is
# not set in callbacks, which run before the router, nor in fragment reruns, which run without it; those ask again.
_granted: ContextVar[Actor | None] = ContextVar("granted", default=None)


def open_page(title: str, *, action: str) -> tuple[Clinic, Actor]:
    """Begin a page: who is there, and may they do `action`? Otherwise say why not and go no further.

    Every page calls it first, besides the router, because a page must not depend on how it was reached.
    """
    clinic = the_clinic()
    actor = _actor_or_try_again(clinic)
    banners.show(clinic, actor)
    st.title(title)
    if not may_open(actor, action):
        refuse(actor)
        st.stop()
    return clinic, actor


def require_actor(clinic: Clinic) -> Actor:
    """Who is there, for a callback or a fragment. It goes no further when the session has ended.

    Raises Unavailable, so use it inside `show_errors`.
    """
    if (known := _granted.get()) is not None:
        return known
    injected = st.session_state.get("actor")
    if isinstance(injected, Actor):  # see `the_clinic`
        return injected
    found = sessions.check(clinic, st.user.get("session"))
    if found is None:
        _leave()
    return found.actor


def asked_later(clinic: Clinic) -> Callable[[], Actor]:
    """What tells who is there when Streamlit calls back outside of any run; Forbidden when their session has ended."""
    injected, session_id = st.session_state.get("actor"), st.user.get("session")

    def there() -> Actor:
        if isinstance(injected, Actor):  # see `the_clinic`
            return injected
        found = sessions.check(clinic, session_id)
        if found is None:
            raise Forbidden("Your session has ended. Sign in again, then download it.")
        return found.actor

    return there


def the_clinic() -> Clinic:
    """The clinic of this process, or the one that a test put into `session_state`.

    A browser cannot put one there: what it sends are widget values of protobuf types, they only reach the keys of
    widgets that the script has drawn, and none of them can become a `Clinic` or an `Actor`.
    """
    injected = st.session_state.get("clinic")
    return injected if isinstance(injected, Clinic) else process.clinic()


def may_open(actor: Actor, action: str) -> bool:
    """Whether the actor may do `action` at least on records of their own."""
    return access.allows(actor, action, practitioner_id=actor.practitioner_id)


def refuse(actor: Actor) -> None:
    """Say that the page is not for this role."""
    st.error(
        f"Your role ({actor.role}) may not open this page. Choose another from the menu, or ask an administrator.",
        icon=":material/block:",
    )


@contextmanager
def granted() -> Iterator[Actor]:
    """The router's part: ask once who is there, and let the page that runs inside rely on it."""
    actor = _actor_or_try_again(the_clinic())
    token = _granted.set(actor)
    try:
        yield actor
    finally:
        _granted.reset(token)


def sign_out() -> None:
    """End this browser's session: a callback. The run that follows leads to the sign-in page."""
    with show_errors():
        session_id = st.user.get("session")
        if isinstance(session_id, str):
            sessions.sign_out(the_clinic(), session_id)
        st.session_state[_SIGNING_OUT] = True


def _actor_or_try_again(clinic: Clinic) -> Actor:
    try:
        return require_actor(clinic)
    except Unavailable as error:
        st.error(str(error), icon=":material/cloud_off:")
        st.button("Try again", type="primary")
        st.stop()


def _leave() -> NoReturn:
    """Go to the sign-in page, which leads back to this one, and draw nothing more."""
    address = f"{_SIGN_IN}?why=out&next=/" if st.session_state.get(_SIGNING_OUT) else f"{_SIGN_IN}?why=ended"
    st.html(
        f'<p>You are signed out. <a href="{address}" target="_self">Sign in again</a></p>'
        f"<script>window.location.replace({address!r})</script>",
        unsafe_allow_javascript=True,
    )
    st.stop()
