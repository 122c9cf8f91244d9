"""``backup``: make, prove, restore and prune backups."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinic_core.commands import clinic_for, settings_for
from clinic_core.errors import InvalidInput

if TYPE_CHECKING:
    from clinic_core.backup.catalogue import Entry
    from clinic_core.backup.keys import Identity
    from clinic_core.backup.recovery import Restored
    from clinic_core.backup.work import Workshop

NAME = "backup"
HELP = "make, prove, restore and prune encrypted backups"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the acts with their options."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    acts.add_parser("keys", help="make the keys on the first run and show the recovery kit once; then the public keys")
    create = acts.add_parser("create", help="make a backup, restore it into a scratch database and compare")
    create.add_argument("--no-verify", action="store_true", help="only make it; it counts once it was verified")
    listing = acts.add_parser("list", help="which backups there are, and whether each can be relied on")
    listing.add_argument("--json", action="store_true", help="print JSON")
    verify = acts.add_parser("verify", help="read backups whole; with --identity restore one and compare")
    verify.add_argument("--all", action="store_true", help="read every backup in every place")
    restore = acts.add_parser("restore", help="restore a backup into a new database, and compare")
    restore.add_argument("--into", default="", metavar="NAME", help="the new database (default: made of the backup's)")
    restore.add_argument("--to", default="", metavar="MOMENT", help="as it was then, such as 2026-11-22T14:03:05+05:30")
    restore.add_argument("--switch", action="store_true", help="make it the clinic's database when all is well")
    switch = acts.add_parser("switch", help="make another database the clinic's, or take that back")
    forget = acts.add_parser("forget", help="delete a database that is not the clinic's any more, for good")
    for act in (switch, forget):
        act.add_argument("name", metavar="NAME", help="the database")
    acts.add_parser("settle", help="after a restore by other tools: hold what may have been sent, sign everybody out")
    acts.add_parser("prune", help="keep 7 daily, 4 weekly and 12 monthly backups, and delete the others")
    acts.add_parser("export", help="write everything as JSON lines and CSV, sealed, for the clinic's own archive")
    drill = acts.add_parser("drill", help="measure a whole recovery, without touching the clinic")
    for act in (listing, verify, restore, drill):
        act.add_argument("--from", dest="place", choices=("folder", "bucket"), default="folder", help="where to look")
    for act in (verify, restore, drill):
        act.add_argument("backup", nargs="?", default="", metavar="ID", help="which one (default: the newest good one)")
    for act in (listing, verify, restore, drill):
        act.add_argument("--identity", type=Path, metavar="FILE", help="the recovery kit, or any age identity file")
    for act in (listing, verify, restore):
        act.add_argument("--trust", default="", metavar="KEY", help="public signing key (default: this installation's)")


def run(args: argparse.Namespace) -> int:
    """Do it; 1 when a backup was found broken."""
    status: int = globals()[f"_{args.act}"](args)
    return status


def _keys(args: argparse.Namespace) -> int:
    from clinic_core.backup import keys  # noqa: PLC0415 - --help stays quick

    settings = settings_for(args)
    made = keys.ensure(settings, _show)
    print(f"public key (BACKUP_RECIPIENT): {made.recipient}")
    print(f"public signing key:            {made.public_signing_key}")
    return 0


def _create(args: argparse.Namespace) -> int:
    from clinic_core.backup import catalogue, keys, nightly, work  # noqa: PLC0415

    keys.ensure(settings_for(args), _show)
    with _workshop(args) as shop, shop.places.alone():
        work.clear_up(shop)
        made = work.create(shop)
        print(f"{made.manifest.id}: {made.manifest.documents} documents, {made.manifest.size} bytes.")
        if not args.no_verify:
            entry = catalogue.entry(shop.places.folder, made.manifest.id, shop.public_key)
            record = work.verify(shop, shop.places.folder, entry, [made.identity])
            print(f"Restored and compared: all is equal.{_faults(record.violations)}")
            nightly.watch(shop.clinic)
        work.ship(shop)
    return 0


def _list(args: argparse.Namespace) -> int:
    from clinic_core.backup import catalogue, work  # noqa: PLC0415
    from clinic_core.backup.places import places_of  # noqa: PLC0415

    settings = settings_for(args)
    place = places_of(settings).named(args.place)
    found = catalogue.entries(place, _trusted(args, _identity(args)) or work.public_key_of(settings))
    if args.json:
        print(json.dumps([_told(each) for each in found], indent=2))
        return 0
    for each in found:
        made = each.manifest
        size = f"{made.documents:>9} documents {made.size / 1_000_000:>9.1f} MB  {made.mode}" if made else ""
        print(f"{each.id}  {each.state.value:<10} {size}  {each.reason}".rstrip())
    if not found:
        print(f"There is no backup in the {place.name}. Make one: python -m clinic_core backup create")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from clinic_core.backup import catalogue, recovery, work  # noqa: PLC0415

    identity = _identity(args)
    with _workshop(args, identity) as shop:
        if args.all or not (args.backup or identity):
            places = shop.places.all if args.all else [shop.places.named(args.place)]
            faults = [f"In the {place.name}: {fault}" for place in places for fault in work.check_all(shop, place)]
            for fault in faults:
                print(fault)
            _say("Not all is well." if faults else "All are as they were written.")
            return 1 if faults else 0
        place = shop.places.named(args.place)
        if identity is None:
            entry = catalogue.entry(place, args.backup, shop.public_key)
            print(f"{entry.id}: {entry.reason or 'as it was written; --identity proves that it can be restored.'}")
            return 1 if entry.reason else 0
        with shop.places.alone():
            entry = recovery.chosen(place, shop.public_key, args.backup, unproven=True)
            record = work.verify(shop, place, entry, identity.private)
        print(f"{entry.id}: restored and compared, all is equal.{_faults(record.violations)}")
    return 0


def _restore(args: argparse.Namespace) -> int:
    from clinic_core.backup import moments, recovery  # noqa: PLC0415

    identity = _identity(args)
    if identity is None:
        raise InvalidInput("Backups open only with the owner's key: give the recovery kit with --identity FILE.")
    with _workshop(args, identity, bulk_load=True) as shop:
        place = shop.places.named(args.place)
        to = moments.moment_of(args.to) if args.to else None
        entry = recovery.chosen(place, shop.public_key, args.backup, before=to, unproven=True)
        done = recovery.into_new_database(shop, place, entry, identity.private, name=args.into, to=to)
        _tell_restored(done)
        if args.switch:
            print(recovery.switch(shop.clinic, done.name))
        else:
            print(f"Nothing else was changed. To use it: python -m clinic_core backup switch {done.name}")
    return 0


def _switch(args: argparse.Namespace) -> int:
    from clinic_core.backup import recovery  # noqa: PLC0415

    with clinic_for(args, writes=False) as clinic:
        print(recovery.switch(clinic, args.name))
    return 0


def _forget(args: argparse.Namespace) -> int:
    from clinic_core.backup import recovery  # noqa: PLC0415

    with clinic_for(args, writes=False) as clinic:
        recovery.forget(clinic, args.name)
        print(f"{args.name} is gone.")
    return 0


def _settle(args: argparse.Namespace) -> int:
    from clinic_core.backup import recovery  # noqa: PLC0415

    with clinic_for(args) as clinic:
        done = recovery.settled(clinic)
        print(f"The clinic is as it was at {done.restored_to.isoformat()}. Everybody has to sign in again.")
        print(f"{done.held} messages that may have been sent since are on hold: look at the Messages screen.")
    return 0


def _prune(args: argparse.Namespace) -> int:
    from clinic_core.backup import work  # noqa: PLC0415

    with _workshop(args) as shop, shop.places.alone():
        work.clear_up(shop)
        for place in shop.places.all:
            gone = work.prune(shop, place)
            print(f"{place.name}: {', '.join(gone) if gone else 'nothing to delete'}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from clinic_core.backup import export  # noqa: PLC0415

    with _workshop(args) as shop, shop.places.alone():
        made = export.write(shop)
        print(f"{shop.places.folder.path / export.file_key(made.id)}: {sum(made.counts.values())} records, read back.")
    print("Unpack it with: age -d -i kit.txt FILE | tar xz")
    return 0


def _drill(args: argparse.Namespace) -> int:
    from clinic_core.backup import catalogue, recovery, work  # noqa: PLC0415

    identity = _identity(args)
    with _workshop(args, identity) as shop, shop.places.alone():
        place = shop.places.named(args.place)
        if identity is None:  # only a new backup opens without the owner's key
            work.clear_up(shop)
            made = work.create(shop)
            place, private = shop.places.folder, [made.identity]
            entry = catalogue.entry(place, made.manifest.id, shop.public_key)
        else:
            private = list(identity.private)
            entry = recovery.chosen(place, shop.public_key, args.backup, unproven=True)
        record = recovery.drill(shop, place, entry, private)
    for stage, milliseconds in record.milliseconds.items():
        print(f"{stage:<10} {milliseconds / 1000:>8.1f} s")
    print(f"{'in all':<10} {sum(record.milliseconds.values()) / 1000:>8.1f} s{_faults(record.violations)}")
    return 0


@contextmanager
def _workshop(
    args: argparse.Namespace, identity: Identity | None = None, *, bulk_load: bool = False
) -> Iterator[Workshop]:
    """For the clinic of the arguments; stages are told and documents counted on stderr.

    `bulk_load`: an embedded server that is started for it waits for no disk, which it does ten times as fast.
    """
    from clinic_core import progress  # noqa: PLC0415
    from clinic_core.backup import work  # noqa: PLC0415

    trusted = _trusted(args, identity)
    with clinic_for(args, writes=False, bulk_load=bulk_load) as clinic, progress.bar("Documents", "documents") as move:
        yield work.workshop(clinic, trusted=trusted, say=_say, progress=move)


def _trusted(args: argparse.Namespace, identity: Identity | None) -> str:
    """The public signing key that was given, or that is in the recovery kit; "" where this installation's counts."""
    return getattr(args, "trust", "") or (identity.public_signing_key if identity else "")


def _identity(args: argparse.Namespace) -> Identity | None:
    from clinic_core.backup import keys  # noqa: PLC0415

    return keys.read_identity(args.identity) if args.identity else None


def _tell_restored(done: Restored) -> None:
    print(f"{done.manifest.id} is in the new database {done.name}, compared and equal.{_faults(done.violations)}")
    print(f"It shows the clinic at {done.settled.restored_to.isoformat()}. What differs from the clinic as it is now:")
    for name, (then, now) in done.counts.items():
        print(f"  {name}: {then} then, {now} now")
    if not done.counts:
        print("  nothing: every collection has as many documents")
    if done.settled.held:
        print(f"{done.settled.held} messages that may have been sent since are on hold: look at the Messages screen.")


def _told(entry: Entry) -> dict[str, Any]:
    made, record = entry.manifest, entry.verification
    return {
        "id": entry.id,
        "state": entry.state.value,
        "good": entry.is_good,
        "reason": entry.reason,
        "created_at": made.created_at if made else None,
        "mode": made.mode if made else None,
        "documents": made.documents if made else None,
        "size": made.size if made else None,
        "verified_at": record.verified_at if record else None,
    }


def _faults(violations: int) -> str:
    return f" The data itself has {violations} faults: run check." if violations else ""


def _show(kit: str) -> None:
    """The recovery kit, on stdout; it must have got there before the key counts."""
    print(kit, flush=True)


def _say(text: str) -> None:
    """Progress goes to stderr: what is on stdout may be read by a program."""
    from clinic_core import progress  # noqa: PLC0415

    progress.say(text)
