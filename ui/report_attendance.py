"""What the board "Attendance" has besides its charts: how far ahead visits were booked."""

from __future__ import annotations

from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.reports.measures import VISITS
from clinic_core.services import attendance, listings
from clinic_core.services.reports import Question
from ui import report_filters, report_listings

_CHOSEN: Final = "attendance.chosen"
_OUTCOMES: Final = ("Seen", "No-show", "Cancelled", "Cancelled late")
_BASIS: Final = (
    "By the day of the visit. Booked ahead: days from the booking to the visit. Cancelled late: with less than 24 "
    "hours' notice. No-show rate: no-shows of those who were seen or did not come."
)


def draw(clinic: Clinic, actor: Actor, question: Question) -> None:
    """Draw the table, and the visits behind a number of it that was selected."""
    made = report_listings.show(
        clinic,
        actor,
        question,
        lambda at, who, _: listings.lead_times(attendance.by_lead_time(at, who, question), _BASIS),
        on_cell=lambda place, head: st.session_state.update({_CHOSEN: (place, head)}),
    )
    st.caption(_BASIS)
    report_filters.said_not_known(question, VISITS)
    place, head = st.session_state.get(_CHOSEN, (0, ""))
    if head not in _OUTCOMES:
        st.caption("Select a number to see the visits it is made of.")
        return
    ahead = made.frame.iloc[place, 0]
    report_listings.show(
        clinic,
        actor,
        question,
        lambda at, who, most: listings.rows(
            at,
            "lead-times-visits",
            f"{head}, booked ahead: {ahead}",
            attendance.behind(at, who, question, ahead, head),
            most,
        ),
    )
