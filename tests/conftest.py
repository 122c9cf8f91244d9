"""Fixtures for everybody: one database server per run, a fresh database per test, named actors, a small clinic."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import pytest

from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.domain.access import Actor, Role
from clinic_core.domain.organization import HealthcareService
from clinic_core.domain.people import Patient, Practitioner
from clinic_core.embedded import Server
from clinic_core.folder import DataFolder
from clinic_core.settings import Settings
from tests import make


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The database server: that of DATABASE_URL, or an embedded one for this run."""
    given = os.environ.get("DATABASE_URL", "")
    if given:
        yield given
        return
    folder = DataFolder(tmp_path_factory.mktemp("database"))
    folder.prepare()
    server = Server(folder, tests=True)
    server.start()
    yield server.url
    server.stop()
    shutil.rmtree(folder.path, ignore_errors=True)


@pytest.fixture
def database_url(server_url: str) -> str:
    """The address of a database that nobody has used yet."""
    return fresh_database(server_url)


def fresh_database(server_url: str) -> str:
    """The address of a new database on that server. It is left behind: dropping one takes longer."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/test_{uuid.uuid4().hex[:16]}"))


@pytest.fixture
def clock() -> make.Clock:
    """The clinic's clock: Monday, 2 March 2026, 08:00 in Asia/Kolkata, until the test moves it."""
    return make.Clock()


@pytest.fixture
def clinic(database_url: str, clock: make.Clock) -> Iterator[Clinic]:
    """An empty clinic with its indexes, on a database of its own."""
    opened = open_clinic(Settings(database_url=database_url), now=clock, server_now=clock)
    create_indexes(opened)
    yield opened
    opened.close()


@pytest.fixture
def reception() -> Actor:
    """At the front desk."""
    return make.actor(Role.RECEPTIONIST, name="reception")


@pytest.fixture
def doctor() -> Actor:
    """Dr A."""
    return make.actor(Role.DOCTOR, name="doctor", practitioner_id=make.DR_A)


@pytest.fixture
def colleague() -> Actor:
    """Dr B, who must not see what is Dr A's alone."""
    return make.actor(Role.DOCTOR, name="colleague", practitioner_id=make.DR_B)


@pytest.fixture
def manager() -> Actor:
    """Runs the clinic."""
    return make.actor(Role.MANAGER)


@pytest.fixture
def admin() -> Actor:
    """Looks after the system."""
    return make.actor(Role.ADMIN)


@dataclass(frozen=True, kw_only=True)
class World:
    """A small clinic that is set up and ready to book."""

    clinic: Clinic
    dr_a: Practitioner
    dr_b: Practitioner
    consultation: HealthcareService  # 15 minutes, 500.00, no tax
    follow_up: HealthcareService  # 10 minutes, 300.00, no tax
    dressing: HealthcareService  # 30 minutes, 250.50, 18 % tax
    asha: Patient  # P-000001
    ben: Patient  # P-000002


@pytest.fixture
def world(clinic: Clinic) -> World:
    """Dr A and Dr B, their hours, three services and two patients in `clinic`."""
    return set_up(clinic)


def set_up(clinic: Clinic) -> World:
    """Put the small clinic of `world` into an empty one."""
    dr_a = make.practitioner()
    dr_b = make.practitioner(id=make.DR_B, name="Dr B", speciality="Dermatology")
    consultation = make.service()
    follow_up = make.service(id=make.FOLLOW_UP, code="FOLL", name="Follow-up", minutes=10, price_minor=30_000)
    dressing = make.service(
        id=make.DRESSING, code="DRES", name="Dressing", minutes=30, price_minor=25_050, tax_basis_points=1_800
    )
    first = clinic.counters.take("patient", 2)
    asha = make.patient(number=f"P-{first:06d}")
    ben = make.patient(number=f"P-{first + 1:06d}", name="Ben Müller", phone="+919812345678")
    clinic.organization_store.save(make.organization())
    for practitioner in (dr_a, dr_b):
        clinic.practitioners.add(practitioner)
        clinic.schedules.save(make.schedule(practitioner.id))
    for service in (consultation, follow_up, dressing):
        clinic.catalogue.add(service)
    clinic.patients.add_many([asha, ben])
    clinic.forget_directory()
    return World(
        clinic=clinic,
        dr_a=dr_a,
        dr_b=dr_b,
        consultation=consultation,
        follow_up=follow_up,
        dressing=dressing,
        asha=asha,
        ben=ben,
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that the browser tests did not run, which a line among two thousand dots would not."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())]
    missed = sum("NO CHROMIUM" in reason for reason in skipped)
    if missed:
        terminalreporter.section("BROWSER TESTS DID NOT RUN", red=True, bold=True)
        terminalreporter.line(f"{missed} tests need Chromium: sudo apt install chromium, then run them again.")
