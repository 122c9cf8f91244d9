"""Figures: what messages cost, whether they arrive, whether who confirms comes. Every number opens its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final, TypeAlias

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.messages import Channel, MessageKind
from clinic_core.services import message_figures
from clinic_core.services.message_figures import ATTENDANCE_BASIS, BASIS, Budget, Figures, Sent, State, Visit
from ui import messages_charts, messages_parts, widgets
from ui.charts import CONFIG
from ui.planning_parts import percent, tiles
from ui.rows import Mark, Row, Step, rows
from ui.text import plain

_SPAN: Final = "messages.span"
_CHART: Final = "messages.chart"
_BEHIND: Final = "messages.behind"  # which figure's rows are shown
_RECORD: Final = "messages.figures.record"
_MOST: Final = 200
_HEIGHT: Final = 420
_STATES: Final = {
    State.ARRIVED: Mark("Arrived", "green"),
    State.LOST: Mark("Not delivered", "red"),
    State.UNKNOWN: Mark("No report", "gray"),
}
_ROWS: Final = (Step("rows", "Rows"),)
_Span: TypeAlias = tuple[date, date]
_SPANS: Final[dict[str, Callable[[date], _Span]]] = {
    "Last 7 days": lambda today: (today - timedelta(days=6), today),
    "Last 28 days": lambda today: (today - timedelta(days=27), today),
    "This month": lambda today: (today.replace(day=1), today),
    "Last month": lambda today: _month_before(today),  # noqa: PLW0108 - it is defined below
}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the figures of the days chosen, and the rows of the one that is opened."""
    chosen = st.segmented_control(
        "Days", tuple(_SPANS), default="Last 7 days", required=True, key=_SPAN, label_visibility="collapsed"
    )
    start_on, end_on = _SPANS[chosen](clinic.today())
    found = message_figures.figures(clinic, actor, start_on, end_on)
    st.caption(f"{widgets.short_day(start_on)} to {widgets.short_day(end_on)}. {BASIS}")
    _budget(clinic, found.budget)
    if not found.sent:
        widgets.nothing_here("Nothing went out in these days. Choose others.", "bar_chart")
        return
    _tiles(clinic, found)
    _chart(clinic, found)
    _rows(clinic, actor, found, "day")
    _kinds(clinic, found)
    _rows(clinic, actor, found, "kind", "lost-kind")
    _attendance(found)
    _rows(clinic, actor, found, "visits")
    messages_parts.show_opened()


def _month_before(today: date) -> _Span:
    end = today.replace(day=1) - timedelta(days=1)
    return end.replace(day=1), end


def _budget(clinic: Clinic, budget: Budget) -> None:
    profile = clinic.organization()
    if budget.share is None:
        return
    spent, limit, ahead = (
        plain(profile.money_of_micros(micros))
        for micros in (budget.spent_micros, budget.limit_micros, budget.forecast_micros)
    )
    told = f"This month: {spent} of {limit} spent, about {ahead} by its end at the mean of the last two weeks."
    st.progress(min(budget.share, 1.0), text=f"{percent(budget.share, 0)} of the month's budget")
    if budget.share >= 1:
        st.error(f"The budget is used up: nothing is sent that costs money. {told}", icon=":material/block:")
    elif budget.share >= message_figures.WARN_SHARE or budget.forecast_micros > budget.limit_micros:
        st.warning(f"The budget may not last. {told} Raise it under Settings, Messages.", icon=":material/savings:")
    else:
        st.caption(told)


def _tiles(clinic: Clinic, found: Figures) -> None:
    texts = sum(one.channel is Channel.SMS for one in found.sent)
    lost = sum(one.state is State.LOST for one in found.sent)
    rate = found.arrival_rate
    tiles(
        [
            ("Messages", f"{len(found.sent):,}", f"{texts:,} of them SMS"),
            ("SMS segments", f"{found.segments:,}", f"{found.segments / texts:.2f} per SMS" if texts else "no SMS"),
            ("Cost", clinic.organization().money_of_micros(found.cost_micros), "expected, until the carrier says"),
            ("Arrived", "–" if rate is None else percent(rate), f"of those reported; {lost:,} not delivered"),
        ]
    )


def _chart(clinic: Clinic, found: Figures) -> None:
    """Costs by day and kind, or how many where no price is entered; a day that is selected opens its rows."""
    days = [found.start_on + timedelta(days=n) for n in range((found.end_on - found.start_on).days + 1)]
    priced = found.cost_micros > 0
    st.markdown(f"**{'Cost' if priced else 'Messages'} per day**" + (f" in {clinic.organization().currency}" * priced))
    kinds = _kinds_of(found)
    sums = {kind: dict.fromkeys(days, 0) for kind in kinds}
    for one in found.sent:
        sums[one.kind][one.day] += one.cost_micros if priced else 1
    profile = clinic.organization()
    series, texts = [], []
    for kind in kinds:
        values = [sums[kind][day] for day in days]
        shown = [profile.money_of_micros(value) if priced else str(value) for value in values]
        series.append((kind, tuple(value / 1e6 if priced else float(value) for value in values)))
        texts.append(tuple(f"{kind.label}, {d.day} {d:%b}: <b>{s}</b>" for d, s in zip(days, shown, strict=True)))
    key = f"{_CHART}.{st.session_state.get(_CHART, 0)}"
    st.plotly_chart(
        messages_charts.per_day(tuple(days), tuple(series), tuple(texts)),
        key=key,
        on_select=lambda: _selected(key, days),
        selection_mode="points",
        config=CONFIG,
        alt="What messages cost by day and kind. The table below has the numbers.",
    )


def _selected(key: str, days: Sequence[date]) -> None:
    """A day was selected."""
    places = [int(point.get("point_index", -1)) for point in st.session_state[key].selection.points]
    st.session_state[_CHART] = st.session_state.get(_CHART, 0) + 1
    if places and 0 <= places[0] < len(days):
        st.session_state[_BEHIND] = f"day:{days[places[0]].isoformat()}"


def _kinds_of(found: Figures) -> list[MessageKind]:
    return [kind for kind in MessageKind if any(one.kind is kind for one in found.sent)]


def _kinds(clinic: Clinic, found: Figures) -> None:
    lines = []
    for kind in _kinds_of(found):
        some = [one for one in found.sent if one.kind is kind]
        lines.append(_kind_row(clinic, kind.label, kind.value, some))
    lines.append(_kind_row(clinic, "All", "all", found.sent))
    numbers = ("Messages", "Segments", "Cost", "Arrived", "Not delivered")
    rows("Messages by kind", ("Kind", *numbers), lines, key="messages.kinds", on_step=_open, right=numbers)


def _kind_row(clinic: Clinic, label: str, key: str, some: Sequence[Sent]) -> Row:
    return Row(
        id=f"kind:{key}",
        label=label,
        cells=(
            label,
            f"{len(some):,}",
            f"{sum(one.segments for one in some if one.channel is Channel.SMS):,}",
            clinic.organization().money_of_micros(sum(one.cost_micros for one in some)),
            f"{sum(one.state is State.ARRIVED for one in some):,}",
            f"{sum(one.state is State.LOST for one in some):,}",
        ),
        steps=(*_ROWS, Step("lost", "Not delivered")) if any(one.state is State.LOST for one in some) else _ROWS,
    )


def _open(row: str, step: str) -> None:
    st.session_state[_BEHIND] = f"lost-{row}" if step == "lost" else row


def _attendance(found: Figures) -> None:
    """Do those who confirm come? Visits with a reminder, by whether the patient confirmed."""
    st.markdown("**Confirmed and came**")
    st.caption(ATTENDANCE_BASIS)
    if not found.visits:
        st.caption("There are none in these days.")
        return
    lines = [_visit_row(found, confirmed=confirmed) for confirmed in (True, False)]
    numbers = ("Visits", "Came", "No-show", "No-show rate")
    rows("Visits by confirmation", ("Reply", *numbers), lines, key="messages.visits", on_step=_open, right=numbers)


def _visit_row(found: Figures, *, confirmed: bool) -> Row:
    some = [visit for visit in found.visits if visit.confirmed is confirmed]
    came, rate = sum(visit.came for visit in some), found.noshow_rate(confirmed=confirmed)
    label = "Confirmed" if confirmed else "Did not confirm"
    missed = f"{len(some) - came:,}"
    return Row(
        id=f"visits:{int(confirmed)}",
        label=label,
        cells=(label, f"{len(some):,}", f"{came:,}", missed, "–" if rate is None else percent(rate)),
        steps=_ROWS if some else (),
    )


def _rows(clinic: Clinic, actor: Actor, found: Figures, *here: str) -> None:
    """The rows of the figure that was opened, where it is one of those above."""
    behind: str = st.session_state.get(_BEHIND, "")
    what, _, which = behind.partition(":")
    if what not in here:
        return
    if what == "visits":
        visits = [visit for visit in found.visits if visit.confirmed is bool(int(which))]
        title = "Confirmed" if int(which) else "Did not confirm"
        _show_rows(
            title, len(visits), _visit_lines(clinic, actor, visits[-_MOST:][::-1]), ("Patient", "Visit", "Became")
        )
    else:
        some = [one for one in found.sent if _belongs(one, what, which)]
        lines = _message_lines(clinic, actor, some[-_MOST:][::-1])
        spent = clinic.organization().money_of_micros(sum(one.cost_micros for one in some))
        head = ("Patient", "Sent", "What", "Way", "State", "Segments", "Cost")
        _show_rows(f"{_title(what, which)}: {spent}", len(some), lines, head)


def _belongs(one: Sent, what: str, which: str) -> bool:
    if what == "day":
        return one.day.isoformat() == which
    return which in ("all", one.kind.value) and (what == "kind" or one.state is State.LOST)


def _title(what: str, which: str) -> str:
    if what == "day":
        return widgets.day_text(date.fromisoformat(which))
    kind = "All" if which == "all" else MessageKind(which).label
    return f"{kind}, not delivered" if what == "lost-kind" else kind


def _show_rows(title: str, count: int, lines: Sequence[Row], head: Sequence[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        shown = f", the latest {len(lines)} of them shown" if len(lines) < count else ""
        st.markdown(f"**{plain(title)}** · {count:,} rows{shown}", width="content")
        st.button("Close", key="messages.close", icon=":material/close:", on_click=_close)
    rows(
        title,
        head,
        lines,
        key="messages.rows",
        on_step=_open_row,
        right=("Segments", "Cost"),
        height=_HEIGHT,
    )


def _close() -> None:
    st.session_state.pop(_BEHIND, None)


def _open_row(key: str, step: str) -> None:
    if step == "record":
        st.session_state[_RECORD] = key
    else:
        messages_parts.open_later(key, step)


def _message_lines(clinic: Clinic, actor: Actor, some: Sequence[Sent]) -> list[Row]:
    numbers = message_figures.numbers_of(clinic, actor, [one.patient_id for one in some])
    return [
        Row(
            id=one.id,
            label=f"{numbers.get(one.patient_id, '')}, {one.kind.label}",
            cells=(
                numbers.get(one.patient_id, "–"),
                widgets.moment(clinic, one.sent_at),
                one.kind.label,
                one.channel.label,
                _STATES[one.state],
                str(one.segments) if one.channel is Channel.SMS else "",
                messages_parts.cost(clinic, one.cost_micros),
            ),
            steps=(messages_parts.OPEN,),
        )
        for one in some
    ]


def _visit_lines(clinic: Clinic, actor: Actor, some: Sequence[Visit]) -> list[Row]:
    numbers = message_figures.numbers_of(clinic, actor, [visit.patient_id for visit in some])
    opened = st.session_state.pop(_RECORD, None)
    if opened in {visit.patient_id for visit in some}:
        widgets.go_to_patient(opened)
    return [
        Row(
            id=visit.patient_id,
            label=numbers.get(visit.patient_id, ""),
            cells=(
                numbers.get(visit.patient_id, "–"),
                widgets.moment(clinic, visit.start),
                Mark("Came", "green") if visit.came else Mark("No-show", "red"),
            ),
            steps=(Step("record", "Record"),),
        )
        for visit in some
    ]
