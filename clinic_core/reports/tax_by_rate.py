"""What was charged at each rate of tax."""

import pandas as pd

from clinic_core.reports import tax
from clinic_core.reports.measures import CHARGES, RATE, TAX_BASIS, Chart, side_by_side, sums

TITLE = "Rates"
BOARD = "Tax"
ORDER = 82
BASIS = TAX_BASIS
KEY = RATE
CHART = Chart.RANKED
FACTS = (CHARGES,)
MEASURES = tax.MEASURES


def build(charges: pd.DataFrame) -> pd.DataFrame:
    """Sum charges per rate of tax.

    Args:
        charges: `basis_points` (int; 1800 is 18 %), `net_minor`, `tax_minor`, `total_minor`.

    Returns:
        One row per rate, lowest first: `basis_points` and the columns of MEASURES.
    """
    return side_by_side(RATE, {measure.column: sums(charges, RATE, measure.adds) for measure in MEASURES})
