"""What a manager should look at: each function picks rows, and says nothing about whether they are wrong."""

from __future__ import annotations

from typing import Final

import pandas as pd

LEAST_SHARE: Final = 0.25  # of a line's price, from which a discount is unusual
_LEAST_VOIDS: Final = 3


def unusual_discounts(charges: pd.DataFrame) -> pd.DataFrame:
    """Billed lines whose discount is a quarter of the price or more, the largest first.

    Args:
        charges: `event`, `gross_minor`, `discount_minor` and whatever else is shown.

    Returns:
        Those rows, with `share` (0 to 1).
    """
    billed = charges[(charges["event"] == "issue") & (charges["gross_minor"] > 0)]
    share = billed["discount_minor"] / billed["gross_minor"]
    found = billed.assign(share=share)[share >= LEAST_SHARE]
    return found.sort_values(["discount_minor", "share"], ascending=False, kind="stable", ignore_index=True)


def equal_payments(payments: pd.DataFrame) -> pd.DataFrame:
    """Payments of one patient, day, method and amount of which there are several: perhaps one was entered twice.

    Args:
        payments: `event`, `patient_id`, `day`, `method`, `amount_minor` and whatever else is shown.
    """
    taken = payments[(payments["event"] == "payment") & (payments["amount_minor"] > 0)]
    same = ["patient_id", "day", "method", "amount_minor"]
    found = taken[taken.duplicated(same, keep=False)]
    return found.sort_values(["day", *same[:1], "amount_minor"], ascending=False, kind="stable", ignore_index=True)


def voids(charges: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """What was taken back, given back or given up, row by row.

    Args:
        charges: `entry_id`, `event`, `by`, `total_minor`, `document_id`, `label`, `patient_id`, `day`.
        payments: the same with `amount_minor` and `written_off_minor`.

    Returns:
        One row per entry of the ledger and invoice: those columns and `amount_minor` (above zero), latest first. Two
        refunds of one invoice on one day are two.
    """
    keys = ["entry_id", "document_id", "label", "patient_id", "day", "event", "by"]
    back = charges[charges["event"].isin(("cancel", "credit-note"))]
    billed = back.assign(amount_minor=-back["total_minor"])[[*keys, "amount_minor"]]
    given = payments[payments["event"].isin(("refund", "write-off", "deposit-refund"))]
    amounts = given["written_off_minor"] - given["amount_minor"]
    moved = given.assign(amount_minor=amounts)[[*keys, "amount_minor"]]
    texts = {key: str for key in keys if key != "day"}
    rows = pd.concat([billed.astype(texts), moved.astype(texts)])
    summed = rows.groupby(keys, sort=False)["amount_minor"].sum().reset_index()
    return summed.sort_values(["day", "label"], ascending=False, kind="stable", ignore_index=True)


def by_person(rows: pd.DataFrame) -> pd.DataFrame:
    """How much of `voids` each person did.

    Returns:
        One row per person, most first: `by`, `count`, `amount_minor`, `share` of all of it, and `stands_out`: more
        than half of at least three by one of several people.
    """
    if rows.empty:
        return pd.DataFrame({"by": [], "count": [], "amount_minor": [], "share": [], "stands_out": []})
    made = rows.groupby("by", as_index=False).agg(count=("amount_minor", "size"), amount_minor=("amount_minor", "sum"))
    made["share"] = made["count"] / made["count"].sum()
    made["stands_out"] = (made["share"] > 0.5) & (made["count"] >= _LEAST_VOIDS) & (len(made) > 1)  # noqa: PLR2004
    return made.sort_values("count", ascending=False, kind="stable", ignore_index=True)
