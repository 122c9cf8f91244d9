"""Money: currency, tax, numbers of documents, fees, revisits, the month's target, and where payments go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import bank, billing, choices, money
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import LineItem
from clinic_core.domain.organization import Organization, TaxRounding, TaxRule
from clinic_core.services import directory
from ui import forms, session, text, versioned
from ui.settings_fields import ProfileFields

_NAME: Final = "settings.money"
_LATEST_HOURS: Final = 336
_LONGEST_REVISIT: Final = 366
_EXAMPLE: Final = 1_800  # basis points of the tax in examples
_LABELS: Final = {
    "currency": "Currency",
    "invoice_prefix": "Invoice prefix",
    "credit_note_prefix": "Credit note prefix",
    "tax_rule": "Tax",
    "late_cancel_hours": "Late: hours before the start",
    "late_cancel_fee_minor": "Late cancellation",
    "noshow_fee_minor": "Missed visit",
    "fee_tax_basis_points": "Tax on fees in %",
    "free_revisit_days": "Free revisits: days",
    "monthly_target_minor": "Target for a month",
    "upi_id": "UPI id",
    "iban": "IBAN",
    "bic": "BIC",
}
Changes: TypeAlias = Callable[[], dict[str, Any]]  # reads what was typed; may raise InvalidInput


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the rules about money and save what was changed."""
    base = versioned.opened(_NAME, clinic.organization())
    fields = ProfileFields(_NAME, base, _LABELS)
    clashing = versioned.is_clashing(_NAME)
    with st.form(_NAME, border=False):
        left, right = st.columns(2, gap="large")
        with left:
            parts = [_documents(fields), _tax(fields), _revisits(fields), _target(fields)]
        with right:
            parts += [_fees(fields), _pay_to(fields)]
        saving = st.form_submit_button("Save", type="secondary" if clashing else "primary", icon=":material/save:")
    if saving:
        with session.show_errors():
            changes = {field: value for part in parts for field, value in part().items()}
            _save(clinic, actor, replace(base, **changes))
    versioned.show_clash(_NAME, _LABELS, write=lambda record: directory.save_organization(clinic, actor, record))


def _save(clinic: Clinic, actor: Actor, wanted: Organization) -> None:
    typed = replace(wanted, iban=bank.check_iban(wanted.iban), bic=bank.check_bic(wanted.bic))
    versioned.save(
        _NAME,
        typed,
        write=lambda record: directory.save_organization(clinic, actor, record),
        latest=lambda: versioned.newest(clinic).organization,
    )
    forms.done("The rules about money are saved.")


def _documents(fields: ProfileFields) -> Changes:
    st.subheader("Currency and numbers")
    names = choices.currencies()
    currency = fields.choice(
        "currency",
        tuple(names),
        names=names,
        help="Stays once money is booked. Until then it can be changed; prices of services keep their figures.",
    )
    left, right = st.columns(2)
    with left:
        invoice = fields.text("invoice_prefix", max_chars=10, help=_number(fields.base.invoice_prefix))
    with right:
        credit = fields.text("credit_note_prefix", max_chars=10, help=_number(fields.base.credit_note_prefix))
    return lambda: {"currency": currency, "invoice_prefix": invoice, "credit_note_prefix": credit}


def _tax(fields: ProfileFields) -> Changes:
    st.subheader("Tax")
    st.caption("Each service has its own rate. Issued invoices keep the rule of their day.")
    rule = fields.base.tax_rule
    inclusive = st.radio(
        "Prices are",
        (False, True),
        index=int(rule.inclusive),
        format_func=lambda inside: "tax included" if inside else "plus tax",
        captions=[_bill_at(fields.base, inclusive=False), _bill_at(fields.base, inclusive=True)],
        key=fields.key("inclusive", rule.inclusive),
    )
    roundings = tuple(TaxRounding)
    rounding = st.radio(
        "Tax is rounded",
        roundings,
        index=roundings.index(rule.rounding),
        format_func=lambda where: "on each line" if where is TaxRounding.LINE else "once per tax rate",
        captions=[_two_lines(fields.base, where) for where in roundings],
        key=fields.key("rounding", rule.rounding),
        help="Ask your tax adviser which one is usual; the bills differ by the smallest coin at most per line.",
    )
    return lambda: {"tax_rule": TaxRule(inclusive=bool(inclusive), rounding=TaxRounding(rounding))}


def _fees(fields: ProfileFields) -> Changes:
    st.subheader("Fees")
    st.caption(
        "A fee is drafted when a visit is cancelled late or missed; the front desk issues it or throws it away. "
        "Cancelling because the practitioner is not available costs nothing."
    )
    left, right = st.columns(2)
    with left:
        late = fields.amount("late_cancel_fee_minor")
        missed = fields.amount("noshow_fee_minor")
    with right:
        hours = fields.whole("late_cancel_hours", _LATEST_HOURS, help="24: from one day before the visit's start on.")
        percent = money.show_percent(fields.base.fee_tax_basis_points)
        key = fields.key("fee_tax_basis_points", fields.base.fee_tax_basis_points)
        tax = st.text_input(_LABELS["fee_tax_basis_points"], percent, key=key)
    return lambda: {
        "late_cancel_fee_minor": fields.minor(late),
        "noshow_fee_minor": fields.minor(missed),
        "late_cancel_hours": hours,
        "fee_tax_basis_points": money.parse_percent(tax or "0"),
    }


def _pay_to(fields: ProfileFields) -> Changes:
    st.subheader("Payment code on invoices")
    st.caption("With a UPI id or an IBAN, invoices carry a code that a payment app reads.")
    upi_id = fields.text("upi_id", max_chars=120, placeholder="clinic@okbank")
    iban = st.text_input(
        _LABELS["iban"],
        bank.show_iban(fields.base.iban),
        key=fields.key("iban", fields.base.iban),
        max_chars=50,
        help="Its check digits are verified.",
    )
    bic = fields.text("bic", max_chars=14, help="Needed by few banks; it may stay empty.")
    return lambda: {"upi_id": upi_id.strip(), "iban": iban, "bic": bic}


def _revisits(fields: ProfileFields) -> Changes:
    st.subheader("Revisits and target")
    days = fields.whole(
        "free_revisit_days",
        _LONGEST_REVISIT,
        help="The same service with the same practitioner, so many days after a visit that was charged. 0: never.",
    )
    return lambda: {"free_revisit_days": days}


def _target(fields: ProfileFields) -> Changes:
    target = fields.amount("monthly_target_minor", help="Reports draw it as a line. Empty: none.")
    return lambda: {"monthly_target_minor": fields.minor(target)}


def _number(prefix: str) -> str:
    return f"Numbers look like {text.plain(f'{prefix}-2026-00042')}."


def _bill_at(profile: Organization, *, inclusive: bool) -> str:
    price = 100 * 10 ** money.exponent(profile.currency)
    sums = billing.totals([_line(price)], TaxRule(inclusive=inclusive))
    asked, total, tax = (text.plain(profile.money(minor)) for minor in (price, sums.total_minor, sums.tax_minor))
    where = f"{tax} of it tax" if inclusive else f"with {tax} tax"
    return f"A service of {asked} at {money.show_percent(_EXAMPLE)} % is billed as {total}, {where}."


def _two_lines(profile: Organization, rounding: TaxRounding) -> str:
    """Two lines of the smallest amount at which the two ways differ."""
    rule = TaxRule(rounding=rounding)
    lines = [_line(25, 1_000), _line(25, 1_000)]
    tax = billing.totals(lines, rule).tax_minor
    price, shown = (text.plain(profile.money(minor)) for minor in (25, tax))
    return f"Two lines of {price} at 10 %: {shown} tax."


def _line(price_minor: int, basis_points: int = _EXAMPLE) -> LineItem:
    return LineItem(
        service_id="", description="", quantity=1, unit_price_minor=price_minor, tax_basis_points=basis_points
    )
