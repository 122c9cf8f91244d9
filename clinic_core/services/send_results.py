"""What becomes of a message whose carrier was asked to take it: a part of `sending`."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import clock, dispatching
from clinic_core.domain.carriers import CarrierError, Taken
from clinic_core.domain.dispatching import MOST_ATTEMPTS
from clinic_core.domain.ids import derived_id
from clinic_core.domain.messages import Communication, MessageStatus, OptOut, Reason
from clinic_core.errors import Conflict, Unavailable

_NAP_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient senders are. The call itself gives up after less than `patience - claim_holds`."""

    claim_holds: timedelta = timedelta(seconds=10)  # a sender who was held up longer does not call any more
    patience: timedelta = timedelta(seconds=60)  # with a message of which nobody knows, before the carrier is asked
    first_delay: timedelta = timedelta(seconds=15)  # before a second try, and twice as long before each one after it
    record: timedelta = timedelta(seconds=20)  # for writing down what the carrier said


PACE: Final = Pace()


def fail(clinic: Clinic, row: Communication, reason: Reason, code: str = "") -> None:
    """Give a message up: a person may send it again."""
    dead = replace(row, status=MessageStatus.NOT_DONE, reason=reason, error_code=code, retry_at=None)
    with suppress(Conflict):
        clinic.communications.change(row, dead)


def put_off(clinic: Clinic, claimed: Communication, error: CarrierError | None = None, *, pace: Pace = PACE) -> None:
    """Let a message that the carrier surely does not have wait for another try.

    What failed for a while is tried as long as it is of use. One of which nobody knew (no `error`) goes again at once
    the first time, and is given up after so many.
    """
    now, code = clinic.server_now(), error.code if error else claimed.error_code
    tried = claimed.attempts if error else claimed.attempts - 1
    wait = dispatching.delay_after(tried, pace.first_delay) if tried else timedelta(0)
    wait = min(wait, max((claimed.expires_at - now) / 2, pace.first_delay))  # so that the end of its time is used too
    if error and error.retry_after:
        wait = max(wait, error.retry_after)
    later = clock.utc(now + wait)
    if later >= claimed.expires_at or (error is None and claimed.attempts >= MOST_ATTEMPTS):
        fail(clinic, claimed, Reason.NO_ANSWER, code)
        return
    waiting = replace(claimed, status=MessageStatus.PREPARATION, retry_at=later, error_code=code)
    with suppress(Conflict):
        clinic.communications.change(claimed, waiting)


def complete(clinic: Clinic, claimed: Communication, taken: Taken, *, pace: Pace = PACE) -> None:
    """Write down that the carrier has it. A database that is away is waited for: else it would have to be asked."""
    deadline = time.monotonic() + pace.record.total_seconds()
    current: Communication | None = claimed
    while current is not None and current.provider_id is None:
        try:
            clinic.communications.change(current, _completed(clinic, current, taken))
            return
        except Conflict:  # the carrier's report was quicker
            if is_of_another(clinic, claimed, taken):
                return  # nobody knows, then: `reconcile` asks
            current = clinic.communications.find(claimed.id)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(_NAP_SECONDS)


def is_of_another(clinic: Clinic, row: Communication, taken: Taken) -> bool:
    """Whether what the carrier has under this id is another message."""
    owner = clinic.communications.by_provider_id(taken.provider_id)
    return owner is not None and owner.id != row.id


def _completed(clinic: Clinic, current: Communication, taken: Taken) -> Communication:
    at = clock.utc(current.claimed_at or clinic.server_now())
    return replace(
        current,
        status=MessageStatus.COMPLETED,
        reason=None,
        retry_at=None,
        error_code="",
        provider_id=taken.provider_id,
        delivery=taken.delivery,
        delivery_at=None if taken.delivery is None else at,
        sent_at=at,
        sent_on=clock.local_day(at, clinic.zone),
    )


def reason_of(error: CarrierError) -> Reason:
    """Why a carrier will never take a message."""
    if error.is_opt_out:
        return Reason.OPTED_OUT
    return Reason.BAD_RECIPIENT if error.is_bad_recipient else Reason.REFUSED


def note_opt_out(clinic: Clinic, claimed: Communication) -> None:
    """The carrier knows of an opt-out that we do not: it held when the message was sent."""
    line = OptOut(
        id=derived_id("opt-out", f"carrier:{claimed.id}"),
        recipient=claimed.recipient,
        stopped=True,
        at=claimed.sent_at or claimed.claimed_at or clinic.server_now(),
        source="carrier",
    )
    clinic.opt_outs.record(line)
