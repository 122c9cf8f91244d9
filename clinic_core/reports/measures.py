"""What reports have in common: figures that know the rows behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd

from clinic_core.reports.periods import PERIOD

CHARGES: Final = "charges"
PAYMENTS: Final = "payments"
VISITS: Final = "visits"
BALANCES: Final = "balances"  # one row per invoice, see balances.py
CHARGES_SO_FAR: Final = "charges_so_far"  # from the first day on instead of from the period's
PAYMENTS_SO_FAR: Final = "payments_so_far"
SO_FAR: Final = {CHARGES_SO_FAR: CHARGES, PAYMENTS_SO_FAR: PAYMENTS, BALANCES: BALANCES}
CHARGE_ROWS: Final = "charge_rows"  # one row per fact instead of sums and counts: for what no sum tells
PAYMENT_ROWS: Final = "payment_rows"
VISIT_ROWS: Final = "visit_rows"
ROWS: Final = {CHARGE_ROWS: CHARGES, PAYMENT_ROWS: PAYMENTS, VISIT_ROWS: VISITS}
COUNT: Final = "count"  # how many facts a row stands for

LATE: Final = "late"  # 1 of a visit that was cancelled with less notice than LATE_HOURS, else 0
LATE_HOURS: Final = 24

PRACTITIONER: Final = "practitioner_id"
SERVICE: Final = "service_id"
METHOD: Final = "method"
PAYER: Final = "payer_id"
LOCATION: Final = "location_id"
WEEKDAY: Final = "weekday"
HOUR: Final = "hour"
RATE: Final = "basis_points"

SEEN: Final = ("fulfilled",)
MISSED: Final = ("noshow",)
CANCELLED: Final = ("cancelled",)
OPEN: Final = ("booked", "arrived", "checked-in")
RECEIVED: Final = ("payment", "deposit")

BILLED_BASIS: Final = (
    "Billed: invoices with tax, by the day they were issued; what was cancelled or credited is taken back on the day "
    "that happened."
)
COLLECTED_BASIS: Final = (
    "Collected: money received, deposits too, less money given back, by the day it was received or given back."
)
TAX_BASIS: Final = (
    "Net and tax: lines of invoices, by the day they were issued; what was cancelled or credited is taken back on the "
    "day that happened, with its tax."
)
VISITS_BASIS: Final = "Visits: by the day of the visit, whenever they were booked."
NOSHOW_BASIS: Final = (
    "No-show rate: of the visits whose patient was seen or did not come, the share that did not come. "
    "Cancelled and open visits do not count."
)


class Unit(StrEnum):
    """What a figure counts."""

    MONEY = "money"  # minor units
    COUNT = "count"
    SHARE = "share"  # 0 to 1
    MINUTES = "minutes"


class Chart(StrEnum):
    """How a report is drawn."""

    BARS = "bars"  # side by side
    STACKED = "stacked"
    RANKED = "ranked"  # lying bars, the largest first
    LINES = "lines"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure of a report, and which rows of which facts it is made of."""

    column: str
    label: str
    facts: str
    unit: Unit = Unit.MONEY
    adds: str = ""  # the column of the facts that it sums up; "" when it counts them or is no sum
    statuses: tuple[str, ...] = ()  # of the visits, or events of the money, that it is made of; all when empty
    known: str = ""  # the column of the facts that must be known in each row


def sums(frame: pd.DataFrame, key: str, column: str) -> pd.Series:
    """The sum of an integer column per key, int64, by key; only keys that occur."""
    return _sums(frame[key].array, frame[column].to_numpy())


def counts(visits: pd.DataFrame, key: str, statuses: tuple[str, ...]) -> pd.Series:
    """How many visits of these statuses there are per key, int64; only keys that occur."""
    chosen = visits["status"].isin(statuses).to_numpy()
    return _sums(visits[key].array[chosen], visits[COUNT].to_numpy()[chosen])


def side_by_side(key: str, columns: dict[str, pd.Series]) -> pd.DataFrame:
    """One row per key that occurs in any of the columns, sorted by key, 0 where a column has none.

    Returns:
        The key, then the columns, int64.
    """
    keys, places = np.unique(np.concatenate([c.index.to_numpy() for c in columns.values()]), return_inverse=True)
    made, begin = {}, 0
    for name, column in columns.items():
        filled = np.zeros(len(keys), np.int64)
        filled[places[begin : begin + len(column)]] = column.to_numpy()
        made[name], begin = filled, begin + len(column)
    there = np.logical_or.reduce([column != 0 for column in made.values()]) if key != PERIOD else slice(None)
    return table_of({key: keys[there], **{name: column[there] for name, column in made.items()}})


def table_of(columns: Mapping[str, Any]) -> pd.DataFrame:
    """A frame of columns, made in a third of the time that pandas takes to look at their names."""
    table = pd.DataFrame(dict(enumerate(columns.values())), copy=False)
    table.columns = _names(tuple(columns))
    return table


BILLED: Final = Measure(column="billed_minor", label="Billed", facts=CHARGES, adds="total_minor")
COLLECTED: Final = Measure(column="collected_minor", label="Collected", facts=PAYMENTS, adds="amount_minor")


def billed_and_collected(charges: pd.DataFrame, payments: pd.DataFrame, key: str) -> pd.DataFrame:
    """Both per key, side by side and never added to each other.

    Args:
        charges: the key, `total_minor` (int64, the clinic's currency), one row per line billed or taken back.
        payments: the key, `amount_minor`, one row per payment.

    Returns:
        One row per key with either, most billed first, periods oldest first: the key, `billed_minor`,
        `collected_minor`.
    """
    billed, collected = sums(charges, key, "total_minor"), sums(payments, key, "amount_minor")
    table = side_by_side(key, {"billed_minor": billed, "collected_minor": collected})
    return (
        table if key == PERIOD else table.sort_values("billed_minor", ascending=False, kind="stable", ignore_index=True)
    )


OWED: Final = Measure(column="outstanding_minor", label="Outstanding", facts=BALANCES, adds="due_minor")
OWED_BASIS: Final = (
    "Outstanding: all that was billed up to the day less all that was paid of it, refunded, settled with money on "
    "account or written off up to it."
)


def owed(charges_so_far: pd.DataFrame, payments_so_far: pd.DataFrame, key: str) -> pd.DataFrame:
    """What was billed less what was settled per key, from the first day on.

    Returns:
        One row per key that still owes or is owed, most first, periods oldest first: the key, `outstanding_minor`. Of a
        period it is what is owed at its end.
    """
    billed, settled = sums(charges_so_far, key, "total_minor"), sums(payments_so_far, key, "settled_minor")
    table = side_by_side(key, {"billed": billed, "settled": settled})
    left = table["billed"] - table["settled"]
    if key == PERIOD:
        return table_of({key: table[key], "outstanding_minor": left.cumsum()})
    still = left.to_numpy() != 0
    table = table_of({key: table[key][still], "outstanding_minor": left[still]})
    return table.sort_values("outstanding_minor", ascending=False, kind="stable", ignore_index=True)


def share(part: pd.Series, whole: pd.Series) -> pd.Series:
    """`part / whole`, NaN where the whole is 0."""
    return part / whole.where(whole != 0)


def _sums(keys: Any, values: Any) -> pd.Series:
    """By hand, because these tables are small and made on every click: pandas takes ten times as long."""
    if isinstance(keys, pd.Categorical):
        codes, places = np.unique(keys.codes, return_inverse=True)
        found = keys.categories.to_numpy()[codes]
    else:
        found, places = np.unique(np.asarray(keys), return_inverse=True)
    total = np.zeros(len(found), np.int64)
    np.add.at(total, places, values)
    return pd.Series(total, index=pd.Index(found, dtype=found.dtype, copy=False))


@lru_cache(maxsize=256)
def _names(names: tuple[str, ...]) -> pd.Index:
    return pd.Index(names, dtype=object)
