"""Writes the ledger of invoices that were issued by a release which had none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain.access import SYSTEM
from clinic_core.domain.imports import BulkLoad
from clinic_core.services import facts, past

_RUN_ID: Final = "journal"
_AT_ONCE: Final = 200  # invoices


def run(clinic: Clinic, progress: Callable[[int, int], object] = lambda done, total: None) -> int:
    """Post what earlier releases left, once for a database, and return how many invoices that were.

    People may work meanwhile. Invoices that cannot have come about stay as they are: `check` names them.
    """
    before = clinic.imports.load(_RUN_ID)
    if before is not None and before.finished:
        return 0
    load = clinic.imports.begin(BulkLoad(id=_RUN_ID, years=0, seed=0, as_of=clinic.now()))
    left = clinic.invoices.before_the_journal()
    for first in range(0, len(left), _AT_ONCE):
        past.post(clinic, clinic.invoices.many(left[first : first + _AT_ONCE]))
        progress(min(first + _AT_ONCE, len(left)), len(left))
    if left:
        facts.rebuild(clinic)
        clinic.audit.record(SYSTEM, "data.import", load.id, kind="journal", invoices=str(len(left)))
    clinic.imports.finish(load)
    return len(left)
