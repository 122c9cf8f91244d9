"""Who is reminded by nobody, and what is said about a message that did not arrive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.message_help import Gap, gap, recipient_of, to_recall, trouble
from clinic_core.domain.messages import Communication, Delivery, MessageKind, MessagePolicy, MessageStatus, Reason
from clinic_core.domain.people import ContactBy
from tests import make

VISIT = make.appointment()
ASHA = make.patient()
M = MessageStatus


def message(status: MessageStatus = M.PREPARATION, **changes: Any) -> Communication:
    return make.reminder(VISIT, **{"status": status, **changes})


@pytest.mark.parametrize(
    ("person", "messages", "stopped", "wanted"),
    [
        ({}, [message()], False, None),
        ({}, [message(M.COMPLETED)], False, None),  # sent, no report yet
        ({}, [message(M.COMPLETED, delivery=Delivery.DELIVERED)], True, None),  # told before STOP came
        ({}, [message(M.ON_HOLD)], False, None),
        ({"contact_by": ContactBy.NONE}, [message()], False, Gap.NOT_WANTED),
        ({"phone": ""}, [message()], False, Gap.NO_PHONE),
        ({"contact_by": ContactBy.EMAIL}, [message()], False, Gap.NO_EMAIL),
        ({}, [message()], True, Gap.OPTED_OUT),
        ({}, [message(M.NOT_DONE)], False, Gap.FAILED),
        ({}, [message(M.COMPLETED, delivery=Delivery.UNDELIVERED)], False, Gap.LOST),
        ({}, [message(M.COMPLETED, delivery=Delivery.FAILED), message(lead_minutes=120)], False, None),
        ({}, [], False, Gap.LATE),
        ({}, [message(M.STOPPED, reason=Reason.TOO_LATE)], False, Gap.FAILED),
        ({}, [message(about_start=make.at("12:00"))], False, Gap.LATE),  # speaks of the time before it was moved
        ({}, [message(kind=MessageKind.CONFIRMATION)], False, Gap.LATE),  # which reminds nobody
    ],
)
def test_why_nobody_reminds(
    person: dict[str, Any], messages: list[Communication], stopped: bool, wanted: Gap | None
) -> None:
    """A gap that is not shown is a patient whom nobody calls; one too many is a call for nothing."""
    patient = replace(ASHA, **person)

    assert gap(VISIT, patient, messages, MessagePolicy(), opted_out=stopped) is wanted


def test_reminders_that_are_switched_off_are_named() -> None:
    """Or the desk looks for the fault at the patient."""
    assert gap(VISIT, ASHA, [], MessagePolicy(kinds=()), opted_out=False) is Gap.SWITCHED_OFF


def test_what_the_carrier_says_comes_first() -> None:
    """Its code tells more than that it was refused; an unknown one is shown to look up."""
    landline = trouble(message(M.NOT_DONE, reason=Reason.REFUSED, error_code="30006"))
    unknown = trouble(message(M.COMPLETED, delivery=Delivery.FAILED, error_code="99999"))

    assert landline is not None and "landline" in landline.why
    assert unknown is not None and "99999" in unknown.why
    assert trouble(message(M.COMPLETED, delivery=Delivery.DELIVERED)) is None
    assert all(trouble(message(M.STOPPED, reason=reason)) for reason in Reason)  # none without words


@pytest.mark.parametrize(
    ("person", "booked", "asked", "kinds", "wanted"),
    [
        ({}, False, False, (MessageKind.RECALL,), True),
        ({"outreach_consent": False}, False, False, (MessageKind.RECALL,), False),
        ({"phone": ""}, False, False, (MessageKind.RECALL,), False),
        ({}, True, False, (MessageKind.RECALL,), False),
        ({}, False, True, (MessageKind.RECALL,), False),
        ({}, False, False, (), False),
    ],
)
def test_who_may_be_asked_to_come_again(
    person: dict[str, Any], booked: bool, asked: bool, kinds: tuple[MessageKind, ...], wanted: bool
) -> None:
    """Nobody who did not agree, has something booked, or was asked already."""
    patient = replace(ASHA, **{"outreach_consent": True, **person})
    last = make.appointment(start=make.at("07:00"), status=AppointmentStatus.FULFILLED)
    visits = [last, make.appointment()] if booked else [last]
    sent = [message(kind=MessageKind.RECALL, about=last.id)] if asked else []

    found = to_recall(patient, visits, sent, MessagePolicy(kinds=kinds), make.NOW)

    assert found == (last if wanted else None)


def test_where_messages_go() -> None:
    """To the address that belongs to the way, and nowhere where none are wanted."""
    asha = replace(ASHA, email="asha@example.org")

    assert recipient_of(asha) == asha.phone
    assert recipient_of(replace(asha, contact_by=ContactBy.EMAIL)) == asha.email
    assert recipient_of(replace(asha, contact_by=ContactBy.NONE)) == ""
