"""What was billed and what came in by the room of the visit."""

import pandas as pd

from clinic_core.reports.measures import (
    BILLED,
    BILLED_BASIS,
    CHARGES,
    COLLECTED,
    COLLECTED_BASIS,
    LOCATION,
    PAYMENTS,
    Chart,
    billed_and_collected,
)

TITLE = "Rooms"
BOARD = "Revenue"
ORDER = 44
BASIS = f"{BILLED_BASIS} {COLLECTED_BASIS} Both by the room of the visit."
KEY = LOCATION
CHART = Chart.RANKED
FACTS = (CHARGES, PAYMENTS)
MEASURES = (BILLED, COLLECTED)


def build(charges: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """One row per value of KEY with either; see `measures.billed_and_collected`."""
    return billed_and_collected(charges, payments, KEY)
