"""The change journal in parts: what an event makes of a document, segments and their chain, and shipping them."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bson
import pytest

from clinic_core import embedded
from clinic_core.backup import segments, shipping
from clinic_core.backup.deltas import applied
from clinic_core.backup.replay import Replay, names_until, to_moment
from clinic_core.backup.segments import Content, Name, Position
from clinic_core.backup.settle import settle
from clinic_core.clinic import Clinic
from clinic_core.domain.changes import ChainState, Gap, Restored
from clinic_core.embedded import Server
from clinic_core.errors import Damaged, NotFound, StorageFailed, Unavailable
from clinic_core.folder import DataFolder
from clinic_core.gateways.objects import Folder
from clinic_core.jobs import JOBS
from clinic_core.settings import Settings
from clinic_core.store.mongo import Document
from tests.backup.journal import Rig, rig
from tests.backup.storage import Storage
from tests.backup.writer import IDS, Writer

HOUR = timedelta(hours=1)
AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class TestDeltas:
    """A document after an event."""

    @pytest.mark.parametrize(
        ("before", "description", "after"),
        [
            ({"a": [1, 2, 3]}, {"truncatedArrays": [{"field": "a", "newSize": 1}]}, {"a": [1]}),
            ({}, {"updatedFields": {"a.b.c": 1}, "disambiguatedPaths": {"a.b.c": ["a", "b.c"]}}, {"a": {"b.c": 1}}),
            ({}, {"updatedFields": {"a.0": 1}, "disambiguatedPaths": {"a.0": ["a", "0"]}}, {"a": {"0": 1}}),
            ({"a": [1]}, {"updatedFields": {"a.3": 4}}, {"a": [1, None, None, 4]}),
            ({"a": [{"b": 1}]}, {"removedFields": ["a.0.b"]}, {"a": [{}]}),
            ({"a": 5}, {"updatedFields": {"a.b": 1, "c": 2}, "removedFields": ["a.d.e"]}, {"a": 5, "c": 2}),
            ({"a": [5]}, {"updatedFields": {"a.0.b": 1, "a.x": 2}, "removedFields": ["a.x"]}, {"a": [5]}),
        ],
    )  # fmt: skip
    def test_an_update_sets_paths(self, before: Document, description: Any, after: Document) -> None:
        """MongoDB says some things that the embedded server never does; a path that does not fit is passed over."""
        assert applied(before, {"operationType": "update", "updateDescription": description}) == after

    def test_all_events_again_on_any_later_state_end_the_same(self, clinic: Clinic) -> None:
        """A backup holds documents of any time between its begin and its end, and all events since are replayed."""
        writer = Writer(clinic.settings.database_url, "markers", seed=3)
        token, states = clinic.changes.now().token, []
        state: dict[str, Document | None] = dict.fromkeys(IDS)
        for number in range(150):
            states.append(copy.deepcopy(state))
            key = IDS[number % 3]
            state[key] = writer.change(key)
        told = [bson.decode(change.raw) for change in clinic.changes.since(token) if not change.is_mark]
        assert len(told) > 100
        for later in states:
            for event in told:
                key = event["documentKey"]["_id"]
                later[key] = applied(later[key], copy.deepcopy(event))
            assert later == state


def name(sequence: int, own: str, previous: str = "", minute: int | None = None) -> Name:
    """Of a segment that covers up to that minute of an hour, its number if none is given."""
    covers_to = AT + timedelta(minutes=sequence if minute is None else minute)
    return Name(
        chain="c", sequence=sequence, covers_to=covers_to, previous=segments.short(previous), sha256=segments.short(own)
    )


START = Position(chain="c", sequence=0, sha256="")
FIVE = [name(1, "a"), name(2, "b", "a"), name(3, "c", "b"), name(4, "d", "c"), name(5, "e", "d")]


class TestWay:
    """Which segments belong together, from their names alone."""

    def test_names_say_what_they_say(self) -> None:
        """A name that is read back otherwise would lose its segment; others' files are none of ours."""
        assert [segments.parse(str(each)) for each in FIVE] == FIVE
        assert segments.parse("backup-2026-11-27.age") is None
        assert segments.parse(str(FIVE[0]).replace("20261122", "20261322")) is None

    def test_a_missing_segment_is_named_and_the_others_serve(self) -> None:
        """Going on behind a hole would restore a state that never was."""
        found = segments.way([each for each in FIVE if each.sequence != 3], START)
        assert (found.missing, found.covers_to) == (3, AT + timedelta(minutes=2))
        assert segments.way(FIVE, START) == segments.Way(names=tuple(FIVE))

    def test_the_way_that_leads_farther_is_taken(self) -> None:
        """A sidecar that was killed behind the write leaves a segment that nothing follows, before or at the end."""
        orphans = [name(3, "x", "b", minute=2), name(6, "y", "e", minute=5)]
        assert segments.way([*orphans, *FIVE], START).names[:5] == tuple(FIVE)
        assert segments.way([*FIVE, *orphans], replace(START, sequence=2, sha256="b")).names[:3] == tuple(FIVE[2:])

    def test_a_moment_needs_the_segments_up_to_it(self) -> None:
        """One too few would lose the last seconds; where the clock was set back the later time counts."""
        found = segments.way(FIVE, START)
        assert found.until(AT + timedelta(minutes=2, seconds=1)) == tuple(FIVE[:3])
        assert found.until(AT + timedelta(minutes=3)) == tuple(FIVE[:3])
        assert found.until(AT) == tuple(FIVE[:1])
        back = segments.Way(names=(*FIVE[:3], name(4, "d", "c", minute=1), name(5, "e", "d", minute=2)))
        assert back.until(AT + timedelta(minutes=2)) == back.names


def segment(found: Rig, after: Position, events: Sequence[Document] = ()) -> tuple[Position, Name, bytes]:
    """A segment with these events."""
    content = Content(
        events=[bson.encode(event) for event in events],
        earliest=AT,
        latest=AT,
        covers_to=AT,
        first_token="1",
        last_token="2",
    )
    return segments.written(found.signing, content, after)


@pytest.fixture
def shipper(clinic: Clinic, tmp_path: Path) -> Rig:
    """The empty clinic, which has shipped nothing yet."""
    return rig(clinic, tmp_path)


class TestFiles:
    """The file of a segment."""

    def test_no_changed_byte_goes_unnoticed(self, shipper: Rig) -> None:
        """Whoever can write where segments lie must not be able to write the clinic's past."""
        _, called, file = segment(shipper, START, [{"n": 1}])
        public, private = shipper.identity.public_signing_key, shipper.identity.private
        assert list(segments.opened(called, file, public, private)) == [{"n": 1}]
        chance = random.Random(5)
        for _ in range(100):
            at = chance.randrange(len(file))
            changed = file[:at] + bytes([file[at] ^ (1 << chance.randrange(8))]) + file[at + 1 :]
            with pytest.raises(Damaged, match=r"Segment 1 of the change journal"):
                list(segments.opened(called, changed, public, private))
        with pytest.raises(Damaged, match="Segment 1"):
            list(segments.opened(called, file[: chance.randrange(len(file))], public, private))

    def test_an_exchanged_segment_is_named(self, shipper: Rig) -> None:
        """Two that change places would replay the past in another order."""
        after, first, one = segment(shipper, START)
        _, second, two = segment(shipper, after)
        place = shipper.places[0]
        place.put_bytes(str(first), two)
        place.put_bytes(str(second), one)
        with pytest.raises(Damaged, match=r"Segment 1 .* is not where it belongs: its content is that of segment 2"):
            list(shipper.shelf().events([first, second]))


class TestShipping:
    """The job."""

    def test_a_chain_begins_and_goes_on(self, shipper: Rig) -> None:
        """The first run only begins; each later one writes what happened since, once."""
        assert shipper.ship() == shipping.Shipped()
        assert shipper.state.needs_base
        shipper.clinic.database["x"].insert_one({"_id": 1})
        assert shipper.ship() == shipping.Shipped(segments=1, events=1)
        assert (shipper.state.sequence, len(shipper.places[0].list())) == (1, 1)

    def test_a_chain_wants_a_backup(self, shipper: Rig, clock: Any) -> None:
        """Without one nothing could be replayed until the next night; one that fails is its own job's to repeat."""
        assert shipping.BACKUP_JOB in {job.name for job in JOBS}
        clinic, jobs = shipper.clinic, shipper.clinic.jobs

        def is_asked() -> bool:
            shipping.want_base(clinic)
            job = jobs.get(shipping.BACKUP_JOB)
            return job is not None and job.run_now_at is not None

        jobs.add([shipping.BACKUP_JOB])
        clinic.changes.begin(_state(clock()), instead_of=None)
        began_before = jobs.claim(jobs.all()[0], holder="a", now=clock() - HOUR, lease=2 * HOUR)
        assert began_before is not None
        assert not is_asked()
        jobs.release(began_before)
        assert is_asked()
        asked = jobs.claim(jobs.all()[0], holder="a", now=clock(), lease=HOUR)
        assert asked is not None
        jobs.release(asked)
        assert not is_asked()

    def test_a_quiet_clinic_ships_once_a_minute(
        self, shipper: Rig, clock: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else a sleeping clinic would write 17,000 files a day about its own sidecar."""
        monkeypatch.setattr(shipping, "LONGEST", timedelta(0))  # these seconds are over at once
        shipper.ship()
        for number in range(2):
            shipper.clinic.database["jobs"].insert_one({"_id": f"job {number}"})
            assert shipper.ship().segments == 0
        clock.set("08:01")
        assert shipper.ship() == shipping.Shipped(segments=1, events=2)
        shipper.clinic.database["jobs"].insert_one({"_id": "job 2"})
        shipper.clinic.database["x"].insert_one({"_id": 1})
        assert shipper.ship().events == 2

    def test_much_is_shipped_in_parts(self, shipper: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        """After hours without a sidecar one segment would hold hours, and all of it in memory."""
        monkeypatch.setattr(shipping, "LARGEST_BYTES", 3_000)
        shipper.ship()
        shipper.clinic.database["x"].insert_many([{"_id": number, "text": "x" * 500} for number in range(12)])
        done = shipper.ship()
        assert done.segments > 3
        assert done.events == 12
        assert len(shipper.shelf().way(replace(START, chain=shipper.state.chain)).names) == done.segments

    def test_large_changes_neither_stop_it_nor_fill_the_memory(
        self, shipper: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The embedded server answers with a hundred events, however large: more than a driver takes, for ever."""
        if "secantusVersion" not in shipper.clinic.client.server_info():
            pytest.skip("this server counts bytes")
        shipper.ship()
        start = shipping.position_of(shipper.state)
        large = b"x" * 4_000_000
        shipper.clinic.database["x"].insert_many([{"_id": number, "large": large} for number in range(13)])
        with pytest.raises(Unavailable, match="one by one"):
            shipper.ship()
        assert shipper.ship().events == 13
        applied, apply = [], Replay._apply
        monkeypatch.setattr(Replay, "_apply", lambda self, some: applied.append(len(some)) or apply(self, some))
        shelf, database = shipper.shelf(), shipper.clinic.client[f"{shipper.clinic.database.name}_restored"]
        Replay(database, shelf.events(shelf.way(start).names)).advance(shipper.state.covers_to + shipping.SLACK)
        assert database["x"].count_documents({}) == 13
        assert max(applied) < 10

    def test_killed_between_the_segment_and_its_note(self, shipper: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        """The note first would leave a hole; the segment is written again and the first one is passed over."""
        monkeypatch.setattr(shipping, "SLACK", timedelta(0))
        shipper.ship()
        base, documents = shipper.dump()
        shipper.clinic.database["x"].insert_one({"_id": 1})
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(shipping, "position_of", _interrupted)
            shipper.ship()
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(type(shipper.clinic.changes), "advance", _interrupted)
            shipper.ship()
        shipper.clinic.database["x"].insert_one({"_id": 2})
        shipper.ship()
        assert [segments.parse(stored.key).sequence for stored in shipper.places[0].list()] == [1, 1]
        replayed = shipper.replaying(base, documents, base.complete_at)
        replayed.advance(datetime.max.replace(tzinfo=UTC))
        assert sorted(found["_id"] for found in replayed.database["x"].find()) == [1, 2]

    def test_opt_outs_are_kept_whatever_the_moment(
        self, shipper: Rig, monkeypatch: pytest.MonkeyPatch, s3: Storage
    ) -> None:
        """Somebody who wrote STOP after it would be written to again. From a bucket, as on a bare machine."""
        monkeypatch.setattr(shipping, "SLACK", timedelta(0))
        shipper = replace(shipper, places=[s3.bucket("opt-outs")])
        shipper.ship()
        base, _ = shipper.dump()
        for number in range(2):
            for name in ("x", "opt_outs"):
                shipper.clinic.database[name].insert_one({"_id": number})
            shipper.ship()
        shelf = shipper.shelf()
        moment = shelf.way(base.position).names[0].covers_to
        target = shipper.clinic.client[f"{shipper.clinic.database.name}_to"]
        assert to_moment(target, shelf, base, moment) == 3
        assert [found["_id"] for found in target["x"].find()] == [0]
        assert sorted(found["_id"] for found in target["opt_outs"].find()) == [0, 1]

    def test_two_sidecars_do_not_undo_each_other(self, shipper: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        """One whose lease ran out while it wrote comes late: its segment is left aside, nothing goes back."""
        shipper.ship()
        shipper.clinic.database["x"].insert_one({"_id": 1})
        put, nested = Folder.put_bytes, []

        def late(place: Folder, key: str, content: bytes, **options: Any) -> None:
            put(place, key, content, **options)
            if not nested:
                nested.append(key)
                shipper.clinic.database["x"].insert_one({"_id": 2})
                assert shipper.ship().segments == 1

        monkeypatch.setattr(Folder, "put_bytes", late)
        assert shipper.ship().segments == 0
        assert shipper.state.sequence == 1
        assert shipper.state.covers_to == max(segments.parse(s.key).covers_to for s in shipper.places[0].list())

    def test_a_place_that_was_away_gets_what_it_missed(self, shipper: Rig, tmp_path: Path) -> None:
        """The other place goes on meanwhile; none at all is an error, and nothing is noted as shipped."""
        away = tmp_path / "away"
        away.write_text("no folder")
        both = replace(shipper, places=[*shipper.places, Folder(away)])
        both.ship()
        both.clinic.database["x"].insert_one({"_id": 1})
        assert both.ship().segments == 1
        assert both.state.behind
        both.clinic.database["x"].insert_one({"_id": 2})
        with pytest.raises(StorageFailed):
            replace(shipper, places=[Folder(away)]).ship()
        assert both.state.sequence == 1
        away.unlink()
        both.ship()
        assert not both.state.behind
        assert [s.key for s in both.places[0].list()] == [s.key for s in both.places[1].list()]
        assert len(both.places[1].list()) == 2

    @pytest.mark.parametrize("how", ["bulk", "token", "rename", "large"])
    def test_what_cannot_be_told_is_a_gap(self, shipper: Rig, how: str) -> None:
        """Going on as if nothing had happened would restore states that never were."""
        shipper.ship()
        old = shipper.state
        x, states = shipper.clinic.database["x"], shipper.clinic.database["change_journal"]
        x.insert_one({"_id": 1})
        if how == "bulk":
            shipper.clinic.changes.break_off("much was loaded")
        elif how == "token":
            if "secantusVersion" not in shipper.clinic.client.server_info():
                pytest.skip("tokens of this server cannot be made to point at what it no longer has")
            token = bson.decode(bytes.fromhex(old.token))
            states.update_one({"_id": "state"}, {"$set": {"token": bson.encode({**token, "s": -1}).hex()}})
        elif how == "large":  # a document near 16 MB makes an event that the server cannot send, now and for ever
            data = {"failCommands": ["aggregate"], "errorCode": 10334}
            fault = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data}
            shipper.clinic.client.admin.command(fault)
        else:
            x.rename(f"y{old.chain}")
        done = shipper.ship()
        assert done.segments == 0
        assert isinstance(done.gap, Gap)
        assert done.gap.since == old.covers_to
        assert shipper.state.gaps == (done.gap,)
        assert shipper.state.chain != old.chain
        assert shipper.state.needs_base
        assert not shipper.state.broken
        x.insert_one({"_id": 2})
        assert shipper.ship().segments == 1

    def test_another_database_has_a_chain_of_its_own(self, shipper: Rig) -> None:
        """A copy under another name would go on with the old one's token, and tell what happened there."""
        shipper.ship()
        shipper.clinic.database["change_journal"].update_one({"_id": "state"}, {"$set": {"database": "another"}})
        assert shipper.ship() == shipping.Shipped()
        assert shipper.state.gaps == ()

    def test_what_cannot_be_restored_is_said(self, shipper: Rig) -> None:
        """Before the backup's end, and later than the last segment; the moments that can be are named."""
        shipper.ship()
        base, _ = shipper.dump()
        shelf = shipper.shelf()
        with pytest.raises(NotFound, match=r"This backup ended at 20.*cannot be taken back to before that"):
            names_until(shelf, base, base.complete_at - timedelta(seconds=1))
        with pytest.raises(NotFound, match=r"does not go so far. Nothing can be replayed"):
            names_until(shelf, base, base.complete_at + timedelta(seconds=1))


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_restored_clinic_holds_its_messages(clinic: Clinic, clock: Any) -> None:
    """What went out after the moment is unknown to it, and would go out again; who was signed out would be back."""
    now, later = clock(), clock() + timedelta(minutes=1)
    rows: list[Document] = [
        {"_id": "due", "status": "preparation", "channel": "sms", "due_at": now, "send_after": now},
        {"_id": "later", "status": "preparation", "channel": "sms", "due_at": later, "send_after": later},
        {"_id": "asked", "status": "in-progress", "channel": "sms", "due_at": now, "open": "in-progress"},
        {"_id": "mail", "status": "in-progress", "channel": "email", "due_at": now, "open": "in-progress"},
        {"_id": "sent", "status": "completed", "channel": "sms", "due_at": now},
    ]
    clinic.database["communications"].insert_many([{**row, "reference": row["_id"]} for row in rows])
    clinic.database["sessions"].insert_one({"_id": "x"})
    clinic.changes.begin(_state(now), instead_of=None)
    assert settle(clinic.database, to=now - timedelta(hours=1), now=now).held == 2
    found = {row["_id"]: row for row in clinic.database["communications"].find({}, {"reference": 0})}
    held = {"status": "on-hold", "open": "on-hold", "reason": "restored", "version": 1, "due_at": now}
    assert found["due"] == {"_id": "due", "channel": "sms", **held}
    assert found["mail"] == {"_id": "mail", "channel": "email", **held}
    assert [found[row["_id"]] for row in rows[1:3]] == rows[1:3]
    assert found["sent"] == rows[4]
    assert clinic.database["sessions"].count_documents({}) == 0
    assert clinic.changes.state() is None
    last = clinic.changes.last_restored()
    assert last == Restored(restored_at=now, restored_to=now - timedelta(hours=1), held=2)
    again = settle(clinic.database, to=later, now=later)  # a backup of the restored clinic is restored
    assert again.took(now - timedelta(minutes=1))  # else the backups of that hour would contradict the audit trail
    assert not again.took(now)


def _state(now: datetime) -> ChainState:
    return ChainState(
        id="state",
        chain="c",
        database="d",
        started_at=now,
        token="t",
        covers_to=now,
        shipped_at=now,  # noqa: S106
    )


class TestPrune:
    """What is deleted."""

    def test_only_what_no_backup_needs(self, tmp_path: Path) -> None:
        """One segment too many, and a backup can no longer be taken to a moment."""
        place = Folder(tmp_path)
        other = [replace(each, chain="old") for each in FIVE]
        for each in [*FIVE, *other]:
            place.put_bytes(str(each), b"")
        place.put_bytes("backup-1.age", b"")
        needed = [replace(START, sequence=3, sha256="c"), replace(START, sequence=2, sha256="b")]
        assert shipping.prune([place], needed, before=AT) == 2
        assert {parsed for parsed in map(segments.parse, (s.key for s in place.list())) if parsed} == {
            *FIVE[2:],
            *other,
        }
        assert shipping.prune([place], needed, before=AT + timedelta(minutes=6)) == 5
        assert len(place.list()) == 4


def test_a_bulk_load_breaks_the_chain(shipper: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps no log, and the server's own log goes on behind it as if nothing had happened."""

    class Started(Server):
        """The server of these tests, as if it had been started for the load."""

        def start(self, **_: Any) -> None:
            """It runs."""

        @property
        def url(self) -> str:
            """Where it runs."""
            return shipper.clinic.settings.database_url

    monkeypatch.setattr(embedded, "Server", Started)
    folder = DataFolder(tmp_path / "another")
    folder.prepare()
    folder.name_database(shipper.clinic.database.name)
    shipper.ship()
    with embedded.open_database(Settings(data_dir=folder.path)):
        assert not shipper.state.broken
    with embedded.open_database(Settings(data_dir=folder.path), bulk_load=True):
        assert shipper.state.broken.startswith("the database ran without its log")
