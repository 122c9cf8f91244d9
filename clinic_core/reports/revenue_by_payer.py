"""What was billed and what came in by who owes it: the patient or a payer."""

import pandas as pd

from clinic_core.reports.measures import (
    BILLED_BASIS,
    CHARGES,
    COLLECTED_BASIS,
    PAYER,
    PAYMENTS,
    Chart,
    Measure,
    side_by_side,
    sums,
)

TITLE = "Payers"
BOARD = "Revenue"
ORDER = 42
BASIS = f"{BILLED_BASIS} {COLLECTED_BASIS} Both by who owes it: the patient or a payer."
KEY = PAYER
CHART = Chart.RANKED
FACTS = (CHARGES, PAYMENTS)
MEASURES = (
    Measure(column="billed_minor", label="Billed", facts=CHARGES, adds="total_minor"),
    Measure(column="collected_minor", label="Collected", facts=PAYMENTS, adds="amount_minor"),
)


def build(charges: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Sum both per payer.

    Args:
        charges: `payer_id`, `total_minor`, one row per line billed or taken back.
        payments: `payer_id`, `amount_minor`, one row per payment.

    Returns:
        One row per payer with either, most billed first: `payer_id`, `billed_minor`, `collected_minor`.
    """
    billed = sums(charges, PAYER, "total_minor")
    collected = sums(payments, PAYER, "amount_minor")
    table = side_by_side(PAYER, {"billed_minor": billed, "collected_minor": collected})
    return table.sort_values("billed_minor", ascending=False, kind="stable", ignore_index=True)
