"""The demo clinic: the same seed, length, size and instant always give the same clinic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

from clinic_core.domain import clock
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.billing import Invoice
from clinic_core.domain.demo_billing import Papers
from clinic_core.domain.demo_ledger import Books
from clinic_core.domain.demo_messages import Letters
from clinic_core.domain.demo_setup import ORGANIZATION, USUAL_DOCTORS, doctors
from clinic_core.domain.demo_visits import Visits
from clinic_core.domain.encounters import Encounter
from clinic_core.domain.journal import Balance, Entry
from clinic_core.domain.messages import Communication, InboundMessage, OptOut
from clinic_core.domain.people import Patient
from clinic_core.domain.schedules import Schedule

DAYS_AHEAD: Final = 30  # nobody books further ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDay:
    """What one day adds to the records. Every patient comes before, or with, their first visit.

    An invoice comes on the day of the last thing that happens to it, or on the last day of all.
    """

    day: date
    patients: tuple[Patient, ...]
    appointments: tuple[Appointment, ...]
    encounters: tuple[Encounter, ...]
    invoices: tuple[Invoice, ...]
    entries: tuple[Entry, ...]  # of the ledger, in the order of their numbers
    balances: tuple[Balance, ...] = ()  # on the last day
    messages: tuple[Communication, ...] = ()  # about the day's visits
    replies: tuple[InboundMessage, ...] = ()
    opt_outs: tuple[OptOut, ...] = ()


def first_day(now: datetime, years: float) -> date:
    """The demo's first day."""
    return clock.local_day(now, ORGANIZATION.zone) - timedelta(days=round(years * 365.25))


def schedules(now: datetime, years: float, practitioners: int = USUAL_DOCTORS) -> list[Schedule]:
    """Everybody's hours and absences."""
    today = clock.local_day(now, ORGANIZATION.zone)
    return [doctor.schedule(first_day(now, years), today) for doctor in doctors(practitioners)]


def how_many_days(now: datetime, years: float) -> int:
    """How many `days` there are."""
    return (clock.local_day(now, ORGANIZATION.zone) - first_day(now, years)).days + DAYS_AHEAD + 1


def days(now: datetime, years: float, seed: int, practitioners: int = USUAL_DOCTORS) -> Iterator[DemoDay]:
    """The clinic's days from the first to the last that has a booking, as they are at `now`."""
    visits = Visits(Random(f"visits {seed}"), now)  # noqa: S311 - invented people, no secrets
    papers = Papers(Random(f"papers {seed}"), now)  # noqa: S311
    books = Books(Random(f"tills {seed}"), now)  # noqa: S311
    letters = Letters(seed, now)
    hours = list(zip(doctors(practitioners), schedules(now, years, practitioners), strict=True))
    start, last = first_day(now, years), how_many_days(now, years) - 1
    for offset in range(last + 1):
        made = visits.on(start + timedelta(days=offset), hours)
        told = letters.of(made.visits)
        written = papers.of(told.visits)
        money = books.on(made.day, written.bills)
        rest = books.rest() if offset == last else []
        yield DemoDay(
            day=made.day,
            patients=made.patients,
            appointments=tuple(visit for visit, _ in told.visits),
            encounters=written.encounters,
            invoices=(*written.drafts, *money.invoices, *rest),
            entries=money.entries,
            balances=tuple(books.balances) if offset == last else (),
            messages=tuple(told.messages),
            replies=tuple(told.replies),
            opt_outs=tuple(told.opt_outs),
        )
