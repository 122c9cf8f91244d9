"""The calendar: who is booked with whom, what is free; book, move and cancel."""

import streamlit as st

from ui import booking, day_screen, forms, session, visit_drawer, widgets

clinic, actor = session.open_page("Appointments", action="appointment.book")
forms.show_done()

picker, buttons = st.columns([3, 2], vertical_alignment="center")
with picker:
    day = widgets.day_picker(clinic, "calendar.day", stay=True)
with buttons.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
    look = st.segmented_control(
        "View",
        (day_screen.GRID, day_screen.TABLE),
        default=day_screen.GRID,
        required=True,
        key="calendar.look",
        label_visibility="collapsed",
        persist_state="session",
    )
    st.button(
        "Book a visit",
        key="calendar.book",
        icon=":material/add:",
        type="primary",
        shortcut="B",
        on_click=booking.begin,
        help="Book without choosing a time first.",
    )

day_screen.show(day, widgets.practitioner_filter(clinic, "calendar.only"), look)
visit_drawer.show()
booking.show()
