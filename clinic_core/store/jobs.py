"""The collections `jobs` (one document per job), `job_runs` (a ring of the last runs of each) and `sidecars`.

Every change of a job's document is one update that finds it only as it was read, so that whoever races, one wins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.jobs import Claim, JobRun, JobState, Sidecar
from clinic_core.store.mongo import Document, IndexModel, from_document, reaching, to_document, without

_SOMEBODY_ELSES: Final = {"_id", "fence", "paused", "run_now_at"}  # what may change while a job runs


class Jobs:
    """Reads and writes jobs, their runs and the sidecars."""

    def __init__(self, database: Database[Document]) -> None:
        self._jobs = database["jobs"]
        self._runs = database["job_runs"]
        self._sidecars = database["sidecars"]

    def create_indexes(self) -> None:
        """The runs of a job; of the others there is a handful."""
        self._runs.create_indexes([IndexModel("job")])

    def add(self, names: Iterable[str]) -> None:
        """Make the documents that are missing; never by an upsert, which can answer nothing when two race."""
        for name in names:
            try:
                with reaching():
                    self._jobs.insert_one({"_id": name, "fence": 0})
            except DuplicateKeyError:  # another sidecar did, which is as good
                continue

    def all(self) -> list[JobState]:
        """What is known of every job, by name."""
        with reaching():
            found = [from_document(JobState, document) for document in self._jobs.find()]
        return sorted(found, key=lambda state: state.id)

    def last_work_at(self) -> datetime | None:
        """When a sidecar last finished a job; None: never."""
        with reaching():
            found = [document.get("finished_at") for document in self._jobs.find({}, {"finished_at": 1})]
        return max(filter(None, found), default=None)

    def get(self, name: str) -> JobState | None:
        """What is known of one job."""
        with reaching():
            found = self._jobs.find_one({"_id": name})
        return None if found is None else from_document(JobState, found)

    def plan(self, was: JobState, planned: JobState) -> None:
        """Write a job's schedule anew, unless somebody else has."""
        fields = {"does": planned.does, "lane": planned.lane, "schedule": planned.schedule, "next_at": planned.next_at}
        guard = {"_id": was.id, "schedule": was.schedule or None, "next_at": was.next_at}
        with reaching():
            self._jobs.update_one(guard, {"$set": fields, "$inc": {"fence": 0}})  # which an older release did not have

    def claim(self, state: JobState, *, holder: str, now: datetime, lease: timedelta) -> Claim | None:
        """Take a job as it was read; None when it is not like that any more."""
        guard = {
            "_id": state.id,
            "fence": state.fence,
            "holder": state.holder,
            "next_at": state.next_at,
            "run_now_at": state.run_now_at,
            "paused": True if state.paused else {"$ne": True},
        }
        claim = Claim(name=state.id, fence=state.fence + 1, holder=holder, started_at=now, state=state, lease=lease)
        change = {
            "$set": {"holder": holder, "lease_until": now + lease, "started_at": now, "cut_off": claim.cut_off},
            "$unset": {"run_now_at": ""},
            "$inc": {"fence": 1},
        }
        with reaching():
            return claim if self._jobs.update_one(guard, change).matched_count == 1 else None

    def renew(self, claim: Claim, *, until: datetime) -> bool:
        """Hold it for longer; False when it is somebody else's by now, or over."""
        return self._change(claim, {"$set": {"lease_until": until}})

    def release(self, claim: Claim) -> bool:
        """Give it back unfinished: it is due again at once."""
        return self._change(claim, {"$set": {"lease_until": claim.started_at}})

    def finish(self, claim: Claim, state: JobState) -> bool:
        """Write how the run went; False, and nothing written, when the job is somebody else's by now.

        True as well where it was written before, and only the answer got lost.
        """
        document = without(to_document(state), _SOMEBODY_ELSES)
        gone = {key: "" for key, value in asdict(state).items() if value is None and key not in _SOMEBODY_ELSES}
        if self._change(claim, {"$set": document, "$unset": gone}):
            return True
        over = {"_id": claim.name, "fence": claim.fence, "holder": None}  # which nobody else can have written
        with reaching():
            return self._jobs.find_one(over, {"_id": 1}) is not None

    def fail(self, claim: Claim, *, at: datetime) -> None:
        """Count a failure of a run that is still going on."""
        since = claim.state.failing_since or at
        self._change(claim, {"$inc": {"failures": 1}, "$set": {"ok": False, "failing_since": since}})

    def ask(self, name: str, *, at: datetime) -> bool:
        """Ask for a run out of turn; whether there is such a job."""
        with reaching():
            return self._jobs.update_one({"_id": name}, {"$set": {"run_now_at": at}}).matched_count == 1

    def pause(self, name: str, *, paused: bool) -> bool:
        """Let a job rest or go on; whether there is such a job."""
        with reaching():
            return self._jobs.update_one({"_id": name}, {"$set": {"paused": paused}}).matched_count == 1

    def remove(self, name: str, *, unless_since: datetime) -> None:
        """Forget a job that was due long ago and nobody has run: it is in no table any more."""
        idle = {"_id": name, "next_at": {"$lt": unless_since}}
        with reaching():
            if self._jobs.delete_one(idle).deleted_count:
                self._runs.delete_many({"job": name})

    def note(self, run: JobRun) -> None:
        """Write a row of the history over the one that had its place."""
        document = to_document(run)
        with reaching():
            self._runs.replace_one({"_id": document["_id"]}, document, upsert=True)

    def runs(self, name: str) -> list[JobRun]:
        """The history of a job, newest first."""
        with reaching():
            found = [from_document(JobRun, document) for document in self._runs.find({"job": name})]
        return sorted(found, key=lambda run: run.started_at, reverse=True)

    def beat(self, sidecar: Sidecar) -> None:
        """Write that a sidecar lives. Only itself writes its document, so that nobody races it."""
        document = to_document(sidecar)
        with reaching():
            self._sidecars.replace_one({"_id": document["_id"]}, document, upsert=True)

    def retire(self, sidecar_id: str) -> None:
        """Forget a sidecar that ended."""
        with reaching():
            self._sidecars.delete_one({"_id": sidecar_id})

    def sidecars(self) -> list[Sidecar]:
        """All that were not retired, newest first."""
        with reaching():
            found = [from_document(Sidecar, document) for document in self._sidecars.find()]
        return sorted(found, key=lambda sidecar: sidecar.started_at, reverse=True)

    def _change(self, claim: Claim, change: Document) -> bool:
        guard = {"_id": claim.name, "fence": claim.fence, "holder": claim.holder}
        with reaching():
            return self._jobs.update_one(guard, change).matched_count == 1
