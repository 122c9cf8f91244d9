"""Forms that lose nothing: an id made when the form is drawn, renewed only once its write is done."""

from __future__ import annotations

import streamlit as st

from clinic_core.domain.ids import new_id

_DONE = "forms.done"


def form_id(name: str) -> str:
    """The id of the form `name`, the same on every rerun until `renew`.

    It keys the form's fields, so that they keep what was typed, and makes its write safe to repeat.
    """
    found: str = st.session_state.setdefault(f"form:{name}", new_id())
    return found


def renew(name: str) -> None:
    """Begin an empty form: call it after the write has succeeded."""
    st.session_state.pop(f"form:{name}", None)


def done(message: str, *, warn: str = "") -> None:
    """Say that it worked, on the page as it is after the change, and what to look after now. Ends the run."""
    st.session_state[_DONE] = message, warn
    st.rerun()


def show_done() -> None:
    """Show what `done` was told, once."""
    message, warn = st.session_state.pop(_DONE, ("", ""))
    if message:
        st.toast(message, icon=":material/check_circle:")
    if warn:
        st.warning(warn, icon=":material/warning:")
