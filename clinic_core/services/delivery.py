"""Status callbacks of the carrier. Nobody asks for leave: they are signed, see `web/twilio.py`."""

from __future__ import annotations

import logging
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import deliveries
from clinic_core.domain.carriers import OPTED_OUT
from clinic_core.domain.deliveries import Report
from clinic_core.domain.messages import Communication
from clinic_core.errors import Conflict
from clinic_core.services import send_results

_TRIES: Final = 20
log = logging.getLogger(__name__)


def report(clinic: Clinic, told: Report) -> Communication | None:
    """Note what became of a message; None when there is none. Repeated, late and out of order it changes nothing wrong.

    The message is found by our own id, which the callback's address carries: the carrier may report before whoever
    sent it has noted the carrier's id.
    """
    for _ in range(_TRIES):
        message = _message(clinic, told)
        if message is None:
            log.info("a status callback is about no message", extra={"fields": {"status": told.delivery.value}})
            return None
        if message.provider_id not in (None, told.provider_id):
            log.warning("the carrier has a message twice", extra={"fields": {"message": message.id}})
            return message
        if told.error_code == OPTED_OUT:
            send_results.note_opt_out(clinic, message)
        after = deliveries.told(message, told, clinic.server_now(), clinic.zone)
        if after == message:
            return message
        try:
            return clinic.communications.change(message, after)
        except Conflict:
            continue  # its sender or another callback was quicker: look again
    raise Conflict("This message is being changed by many at once. Try again.")


def _message(clinic: Clinic, told: Report) -> Communication | None:
    found = clinic.communications.find(told.message_id) if told.message_id else None
    return found or clinic.communications.by_provider_id(told.provider_id)
