"""What a visit's bill asks for: the prices of its day and payer, free revisits, and sessions of packages.

A part of billing; whoever calls it has asked for leave. Sessions are counted by the ledger: the n-th event of a
package's account is one entry, so two tills never take the same session, and never one too many.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import billing, journal, packages, policies, pricing, settling
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.billing import Invoice, InvoiceStatus, LineItem
from clinic_core.domain.encounters import ChargeItem, Encounter, EncounterStatus
from clinic_core.domain.journal import Entry, Event
from clinic_core.domain.packages import Package, Session
from clinic_core.domain.payers import Payer
from clinic_core.domain.people import Patient
from clinic_core.errors import NotFound
from clinic_core.services import ledger
from clinic_core.services.ledger import Books

_MOST_VISITS: Final = 100  # of a patient, looked at for a free revisit


class _UsedUp(Exception):
    """Somebody else took the package's last session."""


def default_payer(clinic: Clinic, patient: Patient) -> Payer | None:
    """Who usually pays a share of the patient's bills, while it is one of the clinic's active payers."""
    payer = clinic.directory().payers.get(patient.payer_id or "")
    return payer if payer is not None and payer.active else None


def lines_of_visit(
    clinic: Clinic,
    actor: Actor,
    visit: Appointment,
    note: Encounter | None,
    *,
    invoice_id: str,
    payer_id: str | None = None,
) -> tuple[LineItem, ...]:
    """The lines of a finished visit's bill, by its note's charges or, without a finished note, the booked service.

    Prices are those of the visit's day. A session of a package that pays for a line is taken for `invoice_id`, once
    however often this is called. Raises NotFound for a service that is not in the catalogue.
    """
    finished = note is not None and note.status is EncounterStatus.FINISHED
    charges = note.charges if note is not None and finished else (ChargeItem(service_id=visit.service_id),)
    services = clinic.directory().services
    if any(charge.service_id not in services for charge in charges):
        raise NotFound("A service of this visit is not in the catalogue. Add it in Settings, then bill the visit.")
    lines = [pricing.line_for(services[c.service_id], c.quantity, visit.day, payer_id) for c in charges]
    billing.check_lines(lines)
    freed = policies.with_free_revisit(lines, visit, _paid_before(clinic, visit), clinic.organization())
    return _with_sessions(clinic, actor, freed, invoice_id=invoice_id, patient_id=visit.patient_id)


def lines_again(clinic: Clinic, actor: Actor, cancelled: Invoice, *, invoice_id: str) -> tuple[LineItem, ...]:
    """The lines of a cancelled invoice for the draft that takes its place; its sessions are taken anew, if any."""
    settle_sessions(clinic, actor, cancelled)
    taker = _Taker(clinic, actor, invoice_id=invoice_id, patient_id=cancelled.patient_id)
    kept: list[LineItem] = []
    for line in cancelled.lines:
        kept += taker.cover(packages.uncovered(line)) if packages.is_covered(line) else [line]
    return tuple(kept)


def lines_for_payer(clinic: Clinic, invoice: Invoice, payer_id: str | None) -> tuple[LineItem, ...]:
    """A draft's lines at the prices of another payer, or of none; what was typed by hand or discounted stays."""
    services, day = clinic.directory().services, invoice.visited_on or invoice.drafted_on
    return tuple(
        pricing.repriced(line, services[line.service_id], day, invoice.payer_id, payer_id)
        if line.service_id in services
        else line
        for line in invoice.lines
    )


def packages_of(clinic: Clinic, patient_id: str) -> list[Package]:
    """The packages that a patient bought, latest first, with or without sessions left."""
    services = clinic.directory().services
    sold_ahead = [service.id for service in services.values() if service.package_of]
    if not sold_ahead:
        return []
    bills = clinic.invoices.charging(patient_id, sold_ahead)
    return [package for bill in bills for package in packages.sold(bill, services)]


def used(clinic: Clinic, package: Package) -> int:
    """How many sessions of a package are taken."""
    return ledger.current(clinic, package.account).amount_minor


def settle_sessions(clinic: Clinic, actor: Actor, invoice: Invoice) -> None:
    """Give back the sessions that an invoice took and that pay for none of its lines now: all once it is cancelled.

    Harmless to repeat; whoever saves the draft again, issues, cancels or bills again finishes what a crash cut off.
    """
    if invoice.appointment_id is None:
        return
    lines = () if invoice.status is InvoiceStatus.CANCELLED else invoice.lines
    for use in _uses(clinic, invoice.id):
        if not packages.carries(lines, use):
            _give_back(clinic, actor, use)


def use_key(invoice_id: str, service_id: str, place: int) -> str:
    """The key of the entry by which an invoice takes a session: of each service the first, the second, …"""
    return f"package-use:{invoice_id}:{service_id}:{place}"


def accounts_of(clinic: Clinic, invoice: Invoice) -> list[str]:
    """The accounts of the packages that an invoice sold.

    An entry that takes back what it sold is the next event of each: then nobody uses a session meanwhile.
    """
    return [package.account for package in packages.bought(invoice, clinic.directory().services)]


def require_enough(clinic: Clinic, books: Books, entry: Entry) -> None:
    """Raise IllegalTransition when an entry leaves fewer sessions of a package than were used."""
    before = books.invoices[entry.invoice_id or ""]
    used_up = {account: balance.amount_minor for account, balance in books.balances.items()}
    packages.require_enough(before, settling.applied(before, entry), clinic.directory().services, used_up)


def _paid_before(clinic: Clinic, visit: Appointment) -> Appointment | None:
    days = clinic.organization().free_revisit_days
    if not days or not clinic.directory().services[visit.service_id].free_revisits:
        return None
    earlier = clinic.appointments.of_patient(visit.patient_id, most=_MOST_VISITS)
    bills = clinic.invoices.of_appointments(one.id for one in earlier if (visit.day - one.day).days <= days)
    return policies.paid_visit_before(visit, visit.service_id, earlier, bills, days)


def _with_sessions(
    clinic: Clinic, actor: Actor, lines: Iterable[LineItem], *, invoice_id: str, patient_id: str
) -> tuple[LineItem, ...]:
    sold_ahead = _covered_services(clinic)
    taker = _Taker(clinic, actor, invoice_id=invoice_id, patient_id=patient_id)
    made: list[LineItem] = []
    for line in lines:
        made += taker.cover(line) if line.service_id in sold_ahead and not line.discount_minor else [line]
    return tuple(made)


class _Taker:
    """Takes sessions for the lines of one invoice: of each service the first, the second, … by keys of their own."""

    def __init__(self, clinic: Clinic, actor: Actor, *, invoice_id: str, patient_id: str) -> None:
        self._clinic, self._actor = clinic, actor
        self._invoice_id, self._patient_id = invoice_id, patient_id
        self._taken: dict[str, int] = {}  # by service

    def cover(self, line: LineItem) -> list[LineItem]:
        """The line, with a session for as many of its pieces as there are sessions left."""
        held = packages.covering(packages_of(self._clinic, self._patient_id), line.service_id)
        sessions: list[Session] = []
        while held and len(sessions) < line.quantity:
            session = self._take(held[0])
            if session is None:
                held = held[1:]
            else:
                sessions.append(session)
        return packages.singly(line, sessions)

    def _take(self, package: Package) -> Session | None:
        """Take the package's next session; None when none is left."""
        place = self._taken.get(package.covers, 0)
        key = use_key(self._invoice_id, package.covers, place)
        try:
            posted = ledger.post(self._clinic, key, [package.account], lambda books: self._use(package, books))
        except _UsedUp:
            return None
        self._taken[package.covers] = place + 1
        if posted.again and self._clinic.journal.by_key(_return_key(posted.entry)) is not None:
            return None
        return packages.session_of(posted.entry)

    def _use(self, package: Package, books: Books) -> Entry:
        known = self._clinic.journal.of_account(package.account, 1, books.balances[package.account].seq)
        now = self._as_it_is(package)
        session = packages.next_session(now, known) if now else None
        if session is None:
            raise _UsedUp
        return Entry(
            key="",
            event=Event.PACKAGE_USE,
            day=books.day,
            at=self._clinic.now(),
            by=self._actor.username,
            invoice_id=self._invoice_id,
            label=package.label,
            patient_id=self._patient_id,
            reference=session.reference,
        )

    def _as_it_is(self, package: Package) -> Package | None:
        """The package by its invoice now; None when that was cancelled.

        Whoever cancels or credits it holds the place in the package's account that this session needs.
        """
        invoice = ledger.current_invoice(self._clinic, package.invoice_id)
        return packages.find(packages.sold(invoice, self._clinic.directory().services), package.account)


def _covered_services(clinic: Clinic) -> set[str]:
    """The services of which sessions are sold ahead."""
    return {service.package_of for service in clinic.directory().services.values() if service.package_of}


def _uses(clinic: Clinic, invoice_id: str) -> list[Entry]:
    """The sessions that an invoice took, given back or not: of each service the first, the second, … without a gap."""
    found: list[Entry] = []
    left, place = sorted(_covered_services(clinic)), 0
    while left:
        slots = {journal.key_slot(use_key(invoice_id, service_id, place)): service_id for service_id in left}
        taken = clinic.journal.holding(slots)
        found += [taken[slot] for slot in slots if slot in taken]
        left, place = [service_id for slot, service_id in slots.items() if slot in taken], place + 1
    return found


def _give_back(clinic: Clinic, actor: Actor, use: Entry) -> None:
    def make(books: Books) -> Entry:
        return Entry(
            key="",
            event=Event.PACKAGE_RETURN,
            day=books.day,
            at=clinic.now(),
            by=actor.username,
            invoice_id=use.invoice_id,
            label=use.label,
            patient_id=use.patient_id,
            reference=use.reference,
            reverses=use.id,
            reason="The bill that used it does not any more",
        )

    ledger.post(clinic, _return_key(use), [packages.account_of(use)], make)


def _return_key(use: Entry) -> str:
    return f"package-return:{use.id}"
