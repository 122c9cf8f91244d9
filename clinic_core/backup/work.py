"""What is done with backups: create, verify, keep copies, prune. Each leaves nothing that looks good and is not.

A backup is a sealed archive and its signed manifest, written in this order; it counts once the signed record that it
was restored and compared lies beside them. Whatever kills a run, the next one clears away what is unfinished.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from pymongo.database import Database

from clinic_core import versions
from clinic_core.backup import anchors, catalogue, checking, dump, keys, moments, restore, sealed
from clinic_core.backup import manifest as manifests
from clinic_core.backup.catalogue import Entry
from clinic_core.backup.keys import Keys
from clinic_core.backup.manifest import Manifest, Verification
from clinic_core.backup.places import Places, places_of
from clinic_core.backup.scratch import Scratch, scratch
from clinic_core.clinic import Clinic
from clinic_core.domain.backups import REMEMBERED, BackupEvent, Step, kept, known, new_backup_id
from clinic_core.domain.ids import new_id
from clinic_core.errors import Damaged, NotFound
from clinic_core.gateways.objects import Objects
from clinic_core.settings import Settings
from clinic_core.store.mongo import Document, reaching

LOCKED_FOR: Final = timedelta(days=7)  # in a bucket with object lock
FORGOTTEN_AFTER: Final = timedelta(days=7)  # what is not good, once something newer is
PREFIX: Final = "clinic-"


def _nothing(_: str) -> None:
    """Nobody is told."""


def _nowhere(done: int, total: int) -> None:
    """Nobody looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What every step needs. `say` is told each stage before it begins, `progress` how many documents are done."""

    clinic: Clinic
    keys: Keys | None  # None on a machine that only restores
    places: Places
    trusted: str = ""  # the public signing key of a recovery kit, in place of this installation's own
    say: Callable[[str], None] = _nothing
    progress: Callable[[int, int], None] = _nowhere

    @property
    def public_key(self) -> str:
        """By which true manifests are known. Raises NotFound where nobody said."""
        return self.trusted or self.own_keys.public_signing_key

    @property
    def own_keys(self) -> Keys:
        """This installation's keys. Raises NotFound where it has none."""
        if self.keys is None:
            raise NotFound(
                "This machine has no backup key. Give the recovery kit with --identity, or make a key with: "
                "python -m clinic_core backup keys"
            )
        return self.keys

    def note(self, step: Step, backup_id: str, **more: object) -> None:
        """Write a line of history."""
        event = BackupEvent(id=new_id(), at=self.clinic.now(), step=step, backup_id=backup_id)
        self.clinic.backups.add(replace(event, **more))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new backup, and the private key that opens it besides the owner's: in memory only, until it is verified."""

    manifest: Manifest
    identity: str = field(repr=False)


@dataclass(slots=True)
class Stages:
    """How long each stage took, in milliseconds."""

    say: Callable[[str], None]
    milliseconds: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, told: str) -> Iterator[None]:
        """Time what is done within."""
        self.say(told)
        began = time.perf_counter()
        yield
        self.milliseconds[name] = round((time.perf_counter() - began) * 1000)


def workshop(
    clinic: Clinic,
    *,
    trusted: str = "",
    say: Callable[[str], None] = _nothing,
    progress: Callable[[int, int], None] = _nowhere,
) -> Workshop:
    """For the clinic's own settings; what needs keys raises NotFound where none were made."""
    try:
        own = keys.load(clinic.settings)
    except NotFound:
        own = None
    places = places_of(clinic.settings)
    return Workshop(clinic=clinic, keys=own, places=places, trusted=trusted, say=say, progress=progress)


def clear_up(shop: Workshop) -> None:
    """Remove what runs that were killed left. The caller holds the lock."""
    shop.say("Clearing up …")
    folder, bucket = shop.places.folder, shop.places.bucket
    folder.drop_drafts(PREFIX)
    for key in list(catalogue.unfinished(folder)):
        folder.delete(key)
    if bucket is not None:
        here = {each.id for each in catalogue.entries(folder, shop.public_key, deep=False)}
        for key in list(catalogue.unfinished(bucket)):
            if not any(f"{PREFIX}{backup_id}." in key for backup_id in here):  # else it is about to be completed
                bucket.delete(key)


def create(shop: Workshop) -> Made:
    """Write a backup into the folder: a moment of the whole database where the server can show one."""
    try:
        return _create(shop, dump.SNAPSHOT)
    except dump.NoSnapshot:
        return _create(shop, dump.PER_COLLECTION)


def verify(
    shop: Workshop, place: Objects, entry: Entry, identities: Sequence[str], *, step: Step = Step.VERIFIED
) -> Verification:
    """Decrypt, restore into a scratch database, compare, run `check` there; then write that it was verified.

    Raises Damaged when the backup is not what it says, after having written that into the history.
    """
    stages = Stages(shop.say)
    made = entry.manifest
    if made is None:
        shop.note(Step.FOUND_BROKEN, entry.id, note=entry.reason)
        raise Damaged(f"Backup {entry.id}: {entry.reason}")
    try:
        with scratch(shop.clinic, made.id) as target:
            fill(shop, place, made, identities, target=target, stages=stages)
            with stages.stage("check", "Checking the restored clinic …"):
                violations = checking.checked(shop.clinic, target.url, made.documents).violations
            shop.say("Dropping the scratch database …")
    except Damaged as error:
        shop.note(Step.FOUND_BROKEN, made.id, size=made.size, milliseconds=stages.milliseconds, note=str(error))
        raise Damaged(f"Backup {made.id}: {error}") from error
    return _recorded(shop, place, made, stages, violations=violations, step=step)


def fill(
    shop: Workshop,
    place: Objects,
    made: Manifest,
    identities: Sequence[str],
    *,
    target: Scratch,
    stages: Stages,
    replay: Callable[[Database[Document]], object] | None = None,
) -> None:
    """Restore a backup into an empty database and compare it with its manifest. Raises Damaged.

    `replay` then takes it to a moment, before there are indexes.
    """
    with stages.stage("restore", "Decrypting and restoring …"), place.open(manifests.archive_key(made.id)) as file:
        source = sealed.Hashed(file)
        with sealed.unsealed(source, identities) as plain:
            reader = restore.documents(
                plain, target.database, lambda done: shop.progress(done, max(done, made.documents))
            )
        found, namespaces = source.rest(), reader.namespaces
        if (found.size, found.sha256) != (made.size, made.sha256):
            raise Damaged("Its file is not the one that the manifest describes. Use another backup.")
    with stages.stage("compare", "Comparing with what was backed up …"):
        faults = restore.differences(made.collections, restore.tallies(target.database))
        if manifests.described(tuple(namespaces)) != made.indexes:
            faults.append("other index definitions")
    if replay is not None and not faults:
        with stages.stage("replay", "Replaying what changed since …"):
            replay(target.database)
            namespaces = restore.left(target.database, namespaces)
    with stages.stage("indexes", "Building indexes …"):
        restore.indexes(target.database, namespaces)
        faults += restore.index_differences(namespaces, target.database)
    if faults:
        raise Damaged(f"What was restored differs from what was backed up ({'; '.join(faults)}). Use another backup.")


def ship(shop: Workshop) -> int:
    """Copy good backups of the folder into the bucket, where there is one; how many files went."""
    bucket, folder, sent = shop.places.bucket, shop.places.folder, 0
    if bucket is None:
        return 0
    shop.say("Copying to the bucket …")
    there = {each.key: each.size for each in bucket.list(PREFIX)}
    for entry in catalogue.entries(folder, shop.public_key, deep=False):
        if not entry.is_good or entry.manifest is None:
            continue
        until = entry.manifest.created + LOCKED_FOR
        for key in (manifests.archive_key, manifests.manifest_key, manifests.verified_key):
            name = key(entry.id)
            if there.get(name) != folder.size(name):
                bucket.put(name, folder.path / name, keep_until=until if until > shop.clinic.now() else None)
                sent += 1
    return sent


def prune(shop: Workshop, place: Objects) -> list[str]:
    """Delete the backups that nobody needs any more; their ids. Never the newest good one.

    Only what is good counts. What was never verified goes a week after something good followed. What is broken stays
    for somebody to look at: it may be good by the key of an installation before this one.
    """
    shop.say(f"Pruning the {place.name} …")
    found = catalogue.entries(place, shop.public_key, deep=place is shop.places.folder)
    good = {each.id: each.manifest.created for each in found if each.is_good and each.manifest}
    if not good:
        return []
    stay = kept(good, shop.clinic.zone)
    newest = max(good.values())
    made = {each.id: each.manifest.created for each in found if each.manifest and not each.is_good}
    unproven = {name for name, at in made.items() if at < newest - FORGOTTEN_AFTER}
    gone = sorted((good.keys() - stay) | unproven)
    for backup_id in gone:
        catalogue.forget(place, backup_id)
        if place is shop.places.folder:
            shop.note(Step.PRUNED, backup_id)
    return gone


def check_all(shop: Workshop, place: Objects) -> list[str]:
    """Read every kept backup whole, and look at what the manifests say of each other and of the audit trail.

    What is wrong, in sentences; [] when nothing is.
    """
    shop.say(f"Reading every backup in the {place.name} …")
    found = catalogue.entries(place, shop.public_key)
    for each in found:
        _note_checked(shop, each)
    if place is shop.places.folder:
        for backup_id in _known(shop) - {each.id for each in found}:
            shop.note(Step.PRUNED, backup_id, note="not in the folder any more")
    broken = [f"Backup {each.id}: {each.reason}" for each in found if each.reason]
    return [*broken, *anchors.faults(shop.clinic, found)]


def _note_checked(shop: Workshop, entry: Entry) -> None:
    step = Step.FOUND_BROKEN if entry.reason else Step.CHECKED
    size, documents = (entry.manifest.size, entry.manifest.documents) if entry.manifest else (0, 0)
    shop.note(step, entry.id, size=size, documents=documents, note=entry.reason)


def _known(shop: Workshop) -> set[str]:
    """The backups of which the history says that they are there; after a restore that may be out of date."""
    return {each.id for each in known(shop.clinic.backups.since(shop.clinic.now() - REMEMBERED))}


def _create(shop: Workshop, mode: str) -> Made:
    clinic, folder = shop.clinic, shop.places.folder
    now, identity = clinic.now(), keys.one_time_identity()
    before = moments.position(clinic)
    backup_id = new_backup_id(now, secrets.token_hex(2))
    stages = Stages(shop.say)
    recipients = [shop.own_keys.recipient, keys.public_of(identity)]
    with (
        reaching(),
        stages.stage("write", "Writing the backup …"),
        folder.writing(manifests.archive_key(backup_id)) as out,
        dump.dumping(clinic.database, mode, shop.progress) as reading,
    ):
        seal = sealed.seal(reading.pieces(), out, recipients)
    made = replace(_manifest(shop, backup_id, now, reading, seal), journal=moments.noted(before, clinic.server_now()))
    shop.say("Signing the manifest …")
    folder.put_bytes(manifests.manifest_key(backup_id), manifests.signed(made, shop.own_keys))
    shop.note(
        Step.CREATED,
        backup_id,
        size=made.size,
        documents=made.documents,
        milliseconds=stages.milliseconds,
        note=made.mode,
    )
    return Made(manifest=made, identity=identity)


def _manifest(shop: Workshop, backup_id: str, now: datetime, reading: dump.Dump, seal: sealed.Seal) -> Manifest:
    before = next(
        (e.manifest for e in catalogue.entries(shop.places.folder, shop.public_key, deep=False) if e.manifest), None
    )
    moment = reading.operation_time
    return Manifest(
        id=backup_id,
        created_at=now.astimezone(UTC).isoformat(),
        database=reading.database,
        mode=reading.mode,
        zone=shop.clinic.zone.key,
        collections={name: tally.told() for name, tally in reading.tallies.items()},
        indexes=manifests.described(reading.namespaces),
        views=[each.name for each in reading.namespaces if each.kind],
        size=seal.size,
        sha256=seal.sha256,
        server_version=reading.server_version,
        version=versions.ours(),
        operation_time=[moment.time, moment.inc] if moment else None,
        previous={"id": before.id, "sha256": before.digest} if before else None,
        audit_head=reading.audit_head,
    )


def _recorded(
    shop: Workshop, place: Objects, made: Manifest, stages: Stages, *, violations: int, step: Step
) -> Verification:
    shop.say("Recording that it was verified …")
    record = Verification(
        backup_id=made.id,
        manifest_sha256=made.digest,
        verified_at=shop.clinic.now().astimezone(UTC).isoformat(),
        milliseconds=stages.milliseconds,
        violations=violations,
        version=versions.ours(),
    )
    if shop.keys is not None and shop.keys.public_signing_key == shop.public_key:  # else it is not ours to sign
        place.put_bytes(manifests.verified_key(made.id), manifests.signed(record, shop.keys))
        moments.proven(shop.clinic, made)
    note = f"{violations} faults in the data: run check" if violations else ""
    shop.note(step, made.id, size=made.size, documents=made.documents, milliseconds=stages.milliseconds, note=note)
    return record


def public_key_of(settings: Settings) -> str:
    """By which this installation's manifests are known. Raises NotFound when it has no keys yet."""
    return keys.load(settings).public_signing_key
