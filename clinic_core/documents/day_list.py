"""The day's visits on paper, a page for each practitioner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Protocol

from clinic_core.documents import words
from clinic_core.documents.style import MUTED, Column
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.organization import Organization
from clinic_core.domain.people import Patient, Practitioner

if TYPE_CHECKING:
    from clinic_core.documents.sheet import Sheet

_LEFT_OUT: Final = frozenset({AppointmentStatus.CANCELLED, AppointmentStatus.ENTERED_IN_ERROR})
_STATUS: Final = {
    AppointmentStatus.BOOKED: "Expected",
    AppointmentStatus.ARRIVED: "Waiting",
    AppointmentStatus.CHECKED_IN: "With the doctor",
    AppointmentStatus.FULFILLED: "Done",
    AppointmentStatus.NOSHOW: "Did not come",
}
_COLUMNS: Final = (
    Column("Time", 20),
    Column("Patient", 62),
    Column("Age", 14),
    Column("Allergies", 55),
    Column("Reason", 75),
    Column("Status", 35),
)


class Row(Protocol):
    """A visit with its patient, as the day board has them."""

    @property
    def appointment(self) -> Appointment:
        """The visit."""

    @property
    def patient(self) -> Patient:
        """Whose it is."""


def render(
    organization: Organization,
    day: date,
    rows: Iterable[Row],
    *,
    practitioners: Mapping[str, Practitioner],
    as_of: datetime,
) -> bytes:
    """The PDF of a day's visits that were not cancelled, by practitioner and time.

    Args:
        organization: The clinic's profile.
        day: The clinic-local day.
        rows: The visits, in any order.
        practitioners: By id.
        as_of: The aware instant of which the statuses are; printed, and the document's creation date.
    """
    from clinic_core.documents.sheet import Sheet  # noqa: PLC0415 - loads fpdf2

    title = f"Day list {day.isoformat()}"
    sheet = Sheet(paper="A4", title=title, author=organization.name, created_at=as_of, landscape=True)
    lists = _by_practitioner(rows, practitioners)
    stand = words.moment(as_of, organization.time_zone, organization.locale)
    for number, (name, visits) in enumerate(lists):
        if number:
            sheet.add_page()
        _heading(sheet, organization, day, f"{name} · {_count(visits)} · as of {stand}")
        sheet.grid(_COLUMNS, [_cells(organization, day, row) for row in visits])
    if not lists:
        _heading(sheet, organization, day, f"No visits · as of {stand}")
    return sheet.finished()


def _by_practitioner(rows: Iterable[Row], practitioners: Mapping[str, Practitioner]) -> list[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.appointment.status not in _LEFT_OUT:
            groups.setdefault(row.appointment.practitioner_id, []).append(row)
    named = [
        (practitioners[key].name if key in practitioners else key, sorted(visits, key=_order))
        for key, visits in groups.items()
    ]
    return sorted(named, key=lambda pair: pair[0].casefold())


def _order(row: Row) -> tuple[datetime, str]:
    return row.appointment.start, row.patient.number


def _count(visits: Sequence[Row]) -> str:
    return f"{len(visits)} visit" + ("s" if len(visits) > 1 else "")


def _heading(sheet: Sheet, organization: Organization, day: date, line: str) -> None:
    sheet.pen(9, color=MUTED)
    sheet.line_of(organization.name)
    sheet.pen(15, bold=True)
    sheet.line_of(words.long_day(day, organization.locale))
    sheet.pen(10.5)
    sheet.line_of(line)
    sheet.ln(3)


def _cells(organization: Organization, day: date, row: Row) -> list[str]:
    visit, patient = row.appointment, row.patient
    age = patient.age_on(day)
    at = "" if visit.untimed else words.clock_time(visit.start, organization.time_zone, organization.locale)
    return [
        at,
        f"{patient.name}\n{patient.number}",
        "" if age is None else str(age),
        patient.allergies,
        visit.reason,
        _STATUS[visit.status],
    ]
