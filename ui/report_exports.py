"""A report as a file: CSV, workbook and PDF. The picture of a chart is under its camera."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from numbers import Integral
from typing import Any, Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.documents import words
from clinic_core.documents.style import Column
from clinic_core.domain.access import Actor
from clinic_core.services import report_files
from clinic_core.services.reports import Answer, Question, Unit
from ui import downloads, report_filters

_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def buttons(clinic: Clinic, question: Question, answer: Answer) -> None:
    """Draw the way to each kind of file of one report; `question` is what the page asks, with all selections."""
    name = answer.name
    said = report_filters.words(clinic, question)
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        downloads.button(
            "CSV",
            clinic,
            lambda at, who: report_files.as_csv(at, who, question, name),
            file_name=f"{name}.csv",
            mime=downloads.CSV,
            key=f"reports.{name}.csv",
        )
        downloads.button(
            "Excel",
            clinic,
            lambda at, who: report_files.as_xlsx(at, who, question, name, said),
            file_name=f"{name}.xlsx",
            mime=_XLSX,
            key=f"reports.{name}.xlsx",
        )
        downloads.button(
            "PDF",
            clinic,
            lambda at, who: _pdf(at, who, question, name, said),
            file_name=f"{name}.pdf",
            mime=downloads.PDF,
            key=f"reports.{name}.pdf",
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
    locale = clinic.organization().locale
    if isinstance(value, Decimal):
        return clinic.money(int(value.scaleb(-value.as_tuple().exponent)))  # type: ignore[operator]
    if isinstance(value, float) and math.isnan(value):
        return "–"
    if isinstance(value, float):
        return f"{value:,.1f} min" if unit is Unit.MINUTES else words.share(value, locale)
    if isinstance(value, Integral):
        return words.count(int(value), locale)
    return words.day(value, locale) if isinstance(value, date) else str(value)
