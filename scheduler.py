"""The sidecar: takes jobs that are due, again and again, beside the app. The jobs are in `clinic_core/jobs.py`.

`schedule` only ticks; what is due, and whose it is, stands in the database. SIGTERM finishes the jobs at hand.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Final

import schedule

from clinic_core import logs
from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.domain.jobs import HEARTBEAT_SECONDS, RENEW_SECONDS
from clinic_core.errors import ClinicError, SettingsError, Unavailable
from clinic_core.jobs import JOBS
from clinic_core.settings import Settings
from clinic_core.sidecar import Sidecar, quietly

STUCK: Final = 1
REFUSED: Final = 2
LOOK_SECONDS: Final = 1
NAP_SECONDS: Final = 0.2
DATABASE_PATIENCE_SECONDS: Final = 60

log = logging.getLogger("scheduler")


def ticks_of(sidecar: Sidecar) -> schedule.Scheduler:
    """What the main thread does, and how often."""
    ticks = schedule.Scheduler()
    ticks.every(HEARTBEAT_SECONDS).seconds.do(quietly, sidecar.beat)
    ticks.every(RENEW_SECONDS).seconds.do(quietly, sidecar.renew)
    ticks.every(LOOK_SECONDS).seconds.do(quietly, sidecar.dispatch)
    return ticks


def run_until(stopping: threading.Event, sidecar: Sidecar) -> bool:
    """Tick until `stopping` is set, then finish what is at hand; False when a run is stuck and the process must end."""
    sidecar.start()
    ticks = ticks_of(sidecar)
    ticks.run_all()
    while not (stopping.wait(NAP_SECONDS) or sidecar.is_stuck):
        ticks.run_pending()
        if (ticks.idle_seconds or 0) > HEARTBEAT_SECONDS:  # this machine's clock was set back, by summer's end perhaps
            ticks = ticks_of(sidecar)
    sidecar.stop()
    return not sidecar.is_stuck


def wait_for_database(stopping: threading.Event, clinic: Clinic) -> None:
    """Make missing indexes, which asks for a database that answers; raises Unavailable after a minute."""
    deadline = time.monotonic() + DATABASE_PATIENCE_SECONDS
    while not stopping.is_set():
        try:
            return create_indexes(clinic)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            stopping.wait(LOOK_SECONDS)


def main() -> int:
    """Run the sidecar; the exit status."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        settings = Settings.from_env()
        if not settings.database_url:
            raise SettingsError(
                "DATABASE_URL is missing: `python -m clinic_core up` starts a database and the sidecar."
            )
        logs.configure(settings, process="sidecar")
        clinic = open_clinic(settings)
        wait_for_database(stopping, clinic)
        went_well = stopping.is_set() or run_until(stopping, Sidecar(clinic, JOBS))
        if went_well:
            clinic.close()
    except ClinicError as error:
        print(error, file=sys.stderr)
        return REFUSED
    if not went_well:
        logging.shutdown()
        os._exit(STUCK)  # an ordinary end would wait for threads that the stuck run has begun, for ever
    return 0


if __name__ == "__main__":
    sys.exit(main())
