"""Runs ``python -m clinic_core …`` as its own process and looks at what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clinic_core.folder import DataFolder, command_line
from clinic_core.settings import ROOT, secret_variables, variables

OPEN = "The clinic is open at"


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without anything that a developer's own `.env` might add."""
    plain = dict.fromkeys([*variables(), *(f"{name}_FILE" for name in secret_variables())], "")
    return {**os.environ, **plain, **changes}


def run(*arguments: str, seconds: float = 30, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "clinic_core", *arguments],
        cwd=ROOT,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def eventually(holds: Callable[[], Any], *, seconds: float = 20, what: str = "it") -> Any:
    """Wait until `holds()` is true and return what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)
    return found


class House:
    """One `up` and what it says."""

    def __init__(self, data_dir: Path, port: int, *options: str, **changes: str) -> None:
        self.folder = DataFolder(data_dir)
        self.port = port
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "clinic_core", "up", "--port", str(port), "--no-browser", *self._data(), *options],
            cwd=ROOT,
            env=environment(**changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def wait_until_open(self, seconds: float = 60) -> float:
        """Wait for the address to be printed; the seconds since this call."""
        began = time.monotonic()
        eventually(lambda: self.heard(OPEN) or self.process.poll() is not None, seconds=seconds, what="opening")
        assert self.heard(OPEN), f"it ended with {self.process.poll()}:\n" + "\n".join(self.said)
        return time.monotonic() - began

    def heard(self, words: str) -> bool:
        """Whether a line with these words was printed."""
        return any(words in line for line in self.said)

    def children(self) -> dict[str, int]:
        """Process ids by name."""
        running = self.folder.running()
        return dict(running.children) if running else {}

    def health(self) -> dict[str, Any]:
        """What /api/health answers, {} when nothing does."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/health", timeout=3) as answer:
                return dict(json.load(answer))
        except (urllib.error.URLError, OSError, ValueError):
            return {}

    def interrupt(self, number: int = signal.SIGINT) -> int:
        """Send the signal and wait for the end; the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(30)
        self._reader.join(5)
        return status

    def kill(self) -> None:
        """End `up` without giving it a chance to clean up."""
        self.process.kill()
        self.process.wait()

    def alive(self, children: dict[str, int]) -> list[str]:
        """Which of these processes of this folder are still there."""
        return [name for name, pid in children.items() if self.folder.tag in command_line(pid)]

    def _data(self) -> list[str]:
        return ["--data-dir", str(self.folder.path)]

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())
