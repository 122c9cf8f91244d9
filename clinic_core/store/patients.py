"""Patients, found by one equality on a gram of their name, phone or number."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain import search
from clinic_core.domain.people import Patient
from clinic_core.errors import AlreadyExists, Conflict, NotFound
from clinic_core.store.mongo import (
    Document,
    IndexModel,
    Stored,
    batches,
    existing,
    from_document,
    insert_many,
    reaching,
    stream,
    to_document,
)

MOST_FOUND = 50
SHOWN_SECONDS = 5.0
_MOST_SHOWN = 2_000
_ASKED_AT_ONCE = 50
_WITHOUT_KEYS = {"keys": 0, "text": 0}  # most of a document, and only the search box needs them


class Patients:
    """The `patients` collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["patients"]
        self._shown = _Shown()

    def create_indexes(self) -> None:
        """Unique number and import id; the search keys; the phone."""
        self._collection.create_indexes(
            [
                IndexModel("number", unique=True),
                IndexModel("source_id", unique=True, sparse=True),
                IndexModel("keys"),
                IndexModel("phone"),
            ]
        )

    def add(self, patient: Patient) -> None:
        """Save a new patient. Repeating the same write is harmless; raises AlreadyExists for a taken number."""
        with reaching():
            try:
                self._collection.insert_one(_document(patient))
            except DuplicateKeyError as error:  # which of several indexes it names is not the same everywhere
                if not existing(self._collection, [patient.id]):
                    raise AlreadyExists("A patient with this number exists already.") from error

    def add_many(self, patients: Iterable[Patient]) -> None:
        """Save many new patients, for imports and the demo; those that are there already (same id) stay as they are.

        Raises AlreadyExists for a number or an import id that another patient has.
        """
        refused = insert_many(self._collection, [_document(patient) for patient in patients])
        if any("_id" not in key for key in refused.values()):
            raise AlreadyExists("A patient with this number or import id exists already.")

    def save(self, patient: Patient) -> Patient:
        """Save a change of the version that was read; raises Conflict when somebody changed it since."""
        newer = replace(patient, version=patient.version + 1)
        with reaching():
            done = self._collection.replace_one({"_id": patient.id, "version": patient.version}, _document(newer))
        if not done.matched_count:
            raise Conflict("Somebody else changed this patient just now. Reload it and enter your change again.")
        self._shown.forget(patient.id)
        return newer

    def get(self, patient_id: str) -> Patient:
        """One patient; raises NotFound."""
        with reaching():
            document = self._collection.find_one({"_id": patient_id})
        if document is None:
            raise NotFound("This patient does not exist. Search again by name, phone or number.")
        return _patient(document)

    def get_many(self, patient_ids: Iterable[str]) -> dict[str, Patient]:
        """The patients that exist, by id, in one query."""
        wanted = {"_id": {"$in": sorted(set(patient_ids))}}
        with reaching():
            return {d["_id"]: _patient(d) for d in self._collection.find(wanted, _WITHOUT_KEYS)}

    def for_list(self, patient_ids: Iterable[str]) -> dict[str, Patient]:
        """The same for the rows of a list that many people look at: each record at most five seconds old.

        What is changed through this store shows at once. A board of 60 rows is drawn several times a second and
        otherwise read its patients anew each time, two thirds of its cost.
        """
        wanted = set(patient_ids)
        known = self._shown.known(wanted)
        missing = sorted(wanted - known.keys())
        for some in batches(missing, _ASKED_AT_ONCE):
            found = self.get_many(some)
            self._shown.keep(found)
            known |= found
        return known

    def by_number(self, number: str) -> Patient | None:
        """The patient with a number like ``P-000123``."""
        with reaching():
            document = self._collection.find_one({"number": number})
        return None if document is None else _patient(document)

    def by_phone(self, phone: str) -> list[Patient]:
        """Everybody who shares a phone in E.164, by number."""
        with reaching():
            found = [_patient(document) for document in self._collection.find({"phone": phone})]
        return sorted(found, key=lambda patient: patient.number)

    def existing(self, patient_ids: Iterable[str]) -> set[str]:
        """Those of the ids that belong to a patient."""
        with reaching():
            return existing(self._collection, sorted(set(patient_ids)))

    def numbers(self, patient_ids: Iterable[str]) -> dict[str, str]:
        """Patient id -> number like ``P-000123`` of those that exist."""
        wanted, found = sorted(set(patient_ids)), dict[str, str]()
        for some in batches(wanted, _ASKED_AT_ONCE):
            with reaching():
                numbered = self._collection.find({"_id": {"$in": some}}, {"number": 1})
                found |= {d["_id"]: d["number"] for d in numbered}
        return found

    def every(self) -> Iterator[Stored[Patient]]:
        """All of them in no order, one batch in memory, for checks."""
        return stream(self._collection, Patient, {})

    def by_source_ids(self, source_ids: Iterable[str]) -> dict[str, str]:
        """Import id -> patient id of those that are there."""
        with reaching():
            found = self._collection.find({"source_id": {"$in": list(source_ids)}}, {"source_id": 1})
            return {document["source_id"]: document["_id"] for document in found}

    def search(self, wanted: search.Query, *, most: int = MOST_FOUND) -> list[Patient]:
        """Those that match, by name. At most `most`."""
        everything = "".join(f"(?=.*{re.escape(part)})" for part in wanted.parts)
        with reaching():
            found = self._collection.find({"keys": wanted.key, "text": {"$regex": everything}}).limit(most)
            return sorted(map(_patient, found), key=lambda patient: (patient.name.casefold(), patient.number))

    def latest(self, most: int, *, since_number: str = "") -> list[Patient]:
        """The patients registered last, newest first, of those with `since_number` or a later one.

        These are all sorted, which takes the embedded server 50 microseconds a patient.
        """
        wanted = {"number": {"$gte": since_number}}
        with reaching():
            return [_patient(d) for d in self._collection.find(wanted).sort("number", -1).limit(most)]

    def count(self) -> int:
        """How many there are."""
        with reaching():
            return self._collection.estimated_document_count()


class _Shown:
    """The patients read a short while ago, by id. Shared and read-only; bounded by starting over."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Patient]] = {}

    def known(self, patient_ids: set[str]) -> dict[str, Patient]:
        now, kept = time.monotonic(), self._kept
        found = ((one, kept.get(one)) for one in patient_ids)
        return {one: entry[1] for one, entry in found if entry is not None and now < entry[0]}

    def keep(self, found: Mapping[str, Patient]) -> None:
        until = time.monotonic() + SHOWN_SECONDS
        if len(self._kept) > _MOST_SHOWN:
            self._kept = {}
        self._kept.update({one: (until, patient) for one, patient in found.items()})

    def forget(self, patient_id: str) -> None:
        self._kept.pop(patient_id, None)


def _document(patient: Patient) -> Document:
    named = {"name": patient.name, "number": patient.number, "phone": patient.phone}
    return {**to_document(patient), "keys": search.keys(**named), "text": search.text_of(**named)}


def _patient(document: Document) -> Patient:
    return from_document(Patient, document)
