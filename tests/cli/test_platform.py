"""As containers and platforms run it: the app and the sidecar each by its own command, beside a database server."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

from clinic_core.embedded import free_port
from clinic_core.settings import ROOT
from tests.cli.house import environment, eventually


def health_at(port: int) -> dict[str, Any]:
    """What /api/health answers, {} when nothing does."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=3) as answer:
            return dict(json.load(answer))
    except (urllib.error.URLError, OSError, ValueError):
        return {}


def test_the_procfile_starts_a_healthy_clinic(database_url: str):
    """Its two lines, with PORT and DATABASE_URL from the environment; SIGTERM ends both."""
    port = free_port()
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    commands = [line.partition(": ")[2].split() for line in lines]
    given = environment(DATABASE_URL=database_url, PORT=str(port))
    started = [
        subprocess.Popen([sys.executable, *command[1:]], cwd=ROOT, env=given, start_new_session=True)
        for command in commands
    ]
    try:
        found = eventually(lambda: (health_at(port).get("sidecar") or {}).get("last_beat"), what="a healthy clinic")
        assert found
        assert health_at(port)["status"] == "ok"
    finally:
        for process in started:
            process.terminate()
        ended = [process.wait(20) for process in started]
    assert ended[1] == 0  # the sidecar finished its job
