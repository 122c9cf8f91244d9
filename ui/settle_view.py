"""What may happen to an issued invoice's money besides payments: refund, credit note, write-off, moving it.

One quiet place, closed until it is asked for. Each form keeps what was typed until it is done, and is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money, settling
from clinic_core.domain.access import Actor, allows
from clinic_core.domain.billing import Adjustment, Invoice, PaymentMethod
from clinic_core.errors import InvalidInput
from clinic_core.services import billing, settlement
from ui import forms, payment_view, session, text, widgets

_REFUND, _CREDIT, _LOSS, _TRANSFER, _ASSIGN, _BACK = (
    "Refund",
    "Credit note",
    "Write off",
    "Move to another bill",
    "Change who owes",
    "Take back",
)
_WHOLE, _AMOUNT, _LINES = "All of it", "An amount", "Line by line"
_MODES: Final = (_WHOLE, _AMOUNT, _LINES)


def show(clinic: Clinic, actor: Actor, invoice: Invoice) -> None:
    """Draw the closed area, when there is something in it for this person and invoice."""
    found = offered(actor, invoice)
    if not found:
        return
    name = f"more.{invoice.id}"
    key = forms.form_id(name)
    with st.expander("More", icon=":material/more_horiz:", key=f"more.area.{invoice.id}"):
        chosen = st.pills("What to do", found, key=f"more.what.{key}", label_visibility="collapsed")
        draw = _FORMS.get(chosen or "")
        if draw is not None:
            with st.container(width=560):
                draw(clinic, actor, invoice, f"{name}.{chosen}")


def offered(actor: Actor, invoice: Invoice) -> list[str]:
    """What can be done with the invoice now, by this person."""
    by_patient = invoice.paid_minor - invoice.payer_paid_minor
    possible = (
        (_REFUND, "payment.refund", invoice.paid_minor > 0),
        (_CREDIT, "invoice.credit", any(settling.creditable(invoice))),
        (_LOSS, "invoice.write_off", invoice.due_minor > 0),
        (_TRANSFER, "payment.transfer", by_patient > 0),
        (_ASSIGN, "invoice.assign", invoice.payer_id is not None and invoice.due_minor > 0),
        (_BACK, "invoice.reverse", bool(settling.reversible(invoice))),
    )
    return [what for what, action, can in possible if can and allows(actor, action)]


def _refund(clinic: Clinic, actor: Actor, invoice: Invoice, name: str) -> None:
    key = forms.form_id(name)
    paid = (invoice.paid_minor - invoice.payer_paid_minor, invoice.payer_paid_minor)
    st.caption(
        "What is given back is due again. Was the charge itself wrong? Then make a credit note: what the patient paid "
        "is held, and is given back from the patient's account."
    )
    payer = payment_view.side_field(invoice, *paid, label="Paid by whom", key=f"refund.who.{key}")
    place = st.container()
    with st.form(f"refund.{key}.{payer}"):
        amount = _amount(invoice, paid[payer], f"refund.amount.{key}.{payer}", "Give back")
        method = payment_view.method_field(
            f"refund.method.{key}.{payer}", default=_last_method(invoice, payer=payer), label="Given back by"
        )
        reference = st.text_input("Reference", key=f"refund.reference.{key}", max_chars=80)
        reason = _reason(f"refund.reason.{key}")
        sent = st.form_submit_button("Give back", type="secondary", icon=":material/undo:")
    if sent:
        with place, session.show_errors():
            back = money.parse_minor(amount, invoice.currency, invoice.locale)
            after = settlement.refund(
                clinic,
                actor,
                invoice,
                key=key,
                amount_minor=back,
                method=method,
                reason=reason,
                payer=payer,
                reference=reference,
            )
            _done(name, invoice, f"{invoice.money(back)} given back. {_due(after)} The refund slip is under Papers.")


def _credit(clinic: Clinic, actor: Actor, invoice: Invoice, name: str) -> None:
    key = forms.form_id(name)
    left = settling.creditable(invoice)
    st.caption(
        text.plain(f"At most {invoice.money(sum(left))} is left to take back. ")
        + "It lowers what is due; what the patient paid already is held for the patient."
    )
    mode = st.segmented_control("How much", _MODES, default=_WHOLE, required=True, key=f"credit.mode.{key}")
    place = st.container()
    with st.form(f"credit.{key}.{mode}"):
        typed = _credit_fields(invoice, left, str(mode), key)
        reason = _reason(f"credit.reason.{key}")
        sent = st.form_submit_button("Make the credit note", icon=":material/receipt_long:")
    if sent:
        with place, session.show_errors():
            amounts = _credited(invoice, left, str(mode), typed)
            after = settlement.credit_note(clinic, actor, invoice, key=key, amounts=amounts, reason=reason)
            made = next(a for a in after.adjustments if a.key == key)
            held = f" {after.money(made.to_credit_minor)} is held for the patient." if made.to_credit_minor else ""
            said = f"{made.document} over {after.money(made.credited_minor)} is made.{held} {_due(after)}"
            _done(name, invoice, f"{said} It is under Papers.")


def _credit_fields(invoice: Invoice, left: list[int], mode: str, key: str) -> dict[int, str]:
    """What was typed: by line, -1 for one amount over all of them."""
    if mode == _AMOUNT:
        return {-1: st.text_input("Take back, with tax", key=f"credit.amount.{key}")}
    if mode == _LINES:
        return {
            n: st.text_input(
                text.plain(f"{line.description}: at most {invoice.money(left[n])}"), key=f"credit.line.{n}.{key}"
            )
            for n, line in enumerate(invoice.lines)
            if left[n]
        }
    return {}


def _credited(invoice: Invoice, left: list[int], mode: str, typed: Mapping[int, str]) -> dict[int, int]:
    if mode == _WHOLE:
        return {n: amount for n, amount in enumerate(left) if amount}
    minor = {n: money.parse_minor(t, invoice.currency, invoice.locale) for n, t in typed.items() if t and t.strip()}
    if not minor:
        raise InvalidInput("Enter the amount that is taken back.", field="amount")
    return settling.spread_credit(invoice, minor[-1]) if mode == _AMOUNT else minor


def _write_off(clinic: Clinic, actor: Actor, invoice: Invoice, name: str) -> None:
    key = forms.form_id(name)
    due = (invoice.patient_due_minor, invoice.payer_due_minor)
    st.caption("Gives up what will not be paid. The charge stays: it is a loss, not a correction.")
    payer = payment_view.side_field(invoice, *due, label="Owed by whom", key=f"loss.who.{key}")
    place = st.container()
    with st.form(f"loss.{key}.{payer}"):
        amount = _amount(invoice, due[payer], f"loss.amount.{key}.{payer}", "Write off")
        reason = _reason(f"loss.reason.{key}")
        sent = st.form_submit_button("Write off", icon=":material/money_off:")
    if sent:
        with place, session.show_errors():
            lost = money.parse_minor(amount, invoice.currency, invoice.locale)
            after = settlement.write_off(clinic, actor, invoice, key=key, amount_minor=lost, reason=reason, payer=payer)
            _done(name, invoice, f"{invoice.money(lost)} written off. {_due(after)}")


def _transfer(clinic: Clinic, actor: Actor, invoice: Invoice, name: str) -> None:
    key = forms.form_id(name)
    found = [i for i in billing.of_patient(clinic, actor, invoice.patient_id) if i.patient_due_minor]
    targets = {other.id: other for other in found if other.id != invoice.id}
    if not targets:
        st.caption("This patient has no other bill on which something is due.")
        return
    st.caption("What was paid here pays another bill of the patient instead. It is due here again.")
    chosen = targets.get(
        st.selectbox("To", list(targets), format_func=lambda i: _target(targets[i]), key=f"transfer.to.{key}")
    )
    if chosen is None:
        return
    most = min(invoice.paid_minor - invoice.payer_paid_minor, chosen.patient_due_minor)
    place = st.container()
    with st.form(f"transfer.{key}.{chosen.id}"):
        amount = _amount(invoice, most, f"transfer.amount.{key}.{chosen.id}", "Move")
        reason = _reason(f"transfer.reason.{key}")
        sent = st.form_submit_button("Move the payment", icon=":material/swap_horiz:")
    if sent:
        with place, session.show_errors():
            moved = money.parse_minor(amount, invoice.currency, invoice.locale)
            after = settlement.transfer(clinic, actor, invoice, chosen, key=key, amount_minor=moved, reason=reason)
            payment_view.begin_anew(chosen)
            _done(name, invoice, f"{invoice.money(moved)} moved to {chosen.label}. {_due(after)}")


def _target(invoice: Invoice) -> str:
    return f"{invoice.label}, {widgets.short_day(invoice.issued_on)}: {invoice.money(invoice.patient_due_minor)} due"


def _assign(clinic: Clinic, actor: Actor, invoice: Invoice, name: str) -> None:
    key = forms.form_id(name)
    due = (invoice.patient_due_minor, invoice.payer_due_minor)
    st.caption("Who owes it changes, not how much is owed: when an insurer refuses a part, the patient owes it.")
    payer = payment_view.side_field(invoice, *due, label="Owed now by", key=f"assign.who.{key}")
    to = "the patient" if payer else (invoice.payer.name if invoice.payer else "the payer")
    place = st.container()
    with st.form(f"assign.{key}.{payer}"):
        amount = _amount(invoice, due[payer], f"assign.amount.{key}.{payer}", "Move")
        reason = _reason(f"assign.reason.{key}")
        sent = st.form_submit_button(text.plain(f"Let {to} owe it"), icon=":material/swap_horiz:")
    if sent:
        with place, session.show_errors():
            moved = money.parse_minor(amount, invoice.currency, invoice.locale)
            settlement.assign(clinic, actor, invoice, key=key, amount_minor=moved, to_payer=not payer, reason=reason)
            _done(name, invoice, f"{invoice.money(moved)} is owed by {to} now.")


def _take_back(clinic: Clinic, actor: Actor, invoice: Invoice, name: str) -> None:
    key = forms.form_id(name)
    found = {made.entry_id: made for made in settling.reversible(invoice)}
    st.caption(
        "What was written off is due again, for money that came after all. Money held that paid the wrong bill is due "
        "again here and held for the patient again. It is taken back as a whole."
    )
    place = st.container()
    with st.form(f"back.{key}"):
        chosen = st.selectbox(
            "What to take back", list(found), format_func=lambda i: _told(invoice, found[i]), key=f"back.what.{key}"
        )
        reason = _reason(f"back.reason.{key}")
        sent = st.form_submit_button("Take it back", icon=":material/undo:")
    if sent and chosen is not None:
        with place, session.show_errors():
            after = settlement.reverse(clinic, actor, invoice, chosen, reason=reason)
            _done(name, invoice, f"{_amount_of(invoice, found[chosen])} taken back. {_due(after)}")


def _told(invoice: Invoice, made: Adjustment) -> str:
    what = "Written off" if made.written_off_minor else "Paid from money held"
    return f"{what}, {widgets.short_day(made.on)}: {_amount_of(invoice, made)}"


def _amount_of(invoice: Invoice, made: Adjustment) -> str:
    return invoice.money(made.written_off_minor or made.paid_minor)


_Form = Callable[[Clinic, Actor, Invoice, str], None]
_FORMS: Final[Mapping[str, _Form]] = {
    _REFUND: _refund,
    _CREDIT: _credit,
    _LOSS: _write_off,
    _TRANSFER: _transfer,
    _ASSIGN: _assign,
    _BACK: _take_back,
}


def _amount(invoice: Invoice, most_minor: int, key: str, verb: str) -> str:
    most = str(money.to_decimal(most_minor, invoice.currency))
    return st.text_input(f"{verb}, at most {invoice.money(most_minor)}", most, key=key)


def _reason(key: str) -> str:
    return st.text_input("Reason", key=key, max_chars=200, placeholder="Stays with the entry for ever")


def _last_method(invoice: Invoice, *, payer: bool) -> PaymentMethod:
    ways = [payment.method for payment in invoice.payments if payment.payer is payer]
    return ways[-1] if ways else PaymentMethod.CASH


def _due(after: Invoice) -> str:
    return f"{after.money(after.due_minor)} due now." if after.due_minor else "Nothing is due."


def _done(name: str, invoice: Invoice, message: str) -> None:
    forms.renew(name)
    forms.renew(f"more.{invoice.id}")
    payment_view.begin_anew(invoice)
    forms.done(text.plain(message))
