"""The clinic's own settings: its profile, its rules about money, who works there, what it offers and who pays."""

import streamlit as st

from ui import (
    forms,
    session,
    settings_clinic,
    settings_hours,
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
}
_SECTION = "settings.section"

clinic, actor = session.open_page("Settings", action="settings.write")
forms.show_done()
versioned.enter(_SECTION)
section = st.segmented_control(
    "Section", tuple(SECTIONS), default="Clinic", required=True, key=_SECTION, label_visibility="collapsed"
)
SECTIONS[section](clinic, actor)
