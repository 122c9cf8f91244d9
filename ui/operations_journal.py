"""The change journal: up to when every change is kept, where it has gaps, and whether this clinic was restored."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.changes import Reach
from clinic_core.services import change_journal
from ui import text
from ui.text import plain

_LATE: Final = timedelta(minutes=3)


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw it. Raises Forbidden."""
    found = change_journal.reach(clinic, actor)
    if found.restored:
        st.info(
            f"This clinic was restored on {_at(clinic, found.restored.restored_at)}, as it was on "
            f"{_at(clinic, found.restored.restored_to)}. {found.restored.held} messages were put on hold.",
            icon=":material/settings_backup_restore:",
        )
    _reach(clinic, found)
    if found.behind:
        st.warning(
            "The folder or the bucket refuses changes at the moment; the other one has them.",
            icon=":material/cloud_off:",
        )
    if found.gaps:
        with st.expander(f"Times that cannot be restored ({len(found.gaps)})"):
            lines = [(_at(clinic, gap.since), _at(clinic, gap.until), plain(gap.reason)) for gap in found.gaps]
            st.markdown(text.table(("From", "To", "Why"), lines))


def _reach(clinic: Clinic, found: Reach) -> None:
    if found.covers_to is None:
        st.caption("Changes between backups are not kept yet: it begins when there is a backup key.")
        return
    kept = f"Every change is kept up to {_at(clinic, found.covers_to)}."
    if clinic.server_now() - found.covers_to > _LATE:
        st.warning(f"{kept} Nothing was added since: the job *ship journal* tells why.", icon=":material/history:")
    elif found.needs_base:
        st.warning(f"{kept} It serves from the next good backup on.", icon=":material/hourglass_empty:")
    else:
        st.markdown(f":material/timeline: {kept}")


def _at(clinic: Clinic, at: datetime) -> str:
    return f"{clinic.local(at):%d %b %Y %H:%M:%S}"
