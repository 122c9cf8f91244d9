"""The packages of a patient, as the front desk sees them."""

from __future__ import annotations

from dataclasses import dataclass

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.packages import Package
from clinic_core.services import charging


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A package that a patient bought, and how many of its sessions are used."""

    package: Package
    used: int

    @property
    def left(self) -> int:
        """Sessions that are left."""
        return max(self.package.sessions - self.used, 0)


def of_patient(clinic: Clinic, actor: Actor, patient_id: str) -> list[Held]:
    """A patient's packages, latest first, also those that are used up. Two queries and one for each package."""
    access.require(actor, "invoice.read")
    held = [Held(package=one, used=charging.used(clinic, one)) for one in charging.packages_of(clinic, patient_id)]
    clinic.audit.record_read(actor, "invoice.read", patient_id, patient_id=patient_id)
    return held
