"""The doctor's visit: today's list to choose from, or the note of one visit."""

import streamlit as st

from ui import doctor_day, forms, session, visit_screen, widgets

clinic, actor = session.open_page("Visit", action="encounter.read")
forms.show_done()

if opened := st.query_params.get(widgets.VISIT_PARAM):
    with session.show_errors():
        visit_screen.show(clinic, actor, opened)
else:
    doctor_day.show(clinic.today())
