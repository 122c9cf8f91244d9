"""What each practitioner's invoices billed and brought in."""

import pandas as pd

from clinic_core.reports.measures import (
    BILLED,
    BILLED_BASIS,
    CHARGES,
    COLLECTED,
    COLLECTED_BASIS,
    PAYMENTS,
    PRACTITIONER,
    Chart,
    billed_and_collected,
)

TITLE = "Practitioners"
BOARD = "Revenue"
ORDER = 20
BASIS = f"{BILLED_BASIS} {COLLECTED_BASIS} Both by the practitioner on the invoice."
KEY = PRACTITIONER
CHART = Chart.RANKED
FACTS = (CHARGES, PAYMENTS)
MEASURES = (BILLED, COLLECTED)


def build(charges: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """One row per value of KEY with either; see `measures.billed_and_collected`."""
    return billed_and_collected(charges, payments, KEY)
