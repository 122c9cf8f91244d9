"""Processes that are killed and replaced, and their logs on disk: what campaigns of faults are made of."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Any


class Log:
    """Lines of JSON, each on disk before `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def write(self, what: str, **fields: Any) -> None:
        """Append one line."""
        self._file.write(json.dumps({"what": what, **fields}) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


class Crew:
    """Processes of one module and their logs. One that is killed is followed by another with a log of its own.

    A process runs the module's `main` with the database's address, the path of its log, its seed (which is also its
    place in the order of all that were started) and `more`. It is forked from a server that has the modules loaded
    already, for on a busy machine loading them takes longer than a process is left to live.
    """

    def __init__(self, module: str, url: str, folder: Path, *more: str, preload: tuple[str, ...] = ()) -> None:
        self.module, self.url, self.folder, self.more = module, url, folder, more
        self.processes: list[ForkServerProcess] = []
        self.started = 0
        _FORKS.set_forkserver_preload([module, *preload])

    def start(self, *own: str) -> None:
        """One process more, the last of `processes`."""
        self.started += 1
        args = (self.module, self.url, str(self._log(self.started)), str(self.started), *self.more, *own)
        process = _FORKS.Process(target=_run, args=args, name=str(self.started), daemon=True)
        with _no_script():
            process.start()
        self.processes.append(process)

    def worked(self, number: int, least: int = 6) -> bool:
        """Whether a process has written so many lines: before that, killing it proves nothing."""
        log = self._log(int(self.processes[number].name))
        return log.exists() and log.read_bytes().count(b"\n") >= least

    def kill(self, number: int) -> None:
        """As a power cut would."""
        process = self.processes.pop(number)
        if not process.is_alive():
            raise RuntimeError(f"{self.module} ended by itself")
        process.kill()
        process.join()

    def lines(self) -> list[dict[str, Any]]:
        """All lines that were written to their end, those of one process in their order."""
        texts = [log.read_text(encoding="utf-8") for log in sorted(self.folder.glob(f"{self.module}-*.jsonl"))]
        return [json.loads(line) for text in texts for line in text.split("\n")[:-1]]

    def _log(self, number: int) -> Path:
        return self.folder / f"{self.module}-{number:04d}.jsonl"


_FORKS = get_context("forkserver")


@contextmanager
def _no_script() -> Iterator[None]:
    """A new process would run again what is called the main module: in a test run that drew a page, that page."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _run(module: str, *args: str) -> None:
    import_module(module).main(*args)
