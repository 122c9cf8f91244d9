"""Encounters: one note per appointment, under the appointment's id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.encounters import Encounter
from clinic_core.errors import Conflict
from clinic_core.store.mongo import (
    Document,
    IndexModel,
    Stored,
    from_document,
    insert_many,
    reaching,
    stream,
    to_document,
)


class Encounters:
    """The `encounters` collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["encounters"]

    def create_indexes(self) -> None:
        """A patient's notes, latest first."""
        self._collection.create_indexes([IndexModel([("patient_id", 1), ("day", -1)])])

    def find(self, appointment_id: str) -> Encounter | None:
        """The appointment's note; None when there is none yet."""
        with reaching():
            document = self._collection.find_one({"_id": appointment_id})
        return None if document is None else from_document(Encounter, document)

    def save(self, encounter: Encounter) -> Encounter:
        """Save the next version (new at version 0); raises Conflict when it was changed since it was read."""
        newer = replace(encounter, version=encounter.version + 1)
        guard = {"_id": encounter.id, "version": encounter.version}
        with reaching():
            try:
                done = self._collection.replace_one(guard, to_document(newer), upsert=encounter.version == 0)
            except DuplicateKeyError as error:
                raise _changed() from error
        if not done.matched_count and done.upserted_id is None:
            raise _changed()
        return newer

    def add_many(self, encounters: list[Encounter]) -> None:
        """Save many, for the demo; those that are there already stay as they are."""
        insert_many(self._collection, [to_document(encounter) for encounter in encounters])

    def every(self) -> Iterator[Stored[Encounter]]:
        """All of them in no order, one batch in memory, for checks."""
        return stream(self._collection, Encounter, {})

    def of_patient(self, patient_id: str, *, until: date, most: int = 20) -> list[Encounter]:
        """A patient's notes up to a day, latest first."""
        wanted = {"patient_id": patient_id, "day": {"$lte": until.isoformat()}}
        with reaching():
            found = self._collection.find(wanted).sort("day", -1).limit(most)
            return [from_document(Encounter, document) for document in found]


def _changed() -> Conflict:
    return Conflict("This note was changed on another screen. Copy your text, reload the visit and add it again.")
