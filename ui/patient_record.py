"""One patient's record: who they are, what must not be overlooked, visits, bills and, for doctors, the notes."""

from __future__ import annotations

from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor, allows
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.billing import Invoice
from clinic_core.domain.people import Patient
from clinic_core.services import patients
from clinic_core.services.patients import PatientRecord
from ui import (
    account_view,
    bills,
    booking,
    errors,
    forms,
    notes,
    patient_form,
    patient_messages,
    session,
    visit_drawer,
    widgets,
)
from ui.rows import Row, Step, rows
from ui.text import plain

_EDIT: Final = "patient_record.edit"
_PLACE: Final = "patient_record"
_VISITS, _BILLS, _ACCOUNT, _NOTES, _LETTERS = "Visits", "Bills", "Account", "Notes", "Messages"


def show(clinic: Clinic, actor: Actor, patient_id: str) -> None:
    """The record; raises NotFound and what else the service raises."""
    record = patients.record(clinic, actor, patient_id)
    patient = record.patient
    errors.show_kept(_PLACE)
    if patient_form.is_open(_EDIT):
        _edit(clinic, patient)
        return
    _head(clinic, actor, record)
    _sections(clinic, actor, record)
    visit_drawer.show()
    booking.show()


def _edit(clinic: Clinic, patient: Patient) -> None:
    st.subheader(f"Change {plain(patient.name)}")
    with st.container(width=720):
        if patient_form.show(clinic, _EDIT) is not None:
            forms.done(f"{patient.number} is saved.")
        st.button("Leave it as it was", key="patient_record.keep", on_click=patient_form.close, args=(_EDIT,))


def _head(clinic: Clinic, actor: Actor, record: PatientRecord) -> None:
    patient = record.patient
    with st.container(border=True):
        st.markdown(f"### {plain(patient.name)}\n{plain(widgets.details(patient, clinic.today()))}")
        widgets.show_allergies(patient)
        _contact(clinic, record)
        with st.container(horizontal=True):
            if allows(actor, "appointment.book"):
                _button("Book a visit", "event", "primary", lambda: booking.begin(patient=patient))
            if allows(actor, "patient.write"):
                _button("Change", "edit", "secondary", lambda: patient_form.begin_edit(_EDIT, patient))
            _button("All patients", "arrow_back", "secondary", _back)


def _button(label: str, icon: str, kind: str, on_click: object) -> None:
    st.button(
        label,
        key=f"patient_record.{icon}",
        icon=f":material/{icon}:",
        type=kind,  # type: ignore[arg-type]
        on_click=on_click,  # type: ignore[arg-type]
    )


def _back() -> None:
    st.query_params.pop(widgets.PATIENT_PARAM, None)


def _contact(clinic: Clinic, record: PatientRecord) -> None:
    patient = record.patient
    born = widgets.short_day(patient.birth_date) if patient.birth_date and not patient.birth_date_estimated else ""
    parts = {
        "Born": born,
        "E-mail": patient.email,
        "Address": patient.address,
        "Notes": patient.notes,
        "Last visit": widgets.short_day(record.last_visit) if record.last_visit else "",
        "To pay": clinic.money(due) if (due := sum(invoice.due_minor for invoice in record.invoices)) else "",
    }
    lines = [f"**{label}:** {plain(value)}" for label, value in parts.items() if value]
    if lines:
        st.markdown("  \n".join(lines))


def _sections(clinic: Clinic, actor: Actor, record: PatientRecord) -> None:
    names = [_VISITS, *([_BILLS] if allows(actor, "invoice.read") else [])]
    names += [_ACCOUNT] if allows(actor, "account.read") else []
    names += [_NOTES] if allows(actor, "encounter.read") else []
    names += [_LETTERS] if allows(actor, "message.read") else []
    chosen = st.segmented_control(
        "Section",
        names,
        default=_NOTES if _NOTES in names else _VISITS,
        required=True,
        key="patient_record.section",
        label_visibility="collapsed",
    )
    by_actor = {_ACCOUNT: account_view.show, _LETTERS: patient_messages.show}
    if chosen in by_actor:
        by_actor[chosen](clinic, actor, record)
        return
    draw = {_VISITS: _visits, _BILLS: _bills, _NOTES: _notes}[chosen]
    draw(clinic, record)


def _visits(clinic: Clinic, record: PatientRecord) -> None:
    if not record.appointments:
        widgets.nothing_here("No visits yet.", "event")
        return
    head = ("Day", "Time", "Practitioner", "Service", "Status")
    found = [_visit(clinic, visit) for visit in record.appointments]
    rows("Visits", head, found, key="patient_record.visits", on_step=_open_visit)


def _visit(clinic: Clinic, visit: Appointment) -> Row:
    time = "–" if visit.untimed else widgets.time_text(clinic, visit.start)
    return Row(
        id=visit.id,
        label=f"{widgets.short_day(visit.day)} {time}",
        cells=[
            widgets.short_day(visit.day),
            time,
            widgets.practitioner_name(clinic, visit.practitioner_id),
            widgets.service_name(clinic, visit.service_id),
            widgets.status_mark(visit),
        ],
        steps=[Step("open", "Open")],
    )


def _open_visit(appointment_id: str, step: str) -> None:
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        actor = session.require_actor(clinic)
        if allows(actor, "encounter.read"):
            widgets.go_to_visit(appointment_id)
        visit_drawer.begin(appointment_id)


def _bills(clinic: Clinic, record: PatientRecord) -> None:
    if not record.invoices:
        widgets.nothing_here("No bills yet. A finished visit becomes one under Billing.", "receipt_long")
        return
    head = ("Number", "Day", "Total", "Still to pay", "Status")
    found = [_bill(clinic, invoice) for invoice in record.invoices]
    rows("Bills", head, found, key="patient_record.bills", on_step=_open_bill, right=("Total", "Still to pay"))


def _bill(clinic: Clinic, invoice: Invoice) -> Row:
    owed = clinic.money(invoice.due_minor) if invoice.due_minor else ""
    return Row(
        id=invoice.id,
        label=invoice.label,
        cells=[
            invoice.label,
            widgets.short_day(invoice.issued_on or invoice.drafted_on),
            clinic.money(invoice.total_minor),
            owed,
            bills.mark(invoice),
        ],
        steps=[Step("open", "Open")],
    )


def _open_bill(invoice_id: str, step: str) -> None:
    bills.go_to_invoice(invoice_id)


def _notes(clinic: Clinic, record: PatientRecord) -> None:
    if not record.encounters:
        widgets.nothing_here("No notes yet.", "clinical_notes")
    for encounter in record.encounters:
        notes.show_note(clinic, encounter)
