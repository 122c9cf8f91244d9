"""A doctor's note as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.encounters import Encounter, EncounterStatus
from ui import widgets
from ui.text import plain

_OPEN: Final = 3  # so many earlier notes are shown at once
_PARTS: Final = (("reason", "Reason"), ("findings", "Findings"), ("assessment", "Assessment"), ("plan", "Plan"))


def show_note(clinic: Clinic, note: Encounter) -> None:
    """One note: its day, who wrote it, what was written and delivered."""
    name = widgets.practitioner_name(clinic, note.practitioner_id)
    draft = "" if note.status is EncounterStatus.FINISHED else " :gray-badge[draft]"
    written = [f"**{label}:** {_lines(getattr(note, field))}" for field, label in _PARTS if getattr(note, field)]
    if note.follow_up_on:
        written.append(f"**Follow-up:** {widgets.short_day(note.follow_up_on)}")
    if note.charges:
        written.append(f"**Delivered:** {_delivered(clinic, note)}")
    with st.container(border=True):
        st.markdown(f"**{widgets.short_day(note.day)}** · {plain(name)}{draft}")
        st.markdown("  \n".join(written) or "Nothing was written.")


def show_earlier(clinic: Clinic, earlier: Sequence[Encounter]) -> None:
    """The notes of the visits before this one, latest first."""
    st.subheader("Earlier visits")
    if not earlier:
        st.caption("No earlier notes: this is the first visit on record.")
    for note in earlier[:_OPEN]:
        show_note(clinic, note)
    if len(earlier) > _OPEN:
        with st.expander(f"{len(earlier) - _OPEN} older notes", icon=":material/history:"):
            for note in earlier[_OPEN:]:
                show_note(clinic, note)


def _lines(text: str) -> str:
    return "  \n".join(plain(line) for line in text.splitlines())


def _delivered(clinic: Clinic, note: Encounter) -> str:
    named = [(widgets.service_name(clinic, item.service_id), item.quantity) for item in note.charges]
    return ", ".join(plain(name) if quantity == 1 else f"{quantity} × {plain(name)}" for name, quantity in named)
