"""A draft's lines as an editable table with live totals, and its way to an issued invoice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import billing as rules
from clinic_core.domain import money, pricing
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice, LineItem
from clinic_core.domain.ids import new_id
from clinic_core.domain.organization import HealthcareService
from clinic_core.services import billing
from ui import forms, invoice_lines, invoice_parts, invoice_payer, session, text

_WORK: Final = "draft.work"
_ADD: Final = "draft.add"
_CONFIRM: Final = "draft.confirm"


@dataclass
class _Work:
    """The draft under the hands of one person, kept until it is saved, also while they look at another page."""

    invoice: Invoice  # as it was read when the work began
    columns: invoice_lines.Columns  # what the table was drawn with
    edited: invoice_lines.Columns  # what it holds now
    table_id: str = field(default_factory=new_id)

    @property
    def key(self) -> str:
        """The table's key: a new table when the lines change under it."""
        return f"draft.lines.{self.table_id}"

    def redraw(self, columns: invoice_lines.Columns) -> None:
        """Draw the table anew with these lines."""
        self.columns, self.edited, self.table_id = columns, columns, new_id()


@st.fragment
def show(clinic: Clinic, item: billing.WorkItem) -> None:
    """Draw the draft. A fragment: editing a cell redraws nothing else."""
    with session.show_errors():
        actor = session.require_actor(clinic)
        _draft(clinic, actor, item)


def _draft(clinic: Clinic, actor: Actor, item: billing.WorkItem) -> None:
    work = _work(item.invoice)
    if work.invoice.version != item.invoice.version:
        _changed_elsewhere()
    services = _services(clinic, work.invoice)
    _table(work, services, item.invoice.currency)
    tools, sums = st.columns([3, 2], gap="large")
    preview = None
    with tools:
        _add_service(services)
        with session.show_errors():
            lines = invoice_lines.read(work.edited, services, item.invoice.currency)
            rules.check_lines(lines)
            preview = _preview(clinic, work.invoice, lines)
            with st.container(horizontal=True):
                _discount(work, preview)
                _payer(clinic, actor, work, preview)
    with sums:
        if preview is not None:
            invoice_parts.show_totals(preview, _payer_name(clinic, preview))
            _next_step(clinic, actor, work, preview)


def _work(invoice: Invoice) -> _Work:
    work = st.session_state.get(_WORK)
    if not isinstance(work, _Work) or work.invoice.id != invoice.id:
        columns = invoice_lines.columns(invoice.lines, invoice.currency)
        work = st.session_state[_WORK] = _Work(invoice=invoice, columns=columns, edited=columns)
        st.session_state.pop(_CONFIRM, None)
    elif work.key not in st.session_state:  # back from another page, which dropped the table's own memory
        work.redraw(work.edited)
    return work


def _forget() -> None:
    for key in (_WORK, _CONFIRM):
        st.session_state.pop(key, None)


def _changed_elsewhere() -> None:
    st.warning("Somebody else changed this draft meanwhile. Your lines are below; they cannot be saved over theirs.")
    st.button("Show theirs", on_click=_forget)


def _table(work: _Work, services: Mapping[str, HealthcareService], currency: str) -> None:
    if not work.columns["service"]:
        st.info("Nothing on this bill yet. Add the first service below.")
        return
    decimals = money.exponent(currency)
    step = 10.0**-decimals
    amount: dict[str, Any] = {"min_value": 0.0, "step": step, "format": f"%.{decimals}f"}
    options = [i for i, service in services.items() if service.active or i in work.columns["service"]]
    given: dict[str, Any] = {**work.columns}
    work.edited = st.data_editor(
        given,
        key=work.key,
        num_rows="dynamic",
        hide_index=True,
        alt="Lines of the bill",
        column_config={
            "service": st.column_config.SelectboxColumn(
                "Service", options=options, format_func=lambda i: services[str(i)].name, required=True, width="medium"
            ),
            "description": st.column_config.TextColumn("Text on the bill", width="medium", max_chars=200),
            "quantity": st.column_config.NumberColumn("Quantity", min_value=1, step=1, width="small"),
            "price": st.column_config.NumberColumn(f"Price ({currency})", **amount),
            "discount": st.column_config.NumberColumn("Discount", help="Off the whole line.", **amount),
            "tax": st.column_config.NumberColumn("Tax %", min_value=0.0, max_value=100.0, step=0.01, format="%g"),
            "session": None,  # goes with its row, whatever is typed there
        },
    )


def _services(clinic: Clinic, invoice: Invoice) -> dict[str, HealthcareService]:
    """The catalogue with the prices of the visit's day for the invoice's payer."""
    day = invoice.visited_on or clinic.today()
    return pricing.catalogue_on(clinic.directory().services, day, invoice.payer_id)


def _add_service(known: Mapping[str, HealthcareService]) -> None:
    services = {service.id: service for service in known.values() if service.active}
    st.selectbox(
        "Add a service",
        tuple(services),
        index=None,
        format_func=lambda i: services[i].name,
        placeholder="Type its name",
        key=_ADD,
        on_change=_added,
        args=(services,),
    )


def _added(services: Mapping[str, HealthcareService]) -> None:
    """A callback: put the chosen service on the draft, which is not saved yet."""
    work, service = st.session_state.get(_WORK), services.get(st.session_state[_ADD])
    st.session_state[_ADD] = None
    if not isinstance(work, _Work) or service is None:
        return
    new = invoice_lines.columns([rules.line_for(service)], work.invoice.currency)
    work.redraw({name: [*cells, *new[name]] for name, cells in work.edited.items()})


def _discount(work: _Work, preview: Invoice) -> None:
    with st.popover("Discount on the whole bill", icon=":material/percent:", disabled=not preview.lines):
        with st.form(f"draft.discount.{work.invoice.id}", border=False):
            typed = st.text_input("Amount, or percent like 10 %", key=f"draft.off.{work.invoice.id}")
            applying = st.form_submit_button("Spread over the lines")
        if applying:
            with session.show_errors():
                off = invoice_lines.discount(typed, preview)
                work.redraw(invoice_lines.columns(rules.spread_discount(preview.lines, off), preview.currency))
                st.rerun()


def _payer(clinic: Clinic, actor: Actor, work: _Work, preview: Invoice) -> None:
    """Who owes a part of the bill besides the patient; nothing where the clinic knows nobody who could."""
    known = clinic.directory().payers
    options = ["", *(i for i, payer in known.items() if payer.active or i == preview.payer_id)]
    if len(options) == 1:
        return
    label = f"Payer: {_payer_name(clinic, preview)}" if preview.payer_id else "Payer"
    name = f"draft.payer.{work.invoice.id}.{work.invoice.version}"
    with st.popover(text.plain(label), icon=":material/health_and_safety:", key=f"{name}.area"):
        with st.form(name, border=False):
            chosen = st.selectbox(
                "Who pays a part",
                options,
                options.index(preview.payer_id or ""),
                format_func=lambda i: known[i].name if i else "Nobody else: the patient pays",
                key=f"{name}.who",
            )
            share = st.text_input(
                "Its part",
                invoice_payer.share_text(preview),
                key=f"{name}.share",
                placeholder="Its usual share",
                help="An amount, or percent like 80 %. Empty: the usual share of the payer.",
            )
            setting = st.form_submit_button("Use this")
        if setting:
            with session.show_errors():
                before = _saved(clinic, actor, work, preview)
                work.invoice = invoice_payer.choose(clinic, actor, before, known.get(chosen or ""), share)
                forms.done("The draft is saved with who pays it.")


def _payer_name(clinic: Clinic, invoice: Invoice) -> str:
    payer = clinic.directory().payers.get(invoice.payer_id or "")
    return payer.name if payer else ""


def _preview(clinic: Clinic, invoice: Invoice, lines: list[LineItem]) -> Invoice:
    profile = clinic.organization()
    wanted = replace(invoice, lines=tuple(lines), tax_rule=profile.tax_rule, currency=profile.currency)
    return replace(wanted, total_minor=wanted.totals.total_minor)


def _changed(work: _Work, preview: Invoice) -> bool:
    return (preview.lines, preview.tax_rule) != (work.invoice.lines, work.invoice.tax_rule)


def _saved(clinic: Clinic, actor: Actor, work: _Work, preview: Invoice) -> Invoice:
    """The draft with the lines as they are in the table now."""
    if _changed(work, preview):
        work.invoice = billing.set_lines(clinic, actor, work.invoice, preview.lines)
    return work.invoice


def _next_step(clinic: Clinic, actor: Actor, work: _Work, preview: Invoice) -> None:
    total = preview.money(preview.totals.total_minor)
    changed = _changed(work, preview)
    if not st.session_state.get(_CONFIRM):
        with st.container(horizontal=True):
            st.button(
                "Issue invoice",
                type="primary",
                icon=":material/task_alt:",
                disabled=not preview.lines,
                on_click=st.session_state.update,
                args=({_CONFIRM: True},),
            )
            if changed and st.button("Save draft"):
                _save(clinic, actor, work, preview)
        return
    st.warning(f"Issue this invoice over **{text.plain(total)}**? It gets its number, and its lines can never change.")
    with st.container(horizontal=True):
        if st.button("Yes, issue it", type="primary", icon=":material/task_alt:"):
            _issue(clinic, actor, work, preview)
        st.button("Not yet", on_click=st.session_state.update, args=({_CONFIRM: False},))


def _save(clinic: Clinic, actor: Actor, work: _Work, preview: Invoice) -> None:
    with session.show_errors():
        billing.set_lines(clinic, actor, work.invoice, preview.lines)
        _forget()
        forms.done("The draft is saved.")


def _issue(clinic: Clinic, actor: Actor, work: _Work, preview: Invoice) -> None:
    with session.show_errors():
        issued = billing.issue(clinic, actor, _saved(clinic, actor, work, preview))
        _forget()
        forms.done(f"{issued.label} is issued.")
