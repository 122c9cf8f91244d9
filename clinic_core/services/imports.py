"""Importing foreign files of patients, appointments and payments.

The file is read twice: first to count its rows and to learn from whole columns how dates are written, then in
batches that are checked and written. Rows are recognised by their own id, and everything made from a row has an id
that is derived from it: an import that died is completed by running it again, and a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

from clinic_core.clinic import Clinic
from clinic_core.domain import access, import_rows
from clinic_core.domain.access import Actor
from clinic_core.domain.ids import new_id
from clinic_core.domain.import_fields import Kind
from clinic_core.domain.import_rows import Finding, Row, Rules
from clinic_core.domain.import_values import DateOrder, OrderEvidence
from clinic_core.domain.imports import Layout, Mapping, layout
from clinic_core.errors import ClinicError, InvalidInput, NotFound
from clinic_core.services import facts
from clinic_core.services.import_files import Line, Table, open_table
from clinic_core.services.import_payments import PaymentsTarget
from clinic_core.services.import_people import ALREADY, Job, PatientsTarget, Verdict
from clinic_core.services.import_visits import VisitsTarget

BATCH: Final = 1_000


class AmbiguousDates(ClinicError):
    """Dates that can be read in more than one way: somebody has to say in which order they are written."""


@dataclass(slots=True, kw_only=True)
class Summary:
    """What an import did, or would do. Rows: read = new + already + repeated + refused."""

    dry_run: bool = False
    read: int = 0
    new: int = 0
    already: int = 0
    repeated: int = 0
    refused: int = 0
    warnings: int = 0
    blank: int = 0
    added: dict[str, int] = field(default_factory=dict)  # made on the way: "patient", "service" … -> how many


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A file that can be imported: how it is written and what its columns become."""

    table: Table
    layout: Layout
    orders: dict[str, DateOrder]
    rows: int
    notes: tuple[str, ...]  # what was found out about the file, for people


Tell = Callable[[Finding], None]
Progress = Callable[[int, int], None]  # rows done, rows in all


class _Target(Protocol):
    def write(self, rows: Sequence[Any]) -> dict[int, Verdict]:
        """Save what is new; row number -> what became of it."""


_TARGETS: Final[dict[Kind, Callable[[Job], _Target]]] = {
    Kind.PATIENTS: PatientsTarget,
    Kind.APPOINTMENTS: VisitsTarget,
    Kind.PAYMENTS: PaymentsTarget,
}


def plan(path: Path, how: Mapping) -> Plan:
    """Look through the whole file without writing anything.

    Raises UnusableFile, InvalidInput (columns) or AmbiguousDates.
    """
    table = open_table(path)
    found = layout(table.header, how)
    rows, evidence = _scan(table, found)
    orders, told = _orders(found, evidence, how.date_order)
    ignored = [f"Columns that are not used: {', '.join(found.ignored)}."] if found.ignored else []
    return Plan(table=table, layout=found, orders=orders, rows=rows, notes=(*table.notes, *told, *ignored))


def run(
    clinic: Clinic,
    actor: Actor,
    wanted: Plan,
    *,
    dry_run: bool = False,
    tell: Tell | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Import the file, or with `dry_run` only find out what would happen.

    `tell` hears of every row that does not go in and of every value that is left out, in the order of batches.
    """
    access.require(actor, "data.import")
    job = Job(clinic=clinic, actor=actor, dry_run=dry_run)
    work = _Import(job, wanted, tell or _silent, progress or _silent_progress)
    for batch in _batches(wanted.table):
        work.take(batch)
    if work.summary.new and not dry_run:
        facts.fold(clinic)
    return work.summary


def save_mapping(clinic: Clinic, actor: Actor, how: Mapping, name: str) -> None:
    """Keep a mapping under a name."""
    access.require(actor, "data.import")
    clinic.imports.save(replace(how, id=_clean_mapping_name(name)))
    clinic.audit.record(actor, "data.import", "", mapping=_clean_mapping_name(name))


def saved_mapping(clinic: Clinic, actor: Actor, name: str, kind: Kind) -> Mapping:
    """The mapping of that name; raises NotFound naming those there are, InvalidInput for one of another kind."""
    access.require(actor, "data.import")
    found = clinic.imports.find(_clean_mapping_name(name))
    if found is None:
        names = ", ".join(clinic.imports.names()) or "none yet: save one with --save-mapping"
        raise NotFound(f"There is no saved mapping {name!r}. Saved mappings: {names}.")
    if found.kind is not kind:
        raise InvalidInput(f"The mapping {name!r} is for {found.kind}, not for {kind}.")
    return found


class _Import:
    """The rows of one file on their way in."""

    def __init__(self, job: Job, wanted: Plan, tell: Tell, progress: Progress) -> None:
        self.summary = Summary(dry_run=job.dry_run, added=job.added)
        self._job, self._plan, self._tell, self._progress = job, wanted, tell, progress
        self._target = _TARGETS[wanted.layout.kind](job)
        self._rules = _rules(job.clinic, wanted)
        self._seen: dict[str, tuple[int, bytes]] = {}  # a row's own id -> its row number and what it said
        self._run_id = new_id()

    def take(self, batch: Sequence[Line]) -> None:
        """Check and write one batch, and leave one audit line when something was written."""
        ready: list[tuple[Row, list[Finding]]] = []
        for line in batch:
            checked = self._checked(line)
            if checked:
                ready.append(checked)
        before = self.summary.new
        verdicts = self._target.write([row for row, _ in ready])
        for row, warnings in ready:
            self._settle(verdicts[row.row], warnings)
        if self.summary.new > before and not self._job.dry_run:
            counts = {"kind": self._plan.layout.kind.value, "new": str(self.summary.new - before)}
            self._job.clinic.audit.record(self._job.actor, "data.import", self._run_id, **counts)
        self._progress(self.summary.read, self._plan.rows)

    def _checked(self, line: Line) -> tuple[Row, list[Finding]] | None:
        """The row's record when it may go in as far as the file alone can tell."""
        if line.is_blank:
            self.summary.blank += 1
            return None
        self.summary.read += 1
        if line.fault:
            self._refuse(Finding(row=line.row, column="", problem=line.fault, refused=True))
            return None
        row, found = import_rows.read(line.row, line.cells, self._plan.layout, self._rules)
        if row is None:
            self._refuse(*(finding for finding in found if finding.refused))
            return None
        return (row, found) if self._is_first(row, line) else None

    def _is_first(self, row: Row, line: Line) -> bool:
        """Whether no row above had this id. The same row again is counted, another one refused."""
        said = import_rows.digest(line.cells)
        first, known = self._seen.setdefault(row.source_id, (row.row, said))
        if first == row.row:
            return True
        if known == said:
            self.summary.repeated += 1
        else:
            column = self._plan.layout.column(_ID_FIELD[self._plan.layout.kind])
            problem = f"row {first} has the same id and says something else"
            self._refuse(Finding(row=row.row, column=column, problem=problem, refused=True))
        return False

    def _settle(self, verdict: Verdict, warnings: Sequence[Finding]) -> None:
        if isinstance(verdict, Finding):
            self._refuse(replace(verdict, column=self._plan.layout.column(verdict.column)))
        elif verdict is ALREADY:
            self.summary.already += 1
        else:
            self.summary.new += 1
            self.summary.warnings += len(warnings)
            for finding in warnings:
                self._tell(finding)

    def _refuse(self, *findings: Finding) -> None:
        self.summary.refused += 1
        for finding in findings:
            self._tell(finding)


_ID_FIELD: Final = {
    Kind.PATIENTS: "patient_id",
    Kind.APPOINTMENTS: "appointment_id",
    Kind.PAYMENTS: "payment_id",
}


def _rules(clinic: Clinic, wanted: Plan) -> Rules:
    profile = clinic.organization()
    return Rules(
        region=profile.region,
        currency=profile.currency,
        locale=profile.locale,
        zone=profile.zone,
        today=clinic.today(),
        orders=wanted.orders,
    )


def _scan(table: Table, found: Layout) -> tuple[int, dict[str, OrderEvidence]]:
    """How many rows say something, and what each column of dates tells about its order."""
    evidence = {name: OrderEvidence() for name in found.date_columns}
    rows = 0
    for line in table.lines():
        rows += not line.is_blank
        if not line.fault and not line.is_blank:
            for name, told in evidence.items():
                told.add(line.row, found.value(name, line.cells))
    return rows, evidence


def _orders(
    found: Layout, evidence: dict[str, OrderEvidence], given: DateOrder | None
) -> tuple[dict[str, DateOrder], list[str]]:
    """The date order of each column, and how it was found out; raises AmbiguousDates."""
    if given:
        return dict.fromkeys(evidence, given), []
    unclear = [f"Column {found.column(name)!r}: {told.why}." for name, told in evidence.items() if told.order is None]
    if unclear:
        raise AmbiguousDates(
            f"{' '.join(unclear)} Say how the file writes dates: --date-order dmy (day first) or --date-order mdy "
            "(month first)."
        )
    notes = [_witnessed(found.column(name), told) for name, told in evidence.items() if told.witness]
    return {name: told.order for name, told in evidence.items() if told.order}, notes


def _witnessed(column: str, told: OrderEvidence) -> str:
    row, text = told.witness or (0, "")
    return f"Dates in {column!r} are read {told.order.label if told.order else ''}, as row {row} ({text}) shows."


def _batches(table: Table) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in table.lines():
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _clean_mapping_name(name: str) -> str:
    cleaned = name.strip()
    if not cleaned or not cleaned.isprintable():
        raise InvalidInput("Give the mapping a name, such as old-system.")
    return cleaned


def _silent(finding: Finding) -> None:
    """For callers who only want the counts."""


def _silent_progress(done: int, total: int) -> None:
    """For callers who do not watch."""
