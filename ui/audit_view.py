"""The audit trail: who did what to which record, when, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import clock
from clinic_core.domain.access import Actor
from clinic_core.domain.audit import AuditEvent
from clinic_core.services import audit, users
from ui import downloads, widgets
from ui.rows import Row, rows

_EVERYBODY: Final = ""
_HEIGHT: Final = 620
_ID_LENGTH: Final = 32
_COLUMNS: Final = ("Time", "User", "Did what", "Patient", "Record", "Detail")
ACTIONS: Final = {
    "appointment.arrive": "marked a patient as arrived",
    "appointment.book": "booked a visit",
    "appointment.cancel": "cancelled a visit",
    "appointment.check_in": "called a patient in",
    "appointment.confirm": "noted that a patient confirmed a visit",
    "appointment.fulfil": "finished a visit",
    "appointment.move": "moved a visit",
    "account.apply": "used money held for a patient",
    "account.deposit": "took a deposit",
    "account.read": "looked at a patient's account",
    "account.refund": "gave a deposit back",
    "appointment.noshow": "marked a no-show",
    "appointment.read": "looked at visits",
    "audit.read": "looked at the audit trail",
    "backup.read": "looked at backups",
    "data.import": "imported data",
    "day.close": "closed a day",
    "directory.read": "looked at the clinic's directory",
    "encounter.read": "read a note",
    "encounter.write": "wrote a note",
    "invoice.cancel": "cancelled a bill",
    "invoice.reverse": "took back a write-off or a use of money held",
    "invoice.assign": "moved a part between patient and payer",
    "invoice.credit": "made a credit note",
    "invoice.write_off": "wrote off",
    "invoice.draft_from_visit": "drafted a bill from a visit",
    "invoice.issue": "issued an invoice",
    "invoice.read": "looked at bills",
    "invoice.write": "changed a draft bill",
    "job.pause": "paused a job",
    "job.read": "looked at Operations",
    "job.resume": "resumed a job",
    "job.run": "ran a job",
    "maintenance.call_off": "called off a maintenance",
    "maintenance.plan": "planned a maintenance",
    "message.answer": "answered what a patient wrote",
    "message.read": "looked at messages",
    "message.send": "sent a message again",
    "patient.read": "opened a patient's record",
    "patient.search": "searched for patients",
    "patient.write": "registered or changed a patient",
    "payment.take": "took a payment",
    "payment.refund": "refunded",
    "payment.transfer": "moved a payment to another invoice",
    "planning.model": "looked at the no-show model",
    "planning.open": "opened Planning",
    "planning.read": "looked at whom to call",
    "recall.read": "looked at whom to call back",
    "receivable.read": "looked at what is owed",
    "report.export": "downloaded a report",
    "report.read": "looked at reports",
    "settings.write": "changed the settings",
    "statement.read": "made a statement of account",
    "till.close_any": "counted a colleague's till",
    "till.read_all": "looked at all tills",
    "till.use": "worked with a till",
    "till.close": "counted and closed a till",
    "till.count": "counted a till, with a difference",
    "till.move": "moved cash into or out of a till",
    "till.open": "opened a till",
    "user.read": "looked at users",
    "user.sign_in": "signed in",
    "user.sign_in_refused": "was refused at sign-in",
    "user.sign_out": "signed out",
    "user.write": "changed a user",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which lines are wanted."""

    first: date
    last: date
    username: str
    patient_number: str

    def bounds(self, clinic: Clinic) -> dict[str, Any]:
        """The arguments of `audit.trail`: whole days of the clinic's calendar."""
        return {
            "since": clock.day_bounds(self.first, clinic.zone)[0],
            "until": clock.day_bounds(self.last, clinic.zone)[1],
            "username": self.username,
            "patient_number": self.patient_number,
        }


def ask(clinic: Clinic, actor: Actor) -> Question:
    """Draw the filters; today when no day is chosen."""
    today = clinic.today()
    names = [_EVERYBODY, *(user.username for user in users.list_users(clinic, actor))]
    days_, user_, patient_ = st.columns([2, 2, 2])
    days = days_.date_input(
        "Days",
        [today, today],
        max_value=today,
        format=widgets.date_format(clinic.organization()),
        key="audit.days",
        help="The first and the last day.",
    )
    username = user_.selectbox("User", names, format_func=lambda name: name or "Everybody", key="audit.user")
    number = patient_.text_input("Patient number", key="audit.patient", placeholder="P-000123", max_chars=12)
    chosen = [day for day in days if isinstance(day, date)] or [today]
    return Question(first=chosen[0], last=chosen[-1], username=username, patient_number=number or "")


def show(clinic: Clinic, actor: Actor, question: Question) -> None:
    """Draw the lines and offer them as CSV."""
    events = audit.trail(clinic, actor, **question.bounds(clinic))
    if not events:
        widgets.nothing_here("Nobody did anything like that on these days. Choose other days, or everybody.", "history")
        return
    cut = len(events) == audit.MOST_SHOWN
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"The latest {len(events)} lines" if cut else _count(events), width="content")
        downloads.button(
            "Download CSV",
            clinic,
            lambda at, actor: csv(at, actor, question),
            file_name=f"audit-{question.first}-{question.last}.csv",
            mime=downloads.CSV,
            key="audit.csv",
        )
    names = _names(clinic, actor) | dict(audit.patient_numbers(clinic, actor, events))
    lines = [_row(clinic, event, names) for event in events]
    rows("Audit trail", _COLUMNS, lines, key="audit.rows", on_step=_nothing, height=_HEIGHT)


def csv(clinic: Clinic, actor: Actor, question: Question) -> bytes:
    """All lines that answer the question as CSV."""
    events = audit.trail(clinic, actor, **question.bounds(clinic), most=audit.MOST_EXPORTED)
    return audit.to_csv(clinic, actor, events)


def _count(events: Sequence[AuditEvent]) -> str:
    return "One line" if len(events) == 1 else f"{len(events)} lines"


def _names(clinic: Clinic, actor: Actor) -> dict[str, str]:
    """Id -> what staff call it: users, practitioners, services."""
    view = clinic.directory()
    people = {user.id: user.username for user in users.list_users(clinic, actor)}
    return people | {p.id: p.name for p in view.practitioners.values()} | {s.id: s.name for s in view.services.values()}


def _row(clinic: Clinic, event: AuditEvent, names: Mapping[str, str]) -> Row:
    done = ACTIONS.get(event.action, event.action)
    return Row(
        id=event.id,
        label=f"{event.username} {done}",
        cells=(
            _time(clinic.local(event.at), clinic.today()),
            f"{event.username} ({event.role})" if event.role != event.username else event.username,
            done,
            names.get(event.patient_id or "", ""),
            event.detail.get("number") or names.get(event.record_id) or _short(event.record_id),
            ", ".join(_said(clinic, name, value) for name, value in event.detail.items() if name != "number"),
        ),
    )


def _short(record_id: str) -> str:
    """An identifier made by the app by its first characters, which tell two apart; anything else as it is."""
    return record_id[:8] if len(record_id) == _ID_LENGTH else record_id


def _said(clinic: Clinic, name: str, value: str) -> str:
    if name.endswith("_minor") and value.isdigit():
        return clinic.money(int(value))
    return value if name in {"method", "change"} else f"{name.replace('_', ' ')} {value}"


def _time(at: datetime, today: date) -> str:
    clock_time = f"{at:%H:%M:%S}"
    if at.date() == today:
        return clock_time
    if at.date() == today - timedelta(days=1):
        return f"yesterday {clock_time}"
    return f"{widgets.short_day(at.date())} {clock_time}"


def _nothing(_row: str, _step: str) -> None:
    """These rows carry no buttons."""
