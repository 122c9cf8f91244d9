"""The receipt of money given back, of a deposit, or of a deposit returned, on A5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic_core.documents import labels, words
from clinic_core.domain.money import format_minor
from clinic_core.domain.statements import Slip, SlipKind

if TYPE_CHECKING:
    from clinic_core.documents.labels import Labels
    from clinic_core.documents.sheet import Sheet


def render(slip: Slip) -> bytes:
    """The PDF of one slip."""
    from clinic_core.documents.sheet import Sheet  # noqa: PLC0415 - loads fpdf2

    said = labels.of(slip.locale)
    title = _title(slip, said)
    sheet = Sheet(paper="A5", title=f"{title} {slip.number}", author=slip.issuer.name, created_at=slip.at, labels=said)
    sheet.letterhead(slip.issuer, title, slip.number)
    party = said.received_from if slip.kind is SlipKind.DEPOSIT else said.paid_out_to
    sheet.labelled(party, [slip.party.name, slip.party.number], width=sheet.epw)
    sheet.ln(5)
    sheet.headline(said.amount, format_minor(slip.amount_minor, slip.currency, slip.locale))
    sheet.facts(_facts(slip, said), width=sheet.epw)
    sheet.ln(3)
    _held(sheet, slip)
    sheet.ln(4)
    if slip.kind is not SlipKind.DEPOSIT:
        sheet.signatures([said.paid_out_by, said.signature_received])
    return sheet.finished()


def _title(slip: Slip, said: Labels) -> str:
    return {
        SlipKind.REFUND: said.refund_receipt,
        SlipKind.DEPOSIT: said.deposit_receipt,
        SlipKind.DEPOSIT_REFUND: said.deposit_returned,
    }[slip.kind]


def _facts(slip: Slip, said: Labels) -> list[tuple[str, str]]:
    came = slip.kind is SlipKind.DEPOSIT
    return [
        (said.received if came else said.paid_out, words.moment(slip.at, slip.time_zone, slip.locale)),
        (said.paid_by if came else said.method, said.methods[slip.method] if slip.method else ""),
        (said.reference, slip.reference),
        (said.for_invoice, slip.invoice),
        (said.reason, slip.reason),
        (said.received_by if came else said.paid_out_by, slip.by),
    ]


def _held(sheet: Sheet, slip: Slip) -> None:
    """What was held for the patient before and after."""
    if slip.held_minor is None:
        return
    said = sheet.labels
    came = slip.amount_minor if slip.kind is SlipKind.DEPOSIT else -slip.amount_minor
    rows = [(said.held_before, slip.held_minor - came), (_title(slip, said), came)]
    texts = [(label, format_minor(amount, slip.currency, slip.locale), False) for label, amount in rows]
    after = (said.held_after, format_minor(slip.held_minor, slip.currency, slip.locale), True)
    sheet.sums([*texts, after], width=sheet.epw)
