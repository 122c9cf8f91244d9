"""The collection `papers`: what was printed once and is never drawn again. Whoever prints first decides."""

from __future__ import annotations

from collections.abc import Iterator

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.papers import Paper
from clinic_core.store.mongo import Document, Stored, from_document, reaching, stream, to_document


class Papers:
    """Papers are inserted once and never changed."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["papers"]

    def get(self, paper_id: str) -> Paper | None:
        """A paper, None when it was never printed."""
        with reaching():
            document = self._collection.find_one({"_id": paper_id})
        return None if document is None else from_document(Paper, document)

    def keep(self, paper: Paper) -> Paper:
        """Save a paper, and return what is there: of two that are printed at once the first one counts."""
        with reaching():
            try:
                self._collection.insert_one(to_document(paper))
            except DuplicateKeyError:
                return self.get(paper.id) or paper
        return paper

    def every(self) -> Iterator[Stored[Paper]]:
        """All of them, for checks."""
        return stream(self._collection, Paper, {})
