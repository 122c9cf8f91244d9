"""``bench backup``: makes a clinic of so many documents, backs it up, proves and restores it, and measures that."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from clinic_core import memory, progress
from clinic_core.backup import catalogue, keys, recovery, work
from clinic_core.backup.work import Made, Workshop
from clinic_core.clinic import Clinic, open_clinic
from clinic_core.embedded import open_database
from clinic_core.errors import Unavailable
from clinic_core.settings import ROOT, Settings

_PRACTITIONERS: Final = 12
_A_YEAR: Final = 15_500  # documents of one practitioner of the demo; there are a few more


def run(settings: Settings, documents: int) -> dict[str, Any]:
    """Make the data when it is missing, measure, and give what is printed."""
    settings = replace(settings, backup_dir=settings.data_dir / "bench-backups")
    with open_database(settings) as url:
        enough = _count(settings, url) >= documents
    loaded_s = 0.0 if enough else _load(settings, documents)
    with open_database(settings) as url:
        clinic = open_clinic(replace(settings, database_url=url))
        try:
            made, told = _made(clinic, documents)
        finally:
            clinic.close()
    with open_database(settings, bulk_load=True) as url:  # as the command does
        clinic = open_clinic(replace(settings, database_url=url))
        try:
            return {**told, **_restored(clinic, made), "load_s": loaded_s, "cores": os.cpu_count()}
        finally:
            clinic.close()


def _made(clinic: Clinic, wanted: int) -> tuple[Made, dict[str, Any]]:
    """Make and prove a backup."""
    with _shop(clinic) as shop:
        began = time.perf_counter()
        made = work.create(shop)
        create_s, create_peak_mb = time.perf_counter() - began, memory.peak_mb()
        entry = catalogue.entry(shop.places.folder, made.manifest.id, shop.public_key)
        began = time.perf_counter()
        verified = work.verify(shop, shop.places.folder, entry, [made.identity])
        verify_s = time.perf_counter() - began
    return made, {
        "documents_wanted": wanted,
        "documents": made.manifest.documents,
        "raw_mb": round(sum(each["bytes"] for each in made.manifest.collections.values()) / 1e6, 1),
        "sealed_mb": round(made.manifest.size / 1e6, 1),
        "mode": made.manifest.mode,
        "create_s": round(create_s, 1),
        "create_and_verify_s": round(create_s + verify_s, 1),
        "verify_ms": verified.milliseconds,
        "violations": verified.violations,
        "rss_peak_create_mb": create_peak_mb,
    }


def _restored(clinic: Clinic, made: Made) -> dict[str, Any]:
    """Restore it into a new database beside the clinic's."""
    with _shop(clinic) as shop:
        entry = catalogue.entry(shop.places.folder, made.manifest.id, shop.public_key)
        began = time.perf_counter()
        done = recovery.into_new_database(shop, shop.places.folder, entry, [made.identity])
    return {
        "restore_s": round(time.perf_counter() - began, 1),
        "restore_ms": done.milliseconds,
        "rss_peak_mb": memory.peak_mb(),
        "rss_peak_check_mb": done.check_peak_mb,
    }


@contextmanager
def _shop(clinic: Clinic) -> Iterator[Workshop]:
    """A workshop that tells its stages on stderr."""
    keys.ensure(clinic.settings, lambda kit: print(kit, file=sys.stderr))
    with progress.bar("Documents", "documents") as move:
        yield work.workshop(clinic, say=progress.say, progress=move)


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
