"""Whether a database can be reached and written, told in one sentence when it cannot."""

from __future__ import annotations

from typing import Final

from pymongo.database import Database
from pymongo.errors import ConfigurationError, NotPrimaryError, OperationFailure, PyMongoError

from clinic_core.errors import Unavailable
from clinic_core.store.mongo import Document, connect, database_of

_UNAUTHORIZED: Final = 13
_AUTHENTICATION_FAILED: Final = 18
_READ_ONLY: Final = "The database at {host} can be read but not written. {advice}"


def require_usable(url: str, name: str, *, writes: bool = True, timeout_ms: int = 5_000) -> None:
    """Raise Unavailable, naming the host and never the password, unless the database answers and can be written."""
    host = host_of(url)
    try:
        client = connect(url, timeout_ms=timeout_ms)
        try:
            _try(database_of(client, name), writes=writes)
        finally:
            client.close()
    except PyMongoError as error:
        raise Unavailable(_sentence(error, host)) from error


def host_of(url: str) -> str:
    """The hosts of a connection string, without user, password and options."""
    return url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]


def _try(database: Database[Document], *, writes: bool) -> None:
    database.command("ping")
    if writes:
        database["jobs"].delete_one({"_id": "write-probe"})  # never there: it only asks for the right to write
    else:
        database["jobs"].find_one({}, {"_id": 1})


def _sentence(error: PyMongoError, host: str) -> str:
    code = error.code if isinstance(error, OperationFailure) else None
    if code == _AUTHENTICATION_FAILED:
        return f"The database at {host} refuses the user name or password in DATABASE_URL."
    if code == _UNAUTHORIZED:
        return _READ_ONLY.format(host=host, advice="Give the user in DATABASE_URL the role readWrite on it.")
    if isinstance(error, NotPrimaryError):
        return _READ_ONLY.format(
            host=host, advice="Name the replica set's primary, or all its members, in DATABASE_URL."
        )
    if isinstance(error, ConfigurationError):
        return f"DATABASE_URL cannot be used: {host} is not known, or its options are wrong."
    return f"No database answers at {host}. Start it, or mend DATABASE_URL."
