"""The clinic's profile, practitioners, services and hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import InvoiceStatus, PaymentMethod
from clinic_core.domain.organization import Organization, Room, TaxRounding, TaxRule
from clinic_core.domain.schedules import Absence, Opening, parse_openings
from clinic_core.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound
from clinic_core.services import billing, directory, settlement
from tests import make
from tests.conftest import World


def test_a_profile_is_kept_and_seen_at_once(clinic: Clinic, manager: Actor) -> None:
    """Every screen of this process reads the new one from the next run on."""
    assert clinic.organization() == Organization()
    wanted = make.organization(
        name=" Praxis  Süd ",
        currency="EUR",
        locale="de-DE",
        region="DE",
        time_zone="Europe/Berlin",
        tax_rule=TaxRule(inclusive=True, rounding=TaxRounding.TOTAL),
    )

    saved = directory.save_organization(clinic, manager, wanted)

    assert (saved.name, saved.locale, saved.version) == ("Praxis Süd", "de_DE", 1)
    assert clinic.organization() == saved
    assert clinic.zone.key == "Europe/Berlin"
    assert clinic.money(123_450) == "1.234,50\xa0€"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"currency": "EURO"}, "currency"),
        ({"locale": "klingon"}, "locale"),
        ({"region": "XX"}, "region"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"invoice_prefix": "in voice"}, "invoice_prefix"),
        ({"invoice_prefix": ""}, "invoice_prefix"),
        ({"slot_minutes": 7}, "slot_minutes"),
        ({"slot_minutes": 0}, "slot_minutes"),
        ({"rooms": (Room(id="r", name=" "),)}, "rooms"),
        ({"rooms": (Room(id="r", name="A"), Room(id="r", name="B"))}, "rooms"),
    ],
)
def test_a_profile_that_cannot_be_names_its_field(
    clinic: Clinic, manager: Actor, changes: dict[str, Any], field: str
) -> None:
    """Nothing is saved."""
    with pytest.raises(InvalidInput) as refused:
        directory.save_organization(clinic, manager, make.organization(**changes))
    assert refused.value.field == field
    assert clinic.organization_store.all() == []


def test_a_prefix_stays_with_its_kind_of_paper(world: World, manager: Actor) -> None:
    """INV becomes X, then CN becomes INV: there would be two papers INV-2026-00001. Last year's series count too."""
    clinic, profile = world.clinic, world.clinic.organization()
    issued = billing.issue(clinic, manager, clinic.invoices.add(make.invoice(patient_id=world.asha.id)))
    settlement.credit_note(clinic, manager, issued, key="k", amounts={0: 100}, reason="Slip")
    clinic.invoices.add_history("OLD-1999", [make.invoice(source_id="1", status=InvoiceStatus.CANCELLED)])
    moved = directory.save_organization(clinic, manager, replace(profile, invoice_prefix="X"))
    for prefix in ("INV", "OLD"):
        with pytest.raises(InvalidInput, match="Invoices are numbered") as refused:
            directory.save_organization(clinic, manager, replace(moved, credit_note_prefix=prefix))
        assert refused.value.field == "credit_note_prefix"
    moved = directory.save_organization(clinic, manager, replace(moved, credit_note_prefix="C"))
    with pytest.raises(InvalidInput, match="Credit notes are numbered"):
        directory.save_organization(clinic, manager, replace(moved, invoice_prefix="CN"))
    back = replace(moved, invoice_prefix="INV", credit_note_prefix="CN")
    assert directory.save_organization(clinic, manager, back).invoice_prefix == "INV"


def test_the_time_zone_stays_once_a_visit_is_booked(world: World, manager: Actor) -> None:
    """The days of the visits were reckoned by it; everything else may change."""
    profile = world.clinic.organization()
    world.clinic.appointments.add(make.appointment())
    with pytest.raises(InvalidInput, match="The time zone stays Asia/Kolkata"):
        directory.save_organization(world.clinic, manager, replace(profile, time_zone="Europe/Berlin"))
    assert directory.save_organization(world.clinic, manager, replace(profile, name="Other")).version == 2


def test_the_currency_stays_once_money_is_booked(world: World, manager: Actor) -> None:
    """Balances carry no currency: 500.00 held in rupees would be 500.00 in euros from one click on."""
    profile = directory.save_organization(world.clinic, manager, replace(world.clinic.organization(), currency="USD"))
    cash = {"amount_minor": 50_000, "method": PaymentMethod.CASH}
    settlement.deposit(world.clinic, manager, world.asha.id, key="d", **cash)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="The currency stays USD") as refused:
        directory.save_organization(world.clinic, manager, replace(profile, currency="EUR"))
    assert refused.value.field == "currency"
    assert directory.save_organization(world.clinic, manager, replace(profile, name="Other")).currency == "USD"


def test_a_double_click_saves_once_and_a_stale_form_is_a_conflict(world: World, manager: Actor, admin: Actor) -> None:
    """The same record again is fine; another one made from the same version is not."""
    clinic, before = world.clinic, world.clinic.organization()
    first = directory.save_organization(clinic, manager, replace(before, name="A"))

    assert directory.save_organization(clinic, manager, replace(before, name="A")) == first
    with pytest.raises(Conflict):
        directory.save_organization(clinic, admin, replace(before, name="B"))


def test_new_and_changed_practitioners(world: World, manager: Actor) -> None:
    """Version 0 is new, also when the button is pressed twice."""
    new = make.practitioner(id="dr-c", name=" Dr  C ", version=0)
    saved = directory.save_practitioner(world.clinic, manager, new)

    assert directory.save_practitioner(world.clinic, manager, new) == saved
    assert (saved.name, saved.version) == ("Dr C", 1)
    assert [p.name for p in world.clinic.directory().practitioners.values()] == ["Dr A", "Dr B", "Dr C"]
    with pytest.raises(InvalidInput):
        directory.save_practitioner(world.clinic, manager, replace(saved, name=""))
    gone = directory.save_practitioner(world.clinic, manager, replace(saved, active=False))
    assert gone not in world.clinic.directory().active_practitioners


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"code": " "}, "code"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 13}, "minutes"),
        ({"minutes": 485}, "minutes"),
        ({"price_minor": -1}, "price_minor"),
        ({"tax_basis_points": 10_001}, "tax_basis_points"),
    ],
)
def test_a_service_that_cannot_be_names_its_field(
    world: World, manager: Actor, changes: dict[str, Any], field: str
) -> None:
    """Its length, price, tax and names."""
    with pytest.raises(InvalidInput) as refused:
        directory.save_service(world.clinic, manager, replace(world.consultation, **changes))
    assert refused.value.field == field


def test_a_code_belongs_to_one_service(world: World, manager: Actor) -> None:
    """For a new service and for a changed one; the code is kept in capitals."""
    clinic = world.clinic
    new = make.service(id="x", code=" ecg ", name="ECG", version=0)
    assert directory.save_service(clinic, manager, new).code == "ECG"
    with pytest.raises(AlreadyExists, match="code is used already"):
        directory.save_service(clinic, manager, make.service(id="y", code="cons", version=0))
    with pytest.raises(AlreadyExists, match="code is used already"):
        directory.save_service(clinic, manager, replace(world.dressing, code="FOLL"))


def test_hours_and_absences_are_kept_in_order(world: World, manager: Actor) -> None:
    """By date, whatever the order in which they were entered."""
    late, early = (
        Absence(start_on=make.MONDAY + timedelta(days=n), end_on=make.MONDAY + timedelta(days=n + 1)) for n in (9, 2)
    )
    present = world.clinic.directory().schedule(make.DR_A)
    saved = directory.save_schedule(world.clinic, manager, replace(present, absences=(late, early)))
    assert saved.absences == (early, late)
    assert world.clinic.directory().schedule(make.DR_A) == saved


def test_hours_that_cannot_be_are_refused(world: World, manager: Actor) -> None:
    """Overlapping or backward openings, absences that end before they begin, hours of nobody."""
    present = world.clinic.directory().schedule(make.DR_A)
    nine, ten = parse_openings("9-10")[0], parse_openings("10-12")[0]
    wrong = (
        {"weekly": (((nine, replace(nine))),) * 7},
        {"weekly": ((ten, nine),) * 7},
        {"weekly": ((Opening(start=ten.start, end=nine.start),),) * 7},
        {"weekly": ((nine,),) * 6},
        {"absences": (Absence(start_on=make.TUESDAY, end_on=make.MONDAY),)},
    )
    for changes in wrong:
        with pytest.raises(InvalidInput):
            directory.save_schedule(world.clinic, manager, replace(present, **changes))  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        directory.save_schedule(world.clinic, manager, make.schedule("nobody"))


def test_every_change_is_audited_and_only_managers_change(world: World, manager: Actor, reception: Actor) -> None:
    """What was changed, in which version."""
    directory.save_service(world.clinic, manager, replace(world.consultation, minutes=20))
    line = world.clinic.audit.store.latest(since=make.NOW, until=make.NOW + timedelta(days=1))[0]
    assert (line.action, line.record_id, line.detail) == (
        "settings.write",
        make.CONSULTATION,
        {"kind": "service", "version": "2"},
    )
    with pytest.raises(Forbidden):
        directory.save_service(world.clinic, reception, world.consultation)
