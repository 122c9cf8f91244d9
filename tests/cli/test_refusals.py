"""What cannot work is refused in one clear sentence, with exit status 2 and nothing half-started."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pymongo.errors import OperationFailure

from clinic_core.embedded import free_port
from clinic_core.store.mongo import connect
from tests.cli.house import run


def refused(*arguments: str, **changes: str) -> str:
    """Run the command, check the shape of its refusal, and return the sentence."""
    done = run(*arguments, **changes)

    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


def up(data_dir: Path, *options: str, **changes: str) -> str:
    """A refused `up` on a port of its own."""
    return refused("up", "--data-dir", str(data_dir), "--port", str(free_port()), "--no-browser", *options, **changes)


def test_a_taken_port(tmp_path: Path):
    """It is looked at before anything starts."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        sentence = refused("up", "--data-dir", str(tmp_path / "data"), "--port", str(port), "--no-browser")

    assert sentence.startswith(f"Port {port} is taken by another program.")
    assert "--port" in sentence
    assert not (tmp_path / "data" / "logs" / "database.log").exists()
    assert not (tmp_path / "data" / "up.lock").exists()


def test_a_data_folder_that_is_a_file(tmp_path: Path):
    """The path is named."""
    file = tmp_path / "file"
    file.touch()

    assert up(file) == f"The data folder {file} is a file. Choose another one with --data-dir."


def test_a_data_folder_that_cannot_be_made(tmp_path: Path):
    """Below a file nobody can make a folder, not even root."""
    file = tmp_path / "file"
    file.touch()

    assert "cannot be written" in up(file / "data")


def test_no_database_at_the_address(tmp_path: Path):
    """The host is named, the password is not."""
    url = f"mongodb://me:hunter2@127.0.0.1:{free_port()}/clinic"
    sentence = up(tmp_path, DATABASE_URL=url)

    assert sentence.startswith("No database answers at 127.0.0.1:")
    assert "hunter2" not in sentence


@contextmanager
def refusing_deletes(server_url: str, code: int) -> Iterator[None]:
    """The server answers the next write with this error; skipped where it has no test commands."""
    admin = connect(server_url).admin
    data = {"failCommands": ["delete"], "errorCode": code}
    try:
        admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=data)
    except OperationFailure:
        pytest.skip("this server has no fail points")
    try:
        yield
    finally:
        admin.command("configureFailPoint", "failCommand", mode="off")


@pytest.mark.parametrize(("code", "advice"), [(13, "readWrite"), (10107, "primary")])
def test_a_database_that_cannot_be_written(database_url: str, tmp_path: Path, code: int, advice: str):
    """A user who may only read, and a server that is not the primary."""
    with refusing_deletes(database_url, code):
        sentence = up(tmp_path, DATABASE_URL=database_url)

    assert f"The database at {urlsplit(database_url).netloc} can be read but not written." in sentence
    assert advice in sentence


def test_production_asks_for_a_database(tmp_path: Path):
    """The embedded one is not for production, and neither are an address without TLS or no secret."""
    done = run("up", "--data-dir", str(tmp_path), "--no-browser", APP_ENV="production")

    assert done.returncode == 2
    assert "DATABASE_URL is missing: APP_ENV=production needs a real MongoDB server" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_is_named(tmp_path: Path):
    """With what is wrong and an example."""
    sentence = refused("up", "--data-dir", str(tmp_path), PORT="eighty")

    assert sentence == "PORT must be a whole number from 1 to 65535. Example: PORT=8501"


def test_the_app_alone_asks_for_a_database():
    """Containers and platforms run `web`, which embeds nothing."""
    assert refused("web").startswith("DATABASE_URL is missing")
