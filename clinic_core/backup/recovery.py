"""Getting the clinic back: into a new database first, compared, and only then in the place of the old one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from pymongo.database import Database
from pymongo.errors import ConnectionFailure

from clinic_core.backup import catalogue, checking, moments, replay, restore, work
from clinic_core.backup.catalogue import Entry
from clinic_core.backup.manifest import Manifest, Verification
from clinic_core.backup.scratch import Scratch, at_database, is_embedded, opened
from clinic_core.backup.settle import hold, settle
from clinic_core.backup.work import Stages, Workshop
from clinic_core.clinic import Clinic
from clinic_core.domain.backups import Step
from clinic_core.domain.changes import Restored as Settled
from clinic_core.errors import AlreadyExists, Conflict, Damaged, InvalidInput, NotFound, Unavailable
from clinic_core.folder import UP, DataFolder
from clinic_core.gateways.objects import Objects
from clinic_core.store.mongo import Document, database_of, reaching

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")
_SERVERS_OWN: Final = frozenset({"admin", "config", "local"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A database that was restored and compared. `counts` are its own and those of the clinic now."""

    name: str
    manifest: Manifest
    settled: Settled
    counts: dict[str, tuple[int, int]]
    violations: int
    check_peak_mb: float  # the most memory of `check` in a process of its own, 0 where it had none
    milliseconds: dict[str, int]


def chosen(
    place: Objects, public_key: str, backup_id: str = "", *, before: datetime | None = None, unproven: bool = False
) -> Entry:
    """The backup of that id, or the newest good one, or the newest that can be taken to a moment it ended `before`.

    Raises NotFound or Damaged.

    `unproven` takes the newest whole one where none was verified: its owner's key proves it while it is restored.
    """
    if backup_id:
        entry = catalogue.entry(place, backup_id, public_key)
    elif before:
        entry = moments.chosen(place, public_key, before, unproven=unproven)
    else:
        entry = _newest(place, public_key, unproven=unproven)
    if entry.manifest is None:
        raise Damaged(f"Backup {entry.id}: {entry.reason}")
    return entry


def into_new_database(
    shop: Workshop,
    place: Objects,
    entry: Entry,
    identities: Sequence[str],
    *,
    name: str = "",
    to: datetime | None = None,
) -> Restored:
    """Restore a backup into a database that is not there yet, compare it, take it to a moment and check it.

    What fails is dropped again. Raises AlreadyExists, Conflict, Damaged, InvalidInput, NotFound or Unavailable.
    """
    made = entry.manifest
    if made is None:
        raise Damaged(f"Backup {entry.id}: {entry.reason}")
    name = name or f"clinic_restored_{made.id.lower()}"
    if not _NAME.fullmatch(name) or name in _SERVERS_OWN:
        raise InvalidInput(f"{name!r} is no name for a database: use letters, digits, _ and -.")
    _require_closed(shop.clinic)
    forward = _replaying(shop, place, made, identities, to)
    stages = Stages(shop.say)
    with reaching(), opened(at_database(shop.clinic.settings.database_url, name)) as target:
        with restore.permitted(target.database):
            if target.database.list_collection_names():
                raise AlreadyExists(f"There is a database {name} already. Choose another name with --into.")
        with _whole(shop, target):
            work.fill(shop, place, made, identities, target=target, stages=stages, replay=forward)
            settled = settle(target.database, to=to or made.created, now=shop.clinic.server_now())
            restore.finish(target.database)
            then = _counted(target.database)
        with stages.stage("check", "Checking the restored clinic …"):
            checked = checking.checked(shop.clinic, target.url, made.documents)
    return Restored(
        name=name,
        manifest=made,
        settled=settled,
        counts=differences(then, _counted(shop.clinic.database)),
        violations=checked.violations,
        check_peak_mb=checked.peak_mb,
        milliseconds=stages.milliseconds,
    )


def differences(then: Mapping[str, int], now: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Documents per collection then and now, where the two differ."""
    both = {name: (then.get(name, 0), now.get(name, 0)) for name in sorted({*then, *now})}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def switch(clinic: Clinic, name: str) -> str:
    """Make another database the clinic's, in one step that can be taken back; what to do next, in words.

    On the embedded server a file in the data folder names it. Elsewhere DATABASE_URL does, which is not ours to write.
    Messages that came due while another database was the clinic's are put on hold in it. Raises Conflict or NotFound.
    """
    _require_closed(clinic)
    with reaching():
        _require_clinic(clinic, name)
        if name != clinic.database.name:
            hold(database_of(clinic.client, name), now=clinic.server_now())
    if is_embedded(clinic):
        folder = DataFolder(clinic.settings.data_dir)
        before = folder.database_name
        folder.name_database(name)
        return (
            f"From the next start on the clinic is in {name}.\n"
            f"To go back: python -m clinic_core backup switch {before}\n"
            f"To delete the old database in some weeks: python -m clinic_core backup forget {before}"
        )
    return (
        f"Set DATABASE_URL={_shown(at_database(clinic.settings.database_url, name))} and restart the app and the "
        f"sidecar.\nTo go back: python -m clinic_core backup switch {clinic.database.name}"
    )


def forget(clinic: Clinic, name: str) -> None:
    """Delete a database of the embedded server that is not the clinic's any more. There is no way back.

    On any other server there may be databases that are not ours. Raises Conflict, InvalidInput or NotFound.
    """
    _require_closed(clinic)
    if not is_embedded(clinic):
        raise InvalidInput(
            f"On a MongoDB server do it there, in mongosh: db.getSiblingDB('{name}').dropDatabase()",
        )
    if name == clinic.database.name:
        raise Conflict(f"{name} is the clinic's own database. Name one that it was in before, or a restored one.")
    with reaching():
        if name in _SERVERS_OWN or name not in clinic.client.list_database_names():
            raise NotFound(f"There is no database {name}.")
        clinic.client.drop_database(name)


def settled(clinic: Clinic) -> Settled:
    """Do what our own restore does last, in the clinic's database: other tools put a backup there. Raises Conflict.

    Its moment is that of the last line of the audit trail.
    """
    _require_closed(clinic)
    now = clinic.server_now()
    with reaching():
        last = clinic.database["audit_events"].find_one({}, {"at": 1}, sort=[("at", -1)])
        return settle(clinic.database, to=last["at"] if last else now, now=now)


def drill(shop: Workshop, place: Objects, entry: Entry, identities: Sequence[str]) -> Verification:
    """The whole recovery, measured: read, decrypt, restore, compare, index, check. It counts as a verification."""
    return work.verify(shop, place, entry, identities, step=Step.DRILLED)


def _newest(place: Objects, public_key: str, *, unproven: bool) -> Entry:
    """The newest good one. Only those are read whole that are looked at: all of a bucket would take hours."""
    found = catalogue.entries(place, public_key, deep=False)
    broken = {each.id: each.reason for each in found if each.reason}
    usable = [each for each in found if each.is_good]
    usable += [each for each in found if each.manifest and not each.is_good and unproven]
    for each in usable:
        entry = catalogue.entry(place, each.id, public_key)
        if entry.manifest:
            return entry
        broken[each.id] = entry.reason
    reasons = " ".join(f"{backup_id}: {reason}" for backup_id, reason in broken.items())
    raise NotFound(f"There is no good backup in the {place.name}. {reasons or 'Look in another place.'}")


@contextmanager
def _whole(shop: Workshop, target: Scratch) -> Iterator[None]:
    """Drop the database when what is done within fails. Where that fails too, nobody can switch to it."""
    name = target.database.name
    try:
        yield
    except ConnectionFailure as error:
        raise Unavailable(
            f"The database ended while the backup was restored. Look whether it runs; then restore anew, with another "
            f"name after --into. What there is in {name} is not whole, and nothing uses it."
        ) from error
    except BaseException:
        shop.say("Dropping what was restored so far …")
        target.database.client.drop_database(name)
        raise


def _require_clinic(clinic: Clinic, name: str) -> None:
    """Raises NotFound unless a whole clinic is in the database."""
    there = clinic.client[name]
    if restore.is_unfinished(there):
        raise NotFound(f"The restore into {name} did not end: it is not whole. Restore anew, with another name.")
    if not any(there[each].find_one({}, {"_id": 1}) for each in ("organization", "users")):
        raise NotFound(f"There is no database {name} with a clinic in it. `backup restore` said the name it made.")


def _require_closed(clinic: Clinic) -> None:
    """Raises Conflict while `up` runs on the embedded database.

    It builds indexes for many minutes then, in which nobody gets an answer; and what still runs after a switch would
    send messages that the other database sends too.
    """
    running = DataFolder(clinic.settings.data_dir).running()
    if is_embedded(clinic) and running is not None and running.kind == UP:
        raise Conflict(
            "The clinic runs on this database. Stop it first (Ctrl-C where `up` runs), then say this again. "
            "To try a backup while it runs: backup drill."
        )


def _replaying(
    shop: Workshop, place: Objects, made: Manifest, identities: Sequence[str], moment: datetime | None
) -> Callable[[Database[Document]], object] | None:
    """What takes the restored backup to the moment, and keeps later opt-outs in any case.

    Raises NotFound before anything is done where nothing can take it there.
    """
    base = moments.base_of(made)
    if base is None:
        if moment is None:
            return None
        raise NotFound(f"Backup {made.id} can only be restored as it is: leave --to away, or choose another one.")
    shelf = replay.Shelf([moments.beside(shop, place)], shop.public_key, identities)
    if moment is None:
        return lambda database: replay.keep_opt_outs(database, shelf, base)
    replay.names_until(shelf, base, moment)
    return lambda database: replay.to_moment(database, shelf, base, moment)


def _counted(database: Database[Document]) -> dict[str, int]:
    names = [each["name"] for each in database.list_collections() if each.get("type") != "view"]
    return {name: database[name].estimated_document_count() for name in names}


def _shown(url: str) -> str:
    """The address without its password."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:PASSWORD@{host}"))
