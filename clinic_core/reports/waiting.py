"""How long patients wait between arriving and being with the doctor."""

import pandas as pd

from clinic_core.reports.measures import VISIT_ROWS, VISITS, VISITS_BASIS, Chart, Measure, Unit
from clinic_core.reports.periods import PERIOD

TITLE = "Waiting"
BOARD = "Attendance"
ORDER = 70
BASIS = (
    f"{VISITS_BASIS} Waiting: minutes from arriving to being with the doctor, of the visits where both were marked. "
    "Half of the patients wait no longer than the middle one, nine in ten no longer than the other figure."
)
KEY = PERIOD
CHART = Chart.LINES
FACTS = (VISIT_ROWS,)
COLUMNS = ("waited_minutes",)
_WAIT = "waited_minutes"
MEASURES = (
    Measure(column="half", label="Middle wait", facts=VISITS, unit=Unit.MINUTES, known=_WAIT),
    Measure(column="nine_tenths", label="Nine in ten wait at most", facts=VISITS, unit=Unit.MINUTES, known=_WAIT),
    Measure(column="known", label="Visits with a known wait", facts=VISITS, unit=Unit.COUNT, known=_WAIT),
)


def build(visits: pd.DataFrame) -> pd.DataFrame:
    """Quantiles of the wait per period.

    Args:
        visits: `period`, `waited_minutes` (float, NaN when not known), one row per appointment.

    Returns:
        One row per period with a known wait, oldest first: `period`, `half`, `nine_tenths` (minutes), `known`.
    """
    waits = visits.dropna(subset=[_WAIT]).groupby(PERIOD)[_WAIT]
    table = pd.DataFrame({"half": waits.median(), "nine_tenths": waits.quantile(0.9), "known": waits.size()})
    return table.round({"half": 1, "nine_tenths": 1}).reset_index(names=PERIOD)
