"""Facts for reporting: one compact block per kind of document and month, and the documents not folded into one yet."""

from __future__ import annotations

from pymongo.database import Database

from clinic_core.store.mongo import Document


class Facts:
    """The `fact_blocks` collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._blocks = database["fact_blocks"]

    def create_indexes(self) -> None:
        """Nothing is missing: blocks are read by their id."""
