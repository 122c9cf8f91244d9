"""The command, where it needs no database: keys, lists, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.house import run


def test_the_kit_is_printed_once(tmp_path: Path) -> None:
    """Shown again, it would have been kept; the public keys can always be asked for."""
    first = run("backup", "keys", "--data-dir", str(tmp_path))
    again = run("backup", "keys", "--data-dir", str(tmp_path))
    assert first.returncode == again.returncode == 0
    assert "AGE-SECRET-KEY-1" in first.stdout
    assert "AGE-SECRET-KEY-1" not in again.stdout
    assert again.stdout in first.stdout
    listed = run("backup", "list", "--json", "--data-dir", str(tmp_path))
    assert json.loads(listed.stdout) == []


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """No bucket, no identity: a sentence with the next step, status 2."""
    refused = {
        ("list", "--from", "bucket", "--trust", "k"): "BACKUP_BUCKET",
        ("restore",): "recovery kit with --identity",
    }
    for words, said in refused.items():
        done = run("backup", *words, "--data-dir", str(tmp_path))
        assert done.returncode == 2, words
        assert said in done.stderr
        assert "Traceback" not in done.stderr
