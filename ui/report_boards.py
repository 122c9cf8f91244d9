"""Boards of the Reports page that are more than charts of facts; a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.services.reports import Question
from ui import report_hours, report_oddities, report_patients, report_receivables, report_statement

BOARDS: Final[Mapping[str, Callable[[Clinic, Actor, Question], None]]] = {
    "Receivables": report_receivables.draw,
    "Hours": report_hours.draw,
    "Practitioner": report_statement.draw,
    "Patients": report_patients.draw,
    "Oddities": report_oddities.draw,
}
