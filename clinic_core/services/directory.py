"""The clinic's profile, practitioners, services and hours: read by every screen, changed by few.

A record of version 0 is new. Saving the same record twice, as by a double click, is harmless.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Final, TypeVar

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import EXPECTED
from clinic_core.domain.organization import HealthcareService, Organization, check_organization, check_service
from clinic_core.domain.people import Practitioner, clean_name
from clinic_core.domain.schedules import Absence, Schedule, check_schedule
from clinic_core.errors import InvalidInput, NotFound

MOST_DAYS: Final = 62

R = TypeVar("R", Organization, Practitioner, HealthcareService, Schedule)


def save_organization(clinic: Clinic, actor: Actor, organization: Organization) -> Organization:
    """Save the clinic's profile. Raises InvalidInput, or Conflict when somebody changed it since it was read.

    The time zone stays once a visit is booked: the visits' days were reckoned by it.
    """
    access.require(actor, "settings.write")
    wanted = check_organization(organization)
    present = next(iter(clinic.organization_store.all()), Organization())
    if wanted.time_zone != present.time_zone and not clinic.appointments.is_empty():
        raise InvalidInput(
            f"The time zone stays {present.time_zone}: visits are booked by it already.", field="time_zone"
        )
    saved = clinic.organization_store.save(wanted)
    return _saved(clinic, actor, "organization", saved)


def save_practitioner(clinic: Clinic, actor: Actor, practitioner: Practitioner) -> Practitioner:
    """Save somebody who sees patients. Raises InvalidInput or Conflict."""
    access.require(actor, "settings.write")
    wanted = replace(practitioner, name=clean_name(practitioner.name))
    return _saved(clinic, actor, "practitioner", clinic.practitioners.save(wanted))


def save_service(clinic: Clinic, actor: Actor, service: HealthcareService) -> HealthcareService:
    """Save a service of the catalogue. Raises InvalidInput, AlreadyExists for a code in use, or Conflict."""
    access.require(actor, "settings.write")
    return _saved(clinic, actor, "service", clinic.catalogue.save(check_service(service)))


def save_schedule(clinic: Clinic, actor: Actor, schedule: Schedule) -> Schedule:
    """Save a practitioner's weekly hours and absences. Visits that are booked already stay.

    Raises InvalidInput, NotFound for a practitioner who is not there, or Conflict.
    """
    access.require(actor, "settings.write")
    wanted = check_schedule(schedule)
    if schedule.id not in {p.id for p in clinic.practitioners.all()}:
        raise NotFound("This practitioner does not exist. Add the practitioner first, then the hours.")
    return _saved(clinic, actor, "schedule", clinic.schedules.save(wanted))


def booked_during(clinic: Clinic, actor: Actor, practitioner_id: str, absence: Absence) -> dict[date, int]:
    """The days of an absence on which patients are still expected with the practitioner, and how many.

    One query a day; of a longer absence the first `MOST_DAYS` are looked at.
    """
    access.require(actor, "settings.write")
    last = min(absence.end_on, absence.start_on + timedelta(days=MOST_DAYS - 1))
    days = [absence.start_on + timedelta(days=n) for n in range((last - absence.start_on).days + 1)]
    counts = {day: _expected(clinic, practitioner_id, day) for day in days}
    return {day: count for day, count in counts.items() if count}


def _expected(clinic: Clinic, practitioner_id: str, day: date) -> int:
    visits = clinic.appointments.on_day(day)
    return sum(visit.practitioner_id == practitioner_id and visit.status in EXPECTED for visit in visits)


def _saved(clinic: Clinic, actor: Actor, kind: str, record: R) -> R:
    clinic.forget_directory()
    clinic.audit.record(actor, "settings.write", record.id, kind=kind, version=str(record.version))
    return record
