"""The clinic's settings: its profile, money, who works there, what it offers, who pays, what patients are told."""

import streamlit as st

from ui import (
    forms,
    session,
    settings_clinic,
    settings_hours,
    settings_messages,
    settings_money,
    settings_payers,
    settings_people,
    settings_services,
    versioned,
)

SECTIONS = {
    "Clinic": settings_clinic.show,
    "Money": settings_money.show,
    "Practitioners": settings_people.show,
    "Services": settings_services.show,
    "Payers": settings_payers.show,
    "Hours": settings_hours.show,
    "Messages": settings_messages.show,
}
_SECTION = "settings.section"

clinic, actor = session.open_page("Settings", action="settings.write")
forms.show_done()
versioned.enter(_SECTION)
section = st.segmented_control(
    "Section", tuple(SECTIONS), default="Clinic", required=True, key=_SECTION, label_visibility="collapsed"
)
SECTIONS[section](clinic, actor)
