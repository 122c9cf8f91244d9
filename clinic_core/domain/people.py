"""Patients and practitioners (FHIR Patient, Practitioner)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import phonenumbers

from clinic_core.domain import clock, search
from clinic_core.errors import InvalidInput

OLDEST: Final = 130
LONGEST_NAME: Final = 120


class Sex(StrEnum):
    """FHIR AdministrativeGender."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class ContactBy(StrEnum):
    """How a patient wants to be reminded (FHIR ContactPoint.system, and none)."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A person who is cared for. Several patients may share a phone; the number is the identity."""

    id: str
    number: str  # "P-000123", unique
    name: str
    birth_date: date | None = None
    birth_date_estimated: bool = False  # made from an age in years
    sex: Sex = Sex.UNKNOWN
    phone: str = ""  # E.164
    email: str = ""
    address: str = ""
    allergies: str = ""
    notes: str = ""
    contact_by: ContactBy = ContactBy.SMS
    language: str = ""  # BCP 47, of messages; "": the clinic's
    outreach_consent: bool = False  # may be written to about recalls and reviews (FHIR Consent)
    payer_id: str | None = None  # who usually pays a share of the bills
    member_number: str = ""  # of the patient, with that payer
    source_id: str | None = None  # the id in the system it was imported from, unique
    created_at: datetime
    version: int = 1

    def age_on(self, day: date) -> int | None:
        """Completed years on `day`, None when the birth date is unknown."""
        return None if self.birth_date is None else clock.age_on(self.birth_date, day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Practitioner:
    """Somebody who sees patients."""

    id: str
    name: str
    speciality: str = ""
    licence: str = ""
    active: bool = True
    version: int = 1


def clean_name(text: str) -> str:
    """The name with single spaces; raises InvalidInput when it is empty or too long."""
    name = " ".join(text.split())
    if not name:
        raise InvalidInput("Give a name.", field="name")
    if len(name) > LONGEST_NAME:
        raise InvalidInput(f"A name has at most {LONGEST_NAME} characters.", field="name")
    return name


def parse_phone(text: str, region: str) -> str:
    """E.164 of a phone as typed, read in the clinic's region (ISO 3166, e.g. "IN"); "" for blank.

    Raises InvalidInput when no such number can exist.
    """
    if not text.strip():
        return ""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise InvalidInput(_phone_help(region), field="phone") from error
    if not phonenumbers.is_possible_number(number):
        raise InvalidInput(_phone_help(region), field="phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def show_phone(phone: str) -> str:
    """The phone grouped for reading, as dialled from abroad."""
    if not phone:
        return ""
    number = phonenumbers.parse(phone, None)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def clean_email(text: str) -> str:
    """The address, trimmed; raises InvalidInput unless it looks like name@host.tld; "" for blank."""
    email = text.strip()
    local, _, host = email.rpartition("@")
    if email and (not local or "." not in host.strip(".") or any(c.isspace() for c in email)):
        raise InvalidInput("This is not an e-mail address; it looks like name@example.org.", field="email")
    return email


def birth_date_of_age(age: int, today: date) -> date:
    """A birth date that gives exactly `age` today, for a person who knows only their age."""
    if not 0 <= age <= OLDEST:
        raise InvalidInput(f"An age is between 0 and {OLDEST} years.", field="age")
    leap_safe = 28 if (today.month, today.day) == (2, 29) else today.day
    return today.replace(year=today.year - age, day=leap_safe)


def check_birth_date(born: date | None, today: date) -> date | None:
    """The date itself; raises InvalidInput when it lies in the future or over 130 years ago."""
    if born is not None and not 0 <= clock.age_on(born, today) <= OLDEST:
        raise InvalidInput("The birth date lies in the future or too far back; check the year.", field="birth_date")
    return born


def check_contact(patient: Patient) -> None:
    """Raise InvalidInput where reminders are wanted in a way there is no address for.

    Text messages are what nobody chose: without a phone they are simply not sent.
    """
    if patient.contact_by is ContactBy.EMAIL and not patient.email:
        raise InvalidInput("Give an e-mail address, or choose another way to remind this patient.", field="email")
    if patient.contact_by is ContactBy.WHATSAPP and not patient.phone:
        raise InvalidInput("Give a phone number, or choose another way to remind this patient.", field="phone")


def likely_same(a: Patient, b: Patient) -> bool:
    """Whether two records look like one person: a shared phone, or equal birth dates, and a shared name word."""
    if not set(search.words(a.name)) & set(search.words(b.name)):
        return False
    same_phone = bool(a.phone) and a.phone == b.phone
    same_birth = a.birth_date is not None and a.birth_date == b.birth_date
    return same_phone or same_birth or sorted(search.words(a.name)) == sorted(search.words(b.name))


def _phone_help(region: str) -> str:
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    shown = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL) if example else "+44 …"
    return f"This phone number cannot exist; write it like {shown}."
