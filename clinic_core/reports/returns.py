"""New patients and those who come again: pure sums over visits that were seen."""

from __future__ import annotations

import pandas as pd

from clinic_core.reports.periods import Grain, period_of


def first_visits(seen: pd.DataFrame) -> pd.Series:
    """The day of each patient's first visit.

    Args:
        seen: `patient_id` (codes or texts), `day`; one row per visit that was seen, of all days.
    """
    return seen.groupby("patient_id", observed=True)["day"].min()


def new_and_returning(seen: pd.DataFrame, firsts: pd.Series, grain: Grain) -> pd.DataFrame:
    """How many different patients were seen in each period, and how many of them for the first time ever.

    Returns:
        One row per period, oldest first: `period`, `new`, `returning`, int64.
    """
    rows = pd.DataFrame({"period": period_of(seen["day"], grain), "patient_id": seen["patient_id"]})
    rows["first"] = period_of(seen["patient_id"].map(firsts).astype("datetime64[s]"), grain) == rows["period"]
    once = rows.groupby(["period", "patient_id"], observed=True)["first"].max().reset_index()
    made = once.groupby("period")["first"].agg(new="sum", all="size").astype("int64")
    made["returning"] = made["all"] - made["new"]
    return made[["new", "returning"]].reset_index()


def cohorts(seen: pd.DataFrame, firsts: pd.Series, grain: Grain, *, most: int = 12) -> pd.DataFrame:
    """Of those who came first in a period, the share who came again so many periods later.

    Returns:
        One row per period of the first visit, the latest `most`: `period`, `patients`, and for each number of periods
        since then a column 0, 1, 2 … (0 to 1; NaN where that period has not begun).
    """
    first = period_of(seen["patient_id"].map(firsts).astype("datetime64[s]"), grain)
    pairs = pd.DataFrame({"first": first, "period": period_of(seen["day"], grain), "patient_id": seen["patient_id"]})
    pairs = pairs.drop_duplicates()
    starts = sorted(pairs["first"].unique())[-most:]
    order = {period: place for place, period in enumerate(sorted(pairs["period"].unique()))}
    pairs = pairs[pairs["first"].isin(starts)]
    pairs = pairs.assign(later=pairs["period"].map(order) - pairs["first"].map(order))
    table = pairs.groupby(["first", "later"], observed=True)["patient_id"].nunique().unstack()
    sizes = table[0] if 0 in table else pd.Series(dtype="float64")
    shares = table.div(sizes, axis=0)
    begun = {period: len(order) - 1 - order[period] for period in shares.index}
    for later in shares.columns:
        known = [begun[period] >= int(str(later)) for period in shares.index]
        shares[later] = shares[later].fillna(0.0).where(pd.Series(known, index=shares.index))
    shares.insert(0, "patients", sizes.astype("int64"))
    return shares.rename_axis("period").reset_index()
