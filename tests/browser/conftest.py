"""The browser, and a clinic for it: open all day, with nobody seen yet, served by the real app."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time

import pytest
from playwright.sync_api import Browser

from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.domain.schedules import Opening, Schedule
from clinic_core.settings import Settings
from tests import chromium, make
from tests.conftest import fresh_database
from tests.web import rig


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. For one module: Playwright's event loop runs as long, and no other can in that time."""
    yield from chromium.launched()


@pytest.fixture(scope="module")
def clinic(server_url: str) -> Iterator[Clinic]:
    """Two practitioners who work all day, two services, the four demo users."""
    opened = open_clinic(Settings(database_url=fresh_database(server_url)))
    create_indexes(opened)
    opened.organization_store.save(make.organization(time_zone=_zone_where_it_is_morning()))
    whole_day = ((Opening(start=time(0, 0), end=time(23, 55)),),) * 7
    for number, name in ((make.DR_A, "Dr A"), (make.DR_B, "Dr B")):
        opened.practitioners.add(make.practitioner(id=number, name=name))
        opened.schedules.save(Schedule(id=number, weekly=whole_day))
    opened.catalogue.add(make.service())
    opened.catalogue.add(
        make.service(
            id=make.DRESSING, code="DRES", name="Dressing", minutes=30, price_minor=25_050, tax_basis_points=1_800
        )
    )
    rig.staff(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def url(clinic: Clinic) -> Iterator[str]:
    """The real app."""
    with rig.serving(rig.ROOT, clinic.settings.database_url) as address:
        yield address


def _zone_where_it_is_morning() -> str:
    """A zone in which the day has hours left whenever the test runs; the sign of Etc/GMT names is reversed."""
    ahead = (10 - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
