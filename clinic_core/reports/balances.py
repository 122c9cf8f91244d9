"""What is still owed for each invoice on a day: the rows behind the figure "outstanding"."""

import pandas as pd

_INVOICE = ["document_id", "label", "patient_id", "practitioner_id"]


def of(charges: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Charges less payments of each invoice that is not even.

    Args:
        charges: all rows of `domain.facts.Charge` up to the day.
        payments: all rows of `domain.facts.Receipt` up to the day.

    Returns:
        Oldest first: `document_id`, `label`, `patient_id`, `practitioner_id`, `day` (of the first charge),
        `total_minor`, `paid_minor`, `due_minor` (int64).
    """
    billed = charges.groupby("document_id", sort=False).agg(total_minor=("total_minor", "sum"))
    paid = payments.groupby("document_id", sort=False)["amount_minor"].sum()
    known = charges[[*_INVOICE, "day"]].sort_values("day", kind="stable").drop_duplicates("document_id")
    table = known.set_index("document_id").join(billed)
    table["paid_minor"] = paid.reindex(table.index).fillna(0).astype("int64")
    table["due_minor"] = table["total_minor"] - table["paid_minor"]
    return table[table["due_minor"] != 0].reset_index()
