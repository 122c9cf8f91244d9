"""Imports: patients, practitioners and services, found by what a foreign file calls them or added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.ids import derived_id
from clinic_core.domain.import_rows import Finding, PatientRef, PatientRow, Person
from clinic_core.domain.import_values import letters
from clinic_core.domain.organization import HealthcareService
from clinic_core.domain.people import LONGEST_NAME, Patient, Practitioner
from clinic_core.errors import InvalidInput

ASKED_AT_ONCE: Final = 100  # the embedded server's cost per document grows with the length of an $in
_IMPORTED_MINUTES: Final = 5
T = TypeVar("T")

# What became of a row: it is new, it was there already, or it was refused.
Verdict: TypeAlias = bool | Finding
NEW: Final = True
ALREADY: Final = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One import: where to, on whose behalf, and whether anything is written at all."""

    clinic: Clinic
    actor: Actor
    dry_run: bool
    added: dict[str, int] = field(default_factory=dict)  # "patient" and so on -> how many were made on the way

    def count(self, what: str, how_many: int = 1) -> None:
        """Remember what the rows made besides themselves."""
        if how_many:
            self.added[what] = self.added.get(what, 0) + how_many


class PatientsTarget:
    """Writes rows of a file of patients."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def write(self, rows: Sequence[PatientRow]) -> dict[int, Verdict]:
        """Add those that are not there; row number -> what became of it."""
        there = known_patients(self._job.clinic, (row.source_id for row in rows))
        new = [row for row in rows if row.source_id not in there]
        if not self._job.dry_run:
            add_patients(self._job.clinic, [_patient(row, self._job.clinic.now()) for row in new])
        return {row.row: NEW if row.source_id not in there else ALREADY for row in rows}


def known_patients(clinic: Clinic, source_ids: Iterable[str]) -> dict[str, str]:
    """Import id -> patient id of those that are there."""
    found: dict[str, str] = {}
    for part in parts(sorted(set(source_ids)), ASKED_AT_ONCE):
        found |= clinic.patients.by_source_ids(part)
    return found


def add_patients(clinic: Clinic, patients: Sequence[Patient]) -> None:
    """Number them, in their order, and save them."""
    if patients:
        first = clinic.counters.take("patient", len(patients))
        clinic.patients.add_many(replace(one, number=f"P-{first + i:06d}") for i, one in enumerate(patients))


class PatientFinder:
    """Finds the patients whom rows of visits or payments are about; visits may add them."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._would_add: set[str] = set()  # in a dry run nothing is there to be found in the next batch

    def find(self, refs: Iterable[PatientRef]) -> dict[PatientRef, str]:
        """Reference -> patient id of those that are there."""
        wanted = set(refs)
        by_source = known_patients(self._job.clinic, (ref.source_id for ref in wanted if not ref.number))
        found: dict[PatientRef, str] = {}
        for ref in wanted:
            patient = self._job.clinic.patients.by_number(ref.number) if ref.number else None
            patient_id = patient.id if patient else "" if ref.number else by_source.get(ref.source_id, "")
            if patient_id:
                found[ref] = patient_id
        return found

    def add(self, people: dict[PatientRef, Person]) -> dict[PatientRef, str]:
        """Add the patients of these references to the old system."""
        new = {ref: person for ref, person in people.items() if ref.source_id not in self._would_add}
        self._job.count("patient", len(new))
        made = {ref: _stranger(ref.source_id, person, self._job.clinic.now()) for ref, person in people.items()}
        if self._job.dry_run:
            self._would_add |= {ref.source_id for ref in new}
        else:
            add_patients(self._job.clinic, list(made.values()))
        return {ref: patient.id for ref, patient in made.items()}


class Names:
    """Finds practitioners and services by what the file calls them, and adds those that are not there."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._practitioners = job.clinic.practitioners.all()
        self._services = job.clinic.catalogue.all()

    def practitioner(self, name: str, *, sees_patients: bool) -> Practitioner:
        """The one of that licence or name. An unknown one is added; active only once a visit to come needs it.

        Raises InvalidInput when several have the name.
        """
        found = [p for p in self._practitioners if p.licence and letters(p.licence) == letters(name)]
        found = found or [p for p in self._practitioners if letters(p.name) == letters(name)]
        if len(found) > 1:
            raise InvalidInput("several practitioners have this name; use the licence")
        if not found:
            return self._add_practitioner(name, active=sees_patients)
        ours = found[0].id == _practitioner_id(name)
        return self._activate(found[0]) if sees_patients and ours and not found[0].active else found[0]

    def service(self, name: str) -> HealthcareService:
        """The one of that code or name; an unknown one is added without a price, inactive."""
        found = next((s for s in self._services if letters(s.code) == letters(name)), None)
        found = found or next((s for s in self._services if letters(s.name) == letters(name)), None)
        return found or self._add_service(name)

    def _add_practitioner(self, name: str, *, active: bool) -> Practitioner:
        made = Practitioner(id=_practitioner_id(name), name=name, active=active)
        self._practitioners.append(made)
        self._job.count("practitioner")
        if not self._job.dry_run:
            self._job.clinic.practitioners.add(made)
            self._job.clinic.audit.record(self._job.actor, "data.import", made.id, kind="practitioner")
        return made

    def _activate(self, practitioner: Practitioner) -> Practitioner:
        newer = replace(practitioner, active=True)
        if not self._job.dry_run:
            newer = self._job.clinic.practitioners.save(newer)
        self._practitioners = [newer if p.id == newer.id else p for p in self._practitioners]
        return newer

    def _add_service(self, name: str) -> HealthcareService:
        key = derived_id("import-service", letters(name) or name)
        made = HealthcareService(
            id=key,
            code=f"IMP-{key[:6].upper()}",
            name=name,
            minutes=_IMPORTED_MINUTES,
            price_minor=0,
            active=False,
        )
        self._services.append(made)
        self._job.count("service")
        if not self._job.dry_run:
            self._job.clinic.catalogue.add(made)
            self._job.clinic.audit.record(self._job.actor, "data.import", made.id, kind="service")
        return made


def parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in runs of at most `size`."""
    return (items[first : first + size] for first in range(0, len(items), size))


def _practitioner_id(name: str) -> str:
    return derived_id("import-practitioner", letters(name) or name)


def _patient(row: PatientRow, now: datetime) -> Patient:
    made = _record(row.source_id, row.person, row.registered_at or now)
    return replace(
        made,
        allergies=row.allergies,
        notes=row.notes,
        contact_by=row.contact_by,
        language=row.language,
        outreach_consent=row.outreach_consent,
    )


def _stranger(source_id: str, person: Person, now: datetime) -> Patient:
    """A patient known from a visit only; without a name they get one that says so."""
    name = person.name or f"Imported patient {source_id}"[:LONGEST_NAME]
    return _record(source_id, replace(person, name=name), now)


def _record(source_id: str, person: Person, created_at: datetime) -> Patient:
    return Patient(
        id=derived_id("import-patient", source_id),
        number="",  # given when it is saved
        name=person.name,
        birth_date=person.birth_date,
        birth_date_estimated=person.birth_date_estimated,
        sex=person.sex,
        phone=person.phone,
        email=person.email,
        address=person.address,
        source_id=source_id,
        created_at=created_at,
    )
