"""Appointments. The unique multikey index on `holds` is what makes a double booking impossible.

Every change is one write of one document, guarded by the version that was read. A document whose facts are
not yet in its month's block carries `unfolded: true` (see `store/facts.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from pymongo.database import Database
from pymongo.errors import ConnectionFailure, DuplicateKeyError

from clinic_core.domain.appointments import Appointment, AppointmentEvent, holds
from clinic_core.errors import AlreadyExists, Conflict, NotFound, SlotTaken
from clinic_core.store.mongo import Document, IndexModel, conflict_key, from_document, reaching, to_document


class Appointments:
    """The `appointments` collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["appointments"]

    def create_indexes(self) -> None:
        """No overlap of any resource; the day; a patient's visits; import id; what is not folded yet.

        Sparse and not partial: the embedded server enforces a partial index but never reads by it.
        """
        self._collection.create_indexes(
            [
                IndexModel("holds", unique=True, sparse=True),
                IndexModel("day"),
                IndexModel([("patient_id", 1), ("start", -1)]),
                IndexModel("month"),
                IndexModel("source_id", unique=True, sparse=True),
                IndexModel("unfolded", sparse=True),
            ]
        )

    def add(self, appointment: Appointment) -> None:
        """Save a new appointment; raises SlotTaken if any of its cells is held already.

        A lost answer is settled by reading the id back, and the same booking twice is one booking.
        """
        with reaching():
            try:
                self._collection.insert_one(_document(appointment))
            except DuplicateKeyError as error:
                self._refuse(error, appointment)
            except ConnectionFailure:
                if self._collection.find_one({"_id": appointment.id}, {"_id": 1}) is None:
                    raise

    def add_many(self, appointments: Iterable[Appointment]) -> None:
        """Save many, for imports and the demo; raises pymongo's BulkWriteError when one collides."""
        documents = [_document(appointment) for appointment in appointments]
        if documents:
            with reaching():
                self._collection.insert_many(documents, ordered=False)

    def change(self, before: Appointment, after: Appointment, event: AppointmentEvent) -> Appointment:
        """Replace `before` by `after` with one event more, in one write.

        Raises SlotTaken when a new cell is held, Conflict when somebody changed the appointment since it was read.
        """
        newer = replace(after, events=(*before.events, event), version=before.version + 1)
        with reaching():
            try:
                return self._replace(before, newer)
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

    def of_patients(self, patient_ids: Iterable[str]) -> list[Appointment]:
        """The appointments of several patients in one query, in no order."""
        with reaching():
            found = self._collection.find({"patient_id": {"$in": sorted(set(patient_ids))}})
            return [_appointment(document) for document in found]

    def by_source_ids(self, source_ids: Iterable[str]) -> dict[str, str]:
        """Import id -> appointment id of those that are there."""
        with reaching():
            found = self._collection.find({"source_id": {"$in": list(source_ids)}}, {"source_id": 1})
            return {document["source_id"]: document["_id"] for document in found}

    def _replace(self, before: Appointment, newer: Appointment) -> Appointment:
        guard = {"_id": before.id, "version": before.version}
        document = _document(newer)
        gone = {key: "" for key in _OPTIONAL if key not in document}
        change: Document = {"$set": {k: v for k, v in document.items() if k != "_id"}}
        if gone:
            change["$unset"] = gone
        if document["month"] != _month(before):
            change["$addToSet"] = {"moved_from": _month(before)}  # whose block may hold it: rebuilt by the next fold
        if not self._collection.update_one(guard, change).matched_count:
            raise Conflict("Somebody else changed this appointment just now. Look at the day again and repeat it.")
        return newer

    def _refuse(self, error: DuplicateKeyError, wanted: Appointment) -> None:
        found = conflict_key(error)
        if "holds" in found:
            raise _taken(error, self._holder(error)) from error
        current = self.find(wanted.id)
        if current is None or (current.patient_id, current.booked_at) != (wanted.patient_id, wanted.booked_at):
            raise AlreadyExists("This appointment was booked already. Look at the day again.") from error

    def _holder(self, error: DuplicateKeyError) -> str:
        held = conflict_key(error).get("holds")
        document = self._collection.find_one({"holds": held}, {"_id": 1})
        return "" if document is None else str(document["_id"])


_OPTIONAL = ("holds", "room_id", "cancel_reason", "source_id")


def _document(appointment: Appointment) -> Document:
    cells = holds(appointment)
    derived: Document = {"month": _month(appointment), "unfolded": True}
    return to_document(appointment) | derived | ({"holds": cells} if cells else {})


def _month(appointment: Appointment) -> str:
    return appointment.day.isoformat()[:7]


def _appointment(document: Document) -> Appointment:
    return from_document(Appointment, document)


def _taken(error: DuplicateKeyError, holder_id: str) -> SlotTaken:
    resource = str(conflict_key(error).get("holds", "")).partition("@")[0]
    return SlotTaken("This time is taken. Choose another.", resource=resource, holder_id=holder_id)
