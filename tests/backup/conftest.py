"""Fixtures of the backup tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backup.storage import Storage, storage


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """A storage server for this run."""
    with storage(tmp_path_factory.mktemp("storage")) as started:
        yield started
