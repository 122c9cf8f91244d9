"""Billing: from a visit's charges to a numbered invoice and the money taken for it.

Each step is one write of one document. Repeating a step with the same arguments is harmless.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import access, billing, packages, settling
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import Invoice, InvoiceStatus, LineItem, Party, Payment, PaymentMethod, PayTo
from clinic_core.domain.ids import derived_id
from clinic_core.domain.journal import Entry, asked_for, invoice_account
from clinic_core.domain.organization import Organization
from clinic_core.domain.payers import Payer
from clinic_core.domain.people import Patient
from clinic_core.domain.settling import Stamp
from clinic_core.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from clinic_core.services import charging, ledger
from clinic_core.services.ledger import Books

MOST_SHOWN: Final = 50
_NUMBER = re.compile(r"(?:(?P<series>.+)-)?0*(?P<number>[1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """An invoice that waits for the desk, and whose it is."""

    invoice: Invoice
    patient: Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Worklist:
    """What the desk has to do, latest first, at most `MOST_SHOWN` of each.

    `to_bill` are drafts (finishing a visit makes one), `unpaid` issued invoices with money due. The counts are of all;
    `unpaid_count` may be some seconds old.
    """

    to_bill: tuple[WorkItem, ...]
    to_bill_count: int
    unpaid: tuple[WorkItem, ...]
    unpaid_count: int


def draft_for_visit(clinic: Clinic, actor: Actor, appointment_id: str) -> Invoice:
    """The invoice of a finished visit, drafted from its note's charges when there is none yet.

    Without a note, or when the note was never finished, the booked service is charged. A visit whose invoice was
    cancelled gives that one (see `bill_again`). Raises IllegalTransition while the visit is not finished.
    """
    visit = clinic.appointments.get(appointment_id)
    access.require(actor, "invoice.draft_from_visit", practitioner_id=visit.practitioner_id)
    invoice_id = derived_id("invoice", visit.id)
    made = clinic.invoices.of_appointment(visit.id) or clinic.invoices.find(invoice_id)
    if made is not None:
        clinic.audit.record_read(actor, "invoice.draft_from_visit", made.id, patient_id=made.patient_id)
        return made
    if visit.status is not AppointmentStatus.FULFILLED:
        raise IllegalTransition(f"This visit is {visit.status}. It can be billed once the doctor has finished it.")
    payer = charging.default_payer(clinic, clinic.patients.get(visit.patient_id))
    note = clinic.encounters.find(visit.id)
    lines = charging.lines_of_visit(
        clinic, actor, visit, note, invoice_id=invoice_id, payer_id=payer.id if payer else None
    )
    wanted = _draft(clinic, invoice_id, visit.patient_id, visit.practitioner_id, lines, payer=payer)
    draft = clinic.invoices.add(_of_visit(wanted, visit, appointment_id=visit.id))
    _record(clinic, actor, "invoice.draft_from_visit", draft)
    return draft


def new_draft(clinic: Clinic, actor: Actor, *, invoice_id: str, patient_id: str, practitioner_id: str) -> Invoice:
    """An empty draft without a visit. `invoice_id` is made when the form is drawn: a double click is one draft."""
    access.require(actor, "invoice.write")
    if practitioner_id not in clinic.directory().practitioners:
        raise NotFound("This practitioner does not exist. Choose one of the list.")
    payer = charging.default_payer(clinic, clinic.patients.get(patient_id))
    draft = clinic.invoices.add(_draft(clinic, invoice_id, patient_id, practitioner_id, (), payer=payer))
    _record(clinic, actor, "invoice.write", draft)
    return draft


def draft_fee(clinic: Clinic, actor: Actor, visit: Appointment, line: LineItem, *, invoice_id: str) -> Invoice:
    """The draft of a fee for a visit that did not happen; the same id again is the draft that was made first."""
    access.require(actor, "invoice.write")
    wanted = _draft(clinic, invoice_id, visit.patient_id, visit.practitioner_id, (line,))
    draft = clinic.invoices.add(_of_visit(wanted, visit, appointment_id=None))  # the visit may still get its own bill
    _record(clinic, actor, "invoice.write", draft, once=draft.id)
    return draft


def bill_again(clinic: Clinic, actor: Actor, cancelled: Invoice) -> Invoice:
    """A new draft in place of a cancelled invoice, with its lines; the same cancelled one gives the same draft."""
    access.require(actor, "invoice.write")
    if cancelled.status is not InvoiceStatus.CANCELLED:
        raise IllegalTransition("This invoice is not cancelled, so there is nothing to bill again.")
    invoice_id = derived_id("invoice", cancelled.id)
    made = clinic.invoices.find(invoice_id)
    if made is not None:  # taking sessions anew would take those that its desk gave back since
        charging.settle_sessions(clinic, actor, cancelled)
        return made
    lines = charging.lines_again(clinic, actor, cancelled, invoice_id=invoice_id)
    wanted = _draft(clinic, invoice_id, cancelled.patient_id, cancelled.practitioner_id, lines)
    wanted = replace(
        wanted,
        appointment_id=cancelled.appointment_id,
        visited_on=cancelled.visited_on,
        location_id=cancelled.location_id,
        payer_id=cancelled.payer_id,
        payer_basis_points=cancelled.payer_basis_points,
        payer_share_minor=cancelled.payer_share_minor,
    )
    draft = clinic.invoices.add(_priced(wanted, clinic.organization()))
    _record(clinic, actor, "invoice.write", draft)
    return draft


def get(clinic: Clinic, actor: Actor, invoice_id: str) -> Invoice:
    """One invoice; raises NotFound."""
    access.require(actor, "invoice.read")
    return _seen(clinic, actor, clinic.invoices.get(invoice_id))


def opened(clinic: Clinic, actor: Actor, invoice_id: str) -> WorkItem:
    """One invoice and whose it is; raises NotFound."""
    invoice = get(clinic, actor, invoice_id)
    return WorkItem(invoice=invoice, patient=clinic.patients.get(invoice.patient_id))


def find_number(clinic: Clinic, actor: Actor, typed: str) -> Invoice:
    """The invoice of a number as typed: ``INV-2026-00042``, ``inv-2026-42``, or ``42`` of this year's series.

    Raises InvalidInput when it is no number, NotFound when no invoice has it.
    """
    access.require(actor, "invoice.read")
    parts = _NUMBER.fullmatch("".join(typed.split()))
    if parts is None:
        raise InvalidInput("Enter an invoice number, like INV-2026-00042 or 42.", field="number")
    series = parts["series"] or _series(clinic.organization(), clinic.today())
    number = int(parts["number"])
    found = clinic.invoices.by_number(series, number) or clinic.invoices.by_number(series.upper(), number)
    if found is None:
        raise NotFound(f"No invoice has the number {billing.number_text(series, number)}. Check it for a slip.")
    return _seen(clinic, actor, found)


def of_patient(clinic: Clinic, actor: Actor, patient_id: str) -> list[Invoice]:
    """A patient's invoices, latest first."""
    access.require(actor, "invoice.read")
    found = clinic.invoices.of_patient(patient_id)
    clinic.audit.record_read(actor, "invoice.read", patient_id, patient_id=patient_id)
    return found


def worklist(clinic: Clinic, actor: Actor, *, most: int = MOST_SHOWN) -> Worklist:
    """What is to be billed and to be paid: a handful of queries, however large the ledger."""
    access.require(actor, "invoice.read")
    drafts = clinic.invoices.drafts()
    owing = clinic.invoices.owing(today=clinic.today(), most=most)
    shown = (*drafts[:most], *owing)
    patients = clinic.patients.for_list(invoice.patient_id for invoice in shown)
    items = [WorkItem(invoice=invoice, patient=patients[invoice.patient_id]) for invoice in shown]
    clinic.audit.record_read(actor, "invoice.read", "worklist")
    split = min(len(drafts), most)
    return Worklist(
        to_bill=tuple(items[:split]),
        to_bill_count=len(drafts),
        unpaid=tuple(items[split:]),
        unpaid_count=len(owing) if len(owing) < most else max(clinic.invoices.count_owing(), len(owing)),
    )


def set_lines(
    clinic: Clinic, actor: Actor, before: Invoice, lines: Sequence[LineItem], *, discount_minor: int | None = None
) -> Invoice:
    """Replace a draft's lines; `discount_minor` is spread over all of them in place of their own discounts.

    The clinic's present currency and tax rule apply. Raises InvalidInput naming the line that cannot be.
    """
    access.require(actor, "invoice.write")
    billing.require_draft(before)
    billing.check_lines(lines)
    kept = packages.saved_over(before.lines, lines)
    kept = kept if discount_minor is None else billing.spread_discount(kept, discount_minor)
    after = clinic.invoices.change(before, _priced(replace(before, lines=kept), clinic.organization()))
    charging.settle_sessions(clinic, actor, after)
    _record(clinic, actor, "invoice.write", after)
    return after


def set_payer(
    clinic: Clinic,
    actor: Actor,
    before: Invoice,
    payer_id: str | None,
    *,
    basis_points: int | None = None,
    share_minor: int = 0,
) -> Invoice:
    """Let a payer owe a part of a draft, as a share of its total or as an amount; None: the patient owes all of it.

    Lines at their usual price take the payer's. Raises NotFound for a payer that is not in the list, InvalidInput for
    a share above the total.
    """
    access.require(actor, "invoice.write")
    billing.require_draft(before)
    if payer_id is not None and payer_id not in clinic.directory().payers:
        raise NotFound("This payer does not exist. Choose one of the list.")
    if payer_id is None:
        basis_points, share_minor = None, 0
    elif basis_points is None and not 0 <= share_minor <= before.total_minor:
        raise InvalidInput("The payer's part lies between 0 and the total.", field="share")
    elif basis_points is not None and not 0 <= basis_points <= billing.WHOLE:
        raise InvalidInput("The payer's share lies between 0 and 100 %.", field="share")
    lines = charging.lines_for_payer(clinic, before, payer_id)
    wanted = replace(
        before, lines=lines, payer_id=payer_id, payer_basis_points=basis_points, payer_share_minor=share_minor
    )
    after = clinic.invoices.change(before, _priced(wanted, clinic.organization()))
    _record(clinic, actor, "invoice.write", after)
    return after


def issue(clinic: Clinic, actor: Actor, before: Invoice) -> Invoice:
    """Number a draft and keep its texts, parties and prices for ever. One with nothing to pay is balanced at once.

    Raises InvalidInput for an empty draft, Conflict when it changed, or the clinic's tax rule or currency did,
    since it was read.
    """
    access.require(actor, "invoice.issue")
    if before.status in billing.OWING:
        return _issued(clinic, actor, clinic.invoices.get(before.id))
    if before.status is InvoiceStatus.CANCELLED:
        raise IllegalTransition("This invoice is cancelled. Bill the visit again instead.")
    if not before.lines:
        raise InvalidInput("This invoice has no lines. Add what is to be paid for, then issue it.", field="lines")
    charging.settle_sessions(clinic, actor, before)  # whoever changed the lines may have died before it
    wanted = _snapshot(clinic, actor, before)
    series = _series(clinic.organization(), wanted.issued_on or clinic.today())
    return _issued(clinic, actor, clinic.invoices.issue(before, wanted, series))


def _issued(clinic: Clinic, actor: Actor, invoice: Invoice) -> Invoice:
    """What follows the number, whoever did it already."""
    _record(clinic, actor, "invoice.issue", invoice, once=invoice.id, total_minor=str(invoice.total_minor))
    return ledger.post_issue(clinic, invoice)


def take_payment(
    clinic: Clinic,
    actor: Actor,
    invoice: Invoice,
    *,
    key: str,
    amount_minor: int,
    method: PaymentMethod,
    reference: str = "",
    payer: bool = False,
) -> Invoice:
    """Take money for an issued invoice, from the patient or (`payer`) its payer, and return the invoice after it.

    `key` is made when the form is drawn: the same key again returns the invoice as it is. Raises OverPayment when
    less is due, IllegalTransition for a draft or cancelled invoice, Conflict when the key took something else.
    """
    access.require(actor, "payment.take")
    wanted = _payment(clinic, actor, key=key, amount_minor=amount_minor, method=method, reference=reference)
    stamp = Stamp(key=f"{invoice.id}:{key}", day=wanted.received_on, at=wanted.received_at, by=actor.username)

    def make(books: Books) -> Entry:
        known = books.invoices[invoice.id]
        kept = replace(stamp, day=books.day, reference=wanted.reference)
        return settling.payment(known, kept, amount_minor=amount_minor, method=wanted.method, payer=payer)

    posted = ledger.post(
        clinic,
        stamp.key,
        [invoice_account(require_posted(clinic, invoice.id).id)],
        make,
        asked=asked_for("payment", amount_minor, wanted.method, payer),
        cash_of=actor.username if wanted.method is PaymentMethod.CASH else "",
    )
    after = posted.invoices[invoice.id]
    detail = {"amount_minor": str(amount_minor), "method": wanted.method.value}
    _record(clinic, actor, "payment.take", after, once=posted.entry.id, **detail)
    return after


def require_posted(clinic: Clinic, invoice_id: str) -> Invoice:
    """The invoice, its charges in the ledger: whoever issued it may have died before posting them."""
    invoice = clinic.invoices.get(invoice_id)
    return invoice if invoice.posted else ledger.post_issue(clinic, invoice)


def cancel(clinic: Clinic, actor: Actor, before: Invoice, reason: str) -> Invoice:
    """Cancel a draft, or an issued invoice that nothing was paid on; it keeps its number.

    Raises IllegalTransition when money was taken or sessions of a package that it sold were used, Conflict when a draft
    changed since it was read.
    """
    _require_cancel(actor, before)
    why = billing.clean_text(reason, field="reason")
    if not why:
        raise InvalidInput("Say why the invoice is cancelled.", field="reason")
    billing.require_cancellable(before)
    after = _cancelled(clinic, actor, before, why)
    charging.settle_sessions(clinic, actor, after)
    _record(clinic, actor, "invoice.cancel", after, once=after.id)
    return after


def _cancelled(clinic: Clinic, actor: Actor, before: Invoice, why: str) -> Invoice:
    if before.status is InvoiceStatus.CANCELLED:
        return clinic.invoices.get(before.id)
    return (
        _cancelled_draft(clinic, before, why) if before.issued_at is None else _taken_back(clinic, actor, before, why)
    )


def _cancelled_draft(clinic: Clinic, before: Invoice, why: str) -> Invoice:
    now, today = clinic.now(), clinic.today()
    wanted = replace(before, status=InvoiceStatus.CANCELLED, cancelled_at=now, cancelled_on=today, cancel_reason=why)
    return clinic.invoices.change(before, wanted)


def _taken_back(clinic: Clinic, actor: Actor, before: Invoice, why: str) -> Invoice:
    stamp = Stamp(key=f"cancel:{before.id}", day=clinic.today(), at=clinic.now(), by=actor.username, reason=why)

    def make(books: Books) -> Entry:
        entry = settling.cancel(books.invoices[before.id], replace(stamp, day=books.day))
        charging.require_enough(clinic, books, entry)
        return entry

    issued = require_posted(clinic, before.id)
    accounts = [invoice_account(issued.id), *charging.accounts_of(clinic, issued)]
    return ledger.post(clinic, stamp.key, accounts, make).invoices[before.id]


def may_cancel(actor: Actor, invoice: Invoice) -> bool:
    """Whether to offer `cancel`: the desk may throw away its own drafts, the rest takes a manager."""
    if invoice.status is InvoiceStatus.CANCELLED or invoice.paid_minor:
        return False
    if invoice.credited_minor or invoice.written_off_minor:
        return False
    return access.allows(actor, _cancel_action(invoice))


def _require_cancel(actor: Actor, invoice: Invoice) -> None:
    access.require(actor, _cancel_action(invoice))


def _cancel_action(invoice: Invoice) -> str:
    own = invoice.status is InvoiceStatus.DRAFT and invoice.appointment_id is None
    return "invoice.write" if own else "invoice.cancel"


def _of_visit(draft: Invoice, visit: Appointment, *, appointment_id: str | None) -> Invoice:
    return replace(draft, appointment_id=appointment_id, visited_on=visit.day, location_id=visit.room_id)


def _draft(
    clinic: Clinic,
    invoice_id: str,
    patient_id: str,
    practitioner_id: str,
    lines: tuple[LineItem, ...],
    *,
    payer: Payer | None = None,
) -> Invoice:
    profile = clinic.organization()
    blank = Invoice(
        id=invoice_id,
        patient_id=patient_id,
        practitioner_id=practitioner_id,
        currency=profile.currency,
        tax_rule=profile.tax_rule,
        lines=lines,
        payer_id=payer.id if payer else None,
        payer_basis_points=payer.share_basis_points if payer else None,
        drafted_at=clinic.now(),
        drafted_on=clinic.today(),
    )
    return _priced(blank, profile)


def _priced(invoice: Invoice, profile: Organization) -> Invoice:
    """The invoice under the clinic's present currency, tax rule and way of writing."""
    priced = replace(
        invoice,
        currency=profile.currency,
        tax_rule=profile.tax_rule,
        locale=profile.locale,
        time_zone=profile.time_zone,
        total_minor=billing.totals(invoice.lines, profile.tax_rule).total_minor,
    )
    return replace(priced, payer_share_minor=billing.share_of(priced))


def _snapshot(clinic: Clinic, actor: Actor, before: Invoice) -> Invoice:
    profile, now = clinic.organization(), clinic.now()
    if (before.currency, before.tax_rule) != (profile.currency, profile.tax_rule):
        raise Conflict(
            "The clinic's currency or tax rule changed since this draft was made. Save its lines again, look at the "
            "total, then issue it."
        )
    billing.check_lines(before.lines)
    priced = _priced(before, profile)
    practitioner = clinic.directory().practitioners.get(before.practitioner_id)
    return replace(
        priced,
        status=InvoiceStatus.ISSUED if priced.total_minor else InvoiceStatus.BALANCED,
        issuer=_issuer(profile),
        pay_to=_pay_to(profile),
        payer=_payer(clinic, before),
        subject=_subject(clinic.patients.get(before.patient_id)),
        practitioner_name=practitioner.name if practitioner else "",
        issued_at=now,
        issued_on=ledger.open_day(clinic),
        issued_by=actor.username,
    )


def _issuer(profile: Organization) -> Party:
    return Party(name=profile.name, address=profile.address, phone=profile.phone, tax_id=profile.tax_id)


def _pay_to(profile: Organization) -> PayTo | None:
    if not (profile.upi_id or profile.iban):
        return None
    return PayTo(name=profile.name, upi_id=profile.upi_id, iban=profile.iban, bic=profile.bic)


def _payer(clinic: Clinic, invoice: Invoice) -> Party | None:
    payer = clinic.directory().payers.get(invoice.payer_id or "")
    return None if payer is None else Party(name=payer.name, address=payer.address, tax_id=payer.tax_id)


def _subject(patient: Patient) -> Party:
    return Party(name=patient.name, number=patient.number, address=patient.address)


def _payment(
    clinic: Clinic, actor: Actor, *, key: str, amount_minor: int, method: PaymentMethod, reference: str
) -> Payment:
    payment = Payment(
        key=key,
        amount_minor=amount_minor,
        method=PaymentMethod(method),
        received_at=clinic.now(),
        received_on=clinic.today(),
        by=actor.username,
        reference=billing.clean_text(reference, field="reference"),
    )
    billing.check_payment(payment)
    return payment


def _series(profile: Organization, day: date) -> str:
    return f"{profile.invoice_prefix}-{day.year}"


def _seen(clinic: Clinic, actor: Actor, invoice: Invoice) -> Invoice:
    clinic.audit.record_read(actor, "invoice.read", invoice.id, patient_id=invoice.patient_id)
    return invoice


def _record(clinic: Clinic, actor: Actor, action: str, invoice: Invoice, *, once: str = "", **detail: str) -> None:
    number = {"number": invoice.label} if invoice.number else {}
    clinic.audit.record(actor, action, invoice.id, patient_id=invoice.patient_id, once=once, **number, **detail)
