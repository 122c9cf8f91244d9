"""Settings: profile, money, practitioners, services, payers and hours, changed by two people at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor
from clinic_core.domain.organization import Price, TaxRounding, TaxRule
from clinic_core.domain.payers import Payer
from clinic_core.domain.schedules import Absence, show_openings
from clinic_core.services import directory
from tests import make
from tests.conftest import World
from tests.pages import clicks, screen

SECTIONS = ["Clinic", "Money", "Practitioners", "Services", "Payers", "Hours", "Messages"]


def section(page: AppTest, name: str) -> AppTest:
    """Go to another part of the settings."""
    page.segmented_control(key="settings.section").set_value(name)
    return screen.run(page)


def choose(page: AppTest, label: str, value: str) -> AppTest:
    """Choose a record to change."""
    screen.field(page, "selectbox", label).set_value(value)
    return screen.run(page)


@pytest.mark.parametrize("name", SECTIONS)
def test_each_section_has_one_next_step(world: World, manager: Actor, name: str) -> None:
    """Exactly one button stands out."""
    page = section(screen.open_page("settings", world.clinic, manager), name)
    assert len(screen.primary(page)) == 1


@pytest.mark.parametrize("name", SECTIONS)
def test_each_section_helps_in_an_empty_clinic(clinic, manager: Actor, name: str) -> None:
    """Nothing is set up yet."""
    page = section(screen.open_page("settings", clinic, manager), name)
    assert not page.error
    if name not in ("Clinic", "Money"):  # of messages it says that none really go out yet
        assert page.info


def test_reception_is_refused(world: World, reception: Actor) -> None:
    """The page says so and draws nothing else."""
    page = screen.open_page("settings", world.clinic, reception)
    assert "may not open" in screen.errors(page)[0]
    assert not page.text_input


def test_the_profile_is_saved(world: World, manager: Actor) -> None:
    """Name, place and a new room."""
    page = screen.open_page("settings", world.clinic, manager)
    screen.fill(page, Name="Hilltop Clinic", Another_room="Room 2", Numbers_and_money="en-GB")
    screen.click(page, "Save")

    saved = world.clinic.organization()
    assert (saved.name, saved.locale) == ("Hilltop Clinic", "en_GB")
    assert [room.name for room in saved.rooms] == ["Room 1", "Room 2"]
    assert saved.rooms[0].id == make.ROOM
    assert [toast.value for toast in page.toast] == ["The clinic's profile is saved."]


def test_what_was_typed_survives_an_error(world: World, manager: Actor) -> None:
    """A wrong locale is refused; the new name is still there and goes in with the mended one."""
    page = screen.open_page("settings", world.clinic, manager)
    screen.fill(page, Name="Hilltop Clinic", Numbers_and_money="xx")
    screen.click(page, "Save")
    assert "en_IN" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Name").value == "Hilltop Clinic"

    screen.fill(page, Numbers_and_money="en_GB")
    screen.click(page, "Save")
    assert world.clinic.organization().name == "Hilltop Clinic"


def test_changes_of_two_people_to_different_fields_both_stay(world: World, manager: Actor, admin: Actor) -> None:
    """The second save does not undo the first."""
    page = screen.open_page("settings", world.clinic, manager)
    directory.save_organization(world.clinic, admin, replace(world.clinic.organization(), phone="+91 11 2345"))
    screen.fill(page, Name="Hilltop Clinic")
    screen.click(page, "Save")

    saved = world.clinic.organization()
    assert (saved.name, saved.phone) == ("Hilltop Clinic", "+91 11 2345")


@pytest.mark.parametrize(("button", "kept"), [("Keep what is saved", "Theirs"), ("Save what I typed", "Mine")])
def test_two_values_of_one_field_are_asked_about(
    world: World, manager: Actor, admin: Actor, button: str, kept: str
) -> None:
    """Nobody's change is lost silently; the rest of the form is saved either way."""
    page = screen.open_page("settings", world.clinic, manager)
    directory.save_organization(world.clinic, admin, replace(world.clinic.organization(), name="Theirs"))
    screen.fill(page, Name="Mine", Phone="+91 22 1")
    screen.click(page, "Save")
    assert world.clinic.organization().name == "Theirs"
    assert "Theirs" in screen.said(page) and "Mine" in screen.said(page)
    assert screen.primary(page) == ["Save what I typed"]

    screen.click(page, button)
    saved = world.clinic.organization()
    assert (saved.name, saved.phone) == (kept, "+91 22 1")
    assert screen.field(page, "text_input", "Name").value == kept


def test_a_practitioner_is_added_once(world: World, manager: Actor) -> None:
    """The form is empty again afterwards, and the list shows them."""
    page = section(screen.open_page("settings", world.clinic, manager), "Practitioners")
    screen.fill(page, Name="Dr C", Licence="KMC 1")
    screen.click(page, "Add")
    added = [p for p in world.clinic.directory().practitioners.values() if p.name == "Dr C"]
    assert [(p.licence, p.version) for p in added] == [("KMC 1", 1)]
    assert screen.field(page, "text_input", "Name").value == ""

    screen.run(page)
    assert len(world.clinic.directory().practitioners) == 3


def test_a_practitioner_is_retired(world: World, manager: Actor) -> None:
    """They stay on record and cannot be booked."""
    page = section(screen.open_page("settings", world.clinic, manager), "Practitioners")
    choose(page, "Practitioner", make.DR_B)
    screen.field(page, "checkbox", "Sees patients").set_value(False)
    screen.click(page, "Save")
    assert [p.id for p in world.clinic.directory().active_practitioners] == [make.DR_A]


def money_page(world: World, actor: Actor) -> AppTest:
    """The rules about money."""
    return section(screen.open_page("settings", world.clinic, actor), "Money")


def test_the_rules_about_money_are_saved(world: World, manager: Actor) -> None:
    """Amounts in major units, percentages, days, and where payments go."""
    page = money_page(world, manager)
    screen.field(page, "selectbox", "Currency").set_value("EUR")
    screen.field(page, "radio", "Prices are").set_value(True)
    screen.field(page, "radio", "Tax is rounded").set_value(TaxRounding.TOTAL)
    screen.fill(
        page, Late_cancellation_in_INR="100", Missed_visit_in_INR="250.50", Target_for_a_month_in_INR="1,00,000"
    )
    screen.field(page, "text_input", "Tax on fees in %").set_value("18")
    screen.field(page, "number_input", "Late: hours before the start").set_value(12)
    screen.field(page, "number_input", "Free revisits: days").set_value(7)
    screen.fill(page, Credit_note_prefix="CRN", UPI_id="sunrise@okbank", IBAN="de89 3704 0044 0532 0130 00")
    screen.fill(page, BIC="cobadeffxxx")
    screen.click(page, "Save")

    saved = world.clinic.organization()
    assert (saved.currency, saved.tax_rule) == ("EUR", TaxRule(inclusive=True, rounding=TaxRounding.TOTAL))
    assert (saved.late_cancel_fee_minor, saved.noshow_fee_minor, saved.fee_tax_basis_points) == (10_000, 25_050, 1_800)
    assert (saved.late_cancel_hours, saved.free_revisit_days, saved.monthly_target_minor) == (12, 7, 10_000_000)
    assert (saved.credit_note_prefix, saved.upi_id) == ("CRN", "sunrise@okbank")
    assert (saved.iban, saved.bic) == ("DE89370400440532013000", "COBADEFFXXX")
    assert [toast.value for toast in page.toast] == ["The rules about money are saved."]
    assert screen.field(page, "text_input", "IBAN").value == "DE89 3704 0044 0532 0130 00"


@pytest.mark.parametrize(
    ("label", "typed", "said"),
    [
        ("IBAN", "DE89 3704 0044 0532 0130 01", "This IBAN cannot be right"),
        ("UPI id", "sunrise", "This is no UPI id"),
        ("BIC", "x", "A BIC has 8 or 11"),
        ("Missed visit in INR", "ten", "is not an amount"),
        ("Credit note prefix", "INV", "not that of invoices"),
    ],
)
def test_a_rule_that_cannot_be_says_why(world: World, manager: Actor, label: str, typed: str, said: str) -> None:
    """Nothing is saved, and what was typed is still there."""
    page = money_page(world, manager)
    screen.field(page, "text_input", label).set_value(typed)
    screen.click(page, "Save")
    assert said in screen.errors(page)[0]
    assert screen.field(page, "text_input", label).value == typed
    assert world.clinic.organization().version == 1


def test_the_tax_rule_is_explained_by_examples(world: World, manager: Actor) -> None:
    """What a bill comes to, before anybody chooses."""
    page = money_page(world, manager)
    captions = [c for radio in page.radio for c in radio.proto.captions]
    shown = [caption.replace("\\", "") for caption in captions]
    assert shown == [
        "A service of ₹100.00 at 18 % is billed as ₹118.00, with ₹18.00 tax.",
        "A service of ₹100.00 at 18 % is billed as ₹100.00, ₹15.25 of it tax.",
        "Two lines of ₹0.25 at 10 %: ₹0.06 tax.",
        "Two lines of ₹0.25 at 10 %: ₹0.05 tax.",
    ]


def test_clinic_and_money_are_changed_one_after_the_other(world: World, manager: Actor) -> None:
    """Two forms over one record: neither undoes the other."""
    page = section(screen.open_page("settings", world.clinic, manager), "Money")
    screen.fill(page, Missed_visit_in_INR="5")
    screen.click(page, "Save")
    section(page, "Clinic")
    screen.fill(page, Name="Hilltop Clinic")
    screen.click(page, "Save")
    section(page, "Money")
    screen.fill(page, UPI_id="a.b@ok")
    screen.click(page, "Save")
    saved = world.clinic.organization()
    assert (saved.name, saved.noshow_fee_minor, saved.upi_id) == ("Hilltop Clinic", 500, "a.b@ok")


def test_a_new_service_is_priced_in_major_units(world: World, manager: Actor) -> None:
    """450.50 rupees are 45,050 paise; 17.5 % are 1,750 basis points."""
    page = section(screen.open_page("settings", world.clinic, manager), "Services")
    screen.fill(page, Code="ECG", Name="ECG", Price_in_INR="450.50")
    screen.field(page, "text_input", "Tax in %").set_value("17.5")
    screen.click(page, "Add")
    (saved,) = [s for s in world.clinic.directory().services.values() if s.code == "ECG"]
    assert (saved.price_minor, saved.tax_basis_points, saved.package_of) == (45_050, 1_750, None)


def test_a_package_is_added(world: World, manager: Actor) -> None:
    """Ten consultations, sold at once."""
    page = section(screen.open_page("settings", world.clinic, manager), "Services")
    screen.fill(page, Code="TEN", Name="Ten visits", Price_in_INR="4000")
    screen.field(page, "selectbox", "Package of sessions of").set_value(make.CONSULTATION)
    screen.click(page, "Add")
    assert "1 to 1000 sessions" in screen.errors(page)[0]
    screen.field(page, "number_input", "Sessions").set_value(10)
    screen.click(page, "Add")
    (saved,) = [s for s in world.clinic.directory().services.values() if s.code == "TEN"]
    assert (saved.package_of, saved.package_sessions) == (make.CONSULTATION, 10)
    assert "Ten visits (10 sessions)" in str(screen.component(page, "settings.service.list"))


def prices_of(world: World) -> list[tuple[date, int, int, str | None, bool]]:
    """What is stored of the consultation's prices."""
    found = world.clinic.catalogue.get(make.CONSULTATION).prices
    return [(p.from_on, p.price_minor, p.tax_basis_points, p.payer_id, p.ends) for p in found]


def test_a_price_is_entered_corrected_and_taken_back(world: World, manager: Actor) -> None:
    """From a day on; the past cannot even be chosen."""
    page = section(screen.open_page("settings", world.clinic, manager), "Services")
    choose(page, "Service", make.CONSULTATION)
    april = date(2026, 4, 1)
    screen.field(page, "date_input", "From").set_value(april)
    screen.fill(page, New_price_in_INR="600")
    screen.click(page, "Enter price")
    assert prices_of(world) == [(april, 60_000, 0, None, False)]
    assert screen.field(page, "date_input", "From").min == make.MONDAY

    clicks.step(page, f"settings.price.{make.CONSULTATION}.list", "2026-04-01:", "correct")
    assert screen.field(page, "text_input", "New price in INR").value == "600.00"
    screen.fill(page, New_price_in_INR="650")
    screen.field(page, "text_input", "Its tax in %").set_value("5")
    screen.click(page, "Enter price")
    assert prices_of(world) == [(april, 65_000, 500, None, False)]

    clicks.step(page, f"settings.price.{make.CONSULTATION}.list", "2026-04-01:", "drop")
    assert prices_of(world) == []


def test_the_form_of_a_service_keeps_prices_entered_meanwhile(world: World, manager: Actor, admin: Actor) -> None:
    """The name is changed on one screen, a price entered on another."""
    page = section(screen.open_page("settings", world.clinic, manager), "Services")
    choose(page, "Service", make.CONSULTATION)
    directory.set_price(world.clinic, admin, make.CONSULTATION, Price(from_on=date(2026, 4, 1), price_minor=1))
    screen.fill(page, Name="Visit")
    screen.click(page, "Save")
    saved = world.clinic.catalogue.get(make.CONSULTATION)
    assert (saved.name, [price.price_minor for price in saved.prices]) == ("Visit", [1])


def test_a_payers_price_and_its_end(world: World, manager: Actor) -> None:
    """An empty price gives its patients the clinic's again."""
    directory.save_payer(world.clinic, manager, Payer(id="acme", name="Acme", version=0))
    page = section(screen.open_page("settings", world.clinic, manager), "Services")
    choose(page, "Service", make.CONSULTATION)
    screen.click(page, "Enter price")
    assert "Enter the price" in screen.errors(page)[0]
    screen.field(page, "selectbox", "For").set_value("acme")
    screen.fill(page, New_price_in_INR="400")
    screen.click(page, "Enter price")
    screen.field(page, "date_input", "From").set_value(date(2026, 6, 1))
    screen.field(page, "selectbox", "For").set_value("acme")
    screen.click(page, "Enter price")
    assert prices_of(world) == [(make.MONDAY, 40_000, 0, "acme", False), (date(2026, 6, 1), 0, 0, "acme", True)]
    shown = screen.component(page, "settings.price.service-cons.list")["rows"]
    assert [row["cells"][2] for row in shown] == ["as everybody", "₹400.00", "₹500.00"]


def test_a_payer_is_added_and_changed(world: World, manager: Actor) -> None:
    """Its share in percent."""
    page = section(screen.open_page("settings", world.clinic, manager), "Payers")
    screen.fill(page, Name="Acme Health", Tax_id="T1")
    screen.field(page, "text_input", "Share of a bill in %").set_value("80")
    screen.field(page, "number_input", "Days to pay").set_value(45)
    screen.click(page, "Add")
    (saved,) = world.clinic.directory().payers.values()
    assert (saved.name, saved.share_basis_points, saved.credit_days, saved.version) == ("Acme Health", 8_000, 45, 1)
    choose(page, "Payer", saved.id)
    screen.field(page, "text_input", "E-mail").set_value("nobody")
    screen.click(page, "Save")
    assert "e-mail" in screen.errors(page)[0]
    screen.field(page, "text_input", "E-mail").set_value("claims@acme.example")
    screen.field(page, "checkbox", "Can be chosen").set_value(False)
    screen.click(page, "Save")
    assert world.clinic.directory().active_payers == []


def test_a_code_in_use_is_refused_and_nothing_typed_is_lost(world: World, manager: Actor) -> None:
    """The catalogue's codes are unique."""
    page = section(screen.open_page("settings", world.clinic, manager), "Services")
    screen.fill(page, Code="cons", Name="Second consultation", Price_in_INR="10")
    screen.click(page, "Add")
    assert "used already" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Name").value == "Second consultation"

    screen.fill(page, Code="cons2")
    screen.click(page, "Add")
    assert "CONS2" in {s.code for s in world.clinic.directory().services.values()}


def test_hours_are_copied_from_monday_and_saved(world: World, manager: Actor) -> None:
    """Copying fills the form, saving writes it."""
    page = section(screen.open_page("settings", world.clinic, manager), "Hours")
    screen.fill(page, Monday="8-12")
    screen.click(page, "Copy Monday to Tue–Fri")
    assert show_openings(world.clinic.directory().schedule(make.DR_A).weekly[1]) == "09:00-13:00, 14:00-18:00"
    assert screen.field(page, "text_input", "Friday").value == "8-12"

    screen.click(page, "Save hours")
    weekly = [show_openings(day) for day in world.clinic.directory().schedule(make.DR_A).weekly]
    assert weekly == ["08:00-12:00"] * 5 + ["09:00-13:00, 14:00-18:00", ""]


def test_wrong_hours_name_their_day(world: World, manager: Actor) -> None:
    """And what was typed stays."""
    page = section(screen.open_page("settings", world.clinic, manager), "Hours")
    screen.fill(page, Tuesday="9 to 5")
    screen.click(page, "Save hours")
    assert screen.errors(page)[0].startswith("Tuesday: ")
    assert screen.field(page, "text_input", "Tuesday").value == "9 to 5"


def test_an_absence_is_added_and_removed(world: World, manager: Actor) -> None:
    """Whole days away."""
    page = section(screen.open_page("settings", world.clinic, manager), "Hours")
    screen.field(page, "date_input", "First and last day").set_value((make.TUESDAY, date(2026, 3, 5)))
    screen.fill(page, Reason="Leave")
    screen.click(page, "Add absence")
    expected = Absence(start_on=make.TUESDAY, end_on=date(2026, 3, 5), reason="Leave")
    assert world.clinic.directory().schedule(make.DR_A).absences == (expected,)
    assert "Tue 3 Mar 2026" in screen.said(page)

    screen.click(page, "Remove")
    assert world.clinic.directory().schedule(make.DR_A).absences == ()


def test_an_absence_over_booked_visits_names_the_days(world: World, manager: Actor) -> None:
    """They stay booked: somebody has to call the patients."""
    world.clinic.appointments.add_many(
        [
            make.appointment(start=make.at("10:00", make.TUESDAY)),
            make.appointment(start=make.at("11:00", make.TUESDAY), patient_id="other"),
            make.appointment(start=make.at("12:00", make.TUESDAY), practitioner_id=make.DR_B, patient_id="third"),
        ]
    )
    page = section(screen.open_page("settings", world.clinic, manager), "Hours")
    screen.field(page, "date_input", "First and last day").set_value((make.TUESDAY, date(2026, 3, 5)))
    screen.click(page, "Add absence")
    assert "Tue 3 Mar 2026 (2). Move" in page.warning[0].value
