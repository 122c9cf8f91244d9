"""What patients write back: each reply is kept once, has one outcome, and is answered at most once.

Nobody asks for leave: the webhook is signed, see `web/twilio.py`. The order of the writes is what makes it safe to cut
off anywhere: the reply is inserted; which visit it is about is noted before anything is done; each thing that is done
may be repeated; the outcome comes last. Whoever meets a reply without an outcome, the carrier's next try or the
sidecar, goes on with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeVar

from clinic_core.clinic import Clinic
from clinic_core.domain import answering, clock, policies, replies
from clinic_core.domain.access import BY_REPLY
from clinic_core.domain.answering import Candidate, Question
from clinic_core.domain.appointments import Appointment, CancelReason
from clinic_core.domain.carriers import CarrierError, Listens
from clinic_core.domain.ids import derived_id
from clinic_core.domain.message_words import Answer
from clinic_core.domain.messages import Communication, InboundMessage, MessageKind, OptOut
from clinic_core.domain.replies import Intent, Written
from clinic_core.errors import Conflict, IllegalTransition
from clinic_core.services import answers, appointments

T = TypeVar("T")
log = logging.getLogger("clinic_core.messages")

STOPPED: Final = "stopped"
UNREADABLE: Final = "for-a-person"
_TRIES: Final = 10
_LOOK_BACK: Final = timedelta(days=180)  # a reply to an older message is for a person
_SKEW: Final = timedelta(seconds=30)  # between the carrier's clock and ours
_PATIENCE: Final = timedelta(minutes=1)  # by then whoever received it has finished it, or died
_FETCHED: Final = timedelta(days=1)
_NOTE: Final = "By reply"
_ON_THE_BOARD: Final = frozenset({Answer.CANCEL_ASKED, Answer.NO_VISIT, Answer.RECEIVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    code: str
    patient_id: str | None = None
    answer: Answer | None = None
    visit: Appointment | None = None
    choices: Sequence[Candidate] = ()
    open: bool = False


def receive(clinic: Clinic, written: Written) -> InboundMessage:
    """Keep a reply and do what it asks; the same one again gives what came of it the first time."""
    understood = replies.understand(replies.said(written.text, written.payload))
    made = InboundMessage(
        id=written.id,
        sender=written.sender,
        channel=written.channel,
        text=written.text,
        payload=written.payload,
        replied_to=written.replied_to,
        received_at=clock.utc(written.at or clinic.server_now()),
        intent=understood.intent.value,
    )
    return finish(clinic, clinic.inbound.add(made))


def complete(clinic: Clinic) -> int:
    """Finish the replies whose worker died before it did; how many. For the sidecar."""
    cut_off = [one for one in clinic.inbound.unfinished() if clinic.server_now() - one.received_at >= _PATIENCE]
    return _each(cut_off, lambda message: finish(clinic, message))


def fetch(clinic: Clinic) -> int:
    """Do the replies of the last day that never reached us, as while we were away; how many. For the sidecar.

    The carrier tries a webhook once or twice, but keeps what was written. A carrier that does not answer stops nothing.
    """
    missed = 0
    for channel, carrier in clinic.carriers.items():
        if not isinstance(carrier, Listens):
            continue
        try:
            found = carrier.received(since=clinic.server_now() - _FETCHED)
        except CarrierError as error:
            log.warning("replies not fetched", extra={"fields": {"channel": channel.value, "code": error.code}})
            continue
        new = [written for written in found if clinic.inbound.find(written.id) is None]
        missed += _each(new, lambda written: receive(clinic, written))
    return missed


def _each(found: Sequence[T], work: Callable[[T], object]) -> int:
    """Do all of them, and only then raise what went wrong with the last: one must not keep the others waiting."""
    failed: Exception | None = None
    for one in found:
        try:
            work(one)
        except Exception as error:  # noqa: BLE001 - raised below
            failed = error
    if failed is not None:
        raise failed
    return len(found)


def finish(clinic: Clinic, message: InboundMessage) -> InboundMessage:
    """Do what a reply asks, unless it has its outcome already; two who do it at once do it once."""
    for _ in range(_TRIES):
        if message.outcome:
            return message
        try:
            message, outcome = _handled(clinic, message)
            if outcome.answer is not None:
                answers.send(clinic, message, _answer(message, outcome))
            return clinic.inbound.change(message, _settled(message, outcome))
        except Conflict:
            message = clinic.inbound.get(message.id)
    raise Conflict("This reply is being handled by many at once. Try again.")


def _settled(message: InboundMessage, outcome: _Outcome) -> InboundMessage:
    return replace(message, outcome=str(outcome.code), open=outcome.open, patient_id=outcome.patient_id)


def _answer(message: InboundMessage, outcome: _Outcome) -> answers.Told:
    return answers.Told(
        answer=outcome.answer or Answer.RECEIVED,
        patient_id=outcome.patient_id,
        start=outcome.visit.start if outcome.visit else None,
        choices=answering.choices(outcome.choices, Intent(message.intent)),
    )


def _handled(clinic: Clinic, message: InboundMessage) -> tuple[InboundMessage, _Outcome]:
    """Do what it asks; the message as it is stored then, and what came of it."""
    intent = Intent(message.intent)
    if intent in (Intent.CONFIRM, Intent.CANCEL):
        return _about_a_visit(clinic, message)
    patient_id = _only_patient(clinic, message)
    if intent is Intent.STOP:
        outcome = _stopped(clinic, message, patient_id)
        return (_about(clinic, message) if outcome.open else message), outcome
    if intent is Intent.START:
        _write_ledger(clinic, message, patient_id, stopped=False)
        return message, _Outcome(code=Answer.STARTED, patient_id=patient_id, answer=Answer.STARTED)
    if intent is Intent.HELP:
        return message, _Outcome(code=Answer.HELP, patient_id=patient_id, answer=Answer.HELP)
    outcome = _Outcome(code=UNREADABLE, patient_id=patient_id, answer=Answer.RECEIVED, open=True)
    return _about(clinic, message), outcome


def _only_patient(clinic: Clinic, message: InboundMessage) -> str | None:
    """Whose number it is; None when several share it, or nobody has it."""
    people = clinic.patients.by_phone(message.sender)
    return people[0].id if len(people) == 1 else None


def _about(clinic: Clinic, message: InboundMessage) -> InboundMessage:
    """The reply with the visit that it probably speaks of, for whoever reads it."""
    found = _candidates(clinic, message, _sent_to(clinic, message))
    if len(found) != 1:
        return message
    return replace(message, answers=found[0].message.id, appointment_id=found[0].visit.id)


def _sent_to(clinic: Clinic, message: InboundMessage) -> list[Communication]:
    """What the number had got when it wrote: a reply that is finished late answers nothing that was sent since."""
    found = clinic.communications.latest_to(message.sender, since=message.received_at - _LOOK_BACK)
    return [one for one in found if one.sent_at and one.sent_at <= message.received_at + _SKEW]


# --- stop and start --------------------------------------------------------------------------------------------------


def _stopped(clinic: Clinic, message: InboundMessage, patient_id: str | None) -> _Outcome:
    """No more messages. Who wrote CANCEL probably meant the visit: somebody has to ask."""
    _write_ledger(clinic, message, patient_id, stopped=True)
    return _Outcome(code=STOPPED, patient_id=patient_id, open="cancel" in message.text.casefold())


def _write_ledger(clinic: Clinic, message: InboundMessage, patient_id: str | None, *, stopped: bool) -> None:
    line = OptOut(
        id=derived_id("opt-out", message.id),
        recipient=message.sender,
        stopped=stopped,
        at=message.received_at,
        source="reply",
    )
    clinic.opt_outs.record(line)
    action = "message.opt_out" if stopped else "message.opt_in"
    clinic.audit.record(BY_REPLY, action, message.id, patient_id=patient_id, once=line.id)


# --- about a visit ---------------------------------------------------------------------------------------------------


def _about_a_visit(clinic: Clinic, message: InboundMessage) -> tuple[InboundMessage, _Outcome]:
    sent = _sent_to(clinic, message)
    if message.answers is None:
        found = _candidates(clinic, message, sent)
        only = _only_patient(clinic, message)
        if len(found) > 1:
            return message, _Outcome(code=Answer.WHICH, patient_id=only, answer=Answer.WHICH, choices=found)
        if not found:
            return message, _nothing_meant(message, sent, only)
        # Noted before anything is done: whoever finishes this must not find another visit, booked meanwhile.
        meant = replace(message, answers=found[0].message.id, appointment_id=found[0].visit.id)
        message = clinic.inbound.change(message, meant)
    return message, _carried_out(clinic, message, sent)


def _nothing_meant(message: InboundMessage, sent: Sequence[Communication], only: str | None) -> _Outcome:
    """No visit to be meant: a reference that is not theirs, an answer to an offer, or a number nobody wrote to."""
    named = replies.understand(replies.said(message.text, message.payload)).reference
    answer = Answer.RECEIVED if named or sent else Answer.NO_VISIT
    return _Outcome(code=UNREADABLE if named or sent else Answer.NO_VISIT, patient_id=only, answer=answer, open=True)


def _candidates(clinic: Clinic, message: InboundMessage, sent: Sequence[Communication]) -> list[Candidate]:
    """The visits that may be meant: the one of the message that is named, else by what was sent to this number."""
    reference = replies.understand(replies.said(message.text, message.payload)).reference
    named = clinic.communications.by_reference(reference) if reference else None
    if named is None and message.replied_to:
        named = clinic.communications.by_provider_id(message.replied_to)
    if reference or named is not None:
        mine = named if named is not None and named.recipient == message.sender else None
        visit = _visit(clinic, mine) if mine else None
        return [Candidate(message=mine, visit=visit)] if mine and visit else []
    last = answering.last_of_each_visit(sent, message.channel)
    visits = clinic.appointments.many(one.about for one in last)
    found = [Candidate(message=one, visit=visits[one.about]) for one in last if one.about in visits]
    return answering.meant(found, Intent(message.intent), message.received_at)


def _visit(clinic: Clinic, message: Communication) -> Appointment | None:
    """The visit that a message is about; of an answer that which the reply was about."""
    about: str | None = message.about if message.kind in answering.ASKING else None
    if message.kind is MessageKind.REPLY:
        reply = clinic.inbound.find(message.about)
        about = reply.appointment_id if reply else None
    return clinic.appointments.find(about) if about else None


def _carried_out(clinic: Clinic, message: InboundMessage, sent: Sequence[Communication]) -> _Outcome:
    """Confirm or cancel the visit that is meant where that is right, and give the true answer where not."""
    answered = clinic.communications.find(message.answers or "")
    told = answering.told_since(sent, answered, message.appointment_id or "") if answered else frozenset()
    for _ in range(_TRIES):
        visit = clinic.appointments.find(message.appointment_id or "")
        question = Question(
            intent=Intent(message.intent),
            received_at=message.received_at,
            told=told,
            may_cancel=visit is not None and _may_cancel(clinic, visit),
        )
        answer = answering.verdict(question, visit, clinic.now())
        try:
            after = _done(clinic, visit, answer) if visit else None
        except (Conflict, IllegalTransition):
            continue  # the desk was quicker: look at what the visit is now
        patient_id = after.patient_id if after else None
        is_open = answer in _ON_THE_BOARD
        return _Outcome(code=answer, patient_id=patient_id, answer=answer, visit=after, open=is_open)
    raise Conflict("This visit is being changed by many at once. Try again.")


def _done(clinic: Clinic, visit: Appointment, answer: Answer) -> Appointment:
    if answer is Answer.CONFIRMED:
        return appointments.confirm(clinic, BY_REPLY, visit)
    if answer is Answer.CANCELLED:
        return appointments.cancel(clinic, BY_REPLY, visit, CancelReason.PATIENT, _NOTE)
    return visit


def _may_cancel(clinic: Clinic, visit: Appointment) -> bool:
    view = clinic.directory()
    return view.message_policy.cancel_by_reply and not policies.is_late(visit, clinic.now(), view.organization)
