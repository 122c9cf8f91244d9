"""How money came in."""

import pandas as pd

from clinic_core.reports.measures import (
    COLLECTED_BASIS,
    COUNT,
    METHOD,
    PAYMENTS,
    RECEIVED,
    Chart,
    Measure,
    Unit,
    side_by_side,
    sums,
)

TITLE = "Methods"
BOARD = "Revenue"
ORDER = 40
BASIS = COLLECTED_BASIS
KEY = METHOD
CHART = Chart.RANKED
FACTS = (PAYMENTS,)
MEASURES = (
    Measure(column="collected_minor", label="Collected", facts=PAYMENTS, adds="amount_minor"),
    Measure(column="payments", label="Payments", facts=PAYMENTS, unit=Unit.COUNT, statuses=RECEIVED),
)


def build(payments: pd.DataFrame) -> pd.DataFrame:
    """Sum and count payments per method.

    Args:
        payments: `method`, `event`, `amount_minor`, `count`, one row per method and event.

    Returns:
        One row per method that was used, most collected first: `method`, `collected_minor`, `payments`.
    """
    collected = sums(payments, METHOD, "amount_minor")
    received = sums(payments[payments["event"].isin(RECEIVED)], METHOD, COUNT)
    table = side_by_side(METHOD, {"collected_minor": collected, "payments": received})
    return table.sort_values("collected_minor", ascending=False, kind="stable", ignore_index=True)
