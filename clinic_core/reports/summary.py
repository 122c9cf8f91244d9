"""The period in five figures."""

import pandas as pd

from clinic_core.reports.measures import (
    BALANCES,
    BILLED_BASIS,
    CHARGES,
    CHARGES_SO_FAR,
    COLLECTED_BASIS,
    COUNT,
    MISSED,
    NOSHOW_BASIS,
    PAYMENTS,
    PAYMENTS_SO_FAR,
    SEEN,
    VISITS,
    VISITS_BASIS,
    Chart,
    Measure,
    Unit,
)

TITLE = "Summary"
BOARD = ""
ORDER = 0
BASIS = (
    f"{BILLED_BASIS} {COLLECTED_BASIS} Outstanding: all that was billed up to the last day of the period less all that "
    f"was paid of it, refunded, settled with money on account or written off up to that day. {VISITS_BASIS} "
    f"{NOSHOW_BASIS}"
)
KEY = ""
CHART = Chart.NONE
FACTS = (CHARGES, PAYMENTS, VISITS, CHARGES_SO_FAR, PAYMENTS_SO_FAR)
MEASURES = (
    Measure(column="billed_minor", label="Billed", facts=CHARGES, adds="total_minor"),
    Measure(column="collected_minor", label="Collected", facts=PAYMENTS, adds="amount_minor"),
    Measure(column="outstanding_minor", label="Outstanding", facts=BALANCES, adds="due_minor"),
    Measure(column="seen", label="Visits seen", facts=VISITS, unit=Unit.COUNT, statuses=SEEN),
    Measure(column="noshow_rate", label="No-show rate", facts=VISITS, unit=Unit.SHARE, statuses=SEEN + MISSED),
)


def build(
    charges: pd.DataFrame,
    payments: pd.DataFrame,
    visits: pd.DataFrame,
    charges_so_far: pd.DataFrame,
    payments_so_far: pd.DataFrame,
) -> pd.DataFrame:
    """Add everything up.

    Args:
        charges, payments, visits: the facts of the period.
        charges_so_far, payments_so_far: the same from the first day on.

    Returns:
        One row: the columns of MEASURES; `noshow_rate` is NaN when nobody was due.
    """
    counted = visits[COUNT].to_numpy()
    seen, missed = (int(counted[visits["status"].isin(statuses).to_numpy()].sum()) for statuses in (SEEN, MISSED))
    owed = charges_so_far["total_minor"].sum() - payments_so_far["settled_minor"].sum()
    figures = {
        "billed_minor": charges["total_minor"].sum(),
        "collected_minor": payments["amount_minor"].sum(),
        "outstanding_minor": owed,
        "seen": seen,
        "noshow_rate": missed / (seen + missed) if seen + missed else float("nan"),
    }
    return pd.DataFrame({name: [value] for name, value in figures.items()})
