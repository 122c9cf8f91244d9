"""Reports for the screens: figures of a period, the rows behind each of them, and those rows as CSV.

Figures are cached by what they were made of, never by who asked: asking access comes first, every time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
from clinic_core.reports import export
from clinic_core.reports.measures import (
    BALANCES,
    CHARGES,
    CHARGES_SO_FAR,
    HOUR,
    LOCATION,
    METHOD,
    PAYER,
    PAYMENTS,
    PRACTITIONER,
    RATE,
    ROWS,
    SERVICE,
    SO_FAR,
    VISITS,
    WEEKDAY,
    Chart,
    Measure,
    Unit,
)
from clinic_core.reports.periods import PERIOD, Grain, every_period, last_day, period_of
from clinic_core.services.fact_columns import STATE, Fact, Narrow, owed, owed_by_payer
from clinic_core.services.facts import Snapshot, snapshot
from clinic_core.services.recent import Recent
from clinic_core.services.report_names import names_of

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
    "facts_asked",
    "not_known",
    "owed_on",
    "for_export",
    "rows",
    "selected",
    "shifted",
    "titles",
    "view",
]

SUMMARY: Final = "summary"
_SHOWN: Final = 200  # rows on a screen; the CSV has all of them
# What the facts do not know, and why, in words for the screen.
_LACKING: Final[Mapping[str, Mapping[str, str]]] = {
    CHARGES: {
        METHOD: "What is billed has no method of payment",
        HOUR: "Money is dated by its day, not by an hour",
    },
    PAYMENTS: {
        SERVICE: "Money comes in for whole invoices, not for one of their services",
        RATE: "Money comes in for whole invoices, not for one of their rates of tax",
        HOUR: "Money is dated by its day, not by an hour",
    },
    VISITS: {
        METHOD: "A visit has no method of payment",
        PAYER: "A visit has no payer, only its invoice has",
        RATE: "A visit has no rate of tax, only its invoice has",
    },
    BALANCES: {
        SERVICE: "Money comes in for whole invoices, not for one of their services",
        RATE: "Money comes in for whole invoices, not for one of their rates of tax",
        METHOD: "What is owed has no method of payment",
        WEEKDAY: "What is owed adds up over all days, so it has no weekday",
        HOUR: "Money is dated by its day, not by an hour",
    },
}
_AS_OF: Final = (
    "As it stood at the end of {day}: entries of the ledger up to that day, visits as they were booked and marked by "
    "then (without those that were entered in error later)."
)


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
    rates: frozenset[int] = frozenset()  # of tax, in basis points
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
    RATE: ("rates",),
    WEEKDAY: ("weekdays",),
    HOUR: ("hours",),
}
_answers: Recent[Answer] = Recent(256)
_rows: Recent[Rows] = Recent(64)
_past: Recent[Fact] = Recent(2)  # visits as of a day


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


def not_known(question: Question, *kinds: str) -> list[str]:
    """Why some of what is selected does not narrow these kinds of facts, for a screen that shows them all the same."""
    return [*dict.fromkeys(why for kind in kinds for why in _lacks(kind, question))]


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
    return asked.rows(figure, most) if most is not None and most <= _SHOWN else asked.rows_of(figure, most)


def facts_asked(clinic: Clinic, question: Question, kind: str) -> tuple[Fact, Narrow]:
    """All facts of ``charges``, ``payments`` or ``visits`` as they stand, and which of them a question asks for.

    Visits are those as of the question's day. For services that have asked access. The facts are the same object as
    long as none of them changes: they can be a key. Selections that these facts do not know are left aside.
    """
    asked = _Asked(clinic, question)
    return asked.fact(kind), asked.narrow(kind)


def owed_on(clinic: Clinic, question: Question, day: date) -> pd.DataFrame:
    """What is owed at the end of a day, an invoice and who owes it per row; for services that have asked access.

    Returns:
        `document_id`, `label`, `patient_id`, `practitioner_id`, `day` (of issue), `due_minor`, `payer_id` ("": the
        patient).
    """
    asked = Question(
        end_on=day,
        as_of=question.as_of,
        practitioner_ids=question.practitioner_ids,
        payer_ids=question.payer_ids,
        location_ids=question.location_ids,
    )
    return _Asked(clinic, asked).owed()


def export_rows(clinic: Clinic, actor: Actor, question: Question, figure: Figure) -> bytes:
    """All rows behind one figure as CSV, amounts in the clinic's currency. Every export is audited."""
    access.require(actor, "report.export")
    count = 0

    def parts() -> Iterator[pd.DataFrame]:
        nonlocal count
        for part in _Asked(clinic, question).parts_of(figure):
            count += len(part)
            yield for_export(clinic, part)

    made = export.joined(parts())
    record_id = f"{figure.report}.{figure.column}"
    clinic.audit.record(actor, "report.export", record_id, rows=str(count), days=_days(question))
    return made


class _Asked:
    """One question on the facts as they stood when it was asked."""

    def __init__(self, clinic: Clinic, question: Question, facts: Snapshot | None = None) -> None:
        self._clinic, self._question = clinic, question
        self._snapshot = facts or snapshot(clinic)
        self._numbers: dict[str, str] = {}  # patient id -> number

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
        measure, fact, narrow = self._behind(figure)
        if fact is None:
            found = owed(self.fact(CHARGES), self.fact(PAYMENTS), narrow)
            shown, count, total = found.head(len(found) if most is None else most), len(found), found["due_minor"].sum()
        else:
            shown, count, total = fact.latest(narrow, most, measure.adds)
        return Rows(measure=measure, frame=self._with_patients(shown), count=count, total=int(total))

    def parts_of(self, figure: Figure) -> Iterator[pd.DataFrame]:
        """All rows behind a figure, the latest first, in parts of which one is in memory at a time."""
        _, fact, narrow = self._behind(figure)
        found = fact.by_month(narrow) if fact is not None else [owed(self.fact(CHARGES), self.fact(PAYMENTS), narrow)]
        return map(self._with_patients, found)

    def owed(self) -> pd.DataFrame:
        """What each invoice is owed, by whom."""
        return owed_by_payer(self.fact(CHARGES), self.fact(PAYMENTS), self.narrow(BALANCES))

    def _computed(self, name: str) -> Answer:
        report, question = _report(name), self._question
        measures, lacking = _measures(report, question)
        frame = self._built(report, measures)
        return Answer(
            name=name,
            title=report.TITLE,
            basis=f"{report.BASIS} {_AS_OF.format(day=question.as_of)}" if question.as_of else report.BASIS,
            key=report.KEY,
            chart=report.CHART,
            grain=question.grain,
            measures=measures,
            question=question,
            frame=self._periods(frame, measures) if report.KEY == PERIOD else frame,
            left_out=tuple(measure for measure in report.MEASURES if measure not in measures),
            because=lacking,
        )

    def _periods(self, frame: pd.DataFrame, measures: tuple[Measure, ...]) -> pd.DataFrame:
        """All periods that are asked for; what is owed at the end of one is still owed in the next."""
        if frame.empty or not all(measure.facts == BALANCES for measure in measures):
            return _every_period(frame, self._question.grain, measures)
        first = max(filter(None, (self._question.start_on, self._question.chosen_from)), default=None)
        day = frame[PERIOD].iloc[0] if first is None else pd.Timestamp(first)
        begin = period_of(pd.Series([day]), self._question.grain).iloc[0]
        end = max(frame[PERIOD].iloc[-1], begin)
        every = every_period(min(frame[PERIOD].iloc[0], begin), end, self._question.grain)
        owed_then = frame.set_index(PERIOD).reindex(every).ffill().fillna(0).astype("int64")
        return owed_then.loc[begin:].rename_axis(PERIOD).reset_index()

    def _built(self, report: reports.Report, measures: tuple[Measure, ...]) -> pd.DataFrame:
        frame = report.build(*(self._facts(facts, report) for facts in report.FACTS))
        wanted = [*filter(None, [report.KEY]), *(measure.column for measure in measures)]
        return frame if frame.columns.tolist() == wanted else frame[wanted]

    def _facts(self, wanted: str, report: reports.Report) -> pd.DataFrame:
        """One kind of facts that are asked for: sums and counts by a report's key, or rows."""
        kind = _kind(wanted)
        narrow = self.narrow(wanted)
        if _lacks(kind, self._question):
            narrow = narrow.with_only(STATE[kind], ())
        if wanted in ROWS:
            return _rows_by(self.fact(kind), narrow, self._question.grain, report)
        by = [name for name in dict.fromkeys((report.KEY, STATE[kind])) if name]
        return self.fact(kind).totals(by, _added(wanted, report), narrow, self._question.grain)

    def fact(self, kind: str) -> Fact:
        """All facts of one kind as they stood when it was asked; visits as of its day."""
        as_of, fact = self._question.as_of, self._snapshot.of(kind)
        if kind != VISITS or as_of is None:
            return fact
        return _past.get((fact, as_of), lambda: fact.as_of(as_of))

    def narrow(self, wanted: str) -> Narrow:
        """The days and selections that are asked for, as far as the facts know them."""
        question, kind = self._question, _kind(wanted)
        starts = () if wanted in SO_FAR else (question.start_on, question.chosen_from)
        ends = (question.end_on, question.chosen_to, None if kind == VISITS else question.as_of)
        only = ((key, getattr(question, names[0])) for key, names in _SELECTIONS.items() if key != PERIOD)
        known = _LACKING[BALANCES if wanted == BALANCES else kind]
        return Narrow(
            first=max(filter(None, starts), default=None),
            last=min(filter(None, ends), default=None),
            only=tuple((key, values) for key, values in only if values and key not in known),
        )

    def _behind(self, figure: Figure) -> tuple[Measure, Fact | None, Narrow]:
        """The measure of a figure and the facts that it is made of, None for balances; which of them."""
        measure = _measure(figure, self._question)
        if measure is None:
            raise NotFound("This report has no such figure. Choose another one.")
        so_far, key = measure.facts == BALANCES, _report(figure.report).KEY
        narrow = self._chosen(self.narrow(measure.facts), key, figure.value, so_far=so_far)
        if so_far:
            return measure, None, narrow
        kind = _kind(measure.facts)
        if measure.statuses:
            narrow = narrow.with_only(STATE[kind], measure.statuses)
        moved = "" if kind == CHARGES else measure.adds  # a payment that moved no money is no part of what came in
        return measure, self.fact(kind), replace(narrow, known=measure.known, moved=moved)

    def _with_patients(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The patients' numbers in place of their ids; each is looked up once."""
        unknown = set(frame["patient_id"].unique()) - self._numbers.keys()
        self._numbers |= dict.fromkeys(unknown, "") | self._clinic.patients.numbers(unknown)
        numbered = frame.drop(columns=["patient_id"])
        numbered.insert(0, "patient", [self._numbers[patient_id] for patient_id in frame["patient_id"]])
        return numbered.reset_index(drop=True)

    def _chosen(self, narrow: Narrow, key: str, value: Any, *, so_far: bool = False) -> Narrow:
        if not key or value is None:
            return narrow
        if key != PERIOD:
            return narrow.with_only(key, [value])
        first, last = pd.Timestamp(value).date(), last_day(value, self._question.grain)
        last = min(last, narrow.last or last)
        if so_far:
            return replace(narrow, last=last)
        return replace(narrow, first=max(first, narrow.first or first), last=last)


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


def _kind(facts: str) -> str:
    """``charges_so_far`` and ``charge_rows`` are charges; balances are made of them."""
    return {**ROWS, **SO_FAR}.get(facts, facts)


def _added(wanted: str, report: reports.Report) -> tuple[str, ...]:
    """The columns of facts that a report adds up."""
    if wanted in SO_FAR:
        return ("total_minor",) if wanted == CHARGES_SO_FAR else ("settled_minor",)
    return (*dict.fromkeys(measure.adds for measure in report.MEASURES if measure.facts == wanted and measure.adds),)


def _lacks(facts: str, question: Question) -> list[str]:
    """Why a kind of facts cannot tell what is asked, for each selection that it does not know."""
    return [why for key, why in _LACKING[facts].items() if selected(question, key)]


def _measures(report: reports.Report, question: Question) -> tuple[tuple[Measure, ...], str]:
    """The figures that the question can be answered for, and why others are left out."""
    lacking = {measure: _lacks(_kind(measure.facts), question) for measure in report.MEASURES}
    reasons = dict.fromkeys(why for reasons in lacking.values() for why in reasons)
    left = ", ".join(measure.label for measure, reasons in lacking.items() if reasons)
    kept = tuple(measure for measure, reasons in lacking.items() if not reasons)
    return kept, f"Not shown: {left}. {'. '.join(reasons)}." if reasons else ""


def _measure(figure: Figure, question: Question) -> Measure | None:
    measures, _ = _measures(_report(figure.report), question)
    return next((measure for measure in measures if measure.column == figure.column), None)


def _rows_by(fact: Fact, narrow: Narrow, grain: Grain, report: reports.Report) -> pd.DataFrame:
    """Rows of facts with the key of a report, e.g. the period that each lies in."""
    key = (report.KEY,) if report.KEY not in ("", PERIOD) else ()
    frame = fact.frame(narrow, (*dict.fromkeys((*report.COLUMNS, *key, "day")),))
    return frame.assign(period=period_of(frame["day"], grain)) if report.KEY == PERIOD else frame


def _every_period(frame: pd.DataFrame, grain: Grain, measures: tuple[Measure, ...]) -> pd.DataFrame:
    """Periods without anything between the first and the last, too; their sums and counts are 0."""
    if frame.empty:
        return frame
    every = every_period(frame[PERIOD].iloc[0], frame[PERIOD].iloc[-1], grain)
    if len(every) == len(frame):
        return frame
    spread = frame.set_index(PERIOD).reindex(every)
    whole = [m.column for m in measures if m.unit in (Unit.MONEY, Unit.COUNT)]
    spread[whole] = spread[whole].fillna(0).astype("int64")
    return spread.rename_axis(PERIOD).reset_index()


def for_export(clinic: Clinic, frame: pd.DataFrame) -> pd.DataFrame:
    """Names instead of ids, amounts in the clinic's currency instead of minor units."""
    currency = clinic.organization().currency
    table = frame.drop(columns=["document_id", "entry_id"], errors="ignore")
    for column in table.columns:
        if column in (PRACTITIONER, SERVICE, PAYER, LOCATION):
            names = names_of(clinic, column)
            table[column] = export.each(table[column], lambda known, names=names: names.get(known, known))  # type: ignore[misc]
        elif column.endswith("_minor"):
            table[column] = export.each(table[column], lambda amount: _major(amount, currency))
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
