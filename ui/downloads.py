"""Files that are made when their button is pressed.

Streamlit calls what makes them outside of any run, perhaps minutes after the button was drawn. So who is there is
asked again then: somebody who was disabled or signed out meanwhile gets nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from ui import session

PDF: Final = "application/pdf"
CSV: Final = "text/csv"


def button(
    label: str,
    clinic: Clinic,
    make: Callable[[Clinic, Actor], bytes],
    *,
    file_name: str,
    mime: str,
    key: str,
    icon: str = ":material/download:",
    kind: Literal["primary", "secondary"] = "secondary",
    help: str | None = None,
) -> None:
    """A button that calls `make` and saves what it returns. `file_name` holds numbers and days, never a name."""
    there = session.asked_later(clinic)
    st.download_button(
        label,
        lambda: make(clinic, there()),
        file_name=file_name,
        mime=mime,
        key=key,
        icon=icon,
        type=kind,
        help=help,
        on_click="ignore",
    )
