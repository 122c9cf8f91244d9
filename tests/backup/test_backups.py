"""Backups: killed at every stage, on a full disk, with a network that is cut, pruned, and watched."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clinic_core.backup import catalogue, dump, keys, nightly, recovery, restore, scratch, work
from clinic_core.backup import manifest as manifests
from clinic_core.backup.places import Places
from clinic_core.backup.work import Workshop
from clinic_core.domain.access import Role
from clinic_core.domain.alerts import Severity
from clinic_core.domain.backups import REMEMBERED, State, Step, known
from clinic_core.errors import AlreadyExists, Conflict, Damaged, StorageFailed
from clinic_core.gateways.objects import Folder
from clinic_core.jobs import BACKUPS, JOBS
from clinic_core.sidecar import Sidecar
from tests import make
from tests.backup.night import DIED, REFUSED
from tests.backup.shop import identity_of, shop_of
from tests.backup.storage import Storage, Wire
from tests.conftest import World

STAGES = (
    "Clearing up",
    "Writing",
    "reading",  # while documents are read
    "Signing",
    "Decrypting",
    "Comparing",
    "Building indexes",
    "Checking",
    "Dropping",
    "Recording",
    "Pruning",
)


@pytest.fixture(autouse=True)
def as_on_a_mongodb_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup is tried in a database beside the clinic's; in test_restore.py it has a server of its own."""
    monkeypatch.setattr("clinic_core.backup.scratch.is_embedded", lambda clinic: False)


def _states(shop: Workshop) -> list[State]:
    return [each.state for each in catalogue.entries(shop.places.folder, shop.public_key)]


def _nights(shop: Workshop, *stages: str, largest: int = 0) -> list[dict[str, Any]]:
    settings = shop.clinic.settings
    wanted = {"url": settings.database_url, "folder": str(settings.data_dir), "stages": stages, "largest": largest}
    program = [sys.executable, "-m", "tests.backup.night", json.dumps(wanted)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_killed_at_every_stage(world: World, tmp_path: Path) -> None:
    """Nothing that a kill left is listed as good before it was proven, and the next night clears it away."""
    shop = shop_of(world.clinic, tmp_path)
    nights = _nights(shop, *STAGES)
    assert [each["status"] for each in nights] == [DIED] * len(STAGES)
    for found in nights:
        good = {name.split(".")[0] for name in found["files"] if name.endswith("verified.json")}
        assert len(good) == (found["stage"] == "Pruning"), found
    assert _states(shop).count(State.VERIFIED) == 1  # only pruning was left of that night
    assert State.BROKEN not in _states(shop)
    whole, drafts = _nights(shop, "")[0], tmp_path / "backups"
    assert whole["status"] == 0
    assert not [path for path in drafts.iterdir() if path.name.endswith(".part")]
    assert list(catalogue.unfinished(shop.places.folder)) == []
    assert not [name for name in shop.clinic.client.list_database_names() if name.startswith(scratch.PREFIX)]


def test_a_full_disk_is_told_and_leaves_nothing(world: World, tmp_path: Path) -> None:
    """The kernel refuses to let the file grow, as a full disk does: what to do is said, and no half file stays."""
    shop = shop_of(world.clinic, tmp_path)
    night = _nights(shop, "", largest=2_000)[0]
    assert night["status"] == REFUSED
    assert "no room left. Free some" in night["error"]
    assert [name for name in night["files"] if name.startswith("clinic-")] == []


def test_copies_in_a_bucket_that_fails_and_comes_back(
    world: World, tmp_path: Path, s3: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is cut while the copy goes out: the night fails aloud, the folder's backup stays good.

    What is in the bucket then is not listed; the next run completes it, and it can be restored from there.
    """
    monkeypatch.setattr("clinic_core.gateways.objects._TRIES", 1)
    here = shop_of(world.clinic, tmp_path)
    with Wire(s3.url, cut_after=4_000) as wire:
        bucket = s3.bucket("backups-cut", url=wire.url)
        shop = replace(here, places=Places(folder=here.places.folder, bucket=bucket))
        with pytest.raises(StorageFailed, match="cannot be reached"):
            list(nightly.night(shop))
        wire.mend()
        assert _states(shop) == [State.VERIFIED]
        assert catalogue.entries(bucket, shop.public_key) == []
        assert work.ship(shop) == 3
        assert work.ship(shop) == 0
        entry = recovery.chosen(bucket, shop.public_key)
        assert entry.is_good
        record = recovery.drill(shop, bucket, entry, identity_of(shop))
    assert set(record.milliseconds) == {"restore", "compare", "indexes", "check"}
    steps = [event.step for event in world.clinic.backups.since(world.clinic.now() - timedelta(hours=1))]
    assert sorted(steps) == [Step.CREATED, Step.DRILLED, Step.VERIFIED]


def test_what_cannot_be_restored_is_not_good(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that got lost on the way is found by the comparison, told, and noted as broken."""
    shop = shop_of(world.clinic, tmp_path)
    made = work.create(shop)
    entry = catalogue.entry(shop.places.folder, made.manifest.id, shop.public_key)
    assert entry.state is State.UNVERIFIED
    others = shop.clinic.client[f"{scratch.PREFIX}of_another_machine"]
    others["patients"].insert_one({})  # its lock is its own: dropped here, its backup would be found broken
    inserted = restore._insert
    monkeypatch.setattr(
        restore, "_insert", lambda database, name, some: inserted(database, name, some[name == "patients" :])
    )
    with pytest.raises(Damaged, match="patients: 1 documents instead of 2.*Use another backup"):
        work.verify(shop, shop.places.folder, entry, [made.identity])
    assert _states(shop) == [State.UNVERIFIED]
    assert others["patients"].count_documents({}) == 1
    others.client.drop_database(others)
    steps = {event.step for event in world.clinic.backups.since(world.clinic.now() - timedelta(hours=1))}
    assert steps == {Step.CREATED, Step.FOUND_BROKEN}


@pytest.mark.parametrize("code", [20, 251], ids=["no transactions", "ended meanwhile"])
def test_a_server_that_shows_no_single_moment_is_named(world: World, tmp_path: Path, code: int) -> None:
    """A standalone server, or a transaction that took too long: one collection after the other, and it says so."""
    told: list[str] = []

    def refuse(stage: str) -> None:
        told.append(stage)
        if told == ["Writing the backup …"]:  # the first find of the transaction fails
            data = {"failCommands": ["find"], "errorCode": code}
            fault = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data}
            world.clinic.client.admin.command(fault)

    shop = shop_of(world.clinic, tmp_path, say=refuse)
    made = work.create(shop).manifest
    assert made.mode == dump.PER_COLLECTION
    assert made.collections["patients"]["count"] == 2
    assert [path.name for path in sorted((tmp_path / "backups").iterdir())] == [
        manifests.archive_key(made.id),
        manifests.manifest_key(made.id),
    ]


def test_backups_are_pruned_and_chained(world: World, tmp_path: Path, clock: make.Clock) -> None:
    """Only proven ones count: however many unproven follow, the newest good one stays. Each names the one before."""
    shop = shop_of(world.clinic, tmp_path)
    made = []
    for _ in range(3):
        made.append(work.create(shop).manifest)
        clock.pass_(days=10)
    assert [each.previous and each.previous["sha256"] for each in made] == [None, made[0].digest, made[1].digest]
    assert work.prune(shop, shop.places.folder) == []  # none is good
    _prove(shop, made[1].id)
    assert work.prune(shop, shop.places.folder) == [made[0].id]
    clock.pass_(days=100)
    assert work.prune(shop, shop.places.folder) == []
    assert {each.id for each in catalogue.entries(shop.places.folder, shop.public_key)} == {made[1].id, made[2].id}


def test_another_installations_backups_are_left_alone(world: World, tmp_path: Path, clock: make.Clock) -> None:
    """After a reinstallation the old backups look forged to the new key, and are all there is."""
    before = shop_of(world.clinic, tmp_path / "before")
    old = work.create(before).manifest
    clock.pass_(days=30)
    shop = shop_of(world.clinic, tmp_path)
    shop = replace(shop, places=before.places)
    new = work.create(shop).manifest
    _prove(shop, new.id)
    assert work.prune(shop, shop.places.folder) == []
    assert catalogue.entry(shop.places.folder, old.id, before.public_key).manifest == old


def test_only_what_is_to_be_restored_is_read_whole(
    world: World, tmp_path: Path, clock: make.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At night, from a bucket: not every backup of a year first. One that rotted is passed over."""
    shop = shop_of(world.clinic, tmp_path)
    made = []
    for _ in range(3):
        made.append(work.create(shop).manifest.id)
        clock.pass_(days=1)
        _prove(shop, made[-1])
    rotten = tmp_path / "backups" / manifests.archive_key(made[2])
    rotten.write_bytes(rotten.read_bytes()[:-1] + b"?")
    opened, open_ = [], Folder.open
    monkeypatch.setattr(Folder, "open", lambda folder, key: opened.append(key) or open_(folder, key))
    assert recovery.chosen(shop.places.folder, shop.public_key).id == made[1]
    assert [key for key in opened if key.endswith(".age")] == [manifests.archive_key(each) for each in made[:0:-1]]


def test_the_owners_key_proves_a_backup(world: World, tmp_path: Path) -> None:
    """`backup verify --identity kit.txt` on the clinic's machine, where the night was killed before it verified."""
    shop = shop_of(world.clinic, tmp_path)
    made = work.create(shop).manifest
    shop = replace(shop, trusted=shop.public_key)  # as the kit says
    entry = recovery.chosen(shop.places.folder, shop.public_key, made.id)
    work.verify(shop, shop.places.folder, entry, identity_of(shop))
    assert _states(shop) == [State.VERIFIED]


def test_much_is_checked_in_a_process_of_its_own(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is not the sidecar's; faults of the data are counted there too, and make no backup bad."""
    monkeypatch.setattr("clinic_core.backup.checking.FEW", 0)
    world.clinic.database["appointments"].insert_one({"_id": "unreadable"})
    shop = shop_of(world.clinic, tmp_path)
    made = work.create(shop)
    entry = catalogue.entry(shop.places.folder, made.manifest.id, shop.public_key)
    assert work.verify(shop, shop.places.folder, entry, [made.identity]).violations == 1
    assert _states(shop) == [State.VERIFIED]


def _prove(shop: Workshop, backup_id: str) -> None:
    """Say that a backup was verified, without the work."""
    entry = catalogue.entry(shop.places.folder, backup_id, shop.public_key)
    assert entry.manifest is not None
    record = manifests.Verification(
        backup_id=backup_id,
        manifest_sha256=entry.manifest.digest,
        verified_at=entry.manifest.created_at,
        milliseconds={},
        violations=0,
        version="test",
    )
    shop.places.folder.put_bytes(manifests.verified_key(backup_id), manifests.signed(record, shop.own_keys))


def test_one_run_at_a_time(world: World, tmp_path: Path) -> None:
    """A person and the sidecar at the same moment: else each would clear the other's files. The sidecar waits."""
    shop = shop_of(world.clinic, tmp_path)
    with shop.places.alone():
        with pytest.raises(Conflict, match="Another backup"), shop.places.alone():
            pass
        night = nightly.night(shop)
        assert next(night) == nightly.WAITING
    assert "restored and compared" in next(night)


def test_a_restore_touches_no_database_that_is_there(world: World, tmp_path: Path) -> None:
    """Its own name or a mistyped one: nothing is overwritten."""
    shop = shop_of(world.clinic, tmp_path)
    made = work.create(shop).manifest
    entry = catalogue.entry(shop.places.folder, made.id, shop.public_key)
    with pytest.raises(AlreadyExists, match="--into"):
        recovery.into_new_database(shop, shop.places.folder, entry, identity_of(shop), name=world.clinic.database.name)
    assert world.clinic.patients.existing([world.asha.id])


def _week(shop: Workshop) -> str:
    return list(nightly.week(shop))[-1]


def test_an_old_backup_that_is_proven_today_is_old(world: World, tmp_path: Path, clock: make.Clock) -> None:
    """A drill must not hide that no backup was made since."""
    shop = shop_of(world.clinic, tmp_path)
    made = work.create(shop).manifest
    clock.pass_(hours=27)
    shop.note(Step.DRILLED, made.id)
    assert nightly.watch(shop.clinic) == "overdue"


def test_a_clinic_that_set_up_no_backups_is_told_so_once(world: World, tmp_path: Path) -> None:
    """No job fails, and one alert says what to do; but a key that was there and is gone is a failure."""
    clinic = replace(world.clinic, settings=replace(world.clinic.settings, data_dir=tmp_path))
    own = [job for job in JOBS if job.lane == BACKUPS or job.name == "watch backups"]
    outcomes = [Sidecar(clinic, JOBS).run_here(job) for job in own]
    assert [(one.ok, one.result) for one in outcomes if one] == [(True, nightly.NOT_SET_UP)] * 4
    (alert,) = clinic.alerts.open()
    assert (alert.severity, alert.summary) == (Severity.WARNING, "Backups are not set up.")
    list(nightly.night(shop_of(clinic, tmp_path)))
    assert clinic.alerts.open() == []

    shutil.rmtree(tmp_path / keys.FOLDER)
    failed = Sidecar(clinic, JOBS).run_here(own[0])
    assert failed is not None
    assert not failed.ok


def test_the_week_and_the_watch(world: World, tmp_path: Path, clock: make.Clock) -> None:
    """What rotted since last week is named; a backup that is too old raises an alert, a new one clears it."""
    shop = shop_of(world.clinic, tmp_path)
    assert nightly.watch(shop.clinic) == "overdue"
    made = work.create(shop).manifest
    shop.note(Step.VERIFIED, made.id)
    assert nightly.watch(shop.clinic) == "in time"
    assert world.clinic.alerts.open() == []
    assert "as they were written" in _week(shop)
    path = tmp_path / "backups" / manifests.archive_key(made.id)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(Damaged, match=f"In the folder .*{made.id}: .*other contents.*Use another"):
        _week(shop)
    catalogue.forget(shop.places.folder, made.id)
    assert "as they were written" in _week(shop)
    assert known(world.clinic.backups.since(world.clinic.now() - REMEMBERED)) == []
    clock.pass_(hours=27)
    shop.note(Step.VERIFIED, made.id)  # again: which does not make it younger
    assert nightly.watch(shop.clinic) == "overdue"
    assert [alert.id for alert in world.clinic.alerts.open()] == [nightly.OVERDUE]


def test_a_forged_past_is_found(world: World, tmp_path: Path, clock: make.Clock) -> None:
    """With the machine's own key a backup can be replaced and the audit trail cut; the signed ones contradict it."""
    clinic, line = world.clinic, make.actor(Role.ADMIN)
    clinic.audit.record(line, "user.write", "someone")
    shop = shop_of(clinic, tmp_path)
    first = work.create(shop).manifest
    clock.pass_(minutes=1)
    second = work.create(shop).manifest
    assert work.check_all(shop, shop.places.folder) == []
    forged = replace(first, audit_head={})
    shop.places.folder.put_bytes(manifests.manifest_key(first.id), manifests.signed(forged, shop.own_keys))
    clinic.database["audit_events"].update_one({"_id": second.audit_head["id"]}, {"$set": {"username": "nobody"}})
    replaced, changed = work.check_all(shop, shop.places.folder)
    assert f"{first.id} is not the one that {second.id} followed" in replaced
    assert f"The audit trail is not what it was at backup {second.id}" in changed
