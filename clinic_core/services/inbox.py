"""Reception's board: what patients wrote that a person has to read, and who wants no messages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.ids import derived_id
from clinic_core.domain.messages import InboundMessage, OptOut
from clinic_core.domain.people import Patient
from clinic_core.errors import Conflict, InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply that waits, and what the desk wants to know beside it."""

    message: InboundMessage
    patients: tuple[Patient, ...]  # whose phone it came from: several may share it, nobody may have it
    visit: Appointment | None  # that it is about, as far as that is known
    stopped: bool  # whether this number wants no messages


def waiting(clinic: Clinic, actor: Actor) -> list[Reply]:
    """What nobody has seen to, the longest waiting first."""
    access.require(actor, "message.read")
    clinic.audit.record_read(actor, "message.read", "board")
    found = clinic.inbound.open_ones()
    senders = {one.sender for one in found}
    stopped = clinic.opt_outs.stopped_of(senders)
    people = {sender: tuple(clinic.patients.by_phone(sender)) for sender in senders}
    visits = clinic.appointments.many(one.appointment_id for one in found if one.appointment_id)
    return [
        Reply(
            message=one,
            patients=people[one.sender],
            visit=visits.get(one.appointment_id or ""),
            stopped=one.sender in stopped,
        )
        for one in found
    ]


def count(clinic: Clinic, actor: Actor) -> int:
    """How many wait; one cheap read."""
    access.require(actor, "message.read")
    return clinic.inbound.count_open()


def done(clinic: Clinic, actor: Actor, message: InboundMessage) -> InboundMessage:
    """Take a reply off the board: somebody has seen to it. Raises Conflict when somebody else just did."""
    access.require(actor, "message.answer")
    if not message.open:
        return message
    wanted = replace(message, open=False, handled_by=actor.username, handled_at=clinic.now())
    try:
        saved = clinic.inbound.change(message, wanted)
    except Conflict:
        saved = clinic.inbound.get(message.id)
        if saved.open or saved.handled_by != actor.username:
            raise
    _record(clinic, actor, saved)
    return saved


def back(clinic: Clinic, actor: Actor, message: InboundMessage) -> InboundMessage:
    """Put a reply back on the board: it was taken off by mistake."""
    access.require(actor, "message.answer")
    if message.open:
        return message
    saved = clinic.inbound.change(message, replace(message, open=True, handled_by="", handled_at=None))
    _record(clinic, actor, saved)
    return saved


def stop(clinic: Clinic, actor: Actor, recipient: str) -> None:
    """Note in the ledger that a number or an address wants no more messages, as somebody told the desk."""
    access.require(actor, "message.answer")
    _write(clinic, actor, recipient, stopped=True)


def allow(clinic: Clinic, actor: Actor, recipient: str) -> None:
    """Note that it wants them again. A carrier that was told STOP by text message wants START from that phone too."""
    access.require(actor, "message.answer")
    _write(clinic, actor, recipient, stopped=False)


def _write(clinic: Clinic, actor: Actor, recipient: str, *, stopped: bool) -> None:
    if not recipient:
        raise InvalidInput("There is no phone and no address to note this for.", field="recipient")
    lines = clinic.opt_outs.history(recipient)
    if stopped == (bool(lines) and lines[-1].stopped):
        return
    after = [last.at + timedelta(milliseconds=1) for last in lines[-1:]]  # it is the last line, whatever the clocks say
    line = OptOut(
        id=derived_id("opt-out", f"desk:{recipient}:{len(lines)}:{stopped}"),  # two clicks at once write one line
        recipient=recipient,
        stopped=stopped,
        at=max([clinic.server_now(), *after]),
        source="desk",
        by=actor.username,
    )
    clinic.opt_outs.record(line)
    clinic.audit.record(actor, "message.opt_out" if stopped else "message.opt_in", line.id, once=line.id)


def _record(clinic: Clinic, actor: Actor, saved: InboundMessage) -> None:
    clinic.audit.record(
        actor,
        "message.answer",
        saved.id,
        patient_id=saved.patient_id,
        once=f"{saved.id}:{saved.version}",
        open="yes" if saved.open else "no",
    )
