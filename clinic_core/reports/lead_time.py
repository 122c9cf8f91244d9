"""How far ahead visits were booked, and what became of them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from clinic_core.reports.measures import CANCELLED, LATE_HOURS, MISSED, SEEN

AHEAD: Final = (("same day", 0), ("1–2 days", 1), ("3–7 days", 3), ("8–14 days", 8), ("15–30 days", 15), ("longer", 31))


def table(visits: pd.DataFrame) -> pd.DataFrame:
    """What became of visits by how far ahead they were booked.

    Args:
        visits: `lead_days`, `status`, `notice_hours` (from being cancelled to the start; NaN when not cancelled).

    Returns:
        One row per stretch of `AHEAD`: `ahead`, `seen`, `missed`, `cancelled`, `late` (of the cancelled ones), int64,
        and `rate`: missed of seen and missed, NaN where there are neither.
    """
    names, edges = zip(*AHEAD, strict=True)
    place = np.searchsorted(edges, np.maximum(visits["lead_days"].to_numpy(), 0), side="right") - 1
    status = visits["status"]
    late = status.isin(CANCELLED) & (visits["notice_hours"] < LATE_HOURS)
    made = pd.DataFrame(
        {
            "seen": _count(status.isin(SEEN), place),
            "missed": _count(status.isin(MISSED), place),
            "cancelled": _count(status.isin(CANCELLED), place),
            "late": _count(late, place),
        }
    )
    due = made["seen"] + made["missed"]
    made["rate"] = made["missed"] / due.where(due > 0)
    made.insert(0, "ahead", list(names))
    return made


def _count(chosen: pd.Series, place: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.bincount(place[chosen.to_numpy()], minlength=len(AHEAD))
