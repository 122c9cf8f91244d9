"""The service catalogue as a list and a form; what an existing service costs is its price list's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import streamlit as st

from clinic_core.clinic import Clinic, DirectoryView
from clinic_core.domain import money, pricing
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import CELL_MINUTES, LONGEST_MINUTES
from clinic_core.domain.organization import HealthcareService, Organization
from clinic_core.domain.people import clean_name
from clinic_core.services import directory
from ui import forms, settings_prices, text, versioned
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
    "package_of": "Package of sessions of",
    "package_sessions": "Sessions",
    "free_revisits": "Revisits can be free",
    "active": "Offered",
}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw what can be booked and billed, and a form to change or add one."""
    view = clinic.directory()
    chosen = choose("Service", view.services, show=_label, new="New service", key=_NAME)
    form = RecordForm(
        name=_NAME,
        labels=_LABELS,
        draw=lambda base: _draw(base, view),
        write=lambda record: directory.save_service(clinic, actor, record),
        latest=lambda i: versioned.newest(clinic).services[i],
    )
    fresh = HealthcareService(id=forms.form_id(_NAME), code="", name="", minutes=15, price_minor=0, version=0)
    form.show(chosen or fresh, saved="The service is saved." if chosen else "The service is added.")
    if chosen and chosen.package_of:
        covered = view.services[chosen.package_of].name
        st.caption(f"A package of {chosen.package_sessions} sessions of {text.plain(covered)}.")
    if chosen:
        settings_prices.show(clinic, actor, chosen)
    if view.services:
        today = clinic.today()
        lines = [_row(service, view.organization, today) for service in view.services.values()]
        listing("All services", ("Name", "Code", *_NUMBERS, ""), lines, key=_NAME, right=_NUMBERS)
    else:
        st.info("Nothing can be booked yet: add the first service above, for example a consultation of 15 minutes.")


def _draw(base: HealthcareService, view: DirectoryView) -> Callable[[], HealthcareService]:
    def key(field: str) -> str:
        return versioned.key(f"{_NAME}.{base.id}", field, getattr(base, field))

    fields = st.grid(2)  # each its own cell, so that a phone keeps their order
    code = fields.text_input(_LABELS["code"], base.code, key=key("code"), max_chars=12, placeholder="CONS")
    name = fields.text_input(_LABELS["name"], base.name, key=key("name"), max_chars=120, placeholder="Consultation")
    first = _first_price(fields, base, view, key) if not base.version else lambda: base
    minutes = fields.number_input(
        _LABELS["minutes"], CELL_MINUTES, LONGEST_MINUTES, base.minutes, CELL_MINUTES, key=key("minutes")
    )
    with fields.container():
        active = st.checkbox(
            _LABELS["active"],
            base.active,
            key=key("active"),
            help="Without it nobody can book or bill it; the past stays.",
        )
        revisits = _may_be_free(base, view, key)
    return lambda: replace(
        first(),
        code=code.strip().upper(),
        name=clean_name(name),
        minutes=int(minutes),
        free_revisits=revisits,
        active=active,
    )


def _may_be_free(base: HealthcareService, view: DirectoryView, key: Callable[[str], str]) -> bool:
    days = view.organization.free_revisit_days
    if not days or base.package_of:
        return base.free_revisits
    return st.checkbox(
        _LABELS["free_revisits"],
        base.free_revisits,
        key=key("free_revisits"),
        help=f"Within {days} days of a visit that was charged.",
    )


def _first_price(
    fields: Any, base: HealthcareService, view: DirectoryView, key: Callable[[str], str]
) -> Callable[[], HealthcareService]:
    """What a new service costs, and whether it is a package: both are on record once it is added."""
    clinic = view.organization
    covered = {s.id: s.name for s in view.active_services if not s.package_of}
    price = fields.text_input(f"Price in {clinic.currency}", "", key=key("price_minor"), placeholder="500.00")
    tax = fields.text_input(_LABELS["tax_basis_points"], "", key=key("tax_basis_points"), placeholder="0")
    package_of = fields.selectbox(
        _LABELS["package_of"],
        ("", *covered),
        format_func=lambda i: covered.get(i, "no package"),
        key=key("package_of"),
        help="Sold once on an ordinary bill; later visits for that service use up its sessions.",
    )
    sessions = fields.number_input(_LABELS["package_sessions"], 0, 1_000, 0, 1, key=key("package_sessions"))
    return lambda: replace(
        base,
        price_minor=money.parse_minor(price or "0", clinic.currency, clinic.locale),
        tax_basis_points=money.parse_percent(tax or "0"),
        package_of=package_of or None,
        package_sessions=int(sessions),
    )


def _label(service: HealthcareService) -> str:
    return f"{service.code} · {service.name}" + ("" if service.active else " (not offered)")


def _row(service: HealthcareService, clinic: Organization, today: date) -> Row:
    price = pricing.price_on(service, today)
    holds = f" ({service.package_sessions} sessions)" if service.package_of else ""
    return Row(
        id=service.id,
        label=service.name,
        cells=(
            service.name + holds,
            service.code,
            str(service.minutes),
            clinic.money(price.price_minor),
            f"{money.show_percent(price.tax_basis_points)} %",
            "" if service.active else Mark("Not offered"),
        ),
        steps=CHANGE,
    )
