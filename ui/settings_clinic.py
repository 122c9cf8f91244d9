"""The clinic's profile as a form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import choices, ids
from clinic_core.domain.access import Actor
from clinic_core.domain.organization import Organization, Room, TaxRounding, TaxRule
from clinic_core.services import directory
from ui import forms, session, text, versioned

_NAME: Final = "settings.clinic"
_SLOTS: Final = (5, 10, 15, 20, 30, 60)
_LABELS: Final = {
    "name": "Name",
    "address": "Address",
    "phone": "Phone",
    "tax_id": "Tax id",
    "currency": "Currency",
    "locale": "Numbers and money",
    "region": "Region",
    "time_zone": "Time zone",
    "tax_rule": "Tax",
    "invoice_prefix": "Invoice prefix",
    "slot_minutes": "Slot",
    "rooms": "Rooms",
}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the profile and save what was changed."""
    base = versioned.opened(_NAME, clinic.organization())
    clashing = versioned.is_clashing(_NAME)
    with st.form(_NAME, border=False):
        left, right = st.columns(2, gap="medium")
        with left:
            changes = _identity(base) | _rooms(base)
        with right:
            changes |= _place(base) | _money(base)
        saving = st.form_submit_button("Save", type="secondary" if clashing else "primary", icon=":material/save:")
    if saving:
        with session.show_errors():
            _save(clinic, actor, replace(base, **changes))
    versioned.show_clash(_NAME, _LABELS, write=lambda record: directory.save_organization(clinic, actor, record))


def _save(clinic: Clinic, actor: Actor, wanted: Organization) -> None:
    wanted = replace(wanted, locale=choices.check_locale(wanted.locale))
    versioned.save(
        _NAME,
        wanted,
        write=lambda record: directory.save_organization(clinic, actor, record),
        latest=lambda: versioned.newest(clinic).organization,
    )
    forms.done("The clinic's profile is saved.")


def _identity(base: Organization) -> dict[str, Any]:
    st.subheader("The clinic")
    return {
        "name": _text(base, "name", max_chars=120, help="Printed on invoices and receipts."),
        "address": st.text_area("Address", base.address, key=_key("address", base.address), max_chars=400, height=100),
        "phone": _text(base, "phone", max_chars=40),
        "tax_id": _text(base, "tax_id", max_chars=40, help="Printed on invoices, for example a GSTIN or VAT number."),
    }


def _place(base: Organization) -> dict[str, Any]:
    st.subheader("Place and time")
    regions = choices.regions()
    return {
        "time_zone": _choice(base, "time_zone", choices.time_zones()),
        "region": _choice(
            base, "region", tuple(regions), names=regions, help="How a phone number without a country code is read."
        ),
        "slot_minutes": st.segmented_control(
            "Slot in minutes",
            _SLOTS if base.slot_minutes in _SLOTS else sorted((*_SLOTS, base.slot_minutes)),
            default=base.slot_minutes,
            key=_key("slot", base.slot_minutes),
            required=True,
            help="The grid of the day view.",
        ),
    }


def _money(base: Organization) -> dict[str, Any]:
    st.subheader("Money")
    names = choices.currencies()
    example, number = text.plain(base.money(1_234_567)), text.plain(f"{base.invoice_prefix}-2026-00042")
    changes = {
        "currency": _choice(
            base,
            "currency",
            tuple(names),
            names=names,
            help="Invoices keep the currency they were issued in; prices of services keep their figures.",
        ),
        "locale": _text(
            base,
            "locale",
            max_chars=20,
            help=f"Language and region, like en_IN. Now: {example}",
        ),
        "invoice_prefix": _text(
            base,
            "invoice_prefix",
            max_chars=10,
            help=f"Numbers look like {number}.",
        ),
    }
    return changes | {"tax_rule": _tax_rule(base.tax_rule)}


def _tax_rule(rule: TaxRule) -> TaxRule:
    inclusive = st.radio(
        "Prices are",
        (False, True),
        index=int(rule.inclusive),
        format_func=lambda inside: "tax included" if inside else "plus tax",
        key=_key("inclusive", rule.inclusive),
        horizontal=True,
    )
    roundings = tuple(TaxRounding)
    rounding = st.radio(
        "Tax is rounded",
        roundings,
        index=roundings.index(rule.rounding),
        format_func=lambda where: "on each line" if where is TaxRounding.LINE else "once per tax rate",
        key=_key("rounding", rule.rounding),
        horizontal=True,
        help="Issued invoices keep the rule of their day.",
    )
    return TaxRule(inclusive=bool(inclusive), rounding=TaxRounding(rounding))


def _rooms(base: Organization) -> dict[str, Any]:
    st.subheader("Rooms")
    st.caption("One visit at a time uses a room. Clear a name to remove it.")
    typed = [
        (room.id, st.text_input(f"Room {n}", room.name, key=_key(room.id, room.name), max_chars=60))
        for n, room in enumerate(base.rooms, 1)
    ]
    added = st.text_input("Another room", key=_key("room", base.rooms), max_chars=60, placeholder="Room name")
    typed.append((ids.derived_id("room", f"{base.version}:{added}"), added))
    return {"rooms": tuple(Room(id=i, name=name.strip()) for i, name in typed if name and name.strip())}


def _text(base: Organization, field: str, **options: Any) -> str:
    value = getattr(base, field)
    return st.text_input(_LABELS[field], value, key=_key(field, value), **options) or ""


def _choice(
    base: Organization, field: str, codes: tuple[str, ...], *, names: Any = None, help: str | None = None
) -> str:
    value = getattr(base, field)
    options = codes if value in codes else (value, *codes)
    chosen: str = st.selectbox(
        _LABELS[field],
        options,
        index=options.index(value),
        format_func=lambda code: f"{code} · {names[code]}" if names and code in names else code,
        key=_key(field, value),
        help=help,
    )
    return chosen


def _key(field: str, value: object) -> str:
    return versioned.key(_NAME, field, value)
