"""What carries messages, as the services see it: hand one over, ask for one, and what can go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from clinic_core.domain.messages import Channel, Delivery, MessageKind
from clinic_core.domain.replies import Written

OPTED_OUT: Final = "21610"
NO_SUCH_NUMBER: Final = frozenset(
    {"21211", "21214", "21217", "21614", "30005", "30006", "63003", "550"}
)  # unknown, or a landline


class Fault(StrEnum):
    """What a failure says of the message."""

    PERMANENT = "permanent"  # it was not taken, and never will be
    TEMPORARY = "temporary"  # it was not taken; later perhaps
    UNKNOWN = "unknown"  # nobody knows whether it was taken


class CarrierError(Exception):
    """A message was not acknowledged. `code` is the carrier's; `retry_after` how long it asks to be left alone."""

    def __init__(self, fault: Fault, code: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(f"{fault} {code}".strip())
        self.fault, self.code, self.retry_after = fault, code, retry_after

    @property
    def is_opt_out(self) -> bool:
        """Whether the carrier knows that this number wants no messages."""
        return self.code == OPTED_OUT

    @property
    def is_bad_recipient(self) -> bool:
        """Whether there is no such number or address."""
        return self.code in NO_SUCH_NUMBER


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """A visit as a patient's calendar takes it: `uid` names it for ever, a higher `sequence` replaces a lower one."""

    uid: str
    sequence: int
    start: datetime
    end: datetime
    summary: str
    location: str
    cancelled: bool
    at: datetime  # when this was written


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message as it is handed over."""

    id: str
    kind: MessageKind
    channel: Channel
    reference: str
    recipient: str
    text: str
    subject: str = ""
    content_sid: str = ""  # the approved WhatsApp template
    variables: Mapping[str, str] = field(default_factory=dict)  # of it
    calendar: CalendarEntry | None = None
    sender_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The carrier has it, under this id."""

    provider_id: str
    delivery: Delivery | None = None
    at: datetime | None = None  # when it took it, where it says so


class Carrier(Protocol):
    """One way for messages to travel."""

    @property
    def sender(self) -> str:
        """The number that it sends from, whose rate is limited; "" where none is."""

    def send(self, message: Outgoing) -> Taken:
        """Hand a message over. Raises CarrierError."""

    def find(self, message: Outgoing, *, since: datetime) -> Taken | None:
        """What it took of a message since; None when it has none, or cannot tell. Raises CarrierError."""


@runtime_checkable
class Listens(Protocol):
    """A carrier that keeps what was written to it."""

    def received(self, *, since: datetime) -> list[Written]:
        """What it got since, in the order in which it came. Raises CarrierError."""
