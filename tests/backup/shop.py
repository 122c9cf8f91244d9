"""What the tests of backups share: a clinic with keys, a folder, and a backup that was proven."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from clinic_core.backup import keys, work
from clinic_core.backup.work import Workshop
from clinic_core.clinic import Clinic, open_clinic


def shop_of(clinic: Clinic, folder: Path, *, say: Callable[[str], None] = lambda _: None) -> Workshop:
    """A workshop for the clinic's database, with its data folder there; the kit is saved in it as ``kit``."""
    folder.mkdir(exist_ok=True)
    settings = replace(clinic.settings, data_dir=folder)
    keys.ensure(settings, lambda text: (folder / "kit").write_text(text) and None)
    return work.workshop(open_clinic(settings, now=clinic.now), say=say)


def identity_of(shop: Workshop) -> list[str]:
    """The owner's private key, as it was printed."""
    return list(keys.read_identity(shop.clinic.settings.data_dir / "kit").private)
