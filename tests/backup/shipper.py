"""A sidecar that ships the change journal until it is killed: `main` of a `Crew`."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from clinic_core.backup import keys, shipping
from clinic_core.clinic import open_clinic
from clinic_core.errors import ClinicError
from clinic_core.gateways.objects import Folder
from clinic_core.settings import Settings
from tests.faults.rig import Log


def main(url: str, log: str, _seed: str, data: str, place: str) -> None:
    """Ship without a pause; the log has a line for each run that shipped something."""
    shipping.QUIET_FOR = timedelta(0)
    shipping.LONGEST = timedelta(seconds=1)
    settings = Settings(database_url=url, data_dir=Path(data))
    clinic, signing = open_clinic(settings), keys.load(settings)
    lines = Log(Path(log))
    while True:
        try:
            done = shipping.ship(clinic, [Folder(Path(place))], signing)
            lines.write("shipped", segments=done.segments, gap=done.gap is not None)
        except ClinicError:
            time.sleep(0.1)
        time.sleep(0.1)
