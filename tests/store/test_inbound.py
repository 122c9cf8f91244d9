"""The opt-out ledger and what patients wrote, as they are stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.messages import Channel, InboundMessage, OptOut
from clinic_core.errors import Conflict
from tests import make

NUMBER, OTHER = "+919876543210", "+919812345678"


def line(name: str, *, stopped: bool, minutes: int = 0, recipient: str = NUMBER) -> OptOut:
    """A line of the ledger, some minutes after eight."""
    at = make.NOW + timedelta(minutes=minutes)
    return OptOut(id=name, recipient=recipient, stopped=stopped, at=at, source="reply")


def test_the_last_line_of_a_number_holds(clinic: Clinic) -> None:
    """In whatever order the lines were written, and of two at once the one that stops."""
    ledger = clinic.opt_outs
    assert not ledger.stopped(NUMBER)
    ledger.record(line("b", stopped=False, minutes=2))
    ledger.record(line("a", stopped=True, minutes=1))
    assert not ledger.stopped(NUMBER)
    ledger.record(line("c", stopped=True, minutes=2))
    assert ledger.stopped(NUMBER)
    assert [one.id for one in ledger.history(NUMBER)] == ["a", "b", "c"]


def test_a_line_is_written_once_and_never_changed(clinic: Clinic) -> None:
    """A webhook that is repeated after somebody started again must not stop them once more."""
    clinic.opt_outs.record(line("a", stopped=True))
    clinic.opt_outs.record(line("b", stopped=False, minutes=1))
    clinic.opt_outs.record(line("a", stopped=True, minutes=9))
    assert not clinic.opt_outs.stopped(NUMBER)
    assert len(clinic.opt_outs.history(NUMBER)) == 2


def test_many_numbers_are_asked_about_at_once(clinic: Clinic) -> None:
    """More than fit into one question."""
    clinic.opt_outs.record(line("a", stopped=True))
    clinic.opt_outs.record(line("b", stopped=False, recipient=OTHER))
    asked = [f"+9198000{n:05}" for n in range(120)]
    assert clinic.opt_outs.stopped_of([*asked, NUMBER, OTHER]) == {NUMBER}


def written(**changes: object) -> InboundMessage:
    """A message that nobody has looked at."""
    given = {"id": "SM1", "sender": NUMBER, "channel": Channel.SMS, "text": "C", "received_at": make.NOW}
    return InboundMessage(**{**given, **changes})  # type: ignore[arg-type]


def test_a_message_is_kept_once(clinic: Clinic) -> None:
    """The second is the first, with what came of it."""
    first = clinic.inbound.add(written())
    done = clinic.inbound.change(first, replace(first, outcome="confirmed"))
    assert clinic.inbound.add(written(received_at=make.NOW + timedelta(minutes=1))) == done
    with pytest.raises(Conflict):
        clinic.inbound.change(first, replace(first, outcome="cancelled"))


def test_the_board_holds_what_is_open_oldest_first(clinic: Clinic) -> None:
    """And forgets it when it is done; what has no outcome is found for whoever finishes it."""
    late = clinic.inbound.add(written(id="SM2", open=True, outcome="read", received_at=make.NOW + timedelta(minutes=1)))
    early = clinic.inbound.add(written(id="SM1", open=True, outcome="read"))
    raw = clinic.inbound.add(written(id="SM3"))
    assert clinic.inbound.open_ones() == [early, late]
    assert clinic.inbound.unfinished() == [raw]
    clinic.inbound.change(early, replace(early, open=False))
    assert clinic.inbound.open_ones() == [late]
    assert clinic.inbound.count_open() == 1
    assert [one.id for one in clinic.inbound.of_sender(NUMBER)][0] == "SM2"
