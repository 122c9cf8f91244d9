"""Imports: payments. Money for an invoice of ours is taken for it; other money gets a historical invoice.

A historical invoice is balanced, carries the one payment and is numbered without gaps in a series of its own,
``IMP-<year the money came in>``. So what reports call collected equals the file, day by day. In the ledger all of it
is dated by the day of the money, or by the first open day once that day is closed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import history
from clinic_core.domain.billing import OWING, Invoice, InvoiceStatus, LineItem, Party, Payment
from clinic_core.domain.ids import derived_id
from clinic_core.domain.import_rows import Finding, PaymentRow
from clinic_core.domain.organization import Organization
from clinic_core.domain.people import Patient
from clinic_core.errors import Conflict, InvalidInput
from clinic_core.services import ledger, past
from clinic_core.services.import_people import ALREADY, ASKED_AT_ONCE, NEW, Job, Names, PatientFinder, Verdict, parts

SERIES: Final = "IMP"
DEFAULT_SERVICE: Final = "Imported payment"
DEFAULT_PRACTITIONER: Final = "Imported"
_TRIES: Final = 20
_NUMBER = re.compile(r"(?P<series>.+)-0*(?P<number>[1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """The rows of one batch, sorted by what is to be done with them."""

    ours: list[tuple[PaymentRow, Invoice]] = field(default_factory=list)
    history: list[tuple[PaymentRow, str]] = field(default_factory=list)  # with the patient's id


class PaymentsTarget:
    """Writes rows of a file of payments."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._names = Names(job)
        self._patients = PatientFinder(job)
        self._promised: dict[str, int] = {}  # invoice id -> what a dry run would have paid by now

    def write(self, rows: Sequence[PaymentRow]) -> dict[int, Verdict]:
        """Add those that are not there; row number -> what became of it."""
        there = _known_history(self._job.clinic, [row.source_id for row in rows])
        verdicts: dict[int, Verdict] = {row.row: ALREADY for row in rows if row.source_id in there}
        batch = self._sorted([row for row in rows if row.source_id not in there], verdicts)
        for row, invoice in batch.ours:
            verdicts[row.row] = self._pay(row, invoice.id)
        self._save_history(batch.history, verdicts)
        if not self._job.dry_run:
            self._post_history({*there.values(), *(_history_id(row) for row, _ in batch.history)})
        return verdicts

    def _post_history(self, invoice_ids: set[str]) -> None:
        """Write the ledger of historical invoices, also of those that an import which died has left without."""
        posted = self._job.clinic.invoices.posted(invoice_ids)
        missing = sorted(invoice_id for invoice_id, entries in posted.items() if not entries)
        for some in parts(missing, ASKED_AT_ONCE):
            past.post(self._job.clinic, self._job.clinic.invoices.many(some))

    def _sorted(self, rows: Sequence[PaymentRow], verdicts: dict[int, Verdict]) -> _Batch:
        batch = _Batch()
        patients = self._patients.find(row.patient for row in rows if row.patient)
        for row in rows:
            invoice, patient_id = self._invoice(row), patients.get(row.patient, "")
            if invoice is not None and patient_id in ("", invoice.patient_id):
                batch.ours.append((row, invoice))
            elif invoice is not None:
                verdicts[row.row] = _refusal(row, "invoice_number", "this invoice is another patient's")
            elif patient_id:
                batch.history.append((row, patient_id))
            else:
                verdicts[row.row] = _unknown(row)
        return batch

    def _invoice(self, row: PaymentRow) -> Invoice | None:
        found = _NUMBER.fullmatch(row.invoice_number)
        return self._job.clinic.invoices.by_number(found["series"], int(found["number"])) if found else None

    def _pay(self, row: PaymentRow, invoice_id: str) -> Verdict:
        """Take the money for an invoice of ours. The entry's key is derived from the row's id: it is taken once."""
        payment, clinic = _payment(row, self._job.actor.username), self._job.clinic
        key = history.payment_key(invoice_id, payment.key)
        if clinic.journal.keys([key]):
            ledger.current_invoice(clinic, invoice_id)  # the import that took it may have died before noting it
            return ALREADY
        problem = self._objection(clinic.invoices.get(invoice_id), payment)
        if problem:
            return _refusal(row, "amount", problem)
        if self._job.dry_run:
            self._promised[invoice_id] = self._promised.get(invoice_id, 0) + payment.amount_minor
            return NEW
        return self._take(row, invoice_id, payment)

    def _take(self, row: PaymentRow, invoice_id: str, payment: Payment) -> Verdict:
        """Write the entry as the invoice's next one, unless others leave less due than is paid."""
        clinic = self._job.clinic
        for _ in range(_TRIES):
            invoice = ledger.post_issue(clinic, ledger.current_invoice(clinic, invoice_id))
            problem = self._objection(invoice, payment)
            if problem:
                return _refusal(row, "amount", problem)
            try:
                clinic.journal.add_history(past.on_open_days(clinic, [history.payment_entry(invoice, payment)]))
            except Conflict:
                continue
            self._record(ledger.current_invoice(clinic, invoice_id), payment)
            return NEW
        return _refusal(row, "invoice_number", "others take payments for this invoice right now; import again")

    def _objection(self, invoice: Invoice, payment: Payment) -> str:
        due = invoice.patient_due_minor - self._promised.get(invoice.id, 0)
        if invoice.status not in OWING:
            return f"invoice {invoice.label} is {invoice.status}, nothing can be paid on it"
        if payment.amount_minor > due:
            return f"only {self._job.clinic.money(due)} is due on invoice {invoice.label}"
        return ""

    def _record(self, invoice: Invoice, payment: Payment) -> None:
        detail = {"number": invoice.label, "amount_minor": str(payment.amount_minor), "method": payment.method.value}
        self._job.clinic.audit.record(
            self._job.actor, "payment.take", invoice.id, patient_id=invoice.patient_id, **detail
        )

    def _save_history(self, rows: Sequence[tuple[PaymentRow, str]], verdicts: dict[int, Verdict]) -> None:
        patients = _patients(self._job.clinic, [patient_id for _, patient_id in rows])
        made: dict[str, list[Invoice]] = {}
        for row, patient_id in rows:
            try:
                invoice = self._historical(row, patients.get(patient_id), patient_id)
            except InvalidInput as error:
                verdicts[row.row] = _refusal(row, "practitioner", str(error))
                continue
            made.setdefault(f"{SERIES}-{row.received_on.year}", []).append(invoice)
            verdicts[row.row] = NEW
        self._job.count("historical invoice", sum(map(len, made.values())))
        if not self._job.dry_run:
            for series, invoices in sorted(made.items()):
                self._job.clinic.invoices.add_history(series, invoices)

    def _historical(self, row: PaymentRow, patient: Patient | None, patient_id: str) -> Invoice:
        profile, now = self._job.clinic.organization(), self._job.clinic.now()
        practitioner = self._names.practitioner(row.practitioner or DEFAULT_PRACTITIONER, sees_patients=False)
        payment = _payment(row, self._job.actor.username)
        line = LineItem(
            service_id=self._names.service(DEFAULT_SERVICE).id,
            description=DEFAULT_SERVICE,
            quantity=1,
            unit_price_minor=payment.amount_minor,
        )
        return Invoice(
            id=_history_id(row),
            patient_id=patient_id,
            practitioner_id=practitioner.id,
            practitioner_name=practitioner.name,
            status=InvoiceStatus.BALANCED,
            currency=profile.currency,
            locale=profile.locale,
            time_zone=profile.time_zone,
            tax_rule=profile.tax_rule,
            lines=(line,),
            total_minor=payment.amount_minor,
            issuer=_issuer(profile),
            subject=_subject(patient),
            payments=(payment,),
            paid_minor=payment.amount_minor,
            drafted_at=now,
            drafted_on=row.received_on,
            issued_at=now,
            issued_on=row.received_on,
            issued_by=self._job.actor.username,
            source_id=row.source_id,
        )


def _known_history(clinic: Clinic, source_ids: Sequence[str]) -> dict[str, str]:
    """Import id -> id of the historical invoices that are there."""
    found: dict[str, str] = {}
    for part in parts(source_ids, ASKED_AT_ONCE):
        found |= clinic.invoices.by_source_ids(part)
    return found


def _history_id(row: PaymentRow) -> str:
    return derived_id("import-invoice", row.source_id)


def _patients(clinic: Clinic, patient_ids: Sequence[str]) -> dict[str, Patient]:
    wanted = sorted(set(patient_ids))
    return {key: one for part in parts(wanted, ASKED_AT_ONCE) for key, one in clinic.patients.get_many(part).items()}


def _payment(row: PaymentRow, username: str) -> Payment:
    return Payment(
        key=derived_id("import-payment", row.source_id),
        amount_minor=row.amount_minor,
        method=row.method,
        received_at=row.received_at,
        received_on=row.received_on,
        by=username,
        reference=row.reference or row.invoice_number,
    )


def _issuer(profile: Organization) -> Party:
    return Party(name=profile.name, address=profile.address, phone=profile.phone, tax_id=profile.tax_id)


def _subject(patient: Patient | None) -> Party | None:
    return Party(name=patient.name, number=patient.number, address=patient.address) if patient else None


def _unknown(row: PaymentRow) -> Finding:
    if row.patient:
        return _refusal(row, "patient_id", "there is no such patient here; import the patients first")
    return _refusal(row, "invoice_number", "there is no such invoice here, and the row names no patient")


def _refusal(row: PaymentRow, column: str, problem: str) -> Finding:
    return Finding(row=row.row, column=column, problem=problem, refused=True)
