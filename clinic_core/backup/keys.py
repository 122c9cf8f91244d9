"""The two key pairs of backups.

Backups are encrypted for an age key (X25519) whose private half is shown once, in the recovery kit, and is not kept on
the host: who steals the host reads no old backup. Manifests are signed with an Ed25519 key that stays on the host; its
public half is in the kit too, so that a bare machine can tell a true backup from a forged one.
"""

from __future__ import annotations

import base64
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyrage
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from clinic_core.errors import NotFound, SettingsError, StorageFailed
from clinic_core.settings import Settings

FOLDER: Final = "keys"
RECIPIENT_FILE: Final = "backup.recipient"
SIGNING_FILE: Final = "backup.signing"
_PUBLIC: Final = "# public signing key: "
_PRIVATE: Final = "AGE-SECRET-KEY-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What the host needs: for whom backups are encrypted, and what signs their manifests."""

    recipient: str
    signing: Ed25519PrivateKey = field(repr=False)

    @property
    def public_signing_key(self) -> str:
        """The half that proves signatures, as it is shown and given."""
        return _text(self.signing.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> str:
        """The signature of the message (Ed25519, RFC 8032), base64url."""
        return _text(self.signing.sign(message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a recovery kit holds: private age keys, and the public signing key where it is in the file."""

    private: tuple[str, ...] = field(repr=False)
    public_signing_key: str = ""


def load(settings: Settings) -> Keys:
    """The keys of this installation. Raises NotFound when they were never made, SettingsError when they are broken."""
    folder = settings.data_dir / FOLDER
    recipient = settings.backup_recipient or _read(folder / RECIPIENT_FILE)
    seed = settings.backup_signing_key or _read(folder / SIGNING_FILE)
    if not recipient or not seed:
        raise NotFound("There is no backup key yet. Make one with: python -m clinic_core backup keys")
    return Keys(recipient=_checked(recipient), signing=_signing(seed))


def ensure(settings: Settings, show: Callable[[str], None]) -> Keys:
    """The keys, made where they are missing. `show` gets the recovery kit once, before anything is saved.

    Were it saved first, a crash in between would leave backups that nobody can ever read.
    """
    with _alone(settings.data_dir / FOLDER) as folder:
        if not settings.backup_signing_key and not (folder / SIGNING_FILE).exists():
            _save(folder / SIGNING_FILE, _text(Ed25519PrivateKey.generate().private_bytes_raw()))
        if not settings.backup_recipient and not (folder / RECIPIENT_FILE).exists():
            identity = pyrage.x25519.Identity.generate()
            signing = _signing(settings.backup_signing_key or _read(folder / SIGNING_FILE))
            show(_kit(str(identity), str(identity.to_public()), _text(signing.public_key().public_bytes_raw())))
            _save(folder / RECIPIENT_FILE, str(identity.to_public()))
    return load(settings)


def read_identity(file: Path) -> Identity:
    """The private keys in an age identity file, such as a saved recovery kit. Raises NotFound or SettingsError."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise NotFound(f"The identity file {file} cannot be read. Name the file with your recovery kit.") from None
    private = tuple(line.strip() for line in lines if line.strip().startswith(_PRIVATE))
    public = next((line.removeprefix(_PUBLIC).strip() for line in lines if line.startswith(_PUBLIC)), "")
    if not private:
        raise SettingsError(f"{file} holds no private key: it needs a line that starts with {_PRIVATE}.")
    for line in private:
        _identity(line)
    return Identity(private=private, public_signing_key=public)


def is_signed(message: bytes, signature: str, public_signing_key: str) -> bool:
    """Whether the holder of the signing key signed just this message."""
    try:
        Ed25519PublicKey.from_public_bytes(_bytes(public_signing_key)).verify(_bytes(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def one_time_identity() -> str:
    """A private age key for one backup, which is to be destroyed when that backup was verified."""
    return str(pyrage.x25519.Identity.generate())


def public_of(identity: str) -> str:
    """The public half of a private age key."""
    return str(_identity(identity).to_public())


def _kit(private: str, recipient: str, public_signing_key: str) -> str:
    return (
        "# Clinic backups: recovery kit. Keep it where the clinic's machine is not: print it, or put it in a safe.\n"
        "# It is shown once. Without the private key below no backup can ever be read.\n"
        f"{_PUBLIC}{public_signing_key}\n"
        f"# public key: {recipient}\n"
        f"{private}\n"
    )


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """Hold the folder of keys, so that two first runs do not make two pairs."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageFailed(f"{folder} cannot be written ({error.strerror}). Mend that, then try again.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(lock)


def _save(path: Path, text: str) -> None:
    """Write a file that only its owner reads; it is there whole or not at all."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
            out.write(text + "\n")
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
        _sync(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageFailed(f"{path} cannot be written ({error.strerror}). Mend that, then try again.") from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"The key file {path} cannot be read. Put it back from a copy.") from None


def _checked(recipient: str) -> str:
    try:
        pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        raise SettingsError("The age public key of backups (BACKUP_RECIPIENT, or its file) is mistyped.") from None
    return recipient


def _signing(seed: str) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(_bytes(seed))
    except ValueError:
        raise SettingsError("The signing key of backups (BACKUP_SIGNING_KEY, or its file) is mistyped.") from None


def _identity(line: str) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(line)
    except pyrage.IdentityError:
        raise SettingsError("The private key is mistyped: compare it with your recovery kit.") from None


def _text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    bare = text.rstrip("=")
    found = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    if _text(found) != bare:  # several texts would stand for the same bytes
        raise ValueError("not canonical")
    return found
