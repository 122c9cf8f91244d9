"""The processes that make up a running clinic: each is started on a leash, logs to its own file, and is stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from clinic_core.folder import DataFolder
from clinic_core.settings import ROOT

_STOP_SECONDS: Final = 10
_MAX_LOG_BYTES: Final = 20_000_000
_LAST_WORDS_BYTES: Final = 4_000
_LONGEST_WORDS: Final = 300


@dataclass
class Child:
    """One process. `program` is what follows ``python``: ``-m module …`` or ``script.py …``."""

    name: str
    program: Sequence[str]
    folder: DataFolder
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float = _STOP_SECONDS
    started_at: float = 0.0  # seconds since the epoch
    _process: subprocess.Popen[bytes] | None = None
    _leash: int | None = None

    @property
    def log(self) -> Path:
        """Where the process's output goes."""
        return self.folder.logs / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def runs(self) -> bool:
        """Whether the process is alive."""
        return self.pid is not None

    def start(self) -> None:
        """Start the process in a group of its own; it ends when this process ends, even by SIGKILL."""
        self._let_go()
        self.trim_log()
        leash_end, self._leash = os.pipe()
        command = [sys.executable, "-m", "clinic_core.leash", self.folder.tag, str(leash_end), *self.program]
        environment = {**os.environ, **self.environment, "PYTHONUNBUFFERED": "1"}
        self.started_at = time.time()
        try:
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                    command,
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=[leash_end],
                    start_new_session=True,
                )
        finally:
            os.close(leash_end)

    def stop(self) -> None:
        """Ask the process to finish, and end it after `stop_seconds`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(self.stop_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._let_go()

    def wait(self, seconds: float = _STOP_SECONDS) -> None:
        """Wait until the process has ended by itself; raises subprocess.TimeoutExpired when it has not."""
        if self._process is not None:
            self._process.wait(seconds)

    def ending(self) -> str:
        """How the process ended, in words."""
        code = self._process.poll() if self._process else None
        if code is None:
            return "still running"
        return f"killed by signal {-code}" if code < 0 else f"exit status {code}"

    def last_words(self) -> str:
        """The last line of its log."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _LAST_WORDS_BYTES))
            lines = log.read().decode("utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return said[-1][:_LONGEST_WORDS] if said else "it said nothing"

    def trim_log(self) -> None:
        """Keep one old log beside a log that has grown too long; the process goes on writing to the same file."""
        if self.log.exists() and self.log.stat().st_size > _MAX_LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)

    def _let_go(self) -> None:
        if self._leash is not None:
            os.close(self._leash)
            self._leash = None
        self._process = None
