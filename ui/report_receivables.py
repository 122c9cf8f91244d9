"""The board "Receivables": what is owed, how old it is, and whom to call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import access, money
from clinic_core.domain.access import Actor
from clinic_core.services import receivables, report_files
from clinic_core.services.receivables import BUCKETS, Call, Receivables
from clinic_core.services.reports import Question
from ui import charts, report_tables, widgets
from ui.text import plain

_BUCKETS = [name for name, _ in BUCKETS]


def draw(clinic: Clinic, actor: Actor, question: Question) -> None:
    """Draw the board."""
    found = receivables.of(clinic, actor, question)
    st.caption(plain(receivables.BASIS))
    if found.items.empty:
        widgets.nothing_here("Nothing is owed. Choose another day, or fewer filters.", "savings")
        return
    _tiles(clinic, found)
    st.plotly_chart(
        charts.bars(tuple(_BUCKETS), tuple(_by_bucket(found)), clinic.organization(), "Owed"),
        key="receivables.ages",
        config=charts.CONFIG,
        alt="What is owed by its age. The table below has the numbers.",
    )
    st.markdown("**By who owes it**")
    _table(clinic, _by_payer(clinic, found), money_columns=[*_BUCKETS, "Total"])
    if access.allows(actor, "recall.read"):
        _calls(clinic, actor, found)
    _items(clinic, found)


def _tiles(clinic: Clinic, found: Receivables) -> None:
    old = int(found.items.loc[found.items["bucket"] == _BUCKETS[-1], "due_minor"].sum())
    report_tables.tile_row(
        [
            (f"Owed on {found.day:%d %b %Y}", clinic.money(found.total_minor)),
            (f"Of it {_BUCKETS[-1]}", clinic.money(old)),
            ("Invoices", f"{found.items['document_id'].nunique():,}"),
        ]
    )


def _by_bucket(found: Receivables) -> list[int]:
    sums = found.items.groupby("bucket")["due_minor"].sum()
    return [int(sums.get(name, 0)) for name in _BUCKETS]


def _by_payer(clinic: Clinic, found: Receivables) -> pd.DataFrame:
    names = report_files.names_of(clinic, "payer_id")
    table = found.ageing.rename(columns={"total": "Total"})
    table.insert(0, "Owed by", ["Patients" if not key else names.get(key, key) for key in table.pop("payer_id")])
    return table


def _calls(clinic: Clinic, actor: Actor, found: Receivables) -> None:
    listed, count = receivables.calls(clinic, actor, found)
    st.markdown("**Whom to call**: the most money for the longest time first")
    if not listed:
        st.caption("No patient owes anything.")
        return
    _table(clinic, pd.DataFrame([_call(one) for one in listed]), money_columns=["Owes"])
    if count > len(listed):
        st.caption(f"The first {len(listed)} of {count:,} patients.")


def _call(one: Call) -> dict[str, Any]:
    return {
        "Patient": one.patient.name,
        "Number": one.patient.number,
        "Phone": one.patient.phone,
        "Owes": one.due_minor,
        "Invoices": one.invoices,
        "Oldest (days)": one.oldest_days,
    }


def _items(clinic: Clinic, found: Receivables) -> None:
    with st.expander(f"All {len(found.items):,} open items"):
        names = report_tables.names_of(clinic)
        shown = found.items.sort_values("day", kind="stable").head(500)
        table = pd.DataFrame(
            {
                "Invoice": shown["label"].astype(str),
                "Issued": shown["day"],
                "Practitioner": [names.of("practitioner_id").get(key, key) for key in shown["practitioner_id"]],
                "Owed by": [names.of("payer_id").get(key, key) for key in shown["payer_id"]],
                "Due": shown["due_minor"],
                "Age (days)": shown["age"],
            }
        )
        _table(clinic, table, money_columns=["Due"])


def _table(clinic: Clinic, table: pd.DataFrame, *, money_columns: Sequence[str]) -> None:
    organization = clinic.organization()
    places = money.exponent(organization.currency)
    shown = table.copy()
    config: dict[str, Any] = {}
    for column in money_columns:
        shown[column] = shown[column] / 10**places
        config[column] = st.column_config.NumberColumn(f"{column} ({organization.currency})", format=f"%,.{places}f")
    for column in shown.select_dtypes("datetime").columns:
        config[column] = st.column_config.DateColumn(column, format="D MMM YYYY")
    st.dataframe(shown, column_config=config, hide_index=True)
