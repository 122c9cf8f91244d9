"""The clinic's profile, practitioners, services and hours: read by every screen, changed by few.

A record of version 0 is new. Saving the same record twice, as by a double click, is harmless.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.organization import HealthcareService, Organization, check_organization, check_service
from clinic_core.domain.people import Practitioner, clean_name
from clinic_core.domain.schedules import Schedule, check_schedule
from clinic_core.errors import InvalidInput, NotFound

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


def _saved(clinic: Clinic, actor: Actor, kind: str, record: R) -> R:
    clinic.forget_directory()
    clinic.audit.record(actor, "settings.write", record.id, kind=kind, version=str(record.version))
    return record
