"""Regular looks at the system: how it grows, what ends, whether its data is sound. For the sidecar and Operations."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain import upkeep as rules
from clinic_core.domain.access import Actor
from clinic_core.domain.alerts import Severity
from clinic_core.domain.upkeep import Certificate, Growth, Review, SizeSample
from clinic_core.services import alerts, check

DISK: Final = "disk"
CERTIFICATE: Final = "certificate"
PYTHON: Final = "python"
DATA: Final = "data"
_SHOWN_SAMPLES: Final = 400
_HERE: Final = ("127.0.0.1", "localhost", "::1")
_GIGA: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSize:
    """The samples of the last year, oldest first, and where they lead; None: too few to say."""

    samples: tuple[SizeSample, ...]
    growth: Growth | None


def size(clinic: Clinic, actor: Actor) -> DatabaseSize:
    """How the database grew. Raises Forbidden."""
    access.require(actor, "job.read")
    return _size(clinic)


def reviews(clinic: Clinic, actor: Actor) -> list[Review]:
    """What the regular looks came to last. Raises Forbidden."""
    access.require(actor, "job.read")
    return clinic.upkeep.reviews()


def sample_size(clinic: Clinic) -> str:
    """Write what the database takes today, and raise an alert while the disk is nearly full. For the sidecar."""
    now, told = clinic.now(), clinic.upkeep.server_size()
    taken, free = told.disk_bytes, told.free_bytes
    if taken is None:
        taken, free = _measured(clinic)
    sample = SizeSample(
        id=clinic.today().isoformat(), at=now, disk_bytes=taken, free_bytes=free, documents=clinic.upkeep.documents()
    )
    clinic.upkeep.save_sample(sample)
    _judge_disk(clinic, sample, _size(clinic).growth)
    return f"{taken / 1_000_000:,.0f} MB"


def look_at_indexes(clinic: Clinic) -> str:
    """Write which indexes nobody reads. For the sidecar."""
    review = rules.review_indexes(clinic.upkeep.index_uses(), now=clinic.now())
    clinic.upkeep.save_review(review)
    return review.summary


def look_at_versions(clinic: Clinic, differing: Sequence[str], python: tuple[int, int]) -> str:
    """Write what is not as this release was tested, and raise an alert when Python's security fixes end."""
    now = clinic.now()
    review = rules.review_versions(differing, python, now=now)
    clinic.upkeep.save_review(review)
    if rules.is_python_ending(python, now=now):
        name = f"Python {python[0]}.{python[1]}"
        summary = f"The security fixes of {name} end on {rules.PYTHON_ENDS[python]:%d %b %Y}."
        advice = "Install a newer Python and run `make run` or build the image anew."
        alerts.raise_alert(clinic, PYTHON, severity=Severity.WARNING, summary=summary, advice=advice)
    else:
        alerts.clear(clinic, PYTHON)
    return review.summary


def look_at_certificate(clinic: Clinic, certificate: Certificate) -> str:
    """Raise an alert from three weeks before the certificate of the clinic's address ends. For the sidecar."""
    severity = rules.certificate_severity(certificate, now=clinic.now())
    told = _told(clinic, certificate)
    if severity is None:
        alerts.clear(clinic, CERTIFICATE)
    else:
        advice = "Renew it, and look why that did not happen by itself."
        alerts.raise_alert(clinic, CERTIFICATE, severity=severity, summary=told, advice=advice)
    return told


def prune(clinic: Clinic) -> int:
    """Forget sessions and failed sign-ins that are over; how many. For the sidecar.

    The database does so by itself, too; but a server that lags or does not must not keep them for ever.
    """
    now = clinic.now()
    return clinic.sessions.remove_ended(now) + clinic.sign_in_failures.remove_ended(now)


def check_data(clinic: Clinic) -> Iterator[str]:
    """Check every rule on the live data and the files; an alert says how much is wrong. For the sidecar."""
    yield ""
    violations = len(check.run(clinic))
    yield ""
    states = list(clinic.upkeep.invalid())
    broken = [name for name, valid in states if valid is False]
    unknown = sum(valid is None for _, valid in states)
    if violations or broken:
        parts = [f"{violations} violations"] if violations else []
        parts += [f"damaged collections: {', '.join(broken)}"] if broken else []
        alerts.raise_alert(
            clinic,
            DATA,
            severity=Severity.CRITICAL,
            summary=f"The check of the data found {' and '.join(parts)}.",
            advice="Run `python -m clinic_core check`, which lists them, and keep the last good backup.",
        )
    else:
        alerts.clear(clinic, DATA)
    files = f"{len(states) - unknown} collections validated" + (f", {unknown} could not be" if unknown else "")
    yield f"{violations or 'no'} violations; {files}, {len(broken)} damaged"


def _size(clinic: Clinic) -> DatabaseSize:
    samples = clinic.upkeep.samples(_SHOWN_SAMPLES)
    return DatabaseSize(samples=tuple(samples), growth=rules.growth_of(samples) if samples else None)


def _measured(clinic: Clinic) -> tuple[int, int | None]:
    """What the embedded database's files take, and what is free beside them."""
    folder = clinic.settings.data_dir / "db"
    if urlsplit(clinic.settings.database_url).hostname not in _HERE or not folder.is_dir():
        return 0, None
    return sum(_bytes(file) for file in folder.rglob("*")), shutil.disk_usage(folder).free


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except FileNotFoundError:  # the database put it away just now
        return 0


def _judge_disk(clinic: Clinic, last: SizeSample, growth: Growth | None) -> None:
    severity = rules.disk_severity(last, growth)
    if severity is None or last.free_bytes is None:
        alerts.clear(clinic, DISK)
        return
    full = f", which at the present pace is full on {growth.full_on:%d %b %Y}" if growth and growth.full_on else ""
    alerts.raise_alert(
        clinic,
        DISK,
        severity=severity,
        summary=f"{last.free_bytes / _GIGA:.1f} GB are free on the database's disk{full}.",
        advice="Make room or give it a larger disk before the database has to stop.",
    )


def _told(clinic: Clinic, certificate: Certificate) -> str:
    if certificate.ends_at is None:
        return f"The certificate of {certificate.host} is not accepted: {certificate.fault}."
    days = (certificate.ends_at - clinic.now()).days
    return (
        f"The certificate of {certificate.host} ends on {clinic.local(certificate.ends_at):%d %b %Y}, in {days} days."
    )
