"""Verifies on the live database that every record keeps the rules of `domain.invariants`.

Documents stream through one batch at a time; in memory stay the patients' ids, the invoice numbers, one month of
visits and the ledger as whole numbers (see `check_ledger`). Work may go on meanwhile: whatever two reads at different
moments seem to contradict is read again before it is called a violation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import TypeVar

from clinic_core.clinic import Clinic
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.billing import Invoice, number_text
from clinic_core.domain.encounters import Encounter, EncounterStatus
from clinic_core.domain.invariants import Numbers, Overlaps, Violation, occupies, of_appointment, of_invoice, overlap
from clinic_core.services import check_inbound, check_messages, check_packages
from clinic_core.services.check_ledger import Checker, Ledger, counted, entry_faults

__all__ = ["Violation", "run"]

_AT_ONCE = 100
T = TypeVar("T")


def run(clinic: Clinic, *, say: Callable[[str], None] = lambda _: None) -> list[Violation]:
    """Every violation found, by rule and record; [] when all is well. `say` is told what is being looked at.

    Reads everything: about 0.3 s per thousand visits and 0.5 s per thousand entries. For commands and the sidecar,
    which ask nobody's leave.
    """
    known = _Known(clinic)
    months: set[str] = set()
    visits: Counter[str] = Counter()
    books: list[Checker] = []  # one, once the ledger was read
    found: list[Violation] = []
    steps: tuple[tuple[str, Callable[[], Iterator[Violation]]], ...] = (
        ("patients", lambda: _patients(clinic, known)),
        ("appointments", lambda: _appointments(clinic, known, months, visits)),
        ("overlaps", lambda: _overlaps(clinic, sorted(months))),
        ("notes", lambda: _encounters(clinic, known)),
        ("the ledger", lambda: _ledger(clinic, known, books)),
        ("invoices", lambda: _invoices(clinic, known, books[0])),
        ("balances", lambda: _balances(clinic, books[0])),
        ("papers", lambda: _papers(clinic)),
        ("packages", lambda: check_packages.faults(clinic)),
        ("messages", lambda: check_messages.faults(clinic, known.readable_days, known.has_patient)),
        ("facts", lambda: iter(()) if known.unread else books.pop().facts(visits)),
        ("replies and opt-outs", lambda: check_inbound.faults(clinic)),
        ("staff and hours", lambda: _links(clinic, known)),
    )
    for name, step in steps:
        say(f"Checking {name} …")
        found += step()
    return sorted(found, key=lambda violation: (violation.rule, violation.record_id, violation.message))


@dataclass
class _Known:
    """The ids that records may refer to. What seems missing is looked for once more: it may be new."""

    clinic: Clinic
    patients: set[str] = field(default_factory=set)
    practitioners: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    payers: set[str] = field(default_factory=set)
    rooms: set[str] = field(default_factory=set)
    days_to_come: set[date] = field(default_factory=set)  # on which there are visits
    unread: bool = False  # whether a record that facts are made of cannot be read

    def __post_init__(self) -> None:
        self._read_directory()

    @property
    def readable_days(self) -> list[date]:
        """The days to come with visits; none when some record cannot be read."""
        return [] if self.unread else sorted(self.days_to_come)

    def has_patient(self, patient_id: str) -> bool:
        if patient_id not in self.patients:
            self.patients |= self.clinic.patients.existing([patient_id])
        return patient_id in self.patients

    def has_practitioner(self, practitioner_id: str) -> bool:
        if practitioner_id not in self.practitioners:
            self._read_directory()
        return practitioner_id in self.practitioners

    def has_service(self, service_id: str) -> bool:
        if service_id not in self.services:
            self._read_directory()
        return service_id in self.services

    def has_payer(self, payer_id: str) -> bool:
        if payer_id not in self.payers:
            self._read_directory()
        return payer_id in self.payers

    def has_room(self, room_id: str) -> bool:
        if room_id not in self.rooms:
            self._read_directory()
        return room_id in self.rooms

    def missing(
        self,
        *,
        patient_id: str | None,
        practitioner_id: str | None,
        service_ids: Iterable[str] = (),
        payer_ids: Iterable[str] = (),
    ) -> Iterator[str]:
        """What a record refers to and is not there, in words."""
        if patient_id is not None and not self.has_patient(patient_id):
            yield "refers to a patient who is not there"
        if practitioner_id is not None and not self.has_practitioner(practitioner_id):
            yield "refers to a practitioner who is not there"
        if not all(map(self.has_service, service_ids)):
            yield "refers to a service that is not in the catalogue"
        if not all(map(self.has_payer, payer_ids)):
            yield "refers to a payer who is not there"

    def _read_directory(self) -> None:
        self.practitioners = {practitioner.id for practitioner in self.clinic.practitioners.all()}
        self.services = {service.id for service in self.clinic.catalogue.all()}
        self.payers = {payer.id for payer in self.clinic.payers.all()}
        profiles = self.clinic.organization_store.all()
        self.rooms = {room.id for profile in profiles for room in profile.rooms}


def _patients(clinic: Clinic, known: _Known) -> Iterator[Violation]:
    for stored in clinic.patients.every():
        known.patients.add(stored.id)
        if stored.record is None:
            yield _unreadable("patient", stored.id, stored.problem)


def _appointments(clinic: Clinic, known: _Known, months: set[str], visits: Counter[str]) -> Iterator[Violation]:
    zone, today = clinic.zone, clinic.today()
    for stored in clinic.appointments.every():
        one = stored.record
        if one is None:
            known.unread = True
            yield _unreadable("appointment", stored.id, stored.problem)
            continue
        months.add(str(stored.document.get("month")))
        visits.update(counted([one]))
        if one.day >= today:
            known.days_to_come.add(one.day)
        yield from of_appointment(one, stored.document, zone=zone, today=today)
        missing = known.missing(
            patient_id=one.patient_id, practitioner_id=one.practitioner_id, service_ids=[one.service_id]
        )
        yield from _orphans(one.id, missing)
        if one.room_id and one.day >= today and occupies(one, stored.document) and not known.has_room(one.room_id):
            yield from _orphans(one.id, ["is to be in a room that is not there"])


def _overlaps(clinic: Clinic, months: list[str]) -> Iterator[Violation]:
    sweep = Overlaps()
    for month in months:
        visits = [s.record for s in clinic.appointments.of_month(month) if s.record and occupies(s.record, s.document)]
        for _, one_id, other_id in sweep.pairs(visits):
            yield from _overlap(clinic, one_id, other_id)


def _overlap(clinic: Clinic, one_id: str, other_id: str) -> Iterator[Violation]:
    """What two visits both have, as they are now: one may have been moved between the reads of the two."""
    now = clinic.appointments.many([one_id, other_id])
    shared = overlap(now[one_id], now[other_id]) if len(now) > 1 else frozenset[str]()
    for resource in sorted(shared):
        kind = resource.partition(":")[0]
        message = f"has the same {kind} at the same time as appointment {other_id}, {_when(clinic, now[other_id])}"
        yield Violation(rule="overlap", record_id=one_id, message=message)


def _encounters(clinic: Clinic, known: _Known) -> Iterator[Violation]:
    for batch in _batches(clinic.encounters.every()):
        notes = [stored.record for stored in batch if stored.record is not None]
        visits = clinic.appointments.many(note.id for note in notes)
        yield from (_unreadable("note", s.id, s.problem) for s in batch if s.record is None)
        for note in notes:
            yield from _orphans(note.id, _note_faults(note, visits.get(note.id), known))


def _note_faults(note: Encounter, visit: Appointment | None, known: _Known) -> Iterator[str]:
    services = [charge.service_id for charge in note.charges]
    yield from known.missing(patient_id=note.patient_id, practitioner_id=note.practitioner_id, service_ids=services)
    if visit is None:
        yield "is the note of an appointment that is not there"
    elif visit.patient_id != note.patient_id:
        yield "is the note of another patient's appointment"
    elif note.status is EncounterStatus.FINISHED and visit.practitioner_id != note.practitioner_id:
        yield "is the finished note of another practitioner's appointment"


def _ledger(clinic: Clinic, known: _Known, books: list[Checker]) -> Iterator[Violation]:
    """Each entry by itself; then what they add up to, for the checks that follow."""
    ledger = Ledger()
    for stored in clinic.journal.every():
        if stored.record is None:
            known.unread = True
            yield _unreadable("entry", stored.id, stored.problem)
            continue
        faults = list(entry_faults(stored.record, stored.document, known.missing))
        yield from faults
        if not any(fault.rule == "day" for fault in faults):
            ledger.add(stored.record)
    books.append(Checker(clinic, ledger, unread=known.unread))
    yield from books[0].days()
    yield from books[0].accounts()


def _balances(clinic: Clinic, books: Checker) -> Iterator[Violation]:
    for stored in clinic.balances.every():
        if stored.record is None:
            books.unread = True
            yield _unreadable("balance", stored.id, stored.problem)
        else:
            yield from books.balance(stored.record, stored.document)
    yield from books.without_copies()


def _papers(clinic: Clinic) -> Iterator[Violation]:
    for stored in clinic.papers.every():
        if stored.record is None:
            yield _unreadable("paper", stored.id, stored.problem)
        elif not stored.record.is_intact:
            yield Violation(rule="paper", record_id=stored.id, message="is not what was printed first")


def _invoices(clinic: Clinic, known: _Known, books: Checker) -> Iterator[Violation]:
    numbers = Numbers()
    for batch in _batches(clinic.invoices.every()):
        bills = [(stored.record, stored.document) for stored in batch if stored.record is not None]
        visits = clinic.appointments.many(bill.appointment_id for bill, _ in bills if bill.appointment_id)
        yield from (_unreadable("invoice", s.id, s.problem) for s in batch if s.record is None)
        for bill, document in bills:
            yield from of_invoice(bill, document)
            yield from books.invoice(bill)
            yield from _orphans(bill.id, _bill_faults(bill, visits, known))
            if numbers.doubled(bill):
                yield Violation(rule="number", record_id=bill.id, message=f"{bill.label} is given out twice")
    yield from _gaps(clinic, numbers)


def _bill_faults(bill: Invoice, visits: dict[str, Appointment], known: _Known) -> Iterator[str]:
    yield from known.missing(
        patient_id=bill.patient_id,
        practitioner_id=bill.practitioner_id,
        service_ids=[line.service_id for line in bill.lines if line.service_id],
        payer_ids=[bill.payer_id] if bill.payer_id else [],
    )
    if bill.appointment_id is None:
        return
    visit = visits.get(bill.appointment_id)
    if visit is None:
        yield "bills an appointment that is not there"
    elif visit.patient_id != bill.patient_id:
        yield "bills another patient's appointment"


def _gaps(clinic: Clinic, numbers: Numbers) -> Iterator[Violation]:
    """Numbers that nobody has, by asking for them: a draft may have been issued after it was read."""
    for series, first, last in numbers.gaps():
        asked = range(first, min(last, first + _AT_ONCE) + 1)
        if any(clinic.invoices.by_number(series, number) is None for number in asked):
            stretch = number_text(series, first) + (f" to {number_text(series, last)}" if last > first else "")
            yield Violation(rule="number", record_id=series, message=f"{stretch} was never given out: a gap")


def _links(clinic: Clinic, known: _Known) -> Iterator[Violation]:
    for user in clinic.users.all():
        if user.practitioner_id is not None and not known.has_practitioner(user.practitioner_id):
            yield from _orphans(user.id, ["is linked to a practitioner who is not there"])
    for schedule in clinic.schedules.all():
        if not known.has_practitioner(schedule.id):
            yield from _orphans(schedule.id, ["are the hours of a practitioner who is not there"])


def _orphans(record_id: str, messages: Iterable[str]) -> Iterator[Violation]:
    return (Violation(rule="orphan", record_id=record_id, message=message) for message in messages)


def _unreadable(kind: str, record_id: str, problem: str) -> Violation:
    return Violation(rule="readable", record_id=record_id, message=f"this {kind} cannot be read: {problem}")


def _when(clinic: Clinic, appointment: Appointment) -> str:
    return f"{clinic.local(appointment.start):%Y-%m-%d %H:%M}"


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while batch := list(islice(left, _AT_ONCE)):
        yield batch
