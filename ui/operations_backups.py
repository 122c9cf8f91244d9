"""The backups: the newest that can be relied on and how old it is, and what became of each."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.backups import BackupEvent, KnownBackup, State, Step
from clinic_core.services import backups
from clinic_core.services.backups import Overview
from ui import operations_journal, text, widgets
from ui.planning_parts import tiles
from ui.rows import Mark, Row, rows
from ui.text import plain

_MARKS: Final = {
    State.VERIFIED: Mark("Verified", "green"),
    State.UNVERIFIED: Mark("Not verified", "orange"),
    State.BROKEN: Mark("Broken", "red", alert=True),
}
_STEPS: Final = {
    Step.CREATED: "made",
    Step.VERIFIED: "restored and compared",
    Step.FOUND_BROKEN: "found broken",
    Step.CHECKED: "read whole",
    Step.DRILLED: "recovery drill",
    Step.PRUNED: "deleted, no longer needed",
    Step.EXPORTED: "export written",
}
_HISTORY_SHOWN: Final = 30
_MEGA: Final = 1_000_000
_HOUR: Final = 60  # minutes


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the newest good backup, the table of all and the history. Raises Forbidden."""
    found = backups.overview(clinic, actor)
    if not found.backups:
        widgets.nothing_here(
            "There is no backup yet. On the clinic's machine run `python -m clinic_core backup keys`, keep the "
            "recovery kit that it shows in a safe, then `python -m clinic_core backup create`. One is made every "
            "night at 02:00.",
            "backup",
        )
        return
    _newest(clinic, found)
    operations_journal.show(clinic, actor)
    rows(
        "Backups",
        ("Made", "State", "Size", "Documents", "Verified", "Read whole", "Recovery"),
        [Row(id=each.id, label=each.id, cells=_cells(clinic, each)) for each in found.backups],
        key="operations.backups",
        on_step=lambda row, step: None,  # there is nothing to click
        right=("Size", "Documents", "Recovery"),
    )
    for each in found.backups:
        if each.state is State.BROKEN:
            st.error(f"**{plain(each.id)}**: {plain(each.note)}", icon=":material/broken_image:")
    with st.expander("History"):
        lines = [_event(clinic, event) for event in found.history[:_HISTORY_SHOWN]]
        st.markdown(text.table(("When", "Backup", "What", "Took", "Note"), lines, right=[3]))


def _newest(clinic: Clinic, found: Overview) -> None:
    good = found.newest_good
    if good is None:
        st.error(
            "**No backup can be relied on.** None was restored and compared yet. Run "
            "`python -m clinic_core backup create` on the clinic's machine; it says what hinders it.",
            icon=":material/gpp_bad:",
        )
        return
    age = _span(found.now - good.created_at)
    if found.is_overdue:
        st.warning(f"The newest good backup is {age} old. The jobs tell why.", icon=":material/history:")
    kept = sum(each.state is State.VERIFIED for each in found.backups)
    tiles(
        [
            ("Newest good backup", f"{age} old", widgets.moment(clinic, good.created_at)),
            ("Its size", _size(good.size), f"{good.documents:,} documents"),
            ("Good backups", f"{kept}", f"of {len(found.backups)} kept"),
            ("A whole recovery", f"{good.recovery_seconds or 0:,.0f} s", "when it was last tried"),
        ]
    )


def _cells(clinic: Clinic, each: KnownBackup) -> tuple[str | Mark, ...]:
    return (
        widgets.moment(clinic, each.created_at),
        _MARKS[each.state],
        _size(each.size),
        f"{each.documents:,}",
        "–" if each.verified_at is None else widgets.moment(clinic, each.verified_at),
        "–" if each.checked_at is None else widgets.moment(clinic, each.checked_at),
        "–" if each.recovery_seconds is None else f"{each.recovery_seconds:,.1f} s",
    )


def _event(clinic: Clinic, event: BackupEvent) -> tuple[str, ...]:
    took = f"{event.seconds:,.1f} s" if event.milliseconds else ""
    return (
        plain(widgets.moment(clinic, event.at)),
        plain(event.backup_id),
        _STEPS[event.step],
        took,
        plain(event.note),
    )


def _size(size: int) -> str:
    return f"{size / _MEGA:,.1f} MB"


def _span(age: timedelta) -> str:
    minutes = round(age.total_seconds() / 60)
    count, unit = (minutes, "minute") if minutes < _HOUR else (minutes // _HOUR, "hour")
    return f"{count} {unit}" if count == 1 else f"{count:,} {unit}s"
