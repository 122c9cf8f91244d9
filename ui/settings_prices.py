"""What one service costs from which day on: the list, and a form to enter or correct a price that lies ahead."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import streamlit as st

from clinic_core.clinic import Clinic, DirectoryView
from clinic_core.domain import money, pricing
from clinic_core.domain.access import Actor
from clinic_core.domain.organization import HealthcareService, Price
from clinic_core.errors import InvalidInput
from clinic_core.services import directory
from ui import forms, session, text, widgets
from ui.rows import Mark, Row, Step, rows

_NAME: Final = "settings.price"
_DROP: Final = "settings.price.drop"
_EVERYBODY: Final = ""
_COLUMNS: Final = ("From", "For", "Price", "Tax", "")
_AHEAD: Final = (Step("correct", "Correct"), Step("drop", "Take back"))


def show(clinic: Clinic, actor: Actor, service: HealthcareService) -> None:
    """Draw the prices of a service and save what was entered."""
    view, form = clinic.directory(), f"{_NAME}.{service.id}"
    st.subheader(f"Prices of {text.plain(service.name)}")
    st.caption("A price takes effect on its day by itself. Prices that hold or held stay on record, as bills do.")
    _list(view, service, clinic.today(), form)
    dropped = st.session_state.pop(_DROP, None)
    if dropped is not None:
        with session.show_errors():
            directory.drop_price(clinic, actor, service.id, _price_of(service, dropped))
            forms.done("The price is taken back.")
    _enter(clinic, actor, service, form)


def _list(view: DirectoryView, service: HealthcareService, today: date, form: str) -> None:
    base = pricing.base_price(service)
    known = {_id(price): price for price in (base, *service.prices)}

    def act(row: str, step: str) -> None:
        if row not in known:
            return
        if step == "drop":
            st.session_state[_DROP] = row
        elif step == "correct":
            _fill(form, known[row], view)

    lines = [_row(view, service, price, today) for price in reversed(known.values())]
    rows("Prices", _COLUMNS, lines, key=f"{form}.list", on_step=act, right=("Price", "Tax"))


def _enter(clinic: Clinic, actor: Actor, service: HealthcareService, form: str) -> None:
    profile, payers = clinic.organization(), clinic.directory().payers
    with st.form(form, border=False):
        fields = st.grid(4)
        st.session_state.setdefault(_key(form, "from"), clinic.today())
        day = fields.date_input(
            "From",
            value=None,
            min_value=clinic.today(),
            format=widgets.date_format(profile),
            key=_key(form, "from"),
        )
        payer = fields.selectbox(
            "For",
            (_EVERYBODY, *(one.id for one in clinic.directory().active_payers)),
            format_func=lambda i: payers[i].name if i in payers else "Everybody",
            key=_key(form, "payer"),
            help="A payer's own price goes before the clinic's. Leave the price empty to end it.",
        )
        price = fields.text_input(f"New price in {profile.currency}", key=_key(form, "price"))
        tax = fields.text_input("Its tax in %", key=_key(form, "tax"), placeholder=_usual_tax(service, clinic.today()))
        entering = st.form_submit_button("Enter price", icon=":material/event_upcoming:")
    if entering:
        with session.show_errors():
            typed = _typed(clinic, price, tax or _usual_tax(service, clinic.today()), payer=payer, day=day)
            directory.set_price(clinic, actor, service.id, typed)
            forms.renew(form)
            forms.done("The price is entered.")


def _typed(clinic: Clinic, price: str, tax: str, *, payer: str, day: object) -> Price:
    profile = clinic.organization()
    if not isinstance(day, date):
        raise InvalidInput("Choose the day from which the price holds.", field="from_on")
    if not price.strip() and payer == _EVERYBODY:
        raise InvalidInput("Enter the price; 0 is free of charge.", field="price_minor")
    return Price(
        from_on=day,
        price_minor=money.parse_minor(price.strip() or "0", profile.currency, profile.locale),
        tax_basis_points=money.parse_percent(tax),
        payer_id=payer or None,
        ends=not price.strip(),
    )


def _fill(form: str, price: Price, view: DirectoryView) -> None:
    """A callback: put a price into the form, to be entered again under its day."""
    currency = view.organization.currency
    typed: dict[str, Any] = {
        "from": price.from_on,
        "payer": price.payer_id or _EVERYBODY,
        "price": "" if price.ends else str(money.to_decimal(price.price_minor, currency)),
        "tax": money.show_percent(price.tax_basis_points),
    }
    forms.renew(form)
    for field, value in typed.items():
        st.session_state[_key(form, field)] = value


def _row(view: DirectoryView, service: HealthcareService, price: Price, today: date) -> Row:
    payer = view.payers.get(price.payer_id or "")
    ahead = price.from_on > today
    holds = pricing.price_on(service, today, price.payer_id) == price
    begins = "The first price" if price.from_on == pricing.FIRST_DAY else widgets.day_text(price.from_on)
    return Row(
        id=_id(price),
        label=begins,
        cells=(
            begins,
            "Everybody" if price.payer_id is None else payer.name if payer else "A payer that is gone",
            "as everybody" if price.ends else view.organization.money(price.price_minor),
            "" if price.ends else f"{money.show_percent(price.tax_basis_points)} %",
            Mark("Planned", "blue") if ahead else Mark("Now", "green") if holds else "",
        ),
        steps=_AHEAD if ahead else (),
    )


def _usual_tax(service: HealthcareService, today: date) -> str:
    return money.show_percent(pricing.price_on(service, today).tax_basis_points)


def _price_of(service: HealthcareService, row: str) -> Price:
    found = next((price for price in service.prices if _id(price) == row), None)
    if found is None:
        raise InvalidInput("This price is not in the list any more.", field="from_on")
    return found


def _id(price: Price) -> str:
    return f"{price.from_on.isoformat()}:{price.payer_id or ''}"


def _key(form: str, field: str) -> str:
    return f"{form}.{forms.form_id(form)}.{field}"
