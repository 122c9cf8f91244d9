"""Maintenance windows: planned and called off by an administrator, announced on every screen a day ahead."""

from __future__ import annotations

from dataclasses import replace

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain import maintenance as rules
from clinic_core.domain.access import Actor
from clinic_core.domain.maintenance import MaintenanceWindow


def plan(clinic: Clinic, actor: Actor, window: MaintenanceWindow) -> MaintenanceWindow:
    """Announce a window. The same one again is harmless. Raises Forbidden or InvalidInput."""
    access.require(actor, "maintenance.plan")
    saved = clinic.maintenance.save(rules.check_window(window, now=clinic.now()))
    return _saved(clinic, actor, "maintenance.plan", saved)


def call_off(clinic: Clinic, actor: Actor, window_id: str) -> None:
    """Take a window back. Raises Forbidden, NotFound, or Conflict."""
    access.require(actor, "maintenance.plan")
    window = clinic.maintenance.get(window_id)
    if not window.cancelled:
        _saved(clinic, actor, "maintenance.call_off", clinic.maintenance.save(replace(window, cancelled=True)))


def ahead(clinic: Clinic, actor: Actor) -> list[MaintenanceWindow]:
    """Those that are planned or going on, the next one first. Raises Forbidden."""
    access.require(actor, "job.read")
    return rules.ahead(clinic.maintenance.all(), clinic.now())


def announced(clinic: Clinic) -> MaintenanceWindow | None:
    """What to tell everybody now: one from a day before its start until its end. At most two seconds old."""
    return rules.announced(clinic.directory().maintenance, clinic.now())


def headline(clinic: Clinic, window: MaintenanceWindow) -> str:
    """``"Maintenance Sun 8 Mar 02:00 to 04:00"``, or until when where it is going on."""
    if window.start <= clinic.now():
        return f"Maintenance until {_end(clinic, window)}"
    return f"Maintenance {span(clinic, window)}"


def span(clinic: Clinic, window: MaintenanceWindow) -> str:
    """``"Sun 8 Mar 02:00 to 04:00"`` on the clinic's wall clock."""
    start = clinic.local(window.start)
    return f"{start:%a} {start.day} {start:%b %H:%M} to {_end(clinic, window)}"


def _end(clinic: Clinic, window: MaintenanceWindow) -> str:
    start, end = clinic.local(window.start), clinic.local(window.end)
    return f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a} {end.day} {end:%b %H:%M}"


def _saved(clinic: Clinic, actor: Actor, action: str, window: MaintenanceWindow) -> MaintenanceWindow:
    clinic.forget_directory()
    clinic.audit.record(actor, action, window.id, once=f"{window.id}:{window.version}")
    return window
