"""A report as a file: CSV, workbook and PDF. The picture of a chart is under its camera."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from numbers import Integral
from typing import Any, Final, TypeAlias

import pandas as pd
import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.documents import words
from clinic_core.documents.style import Column
from clinic_core.domain.access import Actor
from clinic_core.reports.measures import Unit
from clinic_core.services import listings, report_files
from clinic_core.services.listings import Listing
from clinic_core.services.reports import Answer, Question
from ui import downloads, report_filters

_Make: TypeAlias = Callable[[Clinic, Actor], bytes]

_MOST_ON_PAPER: Final = 2_000  # rows: about forty pages, within seconds
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def buttons(clinic: Clinic, question: Question, answer: Answer) -> None:
    """Draw the way to each kind of file of one report; `question` is what the page asks, with all selections."""
    name = answer.name
    said = report_filters.words(clinic, question)
    _three(
        clinic,
        name,
        lambda at, who: report_files.as_csv(at, who, question, name),
        lambda at, who: report_files.as_xlsx(at, who, question, name, said),
        lambda at, who: _pdf(at, who, question, name, said),
    )


def listing_buttons(clinic: Clinic, question: Question, name: str, make: Callable[[Clinic, Actor], Listing]) -> None:
    """The same of a board's table; `make` finds all its rows for who presses."""
    said = report_filters.words(clinic, question)
    _three(
        clinic,
        name,
        lambda at, who: listings.as_csv(at, who, question, make(at, who)),
        lambda at, who: listings.as_xlsx(at, who, question, make(at, who), said),
        lambda at, who: _listing_pdf(at, who, question, make(at, who), said),
    )


def _three(clinic: Clinic, name: str, csv: _Make, xlsx: _Make, pdf: _Make) -> None:
    kinds = (("CSV", csv, "csv", downloads.CSV), ("Excel", xlsx, "xlsx", _XLSX), ("PDF", pdf, "pdf", downloads.PDF))
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        for label, make, ending, mime in kinds:
            downloads.button(
                label, clinic, make, file_name=f"{name}.{ending}", mime=mime, key=f"reports.{name}.{ending}"
            )


def _listing_pdf(clinic: Clinic, actor: Actor, question: Question, made: Listing, said: list[str]) -> bytes:
    from clinic_core.documents import report  # noqa: PLC0415 - loads fpdf2

    listings.record(clinic, actor, question, made)
    profile = clinic.organization()
    units = [made.units.get(str(head)) for head in made.frame.columns]
    numbers = [pd.api.types.is_numeric_dtype(dtype) for dtype in made.frame.dtypes]
    rows = [
        [_text(clinic, value, unit) for value, unit in zip(row, units, strict=True)]
        for row in made.frame.head(_MOST_ON_PAPER).itertuples(index=False)
    ]
    left = len(made.frame) - len(rows)
    return report.render(
        made.title,
        f"{made.basis} The first {len(rows):,} rows; {left:,} more are in CSV and Excel.".strip()
        if left
        else made.basis,
        _asked(question, said, profile.locale),
        [Column(str(h), 0, "RIGHT" if n else "LEFT") for h, n in zip(made.frame.columns, numbers, strict=True)],
        rows,
        made_at=clinic.now(),
        locale=profile.locale,
        author=profile.name,
        time_zone=profile.time_zone,
    )


def _pdf(clinic: Clinic, actor: Actor, question: Question, name: str, said: list[str]) -> bytes:
    from clinic_core.documents import report  # noqa: PLC0415 - loads fpdf2

    made = report_files.table(clinic, actor, question, name)
    profile = clinic.organization()
    units = [None] * (len(made.frame.columns) - len(made.measures)) + [measure.unit for measure in made.measures]
    rows = [
        [_text(clinic, value, unit) for value, unit in zip(row, units, strict=True)]
        for row in made.frame.itertuples(index=False)
    ]
    heads = [Column(str(head), 0, "RIGHT" if place else "LEFT") for place, head in enumerate(made.frame.columns)]
    return report.render(
        made.title,
        made.basis,
        _asked(question, said, profile.locale),
        heads,
        rows,
        made_at=made.made_at,
        locale=profile.locale,
        author=profile.name,
        time_zone=profile.time_zone,
    )


def _asked(question: Question, said: list[str], locale: str) -> str:
    given = (question.start_on, question.end_on, question.as_of)
    first, last, stood = (words.day(day, locale) if day else "" for day in given)
    days = f"{first or 'the beginning'} to {last or 'today'}"
    as_of = f", as of the end of {stood}" if stood else ""
    return f"{days}{as_of}" + (f"; only {' · '.join(said)}" if said else "")


def _text(clinic: Clinic, value: Any, unit: Unit | None) -> str:
    """A value as the clinic writes it: amounts are decimals, or minor units where `unit` says money."""
    locale = clinic.organization().locale
    if pd.isna(value):
        return "–"
    if isinstance(value, Decimal):
        return clinic.money(int(value.scaleb(-value.as_tuple().exponent)))  # type: ignore[operator]
    if isinstance(value, Integral):
        return clinic.money(int(value)) if unit is Unit.MONEY else words.count(int(value), locale)
    if isinstance(value, float):
        if unit is Unit.SHARE:
            return words.share(value, locale)
        return words.decimal(value, locale) + (" min" if unit is Unit.MINUTES else "")
    return words.day(value, locale) if isinstance(value, date) else str(value)
