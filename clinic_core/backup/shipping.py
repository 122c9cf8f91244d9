"""Ship the change journal: read what changed since the last segment, and write it where backups go.

The order of steps is what makes it hold: a segment is durable before its token is kept. Killed in between, the next run
writes the same changes again, in a segment that follows the same one; `segments.way` takes the one that leads farther.
Of several sidecars that ship at once only one advances the state.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from clinic_core.backup import keys
from clinic_core.backup.keys import Keys
from clinic_core.backup.places import JOURNAL, places_of
from clinic_core.backup.segments import Content, Position, parse, written
from clinic_core.clinic import Clinic
from clinic_core.domain.alerts import Severity
from clinic_core.domain.changes import COLLECTION, ChainState, Gap
from clinic_core.domain.ids import new_id
from clinic_core.errors import NotFound, StorageFailed
from clinic_core.gateways.objects import Objects
from clinic_core.services import alerts
from clinic_core.settings import Settings
from clinic_core.store.changes import STATE, Change, HistoryLost

LONGEST: Final = timedelta(seconds=10)
LARGEST_BYTES: Final = 8 << 20
QUIET: Final = frozenset({COLLECTION, "alerts", "job_runs", "jobs", "sidecars"})  # the sidecar's own notes
QUIET_FOR: Final = timedelta(seconds=60)  # alone they are shipped so often
SLACK: Final = timedelta(seconds=1)
LOCKED_FOR: Final = timedelta(days=6)  # in a bucket with object lock: a day less than they are needed
BACKUP_JOB: Final = "back up"
KNOWN_GAPS: Final = 20
GAP_ALERT: Final = "journal:gap"
BEHIND_ALERT: Final = "journal:behind"
_CHAIN_DIGITS: Final = 12
_MINUTES_FROM: Final = 120

log = logging.getLogger("backup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """What a run did."""

    segments: int = 0
    events: int = 0
    gap: Gap | None = None


def run(clinic: Clinic) -> str:
    """The job. Does nothing while there is no backup key: the backup itself tells of that."""
    try:
        signing = keys.load(clinic.settings)
    except NotFound:
        return ""
    done = ship(clinic, _places(clinic.settings), signing)
    want_base(clinic)
    return f"gap: {done.gap.reason}" if done.gap else ""


@lru_cache(maxsize=1)
def _places(settings: Settings) -> list[Objects]:
    """Kept from run to run: the client of a bucket takes some time to make, and its connection stays open."""
    return places_of(settings, JOURNAL).all


def want_base(clinic: Clinic) -> None:
    """Have a backup made now where none was begun since the chain was: without one it serves for nothing."""
    state = clinic.changes.state()
    if state is None or not state.needs_base:
        return
    now = clinic.server_now()
    job = clinic.jobs.get(BACKUP_JOB)
    tried = job is not None and job.started_at is not None and job.started_at >= state.started_at
    if job is not None and job.is_free(now) and not (tried or job.run_now_at):
        clinic.jobs.ask(BACKUP_JOB, at=now)


def ship(clinic: Clinic, places: Sequence[Objects], signing: Keys) -> Shipped:
    """Write what changed since the last run. Where that cannot be told any more a new chain begins.

    Raises StorageFailed when no place took a segment, Unavailable when the database does not answer.
    """
    state = clinic.changes.state()
    if state is None or state.broken or state.database != clinic.changes.database_name:
        return _begin(clinic, state)
    if state.behind:
        state = _catch_up(clinic, places, state)
    try:
        return _ship_since(clinic, places, signing, state)
    except HistoryLost as error:
        return _begin(clinic, replace(clinic.changes.state() or state, broken=str(error)))


def _begin(clinic: Clinic, old: ChainState | None) -> Shipped:
    """Begin a chain here and now. What happened since the last one ended is a gap; a new backup is wanted."""
    mark = clinic.changes.now()
    gap = None
    if old and old.database == clinic.changes.database_name:
        gap = Gap(since=old.covers_to, until=mark.at, reason=old.broken)
    new = ChainState(
        id=STATE,
        chain=new_id()[:_CHAIN_DIGITS],
        database=clinic.changes.database_name,
        started_at=mark.at,
        token=mark.token,
        covers_to=mark.at,
        shipped_at=clinic.server_now(),
        gaps=(*(old.gaps if old else ()), *([gap] if gap else []))[-KNOWN_GAPS:],
    )
    if not clinic.changes.begin(new, instead_of=old):
        return Shipped()
    log.info("a chain of the change journal begins", extra={"fields": {"chain": new.chain}})
    if gap:
        _tell_of(clinic, gap)
    return Shipped(gap=gap)


def _tell_of(clinic: Clinic, gap: Gap) -> None:
    alerts.raise_alert(
        clinic,
        GAP_ALERT,
        severity=Severity.WARNING,
        summary=f"The change journal has a gap of {_span(gap)}: {gap.reason}.",
        advice="A moment within it cannot be restored. Later ones can, from the backup that is made now: look at "
        "Operations whether it went well.",
    )


def _span(gap: Gap) -> str:
    seconds = (gap.until - gap.since).total_seconds()
    return f"{seconds:,.0f} seconds" if seconds < _MINUTES_FROM else f"{seconds / 60:,.0f} minutes"


def _ship_since(clinic: Clinic, places: Sequence[Objects], signing: Keys, state: ChainState) -> Shipped:
    done = Shipped()
    for batch in _batches(clinic.changes.since(state.token)):
        if batch.is_quiet and batch.is_last and clinic.server_now() - state.shipped_at < QUIET_FOR:
            return done
        newer = _ship_one(clinic, places, signing, state, batch)
        if newer is None:  # another sidecar was quicker; what it wrote is as good
            return done
        state = newer
        done = replace(done, segments=done.segments + 1, events=done.events + len(batch.events))
    return done


class _Batch:
    """Changes for one segment."""

    def __init__(self, first: Change) -> None:
        self._changes = [first]
        self._size = len(first.raw)
        self.is_quiet = first.collection in QUIET  # only the sidecar was busy

    @property
    def is_last(self) -> bool:
        """Whether it ends with the mark, and there is nothing more to read."""
        return self._changes[-1].is_mark

    @property
    def events(self) -> list[bytes]:
        """Without what concerns the journal itself."""
        return [change.raw for change in self._changes if change.collection != COLLECTION]

    def takes(self, change: Change) -> bool:
        """Add the change, unless that would make the segment too long or too large."""
        stays_quiet = self.is_quiet and change.collection in QUIET
        longest = QUIET_FOR if stays_quiet else LONGEST
        if change.at - self._changes[0].at > longest or self._size + len(change.raw) > LARGEST_BYTES:
            return False
        self.is_quiet = stays_quiet
        self._changes.append(change)
        self._size += len(change.raw)
        return True

    def content(self) -> Content:
        """As a segment takes it. A second's slack: the server numbers a write and stamps it in two steps."""
        first, last = self._changes[0], self._changes[-1]
        return Content(
            events=self.events,
            earliest=first.at,
            latest=last.at,
            covers_to=last.at - SLACK,
            first_token=first.token,
            last_token=last.token,
        )


def _batches(changes: Iterator[Change]) -> Iterator[_Batch]:
    batch = _Batch(next(changes))
    for change in changes:
        if not batch.takes(change):
            yield batch
            batch = _Batch(change)
    yield batch


def _ship_one(
    clinic: Clinic, places: Sequence[Objects], signing: Keys, state: ChainState, batch: _Batch
) -> ChainState | None:
    content = batch.content()
    position, name, file = written(signing, content, position_of(state))
    complete = _put(clinic, places, str(name), file, keep_until=clinic.server_now() + LOCKED_FOR)
    newer = replace(
        state,
        sequence=position.sequence,
        sha256=position.sha256,
        token=content.last_token,
        covers_to=content.covers_to,
        shipped_at=clinic.server_now(),
        behind=state.behind or (0 if complete else position.sequence),
    )
    return newer if clinic.changes.advance(state, newer) else None


def position_of(state: ChainState) -> Position:
    """Where the chain is now."""
    return Position(chain=state.chain, sequence=state.sequence, sha256=state.sha256)


def has_base(clinic: Clinic, chain: str) -> None:
    """Note that there is a good backup in the chain: from now on it serves."""
    clinic.changes.has_base(chain)
    alerts.clear(clinic, GAP_ALERT)


def prune(places: Sequence[Objects], needed: Iterable[Position], *, before: datetime) -> int:
    """Delete the segments that no backup needs; how many files. `needed` is of every backup to go on from.

    A chain that none of them is in goes when its last segment is older than `before`: a young one may be the present
    one, whose first backup is still being made.
    """
    first: dict[str, int] = {}
    for position in needed:
        first[position.chain] = min(position.sequence, first.get(position.chain, position.sequence))
    deleted = 0
    for place in places:
        names = [name for name in map(parse, (stored.key for stored in place.list())) if name]
        young = {name.chain for name in names if name.covers_to >= before}
        for name in names:
            spare = name.sequence <= first[name.chain] if name.chain in first else name.chain not in young
            if spare:
                place.delete(str(name))
                deleted += 1
    return deleted


def _put(clinic: Clinic, places: Sequence[Objects], key: str, file: bytes, *, keep_until: datetime) -> bool:
    """Whether every place took the file. Raises StorageFailed when none did."""
    failures = []
    for place in places:
        try:
            place.put_bytes(key, file, keep_until=keep_until)
        except StorageFailed as error:
            failures.append(error)
    if len(failures) == len(places):
        raise failures[0]
    if failures:
        alerts.raise_alert(
            clinic,
            BEHIND_ALERT,
            severity=Severity.WARNING,
            summary="The change journal goes to one place only: the other one refuses.",
            advice=f"{failures[0]} What it lacks is copied there when it takes files again.",
        )
    return not failures


def _catch_up(clinic: Clinic, places: Sequence[Objects], state: ChainState) -> ChainState:
    """Copy what a place lacks from one that has it; what fails now is tried again with the next run."""
    try:
        there = [_since(place, state) for place in places]
        known = {key: place for place, own in zip(places, there, strict=True) for key in own}
        for place, own in zip(places, there, strict=True):
            for key in sorted(known.keys() - own):
                with known[key].open(key) as content:
                    place.put_bytes(key, content.read(), keep_until=clinic.server_now() + LOCKED_FOR)
    except (StorageFailed, NotFound) as error:
        log.warning("a place still lacks segments of the change journal", extra={"fields": {"error": str(error)}})
        return state
    numbers = {name.sequence for name in map(parse, known) if name}
    if not numbers.issuperset(range(state.behind, state.sequence + 1)):
        return state  # another sidecar has them, in a folder of its own machine
    complete = replace(state, behind=0)
    if not clinic.changes.advance(state, complete):
        return state
    alerts.clear(clinic, BEHIND_ALERT)
    return complete


def _since(place: Objects, state: ChainState) -> set[str]:
    """The segments there from the first one on that a place lacks."""
    found = {stored.key: parse(stored.key) for stored in place.list(state.chain)}
    return {key for key, name in found.items() if name and name.sequence >= state.behind}
