"""The small collections: versions, unique codes, double clicks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain import templates
from clinic_core.domain.messages import Channel, MessageKind, MessagePolicy
from clinic_core.domain.organization import Room, TaxRounding, TaxRule
from clinic_core.domain.schedules import Absence
from clinic_core.errors import AlreadyExists, Conflict, NotFound
from tests import make


def test_what_is_saved_is_read_back(clinic: Clinic) -> None:
    """Nested rules, rooms, times of day and days."""
    profile = make.organization(
        tax_rule=TaxRule(inclusive=True, rounding=TaxRounding.TOTAL), rooms=(Room(id="1", name="A"),)
    )
    away = Absence(start_on=date(2026, 3, 9), end_on=date(2026, 3, 13), reason="leave")
    assert clinic.organization_store.save(profile) == clinic.organization_store.get("clinic")
    assert clinic.schedules.save(make.schedule(absences=(away,))) == clinic.schedules.get(make.DR_A)
    assert clinic.organization_store.get("clinic").rooms == profile.rooms


def test_the_clinics_words_lie_over_the_default_ones(clinic: Clinic) -> None:
    """What was saved comes back with its times and prices, and leaves every other kind its words."""
    policy = MessagePolicy(quiet_from=time(22, 30), reminder_minutes=(90,), kinds=(MessageKind.REMINDER,))
    own = replace(templates.DEFAULTS["reminder:sms:hi"], body="{day} {time}")
    assert clinic.message_policies.save(policy) == clinic.message_policies.get("messages")
    clinic.templates.save(own)
    clinic.forget_directory()

    view = clinic.directory()
    assert view.message_policy == replace(policy, version=1)
    assert view.template(MessageKind.REMINDER, Channel.SMS, "hi") == replace(own, version=1)
    assert view.template(MessageKind.REMINDER, Channel.SMS) == templates.DEFAULTS["reminder:sms:en"]
    assert len(view.templates) == len(templates.DEFAULTS)


def test_version_zero_is_new_and_the_next_save_needs_the_version(clinic: Clinic) -> None:
    """Saved twice from one version is a conflict, unless both say the same."""
    new = make.practitioner(version=0)
    first = clinic.practitioners.save(new)
    second = clinic.practitioners.save(replace(first, name="Dr Ada"))

    assert (first.version, second.version) == (1, 2)
    assert clinic.practitioners.save(replace(first, name="Dr Ada")) == second
    with pytest.raises(Conflict):
        clinic.practitioners.save(replace(first, name="Dr Eve"))
    with pytest.raises(Conflict):
        clinic.practitioners.save(replace(new, name="Dr Eve"))
    with pytest.raises(Conflict):
        clinic.practitioners.save(make.practitioner(id="nobody", version=3))
    assert clinic.practitioners.all() == [second]


def test_a_code_is_unique(clinic: Clinic) -> None:
    """Added, saved as new, or changed to."""
    first, other = make.service(), make.service(id="other", code="ECG")
    clinic.catalogue.add(first)
    clinic.catalogue.add(first)
    clinic.catalogue.add(other)
    for wrong in (make.service(id="x"), make.service(id="x", version=0), replace(other, code="CONS")):
        with pytest.raises(AlreadyExists, match="This code is used already"):
            (clinic.catalogue.save if wrong.version == 0 or wrong.id == "other" else clinic.catalogue.add)(wrong)
    with pytest.raises(NotFound):
        clinic.catalogue.get("x")


def test_a_stale_form_of_a_new_service_is_a_conflict(clinic: Clinic) -> None:
    """Its code is taken by itself, which is not what is wrong."""
    new = make.service(version=0)
    assert clinic.catalogue.save(new) == clinic.catalogue.save(new)
    with pytest.raises(Conflict):
        clinic.catalogue.save(replace(new, name="Other"))


def test_a_view_is_shared_until_it_is_forgotten(clinic: Clinic) -> None:
    """At most two seconds old, and in order of name."""
    before = clinic.directory()
    clinic.practitioners.add(make.practitioner(name="Dr Zoe"))
    clinic.practitioners.add(make.practitioner(id="dr-b", name="dr adam", active=False))
    assert clinic.directory() is before

    clinic.forget_directory()
    view = clinic.directory()
    assert [p.name for p in view.practitioners.values()] == ["dr adam", "Dr Zoe"]
    assert [p.name for p in view.active_practitioners] == ["Dr Zoe"]
    assert view.schedule(make.DR_A).openings_on(make.MONDAY) == ()
