"""Operations: what is wrong, what runs in the background and how it went, the database, maintenance."""

import streamlit as st

from ui import (
    forms,
    operations_alerts,
    operations_backups,
    operations_database,
    operations_jobs,
    operations_maintenance,
    session,
)

SECTIONS = {
    "Jobs": operations_jobs.show,
    "Backups": operations_backups.show,
    "Database": operations_database.show,
    "Maintenance": operations_maintenance.show,
}
_SECTION = "operations.section"

clinic, actor = session.open_page("Operations", action="job.read")
with session.show_errors():
    forms.show_done()
    operations_alerts.show(clinic, actor)
    section = st.segmented_control(
        "Section", tuple(SECTIONS), default="Jobs", required=True, key=_SECTION, label_visibility="collapsed"
    )
    SECTIONS[section](clinic, actor)
