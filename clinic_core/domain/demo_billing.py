"""What the demo clinic writes down and bills: notes of recent visits, invoices, and what will happen to their money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final

from clinic_core.domain import billing, clock, payers, pricing
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.billing import Invoice, InvoiceStatus, LineItem, Party, PaymentMethod, PayTo
from clinic_core.domain.demo_ledger import Bill, Step
from clinic_core.domain.demo_names import CANCELLED_INVOICE, CREDITED, GIVEN_BACK, NOTES, REFUNDED, WRITTEN_OFF
from clinic_core.domain.demo_people import new_id
from clinic_core.domain.demo_setup import MOST_DOCTORS, ORGANIZATION, PAYERS, SERVICES, doctors
from clinic_core.domain.encounters import ChargeItem, Encounter, EncounterStatus
from clinic_core.domain.ids import derived_id
from clinic_core.domain.journal import Event
from clinic_core.domain.organization import HealthcareService
from clinic_core.domain.people import Patient

NOTES_DAYS: Final = 90  # how far back there are notes
_ZONE: Final = ORGANIZATION.zone
_DOCTORS: Final = {doctor.id: doctor for doctor in doctors(MOST_DOCTORS)}
_SERVICES: Final = {service.id: service for service in SERVICES.values()}
_METHODS: Final = (PaymentMethod.UPI, PaymentMethod.CASH, PaymentMethod.CARD, PaymentMethod.BANK_TRANSFER)
_GIVEN_UP: Final = timedelta(days=100)
_ISSUER: Final = Party(
    name=ORGANIZATION.name,
    address=ORGANIZATION.address,
    phone=ORGANIZATION.phone,
    tax_id=ORGANIZATION.tax_id,
)
_PAY_TO: Final = PayTo(name=ORGANIZATION.name, upi_id=ORGANIZATION.upi_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPapers:
    """A day's notes, its issued bills in the order of their numbers, and its drafts."""

    encounters: tuple[Encounter, ...]
    bills: tuple[Bill, ...]
    drafts: tuple[Invoice, ...]


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
        made = [bill for row in charged for bill in self._billed(*row)]
        issued = sorted((b for b in made if b.invoice.issued_at), key=lambda b: (b.invoice.issued_at, b.invoice.id))
        drafts = tuple(bill.invoice for bill in made if not bill.invoice.issued_at)
        return DayPapers(encounters=notes, bills=tuple(map(self._numbered, issued)), drafts=drafts)

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

    def _billed(self, visit: Appointment, patient: Patient, charges: Sequence[HealthcareService]) -> Iterator[Bill]:
        """The visit's draft, or its invoice; now and then one that was cancelled, and the one in its place."""
        rng, done = self._rng, visit.since(AppointmentStatus.FULFILLED) or visit.end
        draft = _draft(visit, patient, self._lines(charges, visit.day), done)
        issued_at = done + timedelta(seconds=rng.randrange(60, 700))
        forgotten = rng.random() < 0.04 and visit.day >= self._today - timedelta(days=4)  # noqa: PLR2004 - a share
        wrong, bad = rng.random() < 0.004, rng.random()  # noqa: PLR2004
        if forgotten or issued_at > self._now:
            yield Bill(invoice=draft)
        elif wrong and issued_at + timedelta(minutes=20) < self._now:
            first = _issued(draft, patient, issued_at)
            yield Bill(invoice=first, steps=(self._cancelled(issued_at),))
            again = replace(draft, id=derived_id("invoice", first.id))
            yield self._settled(_issued(again, patient, issued_at + timedelta(minutes=15)), bad)
        else:
            yield self._settled(_issued(draft, patient, issued_at), bad)

    def _lines(self, charges: Sequence[HealthcareService], day: date) -> tuple[LineItem, ...]:
        lines = tuple(pricing.line_for(service, 1, day) for service in charges)
        if self._rng.random() >= 0.05:  # noqa: PLR2004
            return lines
        return billing.spread_discount(lines, sum(line.gross_minor for line in lines) // 10)

    def _cancelled(self, issued_at: datetime) -> Step:
        reason = self._rng.choice(CANCELLED_INVOICE)
        return Step(at=issued_at + timedelta(minutes=8), event=Event.CANCEL, by="manager", reason=reason)

    def _settled(self, invoice: Invoice, kind: float) -> Bill:
        """The bill with all that will happen to its money, whatever the hour is now."""
        at = (invoice.issued_at or self._now) + timedelta(seconds=40)
        steps = self._paid(invoice, at, kind)
        if kind < 0.83:  # noqa: PLR2004 - a share: what was paid at once may be corrected later
            steps += self._corrected(invoice, steps[0])
        if invoice.payer_share_minor:
            steps.append(self._paid_by_payer(invoice, at))
        return Bill(invoice=invoice, steps=tuple(steps))

    def _paid(self, invoice: Invoice, at: datetime, kind: float) -> list[Step]:
        """Most pay at once, some in two parts, some late, a few never."""
        total = invoice.total_minor - invoice.payer_share_minor
        first = total * self._rng.randrange(3, 8) // 10 // 100 * 100
        if kind < 0.83:  # noqa: PLR2004 - shares
            return [self._payment(at, total)]
        if kind < 0.93:  # noqa: PLR2004
            return [self._payment(at, first), self._payment(self._later(at, 35), total - first)]
        if kind < 0.985:  # noqa: PLR2004
            return [self._payment(self._later(at, 50), total)]
        return [self._given_up(at)] if kind < 0.994 else []  # noqa: PLR2004

    def _given_up(self, at: datetime) -> Step:
        reason = self._rng.choice(WRITTEN_OFF)
        return Step(at=self._later(at + _GIVEN_UP, 20), event=Event.WRITE_OFF, by="manager", reason=reason, key="loss")

    def _corrected(self, invoice: Invoice, first: Step) -> list[Step]:
        """Now and then: taken in the wrong way and taken again, a credit note, money left for the next visit."""
        kind = self._rng.random()
        if kind < 0.004:  # noqa: PLR2004 - shares
            return self._taken_again(first)
        if kind < 0.008:  # noqa: PLR2004
            return self._credited(invoice, self._later(first.at, 12))
        if kind < 0.013:  # noqa: PLR2004
            return [self._deposit(first.at + timedelta(minutes=1))]
        return []

    def _taken_again(self, first: Step) -> list[Step]:
        """Money given back in the way it came, and taken in another one."""
        at, reason = first.at + timedelta(minutes=self._rng.randrange(5, 25)), self._rng.choice(REFUNDED)
        other = self._rng.choice([method for method in _METHODS[:3] if method is not first.method])
        back = replace(first, at=at, event=Event.REFUND, key="back", by="manager", reason=reason)
        return [back, replace(self._payment(at + timedelta(minutes=3), 0), method=other)]

    def _credited(self, invoice: Invoice, at: datetime) -> list[Step]:
        """A part or all of it; what was paid is given back in half of the cases, else kept for the next visit."""
        part = self._rng.choice((10, 25, 50, 100))
        amount, reason = invoice.total_minor * part // 100, self._rng.choice(CREDITED)
        note = Step(at=at, event=Event.CREDIT_NOTE, key="note", amount_minor=amount, by="manager", reason=reason)
        if self._rng.random() < 0.5 or not amount:  # noqa: PLR2004
            return [note]
        back = replace(note, at=at + timedelta(minutes=4), event=Event.DEPOSIT_REFUND, key=new_id(self._rng))
        return [note, replace(back, method=PaymentMethod.CASH, by="reception", reason=self._rng.choice(GIVEN_BACK))]

    def _deposit(self, at: datetime) -> Step:
        amount = self._rng.choice((50_000, 100_000, 200_000, 500_000))
        return replace(self._payment(at, amount), event=Event.DEPOSIT)

    def _paid_by_payer(self, invoice: Invoice, at: datetime) -> Step:
        """By bank, some time around the end of the agreed days."""
        days = PAYERS[invoice.payer_id or ""].credit_days
        paid = self._payment(self._later(at + timedelta(days=days // 2), 2 * days), 0)
        return replace(paid, method=PaymentMethod.BANK_TRANSFER, payer=True)

    def _later(self, at: datetime, most_days: int) -> datetime:
        """In office hours, one to `most_days` days later, sooner more likely."""
        days = 1 + int(most_days * self._rng.random() ** 2)
        day = clock.local_day(at, _ZONE) + timedelta(days=days)
        return clock.at_local(day, time(9, 30), _ZONE) + timedelta(seconds=self._rng.randrange(30_000))

    def _payment(self, at: datetime, amount_minor: int) -> Step:
        years_ago = (self._today - clock.local_day(at, _ZONE)).days / 365.25
        weights = (max(58 - 7 * years_ago, 2), 24 + 6 * years_ago, 14, 4)  # UPI grows, cash shrinks
        method = self._rng.choices(_METHODS, weights)[0]
        return Step(at=at, event=Event.PAYMENT, key=new_id(self._rng), amount_minor=amount_minor, method=method)

    def _numbered(self, bill: Bill) -> Bill:
        year = (bill.invoice.issued_on or self._today).year
        series = f"{ORGANIZATION.invoice_prefix}-{year}"
        self._numbers[series] = number = self._numbers.get(series, 0) + 1
        return replace(bill, invoice=replace(bill.invoice, series=series, number=number))


def _draft(visit: Appointment, patient: Patient, lines: tuple[LineItem, ...], at: datetime) -> Invoice:
    total = billing.totals(lines, ORGANIZATION.tax_rule).total_minor
    payer = PAYERS.get(patient.payer_id or "")
    return Invoice(
        id=derived_id("invoice", visit.id),
        patient_id=visit.patient_id,
        practitioner_id=visit.practitioner_id,
        appointment_id=visit.id,
        visited_on=visit.day,
        location_id=visit.room_id,
        currency=ORGANIZATION.currency,
        locale=ORGANIZATION.locale,
        time_zone=ORGANIZATION.time_zone,
        tax_rule=ORGANIZATION.tax_rule,
        lines=lines,
        total_minor=total,
        payer_id=payer.id if payer else None,
        payer_share_minor=payers.share_of(total, payer) if payer else 0,
        drafted_at=at,
        drafted_on=clock.local_day(at, _ZONE),
    )


def _issued(draft: Invoice, patient: Patient, at: datetime) -> Invoice:
    payer = PAYERS.get(draft.payer_id or "")
    return replace(
        draft,
        status=InvoiceStatus.ISSUED if draft.total_minor else InvoiceStatus.BALANCED,
        practitioner_name=_DOCTORS[draft.practitioner_id].name,
        issuer=_ISSUER,
        subject=Party(name=patient.name, number=patient.number, address=patient.address),
        pay_to=_PAY_TO,
        payer=payers.party_of(payer) if payer else None,
        issued_at=at,
        issued_on=clock.local_day(at, _ZONE),
        issued_by="reception",
        version=2,
    )
