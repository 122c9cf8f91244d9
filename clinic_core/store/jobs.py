"""The collection `jobs`: the last run of each of the sidecar's jobs, the heartbeat among them."""

from __future__ import annotations

from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.jobs import JobRun
from clinic_core.store.mongo import Document, from_document, reaching, to_document


class Jobs:
    """Reads and writes the last run of each job."""

    INDEXES: tuple[IndexModel, ...] = ()  # a handful of documents, read by their id

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["jobs"]

    def create_indexes(self) -> None:
        """Nothing is missing: the primary key is all there is."""

    def record(self, run: JobRun) -> None:
        """Write the run over the job's last one; `last_ok_at` stays when it failed."""
        document = to_document(run)
        name = document.pop("_id")
        forgotten = {} if run.reference else {"$unset": {"reference": ""}}
        try:
            with reaching():
                self._collection.update_one({"_id": name}, {"$set": document, **forgotten}, upsert=True)
        except DuplicateKeyError:  # another sidecar wrote the first run of this job at the same moment
            with reaching():
                self._collection.update_one({"_id": name}, {"$set": document, **forgotten})

    def all(self) -> list[JobRun]:
        """The last run of every job."""
        with reaching():
            return [from_document(JobRun, found) for found in self._collection.find()]
