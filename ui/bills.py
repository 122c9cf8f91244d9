"""The way to a bill from any other screen."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NoReturn

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, InvoiceStatus
from clinic_core.services import billing
from ui import widgets
from ui.rows import Mark

OPENED: Final = "billing.invoice_id"
_PAGE: Final = Path(__file__).resolve().parent.parent / "pages" / "billing.py"


def mark(invoice: Invoice) -> Mark:
    """How far the bill is, as a badge."""
    if invoice.due_minor:
        return Mark("Part paid", "orange") if invoice.paid_minor else widgets.BILL[invoice.status]
    if invoice.status is InvoiceStatus.BALANCED and not invoice.paid_minor:
        if invoice.written_off_minor:
            return Mark("Written off", "gray")
        if invoice.credited_minor:
            return Mark("Credited", "gray")
    return widgets.BILL[invoice.status]


def open_here(invoice_id: str) -> None:
    """Open that invoice on the billing page, in a callback or before a rerun."""
    st.session_state[OPENED] = invoice_id


def close() -> None:
    """Back to the list of bills: a callback."""
    st.session_state.pop(OPENED, None)


def go_to_invoice(invoice_id: str) -> NoReturn:
    """Leave for the billing page with that invoice open."""
    open_here(invoice_id)
    st.switch_page(_PAGE)


def go_to_visit(clinic: Clinic, actor: Actor, appointment_id: str) -> NoReturn:
    """Leave for the bill of a visit, made now if there is none. Raises Forbidden or NotFound."""
    go_to_invoice(billing.draft_for_visit(clinic, actor, appointment_id).id)
