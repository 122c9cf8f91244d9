"""The day's visits on paper."""

from __future__ import annotations

from datetime import date

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.documents import day_list
from clinic_core.domain.access import Actor
from clinic_core.services import appointments


def download(clinic: Clinic, actor: Actor, day: date) -> None:
    """The button that makes the PDF when it is pressed, as the day is then."""

    def make() -> bytes:
        found = appointments.day(clinic, actor, day)
        view = clinic.directory()
        return day_list.render(view.organization, day, found.rows, practitioners=view.practitioners, as_of=clinic.now())

    st.download_button(
        "Day list",
        data=make,
        file_name=f"day-list-{day.isoformat()}.pdf",
        mime="application/pdf",
        icon=":material/print:",
        key="day_list.download",
        on_click="ignore",
        help="All visits of the day as a PDF, a page for each practitioner.",
    )
