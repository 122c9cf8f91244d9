"""Payment codes: what a bank's app reads from the paper. See docs/decisions/payment-qr.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from clinic_core.domain import bank
from clinic_core.domain.billing import PayTo
from clinic_core.domain.money import to_decimal
from clinic_core.errors import InvalidInput

_LARGEST_EUR: Final = 99_999_999_999  # cents, EPC069-12
_LONGEST_EPC: Final = 331  # bytes, EPC069-12
_LONGEST_NAME: Final = 70
_LONGEST_QUOTED: Final = 150
_LONGEST_TEXT: Final = 140
_LONGEST_UPI_REFERENCE: Final = 35


def upi(payee_id: str, payee_name: str, amount_minor: int, currency: str, reference: str) -> str:
    """The link of a UPI payment, ``upi://pay?pa=…`` (NPCI's linking specification).

    Raises InvalidInput for an id that is none, another currency than INR, no amount or a reference that is too long.
    """
    if currency != "INR":
        raise InvalidInput("UPI pays in INR only.", field="currency")
    if len(reference) > _LONGEST_UPI_REFERENCE:
        raise InvalidInput("The reference of a UPI payment has at most 35 characters.", field="reference")
    name = _given(payee_name, "payee_name")
    _require_amount(amount_minor)
    given = {
        "pa": bank.check_upi(_given(payee_id, "upi_id")),
        "pn": name,
        "am": f"{to_decimal(amount_minor, currency):.2f}",
        "cu": currency,
        "tr": reference,
        "tn": reference,
    }
    return "upi://pay?" + "&".join(f"{key}={quote(value, safe='@')}" for key, value in given.items() if value)


def epc(iban: str, bic: str, payee_name: str, amount_minor: int, currency: str, reference: str) -> str:  # noqa: PLR0917
    """The text of a SEPA credit transfer's code (EPC069-12, version 002, UTF-8).

    Raises InvalidInput for a wrong IBAN or BIC, another currency than EUR, an amount out of range or too long a text.
    """
    if currency != "EUR":
        raise InvalidInput("A SEPA transfer pays in EUR only.", field="currency")
    _require_amount(amount_minor)
    if amount_minor > _LARGEST_EUR:
        raise InvalidInput("A SEPA transfer pays at most 999,999,999.99 EUR.", field="amount")
    if len(reference) > _LONGEST_TEXT:
        raise InvalidInput("The reference of a transfer has at most 140 characters.", field="reference")
    name = _given(payee_name, "payee_name")
    if len(name) > _LONGEST_NAME:
        raise InvalidInput("The payee's name has at most 70 characters.", field="payee_name")
    amount = f"EUR{to_decimal(amount_minor, currency):.2f}"
    lines = (
        "BCD",
        "002",
        "1",
        "SCT",
        bank.check_bic(bic),
        name,
        bank.check_iban(_given(iban, "iban")),
        amount,
        "",
        "",
        reference,
    )
    text = "\n".join(lines).rstrip("\n")
    if len(text.encode()) > _LONGEST_EPC:
        raise InvalidInput("The payee's name and the reference are too long for a payment code.", field="payee_name")
    return text


def of_payment(pay_to: PayTo | None, amount_minor: int, currency: str, reference: str) -> str:
    """The code's text for money that is due; "" where the currency has no standard or the details are wrong.

    A wrong detail must not stop an invoice from being printed: whoever typed it is told by the settings.
    """
    if pay_to is None or amount_minor <= 0:
        return ""
    try:
        if currency == "INR" and pay_to.upi_id:
            return upi(pay_to.upi_id, _short(pay_to.name), amount_minor, currency, reference)
        if currency == "EUR" and pay_to.iban:
            return epc(pay_to.iban, pay_to.bic, pay_to.name[:_LONGEST_NAME], amount_minor, currency, reference)
    except InvalidInput:
        return ""
    return ""


def modules(text: str) -> Sequence[Sequence[int]]:
    """The squares of a text's QR code, 1 for dark, without quiet zone; error correction M, as EPC069-12 asks."""
    import segno  # noqa: PLC0415 - only for a paper with a code

    code = segno.make_qr(text, error="m", boost_error=False, encoding="utf-8", mode="byte", eci=False)
    return [list(row) for row in code.matrix]


def _short(name: str) -> str:
    """As much of a name as a phone can still read from a small code: outside ASCII each sign takes nine places."""
    kept = name[:_LONGEST_NAME]
    while len(quote(kept)) > _LONGEST_QUOTED:
        kept = kept[:-1]
    return kept


def _require_amount(amount_minor: int) -> None:
    if isinstance(amount_minor, bool) or not isinstance(amount_minor, int) or amount_minor <= 0:
        raise InvalidInput("A payment code needs an amount above zero.", field="amount")


def _given(text: str, field: str) -> str:
    kept = " ".join(text.split())
    if not kept:
        raise InvalidInput("A payment code needs the payee's name and account.", field=field)
    return kept
