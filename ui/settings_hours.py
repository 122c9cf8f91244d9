"""Weekly hours and absences of one practitioner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.organization import Organization
from clinic_core.domain.people import Practitioner
from clinic_core.domain.schedules import WEEKDAYS, Absence, Opening, Schedule, parse_openings, show_openings
from clinic_core.errors import InvalidInput
from clinic_core.services import directory
from ui import forms, session, text, versioned, widgets

_SHOWN_DATE: Final = "%a %-d %b %Y"
_LABELS: Final = {"weekly": "Weekly hours", "absences": "Absences"}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the hours and absences of the practitioner that is chosen, and save what was changed."""
    known = {p.id: p for p in clinic.directory().practitioners.values()}
    if not known:
        st.info("Nobody sees patients yet: add a practitioner first, under Practitioners.")
        return
    chosen = known.get(_chosen(known), next(iter(known.values())))
    schedule = clinic.directory().schedule(chosen.id)
    name = f"settings.hours.{chosen.id}"
    base = versioned.opened(name, schedule)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _weekly(clinic, actor, name, base)
    with right:
        _absences(clinic, actor, name, base)
    versioned.show_clash(name, _LABELS, write=lambda record: directory.save_schedule(clinic, actor, record))


def _chosen(known: dict[str, Practitioner]) -> str:
    return st.selectbox(
        "Practitioner", tuple(known), format_func=lambda i: known[i].name, key="settings.hours.practitioner"
    )


def _weekly(clinic: Clinic, actor: Actor, name: str, base: Schedule) -> None:
    st.subheader("Weekly hours")
    st.caption(f"By the clock of {_zone(clinic.organization())}, like 09:00-13:00, 14:00-18:00. Empty is a day off.")
    keys = [versioned.key(name, day, openings) for day, openings in zip(WEEKDAYS, base.weekly, strict=True)]
    with st.form(f"{name}.weekly", border=False):
        typed = [
            st.text_input(day, show_openings(openings), key=key, placeholder="day off")
            for day, openings, key in zip(WEEKDAYS, base.weekly, keys, strict=True)
        ]
        with st.container(horizontal=True):
            saving = st.form_submit_button(
                "Save hours", type="secondary" if versioned.is_clashing(name) else "primary", icon=":material/save:"
            )
            for label, last in (("Copy Monday to Tue–Fri", 5), ("Copy Monday to Tue–Sat", 6)):
                st.form_submit_button(label, on_click=_copy_monday, args=(keys[0], keys[1:last]))
    if saving:
        with session.show_errors():
            _save(clinic, actor, name, replace(base, weekly=_read(typed)), saved="The hours are saved.")


def _copy_monday(monday: str, others: list[str]) -> None:
    """A callback, before the fields are drawn. It changes what the form shows; nothing is saved yet."""
    for key in others:
        st.session_state[key] = st.session_state[monday]


def _read(typed: list[str]) -> tuple[tuple[Opening, ...], ...]:
    return tuple(_day(day, openings) for day, openings in zip(WEEKDAYS, typed, strict=True))


def _day(day: str, typed: str) -> tuple[Opening, ...]:
    try:
        return parse_openings(typed)
    except InvalidInput as error:
        raise InvalidInput(f"{day}: {error}", field=day) from error


def _absences(clinic: Clinic, actor: Actor, name: str, base: Schedule) -> None:
    st.subheader("Absences")
    ahead = [absence for absence in base.absences if absence.end_on >= clinic.today()]
    st.caption("Whole days away; nobody can be booked then." if ahead else "No absence lies ahead.")
    for number, absence in enumerate(ahead):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(_shown(absence), width="content")
            removed = st.button("Remove", key=f"{name}.remove.{number}.{absence.start_on}")
        if removed:
            kept = tuple(other for other in base.absences if other != absence)
            with session.show_errors():
                _save(clinic, actor, name, replace(base, absences=kept), saved="The absence is removed.")
    _new_absence(clinic, actor, name, base)


def _new_absence(clinic: Clinic, actor: Actor, name: str, base: Schedule) -> None:
    form = forms.form_id(f"{name}.absence")
    with st.form(f"{name}.absence", border=False):
        days = st.date_input(
            "First and last day",
            [],
            min_value=clinic.today(),
            format=widgets.date_format(clinic.organization()),
            key=f"{form}.days",
        )
        reason = st.text_input("Reason", key=f"{form}.reason", max_chars=80, placeholder="Leave")
        adding = st.form_submit_button("Add absence", icon=":material/add:")
    if adding:
        with session.show_errors():
            absence = _absence(days, reason)
            both = sorted({*base.absences, absence}, key=lambda a: (a.start_on, a.end_on))
            wanted = replace(base, absences=tuple(both))
            warn = _booked(directory.booked_during(clinic, actor, base.id, absence))
            _save(clinic, actor, name, wanted, saved="The absence is added.", warn=warn, form=f"{name}.absence")


def _booked(counts: Mapping[date, int]) -> str:
    if not counts:
        return ""
    days = ", ".join(f"{day:{_SHOWN_DATE}} ({count})" for day, count in counts.items())
    return f"Visits are booked on days of this absence: {days}. Move or cancel them on the Appointments screen."


def _absence(days: object, reason: str) -> Absence:
    picked = [day for day in (days if isinstance(days, tuple) else (days,)) if isinstance(day, date)]
    if not picked:
        raise InvalidInput("Choose the first and the last day away.", field="days")
    return Absence(start_on=picked[0], end_on=picked[-1], reason=reason.strip())


def _save(
    clinic: Clinic, actor: Actor, name: str, wanted: Schedule, *, saved: str, warn: str = "", form: str = ""
) -> None:
    versioned.save(
        name,
        wanted,
        write=lambda record: directory.save_schedule(clinic, actor, record),
        latest=lambda: versioned.newest(clinic).schedule(wanted.id),
    )
    forms.renew(form)
    forms.done(saved, warn=warn)


def _shown(absence: Absence) -> str:
    days = f"{absence.start_on:{_SHOWN_DATE}}"
    if absence.end_on != absence.start_on:
        days += f" – {absence.end_on:{_SHOWN_DATE}}"
    return f"**{days}**  \n{text.plain(absence.reason)}" if absence.reason else f"**{days}**"


def _zone(clinic: Organization) -> str:
    return text.plain(clinic.time_zone)
