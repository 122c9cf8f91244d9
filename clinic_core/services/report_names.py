"""What the ids and codes of reports are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clinic_core.clinic import Clinic
from clinic_core.domain import money
from clinic_core.domain.billing import PaymentMethod
from clinic_core.domain.schedules import WEEKDAYS
from clinic_core.reports.measures import HOUR, LOCATION, METHOD, PAYER, PRACTITIONER, RATE, SERVICE, WEEKDAY
from clinic_core.services import fact_memory


def names_of(clinic: Clinic, key: str) -> Mapping[Any, str]:
    """What the values of a key column are called; nothing for other columns."""
    directory = clinic.directory()
    known: Mapping[str, Callable[[], Mapping[Any, str]]] = {
        PRACTITIONER: lambda: {**{p.id: p.name for p in directory.practitioners.values()}, "": "Deposits"},
        SERVICE: lambda: {s.id: s.name for s in directory.services.values()},
        METHOD: lambda: {method.value: method.label for method in PaymentMethod},
        PAYER: lambda: {"": "Patient", **{p.id: p.name for p in directory.payers.values()}},
        LOCATION: lambda: {"": "No room", **{room.id: room.name for room in directory.organization.rooms}},
        WEEKDAY: lambda: dict(enumerate(WEEKDAYS)),
        HOUR: lambda: {hour: f"{hour:02d}:00" for hour in range(24)},
        RATE: lambda: {rate: f"{money.show_percent(rate)} %" for rate in fact_memory.rates(clinic)},
    }
    return known[key]() if key in known else {}
