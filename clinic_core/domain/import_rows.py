"""One row of a foreign file becomes a patient, a visit or a payment, or a list of what is wrong with it.

A value that must be there and cannot be used refuses the row; one that may be missing is left out with a warning.
Findings never quote a name, a phone, an address or a note.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from clinic_core.domain import import_values as values
from clinic_core.domain import people, templates
from clinic_core.domain.appointments import (
    CELL_MINUTES,
    LONGEST_MINUTES,
    AppointmentStatus,
    CancelReason,
    check_time,
)
from clinic_core.domain.billing import PaymentMethod
from clinic_core.domain.import_fields import Kind
from clinic_core.domain.import_values import DateOrder, Moment
from clinic_core.domain.imports import Layout
from clinic_core.domain.people import ContactBy, Sex
from clinic_core.errors import InvalidInput

LONGEST_ID: Final = 200
LONGEST_TEXT: Final = 5_000
_BLANKS: Final = frozenset({"null", "nan", "n/a", "#n/a", "none", "\\n"})
_ENDED: Final = frozenset(
    {
        AppointmentStatus.FULFILLED,
        AppointmentStatus.NOSHOW,
        AppointmentStatus.CANCELLED,
        AppointmentStatus.ENTERED_IN_ERROR,
    }
)
_CLINIC_NUMBER: Final = re.compile(r"(?i)p-?0*(\d{1,9})")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about one row that its owner should know."""

    row: int  # as in the file: the header is row 1
    column: str  # as the file calls it
    problem: str
    refused: bool  # False: a warning, the row goes in without the value


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the clinic and the whole file say about the reading of one value."""

    region: str
    currency: str
    locale: str
    zone: ZoneInfo
    today: date
    orders: Mapping[str, DateOrder] = field(default_factory=dict)  # by field


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What a row tells of a patient."""

    name: str = ""
    birth_date: date | None = None
    birth_date_estimated: bool = False
    sex: Sex = Sex.UNKNOWN
    phone: str = ""
    email: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRef:
    """Whose row it is: by the clinic's own number where that is given, else by the old system's id."""

    source_id: str = ""
    number: str = ""

    def __bool__(self) -> bool:
        return bool(self.source_id or self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRow:
    """A patient to register."""

    row: int
    source_id: str
    person: Person
    allergies: str = ""
    notes: str = ""
    contact_by: ContactBy = ContactBy.SMS
    language: str = ""
    outreach_consent: bool = False
    registered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRow:
    """A visit, past or to come. Without `start` only its day is known."""

    row: int
    source_id: str
    patient: PatientRef
    person: Person
    practitioner: str
    service: str
    day: date
    start: datetime | None
    minutes: int | None
    status: AppointmentStatus
    cancel_reason: CancelReason | None
    booked_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRow:
    """Money that came in."""

    row: int
    source_id: str
    amount_minor: int
    method: PaymentMethod
    received_at: datetime
    received_on: date
    invoice_number: str
    patient: PatientRef
    practitioner: str
    reference: str


Row: TypeAlias = PatientRow | VisitRow | PaymentRow


def read(row: int, cells: Sequence[str], layout: Layout, rules: Rules) -> tuple[Row | None, list[Finding]]:
    """The row's record and what was found; None when something refuses it."""
    reader = _Reader(row, cells, layout, rules)
    record = _BUILDERS[layout.kind](reader)
    refused = any(finding.refused for finding in reader.findings)
    return (None if refused else record), reader.findings


def digest(cells: Sequence[str]) -> bytes:
    """Equal for rows that say the same: 16 bytes."""
    told = "\x1f".join(cell.strip() for cell in cells).rstrip("\x1f")
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class _Reader:
    """Reads the fields of one row and remembers what was wrong."""

    def __init__(self, row: int, cells: Sequence[str], layout: Layout, rules: Rules) -> None:
        self.row, self.cells, self.layout, self.rules = row, cells, layout, rules
        self.findings: list[Finding] = []

    def text(self, name: str, *, longest: int = LONGEST_TEXT) -> str:
        """The field as text, cut (with a warning) where it is far too long."""
        value = self.layout.value(name, self.cells).replace("\x00", "")
        if len(value) > longest:
            self.warn(name, f"only the first {longest} characters are used")
        return value[:longest]

    def required(self, name: str, parse: Callable[[str], T], stand_in: T) -> T:
        """The parsed field; when it is missing or wrong the row is refused and `stand_in` keeps us going."""
        value = self._value(name)
        if not value:
            self.refuse(name, "is empty")
            return stand_in
        try:
            return parse(value)
        except InvalidInput as error:
            self.refuse(name, str(error))
            return stand_in

    def optional(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """The parsed field; when it is missing the default, and with a warning also when it is wrong."""
        value = self._value(name)
        if not value:
            return default
        try:
            return parse(value)
        except InvalidInput as error:
            self.warn(name, f"{str(error).rstrip('.')}; the value is left out")
            return default

    def moment(self, name: str, text: str) -> Moment:
        """The day, and time if any, in the column's order."""
        order = self.rules.orders.get(name, DateOrder.DMY)
        return values.read_moment(text, order, two_digit_years=name != "birth_date")

    def refuse(self, name: str, problem: str) -> None:
        """The row will not go in."""
        self.findings.append(self._finding(name, problem, refused=True))

    def warn(self, name: str, problem: str) -> None:
        """The row goes in without the value."""
        self.findings.append(self._finding(name, problem, refused=False))

    def _value(self, name: str) -> str:
        value = self.layout.value(name, self.cells)
        return "" if value.casefold() in _BLANKS else value

    def _finding(self, name: str, problem: str, *, refused: bool) -> Finding:
        return Finding(row=self.row, column=self.layout.column(name), problem=problem, refused=refused)


def _patient(reader: _Reader) -> PatientRow:
    registered = reader.optional("registered_on", lambda text: reader.moment("registered_on", text), None)
    on = registered.local_day(reader.rules.zone) if registered else reader.rules.today
    if on > reader.rules.today:
        reader.warn("registered_on", "lies in the future; the value is left out")
        registered, on = None, reader.rules.today
    return PatientRow(
        row=reader.row,
        source_id=reader.required("patient_id", _id, ""),
        person=_person(reader, on, named=True),
        allergies=reader.text("allergies"),
        notes=reader.text("notes"),
        contact_by=reader.optional("contact_by", values.read_contact, ContactBy.SMS),
        language=reader.optional("language", templates.check_language, ""),
        outreach_consent=reader.optional("outreach_consent", values.read_consent, False),
        registered_at=registered.instant(reader.rules.zone) if registered else None,
    )


def _visit(reader: _Reader) -> VisitRow:
    when = _when(reader)
    day = when.local_day(reader.rules.zone)
    status = reader.required("status", values.read_status, AppointmentStatus.FULFILLED)
    _check_status(reader, status, when, day)
    visit = VisitRow(
        row=reader.row,
        source_id=reader.required("appointment_id", _id, ""),
        patient=_ref(reader, needed=True),
        person=_person(reader, day, named=False),
        practitioner=reader.required("practitioner", people.clean_name, ""),
        service=reader.text("service", longest=people.LONGEST_NAME),
        day=day,
        start=when.instant(reader.rules.zone) if when.has_time else None,
        minutes=reader.optional("minutes", values.read_minutes, None),
        status=status,
        cancel_reason=reader.optional("cancel_reason", values.read_cancel_reason, None),
        booked_at=_booked_at(reader, when),
        reason=reader.text("reason"),
    )
    return _fitted(reader, visit)


def _payment(reader: _Reader) -> PaymentRow:
    rules = reader.rules
    received = reader.required("received_on", lambda text: reader.moment("received_on", text), _no_moment(rules))
    day = received.local_day(rules.zone)
    if day > rules.today:
        reader.refuse("received_on", f"{day} lies in the future")
    _check_currency(reader)
    row = PaymentRow(
        row=reader.row,
        source_id=reader.required("payment_id", _id, ""),
        amount_minor=reader.required("amount", lambda t: values.read_amount(t, rules.currency, rules.locale), 0),
        method=reader.required("method", values.read_method, PaymentMethod.CASH),
        received_at=received.instant(rules.zone),
        received_on=day,
        invoice_number=reader.optional("invoice_number", _id, ""),
        patient=_ref(reader, needed=False),
        practitioner=reader.optional("practitioner", people.clean_name, ""),
        reference=reader.text("reference", longest=LONGEST_ID),
    )
    if not row.invoice_number and not row.patient:
        reader.refuse("patient_id", "names neither an invoice nor a patient")
    return row


_BUILDERS: Final[dict[Kind, Callable[[_Reader], Row]]] = {
    Kind.PATIENTS: _patient,
    Kind.APPOINTMENTS: _visit,
    Kind.PAYMENTS: _payment,
}


def _id(text: str) -> str:
    """An id of another system: opaque, kept as it is."""
    if len(text) > LONGEST_ID or not text.isprintable():
        raise InvalidInput(f"an id has at most {LONGEST_ID} characters, all of them visible")
    return text


def _ref(reader: _Reader, *, needed: bool) -> PatientRef:
    ref = PatientRef(
        source_id=reader.optional("patient_id", _id, ""), number=reader.optional("clinic_number", _number, "")
    )
    if needed and not ref:
        reader.refuse(
            "patient_id" if reader.layout.has("patient_id") else "clinic_number", "is empty or cannot be used"
        )
    return ref


def _number(text: str) -> str:
    found = _CLINIC_NUMBER.fullmatch(text)
    if not found:
        raise InvalidInput("this is no number of a patient like P-000123")
    return f"P-{int(found[1]):06d}"


def _no_moment(rules: Rules) -> Moment:
    return Moment(day=rules.today)


def _person(reader: _Reader, on: date, *, named: bool) -> Person:
    born, estimated = _birth(reader, on)
    return Person(
        name=_name(reader, named=named),
        birth_date=born,
        birth_date_estimated=estimated,
        sex=reader.optional("sex", values.read_sex, Sex.UNKNOWN),
        phone=reader.optional("phone", lambda text: people.parse_phone(text, reader.rules.region), ""),
        email=reader.optional("email", people.clean_email, ""),
        address=reader.text("address"),
    )


def _name(reader: _Reader, *, named: bool) -> str:
    parts = [reader.layout.value(name, reader.cells) for name in ("first_name", "last_name")]
    text = reader.layout.value("name", reader.cells) or " ".join(filter(None, parts))
    if not text and not named:
        return ""
    try:
        name = people.clean_name(text)
        if not name.isprintable():
            raise InvalidInput("the name holds invisible characters")
    except InvalidInput as error:
        first = next((n for n in ("name", "first_name", "last_name") if reader.layout.has(n)), "name")
        reader.refuse(first, "is empty" if not text else str(error))
        return ""
    return name


def _birth(reader: _Reader, on: date) -> tuple[date | None, bool]:
    """The birth date, or one that gives the age on `on`, and whether it was made so."""

    def known(text: str) -> date:
        day = reader.moment("birth_date", text).day
        people.check_birth_date(day, reader.rules.today)
        return day

    born = reader.optional("birth_date", known, None)
    if born is not None:
        return born, False
    age = reader.optional("age", values.read_age, None)
    return (None, False) if age is None else (people.birth_date_of_age(age, on), True)


def _when(reader: _Reader) -> Moment:
    when = reader.required("day", lambda text: reader.moment("day", text), _no_moment(reader.rules))
    at = reader.optional("time", values.read_time, None)
    return when if at is None else Moment(day=when.day, at=at)


def _check_status(reader: _Reader, status: AppointmentStatus, when: Moment, day: date) -> None:
    """A visit that is over says how it ended; one to come is booked at a time."""
    if any(finding.refused for finding in reader.findings):
        return
    today = reader.rules.today
    if day < today and status not in _ENDED:
        reader.refuse("status", f"{status} on a past day; say how it ended: fulfilled, cancelled or noshow")
    elif status in {AppointmentStatus.ARRIVED, AppointmentStatus.CHECKED_IN}:
        reader.refuse("status", f"{status} cannot be imported; import the visit as booked")
    elif day > today and status in {AppointmentStatus.FULFILLED, AppointmentStatus.NOSHOW}:
        reader.refuse("status", f"{status} on {day}, which lies in the future")
    elif status is AppointmentStatus.BOOKED and not when.has_time:
        reader.refuse("day", "a visit to come needs its time")


def _booked_at(reader: _Reader, when: Moment) -> datetime | None:
    booked = reader.optional("booked_at", lambda text: reader.moment("booked_at", text), None)
    if booked is None:
        return None
    if booked.day > when.day:
        reader.warn("booked_at", f"{booked.day} is after the visit's day, {when.day}; kept as it is")
    return booked.instant(reader.rules.zone)


def _fitted(reader: _Reader, visit: VisitRow) -> VisitRow:
    """The visit, refused when it is to come and does not fit into five-minute cells."""
    if visit.start is None or visit.status is not AppointmentStatus.BOOKED:
        return visit
    try:
        check_time(visit.start, visit.minutes or CELL_MINUTES)
    except InvalidInput as error:
        reader.refuse("minutes" if error.field == "minutes" else "day", str(error))
    return visit


def whole_cells(minutes: int) -> int:
    """The length rounded up to five minutes and at most eight hours, for visits that are over."""
    return min(-(-minutes // CELL_MINUTES) * CELL_MINUTES, LONGEST_MINUTES)


def _check_currency(reader: _Reader) -> None:
    given = reader.text("currency")
    if given and given.upper() != reader.rules.currency:
        reader.refuse("currency", f"the clinic keeps its money in {reader.rules.currency}")
