"""What the clinic and a patient write to each other (FHIR R4 Communication): records, kinds and codes; no rules.

A message is one row of the outbox. Its id is derived from what it is about, so that it can be made only once; its
status only goes the ways of `NEXT`. What was handed to a carrier and not answered stays `in-progress` until the carrier
was asked whether it has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Final

from clinic_core.domain.ids import derived_id


class MessageKind(StrEnum):
    """Why a patient is written to."""

    CONFIRMATION = "confirmation"
    REMINDER = "reminder"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    WAITLIST_OFFER = "waitlist-offer"
    RECALL = "recall"
    BILL_DUE = "bill-due"
    REVIEW = "review"
    REPLY = "reply"  # the answer to what a patient wrote

    @property
    def label(self) -> str:
        """What staff reads."""
        return _KIND_LABELS[self]


_KIND_LABELS: Final = {
    MessageKind.CONFIRMATION: "Booking confirmation",
    MessageKind.REMINDER: "Reminder",
    MessageKind.CHANGED: "Visit changed",
    MessageKind.CANCELLED: "Visit cancelled",
    MessageKind.WAITLIST_OFFER: "Waiting-list offer",
    MessageKind.RECALL: "Follow-up recall",
    MessageKind.BILL_DUE: "Bill due",
    MessageKind.REVIEW: "Request for a review",
    MessageKind.REPLY: "Answer",
}
OUTREACH: Final = frozenset({MessageKind.RECALL, MessageKind.REVIEW})  # only to patients who agreed to it


class Channel(StrEnum):
    """How a message travels; the values of `ContactBy` that carry messages."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"

    @property
    def label(self) -> str:
        """What staff reads."""
        return {"sms": "SMS", "whatsapp": "WhatsApp", "email": "E-mail"}[self.value]


class MessageStatus(StrEnum):
    """FHIR EventStatus, as Communication uses it."""

    PREPARATION = "preparation"  # waits for its time
    IN_PROGRESS = "in-progress"  # being handed over, or nobody knows yet whether it was
    COMPLETED = "completed"  # the carrier took it: `delivery` says what became of it
    STOPPED = "stopped"  # never to be sent: `reason` says why
    NOT_DONE = "not-done"  # given up, a dead letter: a person may send it again
    ON_HOLD = "on-hold"  # waits for a person, as after a restore


# From anywhere to completed: the carrier reports on a message only if it has it, whatever was thought here.
NEXT: Final[dict[MessageStatus, frozenset[MessageStatus]]] = {
    MessageStatus.PREPARATION: frozenset(MessageStatus) - {MessageStatus.PREPARATION},
    MessageStatus.IN_PROGRESS: frozenset(
        {MessageStatus.PREPARATION, MessageStatus.COMPLETED, MessageStatus.STOPPED, MessageStatus.NOT_DONE}
    ),
    MessageStatus.COMPLETED: frozenset(),
    MessageStatus.STOPPED: frozenset(  # the visit was moved back, consent came back
        {MessageStatus.PREPARATION, MessageStatus.COMPLETED}
    ),
    MessageStatus.NOT_DONE: frozenset(  # again, or put aside
        {MessageStatus.PREPARATION, MessageStatus.STOPPED, MessageStatus.COMPLETED}
    ),
    MessageStatus.ON_HOLD: frozenset({MessageStatus.PREPARATION, MessageStatus.STOPPED, MessageStatus.COMPLETED}),
}


class Reason(StrEnum):
    """Why a message was stopped, given up or put on hold (FHIR Communication.statusReason)."""

    VISIT_CANCELLED = "visit-cancelled"
    VISIT_MOVED = "visit-moved"
    VISIT_OVER = "visit-over"
    TOO_LATE = "too-late"  # `expires_at` passed before it could be sent
    NO_CONSENT = "no-consent"
    OPTED_OUT = "opted-out"
    NO_RECIPIENT = "no-recipient"  # no phone, no address
    SWITCHED_OFF = "switched-off"  # the kind or the channel, by the clinic
    BUDGET = "budget"
    BAD_RECIPIENT = "bad-recipient"  # the carrier says that there is no such number or address
    REFUSED = "refused"  # the carrier refuses it for another reason: `error_code`
    NO_ANSWER = "no-answer"  # tried as often as it may be
    NO_TEMPLATE = "no-template"
    PAID = "paid"
    RESTORED = "restored"


class Delivery(StrEnum):
    """What the carrier says of a message it took (Twilio's MessageStatus), in the order in which they follow."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Communication:
    """One message to one patient over one channel: a row of the outbox."""

    id: str  # see `message_id`
    kind: MessageKind
    channel: Channel
    lead_minutes: int = 0  # of a reminder: how long before the visit, on the clinic's wall clock
    change: int = 0  # of a changed visit: which of its events this tells of
    patient_id: str
    about: str  # the id of the appointment, invoice, or message that is answered
    about_start: datetime | None = None  # the start of the visit that it speaks of
    about_version: int = 0  # the version of the visit that it was last planned by
    due_at: datetime  # aware UTC
    due_on: date  # the clinic's local day of `due_at`
    expires_at: datetime  # from here on it is not sent any more
    status: MessageStatus = MessageStatus.PREPARATION
    reason: Reason | None = None
    reference: str  # unique, six letters and digits, part of what is sent: finds it at the carrier, and its answer
    recipient: str = ""  # E.164 or address, as it was when sent
    text: str = ""  # exactly as it was handed over; of an answer as it was written when it was made
    segments: int = 0
    cost_micros: int = 0  # millionths of the clinic's currency: expected, then what the carrier says
    attempts: int = 0
    retry_at: datetime | None = None  # not before this: the carrier was busy, or the budget was used up
    claimed_at: datetime | None = None  # when it was last taken to be sent
    provider_id: str | None = None  # the carrier's id (Twilio SID), unique
    sent_at: datetime | None = None
    sent_on: date | None = None  # the clinic's local day
    delivery: Delivery | None = None
    delivery_at: datetime | None = None
    error_code: str = ""  # the carrier's
    created_at: datetime
    version: int = 1


def message_id(
    kind: MessageKind, channel: Channel, about: str, *, start: datetime | None = None, lead: int = 0, change: int = 0
) -> str:
    """The one id of a message: a second one for the same occurrence, kind, lead time and channel cannot be made."""
    when = "" if start is None else start.isoformat()
    return derived_id("message", f"{kind}:{channel}:{about}:{when}:{lead}" + (f":{change}" if change else ""))


def reference_of(message: str, attempt: int = 0) -> str:
    """The reference that belongs to a message's id, or another one where that is given out already."""
    number = int(derived_id("reference", f"{message}:{attempt}"), 16)
    signs = []
    for _ in range(REFERENCE_LENGTH):
        number, sign = divmod(number, len(REFERENCE_SIGNS))
        signs.append(REFERENCE_SIGNS[sign])
    return "".join(signs)


REFERENCE_LENGTH: Final = 6
REFERENCE_SIGNS: Final = "23456789BCDFGHJKMNPQRSTVWXZ"  # nothing that is read as another one, and no words


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePolicy:
    """What the clinic decides about messages; there is one."""

    id: str = "messages"
    kinds: tuple[MessageKind, ...] = (
        MessageKind.CONFIRMATION,
        MessageKind.REMINDER,
        MessageKind.CHANGED,
        MessageKind.CANCELLED,
        MessageKind.REPLY,
    )  # that are sent at all
    reminder_minutes: tuple[int, ...] = (3 * 1440, 1440, 120)  # before the visit, longest first
    quiet_from: time = time(
        21
    )  # in the patient's zone; no message but an answer or a cancellation within 2 h of a visit
    quiet_until: time = time(8)
    monthly_budget_micros: int = 0  # 0: no limit
    sms_price_micros: int = 0  # expected, per segment
    whatsapp_price_micros: int = 0  # per message
    messages_per_second: int = 1  # per sending number
    cancel_by_reply: bool = True  # until the clinic's `late_cancel_hours`; later the desk decides
    bill_due_days: int = 14  # after an invoice was issued
    review_hours: int = 24  # after a visit
    review_url: str = ""
    default_language: str = "en"
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The words of one kind on one channel in one language, with {placeholders}."""

    id: str  # f"{kind}:{channel}:{language}"
    kind: MessageKind
    channel: Channel
    language: str  # BCP 47, "en"
    subject: str = ""  # of an e-mail
    body: str
    content_sid: str = ""  # the approved WhatsApp template at the carrier
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """A line of the opt-out ledger: a number stopped or started messages. The last line of a number holds."""

    id: str  # derived from what caused it, so that a repeated callback adds no second line
    recipient: str  # E.164
    stopped: bool
    at: datetime
    source: str  # reply, carrier or desk
    by: str = ""  # username, of the desk


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """What somebody wrote to the clinic; inserted once under the carrier's id."""

    id: str  # the carrier's (MessageSid)
    sender: str  # E.164
    channel: Channel
    text: str
    payload: str = ""  # of a button that was pressed, or the word that the carrier recognised; it goes before `text`
    replied_to: str = ""  # the carrier's id of the message that was answered, where the channel tells it (WhatsApp)
    received_at: datetime
    answers: str | None = None  # the message it is taken to answer
    patient_id: str | None = None
    appointment_id: str | None = None
    intent: str = ""  # confirm, cancel, stop, start, help, or "" for what a person has to read
    outcome: str = ""  # what came of it, a code
    open: bool = False  # waits on reception's board
    handled_by: str = ""
    handled_at: datetime | None = None
    version: int = 1
