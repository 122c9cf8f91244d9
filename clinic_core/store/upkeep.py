"""The collections `size_samples` and `reviews`, and what the database server tells of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pymongo.database import Database
from pymongo.errors import OperationFailure

from clinic_core.domain.upkeep import IndexUse, Review, SizeSample
from clinic_core.store.mongo import Document, from_document, reaching, to_document


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSize:
    """What the server says it takes on disk and what is free there; None where it cannot tell."""

    disk_bytes: int | None
    free_bytes: int | None


class Upkeep:
    """Reads and writes what the regular looks at the system came to."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._samples, self._reviews = database["size_samples"], database["reviews"]

    def create_indexes(self) -> None:
        """Nothing is missing: one document a day, one per review."""

    def save_sample(self, sample: SizeSample) -> None:
        """Write the day's sample; a second one of the day takes its place."""
        with reaching():
            self._samples.replace_one({"_id": sample.id}, to_document(sample), upsert=True)

    def samples(self, most: int) -> list[SizeSample]:
        """The latest ones, oldest first."""
        with reaching():
            found = list(self._samples.find().sort("_id", -1).limit(most))
        return [from_document(SizeSample, document) for document in reversed(found)]

    def save_review(self, review: Review) -> None:
        """Put a review in place of the one before."""
        with reaching():
            self._reviews.replace_one({"_id": review.id}, to_document(review), upsert=True)

    def reviews(self) -> list[Review]:
        """The last one of each kind."""
        with reaching():
            return [from_document(Review, document) for document in self._reviews.find().sort("_id", 1)]

    def server_size(self) -> ServerSize:
        """What the server says. The embedded one would read every document, and not its disk: not asked."""
        with reaching():
            if self._database.command("hello").get("setName") == "secantus":
                return ServerSize(disk_bytes=None, free_bytes=None)
            told = self._database.command("dbStats")
        total, used = told.get("fsTotalSize"), told.get("fsUsedSize")
        free = int(total - used) if total and used is not None else None
        return ServerSize(disk_bytes=int(told["storageSize"] + told["indexSize"]), free_bytes=free)

    def documents(self) -> dict[str, int]:
        """About how many documents each collection has."""
        with reaching():
            return {name: self._database[name].estimated_document_count() for name in self._names()}

    def index_uses(self) -> list[IndexUse]:
        """How often each index was read, as far as the server counts that."""
        with reaching():
            return [use for name in self._names() for use in self._uses(name)]

    def invalid(self) -> Iterator[tuple[str, bool | None]]:
        """Each collection and whether the server finds its files and indexes sound; None where it cannot tell."""
        with reaching():
            for name in self._names():
                yield name, self._is_valid(name)

    def _is_valid(self, name: str) -> bool | None:
        try:  # in the background: otherwise nobody could write to the collection meanwhile
            return bool(self._database.command("validate", name, background=True)["valid"])
        except OperationFailure:
            return None

    def _names(self) -> list[str]:
        return sorted(name for name in self._database.list_collection_names() if not name.startswith("system."))

    def _uses(self, name: str) -> list[IndexUse]:
        known: Mapping[str, Mapping[str, object]] = self._database[name].index_information()
        try:
            told = {one["name"]: one["accesses"] for one in self._database[name].aggregate([{"$indexStats": {}}])}
        except OperationFailure:
            told = {}
        uses = {key: told.get(key, {}) for key in known}
        return [
            IndexUse(
                collection=name,
                name=key,
                unique=bool(known[key].get("unique")),
                reads=int(use["ops"]) if use.get("since") else None,
                since=use.get("since"),
            )
            for key, use in uses.items()
        ]
