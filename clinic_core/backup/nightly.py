"""What the sidecar does with backups, and what a person does at once: the steps in their order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from clinic_core.backup import catalogue, work
from clinic_core.backup.work import Workshop
from clinic_core.clinic import Clinic
from clinic_core.domain.alerts import Severity
from clinic_core.domain.backups import OVERDUE_AFTER, PROVEN
from clinic_core.errors import Damaged
from clinic_core.services import alerts

OVERDUE: str = "backup:overdue"
_LOOK_BACK = timedelta(days=3)


def night(shop: Workshop) -> Iterator[str]:
    """Create, verify, prune, copy; yields what was done after each step, where the run may be stopped."""
    with shop.places.alone():
        work.clear_up(shop)
        made = work.create(shop)
        entry = catalogue.entry(shop.places.folder, made.manifest.id, shop.public_key)
        record = work.verify(shop, shop.places.folder, entry, [made.identity])
        faults = f", {record.violations} faults in the data" if record.violations else ""
        yield f"{made.manifest.id}: {made.manifest.documents} documents, restored and compared{faults}"
        gone = work.prune(shop, shop.places.folder)
        yield f"{len(gone)} pruned"
        if shop.places.bucket is not None:
            yield f"{work.ship(shop)} files copied"
            work.prune(shop, shop.places.bucket)


def week(shop: Workshop) -> str:
    """Read every kept backup whole, everywhere. Raises Damaged naming the broken ones."""
    with shop.places.alone():
        found = [(place.name, bad) for place in shop.places.all for bad in work.check_all(shop, place)]
    if found:
        raise Damaged(" ".join(f"{bad.id} in the {name}: {bad.reason}" for name, bad in found))
    return "all are as they were written"


def watch(clinic: Clinic) -> str:
    """Raise an alert while the newest verified backup is older than a day and two hours."""
    now = clinic.now()
    steps = clinic.backups.since(now - _LOOK_BACK)
    if any(event.step in PROVEN and now - event.at < OVERDUE_AFTER for event in steps):
        alerts.clear(clinic, OVERDUE)
        return "in time"
    alerts.raise_alert(
        clinic,
        OVERDUE,
        severity=Severity.CRITICAL,
        summary=f"No backup was made and verified in the last {OVERDUE_AFTER.total_seconds() / 3600:.0f} hours.",
        advice="Run `python -m clinic_core backup create` on the clinic's machine; it says what hinders it.",
    )
    return "overdue"
