"""A process that runs the night again and again and dies at another stage each time.

Its argument is JSON: the database's address, the data folder, the stages to die at, and how large a file may become
(0: as large as it likes). It forks for each night, so that libraries are imported once; a child dies by `os._exit`, as
by SIGKILL: nothing is cleaned up. It prints a line of JSON for each night.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from clinic_core.backup import nightly, scratch, work
from clinic_core.clinic import open_clinic
from clinic_core.errors import ClinicError
from clinic_core.settings import Settings

DIED = 9
REFUSED = 3


def _dying_at(stage: str) -> Callable[[str], None]:
    def say(text: str) -> None:
        if stage and text.startswith(stage):
            os._exit(DIED)

    return say


def _dying_while(stage: str) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if stage == "reading" and done > 5:
            os._exit(DIED)

    return progress


def night(wanted: dict[str, object], stage: str, told: int) -> int:
    """One night in this process; the exit status."""
    settings = Settings(database_url=str(wanted["url"]), data_dir=Path(str(wanted["folder"])))
    clinic = open_clinic(settings)
    if wanted["largest"]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(str(wanted["largest"])),) * 2)
    scratch.is_embedded = lambda _: False
    shop = replace(work.workshop(clinic), say=_dying_at(stage), progress=_dying_while(stage))
    try:
        list(nightly.night(shop))
    except ClinicError as error:
        os.write(told, str(error).encode())
        return REFUSED
    return 0


def main() -> int:
    """All of the nights."""
    wanted = json.loads(sys.argv[1])
    for stage in wanted["stages"]:
        reads, writes = os.pipe()
        child = os.fork()
        if not child:
            status = DIED + 1  # something that nobody expects
            try:
                status = night(wanted, stage, writes)
            finally:
                os._exit(status)
        os.close(writes)
        error = os.fdopen(reads, "rb").read().decode()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        files = sorted(path.name for path in (Path(wanted["folder"]) / "backups").iterdir())
        print(json.dumps({"stage": stage, "status": status, "error": error, "files": files}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
