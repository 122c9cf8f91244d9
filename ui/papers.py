"""The papers of a bill, an account and a payer: made when their button is pressed, by whoever is there then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

from clinic_core.clinic import Clinic
from clinic_core.domain import statements as papers
from clinic_core.domain.access import Actor
from clinic_core.domain.billing import Adjustment, Invoice, Payment
from clinic_core.domain.journal import Event
from clinic_core.errors import NotFound
from clinic_core.services import billing, statements
from ui import downloads

# The documents are imported when one is made: fpdf2 takes 0.7 s to import.

Maker = Callable[[Clinic, Actor], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper about money that moved."""

    key: str
    label: str  # of the button
    what: str
    amount_minor: int
    file_name: str
    make: Maker
    place: str  # in the ledger


def of_invoice(invoice: Invoice) -> list[Paper]:
    """The papers of what happened to an issued invoice's money, latest first."""
    found = [_receipt(invoice, n, payment) for n, payment in enumerate(invoice.payments, 1)]
    refunds = [a for a in invoice.adjustments if a.event == Event.REFUND]
    found += [_refund(invoice, n, adjustment) for n, adjustment in enumerate(refunds, 1)]
    found += [_credit_note(invoice, a) for a in invoice.adjustments if a.event == Event.CREDIT_NOTE]
    return sorted(found, key=lambda paper: paper.place, reverse=True)


def button(clinic: Clinic, paper: Paper, *, primary: bool = False) -> None:
    """The button that makes the paper."""
    downloads.button(
        paper.label,
        clinic,
        paper.make,
        file_name=paper.file_name,
        mime=downloads.PDF,
        key=f"paper.{paper.key}",
        icon=":material/receipt:",
        kind="primary" if primary else "secondary",
    )


def invoice_pdf(clinic: Clinic, actor: Actor, *, invoice_id: str) -> bytes:
    """The invoice as PDF, as it is now."""
    from clinic_core.documents import invoice as document  # noqa: PLC0415

    return document.render(billing.get(clinic, actor, invoice_id))


def receipt_pdf(clinic: Clinic, actor: Actor, *, invoice_id: str, payment_key: str) -> bytes:
    """The receipt of one payment as PDF."""
    from clinic_core.documents import receipt as document  # noqa: PLC0415

    return document.render(statements.invoice_on_paper(clinic, actor, invoice_id, payment_key), payment_key)


def refund_pdf(clinic: Clinic, actor: Actor, *, invoice_id: str, key: str) -> bytes:
    """The receipt of money that was given back of an invoice."""
    from clinic_core.documents import slip as document  # noqa: PLC0415

    invoice = statements.invoice_on_paper(clinic, actor, invoice_id, key)
    return document.render(papers.refund_slip(invoice, _adjustment(invoice, key)))


def credit_note_pdf(clinic: Clinic, actor: Actor, *, invoice_id: str, key: str) -> bytes:
    """One credit note of an invoice."""
    from clinic_core.documents import credit_note as document  # noqa: PLC0415

    invoice = statements.invoice_on_paper(clinic, actor, invoice_id, key)
    return document.render(invoice, _adjustment(invoice, key))


def slip_pdf(clinic: Clinic, actor: Actor, *, entry_id: str) -> bytes:
    """The receipt of a deposit, or of one given back."""
    from clinic_core.documents import slip as document  # noqa: PLC0415

    return document.render(statements.slip(clinic, actor, entry_id))


def patient_statement_pdf(clinic: Clinic, actor: Actor, *, patient_id: str, start_on: date, end_on: date) -> bytes:
    """A patient's statement of account."""
    from clinic_core.documents import statement as document  # noqa: PLC0415

    return document.render(statements.of_patient(clinic, actor, patient_id, start_on, end_on))


def payer_statement_pdf(clinic: Clinic, actor: Actor, *, payer_id: str, start_on: date, end_on: date) -> bytes:
    """A payer's statement of account."""
    from clinic_core.documents import statement as document  # noqa: PLC0415

    return document.render(statements.of_payer(clinic, actor, payer_id, start_on, end_on))


def _receipt(invoice: Invoice, number: int, payment: Payment) -> Paper:
    return Paper(
        key=payment.key,
        label="Receipt",
        what=f"{payment.method.label} {payment.reference}".strip(),
        amount_minor=payment.amount_minor,
        file_name=f"{invoice.label}-receipt-{number}.pdf",
        make=partial(receipt_pdf, invoice_id=invoice.id, payment_key=payment.key),
        place=f"{payment.received_on}{payment.entry_id}{number:05d}",
    )


def _refund(invoice: Invoice, number: int, made: Adjustment) -> Paper:
    return Paper(
        key=made.key,
        label="Refund slip",
        what="given back",
        amount_minor=-made.paid_minor,
        file_name=f"{invoice.label}-refund-{number}.pdf",
        make=partial(refund_pdf, invoice_id=invoice.id, key=made.key),
        place=f"{made.on}{made.entry_id}",
    )


def _credit_note(invoice: Invoice, made: Adjustment) -> Paper:
    return Paper(
        key=made.key,
        label="Credit note",
        what=made.document,
        amount_minor=made.credited_minor,
        file_name=f"{made.document}.pdf",
        make=partial(credit_note_pdf, invoice_id=invoice.id, key=made.key),
        place=f"{made.on}{made.entry_id}",
    )


def _adjustment(invoice: Invoice, key: str) -> Adjustment:
    found = next((a for a in invoice.adjustments if a.key == key), None)
    if found is None:
        raise NotFound("This invoice has no such paper. Reload the invoice.")
    return found
