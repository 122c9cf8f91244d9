"""Where the backups of these settings go, and the lock that keeps two runs apart."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clinic_core.errors import Conflict, InvalidInput, StorageFailed
from clinic_core.gateways.objects import Bucket, Folder, Objects
from clinic_core.settings import Settings

FOLDER = "folder"
BUCKET = "bucket"
JOURNAL = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The folder that backups are written to first, and the bucket they are copied to."""

    folder: Folder
    bucket: Bucket | None = None

    @property
    def all(self) -> list[Objects]:
        """Both, or the folder alone."""
        return [self.folder, *([self.bucket] if self.bucket else [])]

    def named(self, name: str) -> Objects:
        """The folder, or the bucket. Raises InvalidInput where there is none."""
        if name != BUCKET:
            return self.folder
        if self.bucket is None:
            raise InvalidInput("No bucket is set: BACKUP_BUCKET, BACKUP_ACCESS_KEY and BACKUP_SECRET_KEY name one.")
        return self.bucket

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs out of the folder; the kernel lets go when this process ends, however it ends.

        Raises Conflict while another run is at it.
        """
        lock = self._lock()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Conflict("Another backup is running here. Try again when it has ended.") from None
        finally:
            os.close(lock)

    def _lock(self) -> int:
        try:
            self.folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(self.folder.path / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageFailed(
                f"The {self.folder.name} cannot be written ({error.strerror}). "
                "Mend that, or name another one in BACKUP_DIR."
            ) from None


def places_of(settings: Settings, within: str = "") -> Places:
    """The folder, and the bucket where one is set; or what is called `within` in each of them."""
    bucket = None
    if settings.backup_bucket:
        bucket = Bucket(
            settings.backup_bucket,
            access_key=settings.backup_access_key,
            secret_key=settings.backup_secret_key,
            region=settings.backup_bucket_region,
            url=settings.backup_bucket_url,
            prefix=f"{settings.backup_bucket_prefix}/{within}",
        )
    return Places(folder=Folder(settings.backup_folder / within), bucket=bucket)
