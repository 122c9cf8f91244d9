"""A sidecar that folds facts until it is killed: ``python -m tests.faults.sidecar URL LOG SEED CLOCK``."""

from __future__ import annotations

import sys
import time

from clinic_core.clinic import open_clinic
from clinic_core.errors import ClinicError
from clinic_core.services import facts
from clinic_core.settings import Settings
from tests.faults.till import ticking


def main(url: str, _log: str, _seed: str, ticks: str) -> None:
    """Work until killed; a database that is away is waited for."""
    clinic = open_clinic(Settings(database_url=url), now=ticking(ticks))
    while True:
        try:
            facts.fold(clinic)
        except ClinicError:
            time.sleep(0.2)
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
