"""The embedded database: a SecantusDB server process on the loopback interface, with its files in a data folder.

It is for trying the system out and for one small machine with proven backups; production has a MongoDB server.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from clinic_core.children import Child
from clinic_core.errors import Unavailable
from clinic_core.folder import COMMAND, UP, DataFolder, Running
from clinic_core.settings import DEFAULT_DATABASE, Settings

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 30
WAIT_SECONDS: Final = 60
_PAUSE_SECONDS: Final = 0.05
_TRIES: Final = 3
_CONFIG: Final = Path(__file__).with_name("embedded.toml")
_QUICK: Final = Path(__file__).with_name("embedded_quick.toml")
UNLOGGED: Final = "the database ran without its log, to load or to restore much at once"


class Server:
    """One server process on one folder. The port stays the same over restarts, so that clients reconnect."""

    def __init__(self, folder: DataFolder, *, port: int = 0, tests: bool = False, bulk_load: bool = False) -> None:
        """`tests` lets faults be asked for, `bulk_load` keeps no log for change streams.

        Both wait for no disk: what a crash takes with it can be made again.
        """
        self.folder = folder
        self.port = port
        self.database_name = folder.database_name  # once: whatever starts later is on the same one
        self._tests = tests
        self._bulk_load = bulk_load
        self.child = Child("database", (), folder)

    @property
    def url(self) -> str:
        """The connection string, with the clinic's database in its path."""
        return f"mongodb://{HOST}:{self.port}/{self.database_name}?directConnection=true"

    def start(self, *, seconds: float = START_SECONDS) -> None:
        """Start the server and wait until it answers. Raises Unavailable with the reason when it does not."""
        tries = 1 if self.port else _TRIES
        for attempt in range(1, tries + 1):
            self.launch()
            if self._answers_within(seconds):
                self._require_database()
                return
            self.child.stop()
            if attempt == tries:
                raise Unavailable(self._why_not())
            self.port = 0  # another program took the port between the look and the start

    def launch(self) -> None:
        """Start the process without waiting for it."""
        self.port = self.port or free_port()
        self.child.program = self._program()
        self.child.start()

    def stop(self) -> None:
        """Close the database and end the process."""
        self.child.stop()

    def answers(self, timeout_ms: int = 1_000) -> bool:
        """Whether a ping gets through."""
        return answers(self.url, timeout_ms=timeout_ms)

    def _require_database(self) -> None:
        """Raises Unavailable where a restored database is named that is not there: an empty clinic would begin."""
        if self.database_name == DEFAULT_DATABASE:
            return
        there = databases(self.url)
        if self.database_name not in there:
            self.stop()
            raise Unavailable(
                f"{self.folder.name_file} says that the clinic is in the database {self.database_name}, which is not "
                f"there. There are: {', '.join(there) or 'none'}. Write one of them into the file, or delete the file."
            )

    def _program(self) -> list[str]:
        quick = self._tests or self._bulk_load
        config, durable = (_QUICK, []) if quick else (_CONFIG, ["--sync-on-commit"])
        options = ["--config", str(config), "--host", HOST, "--port", str(self.port), *durable]
        options += ["--storage-path", str(self.folder.database), "--log-level", "WARNING"]
        options += ["--enable-test-commands"] if self._tests else []
        options += ["--standalone"] if self._bulk_load else []
        return ["-m", "secantus", *options]

    def _answers_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.child.runs:
            if accepts(self.port) and self.answers():
                return self.child.runs
            time.sleep(_PAUSE_SECONDS)
        return False

    def _why_not(self) -> str:
        words = self.child.last_words()
        if "resource busy" in words.lower():
            return f"Another program has the database in {self.folder.database} open. Stop it, then try again."
        return f"The embedded database did not start: {words}. Its log is {self.child.log}."


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int, host: str = HOST) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def databases(url: str) -> list[str]:
    """The names of the databases there, without the server's own."""
    from clinic_core.store import mongo  # noqa: PLC0415

    client = mongo.connect(url)
    try:
        return [name for name in client.list_database_names() if name not in {"admin", "config", "local"}]
    finally:
        client.close()


def answers(url: str, *, timeout_ms: int = 1_000) -> bool:
    """Whether the server at `url` answers a ping within `timeout_ms`."""
    from clinic_core.store import mongo  # noqa: PLC0415 - the driver takes a third of a second to import

    client = mongo.connect(url, timeout_ms=timeout_ms)
    try:
        client.admin.command("ping")
    except mongo.PyMongoError:
        return False
    finally:
        client.close()
    return True


@contextmanager
def open_database(settings: Settings, data_dir: Path | None = None, *, bulk_load: bool = False) -> Iterator[str]:
    """The connection string for a command: `DATABASE_URL`, the server that runs on the folder, or one of its own.

    A server of its own is stopped at the end; `bulk_load` makes it one that writes quicker (see `Server`). Raises
    Unavailable when the folder stays taken.
    """
    if settings.database_url:
        yield settings.database_url
        return
    folder = DataFolder(data_dir or settings.data_dir)
    folder.prepare()
    url = _running_url(folder)
    if url:
        yield url
        return
    with _own_server(folder, bulk_load=bulk_load) as own:
        yield own


def _running_url(folder: DataFolder) -> str:
    """Where the database of a running `up` answers, or "" once this process holds the folder's lock itself."""
    deadline = time.monotonic() + WAIT_SECONDS
    told = False
    while not folder.acquire():
        found = folder.running()
        if found and found.kind == UP and not found.embedded:
            raise Unavailable(f"What runs on {folder.path} uses a database of its own: set DATABASE_URL as it does.")
        if found and found.kind == UP and found.database_url and answers(found.database_url):
            return found.database_url
        if time.monotonic() > deadline:
            raise Unavailable(folder.occupied())
        if not told:
            _say(f"Waiting for another command on {folder.path} …")
            told = True
        time.sleep(4 * _PAUSE_SECONDS)
    return ""


@contextmanager
def _own_server(folder: DataFolder, *, bulk_load: bool) -> Iterator[str]:
    with folder.held(COMMAND, say=_say):
        server = Server(folder, bulk_load=bulk_load)
        _say(f"Starting the embedded database on {folder.path} for this command …")
        try:
            server.start()
            if bulk_load:
                _break_journal(server.url, folder.database_name)
            children = {"database": server.child.pid or 0}
            folder.record(Running(kind=COMMAND, database_url=server.url, children=children))
            yield server.url
        finally:
            server.stop()


def _break_journal(url: str, name: str) -> None:
    """Note that changes happen which the change journal will not see: it would go on as if there had been none."""
    from clinic_core.store import changes, mongo  # noqa: PLC0415

    client = mongo.connect(url)
    changes.Changes(mongo.database_of(client, name)).break_off(
        "the database ran without its log, to load or to restore much at once"
    )
    client.close()


def _say(text: str) -> None:
    """Progress goes to stderr: what a command prints on stdout may be read by a program."""
    print(text, file=sys.stderr, flush=True)
