"""How a screen says that something went wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from clinic_core import logs
from clinic_core.errors import ClinicError


@contextmanager
def show_errors() -> Iterator[None]:
    """Show what goes wrong inside: a `ClinicError` as it stands, anything else as the reference of its log line.

    Use it round a service call, in a page, a callback or a fragment; what follows the `with` still runs.
    """
    try:
        yield
    except ClinicError as error:
        st.error(str(error), icon=":material/error:")
    except Exception as error:  # noqa: BLE001 - a bug must not show its text, which may quote a record
        show_unexpected(error)


def show_unexpected(error: Exception) -> bool:
    """Show an error that nobody expected as a reference; `st.App(on_script_error=)` takes True as "shown"."""
    if isinstance(error, ClinicError):
        st.error(str(error), icon=":material/error:")
        return True
    reference = logs.report(error)
    st.error(
        "Something unexpected went wrong. What was saved before is safe. Try again, and if it stays, "
        f"tell your administrator this reference: **{reference}**",
        icon=":material/error:",
    )
    return True


def keep_error_texts_out_of_the_log() -> None:
    """Stop Streamlit from printing uncaught errors: their text may quote a record, and `logs.report` has them."""
    logging.getLogger("streamlit.error_util").addFilter(lambda record: record.msg != "Uncaught app execution")
