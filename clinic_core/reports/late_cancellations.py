"""Who is called off in time: visits that were cancelled, and how many of them late, by practitioner."""

import pandas as pd

from clinic_core.reports.measures import (
    CANCELLED,
    LATE,
    PRACTITIONER,
    VISITS,
    VISITS_BASIS,
    Chart,
    Measure,
    Unit,
    counts,
    share,
    side_by_side,
    sums,
)

TITLE = "Late cancellations"
BOARD = "Attendance"
ORDER = 61
BASIS = (
    f"{VISITS_BASIS} Cancelled late: with less than 24 hours' notice. Late of cancelled: the share of the cancelled "
    "visits that were cancelled late."
)
KEY = PRACTITIONER
CHART = Chart.RANKED
FACTS = (VISITS,)
MEASURES = (
    Measure(column="late_rate", label="Late of cancelled", facts=VISITS, unit=Unit.SHARE, statuses=CANCELLED),
    Measure(column="late", label="Cancelled late", facts=VISITS, unit=Unit.COUNT, statuses=CANCELLED, adds=LATE),
    Measure(column="cancelled", label="Cancelled", facts=VISITS, unit=Unit.COUNT, statuses=CANCELLED),
)


def build(visits: pd.DataFrame) -> pd.DataFrame:
    """Count cancelled visits per practitioner.

    Args:
        visits: `practitioner_id`, `status`, `late` (how many were cancelled late), one row per appointment.

    Returns:
        One row per practitioner with one, highest share first: `practitioner_id`, `late_rate` (0 to 1), `late`,
        `cancelled`.
    """
    cancelled = counts(visits, PRACTITIONER, CANCELLED)
    late = sums(visits[visits["status"].isin(CANCELLED)], PRACTITIONER, LATE)
    table = side_by_side(PRACTITIONER, {"late": late, "cancelled": cancelled})
    table.insert(1, "late_rate", share(table["late"], table["cancelled"]))
    return table.sort_values("late_rate", ascending=False, kind="stable", ignore_index=True)
