"""What is still owed by patients and by each payer."""

import pandas as pd

from clinic_core.reports.measures import CHARGES_SO_FAR, OWED, OWED_BASIS, PAYER, PAYMENTS_SO_FAR, Chart, owed

TITLE = "Owed by"
BOARD = "Outstanding"
ORDER = 48
BASIS = f"{OWED_BASIS} By who owes it, up to the last day."
KEY = PAYER
CHART = Chart.RANKED
FACTS = (CHARGES_SO_FAR, PAYMENTS_SO_FAR)
MEASURES = (OWED,)


def build(charges_so_far: pd.DataFrame, payments_so_far: pd.DataFrame) -> pd.DataFrame:
    """One row per value of KEY; see `measures.owed`."""
    return owed(charges_so_far, payments_so_far, KEY)
