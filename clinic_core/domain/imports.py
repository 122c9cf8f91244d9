"""Foreign files: how their columns become our fields."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a file holds."""

    PATIENTS = "patients"
    APPOINTMENTS = "appointments"
    PAYMENTS = "payments"


class DateOrder(StrEnum):
    """In which order a file writes day, month and year."""

    DMY = "dmy"
    MDY = "mdy"
    YMD = "ymd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """How a foreign file is read: their columns, constants and codes. Pairs, since a column may hold any character."""

    id: str = ""  # its name; "" when it is not saved
    kind: Kind
    columns: tuple[tuple[str, str], ...] = ()  # their column, our field
    constants: tuple[tuple[str, str], ...] = ()  # our field, the value of every row
    codes: tuple[tuple[str, str, str], ...] = ()  # our field, their word, our code
    date_order: DateOrder | None = None
    version: int = 0
