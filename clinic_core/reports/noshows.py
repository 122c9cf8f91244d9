"""Who is waited for in vain: visits and the no-show rate of each practitioner."""

import pandas as pd

from clinic_core.reports.measures import (
    MISSED,
    NOSHOW_BASIS,
    PRACTITIONER,
    SEEN,
    VISITS,
    VISITS_BASIS,
    Chart,
    Measure,
    Unit,
    counts,
    share,
    side_by_side,
)

TITLE = "No-shows"
BOARD = "Attendance"
ORDER = 60
BASIS = f"{VISITS_BASIS} {NOSHOW_BASIS}"
KEY = PRACTITIONER
CHART = Chart.RANKED
FACTS = (VISITS,)
MEASURES = (
    Measure(column="noshow_rate", label="No-show rate", facts=VISITS, unit=Unit.SHARE, statuses=SEEN + MISSED),
    Measure(column="missed", label="No-show", facts=VISITS, unit=Unit.COUNT, statuses=MISSED),
    Measure(column="seen", label="Seen", facts=VISITS, unit=Unit.COUNT, statuses=SEEN),
)


def build(visits: pd.DataFrame) -> pd.DataFrame:
    """Count visits per practitioner.

    Args:
        visits: `practitioner_id`, `status`, one row per appointment.

    Returns:
        One row per practitioner with either, highest rate first: `practitioner_id`, `noshow_rate` (0 to 1), `missed`,
        `seen`.
    """
    missed, seen = counts(visits, PRACTITIONER, MISSED), counts(visits, PRACTITIONER, SEEN)
    table = side_by_side(PRACTITIONER, {"missed": missed, "seen": seen})
    table.insert(1, "noshow_rate", share(table["missed"], table["missed"] + table["seen"]))
    return table.sort_values("noshow_rate", ascending=False, kind="stable", ignore_index=True)
