"""What the carrier reports of messages: in any order, again and again, before its sender knows, and after a crash."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain import deliveries
from clinic_core.domain.deliveries import Report
from clinic_core.domain.messages import Communication, Delivery, MessageStatus, Reason
from clinic_core.services import delivery
from tests import make

D = Delivery
ASHA = "+919876543210"


def message(clinic: Clinic, **changes: Any) -> Communication:
    """A reminder that the carrier took, as SM1."""
    made = make.reminder(make.appointment(id=f"visit-{random.random()}"), **{"provider_id": "SM1", **changes})  # noqa: S311
    clinic.communications.add_many([made])
    return made


def report(clinic: Clinic, told: Communication, what: Delivery, *, sid: str = "SM1", error: str = "") -> None:
    """One callback."""
    delivery.report(clinic, Report(message_id=told.id, provider_id=sid, delivery=what, error_code=error))


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ((D.QUEUED, D.SENT, D.DELIVERED), D.DELIVERED),
        ((D.QUEUED, D.SENT, D.DELIVERED, D.READ), D.READ),
        ((D.QUEUED, D.SENT, D.UNDELIVERED), D.UNDELIVERED),
        ((D.QUEUED, D.FAILED), D.FAILED),
        ((D.SENT, D.UNDELIVERED, D.DELIVERED), D.DELIVERED),
    ],
)
def test_in_whatever_order_reports_come_the_last_of_their_order_holds(
    told: tuple[Delivery, ...], known: Delivery
) -> None:
    """A late "sent" after "delivered", or a failure after it, takes nothing back."""
    for order in permutations(told):
        one = make.reminder(make.appointment(), provider_id="SM1")
        for what in (*order, *order):
            one = deliveries.told(one, Report(provider_id="SM1", delivery=what), make.NOW, make.ZONE)
        assert one.delivery is known


def test_repeated_reports_write_nothing(clinic: Clinic) -> None:
    """The moment of the first one stays."""
    one = message(clinic)
    for _ in range(3):
        report(clinic, one, D.DELIVERED)
        clinic.now.pass_(minutes=5)  # type: ignore[attr-defined]
    after = clinic.communications.find(one.id)
    assert after is not None
    assert (after.delivery, after.delivery_at, after.version) == (D.DELIVERED, make.NOW, 2)


@pytest.mark.parametrize("status", [s for s in MessageStatus if s is not MessageStatus.COMPLETED])
def test_a_report_proves_that_the_carrier_has_the_message(clinic: Clinic, status: MessageStatus) -> None:
    """It may come before its sender has noted the carrier's id, or after that one died: it must not be sent again."""
    one = message(clinic, status=status, provider_id=None, sent_at=None, sent_on=None, claimed_at=make.NOW)
    clinic.now.pass_(minutes=1)  # type: ignore[attr-defined]
    report(clinic, one, D.SENT)
    after = clinic.communications.by_provider_id("SM1")
    assert after is not None
    assert (after.id, after.status, after.delivery) == (one.id, MessageStatus.COMPLETED, D.SENT)
    assert (after.sent_at, after.sent_on) == (make.NOW, make.MONDAY)


def test_a_failure_keeps_its_reason(clinic: Clinic) -> None:
    """A landline is no such number for text messages; when it was delivered after all there is none."""
    one = message(clinic)
    report(clinic, one, D.UNDELIVERED, error="30006")
    after = clinic.communications.find(one.id)
    assert after is not None
    assert (after.error_code, after.reason) == ("30006", Reason.BAD_RECIPIENT)
    report(clinic, one, D.DELIVERED)
    after = clinic.communications.find(one.id)
    assert after is not None
    assert (after.error_code, after.reason, after.delivery) == ("", None, D.DELIVERED)


def test_who_opted_out_at_the_carrier_is_in_our_ledger(clinic: Clinic) -> None:
    """As of when the message was sent: a late callback does not stop who started again since."""
    one = message(clinic)
    for _ in range(2):
        report(clinic, one, D.FAILED, error="21610")
    assert clinic.opt_outs.stopped(ASHA)
    (line,) = clinic.opt_outs.history(ASHA)
    assert (line.source, line.at) == ("carrier", make.NOW)
    clinic.opt_outs.record(replace(line, id="start", stopped=False, at=make.NOW + timedelta(minutes=1)))
    other = message(clinic, provider_id="SM2")
    report(clinic, other, D.FAILED, sid="SM2", error="21610")
    assert not clinic.opt_outs.stopped(ASHA)


def test_a_report_about_nothing_is_left_alone(clinic: Clinic) -> None:
    """As after a restore from a backup; and one by which the carrier has a message twice."""
    assert delivery.report(clinic, Report(message_id="?", provider_id="SM9", delivery=D.SENT)) is None
    one = message(clinic, delivery=D.SENT)
    report(clinic, one, D.FAILED, sid="SM2")
    assert clinic.communications.find(one.id) == one


def test_many_reports_at_once(clinic: Clinic) -> None:
    """Each process that gets one sees the writes of the others."""
    one = message(clinic, status=MessageStatus.IN_PROGRESS, provider_id=None, sent_at=None, sent_on=None)
    workers = [threading.Thread(target=report, args=(clinic, one, what)) for what in (*D, *D) if what is not D.READ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    after = clinic.communications.find(one.id)
    assert after is not None
    assert (after.delivery, after.status, after.provider_id) == (D.DELIVERED, MessageStatus.COMPLETED, "SM1")
