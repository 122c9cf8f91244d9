"""On which days of the week patients come, and do not come."""

import pandas as pd

from clinic_core.reports.measures import (
    CANCELLED,
    MISSED,
    SEEN,
    VISITS,
    VISITS_BASIS,
    WEEKDAY,
    Chart,
    Measure,
    Unit,
    counts,
    side_by_side,
)

TITLE = "Weekdays"
BOARD = "Attendance"
ORDER = 62
BASIS = VISITS_BASIS
KEY = WEEKDAY
CHART = Chart.RANKED
FACTS = (VISITS,)
MEASURES = (
    Measure(column="seen", label="Seen", facts=VISITS, unit=Unit.COUNT, statuses=SEEN),
    Measure(column="missed", label="No-show", facts=VISITS, unit=Unit.COUNT, statuses=MISSED),
    Measure(column="cancelled", label="Cancelled", facts=VISITS, unit=Unit.COUNT, statuses=CANCELLED),
)


def build(visits: pd.DataFrame) -> pd.DataFrame:
    """Count visits per day of the week.

    Args:
        visits: `weekday` (0 is Monday), `status`, one row per appointment.

    Returns:
        One row per weekday with a visit, Monday first: `weekday`, `seen`, `missed`, `cancelled`.
    """
    return side_by_side(WEEKDAY, {m.column: counts(visits, WEEKDAY, m.statuses) for m in MEASURES})
