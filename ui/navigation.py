"""Which pages there are. A new page is its file and one line in `PAGES`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clinic_core.domain.access import Actor, Role
from ui.session import may_open


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A page: its file in `pages/`, whose name is its address, and the action that opens it."""

    name: str
    title: str
    icon: str
    action: str  # a key of access.RULES


PAGES: Final = (
    Screen(name="today", title="Today", icon="today", action="appointment.read"),
    Screen(name="appointments", title="Appointments", icon="calendar_month", action="appointment.book"),
    Screen(name="patients", title="Patients", icon="group", action="patient.search"),
    Screen(name="visit", title="Visit", icon="stethoscope", action="encounter.read"),
    Screen(name="messages", title="Messages", icon="sms", action="message.read"),
    Screen(name="billing", title="Billing", icon="receipt_long", action="invoice.read"),
    Screen(name="cash", title="Cash", icon="point_of_sale", action="till.use"),
    Screen(name="reports", title="Reports", icon="bar_chart", action="report.read"),
    Screen(name="planning", title="Planning", icon="event_upcoming", action="planning.open"),
    Screen(name="settings", title="Settings", icon="tune", action="settings.write"),
    Screen(name="operations", title="Operations", icon="monitor_heart", action="job.read"),
    Screen(name="users", title="Users", icon="manage_accounts", action="user.read"),
    Screen(name="audit", title="Audit", icon="history", action="audit.read"),
)
_LANDING: Final = {Role.ADMIN: "settings"}  # everybody else begins with the first page they may open


def open_to(actor: Actor) -> list[Screen]:
    """The pages that the actor's role may open, in the order of the menu."""
    return [screen for screen in PAGES if may_open(actor, screen.action)]


def landing(actor: Actor) -> Screen:
    """Where the actor begins."""
    mine = open_to(actor)
    return next((screen for screen in mine if screen.name == _LANDING.get(actor.role)), mine[0])
