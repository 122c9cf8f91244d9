"""Which database is the clinic's: never one that is half there, and never one that another process still uses."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pymongo.errors import AutoReconnect

from clinic_core.backup import catalogue, recovery, work
from clinic_core.backup.work import Workshop
from clinic_core.domain.access import Role
from clinic_core.embedded import Server
from clinic_core.errors import Conflict, InvalidInput, NotFound, Unavailable
from clinic_core.folder import UP, DataFolder, Running
from tests import make
from tests.backup.shop import identity_of, shop_of
from tests.conftest import World


@pytest.fixture
def shop(world: World, tmp_path: Path) -> Workshop:
    """With a backup."""
    made = shop_of(world.clinic, tmp_path)
    work.create(made)
    return made


def _restore(shop: Workshop, name: str) -> recovery.Restored:
    (entry,) = catalogue.entries(shop.places.folder, shop.public_key)
    return recovery.into_new_database(shop, shop.places.folder, entry, identity_of(shop), name=name)


def test_what_a_killed_restore_left_is_nobodys_clinic(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power went, or the database: all documents may be there already, but not what keeps messages from going
    out again.
    """
    name = f"{shop.clinic.database.name}_half"
    client = shop.clinic.client
    monkeypatch.setattr(recovery, "settle", _gone)
    with pytest.raises(Unavailable, match="ended while the backup was restored.*another name"):
        _restore(shop, name)
    assert client[name]["patients"].count_documents({}) == 2
    with pytest.raises(NotFound, match="did not end"):
        recovery.switch(shop.clinic, name)
    with pytest.raises(NotFound, match="no database admin"):
        recovery.switch(shop.clinic, "admin")
    with pytest.raises(InvalidInput, match="'local' is no name"):
        _restore(shop, "local")
    assert DataFolder(shop.clinic.settings.data_dir).database_name == "clinic"


def _gone(*_: object, **__: object) -> None:
    """The database ends here."""
    raise AutoReconnect


def test_what_came_due_before_the_switch_is_held(shop: Workshop, clock: make.Clock) -> None:
    """The old database may have sent it between the restore and the switch; both ways."""
    name = f"{shop.clinic.database.name}_back"
    assert _restore(shop, name).counts.keys() == {"backups", "change_journal"}  # notes
    due = {"_id": "m", "status": "preparation", "channel": "sms", "due_at": clock() + timedelta(hours=1)}
    for database in (shop.clinic.client[name], shop.clinic.database):
        database["communications"].insert_one(dict(due))
    clock.pass_(hours=2)
    assert f"the clinic is in {name}" in recovery.switch(shop.clinic, name)
    held = shop.clinic.client[name]["communications"].find_one({"_id": "m"})
    assert held is not None
    assert (held["status"], held["reason"]) == ("on-hold", "restored")
    assert shop.clinic.database["communications"].count_documents({"status": "on-hold"}) == 0
    assert DataFolder(shop.clinic.settings.data_dir).database_name == name


def test_only_what_is_not_the_clinics_is_forgotten(shop: Workshop) -> None:
    """There is no way back: never the clinic's own, nor the server's."""
    own = shop.clinic.database.name
    old = shop.clinic.client[f"{own}_old"]
    old["x"].insert_one({})
    for name, error in ((own, Conflict), ("admin", NotFound), ("nobody", NotFound)):
        with pytest.raises(error):
            recovery.forget(shop.clinic, name)
    recovery.forget(shop.clinic, old.name)
    names = shop.clinic.client.list_database_names()
    assert own in names
    assert old.name not in names


def test_what_other_tools_restored_is_settled(shop: Workshop, clock: make.Clock) -> None:
    """`mongorestore` tells nobody: reminders would go out again, and the journal go on with another server's token."""
    clinic = shop.clinic
    clinic.audit.record(make.actor(Role.ADMIN), "user.write", "someone")
    last, due = clock(), {"_id": "m", "status": "preparation", "channel": "sms", "due_at": clock()}
    clinic.database["communications"].insert_one(due)
    clinic.database["change_journal"].insert_one({"_id": "state", "chain": "of another server"})
    clock.pass_(hours=2)
    done = recovery.settled(clinic)
    assert (done.restored_to, done.held) == (last, 1)
    assert clinic.changes.state() is None


def test_nothing_is_restored_or_switched_under_a_running_clinic(shop: Workshop) -> None:
    """Indexes would keep its embedded server busy for many minutes; and two databases would send the same messages."""
    folder = DataFolder(shop.clinic.settings.data_dir)
    folder.record(Running(kind=UP, database_url=shop.clinic.settings.database_url))
    with pytest.raises(Conflict, match="Stop it first"):
        _restore(shop, "any")
    with pytest.raises(Conflict, match="Stop it first"):
        recovery.switch(shop.clinic, shop.clinic.database.name)


def test_a_named_database_that_is_not_there_begins_no_empty_clinic(tmp_path: Path) -> None:
    """A copied data folder without its database, or a damaged file: `up` would open an empty clinic and say nothing.

    What runs stays on the database it began with: else the app and the commands would be on two.
    """
    folder = DataFolder(tmp_path)
    folder.prepare()
    running = Server(folder)
    folder.name_database("lost")
    assert "/clinic?" in running.url
    server = Server(folder, tests=True)
    with pytest.raises(Unavailable, match=r"database\.txt says .*lost, which is not there\. There are: none\."):
        server.start()
    assert not server.child.runs
