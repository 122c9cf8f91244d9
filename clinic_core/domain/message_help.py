"""Why a message did not go out or did not arrive, in words, and what the front desk can do about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from clinic_core.domain.appointments import EXPECTED, Appointment, AppointmentStatus
from clinic_core.domain.messages import (
    Communication,
    Delivery,
    MessageKind,
    MessagePolicy,
    MessageStatus,
    Reason,
)
from clinic_core.domain.people import ContactBy, Patient

LOST: Final = frozenset({Delivery.UNDELIVERED, Delivery.FAILED})
ARRIVED: Final = frozenset({Delivery.DELIVERED, Delivery.READ})
DEAD: Final = frozenset(
    {
        Reason.BAD_RECIPIENT,
        Reason.REFUSED,
        Reason.NO_ANSWER,
        Reason.NO_TEMPLATE,
        Reason.TOO_LATE,
        Reason.BUDGET,
    }
)  # of a dead letter, also once somebody put it aside
WAITS: Final = frozenset({MessageStatus.PREPARATION, MessageStatus.IN_PROGRESS, MessageStatus.ON_HOLD})
_TELLS: Final = frozenset({MessageKind.REMINDER, MessageKind.CHANGED})  # what keeps a visit in mind


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong, and what to do."""

    why: str
    advice: str = ""


_REASONS: Final[Mapping[Reason, Trouble]] = {
    Reason.VISIT_CANCELLED: Trouble("The visit was cancelled"),
    Reason.VISIT_MOVED: Trouble("The visit was moved"),
    Reason.VISIT_OVER: Trouble("The visit was over"),
    Reason.TOO_LATE: Trouble("It could not be sent in time", "Call the patient. Is the sidecar running?"),
    Reason.NO_CONSENT: Trouble("The patient does not want such messages"),
    Reason.OPTED_OUT: Trouble("The patient wrote STOP", "Call instead. START from the same phone brings them back."),
    Reason.NO_RECIPIENT: Trouble("No phone or address on record", "Ask for it and enter it in the record."),
    Reason.SWITCHED_OFF: Trouble("Switched off in the settings"),
    Reason.BUDGET: Trouble("The month's budget is used up", "A manager raises it under Settings, Messages."),
    Reason.BAD_RECIPIENT: Trouble("There is no such number or address", "Correct it in the record, then send again."),
    Reason.REFUSED: Trouble("The carrier refused it", "Correct the number, then send again; or call."),
    Reason.NO_ANSWER: Trouble("The carrier did not answer", "Send again; if it stays, tell the administrator."),
    Reason.NO_TEMPLATE: Trouble("There are no words for it", "A manager enters them under Settings, Messages."),
    Reason.PAID: Trouble("The bill was paid"),
    Reason.RESTORED: Trouble("The records were restored from a backup", "Was it sent before? Release or stop it."),
}
# https://www.twilio.com/docs/api/errors
_CODES: Final[Mapping[str, Trouble]] = {
    "21211": Trouble("This is no phone number", "Correct it in the record, then send again."),
    "21408": Trouble("The carrier may not send to this country", "The administrator allows it at the carrier."),
    "21610": _REASONS[Reason.OPTED_OUT],
    "21614": Trouble("This is no mobile number", "Ask for a mobile, or remind by e-mail."),
    "30003": Trouble("The phone was off or out of reach", "Call, or rely on the next reminder."),
    "30004": Trouble("The phone blocks messages", "Call instead."),
    "30005": Trouble("Nobody has this number", "Ask for the right one."),
    "30006": Trouble("A landline, or a network that takes no messages", "Ask for a mobile, or remind by e-mail."),
    "30007": Trouble("The network took it for spam", "Change the words, without links; tell the administrator."),
    "63016": Trouble("WhatsApp wants an approved template here", "A manager enters its id under Settings, Messages."),
}


def trouble(message: Communication) -> Trouble | None:
    """What is wrong with a message; None where nothing is."""
    if message.delivery in LOST or message.status is MessageStatus.NOT_DONE:
        told = _CODES.get(message.error_code)
        if told is not None:
            return told
    if message.reason is not None:
        return _REASONS[message.reason]
    if message.delivery in LOST:
        code = f" (code {message.error_code})" if message.error_code else ""
        return Trouble(f"It did not arrive{code}", "Check the number in the record, or call.")
    return None


class Gap(StrEnum):
    """Why nobody reminds a patient of a visit."""

    NOT_WANTED = "does not want messages"
    NO_PHONE = "no phone on record"
    NO_EMAIL = "no e-mail address on record"
    OPTED_OUT = "wrote STOP"
    SWITCHED_OFF = "reminders are switched off"
    FAILED = "sending failed"
    LOST = "it did not arrive"
    LATE = "booked too late for a reminder"


def gap(
    visit: Appointment, patient: Patient, messages: list[Communication], policy: MessagePolicy, *, opted_out: bool
) -> Gap | None:
    """Why nobody reminds the patient of a visit; None where a message waits, is on its way or did not fail.

    `messages` are all that speak of the visit.
    """
    telling = [one for one in messages if one.kind in _TELLS and one.about_start == visit.start]
    out = [one for one in telling if one.status is MessageStatus.COMPLETED]
    if any(one.delivery not in LOST for one in out):
        return None
    unreachable = _unreachable(patient) or (Gap.OPTED_OUT if opted_out else None)
    if unreachable is not None or any(one.status in WAITS for one in telling):
        return unreachable
    if out:
        return Gap.LOST
    if any(one.status is MessageStatus.NOT_DONE or one.reason in DEAD for one in telling):
        return Gap.FAILED
    return Gap.LATE if MessageKind.REMINDER in policy.kinds else Gap.SWITCHED_OFF


def to_recall(
    patient: Patient,
    visits: Collection[Appointment],
    sent: Iterable[Communication],
    policy: MessagePolicy,
    now: datetime,
) -> Appointment | None:
    """The last visit after which the patient may be asked to come again; None where that is not to be.

    The patient agreed to it and can be reached, nothing is booked, and nobody asked since that visit.
    """
    seen = [visit for visit in visits if visit.status is AppointmentStatus.FULFILLED]
    booked = any(visit.status in EXPECTED and visit.end > now for visit in visits)
    last = max(seen, key=lambda visit: visit.start, default=None)
    if last is None or booked or MessageKind.RECALL not in policy.kinds:
        return None
    asked = any(one.kind is MessageKind.RECALL and one.about == last.id for one in sent)
    return last if patient.outreach_consent and recipient_of(patient) and not asked else None


def recipient_of(patient: Patient) -> str:
    """Where the patient's messages go: a phone (E.164) or an address; "" where they want none or gave none."""
    if patient.contact_by is ContactBy.NONE:
        return ""
    return patient.email if patient.contact_by is ContactBy.EMAIL else patient.phone


def _unreachable(patient: Patient) -> Gap | None:
    if patient.contact_by is ContactBy.NONE:
        return Gap.NOT_WANTED
    if recipient_of(patient):
        return None
    return Gap.NO_EMAIL if patient.contact_by is ContactBy.EMAIL else Gap.NO_PHONE
