"""The clinic's own archive: everything as JSON lines and as CSV, in one sealed file.

``age -d -i KEY FILE | tar xz`` unpacks it, with no program of ours. It is for reading in twenty years, not for a
restore: that is what backups are for.
"""

from __future__ import annotations

import csv
import hashlib
import io
import secrets
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import bson
from bson.json_util import RELAXED_JSON_OPTIONS, dumps

from clinic_core.backup import archive, dump, keys, sealed
from clinic_core.backup import manifest as manifests
from clinic_core.backup.work import Workshop
from clinic_core.domain.backups import Step, new_backup_id
from clinic_core.errors import Damaged
from clinic_core.reports.export import safe
from clinic_core.store.mongo import CODEC, Document, reaching

PREFIX: Final = "export-"
AT_ONCE: Final = 5_000  # documents in one file of the archive, and in memory
# Not the clinic's records: made anew by the system, or secrets that open it.
LEFT_OUT: Final = frozenset(
    {"alerts", "backups", "bulk_loads", "change_journal", "fact_blocks", "import_mappings", "job_runs", "jobs"}
    | {"message_state", "models", "reviews", "sessions", "sidecars", "sign_in_failures", "size_samples"}
)
_SECRETS: Final = {"users": frozenset({"password_hash"})}
_BLOCK: Final = 512  # of tar


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What an export holds; signed beside it as a backup's manifest is."""

    id: str
    created_at: str  # ISO 8601, UTC
    mode: str
    counts: dict[str, int]
    size: int
    sha256: str
    format: int = 1


def write(shop: Workshop) -> Export:
    """Make an export, read it back, and copy it to the bucket. The caller holds the lock."""
    shop.places.folder.drop_drafts(PREFIX)
    try:
        made, identity = _written(shop, dump.SNAPSHOT)
    except dump.NoSnapshot:
        made, identity = _written(shop, dump.PER_COLLECTION)
    folder, key = shop.places.folder, file_key(made.id)
    shop.say("Reading the export back …")
    if read_back(shop, made.id, [identity]) != made.counts:
        folder.delete(key)
        raise Damaged("The export does not hold what was written. Run it again; if it fails again, look at the disk.")
    folder.put_bytes(manifest_key(made.id), manifests.signed(made, shop.own_keys))
    shop.note(Step.EXPORTED, made.id, size=made.size, documents=sum(made.counts.values()))
    if shop.places.bucket is not None:
        shop.say("Copying to the bucket …")
        for name in (key, manifest_key(made.id)):
            shop.places.bucket.put(name, folder.path / name)
    return made


def read_back(shop: Workshop, export_id: str, identities: list[str]) -> dict[str, int]:
    """How many lines each collection has in the export. Raises Damaged."""
    found: Counter[str] = Counter()
    with shop.places.folder.open(file_key(export_id)) as file, sealed.unsealed(file, identities) as plain:
        try:
            with tarfile.open(fileobj=plain, mode="r|") as packed:
                for member in packed:
                    content = packed.extractfile(member)
                    if content is not None and member.name.endswith(".jsonl"):
                        found[member.name.partition("/")[0]] += content.read().count(b"\n")
        except tarfile.TarError as error:
            raise Damaged("The export cannot be read. Run it again.") from error
    return dict(found)


def file_key(export_id: str) -> str:
    """The sealed file."""
    return f"{PREFIX}{export_id}.age"


def manifest_key(export_id: str) -> str:
    """The signed note beside it."""
    return f"{PREFIX}{export_id}.manifest.json"


def _written(shop: Workshop, mode: str) -> tuple[Export, str]:
    now, identity = shop.clinic.now(), keys.one_time_identity()
    export_id = new_backup_id(now, secrets.token_hex(2))
    counts: Counter[str] = Counter()
    shop.say("Writing the export …")
    with (
        reaching(),
        shop.places.folder.writing(file_key(export_id)) as out,
        dump.dumping(shop.clinic.database, mode, shop.progress) as reading,
    ):
        packed = _packed(_parts(reading.batches, counts), now)
        seal = sealed.seal(packed, out, [shop.own_keys.recipient, keys.public_of(identity)])
    made = Export(
        id=export_id,
        created_at=now.astimezone(UTC).isoformat(),
        mode=mode,
        counts=dict(counts),
        size=seal.size,
        sha256=seal.sha256,
    )
    return made, identity


def _parts(batches: Iterable[tuple[str, bytes]], counts: Counter[str]) -> Iterator[tuple[str, list[Document]]]:
    """A collection's name and at most so many of its documents, without what is left out."""
    current, some = "", list[Document]()
    for name, raw in batches:
        if name in LEFT_OUT:
            continue
        if name != current and some:
            yield current, some
            some = []
        current = name
        for document in archive.split(raw):
            some.append(_without_secrets(name, bson.decode(document, codec_options=CODEC)))
            counts[name] += 1
            if len(some) == AT_ONCE:
                yield name, some
                some = []
    if some:
        yield current, some


def _packed(parts: Iterable[tuple[str, list[Document]]], now: datetime) -> Iterator[bytes]:
    """The parts as a tar stream: ``patients/0001.jsonl``, ``patients/0001.csv``, …"""
    numbers: Counter[str] = Counter()
    for name, documents in parts:
        numbers[name] += 1
        stem = f"{name}/{numbers[name]:04d}"
        yield from _member(f"{stem}.jsonl", _json_lines(documents), now)
        yield from _member(f"{stem}.csv", _csv(documents), now)
    yield bytes(2 * _BLOCK)


def _member(name: str, content: bytes, now: datetime) -> Iterator[bytes]:
    told = tarfile.TarInfo(name)
    told.size, told.mtime, told.mode = len(content), int(now.timestamp()), 0o600
    yield told.tobuf(tarfile.PAX_FORMAT)
    yield content
    yield bytes(-len(content) % _BLOCK)


def _json_lines(documents: Iterable[Document]) -> bytes:
    return "".join(f"{dumps(each, json_options=RELAXED_JSON_OPTIONS)}\n" for each in documents).encode()


def _csv(documents: list[Document]) -> bytes:
    """A column per field; what has parts is JSON in its cell. No cell runs anything in a spreadsheet."""
    columns = list(dict.fromkeys(name for each in documents for name in each))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([safe(name) for name in columns])
    writer.writerows([_cell(each.get(name)) for name in columns] for each in documents)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()}"
    if isinstance(value, Mapping | list):
        return safe(dumps(value, json_options=RELAXED_JSON_OPTIONS))
    return safe(str(value))


def _without_secrets(name: str, document: Document) -> Document:
    hidden = _SECRETS.get(name, frozenset())
    return {key: value for key, value in document.items() if key not in hidden}
