"""What each service billed. Money that came in belongs to an invoice, not to one of its lines, so it is not here."""

import pandas as pd

from clinic_core.reports.measures import BILLED_BASIS, CHARGES, SERVICE, Chart, Measure, Unit, side_by_side, sums

TITLE = "Services"
BOARD = "Revenue"
ORDER = 30
BASIS = f"{BILLED_BASIS} A payment is for a whole invoice, so nothing is collected per service."
KEY = SERVICE
CHART = Chart.RANKED
FACTS = (CHARGES,)
MEASURES = (
    Measure(column="billed_minor", label="Billed", facts=CHARGES, adds="total_minor"),
    Measure(column="discount_minor", label="Discounts given", facts=CHARGES, adds="discount_minor"),
    Measure(column="tax_minor", label="Tax in it", facts=CHARGES, adds="tax_minor"),
    Measure(column="quantity", label="Quantity", facts=CHARGES, adds="quantity", unit=Unit.COUNT),
)


def build(charges: pd.DataFrame) -> pd.DataFrame:
    """Sum charges per service.

    Args:
        charges: `service_id`, `quantity` and `*_minor`, one row per line billed or taken back.

    Returns:
        One row per service, most billed first: `service_id` and the columns of MEASURES.
    """
    columns = {measure.column: sums(charges, SERVICE, measure.adds) for measure in MEASURES}
    table = side_by_side(SERVICE, columns)
    return table.sort_values("billed_minor", ascending=False, kind="stable", ignore_index=True)
