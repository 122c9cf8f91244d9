"""One file per command of ``python -m clinic_core``: `NAME`, `HELP`, `add_arguments(parser)` and `run(args) -> int`.

The files are found by listing this package. Heavy imports belong inside `run`, so that ``--help`` stays quick.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from clinic_core.settings import MAX_PORT, Settings

if TYPE_CHECKING:
    from clinic_core.clinic import Clinic


class Command(Protocol):
    """What a file in this package offers."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's own options, each with a help text."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the exit status (0: fine, 1: it found something wrong, 2: it could not be done)."""


def all_commands() -> list[Command]:
    """Every command, by name."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    found = [cast(Command, importlib.import_module(f"{__name__}.{name}")) for name in names]
    return sorted(found, key=lambda command: command.NAME)


def port_number(text: str) -> int:
    """The type of ``--port``: 1 to 65535."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MAX_PORT}, such as 8501")
    return int(text)


def settings_for(args: argparse.Namespace) -> Settings:
    """The settings, with `--data-dir` in place of `DATA_DIR` where it was given. Raises SettingsError."""
    settings = Settings.from_env()
    given: Path | None = getattr(args, "data_dir", None)
    return replace(settings, data_dir=given) if given else settings


@contextmanager
def clinic_for(args: argparse.Namespace, *, writes: bool = True, bulk_load: bool = False) -> Iterator[Clinic]:
    """The clinic a command works on: `DATABASE_URL`, or the embedded database of the data folder.

    The embedded server is started for as long as the command lasts unless it runs already. Indexes are made first
    where the command `writes`; `bulk_load` starts a server that writes quicker. Raises SettingsError or Unavailable.
    """
    from clinic_core.clinic import create_indexes, open_clinic  # noqa: PLC0415 - the driver is slow to import
    from clinic_core.embedded import open_database  # noqa: PLC0415
    from clinic_core.store.probe import require_usable  # noqa: PLC0415

    settings = settings_for(args)
    with open_database(settings, bulk_load=bulk_load) as url:
        require_usable(url, settings.database_name, writes=writes)
        clinic = open_clinic(replace(settings, database_url=url))
        try:
            if writes:
                create_indexes(clinic)
            yield clinic
        finally:
            clinic.close()
