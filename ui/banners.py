"""What is said above every page: a maintenance that is near, and that nothing is done in the background."""

from __future__ import annotations

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.errors import Unavailable
from clinic_core.services import jobs, maintenance
from ui import widgets
from ui.text import plain


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw them; mostly there is none. It costs no query: what they tell comes with the directory."""
    try:
        _maintenance(clinic)
        if access.allows(actor, "job.read"):
            _silence(clinic)
    except Unavailable:  # the page itself says so where it matters
        return


def _maintenance(clinic: Clinic) -> None:
    window = maintenance.announced(clinic)
    if window is None:
        return
    begun = window.start <= clinic.now()
    when = maintenance.headline(clinic, window)
    advice = "Save your work; the system may be away at any moment." if begun else "Save your work before it begins."
    st.warning("  \n".join(filter(None, [f"**{plain(when)}.** {advice}", plain(window.text)])), icon=":material/build:")


def _silence(clinic: Clinic) -> None:
    since = jobs.silent_since(clinic)
    if since is not None:
        st.error(
            f"**Nothing is done in the background since {plain(widgets.moment(clinic, since))}:** no message goes out, "
            "no backup is made, reports stand still. Operations says how to start it.",
            icon=":material/heart_broken:",
        )
