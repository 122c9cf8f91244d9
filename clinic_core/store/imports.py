"""The collection `import_mappings`: how a foreign file was described once, kept under a name."""

from __future__ import annotations

from dataclasses import replace

from pymongo.database import Database

from clinic_core.domain.imports import Mapping
from clinic_core.store.mongo import Document, from_document, reaching, to_document


class Imports:
    """Saved mappings, by name."""

    def __init__(self, database: Database[Document]) -> None:
        self._mappings = database["import_mappings"]

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
