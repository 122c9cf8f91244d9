"""What each practitioner's invoices billed and brought in."""

import pandas as pd

from clinic_core.reports.measures import (
    BILLED_BASIS,
    CHARGES,
    COLLECTED_BASIS,
    PAYMENTS,
    PRACTITIONER,
    Chart,
    Measure,
    side_by_side,
    sums,
)

TITLE = "Practitioners"
BOARD = "Revenue"
ORDER = 20
BASIS = f"{BILLED_BASIS} {COLLECTED_BASIS} Both by the practitioner on the invoice."
KEY = PRACTITIONER
CHART = Chart.RANKED
FACTS = (CHARGES, PAYMENTS)
MEASURES = (
    Measure(column="billed_minor", label="Billed", facts=CHARGES, adds="total_minor"),
    Measure(column="collected_minor", label="Collected", facts=PAYMENTS, adds="amount_minor"),
)


def build(charges: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Sum both per practitioner.

    Args:
        charges: `practitioner_id`, `total_minor`, one row per line billed or taken back.
        payments: `practitioner_id`, `amount_minor`, one row per payment.

    Returns:
        One row per practitioner with either, most billed first: `practitioner_id`, `billed_minor`, `collected_minor`.
    """
    billed = sums(charges, PRACTITIONER, "total_minor")
    collected = sums(payments, PRACTITIONER, "amount_minor")
    table = side_by_side(PRACTITIONER, {"billed_minor": billed, "collected_minor": collected})
    return table.sort_values("billed_minor", ascending=False, kind="stable", ignore_index=True)
