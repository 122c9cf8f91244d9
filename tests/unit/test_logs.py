"""Log lines are JSON, an unexpected error gets a reference, and no value from a record gets in."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest

from clinic_core import logs
from clinic_core.errors import Conflict
from clinic_core.settings import Settings


@pytest.fixture(autouse=True)
def root_logger_afterwards():
    """Put the root logger back as pytest had it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """What was written to stderr, one object per line."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_unexpected_error_is_logged_without_its_text(capsys: pytest.CaptureFixture[str]):
    """A duplicate key error, say, quotes the phone number; its type and places are enough to find the bug."""
    logs.configure(Settings(), process="test")
    try:
        raise ValueError("Asha Rao +919876543210")
    except ValueError as error:
        reference = logs.report(error)

    (line,) = lines(capsys)
    assert re.fullmatch(r"[2-9A-HJ-NP-Z]{6}", reference)
    assert line["reference"] == reference
    assert line["error"] == "builtins.ValueError"
    assert "test_logs.py" in str(line["where"])
    assert "Asha" not in str(line)
    assert "9876543210" not in str(line)


def test_the_cause_is_logged_too(capsys: pytest.CaptureFixture[str]):
    """Our own messages are made to be read, so they stay; what lies below them does not."""
    logs.configure(Settings(), process="test")
    try:
        try:
            raise KeyError("Asha")
        except KeyError as error:
            raise Conflict("Reload and try again.") from error
    except Conflict as error:
        logs.report(error)

    (line,) = lines(capsys)
    assert line["text"] == "Reload and try again."
    assert line["cause"]["error"] == "builtins.KeyError"  # type: ignore[index]
    assert "Asha" not in str(line)


def test_a_library_is_heard_from_warnings_upwards_and_without_its_values(capsys: pytest.CaptureFixture[str]):
    """At debug level the driver writes whole commands."""
    logs.configure(Settings(log_level="debug"), process="test")
    logging.getLogger("pymongo.command").debug("insert %s", "Asha")
    logging.getLogger("pymongo.command").warning("slow: %s", "Asha")
    logging.getLogger("clinic_core.x").debug("ours")

    assert [line["message"] for line in lines(capsys)] == ["slow: %s", "ours"]


def test_the_level_holds_for_our_own_loggers(capsys: pytest.CaptureFixture[str]):
    """LOG_LEVEL=error leaves warnings out."""
    logs.configure(Settings(log_level="error"), process="test")
    logging.getLogger("clinic_core.x").warning("left out")
    logging.getLogger("clinic_core.x").error("kept", extra={"fields": {"number": "P-000123"}})

    (line,) = lines(capsys)
    assert (line["message"], line["number"], line["level"]) == ("kept", "P-000123", "error")


def test_a_log_folder_gets_a_file_per_process(tmp_path: Path):
    """And is made when it is missing."""
    logs.configure(Settings(log_dir=tmp_path / "logs"), process="sidecar")
    logging.getLogger("clinic").warning("hello")

    written = (tmp_path / "logs" / "sidecar.log").read_text(encoding="utf-8")
    assert json.loads(written)["message"] == "hello"
