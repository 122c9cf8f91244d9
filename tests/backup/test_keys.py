"""Keys: made once, private half shown before anything is saved, and never on the host."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from clinic_core.backup import keys
from clinic_core.errors import NotFound, SettingsError
from clinic_core.settings import Settings


def _nobody(_: str) -> None:
    raise AssertionError("a second kit was made")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation without keys."""
    return Settings(data_dir=tmp_path)


def test_the_private_key_is_shown_once_and_not_kept(settings: Settings) -> None:
    """A key left on the host would open every old backup to who steals it; one shown twice must have been kept."""
    kits: list[str] = []
    made = keys.ensure(settings, kits.append)
    assert keys.ensure(settings, _nobody).recipient == made.recipient
    private = next(line for line in kits[0].splitlines() if line.startswith("AGE-SECRET-KEY-1"))
    files = [path for path in (settings.data_dir / keys.FOLDER).iterdir() if path.is_file()]
    assert all(private not in path.read_text() for path in files)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    assert keys.public_of(private) == made.recipient


def test_the_kit_is_an_identity_file(settings: Settings, tmp_path: Path) -> None:
    """Saved as it was printed, it opens backups and proves their signatures on a bare machine."""
    kit = tmp_path / "kit.txt"
    made = keys.ensure(settings, lambda text: kit.write_text(text) and None)
    found = keys.read_identity(kit)
    assert [keys.public_of(each) for each in found.private] == [made.recipient]
    assert keys.is_signed(b"manifest", made.sign(b"manifest"), found.public_signing_key)
    assert not keys.is_signed(b"manifesto", made.sign(b"manifest"), found.public_signing_key)
    assert not keys.is_signed(b"manifest", "nonsense", found.public_signing_key)


def test_a_kit_that_could_not_be_shown_is_not_used(settings: Settings) -> None:
    """A closed terminal: else backups would be encrypted for a key that nobody has."""

    def broken(_: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        keys.ensure(settings, broken)
    with pytest.raises(NotFound, match="backup keys"):
        keys.load(settings)


def test_two_first_runs_make_one_pair(settings: Settings) -> None:
    """The sidecar and a person at the same moment: one kit is shown, and it is the one that counts."""
    kits: list[str] = []
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keys.ensure(settings, kits.append).recipient, range(8)))
    assert len(kits) == 1
    assert len(set(made)) == 1


def test_given_keys_are_used(settings: Settings, tmp_path: Path) -> None:
    """BACKUP_RECIPIENT and BACKUP_SIGNING_KEY: nothing is made or shown."""
    other = Settings(data_dir=tmp_path / "other")
    made = keys.ensure(other, lambda _: None)
    seed = (other.data_dir / keys.FOLDER / keys.SIGNING_FILE).read_text().strip()
    given = replace(settings, backup_recipient=made.recipient, backup_signing_key=seed)
    assert keys.ensure(given, _nobody).public_signing_key == made.public_signing_key


@pytest.mark.parametrize("content", ["", "AGE-SECRET-KEY-1QQQQ", "# only a comment\n"])
def test_a_mistyped_identity_says_so(tmp_path: Path, content: str) -> None:
    """At three in the morning, a traceback is no help."""
    file = tmp_path / "kit.txt"
    file.write_text(content)
    with pytest.raises(SettingsError, match="private key"):
        keys.read_identity(file)
