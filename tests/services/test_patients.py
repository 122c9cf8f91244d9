"""Registering patients, finding them again, and what each role sees of their record."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.ids import new_id
from clinic_core.domain.payers import Payer
from clinic_core.domain.people import ContactBy, Patient, Sex
from clinic_core.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound
from clinic_core.services import directory, patients
from clinic_core.services.patients import PatientForm
from tests import make
from tests.conftest import World

ASHA = PatientForm(
    name="  Asha   Rao ",
    birth_date=date(1990, 5, 17),
    sex="female",
    phone="098765 43210",
    email=" asha@example.org ",
    address="12 Hill Road\nPune",
    allergies="Penicillin",
    contact_by="email",
    language="pt_br",
    outreach_consent=True,
)


def register(clinic: Clinic, reception: Actor, **changes: object) -> Patient:
    """Register somebody who differs from Asha in what is given."""
    return patients.register(clinic, reception, replace(ASHA, **changes), patient_id=new_id())  # type: ignore[arg-type]


def test_a_registration_is_cleaned_numbered_and_audited(clinic: Clinic, reception: Actor) -> None:
    """Spaces go, the phone becomes international in the clinic's region, the first number is P-000001."""
    made = register(clinic, reception)

    assert made == clinic.patients.get(made.id)
    assert (made.number, made.name, made.phone, made.email) == (
        "P-000001",
        "Asha Rao",
        "+919876543210",
        "asha@example.org",
    )
    assert (made.sex, made.contact_by, made.birth_date_estimated) == (Sex.FEMALE, ContactBy.EMAIL, False)
    assert (made.language, made.outreach_consent) == ("pt-BR", True)
    line = clinic.audit.store.latest(since=make.NOW, until=make.NOW + timedelta(days=1))[0]
    assert (line.action, line.record_id, line.detail) == ("patient.write", made.id, {"number": "P-000001"})


def test_a_double_click_registers_once(clinic: Clinic, reception: Actor, clock: make.Clock) -> None:
    """The same form under the same id is one patient and one audit line; another form under it is refused."""
    patient_id = new_id()
    first = patients.register(clinic, reception, ASHA, patient_id=patient_id)
    clock.pass_(seconds=1)

    assert patients.register(clinic, reception, ASHA, patient_id=patient_id) == first
    with pytest.raises(AlreadyExists, match="saved already, as P-000001"):
        patients.register(clinic, reception, replace(ASHA, name="Asha Rau"), patient_id=patient_id)
    assert len(clinic.audit.store.latest(since=make.NOW, until=make.NOW + timedelta(days=1))) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"phone": "12"}, "phone"),
        ({"phone": "no phone"}, "phone"),
        ({"email": "asha"}, "email"),
        ({"birth_date": date(2026, 3, 3)}, "birth_date"),
        ({"birth_date": date(1800, 1, 1)}, "birth_date"),
        ({"birth_date": None, "age": 131}, "age"),
        ({"birth_date": None, "age": -1}, "age"),
        ({"sex": "f"}, "sex"),
        ({"contact_by": "pigeon"}, "contact_by"),
        ({"contact_by": "email", "email": ""}, "email"),
        ({"language": "klingon"}, "language"),
        ({"contact_by": "whatsapp", "phone": ""}, "phone"),
    ],
)
def test_what_cannot_be_names_its_field(
    clinic: Clinic, reception: Actor, changes: dict[str, object], field: str
) -> None:
    """The form can point at it, and nothing is written."""
    with pytest.raises(InvalidInput) as refused:
        register(clinic, reception, **changes)
    assert refused.value.field == field
    assert clinic.patients.count() == 0


def test_an_age_becomes_a_birth_date_that_stays(clinic: Clinic, reception: Actor, clock: make.Clock) -> None:
    """Editing later does not shift the estimate while the age still fits it; a real date ends the estimate."""
    made = register(clinic, reception, birth_date=None, age=40)
    assert (made.birth_date, made.birth_date_estimated) == (date(1986, 3, 2), True)

    clock.pass_(days=100)
    form = replace(ASHA, birth_date=None, age=40, notes="changed")
    same = patients.edit(clinic, reception, made, form)
    assert (same.birth_date, same.birth_date_estimated) == (date(1986, 3, 2), True)
    seen = patients.edit(clinic, reception, same, replace(form, birth_date=date(1986, 3, 2)))
    assert seen.birth_date_estimated
    real = patients.edit(clinic, reception, seen, replace(form, birth_date=date(1986, 4, 1)))
    assert (real.birth_date, real.birth_date_estimated) == (date(1986, 4, 1), False)


def test_editing_what_somebody_else_edited_is_a_conflict(clinic: Clinic, reception: Actor) -> None:
    """The later one reloads; a form without a change writes nothing."""
    made = register(clinic, reception)
    assert patients.edit(clinic, reception, made, ASHA) == made
    patients.edit(clinic, reception, made, replace(ASHA, allergies=""))

    with pytest.raises(Conflict):
        patients.edit(clinic, reception, made, replace(ASHA, notes="late"))
    assert clinic.patients.get(made.id).version == 2


def test_a_payer_is_chosen_kept_and_left(world: World, reception: Actor, manager: Actor) -> None:
    """One that is not active any more stays with whom it was chosen for; without a payer there is no member number."""
    clinic = world.clinic
    acme = directory.save_payer(clinic, manager, Payer(id="acme", name="Acme", version=0))
    insured = replace(ASHA, payer_id=acme.id, member_number=" M  1 ")
    made = patients.register(clinic, reception, insured, patient_id=new_id())
    assert (made.payer_id, made.member_number) == (acme.id, "M 1")

    directory.save_payer(clinic, manager, replace(acme, active=False))
    kept = patients.edit(clinic, reception, made, replace(insured, name="Asha R"))
    assert (kept.payer_id, kept.name) == (acme.id, "Asha R")
    for unknown in ("nobody", acme.id):
        with pytest.raises(InvalidInput, match="not in the list") as refused:
            patients.register(clinic, reception, replace(ASHA, payer_id=unknown), patient_id=new_id())
        assert refused.value.field == "payer_id"
    left = patients.edit(clinic, reception, kept, replace(insured, payer_id=""))
    assert (left.payer_id, left.member_number) == (None, "")


def test_an_edited_patient_is_found_by_the_new_name(clinic: Clinic, reception: Actor) -> None:
    """The search keys follow the record."""
    made = register(clinic, reception)
    after = patients.edit(clinic, reception, made, replace(ASHA, name="Asha Kulkarni", phone="+442071838750"))

    assert patients.search(clinic, reception, "kulkarni") == [after]
    assert patients.search(clinic, reception, "8750") == [after]
    assert patients.search(clinic, reception, "asha rao") == []


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("mull", ["Ben Müller"]),
        ("MÜL", ["Ben Müller"]),
        ("ben mu", ["Ben Müller"]),
        ("ller be", ["Ben Müller"]),
        ("p-3", ["Łukasz O'Brien"]),
        ("P-000003", ["Łukasz O'Brien"]),
        ("3", ["Łukasz O'Brien"]),
        ("lukasz", ["Łukasz O'Brien"]),
        ("obrien", ["Łukasz O'Brien"]),
        ("98765", ["Asha Rao", "Vikram Rao"]),
        ("+91 98765-43210", ["Asha Rao", "Vikram Rao"]),
        ("098765 43210", ["Asha Rao", "Vikram Rao"]),
        ("rao", ["Asha Rao", "Vikram Rao"]),
        ("rao asha", ["Asha Rao"]),
        ("आशा", []),
        ("r", []),
        ("", []),
        ("  ", []),
        ("zz", []),
        (".*", []),
    ],
)
def test_one_box_finds_by_name_phone_and_number(clinic: Clinic, reception: Actor, typed: str, found: list[str]) -> None:
    """Any part, any case, without accents, a phone in any format, and families who share one."""
    register(clinic, reception)
    register(clinic, reception, name="Ben Müller", phone="+49 30 901820", contact_by="none")
    register(clinic, reception, name="Łukasz O'Brien", phone="", contact_by="none")
    register(clinic, reception, name="Vikram Rao")

    assert [patient.name for patient in patients.search(clinic, reception, typed)] == found


def test_the_latest_come_first(clinic: Clinic, reception: Actor) -> None:
    """As many as are asked for."""
    for name in ("One", "Two", "Three"):
        register(clinic, reception, name=name)
    assert [p.name for p in patients.latest(clinic, reception, most=2)] == ["Three", "Two"]
    assert [p.name for p in patients.latest(clinic, reception)] == ["Three", "Two", "One"]

    clinic.counters.take("patient", 50)  # numbers that nobody got
    assert [p.name for p in patients.latest(clinic, reception, most=2)] == ["Three", "Two"]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (PatientForm(name="Rao Asha"), ["P-000001"]),
        (PatientForm(name="Asha Kulkarni", phone="9876543210"), ["P-000001"]),
        (PatientForm(name="asha", birth_date=date(1990, 5, 17)), ["P-000001"]),
        (PatientForm(name="Ásha  RAO", phone="98"), ["P-000001"]),
        (PatientForm(name="Meera Shah", phone="9876543210"), []),
        (PatientForm(name="Asha Menon"), []),
        (PatientForm(name=""), []),
        (PatientForm(name="…"), []),
    ],
)
def test_likely_duplicates(clinic: Clinic, reception: Actor, form: PatientForm, expected: list[str]) -> None:
    """The same words, or a shared word with the same phone or birth date; a family member is none."""
    register(clinic, reception)
    register(clinic, reception, name="Vikram Rao")
    assert [p.number for p in patients.likely_duplicates(clinic, reception, form)] == expected


def test_a_record_shows_what_its_reader_may_see(
    world: World, reception: Actor, doctor: Actor, colleague: Actor, admin: Actor
) -> None:
    """Reception sees bills and no notes, the doctor notes and no bills and only their own visits."""
    clinic = world.clinic
    seen = AppointmentStatus.FULFILLED
    past = make.at("10:00", make.MONDAY - timedelta(days=7))
    clinic.appointments.add(make.appointment(id="a", patient_id=world.asha.id, start=past, status=seen))
    clinic.appointments.add(make.appointment(id="b", patient_id=world.asha.id))
    clinic.encounters.save(make.encounter(id="a", patient_id=world.asha.id))
    clinic.invoices.add(make.invoice(patient_id=world.asha.id))

    desk, own, other = (patients.record(clinic, who, world.asha.id) for who in (reception, doctor, colleague))

    assert [a.id for a in desk.appointments] == ["b", "a"]
    assert (len(desk.encounters), len(desk.invoices)) == (0, 1)
    assert ([a.id for a in own.appointments], len(own.encounters), len(own.invoices)) == (["b", "a"], 1, 0)
    assert (other.appointments, len(other.encounters)) == ((), 1)
    assert {r.last_visit for r in (desk, own, other)} == {make.MONDAY - timedelta(days=7)}
    with pytest.raises(Forbidden):
        patients.record(clinic, admin, world.asha.id)
    with pytest.raises(NotFound):
        patients.record(clinic, reception, "nobody")
    reads = clinic.audit.store.latest(since=make.NOW, until=make.NOW + timedelta(days=1), patient_id=world.asha.id)
    assert sorted(line.username for line in reads) == ["colleague", "doctor", "reception"]
