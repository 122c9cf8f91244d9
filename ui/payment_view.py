"""Money for an issued invoice: what is due, taking it, what was taken, and the papers."""

from __future__ import annotations

from functools import partial

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, Payment, PaymentMethod
from clinic_core.services import billing
from ui import downloads, forms, session, text


def show(clinic: Clinic, actor: Actor, invoice: Invoice) -> None:
    """Draw what is due with the form that takes it, and what was taken so far."""
    if invoice.due_minor:
        _take(clinic, actor, invoice)
    elif not invoice.payments:
        st.success("Nothing is to be paid.")
    if invoice.payments:
        _taken(clinic, invoice)


def invoice_button(clinic: Clinic, invoice: Invoice) -> None:
    """The invoice as PDF; the next step when there is nothing to pay and no receipt."""
    done = not invoice.due_minor and not invoice.payments
    downloads.button(
        "Invoice PDF",
        clinic,
        partial(invoice_pdf, invoice_id=invoice.id),
        file_name=f"{invoice.label}.pdf",
        mime=downloads.PDF,
        key=f"invoice.pdf.{invoice.id}",
        kind="primary" if done else "secondary",
    )


def _take(clinic: Clinic, actor: Actor, invoice: Invoice) -> None:
    name = f"pay.{invoice.id}"
    key = forms.form_id(name)
    due = str(money.to_decimal(invoice.due_minor, invoice.currency))
    with st.form(f"pay.{key}"):
        st.markdown(f"#### {text.plain(invoice.money(invoice.due_minor))} due")
        amount = st.text_input(f"Amount in {invoice.currency}", due, key=f"pay.amount.{key}")
        method = st.segmented_control(
            "Paid by",
            tuple(PaymentMethod),
            default=PaymentMethod.CASH,
            format_func=lambda way: way.label,
            required=True,
            key=f"pay.method.{key}",
        )
        reference = st.text_input(
            "Reference", key=f"pay.reference.{key}", max_chars=80, placeholder="Card slip or transfer number, if any"
        )
        taking = st.form_submit_button("Take payment", type="primary", icon=":material/payments:", width="stretch")
    if taking:
        with session.show_errors():
            paid = money.parse_minor(amount, invoice.currency, invoice.locale)
            after = billing.take_payment(
                clinic, actor, invoice, key=key, amount_minor=paid, method=PaymentMethod(method), reference=reference
            )
            forms.renew(name)
            forms.done(_said(after, paid))


def _said(after: Invoice, paid_minor: int) -> str:
    rest = f"{after.money(after.due_minor)} still due." if after.due_minor else "The invoice is paid."
    return text.plain(f"{after.money(paid_minor)} taken. {rest}")


def _taken(clinic: Clinic, invoice: Invoice) -> None:
    st.markdown("#### Payments")
    latest = invoice.payments[-1]
    for payment in reversed(invoice.payments):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(_shown(clinic, invoice, payment), width="content")
            downloads.button(
                "Receipt",
                clinic,
                partial(receipt_pdf, invoice_id=invoice.id, payment_key=payment.key),
                file_name=f"{invoice.label}-receipt-{invoice.payments.index(payment) + 1}.pdf",
                mime=downloads.PDF,
                key=f"receipt.{payment.key}",
                icon=":material/receipt:",
                kind="primary" if payment is latest and not invoice.due_minor else "secondary",
            )


def _shown(clinic: Clinic, invoice: Invoice, payment: Payment) -> str:
    when = f"{clinic.local(payment.received_at):%-d %b %Y, %H:%M}"
    how = " · ".join(text.plain(part) for part in (payment.method.label, payment.reference) if part)
    return f"**{text.plain(invoice.money(payment.amount_minor))}** {how}  \n:gray[{when} · {text.plain(payment.by)}]"


def invoice_pdf(clinic: Clinic, actor: Actor, *, invoice_id: str) -> bytes:
    """The invoice as PDF, as it is now."""
    from clinic_core.documents import invoice as document  # noqa: PLC0415 - fpdf2 takes 0.7 s to import

    return document.render(billing.get(clinic, actor, invoice_id))


def receipt_pdf(clinic: Clinic, actor: Actor, *, invoice_id: str, payment_key: str) -> bytes:
    """The receipt of one payment as PDF."""
    from clinic_core.documents import receipt as document  # noqa: PLC0415 - fpdf2 takes 0.7 s to import

    return document.render(billing.get(clinic, actor, invoice_id), payment_key)
