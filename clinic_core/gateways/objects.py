"""Places that keep files: a folder, and a bucket of S3-compatible storage.

A key is a plain name like ``backup-2026-11-27.age``. What is listed under its key was written whole; a write that was
cut leaves nothing that is listed. Every error is a `StorageFailed` (or `NotFound`) that says what to do.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

from clinic_core.errors import ClinicError, InvalidInput, NotFound, StorageFailed

PART_BYTES: Final = 16 << 20  # of an upload in parts; 10,000 of them are the most, so 160 GB
DRAFT: Final = ".part"
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 60
_TRIES: Final = 4
_KEY: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file that is there whole."""

    key: str
    size: int
    modified_at: datetime


class Objects(Protocol):
    """A place that keeps files."""

    @property
    def name(self) -> str:
        """What people know the place by."""

    def put(self, key: str, source: Path, *, keep_until: datetime | None = None) -> None:
        """Keep a copy of the file under the key, in place of what was there; all of it or nothing.

        `keep_until` forbids its deletion until then where the place can do that.
        """

    def put_bytes(self, key: str, content: bytes, *, keep_until: datetime | None = None) -> None:
        """The same of a few bytes."""

    def open(self, key: str) -> BinaryIO:
        """A stream of the file, to be closed. Raises NotFound."""

    def list(self, prefix: str = "") -> list[Stored]:
        """What is there whole and starts so, by key."""

    def size(self, key: str) -> int | None:
        """How long the file is, None when it is not there."""

    def delete(self, key: str) -> None:
        """Forget the file; one that is not there is fine."""


class Folder:
    """A folder on this machine or on a disk that is mounted on it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The folder's path."""
        return f"folder {self.path}"

    @contextmanager
    def writing(self, key: str) -> Iterator[BinaryIO]:
        """A file to be written; it appears under its key, on disk, when the block ends well, and not at all else."""
        target = self._path(key)
        draft = target.with_name(f"{key}.{uuid.uuid4().hex[:8]}{DRAFT}")
        with self._telling():
            try:
                self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
                with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                    yield out
                    out.flush()
                    os.fsync(out.fileno())
                draft.replace(target)
                self._sync()
            finally:
                draft.unlink(missing_ok=True)

    def put(self, key: str, source: Path, *, keep_until: datetime | None = None) -> None:
        """Copy the file; `keep_until` is beyond a folder."""
        with source.open("rb") as content, self.writing(key) as out:
            shutil.copyfileobj(content, out, 1 << 20)

    def put_bytes(self, key: str, content: bytes, *, keep_until: datetime | None = None) -> None:
        """Write the bytes."""
        with self.writing(key) as out:
            out.write(content)

    def open(self, key: str) -> BinaryIO:
        """The open file."""
        with self._telling():
            return self._path(key).open("rb")

    def list(self, prefix: str = "") -> list[Stored]:
        """The files of the folder, without drafts."""
        with self._telling():
            found = sorted(self.path.glob(f"{prefix}*")) if self.path.is_dir() else []
            return [self._stored(path) for path in found if path.suffix != DRAFT and path.is_file()]

    def size(self, key: str) -> int | None:
        """Its length on disk."""
        with self._telling():
            path = self._path(key)
            return path.stat().st_size if path.is_file() else None

    def delete(self, key: str) -> None:
        """Remove the file, for good before this returns."""
        with self._telling():
            if self.path.is_dir():
                self._path(key).unlink(missing_ok=True)
                self._sync()

    def drop_drafts(self, prefix: str) -> None:
        """Remove what writers that were killed left. Only for who knows that nobody writes such files now."""
        with self._telling():
            for draft in self.path.glob(f"{prefix}*{DRAFT}"):
                draft.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.path / _checked(key)

    def _stored(self, path: Path) -> Stored:
        found = path.stat()
        return Stored(key=path.name, size=found.st_size, modified_at=datetime.fromtimestamp(found.st_mtime, UTC))

    def _sync(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise NotFound(f"{Path(str(error.filename)).name} is not in the {self.name}.") from error
        except OSError as error:
            raise StorageFailed(f"The {self.name} {_trouble(error)}") from error


class Bucket:
    """A bucket, under a prefix. An upload that was cut goes on with the part where it stopped."""

    def __init__(
        self, bucket: str, *, access_key: str, secret_key: str, region: str, url: str = "", prefix: str = ""
    ) -> None:
        self._bucket, self._prefix = bucket, prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._access = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key, "region_name": region}
        self._url = url or None
        self._made: Any = None
        self._locks: bool | None = None

    @property
    def name(self) -> str:
        """The bucket's name and the prefix."""
        return f"bucket {self._bucket}/{self._prefix}".rstrip("/")

    def put(self, key: str, source: Path, *, keep_until: datetime | None = None) -> None:
        """Upload the file; in parts when it is large."""
        if source.stat().st_size <= PART_BYTES:
            self.put_bytes(key, source.read_bytes(), keep_until=keep_until)
            return
        with self._telling(key):
            self._put_parts(self._key(key), source, self._retention(keep_until))

    def put_bytes(self, key: str, content: bytes, *, keep_until: datetime | None = None) -> None:
        """Upload the bytes in one go."""
        with self._telling(key):
            options = self._retention(keep_until)
            self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=content, **options)

    def open(self, key: str) -> BinaryIO:
        """The body as it arrives."""
        with self._telling(key):
            body = self._client.get_object(Bucket=self._bucket, Key=self._key(key))["Body"]
        return cast(BinaryIO, _Body(self, key, body))

    def list(self, prefix: str = "") -> list[Stored]:
        """Every object under the prefix; uploads in parts are no objects until they are complete."""
        with self._telling():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            found = [each for page in pages for each in page.get("Contents", ())]
        stored = (self._stored(each) for each in found)
        return sorted((each for each in stored if "/" not in each.key), key=lambda each: each.key)

    def size(self, key: str) -> int | None:
        """Its length as the storage tells it."""
        try:
            with self._telling(key):
                found = self._client.head_object(Bucket=self._bucket, Key=self._key(key))
        except NotFound:
            return None
        return int(found["ContentLength"])

    def delete(self, key: str) -> None:
        """Delete the object. Raises StorageFailed while it is locked."""
        with self._telling(key):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(key))

    @property
    def _client(self) -> Any:
        if self._made is None:
            import boto3  # noqa: PLC0415 - 0.4 s that only those with a bucket pay
            from botocore.config import Config  # noqa: PLC0415

            config = Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"total_max_attempts": _TRIES, "mode": "standard"},
                s3={"addressing_style": "path"} if self._url else None,
            )
            self._made = boto3.client("s3", endpoint_url=self._url, config=config, **self._access)
        return self._made

    def _key(self, key: str) -> str:
        return self._prefix + _checked(key)

    def _stored(self, found: dict[str, Any]) -> Stored:
        key = found["Key"].removeprefix(self._prefix)
        return Stored(key=key, size=found["Size"], modified_at=found["LastModified"].astimezone(UTC))

    def _retention(self, keep_until: datetime | None) -> dict[str, Any]:
        """The headers that lock an object, where the bucket can lock."""
        if keep_until is None or not self._can_lock():
            return {}
        return {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": keep_until}

    def _can_lock(self) -> bool:
        if self._locks is None:
            from botocore.exceptions import ClientError  # noqa: PLC0415

            try:
                found = self._client.get_object_lock_configuration(Bucket=self._bucket)
                self._locks = found["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"
            except ClientError:  # there is none, or the key may not ask: then it may not lock either
                self._locks = False
        return self._locks

    def _put_parts(self, key: str, source: Path, options: dict[str, Any]) -> None:
        upload, there = self._started(key) or (self._begun(key, options), {})
        parts = []
        with source.open("rb") as content:
            for number, part in enumerate(iter(lambda: content.read(PART_BYTES), b""), start=1):
                known = there.get(number)
                if known != _tag(part):
                    sent = self._client.upload_part(
                        Bucket=self._bucket, Key=key, UploadId=upload, PartNumber=number, Body=part
                    )
                    known = sent["ETag"]
                parts.append({"PartNumber": number, "ETag": known})
        self._client.complete_multipart_upload(
            Bucket=self._bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )
        size = int(self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"])
        if size != source.stat().st_size:
            self._client.delete_object(Bucket=self._bucket, Key=key)
            raise StorageFailed(f"The {self.name} kept another number of bytes than was sent. Try again.")

    def _begun(self, key: str, options: dict[str, Any]) -> str:
        return str(self._client.create_multipart_upload(Bucket=self._bucket, Key=key, **options)["UploadId"])

    def _started(self, key: str) -> tuple[str, dict[int, str]] | None:
        """The upload of this key that was cut, with the tags of the parts that arrived."""
        found = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=key).get("Uploads", ())
        upload = next((str(each["UploadId"]) for each in found if each["Key"] == key), None)
        if upload is None:
            return None
        pages = self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload)
        return upload, {each["PartNumber"]: each["ETag"] for page in pages for each in page.get("Parts", ())}

    @contextmanager
    def _telling(self, key: str = "") -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            yield
        except ClientError as error:
            raise self._refusal(error.response, key) from error
        except (BotoCoreError, OSError) as error:
            raise self._cut(error) from error

    def _refusal(self, response: Any, key: str) -> ClinicError:
        code = str(response.get("Error", {}).get("Code", ""))
        if code in {"404", "NoSuchKey"}:
            return NotFound(f"{key} is not in the {self.name}.")
        return StorageFailed(f"The {self.name} refuses ({code}). {_ADVICE.get(code, _OTHERWISE)}")

    def _cut(self, error: Exception) -> StorageFailed:
        return StorageFailed(
            f"The {self.name} cannot be reached ({type(error).__name__}). Look at the network and at "
            "BACKUP_BUCKET_URL; the next run goes on where this one stopped."
        )


class _Body:
    """What arrives from a bucket; a cut connection becomes a sentence."""

    def __init__(self, bucket: Bucket, key: str, body: Any) -> None:
        self._bucket, self._key, self._body = bucket, key, body

    def read(self, size: int = -1, /) -> bytes:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            with self._bucket._telling(self._key):
                return cast(bytes, self._body.read(None if size < 0 else size))
        except HTTPError as error:
            raise self._bucket._cut(error) from error

    def close(self) -> None:
        self._body.close()

    def __enter__(self) -> _Body:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_ADVICE: Final = {
    "AccessDenied": "Look at the rights of BACKUP_ACCESS_KEY: it needs to list, read, write and delete. What is locked "
    "cannot be deleted before its time.",
    "InvalidAccessKeyId": "BACKUP_ACCESS_KEY is not known there.",
    "SignatureDoesNotMatch": "BACKUP_SECRET_KEY is not the secret of BACKUP_ACCESS_KEY.",
    "NoSuchBucket": "Make the bucket, or mend BACKUP_BUCKET.",
    "RequestTimeTooSkewed": "This machine's clock is wrong: set it.",
}
_OTHERWISE: Final = "Ask whoever runs the storage; the next run tries again."


def _trouble(error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return "has no room left. Free some, or name another one in BACKUP_DIR; then run the backup again."
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "may not be written. Give the clinic's user the right, or name another one in BACKUP_DIR."
    return f"cannot be used ({error.strerror}). Look at the disk, or name another one in BACKUP_DIR."


def _tag(part: bytes) -> str:
    """What S3 calls a part with this content."""
    return f'"{hashlib.md5(part, usedforsecurity=False).hexdigest()}"'


def _checked(key: str) -> str:
    if not key or key.startswith(".") or not _KEY.issuperset(key):
        raise InvalidInput(f"{key!r} is no name of a backup file.")
    return key
