"""The day's visits on paper."""

from __future__ import annotations

from datetime import date

from clinic_core.clinic import Clinic
from clinic_core.documents import day_list
from clinic_core.domain.access import Actor
from clinic_core.services import appointments
from ui import downloads


def download(clinic: Clinic, day: date) -> None:
    """The button that makes the PDF when it is pressed, as the day is then."""
    downloads.button(
        "Day list",
        clinic,
        lambda at, actor: pdf(at, actor, day),
        file_name=f"day-list-{day.isoformat()}.pdf",
        mime=downloads.PDF,
        icon=":material/print:",
        key="day_list.download",
        help="All visits of the day as a PDF, a page for each practitioner.",
    )


def pdf(clinic: Clinic, actor: Actor, day: date) -> bytes:
    """The day's visits that the actor may see, as PDF."""
    found = appointments.day(clinic, actor, day)
    view = clinic.directory()
    return day_list.render(view.organization, day, found.rows, practitioners=view.practitioners, as_of=clinic.now())
