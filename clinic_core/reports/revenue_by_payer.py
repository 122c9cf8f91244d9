"""What was billed and what came in by who owes it: the patient or a payer."""

import pandas as pd

from clinic_core.reports.measures import (
    BILLED,
    BILLED_BASIS,
    CHARGES,
    COLLECTED,
    COLLECTED_BASIS,
    PAYER,
    PAYMENTS,
    Chart,
    billed_and_collected,
)

TITLE = "Payers"
BOARD = "Revenue"
ORDER = 42
BASIS = f"{BILLED_BASIS} {COLLECTED_BASIS} Both by who owes it: the patient or a payer."
KEY = PAYER
CHART = Chart.RANKED
FACTS = (CHARGES, PAYMENTS)
MEASURES = (BILLED, COLLECTED)


def build(charges: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """One row per value of KEY with either; see `measures.billed_and_collected`."""
    return billed_and_collected(charges, payments, KEY)
