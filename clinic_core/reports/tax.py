"""What was charged and the tax in it, over time: what the tax office asks for."""

import pandas as pd

from clinic_core.reports.measures import CHARGES, TAX_BASIS, Chart, Measure, side_by_side, sums
from clinic_core.reports.periods import PERIOD

TITLE = "Tax over time"
BOARD = "Tax"
ORDER = 80
BASIS = TAX_BASIS
KEY = PERIOD
CHART = Chart.BARS
FACTS = (CHARGES,)
MEASURES = (
    Measure(column="tax_minor", label="Tax", facts=CHARGES, adds="tax_minor"),
    Measure(column="net_minor", label="Net", facts=CHARGES, adds="net_minor"),
    Measure(column="total_minor", label="With tax", facts=CHARGES, adds="total_minor"),
)


def build(charges: pd.DataFrame) -> pd.DataFrame:
    """Sum charges per period.

    Args:
        charges: `period`, `net_minor`, `tax_minor`, `total_minor` (net + tax), one row per line billed or taken back.

    Returns:
        One row per period, oldest first: `period` and the columns of MEASURES.
    """
    return side_by_side(PERIOD, {measure.column: sums(charges, PERIOD, measure.adds) for measure in MEASURES})
