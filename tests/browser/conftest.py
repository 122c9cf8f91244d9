"""The browser of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests import chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    yield from chromium.launched()
