"""What became of the visits, over time."""

import pandas as pd

from clinic_core.reports.measures import (
    CANCELLED,
    MISSED,
    OPEN,
    SEEN,
    VISITS,
    VISITS_BASIS,
    Chart,
    Measure,
    Unit,
    counts,
    side_by_side,
)
from clinic_core.reports.periods import PERIOD

TITLE = "Attendance"
BOARD = "Attendance"
ORDER = 50
BASIS = f"{VISITS_BASIS} Open ones are booked or under way, also those of past days that nobody closed."
KEY = PERIOD
CHART = Chart.STACKED
FACTS = (VISITS,)
MEASURES = (
    Measure(column="seen", label="Seen", facts=VISITS, unit=Unit.COUNT, statuses=SEEN),
    Measure(column="missed", label="No-show", facts=VISITS, unit=Unit.COUNT, statuses=MISSED),
    Measure(column="cancelled", label="Cancelled", facts=VISITS, unit=Unit.COUNT, statuses=CANCELLED),
    Measure(column="open", label="Open", facts=VISITS, unit=Unit.COUNT, statuses=OPEN),
)


def build(visits: pd.DataFrame) -> pd.DataFrame:
    """Count visits per period and outcome.

    Args:
        visits: `period`, `status`, one row per appointment.

    Returns:
        One row per period with a visit, oldest first: `period`, `seen`, `missed`, `cancelled`, `open`.
    """
    return side_by_side(PERIOD, {m.column: counts(visits, PERIOD, m.statuses) for m in MEASURES})
