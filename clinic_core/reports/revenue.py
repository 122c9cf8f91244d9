"""What was billed and what came in, side by side and never added to each other."""

import pandas as pd

from clinic_core.reports.measures import (
    BILLED_BASIS,
    CHARGES,
    COLLECTED_BASIS,
    PAYMENTS,
    Chart,
    Measure,
    side_by_side,
    sums,
)
from clinic_core.reports.periods import PERIOD

TITLE = "Revenue"
BOARD = "Revenue"
ORDER = 10
BASIS = f"{BILLED_BASIS} {COLLECTED_BASIS}"
KEY = PERIOD
CHART = Chart.BARS
FACTS = (CHARGES, PAYMENTS)
MEASURES = (
    Measure(column="billed_minor", label="Billed", facts=CHARGES, adds="total_minor"),
    Measure(column="collected_minor", label="Collected", facts=PAYMENTS, adds="amount_minor"),
)


def build(charges: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Sum both per period.

    Args:
        charges: `period`, `total_minor` (int64, the clinic's currency), one row per line billed or taken back.
        payments: `period`, `amount_minor`, one row per payment.

    Returns:
        One row per period with either, oldest first: `period`, `billed_minor`, `collected_minor`.
    """
    billed = sums(charges, PERIOD, "total_minor")
    collected = sums(payments, PERIOD, "amount_minor")
    return side_by_side(PERIOD, {"billed_minor": billed, "collected_minor": collected})
