"""The collection `models`: what was learned from the clinic's own past, as plain numbers, one document per model."""

from __future__ import annotations

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.noshow import MODEL_ID, Model
from clinic_core.store.mongo import Document, from_document, reaching, to_document


class Models:
    """Reads and writes the model in use."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["models"]

    def create_indexes(self) -> None:
        """Nothing is missing: the primary key is all there is."""

    def save(self, model: Model) -> None:
        """Put a model in place of the one before; of two sidecars that do it at once the last one counts."""
        document = to_document(model)
        with reaching():
            try:
                self._collection.replace_one({"_id": model.id}, document, upsert=True)
            except DuplicateKeyError:  # another sidecar wrote the very first one at the same moment
                self._collection.replace_one({"_id": model.id}, document)

    def no_show(self) -> Model | None:
        """The no-show model; None when none was ever trained."""
        with reaching():
            document = self._collection.find_one({"_id": MODEL_ID})
        return None if document is None else from_document(Model, document)
