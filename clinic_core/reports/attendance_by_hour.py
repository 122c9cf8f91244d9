"""At which hours patients come, and do not come."""

import pandas as pd

from clinic_core.reports.measures import (
    CANCELLED,
    HOUR,
    MISSED,
    SEEN,
    VISITS,
    VISITS_BASIS,
    Chart,
    Measure,
    Unit,
    counts,
    side_by_side,
)

TITLE = "Hours"
BOARD = "Attendance"
ORDER = 64
BASIS = f"{VISITS_BASIS} By the hour in which they start; those imported without a time count at 0:00."
KEY = HOUR
CHART = Chart.RANKED
FACTS = (VISITS,)
MEASURES = (
    Measure(column="seen", label="Seen", facts=VISITS, unit=Unit.COUNT, statuses=SEEN),
    Measure(column="missed", label="No-show", facts=VISITS, unit=Unit.COUNT, statuses=MISSED),
    Measure(column="cancelled", label="Cancelled", facts=VISITS, unit=Unit.COUNT, statuses=CANCELLED),
)


def build(visits: pd.DataFrame) -> pd.DataFrame:
    """Count visits per hour of the start.

    Args:
        visits: `hour` (of the start, local), `status`, one row per appointment.

    Returns:
        One row per hour with a visit, earliest first: `hour`, `seen`, `missed`, `cancelled`.
    """
    return side_by_side(HOUR, {m.column: counts(visits, HOUR, m.statuses) for m in MEASURES})
