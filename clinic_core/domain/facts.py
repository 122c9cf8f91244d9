"""Facts: what reports count and add up, one flat row per event of money or of attendance.

Money is dated by the business day of its entry in the ledger, a visit by its day. Nothing else dates a figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Final, NamedTuple
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from clinic_core.domain import clock
from clinic_core.domain.appointments import CONFIRMED, Appointment, AppointmentEvent, AppointmentStatus, Claim
from clinic_core.domain.billing import largest_remainders
from clinic_core.domain.journal import Book, Entry, Event, Posting
from clinic_core.domain.money import round_minor

CHARGING: Final = frozenset({Event.ISSUE, Event.CANCEL, Event.CREDIT_NOTE})
SETTLING: Final = frozenset(
    {
        Event.PAYMENT,
        Event.REFUND,
        Event.DEPOSIT,
        Event.DEPOSIT_REFUND,
        Event.APPLY_CREDIT,
        Event.TRANSFER,
        Event.WRITE_OFF,
        Event.CREDIT_NOTE,
        Event.ASSIGN,
        Event.REVERSAL,
    }
)
PATIENT: Final = ""  # the payer of what the patient owes


class Charge(NamedTuple):
    """One line of an invoice and who owes it; what is taken back has its signs turned.

    A line that the patient and a payer share makes two rows, which add up to the line.
    """

    entry_id: str
    document_id: str  # the invoice
    label: str
    patient_id: str
    practitioner_id: str
    service_id: str
    location_id: str
    payer_id: str  # "": the patient
    day: date
    event: str  # of CHARGING
    by: str
    quantity: int  # in the first row of a line
    gross_minor: int
    discount_minor: int
    net_minor: int
    tax_minor: int
    total_minor: int  # net and tax
    basis_points: int  # of the tax


class Settlement(NamedTuple):
    """Money that moved, and what is owed less because of it. What is owed: all charges less all that is settled."""

    entry_id: str
    document_id: str  # the invoice; "" of a deposit
    label: str
    patient_id: str
    practitioner_id: str
    location_id: str
    payer_id: str  # whose debt changed; "": the patient's
    method: str  # of the money; "" when none moved
    day: date
    event: str  # of SETTLING
    by: str
    amount_minor: int  # money in; below zero: money given back
    settled_minor: int  # owed less
    credit_minor: int  # held for the patient from now on; below zero: no longer
    written_off_minor: int


class Visit(NamedTuple):
    """An appointment and what became of it."""

    document_id: str
    patient_id: str
    practitioner_id: str
    service_id: str
    location_id: str  # the room
    day: date
    hour: int  # of the start, local; 0 when it is untimed
    minute: int
    minutes: int
    status: str
    untimed: bool
    waited_minutes: float | None  # from arriving to being with the doctor
    lead_days: int  # from booking to the day of the visit
    notice_hours: float | None  # from being cancelled to the start; below zero: afterwards
    booked_by: str
    booked_on: date
    settled_on: date  # when it became what it is
    past: str  # what it was at the ends of earlier days, when it was not simply booked as it is: see `states`


class State(NamedTuple):
    """What a visit was from the end of a day on."""

    on: date
    status: str
    day: date
    hour: int
    minute: int
    claim: Claim | None = None  # None: the one that it has now


class Owner(NamedTuple):
    """Whose an invoice is that an entry touches besides its own."""

    label: str
    practitioner_id: str
    location_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A month's facts of one kind of document, as streams of bytes by table name."""

    stamp: str
    shape: int  # of the tables' columns; a block of another shape is made anew
    tables: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfolded:
    """A document whose present version is in no block yet."""

    id: str
    version: int
    months: tuple[str, ...]  # "YYYY-MM" whose blocks its facts enter or leave


def charges(entry: Entry) -> list[Charge]:
    """What an entry charged or took back, by line and by who owes it. It adds up to the entry's charges exactly."""
    if entry.event not in CHARGING:
        return []
    lines = [_line(entry, postings) for _, postings in sorted(_by_line(entry).items())]
    return [row for parts in _shared(entry, lines) for row in parts]


def settlements(entry: Entry, others: Mapping[str, Owner] | None = None) -> list[Settlement]:
    """What an entry settled, a row per invoice and who owed it; for a deposit one row without an invoice.

    Args:
        others: whose the invoices are that the entry touches besides its own, by id; a transfer has one.
    """
    if entry.event not in SETTLING:
        return []
    change = _receivable(entry)
    for charge in charges(entry):
        debt = charge.document_id, charge.payer_id
        change[debt] = change.get(debt, 0) - charge.total_minor
    settled = {debt: -amount for debt, amount in change.items() if amount}
    money = -entry.sum_of(Book.CREDIT), entry.sum_of(Book.WRITE_OFF), entry.sum_of(Book.MONEY)
    if not settled and not any(money):
        return []
    bearer = next(iter(settled), (entry.invoice_id or "", PATIENT))
    rows = settled or {bearer: 0}
    return [
        _settlement(entry, debt, amount, money if debt == bearer else (0, 0, 0), (others or {}).get(debt[0]))
        for debt, amount in rows.items()
    ]


def touched(entry: Entry) -> set[str]:
    """The invoices that an entry changes besides its own."""
    if entry.event not in SETTLING:
        return set()
    return {p.invoice_id for p in entry.postings if p.invoice_id} - {entry.invoice_id}


def visits(appointment: Appointment, zone: ZoneInfo) -> list[Visit]:
    """The one visit of an appointment; none when it was entered in error."""
    if appointment.status is AppointmentStatus.ENTERED_IN_ERROR:
        return []
    now, *before = reversed(_states(appointment, zone))
    booked_on = clock.local_day(appointment.booked_at, zone)
    usual = all(state[1:] == (AppointmentStatus.BOOKED.value, *now[2:]) for state in before)
    return [
        Visit(
            document_id=appointment.id,
            patient_id=appointment.patient_id,
            practitioner_id=appointment.practitioner_id,
            service_id=appointment.service_id,
            location_id=appointment.room_id or "",
            day=appointment.day,
            hour=now.hour,
            minute=now.minute,
            minutes=appointment.minutes,
            status=appointment.status.value,
            untimed=appointment.untimed,
            waited_minutes=waited_minutes(appointment),
            lead_days=(appointment.day - booked_on).days,
            notice_hours=notice_hours(appointment),
            booked_by=appointment.events[0].by if appointment.events else "",
            booked_on=booked_on,
            settled_on=now.on,
            past="" if usual else _written(before[::-1]),
        )
    ]


def states(past: str) -> list[State]:
    """What `Visit.past` says, oldest first."""
    return [_read(state.split(" ")) for state in past.split(";")]


def waited_minutes(appointment: Appointment) -> float | None:
    """Minutes from arriving to being with the doctor; None unless both are known, in that order."""
    arrived = appointment.since(AppointmentStatus.ARRIVED)
    seen = appointment.since(AppointmentStatus.CHECKED_IN)
    if arrived is None or seen is None or seen < arrived:
        return None
    return _minutes(arrived, seen)


def notice_hours(appointment: Appointment) -> float | None:
    """Hours from being cancelled to the start; None unless it is cancelled and both are known."""
    cancelled = appointment.since(AppointmentStatus.CANCELLED)
    if appointment.status is not AppointmentStatus.CANCELLED or cancelled is None or appointment.untimed:
        return None
    return round((appointment.start - cancelled).total_seconds() / 3600, 2)


def _by_line(entry: Entry) -> dict[int, list[Posting]]:
    lines: dict[int, list[Posting]] = {}
    for posting in entry.postings:
        if posting.line is not None:
            lines.setdefault(posting.line, []).append(posting)
    return lines


def _line(entry: Entry, postings: Sequence[Posting]) -> Charge:
    """A line's charge as if the patient owed all of it."""
    revenue, discount, tax = (
        sum(p.amount_minor for p in postings if p.book is book) for book in (Book.REVENUE, Book.DISCOUNT, Book.TAX)
    )
    net = -revenue - discount
    return Charge(
        entry_id=entry.id,
        document_id=entry.invoice_id or "",
        label=entry.label,
        patient_id=entry.patient_id or "",
        practitioner_id=entry.practitioner_id or "",
        service_id=next((p.service_id for p in postings if p.service_id), ""),
        location_id=entry.location_id or "",
        payer_id=PATIENT,
        day=entry.day,
        event=entry.event.value,
        by=entry.by,
        quantity=sum(p.quantity for p in postings),
        gross_minor=-revenue - (tax if entry.tax_inclusive else 0),
        discount_minor=discount,
        net_minor=net,
        tax_minor=-tax,
        total_minor=net - tax,
        basis_points=max((p.basis_points for p in postings), default=0),
    )


def _shared(entry: Entry, lines: Sequence[Charge]) -> Iterable[list[Charge]]:
    """Each line, with the payer's part of it in a row of its own; the parts add up to what the payer owes."""
    owed = {payer: amount for (_, payer), amount in _receivable(entry).items() if payer and amount}
    total = sum(line.total_minor for line in lines)
    if not owed or not total:
        return [[line] for line in lines]
    payer, share = next(iter(owed.items()))  # an invoice has one payer at most
    exact = [Fraction(abs(line.total_minor * share), abs(total)) for line in lines]
    sign = 1 if share > 0 else -1
    parts = largest_remainders(exact, abs(share))
    return [_split(line, payer, sign * part, entry) for line, part in zip(lines, parts, strict=True)]


def _split(line: Charge, payer: str, part: int, entry: Entry) -> list[Charge]:
    if not part:
        return [line]
    weight = Fraction(part, line.total_minor)
    tax, discount = round_minor(line.tax_minor * weight), round_minor(line.discount_minor * weight)
    theirs = line._replace(
        payer_id=payer,
        quantity=0,
        gross_minor=part + discount - (0 if entry.tax_inclusive else tax),
        discount_minor=discount,
        net_minor=part - tax,
        tax_minor=tax,
        total_minor=part,
    )
    ours = line._replace(
        gross_minor=line.gross_minor - theirs.gross_minor,
        discount_minor=line.discount_minor - discount,
        net_minor=line.net_minor - theirs.net_minor,
        tax_minor=line.tax_minor - tax,
        total_minor=line.total_minor - part,
    )
    return [ours, theirs] if ours.total_minor else [theirs._replace(quantity=line.quantity)]


def _receivable(entry: Entry) -> dict[tuple[str, str], int]:
    """(Invoice, payer) -> how much more is owed, in the order of the postings."""
    change: dict[tuple[str, str], int] = {}
    for posting in entry.postings:
        if posting.book is Book.RECEIVABLE:
            debt = posting.invoice_id or "", posting.payer_id or PATIENT
            change[debt] = change.get(debt, 0) + posting.amount_minor
    return change


def _settlement(
    entry: Entry, debt: tuple[str, str], settled: int, money: tuple[int, int, int], owner: Owner | None
) -> Settlement:
    credit, written_off, amount = money
    method = next((p.method for p in entry.postings if p.book is Book.MONEY), None) if amount else None
    whose = owner or Owner(entry.label, entry.practitioner_id or "", entry.location_id or "")
    return Settlement(
        entry_id=entry.id,
        document_id=debt[0],
        label=whose.label,
        patient_id=entry.patient_id or "",
        practitioner_id=whose.practitioner_id,
        location_id=whose.location_id,
        payer_id=debt[1],
        method=method.value if method else "",
        day=entry.day,
        event=entry.event.value,
        by=entry.by,
        amount_minor=amount,
        settled_minor=settled,
        credit_minor=credit,
        written_off_minor=written_off,
    )


def _states(appointment: Appointment, zone: ZoneInfo) -> list[State]:
    """What the appointment was at the end of each day on which it changed; the last one is what it is now."""
    ends: dict[date, State] = {}
    claim = appointment.claim
    events = _changes(appointment)
    for event, after in zip(events[-2::-1], events[:0:-1], strict=True):
        claim = after.left or claim  # what it claimed from this event until the next
        on = clock.local_day(event.at, zone)
        state = _state(on, event.status, event.start, zone, None if claim == appointment.claim else claim)
        ends.setdefault(on, state)
    now = _state(_settled_on(appointment, zone), appointment.status, appointment.start, zone)
    return [*(state for on, state in sorted(ends.items()) if on < now.on), now]


def _changes(appointment: Appointment) -> list[AppointmentEvent]:
    """The events that figures tell apart: a confirmation changes neither the status nor the time."""
    return [event for event in appointment.events if event.kind != CONFIRMED]


def _settled_on(appointment: Appointment, zone: ZoneInfo) -> date:
    """The day of the last change. What was imported is taken to have been known on the day of the visit."""
    changes = _changes(appointment)
    if not changes:
        return clock.local_day(appointment.booked_at, zone)
    last = changes[-1]
    on = clock.local_day(last.at, zone)
    return min(on, appointment.day) if last.kind == "imported" else on


def _state(on: date, status: AppointmentStatus, start: datetime, zone: ZoneInfo, claim: Claim | None = None) -> State:
    local = start.astimezone(zone)
    return State(on, status.value, local.date(), local.hour, local.minute, claim)


def _written(before: Sequence[State]) -> str:
    """The states as one text; what was claimed only where it was another practitioner, room or length."""
    return ";".join(
        " ".join(map(str, state[:5])) + (f" {_claimed(state.claim)}" if state.claim else "") for state in before
    )


def _claimed(claim: Claim) -> str:
    return f"{quote(claim.practitioner_id, safe='')} {quote(claim.room_id or '', safe='')} {claim.minutes}"


def _read(words: Sequence[str]) -> State:
    on, status, day, hour, minute, *claimed = words
    claim = None
    if claimed:
        practitioner, room, minutes = claimed
        claim = Claim(practitioner_id=unquote(practitioner), room_id=unquote(room) or None, minutes=int(minutes))
    return State(date.fromisoformat(on), status, date.fromisoformat(day), int(hour), int(minute), claim)


def _minutes(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() / 60, 1)
