"""What is still owed for each invoice on a day: the rows behind the figure "outstanding"."""

from typing import Final

import numpy as np
import pandas as pd

INVOICE: Final = ["document_id", "label", "patient_id", "practitioner_id", "day"]


def of(
    charges: pd.DataFrame, payments: pd.DataFrame, issued: pd.Series | None = None, *, by_payer: bool = False
) -> pd.DataFrame:
    """Charges less what is settled of each invoice that is not even.

    Args:
        charges: all rows of `domain.facts.Charge` up to the day.
        payments: all rows of `domain.facts.Settlement` up to the day that are about an invoice.
        issued: the day of issue by invoice, where rows may be missing that date it, such as those of another payer.
        by_payer: each invoice and who owes it; with `payer_id` as text.

    Returns:
        Latest first: `document_id`, `label`, `patient_id`, `practitioner_id`, `day` (of issue; without it of the first
        charge or payment), `total_minor`, `paid_minor` (settled), `due_minor` (int64; below zero when more was paid
        than charged by then).
    """
    keys = ["document_id", *(["payer_id"] if by_payer else [])]
    columns = dict.fromkeys([*INVOICE, *keys, "total_minor", "paid_minor"])
    billed = charges.assign(paid_minor=0)[[*columns]]
    settled = payments.assign(total_minor=0, paid_minor=payments["settled_minor"])[[*columns]]
    events = pd.concat([_plain(billed, keys), _plain(settled, keys)])
    if issued is not None:
        known = issued.reindex(events["document_id"]).to_numpy("datetime64[s]")
        events["day"] = events["day"].where(np.isnat(known), known)
    events = events.sort_values("day", kind="stable")
    table = events.drop_duplicates(keys).set_index(keys)
    sums = events.groupby(keys, sort=False)[["total_minor", "paid_minor"]].sum()  # in the same order
    table[["total_minor", "paid_minor"]] = sums.to_numpy()
    table["due_minor"] = table["total_minor"] - table["paid_minor"]
    return table[table["due_minor"] != 0].iloc[::-1].reset_index()


def _plain(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The rows with texts for the keys: two lots of categories do not match each other."""
    return frame.assign(**{key: frame[key].to_numpy(dtype=object) for key in keys})
