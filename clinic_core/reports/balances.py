"""What is still owed for each invoice on a day: the rows behind the figure "outstanding"."""

from typing import Final

import pandas as pd

INVOICE: Final = ["document_id", "label", "patient_id", "practitioner_id", "day"]


def of(charges: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Charges less what is settled of each invoice that is not even.

    Args:
        charges: all rows of `domain.facts.Charge` up to the day.
        payments: all rows of `domain.facts.Settlement` up to the day that are about an invoice.

    Returns:
        Latest first: `document_id`, `label`, `patient_id`, `practitioner_id`, `day` (of the first charge or payment),
        `total_minor`, `paid_minor` (settled), `due_minor` (int64; below zero when more was paid than charged by then).
    """
    charges, payments = _plain(charges), _plain(payments)
    events = pd.concat([charges[INVOICE], payments[INVOICE]]).sort_values("day", kind="stable")
    table = events.drop_duplicates("document_id").set_index("document_id")
    table["total_minor"] = _sums(charges, "total_minor", table.index)
    table["paid_minor"] = _sums(payments, "settled_minor", table.index)
    table["due_minor"] = table["total_minor"] - table["paid_minor"]
    return table[table["due_minor"] != 0].iloc[::-1].reset_index()


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with texts for the invoices' ids: two lots of categories do not match each other."""
    return frame.assign(document_id=frame["document_id"].to_numpy(dtype=object))


def _sums(frame: pd.DataFrame, column: str, documents: pd.Index) -> pd.Series:
    return frame.groupby("document_id", sort=False, observed=True)[column].sum().reindex(documents, fill_value=0)
