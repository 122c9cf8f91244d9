"""``bench backup``: makes a clinic of so many documents, backs it up, proves and restores it, and measures that."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any, Final

from clinic_core import progress
from clinic_core.backup import catalogue, keys, recovery, work
from clinic_core.backup.work import Workshop
from clinic_core.clinic import Clinic, open_clinic
from clinic_core.embedded import open_database
from clinic_core.errors import Unavailable
from clinic_core.settings import ROOT, Settings

_PRACTITIONERS: Final = 12
_A_YEAR: Final = 25_000  # documents per practitioner of the demo, a little fewer than there are


def run(settings: Settings, documents: int) -> dict[str, Any]:
    """Make the data when it is missing, measure, and give what is printed."""
    settings = replace(settings, backup_dir=settings.data_dir / "bench-backups")
    with open_database(settings) as url:
        enough = _count(settings, url) >= documents
    loaded_s = 0.0 if enough else _load(settings, documents)
    with open_database(settings) as url:
        clinic = open_clinic(replace(settings, database_url=url))
        try:
            return {**_measured(clinic, documents), "load_s": loaded_s, "cores": os.cpu_count()}
        finally:
            clinic.close()


def _measured(clinic: Clinic, wanted: int) -> dict[str, Any]:
    identity = keys.one_time_identity()
    with progress.bar("Documents", "documents") as move:
        shop = _shop(clinic, identity, move)
        began = time.perf_counter()
        made = work.create(shop)
        create_s = time.perf_counter() - began
        create_peak_mb = _peak_mb()
        entry = catalogue.entry(shop.places.folder, made.manifest.id, shop.public_key)
        began = time.perf_counter()
        verified = work.verify(shop, shop.places.folder, entry, [made.identity])
        verify_s = time.perf_counter() - began
        began = time.perf_counter()
        name = f"clinic_bench_{made.manifest.id.lower()}"
        restored = recovery.into_new_database(shop, shop.places.folder, entry, [identity], name=name)
        restore_s = time.perf_counter() - began
    return {
        "documents_wanted": wanted,
        "documents": made.manifest.documents,
        "raw_mb": round(sum(each["bytes"] for each in made.manifest.collections.values()) / 1e6, 1),
        "sealed_mb": round(made.manifest.size / 1e6, 1),
        "mode": made.manifest.mode,
        "create_s": round(create_s, 1),
        "verify_s": round(verify_s, 1),
        "verify_ms": verified.milliseconds,
        "restore_s": round(restore_s, 1),
        "restore_ms": restored.milliseconds,
        "violations": verified.violations,
        "rss_peak_create_mb": create_peak_mb,
        "rss_peak_mb": _peak_mb(),
    }


def _shop(clinic: Clinic, identity: str, move: progress.Progress) -> Workshop:
    """A workshop whose owner's key is at hand, with stages told on stderr."""
    settings = replace(clinic.settings, backup_recipient=keys.public_of(identity))
    keys.ensure(settings, print)
    told = replace(work.workshop(clinic, progress=move), keys=keys.load(settings))
    return replace(told, say=lambda text: print(text, file=sys.stderr, flush=True))


def _count(settings: Settings, url: str) -> int:
    clinic = open_clinic(replace(settings, database_url=url))
    try:
        names = clinic.database.list_collection_names()
        return sum(clinic.database[name].estimated_document_count() for name in names)
    finally:
        clinic.close()


def _load(settings: Settings, documents: int) -> float:
    """Load the demo in a process of its own, whose memory is not ours."""
    began = time.perf_counter()
    years = f"{documents / (_PRACTITIONERS * _A_YEAR):.3f}"
    command = [sys.executable, "-m", "clinic_core", "demo", "--years", years, "--practitioners", str(_PRACTITIONERS)]
    command += ["--data-dir", str(settings.data_dir.absolute())]
    done = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)  # noqa: S603 - our own program
    if done.returncode:
        raise Unavailable("The demo could not be loaded. Give an empty --data-dir.")
    return round(time.perf_counter() - began, 1)


def _peak_mb() -> float:
    """The most memory this process ever had; the kernel counts KiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
