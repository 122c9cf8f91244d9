"""One record of the clinic's directory as a form: chosen from a list, or new."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import streamlit as st

from ui import forms, session, versioned
from ui.rows import Row, Step, rows


class Record(Protocol):
    """What can be edited here; version 0 is new."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...


R = TypeVar("R", bound=Record)
NEW: Final = ""


@dataclass(frozen=True, kw_only=True)
class RecordForm(Generic[R]):
    """What is particular to one kind of record.

    `draw` draws the fields of a record and gives back a function that reads them, which may raise InvalidInput.
    """

    name: str  # of the form, e.g. "settings.service"
    labels: Mapping[str, str]  # of the fields, by their names in the record
    draw: Callable[[R], Callable[[], R]]
    write: Callable[[R], Any]
    latest: Callable[[str], R]  # by id, from the database

    def show(self, record: R, *, saved: str) -> None:
        """Draw the form and save what was changed; `saved` is what to say then."""
        name = f"{self.name}.{record.id}"
        base = versioned.opened(name, record)
        with st.form(name, border=False):
            read = self.draw(base)
            saving = st.form_submit_button(
                "Save" if base.version else "Add",
                type="secondary" if versioned.is_clashing(name) else "primary",
                icon=":material/save:" if base.version else ":material/add:",
            )
        if saving:
            with session.show_errors():
                versioned.save(name, read(), write=self.write, latest=lambda: self.latest(base.id))
                forms.renew(self.name)
                forms.done(saved)
        versioned.show_clash(name, self.labels, write=self.write)


def choose(label: str, records: Mapping[str, R], *, show: Callable[[R], str], new: str, key: str) -> R | None:
    """The record to edit, or None for a new one, which the entry `new` at the top of the list stands for."""
    options = (NEW, *records)
    chosen = st.selectbox(
        label, options, format_func=lambda i: new if i == NEW or i not in records else show(records[i]), key=key
    )
    return records.get(chosen)


def listing(title: str, columns: Sequence[str], lines: Sequence[Row], *, key: str, right: Sequence[str] = ()) -> None:
    """All records as a table whose button "Change" opens one in the form that `choose` draws under the same `key`."""

    def open_(record_id: str, _step: str) -> None:
        if record_id in {line.id for line in lines}:
            st.session_state[key] = record_id

    st.subheader(title)
    rows(title, columns, lines, key=f"{key}.list", on_step=open_, right=right)


CHANGE: Final = (Step("change", "Change"),)
