"""The small reference collections: the clinic itself, practitioners, services, hours, payers, words of messages.

They are few, change rarely and are read by every screen, so each is read whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.maintenance import MaintenanceWindow
from clinic_core.domain.messages import MessagePolicy, Template
from clinic_core.domain.organization import HealthcareService, Organization
from clinic_core.domain.payers import Payer
from clinic_core.domain.people import Practitioner
from clinic_core.domain.schedules import Schedule
from clinic_core.errors import AlreadyExists, Conflict, NotFound
from clinic_core.store.mongo import Document, IndexModel, from_document, reaching, to_document


class Versioned(Protocol):
    """What the records here have in common."""

    @property
    def id(self) -> str:
        """The primary key."""

    @property
    def version(self) -> int:
        """How often it was saved."""


R = TypeVar("R", bound=Versioned)


class Directory(Generic[R]):
    """A small collection of versioned records of one kind."""

    def __init__(self, database: Database[Document], name: str, kind: type[R], *, unique: str = "") -> None:
        self._collection, self._kind, self._unique = database[name], kind, unique

    def create_indexes(self) -> None:
        """The unique field, where there is one."""
        if self._unique:
            self._collection.create_indexes([IndexModel(self._unique, unique=True)])

    def all(self) -> list[R]:
        """Every record."""
        with reaching():
            return [from_document(self._kind, document) for document in self._collection.find()]

    def get(self, record_id: str) -> R:
        """One record; raises NotFound."""
        with reaching():
            document = self._collection.find_one({"_id": record_id})
        if document is None:
            raise NotFound("This entry does not exist any more. Reload the page.")
        return from_document(self._kind, document)

    def add(self, record: R) -> None:
        """Save a new record. The same write again is harmless; raises AlreadyExists for a taken code."""
        with reaching():
            try:
                self._collection.insert_one(to_document(record))
            except DuplicateKeyError as error:
                if self._collection.find_one({"_id": record.id}) is None:
                    raise AlreadyExists(f"This {self._unique or 'entry'} is used already; choose another.") from error

    def save(self, record: R) -> R:
        """Save the next version, new when it has version 0; raises Conflict when somebody changed it since."""
        as_dataclass: Any = record  # every kind of record here is a frozen dataclass
        saved: R = replace(as_dataclass, version=record.version + 1)
        with reaching():
            try:
                done = self._collection.replace_one(
                    {"_id": record.id, "version": record.version}, to_document(saved), upsert=record.version == 0
                )
            except DuplicateKeyError as error:
                return self._settled(saved, error)
            if not done.matched_count and done.upserted_id is None:
                return self._settled(saved, None)
        return saved

    def _settled(self, wanted: R, error: DuplicateKeyError | None) -> R:
        """After a write that did not go in: fine when it was there already, as after a double click."""
        current = self._collection.find_one({"_id": wanted.id})
        if current is not None and from_document(self._kind, current) == wanted:
            return wanted
        if error is not None and (current is None or current["version"] == wanted.version - 1):
            raise AlreadyExists(f"This {self._unique} is used already; choose another.") from error
        raise Conflict("Somebody else changed this just now. Reload the page and enter your change again.") from error


def organizations(database: Database[Document]) -> Directory[Organization]:
    """The clinic's profile: one record."""
    return Directory(database, "organization", Organization)


def practitioners(database: Database[Document]) -> Directory[Practitioner]:
    """Those who see patients."""
    return Directory(database, "practitioners", Practitioner)


def catalogue(database: Database[Document]) -> Directory[HealthcareService]:
    """What can be booked and billed."""
    return Directory(database, "services", HealthcareService, unique="code")


def schedules(database: Database[Document]) -> Directory[Schedule]:
    """Weekly hours, by practitioner."""
    return Directory(database, "schedules", Schedule)


def message_policies(database: Database[Document]) -> Directory[MessagePolicy]:
    """What the clinic decided about messages: one record."""
    return Directory(database, "message_policy", MessagePolicy)


def templates(database: Database[Document]) -> Directory[Template]:
    """The words of messages that the clinic changed."""
    return Directory(database, "message_templates", Template)


def maintenance_windows(database: Database[Document]) -> Directory[MaintenanceWindow]:
    """When the system may be away."""
    return Directory(database, "maintenance_windows", MaintenanceWindow)


def payers(database: Database[Document]) -> Directory[Payer]:
    """Who pays besides the patients."""
    return Directory(database, "payers", Payer, unique="name")
