"""A patient's account: the money held, what is open, what happened, and the statement."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.access import Actor, allows
from clinic_core.domain.billing import Invoice
from clinic_core.domain.journal import Book, Entry, Event
from clinic_core.domain.people import Patient
from clinic_core.services import settlement
from clinic_core.services.patients import PatientRecord
from clinic_core.services.settlement import Account
from ui import bills, forms, money_table, papers, payment_view, session, statement_view, text, widgets
from ui.money_table import Line
from ui.papers import Paper
from ui.rows import Row, Step, rows

_SLIPS: Final = {Event.DEPOSIT: "Deposit receipt", Event.DEPOSIT_REFUND: "Slip of money given back"}
_WHAT: Final = {
    Event.DEPOSIT: "Deposit",
    Event.DEPOSIT_REFUND: "Given back",
    Event.APPLY_CREDIT: "Used for",
    Event.CREDIT_NOTE: "Credit note",
    Event.REVERSAL: "Taken back from",
}
_MOST_PAPERS: Final = 3
_MOST_ENTRIES: Final = 50
_ALL: Final = 1_000_000
_PAPERS_WIDTH: Final = 544  # of the table of entries below


def show(clinic: Clinic, actor: Actor, record: PatientRecord) -> None:
    """Draw the account; raises what the service raises."""
    patient = record.patient
    everything = f"account.all.{patient.id}"
    whole = bool(st.session_state.get(everything))
    account = settlement.account(clinic, actor, patient.id, most=_ALL if whole else _MOST_ENTRIES)
    _held(clinic, actor, patient, account)
    _papers(clinic, account, everything, whole=whole)
    _open(clinic, record.invoices)
    _entries(clinic, account)
    st.markdown("#### Statement of account")
    statement_view.show(
        clinic,
        "account.statement",
        patient.number,
        lambda start, end: partial(papers.patient_statement_pdf, patient_id=patient.id, start_on=start, end_on=end),
    )


def _held(clinic: Clinic, actor: Actor, patient: Patient, account: Account) -> None:
    held = clinic.money(account.held_minor)
    st.markdown(f"#### {text.plain(held)} held for later bills" if account.held_minor else "#### No money is held")
    with st.container(horizontal=True):
        if allows(actor, "account.deposit"):
            _deposit(clinic, actor, patient)
        if account.held_minor and allows(actor, "account.refund"):
            _give_back(clinic, actor, patient, account.held_minor)


def _deposit(clinic: Clinic, actor: Actor, patient: Patient) -> None:
    name = f"deposit.{patient.id}"
    key = forms.form_id(name)
    currency, locale = clinic.organization().currency, clinic.organization().locale
    with st.popover("Take a deposit", icon=":material/savings:", key=f"deposit.area.{key}"):
        st.caption("Money for later bills. It is offered when a bill of this patient is to be paid.")
        place = st.container()
        with st.form(f"deposit.{key}", border=False):
            amount = st.text_input(f"Deposit in {currency}", key=f"deposit.amount.{key}")
            method = payment_view.method_field(f"deposit.method.{key}")
            reference = st.text_input("Reference", key=f"deposit.reference.{key}", max_chars=80)
            sent = st.form_submit_button("Take the deposit", type="primary", icon=":material/payments:")
        if sent:
            with place, session.show_errors():
                taken = money.parse_minor(amount, currency, locale)
                after = settlement.deposit(
                    clinic, actor, patient.id, key=key, amount_minor=taken, method=method, reference=reference
                )
                _done(clinic, name, f"{clinic.money(taken)} taken.", after)


def _give_back(clinic: Clinic, actor: Actor, patient: Patient, held_minor: int) -> None:
    name = f"deposit.back.{patient.id}"
    key = forms.form_id(name)
    currency, locale = clinic.organization().currency, clinic.organization().locale
    with st.popover("Give money back", icon=":material/undo:", key=f"back.area.{key}"):
        place = st.container()
        with st.form(f"deposit.back.{key}", border=False):
            label = f"Give back, at most {clinic.money(held_minor)}"
            amount = st.text_input(label, str(money.to_decimal(held_minor, currency)), key=f"back.amount.{key}")
            method = payment_view.method_field(f"back.method.{key}", label="Given back by")
            reference = st.text_input("Transfer number, if any", key=f"back.reference.{key}", max_chars=80)
            reason = st.text_input("Reason", key=f"back.reason.{key}", max_chars=200)
            sent = st.form_submit_button("Give back", icon=":material/undo:")
        if sent:
            with place, session.show_errors():
                back = money.parse_minor(amount, currency, locale)
                after = settlement.deposit_refund(
                    clinic,
                    actor,
                    patient.id,
                    key=key,
                    amount_minor=back,
                    method=method,
                    reason=reason,
                    reference=reference,
                )
                _done(clinic, name, f"{clinic.money(back)} given back.", after)


def _done(clinic: Clinic, name: str, said: str, after: Account) -> None:
    forms.renew(name)
    forms.done(text.plain(f"{said} {clinic.money(after.held_minor)} is held now. The paper is below."))


def _papers(clinic: Clinic, account: Account, everything: str, *, whole: bool) -> None:
    """The latest receipts, and on demand those before them."""
    found = [entry for entry in account.entries if entry.event in _SLIPS]
    for entry in found if whole else found[:_MOST_PAPERS]:
        with st.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", width=_PAPERS_WIDTH
        ):
            amount = clinic.money(abs(entry.sum_of(Book.MONEY)))
            day = widgets.short_day(entry.day)
            st.markdown(f"**{text.plain(amount)}** {_WHAT[entry.event].lower()}, {day}", width="content")
            papers.button(clinic, _slip(entry))
    if whole or len(found) > _MOST_PAPERS or account.count > len(account.entries):
        st.toggle("Show all entries and their receipts", key=everything)


def _slip(entry: Entry) -> Paper:
    return Paper(
        key=entry.id,
        label=_SLIPS[entry.event],
        what="",
        amount_minor=0,
        file_name=f"{entry.event.value}-{entry.id.replace('#', '-')}.pdf",
        make=partial(papers.slip_pdf, entry_id=entry.id),
        place=entry.id,
    )


def _open(clinic: Clinic, invoices: tuple[Invoice, ...]) -> None:
    owed = [invoice for invoice in invoices if invoice.due_minor]
    if not owed:
        return
    st.markdown("#### Open bills")
    shown = [
        Row(
            id=invoice.id,
            label=invoice.label,
            cells=[
                invoice.label,
                widgets.short_day(invoice.issued_on),
                bills.mark(invoice),
                clinic.money(invoice.patient_due_minor),
                clinic.money(invoice.payer_due_minor) if invoice.payer_due_minor else "",
            ],
            steps=[Step("open", "Open")],
        )
        for invoice in owed
    ]
    head = ("Number", "Day", "Status", "From the patient", "From the payer")
    rows("Open bills", head, shown, key="account.open", on_step=_go, right=head[3:])


def _go(invoice_id: str, _step: str) -> None:
    bills.go_to_invoice(invoice_id)


def _entries(clinic: Clinic, account: Account) -> None:
    found = _lines(clinic, account)
    if found:
        st.markdown("#### Money held")
        money_table.show("Money held", found, after="Held")


def _lines(clinic: Clinic, account: Account) -> list[Line]:
    """The entries, latest first, each with what was held after it."""
    held, made = account.held_minor, []
    for entry in account.entries:
        change = -entry.sum_of(Book.CREDIT)
        if not change:  # a credit note that only lowered what was due
            continue
        what = _WHAT.get(entry.event, entry.event.value)
        number = entry.document or entry.label
        method = next((p.method.label for p in entry.postings if p.method is not None), "")
        made.append(
            Line(
                day=widgets.short_day(entry.day),
                what=f"{what} {number}".strip(),
                note=" · ".join(part for part in (entry.by, method, entry.reference, entry.reason) if part),
                amount=clinic.money(change),
                after=clinic.money(held),
            )
        )
        held -= change
    return made
