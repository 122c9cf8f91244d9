"""A statement of account for a period: two days and a button."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import streamlit as st

from clinic_core.clinic import Clinic
from ui import downloads, widgets
from ui.papers import Maker

_USUAL_DAYS = 90


def show(clinic: Clinic, key: str, number: str, make: Callable[[date, date], Maker]) -> None:
    """Ask for the period; `make(first day, last day)` gives what makes the PDF. `number` is for the file's name."""
    shown, today = widgets.date_format(clinic.organization()), clinic.today()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        start = st.date_input("From", today - timedelta(days=_USUAL_DAYS), key=f"{key}.from", format=shown, width=150)
        end = st.date_input("To", today, key=f"{key}.to", format=shown, width=150)
        if start is None or end is None or start > end:
            st.caption("Choose a first day that is not after the last one.")
            return
        downloads.button(
            "Statement PDF",
            clinic,
            make(start, end),
            file_name=f"statement-{number}-{end}.pdf",
            mime=downloads.PDF,
            key=f"{key}.pdf",
        )
