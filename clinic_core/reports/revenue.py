"""What was billed and what came in, side by side and never added to each other."""

import pandas as pd

from clinic_core.reports.measures import (
    BILLED,
    BILLED_BASIS,
    CHARGES,
    COLLECTED,
    COLLECTED_BASIS,
    PAYMENTS,
    Chart,
    billed_and_collected,
)
from clinic_core.reports.periods import PERIOD

TITLE = "Revenue"
BOARD = "Revenue"
ORDER = 10
BASIS = f"{BILLED_BASIS} {COLLECTED_BASIS}"
KEY = PERIOD
CHART = Chart.BARS
FACTS = (CHARGES, PAYMENTS)
MEASURES = (BILLED, COLLECTED)


def build(charges: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """One row per value of KEY with either; see `measures.billed_and_collected`."""
    return billed_and_collected(charges, payments, KEY)
