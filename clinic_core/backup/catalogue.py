"""What backups lie in a place, and whether each can be relied on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from clinic_core.backup import manifest as manifests
from clinic_core.backup import sealed
from clinic_core.backup.manifest import Manifest, Verification
from clinic_core.domain.backups import State
from clinic_core.errors import Damaged, NotFound
from clinic_core.gateways.objects import Objects

_MANIFEST: Final = re.compile(r"clinic-([0-9a-zA-Z]+)\.manifest\.json")
_ANY: Final = re.compile(r"clinic-([0-9a-zA-Z]+)\.(age|manifest\.json|verified\.json)")
_CUT: Final = (
    "Its file is not as it was written ({what}). Use another backup, or a copy of this one from another place."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A backup in a place. `manifest` is None where it cannot be believed; `reason` says why it is broken."""

    id: str
    state: State
    manifest: Manifest | None = None
    verification: Verification | None = None
    reason: str = ""

    @property
    def is_good(self) -> bool:
        """Signed, whole, and restored once."""
        return self.state is State.VERIFIED


def entries(place: Objects, public_signing_key: str, *, deep: bool = True) -> list[Entry]:
    """Every backup with a manifest, the newest first. `deep` reads each file whole and compares its SHA-256."""
    found = (_MANIFEST.fullmatch(each.key) for each in place.list("clinic-"))
    return sorted(
        (entry(place, each[1], public_signing_key, deep=deep) for each in found if each),
        key=lambda each: each.id,
        reverse=True,
    )


def entry(place: Objects, backup_id: str, public_signing_key: str, *, deep: bool = True) -> Entry:
    """One backup. Raises NotFound where there is no manifest of it."""
    with place.open(manifests.manifest_key(backup_id)) as stream:
        file = stream.read()
    try:
        made = manifests.manifest(file, public_signing_key)
        if made.id != backup_id:
            raise Damaged("Its manifest belongs to another backup. Use another backup.")
        _require_whole(place, made, deep=deep)
    except Damaged as error:
        return Entry(id=backup_id, state=State.BROKEN, reason=str(error))
    known = Entry(id=backup_id, state=State.UNVERIFIED, manifest=made)
    return _with_verification(place, known, public_signing_key)


def unfinished(place: Objects) -> Iterator[str]:
    """The files of backups without a manifest: of a run that was killed, or of a deletion that was."""
    names = [each.key for each in place.list("clinic-")]
    whole = {found[1] for name in names if (found := _MANIFEST.fullmatch(name))}
    for name in names:
        found = _ANY.fullmatch(name)
        if found and found[1] not in whole:
            yield name


def forget(place: Objects, backup_id: str) -> None:
    """Delete a backup; the manifest first, so that nothing half-deleted looks like one."""
    for key in (manifests.manifest_key(backup_id), manifests.verified_key(backup_id), manifests.archive_key(backup_id)):
        place.delete(key)


def _require_whole(place: Objects, made: Manifest, *, deep: bool) -> None:
    key = manifests.archive_key(made.id)
    size = place.size(key)
    if size != made.size:
        raise Damaged(_CUT.format(what="it is missing" if size is None else "another size"))
    if deep:
        with place.open(key) as stream:
            if sealed.seal_of(stream).sha256 != made.sha256:
                raise Damaged(_CUT.format(what="other contents"))


def _with_verification(place: Objects, known: Entry, public_signing_key: str) -> Entry:
    try:
        with place.open(manifests.verified_key(known.id)) as stream:
            record = manifests.verification(stream.read(), public_signing_key)
    except NotFound:
        return known
    except Damaged:
        return replace(known, reason="The record that it was verified is damaged. Run: backup verify with --identity.")
    if known.manifest is None or record.manifest_sha256 != known.manifest.digest:
        return replace(known, reason="The record that it was verified belongs to another backup. Verify it again.")
    return replace(known, state=State.VERIFIED, verification=record)
