"""Where messages go that nobody may get: a line in the log, without number and text."""

from __future__ import annotations

import logging
from datetime import datetime

from clinic_core.domain.carriers import Outgoing, Taken
from clinic_core.domain.messages import Delivery

log = logging.getLogger("clinic_core.messages")


class ConsoleCarrier:
    """For development, and for copies of real data."""

    sender = ""

    def send(self, message: Outgoing) -> Taken:
        """Say that it would have gone."""
        fields = {"kind": message.kind.value, "channel": message.channel.value, "reference": message.reference}
        log.info("message not sent but shown here", extra={"fields": fields})
        return Taken(provider_id=f"console:{message.id}", delivery=Delivery.SENT)

    def find(self, message: Outgoing, *, since: datetime) -> Taken | None:
        """As it was sent nowhere, it may be shown again."""
        return None
