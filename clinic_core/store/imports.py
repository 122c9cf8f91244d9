"""How foreign files were described (`import_mappings`), and which bulk loads began and ended (`bulk_loads`)."""

from __future__ import annotations

from dataclasses import replace

from pymongo.database import Database

from clinic_core.domain.imports import BulkLoad, Mapping
from clinic_core.store.mongo import Document, from_document, reaching, to_document


class Imports:
    """Saved mappings by name, and bulk loads."""

    def __init__(self, database: Database[Document]) -> None:
        self._mappings = database["import_mappings"]
        self._loads = database["bulk_loads"]

    def create_indexes(self) -> None:
        """None besides the name, which is the key."""

    def save(self, mapping: Mapping) -> None:
        """Save a mapping under its name, in place of an older one of that name."""
        newer = replace(mapping, version=mapping.version + 1)
        with reaching():
            self._mappings.replace_one({"_id": mapping.id}, to_document(newer), upsert=True)

    def find(self, name: str) -> Mapping | None:
        """The mapping of that name, if any."""
        with reaching():
            document = self._mappings.find_one({"_id": name})
        return None if document is None else from_document(Mapping, document)

    def names(self) -> list[str]:
        """The names there are, sorted."""
        with reaching():
            return sorted(document["_id"] for document in self._mappings.find({}, {"_id": 1}))

    def begin(self, load: BulkLoad) -> BulkLoad:
        """Note that a load begins; the one that began before, if there is one of that id."""
        with reaching():
            self._loads.update_one({"_id": load.id}, {"$setOnInsert": _fields(load)}, upsert=True)
        return self.load(load.id) or load

    def finish(self, load: BulkLoad) -> None:
        """Note that a load is complete."""
        with reaching():
            self._loads.update_one({"_id": load.id}, {"$set": {"finished": True}})

    def load(self, load_id: str) -> BulkLoad | None:
        """The load of that id, if one ever began."""
        with reaching():
            document = self._loads.find_one({"_id": load_id})
        return None if document is None else from_document(BulkLoad, document)


def _fields(load: BulkLoad) -> Document:
    return {key: value for key, value in to_document(load).items() if key != "_id"}
