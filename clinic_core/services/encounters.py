"""The doctor's visit: opening it with its history, keeping the note, and finishing it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus, require_transition
from clinic_core.domain.billing import Invoice
from clinic_core.domain.encounters import ChargeItem, Encounter, EncounterStatus
from clinic_core.domain.people import Patient
from clinic_core.errors import Conflict, IllegalTransition, InvalidInput
from clinic_core.services import appointments, billing

_SEEN = frozenset({AppointmentStatus.ARRIVED, AppointmentStatus.CHECKED_IN, AppointmentStatus.FULFILLED})
_WRITABLE = _SEEN | {AppointmentStatus.BOOKED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visit as the doctor sees it. The note has version 0 until it is saved; `previous` are earlier notes."""

    appointment: Appointment
    patient: Patient
    encounter: Encounter
    previous: list[Encounter]  # latest first


def open_visit(clinic: Clinic, actor: Actor, appointment_id: str) -> Visit:
    """A visit with its note and the patient's earlier ones. A new note charges the service that was booked.

    Doctors may read each other's notes, for whoever stands in; only the visit's own doctor writes.
    """
    access.require(actor, "encounter.read")
    appointment = clinic.appointments.get(appointment_id)
    note = _handed_over(clinic.encounters.find(appointment_id), appointment) or _blank(clinic, appointment)
    earlier = clinic.encounters.of_patient(appointment.patient_id, until=appointment.day)
    clinic.audit.record_read(actor, "encounter.read", appointment_id, patient_id=appointment.patient_id)
    return Visit(
        appointment=appointment,
        patient=clinic.patients.get(appointment.patient_id),
        encounter=note,
        previous=[one for one in earlier if one.id != appointment_id],
    )


def save_note(clinic: Clinic, actor: Actor, encounter: Encounter) -> Encounter:
    """Keep what was written so far. The same click twice is harmless.

    Raises Conflict when the note was changed on another screen, IllegalTransition for a visit that is cancelled or
    missed, or whose finished note is closed.
    """
    access.require(actor, "encounter.write", practitioner_id=encounter.practitioner_id)
    appointment = _visit_of(clinic, encounter)
    if appointment.status not in _WRITABLE:
        raise IllegalTransition(f"This visit is {appointment.status}, so there is nothing to write about it.")
    closed = _closed_note(clinic, appointment)
    if closed is not None:
        return _require_same(closed, encounter)
    _check(clinic, encounter)
    return _keep(clinic, actor, encounter)


def finish(clinic: Clinic, actor: Actor, encounter: Encounter) -> Invoice:
    """Finish the visit and return its draft invoice.

    Three writes, each of one document and each safe to repeat, in this order:

    1. the note becomes finished, guarded by the version that was read;
    2. the appointment becomes fulfilled (through checked-in), guarded by its version;
    3. the draft invoice is made from the finished note, under an id derived from the appointment's.

    So a fulfilled visit always has its note, and a draft the right charges. After a crash between them calling
    `finish` again, with the note as it was or as it is stored now, does what is missing. Nothing is written when
    the visit cannot be finished: raises IllegalTransition, InvalidInput, or Conflict when the note was changed.
    """
    access.require(actor, "encounter.write", practitioner_id=encounter.practitioner_id)
    appointment = _visit_of(clinic, encounter)
    if appointment.status not in _SEEN:
        require_transition(appointment.status, AppointmentStatus.FULFILLED)
    closed = _closed_note(clinic, appointment)
    if closed is not None:
        _require_same(closed, encounter)
    else:
        _check(clinic, encounter)
        _keep_finished(clinic, actor, encounter)
        _fulfil(clinic, actor, appointment)
    return billing.draft_for_visit(clinic, actor, appointment.id)


def _handed_over(note: Encounter | None, appointment: Appointment) -> Encounter | None:
    """The note as its visit is now, which may have been moved since the note was begun."""
    if note is None or note.status is EncounterStatus.FINISHED:
        return note
    return replace(note, practitioner_id=appointment.practitioner_id, day=appointment.day)


def _blank(clinic: Clinic, appointment: Appointment) -> Encounter:
    return Encounter(
        id=appointment.id,
        patient_id=appointment.patient_id,
        practitioner_id=appointment.practitioner_id,
        day=appointment.day,
        reason=appointment.reason,
        charges=(ChargeItem(service_id=appointment.service_id),),
        started_at=clinic.now(),
    )


def _visit_of(clinic: Clinic, encounter: Encounter) -> Appointment:
    """The note's appointment; raises Conflict when it went to another practitioner or patient meanwhile."""
    appointment = clinic.appointments.get(encounter.id)
    if (appointment.patient_id, appointment.practitioner_id) != (encounter.patient_id, encounter.practitioner_id):
        raise Conflict("This visit was given to another practitioner. Copy your text and look at the day again.")
    return appointment


def _closed_note(clinic: Clinic, appointment: Appointment) -> Encounter | None:
    """The note that nobody changes any more: finished, of a fulfilled visit."""
    if appointment.status is not AppointmentStatus.FULFILLED:
        return None
    note = clinic.encounters.find(appointment.id)
    return note if note is not None and note.status is EncounterStatus.FINISHED else None


def _require_same(closed: Encounter, typed: Encounter) -> Encounter:
    """The closed note; raises IllegalTransition when something else was typed."""
    if not _same_text(closed, replace(typed, status=closed.status)):
        raise IllegalTransition("This visit is finished and its note is closed. Write what is new at the next visit.")
    return closed


def _check(clinic: Clinic, encounter: Encounter) -> None:
    services = clinic.directory().services
    for charge in encounter.charges:
        if charge.service_id not in services:
            raise InvalidInput("A service in this note is not in the catalogue. Choose another one.", field="charges")
        if charge.quantity < 1:
            raise InvalidInput("Each service is delivered at least once; remove it otherwise.", field="charges")
    if encounter.follow_up_on is not None and encounter.follow_up_on <= encounter.day:
        raise InvalidInput("The follow-up comes after this visit; choose a later day.", field="follow_up_on")


def _keep_finished(clinic: Clinic, actor: Actor, encounter: Encounter) -> None:
    if encounter.status is EncounterStatus.FINISHED and clinic.encounters.find(encounter.id) == encounter:
        return
    _keep(clinic, actor, replace(encounter, status=EncounterStatus.FINISHED, finished_at=clinic.now()))


def _keep(clinic: Clinic, actor: Actor, encounter: Encounter) -> Encounter:
    try:
        saved = clinic.encounters.save(encounter)
    except Conflict:
        current = clinic.encounters.find(encounter.id)
        if current is None or current.version != encounter.version + 1 or not _same_text(current, encounter):
            raise
        saved = current
    clinic.audit.record(
        actor,
        "encounter.write",
        saved.id,
        patient_id=saved.patient_id,
        once=f"{saved.id}:{saved.version}",
        status=saved.status.value,
    )
    return saved


def _same_text(one: Encounter, other: Encounter) -> bool:
    """Whether both say the same, whenever they were saved."""
    return one == replace(other, version=one.version, started_at=one.started_at, finished_at=one.finished_at)


def _fulfil(clinic: Clinic, actor: Actor, appointment: Appointment) -> None:
    if appointment.status is AppointmentStatus.ARRIVED:  # nobody marked that the patient went in
        appointment = appointments.check_in(clinic, actor, appointment)
    if appointment.status is not AppointmentStatus.FULFILLED:
        appointments.fulfil(clinic, actor, appointment)
