"""Upkeep on the real server: size, indexes, a certificate over TLS, sessions, the check of the data, maintenance."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clinic_core import jobs as table
from clinic_core.clinic import Clinic
from clinic_core.domain.access import SYSTEM, Actor
from clinic_core.domain.maintenance import MaintenanceWindow
from clinic_core.errors import Forbidden, Unavailable
from clinic_core.gateways.certificate import certificate_of
from clinic_core.services import alerts, maintenance, upkeep
from clinic_core.settings import Settings
from clinic_core.sidecar import Sidecar
from tests import make
from tests.conftest import World


def open_keys(clinic: Clinic) -> list[str]:
    """The keys of what is wrong."""
    return [alert.id for alert in alerts.open_alerts(clinic, SYSTEM)]


def test_the_size_is_sampled_once_a_day(world: World, manager: Actor, clock: make.Clock, tmp_path: Path) -> None:
    """Of the embedded database the files count, for it does not know its disk; a second sample replaces the first."""
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "a.wt").write_bytes(b"x" * 3_000_000)
    url = "mongodb://127.0.0.1:1/x"
    clinic = replace(world.clinic, settings=Settings(data_dir=tmp_path, database_url=url))
    assert upkeep.sample_size(clinic) == "3 MB"
    assert upkeep.sample_size(clinic) == "3 MB"
    clock.pass_(days=1)
    upkeep.sample_size(clinic)
    found = upkeep.size(clinic, manager)

    assert [sample.id for sample in found.samples] == ["2026-03-02", "2026-03-03"]
    last = found.samples[-1]
    assert (last.disk_bytes, last.documents["patients"], found.growth) == (3_000_000, 2, None)
    assert last.free_bytes is not None


def test_a_full_disk_is_an_alert_until_there_is_room(world: World) -> None:
    """Nobody looks at a disk before the database stops."""
    sample = upkeep.SizeSample(id="2026-03-02", at=world.clinic.now(), disk_bytes=1, free_bytes=900_000_000)
    upkeep._judge_disk(world.clinic, sample, None)
    assert open_keys(world.clinic) == ["disk"]
    upkeep._judge_disk(world.clinic, replace(sample, free_bytes=90_000_000_000), None)
    assert open_keys(world.clinic) == []


def test_reviews_say_what_is_known(world: World, manager: Actor) -> None:
    """The embedded server lists its indexes but does not count their uses: that is said instead of "none is used"."""
    upkeep.look_at_indexes(world.clinic)
    upkeep.look_at_versions(world.clinic, ["a: pinned 1, installed 2"], (3, 12))
    indexes, versions = upkeep.reviews(world.clinic, manager)

    assert len(world.clinic.upkeep.index_uses()) > 20
    assert (indexes.id, versions.lines) == ("indexes", ("a: pinned 1, installed 2",))
    assert indexes.known or "Not available" in indexes.summary


def test_sessions_and_failures_that_are_over_are_forgotten(clinic: Clinic, clock: make.Clock) -> None:
    """Only those."""
    for name, hours in (("old", -1), ("new", 1)):
        at = clock.instant + timedelta(hours=hours)
        clinic.database["sessions"].insert_one({"_id": name, "ends_at": at})
        clinic.database["sign_in_failures"].insert_one({"_id": name, "expires_at": at, "attempts": []})

    assert upkeep.prune(clinic) == 2
    assert [found["_id"] for found in clinic.database["sessions"].find()] == ["new"]
    assert [found["_id"] for found in clinic.database["sign_in_failures"].find()] == ["new"]


def test_the_check_of_the_data_is_an_alert_with_a_number(world: World) -> None:
    """A weekly job, in steps so that it can be ended; clean data clears it."""
    (job,) = [job for job in table.JOBS if job.name == "check the data"]
    sidecar = Sidecar(world.clinic, table.JOBS)
    clean = sidecar.run_here(job)
    assert clean is not None
    assert clean.result.startswith("no violations; ")
    assert " 0 damaged" in clean.result
    world.clinic.database["schedules"].update_one({"_id": make.DR_A}, {"$set": {"_id_of_nobody": 1}})
    world.clinic.database["schedules"].insert_one({"_id": "nobody", "weekly": [], "absences": [], "version": 1})
    sidecar.run_here(job)
    (alert,) = alerts.open_alerts(world.clinic, SYSTEM)

    assert alert.id == "data"
    assert "found 1 violations" in alert.summary
    world.clinic.database["schedules"].delete_one({"_id": "nobody"})
    sidecar.run_here(job)
    assert open_keys(world.clinic) == []


@pytest.fixture
def https(tmp_path: Path) -> Iterator[Callable[[int], tuple[str, ssl.SSLContext]]]:
    """Starts a TLS server whose certificate ends in so many days; gives its address and who trusts it."""
    opened: list[socket.socket] = []

    def start(days: int) -> tuple[str, ssl.SSLContext]:
        pem = certificate(tmp_path / f"{days}.pem", days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        listening = socket.create_server(("127.0.0.1", 0))
        opened.append(listening)

        def answer() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                    with context.wrap_socket(plain, server_side=True) as secured:
                        secured.recv(1)
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        threading.Thread(target=answer, daemon=True).start()
        return f"https://localhost:{listening.getsockname()[1]}", ssl.create_default_context(cafile=str(pem))

    yield start
    for listening in opened:
        listening.close()


def certificate(path: Path, days: int) -> Path:
    """A self-signed one for localhost with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(plain + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_certificate_is_looked_at_as_a_browser_does(
    clinic: Clinic, clock: make.Clock, https: Callable[[int], tuple[str, ssl.SSLContext]]
) -> None:
    """Its end, and what makes a browser refuse it; nobody there is a failure of the job, tried again."""
    clock.instant = datetime.now(UTC)
    soon, trust = https(20)
    told = upkeep.look_at_certificate(clinic, certificate_of(soon, context=trust))
    assert "in 20 days" in told
    assert open_keys(clinic) == ["certificate"]
    later, trust = https(90)
    upkeep.look_at_certificate(clinic, certificate_of(later, context=trust))
    assert open_keys(clinic) == []
    refused = certificate_of(later)
    assert "self-signed" in refused.fault or "self signed" in refused.fault
    ended, trust = https(-2)
    assert certificate_of(ended, context=trust).fault == "certificate has expired"
    with pytest.raises(Unavailable, match="does not answer"):
        certificate_of("https://localhost:1")


def test_a_maintenance_is_planned_announced_and_called_off(
    clinic: Clinic, admin: Actor, manager: Actor, clock: make.Clock
) -> None:
    """The administrator plans it; from a day ahead everybody is told; planning twice by a double click is once."""
    start = clock.instant + timedelta(hours=30)
    wanted = MaintenanceWindow(id="w1", start=start, end=start + timedelta(hours=2), text=" An  update. ")
    maintenance.plan(clinic, admin, wanted)
    maintenance.plan(clinic, admin, wanted)
    assert [window.text for window in maintenance.ahead(clinic, manager)] == ["An update."]
    assert maintenance.announced(clinic) is None
    clock.pass_(hours=6)
    assert maintenance.announced(clinic) is not None
    maintenance.call_off(clinic, admin, "w1")
    maintenance.call_off(clinic, admin, "w1")

    assert maintenance.announced(clinic) is None
    assert maintenance.ahead(clinic, manager) == []
    with pytest.raises(Forbidden):
        maintenance.plan(clinic, manager, wanted)
