"""A sidecar that works until it is killed: ``main(URL, LOG, SEED, EPOCH)``. Its clock runs twenty times as fast."""

from __future__ import annotations

import random
import time
from datetime import datetime
from pathlib import Path

from clinic_core.clinic import Clinic, open_clinic
from clinic_core.domain.jobs import LEASE, Job, every
from clinic_core.settings import Settings
from clinic_core.sidecar import Sidecar, quietly
from clinic_core.store.server_clock import ServerClock
from tests.faults.rig import Log

NAMES = [f"job {n}" for n in range(6)]
FASTER = 20  # a lease of half a minute runs out in a second and a half


def main(url: str, path: str, seed: str, epoch: str) -> None:
    """Take jobs; each says when it began and when it was done."""
    log, chance, began = Log(Path(path)), random.Random(int(seed)), datetime.fromisoformat(epoch)

    def work(name: str, clinic: Clinic) -> None:
        state = clinic.jobs.get(name)
        assert state is not None
        assert state.next_at is not None
        run = {"job": name, "due": state.next_at.isoformat(), "fence": state.fence, "sidecar": seed}
        log.write("began", **run)
        time.sleep(chance.uniform(0.1, 0.5))
        log.write("done", **run)

    opened = open_clinic(Settings(database_url=url))
    real = ServerClock(opened.database)
    clinic = open_clinic(Settings(database_url=url), server_now=lambda: began + (real() - began) * FASTER)
    table = [
        Job(name, every(seconds=20), lambda clinic, name=name: work(name, clinic), lane=f"lane {n % 3}")
        for n, name in enumerate(NAMES)
    ]
    sidecar = Sidecar(clinic, table)
    sidecar.start()
    while True:
        turn = time.monotonic()
        for do in (sidecar.dispatch, sidecar.renew, sidecar.beat):
            quietly(do)
        time.sleep(0.02)
        if time.monotonic() - turn > LEASE.total_seconds() / FASTER / 2:
            log.write("stalled", sidecar=seed)  # the machine is so busy that its leases may run out
