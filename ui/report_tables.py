"""Tables of reports: names instead of ids, amounts in the clinic's currency, numbers aligned for comparing.

Amounts become numbers of major units here and only here, so that a browser can sort and align them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.organization import Organization
from clinic_core.reports.measures import (
    HOUR,
    LOCATION,
    METHOD,
    PAYER,
    PRACTITIONER,
    RATE,
    SERVICE,
    WEEKDAY,
    Measure,
    Unit,
)
from clinic_core.reports.periods import PERIOD
from clinic_core.services import listings, report_files
from clinic_core.services.reports import Answer, Rows
from ui import charts, report_filters, widgets

_HEADS: Final = {
    PERIOD: "Period",
    "day": "Day",
    "by": "Who",
    "share": "Share",
    "label": "Invoice",
    "event": "What",
    "patient": "Patient",
    PRACTITIONER: "Practitioner",
    SERVICE: "Service",
    METHOD: "Method",
    PAYER: "Payer",
    LOCATION: "Room",
    WEEKDAY: "Weekday",
    HOUR: "Hour",
    RATE: "Rate of tax",
    "status": "Status",
    "due_minor": "Due",
    "total_minor": "Total",
    "amount_minor": "Amount",
    "paid_minor": "Paid",
    "quantity": "Quantity",
    "gross_minor": "Gross",
    "discount_minor": "Discount",
    "net_minor": "Net",
    "tax_minor": "Tax",
    "minutes": "Minutes",
    "waited_minutes": "Waited",
    "lead_days": "Booked ahead",
}
_FORMATS: Final = {"minutes": "%d min", "quantity": "%d", "waited_minutes": "%,.0f min", "lead_days": "%d days"}
_UNIT_FORMATS: Final = {Unit.COUNT: "%,d", Unit.SHARE: "%.1f%%", Unit.MINUTES: "%,.1f min"}
_TILES: Final = """
dl.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem }
dl.tiles, dl.tiles dd { margin: 0; padding: 0 }
.tile { border: 1px solid rgba(128, 148, 145, .4); border-radius: .5rem; padding: .75rem 1rem }
.tile dt { opacity: .75; font-size: .875rem; font-weight: 400 }
.tile dd { font-size: 1.2rem; font-weight: 600; font-variant-numeric: tabular-nums }
.tile dd.change { font-size: .8rem; font-weight: 400; opacity: .8 }
"""


@dataclass(frozen=True, slots=True)
class Names:
    """What the values of a report's key are called, as pairs so that it can be a key."""

    columns: tuple[tuple[str, tuple[tuple[Any, str], ...]], ...]

    def of(self, column: str) -> Mapping[Any, str]:
        """Value -> name for a column of codes or ids; nothing for other columns."""
        if column == "status":
            return {status.value: mark.text for status, mark in widgets.STATUS.items()}
        if column == "event":
            return listings.EVENTS
        return dict(next((pairs for name, pairs in self.columns if name == column), ()))


def names_of(clinic: Clinic) -> Names:
    """The present names."""
    return Names(tuple((d.key, tuple(d.names(clinic).items())) for d in report_filters.DIMENSIONS))


@lru_cache(maxsize=128)
def labels_of(answer: Answer, names: Names) -> tuple[str, ...]:
    """What each row of a report is called."""
    keys = answer.frame[answer.key] if answer.key else ()
    if answer.key == PERIOD:
        return tuple(charts.period_text(day, answer.grain) for day in keys)
    known = names.of(answer.key)
    return tuple(str(report_files.label_of(answer.key, key, known)) for key in keys)


@lru_cache(maxsize=128)
def tiles(answer: Answer, organization: Organization, before: Answer | None = None) -> str:
    """The only row of a report as a list of terms and figures, in HTML; with the change since `before`."""
    figures = answer.frame.iloc[0]
    parts = [
        f"<div class='tile'><dt>{escape(m.label)}</dt><dd>{escape(charts.amount(figures[m.column], m, organization))}"
        f"</dd>{_change(figures[m.column], m, before)}</div>"
        for m in answer.measures
    ]
    return f"<style>{_TILES}</style><dl class='tiles'>{''.join(parts)}</dl>"


def tile_row(figures: Sequence[tuple[str, str]]) -> None:
    """Draw a few figures in the look of `tiles`: what each is called, and how it is written."""
    parts = [f"<div class='tile'><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in figures]
    st.html(f"<style>{_TILES}</style><dl class='tiles'>{''.join(parts)}</dl>")


def _change(value: Any, measure: Measure, before: Answer | None) -> str:
    """How much more or less than a year earlier, as a share of it."""
    if before is None or measure.column not in before.frame or measure.unit not in (Unit.MONEY, Unit.COUNT):
        return ""
    earlier = before.frame[measure.column].iloc[0]
    if pd.isna(earlier) or pd.isna(value) or earlier <= 0:
        return ""
    change = float(value) / float(earlier) - 1
    return f"<dd class='change'>{'▲' if change >= 0 else '▼'} {abs(change):.1%} in a year</dd>"


@lru_cache(maxsize=128)
def figures(answer: Answer, names: Names, currency: str) -> pa.Table:
    """A report as a table: what each row is called, then its figures. Read-only, as all that is shared."""
    columns: dict[str, Any] = {_HEADS[answer.key]: list(labels_of(answer, names))}
    for measure in answer.measures:
        values = answer.frame[measure.column]
        columns[measure.label] = _readable(values, measure.unit, currency)
    return pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)


def figure_columns(answer: Answer, organization: Organization) -> dict[str, Any]:
    """How the columns of `figures` are written."""
    return {
        measure.label: st.column_config.NumberColumn(
            _head(measure, organization), format=_format(measure, organization)
        )
        for measure in answer.measures
    }


@lru_cache(maxsize=64)
def rows(found: Rows, names: Names, currency: str) -> pa.Table:
    """The rows behind a figure as a table, in the order in which they are read."""
    table = pd.DataFrame({column: found.frame[column] for column in _HEADS if column in found.frame})
    for column in table.columns:
        if column.endswith("_minor"):
            table[column] = _major(table[column], currency)
        elif known := names.of(column):
            table[column] = [known.get(key, key) for key in table[column]]
    return pa.Table.from_pandas(table, preserve_index=False)


def row_columns(found: Rows, organization: Organization) -> dict[str, Any]:
    """How the columns of `rows` are written."""
    made: dict[str, Any] = {"day": st.column_config.DateColumn("Day", format="D MMM YYYY")}
    for column, head in _HEADS.items():
        if column.endswith("_minor"):
            text = f"{head} ({organization.currency})"
            made[column] = st.column_config.NumberColumn(text, format=_money_format(organization))
        elif column in _FORMATS:
            made[column] = st.column_config.NumberColumn(head, format=_FORMATS[column])
        elif column != "day":
            made[column] = st.column_config.TextColumn(head)
    return {column: config for column, config in made.items() if column in found.frame}


def _readable(values: pd.Series, unit: Unit, currency: str) -> Any:
    """Amounts in major units, shares in percent: what a browser can sort and align."""
    if unit is Unit.MONEY:
        return _major(values, currency)
    return values.to_numpy() * 100 if unit is Unit.SHARE else values.to_numpy()


def _major(amounts: pd.Series, currency: str) -> pd.Series:
    major: pd.Series = amounts / 10 ** money.exponent(currency)
    return major


def _head(measure: Measure, organization: Organization) -> str:
    return f"{measure.label} ({organization.currency})" if measure.unit is Unit.MONEY else measure.label


def _format(measure: Measure, organization: Organization) -> str:
    return _UNIT_FORMATS.get(measure.unit) or _money_format(organization)


def _money_format(organization: Organization) -> str:
    return f"%,.{money.exponent(organization.currency)}f"
