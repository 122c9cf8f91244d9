"""What insurers and employers owe: who, how old, the statement, and one payment for several bills."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, PaymentMethod
from clinic_core.domain.payers import Payer
from clinic_core.domain.statements import Age
from clinic_core.services import payer_payments
from clinic_core.services.payer_payments import Allocated, Debt
from ui import bills, forms, papers, payment_view, session, statement_view, text, widgets
from ui.rows import Mark, Row, Step, rows

_PAYER: Final = "payers.opened"
_SAID: Final = "payers.said"
_MOST: Final = 50


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the payers who owe, or one of them."""
    with session.show_errors():
        opened = st.session_state.get(_PAYER)
        if isinstance(opened, str) and opened in clinic.directory().payers:
            _payer(clinic, actor, opened)
        else:
            _all(clinic, actor)


def _all(clinic: Clinic, actor: Actor) -> None:
    debts = payer_payments.owing(clinic, actor)
    if not debts:
        widgets.nothing_here("No payer owes anything. Their parts of issued bills appear here.", "savings")
    else:
        ages = [_age(age) for age in debts[0].ageing]
        head = ("Payer", "Bills", "Oldest", *ages, "Owed", "Late")
        shown = [_row(clinic, debt, next_=n == 0) for n, debt in enumerate(debts)]
        rows("Payers who owe", head, shown, key="payers.list", on_step=_open, right=("Bills", *ages, "Owed", "Late"))
    owing = {debt.payer.id for debt in debts}
    paid = sorted((p for p in clinic.directory().payers.values() if p.id not in owing), key=lambda p: p.name.casefold())
    if paid:
        st.markdown("#### Nothing owed")
        _paid(paid)


def _paid(payers: Sequence[Payer]) -> None:
    """Those whose statement can be asked for all the same."""
    shown = [
        Row(
            id=p.id, label=p.name, cells=[p.name, "" if p.active else Mark("Not active")], steps=(Step("open", "Open"),)
        )
        for p in payers
    ]
    rows("Payers who owe nothing", ("Payer", ""), shown, key="payers.paid", on_step=_open)


def _row(clinic: Clinic, debt: Debt, *, next_: bool) -> Row:
    ages = (clinic.money(age.amount_minor) if age.amount_minor else "" for age in debt.ageing)
    late = Mark(f"{clinic.money(debt.late_minor)} late", "red") if debt.late_minor else ""
    return Row(
        id=debt.payer.id,
        label=debt.payer.name,
        cells=[
            debt.payer.name,
            str(len(debt.invoices)),
            widgets.short_day(debt.oldest_on),
            *ages,
            clinic.money(debt.owed_minor),
            late,
        ],
        steps=(Step("open", "Open", primary=next_),),
        next=next_,
    )


def _age(age: Age) -> str:
    return f"Over {age.from_days - 1} days" if age.to_days is None else f"{age.from_days} to {age.to_days} days"


def _open(payer_id: str, _step: str) -> None:
    st.session_state[_PAYER] = payer_id


def _close() -> None:
    st.session_state.pop(_PAYER, None)
    st.session_state.pop(_SAID, None)


def _payer(clinic: Clinic, actor: Actor, payer_id: str) -> None:
    payer = clinic.directory().payers[payer_id]
    st.button("All payers", icon=":material/arrow_back:", type="tertiary", on_click=_close)
    st.subheader(text.plain(payer.name))
    debt = payer_payments.owed_by(clinic, actor, payer_id)
    _said(clinic, payer_id)
    left, right = st.columns(2, gap="large")
    with left:
        if debt is None:
            widgets.nothing_here("Nothing is owed.", "task_alt")
        else:
            _take(clinic, actor, debt)
    with right:
        st.markdown("#### Statement of account")
        statement_view.show(
            clinic,
            f"payers.statement.{payer_id}",
            f"payer-{payer_id[-6:]}",
            lambda start, end: partial(papers.payer_statement_pdf, payer_id=payer_id, start_on=start, end_on=end),
        )
    if debt is not None:
        _bills(clinic, debt.invoices)


def _take(clinic: Clinic, actor: Actor, debt: Debt) -> None:
    name = f"payers.pay.{debt.payer.id}"
    key = forms.form_id(name)
    currency, locale = clinic.organization().currency, clinic.organization().locale
    with st.form(f"payers.pay.{key}"):
        st.markdown(f"#### {text.plain(clinic.money(debt.owed_minor))} owed")
        st.caption("One payment for several bills: the oldest is paid first.")
        owed = str(money.to_decimal(debt.owed_minor, currency))
        amount = st.text_input(f"Amount in {currency}", owed, key=f"payers.amount.{key}")
        method = payment_view.method_field(f"payers.method.{key}", default=PaymentMethod.BANK_TRANSFER)
        reference = st.text_input(
            "Reference", key=f"payers.reference.{key}", max_chars=80, placeholder="Transfer number"
        )
        taking = st.form_submit_button("Take payment", type="primary", icon=":material/payments:", width="stretch")
    if taking:
        with session.show_errors():
            paid = money.parse_minor(amount, currency, locale)
            done = payer_payments.take(
                clinic, actor, debt.payer.id, key=key, amount_minor=paid, method=method, reference=reference
            )
            forms.renew(name)
            st.session_state[_SAID] = (debt.payer.id, done)
            forms.done(text.plain(f"{clinic.money(done.amount_minor)} taken for {len(done.parts)} bills."))


def _said(clinic: Clinic, payer_id: str) -> None:
    """Which bills the payment paid, until the payer is left."""
    owner, done = st.session_state.get(_SAID, ("", None))
    if owner != payer_id or not isinstance(done, Allocated):
        return
    parts = ", ".join(f"{part.label} {clinic.money(part.amount_minor)}" for part in done.parts[:_MOST])
    more = f" and {len(done.parts) - _MOST} more" if len(done.parts) > _MOST else ""
    st.success(text.plain(f"{clinic.money(done.amount_minor)} paid: {parts}{more}."), icon=":material/check_circle:")
    if done.left_minor:
        st.warning(
            text.plain(
                f"{clinic.money(done.left_minor)} found no bill to pay: somebody else was paid for it meanwhile."
            )
        )


def _bills(clinic: Clinic, invoices: Sequence[Invoice]) -> None:
    shown = [
        Row(
            id=invoice.id,
            label=invoice.label,
            cells=[
                invoice.label,
                invoice.subject.name if invoice.subject else "",
                widgets.short_day(invoice.issued_on),
                clinic.money(invoice.total_minor),
                clinic.money(invoice.payer_due_minor),
            ],
            steps=[Step("open", "Open")],
        )
        for invoice in invoices[:_MOST]
    ]
    head = ("Bill", "Patient", "Day", "Total", "Owed")
    rows("Bills", head, shown, key="payers.bills", on_step=_go, right=head[3:])
    if len(invoices) > _MOST:
        st.caption(f"The oldest {_MOST} of {len(invoices)}.")


def _go(invoice_id: str, _step: str) -> None:
    bills.open_here(invoice_id)
