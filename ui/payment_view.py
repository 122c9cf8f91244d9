"""Money for an issued invoice: what is due, taking it, using what is held, and the papers."""

from __future__ import annotations

from functools import partial

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.access import Actor, allows
from clinic_core.domain.billing import Invoice, PaymentMethod
from clinic_core.services import billing, settlement
from ui import downloads, forms, papers, session, text


def show(clinic: Clinic, actor: Actor, invoice: Invoice) -> None:
    """Draw what is due with the form that takes it, and the papers of what was taken so far."""
    if invoice.due_minor:
        _use_held(clinic, actor, invoice)
        _take(clinic, actor, invoice)
    elif not invoice.payments and not invoice.adjustments:
        st.success("Nothing is to be paid.")
    _papers(clinic, invoice)


def invoice_button(clinic: Clinic, invoice: Invoice) -> None:
    """The invoice as PDF; the next step when there is nothing to pay and no receipt."""
    done = not invoice.due_minor and not papers.of_invoice(invoice)
    downloads.button(
        "Invoice PDF",
        clinic,
        partial(papers.invoice_pdf, invoice_id=invoice.id),
        file_name=f"{invoice.label}.pdf",
        mime=downloads.PDF,
        key=f"invoice.pdf.{invoice.id}",
        kind="primary" if done else "secondary",
    )


def begin_anew(invoice: Invoice) -> None:
    """Let the payment's form ask for what is due now: call it after something else changed that."""
    forms.renew(_form(invoice))


def method_field(key: str, *, default: PaymentMethod = PaymentMethod.CASH, label: str = "Paid by") -> PaymentMethod:
    """How the money moves."""
    return PaymentMethod(
        st.segmented_control(
            label,
            tuple(PaymentMethod),
            default=default,
            format_func=lambda way: way.label,
            required=True,
            key=key,
        )
    )


def side_field(invoice: Invoice, patient_minor: int, payer_minor: int, *, label: str, key: str) -> bool:
    """Whether it is about the payer: asked only where both could be meant. The amounts are shown beside the names."""
    if not (patient_minor and payer_minor):
        return bool(payer_minor)
    shown = {
        False: f"Patient: {invoice.money(patient_minor)}",
        True: f"{invoice.payer.name if invoice.payer else 'Payer'}: {invoice.money(payer_minor)}",
    }
    return bool(
        st.segmented_control(
            label,
            tuple(shown),
            default=False,
            format_func=lambda payer: text.plain(shown[payer]),
            required=True,
            key=key,
        )
    )


def _use_held(clinic: Clinic, actor: Actor, invoice: Invoice) -> None:
    """One click, offered only while money is held that could pay something."""
    if not (invoice.patient_due_minor and allows(actor, "account.apply")):
        return
    with session.show_errors():
        held = settlement.account(clinic, actor, invoice.patient_id, most=1).held_minor
        usable = min(held, invoice.patient_due_minor)
        if usable <= 0:
            return
        name = f"held.{invoice.id}"
        key = forms.form_id(name)
        label = text.plain(f"Use {invoice.money(usable)} held for this patient")
        if st.button(label, key=f"held.{key}", icon=":material/savings:", width="stretch"):
            after = settlement.apply_credit(clinic, actor, invoice, key=key, amount_minor=usable)
            forms.renew(name)
            begin_anew(invoice)
            forms.done(text.plain(f"{after.money(usable)} of the money held is used. {_rest(after)}"))


def _take(clinic: Clinic, actor: Actor, invoice: Invoice) -> None:
    name = _form(invoice)
    key = forms.form_id(name)
    due = (invoice.patient_due_minor, invoice.payer_due_minor)
    payer = side_field(invoice, *due, label="Money from", key=f"pay.from.{key}")
    side = f"{key}.payer" if payer else key
    prefilled = str(money.to_decimal(due[payer], invoice.currency))
    with st.form(f"pay.{side}"):
        st.markdown(_asked(invoice, payer=payer))
        amount = st.text_input(f"Amount in {invoice.currency}", prefilled, key=f"pay.amount.{side}")
        usual = PaymentMethod.BANK_TRANSFER if payer else PaymentMethod.CASH
        method = method_field(f"pay.method.{side}", default=usual)
        reference = st.text_input(
            "Reference", key=f"pay.reference.{side}", max_chars=80, placeholder="Card slip or transfer number, if any"
        )
        taking = st.form_submit_button("Take payment", type="primary", icon=":material/payments:", width="stretch")
    if taking:
        with session.show_errors():
            paid = money.parse_minor(amount, invoice.currency, invoice.locale)
            after = billing.take_payment(
                clinic, actor, invoice, key=key, amount_minor=paid, method=method, reference=reference, payer=payer
            )
            forms.renew(name)
            forms.done(text.plain(f"{after.money(paid)} taken. {_rest(after)}"))


def _form(invoice: Invoice) -> str:
    return f"pay.{invoice.id}"


def _asked(invoice: Invoice, *, payer: bool) -> str:
    """What is due, and from whom where that is not plain."""
    due = invoice.payer_due_minor if payer else invoice.patient_due_minor
    who = ""
    if payer and invoice.payer is not None:
        who = f" from {invoice.payer.name}"
    elif invoice.payer_due_minor:
        who = " from the patient"
    return f"#### {text.plain(f'{invoice.money(due)} due{who}')}"


def _rest(after: Invoice) -> str:
    return f"{after.money(after.due_minor)} still due." if after.due_minor else "The invoice is paid."


def _papers(clinic: Clinic, invoice: Invoice) -> None:
    found = papers.of_invoice(invoice)
    if not found:
        return
    st.markdown("#### Papers")
    for paper in found:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(
                f"**{text.plain(invoice.money(paper.amount_minor))}** {text.plain(paper.what)}", width="content"
            )
            papers.button(clinic, paper, primary=paper is found[0] and not invoice.due_minor)
