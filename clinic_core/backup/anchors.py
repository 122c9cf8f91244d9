"""What signed manifests prove beyond their own backup: that none was replaced, and that the audit trail has its past.

Whoever took over the machine can sign too, but not make earlier copies elsewhere agree: a manifest names the one
before it, and the last line of the audit trail at its moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from clinic_core.backup.catalogue import Entry
from clinic_core.backup.manifest import Manifest
from clinic_core.clinic import Clinic
from clinic_core.store.mongo import Document, reaching

_AUDIT: Final = "audit_events"
_ADVICE: Final = (
    "Somebody may have tampered with it: compare with the copies in another place, and tell who is in charge."
)


def faults(clinic: Clinic, found: Iterable[Entry]) -> list[str]:
    """What contradicts the manifests of a place, in sentences; [] when nothing."""
    made = {each.manifest.id: each.manifest for each in found if each.manifest}
    return [*_replaced(made), *_changed_trail(clinic, made.values())]


def _replaced(made: dict[str, Manifest]) -> Iterator[str]:
    for each in made.values():
        before = made.get(each.previous["id"]) if each.previous else None
        if before is not None and each.previous and before.digest != each.previous["sha256"]:
            yield f"Backup {before.id} is not the one that {each.id} followed. {_ADVICE}"


def _changed_trail(clinic: Clinic, made: Iterable[Manifest]) -> Iterator[str]:
    """A restored database has not what was written after its moment; backups of that time prove nothing about it."""
    restored = clinic.changes.last_restored()
    for each in made:
        forgotten = restored is not None and restored.took(each.created)
        if each.audit_head and not forgotten and _line(clinic, each.audit_head["id"]) != each.audit_head["sha256"]:
            yield f"The audit trail is not what it was at backup {each.id}. {_ADVICE}"


def _line(clinic: Clinic, line_id: str) -> str:
    """The SHA-256 of a line of the trail as it is stored; "" when it is not there."""
    options: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
    wanted: Document = {"_id": line_id}
    with reaching():
        found: Any = clinic.database.with_options(codec_options=options)[_AUDIT].find_one(wanted)
    return hashlib.sha256(found.raw).hexdigest() if found else ""
