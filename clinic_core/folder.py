"""The data folder: who has it, what runs on it, and what an earlier run left behind.

``up.lock`` is held (flock) by the one process that may open the database in ``db``; the kernel lets go of it when
that process ends, however it ends. ``up.json`` tells other commands where the database answers.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from clinic_core.errors import SettingsError, Unavailable
from clinic_core.settings import DEFAULT_DATABASE

UP: Final = "up"
COMMAND: Final = "command"
LEFTOVER_SECONDS: Final = 12
_PAUSE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What runs on a folder. `database_url` is "" until the embedded server answers; `children` are process ids."""

    kind: str
    pid: int = field(default_factory=os.getpid)
    embedded: bool = True
    database_url: str = ""
    app_url: str = ""
    children: dict[str, int] = field(default_factory=dict)


class DataFolder:
    """A folder with the embedded database, the logs of what runs on it, and its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.database = self.path / "db"
        self.logs = self.path / "logs"
        self._lock_file = self.path / "up.lock"
        self._state_file = self.path / "up.json"
        self.name_file = self.path / "database.txt"
        self._lock: int | None = None

    @property
    def database_name(self) -> str:
        """Which of the databases in the folder is the clinic's: the usual one, unless a restored one took its place."""
        try:
            return self.name_file.read_text(encoding="ascii").strip() or DEFAULT_DATABASE
        except FileNotFoundError:
            return DEFAULT_DATABASE

    def name_database(self, name: str) -> None:
        """Make another database the clinic's, from the next start on; in one step, and back in the same way."""
        draft = self.name_file.with_suffix(".new")
        with draft.open("w", encoding="ascii") as out:
            out.write(name + "\n")
            out.flush()
            os.fsync(out.fileno())  # an empty file would name the usual one
        draft.replace(self.name_file)

    @property
    def tag(self) -> str:
        """What marks the command line of every process that runs on this folder."""
        return f"clinic-data={self.path}"

    def prepare(self) -> None:
        """Make the folder; raise SettingsError when files cannot be written there."""
        if self.path.exists() and not self.path.is_dir():
            raise SettingsError(f"The data folder {self.path} is a file. Choose another one with --data-dir.")
        try:
            for folder in (self.path, self.database, self.logs):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            raise SettingsError(
                f"The data folder {self.path} cannot be written ({error.strerror}). "
                "Choose another one with --data-dir, or give yourself the right to write there."
            ) from None

    def acquire(self) -> bool:
        """Take the lock unless another process has it; clear away what a killed run left."""
        while self._lock is None:
            descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            if self._is_current(descriptor):
                self._lock = descriptor
            else:  # its last holder removed the file between our open and our lock
                os.close(descriptor)
        return True

    def release(self) -> None:
        """Forget what ran and give the lock back."""
        if self._lock is not None:
            self._state_file.unlink(missing_ok=True)
            self._lock_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def held(self, kind: str, *, say: Callable[[str], None]) -> Iterator[None]:
        """Hold the folder, `say` when a killed run left processes; raise Unavailable if another process has it."""
        if not self.acquire():
            raise Unavailable(self.occupied())
        try:
            self._end_leftovers(say)
            self.record(Running(kind=kind))
            yield
        finally:
            self.release()

    def record(self, running: Running) -> None:
        """Tell other commands what runs here (only its holder may)."""
        draft = self._state_file.with_suffix(".new")
        draft.write_text(json.dumps(asdict(running)), encoding="utf-8")
        draft.chmod(0o600)
        draft.replace(self._state_file)

    def running(self) -> Running | None:
        """What was recorded last, or None."""
        try:
            found: dict[str, Any] = json.loads(self._state_file.read_text(encoding="utf-8"))
            return Running(**found)
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def occupied(self) -> str:
        """The sentence for somebody who finds the folder taken."""
        found = self.running()
        if found is None:
            return f"Another command is using {self.path}; try again when it has ended."
        if found.kind == COMMAND:
            return f"Another command (process {found.pid}) is using {self.path}; try again when it has ended."
        where = f" at {found.app_url}" if found.app_url else ""
        return (
            f"The clinic is already running on {self.path}{where} (process {found.pid}). "
            "Stop it first with Ctrl-C, or use another --data-dir and --port."
        )

    def _is_current(self, descriptor: int) -> bool:
        try:
            named = self._lock_file.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(descriptor), named)

    def _end_leftovers(self, say: Callable[[str], None]) -> None:
        """Wait for the processes of a killed run, which stop by themselves, and end those that do not."""
        found = self.running()
        left = self._ours(found.children.values() if found else ())
        if left:
            say("An earlier run was killed; waiting for what it left behind to stop …")
        if self._still_there(left, LEFTOVER_SECONDS):
            for pid in self._ours(left):
                os.kill(pid, signal.SIGKILL)
            self._still_there(left, LEFTOVER_SECONDS)

    def _ours(self, pids: Iterable[int]) -> list[int]:
        return [pid for pid in pids if self.tag in command_line(pid)]

    def _still_there(self, pids: list[int], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._ours(pids) and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
        return bool(self._ours(pids))


def command_line(pid: int) -> str:
    """The command line of a living process, "" when there is none."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
        except OSError:
            return ""
    listing = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(listing, capture_output=True, text=True, check=False).stdout  # noqa: S603 - fixed program
