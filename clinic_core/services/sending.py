"""Sends what is due: claimed with a fence, judged at the last moment, written down before and after the carrier's call.

The carrier knows no idempotency key. So a message is `in-progress`, with its words and recipient, before the call; what
came of the call is written after it; and where nobody knows, because somebody died, the line broke or the carrier
failed, `reconcile` asks the carrier before it is sent again. Any number of senders may run at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import allowance, clock, dispatching
from clinic_core.domain.alerts import Severity
from clinic_core.domain.allowance import Want
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.billing import Invoice, InvoiceStatus
from clinic_core.domain.carriers import Carrier, CarrierError, Fault, Outgoing
from clinic_core.domain.dispatching import Scene, Verdict
from clinic_core.domain.message_help import ARRIVED, LOST
from clinic_core.domain.messages import Channel, Communication, MessageKind, MessageStatus, Reason
from clinic_core.domain.people import Patient
from clinic_core.errors import Conflict, Unavailable
from clinic_core.services import alerts, composing, messages, send_results
from clinic_core.services.send_results import PACE, Pace

MOST_AT_ONCE: Final = 50
RUN_SECONDS: Final = 10.0  # after which a run lets the next one look anew
DEAD_LETTERS: Final = 20  # of the last days, from which on somebody has to look
_LATELY: Final = timedelta(days=7)
_BUDGET_PAUSE: Final = timedelta(minutes=10)
_BUDGET_ALERT: Final = "messages:budget"
_FAILED_ALERT: Final = "messages:failed"
_LOST_ALERT: Final = "messages:lost"

log = logging.getLogger("clinic_core.messages")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A message that may go, as far as is known."""

    row: Communication
    outgoing: Outgoing
    carrier: Carrier
    segments: int
    cost_micros: int
    visit: Appointment | None

    @property
    def want(self) -> Want:
        """What it takes of the allowance."""
        return Want(id=self.row.id, sender=self.carrier.sender, cost_micros=self.cost_micros)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a batch of messages is about, read together."""

    patients: dict[str, Patient]
    visits: dict[str, Appointment]
    invoices: dict[str, Invoice]
    opted_out: set[str]


def send_due(clinic: Clinic, *, pace: Pace = PACE, most: int = MOST_AT_ONCE) -> int:
    """Send what is due, as long as the rate and the budget allow; how many went out. For the sidecar."""
    until, sent = time.monotonic() + RUN_SECONDS, 0
    while time.monotonic() < until:
        due = clinic.communications.waiting(clinic.server_now(), most=most)
        ready = _ready_at_all(clinic, due)
        going = _allowed(clinic, ready)
        for place, one in enumerate(going):
            if time.monotonic() >= until:  # a slow carrier: what was judged so long ago is to be judged anew
                _give_back(clinic, going[place:])
                break
            sent += _send(clinic, one, pace)
        if len(due) < most or len(going) < len(ready):
            break
    return sent


def watch(clinic: Clinic) -> None:
    """Tell somebody when messages fail, or do not arrive, more than now and then. For the sidecar."""
    since = clinic.server_now() - _LATELY
    failed = sum((one.claimed_at or one.due_at) >= since for one in clinic.communications.failed())
    if failed > DEAD_LETTERS:
        summary = f"{failed} messages to patients failed in the last {_LATELY.days} days."
        advice = "Open Messages, Failed: the reason is beside each. Correct numbers and settings, then send them again."
        alerts.raise_alert(clinic, _FAILED_ALERT, severity=Severity.WARNING, summary=summary, advice=advice)
    else:
        alerts.clear(clinic, _FAILED_ALERT)
    _watch_arrivals(clinic)


def _watch_arrivals(clinic: Clinic) -> None:
    """A network that blocks our number lets the carrier take every message, and then delivers none."""
    today = clock.local_day(clinic.server_now(), clinic.zone)
    sent = [one for day in (today - timedelta(days=1), today) for one in clinic.communications.sent_on(day)]
    lost = sum(one.delivery in LOST for one in sent)
    arrived = sum(one.delivery in ARRIVED for one in sent)
    if lost > max(DEAD_LETTERS, arrived):
        summary = f"{lost} of {lost + arrived} messages to patients did not arrive, yesterday and today."
        advice = "Open Messages, Sent: the reason is beside each. A network may block the number: ask the carrier."
        alerts.raise_alert(clinic, _LOST_ALERT, severity=Severity.CRITICAL, summary=summary, advice=advice)
    else:
        alerts.clear(clinic, _LOST_ALERT)


# --- before the call -------------------------------------------------------------------------------------------------


def _ready_at_all(clinic: Clinic, due: Sequence[Communication]) -> list[_Ready]:
    """`_ready`; where one cannot be judged, as for a record that cannot be read, the others go all the same."""
    try:
        return _ready(clinic, due)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - found below
        if len(due) == 1:
            log.error("a message could not be judged", extra={"fields": _described(due[0], error)})  # noqa: TRY400
            send_results.fail(clinic, due[0], Reason.REFUSED, type(error).__name__)
            return []
    return [one for row in due for one in _ready_at_all(clinic, [row])]


def _ready(clinic: Clinic, due: Sequence[Communication]) -> list[_Ready]:
    """Those that may go; what must not is stopped, what must wait is put off."""
    if not due:
        return []
    known = _known(clinic, due)
    found = (_judged(clinic, row, known) for row in due)
    return [one for one in found if one is not None]


def _known(clinic: Clinic, due: Sequence[Communication]) -> _Known:
    patients = clinic.patients.get_many({row.patient_id for row in due})
    invoices = {row.about: clinic.invoices.find(row.about) for row in due if row.kind is MessageKind.BILL_DUE}
    numbers = {dispatching.recipient_of(row, patients[row.patient_id]) for row in due if row.patient_id in patients}
    return _Known(
        patients=patients,
        visits=clinic.appointments.many({row.about for row in due if row.about_start is not None}),
        invoices={key: found for key, found in invoices.items() if found is not None},
        opted_out=clinic.opt_outs.stopped_of(numbers - {""}),
    )


def _judged(clinic: Clinic, row: Communication, known: _Known) -> _Ready | None:
    patient = known.patients.get(row.patient_id)
    if patient is None:
        _settle(clinic, row, Verdict(stop=Reason.NO_RECIPIENT))
        return None
    visit, invoice = known.visits.get(row.about), known.invoices.get(row.about)
    verdict = dispatching.judge(row, _scene(clinic, patient, visit, invoice))
    recipient = dispatching.recipient_of(row, patient)
    if recipient in known.opted_out and (verdict.goes or verdict.stop is Reason.TOO_LATE):
        verdict = Verdict(stop=Reason.OPTED_OUT)
    carrier = _carrier(clinic, row.channel, recipient)
    if verdict.goes and carrier is None:
        verdict = Verdict(stop=Reason.SWITCHED_OFF)
    if not verdict.goes or carrier is None:
        _settle(clinic, row, verdict)
        return None
    try:
        outgoing, segments, cost = composing.outgoing(clinic, row, patient, visit, invoice)
    except Exception as error:  # noqa: BLE001 - one message that cannot be written must not stop the others
        log.error("a message could not be written", extra={"fields": _described(row, error)})  # noqa: TRY400
        send_results.fail(clinic, row, Reason.NO_TEMPLATE, type(error).__name__)
        return None
    cost = cost if carrier is clinic.carriers.get(row.channel) else 0
    return _Ready(row=row, outgoing=outgoing, carrier=carrier, segments=segments, cost_micros=cost, visit=visit)


def _scene(clinic: Clinic, patient: Patient, visit: Appointment | None, invoice: Invoice | None) -> Scene:
    owed = 0 if invoice is None or invoice.status is InvoiceStatus.CANCELLED else messages.owed_by_patient(invoice)
    return Scene(
        now=clinic.server_now(),
        policy=messages.policy_of(clinic),
        zone=clinic.zone,
        patient=patient,
        visit=visit,
        owed_minor=owed,
    )


def _carrier(clinic: Clinic, channel: Channel, recipient: str) -> Carrier | None:
    """What carries it; the console where nobody may write to the recipient; None where it is not set up."""
    return clinic.carriers.get(channel) if clinic.settings.may_message(recipient) else clinic.console


def _settle(clinic: Clinic, row: Communication, verdict: Verdict) -> None:
    """Put a message off, stop it, or ask for it on the channel that the patient wants now."""
    with suppress(Conflict):  # somebody else has it in hand
        if verdict.stop is None:
            clinic.communications.change(row, replace(row, retry_at=verdict.wait))
            return
        if verdict.channel is not None:
            messages.ask_on(clinic, row, verdict.channel)
        status, reason = dispatching.status_of_stop(row, verdict.stop)
        clinic.communications.change(row, replace(row, status=status, reason=reason, retry_at=None))


# --- rate and budget -------------------------------------------------------------------------------------------------


def _allowed(clinic: Clinic, ready: Sequence[_Ready]) -> list[_Ready]:
    """Those that rate and budget let go now, counted; what the budget does not allow waits for a larger one."""
    limited = [one for one in ready if one.carrier.sender or one.cost_micros]
    if not limited:
        return list(ready)
    policy, month = messages.policy_of(clinic), _month(clinic)
    while True:
        before = clinic.message_state.allowance()
        wants = [one.want for one in limited]
        granted = allowance.take(before, wants, policy, now=clinic.server_now(), month=month)
        if clinic.message_state.save_allowance(before, granted.allowance):
            break
    for one in limited:
        if one.row.id in granted.over:
            later = clinic.server_now() + _BUDGET_PAUSE
            with suppress(Conflict):
                clinic.communications.change(one.row, replace(one.row, reason=Reason.BUDGET, retry_at=later))
    _tell_budget(clinic, granted)
    free = {one.row.id for one in ready} - {one.row.id for one in limited}
    return [one for one in ready if one.row.id in granted.ids | free]


def _give_back(clinic: Clinic, unsent: Sequence[_Ready]) -> None:
    """They were counted and are not sent."""
    wants = [one.want for one in unsent if one.cost_micros]
    while wants:
        before = clinic.message_state.allowance()
        if clinic.message_state.save_allowance(before, allowance.give_back(before, wants, _month(clinic))):
            return


def _tell_budget(clinic: Clinic, granted: allowance.Granted) -> None:
    policy = messages.policy_of(clinic)
    if not policy.monthly_budget_micros:
        return
    if granted.over:
        summary = "The month's budget for messages is used up: messages wait."
        advice = "Raise the budget in Settings, Messages; what waits then goes out by itself while it is of use."
        alerts.raise_alert(clinic, _BUDGET_ALERT, severity=Severity.CRITICAL, summary=summary, advice=advice)
    elif allowance.is_nearly_spent(granted.allowance, policy):
        summary = f"More than {allowance.WARN_PERCENT} % of the month's budget for messages is used."
        advice = "At its end no message goes out. Raise the budget in Settings, Messages, if that is too early."
        alerts.raise_alert(clinic, _BUDGET_ALERT, severity=Severity.WARNING, summary=summary, advice=advice)
    else:
        alerts.clear(clinic, _BUDGET_ALERT)


def _month(clinic: Clinic) -> str:
    return f"{clinic.local(clinic.server_now()):%Y-%m}"


# --- the call --------------------------------------------------------------------------------------------------------


def _send(clinic: Clinic, one: _Ready, pace: Pace) -> bool:
    """Claim, look once more, hand over, write down; whether it went out."""
    begun = time.monotonic()
    claimed = _claim(clinic, one)
    if claimed is None:
        return False
    if not _still_true(clinic, one):
        _give_back(clinic, [one])
        with suppress(Conflict):
            clinic.communications.change(
                claimed, replace(claimed, status=MessageStatus.PREPARATION, attempts=one.row.attempts)
            )
        return False
    if time.monotonic() - begun > pace.claim_holds.total_seconds():
        return False  # somebody may think by now that this message was lost
    try:
        taken = one.carrier.send(one.outgoing)
    except CarrierError as error:
        _note_failure(clinic, one, claimed, error, pace)
        return False
    except Exception as error:  # noqa: BLE001 - nobody knows, then; the others go on
        log.error("a message could not be handed over", extra={"fields": _described(claimed, error)})  # noqa: TRY400
        return False
    send_results.complete(clinic, claimed, taken, pace=pace)
    return True


def _described(row: Communication, error: Exception) -> dict[str, str]:
    """What may be logged: an error's text could name somebody."""
    return {"reference": row.reference, "kind": row.kind.value, "error": type(error).__name__}


def _claim(clinic: Clinic, one: _Ready) -> Communication | None:
    row = replace(
        one.row,
        status=MessageStatus.IN_PROGRESS,
        reason=None,
        retry_at=None,
        recipient=one.outgoing.recipient,
        text=one.outgoing.text,
        segments=one.segments,
        cost_micros=one.cost_micros,
        attempts=one.row.attempts + 1,
        claimed_at=clinic.server_now(),
    )
    try:
        return clinic.communications.change(one.row, row)
    except Conflict:
        return None  # another sender was quicker, or the visit was changed


def _still_true(clinic: Clinic, one: _Ready) -> bool:
    """Whether the visit is as it was judged, and the recipient has not opted out since."""
    if one.visit is not None and clinic.appointments.find(one.visit.id) != one.visit:
        return False
    return not clinic.opt_outs.stopped(one.outgoing.recipient)


def _note_failure(clinic: Clinic, one: _Ready, claimed: Communication, error: CarrierError, pace: Pace) -> None:
    """What a call that failed makes of the message. Where nobody knows, it stays as it is, for `reconcile`."""
    fields = {"fault": error.fault.value, "code": error.code, "channel": claimed.channel.value}
    log.warning("a message was not acknowledged", extra={"fields": fields | {"reference": claimed.reference}})
    if error.fault is not Fault.UNKNOWN:
        _give_back(clinic, [one])
    if error.fault is Fault.PERMANENT:
        send_results.fail(clinic, claimed, send_results.reason_of(error), error.code)
        if error.is_opt_out:
            send_results.note_opt_out(clinic, claimed)
    elif error.fault is Fault.TEMPORARY:
        send_results.put_off(clinic, claimed, error, pace=pace)


# --- afterwards ------------------------------------------------------------------------------------------------------


def reconcile(clinic: Clinic, *, pace: Pace = PACE) -> int:
    """Find out about messages of which nobody knows whether they were taken; how many. For the sidecar.

    Each was being sent for so long that whoever sent it is dead or has given up. What the carrier has is completed,
    what it does not have goes out again.
    """
    settled, silent = 0, set[Channel]()
    for row in clinic.communications.in_progress():
        if row.claimed_at is None or clinic.server_now() - row.claimed_at < pace.patience or row.channel in silent:
            continue
        carrier = _carrier(clinic, row.channel, row.recipient)
        if carrier is None:
            send_results.fail(clinic, row, Reason.NO_ANSWER)
            continue
        try:
            taken = carrier.find(composing.as_it_was(clinic, row), since=row.claimed_at)
        except CarrierError as error:
            fields = {"fault": error.fault.value, "code": error.code, "reference": row.reference}
            log.warning("the carrier could not be asked", extra={"fields": fields})
            silent.add(row.channel)  # each further question could wait as long, and so would all that is due
            continue
        except Exception as error:  # noqa: BLE001 - an answer that is no answer: the others are asked about all the same
            log.error("the carrier could not be asked", extra={"fields": _described(row, error)})  # noqa: TRY400
            continue
        if taken is None or send_results.is_of_another(clinic, row, taken):
            send_results.put_off(clinic, row, pace=pace)
        else:
            send_results.complete(clinic, row, taken, pace=pace)
        settled += 1
    return settled
