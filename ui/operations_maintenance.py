"""Planning a maintenance, and what is planned."""

from __future__ import annotations

from datetime import date, time, timedelta

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import access, clock
from clinic_core.domain.access import Actor
from clinic_core.domain.maintenance import MaintenanceWindow
from clinic_core.errors import InvalidInput
from clinic_core.services import maintenance
from ui import forms, session, widgets
from ui.text import plain

_NAME = "operations.maintenance"


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw what is planned, and for the administrator the form."""
    may_plan = access.allows(actor, "maintenance.plan")
    planned = maintenance.ahead(clinic, actor)
    if not planned:
        widgets.nothing_here(
            "No maintenance is planned. Once one is, every screen says so from 24 hours before it until its end.",
            "build",
        )
    for window in planned:
        _one(clinic, actor, window, may_plan=may_plan)
    if may_plan:
        _plan(clinic, actor)


def _one(clinic: Clinic, actor: Actor, window: MaintenanceWindow, *, may_plan: bool) -> None:
    with (
        st.container(border=True),
        st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"),
    ):
        st.markdown(f"**{plain(maintenance.span(clinic, window))}**  \n{plain(window.text)}", width="content")
        off = may_plan and st.button("Call off", key=f"{_NAME}.off.{window.id}")
    if off:
        with session.show_errors():
            maintenance.call_off(clinic, actor, window.id)
            forms.done("The maintenance is called off.")


def _plan(clinic: Clinic, actor: Actor) -> None:
    form = forms.form_id(_NAME)
    with st.form(f"{_NAME}.form"):
        st.markdown("#### Plan a maintenance")
        fields = st.grid(3)
        day = fields.date_input(
            "Day",
            _next_sunday(clinic.today()),
            min_value=clinic.today(),
            format=widgets.date_format(clinic.organization()),
            key=f"{form}.day",
        )
        start = fields.time_input("From", time(2), key=f"{form}.start", step=900, help="The clinic's local time.")
        end = fields.time_input(
            "Until", time(4), key=f"{form}.end", step=900, help="A time before the start is of the next day."
        )
        text = st.text_input(
            "What people read",
            key=f"{form}.text",
            max_chars=200,
            placeholder="We install an update. Bookings are safe.",
        )
        planning = st.form_submit_button("Announce", type="primary", icon=":material/campaign:")
    if planning:
        with session.show_errors():
            window = _window(clinic, form, day, (start, end), text)
            maintenance.plan(clinic, actor, window)
            forms.renew(_NAME)
            forms.done("Planned. Every screen says so from 24 hours before it.")


def _window(
    clinic: Clinic, form: str, day: object, times: tuple[time | None, time | None], text: str
) -> MaintenanceWindow:
    start, end = times
    if not isinstance(day, date) or start is None or end is None:
        raise InvalidInput("Choose a day and both times.", field="day")
    last = day if end > start else day + timedelta(days=1)
    zone = clinic.zone
    return MaintenanceWindow(
        id=form, start=clock.at_local(day, start, zone), end=clock.at_local(last, end, zone), text=text or ""
    )


def _next_sunday(today: date) -> date:
    return today + timedelta(days=6 - today.weekday() or 7)
