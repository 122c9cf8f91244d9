"""What several screens draw: the day's picker, people in words, the search for a patient, ways to other pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn

import streamlit as st
from babel.core import Locale, UnknownLocaleError

from clinic_core.clinic import Clinic
from clinic_core.domain import people
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import InvoiceStatus
from clinic_core.domain.clock import age_on
from clinic_core.domain.organization import HealthcareService, Organization
from clinic_core.domain.people import Patient, Practitioner, Sex
from ui.rows import Mark
from ui.text import plain

S = AppointmentStatus
STATUS: Final[Mapping[AppointmentStatus, Mark]] = {
    S.BOOKED: Mark("Expected", "blue"),
    S.ARRIVED: Mark("Waiting", "orange"),
    S.CHECKED_IN: Mark("With the doctor", "violet"),
    S.FULFILLED: Mark("Done", "green"),
    S.CANCELLED: Mark("Cancelled", "gray"),
    S.NOSHOW: Mark("No-show", "red"),
    S.ENTERED_IN_ERROR: Mark("Entered in error", "gray"),
}
BILL: Final[Mapping[InvoiceStatus | None, Mark]] = {
    None: Mark("Not billed", "orange"),
    InvoiceStatus.DRAFT: Mark("Draft bill", "orange"),
    InvoiceStatus.ISSUED: Mark("To pay", "blue"),
    InvoiceStatus.BALANCED: Mark("Paid", "green"),
    InvoiceStatus.CANCELLED: Mark("Bill cancelled", "gray"),
}
SEX: Final[Mapping[Sex, str]] = {
    Sex.FEMALE: "Female",
    Sex.MALE: "Male",
    Sex.OTHER: "Other",
    Sex.UNKNOWN: "Not known",
}
CONFIRMED: Final = Mark("Confirmed", "green")  # booked, and the patient wrote that they come
PATIENT_PARAM: Final = "patient"
VISIT_PARAM: Final = "visit"
_PAGES: Final = Path(__file__).resolve().parent.parent / "pages"
_INFANT_YEARS: Final = 2


def status_mark(visit: Appointment) -> Mark:
    """The status as a badge; of a visit that is to come also whether the patient confirmed it."""
    confirmed = visit.status is S.BOOKED and visit.confirmed_at is not None
    return CONFIRMED if confirmed else STATUS[visit.status]


def day_picker(clinic: Clinic, key: str, *, stay: bool = False) -> date:
    """‹ day ›, and back to today. While it shows today it moves on at midnight; `stay` keeps it on other pages."""
    state, today = st.session_state, clinic.today()
    if state.get(key) is None or (state.get(f"{key}.today") != today and state[key] == state.get(f"{key}.today")):
        state[key] = today
    state[f"{key}.today"] = today
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.button(
            "‹",
            key=f"{key}.back",
            on_click=_go,
            args=(key, -1),
            help="The day before",
            shortcut="P",
        )
        st.date_input(
            "Day",
            key=key,
            format=date_format(clinic.organization()),
            label_visibility="collapsed",
            width=150,
            persist_state="session" if stay else None,
        )
        st.button("›", key=f"{key}.on", on_click=_go, args=(key, 1), help="The day after", shortcut="N")
        if state[key] != today:
            st.button("Today", key=f"{key}.now", on_click=_go, args=(key, 0), shortcut="T")
        st.markdown(f"**{state[key]:%A}**, {_distance(state[key], today)}", width="content")
    day: date = state[key]
    return day


def _go(key: str, days: int) -> None:
    today: date = st.session_state[f"{key}.today"]
    st.session_state[key] = today if days == 0 else st.session_state[key] + timedelta(days=days)


def _distance(day: date, today: date) -> str:
    days = (day - today).days
    words = {0: "today", 1: "tomorrow", -1: "yesterday"}
    return words.get(days) or (f"in {days} days" if days > 0 else f"{-days} days ago")


def date_format(organization: Organization) -> str:
    """How a date field of Streamlit shows a day in the clinic's locale."""
    try:
        pattern = str(Locale.parse(organization.locale).date_formats["short"].pattern)
    except (ValueError, UnknownLocaleError):
        return "YYYY-MM-DD"
    return {"d": "DD/MM/YYYY", "M": "MM/DD/YYYY"}.get(pattern[:1], "YYYY-MM-DD")


def day_text(day: date) -> str:
    """``"Monday 2 March 2026"``."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def short_day(day: date | None) -> str:
    """``"2 Mar 2026"``; a dash when there is none."""
    return "–" if day is None else f"{day.day} {day:%b %Y}"


def time_text(clinic: Clinic, instant: datetime) -> str:
    """``"10:30"`` on the clinic's wall clock."""
    return f"{clinic.local(instant):%H:%M}"


def moment(clinic: Clinic, instant: datetime) -> str:
    """``"Mon 2 Mar 10:30"`` on the clinic's wall clock."""
    local = clinic.local(instant)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def minutes_since(clinic: Clinic, instant: datetime | None) -> int:
    """Whole minutes from `instant` until now, at least 0."""
    return 0 if instant is None else max(0, int((clinic.now() - instant).total_seconds() // 60))


def age(patient: Patient, day: date) -> str:
    """``"35 y"``, for the smallest ``"7 months"``; nothing when the birth date is unknown."""
    born = patient.birth_date
    if born is None:
        return ""
    years = age_on(born, day)
    if years >= _INFANT_YEARS or patient.birth_date_estimated:
        return f"{years} y"
    return f"{(day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)} months"


def age_and_sex(patient: Patient, day: date) -> str:
    """``"35 y, female"`` as far as it is known."""
    sex = "" if patient.sex is Sex.UNKNOWN else SEX[patient.sex].lower()
    return ", ".join(filter(None, [age(patient, day), sex]))


def details(patient: Patient, day: date) -> str:
    """What tells namesakes apart, on one line of plain text: number, age, sex, phone."""
    return " · ".join(filter(None, [patient.number, age_and_sex(patient, day), people.show_phone(patient.phone)]))


def show_allergies(patient: Patient) -> None:
    """The allergies so that nobody overlooks them, or that none are known."""
    if patient.allergies:
        st.error(f"**Allergies:** {plain(patient.allergies)}", icon=":material/warning:")
    else:
        st.caption("No allergies on record.")


def practitioner_picker(clinic: Clinic, key: str, *, label: str = "Practitioner") -> Practitioner | None:
    """Who sees the patient; None, with a hint, in a clinic without practitioners."""
    found = clinic.directory().active_practitioners
    if not found:
        st.info("No practitioner is set up yet. A manager adds one under Settings.")
        return None
    by_id = {p.id: p for p in found}
    return by_id.get(
        st.selectbox(
            label, list(by_id), format_func=lambda i: practitioner_name(clinic, i), key=key, persist_state="page"
        )
    )


def service_picker(clinic: Clinic, key: str, *, label: str = "Service") -> HealthcareService | None:
    """What is booked; None, with a hint, in a clinic without services."""
    found = {s.id: s for s in clinic.directory().active_services}
    if not found:
        st.info("No service is set up yet. A manager adds one under Settings.")
        return None
    return found.get(
        st.selectbox(label, list(found), format_func=lambda i: _service_text(found, i), key=key, persist_state="page")
    )


def practitioner_filter(clinic: Clinic, key: str) -> frozenset[str]:
    """Whose visits to show; nobody chosen means everybody."""
    names = {p.id: p.name for p in clinic.directory().active_practitioners}
    if len(names) <= 1:
        return frozenset()
    chosen = st.pills(
        "Practitioners",
        list(names),
        selection_mode="multi",
        format_func=lambda i: plain(names.get(i, "")),
        key=key,
        label_visibility="collapsed",
        persist_state="session",
    )
    return frozenset(chosen)


def practitioner_name(clinic: Clinic, practitioner_id: str) -> str:
    """The practitioner's name, also of one who has left."""
    known = clinic.directory().practitioners.get(practitioner_id)
    return known.name if known else "Unknown practitioner"


def service_name(clinic: Clinic, service_id: str) -> str:
    """The service's name, also of one that is offered no more."""
    known = clinic.directory().services.get(service_id)
    return known.name if known else "Unknown service"


def _service_text(services: Mapping[str, HealthcareService], service_id: str) -> str:
    found = services.get(service_id)
    return f"{found.name} · {found.minutes} min" if found else ""


def nothing_here(text: str, icon: str) -> None:
    """An empty state: what belongs here and how it gets here."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f":material/{icon}:  \n{text}", text_alignment="center")


def go_to_patient(patient_id: str) -> NoReturn:
    """Leave for the record of a patient."""
    st.switch_page(_PAGES / "patients.py", query_params={PATIENT_PARAM: patient_id})


def go_to_visit(appointment_id: str) -> NoReturn:
    """Leave for the doctor's note of a visit."""
    st.switch_page(_PAGES / "visit.py", query_params={VISIT_PARAM: appointment_id})
