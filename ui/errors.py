"""How a screen says that something went wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

import streamlit as st

from clinic_core import logs
from clinic_core.errors import ClinicError

_KEPT: Final = "errors.kept:"
_KEPT_SECONDS: Final = 30.0


@contextmanager
def show_errors() -> Iterator[None]:
    """Show what goes wrong inside: a `ClinicError` as it stands, anything else as the reference of its log line.

    Use it round a service call, in a page or a fragment; what follows the `with` still runs. In the callback of a
    widget in a fragment use `keep_errors`: what such a callback draws would replace the top of the page.
    """
    try:
        yield
    except ClinicError as error:
        st.error(str(error), icon=":material/error:")
    except Exception as error:  # noqa: BLE001 - a bug must not show its text, which may quote a record
        show_unexpected(error)


def show_unexpected(error: Exception) -> bool:
    """Show an error that nobody expected as a reference; `st.App(on_script_error=)` takes True as "shown"."""
    st.error(message_of(error), icon=":material/error:")
    return True


@contextmanager
def keep_errors(place: str) -> Iterator[None]:
    """`show_errors` for the callback of a widget in a fragment or dialog: `show_kept` of the same `place` shows it."""
    st.session_state.pop(_KEPT + place, None)
    try:
        yield
    except Exception as error:  # noqa: BLE001 - as in `show_errors`
        st.session_state[_KEPT + place] = (message_of(error), monotonic() + _KEPT_SECONDS)


def show_kept(place: str) -> None:
    """Show what went wrong in a callback, until the next one or long enough to read it however often this is drawn."""
    message, until = st.session_state.get(_KEPT + place, ("", 0.0))
    if monotonic() < until:
        st.error(message, icon=":material/error:")


def message_of(error: Exception) -> str:
    """What to tell the person: the text of a `ClinicError`, the reference of anything else, whose text may quote."""
    if isinstance(error, ClinicError):
        return str(error)
    return (
        "Something unexpected went wrong. What was saved before is safe. Try again, and if it stays, "
        f"tell your administrator this reference: **{logs.report(error)}**"
    )


def keep_error_texts_out_of_the_log() -> None:
    """Stop Streamlit from printing uncaught errors: their text may quote a record, and `logs.report` has them."""
    logging.getLogger("streamlit.error_util").addFilter(lambda record: record.msg != "Uncaught app execution")
