"""What the Reports page is asked: days, steps, as of when, and what is selected of whom and of what.

Every selection is a widget whose value stands in the address, so that a view can be sent to a colleague. A bar that is
clicked changes the same widget: there is one place where a selection lives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pandas as pd
import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.reports.measures import HOUR, LOCATION, METHOD, PAYER, PRACTITIONER, RATE, SERVICE, WEEKDAY
from clinic_core.reports.periods import Grain, Span, days_of, grain_for, last_day
from clinic_core.services import report_files, reports
from clinic_core.services.reports import Question
from ui import widgets
from ui.text import plain

_URL: Final = "query-params"
_AUTO: Final = "Auto"
AGES: Final = "report_ages"  # of what is owed: a filter of the board Receivables alone
_COHORT: Final = "cohort"  # in the address: the first day of a cohort's period and how many later, "2026-01-01..3"
_CHOSEN: Final = "chosen"  # in the address: the days that were selected on a chart, "2026-01-01..2026-03-31"


@dataclass(frozen=True, slots=True)
class Dimension:
    """Something that figures can be told apart by, and its widget."""

    key: str  # the reports' column
    field: str  # of the question
    label: str
    widget: str

    def names(self, clinic: Clinic) -> Mapping[Any, str]:
        """Value -> what it is called."""
        return report_files.names_of(clinic, self.key)


DIMENSIONS: Final = (
    Dimension(PRACTITIONER, "practitioner_ids", "Practitioners", "report_practitioners"),
    Dimension(SERVICE, "service_ids", "Services", "report_services"),
    Dimension(METHOD, "methods", "Methods", "report_methods"),
    Dimension(PAYER, "payer_ids", "Payers", "report_payers"),
    Dimension(LOCATION, "location_ids", "Rooms", "report_rooms"),
    Dimension(RATE, "rates", "Rates of tax", "report_rates"),
    Dimension(WEEKDAY, "weekdays", "Weekdays", "report_weekdays"),
    Dimension(HOUR, "hours", "Hours", "report_hours"),
)


def ask(clinic: Clinic, *, compare: Sequence[str] = ()) -> tuple[Question, str]:
    """Draw the filters; what they ask, and which of `compare` is chosen to compare with ("" when there is none)."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        span = Span(st.selectbox("Days", [span.value for span in Span], key="report_days", bind=_URL, width=160))
        start_on, end_on = _custom(clinic) if span is Span.CUSTOM else days_of(span, clinic.today())
        steps = [_AUTO, *(grain.value.capitalize() for grain in Grain)]
        step = st.selectbox("Steps", steps, key="report_steps", bind=_URL, width=110)
        as_of = st.date_input(
            "As of the end of",
            None,
            key="report_as_of",
            bind=_URL,
            width=160,
            max_value=clinic.today(),
            format=widgets.date_format(clinic.organization()),
            help="Figures as they stood at the end of that day. Empty: as they stand now.",
        )
        with_what = st.selectbox("Compare with", compare, key="report_compare", bind=_URL, width=160) if compare else ""
    chosen_from, chosen_to = _chosen_days()
    question = Question(
        start_on=start_on,
        end_on=end_on,
        grain=grain_for(start_on, end_on) if step == _AUTO else Grain(step.lower()),
        as_of=as_of if isinstance(as_of, date) else None,
        chosen_from=chosen_from,
        chosen_to=chosen_to,
        **_selections(clinic),
    )
    _said(clinic, question)
    return question, str(with_what)


def toggle(clinic: Clinic, key: str, value: Any) -> None:
    """Select a value of a dimension, or take the selection back; for callbacks."""
    dimension = next((d for d in DIMENSIONS if d.key == key), None)
    if dimension is None:
        return
    shown = {known: name for name, known in told_apart(dimension.names(clinic)).items()}
    if value not in shown:  # what a browser sends is not to be trusted
        return
    before = list(st.session_state.get(dimension.widget, []))
    name = shown[value]
    st.session_state[dimension.widget] = [n for n in before if n != name] if name in before else [*before, name]


def choose(clinic: Clinic, key: str, values: Collection[Any]) -> None:
    """Select exactly these values of a dimension, none of them for all; for callbacks."""
    dimension = next(d for d in DIMENSIONS if d.key == key)
    shown = told_apart(dimension.names(clinic))
    st.session_state[dimension.widget] = [name for name, known in shown.items() if known in values]


def choose_days(first: pd.Timestamp, last: pd.Timestamp, grain: Grain) -> None:
    """Select the periods from one to another, or take the selection back when it is these already; for callbacks."""
    start_on, end_on = first.date(), last_day(last, grain)
    if _chosen_days() == (start_on, end_on):
        forget_days()
    else:
        st.query_params[_CHOSEN] = f"{start_on.isoformat()}..{end_on.isoformat()}"


def chosen_periods(question: Question, days: Sequence[pd.Timestamp]) -> frozenset[int]:
    """Which of some periods begin within the days that were selected; none when all count."""
    first, last = question.chosen_from, question.chosen_to
    if first is None or last is None:
        return frozenset()
    return frozenset(place for place, day in enumerate(days) if first <= day.date() <= last)


def choose_cohort(first: date, later: int) -> None:
    """Select those who were new in a period and came again so many periods later, or let go; for callbacks."""
    if chosen_cohort() == (first, later):
        st.query_params.pop(_COHORT, None)
    else:
        st.query_params[_COHORT] = f"{first.isoformat()}..{later}"


def chosen_cohort() -> tuple[date, int] | None:
    """The cohort that the address says was selected; None when it makes no sense."""
    first, _, later = str(st.query_params.get(_COHORT, "")).partition("..")
    try:
        return date.fromisoformat(first), int(later)
    except ValueError:
        return None


def forget_days() -> None:
    """Take the selection of days back."""
    st.query_params.pop(_CHOSEN, None)


def said_not_known(question: Question, *kinds: str) -> None:
    """Say what of the selection does not narrow what is shown, when it is made of these kinds of facts."""
    reasons = reports.not_known(question, *kinds)
    if reasons:
        st.caption(plain(f"Not all that is selected counts here. {'. '.join(reasons)}."))


def words(clinic: Clinic, question: Question) -> list[str]:
    """What is selected, in words."""
    said = []
    if question.chosen_from and question.chosen_to:
        said.append(f"{_day(question.chosen_from)} to {_day(question.chosen_to)}")
    for dimension in DIMENSIONS:
        names = dimension.names(clinic)
        chosen = [str(names.get(value, value)) for value in sorted(getattr(question, dimension.field))]
        said += [", ".join(chosen)] if chosen else []
    return said


def told_apart(names: Mapping[Any, str]) -> dict[str, Any]:
    """Name -> id; the second of two that share a name gets a number."""
    seen: Counter[str] = Counter()
    shown: dict[str, Any] = {}
    for known, name in names.items():
        seen[name] += 1
        shown[name if seen[name] == 1 else f"{name} ({seen[name]})"] = known
    return shown


def _selections(clinic: Clinic) -> dict[str, frozenset[Any]]:
    in_address = st.query_params  # before the widgets are drawn for the first time, nothing else knows
    on = sum(bool(st.session_state.get(d.widget, d.widget in in_address)) for d in DIMENSIONS)
    with (
        st.expander(f"Filters: {on} on" if on else "Filters", icon=":material/tune:", key="report_filters"),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        return {d.field: _choose(d.label, d.names(clinic), d.widget) for d in DIMENSIONS}


def _choose(label: str, names: Mapping[Any, str], key: str) -> frozenset[Any]:
    """Ids of what is chosen by name; none means all."""
    shown = told_apart(names)
    chosen: Sequence[str] = st.multiselect(label, list(shown), key=key, bind=_URL, placeholder="All", width=220)
    return frozenset(shown[name] for name in chosen if name in shown)


def _said(clinic: Clinic, question: Question) -> None:
    """Say what is selected, with the way back."""
    if question.as_of is not None:
        st.info(f"As it stood at the end of {_day(question.as_of)}.", icon=":material/history:")
    said = words(clinic, question)
    if not said:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Only** {plain(' · '.join(said))}", width="content")
        st.button("Show all", on_click=_forget_all, icon=":material/close:", type="tertiary", key="report_show_all")


def _forget_all() -> None:
    forget_days()
    st.query_params.pop(_COHORT, None)
    st.session_state[AGES] = []
    for dimension in DIMENSIONS:
        st.session_state[dimension.widget] = []


def _chosen_days() -> tuple[date | None, date | None]:
    """The days that the address says were selected; nothing when it makes no sense."""
    first, _, last = str(st.query_params.get(_CHOSEN, "")).partition("..")
    try:
        start_on, end_on = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None, None
    return (start_on, end_on) if start_on <= end_on else (None, None)


def _custom(clinic: Clinic) -> tuple[date, date]:
    """The days from the first to the last one that are picked; one day while only one is."""
    start_on, end_on = days_of(Span.THIS_MONTH, clinic.today())
    days = st.date_input(
        "From – to",
        (start_on, end_on),
        key="report_dates",
        bind=_URL,
        width=230,
        format=widgets.date_format(clinic.organization()),
    )
    picked = [day for day in days if isinstance(day, date)] if isinstance(days, tuple) else [days]
    kept = [day for day in picked if isinstance(day, date)] or [clinic.today()]
    return kept[0], kept[-1]


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
