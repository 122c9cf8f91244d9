"""How far ahead visits were booked and what became of them."""

from __future__ import annotations

import pandas as pd

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.reports import lead_time
from clinic_core.reports.measures import VISITS
from clinic_core.services.recent import Recent
from clinic_core.services.reports import Question, facts_asked

_made: Recent[pd.DataFrame] = Recent(64)


def by_lead_time(clinic: Clinic, actor: Actor, question: Question) -> pd.DataFrame:
    """`reports.lead_time.table` of the visits that are asked for. Shared and read-only."""
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "lead-time")
    columns = ["lead_days", "status", "notice_hours"]
    visits, narrow = facts_asked(clinic, question, VISITS)
    return _made.get((visits, question), lambda: lead_time.table(visits.frame(narrow, columns)))
