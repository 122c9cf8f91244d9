"""The clinic's profile as a form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import choices, ids
from clinic_core.domain.access import Actor
from clinic_core.domain.organization import Organization, Room
from clinic_core.services import directory
from ui import forms, session, text, versioned
from ui.settings_fields import ProfileFields

_NAME: Final = "settings.clinic"
_SLOTS: Final = (5, 10, 15, 20, 30, 60)
_LABELS: Final = {
    "name": "Name",
    "address": "Address",
    "phone": "Phone",
    "tax_id": "Tax id",
    "locale": "Numbers and money",
    "region": "Region",
    "time_zone": "Time zone",
    "slot_minutes": "Slot",
    "rooms": "Rooms",
}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the profile and save what was changed."""
    base = versioned.opened(_NAME, clinic.organization())
    fields = ProfileFields(_NAME, base, _LABELS)
    clashing = versioned.is_clashing(_NAME)
    with st.form(_NAME, border=False):
        left, right = st.columns(2, gap="medium")
        with left:
            changes = _identity(fields) | _rooms(fields)
        with right:
            changes |= _place(fields)
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


def _identity(fields: ProfileFields) -> dict[str, Any]:
    address = fields.base.address
    st.subheader("The clinic")
    return {
        "name": fields.text("name", max_chars=120, help="Printed on invoices and receipts."),
        "address": st.text_area("Address", address, key=fields.key("address", address), max_chars=400, height=100),
        "phone": fields.text("phone", max_chars=40),
        "tax_id": fields.text("tax_id", max_chars=40, help="Printed on invoices, for example a GSTIN or VAT number."),
    }


def _place(fields: ProfileFields) -> dict[str, Any]:
    st.subheader("Place and time")
    base, regions = fields.base, choices.regions()
    return {
        "time_zone": fields.choice("time_zone", choices.time_zones()),
        "region": fields.choice(
            "region", tuple(regions), names=regions, help="How a phone number without a country code is read."
        ),
        "locale": fields.text(
            "locale",
            max_chars=20,
            help=f"Language and region, like en_IN. Now: {text.plain(base.money(1_234_567))}",
        ),
        "slot_minutes": st.segmented_control(
            "Slot in minutes",
            _SLOTS if base.slot_minutes in _SLOTS else sorted((*_SLOTS, base.slot_minutes)),
            default=base.slot_minutes,
            key=fields.key("slot", base.slot_minutes),
            required=True,
            help="The grid of the day view.",
        ),
    }


def _rooms(fields: ProfileFields) -> dict[str, Any]:
    base = fields.base
    st.subheader("Rooms")
    st.caption("One visit at a time uses a room. Clear a name to remove it.")
    typed = [
        (room.id, st.text_input(f"Room {n}", room.name, key=fields.key(room.id, room.name), max_chars=60))
        for n, room in enumerate(base.rooms, 1)
    ]
    added = st.text_input("Another room", key=fields.key("room", base.rooms), max_chars=60, placeholder="Room name")
    typed.append((ids.derived_id("room", f"{base.version}:{added}"), added))
    return {"rooms": tuple(Room(id=i, name=name.strip()) for i, name in typed if name and name.strip())}
