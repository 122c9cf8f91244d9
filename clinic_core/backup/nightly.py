"""What the sidecar does with backups, and what a person does at once: the steps in their order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

from clinic_core.backup import catalogue, export, keys, moments, work
from clinic_core.backup.work import Workshop
from clinic_core.clinic import Clinic
from clinic_core.domain.alerts import Severity
from clinic_core.domain.backups import OVERDUE_AFTER, PROVEN, REMEMBERED, made_at
from clinic_core.errors import Conflict, Damaged, NotFound
from clinic_core.services import alerts

OVERDUE: str = "backup:overdue"
NOT_SET_UP: str = "not set up: run python -m clinic_core backup keys"
_LOOK_BACK = timedelta(days=30)
_PAUSE_SECONDS = 1.0
WAITING: str = "waits until another run at the backups has ended"


def is_set_up(clinic: Clinic) -> bool:
    """Whether there is a key. Where there were backups before, one that is missing is a fault and counts as set up."""
    try:
        keys.load(clinic.settings)
    except NotFound:
        return bool(clinic.backups.since(clinic.now() - REMEMBERED))
    return True


def night(shop: Workshop) -> Iterator[str]:
    """Create, verify, prune, copy; yields what was done so far after each step, where the run may be stopped."""
    with ExitStack() as turn:
        yield from _in_turn(shop, turn)
        work.clear_up(shop)
        made = work.create(shop)
        entry = catalogue.entry(shop.places.folder, made.manifest.id, shop.public_key)
        record = work.verify(shop, shop.places.folder, entry, [made.identity])
        done = f"{made.manifest.documents} documents, restored and compared"
        done += f", {record.violations} faults in the data" if record.violations else ""
        watch(shop.clinic)
        yield done
        gone = work.prune(shop, shop.places.folder)
        moments.prune(shop, shop.places.folder)
        done += f"; {len(gone)} pruned" if gone else ""
        yield done
        if shop.places.bucket is not None:
            done += f"; {work.ship(shop)} files copied"
            work.prune(shop, shop.places.bucket)
            moments.prune(shop, shop.places.bucket)
            yield done


def week(shop: Workshop) -> Iterator[str]:
    """Read every kept backup whole, everywhere. Raises Damaged naming the broken ones."""
    with ExitStack() as turn:
        yield from _in_turn(shop, turn)
        found = [f"In the {place.name}: {fault}" for place in shop.places.all for fault in work.check_all(shop, place)]
    if found:
        raise Damaged(" ".join(found))
    yield "all are as they were written"


def month(shop: Workshop) -> Iterator[str]:
    """Write everything as JSON lines and CSV."""
    with ExitStack() as turn:
        yield from _in_turn(shop, turn)
        yield f"{sum(export.write(shop).counts.values())} records"


def watch(clinic: Clinic) -> str:
    """Raise an alert while the newest verified backup is older than a day and two hours, or none is set up."""
    if not is_set_up(clinic):
        alerts.raise_alert(
            clinic,
            OVERDUE,
            severity=Severity.WARNING,
            summary="Backups are not set up.",
            advice="Run `python -m clinic_core backup keys` on the clinic's machine, and keep the recovery kit that it "
            "shows in a safe. The first backup is then made at once, and one every night.",
        )
        return NOT_SET_UP
    now = clinic.now()
    steps = clinic.backups.since(now - _LOOK_BACK)
    proven = [made_at(event.backup_id) or event.at for event in steps if event.step in PROVEN]
    if proven and now - max(proven) < OVERDUE_AFTER:
        alerts.clear(clinic, OVERDUE)
        return "in time"
    hours = OVERDUE_AFTER.total_seconds() / 3600
    alerts.raise_alert(
        clinic,
        OVERDUE,
        severity=Severity.CRITICAL if steps else Severity.WARNING,  # there were some, or there never was one
        summary=f"No backup was made and verified in the last {hours:.0f} hours.",
        advice="Run `python -m clinic_core backup create` on the clinic's machine; it says what hinders it.",
    )
    return "overdue"


def _in_turn(shop: Workshop, turn: ExitStack) -> Iterator[str]:
    """Enter once nobody else is at the backups, such as a person by hand; it may be stopped while it waits."""
    while True:
        try:
            turn.enter_context(shop.places.alone())
            return
        except Conflict:
            yield WAITING
        time.sleep(_PAUSE_SECONDS)
