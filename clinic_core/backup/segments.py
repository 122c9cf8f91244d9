"""Segments of the change journal: one file with a few seconds of changes, sealed, signed and chained.

A file is four lines and the sealed events: what it is, its header as JSON, the signature of the header, an empty line.
``tail -n +5 FILE | age -d -i KEY | gunzip | bsondump`` shows the events without this code.

The header names the SHA-256 of the segment before, so that a missing, altered or exchanged one is found. The name says
the same in short: from the names alone it is clear which segments belong together (`way`), and since it depends on the
content, two writers can never overwrite each other's.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

from clinic_core.backup.keys import Keys, is_signed
from clinic_core.backup.sealed import seal, unsealed
from clinic_core.errors import Damaged

SUFFIX: Final = ".segment"
MAGIC: Final = b"clinic change journal 1"
SHORT: Final = 12
EVENTS: Final = CodecOptions(
    document_class=dict, tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
_INSTANT: Final = "%Y%m%dT%H%M%S%fZ"
_PARTS: Final = 5

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Name:
    """What a segment's file name says."""

    chain: str
    sequence: int  # 1, 2, 3 … within the chain
    covers_to: datetime  # see `Header`
    previous: str  # the first digits of the SHA-256 of the segment before, "0" * 12 for none
    sha256: str  # the first digits of its own

    def __str__(self) -> str:
        instant = self.covers_to.strftime(_INSTANT)
        return f"{self.chain}-{self.sequence:08d}-{instant}-{self.previous}-{self.sha256}{SUFFIX}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is signed of a segment. No write of the clinic that was done by `covers_to` is in a later segment."""

    chain: str
    sequence: int
    previous: str  # SHA-256 of the whole file of the segment before, "" for none
    events: int
    earliest: datetime  # the server's clock at the first and the last event, in milliseconds
    latest: datetime
    covers_to: datetime
    first_token: str
    last_token: str
    sha256: str  # of the sealed events


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What goes into a segment: the events as BSON, and what its header says of them."""

    events: list[bytes]
    earliest: datetime
    latest: datetime
    covers_to: datetime
    first_token: str
    last_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in a chain: behind the segment of that number and that SHA-256; 0 and "" are its beginning."""

    chain: str
    sequence: int
    sha256: str


def parse(key: str) -> Name | None:
    """What the name of a file says, None where it is none of ours."""
    parts = key.removesuffix(SUFFIX).split("-")
    if not key.endswith(SUFFIX) or len(parts) != _PARTS or not parts[1].isdecimal():
        return None
    try:
        covers_to = datetime.strptime(parts[2], _INSTANT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Name(chain=parts[0], sequence=int(parts[1]), covers_to=covers_to, previous=parts[3], sha256=parts[4])


def written(keys: Keys, content: Content, after: Position) -> tuple[Position, Name, bytes]:
    """A segment that follows `after`: where the chain is then, its name and its file."""
    out = io.BytesIO()
    sealed = seal(content.events, out, [keys.recipient])
    header = Header(
        chain=after.chain,
        sequence=after.sequence + 1,
        previous=after.sha256,
        events=len(content.events),
        earliest=content.earliest,
        latest=content.latest,
        covers_to=content.covers_to,
        first_token=content.first_token,
        last_token=content.last_token,
        sha256=sealed.sha256,
    )
    line = json.dumps(asdict(header), default=datetime.isoformat, sort_keys=True).encode()
    file = b"\n".join((MAGIC, line, keys.sign(line).encode(), b"", out.getvalue()))
    sha256 = hashlib.sha256(file).hexdigest()
    return Position(chain=header.chain, sequence=header.sequence, sha256=sha256), _name(header, sha256), file


def opened(name: Name, file: bytes, public_signing_key: str, identities: Sequence[str]) -> Iterator[Event]:
    """The events of a segment, once it is proven to be what its name says and we wrote. Raises Damaged."""
    _, body = checked(name, file, public_signing_key)
    try:
        with unsealed(io.BytesIO(body), identities) as stream:
            content = stream.read()
        yield from bson.decode_iter(content, EVENTS)
    except (Damaged, bson.errors.InvalidBSON) as error:
        raise Damaged(f"{_words(name)}: {error}") from error


def checked(name: Name, file: bytes, public_signing_key: str) -> tuple[Header, bytes]:
    """Header and sealed events of a segment that is what its name says. Needs no private key. Raises Damaged."""
    magic, line, signature, _, body = [*file.split(b"\n", 4), b"", b"", b"", b""][:_PARTS]
    if magic != MAGIC or not is_signed(line, signature.decode("ascii", "replace"), public_signing_key):
        raise Damaged(f"{_words(name)} is not what this clinic wrote: its signature is wrong.")
    header = _header(line)
    sha256 = hashlib.sha256(file).hexdigest()
    if hashlib.sha256(body).hexdigest() != header.sha256:
        raise Damaged(f"{_words(name)} was cut or changed after it was written.")
    if _name(header, sha256) != name:
        raise Damaged(f"{_words(name)} is not where it belongs: its content is that of segment {header.sequence}.")
    return header, body


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The segments that follow a position, as far as they hold together."""

    names: tuple[Name, ...]
    missing: int | None = None  # the number of the segment without which later ones cannot be used

    @property
    def covers_to(self) -> datetime | None:
        """Until when every change is there."""
        return self.names[-1].covers_to if self.names else None

    def until(self, moment: datetime) -> tuple[Name, ...]:
        """Those that are needed for the state of that moment."""
        before = [at for at, name in enumerate(self.names) if name.covers_to < moment]
        return self.names[: before[-1] + 2] if before else self.names[:1]


def way(names: Iterable[Name], start: Position) -> Way:
    """How the segments go on from there. Where two follow the same one, the way that leads farther is taken."""
    later = sorted(name for name in names if name.chain == start.chain and name.sequence > start.sequence)
    following: dict[tuple[int, str], list[Name]] = defaultdict(list)
    leads_to: dict[Name, datetime] = {}
    for name in reversed(later):
        ahead = following[name.sequence + 1, name.sha256]
        leads_to[name] = max([name.covers_to, *(leads_to[each] for each in ahead)])
        following[name.sequence, name.previous].append(name)
    taken: list[Name] = []
    at = (start.sequence + 1, short(start.sha256))
    while following[at]:
        best = max(following[at], key=lambda name: leads_to[name])
        taken.append(best)
        at = (best.sequence + 1, best.sha256)
    reached = taken[-1].covers_to if taken else None
    lost = [name for name in later if name.sequence >= at[0] and (reached is None or name.covers_to > reached)]
    return Way(names=tuple(taken), missing=at[0] if lost else None)


def short(sha256: str) -> str:
    """The digits that stand in a name."""
    return sha256[:SHORT] or "0" * SHORT


def _name(header: Header, sha256: str) -> Name:
    return Name(
        chain=header.chain,
        sequence=header.sequence,
        covers_to=header.covers_to,
        previous=short(header.previous),
        sha256=short(sha256),
    )


def _header(line: bytes) -> Header:
    found = json.loads(line)
    times = {each: datetime.fromisoformat(found[each]) for each in ("earliest", "latest", "covers_to")}
    return Header(**{**found, **times})


def _words(name: Name) -> str:
    return f"Segment {name.sequence} of the change journal ({name})"
