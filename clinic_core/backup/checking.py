"""Runs `check` on a restored database, in a process of its own where there is much to check.

What `check` remembers grows with the clinic, and Python gives little of it back: the sidecar would keep it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Final

from clinic_core.clinic import Clinic, open_clinic
from clinic_core.errors import Unavailable
from clinic_core.settings import ROOT

FEW: Final = 50_000  # documents that are not worth a process: a second, and the libraries once more


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How many faults the data has, and the most memory of the process where it was one of its own."""

    violations: int
    peak_mb: float = 0.0


def checked(clinic: Clinic, url: str, documents: int) -> Checked:
    """Run `check` in the database that `url` names. Raises Unavailable."""
    if documents <= FEW:
        return Checked(violations=_here(clinic, url))
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "clinic_core", "check", "--json"],
        cwd=ROOT,
        env={**_without_database(), "DATABASE_URL": url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in {0, 1}:  # 1: it found some
        said = done.stderr.strip().splitlines()
        raise Unavailable(f"The restored clinic could not be checked: {said[-1] if said else 'no reason was given'}")
    told = json.loads(done.stdout)
    return Checked(violations=len(told["violations"]), peak_mb=told["rss_peak_mb"])


def _here(clinic: Clinic, url: str) -> int:
    from clinic_core.services import check  # noqa: PLC0415 - 60 MB that a large clinic's backup does not pay

    restored = open_clinic(replace(clinic.settings, database_url=url), now=clinic.now)
    try:
        return len(check.run(restored))
    finally:
        restored.close()


def _without_database() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "DATABASE_URL_FILE"}}
