"""The sidecars and their jobs: how each went, its history, and run, pause and resume."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeAlias

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.jobs import JobRun, JobState
from clinic_core.services import jobs
from clinic_core.services.jobs import Overview
from ui import errors, session, widgets
from ui.rows import Mark, Row, Step, rows
from ui.text import plain

Do: TypeAlias = Callable[[Clinic, Actor, str], None]
_CHOSEN: Final = "operations.job"
_OPEN: Final = Step("open", "Open")
_COLUMNS: Final = ("Job", "State", "Last", "Took", "Result", "Next")
_RUN_COLUMNS: Final = ("Began", "Took", "How", "Result", "Sidecar")
_LATE_SECONDS: Final = 120
_SECOND, _MINUTE = 1_000, 60_000  # milliseconds


@st.fragment(run_every=5)
def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the sidecars, the jobs and the one that was chosen; anew every few seconds."""
    with session.show_errors():
        actor = session.require_actor(clinic)
        found = jobs.overview(clinic, actor)
        errors.show_kept(_CHOSEN)
        _sidecars(clinic, found)
        if not found.jobs:
            widgets.nothing_here("No sidecar has ever run on this database, so nothing was done yet.", "schedule")
            return
        chosen = next((state for state in found.jobs if state.id == st.session_state.get(_CHOSEN)), None)
        if chosen is not None:
            _one(clinic, actor, chosen, found.now)
        rows(
            "Jobs",
            _COLUMNS,
            [
                _row(clinic, state, found.now)
                for state in sorted(found.jobs, key=lambda state: not _in_trouble(state, found.now))
            ],
            key="operations.jobs",
            on_step=_choose,
        )


def _sidecars(clinic: Clinic, found: Overview) -> None:
    alive = [sidecar for sidecar in found.sidecars if sidecar.is_alive(found.now)]
    if not alive:
        last = max((sidecar.beat_at for sidecar in found.sidecars), default=None)
        heard = plain(f"The last one was heard {widgets.moment(clinic, last)}.") if last else ""
        st.error(
            f"**No sidecar runs, so nothing is done in the background.** {heard}  \n"
            "Start it: `python -m clinic_core up` does on one machine, `python scheduler.py` beside an app that runs "
            "alone. If it ended by itself, its log says why.",
            icon=":material/heart_broken:",
        )
        return
    since = min(sidecar.started_at for sidecar in alive)
    names = ", ".join(sidecar.id for sidecar in alive)
    many = f"One sidecar runs ({names})" if len(alive) == 1 else f"{len(alive)} sidecars share the work ({names})"
    st.caption(plain(f"{many}, since {widgets.moment(clinic, since)}. This list looks anew every few seconds."))


def _row(clinic: Clinic, state: JobState, now: datetime) -> Row:
    return Row(
        id=state.id,
        label=state.id,
        cells=(
            state.id.capitalize(),
            mark(state, now),
            "never" if state.finished_at is None else _ago(now, state.finished_at),
            "" if state.finished_at is None else took(state.milliseconds),
            result(state.result, state.reference),
            _next(clinic, state, now),
        ),
        steps=(_OPEN,),
    )


def _in_trouble(state: JobState, now: datetime) -> bool:
    return mark(state, now).alert


def mark(state: JobState, now: datetime) -> Mark:
    """How the job is, in one or two words."""
    if state.holder and not state.is_free(now):
        return Mark("At work", "blue")
    if not state.ok:
        return Mark(f"Failed {state.failures}×" if state.failures > 1 else "Failed", "red", alert=True)
    if state.paused:
        return Mark("Paused", "orange")
    if state.next_at is not None and (now - state.next_at).total_seconds() > _LATE_SECONDS:
        return Mark("Late", "orange", alert=True)
    return Mark("New") if state.finished_at is None else Mark("Well", "green")


def took(milliseconds: int) -> str:
    """A duration as short as it reads well."""
    if milliseconds < _SECOND:
        return f"{milliseconds} ms"
    if milliseconds < _MINUTE:
        return f"{milliseconds / _SECOND:.1f} s"
    return f"{milliseconds / _MINUTE:.0f} min"


def result(text: str, reference: str | None) -> str:
    """What came of a run; a failure leads to the log."""
    return " · ".join(filter(None, [text, f"reference {reference}" if reference else ""]))


def _next(clinic: Clinic, state: JobState, now: datetime) -> str:
    if state.run_now_at is not None:
        return "asked for, at once"
    if state.paused:
        return "when resumed"
    if state.next_at is None or state.next_at <= now:
        return "now"
    seconds = (state.next_at - now).total_seconds()
    return f"in {_span(seconds)}" if seconds < 3_600 else widgets.moment(clinic, state.next_at)  # noqa: PLR2004


def _ago(now: datetime, then: datetime) -> str:
    return f"{_span((now - then).total_seconds())} ago"


def _span(seconds: float) -> str:
    whole = max(0, round(seconds))
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if whole >= 2 * size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def _one(clinic: Clinic, actor: Actor, state: JobState, now: datetime) -> None:
    """The chosen job: what it does, what can be done, its last runs."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"#### {plain(state.id.capitalize())}", width="content")
            st.button("Close", key="operations.close", on_click=_choose, args=("", ""), icon=":material/close:")
        st.markdown(plain(f"{state.does}; {state.schedule}."))
        if state.failing_since is not None:
            st.error(_failing(clinic, state, now), icon=":material/error:")
        if access.allows(actor, "job.run"):
            with st.container(horizontal=True):
                _button("Run now", "play_arrow", jobs.run_now, state, primary=True)
                if state.paused:
                    _button("Resume", "resume", jobs.resume, state)
                else:
                    _button("Pause", "pause", jobs.pause, state)
        _history(clinic, jobs.history(clinic, actor, state.id), often=state.schedule)


def _failing(clinic: Clinic, state: JobState, now: datetime) -> str:
    since = f"Failing since {widgets.moment(clinic, state.failing_since)}" if state.failing_since else "Failing"
    well = f"; it last went well {_ago(now, state.last_ok_at)}" if state.last_ok_at else "; it never went well"
    why = state.result or f"The log line with the reference {state.reference} says where"
    return (
        f"**{plain(since + well)}.**  \n{plain(why)}. It is tried again by itself, {plain(_next(clinic, state, now))}."
    )


def _history(clinic: Clinic, runs: list[JobRun], *, often: str) -> None:
    if not runs:
        st.caption("It has not run yet.")
        return
    lines = [
        Row(
            id=run.id,
            label=widgets.moment(clinic, run.started_at),
            cells=(
                f"{widgets.moment(clinic, run.started_at)}:{clinic.local(run.started_at):%S}",
                took(run.milliseconds),
                Mark("Well", "green") if run.ok else Mark("Failed", "red", alert=True),
                result(run.result, run.reference) + (" · after one that was cut off" if run.takeover else ""),
                run.sidecar,
            ),
        )
        for run in runs
    ]
    rows("Its last runs", _RUN_COLUMNS, lines, key="operations.runs", on_step=_nothing, height=300)
    if "second" in often or "minute" in often:
        st.caption(
            "Of a job that comes round so often only runs that did something, failures and one an hour are kept."
        )


def _button(label: str, icon: str, do: Do, state: JobState, *, primary: bool = False) -> None:
    st.button(
        label,
        key=f"operations.{label}",
        icon=f":material/{icon}:",
        type="primary" if primary else "secondary",
        on_click=_act,
        args=(do, state.id),
    )


def _act(do: Do, name: str) -> None:
    """A callback: do it as whoever is there."""
    with errors.keep_errors(_CHOSEN):
        clinic = session.the_clinic()
        do(clinic, session.require_actor(clinic), name)


def _choose(name: str, _step: str) -> None:
    st.session_state[_CHOSEN] = name


def _nothing(_row: str, _step: str) -> None:
    """These rows carry no buttons."""
