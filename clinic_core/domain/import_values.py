"""Reading the values of foreign files: dates in any order, times, amounts, ages and codes. Nothing is guessed.

Every function raises InvalidInput with the value's problem, in words that fit behind a row number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from babel.core import Locale, UnknownLocaleError
from babel.numbers import get_decimal_symbol

from clinic_core.domain import clock, money
from clinic_core.domain.appointments import AppointmentStatus, CancelReason
from clinic_core.domain.billing import PaymentMethod
from clinic_core.domain.people import OLDEST, ContactBy, Sex
from clinic_core.errors import InvalidInput


class DateOrder(StrEnum):
    """In which order a file writes day, month and year."""

    DMY = "dmy"
    MDY = "mdy"
    YMD = "ymd"

    @property
    def label(self) -> str:
        """In words."""
        return {"dmy": "day first", "mdy": "month first", "ymd": "year first"}[self.value]


_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBERS = re.compile(r"(\d{1,4})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{1,4})")
_DAY_WORD = re.compile(r"(\d{1,2})[-\s/.]*([A-Za-z]{3,9})\.?[-\s/,.]*(\d{2}|\d{4})")
_WORD_DAY = re.compile(r"([A-Za-z]{3,9})\.?\s*(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})")
_TIME = re.compile(
    r"(\d{1,2})[:.h](\d{2})(?:[:.](\d{2})(?:[.,]\d+)?)?\s*([ap]\.?m\.?)?\s*(z|utc|gmt|[+-]\d{2}:?\d{2})?", re.IGNORECASE
)
_SPLIT = re.compile(r"(?<=\d)(?:T|t|,?\s+)(?=\d{1,2}[:.h]\d{2})")
_AGE = re.compile(r"(\d{1,3})(?:[.,]0+)?\s*(?:y|yo|yr|yrs|years?|years? old)?", re.IGNORECASE)
_MONTHS_OLD = re.compile(r"(\d{1,3})\s*(?:m|mo|mths?|months?)", re.IGNORECASE)
_CENTURY: Final = 2000
_YEAR_DIGITS: Final = 4
_NOON: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a cell says: a day, perhaps a time of day, perhaps that time's distance from UTC."""

    day: date
    at: time | None = None
    offset: timezone | None = None

    @property
    def has_time(self) -> bool:
        """Whether it names a time. Midnight on the dot is how exports write "no time"."""
        return self.at is not None and self.at != time()

    def instant(self, zone: ZoneInfo) -> datetime:
        """The UTC instant; a time without an offset is the clinic's, and a day without a time its first instant."""
        if self.offset is None or not self.has_time:
            return clock.at_local(self.day, self.at or time(), zone)
        return datetime.combine(self.day, self.at or time(), tzinfo=self.offset).astimezone(UTC)

    def local_day(self, zone: ZoneInfo) -> date:
        """The clinic's day: that of the instant where there is a time, else the day as it is written."""
        return clock.local_day(self.instant(zone), zone) if self.has_time else self.day


def readings(text: str) -> dict[DateOrder, date]:
    """What a numeric date means in each order in which it is one; empty when it can be read in one way only.

    A year of four digits in front, or a month in letters, leaves no choice.
    """
    numbers = _NUMBERS.fullmatch(_halves(text)[0])
    if numbers is None or len(numbers[1]) == _YEAR_DIGITS:
        return {}
    orders = [DateOrder.DMY, DateOrder.MDY] + ([] if len(numbers[3]) == _YEAR_DIGITS else [DateOrder.YMD])
    found = {order: _day_of(numbers.groups(), order) for order in orders}
    return {order: day for order, day in found.items() if day is not None}


class OrderEvidence:
    """Which date order a column uses, told by all its values together."""

    def __init__(self) -> None:
        self._possible: set[DateOrder] | None = None
        self._differ: set[frozenset[DateOrder]] = set()
        self._only: dict[DateOrder, tuple[int, str]] = {}
        self._example = ""

    def add(self, row: int, text: str) -> None:
        """Take one more value into account; one that is no date tells nothing."""
        found = readings(text)
        if not found:
            return
        self._possible = set(found) if self._possible is None else self._possible & set(found)
        if len(set(found.values())) > 1:
            self._example = self._example or text.strip()
            self._differ |= {frozenset({a, b}) for a in found for b in found if found[a] != found[b]}
        elif len(found) == 1:
            self._only.setdefault(next(iter(found)), (row, text.strip()))

    @property
    def order(self) -> DateOrder | None:
        """The one order that fits every value, or any where they all mean the same; None when it must be asked."""
        if self._possible is None:
            return DateOrder.DMY  # no value depends on it
        left = sorted(self._possible)
        clash = any(frozenset({a, b}) in self._differ for a in left for b in left if a != b)
        return left[0] if left and not clash else None

    @property
    def witness(self) -> tuple[int, str] | None:
        """The first row whose value can be read in one order only, and that value."""
        return self._only.get(self.order) if self.order else None

    @property
    def why(self) -> str:
        """The reason why the order must be asked."""
        if not self._possible and len(self._only) > 1:
            told = [f"row {row} ({text}) is {order.label}" for order, (row, text) in sorted(self._only.items())]
            return "its dates contradict each other: " + ", ".join(told)
        return f"a date like {self._example} can be read in more than one way"


def read_moment(text: str, order: DateOrder, *, two_digit_years: bool = True) -> Moment:
    """A day, with its time if there is one, of ISO 8601 and of what spreadsheets write.

    Two-digit years are of this century; without `two_digit_years` (a birth date) they are refused.
    """
    first, rest = _halves(text)
    day = _read_day(first, order, two_digit_years=two_digit_years)
    if not rest:
        return Moment(day=day)
    at, offset = _read_clock(rest)
    return Moment(day=day, at=at, offset=offset)


def read_time(text: str) -> time:
    """A time of day like ``14:30``, ``2:30 pm`` or ``14:30:00``."""
    return _read_clock(text.strip())[0]


def read_age(text: str) -> int:
    """Completed years, of ``45``, ``45.0``, ``45 years`` or ``6 months``."""
    years, months = _AGE.fullmatch(text.strip()), _MONTHS_OLD.fullmatch(text.strip())
    if not years and not months:
        raise InvalidInput(f"{_short(text)} is no age in years")
    age = int(years[1]) if years else int(months[1]) // 12 if months else 0
    if age > OLDEST:
        raise InvalidInput(f"an age of {age} is above {OLDEST}")
    return age


def read_minutes(text: str) -> int:
    """A length in whole minutes, above 0."""
    cleaned = text.strip().removesuffix("min").strip()
    if not cleaned.isdecimal() or int(cleaned) == 0:
        raise InvalidInput(f"{_short(text)} is no length in minutes")
    return int(cleaned)


def read_amount(text: str, currency: str, locale: str) -> int:
    """Minor units, above 0, of an amount as people and programs write it: ``1,250.50``, ``1.250,50 €``, ``Rs 1250``.

    Where one mark stands before three digits it separates thousands if the clinic's locale says so;
    otherwise it is refused, since 1.250 may be a thousand or one and a quarter.
    """
    amount = _plain_number(text, currency, _decimal_symbol(locale))
    minor = money.parse_minor(amount, currency)
    if minor <= 0:
        raise InvalidInput("a payment must be above 0; refunds cannot be imported")
    return minor


def read_sex(text: str) -> Sex:
    """FHIR AdministrativeGender of a word or letter."""
    return _code(text, _SEXES, "sex", [s.value for s in Sex])


def read_status(text: str) -> AppointmentStatus:
    """An appointment's status, of our code or a common word for it."""
    return _code(text, _STATUSES, "status", [s.value for s in _IMPORTED_STATUSES])


def read_method(text: str) -> PaymentMethod:
    """How money came in."""
    return _code(text, _METHODS, "method", [m.value for m in PaymentMethod])


def read_cancel_reason(text: str) -> CancelReason:
    """A coded cancellation reason: our code or its label."""
    known = {letters(r.value): r for r in CancelReason} | {letters(r.label): r for r in CancelReason}
    return _code(text, known, "cancel_reason", [r.value for r in CancelReason])


def read_contact(text: str) -> ContactBy:
    """How somebody wants to be reminded."""
    known = {letters(c.value): c for c in ContactBy} | {"text": ContactBy.SMS, "mail": ContactBy.EMAIL}
    return _code(text, known, "contact_by", [c.value for c in ContactBy])


def read_consent(text: str) -> bool:
    """Yes or no."""
    known = {**dict.fromkeys(("yes", "y", "1", "true"), True), **dict.fromkeys(("no", "n", "0", "false"), False)}
    return _code(text, known, "outreach_consent", ["yes", "no"])


def letters(text: str) -> str:
    """Only the letters and digits of a text, in lower case: how headers and codes are compared."""
    return "".join(c for c in text.casefold() if c.isalnum())


_S = AppointmentStatus
_IMPORTED_STATUSES: Final = (_S.BOOKED, _S.FULFILLED, _S.CANCELLED, _S.NOSHOW, _S.ENTERED_IN_ERROR)
_STATUSES: Final = {
    **{letters(status.value): status for status in _S},
    **dict.fromkeys(("scheduled", "confirmed", "planned", "upcoming"), _S.BOOKED),
    **dict.fromkeys(("completed", "complete", "attended", "done", "showed", "seen", "finished"), _S.FULFILLED),
    **dict.fromkeys(("canceled", "cancelation", "cancellation"), _S.CANCELLED),
    **dict.fromkeys(("missed", "dna", "didnotattend", "didntattend", "didnotshow"), _S.NOSHOW),
}
_SEXES: Final = {
    **{sex.value: sex for sex in Sex},
    **dict.fromkeys(("f", "w", "woman", "girl", "weiblich", "mujer", "femenino", "feminino", "féminin"), Sex.FEMALE),
    **dict.fromkeys(("m", "man", "boy", "männlich", "hombre", "masculino", "masculin"), Sex.MALE),
    **dict.fromkeys(("o", "x", "d", "divers", "diverse", "nonbinary", "transgender", "third"), Sex.OTHER),
    **dict.fromkeys(("u", "unk", "notknown", "notstated"), Sex.UNKNOWN),
}
_METHODS: Final = {
    **{letters(method.value): method for method in PaymentMethod},
    **dict.fromkeys(("creditcard", "debitcard", "credit", "debit", "visa", "mastercard", "pos"), PaymentMethod.CARD),
    **dict.fromkeys(("gpay", "googlepay", "phonepe", "paytm", "bhim"), PaymentMethod.UPI),
    **dict.fromkeys(("bank", "transfer", "wire", "neft", "imps", "rtgs", "sepa", "ach"), PaymentMethod.BANK_TRANSFER),
}
_C = TypeVar("_C")


def _code(text: str, known: dict[str, _C], field: str, ours: list[str]) -> _C:
    found = known.get(letters(text))
    if found is None:
        raise InvalidInput(f'{_short(text)} is not one of {", ".join(ours)}; translate it with --value "{field}:…=…"')
    return found


def _short(text: str) -> str:
    """The value as it may be quoted: a code or a number, cut where it is long."""
    value = " ".join(text.split())
    return repr(value if len(value) <= 30 else value[:29] + "…")  # noqa: PLR2004 - fits on a line


def _halves(text: str) -> tuple[str, str]:
    day, *rest = _SPLIT.split(text.strip(), maxsplit=1)
    return day.strip(), rest[0].strip() if rest else ""


def _read_day(text: str, order: DateOrder, *, two_digit_years: bool) -> date:
    numbers, worded = _NUMBERS.fullmatch(text), _worded(text)
    if numbers:
        parts: tuple[str, ...] = numbers.groups()
        used = DateOrder.YMD if len(parts[0]) == _YEAR_DIGITS else order
    elif worded:
        parts, used = worded, DateOrder.DMY
    else:
        raise InvalidInput(f"{_short(text)} is no date; write it like 2026-03-31")
    if not two_digit_years and len(parts[0] if used is DateOrder.YMD else parts[2]) != _YEAR_DIGITS:
        raise InvalidInput("a birth date needs its year with four digits")
    day = _day_of(parts, used)
    if day is None:
        raise InvalidInput(f"{_short(text)} is no date when read {used.label}")
    return day


def _worded(text: str) -> tuple[str, str, str] | None:
    """Day, month and year, as digits, of ``3 Mar 2026`` or ``March 3, 2026``."""
    if found := _DAY_WORD.fullmatch(text):
        day, word, year = found.groups()
    elif found := _WORD_DAY.fullmatch(text):
        word, day, year = found.groups()
    else:
        return None
    short = word[:3].casefold()
    return (day, str(_MONTHS.index(short) + 1), year) if short in _MONTHS else None


def _day_of(parts: tuple[str, ...], order: DateOrder) -> date | None:
    year, month, day = (parts[order.value.index(part)] for part in "ymd")
    if len(year) not in (2, _YEAR_DIGITS) or len(month) > 2 or len(day) > 2:  # noqa: PLR2004 - digits
        return None
    try:
        return date(int(year) + (0 if len(year) == _YEAR_DIGITS else _CENTURY), int(month), int(day))
    except ValueError:
        return None


def _read_clock(text: str) -> tuple[time, timezone | None]:
    found = _TIME.fullmatch(text)
    if not found:
        raise InvalidInput(f"{_short(text)} is no time of day; write it like 14:30")
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    try:
        return time(_hour(hour, found[4]), minute, second), _offset(found[5])
    except ValueError as error:
        raise InvalidInput(f"{_short(text)} is no time of day; write it like 14:30") from error


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= _NOON:
        raise ValueError(hour)
    return hour % _NOON + (_NOON if half[0].casefold() == "p" else 0)


def _offset(text: str | None) -> timezone | None:
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-away if text[0] == "-" else away)


def _decimal_symbol(locale: str) -> str:
    try:
        return get_decimal_symbol(Locale.parse(locale))
    except (ValueError, UnknownLocaleError):
        return "."


_CURRENCY_MARKS = re.compile(r"^(?:[^\W\d_]{1,4}\.?|[^\w\s.,+-]){0,2}\s*|\s*(?:[^\W\d_]{1,4}\.?|[^\w\s.,+-]){0,2}$")
_GROUPED = re.compile(r"\d{1,3}(?:[., ']\d{2,3})*[., ']\d{3}")


def _plain_number(text: str, currency: str, decimal: str) -> Decimal:
    """The number of an amount, with its thousands' marks taken out and a point for its decimals."""
    cleaned = re.sub(r"[\u00a0\u202f\u2009]", " ", text.strip()).replace("\u2019", "'")
    sign, cleaned = _signed(cleaned)
    cleaned = _CURRENCY_MARKS.sub("", cleaned)
    whole, digits = _split_decimals(cleaned, decimal, money.exponent(currency))
    if not re.fullmatch(r"\d+", whole) and not _GROUPED.fullmatch(whole):
        raise InvalidInput(f"{_short(text)} is no amount; write it like 1250.50")
    if not re.fullmatch(r"\d*", digits):
        raise InvalidInput(f"{_short(text)} is no amount; write it like 1250.50")
    return sign * Decimal(f"{re.sub(r'[., ]', '', whole.replace(chr(39), ''))}.{digits or '0'}")


def _signed(text: str) -> tuple[int, str]:
    if text.startswith("(") and text.endswith(")"):
        return -1, text[1:-1].strip()
    return (-1, text[1:].strip()) if text[:1] in ("-", "\u2212") else (1, text.removeprefix("+").strip())


def _split_decimals(text: str, decimal: str, places: int) -> tuple[str, str]:
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return text, ""
    mark, digits = text[last], text[last + 1 :]
    other = "," if mark == "." else "."
    if text.count(mark) > 1:
        return text, ""  # 1.250.000: thousands
    if other in text or len(digits) != 3 or (mark == decimal and places == 3):  # noqa: PLR2004 - thousands
        return text[:last] or "0", digits
    if mark == decimal:
        raise InvalidInput(f"{_short(text)} may mean thousands or decimals; write it like 1250.00")
    return text, ""
