"""What the demo clinic writes down and bills: notes of recent visits, invoices, and money that comes now or later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from random import Random
from typing import Final

from clinic_core.domain import billing, clock
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import Invoice, InvoiceStatus, LineItem, Party, Payment, PaymentMethod
from clinic_core.domain.demo_names import CANCELLED_INVOICE, NOTES
from clinic_core.domain.demo_people import new_id
from clinic_core.domain.demo_setup import DOCTORS, ORGANIZATION, SERVICES
from clinic_core.domain.encounters import ChargeItem, Encounter, EncounterStatus
from clinic_core.domain.ids import derived_id
from clinic_core.domain.organization import HealthcareService
from clinic_core.domain.people import Patient

NOTES_DAYS: Final = 90  # how far back there are notes
_ZONE: Final = ORGANIZATION.zone
_DOCTORS: Final = {doctor.id: doctor for doctor in DOCTORS}
_SERVICES: Final = {service.id: service for service in SERVICES.values()}
_METHODS: Final = (PaymentMethod.UPI, PaymentMethod.CASH, PaymentMethod.CARD, PaymentMethod.BANK_TRANSFER)
_ISSUER: Final = Party(
    name=ORGANIZATION.name,
    address=ORGANIZATION.address,
    phone=ORGANIZATION.phone,
    tax_id=ORGANIZATION.tax_id,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPapers:
    """A day's notes and invoices. Numbered ones come first, in the order of their numbers."""

    encounters: tuple[Encounter, ...]
    invoices: tuple[Invoice, ...]


class Papers:
    """Writes notes and invoices, numbering without gaps in the order of issue."""

    def __init__(self, rng: Random, now: datetime) -> None:
        self._rng, self._now = rng, now
        self._today = clock.local_day(now, _ZONE)
        self._numbers: dict[str, int] = {}

    def of(self, visits: Iterable[tuple[Appointment, Patient]]) -> DayPapers:
        """The papers of one day's visits."""
        done = [(visit, patient) for visit, patient in visits if visit.status is AppointmentStatus.FULFILLED]
        charged = [(visit, patient, self._charges(visit)) for visit, patient in done]
        notes = tuple(
            self._note(visit, charges)
            for visit, _, charges in charged
            if visit.day >= self._today - timedelta(days=NOTES_DAYS)
        )
        made = [invoice for row in charged for invoice in self._billed(*row)]
        issued = sorted((i for i in made if i.issued_at), key=lambda i: (i.issued_at or self._now, i.id))
        drafts = [invoice for invoice in made if not invoice.issued_at]
        return DayPapers(encounters=notes, invoices=(*map(self._numbered, issued), *drafts))

    def _charges(self, visit: Appointment) -> tuple[HealthcareService, ...]:
        main, extras = _SERVICES[visit.service_id], _DOCTORS[visit.practitioner_id].extras
        extra = SERVICES[self._rng.choice(extras)] if self._rng.random() < 0.11 else None  # noqa: PLR2004 - a share
        return (main, extra) if extra and extra is not main else (main,)

    def _note(self, visit: Appointment, charges: Sequence[HealthcareService]) -> Encounter:
        findings, assessment, plan = self._rng.choice(NOTES[_SERVICES[visit.service_id].code])
        follow_up = self._rng.random() < 0.3  # noqa: PLR2004
        return Encounter(
            id=visit.id,
            patient_id=visit.patient_id,
            practitioner_id=visit.practitioner_id,
            day=visit.day,
            reason=visit.reason,
            findings=findings,
            assessment=assessment,
            plan=plan,
            follow_up_on=visit.day + timedelta(days=self._rng.choice((7, 14, 30))) if follow_up else None,
            charges=tuple(ChargeItem(service_id=service.id) for service in charges),
            status=EncounterStatus.FINISHED,
            started_at=visit.since(AppointmentStatus.CHECKED_IN) or visit.start,
            finished_at=visit.since(AppointmentStatus.FULFILLED),
            version=2,
        )

    def _billed(self, visit: Appointment, patient: Patient, charges: Sequence[HealthcareService]) -> Iterator[Invoice]:
        """The visit's draft, or its invoice; now and then one that was cancelled, and the one in its place."""
        rng, done = self._rng, visit.since(AppointmentStatus.FULFILLED) or visit.end
        draft = _draft(visit, self._lines(charges), done)
        issued_at = done + timedelta(seconds=rng.randrange(60, 700))
        forgotten = rng.random() < 0.04 and visit.day >= self._today - timedelta(days=4)  # noqa: PLR2004
        wrong, bad = rng.random() < 0.004, rng.random()  # noqa: PLR2004
        if forgotten or issued_at > self._now:
            yield draft
        elif wrong and issued_at + timedelta(minutes=20) < self._now:
            cancelled = self._cancelled(_issued(draft, patient, issued_at))
            yield cancelled
            again = replace(draft, id=derived_id("invoice", cancelled.id))
            yield self._paid(_issued(again, patient, issued_at + timedelta(minutes=15)), bad)
        else:
            yield self._paid(_issued(draft, patient, issued_at), bad)

    def _lines(self, charges: Sequence[HealthcareService]) -> tuple[LineItem, ...]:
        lines = tuple(billing.line_for(service) for service in charges)
        if self._rng.random() >= 0.05:  # noqa: PLR2004
            return lines
        return billing.spread_discount(lines, sum(line.gross_minor for line in lines) // 10)

    def _cancelled(self, invoice: Invoice) -> Invoice:
        at = (invoice.issued_at or self._now) + timedelta(minutes=8)
        return replace(
            invoice,
            status=InvoiceStatus.CANCELLED,
            cancelled_at=at,
            cancelled_on=clock.local_day(at, _ZONE),
            cancel_reason=self._rng.choice(CANCELLED_INVOICE),
            version=invoice.version + 1,
        )

    def _paid(self, invoice: Invoice, kind: float) -> Invoice:
        """Most pay at once, some in two parts, some late, a few never."""
        total, at = invoice.total_minor, (invoice.issued_at or self._now) + timedelta(seconds=40)
        first = total * self._rng.randrange(3, 8) // 10 // 100 * 100
        if kind < 0.83:  # noqa: PLR2004 - shares
            parts = [(at, total)]
        elif kind < 0.93:  # noqa: PLR2004
            parts = [(at, first), (self._later(at, 35), total - first)]
        elif kind < 0.985:  # noqa: PLR2004
            parts = [(self._later(at, 50), total)]
        else:
            parts = []
        return self._with_payments(invoice, [(when, amount) for when, amount in parts if amount])

    def _later(self, at: datetime, most_days: int) -> datetime:
        """In office hours, one to `most_days` days later, sooner more likely."""
        days = 1 + int(most_days * self._rng.random() ** 2)
        day = clock.local_day(at, _ZONE) + timedelta(days=days)
        return clock.at_local(day, time(9, 30), _ZONE) + timedelta(seconds=self._rng.randrange(30_000))

    def _with_payments(self, invoice: Invoice, parts: Sequence[tuple[datetime, int]]) -> Invoice:
        """The invoice with those that have come by now. All are made, so that the hour does not change the rest."""
        made = [self._payment(at, amount) for at, amount in parts]
        payments = tuple(payment for payment in made if payment.received_at <= self._now)
        paid = sum(payment.amount_minor for payment in payments)
        status = InvoiceStatus.BALANCED if paid == invoice.total_minor else InvoiceStatus.ISSUED
        version = invoice.version + len(payments)
        return replace(invoice, status=status, payments=payments, paid_minor=paid, version=version)

    def _payment(self, at: datetime, amount_minor: int) -> Payment:
        years_ago = (self._today - clock.local_day(at, _ZONE)).days / 365.25
        weights = (58 - 7 * years_ago, 24 + 6 * years_ago, 14, 4)  # UPI grows, cash shrinks
        return Payment(
            key=new_id(self._rng),
            amount_minor=amount_minor,
            method=self._rng.choices(_METHODS, weights)[0],
            received_at=at,
            received_on=clock.local_day(at, _ZONE),
            by="reception",
        )

    def _numbered(self, invoice: Invoice) -> Invoice:
        year = (invoice.issued_on or self._today).year
        series = f"{ORGANIZATION.invoice_prefix}-{year}"
        self._numbers[series] = number = self._numbers.get(series, 0) + 1
        return replace(invoice, series=series, number=number)


def _draft(visit: Appointment, lines: tuple[LineItem, ...], at: datetime) -> Invoice:
    return Invoice(
        id=derived_id("invoice", visit.id),
        patient_id=visit.patient_id,
        practitioner_id=visit.practitioner_id,
        appointment_id=visit.id,
        visited_on=visit.day,
        currency=ORGANIZATION.currency,
        locale=ORGANIZATION.locale,
        time_zone=ORGANIZATION.time_zone,
        tax_rule=ORGANIZATION.tax_rule,
        lines=lines,
        total_minor=billing.totals(lines, ORGANIZATION.tax_rule).total_minor,
        drafted_at=at,
        drafted_on=clock.local_day(at, _ZONE),
    )


def _issued(draft: Invoice, patient: Patient, at: datetime) -> Invoice:
    return replace(
        draft,
        status=InvoiceStatus.ISSUED,
        practitioner_name=_DOCTORS[draft.practitioner_id].name,
        issuer=_ISSUER,
        subject=Party(name=patient.name, number=patient.number, address=patient.address),
        issued_at=at,
        issued_on=clock.local_day(at, _ZONE),
        issued_by="reception",
        version=2,
    )
