"""The clinic's profile, practitioners, services, payers, hours, messages: read by every screen, changed by few.

A record of version 0 is new. Saving the same record twice, as by a double click, is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final, TypeVar

from clinic_core.clinic import Clinic
from clinic_core.domain import access, message_policy, pricing, templates
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import EXPECTED
from clinic_core.domain.journal import slot
from clinic_core.domain.messages import MessagePolicy, Template
from clinic_core.domain.organization import HealthcareService, Organization, Price, check_organization, check_service
from clinic_core.domain.payers import Payer, check_payer
from clinic_core.domain.people import Practitioner, clean_name
from clinic_core.domain.schedules import Absence, Schedule, check_schedule
from clinic_core.errors import Conflict, InvalidInput, NotFound

MOST_DAYS: Final = 62
_TRIES: Final = 20
_YEARS: Final = 100  # so far back goes what was brought in from another system

R = TypeVar("R", Organization, Practitioner, HealthcareService, Schedule, Payer, MessagePolicy, Template)


def save_organization(clinic: Clinic, actor: Actor, organization: Organization) -> Organization:
    """Save the clinic's profile. Raises InvalidInput, or Conflict when somebody changed it since it was read.

    The time zone stays once a visit is booked: the visits' days were reckoned by it. The currency stays once anything
    is in the ledger: what is owed, held and in the tills are sums of one currency. A prefix that numbers invoices, or
    ever did, numbers no credit notes, and the other way round: no two papers have one number.
    """
    access.require(actor, "settings.write")
    wanted = check_organization(organization)
    present = next(iter(clinic.organization_store.all()), Organization())
    if wanted.time_zone != present.time_zone and not clinic.appointments.is_empty():
        raise InvalidInput(
            f"The time zone stays {present.time_zone}: visits are booked by it already.", field="time_zone"
        )
    if wanted.currency != present.currency and not clinic.journal.is_empty():
        raise InvalidInput(f"The currency stays {present.currency}: money is booked in it already.", field="currency")
    _require_prefixes(clinic, present, wanted)
    saved = clinic.organization_store.save(wanted)
    return _saved(clinic, actor, "organization", saved)


def save_practitioner(clinic: Clinic, actor: Actor, practitioner: Practitioner) -> Practitioner:
    """Save somebody who sees patients. Raises InvalidInput or Conflict."""
    access.require(actor, "settings.write")
    wanted = replace(practitioner, name=clean_name(practitioner.name))
    return _saved(clinic, actor, "practitioner", clinic.practitioners.save(wanted))


def save_service(clinic: Clinic, actor: Actor, service: HealthcareService) -> HealthcareService:
    """Save a service of the catalogue. What it cost on past days stays; see `set_price` for a new price.

    Raises InvalidInput, AlreadyExists for a code in use, or Conflict.
    """
    access.require(actor, "settings.write")
    wanted = check_service(service)
    present = {one.id: one for one in clinic.catalogue.all()}
    _require_package(present, wanted)
    before = present.get(wanted.id)
    if before is not None and before.version == wanted.version:  # another version is a conflict: the write says so
        pricing.require_same_past(before, wanted, today=clinic.today())
    return _saved(clinic, actor, "service", clinic.catalogue.save(wanted))


def set_price(clinic: Clinic, actor: Actor, service_id: str, price: Price) -> HealthcareService:
    """Enter what a service costs from a day on, today or later; one of that day and payer is corrected.

    Raises InvalidInput for a past day or an impossible price, NotFound for a service or payer that is not there.
    """
    access.require(actor, "settings.write")
    if price.payer_id is not None and price.payer_id not in {payer.id for payer in clinic.payers.all()}:
        raise NotFound("This payer does not exist. Add the payer first, then its prices.")
    today = clinic.today()
    return _change_prices(clinic, actor, service_id, lambda s: pricing.with_price(s, price, today=today))


def drop_price(clinic: Clinic, actor: Actor, service_id: str, price: Price) -> HealthcareService:
    """Take back a price that does not hold yet. Raises InvalidInput for one that does."""
    access.require(actor, "settings.write")
    today = clinic.today()
    return _change_prices(clinic, actor, service_id, lambda s: pricing.without_price(s, price, today=today))


def save_payer(clinic: Clinic, actor: Actor, payer: Payer) -> Payer:
    """Save somebody who pays for patients. Raises InvalidInput, AlreadyExists for a name in use, or Conflict."""
    access.require(actor, "settings.write")
    return _saved(clinic, actor, "payer", clinic.payers.save(check_payer(payer)))


def save_schedule(clinic: Clinic, actor: Actor, schedule: Schedule) -> Schedule:
    """Save a practitioner's weekly hours and absences. Visits that are booked already stay.

    Raises InvalidInput, NotFound for a practitioner who is not there, or Conflict.
    """
    access.require(actor, "settings.write")
    wanted = check_schedule(schedule)
    if schedule.id not in {p.id for p in clinic.practitioners.all()}:
        raise NotFound("This practitioner does not exist. Add the practitioner first, then the hours.")
    return _saved(clinic, actor, "schedule", clinic.schedules.save(wanted))


def save_message_policy(clinic: Clinic, actor: Actor, policy: MessagePolicy) -> MessagePolicy:
    """Save what the clinic decided about messages. Raises InvalidInput or Conflict."""
    access.require(actor, "settings.write")
    wanted = message_policy.check_policy(policy)
    return _saved(clinic, actor, "message-policy", clinic.message_policies.save(wanted))


def save_template(clinic: Clinic, actor: Actor, template: Template) -> Template:
    """Save the words of one kind of message. Raises InvalidInput naming what is wrong with them, or Conflict."""
    access.require(actor, "settings.write")
    wanted = templates.check_template(template)
    wanted = replace(wanted, id=templates.template_id(wanted.kind, wanted.channel, wanted.language))
    return _saved(clinic, actor, "template", clinic.templates.save(wanted))


def booked_during(clinic: Clinic, actor: Actor, practitioner_id: str, absence: Absence) -> dict[date, int]:
    """The days of an absence on which patients are still expected with the practitioner, and how many.

    One query a day; of a longer absence the first `MOST_DAYS` are looked at.
    """
    access.require(actor, "settings.write")
    last = min(absence.end_on, absence.start_on + timedelta(days=MOST_DAYS - 1))
    days = [absence.start_on + timedelta(days=n) for n in range((last - absence.start_on).days + 1)]
    counts = {day: _expected(clinic, practitioner_id, day) for day in days}
    return {day: count for day, count in counts.items() if count}


def _change_prices(
    clinic: Clinic, actor: Actor, service_id: str, change: Callable[[HealthcareService], HealthcareService]
) -> HealthcareService:
    """Change the newest version: two people who enter prices of one service both succeed."""
    for _ in range(_TRIES):
        before = clinic.catalogue.get(service_id)
        after = check_service(change(before))
        if after == before:
            return before
        try:
            return _saved(clinic, actor, "price", clinic.catalogue.save(after))
        except Conflict:
            continue
    raise Conflict("Others change this service right now. Reload the page and enter the price again.")


def _require_prefixes(clinic: Clinic, present: Organization, wanted: Organization) -> None:
    """A new prefix has never been that of the other kind of paper."""
    notes, invoices = wanted.credit_note_prefix, wanted.invoice_prefix
    if notes != present.credit_note_prefix and clinic.invoices.begun(_series(clinic, notes)):
        raise InvalidInput("Invoices are numbered with this prefix. Choose another.", field="credit_note_prefix")
    first = (slot(f"number:{series}", 1) for series in _series(clinic, invoices))
    if invoices != present.invoice_prefix and clinic.journal.holding(first):
        raise InvalidInput("Credit notes are numbered with this prefix. Choose another.", field="invoice_prefix")


def _series(clinic: Clinic, prefix: str) -> list[str]:
    """The series that a prefix may have had: one a year."""
    last = clinic.today().year + 1
    return [f"{prefix}-{year}" for year in range(last - _YEARS, last + 1)]


def _require_package(present: Mapping[str, HealthcareService], wanted: HealthcareService) -> None:
    """A package covers a service that is there and is no package itself."""
    covered = present.get(wanted.package_of) if wanted.package_of else None
    if wanted.package_of and (covered is None or covered.package_of):
        raise InvalidInput("A package holds sessions of a service that is in the list.", field="package_of")
    if wanted.package_of and any(one.package_of == wanted.id for one in present.values()):
        raise InvalidInput("A package is sold of this service, so it cannot be one itself.", field="package_of")


def _expected(clinic: Clinic, practitioner_id: str, day: date) -> int:
    visits = clinic.appointments.on_day(day)
    return sum(visit.practitioner_id == practitioner_id and visit.status in EXPECTED for visit in visits)


def _saved(clinic: Clinic, actor: Actor, kind: str, record: R) -> R:
    clinic.forget_directory()
    clinic.audit.record(actor, "settings.write", record.id, kind=kind, version=str(record.version))
    return record
