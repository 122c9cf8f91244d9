"""Imports: visits. What is over keeps its status and holds no time; what is to come is booked, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import clock
from clinic_core.domain.appointments import Appointment, AppointmentEvent, AppointmentStatus, CancelReason, holds
from clinic_core.domain.ids import derived_id
from clinic_core.domain.import_rows import Finding, PatientRef, Person, VisitRow, whole_cells
from clinic_core.domain.organization import HealthcareService
from clinic_core.errors import InvalidInput
from clinic_core.services.import_people import ALREADY, ASKED_AT_ONCE, NEW, Job, Names, PatientFinder, Verdict, parts

DEFAULT_SERVICE: Final = "Imported visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    row: VisitRow
    visit: Appointment


class VisitsTarget:
    """Writes rows of a file of appointments."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._names = Names(job)
        self._patients = PatientFinder(job)
        self._today = job.clinic.today()
        self._taken: dict[str, int] = {}  # cell -> the row of this file that holds it

    def write(self, rows: Sequence[VisitRow]) -> dict[int, Verdict]:
        """Add those that are not there, and the patients they need; row number -> what became of it."""
        there = _known_visits(self._job.clinic, [row.source_id for row in rows])
        verdicts: dict[int, Verdict] = {row.row: ALREADY for row in rows if row.source_id in there}
        new = [row for row in rows if row.source_id not in there]
        known = self._patients.find(row.patient for row in new)
        planned: list[_Planned] = []
        for row in new:
            try:
                planned.append(self._plan(row, known))
            except InvalidInput as error:
                verdicts[row.row] = _refusal(row, error.field, str(error))
        verdicts |= self._settle(planned)
        self._save([plan for plan in planned if verdicts[plan.row.row] is NEW], known, verdicts)
        return verdicts

    def _plan(self, row: VisitRow, known: dict[PatientRef, str]) -> _Planned:
        if row.patient.number and row.patient not in known:
            raise InvalidInput("there is no patient of this number here", field="clinic_number")
        patient_id = known.get(row.patient) or derived_id("import-patient", row.patient.source_id)
        return _Planned(row=row, visit=self._visit(row, patient_id))

    def _visit(self, row: VisitRow, patient_id: str) -> Appointment:
        clinic, now = self._job.clinic, self._job.clinic.now()
        to_come = row.status is AppointmentStatus.BOOKED
        service = self._names.service(row.service or DEFAULT_SERVICE)
        start = row.start or clock.day_bounds(row.day, clinic.zone)[0]
        first = AppointmentEvent(at=now, by=self._job.actor.username, kind="imported", status=row.status, start=start)
        return Appointment(
            id=derived_id("import-appointment", row.source_id),
            patient_id=patient_id,
            practitioner_id=self._names.practitioner(row.practitioner, sees_patients=to_come).id,
            service_id=service.id,
            start=start,
            minutes=_minutes(row, service),
            day=row.day,
            status=row.status,
            reason=row.reason,
            cancel_reason=_cancel_reason(row),
            untimed=row.start is None,
            source_id=row.source_id,
            booked_at=row.booked_at or min(start, now),
            events=(first,),
        )

    def _settle(self, planned: Sequence[_Planned]) -> dict[int, Verdict]:
        """Which visits find their time free; those of past days need none."""
        wanted = {cell for plan in planned for cell in self._cells(plan.visit)}
        held = self._job.clinic.appointments.holders(wanted)
        verdicts: dict[int, Verdict] = {}
        for plan in planned:
            cells = self._cells(plan.visit)
            clash = next((cell for cell in cells if cell in held or cell in self._taken), None)
            verdicts[plan.row.row] = NEW if clash is None else _refusal(plan.row, "day", self._why(clash))
            if clash is None:
                self._taken |= dict.fromkeys(cells, plan.row.row)
        return verdicts

    def _cells(self, visit: Appointment) -> list[str]:
        return holds(visit) if visit.day >= self._today else []

    def _why(self, cell: str) -> str:
        who = cell.partition(":")[0]
        row = self._taken.get(cell)
        return f"the {who} has another visit at that time" + (f" (row {row})" if row else "")

    def _save(self, new: Sequence[_Planned], known: dict[PatientRef, str], verdicts: dict[int, Verdict]) -> None:
        strangers: dict[PatientRef, Person] = {}
        for plan in new:
            if plan.row.patient not in known:
                strangers.setdefault(plan.row.patient, plan.row.person)
        self._patients.add(strangers)
        if self._job.dry_run:
            return
        lost = self._job.clinic.appointments.add_many((plan.visit for plan in new), held_since=self._today)
        for plan in new:
            if plan.visit.id in lost:  # somebody booked that time between our look and our write
                verdicts[plan.row.row] = _refusal(plan.row, "day", "the time was taken meanwhile")


def _known_visits(clinic: Clinic, source_ids: Sequence[str]) -> set[str]:
    return {key for part in parts(source_ids, ASKED_AT_ONCE) for key in clinic.appointments.by_source_ids(part)}


def _minutes(row: VisitRow, service: HealthcareService) -> int:
    wanted = row.minutes or service.minutes
    return wanted if row.status is AppointmentStatus.BOOKED else whole_cells(wanted)


def _cancel_reason(row: VisitRow) -> CancelReason | None:
    return (row.cancel_reason or CancelReason.OTHER) if row.status is AppointmentStatus.CANCELLED else None


def _refusal(row: VisitRow, column: str, problem: str) -> Finding:
    return Finding(row=row.row, column=column or "practitioner", problem=problem, refused=True)
