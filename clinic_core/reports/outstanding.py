"""What was still owed at the end of each period."""

import pandas as pd

from clinic_core.reports.measures import CHARGES_SO_FAR, OWED, OWED_BASIS, PAYMENTS_SO_FAR, Chart, owed
from clinic_core.reports.periods import PERIOD

TITLE = "Outstanding over time"
BOARD = "Outstanding"
ORDER = 46
BASIS = f"{OWED_BASIS} By the end of each period."
KEY = PERIOD
CHART = Chart.BARS
FACTS = (CHARGES_SO_FAR, PAYMENTS_SO_FAR)
MEASURES = (OWED,)


def build(charges_so_far: pd.DataFrame, payments_so_far: pd.DataFrame) -> pd.DataFrame:
    """One row per value of KEY; see `measures.owed`."""
    return owed(charges_so_far, payments_so_far, KEY)
