"""Reports for the screens: figures of a period, the rows behind each of them, and those rows as CSV.

Figures are cached by what they were made of, never by who asked: asking access comes first, every time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from clinic_core import reports
from clinic_core.clinic import Clinic
from clinic_core.domain import access, money
from clinic_core.domain.access import Actor
from clinic_core.errors import NotFound
from clinic_core.reports import balances, export
from clinic_core.reports.measures import (
    BALANCES,
    CHARGES,
    CHARGES_SO_FAR,
    HOUR,
    LOCATION,
    METHOD,
    PAYER,
    PAYMENTS,
    PAYMENTS_SO_FAR,
    PRACTITIONER,
    SERVICE,
    VISITS,
    WEEKDAY,
    Chart,
    Measure,
    Unit,
)
from clinic_core.reports.periods import PERIOD, Grain, every_period, period_of
from clinic_core.services.facts import Snapshot, between, snapshot
from clinic_core.services.recent import Recent

__all__ = [
    "Answer",
    "Chart",
    "Figure",
    "Grain",
    "Measure",
    "Question",
    "Rows",
    "Unit",
    "View",
    "answer",
    "dashboard",
    "export_rows",
    "for_export",
    "rows",
    "selected",
    "shifted",
    "titles",
    "view",
]

SUMMARY: Final = "summary"
_SHOWN: Final = 200  # rows on a screen; the CSV has all of them
_WITHOUT_SERVICE: Final = frozenset({PAYMENTS, BALANCES})  # money comes in for an invoice, not for one of its lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. An empty set asks for all, None leaves that end open."""

    start_on: date | None = None
    end_on: date | None = None
    grain: Grain = Grain.DAY
    practitioner_ids: frozenset[str] = frozenset()
    service_ids: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    payer_ids: frozenset[str] = frozenset()  # "" is the patient
    location_ids: frozenset[str] = frozenset()  # "" is no room
    weekdays: frozenset[int] = frozenset()  # 0 is Monday
    hours: frozenset[int] = frozenset()  # of the visit's start, local
    chosen_from: date | None = None  # days that were selected on a chart over time
    chosen_to: date | None = None
    as_of: date | None = None  # as it stood at the end of this day


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: a column of a report, in the row whose key is `value` (None: of all rows)."""

    report: str
    column: str
    value: Any = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Answer:
    """A report's figures. Shared and read-only; a new one is made only when a figure may have changed."""

    name: str
    title: str
    basis: str
    key: str
    chart: Chart
    grain: Grain
    measures: tuple[Measure, ...]
    frame: pd.DataFrame  # a row per value of `key`, a column per measure
    question: Question  # the one that it answers: its rows are asked for with this one
    left_out: tuple[Measure, ...] = ()  # figures that this question does not have
    because: str = ""  # why they are left out, in words for the screen


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rows:
    """The rows behind one figure. Shared and read-only."""

    measure: Measure
    frame: pd.DataFrame  # latest first; columns of the facts, with `patient` (the number) in place of its id
    count: int  # of all rows; `frame` may hold fewer of them
    total: int  # of the column that the figure sums, over all rows; their count when it sums nothing


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class View:
    """What a screen shows of one question, all of it as of the same moment."""

    summary: Answer
    answer: Answer
    rows: Rows | None  # of the figure that was chosen; None when there is none, or none for this question


_SELECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    PERIOD: ("chosen_from", "chosen_to"),
    PRACTITIONER: ("practitioner_ids",),
    SERVICE: ("service_ids",),
    METHOD: ("methods",),
    PAYER: ("payer_ids",),
    LOCATION: ("location_ids",),
    WEEKDAY: ("weekdays",),
    HOUR: ("hours",),
}
_answers: Recent[Answer] = Recent(256)
_rows: Recent[Rows] = Recent(64)


def titles() -> dict[str, str]:
    """The reports that there are: name -> title, in order, without the summary."""
    return {name: report.TITLE for name, report in reports.found().items() if name != SUMMARY}


def view(clinic: Clinic, actor: Actor, question: Question, name: str, figure: Figure | None = None) -> View:
    """The summary, one report, and the rows behind the figure that was chosen.

    Raises Forbidden, or NotFound when there is no such report.
    """
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", name)
    asked = _Asked(clinic, question)
    wanted = figure if figure is not None and _measure(figure, question) is not None else None
    return View(
        summary=asked.answer(SUMMARY),
        answer=asked.answer(name),
        rows=None if wanted is None else asked.rows(wanted, _SHOWN),
    )


def dashboard(clinic: Clinic, actor: Actor, question: Question, names: Iterable[str]) -> Mapping[str, Answer]:
    """The summary and these reports, as of one moment, for a page of charts that filter each other.

    Every selection counts everywhere but in the reports whose own key it selects, so that the other bars stay.
    Raises Forbidden, or NotFound when there is no such report.
    """
    access.require(actor, "report.read")
    wanted = (SUMMARY, *names)
    for name in wanted:
        clinic.audit.record_read(actor, "report.read", name)
    facts = snapshot(clinic)
    return {name: _Asked(clinic, _without_own(question, name), facts).answer(name) for name in wanted}


def shifted(question: Question, *, years: int = 1, until: date | None = None) -> Question:
    """The same days some years earlier, to compare with; days after `until` (today) are not compared."""
    end_on = min(filter(None, (question.end_on, until)), default=None)
    return replace(
        question,
        start_on=_earlier(question.start_on, years),
        end_on=_earlier(end_on, years),
        chosen_from=_earlier(question.chosen_from, years),
        chosen_to=_earlier(question.chosen_to, years),
    )


def selected(question: Question, key: str) -> bool:
    """Whether something is selected of a report's key column."""
    return any(getattr(question, name) for name in _SELECTIONS.get(key, ()))


def answer(clinic: Clinic, actor: Actor, question: Question, name: str) -> Answer:
    """The figures of one report. Raises Forbidden, or NotFound when there is no such report."""
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", name)
    return _Asked(clinic, question).answer(name)


def rows(clinic: Clinic, actor: Actor, question: Question, figure: Figure, *, most: int | None = None) -> Rows:
    """All rows behind one figure, or the latest ones. Raises Forbidden, or NotFound without such a figure.

    Amounts add up to the figure. No names of patients, only their numbers.
    """
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", figure.report)
    asked = _Asked(clinic, question)
    return asked.rows_of(figure) if most is None else asked.rows(figure, most)


def export_rows(clinic: Clinic, actor: Actor, question: Question, figure: Figure) -> bytes:
    """All rows behind one figure as CSV, amounts in the clinic's currency. Every export is audited."""
    access.require(actor, "report.export")
    found = _Asked(clinic, question).rows_of(figure)
    record_id = f"{figure.report}.{figure.column}"
    clinic.audit.record(actor, "report.export", record_id, rows=str(found.count), days=_days(question))
    return export.to_csv(for_export(clinic, found.frame))


class _Asked:
    """One question on the facts as they stood when it was asked."""

    def __init__(self, clinic: Clinic, question: Question, facts: Snapshot | None = None) -> None:
        self._clinic, self._question = clinic, question
        self._snapshot = facts or snapshot(clinic)
        self._frames: dict[str, pd.DataFrame] = {}

    def answer(self, name: str) -> Answer:
        """A report's figures, the ones computed last when nothing has changed."""
        key = (self._snapshot.serial, self._question, name)
        return _answers.get(key, lambda: self._computed(name))

    def rows(self, figure: Figure, most: int) -> Rows:
        """The latest rows behind a figure, the ones found last when nothing has changed."""
        key = (self._snapshot.serial, self._question, figure, most)
        return _rows.get(key, lambda: self.rows_of(figure, most))

    def rows_of(self, figure: Figure, most: int | None = None) -> Rows:
        """The rows behind a figure, found now."""
        measure = _measure(figure, self._question)
        if measure is None:
            raise NotFound("This report has no such figure. Choose another one.")
        frame = _behind(self._facts(measure.facts), measure)
        key = _report(figure.report).KEY
        if key and figure.value is not None:
            frame = frame[frame[key] == figure.value]
        total = int(frame[measure.adds].sum()) if measure.adds else len(frame)
        shown = frame.sort_values("day", ascending=False, kind="stable").head(len(frame) if most is None else most)
        return Rows(measure=measure, frame=_with_patients(self._clinic, shown), count=len(frame), total=total)

    def _computed(self, name: str) -> Answer:
        report, question = _report(name), self._question
        measures = _measures(report, question)
        frame = report.build(*map(self._facts, report.FACTS))
        frame = frame[[*filter(None, [report.KEY]), *(measure.column for measure in measures)]]
        return Answer(
            name=name,
            title=report.TITLE,
            basis=report.BASIS,
            key=report.KEY,
            chart=report.CHART,
            grain=question.grain,
            measures=measures,
            question=question,
            frame=_every_period(frame, question.grain, measures) if report.KEY == PERIOD else frame,
        )

    def _facts(self, wanted: str) -> pd.DataFrame:
        """One kind of facts of the days, practitioners and services that are asked for, with its `period`."""
        if wanted not in self._frames:
            self._frames[wanted] = self._balances() if wanted == BALANCES else self._narrowed(wanted)
        return self._frames[wanted]

    def _balances(self) -> pd.DataFrame:
        return balances.of(self._facts(CHARGES_SO_FAR), self._facts(PAYMENTS_SO_FAR))

    def _narrowed(self, wanted: str) -> pd.DataFrame:
        facts, question = self._snapshot, self._question
        kind = wanted.removesuffix("_so_far")
        frame = {CHARGES: facts.charges, PAYMENTS: facts.payments, VISITS: facts.visits}[kind]
        frame = between(frame, question.start_on if kind == wanted else None, question.end_on)
        if question.practitioner_ids:
            frame = frame[frame["practitioner_id"].isin(question.practitioner_ids)]
        if question.service_ids:
            frame = frame[frame["service_id"].isin(question.service_ids)] if "service_id" in frame else frame.iloc[:0]
        return frame.assign(period=period_of(frame["day"], question.grain))


def _without_own(question: Question, name: str) -> Question:
    """The question without what is selected of the report's own key."""
    plain = Question()
    return replace(question, **{field: getattr(plain, field) for field in _SELECTIONS.get(_report(name).KEY, ())})


def _earlier(day: date | None, years: int) -> date | None:
    if day is None:
        return None
    leaps = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - years, day=28 if leaps else day.day)


def _report(name: str) -> reports.Report:
    if name not in reports.found():
        raise NotFound("There is no such report. Choose one from the list.")
    return reports.found()[name]


def _measures(report: reports.Report, question: Question) -> tuple[Measure, ...]:
    """The figures that the question can be answered for."""
    return tuple(m for m in report.MEASURES if not (question.service_ids and m.facts in _WITHOUT_SERVICE))


def _measure(figure: Figure, question: Question) -> Measure | None:
    measures = _measures(_report(figure.report), question)
    return next((measure for measure in measures if measure.column == figure.column), None)


def _every_period(frame: pd.DataFrame, grain: Grain, measures: tuple[Measure, ...]) -> pd.DataFrame:
    """Periods without anything between the first and the last, too; their sums and counts are 0."""
    if frame.empty:
        return frame
    spread = frame.set_index(PERIOD).reindex(every_period(frame[PERIOD].min(), frame[PERIOD].max(), grain))
    whole = [m.column for m in measures if m.unit in (Unit.MONEY, Unit.COUNT)]
    spread[whole] = spread[whole].fillna(0).astype("int64")
    return spread.rename_axis(PERIOD).reset_index()


def _behind(frame: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    if measure.statuses:
        frame = frame[frame["status"].isin(measure.statuses)]
    return frame.dropna(subset=[measure.known]) if measure.known else frame


def _with_patients(clinic: Clinic, frame: pd.DataFrame) -> pd.DataFrame:
    numbers = clinic.patients.numbers(frame["patient_id"].unique())
    numbered = frame.drop(columns=["patient_id", PERIOD], errors="ignore")
    numbered.insert(0, "patient", [numbers.get(patient_id, "") for patient_id in frame["patient_id"]])
    return numbered.reset_index(drop=True)


def for_export(clinic: Clinic, frame: pd.DataFrame) -> pd.DataFrame:
    """Names of practitioners and services instead of ids, amounts in the clinic's currency instead of minor units."""
    directory, currency = clinic.directory(), clinic.organization().currency
    names: Mapping[str, Mapping[str, str]] = {
        "practitioner_id": {p.id: p.name for p in directory.practitioners.values()},
        "service_id": {s.id: s.name for s in directory.services.values()},
    }
    table = frame.drop(columns=["document_id", "key"], errors="ignore")
    for column in table.columns:
        if column in names:
            table[column] = [names[column].get(known, known) for known in table[column]]
        elif column.endswith("_minor"):
            table[column] = pd.Series([_major(amount, currency) for amount in table[column]], dtype=object)
    return table.rename(columns=lambda column: _heading(column, currency))


def _days(question: Question) -> str:
    return f"{question.start_on or ''}..{question.end_on or ''}"


def _major(amount_minor: int, currency: str) -> Decimal:
    return money.to_decimal(int(amount_minor), currency)


def _heading(column: str, currency: str) -> str:
    """``total_minor`` -> "Total (INR)", ``practitioner_id`` -> "Practitioner"; a label is the invoice's number."""
    if column == "label":
        return "Invoice"
    words = column.removesuffix("_id").removesuffix("_minor").replace("_", " ").capitalize()
    return f"{words} ({currency})" if column.endswith("_minor") else words
