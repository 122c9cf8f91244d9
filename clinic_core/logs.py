"""Logs are JSON lines on stderr, and in `LOG_DIR` when that is set. They never hold personal data.

The text of an unexpected error may quote a patient's record (a duplicate key error does), so only its type, its
code and the places in the code are logged, under a short reference that can be shown to the person at the screen.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
import traceback
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

from clinic_core.errors import ClinicError
from clinic_core.settings import ROOT, Settings

OURS: Final = ("clinic", "clinic_core", "ui", "web", "pages", "scheduler")
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without 0/O and 1/I, which people mix up
_REFERENCE_LENGTH: Final = 6
_MAX_FRAMES: Final = 12
_MAX_BYTES: Final = 10_000_000
_KEPT_FILES: Final = 5

_log = logging.getLogger("clinic.errors")


class JsonLines(logging.Formatter):
    """One JSON object per record: time, level, logger, message, and whatever ``extra={"fields": {...}}`` adds."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. A foreign library's arguments are left out: they may hold values from records."""
        ours = record.name.split(".")[0] in OURS
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage() if ours else str(record.msg),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line |= describe(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(settings: Settings, *, process: str) -> None:
    """Send the records of this process to stderr and, with `LOG_DIR`, to ``<process>.log`` there, rotated.

    Other libraries are heard from warnings upwards: at debug level a driver writes whole records.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if settings.log_dir:
        handlers.append(_file(settings.log_dir, process))
    for handler in handlers:
        handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(settings.log_level.upper())


def report(error: BaseException) -> str:
    """Log an unexpected error and return its reference, such as ``7KD4QX``, for the person who met it."""
    reference = "".join(secrets.choice(_ALPHABET) for _ in range(_REFERENCE_LENGTH))
    _log.error("unexpected error", extra={"fields": {"reference": reference, **describe(error)}})
    return reference


def describe(error: BaseException) -> dict[str, Any]:
    """What may be logged of an error: type, code, places; its text only where staff may read it anyway."""
    kind = type(error)
    found: dict[str, Any] = {"error": f"{kind.__module__}.{kind.__qualname__}", "where": _places(error)}
    code = getattr(error, "code", None)
    if isinstance(code, int):
        found["code"] = code
    if isinstance(error, ClinicError | ImportError | NameError | AttributeError):
        found["text"] = str(error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        found["cause"] = describe(cause)
    return found


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    return [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else "/".join(path.parts[-2:])


def _file(folder: Path, process: str) -> logging.Handler:
    folder.mkdir(parents=True, exist_ok=True)
    return RotatingFileHandler(
        folder / f"{process}.log", maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, encoding="utf-8", delay=True
    )
