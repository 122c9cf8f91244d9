"""The service catalogue as a list and a form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import CELL_MINUTES, LONGEST_MINUTES
from clinic_core.domain.organization import HealthcareService, Organization
from clinic_core.domain.people import clean_name
from clinic_core.services import directory
from ui import forms, versioned
from ui.record_form import CHANGE, RecordForm, choose, listing
from ui.rows import Mark, Row

_NAME = "settings.service"
_NUMBERS = ("Minutes", "Price", "Tax")
_LABELS = {
    "code": "Code",
    "name": "Name",
    "minutes": "Minutes",
    "price_minor": "Price",
    "tax_basis_points": "Tax in %",
    "active": "Offered",
}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw what can be booked and billed, and a form to change or add one."""
    view = clinic.directory()
    chosen = choose("Service", view.services, show=_label, new="New service", key=_NAME)
    form = RecordForm(
        name=_NAME,
        labels=_LABELS,
        draw=lambda base: _draw(base, view.organization),
        write=lambda record: directory.save_service(clinic, actor, record),
        latest=lambda i: versioned.newest(clinic).services[i],
    )
    fresh = HealthcareService(id=forms.form_id(_NAME), code="", name="", minutes=15, price_minor=0, version=0)
    form.show(chosen or fresh, saved="The service is saved." if chosen else "The service is added.")
    if view.services:
        lines = [_row(service, view.organization) for service in view.services.values()]
        listing("All services", ("Name", "Code", *_NUMBERS, ""), lines, key=_NAME, right=_NUMBERS)
    else:
        st.info("Nothing can be booked yet: add the first service above, for example a consultation of 15 minutes.")


def _draw(base: HealthcareService, clinic: Organization) -> Callable[[], HealthcareService]:
    def key(field: str) -> str:
        return versioned.key(f"{_NAME}.{base.id}", field, getattr(base, field))

    fields = st.grid(2)  # each its own cell, so that a phone keeps their order
    code = fields.text_input(_LABELS["code"], base.code, key=key("code"), max_chars=12, placeholder="CONS")
    name = fields.text_input(_LABELS["name"], base.name, key=key("name"), max_chars=120, placeholder="Consultation")
    minutes = fields.number_input(
        _LABELS["minutes"], CELL_MINUTES, LONGEST_MINUTES, base.minutes, CELL_MINUTES, key=key("minutes")
    )
    price = fields.text_input(
        f"Price in {clinic.currency}", _price(base, clinic), key=key("price_minor"), placeholder="500.00"
    )
    tax = fields.text_input(_LABELS["tax_basis_points"], _percent(base), key=key("tax_basis_points"), placeholder="0")
    active = fields.checkbox(
        _LABELS["active"], base.active, key=key("active"), help="Without it nobody can book or bill it; the past stays."
    )
    return lambda: replace(
        base,
        code=code.strip().upper(),
        name=clean_name(name),
        minutes=int(minutes),
        price_minor=money.parse_minor(price or "0", clinic.currency, clinic.locale),
        tax_basis_points=money.parse_percent(tax or "0"),
        active=active,
    )


def _price(service: HealthcareService, clinic: Organization) -> str:
    new = not service.version
    return "" if new else str(money.to_decimal(service.price_minor, clinic.currency))


def _percent(service: HealthcareService) -> str:
    return money.show_percent(service.tax_basis_points) if service.version else ""


def _label(service: HealthcareService) -> str:
    return f"{service.code} · {service.name}" + ("" if service.active else " (not offered)")


def _row(service: HealthcareService, clinic: Organization) -> Row:
    return Row(
        id=service.id,
        label=service.name,
        cells=(
            service.name,
            service.code,
            str(service.minutes),
            clinic.money(service.price_minor),
            f"{money.show_percent(service.tax_basis_points)} %",
            "" if service.active else Mark("Not offered"),
        ),
        steps=CHANGE,
    )
