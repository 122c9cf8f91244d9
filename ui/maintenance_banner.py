"""What everybody reads from a day before a maintenance until its end, on every screen."""

from __future__ import annotations

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.maintenance import MaintenanceWindow
from clinic_core.errors import Unavailable
from clinic_core.services import maintenance
from ui.text import plain


def show(clinic: Clinic) -> None:
    """Draw it; nothing while none is near. It costs no query: windows come with the directory."""
    try:
        window = maintenance.announced(clinic)
        if window is None:
            return
        begun = window.start <= clinic.now()
        when = f"Maintenance until {_time(clinic, window)}" if begun else f"Maintenance {span(clinic, window)}"
    except Unavailable:  # the page itself says so where it matters
        return
    advice = "Save your work; the system may be away at any moment." if begun else "Save your work before it begins."
    st.warning("  \n".join(filter(None, [f"**{plain(when)}.** {advice}", plain(window.text)])), icon=":material/build:")


def span(clinic: Clinic, window: MaintenanceWindow) -> str:
    """``"Sun 8 Mar 02:00 to 04:00"`` on the clinic's wall clock."""
    start = clinic.local(window.start)
    return f"{start:%a} {start.day} {start:%b %H:%M} to {_time(clinic, window)}"


def _time(clinic: Clinic, window: MaintenanceWindow) -> str:
    start, end = clinic.local(window.start), clinic.local(window.end)
    return f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a} {end.day} {end:%b %H:%M}"
