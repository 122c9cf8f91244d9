"""The outbox's rows: made, stopped and brought back as visits change; and the messages that a person asks for.

A write of a visit that changes what there is to say carries the mark `messages_open`. Right after it, or by the
sidecar after a crash, `plan_visit` brings the rows in line with the visit and takes the mark away. Every step may be
repeated; whoever plans for a version of the visit that is not the latest changes nothing that the latest one needs.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import access, clock, reminding
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.billing import Invoice
from clinic_core.domain.messages import (
    Channel,
    Communication,
    MessageKind,
    MessagePolicy,
    message_id,
    reference_of,
)
from clinic_core.domain.people import ContactBy, Patient
from clinic_core.domain.quiet import patient_zone, quiet_until
from clinic_core.domain.reminding import Plan, Rules
from clinic_core.errors import Conflict, IllegalTransition, Unavailable

_TRIES: Final = 10
_AT_ONCE: Final = 200
_OFFER_HOLDS: Final = timedelta(days=7)
_ISSUED_LATELY: Final = timedelta(days=1)
_BILL_HOLDS: Final = timedelta(days=7)

log = logging.getLogger("clinic_core.messages")


def policy_of(clinic: Clinic) -> MessagePolicy:
    """What the clinic decided about messages."""
    return clinic.directory().message_policy


def rules_of(clinic: Clinic) -> Rules:
    """What decides on messages besides the visit."""
    return Rules(policy=policy_of(clinic), zone=clinic.zone)


def plan_visit(clinic: Clinic, visit: Appointment, *, patient: Patient | None = None, is_new: bool = False) -> None:
    """Bring the messages about a visit in line with it, whatever was planned before, and take its mark away.

    `is_new` saves looking for messages: it was booked just now.
    """
    current: Appointment | None = visit
    for _ in range(_TRIES):
        if current is None:
            return
        person = patient or clinic.patients.get(current.patient_id)
        if _planned(clinic, current, person, is_new=is_new) and clinic.appointments.messages_planned(current):
            return
        current, is_new = clinic.appointments.find(visit.id), False  # changed meanwhile: the latest is what counts
    # a visit that is changed so often keeps its mark, for the sidecar


def after(clinic: Clinic, visit: Appointment, *, patient: Patient | None = None, is_new: bool = False) -> None:
    """Plan right after a write of a visit. What goes wrong here does not undo the write: the mark stays.

    The desk goes on with the visit that is saved; the sidecar plans it, or raises an alert where it cannot.
    """
    try:
        plan_visit(clinic, visit, patient=patient, is_new=is_new)
    except Unavailable:
        return
    except Exception as error:  # noqa: BLE001 - see above
        log.error(  # noqa: TRY400 - its text could name somebody
            "a visit's messages could not be planned",
            extra={"fields": {"appointment": visit.id, "error": type(error).__name__}},
        )


def plan(clinic: Clinic) -> int:
    """Plan the visits whose mark is still there, and all that are to come when the policy was changed; how many.

    For the sidecar. One that cannot be planned stops no other: its error is raised after those beside it.
    """
    _notice_policy(clinic)
    done, more = 0, True
    failed: Exception | None = None
    while more and failed is None:
        marked = clinic.appointments.with_open_messages(most=_AT_ONCE)
        more = len(marked) == _AT_ONCE  # a mark that stays is looked at again by the next run, not for ever by this one
        for visit in marked:
            try:
                plan_visit(clinic, visit)  # reads the patient now: one read for all could be stale by then
                done += 1
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - raised when those beside it are planned
                failed = error
    if failed is not None:
        raise failed
    return done


def replan_patient(clinic: Clinic, patient: Patient) -> None:
    """Plan a patient's visits to come anew: the way they want to be reached is another one."""
    for visit in mark_patient(clinic, patient.id):
        after(clinic, visit, patient=patient)


def mark_patient(clinic: Clinic, patient_id: str) -> list[Appointment]:
    """Mark a patient's visits to come; also before their record is saved, for who dies right after it."""
    to_come = [visit for visit in clinic.appointments.of_patient(patient_id) if visit.end > clinic.now()]
    for visit in to_come:
        clinic.appointments.open_messages(visit.id)
    return to_come


def bill_due(clinic: Clinic, invoice: Invoice) -> None:
    """Make the message that reminds of an issued bill; it is stopped when it turns out to be paid by then.

    A part of issuing, while the invoice is not posted yet: repeating that makes no second one.
    """
    policy = policy_of(clinic)
    if MessageKind.BILL_DUE not in policy.kinds or invoice.issued_on is None or not owed_by_patient(invoice):
        return
    if invoice.issued_on < clinic.today() - _ISSUED_LATELY:  # an import, or a release that kept no ledger
        return
    patient = clinic.patients.get(invoice.patient_id)
    due = clock.at_local(invoice.issued_on + timedelta(days=policy.bill_due_days), policy.quiet_until, clinic.zone)
    due = max(due, clinic.now())
    _add(clinic, patient, MessageKind.BILL_DUE, about=invoice.id, due=due, expires=due + _BILL_HOLDS)


def ask_on(clinic: Clinic, row: Communication, channel: Channel) -> None:
    """Ask for a message on another channel, which its patient chose since it was planned."""
    if row.kind in reminding.OF_VISIT:
        clinic.appointments.open_messages(row.about)
        return
    key = message_id(row.kind, channel, row.about, start=row.about_start)
    made = replace(row, id=key, channel=channel, reference=reference_of(key), attempts=0, retry_at=None, version=1)
    clinic.communications.add_many([made])


def owed_by_patient(invoice: Invoice) -> int:
    """What the patient, and not a payer, still owes of a bill; minor units."""
    return invoice.due_minor - invoice.payer_due_minor


def offer(
    clinic: Clinic, actor: Actor, patient: Patient, *, start: datetime, offer_id: str, until: datetime
) -> Communication:
    """Offer a patient who waits a time that became free; `until` is when the offer ends. The same id offers once."""
    access.require(actor, "message.send")
    return _asked_for(clinic, actor, patient, MessageKind.WAITLIST_OFFER, about=offer_id, start=start, until=until)


def recall(clinic: Clinic, actor: Actor, patient: Patient, *, last_visit_id: str) -> Communication:
    """Ask a patient who agreed to be written to whether they want to come again; once for each last visit."""
    access.require(actor, "message.send")
    if not reminding.agrees_to_outreach(patient):
        raise IllegalTransition("This patient did not agree to be written to without a visit.")
    until = clinic.now() + _OFFER_HOLDS
    return _asked_for(clinic, actor, patient, MessageKind.RECALL, about=last_visit_id, start=None, until=until)


def _asked_for(
    clinic: Clinic,
    actor: Actor,
    patient: Patient,
    kind: MessageKind,
    *,
    about: str,
    start: datetime | None,
    until: datetime,
) -> Communication:
    if kind not in policy_of(clinic).kinds:
        raise IllegalTransition(f"Messages of this kind ({kind.label}) are switched off. A manager may switch them on.")
    made = _add(clinic, patient, kind, about=about, due=clinic.now(), expires=until, start=start)
    if made is None:
        raise IllegalTransition("This patient does not want to be written to. Call them instead.")
    clinic.audit.record(actor, "message.send", made.id, patient_id=patient.id, once=made.id, kind=kind.value)
    return made


def _add(
    clinic: Clinic,
    patient: Patient,
    kind: MessageKind,
    *,
    about: str,
    due: datetime,
    expires: datetime,
    start: datetime | None = None,
) -> Communication | None:
    """One message over the patient's channel, at the next moment that is not quiet; None when they want none."""
    if patient.contact_by is ContactBy.NONE:
        return None
    policy, channel = policy_of(clinic), Channel(patient.contact_by.value)
    zone = patient_zone(patient.phone, clinic.zone)
    at = clock.utc(quiet_until(due, policy.quiet_from, policy.quiet_until, zone) or due)
    if start is not None and at >= expires:
        raise IllegalTransition("It is quiet hours for this patient until this offer ends. Call them instead.")
    key = message_id(kind, channel, about, start=start)
    made = Communication(
        id=key,
        kind=kind,
        channel=channel,
        patient_id=patient.id,
        about=about,
        about_start=start,
        due_at=at,
        due_on=clock.local_day(at, clinic.zone),
        expires_at=clock.utc(expires if start is not None else max(expires, at + timedelta(hours=1))),
        reference=reference_of(key),
        created_at=clinic.now(),
    )
    clinic.communications.add_many([made])
    return clinic.communications.find(key) or made


def _planned(clinic: Clinic, visit: Appointment, patient: Patient, *, is_new: bool) -> bool:
    """Whether the rows are in line with this version of the visit; False when a later one was planned already."""
    rows = [] if is_new else clinic.communications.taken_over(visit.id, visit.version)
    if any(row.about_version > visit.version for row in rows):
        return False
    _carry_out(clinic, reminding.plan(visit, patient, rules_of(clinic), rows, clinic.now()))
    return True


def _carry_out(clinic: Clinic, found: Plan) -> None:
    if found.add:
        clinic.communications.add_many(found.add)
    for row, reason in found.stop:
        with suppress(Conflict):  # it is being sent, or somebody else has planned it: see `plan_visit`
            clinic.communications.change(row, reminding.stopped(row, reason))
    for row, wanted in found.renew:
        with suppress(Conflict):
            clinic.communications.change(row, reminding.renewed(row, wanted))


def _notice_policy(clinic: Clinic) -> None:
    """Mark every visit to come when the policy is another one than they were planned by."""
    version = policy_of(clinic).version
    if clinic.message_state.planned_version() == version:
        return
    clinic.appointments.open_messages_since(clinic.today())
    clinic.message_state.set_planned_version(version)
