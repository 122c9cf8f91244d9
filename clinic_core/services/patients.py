"""Registering patients, finding them again and seeing what was done for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TypeVar

from clinic_core.clinic import Clinic
from clinic_core.domain import access, payers, people, reminding, templates
from clinic_core.domain import search as box
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import Invoice
from clinic_core.domain.encounters import Encounter
from clinic_core.domain.people import ContactBy, Patient, Sex
from clinic_core.errors import AlreadyExists, InvalidInput
from clinic_core.services import messages

_COMPARED = 200  # how many records with the same rare name word are looked at for a duplicate
_SPARSE = 3  # of so many numbers given out at least one is in use: a click too many takes a number and drops it

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientForm:
    """What the desk typed, as it was typed. With a `birth_date` the `age` does not count."""

    name: str = ""
    birth_date: date | None = None
    age: int | None = None  # in years, of a person who knows no more
    sex: str = Sex.UNKNOWN
    phone: str = ""
    email: str = ""
    address: str = ""
    allergies: str = ""
    notes: str = ""
    contact_by: str = ContactBy.SMS
    language: str = ""  # of messages; "": the clinic's
    outreach_consent: bool = False
    payer_id: str = ""  # "": the patient pays alone
    member_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRecord:
    """A patient with visits, notes and bills, latest first; what the reader may not see is left out."""

    patient: Patient
    appointments: tuple[Appointment, ...]
    encounters: tuple[Encounter, ...]
    invoices: tuple[Invoice, ...]
    last_visit: date | None


def register(clinic: Clinic, actor: Actor, form: PatientForm, *, patient_id: str) -> Patient:
    """Register a patient under the next number.

    `patient_id` is made when the form is drawn: a double click is one patient. Raises InvalidInput naming the
    field, AlreadyExists when something else was registered under that id.
    """
    access.require(actor, "patient.write")
    typed = _typed(clinic, form, None)
    made = clinic.patients.get_many([patient_id]).get(patient_id)
    if made is None:
        number = patient_number(clinic.counters.take("patient"))
        clinic.patients.add(replace(typed, id=patient_id, number=number))
        made = clinic.patients.get(patient_id)
    if replace(typed, id=made.id, number=made.number, created_at=made.created_at) != made:
        raise AlreadyExists(f"This form was saved already, as {made.number}. Open that record to change it.")
    clinic.audit.record(actor, "patient.write", made.id, patient_id=made.id, once=f"{made.id}:1", number=made.number)
    return made


def edit(clinic: Clinic, actor: Actor, before: Patient, form: PatientForm) -> Patient:
    """Change a patient's particulars. Raises InvalidInput, or Conflict when they changed since they were read."""
    access.require(actor, "patient.write")
    wanted = replace(_typed(clinic, form, before), version=before.version)
    if wanted == before:
        return before
    differently = reminding.is_reached_differently(before, wanted, clinic.zone)
    if differently:
        messages.mark_patient(clinic, wanted.id)
    saved = clinic.patients.save(wanted)
    clinic.audit.record(
        actor, "patient.write", saved.id, patient_id=saved.id, once=f"{saved.id}:{saved.version}", number=saved.number
    )
    if differently:
        messages.replan_patient(clinic, saved)
    return saved


def search(clinic: Clinic, actor: Actor, typed: str) -> list[Patient]:
    """Patients by part of a name, phone or number, by name; [] when too little was typed to tell people apart."""
    access.require(actor, "patient.search")
    query = box.query(typed)
    return [] if query is None else clinic.patients.search(query)


def latest(clinic: Clinic, actor: Actor, most: int = 10) -> list[Patient]:
    """The patients registered last, newest first.

    Looks back from the last number given out, ten times farther each time: an import that died drops many at once.
    """
    access.require(actor, "patient.search")
    last, reach = clinic.counters.last("patient"), _SPARSE * most
    while True:
        found = clinic.patients.latest(most, since_number=patient_number(max(last - reach, 0)))
        if len(found) == most or reach >= last:
            return found
        reach *= 10


def patient_number(value: int) -> str:
    """A patient's number as it is written."""
    return f"P-{value:06d}"


def likely_duplicates(clinic: Clinic, actor: Actor, form: PatientForm) -> list[Patient]:
    """Records that look like the person in the form, by number; [] while there is no name to compare."""
    access.require(actor, "patient.search")
    words = box.words(form.name)
    if not words:
        return []
    sketch = _sketch(clinic, form)
    rarest = max(words, key=len)
    found = clinic.patients.search(box.Query(key=rarest, parts=(rarest,)), most=_COMPARED)
    found += clinic.patients.by_phone(sketch.phone) if sketch.phone else []
    alike = {patient.id: patient for patient in found if people.likely_same(sketch, patient)}
    return sorted(alike.values(), key=lambda patient: patient.number)


def record(clinic: Clinic, actor: Actor, patient_id: str) -> PatientRecord:
    """What the clinic knows of a patient. Raises NotFound."""
    access.require(actor, "patient.read")
    patient = clinic.patients.get(patient_id)
    visits = clinic.appointments.of_patient(patient_id)
    notes, bills = access.allows(actor, "encounter.read"), access.allows(actor, "invoice.read")
    clinic.audit.record_read(actor, "patient.read", patient_id, patient_id=patient_id)
    return PatientRecord(
        patient=patient,
        appointments=tuple(
            a for a in visits if access.allows(actor, "appointment.read", practitioner_id=a.practitioner_id)
        ),
        encounters=tuple(clinic.encounters.of_patient(patient_id, until=date.max)) if notes else (),
        invoices=tuple(clinic.invoices.of_patient(patient_id)) if bills else (),
        last_visit=next((a.day for a in visits if a.status is AppointmentStatus.FULFILLED), None),
    )


def _typed(clinic: Clinic, form: PatientForm, before: Patient | None) -> Patient:
    """The patient that the form describes: of `before`, or a new one without id and number."""
    present = before or Patient(id="", number="", name="", created_at=clinic.now())
    born, estimated = _birth(clinic, form, present)
    wanted = replace(
        present,
        name=people.clean_name(form.name),
        birth_date=born,
        birth_date_estimated=estimated,
        sex=_one_of(Sex, form.sex, "sex"),
        phone=people.parse_phone(form.phone, clinic.organization().region),
        email=people.clean_email(form.email),
        address=form.address.strip(),
        allergies=form.allergies.strip(),
        notes=form.notes.strip(),
        contact_by=_one_of(ContactBy, form.contact_by, "contact_by"),
        language=templates.check_language(form.language),
        outreach_consent=form.outreach_consent,
        payer_id=_payer(clinic, form, present),
        member_number=payers.check_member_number(form.member_number) if form.payer_id else "",
    )
    people.check_contact(wanted)
    return wanted


def _birth(clinic: Clinic, form: PatientForm, present: Patient) -> tuple[date | None, bool]:
    """The birth date and whether it is only estimated; an age that still fits the estimate leaves it alone."""
    today = clinic.today()
    if form.birth_date is not None:
        unchanged = form.birth_date == present.birth_date and present.birth_date_estimated
        return people.check_birth_date(form.birth_date, today), unchanged
    if form.age is None:
        return None, False
    if present.birth_date_estimated and present.age_on(today) == form.age:
        return present.birth_date, True
    return people.birth_date_of_age(form.age, today), True


def _payer(clinic: Clinic, form: PatientForm, present: Patient) -> str | None:
    """The payer that was chosen; one that is not active any more only where it was chosen before."""
    payer = clinic.directory().payers.get(form.payer_id)
    if form.payer_id and form.payer_id != present.payer_id and (payer is None or not payer.active):
        raise InvalidInput("This payer is not in the list any more. Choose another one.", field="payer_id")
    return form.payer_id or None


def _sketch(clinic: Clinic, form: PatientForm) -> Patient:
    """As much of the patient as can be compared while the form is still being filled in."""
    try:
        phone = people.parse_phone(form.phone, clinic.organization().region)
    except InvalidInput:  # half a phone finds nobody; registering it says what is wrong
        phone = ""
    return Patient(id="", number="", name=form.name, birth_date=form.birth_date, phone=phone, created_at=clinic.now())


def _one_of(kind: type[E], value: str, field: str) -> E:
    try:
        return kind(value)
    except ValueError as error:
        raise InvalidInput(f"Choose one of {', '.join(kind)}.", field=field) from error
