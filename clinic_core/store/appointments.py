"""Appointments. The unique multikey index on `holds` is what makes a double booking impossible.

Every change is one write of one document, guarded by the version that was read. A document with holds carries its
day as `held_on` too, by which `release` finds those that have passed. A document whose facts are not yet in its
month's block carries `unfolded: true` (see `store/facts.py`), one that costs a fee `fee_open: true` until that is
drafted, one whose patient may have to hear of it `messages_open: true` until that is planned.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime

from pymongo.database import Database
from pymongo.errors import ConnectionFailure, DuplicateKeyError

from clinic_core.domain.appointments import Appointment, AppointmentEvent, AppointmentStatus, holds
from clinic_core.errors import AlreadyExists, Conflict, NotFound, SlotTaken
from clinic_core.store.mongo import (
    Document,
    IndexModel,
    Stored,
    batches,
    conflict_key,
    existing,
    from_document,
    insert_many,
    reaching,
    stream,
    to_document,
    without,
)

LAST_VISIT_SECONDS = 300.0
_DAYS_KEPT = 7


class Appointments:
    """The `appointments` collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["appointments"]
        self._last_visits = _LastVisits()

    def create_indexes(self) -> None:
        """No overlap of any resource; the day; a patient's visits; import id; what is held or still has to be done.

        Sparse and not partial: the embedded server enforces a partial index but never reads by it.
        """
        self._collection.create_indexes(
            [
                IndexModel("holds", unique=True, sparse=True),
                IndexModel("held_on", sparse=True),
                IndexModel("day"),
                IndexModel([("patient_id", 1), ("start", -1)]),
                IndexModel("month"),
                IndexModel("source_id", unique=True, sparse=True),
                IndexModel("unfolded", sparse=True),
                IndexModel("fee_open", sparse=True),
                IndexModel("messages_open", sparse=True),
            ]
        )

    def add(self, appointment: Appointment) -> Appointment:
        """Save a new appointment and return what is there: the same id again is the booking that was made first.

        Raises SlotTaken if any of its cells is held already, AlreadyExists when the id belongs to another booking.
        A lost answer is settled by reading the id back.
        """
        with reaching():
            try:
                self._collection.insert_one(_document(appointment) | _TO_PLAN)
                return appointment
            except DuplicateKeyError as error:
                return self._booked_before(appointment, error)
            except ConnectionFailure:
                found = self.find(appointment.id)
                if found is None:
                    raise
                return found

    def add_many(
        self, appointments: Iterable[Appointment], *, held_since: date = date.min, folded: bool = False
    ) -> set[str]:
        """Save many, for imports and the demo, and return the ids of those whose time is held already.

        Those of days before `held_since` hold nothing any more. Those that are there already (same id or import
        id) stay as they are. `folded` leaves out the mark for the fold: the caller rebuilds all facts at the end.
        """
        left_out = {"unfolded"} if folded else set()
        documents = [
            without(_document(a), left_out | (_HELD if a.day < held_since else set())) | _to_plan(a, held_since)
            for a in appointments
        ]
        refused = insert_many(self._collection, documents)
        return {str(documents[at]["_id"]) for at, key in refused.items() if "holds" in key}

    def holders(self, cells: Iterable[str]) -> dict[str, str]:
        """Which of these cells are held, and by which appointment."""
        wanted = sorted(set(cells))
        held: dict[str, str] = {}
        for part in batches(wanted):
            with reaching():
                for document in self._collection.find({"holds": {"$in": part}}, {"holds": 1}):
                    held |= dict.fromkeys(set(part) & set(document["holds"]), str(document["_id"]))
        return held

    def release(self, before: date) -> int:
        """Forget the holds of days before `before`, which nobody can book any more; how many visits had some."""
        with reaching():
            done = self._collection.update_many(
                {"held_on": {"$lt": before.isoformat()}}, {"$unset": {"holds": "", "held_on": ""}}
            )
        return done.modified_count

    def change(
        self,
        before: Appointment,
        after: Appointment,
        event: AppointmentEvent,
        *,
        costs_fee: bool = False,
        to_say: bool = True,
    ) -> Appointment:
        """Replace `before` by `after` with one event more, in one write.

        `costs_fee` marks it until `fee_drafted`, `to_say` until `messages_planned`.

        Raises SlotTaken when a new cell is held, Conflict when somebody changed the appointment since it was read.
        """
        newer = replace(after, events=(*before.events, event), version=before.version + 1)
        with reaching():
            try:
                marks = {"fee_open": True} if costs_fee else {}
                return self._replace(before, newer, marks | _TO_PLAN if to_say else marks)
            except DuplicateKeyError as error:
                raise _taken(error, self._holder(error)) from error
            except ConnectionFailure:
                current = self.find(before.id)
                if current is not None and current == newer:
                    return newer
                raise

    def get(self, appointment_id: str) -> Appointment:
        """One appointment; raises NotFound."""
        found = self.find(appointment_id)
        if found is None:
            raise NotFound("This appointment does not exist. Reload the day.")
        return found

    def find(self, appointment_id: str) -> Appointment | None:
        """One appointment, None when there is none of that id."""
        with reaching():
            document = self._collection.find_one({"_id": appointment_id})
        return None if document is None else _appointment(document)

    def on_day(self, day: date) -> list[Appointment]:
        """All of a clinic-local day, by start."""
        with reaching():
            found = [_appointment(document) for document in self._collection.find({"day": day.isoformat()})]
        return sorted(found, key=lambda a: (a.start, a.practitioner_id))

    def of_patient(self, patient_id: str, *, most: int = 100) -> list[Appointment]:
        """A patient's appointments, latest first."""
        with reaching():
            found = self._collection.find({"patient_id": patient_id}).sort("start", -1).limit(most)
            return [_appointment(document) for document in found]

    def last_visits(self, patient_ids: Iterable[str], *, before: date) -> dict[str, date]:
        """Patient id -> the day of the last visit that took place before a day, at most five minutes old.

        Read in one query for those not asked about since: it takes all visits of each, while what it
        tells changes only when somebody catches up on an earlier day.
        """
        wanted = set(patient_ids)
        known = self._last_visits.known(before, wanted)
        missing = wanted - known.keys()
        if missing:
            found = self._read_last_visits(missing, before)
            known = {**known, **self._last_visits.keep(before, {one: found.get(one) for one in missing})}
        return {patient_id: last for patient_id, last in known.items() if last is not None}

    def _read_last_visits(self, patient_ids: Iterable[str], before: date) -> dict[str, date]:
        wanted = {
            "patient_id": {"$in": sorted(patient_ids)},
            "status": AppointmentStatus.FULFILLED.value,
            "day": {"$lt": before.isoformat()},
        }
        with reaching():
            found = list(self._collection.find(wanted, {"_id": 0, "patient_id": 1, "day": 1}))
        return {d["patient_id"]: date.fromisoformat(d["day"]) for d in sorted(found, key=lambda d: str(d["day"]))}

    def every(self) -> Iterator[Stored[Appointment]]:
        """All of them in no order, one batch in memory, with `holds` and `month` as they are stored."""
        return stream(self._collection, Appointment, {})

    def of_month(self, month: str) -> Iterator[Stored[Appointment]]:
        """The same for the days of one month, "YYYY-MM"."""
        return stream(self._collection, Appointment, {"month": month})

    def many(self, appointment_ids: Iterable[str]) -> dict[str, Appointment]:
        """Those that exist, by id. Ask for at most a hundred: the cost of a query grows with the square."""
        with reaching():
            found = self._collection.find({"_id": {"$in": sorted(set(appointment_ids))}})
            return {document["_id"]: _appointment(document) for document in found}

    def existing(self, appointment_ids: Iterable[str]) -> set[str]:
        """Which of these appointments are there."""
        return existing(self._collection, sorted(set(appointment_ids)))

    def is_empty(self) -> bool:
        """Whether nothing was ever booked."""
        with reaching():
            return self._collection.find_one({}, {"_id": 1}) is None

    def by_source_ids(self, source_ids: Iterable[str]) -> dict[str, str]:
        """Import id -> appointment id of those that are there."""
        with reaching():
            found = self._collection.find({"source_id": {"$in": list(source_ids)}}, {"source_id": 1})
            return {document["source_id"]: document["_id"] for document in found}

    def costing_fee(self, *, most: int = 500) -> list[Appointment]:
        """Those whose fee is not drafted yet, as far as anybody knows."""
        with reaching():
            return [_appointment(document) for document in self._collection.find({"fee_open": True}).limit(most)]

    def fee_drafted(self, visit: Appointment) -> bool:
        """Take the mark for the fee away; False when the visit was changed since it was read."""
        with reaching():
            done = self._collection.update_one(
                {"_id": visit.id, "version": visit.version}, {"$unset": {"fee_open": ""}}
            )
        return bool(done.matched_count)

    def with_open_messages(self, *, most: int) -> list[Appointment]:
        """Those whose messages are not planned yet, as far as anybody knows."""
        with reaching():
            return [_appointment(document) for document in self._collection.find(_TO_PLAN).limit(most)]

    def messages_planned(self, visit: Appointment) -> bool:
        """Take the mark for the messages away; False when the visit was changed since it was read."""
        with reaching():
            done = self._collection.update_one(
                {"_id": visit.id, "version": visit.version}, {"$unset": dict.fromkeys(_TO_PLAN, "")}
            )
        return bool(done.matched_count)

    def has_open_messages(self, appointment_id: str) -> bool:
        """Whether a visit's messages are not planned yet."""
        with reaching():
            return self._collection.find_one({"_id": appointment_id, **_TO_PLAN}, {"_id": 1}) is not None

    def open_messages(self, appointment_id: str) -> None:
        """Mark a visit: its messages are to be planned anew."""
        with reaching():
            self._collection.update_one({"_id": appointment_id}, {"$set": _TO_PLAN})

    def open_messages_since(self, day: date) -> None:
        """The same for every booked visit from a day on."""
        wanted = {"day": {"$gte": day.isoformat()}, "status": AppointmentStatus.BOOKED.value}
        with reaching():
            self._collection.update_many(wanted, {"$set": _TO_PLAN})

    def _replace(self, before: Appointment, newer: Appointment, marks: Document) -> Appointment:
        guard = {"_id": before.id, "version": before.version}
        document = _document(newer) | marks
        gone = {key: "" for key in _OPTIONAL if key not in document}
        change: Document = {"$set": {k: v for k, v in document.items() if k != "_id"}}
        if gone:
            change["$unset"] = gone
        if document["month"] != _month(before):
            change["$addToSet"] = {"moved_from": _month(before)}  # whose block may hold it: rebuilt by the next fold
        if not self._collection.update_one(guard, change).matched_count:
            raise Conflict("Somebody else changed this appointment just now. Look at the day again and repeat it.")
        return newer

    def _booked_before(self, wanted: Appointment, error: DuplicateKeyError) -> Appointment:
        """What an insert that collided met: this very booking, or another one in its place."""
        current = self.find(wanted.id)
        if current is None and "holds" in conflict_key(error):
            raise _taken(error, self._holder(error)) from error
        if current is None or _booking(current) != _booking(wanted):
            raise AlreadyExists("This appointment was booked already. Look at the day again.") from error
        return current

    def _holder(self, error: DuplicateKeyError) -> str:
        held = conflict_key(error).get("holds")
        document = self._collection.find_one({"holds": held}, {"_id": 1})
        return "" if document is None else str(document["_id"])


class _LastVisits:
    """The last visits read a short while ago, for the few days whose boards are looked at. Shared and read-only."""

    def __init__(self) -> None:
        self._days: dict[date, tuple[float, Mapping[str, date | None]]] = {}

    def known(self, before: date, patient_ids: set[str]) -> dict[str, date | None]:
        until, last = self._days.get(before, (0.0, {}))
        return {one: last[one] for one in patient_ids if one in last} if time.monotonic() < until else {}

    def keep(self, before: date, found: Mapping[str, date | None]) -> Mapping[str, date | None]:
        until, last = self._days.get(before, (0.0, {}))
        now = time.monotonic()
        fresh = now < until
        others = {day: kept for day, kept in list(self._days.items())[-_DAYS_KEPT:] if day != before}
        merged = {**last, **found} if fresh else dict(found)
        self._days = {**others, before: (until if fresh else now + LAST_VISIT_SECONDS, merged)}
        return found


_HELD = {"holds", "held_on"}
_TO_PLAN: Document = {"messages_open": True}
_OPTIONAL = ("holds", "held_on", "room_id", "cancel_reason", "source_id", "fee_open", "confirmed_at")


def _to_plan(appointment: Appointment, since: date) -> Document:
    return _TO_PLAN if appointment.status is AppointmentStatus.BOOKED and appointment.day >= since else {}


def _document(appointment: Appointment, holds_from: date | None = None) -> Document:
    is_over = holds_from is not None and appointment.day < holds_from
    cells = [] if is_over else holds(appointment)
    derived: Document = {"month": _month(appointment), "unfolded": True}
    held: Document = {"holds": cells, "held_on": appointment.day.isoformat()} if cells else {}
    return to_document(appointment) | derived | held


def _booking(appointment: Appointment) -> tuple[str, str, datetime]:
    """What was asked for at first, whatever became of it: equal for two clicks on one button."""
    first = appointment.events[0].start if appointment.events else appointment.start
    return appointment.patient_id, appointment.service_id, first


def _month(appointment: Appointment) -> str:
    return appointment.day.isoformat()[:7]


def _appointment(document: Document) -> Appointment:
    return from_document(Appointment, document)


def _taken(error: DuplicateKeyError, holder_id: str) -> SlotTaken:
    resource = str(conflict_key(error).get("holds", "")).partition("@")[0]
    return SlotTaken("This time is taken. Choose another.", resource=resource, holder_id=holder_id)
