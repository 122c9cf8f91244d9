"""Which bill? The work that waits, a search by number or patient, and all bills of one patient."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import people
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, InvoiceStatus
from clinic_core.domain.people import Patient
from clinic_core.errors import InvalidInput, NotFound
from clinic_core.services import billing, patients
from ui import bills, forms, payers_owe, session, text, widgets
from ui.rows import Mark, Row, Step, rows

_PATIENT: Final = "billing.patient"
_TYPED: Final = "billing.typed"
_NEW: Final = "billing.new"
_NUMBER: Final = re.compile(r"\s*(?:\D[^-]*-.*-)?\s*\d{1,6}\s*")  # INV-2026-00042, or 42 of this year
_BILLS, _PAYERS = "Bills", "Payers owe"
_EVERY: Final = "billing.every"
_MOST_FOUND: Final = 8
_FIRST: Final = 15
_ALL: Final = ("Patient", "Number", "Bill", "Day", "With", "Status", "Amount")
_DRAFTS: Final = ("Patient", "Number", "Day", "With", "Amount")
_OF_PATIENT: Final = ("Day", "Bill", "With", "Status", "Amount")
_STEPS: Final = {
    InvoiceStatus.DRAFT: "Bill",
    InvoiceStatus.ISSUED: "Take payment",
    InvoiceStatus.BALANCED: "Open",
    InvoiceStatus.CANCELLED: "Open",
}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the search with what it found, or else the work that waits."""
    patient = st.session_state.get(_PATIENT)
    if isinstance(patient, Patient):
        _of_patient(clinic, actor, patient)
        return
    if clinic.directory().payers and _part() == _PAYERS:
        payers_owe.show(clinic, actor)
        return
    typed = st.text_input(
        "Find a bill",
        key=_TYPED,
        type="search",
        live="250ms",
        placeholder="Invoice number, or part of the patient's name, phone or number",
        persist_state="page",
    )
    if typed and typed.strip():
        _found(clinic, actor, typed)
    else:
        _worklist(clinic, actor)


def _part() -> str:
    """Bills, or what payers owe: asked only in a clinic that has payers."""
    chosen = st.segmented_control(
        "Part",
        (_BILLS, _PAYERS),
        default=_BILLS,
        required=True,
        key="billing.part",
        label_visibility="collapsed",
        persist_state="page",
    )
    return str(chosen)


def _worklist(clinic: Clinic, actor: Actor) -> None:
    every = st.session_state.get(_EVERY, False)
    with session.show_errors():
        work = billing.worklist(clinic, actor, most=billing.MOST_SHOWN if every else _FIRST)
        st.subheader(f"To bill ({work.to_bill_count})")
        if work.to_bill:
            _bills(clinic, "To bill", work.to_bill, key="billing.drafts", columns=_DRAFTS, first=True)
        else:
            widgets.nothing_here("No visit waits for its bill. One that the doctor finishes appears here.", "task_alt")
        st.subheader(f"To be paid ({work.unpaid_count})")
        if work.unpaid:
            _bills(clinic, "To be paid", work.unpaid, key="billing.unpaid", first=not work.to_bill)
        else:
            widgets.nothing_here("Nobody owes anything. Issued invoices stay here until they are paid.", "savings")
        _more(work, every=every)


def _more(work: billing.Worklist, *, every: bool) -> None:
    """The latest ones are drawn first: the others are looked for more often than looked through."""
    if work.to_bill_count <= len(work.to_bill) and work.unpaid_count <= len(work.unpaid):
        return
    if every:
        st.caption(f"The latest {billing.MOST_SHOWN} of each. Find an older one by its number or patient.")
    else:
        st.button("Show more", type="tertiary", on_click=st.session_state.update, args=({_EVERY: True},))


def _found(clinic: Clinic, actor: Actor, typed: str) -> None:
    with session.show_errors():
        invoice = _by_number(clinic, actor, typed) if _NUMBER.fullmatch(typed) else None
        if invoice is not None:
            item = billing.opened(clinic, actor, invoice.id)
            _bills(clinic, "Found", [item], key="billing.numbered", first=True)
        found = patients.search(clinic, actor, typed)
        if found:
            _patients(clinic, found)
        elif invoice is None:
            st.caption("Nothing found. Type more of it, check the number, or try the patient's phone.")


def _by_number(clinic: Clinic, actor: Actor, typed: str) -> Invoice | None:
    try:
        return billing.find_number(clinic, actor, typed)
    except (NotFound, InvalidInput):
        return None  # digits may be a phone or a patient's number as well


def _patients(clinic: Clinic, found: Sequence[Patient]) -> None:
    shown = [
        Row(
            id=patient.id,
            label=patient.name,
            cells=(
                patient.name,
                patient.number,
                widgets.age_and_sex(patient, clinic.today()),
                people.show_phone(patient.phone),
            ),
            steps=(Step("bills", "Bills"),),
        )
        for patient in found[:_MOST_FOUND]
    ]
    by_id = {patient.id: patient for patient in found}

    def choose(patient_id: str, _step: str) -> None:
        st.session_state[_PATIENT] = by_id.get(patient_id)

    rows("Patients found", ("Patient", "Number", "Age", "Phone"), shown, key="billing.patients", on_step=choose)
    if len(found) > _MOST_FOUND:
        st.caption(f"{len(found) - _MOST_FOUND} more. Type more of the name, the phone or the number.")


def _of_patient(clinic: Clinic, actor: Actor, patient: Patient) -> None:
    st.button("All bills", icon=":material/arrow_back:", type="tertiary", on_click=_forget_patient)
    st.subheader(text.plain(patient.name))
    st.caption(text.plain(widgets.details(patient, clinic.today())))
    with session.show_errors():
        found = [billing.WorkItem(invoice=i, patient=patient) for i in billing.of_patient(clinic, actor, patient.id)]
        if found:
            _bills(clinic, "Bills", found, key="billing.of_patient", columns=_OF_PATIENT)
        else:
            widgets.nothing_here(
                "No bill yet. A finished visit makes one; without a visit, begin one below.", "receipt"
            )
        _new_bill(clinic, actor, patient)


def _forget_patient() -> None:
    st.session_state.pop(_PATIENT, None)


def _new_bill(clinic: Clinic, actor: Actor, patient: Patient) -> None:
    with st.form(_NEW):
        st.markdown("**A bill without a visit**")
        practitioner = widgets.practitioner_picker(clinic, "billing.new.practitioner")
        making = st.form_submit_button("New bill", icon=":material/add:")
    if making and practitioner is not None:
        with session.show_errors():
            draft = billing.new_draft(
                clinic,
                actor,
                invoice_id=forms.form_id(_NEW),
                patient_id=patient.id,
                practitioner_id=practitioner.id,
            )
            forms.renew(_NEW)
            bills.open_here(draft.id)
            st.rerun()


def _bills(
    clinic: Clinic,
    title: str,
    items: Sequence[billing.WorkItem],
    *,
    key: str,
    columns: Sequence[str] = _ALL,
    first: bool = False,
) -> None:
    """One row per bill; `first` makes the first one the next step."""
    shown = [_row(clinic, item, columns, next_=first and n == 0) for n, item in enumerate(items)]
    rows(title, columns, shown, key=key, on_step=_open, right=("Amount",))


def _open(invoice_id: str, _step: str) -> None:
    bills.open_here(invoice_id)


def _row(clinic: Clinic, item: billing.WorkItem, columns: Sequence[str], *, next_: bool) -> Row:
    invoice, patient = item.invoice, item.patient
    owed = f"{invoice.money(invoice.due_minor)} due" if invoice.due_minor else invoice.money(invoice.total_minor)
    cells: dict[str, str | Mark] = {
        "Patient": patient.name,
        "Number": patient.number,
        "Bill": invoice.label if invoice.number else "",
        "Day": widgets.short_day(invoice.issued_on or invoice.visited_on or invoice.drafted_on),
        "With": widgets.practitioner_name(clinic, invoice.practitioner_id),
        "Status": bills.mark(invoice),
        "Amount": owed,
    }
    return Row(
        id=invoice.id,
        label=f"{patient.name}, {invoice.label}",
        cells=[cells[name] for name in columns],
        steps=(Step("open", _STEPS[invoice.status], primary=next_),),
        next=next_,
    )
