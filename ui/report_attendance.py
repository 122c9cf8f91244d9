"""What the board "Attendance" has besides its charts: how far ahead visits were booked."""

from __future__ import annotations

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.services import attendance
from clinic_core.services.reports import Question

_COLUMNS = {
    "ahead": "Booked ahead",
    "seen": "Seen",
    "missed": "No-show",
    "cancelled": "Cancelled",
    "late": "Cancelled late",
    "rate": "No-show rate",
}


def draw(clinic: Clinic, actor: Actor, question: Question) -> None:
    """Draw the table."""
    found = attendance.by_lead_time(clinic, actor, question)
    st.markdown("**By how far ahead they were booked**")
    st.dataframe(
        found.rename(columns=_COLUMNS),
        column_config={"No-show rate": st.column_config.NumberColumn(format="percent")},
        hide_index=True,
    )
    st.caption(
        "By the day of the visit. Booked ahead: days from the booking to the visit. Cancelled late: with less than 24 "
        "hours' notice. No-show rate: no-shows of those who were seen or did not come."
    )
