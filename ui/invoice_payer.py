"""The part of a draft that a payer owes, as it is typed and as it is kept."""

from __future__ import annotations

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Invoice
from clinic_core.domain.payers import Payer
from clinic_core.services import billing


def share_text(invoice: Invoice) -> str:
    """The payer's part as somebody would type it; nothing while there is no payer."""
    if invoice.payer_id is None:
        return ""
    if invoice.payer_basis_points is not None:
        return f"{money.show_percent(invoice.payer_basis_points)} %"
    return str(money.to_decimal(invoice.payer_share_minor, invoice.currency))


def choose(clinic: Clinic, actor: Actor, before: Invoice, payer: Payer | None, typed: str) -> Invoice:
    """The draft with its payer and the typed part: percent, an amount, or nothing for the payer's usual share.

    Raises InvalidInput for what is neither.
    """
    if payer is None:
        return billing.set_payer(clinic, actor, before, None)
    share = typed.strip()
    if not share:
        return billing.set_payer(clinic, actor, before, payer.id, basis_points=payer.share_basis_points)
    if share.endswith("%"):
        return billing.set_payer(
            clinic, actor, before, payer.id, basis_points=money.parse_percent(share, before.locale)
        )
    amount = money.parse_minor(share, before.currency, before.locale)
    return billing.set_payer(clinic, actor, before, payer.id, share_minor=amount)
