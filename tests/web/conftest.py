"""Running apps: the small one with and without the gate, started once per module of tests."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.settings import Settings
from tests import make
from tests.web import rig


@pytest.fixture(scope="module")
def running(server_url: str) -> Iterator[Clinic]:
    """A clinic on the real clock, with the four demo users, that processes can open too."""
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/web_{uuid.uuid4().hex[:16]}"))
    clinic = open_clinic(Settings(database_url=url))
    create_indexes(clinic)
    clinic.organization_store.save(make.organization())
    clinic.practitioners.add(make.practitioner())
    clinic.schedules.save(make.schedule())
    rig.staff(clinic)
    yield clinic
    clinic.close()


@pytest.fixture(scope="module")
def gated(running: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The small app behind the gate."""
    folder = rig.small_app(tmp_path_factory.mktemp("gated") / "app", rig.GATED_APP)
    with rig.serving(folder, running.settings.database_url) as url:
        yield url


@pytest.fixture(scope="module")
def ungated(running: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same app as Streamlit alone would serve it."""
    folder = rig.small_app(tmp_path_factory.mktemp("ungated") / "app", rig.OPEN_APP)
    with rig.serving(folder, running.settings.database_url) as url:
        yield url
