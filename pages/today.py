"""The day as it runs: reception's board, or the doctor's own list."""

import streamlit as st

from clinic_core.domain.access import Role, allows
from ui import booking, day_list, doctor_day, forms, inbox, session, today_board, visit_drawer, widgets

clinic, actor = session.open_page("Today", action="appointment.read")
forms.show_done()

picker, buttons = st.columns([3, 2], vertical_alignment="center")
with picker:
    day = widgets.day_picker(clinic, "today.day")
with buttons.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
    inbox.badge()
    if allows(actor, "appointment.book") and day == clinic.today():
        st.button(
            "Walk-in",
            key="today.walk_in",
            icon=":material/directions_walk:",
            type="primary",
            shortcut="W",
            on_click=booking.begin,
            kwargs={"walk_in": True},
        )
    day_list.download(clinic, day)

if actor.role is Role.DOCTOR:
    doctor_day.show(day)
else:
    today_board.show(day, widgets.practitioner_filter(clinic, "today.only"))
    visit_drawer.show()
    booking.show()
