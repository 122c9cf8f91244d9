"""Quiet hours: when a patient is not to be disturbed, on the wall clock of where their phone is from."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers

from clinic_core.domain import clock
from clinic_core.domain.organization import zone_of
from clinic_core.errors import InvalidInput

_DAY = timedelta(days=1)


def patient_zone(phone: str, clinic: ZoneInfo) -> ZoneInfo:
    """The zone of a phone (E.164) where there is exactly one, else the clinic's."""
    return _zone_of_phone(phone) or clinic


def quiet_until(instant: datetime, begin: time, end: time, zone: ZoneInfo) -> datetime | None:
    """When the quiet hours end in which an instant lies; None when it lies in none."""
    local = instant.astimezone(zone)
    at = local.time()
    inside = begin <= at < end if begin <= end else at >= begin or at < end
    if not inside:
        return None
    day = local.date() if at < end else local.date() + _DAY
    return next((moment for moment in _moments(day, end, zone) if moment > instant), None)


def quiet_since(instant: datetime, begin: time, zone: ZoneInfo) -> datetime:
    """When the quiet hours began in which an instant lies."""
    local = instant.astimezone(zone)
    day = local.date() if local.time() >= begin else local.date() - _DAY
    return clock.at_local(day, begin, zone)


def _moments(day: date, at: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Both instants at which the wall clock shows a time that comes twice; twice the same one of any other."""
    return clock.at_local(day, at, zone), clock.at_local(day, at.replace(fold=1), zone)


@lru_cache(maxsize=4096)
def _zone_of_phone(phone: str) -> ZoneInfo | None:
    from phonenumbers import timezone  # noqa: PLC0415 - its table is only wanted where messages are planned

    try:
        number = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        return None
    names = timezone.time_zones_for_number(number)
    try:
        return zone_of(names[0]) if len(names) == 1 else None
    except InvalidInput:  # "Etc/Unknown"
        return None
