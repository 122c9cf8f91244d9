"""Practitioners as a list and a form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.people import Practitioner, clean_name
from clinic_core.services import directory
from ui import forms, versioned
from ui.record_form import CHANGE, RecordForm, choose, listing
from ui.rows import Mark, Row

_NAME = "settings.practitioner"
_LABELS = {"name": "Name", "speciality": "Speciality", "licence": "Licence", "active": "Sees patients"}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw who sees patients, and a form to change or add one."""
    known = clinic.directory().practitioners
    chosen = choose("Practitioner", known, show=_label, new="New practitioner", key=_NAME)
    form = RecordForm(
        name=_NAME,
        labels=_LABELS,
        draw=_draw,
        write=lambda record: directory.save_practitioner(clinic, actor, record),
        latest=lambda i: versioned.newest(clinic).practitioners[i],
    )
    fresh = Practitioner(id=forms.form_id(_NAME), name="", version=0)
    form.show(
        chosen or fresh, saved="The practitioner is saved." if chosen else "Added. Enter the working hours under Hours."
    )
    if known:
        columns = ("Name", "Speciality", "Licence", "")
        listing("All practitioners", columns, [_row(p) for p in known.values()], key=_NAME)
    else:
        st.info("Nobody sees patients yet: add the first practitioner above, then enter the working hours under Hours.")


def _draw(base: Practitioner) -> Callable[[], Practitioner]:
    def key(field: str) -> str:
        return versioned.key(f"{_NAME}.{base.id}", field, getattr(base, field))

    fields = st.grid(2)  # each its own cell, so that a phone keeps their order
    name = fields.text_input(_LABELS["name"], base.name, key=key("name"), max_chars=120, placeholder="Dr Asha Rao")
    speciality = fields.text_input(_LABELS["speciality"], base.speciality, key=key("speciality"), max_chars=80)
    licence = fields.text_input(
        _LABELS["licence"], base.licence, key=key("licence"), max_chars=60, help="The number under which they practise."
    )
    active = fields.checkbox(
        _LABELS["active"], base.active, key=key("active"), help="Without it nobody can book with them; the past stays."
    )
    return lambda: replace(
        base, name=clean_name(name), speciality=speciality.strip(), licence=licence.strip(), active=active
    )


def _label(practitioner: Practitioner) -> str:
    return practitioner.name if practitioner.active else f"{practitioner.name} (not active)"


def _row(practitioner: Practitioner) -> Row:
    left = Mark("Not active") if not practitioner.active else ""
    return Row(
        id=practitioner.id,
        label=practitioner.name,
        cells=(practitioner.name, practitioner.speciality, practitioner.licence, left),
        steps=CHANGE,
    )
