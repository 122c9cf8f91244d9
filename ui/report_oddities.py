"""The board "Oddities": what a manager should look at, each with its rows."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.access import Actor
from clinic_core.services import oddities
from clinic_core.services.oddities import Unbilled
from clinic_core.services.reports import Question
from ui import report_tables, widgets
from ui.report_tables import Names

_SHOWN = 200


def draw(clinic: Clinic, actor: Actor, question: Question) -> None:
    """Draw the board."""
    found, waiting = oddities.of(clinic, actor, question), oddities.unbilled(clinic, actor, question)
    names = report_tables.names_of(clinic)
    st.caption("None of this is wrong by itself. Look at the rows and ask.")
    _part(clinic, names, "Finished visits that nobody billed by the next day", _waiting(waiting), "receipt_long")
    _part(clinic, names, "Discounts of a quarter of the price or more", found.discounts, "percent")
    _part(clinic, names, "Equal payments of one patient on one day", found.payments, "content_copy")
    _people(clinic, found.people)
    _part(clinic, names, "All that was taken back, given back or given up", found.voids, "undo")


def _part(clinic: Clinic, names: Names, title: str, rows: pd.DataFrame, icon: str) -> None:
    with st.expander(f"{title}: {len(rows):,}", icon=f":material/{icon}:", expanded=0 < len(rows) <= 10):  # noqa: PLR2004
        if rows.empty:
            st.caption("None.")
            return
        shown = report_tables.written(clinic, rows.head(_SHOWN), names)
        st.dataframe(shown, column_config=_columns(clinic, shown), hide_index=True)
        if len(rows) > _SHOWN:
            st.caption(f"The first {_SHOWN} of {len(rows):,}.")


def _people(clinic: Clinic, people: pd.DataFrame) -> None:
    standing_out = people[people["stands_out"].astype(bool)] if len(people) else people
    with st.expander(f"Who takes back the most: {len(people):,} people", icon=":material/person_search:"):
        if people.empty:
            widgets.nothing_here("Nothing was taken back on these days.", "person_search")
            return
        for row in standing_out.itertuples():
            st.warning(f"{row.by} did {row.share:.0%} of all {int(people['count'].sum())}.")
        table = people.rename(columns={"by": "Who", "count": "How often", "share": "Share"}).drop(columns="stands_out")
        table["Amount"] = table.pop("amount_minor") / 10 ** money.exponent(clinic.organization().currency)
        config: dict[str, Any] = {"Share": st.column_config.NumberColumn(format="percent")}
        st.dataframe(table, column_config=config | {"Amount": _money(clinic, "Amount")}, hide_index=True)


def _waiting(waiting: list[Unbilled]) -> pd.DataFrame:
    rows = [
        {
            "patient": one.patient,
            "practitioner_id": one.practitioner_id,
            "day": one.day,
            "total_minor": one.draft.total_minor if one.draft else 0,
        }
        for one in waiting
    ]
    return pd.DataFrame(rows)


def _columns(clinic: Clinic, table: pd.DataFrame) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for column in table.columns:
        if column.endswith(f"({clinic.organization().currency})"):
            config[column] = _money(clinic, column)
        elif pd.api.types.is_datetime64_any_dtype(table[column]):
            config[column] = st.column_config.DateColumn(column, format="D MMM YYYY")
        elif column == "Share":
            config[column] = st.column_config.NumberColumn(column, format="percent")
    return config


def _money(clinic: Clinic, head: str) -> Any:
    return st.column_config.NumberColumn(head, format=f"%,.{money.exponent(clinic.organization().currency)}f")
