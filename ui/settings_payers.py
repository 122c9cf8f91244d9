"""Payers, insurers and employers, as a list and a form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.access import Actor
from clinic_core.domain.payers import Payer, PayerKind, check_payer
from clinic_core.services import directory
from ui import forms, versioned
from ui.record_form import CHANGE, RecordForm, choose, listing
from ui.rows import Mark, Row

_NAME: Final = "settings.payer"
_NUMBERS: Final = ("Share", "Days to pay")
_LABELS: Final = {
    "name": "Name",
    "kind": "Kind",
    "address": "Address",
    "tax_id": "Tax id",
    "email": "E-mail",
    "share_basis_points": "Share of a bill in %",
    "credit_days": "Days to pay",
    "active": "Can be chosen",
}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw who pays besides patients, and a form to change or add one."""
    known = clinic.directory().payers
    chosen = choose("Payer", known, show=_label, new="New payer", key=_NAME)
    form = RecordForm(
        name=_NAME,
        labels=_LABELS,
        draw=_draw,
        write=lambda record: directory.save_payer(clinic, actor, record),
        latest=lambda i: versioned.newest(clinic).payers[i],
    )
    fresh = Payer(id=forms.form_id(_NAME), name="", version=0)
    form.show(
        chosen or fresh,
        saved="The payer is saved." if chosen else "Added. Choose it in the record of each patient it pays for.",
    )
    if known:
        lines = [_row(payer) for payer in known.values()]
        listing("All payers", ("Name", "Kind", *_NUMBERS, ""), lines, key=_NAME, right=_NUMBERS)
    else:
        st.info("Patients pay alone: add an insurer or employer above, then choose it in the records of its patients.")


def _draw(base: Payer) -> Callable[[], Payer]:
    def key(field: str) -> str:
        return versioned.key(f"{_NAME}.{base.id}", field, getattr(base, field))

    fields = st.grid(2)  # each its own cell, so that a phone keeps their order
    name = fields.text_input(_LABELS["name"], base.name, key=key("name"), max_chars=120, placeholder="Acme Health")
    kind = fields.segmented_control(
        _LABELS["kind"],
        tuple(PayerKind),
        default=base.kind,
        format_func=lambda one: one.label,
        key=key("kind"),
        required=True,
    )
    share = fields.text_input(
        _LABELS["share_basis_points"],
        money.show_percent(base.share_basis_points),
        key=key("share_basis_points"),
        help="The front desk can change it on each bill. The patient owes the rest.",
    )
    days = fields.number_input(
        _LABELS["credit_days"], 0, 366, base.credit_days, 1, key=key("credit_days"), help="After the day of issue."
    )
    address = fields.text_input(
        _LABELS["address"], base.address, key=key("address"), max_chars=400, help="Printed on invoices and statements."
    )
    tax_id = fields.text_input(_LABELS["tax_id"], base.tax_id, key=key("tax_id"), max_chars=40)
    email = fields.text_input(_LABELS["email"], base.email, key=key("email"), max_chars=120)
    active = fields.checkbox(
        _LABELS["active"], base.active, key=key("active"), help="Without it no new bill is sent to it; the past stays."
    )
    return lambda: check_payer(
        replace(
            base,
            name=name,
            kind=PayerKind(kind),
            share_basis_points=money.parse_percent(share or "0"),
            credit_days=int(days),
            address=address,
            tax_id=tax_id,
            email=email,
            active=active,
        )
    )


def _label(payer: Payer) -> str:
    return payer.name if payer.active else f"{payer.name} (not active)"


def _row(payer: Payer) -> Row:
    return Row(
        id=payer.id,
        label=payer.name,
        cells=(
            payer.name,
            payer.kind.label,
            f"{money.show_percent(payer.share_basis_points)} %",
            str(payer.credit_days),
            "" if payer.active else Mark("Not active"),
        ),
        steps=CHANGE,
    )
