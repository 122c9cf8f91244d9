"""Backups and the change journal together: which backup serves a moment, and which segments stay for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from clinic_core.backup import moments, recovery, shipping, work
from clinic_core.backup.places import JOURNAL, places_of
from clinic_core.backup.replay import Base
from clinic_core.backup.scratch import at_database, opened
from clinic_core.backup.work import Stages, Workshop
from clinic_core.clinic import Clinic
from clinic_core.domain.backups import Step
from clinic_core.domain.changes import ChainState
from clinic_core.errors import InvalidInput, NotFound
from tests.backup.shop import identity_of, shop_of

SECOND = timedelta(seconds=1)


@pytest.fixture
def shop(clinic: Clinic, tmp_path: Path) -> Workshop:
    """A clinic with keys, by the server's own clock, which is that of its changes."""
    made = shop_of(clinic, tmp_path / "host")
    return replace(made, clinic=replace(made.clinic, server_now=lambda: datetime.now(UTC)))


def _ship(shop: Workshop) -> ChainState:
    shipping.ship(shop.clinic, places_of(shop.clinic.settings, JOURNAL).all, shop.own_keys)
    state = shop.clinic.changes.state()
    assert state is not None
    return state


def _prove(shop: Workshop, made: work.Made) -> Base:
    """Let a backup count, as if it had been restored and compared."""
    stages = Stages(lambda _: None)
    work._recorded(shop, shop.places.folder, made.manifest, stages, violations=0, step=Step.VERIFIED)
    base = moments.base_of(made.manifest)
    assert base is not None
    return base


def test_the_newest_backup_that_ended_before_is_taken(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later one holds what happened since and cannot be taken back; an earlier one takes longer."""
    place, public = shop.places.folder, shop.public_key
    monkeypatch.setattr(moments, "_SLACK", timedelta(0))
    without = work.create(shop)
    with pytest.raises(NotFound, match=r"None of them can be taken to a moment"):
        recovery.chosen(place, public, before=datetime.now(UTC), unproven=True)
    _ship(shop)
    first, second = work.create(shop), work.create(shop)
    ends = [_prove(shop, made).complete_at for made in (first, second)]
    assert recovery.chosen(place, public, before=ends[1]).id == second.manifest.id
    assert recovery.chosen(place, public, before=ends[1] - timedelta(microseconds=1)).id == first.manifest.id
    with pytest.raises(NotFound, match=rf"The earliest moment that can be restored is {ends[0].isoformat()[:19]}"):
        recovery.chosen(place, public, before=ends[0] - SECOND)
    with pytest.raises(NotFound, match=r"can only be restored as it is"):
        entry = recovery.chosen(place, public, without.manifest.id)
        recovery.into_new_database(shop, place, entry, [without.identity], to=ends[1])


def test_opt_outs_are_kept_without_a_moment_too(shop: Workshop) -> None:
    """Last night's backup does not know who wrote STOP this morning; they would get messages again."""
    opt_outs = shop.clinic.database["opt_outs"]
    opt_outs.insert_one({"_id": "before"})
    _ship(shop)
    made = work.create(shop)
    opt_outs.insert_one({"_id": "after"})
    shop.clinic.database["x"].insert_one({"_id": "after"})
    _ship(shop)
    entry = recovery.chosen(shop.places.folder, shop.public_key, made.manifest.id)
    name, identity = f"{shop.clinic.database.name}_then", identity_of(shop)
    recovery.into_new_database(shop, shop.places.folder, entry, identity, name=name)
    there = shop.clinic.client[name]
    assert sorted(each["_id"] for each in there["opt_outs"].find()) == ["after", "before"]
    assert there["x"].count_documents({}) == 0


def test_what_was_dropped_since_is_not_missed(shop: Workshop) -> None:
    """A collection without indexes of its own would be missed when indexes are compared, and nothing be restored."""
    shop.clinic.database["passing"].insert_one({})
    made = work.create(shop)
    with opened(at_database(shop.clinic.settings.database_url, f"{shop.clinic.database.name}_then")) as target:
        fill = partial(work.fill, shop, shop.places.folder, made.manifest, [made.identity], target=target)
        fill(stages=Stages(lambda _: None), replay=lambda database: database["passing"].drop())
        assert "passing" not in target.database.list_collection_names()


def test_a_good_backup_ends_the_wait_and_lets_old_segments_go(shop: Workshop) -> None:
    """Until there is one a gap is an alert; afterwards only what follows the oldest of the week is needed."""
    _ship(shop)
    shop.clinic.changes.break_off("a load")
    _ship(shop)
    assert [alert.id for alert in shop.clinic.alerts.open()] == [shipping.GAP_ALERT]
    for number in range(3):
        shop.clinic.database["x"].insert_one({"_id": number})
        _ship(shop)
        if number == 1:
            base = _prove(shop, work.create(shop))
    assert base.position.sequence == 2
    assert shop.clinic.alerts.open() == []
    assert not _ship(shop).needs_base
    kept = moments.beside(shop, shop.places.folder)
    before = len(kept.list())
    assert moments.prune(shop, shop.places.folder) == 2
    assert len(kept.list()) == before - 2


def test_the_job_ships_beside_the_backups_once_there_is_a_key(clinic: Clinic, shop: Workshop) -> None:
    """Before, it would fail every five seconds on a machine where nobody has made one yet."""
    assert shipping.run(replace(clinic, settings=replace(clinic.settings, data_dir=Path("nowhere")))) == ""
    assert clinic.changes.state() is None
    for _ in range(2):
        assert shipping.run(shop.clinic) == ""
        shop.clinic.database["x"].insert_one({})
    assert len(list((shop.clinic.settings.data_dir / "backups" / "journal").glob("*.segment"))) == 1
    shop.clinic.changes.break_off("a load")
    assert shipping.run(shop.clinic) == "gap: a load"


@pytest.mark.parametrize(
    "typed", ["2026-11-22T14:03:05", "yesterday", "2026-11-22T25:00:00+05:30", "0001-01-01T00:00:00+05:30"]
)
def test_a_moment_says_its_offset(typed: str) -> None:
    """Without one it would be another moment on another machine."""
    assert moments.moment_of("2026-11-22T14:03:05+05:30") == datetime(2026, 11, 22, 8, 33, 5, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="is no moment"):
        moments.moment_of(typed)
