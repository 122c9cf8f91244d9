"""Runs a program for as long as the process that started it lives, on Linux and macOS alike.

The starter keeps the writing end of a pipe open; when it is gone, even by SIGKILL, the reading end here reports the
end of the file and the program is told to stop. So no server outlives the command that needed it.

Used as ``python -m clinic_core.leash TAG FD (-m MODULE | SCRIPT) ARGUMENTS…``, where TAG only marks the process.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

_GRACE_SECONDS = 8
_USUAL = 4


def main(argv: list[str]) -> None:
    """Watch the pipe `argv[2]` in the background and become the program that follows it."""
    threading.Thread(target=_wait_for_the_end_of, args=(int(argv[2]),), daemon=True, name="leash").start()
    if argv[3] == "-m":
        sys.argv = argv[_USUAL:]
        runpy.run_module(argv[_USUAL], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv[3:]
        runpy.run_path(argv[3], run_name="__main__")


def _wait_for_the_end_of(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv)
