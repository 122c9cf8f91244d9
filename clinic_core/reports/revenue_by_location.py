"""What was billed and what came in by the room of the visit."""

import pandas as pd

from clinic_core.reports.measures import (
    BILLED_BASIS,
    CHARGES,
    COLLECTED_BASIS,
    LOCATION,
    PAYMENTS,
    Chart,
    Measure,
    side_by_side,
    sums,
)

TITLE = "Rooms"
BOARD = "Revenue"
ORDER = 44
BASIS = f"{BILLED_BASIS} {COLLECTED_BASIS} Both by the room of the visit."
KEY = LOCATION
CHART = Chart.RANKED
FACTS = (CHARGES, PAYMENTS)
MEASURES = (
    Measure(column="billed_minor", label="Billed", facts=CHARGES, adds="total_minor"),
    Measure(column="collected_minor", label="Collected", facts=PAYMENTS, adds="amount_minor"),
)


def build(charges: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Sum both per location.

    Args:
        charges: `location_id`, `total_minor`, one row per line billed or taken back.
        payments: `location_id`, `amount_minor`, one row per payment.

    Returns:
        One row per location with either, most billed first: `location_id`, `billed_minor`, `collected_minor`.
    """
    billed = sums(charges, LOCATION, "total_minor")
    collected = sums(payments, LOCATION, "amount_minor")
    table = side_by_side(LOCATION, {"billed_minor": billed, "collected_minor": collected})
    return table.sort_values("billed_minor", ascending=False, kind="stable", ignore_index=True)
