"""Fields of one of the clinic's own records in a form; each keeps what was typed until another value is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st

from clinic_core.domain import money
from clinic_core.domain.messages import MessagePolicy
from clinic_core.domain.organization import Organization
from ui import versioned

R = TypeVar("R", Organization, MessagePolicy)


@dataclass(frozen=True, slots=True)
class Fields(Generic[R]):
    """Draws the fields of one form: its name, the record it was opened with, and the labels by field."""

    name: str
    base: R
    labels: Mapping[str, str]

    def text(self, field: str, **options: Any) -> str:
        """A line of text."""
        value = getattr(self.base, field)
        return st.text_input(self.labels[field], value, key=self.key(field, value), **options) or ""

    def choice(
        self, field: str, codes: Sequence[str], *, names: Mapping[str, str] | None = None, help: str | None = None
    ) -> str:
        """One of many codes; the saved one stays to choose even if it is not among them any more."""
        value = getattr(self.base, field)
        options = tuple(codes) if value in codes else (value, *codes)
        chosen: str = st.selectbox(
            self.labels[field],
            options,
            index=options.index(value),
            format_func=lambda code: f"{code} · {names[code]}" if names and code in names else code,
            key=self.key(field, value),
            help=help,
        )
        return chosen

    def whole(self, field: str, highest: int, *, help: str | None = None) -> int:
        """A whole number from 0."""
        value = getattr(self.base, field)
        typed = st.number_input(self.labels[field], 0, highest, value, 1, key=self.key(field, value), help=help)
        return int(typed)

    def key(self, field: str, value: object) -> str:
        """The key of a field."""
        return versioned.key(self.name, field, value)


@dataclass(frozen=True, slots=True)
class ProfileFields(Fields[Organization]):
    """The same of the clinic's profile, which knows its currency."""

    def amount(self, field: str, *, help: str | None = None) -> str:
        """An amount of money in major units as it is typed; see `minor`."""
        value = getattr(self.base, field)
        shown = str(money.to_decimal(value, self.base.currency)) if value else ""
        label = f"{self.labels[field]} in {self.base.currency}"
        return st.text_input(label, shown, key=self.key(field, value), placeholder="none", help=help) or ""

    def minor(self, typed: str) -> int:
        """Minor units of an amount as typed; raises InvalidInput."""
        return money.parse_minor(typed or "0", self.base.currency, self.base.locale)
