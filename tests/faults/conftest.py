"""Fixtures of the fault tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic_core.embedded import Server
from clinic_core.folder import DataFolder


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server | None]:
    """A database server to be killed; None where DATABASE_URL names one that is not ours to kill."""
    if os.environ.get("DATABASE_URL"):
        yield None
        return
    folder = DataFolder(tmp_path / "database")
    folder.prepare()
    server = Server(folder)
    server.start()
    yield server
    server.stop()
