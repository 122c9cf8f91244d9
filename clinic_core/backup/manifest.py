"""The manifest beside each backup: what is in it, signed; and the signed record that it was restored and compared.

A file holds exactly the canonical JSON of what it says (sorted keys, no spaces), so that no byte of it can change
without being noticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Final, TypeVar

from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

from clinic_core.backup import keys
from clinic_core.backup.archive import Namespace
from clinic_core.backup.keys import Keys
from clinic_core.errors import Damaged

FORMAT: Final = 1
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds. `size` and `sha256` are those of the sealed file; `previous` chains it to the one before."""

    id: str
    created_at: str  # ISO 8601, UTC
    database: str
    mode: str  # dump.SNAPSHOT or dump.PER_COLLECTION
    zone: str  # the clinic's
    collections: dict[str, dict[str, Any]]  # name -> count, sha256 (see Tally), bytes
    indexes: dict[str, list[Any]]  # name -> definitions, canonical extended JSON
    views: list[str]
    size: int
    sha256: str
    server_version: str
    version: str  # of the clinic's code
    operation_time: list[int] | None = None  # the server's, [seconds, number], just before what was read
    previous: dict[str, str] | None = None  # id and sha256 of the manifest before
    journal: dict[str, Any] | None = None  # where the change journal was before, and when all in it had happened
    audit_head: dict[str, str] = field(default_factory=dict)  # id and sha256 of the last line of the audit trail
    format: int = FORMAT

    @property
    def created(self) -> datetime:
        """When it was made, aware UTC."""
        return datetime.fromisoformat(self.created_at)

    @property
    def documents(self) -> int:
        """How many there are in all."""
        return sum(int(each["count"]) for each in self.collections.values())

    @property
    def digest(self) -> str:
        """By which the next manifest and the verification name this one."""
        return hashlib.sha256(canonical(asdict(self))).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """That a backup was decrypted, restored and found equal to its manifest. `violations` are faults of the data."""

    backup_id: str
    manifest_sha256: str
    verified_at: str  # ISO 8601, UTC
    milliseconds: dict[str, int]
    violations: int
    version: str
    format: int = FORMAT


def archive_key(backup_id: str) -> str:
    """The sealed archive's file."""
    return f"clinic-{backup_id}.age"


def manifest_key(backup_id: str) -> str:
    """The manifest's file."""
    return f"clinic-{backup_id}.manifest.json"


def verified_key(backup_id: str) -> str:
    """The file of the record that it was verified."""
    return f"clinic-{backup_id}.verified.json"


def described(namespaces: tuple[Namespace, ...]) -> dict[str, list[Any]]:
    """The index definitions as a manifest has them."""
    return {each.name: [_plain(index) for index in each.indexes] for each in namespaces if not each.kind}


def signed(told: Any, with_keys: Keys) -> bytes:
    """The file: what a record such as a Manifest tells, and the signature over its canonical form."""
    content = asdict(told)
    return canonical({"signature": with_keys.sign(canonical(content)), "signed": content})


def manifest(file: bytes, public_signing_key: str) -> Manifest:
    """The manifest of a file. Raises Damaged."""
    return _opened(file, public_signing_key, Manifest)


def verification(file: bytes, public_signing_key: str) -> Verification:
    """The record of a file. Raises Damaged."""
    return _opened(file, public_signing_key, Verification)


def canonical(content: Mapping[str, Any]) -> bytes:
    """The one form in which content is signed and stored."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _opened(file: bytes, public_signing_key: str, kind: Callable[..., T]) -> T:
    try:
        told = json.loads(file)
        content, signature = told["signed"], told["signature"]
        is_whole = canonical({"signature": signature, "signed": content}) == file
        is_true = is_whole and keys.is_signed(canonical(content), signature, public_signing_key)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_true = False
    if not is_true:
        raise Damaged(
            "Its signature is wrong: it was changed, or signed by another installation. Use another backup, or give "
            "the public signing key of its recovery kit."
        )
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in content.items() if name in names})


def _plain(index: Mapping[str, Any]) -> Any:
    return json.loads(dumps(index, json_options=CANONICAL_JSON_OPTIONS))
