"""Backups and the change journal together: which backup a moment is restored from, and what is replayed onto it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from clinic_core.backup import catalogue, replay, shipping
from clinic_core.backup.catalogue import Entry
from clinic_core.backup.manifest import Manifest
from clinic_core.backup.places import BUCKET, FOLDER, JOURNAL, places_of
from clinic_core.backup.segments import Position
from clinic_core.clinic import Clinic
from clinic_core.errors import InvalidInput, NotFound
from clinic_core.gateways.objects import Objects

if TYPE_CHECKING:
    from clinic_core.backup.work import Workshop

_SLACK: Final = timedelta(seconds=1)  # our idea of the server's clock is a little off
KEPT: Final = timedelta(days=7)  # how far back every moment can be restored


def position(clinic: Clinic) -> Position | None:
    """Where the change journal is, to be asked before a backup begins; None where there is none."""
    state = clinic.changes.state()
    return None if state is None or state.broken else shipping.position_of(state)


def noted(before: Position | None, complete_at: datetime) -> dict[str, Any] | None:
    """What a manifest says of the journal: where it was before, and when everything in the backup had happened."""
    return {**asdict(before), "complete_at": (complete_at + _SLACK).isoformat()} if before else None


def base_of(made: Manifest | None) -> replay.Base | None:
    """The same as it is read; None where the backup serves for no other moment than its own."""
    if made is None or made.journal is None:
        return None
    told = dict(made.journal)
    complete_at = datetime.fromisoformat(told.pop("complete_at"))
    return replay.Base(position=Position(**told), complete_at=complete_at)


def proven(clinic: Clinic, made: Manifest) -> None:
    """Note that there is a good backup to go on from in its chain."""
    base = base_of(made)
    if base is not None:
        shipping.has_base(clinic, base.position.chain)


def moment_of(text: str) -> datetime:
    """A moment as it is typed, ISO 8601 with an offset. Raises InvalidInput."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (OverflowError, ValueError):  # out of the calendar, or no date
        pass
    raise InvalidInput(f"{text!r} is no moment. Write it with its offset, such as 2026-11-22T14:03:05+05:30.")


def chosen(place: Objects, public_key: str, moment: datetime, *, unproven: bool = False) -> Entry:
    """The newest good backup that ended before the moment. Raises NotFound."""
    found = catalogue.entries(place, public_key, deep=False)
    usable = [each for each in found if each.is_good] or [each for each in found if each.manifest and unproven]
    bases = {each.id: base for each in usable if (base := base_of(each.manifest))}
    before = [backup_id for backup_id, base in bases.items() if base.complete_at <= moment]
    if before:
        return catalogue.entry(place, max(before, key=lambda backup_id: bases[backup_id].complete_at), public_key)
    earliest = min((base.complete_at for base in bases.values()), default=None)
    raise NotFound(
        f"No good backup in the {place.name} ended before {moment.isoformat()}. "
        + (
            f"The earliest moment that can be restored is {earliest.isoformat()}."
            if earliest
            else "None of them can be taken to a moment: leave --to away."
        )
    )


def prune(shop: Workshop, place: Objects) -> int:
    """Delete the segments beside a place that none of its backups of the past week needs; how many."""
    now = shop.clinic.server_now()
    good = [each for each in catalogue.entries(place, shop.public_key, deep=False) if each.is_good]
    young = [each for each in good if each.manifest and each.manifest.created >= now - KEPT] or good[:1]
    needed = [base.position for each in young if (base := base_of(each.manifest))]
    return shipping.prune([beside(shop, place)], needed, before=now - KEPT)


def beside(shop: Workshop, place: Objects) -> Objects:
    """Where the segments are that belong to the backups of a place."""
    return places_of(shop.clinic.settings, JOURNAL).named(FOLDER if place is shop.places.folder else BUCKET)
