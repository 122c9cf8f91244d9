"""What reports have in common: figures that know the rows behind them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

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
    """The sum of an integer column per key, int64; only keys that occur."""
    return frame.groupby(key, observed=True, sort=False)[column].sum()


def counts(visits: pd.DataFrame, key: str, statuses: tuple[str, ...]) -> pd.Series:
    """How many visits of these statuses there are per key, int64; only keys that occur."""
    return sums(visits[visits["status"].isin(statuses)], key, COUNT)


def side_by_side(key: str, columns: dict[str, pd.Series]) -> pd.DataFrame:
    """One row per key that occurs in any of the columns, sorted by key, 0 where a column has none.

    Returns:
        The key, then the columns, int64.
    """
    plain = [column.set_axis(_plain(column.index)) for column in columns.values()]
    table = pd.concat(plain, axis=1, keys=list(columns), sort=False) if plain else pd.DataFrame()
    filled = table.fillna(0).astype("int64").sort_index()
    filled = filled[(filled != 0).any(axis=1)] if key != PERIOD else filled
    return filled.rename_axis(key).reset_index()


def share(part: pd.Series, whole: pd.Series) -> pd.Series:
    """`part / whole`, NaN where the whole is 0."""
    return part / whole.where(whole != 0)


def _plain(index: pd.Index) -> pd.Index:
    return pd.Index(index.astype("str")) if isinstance(index, pd.CategoricalIndex) else index
