"""One invoice: what it says, and the one next step. Draft, then issued, then paid."""

from __future__ import annotations

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, InvoiceStatus
from clinic_core.services import billing
from ui import (
    bills,
    draft_view,
    forms,
    invoice_parts,
    invoice_story,
    payment_view,
    session,
    settle_view,
    text,
    widgets,
)


def show(clinic: Clinic, actor: Actor, invoice_id: str) -> None:
    """Draw the invoice and what can be done with it."""
    st.button("All bills", icon=":material/arrow_back:", type="tertiary", on_click=bills.close)
    item = None
    with session.show_errors():
        item = billing.opened(clinic, actor, invoice_id)
    if item is None:
        return
    _head(clinic, item)
    if item.invoice.status is InvoiceStatus.DRAFT:
        draft_view.show(clinic, item)
    elif item.invoice.status is InvoiceStatus.CANCELLED:
        _cancelled(clinic, actor, item.invoice)
    else:
        _issued(clinic, actor, item.invoice)
    if billing.may_cancel(actor, item.invoice):
        _cancel(clinic, actor, item.invoice)


def _head(clinic: Clinic, item: billing.WorkItem) -> None:
    invoice, patient = item.invoice, item.patient
    if invoice.number is None:
        st.subheader("Draft bill" if invoice.status is InvoiceStatus.DRAFT else "Bill :gray-badge[Cancelled]")
    else:
        mark = bills.mark(invoice)
        st.subheader(f"{text.plain(invoice.label)} :{mark.tone}-badge[{mark.text}]")
    with_whom = invoice.practitioner_name or widgets.practitioner_name(clinic, invoice.practitioner_id)
    day = invoice.issued_on or invoice.visited_on or invoice.drafted_on
    parts = (f"**{text.plain(patient.name)}**", patient.number, text.plain(with_whom), widgets.short_day(day))
    st.markdown(" · ".join(part for part in parts if part))


def _issued(clinic: Clinic, actor: Actor, invoice: Invoice) -> None:
    left, right = st.columns([3, 2], gap="large")
    with left:
        invoice_parts.show_bill(invoice)
        payment_view.invoice_button(clinic, invoice)
        invoice_story.show(invoice)
    with right:
        payment_view.show(clinic, actor, invoice)
    settle_view.show(clinic, actor, invoice)


def _cancelled(clinic: Clinic, actor: Actor, invoice: Invoice) -> None:
    st.info(f"Cancelled on {widgets.short_day(invoice.cancelled_on)}: {text.plain(invoice.cancel_reason)}")
    again = st.button("Bill again", type="primary", icon=":material/replay:", help="A new draft with the same lines.")
    if again:
        with session.show_errors():
            bills.open_here(billing.bill_again(clinic, actor, invoice).id)
            forms.done("A new draft is made. The cancelled invoice stays as it is.")
    invoice_parts.show_bill(invoice)
    invoice_story.show(invoice)


def _cancel(clinic: Clinic, actor: Actor, invoice: Invoice) -> None:
    what = "draft" if invoice.status is InvoiceStatus.DRAFT else "invoice"
    with st.popover(f"Cancel this {what}", icon=":material/cancel:", type="tertiary"):
        st.caption("Nothing is deleted: it stays on the record with the reason.")
        with st.form(f"cancel.{invoice.id}", border=False):
            reason = st.text_input("Why?", key=f"cancel.reason.{invoice.id}", max_chars=200)
            cancelling = st.form_submit_button(f"Cancel the {what}")
        if cancelling:
            with session.show_errors():
                billing.cancel(clinic, actor, invoice, reason)
                forms.done(f"The {what} is cancelled.")
