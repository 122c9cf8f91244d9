"""The day's visits on paper, a page for each practitioner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Protocol

from clinic_core.documents import labels, table, words
from clinic_core.documents.style import MUTED, Column
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.organization import Organization
from clinic_core.domain.people import Patient, Practitioner

if TYPE_CHECKING:
    from clinic_core.documents.labels import Labels
    from clinic_core.documents.sheet import Sheet

_CONFIRMED: Final = "confirmed"
_LEFT_OUT: Final = frozenset({AppointmentStatus.CANCELLED, AppointmentStatus.ENTERED_IN_ERROR})


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

    said = labels.of(organization.locale)
    title = f"{said.day_list} {day.isoformat()}"
    sheet = Sheet(paper="A4", title=title, author=organization.name, created_at=as_of, labels=said, landscape=True)
    lists = _by_practitioner(rows, practitioners)
    stand = said.as_of.format(moment=words.moment(as_of, organization.time_zone, organization.locale))
    for number, (name, visits) in enumerate(lists):
        if number:
            sheet.add_page()
        _heading(sheet, organization, day, f"{name} · {_count(visits, said)} · {stand}")
        table.draw(sheet, _columns(said), [_cells(organization, day, row, said) for row in visits])
    if not lists:
        _heading(sheet, organization, day, f"{said.no_visits} · {stand}")
    return sheet.finished()


def _columns(said: Labels) -> tuple[Column, ...]:
    return (
        Column(said.time, 20),
        Column(said.patient, 62),
        Column(said.age, 14),
        Column(said.allergies, 55),
        Column(said.reason, 75),
        Column(said.status, 35),
    )


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


def _count(visits: Sequence[Row], said: Labels) -> str:
    return said.one_visit if len(visits) == 1 else said.visits.format(count=len(visits))


def _heading(sheet: Sheet, organization: Organization, day: date, line: str) -> None:
    sheet.pen(9, color=MUTED)
    sheet.line_of(organization.name)
    sheet.pen(15, bold=True)
    sheet.line_of(words.long_day(day, organization.locale))
    sheet.pen(10.5)
    sheet.line_of(line)
    sheet.ln(3)


def _cells(organization: Organization, day: date, row: Row, said: Labels) -> list[str]:
    visit, patient = row.appointment, row.patient
    age = patient.age_on(day)
    at = "" if visit.untimed else words.clock_time(visit.start, organization.time_zone, organization.locale)
    return [
        at,
        f"{patient.name}\n{patient.number}",
        "" if age is None else str(age),
        patient.allergies,
        visit.reason,
        said.statuses[_CONFIRMED if visit.status is AppointmentStatus.BOOKED and visit.confirmed_at else visit.status],
    ]
