"""What tests of the change journal share: keys, a place for the segments, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from clinic_core.backup import keys, replay, shipping
from clinic_core.backup.keys import Identity, Keys
from clinic_core.clinic import Clinic
from clinic_core.domain.changes import COLLECTION, ChainState
from clinic_core.gateways.objects import Bucket, Folder
from clinic_core.settings import Settings
from clinic_core.store.mongo import Document


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A clinic that ships its changes."""

    clinic: Clinic
    signing: Keys
    identity: Identity
    places: Sequence[Folder | Bucket]

    def ship(self) -> shipping.Shipped:
        """One run of the job."""
        return shipping.ship(self.clinic, self.places, self.signing)

    @property
    def state(self) -> ChainState:
        """How far it is; there must be a chain."""
        state = self.clinic.changes.state()
        assert state is not None
        return state

    def dump(self) -> tuple[replay.Base, dict[str, list[Document]]]:
        """A base that is torn as much as can be: each collection is read at another time, while others write."""
        position = shipping.position_of(self.state)
        names = [name for name in self.clinic.database.list_collection_names() if name != COLLECTION]
        documents = {name: list(self.clinic.database[name].find()) for name in names}
        return replay.Base(position=position, complete_at=self.clinic.changes.now().at), documents

    def replaying(self, base: replay.Base, documents: dict[str, list[Document]], until: datetime) -> replay.Replay:
        """A database of its own with the base in it, ready to be replayed up to any moment until that one."""
        database = self.clinic.client[f"{self.clinic.database.name}_restored"]
        for name, found in documents.items():
            if found:
                database[name].insert_many(found)
        shelf = self.shelf()
        return replay.Replay(database, shelf.events(replay.names_until(shelf, base, until)))

    def shelf(self) -> replay.Shelf:
        """What was shipped, with the keys of the kit."""
        return replay.Shelf(self.places, self.identity.public_signing_key, self.identity.private)


def rig(clinic: Clinic, folder: Path) -> Rig:
    """The folder is as a data folder: it holds the keys, the backups and the segments."""
    kit: list[str] = []
    signing = keys.ensure(Settings(data_dir=folder), kit.append)
    file = folder / "kit"
    file.write_text(kit[0])
    return Rig(
        clinic=clinic,
        signing=signing,
        identity=keys.read_identity(file),
        places=[Folder(folder / "backups" / "journal")],
    )
