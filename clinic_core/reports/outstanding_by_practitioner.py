"""What is still owed of each practitioner's invoices."""

import pandas as pd

from clinic_core.reports.measures import CHARGES_SO_FAR, OWED, OWED_BASIS, PAYMENTS_SO_FAR, PRACTITIONER, Chart, owed

TITLE = "Owed to practitioners"
BOARD = "Outstanding"
ORDER = 47
BASIS = f"{OWED_BASIS} By the practitioner on the invoice, up to the last day."
KEY = PRACTITIONER
CHART = Chart.RANKED
FACTS = (CHARGES_SO_FAR, PAYMENTS_SO_FAR)
MEASURES = (OWED,)


def build(charges_so_far: pd.DataFrame, payments_so_far: pd.DataFrame) -> pd.DataFrame:
    """One row per value of KEY; see `measures.owed`."""
    return owed(charges_so_far, payments_so_far, KEY)
