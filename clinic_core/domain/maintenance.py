"""Maintenance windows: when the system will be away, and when people are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from clinic_core.errors import InvalidInput

ANNOUNCED_BEFORE: Final = timedelta(hours=24)
_LONGEST: Final = timedelta(days=2)
_MOST_TEXT: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """A time in which the system may be away; `text` is what people read."""

    id: str
    start: datetime
    end: datetime
    text: str = ""
    cancelled: bool = False
    version: int = 0


def check_window(window: MaintenanceWindow, *, now: datetime) -> MaintenanceWindow:
    """The window as it is stored; raises InvalidInput."""
    if window.end <= window.start:
        raise InvalidInput("It ends after it begins. Choose a later end.", field="end")
    if window.end - window.start > _LONGEST:
        raise InvalidInput("It lasts two days at most. Choose an earlier end.", field="end")
    if window.end <= now:
        raise InvalidInput("It lies in the past. Choose a time to come.", field="start")
    text = " ".join(window.text.split())
    if len(text) > _MOST_TEXT:
        raise InvalidInput(f"The text has {_MOST_TEXT} characters at most.", field="text")
    return replace(window, text=text)


def ahead(windows: Iterable[MaintenanceWindow], now: datetime) -> list[MaintenanceWindow]:
    """Those that are not over or called off, the next one first."""
    return sorted((w for w in windows if not w.cancelled and now < w.end), key=lambda window: window.start)


def announced(windows: Iterable[MaintenanceWindow], now: datetime) -> MaintenanceWindow | None:
    """The next one, from 24 hours before its start until its end."""
    coming = ahead(windows, now)
    return coming[0] if coming and coming[0].start - ANNOUNCED_BEFORE <= now else None
