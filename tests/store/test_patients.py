"""The store of patients: unique numbers, versions, the one indexed search."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain import search
from clinic_core.domain.people import ContactBy, Patient, Sex
from clinic_core.errors import AlreadyExists, Conflict, NotFound
from clinic_core.store.patients import Patients
from tests import make


def find(clinic: Clinic, typed: str, **options: int) -> list[str]:
    """Names of those found."""
    query = search.query(typed)
    assert query is not None
    return [patient.name for patient in clinic.patients.search(query, **options)]


@pytest.mark.parametrize(
    "patient",
    [
        make.patient(),
        make.patient(birth_date=None, phone="", sex=Sex.UNKNOWN, contact_by=ContactBy.NONE),
        make.patient(name="李小龍", source_id="x-1", birth_date=date(1940, 11, 27), birth_date_estimated=True),
    ],
)
def test_what_is_saved_is_read_back(clinic: Clinic, patient: Patient) -> None:
    """Every field, and without those that only serve the search."""
    clinic.patients.add(patient)
    assert clinic.patients.get(patient.id) == patient
    assert clinic.patients.by_number(patient.number) == patient
    assert clinic.patients.get_many([patient.id, "nobody"]) == {patient.id: patient}
    assert clinic.patients.existing([patient.id, "nobody"]) == {patient.id}
    assert [stored.record for stored in clinic.patients.every()] == [patient]


def test_numbers_are_unique_and_writing_twice_is_once(clinic: Clinic) -> None:
    """The same write again is harmless, another patient under the number is refused."""
    first = make.patient()
    clinic.patients.add(first)
    clinic.patients.add(first)
    with pytest.raises(AlreadyExists):
        clinic.patients.add(make.patient(number=first.number))
    assert clinic.patients.count() == 1
    assert clinic.patients.by_number("P-999999") is None
    with pytest.raises(NotFound):
        clinic.patients.get("nobody")


def test_a_change_needs_the_version_that_was_read(clinic: Clinic) -> None:
    """And carries the search keys along."""
    before = make.patient()
    clinic.patients.add(before)
    after = clinic.patients.save(replace(before, name="Asha Menon", phone=""))

    assert clinic.patients.get(before.id) == after
    assert find(clinic, "menon") == ["Asha Menon"]
    assert clinic.patients.by_phone("+919876543210") == []
    with pytest.raises(Conflict):
        clinic.patients.save(replace(before, name="Asha Shah"))


def test_families_share_a_phone(clinic: Clinic) -> None:
    """All of them are found, and the desk chooses."""
    family = [make.patient(name=name) for name in ("Asha Rao", "Vikram Rao", "Meera Rao")]
    clinic.patients.add_many(family)
    assert clinic.patients.by_phone("+919876543210") == family
    assert find(clinic, "98765") == ["Asha Rao", "Meera Rao", "Vikram Rao"]


def test_a_search_is_bounded_and_reads_by_the_index(clinic: Clinic) -> None:
    """However many match, and without looking at all patients."""
    clinic.patients.add_many(make.patient(name=f"Kumar {n:03d}") for n in range(120))
    clinic.patients.add(make.patient(name="Asha Kumari"))

    assert len(find(clinic, "kumar")) == 50
    assert len(find(clinic, "kumar", most=5)) == 5
    assert find(clinic, "kumar asha") == ["Asha Kumari"]
    assert find(clinic, "kumar (") == find(clinic, "kumar")
    plan = clinic.database.command({"explain": {"find": "patients", "filter": {"keys": "kuma"}}})
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])


def test_the_latest_come_first(clinic: Clinic) -> None:
    """By number."""
    people = [make.patient(number=f"P-{n:06d}") for n in (2, 9, 5)]
    clinic.patients.add_many(people)
    assert [p.number for p in clinic.patients.latest(2)] == ["P-000009", "P-000005"]


def test_a_list_shows_a_change_made_here_at_once(clinic: Clinic) -> None:
    """And one made elsewhere after five seconds, because a list remembers whom it read."""
    asha, ben = make.patient(number="P-000001"), make.patient(number="P-000002", name="Ben")
    clinic.patients.add_many([asha, ben])
    assert clinic.patients.for_list([asha.id, ben.id, "nobody"]) == {asha.id: asha, ben.id: ben}

    here = clinic.patients.save(replace(asha, allergies="Latex"))
    Patients(clinic.database).save(replace(ben, allergies="Nuts"))
    shown = clinic.patients.for_list([asha.id, ben.id])

    assert shown[asha.id] == here
    assert shown[ben.id] == ben
