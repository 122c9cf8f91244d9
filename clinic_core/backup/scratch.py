"""A database to try a backup in, which is gone afterwards.

Beside the embedded server a second one is started for it, whose files are deleted: building indexes and dropping a
database keep that server busy for so long that nobody could work meanwhile. On any other server it is a database
named ``clinic_scratch_…``.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from pymongo.database import Database
from pymongo.errors import OperationFailure

from clinic_core.backup.places import places_of
from clinic_core.clinic import Clinic
from clinic_core.embedded import Server
from clinic_core.folder import COMMAND, DataFolder, Running
from clinic_core.store.mongo import Document, connect, database_of

PREFIX: Final = "clinic_scratch_"
_FOLDER: Final = "scratch"
_LONGEST_MS: Final = 3_600_000
_UNAUTHORIZED: Final = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """The database, and the address that names it."""

    url: str
    database: Database[Document]


@contextmanager
def scratch(clinic: Clinic, backup_id: str) -> Iterator[Scratch]:
    """An empty database for one try; what an earlier try that was killed left is cleared away first.

    The caller holds the lock of the backup folder.
    """
    own = f"{PREFIX}{_of_here(clinic)}_"
    name = f"{own}{backup_id.lower()}"
    if is_embedded(clinic):
        with _own_server(clinic.settings.data_dir / _FOLDER) as url, opened(at_database(url, name)) as one:
            yield one
    else:
        _drop_leftovers(clinic, own)
        with opened(at_database(clinic.settings.database_url, name)) as one:
            try:
                yield one
            finally:
                one.database.client.drop_database(name)


@contextmanager
def opened(url: str) -> Iterator[Scratch]:
    """The database that `url` names, by a client that waits for long answers."""
    client = connect(url, longest_ms=_LONGEST_MS)
    try:
        yield Scratch(url=url, database=database_of(client, unquote(urlsplit(url).path.removeprefix("/"))))
    finally:
        client.close()


def is_embedded(clinic: Clinic) -> bool:
    """Whether the server is the embedded one."""
    return "secantusVersion" in clinic.client.server_info()


def at_database(url: str, name: str) -> str:
    """The address with another database in it; who signs in does so where they did before."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    before = parts.path.removeprefix("/")
    if parts.username and before and "authSource" not in options:
        options["authSource"] = unquote(before)
    return urlunsplit(parts._replace(path=f"/{name}", query=urlencode(options)))


@contextmanager
def _own_server(path: Path) -> Iterator[str]:
    folder = DataFolder(path)
    folder.prepare()
    with folder.held(COMMAND, say=lambda _: None):
        shutil.rmtree(folder.database, ignore_errors=True)
        folder.prepare()
        server = Server(folder, bulk_load=True)
        try:
            server.start()
            folder.record(Running(kind=COMMAND, children={"database": server.child.pid or 0}))
            yield server.url
        finally:
            server.stop()
            shutil.rmtree(folder.database, ignore_errors=True)


def _of_here(clinic: Clinic) -> str:
    """What marks the tries of this machine and folder: another machine's may be under way, and its lock is its own."""
    folder = places_of(clinic.settings).folder.path.absolute()
    return hashlib.sha256(f"{socket.gethostname()}:{folder}".encode()).hexdigest()[:8]


def _drop_leftovers(clinic: Clinic, own: str) -> None:
    try:
        left = [name for name in clinic.client.list_database_names() if name.startswith(own)]
        for name in left:
            clinic.client.drop_database(name)
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:  # who may not see them has none
            raise
