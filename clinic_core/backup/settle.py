"""What must not happen again in a database that came out of a backup.

It does not know what happened after its moment: messages that went out would go out once more, and who was signed out
would be signed in.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pymongo.database import Database

from clinic_core.domain.changes import Gap, Restored
from clinic_core.domain.messages import Channel, MessageStatus, Reason
from clinic_core.store.changes import Changes
from clinic_core.store.mongo import Document

_RESTORED: Final = "an earlier backup was restored"
_HELD: Final[Document] = {
    "status": MessageStatus.ON_HOLD.value,
    "open": MessageStatus.ON_HOLD.value,
    "reason": Reason.RESTORED.value,
}


def settle(database: Database[Document], *, to: datetime, now: datetime) -> Restored:
    """Put on hold what may have been sent since, sign everybody out, and mark the database as restored.

    A text that was being handed over is left: its carrier is asked whether it has it. Nobody can ask that of e-mail.
    """
    changes = Changes(database)
    last = changes.last_restored()  # what was backed up may have been a restored one itself
    before = (*last.before, Gap(since=last.restored_to, until=last.restored_at, reason=_RESTORED)) if last else ()
    restored = Restored(restored_at=now, restored_to=to, held=hold(database, now=now), before=before)
    changes.restored(restored)
    return restored


def hold(database: Database[Document], *, now: datetime) -> int:
    """Put on hold what another database of this clinic may have sent, and sign everybody out; how many messages."""
    messages = database["communications"]
    change = {"$set": _HELD, "$unset": {"send_after": "", "retry_at": ""}, "$inc": {"version": 1}}
    held = 0
    for maybe_sent in (
        {"status": MessageStatus.PREPARATION.value, "due_at": {"$lte": now}},
        {"status": MessageStatus.IN_PROGRESS.value, "channel": Channel.EMAIL.value},
    ):
        held += messages.update_many(maybe_sent, change).modified_count
    database["sessions"].delete_many({})
    return held
